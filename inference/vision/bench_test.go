package vision

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"math/rand/v2"
	"testing"
)

// photo is a JPEG of 12 megapixels, as a telephone takes them.
func photo(tb testing.TB) []byte {
	r := rand.New(rand.NewPCG(3, 4))
	img := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	for y := range 3000 {
		for x := range 4000 {
			n := uint8(r.UintN(16))
			img.SetRGBA(x, y, color.RGBA{uint8(x/16) + n, uint8(y/12) + n, uint8((x+y)/28) + n, 255})
		}
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 85}); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func BenchmarkDecode12MP(b *testing.B) {
	data := photo(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode("photo.jpg", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadHeader12MP(b *testing.B) {
	data := photo(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ReadHeader("photo.jpg", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTurn12MP(b *testing.B) {
	img := image.NewRGBA(image.Rect(0, 0, 4000, 3000))
	for b.Loop() {
		upright(img, 6)
	}
}

func BenchmarkPrepare12MP(b *testing.B) {
	p, err := Decode("photo.jpg", photo(b))
	if err != nil {
		b.Fatal(err)
	}
	for _, bc := range []struct {
		name string
		grid Grid
	}{{"4096 tokens", Grid{32, 8, 4096}}, {"1024 tokens", Grid{32, 8, 1024}}} {
		b.Run(bc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Prepare(p, bc.grid)
			}
		})
	}
}

func BenchmarkThumbnail12MP(b *testing.B) {
	p, err := Decode("photo.jpg", photo(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Thumbnail(320, 240)
	}
}
