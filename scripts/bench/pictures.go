//go:build linux

package main

import (
	"bytes"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
)

// photo is a JPEG that was never seen before: soft shapes with some noise, as cameras make it.
func photo(seed uint64, width, height int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	var wave [3][3]float64
	for c := range wave {
		wave[c] = [3]float64{r.Float64() * 12, r.Float64() * 12, r.Float64() * 6}
	}
	for y := range height {
		v := float64(y) / float64(height)
		for x := range width {
			u := float64(x) / float64(width)
			at := img.PixOffset(x, y)
			noise := r.IntN(9)
			for c, w := range wave {
				img.Pix[at+c] = uint8(124 + noise + int(110*math.Sin(w[0]*u+w[1]*v+w[2])))
			}
			img.Pix[at+3] = 255
		}
	}
	var buf bytes.Buffer
	if err := jpeg.Encode(&buf, img, &jpeg.Options{Quality: 88}); err != nil {
		panic(err) // into memory
	}
	return buf.Bytes()
}
