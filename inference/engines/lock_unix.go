//go:build !windows

package engines

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lock waits until no other program has the file, until this one closes it or ends, however it ends. Nobody has it for
// long. File systems that cannot lock are left alone.
func lock(f *os.File) {
	for errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX), unix.EINTR) {
	}
}
