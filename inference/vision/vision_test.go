package vision

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

var (
	red    = color.RGBA{0xdc, 0x28, 0x28, 0xff}
	green  = color.RGBA{0x28, 0xb4, 0x3c, 0xff}
	blue   = color.RGBA{0x28, 0x46, 0xdc, 0xff}
	yellow = color.RGBA{0xf0, 0xdc, 0x28, 0xff}
	white  = color.RGBA{0xff, 0xff, 0xff, 0xff}
)

// quarters is the picture that all tests use: 48 x 32, its quarters in the four colours given, by rows.
func quarters(c ...color.RGBA) *image.RGBA {
	if len(c) == 0 {
		c = []color.RGBA{red, green, blue, yellow}
	}
	img := image.NewRGBA(image.Rect(0, 0, 48, 32))
	for y := range 32 {
		for x := range 48 {
			img.SetRGBA(x, y, c[y/16*2+x/24])
		}
	}
	return img
}

func wantQuarters(t *testing.T, p *Picture, c ...color.RGBA) {
	t.Helper()
	for i, want := range c {
		at := image.Pt((i%2*2+1)*p.Width/4, (i/2*2+1)*p.Height/4)
		got := p.RGBA.RGBAAt(at.X, at.Y)
		if far(got.R, want.R) || far(got.G, want.G) || far(got.B, want.B) || got.A != 255 {
			t.Errorf("quarter %d is %v, want %v", i, got, want)
		}
	}
}

func far(a, b uint8) bool { return max(a, b)-min(a, b) > 12 }

func encode(t testing.TB, write func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, img image.Image) []byte {
	return encode(t, func(b *bytes.Buffer) error { return png.Encode(b, img) })
}

func jpegOf(t testing.TB, img image.Image) []byte {
	return encode(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, img, &jpeg.Options{Quality: 95}) })
}

func TestFixtures(t *testing.T) {
	tests := []struct {
		file, format, note string
		colors             []color.RGBA
	}{
		{"ycck.jpg", "jpeg", "", []color.RGBA{red, green, blue, yellow}},
		{"cmyk.jpg", "jpeg", "", []color.RGBA{red, green, blue, yellow}},
		{"progressive.jpg", "jpeg", "", []color.RGBA{red, green, blue, yellow}},
		{"interlaced.png", "png", "", []color.RGBA{red, green, blue, yellow}},
		{"lossless.webp", "webp", "", []color.RGBA{red, green, blue, yellow}},
		{"lossy.webp", "webp", "", []color.RGBA{red, green, blue, yellow}},
		{"alpha.webp", "webp", "", []color.RGBA{red, white, blue, yellow}},
		{"animated.webp", "webp", noteAnimated(), []color.RGBA{red, green, blue, yellow}},
		{"lzw.tiff", "tiff", "", []color.RGBA{red, green, blue, yellow}},
		{"plain.bmp", "bmp", "", []color.RGBA{red, green, blue, yellow}},
		{"turned.tiff", "tiff", "", []color.RGBA{blue, red, yellow, green}},
		{"turned.webp", "webp", "", []color.RGBA{blue, red, yellow, green}},
	}
	for _, c := range tests {
		t.Run(c.file, func(t *testing.T) {
			p, err := Open(filepath.Join("testdata", c.file))
			if err != nil {
				t.Fatal(err)
			}
			w, h := 48, 32
			if strings.HasPrefix(c.file, "turned") {
				w, h = 32, 48
			}
			if p.Format != c.format || p.Note != c.note || p.Name != c.file || p.Width != w || p.Height != h {
				t.Errorf("got %s %q %s %dx%d", p.Format, p.Note, p.Name, p.Width, p.Height)
			}
			wantQuarters(t, p, c.colors...)
		})
	}
}

