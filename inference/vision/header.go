package vision

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"

	"galago/assets/words"
	"galago/inference/vision/heif"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// sniffLen is how many bytes decide what a file is.
const sniffLen = 512

// Header is what a picture file says of itself before its pixels are decoded.
type Header struct {
	Format        string // jpeg, png, gif, bmp, tiff, webp, heic or avif
	Width, Height int    // as stored, before Orientation is applied; between 1 and MaxSide
	Orientation   int    // as EXIF counts: 1 (upright) to 8
	Animated      bool   // more frames follow the first

	heif heif.Info // of heic and avif
}

// Sniff tells a picture's format by its first bytes, of which 16 are enough. It is empty when they are not a picture.
func Sniff(head []byte) string {
	at := func(offset int, magic string) bool {
		return len(head) >= offset+len(magic) && string(head[offset:offset+len(magic)]) == magic
	}
	switch {
	case at(0, "\xff\xd8\xff"):
		return "jpeg"
	case at(0, "\x89PNG\r\n\x1a\n"):
		return "png"
	case at(0, "GIF87a"), at(0, "GIF89a"):
		return "gif"
	case at(0, "BM") && at(6, "\x00\x00\x00\x00"): // reserved fields, always zero; "BM" alone begins many a text
		return "bmp"
	case at(0, "II*\x00"), at(0, "MM\x00*"):
		return "tiff"
	case at(0, "RIFF") && at(8, "WEBP"):
		return "webp"
	case at(4, "ftypavi"):
		return "avif"
	case heif.Sniff(head):
		return "heic" // or avif, as its boxes say
	}
	return ""
}

// ReadHeader reads what a picture says of itself and refuses what Decode would refuse for its kind or size. It takes
// no memory for pixels. Errors are of type *Error.
func ReadHeader(name string, data []byte) (h Header, err error) {
	defer recoverAs(name, &err)
	if len(data) == 0 {
		return Header{}, errEmpty(name)
	}
	if len(data) > MaxBytes {
		return Header{}, errTooBig(name, int64(len(data)))
	}
	h = Header{Format: Sniff(data), Orientation: 1}
	if h.Format == "" {
		return Header{}, errNotPicture(name, data[:min(len(data), sniffLen)])
	}
	if err := h.read(data); err != nil {
		return Header{}, decodeError(name, h.Format, err)
	}
	if h.Width <= 0 || h.Height <= 0 {
		return Header{}, newError(KindDamaged, name, words.T("is damaged: it says that it has no pixels. Copy or download it again."))
	}
	if most := h.maxPixels(); h.Width > MaxSide || h.Height > MaxSide || int64(h.Width)*int64(h.Height) > int64(most) {
		return Header{}, errTooLarge(name, h.Width, h.Height, most)
	}
	if h.heif.Codec == "" {
		h.Orientation = orientation(h.Format, data)
		h.Animated = animated(h.Format, data)
	}
	return h, nil
}

// read takes size and kind from the header.
func (h *Header) read(data []byte) (err error) {
	if h.Format == "heic" || h.Format == "avif" {
		if h.heif, err = heif.ReadInfo(data); err != nil {
			return err
		}
		h.Format = string(h.heif.Codec)
		h.Width, h.Height = h.heif.Width, h.heif.Height
		h.Orientation, h.Animated = h.heif.Orientation, h.heif.Sequence
		return nil
	}
	c, err := decodeConfig(h.Format, data)
	h.Width, h.Height = c.Width, c.Height
	return err
}

// maxPixels is MaxPixels, or what the decoder of AVIF with more than 8 bits a colour has memory for.
func (h *Header) maxPixels() int {
	if h.heif.Codec == heif.AV1 && h.heif.Deep {
		return maxDeepPixels
	}
	return MaxPixels
}

const maxDeepPixels = 50_000_000

func decodeConfig(format string, data []byte) (image.Config, error) {
	r := bytes.NewReader(data)
	switch format {
	case "jpeg":
		return jpeg.DecodeConfig(r)
	case "png":
		return png.DecodeConfig(r)
	case "gif":
		return gif.DecodeConfig(r)
	case "bmp":
		return bmp.DecodeConfig(r)
	case "tiff":
		return tiff.DecodeConfig(r)
	case "webp":
		return webp.DecodeConfig(r)
	}
	return image.Config{}, fmt.Errorf("unknown format %q", format)
}

// recoverAs turns a decoder's panic into an error: a hostile file must not take the window down.
func recoverAs(name string, err *error) {
	if p := recover(); p != nil {
		e := newError(KindDamaged, name, words.T("is damaged and cannot be read. Copy or download it again."))
		e.Err = fmt.Errorf("decoder panic: %v", p)
		*err = e
	}
}
