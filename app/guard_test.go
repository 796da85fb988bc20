package app

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"galago/app/chat/store"
	"galago/ui"
)

func TestOpening(t *testing.T) {
	state := t.TempDir()
	write(t, filepath.Join(makeDir(t, state, crashFolder), "running-1.txt"), []byte("head"+crashBegin+"panic: before"))
	kept := filepath.Join(t.TempDir(), "conversations")
	first := beginOpening(kept, state)
	s, err := first.take()
	if err != nil {
		t.Fatal(err)
	}
	if len(first.reports) != 1 {
		t.Errorf("reports: %q", first.reports)
	}
	write(t, filepath.Join(state, crashFolder, "running-2.txt"), []byte("head"+crashBegin+"panic: of another window"))
	second := beginOpening(kept, state)
	if <-second.done; !errors.Is(second.err, store.ErrLocked) || len(second.reports) != 0 {
		t.Errorf("the second: %v, reports %q", second.err, second.reports)
	}
	if _, err := second.take(); !errors.Is(err, store.ErrLocked) {
		t.Errorf("the second, again: %v", err)
	}
	if _, err := first.take(); !errors.Is(err, store.ErrLocked) {
		t.Errorf("what was taken is given once more: %v", err)
	}
	first.give() // it is not the opening's any more
	if _, err := s.Conversations(1, store.Cursor{}); err != nil {
		t.Errorf("somebody else's store was closed: %v", err)
	}
	s.Close()
	if s, err := second.take(); err != nil {
		t.Errorf("the second, when the first is gone: %v", err)
	} else {
		s.Close()
	}

	third := beginOpening(kept, state)
	<-third.done
	third.give()
	if s, err := store.Open(kept); err != nil {
		t.Errorf("a store that nobody took stays locked: %v", err)
	} else {
		s.Close()
	}
}

func TestOpeningThatTakesLong(t *testing.T) {
	release := make(chan struct{})
	o := beginWith(func() (*store.Store, error) {
		<-release
		return nil, errors.New("no disk")
	}, t.TempDir())
	if o.settled(0) {
		t.Error("it is settled already")
	}
	o.give() // does not wait
	close(release)
	if !o.settled(time.Minute) || o.err == nil {
		t.Errorf("it ended with %v", o.err)
	}
}

// banners is a View that knows its strip.
type banners struct {
	ui.View
	now  *ui.Banner
	said []string
}

func (b *banners) SetBanner(v *ui.Banner) { b.now = v }
func (b *banners) Notify(text string)     { b.said = append(b.said, text) }

func TestReportIsOfferedOnceAndBehindWhatIsGraver(t *testing.T) {
	view := &banners{}
	r := &reporting{View: view}
	hint, failure := &ui.Banner{Text: "a hint"}, &ui.Banner{Text: "no engine", Problem: true}
	r.SetBanner(hint)
	if view.now != hint {
		t.Error("a hint is kept back although there is no report")
	}
	dir := t.TempDir()
	r.offerReports(filepath.Join(dir, "crash-1.txt"))
	offer := view.now
	if offer == hint || offer.Label == "" || offer.Dismiss == nil || offer.Detail != filepath.Join(dir, "crash-1.txt") {
		t.Fatalf("the strip says %+v", offer)
	}
	r.SetBanner(failure)
	if view.now != failure {
		t.Error("a failure is kept back")
	}
	r.SetBanner(hint)
	if view.now != offer {
		t.Error("the offer does not come back when the failure is gone")
	}
	offer.Dismiss()
	if view.now != hint {
		t.Errorf("once it is dismissed the strip says %+v", view.now)
	}
	r.SetBanner(nil)
	if view.now != nil {
		t.Error("it is offered again")
	}
}

func TestFolderThatCannotBeShown(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows always has its file manager")
	}
	t.Setenv("PATH", t.TempDir())
	view := &banners{}
	r := &reporting{View: view}
	r.offerReports("/state/galago/crashes/crash-1.txt")
	view.now.Do()
	if len(view.said) != 1 || view.now == nil {
		t.Errorf("said %q, strip %v", view.said, view.now)
	}
}

func TestFilesOfTheCommandLine(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of Unix")
	}
	t.Chdir("/tmp")
	got := absolute([]string{"a.png", "/b/../c d.png", "file:///e%20f.png", "File://localhost/g.png", "http://h/i.png", "j%41:k.png"})
	want := []string{"/tmp/a.png", "/c d.png", "/e f.png", "/g.png", "/tmp/http:/h/i.png", "/tmp/j%41:k.png"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLooksOfTheSettings(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		text, theme string
		size        float64
	}{
		"both": {`{"theme": "dark", "seed": 1, "text_size": 1.25}`, "dark", 1.25}, "none": {`{}`, "", 0},
		"damaged": {`{"theme": "dark"`, "", 0}, "of another kind": {`{"theme": 7}`, "", 0},
	} {
		if theme, size := looksSetting(write(t, filepath.Join(dir, name), []byte(c.text))); theme != c.theme || size != c.size {
			t.Errorf("%s: %q, %v", name, theme, size)
		}
	}
	if theme, size := looksSetting(filepath.Join(dir, "missing")); theme != "" || size != 0 {
		t.Errorf("missing: %q, %v", theme, size)
	}
}