func TestOddPictures(t *testing.T) {
	all := []color.RGBA{red, green, blue, yellow}
	gray := image.NewGray(image.Rect(0, 0, 48, 32))
	deep := image.NewNRGBA64(gray.Rect)
	gray16 := image.NewGray16(gray.Rect)
	half := image.NewNRGBA(gray.Rect)
	clearBMP := image.NewNRGBA(gray.Rect)
	paletted := image.NewPaletted(gray.Rect, color.Palette{red, green, blue, yellow, color.Transparent})
	for y := range 32 {
		for x := range 48 {
			c := quarters().RGBAAt(x, y)
			paletted.Set(x, y, c)
			deep.Set(x, y, c)
			gray.SetGray(x, y, color.Gray{uint8(x * 5)})
			gray16.SetGray16(x, y, color.Gray16{uint16(x * 5 * 257)})
			half.SetNRGBA(x, y, color.NRGBA{c.R, c.G, c.B, 128})
			clearBMP.SetNRGBA(x, y, color.NRGBA{c.R, c.G, c.B, 0})
		}
	}
	holed := image.NewPaletted(paletted.Rect, paletted.Palette)
	copy(holed.Pix, paletted.Pix)
	for y := range 16 {
		for x := range 24 {
			holed.SetColorIndex(x, y, 4)
		}
	}
	mix := func(c color.RGBA) color.RGBA { // half of the colour, half white
		m := func(v uint8) uint8 { return uint8((int(v)*128 + 255*127) / 255) }
		return color.RGBA{m(c.R), m(c.G), m(c.B), 255}
	}
	g := func(x uint8) color.RGBA { return color.RGBA{x * 5, x * 5, x * 5, 255} }
	tests := []struct {
		name   string
		data   []byte
		colors []color.RGBA
	}{
		{"16-bit png", pngOf(t, deep), all},
		{"palette png", pngOf(t, paletted), all},
		{"palette png with a hole", pngOf(t, holed), []color.RGBA{white, green, blue, yellow}},
		{"half transparent png", pngOf(t, half), []color.RGBA{mix(red), mix(green), mix(blue), mix(yellow)}},
		{"16-bit gray png", pngOf(t, gray16), []color.RGBA{g(12), g(36), g(12), g(36)}},
		{"gray jpeg", jpegOf(t, gray), []color.RGBA{g(12), g(36), g(12), g(36)}},
		{"jpeg", jpegOf(t, quarters()), all},
		{"16-bit tiff", encode(t, func(b *bytes.Buffer) error { return tiff.Encode(b, deep, nil) }), all},
		{"half transparent tiff", encode(t, func(b *bytes.Buffer) error {
			return tiff.Encode(b, half, &tiff.Options{Compression: tiff.Deflate, Predictor: true})
		}), []color.RGBA{mix(red), mix(green), mix(blue), mix(yellow)}},
		{"24-bit bmp", encode(t, func(b *bytes.Buffer) error { return bmp.Encode(b, quarters()) }), all},
		{"32-bit bmp with an empty fourth byte", encode(t, func(b *bytes.Buffer) error { return bmp.Encode(b, clearBMP) }), all},
		{"gif with a hole", encode(t, func(b *bytes.Buffer) error { return gif.Encode(b, holed, nil) }), []color.RGBA{white, green, blue, yellow}},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			p, err := Decode(c.name, c.data)
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != 48 || p.Height != 32 || p.Note != "" {
				t.Errorf("%dx%d, %q", p.Width, p.Height, p.Note)
			}
			wantQuarters(t, p, c.colors...)
		})
	}
}

