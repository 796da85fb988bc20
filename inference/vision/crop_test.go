package vision

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/png"
	"testing"
)

func TestCropHasTheFullResolution(t *testing.T) {
	// More pixels than are kept, all different from their neighbours.
	big := image.NewGray(image.Rect(0, 0, 4000, 3400))
	for y := range 3400 {
		for x := range 4000 {
			big.Pix[y*big.Stride+x] = byte(x*7 + y*13)
		}
	}
	data := pngOf(t, big)
	p, err := Decode("big.png", data)
	if err != nil {
		t.Fatal(err)
	}
	if p.Whole() {
		t.Fatal("all of it is kept: the test is of no use")
	}
	region := image.Rect(1000, 900, 1300, 1100)
	c, file, err := p.Crop(data, region)
	if err != nil {
		t.Fatal(err)
	}
	if c.Width != 300 || c.Height != 200 || !c.Whole() || c.Format != "png" || c.Name != "big.png" {
		t.Fatalf("%+v", c)
	}
	stored, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []image.Point{{0, 0}, {299, 199}, {17, 101}} {
		want := big.GrayAt(1000+at.X, 900+at.Y)
		if got := c.RGBA.RGBAAt(at.X, at.Y); got.R != want.Y || got.G != want.Y {
			t.Errorf("%v is %v, want %v", at, got, want)
		}
		if got := color.GrayModel.Convert(stored.At(at.X, at.Y)); got != want {
			t.Errorf("stored %v is %v, want %v", at, got, want)
		}
	}
}

func TestCropAtTheEdges(t *testing.T) {
	data := pngOf(t, quarters())
	p, err := Decode("a.png", data)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := p.Crop(data, image.Rect(24, -5, 90, 16))
	if err != nil || c.Width != 24 || c.Height != 16 {
		t.Fatal(c, err)
	}
	wantQuarters(t, c, green, green, green, green)
	var e *Error
	if _, _, err = p.Crop(data, image.Rect(60, 0, 90, 16)); !errors.As(err, &e) {
		t.Errorf("nothing: %v", err)
	}
}
