package ui

import (
	"image"
	"image/color"
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// cropper shows all of a picture and lets a region of it be chosen: dragging on the picture draws one, dragging in it
// moves it, its eight handles change it; the arrow keys move it and with Shift change its size.
type cropper struct {
	widget.BaseWidget
	image    image.Image
	region   image.Rectangle // in the picture's pixels, its corner at 0,0; empty: none
	onChange func()
	onEnter  func()

	focused, shift bool
	grip           grip
	from           image.Rectangle // the region when the drag began
	at             image.Point     // where it began
	over           fyne.Position   // where the pointer is
}

// grip is what a drag holds: the sides of the region that go with the pointer.
type grip struct{ left, top, right, bottom bool }

var (
	_ fyne.Draggable    = (*cropper)(nil)
	_ fyne.Focusable    = (*cropper)(nil)
	_ desktop.Mouseable = (*cropper)(nil)
	_ desktop.Hoverable = (*cropper)(nil)
	_ desktop.Keyable   = (*cropper)(nil)
)

// leastRegion is how many pixels of the picture a region has at least on each side, where the picture has them.
const leastRegion = 16

const (
	handleSize  float32 = 10
	handleReach float32 = 12 // how far from a side a press still takes it
)

func newCropper(img image.Image, region image.Rectangle, onChange, onEnter func()) *cropper {
	c := &cropper{image: img, region: region, onChange: onChange, onEnter: onEnter}
	c.ExtendBaseWidget(c)
	return c
}

func (c *cropper) bounds() image.Rectangle { return image.Rectangle{Max: c.image.Bounds().Size()} }

func (c *cropper) least() image.Point {
	b := c.bounds().Max
	return image.Pt(min(leastRegion, b.X), min(leastRegion, b.Y))
}

// pixel is the picture's pixel at a place of the widget.
func (c *cropper) pixel(p fyne.Position) image.Point {
	b, s := c.bounds().Max, c.Size()
	at := func(v, size float32, n int) int {
		return min(max(int(math.Round(float64(v)*float64(n)/float64(max(size, 1)))), 0), n)
	}
	return image.Pt(at(p.X, s.Width, b.X), at(p.Y, s.Height, b.Y))
}

// spot is where a region is in the widget.
func (c *cropper) spot(r image.Rectangle) (fyne.Position, fyne.Size) {
	b, s := c.bounds().Max, c.Size()
	fx, fy := s.Width/float32(max(b.X, 1)), s.Height/float32(max(b.Y, 1))
	return fyne.NewPos(float32(r.Min.X)*fx, float32(r.Min.Y)*fy), fyne.NewSize(float32(r.Dx())*fx, float32(r.Dy())*fy)
}

// set changes the region to one inside the picture.
func (c *cropper) set(r image.Rectangle) {
	r = r.Canon().Intersect(c.bounds())
	if r == c.region {
		return
	}
	c.region = r
	c.onChange()
	c.Refresh()
}

// gripAt is what a press at a place takes; all four sides are the region as a whole, none a new one.
func (c *cropper) gripAt(p fyne.Position) (g grip) {
	if c.region.Empty() {
		return g
	}
	at, s := c.spot(c.region)
	x, y := p.X-at.X, p.Y-at.Y
	if x < -handleReach || y < -handleReach || x > s.Width+handleReach || y > s.Height+handleReach {
		return g
	}
	near := func(v, side float32) bool { return v > side-handleReach && v < side+handleReach }
	g = grip{left: near(x, 0), top: near(y, 0), right: near(x, s.Width), bottom: near(y, s.Height)}
	if g.left && g.right { // a small region: the nearer side
		g.left = x < s.Width/2
		g.right = !g.left
	}
	if g.top && g.bottom {
		g.top = y < s.Height/2
		g.bottom = !g.top
	}
	if g == (grip{}) {
		return grip{true, true, true, true}
	}
	return g
}

func (c *cropper) MouseDown(e *desktop.MouseEvent) {
	if canvas := fyne.CurrentApp().Driver().CanvasForObject(c); canvas != nil {
		canvas.Focus(c)
	}
	c.grip, c.from, c.at = c.gripAt(e.Position), c.region, c.pixel(e.Position)
}

func (c *cropper) MouseUp(*desktop.MouseEvent) {}

func (c *cropper) Dragged(e *fyne.DragEvent) {
	p := c.pixel(e.Position)
	switch r, g := c.from, c.grip; g {
	case grip{}:
		c.set(c.grown(image.Rectangle{c.at, p}))
	case grip{true, true, true, true}:
		c.set(c.inside(r.Add(p.Sub(c.at))))
	default:
		least := c.least()
		if g.left {
			r.Min.X = min(p.X, r.Max.X-least.X)
		}
		if g.right {
			r.Max.X = max(p.X, r.Min.X+least.X)
		}
		if g.top {
			r.Min.Y = min(p.Y, r.Max.Y-least.Y)
		}
		if g.bottom {
			r.Max.Y = max(p.Y, r.Min.Y+least.Y)
		}
		c.set(r)
	}
}

func (c *cropper) DragEnd() {}

// Tapped keeps a click from the sheet below, which it would close.
func (c *cropper) Tapped(*fyne.PointEvent) {}

// grown is a drawn region, as large as one must be, inside the picture.
func (c *cropper) grown(r image.Rectangle) image.Rectangle {
	r = r.Canon()
	least := c.least()
	r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+least.X), max(r.Max.Y, r.Min.Y+least.Y)
	return c.inside(r)
}

