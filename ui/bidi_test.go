package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"
)

// What stands on a line from left to right; the letters of a stretch in the order in which they are stored.
func TestVisualOrder(t *testing.T) {
	for text, want := range map[string]string{
		"plain 3 (x).":          "plain 3 (x).",
		"the word שלום, peace":  "the word |שלום|, peace",
		"שלום עולם":             "שלום עולם",
		"שלום.":                 ".|שלום",
		"שלום (3) tea pot אחד.": ".|אחד| |tea pot| (|3|) |שלום",
		"a שלום עולם 3 b":       "a |3| |שלום עולם| b",
		"ערך 1,234.5 ועוד":      "ועוד| |1,234.5| |ערך",
	} {
		runs := directions([]run{{text: text}}, beginsRightToLeft([]span{{text: text}}))
		var parts []string
		for _, i := range visualOrder(runs) {
			s := runs[i].text
			if runs[i].mirrored {
				s = mirrored(s)
			}
			parts = append(parts, s)
		}
		if got := strings.Join(parts, "|"); strings.ReplaceAll(got, "|", "") != strings.ReplaceAll(want, "|", "") {
			t.Errorf("%q:\n%q\nwant\n%q", text, got, want)
		}
	}
}

// A paragraph from right to left stands at the right edge, and a place in it is found where it is drawn.
func TestRightToLeft(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(newLook("dark"))
	p := newProse()
	p.setText("על המדף העליון יש 3 כוסות")
	p.heightFor(600)
	l := &p.boxes[0].lines[0]
	if l.x+l.w < 599 {
		t.Errorf("it ends at %v", l.x+l.w)
	}
	for at := 0; at <= l.end; at += 2 {
		x := xAt(l, runeStart(p.boxes[0].text, at))
		if got := l.start + offsetAt(l, x-l.x); xAt(l, got) < x-1 || xAt(l, got) > x+1 {
			t.Errorf("byte %d is drawn at %v, where byte %d at %v is found", at, x, got, xAt(l, got))
		}
	}
	if xAt(l, 0) <= xAt(l, l.end) {
		t.Error("it begins left of its end")
	}
}

// A space where the style changes stays between the words.
func TestSpacesBetweenStyles(t *testing.T) {
	runs := directions([]run{{text: "שלום", span: span{bold: true}}, {text: " עולם"}}, true)
	var parts []string
	for _, i := range visualOrder(runs) {
		parts = append(parts, runs[i].text)
	}
	if got := strings.Join(parts, "|"); got != "עולם| |שלום" {
		t.Errorf("it stands as %q", got)
	}
}
