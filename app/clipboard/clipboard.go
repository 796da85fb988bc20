// Package clipboard takes pictures from the system's clipboard and puts them there. Text is the toolkit's.
//
// On Linux it speaks X11 itself, also to a Wayland desktop, whose own clipboard XWayland passes on to a window that has
// the keyboard. golang.design/x/clipboard does not do there: it wants libX11.so, which only development packages bring,
// takes nothing that is sent in pieces (which is every larger picture of GTK, Qt and the browsers), knows only PNG, and
// waits for ever for a program that hangs.
package clipboard

import (
	"context"
	"errors"
	"time"
)

// The limits of what is read.
const (
	MaxBytes = 256 << 20
	patience = 3 * time.Second // with the program that holds the clipboard, from one piece to the next
)

// Errors that a caller may want to tell apart.
var (
	ErrSilent = errors.New("clipboard: the program that holds it does not answer")
	ErrLarge  = errors.New("clipboard: too large")
	ErrNone   = errors.New("clipboard: this system has none")
)

// kinds are the pictures that are asked for, the best first.
var kinds = []string{
	"image/png", "image/jpeg", "image/webp", "image/tiff", "image/bmp", "image/x-bmp", "image/x-MS-bmp", "image/gif",
	"image/avif", "image/heic", "image/heif",
}

// texts are the kinds of plain text. Office programs offer a picture of copied words as well: then the words are meant.
var texts = []string{"UTF8_STRING", "text/plain;charset=utf-8", "text/plain", "STRING", "text/uri-list"}

// Image is the file of the picture in the clipboard; nil without an error when it holds none, or a text as well. It
// waits for other programs: call it off the main goroutine.
func Image(ctx context.Context) ([]byte, error) { return read(ctx) }

// SetImage puts a picture there, given as a PNG file. It stays until something else is copied or this program ends.
func SetImage(png []byte) error { return write(png) }

// pick is the best of the kinds that are offered; empty when there is none or a text is meant.
func pick(offered map[string]bool) string {
	for _, t := range texts {
		if offered[t] {
			return ""
		}
	}
	for _, k := range kinds {
		if offered[k] {
			return k
		}
	}
	return ""
}
