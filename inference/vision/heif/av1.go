package heif

import (
	"encoding/binary"
	"image"
	"math"
)

// decodeAV1 calls decode(file, size, only the header, all frames, then where to put width, height, bits, number of
// frames, how long each is shown, and the pixels).
func decodeAV1(i *instance, file uint64, size int, info Info) image.Image {
	head := i.alloc(4*4 + 8)
	shown := head + 16
	decode := func(only, pixels uint64) {
		if i.call("decode", file, uint64(size), only, 0, head, head+4, head+8, head+12, shown, pixels) == 0 && i.err == nil {
			i.err = errDecoder
		}
	}
	decode(1, 0)
	h := i.view(head, 4*4+8)
	if i.err != nil {
		return nil
	}
	s := image.Pt(int(binary.LittleEndian.Uint32(h)), int(binary.LittleEndian.Uint32(h[4:])))
	if s != info.coded {
		i.err = errBox // what was checked against the limits is not what would be decoded
		return nil
	}
	each := 4
	if binary.LittleEndian.Uint32(h[8:]) > 8 {
		each = 8
	}
	at := i.alloc(each * s.X * s.Y)
	// It says that it succeeded also when there was no frame. Then it has not said how long the frame is shown.
	never := math.NaN()
	if h = i.view(shown, 8); i.err == nil {
		binary.LittleEndian.PutUint64(h, math.Float64bits(never))
	}
	decode(0, at)
	if h = i.view(shown, 8); i.err == nil && math.IsNaN(math.Float64frombits(binary.LittleEndian.Uint64(h))) {
		i.err = errDecoder
	}
	b := i.view(at, each*s.X*s.Y)
	if i.err != nil {
		return nil
	}
	r := image.Rectangle{Max: s}
	if each == 4 {
		return part(&image.RGBA{Pix: b, Stride: 4 * s.X, Rect: r}, info.clean)
	}
	for n := 0; n+1 < len(b); n += 2 { // Go has the high byte first
		b[n], b[n+1] = b[n+1], b[n]
	}
	return part(&image.RGBA64{Pix: b, Stride: 8 * s.X, Rect: r}, info.clean)
}

// part is what is to be seen of a picture.
func part(img interface {
	image.Image
	SubImage(image.Rectangle) image.Image
}, clean image.Rectangle,
) image.Image {
	if img.Bounds() == clean {
		return img
	}
	return img.SubImage(clean)
}
