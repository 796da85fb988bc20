//go:build linux

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"galago/vram"
)

// report is all that is measured.
type report struct {
	options
	rest

	machine    machine
	loadAfter  string
	cold, warm []start
	card       string // what the window takes of a card's memory, as a sentence
	files      []file
}

// machine is where it was measured.
type machine struct {
	date, processor, system, load string
	cores                         int
}

func thisMachine() machine {
	model, _ := field("/proc/cpuinfo", "model name", ":")
	system, _ := field("/etc/os-release", "PRETTY_NAME", "=")
	cores, _ := filepath.Glob("/sys/devices/system/cpu/cpu[0-9]*")
	return machine{
		date: time.Now().Format("2 January 2006"), processor: cmp.Or(model, "an unknown processor"),
		system: cmp.Or(system, "Linux"), load: loadAverage(), cores: len(cores),
	}
}

// field is the value of the first line of a file that begins with a name.
func field(path, name, separator string) (string, error) {
	data, err := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(key) == name {
			return strings.Trim(strings.TrimSpace(value), `"`), nil
		}
	}
	return "", err
}

// loadAverage is of the last minute.
func loadAverage() string {
	data, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(data), " ")
	return cmp.Or(first, "unknown")
}

// file is a package.
type file struct {
	name  string
	bytes int64
}

// sizes are those of the packages in a folder, which need not be there.
func sizes(dir string) (list []file, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		if slices.Contains([]string{".xz", ".deb", ".zip", ".exe"}, filepath.Ext(e.Name())) {
			list = append(list, file{e.Name(), info.Size()})
		}
	}
	return list, err
}

// windowOnCard says what the window alone takes of a card's memory, on the display of whoever runs this, drawn by the card.
func windowOnCard(programs string) (string, error) {
	const none = "No figure: the machine has no NVIDIA card (`nvidia-smi` was not found), so nothing was drawn by one."
	if _, err := exec.LookPath("nvidia-smi"); err != nil {
		return none, nil
	}
	display := os.Getenv("DISPLAY")
	if display == "" {
		return "No figure: the machine has a card, but no display that it draws (`DISPLAY` is not set).", nil
	}
	home, err := newHome()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(home)
	env := slices.DeleteFunc(environment(display, home), func(v string) bool { return strings.HasPrefix(v, "LIBGL_ALWAYS_SOFTWARE=") })
	p, err := launch(programs, home, env)
	if err != nil {
		return "", err
	}
	defer p.stop()
	if err := p.loaded(); err != nil {
		return "", err
	}
	card, err := vram.Look(context.Background(), "")
	if err != nil {
		return "", err
	}
	held, known := card.Of(p.pid())
	if !known {
		return fmt.Sprintf("No figure: %s's driver does not list the window among the programs that hold its memory.", card.Name), nil
	}
	return fmt.Sprintf("%d MiB on %s, driver %s, as the driver counts the window's process.", held>>20, card.Name, card.Driver), nil
}

// The marks around this program's part of the document.
const beginMark, endMark = "<!-- footprint: written by make bench-footprint -->", "<!-- footprint: end -->"

// replaceSection replaces what is between the marks, or adds both at the end.
func replaceSection(path, text string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	out, err := spliced(data, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, out, 0o644)
}

func spliced(document []byte, text string) ([]byte, error) {
	section := beginMark + "\n" + text + endMark + "\n"
	before, rest, begun := bytes.Cut(document, []byte(beginMark+"\n"))
	_, after, ended := bytes.Cut(rest, []byte(endMark+"\n"))
	switch {
	case !begun && !bytes.Contains(document, []byte(endMark)):
		return slices.Concat(bytes.TrimRight(document, "\n"), []byte("\n\n"+section)), nil
	case !begun || !ended:
		return nil, errors.New("one of the marks of the footprint's section is missing")
	}
	return slices.Concat(before, []byte(section), after), nil
}

// spread is the median of durations and the range of them.
func spread(of []start, figure func(start) time.Duration) string {
	var list []time.Duration
	for _, s := range of {
		list = append(list, figure(s))
	}
	if len(list) == 0 {
		return "–"
	}
	slices.Sort(list)
	return fmt.Sprintf("**%d** (%d to %d)", median(list).Milliseconds(), list[0].Milliseconds(), list[len(list)-1].Milliseconds())
}

// median of a list in order.
func median(list []time.Duration) time.Duration {
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

func megabytes(n int64) string { return fmt.Sprintf("%.0f", float64(n)/1e6) }
