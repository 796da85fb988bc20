package vision

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"

	"golang.org/x/image/draw"
)

// MaxFreeSide is the longest side, in pixels, of a picture that is prepared for a projector that resizes by itself.
const MaxFreeSide = 2048

// Prepared are the pixels that the model sees.
type Prepared struct {
	Width, Height int
	Tokens        int    // 0 when the Grid is zero: only the worker knows
	RGB           []byte // Width*Height*3 bytes
	Hash          string // of size and pixels
}

// Prepare resizes a picture to exactly the size that the grid asks for. With the zero Grid the picture keeps its
// size, or is made smaller until its longest side has MaxFreeSide pixels.
func Prepare(p *Picture, g Grid) Prepared {
	w, h := g.Size(p.Width, p.Height)
	if g.Factor <= 0 {
		w, h = fit(p.Width, p.Height, MaxFreeSide, MaxFreeSide)
	}
	img := resize(p.RGBA, w, h)
	out := Prepared{Width: w, Height: h, Tokens: g.Tokens(p.Width, p.Height), RGB: packRGB(img)}
	out.Hash = hash(w, h, out.RGB)
	return out
}

// resize scales with a Catmull-Rom filter, which is widened when shrinking so that every source pixel counts.
func resize(src *image.RGBA, w, h int) *image.RGBA {
	if src.Rect.Dx() == w && src.Rect.Dy() == h {
		return src
	}
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(dst, dst.Rect, src, src.Rect, draw.Src, nil)
	return dst
}

func packRGB(img *image.RGBA) []byte {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	out := make([]byte, 0, w*h*3)
	for y := range h {
		row := img.Pix[y*img.Stride:][:w*4]
		for x := 0; x < len(row); x += 4 {
			out = append(out, row[x], row[x+1], row[x+2])
		}
	}
	return out
}

func hash(w, h int, rgb []byte) string {
	s := sha256.New()
	fmt.Fprintf(s, "%dx%d:", w, h)
	s.Write(rgb)
	return hex.EncodeToString(s.Sum(nil))
}
