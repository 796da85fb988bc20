//go:build !windows

package engines

import (
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A disk that does not answer costs a moment, and the next engine counts.
func TestADiskThatDoesNotAnswer(t *testing.T) {
	home(t)
	besideEngine(t)
	defer func(real time.Duration) { readLimit = real }(readLimit)
	readLimit = 50 * time.Millisecond
	dir := engineIn(t, t.TempDir(), "good")
	pipe := filepath.Join(dir, aboutFile)
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	defer func() { // lets the reader go
		if fd, err := unix.Open(pipe, unix.O_RDWR|unix.O_NONBLOCK, 0); err == nil {
			unix.Close(fd)
		}
	}()
	next := installed(t, "cuda13")
	if err := change(func(c *choice) { c.Named, c.Installed = dir, "cuda13" }); err != nil {
		t.Fatal(err)
	}
	if e, ok := Current(); !ok || e.Dir != next {
		t.Errorf("%+v", e)
	}
}
