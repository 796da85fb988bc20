// Package transfer takes a conversation out of Galago and brings one in: as Markdown to read, which lies beside a
// folder with its pictures, and as JSON that holds everything and can be imported again.
//
// What is written appears under its name only when it is whole and on the disk. What is read is hostile until it was
// checked: it is refused with a sentence and then has changed nothing.
package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"galago/app/chat/store"
	"galago/assets/words"
	"galago/inference/disk"
)

// Pictures returns the bytes of a picture's file, as store.Store.Picture does. Its errors store.ErrPictureMissing and
// store.ErrPictureDamaged leave the picture out; others end the export.
type Pictures func(store.Hash) ([]byte, error)

// Result is what an export came to.
type Result struct {
	Path    string // of the file
	Folder  string // with the pictures beside it; empty without
	Missing int    // pictures whose files are gone or damaged
}

// lost reports whether an error means that a picture is not there any more.
func lost(err error) bool {
	return errors.Is(err, store.ErrPictureMissing) || errors.Is(err, store.ErrPictureDamaged)
}

// writeFile puts a file into the place of another one, when all of it is on the disk.
func writeFile(path string, write func(io.Writer) error) error {
	return told(disk.Replace(path, 0o644, write))
}

// told says what a person can do about an error of the disk.
func told(err error) error {
	switch {
	case err == nil:
		return nil
	case full(err):
		return fmt.Errorf("%s: %w", words.T("the disk is full. Make room, or choose another folder, and try again"), err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w", words.T("the folder cannot be written to. Choose another one"), err)
	}
	return err
}

// maxName is how many characters a name has at most, without what is put around it.
const maxName = 60

// Name makes of a conversation's title a name for a file, without an ending, that every system takes.
func Name(title string) string { return safeName(title, words.T("Conversation")) }

// safeName makes of any text a name for a file; other is for a text that leaves nothing.
func safeName(text, other string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.Join(strings.Fields(strings.ToValidUTF8(text, "")), " ") {
		if n++; n > maxName || b.Len() > 180 {
			break
		}
		switch {
		case strings.ContainsRune(`<>:"/\|?*`, r), unicode.IsControl(r):
			b.WriteByte('-')
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Co, r): // invisible, and may turn the name around
		default:
			b.WriteRune(r)
		}
	}
	name := strings.Trim(b.String(), " .-_")
	if name == "" {
		return other
	}
	if stem, _, _ := strings.Cut(name, "."); reserved(strings.TrimSpace(stem)) {
		name = "_" + name
	}
	return name
}

// reserved reports whether Windows takes a name for a device.
func reserved(stem string) bool {
	stem = strings.ToUpper(stem)
	switch stem {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	for _, port := range []string{"COM", "LPT"} {
		if digit, ok := strings.CutPrefix(stem, port); ok && utf8.RuneCountInString(digit) == 1 && strings.ContainsAny(digit, "0123456789¹²³") {
			return true
		}
	}
	return false
}

// kind is the ending of a picture's file and its type, by its content.
func kind(data []byte) (ending, mime string) {
	switch mime = http.DetectContentType(data); mime {
	case "image/png":
		return ".png", mime
	case "image/jpeg":
		return ".jpg", mime
	case "image/gif":
		return ".gif", mime
	case "image/webp":
		return ".webp", mime
	case "image/bmp":
		return ".bmp", mime
	}
	switch {
	case bytes.HasPrefix(data, []byte("II*\x00")), bytes.HasPrefix(data, []byte("MM\x00*")):
		return ".tif", "image/tiff"
	case len(data) >= 12 && string(data[4:8]) == "ftyp":
		if brand := string(data[8:12]); brand == "avif" || brand == "avis" {
			return ".avif", "image/avif"
		}
		return ".heic", "image/heic"
	}
	return ".bin", "application/octet-stream"
}
