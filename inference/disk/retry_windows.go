package disk

import (
	"errors"
	"time"

	"golang.org/x/sys/windows"
)

// Retry does again, for about a second, what fails because another program has a file open: those that look for viruses
// or make an index open every new file for a moment. Elsewhere it does it once.
func Retry(do func() error) error {
	const longest = 512 * time.Millisecond
	for wait := time.Millisecond; ; wait *= 2 {
		err := do()
		if err == nil || wait > longest || !held(err) {
			return err
		}
		time.Sleep(wait)
	}
}

// held reports whether an error can be due to another program. Windows says "access denied" also where it is.
func held(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED)
}
