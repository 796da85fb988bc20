package vram

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Resident returns the bytes of system memory that a process holds, as its resident set (RSS) from /proc/PID/statm.
//
// RSS counts the pages of a model file that are mapped and loaded, which is what a person wants to know; it also
// counts libraries shared with other programs, a few MiB. The proportional figure of smaps_rollup would split those
// fairly, but the kernel walks every page for it with the process's memory map locked: with gigabytes mapped and two
// looks a second that slows the answer down. The error says that there is no such process.
func Resident(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("resident memory of process %d: %w", pid, err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("resident memory of process %d: unexpected %q", pid, text)
	}
	pages, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("resident memory of process %d: %w", pid, err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

// Anonymous is the part of Resident that no file backs, in bytes: what comes free when the process ends, while the pages of
// a mapped model count as available before. It is 0 where there is no such process.
func Anonymous(pid int) uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	fields := strings.Fields(string(text)) // size, resident, shared ...
	if err != nil || len(fields) < 3 {
		return 0
	}
	resident, err := strconv.ParseUint(fields[1], 10, 64)
	shared, err2 := strconv.ParseUint(fields[2], 10, 64)
	if err != nil || err2 != nil || shared > resident {
		return 0
	}
	return (resident - shared) * uint64(os.Getpagesize())
}

// System returns the bytes of system memory altogether, or 0 when the kernel does not say.
func System() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram) * uint64(info.Unit)
}

// Available returns the bytes of system memory that programs can still take without others being paged out, as the
// kernel estimates it (MemAvailable of /proc/meminfo), or 0 when it does not say.
func Available() uint64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return available(string(text))
}

func available(meminfo string) uint64 {
	for line := range strings.Lines(meminfo) {
		if fields := strings.Fields(line); len(fields) >= 2 && fields[0] == "MemAvailable:" {
			kib, _ := strconv.ParseUint(fields[1], 10, 54)
			return kib << 10
		}
	}
	return 0
}
