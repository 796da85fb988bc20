package soak

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what a process takes of the system.
type Usage struct {
	PSS       float64 // MiB; pages that it shares count in part
	RSS       float64 // MiB
	Anonymous float64 // MiB; what is in no file
	Files     int     // open
	Threads   int
}

// UsageOf reads what a process takes.
func UsageOf(pid int) (u Usage, err error) {
	memory, err := lines(pid, "smaps_rollup")
	if err != nil {
		return u, err
	}
	status, err := lines(pid, "status")
	if err != nil {
		return u, err
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return u, err
	}
	const mib = 1024 // of kB
	return Usage{
		PSS: memory["Pss"] / mib, RSS: memory["Rss"] / mib, Anonymous: memory["Anonymous"] / mib,
		Files: len(files), Threads: int(status["Threads"]),
	}, nil
}

// lines are the numbers of a file such as /proc/PID/status.
func lines(pid int, name string) (map[string]float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		return nil, err
	}
	list := map[string]float64{}
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(line, ":")
		if words := strings.Fields(value); len(words) > 0 {
			if n, err := strconv.ParseFloat(words[0], 64); err == nil {
				list[key] = n
			}
		}
	}
	return list, nil
}

// Alive reports whether there is such a process. One that has ended but was not waited for is there as well: nobody has
// cleaned up after it.
func Alive(pid int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
	return err == nil
}

// Children are the processes that a process has started, those included that have ended and were not waited for.
func Children(pid int) (list []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range files {
		data, _ := os.ReadFile(file)
		for word := range strings.FieldsSeq(string(data)) {
			if child, err := strconv.Atoi(word); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// Marked are the processes that were started with a word in their environment.
func Marked(word string) (list []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		data, _ := os.ReadFile(file) // of others it cannot be read
		if !bytes.Contains(data, []byte(word)) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			list = append(list, pid)
		}
	}
	return list
}
