//go:build unix

package app

import (
	"bufio"
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// tryLock takes a file's lock, or says that another process has it. The kernel gives it back when the process ends,
// however it ends.
func tryLock(f *os.File) (bool, error) {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		default:
			return false, err
		}
	}
}

// ownsPrivately reports whether a folder is this person's and closed to others.
func ownsPrivately(dir string) error {
	var s unix.Stat_t
	if err := unix.Lstat(dir, &s); err != nil {
		return err
	}
	switch {
	case s.Mode&unix.S_IFMT != unix.S_IFDIR:
		return errors.New("it is not a folder")
	case int(s.Uid) != os.Geteuid():
		return errors.New("it belongs to someone else")
	case s.Mode&0o077 != 0:
		return errors.New("others may use it")
	}
	return nil
}

// systemName is the system as its makers call it.
func systemName() string {
	var parts []string
	if f, err := os.Open("/etc/os-release"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "PRETTY_NAME="); ok {
				parts = append(parts, strings.Trim(name, `"`))
			}
		}
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		parts = append(parts, unix.ByteSliceToString(u.Sysname[:])+" "+unix.ByteSliceToString(u.Release[:]))
	}
	for _, name := range []string{"XDG_SESSION_TYPE", "XDG_CURRENT_DESKTOP"} {
		if v := os.Getenv(name); v != "" {
			parts = append(parts, v)
		}
	}
	return strings.Join(parts, ", ")
}
