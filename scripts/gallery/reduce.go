//go:build linux

package main

import (
	"image"
	"image/color"
	"slices"
)

// box is a set of colours that one colour is to stand for.
type box struct {
	colors []color.RGBA
	counts map[color.RGBA]int
}

// reduce gives a picture at most that many colours, which makes its PNG several times smaller. It is median cut: the box with the
// widest channel, weighed by how much it is used, is cut in two where half of its pixels are.
func reduce(img *image.RGBA, most int) *image.Paletted {
	b := img.Bounds()
	counts := colors(img, b.Dx()*b.Dy())
	all := box{counts: counts}
	for c := range counts {
		all.colors = append(all.colors, c)
	}
	boxes := []box{all}
	for len(boxes) < most {
		best, weight := -1, 0
		for i, b := range boxes {
			if _, spread := b.widest(); len(b.colors) > 1 && spread*min(b.pixels(), 4000) > weight {
				best, weight = i, spread*min(b.pixels(), 4000)
			}
		}
		if best < 0 {
			break
		}
		low, high := boxes[best].cut()
		boxes[best] = low
		boxes = append(boxes, high)
	}
	out := image.NewPaletted(image.Rect(0, 0, b.Dx(), b.Dy()), nil)
	index := map[color.RGBA]uint8{}
	for i, b := range boxes {
		out.Palette = append(out.Palette, b.mean())
		for _, c := range b.colors {
			index[c] = uint8(i)
		}
	}
	for y := range b.Dy() {
		for x := range b.Dx() {
			c := img.RGBAAt(b.Min.X+x, b.Min.Y+y)
			c.A = 0xff
			out.SetColorIndex(x, y, index[c])
		}
	}
	return out
}

// colors counts the pixels of each colour, and stops when there are that many colours.
func colors(img *image.RGBA, enough int) map[color.RGBA]int {
	counts := map[color.RGBA]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y && len(counts) < enough; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c := img.RGBAAt(x, y)
			c.A = 0xff
			counts[c]++
		}
	}
	return counts
}

func channel(c color.RGBA, i int) int { return int([3]uint8{c.R, c.G, c.B}[i]) }

// widest is the channel in which the colours differ most, and by how much.
func (b box) widest() (which, spread int) {
	for i := range 3 {
		low, high := 255, 0
		for _, c := range b.colors {
			low, high = min(low, channel(c, i)), max(high, channel(c, i))
		}
		if high-low > spread {
			which, spread = i, high-low
		}
	}
	return which, spread
}

func (b box) pixels() int {
	n := 0
	for _, c := range b.colors {
		n += b.counts[c]
	}
	return n
}

// cut parts the colours where half of the pixels are, with one colour at least on each side.
func (b box) cut() (low, high box) {
	which, _ := b.widest()
	slices.SortFunc(b.colors, func(x, y color.RGBA) int { return channel(x, which) - channel(y, which) })
	half, n, at := b.pixels()/2, 0, 1
	for i, c := range b.colors[:len(b.colors)-1] {
		n += b.counts[c]
		at = i + 1
		if n >= half {
			break
		}
	}
	return box{b.colors[:at:at], b.counts}, box{b.colors[at:], b.counts}
}

// mean is the colour that stands for all, by how much each is used: a surface keeps its exact colour.
func (b box) mean() color.RGBA {
	var sum [3]int
	n := b.pixels()
	for _, c := range b.colors {
		if 2*b.counts[c] > n {
			return c
		}
		for i := range 3 {
			sum[i] += channel(c, i) * b.counts[c]
		}
	}
	return color.RGBA{uint8(sum[0] / n), uint8(sum[1] / n), uint8(sum[2] / n), 0xff}
}