// A GIF's first frame may cover only a part of its screen.
func TestGIFFrameOnScreen(t *testing.T) {
	pal := color.Palette{red, green}
	frame := func(r image.Rectangle, index uint8) *image.Paletted {
		m := image.NewPaletted(r, pal)
		for i := range m.Pix {
			m.Pix[i] = index
		}
		return m
	}
	g := &gif.GIF{
		Image:  []*image.Paletted{frame(image.Rect(24, 16, 48, 32), 0), frame(image.Rect(0, 0, 48, 32), 1)},
		Delay:  []int{1, 1},
		Config: image.Config{Width: 48, Height: 32, ColorModel: pal},
	}
	data := encode(t, func(b *bytes.Buffer) error { return gif.EncodeAll(b, g) })
	p, err := Decode("a.gif", data)
	if err != nil {
		t.Fatal(err)
	}
	if p.Note != noteAnimated() {
		t.Errorf("note %q", p.Note)
	}
	wantQuarters(t, p, white, white, white, red)

	data[6], data[8] = 40, 20 // a screen smaller than the frame
	_, err = Decode("a.gif", data)
	wantError(t, err, KindDamaged, "a.gif is damaged and cannot be read. Copy or download it again.")
}

// The names of EXIF 2.3: where the first stored row and the first stored column stand when the picture is upright.
var sides = [9][2]string{
	{},
	{"top", "left"},
	{"top", "right"},
	{"bottom", "right"},
	{"bottom", "left"},
	{"left", "top"},
	{"right", "top"},
	{"right", "bottom"},
	{"left", "bottom"},
}

// stored is the image as a camera stores it under the given orientation.
func stored(img *image.RGBA, orientation int) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	from := func(side string, i int) (x, y int) { // i-th line counted from a side
		switch side {
		case "top":
			return 0, i
		case "bottom":
			return 0, h - 1 - i
		case "left":
			return i, 0
		}
		return w - 1 - i, 0
	}
	sw, sh := w, h
	if orientation >= 5 {
		sw, sh = h, w
	}
	out := image.NewRGBA(image.Rect(0, 0, sw, sh))
	for row := range sh {
		for col := range sw {
			rx, ry := from(sides[orientation][0], row)
			cx, cy := from(sides[orientation][1], col)
			out.SetRGBA(col, row, img.RGBAAt(rx+cx, ry+cy))
		}
	}
	return out
}

// exifBlock is a directory with a tag before and after the orientation.
func exifBlock(order binary.AppendByteOrder, orientation int) []byte {
	b := []byte("II")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM")
	}
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 3)
	for _, e := range [][2]uint16{{256, 7}, {274, uint16(orientation)}, {305, 9}} {
		b = order.AppendUint16(b, e[0])
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, e[1])
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

func withJPEGSegment(data []byte, body []byte) []byte {
	seg := binary.BigEndian.AppendUint16([]byte{0xff, 0xe1}, uint16(len(body)+2))
	return append(append(append([]byte{}, data[:2]...), append(seg, body...)...), data[2:]...)
}

func withPNGChunk(data []byte, id string, body []byte) []byte {
	const afterIHDR = 8 + 25
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, id...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	return append(append(append([]byte{}, data[:afterIHDR]...), c...), data[afterIHDR:]...)
}

func TestOrientation(t *testing.T) {
	want := quarters()
	for o := 1; o <= 8; o++ {
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			exif := exifBlock(order, o)
			p, err := Decode("o.png", withPNGChunk(pngOf(t, stored(want, o)), "eXIf", exif))
			if err != nil {
				t.Fatal(err)
			}
			if p.Width != 48 || p.Height != 32 || !bytes.Equal(p.RGBA.Pix, want.Pix) {
				t.Errorf("png with orientation %d, %v: wrong pixels", o, order)
			}
			j := withJPEGSegment(jpegOf(t, stored(want, o)), append([]byte("Exif\x00\x00"), exif...))
			j = withJPEGSegment(j, []byte("http://ns.adobe.com/xap/1.0/\x00"))
			p, err = Decode("o.jpg", j)
			if err != nil {
				t.Fatal(err)
			}
			wantQuarters(t, p, red, green, blue, yellow)
		}
	}
}

