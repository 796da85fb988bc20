package download

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/windows"
)

// What the system says apart from the errors that every system has. Go's own names for those of the network stand for
// other numbers here.
var (
	refusedErrors = []error{windows.WSAECONNREFUSED}
	offlineErrors = []error{windows.WSAENETUNREACH, windows.WSAEHOSTUNREACH, windows.WSAENETDOWN}
	fullErrors    = []error{windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL}
)

// free is the room that a person's programs have on a folder's disk, in bytes.
func free(folder string) (uint64, error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, err
	}
	var n uint64
	err = windows.GetDiskFreeSpaceEx(path, &n, nil, nil)
	return n, err
}

// diskOf tells disks apart.
func diskOf(path string, _ fs.FileInfo) any { return strings.ToUpper(filepath.VolumeName(path)) }

// names is how many names a file has on its disk: not looked up here.
func names(fs.FileInfo) int { return 1 }

// noFollow is not known here; what was opened is compared with what lies there.
const noFollow = 0

// lock takes a file for this process; false where another one has it. Windows gives it back when the process ends. The byte that
// is locked lies far behind any file, because others could not read it.
func lock(f *os.File) bool {
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{OffsetHigh: 1 << 30})
	return !errors.Is(err, windows.ERROR_LOCK_VIOLATION) && !errors.Is(err, windows.ERROR_IO_PENDING)
}
