package vision

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is the EXIF orientation, 1 (upright) to 8; 1 when the file does not say or says nonsense.
func orientation(format string, data []byte) int {
	switch format {
	case "jpeg":
		return exifOrientation(jpegEXIF(data))
	case "png":
		var exif []byte
		eachPNGChunk(data, func(id string, body []byte) bool {
			if id == "eXIf" {
				exif = body
			}
			return exif == nil
		})
		return exifOrientation(exif)
	case "webp":
		var exif []byte
		eachRIFFChunk(data, func(id string, body []byte) bool {
			if id == "EXIF" {
				exif = body
			}
			return exif == nil
		})
		return exifOrientation(exif)
	case "tiff":
		return exifOrientation(data)
	}
	return 1
}

var exifMark = []byte("Exif\x00\x00")

// jpegEXIF is the EXIF block among the segments before the first scan.
func jpegEXIF(data []byte) []byte {
	for i := 2; i+4 <= len(data) && data[i] == 0xff; {
		marker := data[i+1]
		if marker == 0xff { // a fill byte
			i++
			continue
		}
		if marker == 0xda || marker == 0xd9 { // scan, end
			return nil
		}
		if marker == 0x01 || marker >= 0xd0 && marker <= 0xd7 { // markers without a length
			i += 2
			continue
		}
		n := int(binary.BigEndian.Uint16(data[i+2:]))
		if n < 2 || i+2+n > len(data) {
			return nil
		}
		if body := data[i+4 : i+2+n]; marker == 0xe1 && bytes.HasPrefix(body, exifMark) {
			return body
		}
		i += 2 + n
	}
	return nil
}

// exifOrientation finds tag 274 in the first directory of a TIFF structure, which "Exif\0\0" may precede.
func exifOrientation(b []byte) int {
	const upright, tag = 1, 274
	b = bytes.TrimPrefix(b, exifMark)
	if len(b) < 8 {
		return upright
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	if string(b[:2]) != "II" && string(b[:2]) != "MM" || order.Uint16(b[2:]) != 42 {
		return upright
	}
	at := uint64(order.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return upright
	}
	n := int(order.Uint16(b[at:]))
	entries := b[at+2:]
	for ; n > 0 && len(entries) >= 12; n-- {
		e := entries[:12]
		entries = entries[12:]
		if order.Uint16(e) != tag {
			continue
		}
		if v := entryValue(order, e); v >= 1 && v <= 8 {
			return v
		}
		return upright
	}
	return upright
}

// entryValue is the single number in a directory entry; 0 when it is something else.
func entryValue(order binary.ByteOrder, e []byte) int {
	const typeByte, typeShort, typeLong = 1, 3, 4
	if order.Uint32(e[4:]) != 1 {
		return 0
	}
	switch order.Uint16(e[2:]) {
	case typeByte:
		return int(e[8])
	case typeShort:
		return int(order.Uint16(e[8:]))
	case typeLong:
		return int(min(order.Uint32(e[8:]), 255))
	}
	return 0
}

// upright turns and mirrors an image as its EXIF orientation asks. An upright image is returned as it is.
func upright(src *image.RGBA, orientation int) *image.RGBA {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	dw, dh := w, h
	if orientation >= 5 {
		dw, dh = h, w
	}
	// The source pixel of (x, y) stands at start + x*right + y*down, in bytes.
	var start, right, down int
	const px = 4
	row, lastX, lastY := src.Stride, (w-1)*px, (h-1)*src.Stride
	switch orientation {
	case 2: // mirrored
		start, right, down = lastX, -px, row
	case 3: // upside down
		start, right, down = lastX+lastY, -px, -row
	case 4: // upside down and mirrored
		start, right, down = lastY, px, -row
	case 5: // mirrored along the main diagonal
		start, right, down = 0, row, px
	case 6: // to be turned clockwise
		start, right, down = lastY, -row, px
	case 7: // mirrored along the other diagonal
		start, right, down = lastX+lastY, -row, -px
	case 8: // to be turned counterclockwise
		start, right, down = lastX, row, -px
	default:
		return src
	}
	dst := image.NewRGBA(image.Rect(0, 0, dw, dh))
	strips(dh, func(y0, y1 int) { turn(dst, src, y0, y1, start, right, down) })
	return dst
}

// turn works in small squares, so that the rows of both images stay in the processor's cache.
func turn(dst, src *image.RGBA, y0, y1, start, right, down int) {
	const square = 32
	width := dst.Rect.Dx()
	for top := y0; top < y1; top += square {
		for left := 0; left < width; left += square {
			for y := top; y < min(top+square, y1); y++ {
				s := start + left*right + y*down
				d := y*dst.Stride + left*4
				for range min(square, width-left) {
					copy(dst.Pix[d:d+4:d+4], src.Pix[s:s+4:s+4])
					s += right
					d += 4
				}
			}
		}
	}
}
