package vision

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"testing"
)

func picture(img *image.RGBA) *Picture {
	return &Picture{Width: img.Rect.Dx(), Height: img.Rect.Dy(), RGBA: img}
}

func filled(w, h int, at func(x, y int) color.RGBA) *image.RGBA {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetRGBA(x, y, at(x, y))
		}
	}
	return img
}

// The digests come from Pillow 13: Image.resize(size, BICUBIC) of the same picture.
func TestPrepareIsPillowsBicubic(t *testing.T) {
	p, err := Open("testdata/interlaced.png")
	if err != nil {
		t.Fatal(err)
	}
	got := Prepare(p, Grid{32, 64, 1024})
	if got.Width != 320 || got.Height != 224 || got.Tokens != 70 || len(got.RGB) != 320*224*3 ||
		got.Hash != "fcb7294ced0002785598dc28d69a27c6963438f3697251516fb5d296f5e5e9cd" {
		t.Errorf("larger: %dx%d, %d tokens, %s", got.Width, got.Height, got.Tokens, got.Hash)
	}
	got = Prepare(p, Grid{32, 0, 1})
	if got.Width != 32 || got.Height != 32 || got.Hash != "45498a33503b7a7e890d377b74e99c2032b35367fd294f8960a10025bc10bc2e" {
		t.Errorf("smaller: %dx%d, %s", got.Width, got.Height, got.Hash)
	}
}

// Shrinking a fine pattern averages it: no pixel of it may be skipped.
func TestPrepareAverages(t *testing.T) {
	img := filled(1024, 1024, func(x, y int) color.RGBA {
		v := uint8((x + y) % 2 * 255)
		return color.RGBA{v, 255 - v, 200, 255}
	})
	p := Prepare(picture(img), Grid{32, 1, 16})
	if p.Width != 128 || p.Height != 128 {
		t.Fatalf("%dx%d", p.Width, p.Height)
	}
	for i, v := range p.RGB {
		if want := []byte{127, 128, 200}[i%3]; max(v, want)-min(v, want) > 2 {
			t.Fatalf("byte %d is %d, want %d", i, v, want)
		}
	}
}

func TestPrepareSameSizeAndHash(t *testing.T) {
	img := filled(64, 32, func(x, y int) color.RGBA { return color.RGBA{uint8(x), uint8(y), 7, 255} })
	a := Prepare(picture(img), Grid{32, 1, 16})
	if a.Width != 64 || a.Height != 32 || a.Tokens != 2 || !bytes.Equal(a.RGB[3:6], []byte{1, 0, 7}) || len(a.Hash) != 64 {
		t.Errorf("%dx%d, %d tokens, %v", a.Width, a.Height, a.Tokens, a.RGB[:6])
	}
	if b := Prepare(picture(img), Grid{}); b.Hash != a.Hash || b.Tokens != 0 {
		t.Error("the same pixels have another hash")
	}
	img.Pix[0]++
	if b := Prepare(picture(img), Grid{}); b.Hash == a.Hash {
		t.Error("other pixels have the same hash")
	}
	if hash(2, 1, []byte("abcdef")) == hash(1, 2, []byte("abcdef")) {
		t.Error("another shape has the same hash")
	}
}

func TestPrepareWithoutGrid(t *testing.T) {
	p := Prepare(picture(image.NewRGBA(image.Rect(0, 0, 5000, 300))), Grid{})
	if p.Width != 2048 || p.Height != 123 || p.Tokens != 0 || len(p.RGB) != 2048*123*3 {
		t.Errorf("%dx%d", p.Width, p.Height)
	}
	p = Prepare(picture(image.NewRGBA(image.Rect(0, 0, 60000, 1))), Grid{})
	if p.Width != 2048 || p.Height != 1 {
		t.Errorf("%dx%d", p.Width, p.Height)
	}
}

func TestThumbnail(t *testing.T) {
	img := filled(400, 200, func(int, int) color.RGBA { return color.RGBA{250, 120, 3, 255} })
	for _, c := range []struct{ maxW, maxH, w, h int }{{100, 100, 100, 50}, {1000, 1000, 400, 200}, {10, 1, 2, 1}} {
		th := picture(img).Thumbnail(c.maxW, c.maxH)
		if th.Rect.Dx() != c.w || th.Rect.Dy() != c.h || !th.Opaque() || th.RGBAAt(0, 0) != img.RGBAAt(0, 0) {
			t.Errorf("%v: %v, %v", c, th.Rect, th.RGBAAt(0, 0))
		}
	}
}

// A picture of more than MaxKept pixels is kept scaled down; its size stays the file's, and what the model sees hardly
// changes.
func TestLargePicturesAreKeptSmaller(t *testing.T) {
	img := filled(5000, 4000, func(x, y int) color.RGBA {
		if x/500%2 == y/500%2 {
			return color.RGBA{220, 30, 20, 255}
		}
		return color.RGBA{10, 60, 200, 255}
	})
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	p, err := Decode("large.png", file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	kept := p.RGBA.Rect.Size()
	if n := kept.X * kept.Y; p.Width != 5000 || p.Height != 4000 || n > MaxKept || n < MaxKept*9/10 {
		t.Fatalf("%d x %d, kept as %v", p.Width, p.Height, kept)
	}
	g := Grid{32, 64, 1024}
	small, whole := Prepare(p, g), Prepare(picture(img), g)
	if small.Width != whole.Width || small.Height != whole.Height || small.Tokens != whole.Tokens {
		t.Fatalf("%d x %d, of the whole %d x %d", small.Width, small.Height, whole.Width, whole.Height)
	}
	sum := 0
	for i := range small.RGB {
		sum += int(max(small.RGB[i], whole.RGB[i]) - min(small.RGB[i], whole.RGB[i]))
	}
	if mean := float64(sum) / float64(len(small.RGB)); mean > 0.5 {
		t.Errorf("differs by %.2f of 255 on average", mean)
	}
}
