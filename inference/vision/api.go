// Package vision turns a picture file into the exact pixels that a model sees, and says what that costs in tokens.
//
// Files are hostile until checked: the type is read from the content, never from the name; width and height are read
// from the header and capped before any memory for pixels is taken.
package vision

import "image"

// Picture is a decoded picture: upright (EXIF orientation applied) and opaque (transparency laid on white).
// It is immutable and may be shared between goroutines.
type Picture struct {
	Name   string      // of the file, without its folder
	Format string      // jpeg, png, gif, bmp, tiff or webp, as sniffed
	Width  int         // upright
	Height int         // upright
	RGBA   *image.RGBA // upright and opaque
	Data   []byte      // the file's own bytes
	Note   string      // what a person should know, such as "animated: first frame only"; usually empty
}

// Grid is what a projector with dynamic resolution wants: pictures whose sides are multiples of Factor, with between
// MinTokens and MaxTokens tokens of Factor x Factor pixels. The zero Grid stands for projectors that resize by
// themselves.
type Grid struct {
	Factor    int
	MinTokens int
	MaxTokens int
}

// Prepared are the pixels that the model sees.
type Prepared struct {
	Width, Height int
	Tokens        int    // 0 when the Grid is zero: only the worker knows
	RGB           []byte // Width*Height*3 bytes
	Hash          string // of size and pixels
}