// inside moves a region into the picture.
func (c *cropper) inside(r image.Rectangle) image.Rectangle {
	b := c.bounds().Max
	by := image.Pt(max(-r.Min.X, 0), max(-r.Min.Y, 0))
	if over := r.Max.X - b.X; over > 0 {
		by.X = -over
	}
	if over := r.Max.Y - b.Y; over > 0 {
		by.Y = -over
	}
	return r.Add(by)
}

func (c *cropper) MouseIn(e *desktop.MouseEvent)    { c.over = e.Position }
func (c *cropper) MouseMoved(e *desktop.MouseEvent) { c.over = e.Position }
func (c *cropper) MouseOut()                        {}

func (c *cropper) Cursor() desktop.Cursor {
	switch g := c.gripAt(c.over); {
	case g == grip{true, true, true, true}:
		return desktop.PointerCursor
	case (g.left || g.right) && !g.top && !g.bottom:
		return desktop.HResizeCursor
	case (g.top || g.bottom) && !g.left && !g.right:
		return desktop.VResizeCursor
	}
	return desktop.CrosshairCursor
}

func (c *cropper) FocusGained()     { c.focused = true; c.Refresh() }
func (c *cropper) FocusLost()       { c.focused, c.shift = false, false; c.Refresh() }
func (c *cropper) TypedRune(r rune) {}

func (c *cropper) KeyDown(k *fyne.KeyEvent) { c.shifted(k, true) }
func (c *cropper) KeyUp(k *fyne.KeyEvent)   { c.shifted(k, false) }

func (c *cropper) shifted(k *fyne.KeyEvent, down bool) {
	if k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight {
		c.shift = down
	}
}

func (c *cropper) TypedKey(e *fyne.KeyEvent) {
	b := c.bounds().Max
	step := max(1, max(b.X, b.Y)/100)
	by, arrow := map[fyne.KeyName]image.Point{
		fyne.KeyLeft: {-step, 0}, fyne.KeyRight: {step, 0}, fyne.KeyUp: {0, -step}, fyne.KeyDown: {0, step},
	}[e.Name]
	switch {
	case arrow && c.region.Empty():
		c.set(image.Rect(b.X/4, b.Y/4, b.X-b.X/4, b.Y-b.Y/4))
	case arrow && c.shift:
		r, least := c.region, c.least()
		r.Max = r.Max.Add(by)
		r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+least.X), max(r.Max.Y, r.Min.Y+least.Y)
		c.set(r)
	case arrow:
		c.set(c.inside(c.region.Add(by)))
	case e.Name == fyne.KeyReturn, e.Name == fyne.KeyEnter:
		c.onEnter()
	default:
		keyElsewhere(c, e)
	}
}

func (c *cropper) CreateRenderer() fyne.WidgetRenderer {
	img := &canvas.Image{Image: c.image, FillMode: canvas.ImageFillStretch}
	ring := newPanel("", "", 0)
	dark := color.NRGBA{A: 0x9c}
	var shades [4]*canvas.Rectangle // above, below, left and right of the region
	objects := []fyne.CanvasObject{img}
	for i := range shades {
		shades[i] = canvas.NewRectangle(dark)
		objects = append(objects, shades[i])
	}
	// The border is dark and bright, so that it is seen on every picture.
	outer, inner := canvas.NewRectangle(color.Transparent), canvas.NewRectangle(color.Transparent)
	outer.StrokeColor, outer.StrokeWidth = color.NRGBA{A: 0xc0}, 4
	inner.StrokeWidth = 2
	objects = append(objects, outer, inner)
	var handles [8]*canvas.Rectangle
	for i := range handles {
		handles[i] = canvas.NewRectangle(color.White)
		handles[i].StrokeColor, handles[i].StrokeWidth, handles[i].CornerRadius = color.NRGBA{A: 0xc0}, 1, 2
		objects = append(objects, handles[i])
	}
	objects = append(objects, ring.rect)
	d := &drawing{objects: objects, min: func() fyne.Size { return fyne.NewSize(24, 24) }}
	d.layout = func(s fyne.Size) {
		place(img, 0, 0, s.Width, s.Height)
		place(ring.rect, 0, 0, s.Width, s.Height)
		some := !c.region.Empty()
		for _, o := range objects[1 : len(objects)-1] {
			setVisible(o, some)
		}
		if !some {
			return
		}
		at, size := c.spot(c.region)
		x, y, w, h := round(at.X), round(at.Y), round(size.Width), round(size.Height)
		place(shades[0], 0, 0, s.Width, y)
		place(shades[1], 0, y+h, s.Width, max(s.Height-y-h, 0))
		place(shades[2], 0, y, x, h)
		place(shades[3], x+w, y, max(s.Width-x-w, 0), h)
		place(outer, x-1, y-1, w+2, h+2)
		place(inner, x, y, w, h)
		n := 0
		for _, fy := range []float32{0, 0.5, 1} {
			for _, fx := range []float32{0, 0.5, 1} {
				if fx == 0.5 && fy == 0.5 {
					continue
				}
				place(handles[n], x+w*fx-handleSize/2, y+h*fy-handleSize/2, handleSize, handleSize)
				n++
			}
		}
	}
	d.restyle = func() {
		inner.StrokeColor = theme.Color(colorAccent)
		styleRing(ring.rect, c.focused && c.region.Empty())
		d.layout(c.Size())
		canvas.Refresh(c)
	}
	d.restyle()
	return d
}
