package vision

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
)

func addFixtures(f *testing.F) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(withJPEGSegment(jpegOf(f, quarters()), append([]byte("Exif\x00\x00"), exifBlock(binary.BigEndian, 6)...)))
	f.Add(withPNGChunk(pngOf(f, quarters()), "eXIf", exifBlock(binary.LittleEndian, 3)))
	for _, data := range lyingWebP(f) {
		f.Add(data)
	}
}

func FuzzReadHeader(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := ReadHeader("x", data)
		if err != nil {
			return
		}
		if h.Width < 1 || h.Height < 1 || h.Width > MaxSide || h.Height > MaxSide || h.Width*h.Height > MaxPixels {
			t.Errorf("%dx%d passes", h.Width, h.Height)
		}
		if h.Orientation < 1 || h.Orientation > 8 {
			t.Errorf("orientation %d", h.Orientation)
		}
	})
}

func FuzzDecode(f *testing.F) {
	addFixtures(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, err := ReadHeader("x", data); err != nil || h.Width*h.Height > 1<<20 {
			return // large ones only slow the search down
		}
		p, err := Decode("x", data)
		if err != nil {
			return
		}
		if p.RGBA.Rect.Dx() != p.Width || p.RGBA.Rect.Dy() != p.Height || !p.RGBA.Opaque() {
			t.Errorf("%dx%d but %v, opaque %v", p.Width, p.Height, p.RGBA.Rect, p.RGBA.Opaque())
		}
	})
}

func FuzzOrientation(f *testing.F) {
	for o := range 10 {
		f.Add(exifBlock(binary.LittleEndian, o))
		f.Add(append([]byte("Exif\x00\x00"), exifBlock(binary.BigEndian, o)...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range []string{"jpeg", "png", "webp", "tiff"} {
			if o := orientation(format, data); o < 1 || o > 8 {
				t.Errorf("%s: %d", format, o)
			}
		}
	})
}
