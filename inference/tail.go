package inference

import (
	"io"
	"strings"
	"sync"
)

const (
	tailBytes = 64 << 10 // of a worker's stderr are kept
	tailLine  = 2 << 10  // bytes of one line; the rest of the line is dropped
)

// tail keeps the end of what a worker writes to stderr. One goroutine writes, any may read.
type tail struct {
	mu     sync.Mutex // owns all below
	buf    []byte
	column int   // bytes of the line that is being written
	total  int64 // bytes kept or forgotten so far
	marked int64 // value of total at the last mark
	copy   io.Writer
}

// Write takes a piece of stderr. It never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.copy != nil {
		_, _ = t.copy.Write(p) // a broken copy must not stop the worker's own log
	}
	for _, b := range p {
		if b == '\n' {
			t.column = 0
		} else if t.column++; t.column > tailLine {
			continue
		}
		t.buf = append(t.buf, b)
		t.total++
	}
	if over := len(t.buf) - tailBytes; over > tailBytes {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// mark makes since start here.
func (t *tail) mark() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.marked = t.total
}

// since is what was written after the last mark, as far as it is kept.
func (t *tail) since() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(int64(len(t.buf)), t.total-t.marked, tailBytes)
	return string(t.buf[int64(len(t.buf))-n:])
}

// written counts all bytes so far.
func (t *tail) written() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// lastLines is the end of text that helps a person: at most n lines, and of a Go stack dump, which would push
// everything else out, only its beginning.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "goroutine ") && strings.HasSuffix(line, ":") {
			lines = lines[:min(len(lines), i+n/4)]
			break
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
