package doctor

import (
	"bytes"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// disk is a file system.
type disk struct {
	free uint64 // bytes that this user may still take
	id   uint64
	kind string // what makes it slow; mostly empty
	ok   bool
}

func diskOf(path string) disk {
	var s unix.Statfs_t
	if unix.Statfs(path, &s) != nil {
		return disk{}
	}
	d := disk{free: s.Bavail * uint64(s.Bsize), id: uint64(uint32(s.Fsid.Val[0]))<<32 | uint64(uint32(s.Fsid.Val[1])), ok: true}
	switch uint32(s.Type) {
	case unix.NFS_SUPER_MAGIC, 0xff534d42, 0xfe534d42: // CIFS and SMB2, which x/sys does not name
		d.kind = "a network drive"
	case unix.V9FS_MAGIC:
		d.kind = "a drive of the host system"
	case unix.FUSE_SUPER_MAGIC:
		d.kind = "a drive that a program provides (FUSE)"
	}
	return d
}

func writable(path string) bool { return unix.Access(path, unix.W_OK) == nil }

func usable(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK) == nil }

func kernelVersion() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	release, _, _ := bytes.Cut(u.Release[:], []byte{0})
	return "Linux " + string(release)
}

// addressLimit is the limit of this process's address space in bytes, 0 without one.
func addressLimit() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &r) != nil || r.Cur == unix.RLIM_INFINITY {
		return 0
	}
	return r.Cur
}

// system: Linux tells all of it in files.
var system facts

// libraries are those that a process has loaded.
func libraries(pid int) []string {
	maps, _ := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	return mapped(string(maps))
}
