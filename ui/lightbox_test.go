package ui

import (
	"image"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

// boxOf is the lightbox that is open.
func openBox(t *testing.T, w *Window) *lightbox {
	t.Helper()
	s, ok := w.win.Canvas().Overlays().Top().(*sheet)
	if !ok {
		t.Fatal("nothing is shown large")
	}
	return s.content.(*lightbox)
}

// drag presses at one pixel of the picture and lets go at another.
func (c *cropper) drag(from, to image.Point) {
	at := func(p image.Point) fyne.Position {
		pos, _ := c.spot(image.Rectangle{p, p})
		return pos
	}
	c.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: at(from)}})
	c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: at(from.Add(to).Div(2))}})
	c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: at(to)}})
	c.DragEnd()
	c.MouseUp(nil)
}

func near(a, b image.Rectangle) bool {
	off := func(x, y int) bool { return max(x-y, y-x) <= 2 }
	return off(a.Min.X, b.Min.X) && off(a.Min.Y, b.Min.Y) && off(a.Max.X, b.Max.X) && off(a.Max.Y, b.Max.Y)
}

func TestARegionIsDrawn(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	var asked image.Rectangle
	img := flat(800, 600, rgb(0x336699)).(*image.NRGBA).SubImage(image.Rect(100, 50, 740, 530)) // not at 0,0
	w.ShowImage(Sheet{Title: "a.png", Image: img, Crop: func(b image.Rectangle) { asked = b }, Measure: func(b image.Rectangle) string { return b.Size().String() }})
	b := openBox(t, w)
	if !b.ask.Disabled() || w.win.Canvas().Focused() != b.crop {
		t.Error("without a region there is something to ask, or the keyboard is elsewhere")
	}
	test.Tap(b.ask)
	for _, c := range []struct {
		what     string
		from, to image.Point
		want     image.Rectangle
	}{
		{"drawn", image.Pt(100, 80), image.Pt(400, 280), image.Rect(100, 80, 400, 280)},
		{"moved", image.Pt(250, 180), image.Pt(300, 200), image.Rect(150, 100, 450, 300)},
		{"its corner", image.Pt(450, 300), image.Pt(500, 350), image.Rect(150, 100, 500, 350)},
		{"its left side", image.Pt(150, 225), image.Pt(200, 225), image.Rect(200, 100, 500, 350)},
		{"its upper side", image.Pt(350, 100), image.Pt(360, 60), image.Rect(200, 60, 500, 350)},
		{"against the edge", image.Pt(350, 200), image.Pt(640, 480), image.Rect(340, 190, 640, 480)},
		{"no smaller than it may be", image.Pt(340, 335), image.Pt(640, 335), image.Rect(624, 190, 640, 480)},
		{"a new one, backwards", image.Pt(300, 180), image.Pt(60, 40), image.Rect(60, 40, 300, 180)},
	} {
		if b.crop.drag(c.from, c.to); !near(b.crop.region, c.want) {
			t.Errorf("%s: %v, want %v", c.what, b.crop.region, c.want)
		}
	}
	region := b.crop.region
	if b.ask.Disabled() || b.text.source != region.Size().String() {
		t.Errorf("it is told as %q", b.text.source)
	}
	b.crop.TypedKey(key(fyne.KeyReturn))
	if asked != region.Add(image.Pt(100, 50)) || w.win.Canvas().Overlays().Top() != nil || w.win.Canvas().Focused() != w.composer.entry {
		t.Errorf("asked about %v, want %v", asked, region.Add(image.Pt(100, 50)))
	}
}

func TestARegionByKeyboard(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	asked := false
	w.ShowImage(Sheet{Image: flat(1000, 400, rgb(0x336699)), Crop: func(image.Rectangle) { asked = true }})
	c := openBox(t, w).crop
	c.TypedKey(key(fyne.KeyReturn))
	if asked {
		t.Fatal("asked about nothing")
	}
	c.TypedKey(key(fyne.KeyRight)) // a first one
	if c.region != image.Rect(250, 100, 750, 300) {
		t.Fatalf("%v", c.region)
	}
	c.TypedKey(key(fyne.KeyRight))
	c.TypedKey(key(fyne.KeyDown))
	c.KeyDown(key(desktop.KeyShiftLeft))
	c.TypedKey(key(fyne.KeyLeft))
	c.TypedKey(key(fyne.KeyUp))
	c.KeyUp(key(desktop.KeyShiftLeft))
	if want := image.Rect(260, 110, 750, 300); c.region != want {
		t.Errorf("%v, want %v", c.region, want)
	}
	for range 200 {
		c.TypedKey(key(fyne.KeyLeft))
	}
	if c.region.Min.X != 0 || c.region.Dx() != 490 {
		t.Errorf("at the edge: %v", c.region)
	}
	c.TypedKey(key(fyne.KeyEscape))
	if w.win.Canvas().Overlays().Top() != nil || asked {
		t.Error("Esc does not give up")
	}
}

func TestWhatCanBeDoneWithAPicture(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	var did []string
	do := func(s string) func() { return func() { did = append(did, s) } }
	w.ShowImage(Sheet{Image: flat(300, 200, rgb(0x336699)), Save: do("save"), Copy: do("copy"), Seen: do("seen"), Whole: do("whole"), Crop: func(image.Rectangle) {}, Region: image.Rect(10, 10, 60, 60)})
	b := openBox(t, w)
	if b.ask.Disabled() {
		t.Error("the region of last time is not there")
	}
	for _, o := range b.buttons[1:] {
		test.Tap(o)
	}
	if len(did) != 4 || did[0] != "whole" || w.win.Canvas().Overlays().Top() != nil {
		t.Errorf("did %v", did)
	}
	w.ShowImage(Sheet{Image: flat(300, 200, rgb(0x336699))})
	if b := openBox(t, w); len(b.buttons) != 0 || b.crop != nil {
		t.Error("there are buttons for nothing")
	}
	w.ShowImage(Sheet{Image: flat(20, 10, rgb(0x336699))}) // what the model sees, above
	w.typedKey(key(fyne.KeyEscape))
	openBox(t, w) // is still there
}

// The bar below must fit where the window is narrow, and the picture stay in sight.
func TestALightboxInASmallWindow(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.win.Resize(fyne.NewSize(800, 600))
	no := func() {}
	for _, img := range []image.Image{flat(4000, 300, rgb(1)), flat(300, 4000, rgb(1)), flat(8, 8, rgb(1))} {
		w.ShowImage(Sheet{Image: img, Save: no, Copy: no, Seen: no, Whole: no, Crop: func(image.Rectangle) {}})
		b := openBox(t, w)
		if s := b.Size(); s.Width > 800-2*gap5 || s.Height > 600-2*gap5 {
			t.Errorf("%v: %v", img.Bounds(), s)
		}
		for _, o := range b.buttons {
			if o.Position().X < 0 {
				t.Errorf("%v: %s is out of sight", img.Bounds(), o.text)
			}
		}
		if p := b.crop; p.Position().Y+p.Size().Height > b.Size().Height-buttonHeight() {
			t.Error("the picture covers the buttons")
		}
	}
}
