package vision

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"

	"galago/assets/words"
	"galago/inference/vision/heif"
)

// errSize is a file whose pixels do not have the size that its header announced.
var errSize = errors.New("pixels differ in size from the header")

func decodeImage(h Header, name string, data []byte) (img image.Image, err error) {
	defer recoverAs(name, &err)
	img, err = decodePixels(h, data)
	if err == nil && h.Format != "gif" && h.Format != "webp" && h.Format != "heic" {
		if b := img.Bounds(); b.Dx() != h.Width || b.Dy() != h.Height {
			err = errSize
		}
	}
	if err != nil {
		return nil, decodeError(name, h.Format, err)
	}
	return img, nil
}

func decodePixels(h Header, data []byte) (image.Image, error) {
	r := bytes.NewReader(data)
	switch h.Format {
	case "jpeg":
		return jpeg.Decode(r)
	case "png":
		return png.Decode(r)
	case "gif":
		return gif.Decode(r) // the first frame, at its place on the screen
	case "bmp":
		return bmp.Decode(r)
	case "tiff":
		return tiff.Decode(r)
	case "webp":
		if h.Animated {
			return firstWebPFrame(data, image.Rect(0, 0, h.Width, h.Height))
		}
		return decodeWebP(r)
	case "heic", "avif":
		return heif.Decode(data, h.heif)
	}
	return nil, fmt.Errorf("unknown format %q", h.Format)
}

// decodeWebP decodes a still picture. Lossy WebP has video's narrow range, where black is 16 and white 235, but the
// decoder returns its planes as if they had JPEG's full range: left as they are, pictures come out pale.
func decodeWebP(r io.Reader) (image.Image, error) {
	img, err := webp.Decode(r)
	switch m := img.(type) {
	case *image.YCbCr:
		widen(m)
	case *image.NYCbCrA:
		widen(&m.YCbCr)
	}
	return img, err
}

// widen stretches the planes to the full range, in place.
func widen(m *image.YCbCr) {
	var luma, chroma [256]byte
	for i := range 256 {
		luma[i] = clamp8((float64(i)-16)*255/219 + 0.5)
		chroma[i] = clamp8((float64(i)-128)*255/224 + 128.5)
	}
	stretch := func(plane []byte, table *[256]byte) {
		for i, v := range plane {
			plane[i] = table[v]
		}
	}
	stretch(m.Y, &luma)
	stretch(m.Cb, &chroma)
	stretch(m.Cr, &chroma)
}

func clamp8(v float64) byte { return byte(max(0, min(255, v))) }

// decodeError words a decoder's complaint.
func decodeError(name, format string, err error) *Error {
	var (
		jpegUnsupported jpeg.UnsupportedError
		pngUnsupported  png.UnsupportedError
		tiffUnsupported tiff.UnsupportedError
	)
	kind, rest := KindDamaged, words.T("is damaged and cannot be read. Copy or download it again.")
	switch {
	case errors.As(err, &jpegUnsupported), errors.As(err, &pngUnsupported), errors.As(err, &tiffUnsupported),
		errors.Is(err, bmp.ErrUnsupported):
		kind = KindUnsupported
		rest = words.T("is a rare kind of %s that Galago cannot read. Save it as an ordinary JPEG or PNG first.", display(format))
	case errors.Is(err, heif.ErrUnsupported):
		kind = KindUnsupported
		rest = words.T("is a rare kind of %s that Galago cannot read. Save it as an ordinary JPEG or PNG first.", display(format))
	case errors.Is(err, heif.ErrTime):
		kind = KindUnsupported
		rest = words.T("takes too long to read. Save it as an ordinary JPEG or PNG first.")
	case isShort(err):
		rest = words.T("is cut short: its end is missing. Copy or download it again.")
	}
	e := newError(kind, name, rest)
	e.Err = err
	return e
}

// isShort reports whether a decoder ran out of bytes. The GIF and TIFF decoders say so in words only.
func isShort(err error) bool {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, heif.ErrShort) {
		return true
	}
	s := err.Error()
	return strings.Contains(s, "EOF") || strings.Contains(s, "not enough")
}

func display(format string) string {
	if format == "webp" {
		return "WebP"
	}
	return strings.ToUpper(format)
}

// onWhite lays an image on white, on the whole screen of a GIF or an animation.
func onWhite(img image.Image, h Header) *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, h.Width, h.Height))
	if b := img.Bounds(); h.Format != "gif" && h.Format != "webp" {
		dst = image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	}
	if n, ok := img.(*image.NRGBA); ok && h.Format == "bmp" && allClear(n) {
		img = opaque(n) // a fourth byte that the writer left at zero is padding
	}
	op := draw.Over
	if o, ok := img.(interface{ Opaque() bool }); ok && img.Bounds().Size() == dst.Rect.Size() && o.Opaque() {
		op = draw.Src
	}
	// A GIF's or animation's frame keeps its place; others begin at their own corner.
	origin := image.Point{}
	if h.Format != "gif" && h.Format != "webp" {
		origin = img.Bounds().Min
	}
	strips(dst.Rect.Dy(), func(y0, y1 int) {
		r := image.Rect(0, y0, dst.Rect.Dx(), y1)
		if op == draw.Over {
			draw.Draw(dst, r, image.NewUniform(color.White), image.Point{}, draw.Src)
		}
		r = r.Intersect(img.Bounds().Sub(origin))
		draw.Draw(dst, r, img, r.Min.Add(origin), op)
	})
	return dst
}

func allClear(n *image.NRGBA) bool {
	for i := 3; i < len(n.Pix); i += 4 {
		if n.Pix[i] != 0 {
			return false
		}
	}
	return true
}

func opaque(n *image.NRGBA) *image.NRGBA {
	for i := 3; i < len(n.Pix); i += 4 {
		n.Pix[i] = 0xff
	}
	return n
}

// strips shares n rows among the processors.
func strips(n int, work func(from, to int)) {
	parts := max(1, min(runtime.GOMAXPROCS(0), n/64))
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() { work(n*i/parts, n*(i+1)/parts) })
	}
	wg.Wait()
}
