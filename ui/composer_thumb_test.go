package ui

import (
	"fmt"
	"image/color"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

// pictures is a composer with pictures that the test's controller moves and takes away.
type pictures struct {
	w      *Window
	list   []Attachment
	opened []uint64
}

func newPictures(t *testing.T, names ...string) *pictures {
	t.Helper()
	p := &pictures{}
	p.w, _ = testWindow(t, Actions{
		Detach: func(id uint64) {
			p.list = slices.DeleteFunc(slices.Clone(p.list), func(a Attachment) bool { return a.ID == id })
			p.w.SetAttachments(p.list)
		},
		MoveAttachment: func(id uint64, to int) {
			i := slices.IndexFunc(p.list, func(a Attachment) bool { return a.ID == id })
			a := p.list[i]
			p.list = slices.Insert(slices.Delete(slices.Clone(p.list), i, i+1), to, a)
			p.w.SetAttachments(p.list)
		},
		OpenAttachment: func(id uint64) { p.opened = append(p.opened, id) },
	})
	for i, name := range names {
		p.list = append(p.list, Attachment{ID: uint64(i + 1), Name: name, Thumb: flat(40, 30, rgb(0x336699)), Info: "40 × 30"})
	}
	p.w.SetAttachments(p.list)
	return p
}

func (p *pictures) names() string {
	var s strings.Builder
	for _, c := range p.w.composer.fileBox.cards {
		s.WriteString(c.file.Name)
	}
	return s.String()
}

func (p *pictures) thumb(i int) *fileThumb { return p.w.composer.fileBox.cards[i].thumb }

func ctrl(key fyne.KeyName) fyne.Shortcut {
	return &desktop.CustomShortcut{KeyName: key, Modifier: fyne.KeyModifierControl}
}

func TestThumbnailsByKeyboard(t *testing.T) {
	p := newPictures(t, "a", "b", "c")
	canvas := p.w.win.Canvas()
	first := p.thumb(0)
	canvas.Focus(first)
	if !first.focused {
		t.Error("the focus is not seen")
	}
	for _, c := range []struct {
		key  fyne.KeyName
		want string
	}{{fyne.KeyRight, "bac"}, {fyne.KeyRight, "bca"}, {fyne.KeyRight, "bca"}, {fyne.KeyLeft, "bac"}} {
		if first.TypedShortcut(ctrl(c.key)); p.names() != c.want || canvas.Focused() != first {
			t.Errorf("Ctrl+%s: %s, want %s", c.key, p.names(), c.want)
		}
	}
	first.TypedKey(key(fyne.KeyReturn))
	test.Tap(first)
	if len(p.opened) != 2 || p.opened[0] != 1 {
		t.Errorf("opened %v", p.opened)
	}
	first.TypedKey(key(fyne.KeyDelete))
	if p.names() != "bc" || canvas.Focused() != p.thumb(1) {
		t.Errorf("left %s, focus on %v", p.names(), canvas.Focused())
	}
	p.thumb(1).TypedKey(key(fyne.KeyDelete))
	p.thumb(0).TypedKey(key(fyne.KeyBackspace))
	if p.names() != "" || canvas.Focused() != p.w.composer.entry {
		t.Errorf("left %q, focus on %T", p.names(), canvas.Focused())
	}
}

// A region takes the place of the whole picture in a thumbnail of the same size.
func TestAThumbnailShowsItsNewPicture(t *testing.T) {
	p := newPictures(t, "a")
	drawn := func() color.Color {
		for _, o := range test.WidgetRenderer(p.thumb(0)).Objects() {
			if img, ok := o.(*canvas.Image); ok && img.Visible() && img.Image != nil {
				return img.Image.At(img.Image.Bounds().Dx()/2, img.Image.Bounds().Dy()/2)
			}
		}
		return nil
	}
	before := drawn()
	p.list = slices.Clone(p.list)
	p.list[0].Thumb = flat(40, 30, rgb(0xcc2200))
	p.w.SetAttachments(p.list)
	if after := drawn(); before == nil || after == before {
		t.Errorf("drawn %v, before %v", after, before)
	}
}

// Another text size, chosen while the window is open, leaves the buttons inside the composer's frame.
func TestTheComposerFollowsTheTextSize(t *testing.T) {
	t.Cleanup(func() { setTextFactor(1) })
	w, _ := testWindow(t, Actions{})
	w.win.Resize(fyne.NewSize(1200, 780))
	setTextFactor(1.6)
	w.restyle()
	if c := w.composer; c.send.Position().Y < 0 || c.Size().Height < buttonHeight()+2*composerPad {
		t.Errorf("%v high, the button at %v", c.Size().Height, c.send.Position())
	}
}

// What is typed where nothing has the keyboard belongs to the question, and so do the keys that go with it.
func TestEnterAnywhereSends(t *testing.T) {
	var sent []string
	w, _ := testWindow(t, Actions{Send: func(s string) { sent = append(sent, s) }})
	w.SetComposerText("what?")
	w.win.Canvas().Unfocus()
	w.typedKey(key(fyne.KeyReturn))
	if len(sent) != 1 || sent[0] != "what?" || w.win.Canvas().Focused() != fyne.Focusable(w.composer.entry) {
		t.Errorf("sent %q, focus on %T", sent, w.win.Canvas().Focused())
	}
	w.showHelp()
	if w.typedKey(key(fyne.KeyReturn)); len(sent) != 1 {
		t.Error("sent from under an open sheet")
	}
}

func TestThumbnailsAreDragged(t *testing.T) {
	p := newPictures(t, "a", "b", "c")
	grid := p.w.composer.fileBox
	to := func(i int) *fyne.DragEvent {
		c := grid.cards[i]
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(c).AddXY(c.Size().Width/2, c.Size().Height/2)
		return &fyne.DragEvent{PointEvent: fyne.PointEvent{AbsolutePosition: at}}
	}
	held := p.thumb(0)
	held.Dragged(to(2))
	if p.names() != "bca" || !held.card.dragged {
		t.Fatalf("dragged to the end: %s", p.names())
	}
	held.Dragged(to(2)) // it is there
	held.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{AbsolutePosition: fyne.NewPos(-500, -500)}})
	if p.names() != "bca" {
		t.Errorf("dragged away: %s", p.names())
	}
	held.card.Dragged(to(0))
	if held.DragEnd(); p.names() != "abc" || held.card.dragged {
		t.Errorf("dragged back: %s", p.names())
	}
}

