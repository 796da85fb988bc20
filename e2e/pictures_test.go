//go:build linux

package e2e

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

var (
	white = color.RGBA{255, 255, 255, 255}
	red   = color.RGBA{220, 30, 30, 255}
	blue  = color.RGBA{30, 60, 220, 255}
)

// circle is a picture of one circle on white.
func circle(c color.Color) image.Image {
	return shape(c, func(x, y int) bool { return x*x+y*y < 70*70 })
}

// square is a picture of one square on white.
func square(c color.Color) image.Image {
	return shape(c, func(x, y int) bool { return max(x, -x, y, -y) < 62 })
}

// shape fills what inside says, measured from the middle of a picture of 256x256 pixels.
func shape(c color.Color, inside func(x, y int) bool) image.Image {
	const size = 256
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	draw.Draw(img, img.Rect, image.NewUniform(white), image.Point{}, draw.Src)
	for y := range size {
		for x := range size {
			if inside(x-size/2, y-size/2) {
				img.Set(x, y, c)
			}
		}
	}
	return img
}

// save writes a picture as PNG under a name in the test's own folder.
func save(t *testing.T, name string, img image.Image) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), name)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, img); err != nil {
		t.Fatal(err)
	}
	return path
}
