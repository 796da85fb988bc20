package vision

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"

	"golang.org/x/image/draw"
)

// animated reports whether more than one frame is in the file. It reads the file's block structure only.
func animated(format string, data []byte) bool {
	switch format {
	case "gif":
		return gifFrames(data, 2) > 1
	case "png":
		found := false
		eachPNGChunk(data, func(id string, _ []byte) bool {
			found = id == "acTL"
			return !found && id != "IDAT"
		})
		return found
	case "webp":
		found := false
		eachRIFFChunk(data, func(id string, body []byte) bool {
			found = id == "VP8X" && len(body) > 0 && body[0]&0x02 != 0
			return false // VP8X is the first chunk or absent
		})
		return found
	}
	return false
}

// gifFrames counts frames, up to limit.
func gifFrames(data []byte, limit int) int {
	const screen, descriptor = 13, 10
	if len(data) < screen {
		return 0
	}
	i, frames := screen+colorTable(data[10]), 0
	skipBlocks := func() {
		for i < len(data) && data[i] != 0 {
			i += 1 + int(data[i])
		}
		i++
	}
	for i < len(data) && frames < limit {
		switch data[i] {
		case 0x21: // extension
			i += 2
			skipBlocks()
		case 0x2c: // image
			if i+descriptor > len(data) {
				return frames
			}
			frames++
			i += descriptor + colorTable(data[i+9]) + 1 // and the size of an LZW code
			skipBlocks()
		default:
			return frames
		}
	}
	return frames
}

// colorTable is the length of the table that a GIF's flags announce.
func colorTable(flags byte) int {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (flags&7 + 1)
}

// eachPNGChunk calls f with every chunk until f returns false or the bytes end.
func eachPNGChunk(data []byte, f func(id string, body []byte) bool) {
	for i := 8; i+8 <= len(data); {
		n := uint64(binary.BigEndian.Uint32(data[i:]))
		start := uint64(i) + 8
		if start+n+4 > uint64(len(data)) || !f(string(data[i+4:i+8]), data[start:start+n]) {
			return
		}
		i = int(start + n + 4)
	}
}

// eachRIFFChunk calls f with every chunk until f returns false or the bytes end.
func eachRIFFChunk(data []byte, f func(id string, body []byte) bool) {
	eachChunk(data[min(12, len(data)):], f)
}

func eachChunk(data []byte, f func(id string, body []byte) bool) {
	for i := uint64(0); i+8 <= uint64(len(data)); {
		n := uint64(binary.LittleEndian.Uint32(data[i+4:]))
		if i+8+n > uint64(len(data)) || !f(string(data[i:i+4]), data[i+8:i+8+n]) {
			return
		}
		i += 8 + n + n&1
	}
}

var errNoFrame = errors.New("webp: animation without a frame")

// firstWebPFrame decodes the first frame of an animation and puts it at its place on the canvas. The decoder knows
// only still pictures, so the frame's chunks are put into a file of their own.
func firstWebPFrame(data []byte, canvas image.Rectangle) (image.Image, error) {
	var frame []byte
	eachRIFFChunk(data, func(id string, body []byte) bool {
		if id == "ANMF" {
			frame = body
		}
		return frame == nil
	})
	const head = 16 // x/2, y/2, width-1, height-1, duration: three bytes each; flags
	if len(frame) < head {
		return nil, errNoFrame
	}
	at := image.Pt(2*uint24(frame), 2*uint24(frame[3:]))
	size := image.Pt(uint24(frame[6:])+1, uint24(frame[9:])+1)
	place := image.Rectangle{at, at.Add(size)}
	if !place.In(canvas) {
		return nil, errors.New("webp: frame outside its canvas")
	}
	img, err := decodeWebP(bytes.NewReader(stillWebP(frame, head)))
	if err != nil {
		return nil, err
	}
	if img.Bounds().Size() != size {
		return nil, errSize
	}
	whole := image.NewRGBA(canvas)
	draw.Draw(whole, place, img, img.Bounds().Min, draw.Src)
	return whole, nil
}

// stillWebP is a file with the frame's own chunks.
func stillWebP(frame []byte, head int) []byte {
	var body []byte
	alpha := byte(0)
	eachChunk(frame[head:], func(id string, b []byte) bool {
		if id != "ALPH" && id != "VP8 " && id != "VP8L" {
			return true
		}
		if id == "ALPH" {
			alpha = 0x10
		}
		body = appendChunk(body, id, b)
		return true
	})
	vp8x := append([]byte{alpha, 0, 0, 0}, frame[6:12]...) // flags, then the size in the frame's own writing
	file := append([]byte("WEBP"), appendChunk(nil, "VP8X", vp8x)...)
	return appendChunk(nil, "RIFF", append(file, body...))
}

func appendChunk(dst []byte, id string, body []byte) []byte {
	dst = append(dst, id...)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = append(dst, body...)
	if len(body)%2 == 1 {
		dst = append(dst, 0)
	}
	return dst
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
