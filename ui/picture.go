package ui

import (
	"image"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
	"golang.org/x/image/draw"
)

// picture is a picture with round corners that can be tapped. It fills its size, cutting what does not fit.
type picture struct {
	widget.BaseWidget
	source  image.Image
	radius  float32
	onTap   func() // nil: it is only shown
	focused bool
	drawn   fyne.Size // size that the drawn image was cut for
}

func newPicture(img image.Image, radius float32, onTap func()) *picture {
	p := &picture{source: img, radius: radius, onTap: onTap}
	p.ExtendBaseWidget(p)
	return p
}

// fitted is the size that shows the whole picture inside a box, never larger than its pixels.
func fitted(img image.Image, box fyne.Size) fyne.Size {
	b := img.Bounds()
	w, h := float32(max(b.Dx(), 1)), float32(max(b.Dy(), 1))
	f := min(box.Width/w, box.Height/h, 1)
	return fyne.NewSize(max(round(w*f), 24), max(round(h*f), 24))
}

// covered scales a picture for a place, at twice its size in pixels so that it is sharp on a dense screen, and cuts
// away what stands over.
func covered(img image.Image, place fyne.Size) image.Image {
	b := img.Bounds()
	if b.Empty() || place.Width < 1 || place.Height < 1 {
		return img
	}
	f := max(float64(place.Width)/float64(b.Dx()), float64(place.Height)/float64(b.Dy()))
	cut := image.Pt(int(math.Round(float64(place.Width)/f)), int(math.Round(float64(place.Height)/f)))
	cut.X, cut.Y = min(max(cut.X, 1), b.Dx()), min(max(cut.Y, 1), b.Dy())
	from := image.Rectangle{Max: cut}.Add(b.Min).Add(image.Pt((b.Dx()-cut.X)/2, (b.Dy()-cut.Y)/2))
	scale := min(1, 2*float64(place.Width)/float64(cut.X))
	out := image.NewNRGBA(image.Rect(0, 0, max(1, int(float64(cut.X)*scale)), max(1, int(float64(cut.Y)*scale))))
	draw.CatmullRom.Scale(out, out.Bounds(), img, from, draw.Src, nil)
	return out
}

func (p *picture) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorRaised, "", p.radius)
	img := &canvas.Image{CornerRadius: p.radius, FillMode: canvas.ImageFillStretch}
	ring := newPanel("", "", p.radius)
	blank := newIcon("picture", colorMuted)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, blank.image, img, ring.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(24, 24) }
	redraw := func(s fyne.Size) {
		if p.source != nil && p.drawn != s && !s.IsZero() {
			p.drawn = s
			img.Image = covered(p.source, s)
			img.Refresh()
		}
	}
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(ring.rect, 0, 0, s.Width, s.Height)
		place(blank.image, s.Width/2-9, s.Height/2-9, 18, 18)
		place(img, 0, 0, s.Width, s.Height)
		redraw(s)
	}
	d.restyle = func() {
		redraw(p.Size()) // another picture may have come at the same size
		blank.image.Hidden, img.Hidden = p.source != nil, p.source == nil
		back.rect.Hidden = p.source != nil
		back.restyle()
		blank.restyle()
		styleRing(ring.rect, p.focused)
		canvas.Refresh(p)
	}
	p.drawn = fyne.Size{}
	d.restyle()
	return d
}

// set changes the picture.
func (p *picture) set(img image.Image) {
	if p.source == img {
		return
	}
	p.source, p.drawn = img, fyne.Size{}
	p.Refresh()
}

func (p *picture) Tapped(*fyne.PointEvent) {
	if p.onTap != nil {
		p.onTap()
	}
}

func (p *picture) Cursor() desktop.Cursor {
	if p.onTap == nil {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// openable is a picture that can be reached with the keyboard.
type openable struct {
	picture
	onFocus func() // brings it into sight
}

func (p *openable) FocusGained() {
	p.focused = true
	p.Refresh()
	if p.onFocus != nil {
		p.onFocus()
	}
}

func (p *openable) FocusLost()       { p.focused = false; p.Refresh() }
func (p *openable) TypedRune(r rune) { typeElsewhere(p, r) }
func (p *openable) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		p.Tapped(nil)
	default:
		keyElsewhere(p, e)
	}
}
