package ui

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// sheet is a card above a darkened window. Esc and a click beside it close it.
type sheet struct {
	widget.BaseWidget
	canvas  fyne.Canvas
	title   *label
	content fyne.CanvasObject
	size    func(room fyne.Size) fyne.Size // of the card's content
	close   *button
	action  *button                   // beside it; may be nil
	onKey   func(*fyne.KeyEvent) bool // takes what nothing in it wants; may be nil
	onHide  func()                    // called once, however it closes; may be nil
	snack   *snackbar                 // the window's, while this is the topmost sheet; may be nil
	cardAt  fyne.Position
	card    fyne.Size
}

// showSheet opens a sheet and gives it the keyboard.
func showSheet(c fyne.Canvas, title string, content fyne.CanvasObject, size func(fyne.Size) fyne.Size) *sheet {
	s := &sheet{canvas: c, title: newLabel(title, 16, colorText).bold(), content: content, size: size}
	s.close = newButton(quiet, "close", "", s.hide)
	s.ExtendBaseWidget(s)
	if w := windowOf(c); w != nil {
		w.seatSnack(s)
	}
	c.Overlays().Add(s)
	s.Resize(c.Size())
	return s
}

func (s *sheet) hide() {
	s.canvas.Overlays().Remove(s)
	if w := windowOf(s.canvas); w != nil {
		w.seatSnack(w.topSheet())
	}
	if f := s.onHide; f != nil {
		s.onHide = nil
		f()
	}
}

// withAction puts a button into the sheet's head.
func (s *sheet) withAction(b *button) {
	s.action = b
	s.Refresh()
}

// key gives a key to the sheet's content, and says whether it was taken.
func (s *sheet) key(e *fyne.KeyEvent) bool { return s.onKey != nil && s.onKey(e) }

func (s *sheet) Tapped(e *fyne.PointEvent) {
	if s.onSnack(e.Position) {
		return
	}
	p := e.Position.Subtract(s.cardAt)
	if p.X < 0 || p.Y < 0 || p.X > s.card.Width || p.Y > s.card.Height {
		s.hide()
	}
}

// onSnack says whether a place is on the message, which is no place beside the card.
func (s *sheet) onSnack(p fyne.Position) bool {
	if s.snack == nil || !s.snack.Visible() {
		return false
	}
	p = p.Subtract(s.snack.Position())
	size := s.snack.Size()
	return p.X >= 0 && p.Y >= 0 && p.X <= size.Width && p.Y <= size.Height
}

// host takes the window's messages in, above the card; nil gives them back.
func (s *sheet) host(snack *snackbar) {
	if s.snack != snack {
		s.snack = snack
		s.Refresh()
	}
}

// placeSnack puts the message near the lower edge, inside the card where that is large.
func (s *sheet) placeSnack() {
	if s.snack != nil {
		size, room := s.snack.fit(s.Size().Width), s.Size()
		place(s.snack, (room.Width-size.Width)/2, room.Height-2*gap5-size.Height, size.Width, size.Height)
	}
}

func (s *sheet) Cursor() desktop.Cursor { return desktop.DefaultCursor }

// Scrolled keeps the wheel from the window below.
func (s *sheet) Scrolled(*fyne.ScrollEvent) {}

func (s *sheet) CreateRenderer() fyne.WidgetRenderer {
	shade, card := newPanel(colorShade, "", 0), newPanel(colorSurface, colorLine, radiusCard)
	d := &drawing{}
	parts := func() {
		d.objects = []fyne.CanvasObject{shade.rect, card.rect, s.title.draw, s.content}
		if s.action != nil {
			d.objects = append(d.objects, s.action)
		}
		d.objects = append(d.objects, s.close)
		if s.snack != nil {
			d.objects = append(d.objects, s.snack)
		}
	}
	parts()
	d.min = func() fyne.Size { return fyne.NewSize(1, 1) }
	d.layout = func(size fyne.Size) {
		line := scaled(36)
		head := 16 + line
		place(shade.rect, 0, 0, size.Width, size.Height)
		inner := s.size(size.SubtractWidthHeight(2*gap5+40, head+gap5+40))
		s.card = fyne.NewSize(inner.Width+2*gap5, inner.Height+head+gap5)
		s.cardAt = fyne.NewPos((size.Width-s.card.Width)/2, (size.Height-s.card.Height)/2)
		x, y := s.cardAt.X, s.cardAt.Y
		place(card.rect, x, y, s.card.Width, s.card.Height)
		b := s.close.MinSize()
		right := s.card.Width - gap2 - b.Width
		place(s.close, x+right, y+gap2+(line-b.Height)/2, b.Width, b.Height)
		if s.action != nil {
			m := s.action.measure()
			right -= m.Width + gap1
			place(s.action, x+right, y+gap2+(line-m.Height)/2, m.Width, m.Height)
		}
		s.title.place(x+gap5, y+gap2, right-gap5-gap1, line)
		place(s.content, x+gap5, y+head, inner.Width, inner.Height)
		s.placeSnack()
	}
	d.restyle = func() {
		parts()
		if s.action != nil {
			s.action.Refresh()
		}
		s.close.Refresh()
		shade.restyle()
		card.restyle()
		s.title.restyle()
		s.content.Refresh()
		d.layout(s.Size())
		canvas.Refresh(s)
	}
	return d
}

// whole shows all of a picture, as large as its place allows.
type whole struct {
	widget.BaseWidget
	image image.Image
}

func newWhole(img image.Image) *whole {
	w := &whole{image: img}
	w.ExtendBaseWidget(w)
	return w
}

func (w *whole) CreateRenderer() fyne.WidgetRenderer {
	img := &canvas.Image{Image: w.image, CornerRadius: 10, FillMode: canvas.ImageFillStretch}
	return &drawing{
		objects: []fyne.CanvasObject{img},
		min:     func() fyne.Size { return fyne.NewSize(24, 24) },
		layout:  func(s fyne.Size) { place(img, 0, 0, s.Width, s.Height) },
	}
}

// imageRoom is the size of a picture inside a room: all of it, small ones up to three times as large.
func imageRoom(img image.Image, room fyne.Size) fyne.Size {
	b := img.Bounds()
	w, h := float32(max(b.Dx(), 1)), float32(max(b.Dy(), 1))
	f := min(room.Width/w, room.Height/h, 3)
	return fyne.NewSize(max(w*f, 60), max(h*f, 40))
}