func TestOrientationNonsense(t *testing.T) {
	good := exifBlock(binary.LittleEndian, 6)
	edit := func(at int, v byte) []byte {
		b := bytes.Clone(good)
		b[at] = v
		return b
	}
	for name, b := range map[string][]byte{
		"none": nil, "no magic": edit(2, 1), "far directory": edit(7, 0xff), "value 9": edit(10+12+8, 9),
		"value 0": edit(10+12+8, 0), "two values": edit(10+12+4, 2), "a text": edit(10+12+2, 2), "cut": good[:20],
	} {
		if o := exifOrientation(b); o != 1 {
			t.Errorf("%s: %d", name, o)
		}
	}
	if o := exifOrientation(good); o != 6 {
		t.Error(o)
	}
}

func wantError(t *testing.T, err error, kind Kind, msg string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want %q", err, msg)
	}
	if e.Kind != kind || e.Error() != msg {
		t.Errorf("got  %s: %s\nwant %s: %s", e.Kind, e, kind, msg)
	}
}

func TestRefusals(t *testing.T) {
	photo := jpegOf(t, quarters())
	pic := pngOf(t, quarters())
	huge := bytes.Clone(pic)
	binary.BigEndian.PutUint32(huge[16:], 30000)
	binary.BigEndian.PutUint32(huge[20:], 30000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	long := bytes.Clone(pic)
	binary.BigEndian.PutUint32(long[16:], 70000)
	binary.BigEndian.PutUint32(long[29:], crc32.ChecksumIEEE(long[12:29]))
	tests := []struct {
		name string
		data []byte
		kind Kind
		msg  string
	}{
		{"notes.png", []byte("Dear diary,\n"), KindNotPicture, "notes.png is not a picture: it holds text. Choose a JPEG, PNG, GIF, BMP, TIFF, WebP, HEIC or AVIF file."},
		{"a.pdf", []byte("%PDF-1.7\n..."), KindNotPicture, "a.pdf is a PDF document. Export the page as a PNG or take a screenshot of it."},
		{"a.heic", []byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00"), KindDamaged, "a.heic is cut short: its end is missing. Copy or download it again."},
		{"a.svg", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"), KindNotPicture, "a.svg is an SVG drawing, which Galago cannot read. Export it as a PNG first."},
		{"a.jpg", []byte{0, 1, 2, 3}, KindNotPicture, "a.jpg is not a picture that Galago knows. Choose a JPEG, PNG, GIF, BMP, TIFF, WebP, HEIC or AVIF file."},
		{"empty.png", nil, KindEmpty, "empty.png is empty. Copy or download it again."},
		{"", []byte{}, KindEmpty, "The picture is empty. Copy or download it again."},
		{"scan.png", huge, KindTooLarge, "scan.png measures 30,000 x 30,000 pixels; the limit is 100 megapixels. Make it smaller first."},
		{"strip.png", long, KindTooLarge, "strip.png measures 70,000 x 32 pixels; the limit is 65,535 pixels on a side. Make it smaller first."},
		{"half.jpg", photo[:len(photo)-200], KindDamaged, "half.jpg is cut short: its end is missing. Copy or download it again."},
		{"start.jpg", photo[:30], KindDamaged, "start.jpg is cut short: its end is missing. Copy or download it again."},
		{"half.png", pic[:len(pic)-30], KindDamaged, "half.png is cut short: its end is missing. Copy or download it again."},
		{"big.jpg", make([]byte, MaxBytes+1), KindTooBig, "big.jpg has 257 MB; the limit is 256 MB. Save it as a JPEG or make it smaller first."},
	}
	for _, c := range tests {
		_, err := Decode(c.name, c.data)
		wantError(t, err, c.kind, c.msg)
	}
}

// A cut at any place is an error or a picture, never a panic; JPEG, PNG and WebP must notice it.
func TestTruncatedAnywhere(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for n := range data {
			p, err := Decode("x", data[:n])
			var e *Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("%s cut at %d: %v", f, n, err)
			}
			if err == nil && p.Format == "jpeg" {
				t.Errorf("%s cut at %d of %d is accepted", f, n, len(data))
			}
		}
	}
}

// Headers that announce much must not make the decoder take memory.
func TestHugeHeadersTakeNoMemory(t *testing.T) {
	tif := encode(t, func(b *bytes.Buffer) error { return tiff.Encode(b, quarters(), nil) })
	dir := binary.LittleEndian.Uint32(tif[4:])
	for i := range binary.LittleEndian.Uint16(tif[dir:]) { // width and height are the tags 256 and 257
		e := tif[dir+2+12*uint32(i):]
		if tag := binary.LittleEndian.Uint16(e); tag == 256 || tag == 257 {
			binary.LittleEndian.PutUint16(e[2:], 4)
			binary.LittleEndian.PutUint32(e[8:], 40000)
		}
	}
	bm := encode(t, func(b *bytes.Buffer) error { return bmp.Encode(b, quarters()) })
	binary.LittleEndian.PutUint32(bm[18:], 50000)
	binary.LittleEndian.PutUint32(bm[22:], 50000)
	web, err := os.ReadFile("testdata/alpha.webp")
	if err != nil {
		t.Fatal(err)
	}
	copy(web[24:], []byte{0xff, 0x7f, 0, 0xff, 0x7f, 0})
	gf := encode(t, func(b *bytes.Buffer) error { return gif.Encode(b, quarters(), nil) })
	copy(gf[6:], []byte{0xff, 0xff, 0xff, 0xff})
	for format, data := range map[string][]byte{"tiff": tif, "bmp": bm, "webp": web, "gif": gf} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode("x", data)
		runtime.ReadMemStats(&after)
		var e *Error
		if !errors.As(err, &e) || e.Kind != KindTooLarge {
			t.Errorf("%s: %v", format, err)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
			t.Errorf("%s took %d bytes", format, took)
		}
	}
}

