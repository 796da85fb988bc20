//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor time in /proc/PID/stat on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// threads sums what the threads of a process computed, and how long they were ready to compute and had no core.
func threads(pid int) (computed, waited time.Duration, err error) {
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, 0, err
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended
		}
		if err != nil {
			return 0, 0, err
		}
		var c, w time.Duration
		if _, err := fmt.Sscan(string(data), &c, &w); err != nil {
			return 0, 0, fmt.Errorf("%s: %w", path, err)
		}
		computed += c
		waited += w
	}
	return computed, waited, nil
}

// processor is how long all threads of a process have computed, also those that have ended.
func processor(pid int) (time.Duration, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:])) // the name may have spaces in it
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// diskRead is how many bytes a process had the disk read for it.
func diskRead(pid int) (int64, error) {
	return figure(fmt.Sprintf("/proc/%d/io", pid), "read_bytes:")
}

// memory is what a process holds of the system's, in bytes.
type memory struct {
	resident  int64 // all pages of it that are in memory
	share     int64 // the same, but pages that several programs use are divided among them
	anonymous int64 // the part of share that is no file's
	peak      int64 // the most that was resident
}

func memoryOf(pid int) (m memory, err error) {
	rollup := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	for _, f := range []struct {
		to         *int64
		path, name string
	}{
		{&m.resident, rollup, "Rss:"},
		{&m.share, rollup, "Pss:"},
		{&m.anonymous, rollup, "Pss_Anon:"},
		{&m.peak, fmt.Sprintf("/proc/%d/status", pid), "VmHWM:"},
	} {
		kB, err := figure(f.path, f.name)
		if err != nil {
			return m, err
		}
		*f.to = kB << 10
	}
	return m, nil
}

// figure reads the number after a name in a file of /proc.
func figure(path, name string) (int64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}

// child is the engine of a window.
func child(pid int) (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	paths, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // of the thread that started it
	for _, path := range paths {
		more, _ := os.ReadFile(path)
		data = append(append(data, ' '), more...)
	}
	for _, f := range strings.Fields(string(data)) {
		n, err := strconv.Atoi(f)
		if err != nil {
			continue
		}
		if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", n)); strings.HasPrefix(string(name), "galago-engine") {
			return n, nil
		}
	}
	return 0, errors.Join(errors.New("the window has no engine"), err)
}
