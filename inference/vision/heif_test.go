package vision

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"math/rand/v2"
	"os"
	"testing"

	"galago/inference/vision/heif"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestPicturesOfPhonesAndTheWeb(t *testing.T) {
	all := []color.RGBA{red, green, blue, yellow}
	turned := []color.RGBA{blue, red, yellow, green}
	for _, c := range []struct {
		file, format, note string
		size               image.Point
		colours            []color.RGBA
	}{
		{"plain.heic", "heic", "", image.Pt(48, 32), all},
		{"odd.heic", "heic", "", image.Pt(51, 35), all},
		{"turned.heic", "heic", "", image.Pt(32, 48), turned},
		{"narrow.heic", "heic", "", image.Pt(48, 32), all},
		{"deep.heic", "heic", "", image.Pt(48, 32), all},
		{"plain.avif", "avif", "", image.Pt(48, 32), all},
		{"turned.avif", "avif", "", image.Pt(32, 48), turned},
		{"mirrored.avif", "avif", "", image.Pt(32, 48), []color.RGBA{yellow, green, blue, red}},
		{"deep.avif", "avif", "", image.Pt(32, 16), all},
		{"grid.avif", "avif", "", image.Pt(480, 320), all},
		{"alpha.avif", "avif", "", image.Pt(48, 32), []color.RGBA{red, white, blue, yellow}},
		{"sequence.avif", "avif", noteAnimated(), image.Pt(48, 32), all},
	} {
		t.Run(c.file, func(t *testing.T) {
			p, err := Decode(c.file, fixture(t, c.file))
			if err != nil {
				t.Fatal(err, errors.Unwrap(err))
			}
			if p.Format != c.format || p.Note != c.note || p.Width != c.size.X || p.Height != c.size.Y || p.RGBA.Rect.Size() != c.size {
				t.Errorf("%s %d x %d, note %q", p.Format, p.Width, p.Height, p.Note)
			}
			wantQuarters(t, p, c.colours...)
		})
	}
}

// A camera may name the general brand first and its own later.
func TestHEICOfTheGeneralBrand(t *testing.T) {
	data := fixture(t, "plain.heic")
	copy(data[8:], "mif1")
	p, err := Decode("a.heif", data)
	if err != nil {
		t.Fatal(err)
	}
	wantQuarters(t, p, red, green, blue, yellow)
	data = fixture(t, "plain.avif")
	copy(data[8:], "mif1")
	if p, err = Decode("a.heif", data); err != nil || p.Format != "avif" {
		t.Fatal(p, err)
	}
}

// sized is a file whose header announces another size.
func sized(t *testing.T, file string, width, height uint32) []byte {
	data := fixture(t, file)
	found := false
	for at := range data[:len(data)-16] {
		if string(data[at:at+4]) == "ispe" {
			binary.BigEndian.PutUint32(data[at+8:], width)
			binary.BigEndian.PutUint32(data[at+12:], height)
			found = true
		}
	}
	if !found {
		t.Fatal("no size")
	}
	return data
}

func TestHEIFRefusals(t *testing.T) {
	half := fixture(t, "plain.heic")
	half = half[:len(half)-1]
	other := fixture(t, "plain.heic")
	copy(other[bytes.Index(other, []byte("hvc1")):], "vvc1")
	film := append(bytes.Clone(other[:24]), "\x00\x00\x00\x08moov"...)
	empty := fixture(t, "plain.avif")
	pixels := bytes.LastIndex(empty, []byte("mdat")) + 4
	clear(empty[pixels:])
	for _, c := range []struct {
		name string
		data []byte
		kind Kind
		msg  string
	}{
		{"half.heic", half, KindDamaged, "half.heic is cut short: its end is missing. Copy or download it again."},
		{"other.heic", other, KindUnsupported, "other.heic is a rare kind of HEIC that Galago cannot read. Save it as an ordinary JPEG or PNG first."},
		{"film.heic", film, KindUnsupported, "film.heic is a rare kind of HEIC that Galago cannot read. Save it as an ordinary JPEG or PNG first."},
		{"no.heic", sized(t, "plain.heic", 0, 32), KindDamaged, "no.heic is damaged and cannot be read. Copy or download it again."},
		{"empty.avif", empty, KindDamaged, "empty.avif is damaged and cannot be read. Copy or download it again."},
		{"big.heic", sized(t, "plain.heic", 30000, 30000), KindTooLarge, "big.heic measures 30,000 x 30,000 pixels; the limit is 100 megapixels. Make it smaller first."},
		{"big.avif", sized(t, "deep.avif", 8000, 8000), KindTooLarge, "big.avif measures 8,000 x 8,000 pixels; the limit is 50 megapixels. Make it smaller first."},
		{"long.avif", sized(t, "plain.avif", 70000, 1), KindTooLarge, "long.avif measures 70,000 x 1 pixels; the limit is 65,535 pixels on a side. Make it smaller first."},
	} {
		if c.name == "big.avif" { // its clean aperture is of the size that it had
			copy(c.data[bytes.Index(c.data, []byte("clap")):], "free")
		}
		_, err := Decode(c.name, c.data)
		wantError(t, err, c.kind, c.msg)
	}
}

// Damage anywhere is an error or a picture, never more.
func TestDamagedHEIF(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range []string{"plain.heic", "turned.heic", "plain.avif", "grid.avif", "sequence.avif"} {
		good := fixture(t, name)
		for range 60 {
			data := bytes.Clone(good)
			for range 1 + r.IntN(3) {
				data[r.IntN(len(data))] = byte(r.Uint32())
			}
			p, err := Decode("x", data)
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("%s: %v", name, err)
			}
			if err == nil && p.RGBA == nil {
				t.Fatalf("%s: neither picture nor error", name)
			}
		}
	}
}

func FuzzReadHEIF(f *testing.F) {
	for _, name := range []string{"plain.heic", "turned.heic", "deep.heic", "plain.avif", "grid.avif", "deep.avif", "sequence.avif"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := heif.ReadInfo(data)
		if err == nil && (i.Width < 1 || i.Height < 1 || i.Orientation < 1 || i.Orientation > 8) {
			t.Errorf("%+v", i)
		}
	})
}

func BenchmarkDecodeHEIC(b *testing.B) {
	data := fixture(b, "plain.heic")
	for b.Loop() {
		if _, err := Decode("x", data); err != nil {
			b.Fatal(err)
		}
	}
}
