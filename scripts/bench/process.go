//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// of is a figure of a process, from a file in its folder of /proc; -1 where there is none. Without a name
// it is the file's first number.
func of(pid int, file, name string) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if name == "" { // the first of the numbers in a line
		n, _ := strconv.ParseFloat(strings.Fields(string(data) + " -1")[0], 64)
		return n
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && key == name {
			number, _, kilo := strings.Cut(strings.TrimSpace(value), " kB")
			n, err := strconv.ParseFloat(number, 64)
			if err != nil {
				return -1
			}
			if kilo {
				n *= 1024
			}
			return n
		}
	}
	return -1
}

// forget drops files from the system's memory, as far as no process has them mapped.
func forget(paths ...string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = f.Sync() // only what is on the disk can be dropped
		if err == nil {
			err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
		}
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// remember reads files, so that the system has them in memory.
func remember(paths ...string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
