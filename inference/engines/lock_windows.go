package engines

import (
	"os"

	"golang.org/x/sys/windows"
)

// lock waits until no other program has the file, until this one closes it or ends, however it ends. Nobody has it for
// long. File systems that cannot lock are left alone.
func lock(f *os.File) {
	_ = windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &windows.Overlapped{})
}
