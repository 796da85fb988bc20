//go:build linux

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// results are kept between runs, so that a run may measure some rows alone.
type results struct {
	path string

	Date, System, Processor, Threads, Commit, Llama string
	Rows                                            map[string]*figures
}

// figures are what was measured for one row. Ours[i] and Peer[i] were measured one right after the other.
type figures struct {
	Date, Commit, Load string
	Quick              bool
	Ours, Peer         []float64
	Notes              []string // what was not alike on both sides
}

func readResults(path string) (*results, error) {
	r := &results{path: path, Rows: map[string]*figures{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(data, r)
	}
	return r, err
}

func (r *results) save() error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(r.path, data, 0o644)
}

// machine fills in where and what is measured.
func (r *results) machine(o options) {
	r.Date = time.Now().Format("2 January 2006")
	r.System = cmp.Or(lineOf("/etc/os-release", "PRETTY_NAME", "="), runtime.GOOS)
	r.Processor = cmp.Or(lineOf("/proc/cpuinfo", "model name", ":"), "an unknown processor")
	r.Threads = fmt.Sprintf("%d cores, %d threads on each side", runtime.NumCPU(), o.threads)
	r.Commit = output("git", "rev-parse", "--short", "HEAD")
	if output("git", "status", "--porcelain", "--untracked-files=no", "--", "*.go") != "" {
		r.Commit += " and changes"
	}
	r.Llama = lineOf("scripts/versions.env", "LLAMA_TAG", "=")
}

// lineOf is the value of the first line of a file that begins with a name.
func lineOf(path, name, separator string) string {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

func output(name string, args ...string) string {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func loadAverage() string {
	data, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(data), " ")
	return first
}

// loads are the least and the highest load average.
func (r *results) loads() string {
	var all []float64
	for _, f := range r.Rows {
		if v, err := strconv.ParseFloat(f.Load, 64); err == nil {
			all = append(all, v)
		}
	}
	return fmt.Sprintf("%.1f to %.1f", slices.Min(all), slices.Max(all))
}

// ratio is the median of the pairs' ratios: what else the machine does meets both of a pair alike.
func (f *figures) ratio() (float64, bool) {
	var all []float64
	for i := range min(len(f.Ours), len(f.Peer)) {
		if f.Peer[i] > 0 {
			all = append(all, f.Ours[i]/f.Peer[i])
		}
	}
	if len(all) == 0 {
		return 0, false
	}
	return median(all), true
}

func median(list []float64) float64 {
	list = slices.Sorted(slices.Values(list))
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// The marks around this program's part of the document.
const beginMark, endMark = "<!-- speed:begin -->\n", "<!-- speed:end -->\n"

// replaceSection replaces what is between the marks, or adds both at the end.
func replaceSection(path, text string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	document := string(data)
	before, rest, begun := strings.Cut(document, beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	switch {
	case !begun && !strings.Contains(document, endMark):
		before, after = strings.TrimRight(document, "\n")+"\n\n", ""
	case !begun || !ended:
		return fmt.Errorf("%s: one of the marks of the speed section is missing", filepath.Base(path))
	}
	return os.WriteFile(path, []byte(before+beginMark+text+endMark+after), 0o644)
}
