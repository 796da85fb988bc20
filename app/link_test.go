package app

import (
	"errors"
	"net/url"
	"slices"
	"testing"

	"galago/app/library/download"
)

func TestLinksOpenInTheBrowserOrAreCopied(t *testing.T) {
	b := newBench(t)
	if b.Actions().OpenLink != nil {
		t.Error("links are offered to a browser that is not there")
	}
	var opened []string
	var fails error
	b.browse = func(u *url.URL) error {
		opened = append(opened, u.String())
		return fails
	}
	b.Actions().OpenLink("https://example.org/terms?a=b#c")
	b.Actions().OpenLink("mailto:someone@example.org")
	if want := []string{"https://example.org/terms?a=b#c", "mailto:someone@example.org"}; !slices.Equal(opened, want) || b.clip != "" {
		t.Fatalf("opened %q, copied %q", opened, b.clip)
	}
	opened = nil
	for _, bad := range []string{"file:///etc/passwd", "https:", "ssh://example.org", "javascript:alert(1)", ":"} {
		if b.OpenLink(bad); len(opened) != 0 || b.clip != bad {
			t.Errorf("%q: opened %q, copied %q", bad, opened, b.clip)
		}
	}
	fails = errors.New("no browser")
	if b.OpenLink("https://example.org/"); b.clip != "https://example.org/" {
		t.Error("a page that cannot be opened is not copied")
	}
}

func TestTheTermsOfAModelOpenInTheBrowser(t *testing.T) {
	b := newLibraryBench(t)
	b.openPage()
	var opened string
	b.browse = func(u *url.URL) error {
		opened = u.String()
		return nil
	}
	const page = "https://example.org/maker/Eye-GGUF"
	b.news(download.State{Job: download.Job{ID: eyeJob, Name: "Eye"}, Phase: download.Failed, Err: &download.Error{Kind: download.Gated, Page: page}})
	first := b.row(eyeJob).Problem.Choices[0]
	if first.Do(); first.Label != "Open the page" || opened != page {
		t.Errorf("%q opens %q", first.Label, opened)
	}
}
