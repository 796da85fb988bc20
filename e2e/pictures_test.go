//go:build linux

package e2e

import (
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"testing"
)

var (
	white  = color.RGBA{255, 255, 255, 255}
	red    = color.RGBA{220, 30, 30, 255}
	blue   = color.RGBA{30, 60, 220, 255}
	yellow = color.RGBA{240, 200, 20, 255}
)

// circle is a picture of one circle on white.
func circle(c color.Color) image.Image {
	return shape(c, func(x, y int) bool { return x*x+y*y < 70*70 })
}

// square is a picture of one square on white.
func square(c color.Color) image.Image {
	return shape(c, func(x, y int) bool { return max(x, -x, y, -y) < 62 })
}

// star is a picture of one star with five points on white.
func star(c color.Color) image.Image {
	corner := func(i int) (x, y float64) {
		r := 80.0
		if i%2 == 1 {
			r = 34
		}
		sin, cos := math.Sincos(float64(i) * math.Pi / 5)
		return r * sin, -r * cos
	}
	return shape(c, func(x, y int) bool {
		inside := false
		for i := range 10 {
			x1, y1 := corner(i)
			x2, y2 := corner(i + 1)
			px, py := float64(x), float64(y)
			if (y1 > py) != (y2 > py) && px < x1+(py-y1)*(x2-x1)/(y2-y1) {
				inside = !inside
			}
		}
		return inside
	})
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
