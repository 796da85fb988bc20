package app

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "galago")
	for _, said := range []string{"the first time", "the second time"} {
		logger, done := openLog(dir)
		logger.Info(said)
		done()
		logger.Info("too late")
	}
	text := readText(t, filepath.Join(dir, logName))
	if !strings.Contains(text, "the first time") || !strings.Contains(text, "the second time") || strings.Contains(text, "too late") {
		t.Errorf("the log holds %q", text)
	}
	logger, done := openLog(filepath.Join(write(t, filepath.Join(t.TempDir(), "file"), nil), "below"))
	logger.Info("to nobody")
	done()
}

func TestLogIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps a profile's folders from others by other means")
	}
	path := filepath.Join(t.TempDir(), logName)
	if err := os.WriteFile(path, []byte("old\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := openLogFile(path, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 3 {
		fmt.Fprintln(l, "a line")
	}
	for _, name := range []string{path, aside(path, 1)} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
}

func TestLogTurnsOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), logName)
	l, err := openLogFile(path, 40, 3)
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() { fmt.Fprintln(l, "one of ten") }) // 11 bytes: three fit
	}
	wait.Wait()
	for i := range 20 {
		fmt.Fprintln(l, "line", 10+i) // 8 bytes: five fit
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines := func(from, to int) (text string) {
		for i := from; i <= to; i++ {
			text += fmt.Sprintln("line", i)
		}
		return text
	}
	// The last of the ten leaves room for three lines.
	for name, want := range map[string]string{
		path: lines(28, 29), aside(path, 1): lines(23, 27), aside(path, 2): lines(18, 22), aside(path, 3): lines(13, 17),
	} {
		if got := readText(t, name); got != want {
			t.Errorf("%s holds %q, want %q", filepath.Base(name), got, want)
		}
	}
	if _, err := os.Stat(aside(path, 4)); !os.IsNotExist(err) {
		t.Errorf("there is a fourth file: %v", err)
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 4 {
		t.Errorf("there are %d files, want 4", len(files))
	}
}

func TestLogLineThatIsTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), logName)
	l, err := openLogFile(path, 10, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	long := strings.Repeat("x", 50) + "\n"
	for _, line := range []string{long, "short\n"} {
		if _, err := l.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if got := readText(t, path); got != "short\n" {
		t.Errorf("the file holds %q", got)
	}
	if got := readText(t, aside(path, 1)); got != long {
		t.Errorf("the older file holds %q", got)
	}
}

func TestLastLines(t *testing.T) {
	for _, c := range []struct {
		name, older, newer string
		n                  int
		want               string
	}{
		{"none", "", "", 3, ""},
		{"fewer", "", "a\nb\n", 3, "a\nb\n"},
		{"as many", "", "a\nb\nc\n", 3, "a\nb\nc\n"},
		{"more", "x\n", "a\nb\nc\nd\n", 3, "b\nc\nd\n"},
		{"from the older one too", "x\ny\nz\n", "a\n", 3, "y\nz\na\n"},
		{"cut off", "x\ny", "a\nb", 3, "y\na\nb\n"},
		{"empty lines", "", "\n\n\n\n", 2, "\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, logName)
			if c.newer != "" {
				write(t, path, []byte(c.newer))
			}
			if c.older != "" {
				write(t, aside(path, 1), []byte(c.older))
			}
			if got, err := lastLines(dir, c.n); err != nil || string(got) != c.want {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
}
