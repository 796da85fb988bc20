package gguf

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"galago/assets/words"
)

// The reasons for which a file is refused, for errors.Is.
var (
	ErrNotGGUF    = errors.New("not a GGUF file")
	ErrTruncated  = errors.New("file is truncated")
	ErrVersion    = errors.New("unknown version or type")
	ErrDamaged    = errors.New("file is damaged")
	ErrUnreadable = errors.New("file cannot be read")
	ErrMismatch   = errors.New("files do not belong together")
)

// Error says why a file was refused.
type Error struct {
	Kind error  // one of the Err variables above
	Name string // of the file, without its folder
	Msg  string // whole sentences for a person, with a way out
	Err  error  // cause, such as an *fs.PathError; may be nil
}

func (e *Error) Error() string { return e.Msg }

func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func newError(kind error, name, rest string) *Error {
	return &Error{Kind: kind, Name: name, Msg: name + " " + rest}
}

func fileError(name string, err error) *Error {
	e := newError(ErrUnreadable, name, words.T("cannot be read. Copy it to another folder or drive and try again."))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e = newError(ErrUnreadable, name, words.T("is not there. It was moved, renamed or deleted; choose it again."))
	case errors.Is(err, fs.ErrPermission):
		e = newError(ErrUnreadable, name, words.T("cannot be read: you do not have the permission. Change its permissions or copy it."))
	}
	e.Err = err
	return e
}

// notGGUF guesses what a file is instead, from its first bytes.
func notGGUF(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("version https://git-lfs")):
		return words.T("is only a pointer to the model, not the model. Download the file itself.")
	case bytes.HasPrefix(head, []byte("ggml")), bytes.HasPrefix(head, []byte("lmgg")), bytes.HasPrefix(head, []byte("tjgg")):
		return words.T("is a model in an outdated format. Look for a GGUF file of it.")
	case strings.HasPrefix(http.DetectContentType(head), "text/html"):
		return words.T("is a web page, not a model. Download the file itself.")
	}
	return words.T("is not a GGUF model. Choose a file that ends in .gguf.")
}

// megabytes writes sizes as download pages do, in powers of ten.
func megabytes(n int64) string {
	if n >= 1e9 {
		return fmt.Sprintf("%.2f GB", float64(n)/1e9)
	}
	if n < 1e5 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
