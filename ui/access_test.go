package ui

import (
	"bytes"
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// everyAction is all that a window can offer.
func everyAction() Actions {
	return Actions{
		Send: func(string) {}, Cancel: func() {}, Attach: func([]string) {}, Detach: func(uint64) {}, Unqueue: func(uint64) {}, Retry: func(uint64) {},
		Copy: func(uint64) {}, NewChat: func() {}, CopyMarkdown: func(uint64) {}, Continue: func(uint64) {}, PickAnswer: func(uint64, int) {},
		DeleteFrom: func(uint64) {}, Branch: func(uint64, string) {}, OpenConversation: func(int64, int64) {}, RenameConversation: func(int64, string) {},
		DeleteConversation: func(int64) {}, ImportConversation: func() {}, Search: func(string) {}, OpenAttachment: func(uint64) {},
		Detail: func(uint64, string) {}, Memory: func(MemoryAction) {}, Settings: func(Settings) {}, OpenImage: func(uint64, int) {}, Sample: func(int) {},
	}
}

// A button without a text has a tip, or nobody could know what it is for.
func TestIconsHaveTips(t *testing.T) {
	w, _ := testWindow(t, everyAction())
	fillWindow(w)
	found := 0
	for _, o := range test.LaidOutObjects(w.win.Canvas().Content()) {
		if b, ok := o.(*button); ok && b.text == "" && b.Visible() {
			found++
			if b.tip == "" {
				t.Errorf("the button with the icon %q has no tip", b.icon)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d buttons without a text were found", found)
	}
}

// Whatever can have the keyboard's focus looks different when it has it.
func TestFocusIsSeen(t *testing.T) {
	w, _ := testWindow(t, everyAction())
	w.win.Resize(fyne.NewSize(1000, 1000))
	fillWindow(w)
	w.SetConversations([]Conversation{{ID: 1, Title: "Shelf"}, {ID: 2, Title: "Receipt"}})
	c := w.win.Canvas()
	found := 0
	for _, o := range test.LaidOutObjects(c.Content()) {
		f, ok := o.(fyne.Focusable)
		if d, can := o.(fyne.Disableable); !ok || !o.Visible() || can && d.Disabled() || o.Size().Width < 2 || o.Size().Height < 2 {
			continue
		}
		c.Focus(f)
		if c.Focused() != f { // it is not to be reached now
			continue
		}
		found++
		with := c.Capture()
		c.Unfocus()
		if alike(with, c.Capture()) {
			t.Errorf("%T at %v shows nothing of the keyboard's focus", o, fyne.CurrentApp().Driver().AbsolutePositionForObject(o))
		}
	}
	if found < 15 {
		t.Errorf("only %d things take the keyboard", found)
	}
}

func alike(a, b image.Image) bool {
	return bytes.Equal(a.(*image.NRGBA).Pix, b.(*image.NRGBA).Pix)
}
