package vision

import (
	"net/http"
	"strings"

	"galago/assets/words"
)

// Kind tells the reasons apart for which a picture is refused.
type Kind string

// The kinds.
const (
	KindMissing     Kind = "missing"     // no such file (any more)
	KindFolder      Kind = "folder"      // a folder, not a file
	KindUnreadable  Kind = "unreadable"  // permissions, a broken drive
	KindEmpty       Kind = "empty"       // no bytes
	KindTooBig      Kind = "too big"     // more than MaxBytes
	KindNotPicture  Kind = "not picture" // something else, or a kind of picture that Galago does not know
	KindTooLarge    Kind = "too large"   // more than MaxSide or MaxPixels
	KindDamaged     Kind = "damaged"     // truncated or broken
	KindUnsupported Kind = "unsupported" // a rare variant of a known format
)

// Error says why a picture was refused.
type Error struct {
	Kind Kind
	Name string // of the file; may be empty
	Msg  string // whole sentences for a person, with a way out
	Err  error  // cause, for a log; may be nil
}

func (e *Error) Error() string { return e.Msg }

func (e *Error) Unwrap() error { return e.Err }

// newError makes an Error whose Msg is the name followed by rest.
func newError(kind Kind, name, rest string) *Error {
	subject := name
	if subject == "" {
		subject = words.T("The picture")
	}
	return &Error{Kind: kind, Name: name, Msg: subject + " " + rest}
}

func errEmpty(name string) *Error {
	return newError(KindEmpty, name, words.T("is empty. Copy or download it again."))
}

func errTooBig(name string, size int64) *Error {
	return newError(KindTooBig, name, words.T("has %d MB; the limit is %d MB. Save it as a JPEG or make it smaller first.",
		(size+1<<20-1)>>20, MaxBytes>>20))
}

func errNotPicture(name string, head []byte) *Error {
	what, way := describe(head)
	if way == "" {
		way = words.T("Choose a JPEG, PNG, GIF, BMP, TIFF, WebP, HEIC or AVIF file.")
	}
	return newError(KindNotPicture, name, what+" "+way)
}

func errTooLarge(name string, w, h, most int) *Error {
	limit := words.T("%d megapixels", most/1_000_000)
	if w > MaxSide || h > MaxSide {
		limit = words.T("%s pixels on a side", thousands(MaxSide))
	}
	return newError(KindTooLarge, name, words.T("measures %s x %s pixels; the limit is %s. Make it smaller first.",
		thousands(w), thousands(h), limit))
}

// thousands writes 30000 as 30,000, or as the person's language has it.
func thousands(n int) string { return words.Thousands(n) }

// foreign is what people drop by mistake, by the bytes at an offset.
type foreign struct {
	offset int
	magic  string
	what   string
	way    string
}

func foreigners() []foreign {
	return []foreign{
		{0, "%PDF-", words.T("is a PDF document."), words.T("Export the page as a PNG or take a screenshot of it.")},
		{0, "\x00\x00\x00\x0cJXL ", words.T("is a JPEG XL picture, which Galago cannot read."), words.T("Save it as a JPEG or PNG first.")},
		{0, "\xff\x0a", words.T("is a JPEG XL picture, which Galago cannot read."), words.T("Save it as a JPEG or PNG first.")},
		{4, "jP  \r\n\x87\n", words.T("is a JPEG 2000 picture, which Galago cannot read."), words.T("Save it as a JPEG or PNG first.")},
		{0, "8BPS", words.T("is a Photoshop file, which Galago cannot read."), words.T("Export it as a JPEG or PNG first.")},
		{0, "\x00\x00\x01\x00", words.T("is an icon file, which Galago cannot read."), words.T("Save it as a PNG first.")},
		{0, "PK\x03\x04", words.T("is not a picture: it is an archive or an office document."), words.T("Take the pictures out of it first.")},
		{0, "GGUF", words.T("is not a picture: it is a model."), words.T("Open it as a model.")},
	}
}

// describe says what a file that is not a picture holds instead, and what to do about it, if that is known.
func describe(head []byte) (what, way string) {
	for _, f := range foreigners() {
		if end := f.offset + len(f.magic); len(head) >= end && string(head[f.offset:end]) == f.magic {
			return f.what, f.way
		}
	}
	text := string(head)
	if strings.Contains(text, "<svg") {
		return words.T("is an SVG drawing, which Galago cannot read."), words.T("Export it as a PNG first.")
	}
	mime := http.DetectContentType(head)
	switch {
	case strings.HasPrefix(mime, "text/"):
		return words.T("is not a picture: it holds text."), ""
	case strings.HasPrefix(mime, "video/"):
		return words.T("is not a picture: it is a video."), words.T("Take a screenshot of the moment you mean.")
	case strings.HasPrefix(mime, "audio/"):
		return words.T("is not a picture: it is a sound file."), ""
	}
	return words.T("is not a picture that Galago knows."), ""
}
