//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// claimStdout keeps the real standard output for frames and points file descriptor 1 at standard error, so that a
// stray printf in C cannot corrupt the stream.
func claimStdout() (*os.File, error) {
	fd, err := unix.Dup(1)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	if err := unix.Dup2(2, 1); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "frames"), nil
}
