package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// pane is a window in a text through which something wider is seen, code or a table. It slides sideways with the
// wheel and Shift, with a touchpad, or by its bar. Clicks go to the text around it.
type pane struct {
	widget.BaseWidget
	hands   *hands
	at      fyne.Position // in its box
	room    fyne.Size
	content float32 // width of what slides
	offset  float32

	under, marks, over []fyne.CanvasObject
	objects            []fyne.CanvasObject
	thumb              *paneBar
}

var _ fyne.Scrollable = (*pane)(nil)

func newPane() *pane {
	p := &pane{}
	p.ExtendBaseWidget(p)
	return p
}

// takeOver lets the pane of an older layout stand in another one's place.
func (p *pane) takeOver(old *pane) {
	old.at, old.room, old.content = p.at, p.room, p.content
	old.offset = old.clamp(old.offset)
}

func (p *pane) clamp(offset float32) float32 { return max(0, min(offset, p.content-p.room.Width)) }

// begin forgets what was shown; put adds objects, at places that do not know of sliding, and end shows them.
func (p *pane) begin(at fyne.Position) {
	p.under, p.marks, p.over = p.under[:0], p.marks[:0], p.over[:0]
	if p.Position() != at {
		p.Move(at)
	}
	if p.Size() != p.room {
		p.Resize(p.room)
	}
}

func (p *pane) put(o fyne.CanvasObject, x, y float32, list *[]fyne.CanvasObject) {
	if at := fyne.NewPos(round(x-p.offset), round(y)); o.Position() != at {
		o.Move(at)
	}
	*list = append(*list, o)
}

func (p *pane) end() {
	p.objects = append(append(append(p.objects[:0], p.under...), p.marks...), p.over...)
	if p.content <= p.room.Width {
		return
	}
	if p.thumb == nil {
		p.thumb = &paneBar{pane: p}
		p.thumb.ExtendBaseWidget(p.thumb)
	}
	const high = 9
	share := p.room.Width / p.content
	w := max(p.room.Width*share, 30)
	x := (p.room.Width - w) * p.offset / (p.content - p.room.Width)
	place(p.thumb, x, p.room.Height-high, w, high)
	p.objects = append(p.objects, p.thumb)
}

// slideTo moves what is seen.
func (p *pane) slideTo(offset float32) {
	offset = round(p.clamp(offset))
	d := p.offset - offset
	if d == 0 {
		return
	}
	p.offset = offset
	for _, o := range p.objects {
		if o != fyne.CanvasObject(p.thumb) {
			o.Move(o.Position().AddXY(d, 0))
		}
	}
	p.end()
	canvas.Refresh(p)
}

// Scrolled slides, and leaves the rest to what is around it.
func (p *pane) Scrolled(e *fyne.ScrollEvent) {
	if e.Scrolled.DX != 0 && p.content > p.room.Width {
		p.slideTo(p.offset - e.Scrolled.DX)
	}
	if e.Scrolled.DY != 0 && p.hands != nil && p.hands.wheel != nil {
		p.hands.wheel(e)
	}
}

func (p *pane) CreateRenderer() fyne.WidgetRenderer { return &paneRenderer{p} }

type paneRenderer struct{ p *pane }

func (r *paneRenderer) Destroy()                     {}
func (r *paneRenderer) Objects() []fyne.CanvasObject { return r.p.objects }
func (r *paneRenderer) MinSize() fyne.Size           { return fyne.NewSize(1, 1) }
func (r *paneRenderer) Layout(fyne.Size)             {}

func (r *paneRenderer) Refresh() {
	for _, m := range r.p.marks {
		m.(*canvas.Rectangle).FillColor = theme.Color(theme.ColorNameSelection)
	}
	if r.p.thumb != nil {
		r.p.thumb.Refresh()
	}
	canvas.Refresh(r.p)
}

// paneBar is the handle of a pane.
type paneBar struct {
	widget.BaseWidget
	pane    *pane
	hovered bool
}

var (
	_ fyne.Draggable    = (*paneBar)(nil)
	_ desktop.Hoverable = (*paneBar)(nil)
	_ desktop.Mouseable = (*paneBar)(nil)
)

func (b *paneBar) Dragged(e *fyne.DragEvent) {
	p := b.pane
	if free := p.room.Width - b.Size().Width; free > 0 {
		p.slideTo(p.offset + e.Dragged.DX*(p.content-p.room.Width)/free)
	}
}

func (b *paneBar) DragEnd()                       {}
func (b *paneBar) MouseDown(*desktop.MouseEvent)  {} // so that the text below does not begin a selection
func (b *paneBar) MouseUp(*desktop.MouseEvent)    {}
func (b *paneBar) MouseIn(*desktop.MouseEvent)    { b.hovered = true; b.Refresh() }
func (b *paneBar) MouseMoved(*desktop.MouseEvent) {}
func (b *paneBar) MouseOut()                      { b.hovered = false; b.Refresh() }
func (b *paneBar) Cursor() desktop.Cursor         { return desktop.DefaultCursor }

func (b *paneBar) CreateRenderer() fyne.WidgetRenderer {
	bar := newPanel(theme.ColorNameScrollBar, "", 3)
	d := &drawing{objects: []fyne.CanvasObject{bar.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(20, 6) }
	d.layout = func(s fyne.Size) {
		if b.hovered {
			place(bar.rect, 2, 2, s.Width-4, 6)
		} else {
			place(bar.rect, 2, 4, s.Width-4, 4)
		}
	}
	d.restyle = func() {
		d.layout(b.Size())
		bar.restyle()
		canvas.Refresh(b)
	}
	return d
}