func TestAttachMenu(t *testing.T) {
	labels := func(act Actions) string {
		w, _ := testWindow(t, act)
		var s []string
		for _, i := range w.composer.attachItems() {
			s = append(s, i.Label)
		}
		return strings.Join(s, "|")
	}
	there := false
	act := Actions{Paste: func(func()) {}, Screenshot: func() {}, HasScreenshot: func() bool { return there }}
	if got := labels(act); got != "Choose files…|Paste" {
		t.Errorf("without a portal: %s", got)
	}
	there = true
	if got := labels(act); got != "Choose files…|Paste|Screenshot of a region…" {
		t.Errorf("with a portal: %s", got)
	}
	chosen := 0
	w, _ := testWindow(t, Actions{ChoosePictures: func(string, func()) { chosen++ }})
	if test.Tap(w.composer.attach); chosen != 1 {
		t.Error("with one way only, it is not taken at once")
	}
	w, _ = testWindow(t, act)
	test.Tap(w.composer.attach)
	if w.win.Canvas().Overlays().Top() == nil {
		t.Error("no menu opens")
	}
}

func TestPasteAsksForAPictureFirst(t *testing.T) {
	var text func()
	pasted := 0
	var attached []string
	w, _ := testWindow(t, Actions{Paste: func(f func()) { pasted, text = pasted+1, f }, Attach: func(p []string) { attached = p }})
	w.app.Clipboard().SetContent("words")
	e := w.composer.entry
	paste := &fyne.ShortcutPaste{Clipboard: w.app.Clipboard()}
	e.TypedShortcut(paste)
	if pasted != 1 || e.Text != "" {
		t.Fatalf("asked %d times, text %q", pasted, e.Text)
	}
	if text(); e.Text != "words" {
		t.Errorf("without a picture: %q", e.Text)
	}
	w.app.Clipboard().SetContent("file:///tmp/a.png")
	e.TypedShortcut(paste)
	if text(); fmt.Sprint(attached) != "[/tmp/a.png]" || e.Text != "words" {
		t.Errorf("paths: %v, text %q", attached, e.Text)
	}
}
