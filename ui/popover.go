package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// popover is a card that stands on the gauge's strip, at its left or right end. Esc and a click beside it close it.
type popover struct {
	widget.BaseWidget
	canvas fyne.Canvas
	body   flowing
	scroll *container.Scroll
	inset  float32 // at the body's right, for the scroll bar
	width  float32 // of the card, where the window has it
	right  bool    // stands at the right end
	onHide func()
	cardAt fyne.Position
	card   fyne.Size
}

// showPopover opens a popover and gives it the keyboard. onHide is called once, when it closes.
func showPopover(c fyne.Canvas, body flowing, width float32, right bool, onHide func()) *popover {
	p := &popover{canvas: c, body: body, width: width, right: right, onHide: onHide}
	p.scroll = container.NewVScroll(container.New(insetLayout{&p.inset}, body))
	p.ExtendBaseWidget(p)
	c.Overlays().Add(p)
	p.Resize(c.Size())
	return p
}

func (p *popover) hide() {
	p.canvas.Overlays().Remove(p)
	if f := p.onHide; f != nil {
		p.onHide = nil
		f()
	}
}

// insetLayout gives its one object all but a strip at the right, where a scroll bar is.
type insetLayout struct{ inset *float32 }

func (l insetLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	return o[0].MinSize().AddWidthHeight(*l.inset, 0)
}

func (l insetLayout) Layout(o []fyne.CanvasObject, s fyne.Size) {
	place(o[0], 0, 0, s.Width-*l.inset, s.Height)
}

// reveal scrolls to a part of the body.
func (p *popover) reveal(o fyne.CanvasObject) {
	top, room := o.Position().Y, p.scroll.Size().Height
	switch bottom := top + o.Size().Height; {
	case top < p.scroll.Offset.Y:
		p.scroll.ScrollToOffset(fyne.NewPos(0, top))
	case bottom > p.scroll.Offset.Y+room:
		p.scroll.ScrollToOffset(fyne.NewPos(0, bottom-room))
	}
}

// fit follows a change of the body's height.
func (p *popover) fit() { p.Refresh() }

// move gives the keyboard to the next widget or the one before.
func (p *popover) move(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyUp {
		p.canvas.FocusPrevious()
	} else {
		p.canvas.FocusNext()
	}
}

// Tapped closes it unless the click is on the card.
func (p *popover) Tapped(e *fyne.PointEvent) {
	at := e.Position.Subtract(p.cardAt)
	if at.X < 0 || at.Y < 0 || at.X > p.card.Width || at.Y > p.card.Height {
		p.hide()
	}
}

// TappedSecondary does the same.
func (p *popover) TappedSecondary(e *fyne.PointEvent) { p.Tapped(e) }

func (p *popover) Cursor() desktop.Cursor { return desktop.DefaultCursor }

// Scrolled keeps the wheel from the window below.
func (p *popover) Scrolled(*fyne.ScrollEvent) {}

func (p *popover) CreateRenderer() fyne.WidgetRenderer {
	const pad = gap3
	card := newPanel(colorSurface, colorEdge, radiusCard)
	d := &drawing{objects: []fyne.CanvasObject{card.rect, p.scroll}}
	d.min = func() fyne.Size { return fyne.NewSize(1, 1) }
	d.layout = func(size fyne.Size) {
		w := min(p.width, size.Width-2*gap2)
		room := size.Height - gaugeHeight() - 3*gap2
		h, all := room, ceil(p.body.heightFor(w-2*pad))+2*pad
		p.inset = 0
		if all > room {
			p.inset = gap3
			p.body.heightFor(w - 2*pad - p.inset)
		} else {
			h = all
		}
		x := gap2
		if p.right {
			x = size.Width - gap2 - w
		}
		p.cardAt, p.card = fyne.NewPos(x, size.Height-gaugeHeight()-gap2-h), fyne.NewSize(w, h)
		place(card.rect, p.cardAt.X, p.cardAt.Y, w, h)
		place(p.scroll, p.cardAt.X+pad, p.cardAt.Y+pad, w-2*pad, h-2*pad)
		p.scroll.Content.Refresh()
		p.scroll.Refresh()
	}
	d.restyle = func() {
		card.restyle()
		d.layout(p.Size())
		canvas.Refresh(p)
	}
	return d
}
