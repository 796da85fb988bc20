package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// tipDelay is how long the pointer rests before a tip shows.
const tipDelay = 600 * time.Millisecond

// tips is the layer above the window's content that shows one tip at a time. It takes no events itself.
// A nil *tips shows nothing.
type tips struct {
	layer *fyne.Container // covers the window, without a layout
	after clock
	stop  func()
}

func newTips(after clock) *tips {
	return &tips{layer: &fyne.Container{}, after: after}
}

// showSoon shows text at the object unless hide is called before.
func (t *tips) showSoon(at fyne.CanvasObject, text string) {
	if t == nil {
		return
	}
	t.hide()
	t.stop = t.after(tipDelay, func() { t.show(at, newTipText(text)) })
}

// show shows a card at the object: below it, or above it where there is no room.
func (t *tips) show(at fyne.CanvasObject, card fyne.CanvasObject) {
	t.showAt(at, at.Size().Width/2, card)
}

// showAt shows a card at a place of the object, x from its left edge.
func (t *tips) showAt(at fyne.CanvasObject, x float32, card fyne.CanvasObject) {
	if t == nil {
		return
	}
	t.hide()
	pos := fyne.CurrentApp().Driver().AbsolutePositionForObject(at)
	size, room := card.MinSize(), t.layer.Size()
	x += pos.X - size.Width/2
	y := pos.Y + at.Size().Height + gap1
	if y+size.Height > room.Height-gap1 {
		y = pos.Y - size.Height - gap1
	}
	x = max(gap2, min(x, room.Width-size.Width-gap2))
	place(card, x, max(gap2, y), size.Width, size.Height)
	t.layer.Objects = []fyne.CanvasObject{card}
	t.layer.Refresh()
}

func (t *tips) hide() {
	if t == nil {
		return
	}
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
	if len(t.layer.Objects) > 0 {
		t.layer.Objects = nil
		t.layer.Refresh()
	}
}

// tipText is a small card with some lines.
type tipText struct {
	widget.BaseWidget
	body *still
}

func newTipText(text string) *tipText {
	t := &tipText{body: newPlain(textSmall, colorText)}
	t.body.setText(text)
	t.ExtendBaseWidget(t)
	return t
}

func (t *tipText) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorRaised, colorLine, radiusControl)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, t.body}}
	d.min = func() fyne.Size {
		w := min(360, t.body.naturalWidth()+1)
		return fyne.NewSize(w+2*gap2, t.body.heightFor(w)+2*6)
	}
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(t.body, gap2, 6, s.Width-2*gap2, s.Height-2*6)
	}
	d.restyle = func() {
		back.restyle()
		canvas.Refresh(t)
	}
	return d
}
