package store

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"galago/assets/words"
)

// What can be wrong, for errors.Is. The texts of all errors of this package are sentences for a person, without a
// capital letter and a full stop.
var (
	// ErrLocked: another process has the folder open.
	ErrLocked = words.Error(func() string {
		return words.T("these conversations are open in another window of Galago. Use that one, or close it first")
	})
	// ErrNotFound: there is no such conversation or turn, or it was deleted.
	ErrNotFound = words.Error(func() string { return words.T("this conversation or question is no longer there") })
	// ErrPictureMissing: the file of a picture is gone.
	ErrPictureMissing = words.Error(func() string { return words.T("the picture's file is no longer there") })
	// ErrPictureDamaged: the file of a picture holds something else than what was stored.
	ErrPictureDamaged = words.Error(func() string { return words.T("the picture's file is damaged") })
	// ErrPictureTooBig: more than MaxPicture bytes.
	ErrPictureTooBig = words.Error(func() string { return words.T("the picture is too big to be kept") })
	// ErrBadHash: a text is no SHA-256 in hexadecimal.
	ErrBadHash = words.Error(func() string { return words.T("not the name of a picture") })
	// ErrDamaged: the database turned out to be damaged while it was used. The next Open repairs it.
	ErrDamaged = words.Error(func() string {
		return words.T("the file with the conversations is damaged. Close Galago and open it again: it then repairs what can be read")
	})
)

// NewerError says that a later version of Galago wrote the database. Nothing in it was changed.
type NewerError struct {
	Found, Known int // versions of the schema
}

func (e *NewerError) Error() string {
	return words.T("the conversations were written by a newer Galago (format %d, this one knows %d). They are left as they are: update Galago to see them",
		e.Found, e.Known)
}

// errUnsound: the rows of a database contradict each other.
var errUnsound = errors.New("its tables contradict each other")

// code is SQLite's primary result code of an error, 0 if it is none of SQLite's.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// damaged reports whether SQLite says that a file is no sound database.
func damaged(err error) bool {
	c := code(err)
	return errors.Is(err, errUnsound) || c == lib.SQLITE_CORRUPT || c == lib.SQLITE_NOTADB || c == lib.SQLITE_FORMAT
}

// told puts what was being done and what a person can do about it before an error.
func told(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case damaged(err):
		return fmt.Errorf("%s: %w: %w", doing, ErrDamaged, err)
	case code(err) == lib.SQLITE_FULL, errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%s: %w", words.T("%s, the disk is full. Make room and try again", doing), err)
	case code(err) == lib.SQLITE_READONLY, code(err) == lib.SQLITE_CANTOPEN, errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w", words.T("%s, because their folder cannot be written to. Check its permissions", doing), err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
