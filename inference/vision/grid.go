package vision

import "math"

// Grid is what a projector with dynamic resolution wants: pictures whose sides are multiples of Factor, with between
// MinTokens and MaxTokens tokens of Factor x Factor pixels. The zero Grid stands for projectors that resize by
// themselves.
type Grid struct {
	Factor    int // pixels
	MinTokens int // 0: no lower limit
	MaxTokens int // 0: no upper limit
}

// Size is the size to which a picture of w x h pixels is resized, in pixels.
//
// It follows calc_size_preserved_ratio in llama.cpp's tools/mtmd/mtmd-image.cpp (v0.4.0) to the last bit, float32 and
// rounding half away from zero included, and has one more property: a picture of the size that comes out keeps it when
// it goes in again. So llama.cpp, which applies its formula to whatever it is given, never resizes a picture a second
// time. Where llama.cpp's own result lies outside the limits (very long pictures, or limits close to one another) the
// size inside the limits with the nearest aspect ratio is taken.
//
// The zero Grid, and sides that are not positive, give w and h back.
func (g Grid) Size(w, h int) (W, H int) {
	if g.Factor <= 0 || w <= 0 || h <= 0 {
		return w, h
	}
	cols, rows := g.cells(w, h)
	if n := cols * rows; g.MaxTokens > 0 && n > g.MaxTokens || n < g.minTokens() {
		cols, rows = g.nearest(w, h)
	}
	return cols * g.Factor, rows * g.Factor
}

// Tokens is what a picture of w x h pixels costs; 0 for the zero Grid.
func (g Grid) Tokens(w, h int) int {
	if g.Factor <= 0 || w <= 0 || h <= 0 {
		return 0
	}
	W, H := g.Size(w, h)
	return (W / g.Factor) * (H / g.Factor)
}

// minTokens never contradicts MaxTokens.
func (g Grid) minTokens() int {
	if g.MaxTokens > 0 {
		return min(g.MinTokens, g.MaxTokens)
	}
	return g.MinTokens
}

// cells is llama.cpp's formula, counted in tokens. The conversions stand where C++ has them: without them Go may
// compute in a higher precision.
func (g Grid) cells(w, h int) (cols, rows int) {
	f := float32(g.Factor)
	round := func(x float32) int { return int(math.Round(float64(float32(x / f)))) }
	floor := func(x float32) int { return int(math.Floor(float64(float32(x / f)))) }
	ceil := func(x float32) int { return int(math.Ceil(float64(float32(x / f)))) }
	area := g.Factor * g.Factor
	fw, fh := float32(w), float32(h)

	cols, rows = max(1, round(fw)), max(1, round(fh))
	if n := cols * rows; g.MaxTokens > 0 && n > g.MaxTokens {
		beta := sqrt32(float32(fh*fw) / float32(g.MaxTokens*area))
		return max(1, floor(float32(fw/beta))), max(1, floor(float32(fh/beta)))
	} else if n < g.minTokens() {
		beta := sqrt32(float32(g.minTokens()*area) / float32(fh*fw))
		return ceil(float32(fw * beta)), ceil(float32(fh * beta))
	}
	return cols, rows
}

// sqrt32 rounds as C's sqrtf does.
func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// nearest is the grid within the limits whose aspect ratio is nearest to w:h; the larger one of equals.
func (g Grid) nearest(w, h int) (cols, rows int) {
	want := math.Log(float64(w) / float64(h))
	best := math.Inf(1)
	most := g.MaxTokens
	if most == 0 {
		most = 2 * g.minTokens()
	}
	try := func(c, r int) {
		if n := c * r; c < 1 || r < 1 || n > most || n < g.minTokens() {
			return
		}
		off := math.Abs(math.Log(float64(c)/float64(r)) - want)
		if off < best || off == best && c*r > cols*rows {
			best, cols, rows = off, c, r
		}
	}
	aspect := float64(w) / float64(h)
	for r := 1; r <= most; r++ {
		ideal := int(float64(r) * aspect)
		for _, c := range []int{ideal, ideal + 1, most / r, (g.minTokens() + r - 1) / r} {
			try(c, r)
		}
	}
	return max(1, cols), max(1, rows)
}
