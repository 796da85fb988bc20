//go:build linux

package main

import (
	"image"
	"image/color"
	"testing"
)

// A picture of many colours keeps its surface exactly, comes close elsewhere, and one of few colours stays as it is.
func TestReduce(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 100, 100))
	surface := color.RGBA{0x15, 0x17, 0x1B, 0xff}
	for y := range 100 {
		for x := range 100 {
			img.SetRGBA(x, y, surface)
			if y >= 50 {
				img.SetRGBA(x, y, color.RGBA{uint8(2 * x), uint8(2 * y), uint8(x + y), 0xff})
			}
		}
	}
	got := reduce(img, 64)
	if n := len(got.Palette); n > 64 || n < 32 {
		t.Errorf("%d colours", n)
	}
	for y := range 100 {
		for x := range 100 {
			want, have := img.RGBAAt(x, y), color.RGBAModel.Convert(got.At(x, y)).(color.RGBA)
			for i := range 3 {
				if d := channel(want, i) - channel(have, i); d > 40 || d < -40 || y < 50 && d != 0 {
					t.Fatalf("at %d, %d %v became %v", x, y, want, have)
				}
			}
		}
	}
	few := reduce(img.SubImage(image.Rect(0, 0, 100, 50)).(*image.RGBA), 64)
	if len(few.Palette) != 1 || few.At(3, 3) != color.Color(surface) {
		t.Errorf("one colour became %v", few.Palette)
	}
}