func TestDecoderPanics(t *testing.T) {
	err := func() (err error) {
		defer recoverAs("x.png", &err)
		panic("index out of range")
	}()
	wantError(t, err, KindDamaged, "x.png is damaged and cannot be read. Copy or download it again.")
}

func TestOpenRefusals(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	wantError(t, err, KindFolder, filepath.Base(dir)+" is a folder. Choose a picture inside it.")
	_, err = Open(filepath.Join(dir, "gone.png"))
	wantError(t, err, KindMissing, "gone.png is no longer there. It was moved, renamed or deleted; choose it again.")

	big := filepath.Join(dir, "big.tiff")
	if err := os.WriteFile(big, []byte("II*\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, 300<<20); err != nil {
		t.Fatal(err)
	}
	_, err = Open(big)
	wantError(t, err, KindTooBig, "big.tiff has 300 MB; the limit is 256 MB. Save it as a JPEG or make it smaller first.")

	err = fileError("secret.png", &fs.PathError{Op: "open", Path: "secret.png", Err: fs.ErrPermission})
	wantError(t, err, KindUnreadable, "secret.png cannot be read: you do not have the permission. Change its permissions or copy it.")
	err = fileError("disk.png", &fs.PathError{Op: "read", Path: "disk.png", Err: errors.New("input/output error")})
	wantError(t, err, KindUnreadable, "disk.png cannot be read. Copy it to another folder or drive and try again.")
}

func TestOpenOddNames(t *testing.T) {
	for _, name := range []string{"a b.png", "50%#1.png", "Grüße 図.png", "picture"} {
		path := filepath.Join(t.TempDir(), name)
		data := pngOf(t, quarters())
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := Open(path)
		if err != nil || p.Name != name || p.Width != 48 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleError() {
	_, err := Decode("notes.png", []byte("Milk, eggs, bread"))
	fmt.Println(err)
	// Output: notes.png is not a picture: it holds text. Choose a JPEG, PNG, GIF, BMP, TIFF, WebP, HEIC or AVIF file.
}
