package vision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
)

// MaxFreeSide is the longest side, in pixels, of a picture that is prepared for a projector that resizes by itself.
const MaxFreeSide = 2048

// Prepared are the pixels that the model sees.
type Prepared struct {
	Width, Height int
	Tokens        int    // 0 when the Grid is zero: only the worker knows
	RGB           []byte // Width*Height*3 bytes
	Hash          string // SHA-256 of size and pixels, in hexadecimal digits
}

// Prepare resizes a picture with a Catmull-Rom filter to exactly the size that the grid asks for. With the zero Grid
// the picture keeps its size, or is made smaller until its longest side has MaxFreeSide pixels.
func Prepare(p *Picture, g Grid) Prepared {
	w, h := g.Size(p.Width, p.Height)
	if g.Factor <= 0 {
		w, h = Fit(p.Width, p.Height)
	}
	out := Prepared{Width: w, Height: h, Tokens: g.Tokens(p.Width, p.Height)}
	if w == p.RGBA.Rect.Dx() && h == p.RGBA.Rect.Dy() {
		out.RGB = packRGB(p.RGBA)
	} else {
		out.RGB = resample(p.RGBA, w, h)
	}
	out.Hash = hash(w, h, out.RGB)
	return out
}

// Fit is the size, in pixels, at which a picture of w x h pixels is handed to a projector that resizes by itself.
func Fit(w, h int) (W, H int) { return fit(w, h, MaxFreeSide, MaxFreeSide) }

// packRGB drops the fourth byte of each pixel.
func packRGB(img *image.RGBA) []byte {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := make([]byte, w*h*3)
	for y := range h {
		src, dst := img.Pix[y*img.Stride:][:w*4], out[y*w*3:][:w*3]
		for ; len(dst) >= 3 && len(src) >= 4; src, dst = src[4:], dst[3:] {
			dst[0], dst[1], dst[2] = src[0], src[1], src[2]
		}
	}
	return out
}

// unpackRGB is the image of three bytes a pixel.
func unpackRGB(rgb []byte, w, h int) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for dst := img.Pix; len(dst) >= 4 && len(rgb) >= 3; dst, rgb = dst[4:], rgb[3:] {
		dst[0], dst[1], dst[2], dst[3] = rgb[0], rgb[1], rgb[2], 0xff
	}
	return img
}

func hash(w, h int, rgb []byte) string {
	s := sha256.New()
	fmt.Fprintf(s, "%dx%d:", w, h)
	s.Write(rgb)
	return hex.EncodeToString(s.Sum(nil))
}
