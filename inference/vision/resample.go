package vision

import (
	"image"
	"math"
)

// Weights and sums are whole numbers with this many bits behind the point. Colours take 8 bits, and a Catmull-Rom
// filter's weights add up to less than 1.5 in absolute value, so a sum stays within an int32.
const pointBits = 22

// taps are the source pixels that make up one pixel of the result.
type taps struct {
	first   int
	weights []int32
}

// catmullRom is the cubic filter with a = -0.5: the one that Pillow, and so the processors with which vision models
// were trained, call bicubic.
func catmullRom(x float64) float64 {
	switch x = math.Abs(x); {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}

// spread computes how n source pixels become size ones. The filter is as wide as the scale when shrinking, so that
// every source pixel counts.
func spread(n, size int) []taps {
	scale := float64(n) / float64(size)
	width := max(scale, 1)
	all := make([]taps, size)
	for i := range all {
		center := (float64(i) + 0.5) * scale
		first := max(0, int(math.Floor(center-2*width+0.5)))
		last := min(n, int(math.Floor(center+2*width+0.5)))
		raw := make([]float64, last-first)
		sum := 0.0
		for j := range raw {
			raw[j] = catmullRom((float64(first+j) + 0.5 - center) / width)
			sum += raw[j]
		}
		all[i] = taps{first, make([]int32, len(raw))}
		for j, w := range raw {
			all[i].weights[j] = int32(math.Round(w / sum * (1 << pointBits)))
		}
	}
	return all
}

// resample scales to w x h pixels and drops the fourth byte: three bytes a pixel, row by row. The result is
// the same to the last bit as that of Pillow's bicubic filter. x/image/draw has this filter too, but computes in
// float64: for a photograph of 12 megapixels it takes about four times as long and seven times the memory.
func resample(src *image.RGBA, w, h int) []byte {
	srcW, srcH := src.Rect.Dx(), src.Rect.Dy()
	narrow := make([]byte, srcH*w*3)
	columns := spread(srcW, w)
	strips(srcH, func(y0, y1 int) {
		for y := y0; y < y1; y++ {
			resampleRow(narrow[y*w*3:][:w*3], src.Pix[y*src.Stride:][:srcW*4], columns)
		}
	})
	if srcH == h {
		return narrow
	}
	out := make([]byte, h*w*3)
	rows := spread(srcH, h)
	strips(h, func(y0, y1 int) {
		sums := make([]int32, w*3)
		for y := y0; y < y1; y++ {
			mixRows(out[y*w*3:][:w*3], narrow, sums, rows[y])
		}
	})
	return out
}

// resampleRow turns a row of four bytes a pixel into one of three.
func resampleRow(dst, src []byte, columns []taps) {
	for i, t := range columns {
		const half = 1 << (pointBits - 1)
		r, g, b := int32(half), int32(half), int32(half)
		px := src[t.first*4:][:len(t.weights)*4]
		for j, w := range t.weights {
			p := px[j*4:][:4]
			r += w * int32(p[0])
			g += w * int32(p[1])
			b += w * int32(p[2])
		}
		d := dst[i*3:][:3]
		d[0], d[1], d[2] = toByte(r), toByte(g), toByte(b)
	}
}

// mixRows adds up weighted rows of three bytes a pixel. sums is scratch memory as long as dst.
func mixRows(dst, rows []byte, sums []int32, t taps) {
	for i := range sums {
		sums[i] = 1 << (pointBits - 1)
	}
	for j, w := range t.weights {
		row := rows[(t.first+j)*len(dst):][:len(dst)]
		sums := sums[:len(row)]
		for i, v := range row {
			sums[i] += w * int32(v)
		}
	}
	for i, s := range sums {
		dst[i] = toByte(s)
	}
}

func toByte(sum int32) byte { return byte(max(0, min(255, sum>>pointBits))) }
