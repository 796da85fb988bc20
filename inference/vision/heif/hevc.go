package heif

import (
	"encoding/binary"
	"errors"
	"image"
)

// As libheif counts them.
const (
	colourYCbCr, colourRGB, colourGrey = 0, 1, 2
	chroma420, chroma422, chroma444    = 1, 2, 3
)

var errColours = errors.New("heif: colours of an unknown kind")

// stride is how many bytes libheif gives a row of w pixels: at least 64 pixels, an even number of them, on a border of
// 16 bytes.
func stride(w, bytes int) int { return (max(w+w&1, 64)*bytes + 15) &^ 15 }

// decodeHEVC calls decode(file, size, only the header, then where to put width, height, kind of colours, layout of
// colours, whether they are premultiplied, and the pixels).
func decodeHEVC(i *instance, file uint64, size int, info Info) image.Image {
	head := i.alloc(5 * 4)
	decode := func(only, pixels uint64) {
		if i.call("decode", file, uint64(size), only, head, head+4, head+8, head+12, head+16, pixels) == 0 && i.err == nil {
			i.err = errDecoder
		}
	}
	decode(1, 0)
	h := i.view(head, 5*4)
	if i.err != nil {
		return nil
	}
	number := func(at int) int { return int(binary.LittleEndian.Uint32(h[at:])) }
	s := image.Pt(number(0), number(4))
	colours, chroma, premultiplied := number(8), number(12), number(16) != 0
	if s.X < 1 || s.Y < 1 || s.X*s.Y > info.coded.X*info.coded.Y {
		i.err = errBox // what was checked against the limits is not what would be decoded
		return nil
	}
	if colours != colourYCbCr {
		return decodeFlat(i, s, colours, premultiplied, decode)
	}
	m := &image.YCbCr{Rect: image.Rectangle{Max: s}, YStride: stride(s.X, 1)}
	half, rows := (s.X+1)/2, s.Y
	switch chroma {
	case chroma420:
		m.SubsampleRatio, rows = image.YCbCrSubsampleRatio420, (s.Y+1)/2
	case chroma422:
		m.SubsampleRatio = image.YCbCrSubsampleRatio422
	case chroma444:
		m.SubsampleRatio, half = image.YCbCrSubsampleRatio444, s.X
	default:
		i.err = errColours
		return nil
	}
	m.CStride = stride(half, 1)
	y, c := m.YStride*s.Y, m.CStride*rows
	at := i.alloc(y + 2*c)
	decode(0, at)
	b := i.view(at, y+2*c)
	if i.err != nil {
		return nil
	}
	m.Y, m.Cb, m.Cr = b[:y:y], b[y:y+c:y+c], b[y+c:]
	if info.usual() {
		return m
	}
	return info.convert(m)
}

// decodeFlat decodes what is not YCbCr: grey, or red, green, blue and alpha.
func decodeFlat(i *instance, s image.Point, colours int, premultiplied bool, decode func(only, pixels uint64)) image.Image {
	each := 1
	if colours == colourRGB {
		each = 4
	}
	row := stride(s.X, each)
	at := i.alloc(row * s.Y)
	decode(0, at)
	b := i.view(at, row*s.Y)
	r := image.Rectangle{Max: s}
	switch {
	case i.err != nil:
		return nil
	case colours == colourGrey:
		return &image.Gray{Pix: b, Stride: row, Rect: r}
	case colours != colourRGB:
		i.err = errColours
		return nil
	case premultiplied:
		return &image.RGBA{Pix: b, Stride: row, Rect: r}
	}
	return &image.NRGBA{Pix: b, Stride: row, Rect: r}
}

// usual reports whether the colours are as image.YCbCr takes them to be: BT.601 in its full range.
func (i Info) usual() bool { return i.span == 1 && (i.matrix == 2 || i.matrix == 5 || i.matrix == 6) }

// weights are the shares of red and blue in brightness, by the number of the matrix in ITU-T H.273.
func (i Info) weights() (red, blue float64) {
	switch i.matrix {
	case 1:
		return 0.2126, 0.0722
	case 7:
		return 0.212, 0.087
	case 9, 10:
		return 0.2627, 0.0593
	}
	return 0.299, 0.114
}

// convert makes red, green and blue of other colours than the usual ones.
func (i Info) convert(m *image.YCbCr) *image.RGBA {
	red, blue := i.weights()
	base, luma, chroma := 0.0, 1.0, 1.0
	if i.span != 1 {
		base, luma, chroma = 16, 255.0/219, 255.0/224
	}
	out := image.NewRGBA(m.Rect)
	for y := range m.Rect.Dy() {
		row := out.Pix[y*out.Stride:][:out.Stride]
		for x := range m.Rect.Dx() {
			c := m.COffset(x, y)
			l := (float64(m.Y[m.YOffset(x, y)]) - base) * luma
			cb, cr := (float64(m.Cb[c])-128)*chroma, (float64(m.Cr[c])-128)*chroma
			r, b := l+2*(1-red)*cr, l+2*(1-blue)*cb
			g := (l - red*r - blue*b) / (1 - red - blue)
			row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = byte8(r), byte8(g), byte8(b), 0xff
		}
	}
	return out
}

func byte8(v float64) byte { return byte(max(0, min(255, v+0.5))) }
