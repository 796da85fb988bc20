// Package vision turns a picture file into the exact pixels that a model sees, and says what that costs in tokens.
//
// Files are hostile until checked: the type is read from the content, never from the name; width and height are read
// from the header and capped before any memory for pixels is taken; a decoder that panics is an error like any other.
// Every error that leaves this package is an *Error, whose text is written for the person who chose the file.
package vision

import (
	"errors"
	"image"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"galago/assets/words"
	"galago/inference/vision/heif"
)

// The limits of what is read. A picture of MaxPixels takes 400 MB once decoded, and for a moment more: 0.8 GB when it
// is turned, 1.2 GB with 16 bits a colour, 1.5 GB as a progressive JPEG without subsampling and 2.4 GB if that is CMYK.
const (
	MaxBytes  = 256 << 20   // of a file
	MaxSide   = 65535       // pixels; also the longest side that a JPEG can have
	MaxPixels = 100_000_000 // width times height
)

// Picture is a decoded picture: upright (EXIF orientation applied) and opaque (transparency laid on white).
// It is immutable and may be shared between goroutines.
type Picture struct {
	Name   string      // of the file, without its folder
	Format string      // jpeg, png, gif, bmp, tiff, webp, heic or avif, as sniffed
	Width  int         // of the file, upright
	Height int         // of the file, upright
	RGBA   *image.RGBA // upright and opaque; smaller than Width x Height above MaxKept
	Note   string      // what a person should know, such as "animated: first frame only"; usually empty
}

// noteAnimated is the Note of a picture of which only the beginning is used.
func noteAnimated() string { return words.T("animated: first frame only") }

// Open reads the picture in a file. Folders, pipes, empty files and files of more than MaxBytes are refused before
// they are read; then everything holds that holds for Decode. Errors are of type *Error.
func Open(path string) (*Picture, error) {
	data, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Decode(filepath.Base(path), data)
}

// ReadFile is the first half of Open: it returns the file's bytes for Decode, whose name is the path's last part. It
// may block for as long as a drive or a network does. Errors are of type *Error.
func ReadFile(path string) ([]byte, error) {
	name := filepath.Base(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(name, err)
	}
	switch {
	case info.IsDir():
		return nil, newError(KindFolder, name, words.T("is a folder. Choose a picture inside it."))
	case !info.Mode().IsRegular():
		return nil, newError(KindNotPicture, name, words.T("is not an ordinary file. Choose a picture file."))
	case info.Size() == 0:
		return nil, errEmpty(name)
	case info.Size() > MaxBytes:
		return nil, errTooBig(name, info.Size())
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer f.Close()
	// The beginning decides whether the rest is worth reading.
	head := make([]byte, min(info.Size(), sniffLen))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fileError(name, err)
	}
	if head = head[:n]; Sniff(head) == "" {
		return nil, errNotPicture(name, head)
	}
	data := make([]byte, info.Size())
	n, err = io.ReadFull(io.NewSectionReader(f, 0, info.Size()), data)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fileError(name, err)
	}
	return data[:n], nil // shorter when the file shrank meanwhile: the decoder notices
}

func fileError(name string, err error) *Error {
	e := newError(KindUnreadable, name, words.T("cannot be read. Copy it to another folder or drive and try again."))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e = newError(KindMissing, name, words.T("is no longer there. It was moved, renamed or deleted; choose it again."))
	case errors.Is(err, fs.ErrPermission):
		e = newError(KindUnreadable, name, words.T("cannot be read: you do not have the permission. Change its permissions or copy it."))
	}
	e.Err = err
	return e
}

// Decode reads a picture from memory, for example one that was pasted. The name stands in errors and in Picture.Name;
// it may be empty. The picture does not keep data. Errors are of type *Error.
func Decode(name string, data []byte) (*Picture, error) {
	h, err := ReadHeader(name, data)
	if err != nil {
		return nil, err
	}
	rgba, err := decodeUpright(h, name, data)
	if err != nil {
		return nil, err
	}
	p := &Picture{
		Name: name, Format: h.Format, RGBA: keep(rgba),
		Width: rgba.Rect.Dx(), Height: rgba.Rect.Dy(),
	}
	if h.Animated {
		p.Note = noteAnimated()
	}
	return p, nil
}

// decodeUpright decodes all pixels.
func decodeUpright(h Header, name string, data []byte) (*image.RGBA, error) {
	img, err := decodeImage(h, name, data)
	if err != nil {
		return nil, err
	}
	return upright(onWhite(img, h), h.Orientation), nil
}

// SetCache says where the decoders of HEIC and AVIF are kept once they are compiled, which takes about two seconds. To be
// called before the first picture is read; without it they are compiled in every start of the program that needs them.
func SetCache(folder string) { heif.SetCache(folder) }

// MaxKept is how many pixels of a picture are kept, at four bytes each: all of a phone's 12 megapixels, and three times
// as many as any model looks at (4,096 tokens of 32 x 32). Larger pictures are kept scaled down, or sixteen of them in
// one question would take gigabytes.
const MaxKept = 13_000_000

func keep(img *image.RGBA) *image.RGBA {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	if w*h <= MaxKept {
		return img
	}
	scale := math.Sqrt(MaxKept / (float64(w) * float64(h)))
	w, h = max(1, int(float64(w)*scale)), max(1, int(float64(h)*scale))
	return unpackRGB(resample(img, w, h), w, h)
}

// Thumbnail is the picture scaled down to fit into maxW x maxH pixels; a smaller picture keeps its size.
// A new image is made each time.
func (p *Picture) Thumbnail(maxW, maxH int) *image.RGBA {
	w, h := fit(p.Width, p.Height, maxW, maxH)
	return unpackRGB(resample(p.RGBA, w, h), w, h)
}

// fit is the largest size with the aspect ratio of w x h inside maxW x maxH, never larger than w x h nor below 1 x 1.
func fit(w, h, maxW, maxH int) (int, int) {
	scale := min(1, float64(maxW)/float64(w), float64(maxH)/float64(h))
	return max(1, int(float64(w)*scale+0.5)), max(1, int(float64(h)*scale+0.5))
}
