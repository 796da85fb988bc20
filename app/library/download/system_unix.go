//go:build unix

package download

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the system says apart from the errors that every system has.
var (
	offlineErrors []error
	refusedErrors []error
	fullErrors    = []error{unix.EDQUOT}
)

// free is the room that a person's programs have on a folder's disk, in bytes.
func free(folder string) (uint64, error) {
	var s unix.Statfs_t
	for {
		if err := unix.Statfs(folder, &s); !errors.Is(err, unix.EINTR) {
			return uint64(s.Bavail) * uint64(s.Bsize), err
		}
	}
}

// diskOf tells disks apart.
func diskOf(_ string, info fs.FileInfo) any {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Dev
	}
	return nil
}

// names is how many names a file has on its disk.
func names(info fs.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Nlink)
	}
	return 1
}

// noFollow makes opening a symbolic link fail.
const noFollow = unix.O_NOFOLLOW

// lock takes a file for this process; false where another one has it. The kernel gives it back when the process ends,
// however it ends. File systems that cannot lock are left alone.
func lock(f *os.File) bool {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case errors.Is(err, unix.EINTR):
		default:
			return !errors.Is(err, unix.EWOULDBLOCK)
		}
	}
}
