package ui

import (
	"strings"
	"testing"

	"fyne.io/fyne/v2"
)

// A long text stands in the composer as a mark, since Fyne's entry would freeze the window with it, and goes out whole.
func TestLongTextIsFolded(t *testing.T) {
	long := strings.Repeat("All work and no play makes Jack a dull boy. ", 5000)
	var sent, edited string
	w, _ := testWindow(t, Actions{Send: func(s string) { sent = s }, Edited: func(s string) { edited = s }})
	e := w.composer.entry
	e.SetText("Sum this up: ")
	e.CursorColumn = len(e.Text)
	w.app.Clipboard().SetContent(long)
	e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: w.app.Clipboard()})
	if e.Text != "Sum this up: [text 1: 220,000 characters]" {
		t.Fatalf("the composer holds %.100q", e.Text)
	}
	w.composer.sendNow()
	if want := "Sum this up: " + long; sent != want || edited != want {
		t.Errorf("sent %d bytes, edited %d, want %d", len(sent), len(edited), len(want))
	}
	w.SetComposerText(edited) // as when another conversation was open meanwhile
	if e.whole() != edited || len(e.Text) > longText {
		t.Errorf("put back, it holds %.100q", e.Text)
	}
	w.SetComposerText("")
	w.SetTurns([]Turn{{ID: 1, Question: sent, State: TurnWorking}})
	w.SetComposerText("[text 1: 220,000 characters]")
	if e.whole() != "[text 1: 220,000 characters]" {
		t.Error("a mark that was typed stands for a text of an earlier question")
	}
}
