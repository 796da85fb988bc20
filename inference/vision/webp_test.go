package vision

import (
	"errors"
	"os"
	"runtime"
	"testing"
)

// lyingWebP are files whose canvas or animation frame is 8 x 8 pixels, as far as they say at first, and whose
// pictures inside say 16,383 x 16,383: a gigabyte of pixels.
func lyingWebP(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for file, id := range map[string]string{"lossy.webp": "VP8 ", "lossless.webp": "VP8L"} {
		data, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var inner []byte
		eachRIFFChunk(data, func(got string, body []byte) bool {
			if got == id {
				inner = append(inner, body...)
			}
			return inner == nil
		})
		switch id {
		case "VP8 ":
			copy(inner[6:], []byte{0xff, 0x3f, 0xff, 0x3f})
		case "VP8L": // 14 bits for the width minus one and 14 for the height
			copy(inner[1:], []byte{0xfe, 0xbf, 0xff, inner[4]&0xf0 | 0x0f})
		}
		size := []byte{7, 0, 0, 7, 0, 0}
		picture := appendChunk(nil, id, inner)
		still := appendChunk(nil, "VP8X", append([]byte{0, 0, 0, 0}, size...))
		files[id+" in a canvas"] = riffWebP(append(still, picture...))

		frame := append(append(make([]byte, 6), size...), 0, 0, 0, 0)
		moving := appendChunk(nil, "VP8X", append([]byte{2, 0, 0, 0}, size...))
		moving = appendChunk(moving, "ANIM", make([]byte, 6))
		files[id+" in a frame"] = riffWebP(appendChunk(moving, "ANMF", append(frame, picture...)))
	}
	return files
}

func riffWebP(chunks []byte) []byte {
	return appendChunk(nil, "RIFF", append([]byte("WEBP"), chunks...))
}

// The decoder of x/image compares both sizes before it takes memory for pixels, in v0.47.0 at least. This notices if
// another version does not.
func TestWebPThatLiesAboutItsSize(t *testing.T) {
	for name, data := range lyingWebP(t) {
		t.Run(name, func(t *testing.T) {
			if h, err := ReadHeader("x", data); err != nil || h.Width != 8 || h.Height != 8 {
				t.Fatalf("the header says %+v, %v", h, err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Decode("x", data)
			runtime.ReadMemStats(&after)
			var e *Error
			if !errors.As(err, &e) || e.Kind != KindDamaged {
				t.Errorf("got %v", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
				t.Errorf("took %d bytes", took)
			}
		})
	}
}
