package ui

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// clickAt presses what is at the middle of an object, as a pointer does: only the topmost overlay is looked through.
func clickAt(w *Window, o fyne.CanvasObject) {
	p := fyne.CurrentApp().Driver().AbsolutePositionForObject(o)
	test.TapCanvas(w.win.Canvas(), p.AddXY(o.Size().Width/2, o.Size().Height/2))
}

// inWindow says whether the window itself has the messages, once.
func (w *Window) inWindow() bool {
	n := 0
	for _, o := range w.root.Objects {
		if o == fyne.CanvasObject(w.snack) {
			n++
		}
	}
	at := slices.Index(w.root.Objects, fyne.CanvasObject(w.snack))
	return n == 1 && w.root.Objects[at+1] == fyne.CanvasObject(w.tips.layer)
}

func TestUndoIsReachedAboveASheet(t *testing.T) {
	w, _, _ := modelsSheet(t, sampleModels())
	w.win.Resize(fyne.NewSize(800, 600))
	done := 0
	offer := func() { w.Offer("Gemma 3 4B is off the list.", "Undo", func() { done++ }) }
	offer()
	s := w.topSheet()
	if low := w.snack.Position().Y + w.snack.Size().Height; low > 600 || low < 500 || w.snack.Position().X < 0 {
		t.Fatalf("the message ends at %v of 600", low)
	}
	clickAt(w, w.snack.text)
	if w.topSheet() != s || done != 0 {
		t.Fatal("a click on the message is taken for one beside the card")
	}
	clickAt(w, w.snack.button)
	if done != 1 || w.snack.Visible() || w.topSheet() != s {
		t.Fatalf("Undo was done %d times; the message is there: %v", done, w.snack.Visible())
	}
	offer()
	w.modelsPage.search.entry.TypedShortcut(&fyne.ShortcutUndo{})
	if done != 2 {
		t.Error("Ctrl+Z in an empty search does not take it back")
	}
	offer()
	test.Type(w.modelsPage.search.entry, "q")
	w.modelsPage.search.entry.TypedShortcut(&fyne.ShortcutUndo{})
	if done != 2 {
		t.Error("Ctrl+Z took it back while something was typed")
	}
}

func TestMessagesGoWithTheTopmostSheet(t *testing.T) {
	w, p, _ := modelsSheet(t, sampleModels())
	done := 0
	offer := func() { w.Offer("Gone.", "Undo", func() { done++ }) }
	offer()
	first := w.topSheet()
	p.openLink("https://example.org/terms", "terms")
	second := w.topSheet()
	if first == second || w.snackIn != second || first.snack != nil {
		t.Fatal("the message stays below")
	}
	clickAt(w, w.snack.button)
	if done != 1 {
		t.Fatal("Undo is not reached above two sheets")
	}
	offer()
	second.hide()
	if w.snackIn != first || second.snack != nil {
		t.Fatal("the message is gone with its sheet")
	}
	clickAt(w, w.snack.button)
	offer()
	first.hide()
	if w.snackIn != nil || !w.inWindow() {
		t.Fatal("the message does not come back")
	}
	clickAt(w, w.snack.button)
	if done != 3 {
		t.Errorf("Undo was done %d times of 3", done)
	}
	offer()
	w.win.Canvas().Focus(w.snack.button)
	w.showHelp() // one that is shown goes along
	clickAt(w, w.snack.button)
	w.topSheet().hide()
	if done != 4 || !w.inWindow() {
		t.Errorf("Undo was done %d times of 4", done)
	}
	if f := w.win.Canvas().Focused(); f == fyne.Focusable(w.snack.button) {
		t.Error("a hidden button has the keyboard")
	}
}

func TestALongMessageFitsAboveASheet(t *testing.T) {
	w, _, _ := settingsSheet(t, Actions{})
	w.win.Resize(fyne.NewSize(560, 400))
	w.Offer(strings.Repeat("a very long title ", 20), "Undo", func() {})
	at, size := w.snack.Position(), w.snack.Size()
	if at.X < 0 || at.Y < 0 || at.X+size.Width > 560 || at.Y+size.Height > 400 {
		t.Errorf("the message is %v at %v", size, at)
	}
	w.win.Resize(fyne.NewSize(900, 700))
	if y := w.snack.Position().Y + w.snack.Size().Height; y < 600 {
		t.Errorf("the message stays at %v of 700", y)
	}
}
