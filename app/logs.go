package app

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// The log is galago.log in the state folder; older ones are galago.log.1, the newest of them, to galago.log.5.
const (
	logName  = "galago.log"
	logBytes = 2 << 20 // of one file
	logKept  = 5       // older files
)

// openLog makes the log in a folder. Without a folder for it nothing is logged.
func openLog(dir string) (logger *slog.Logger, done func()) {
	f, err := openLogFile(filepath.Join(dir, logName), logBytes, logKept)
	if err != nil {
		return slog.New(slog.DiscardHandler), func() {}
	}
	return slog.New(slog.NewTextHandler(f, nil)), func() { f.Close() }
}

// logFile is a file of limited size: when it is full, it is put aside under a number and another one begun.
// It may be written from several goroutines.
type logFile struct {
	path  string
	limit int64 // bytes
	kept  int   // files that were put aside

	mu   sync.Mutex // owns what follows
	file *os.File   // nil: closed, or could not be opened again
	size int64
	over bool // closed for good
}

// openLogFile continues the file at path, which is made with its folder where it is missing.
func openLogFile(path string, limit int64, kept int) (*logFile, error) {
	l := &logFile{path: path, limit: limit, kept: kept}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return l, l.open()
}

func (l *logFile) open() error {
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		err = f.Chmod(0o600) // of a version that was less careful
	}
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, info.Size()
	return nil
}

// Write appends a line. One that does not fit any more begins the next file.
func (l *logFile) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return 0, os.ErrClosed
	}
	if l.size > 0 && l.size+int64(len(line)) > l.limit {
		l.turnOver()
	}
	if l.file == nil {
		if err := l.open(); err != nil {
			return 0, err
		}
	}
	n, err := l.file.Write(line)
	l.size += int64(n)
	return n, err
}

// turnOver puts the file aside. Where that fails the file just grows on: better a long log than none.
func (l *logFile) turnOver() {
	if l.file != nil {
		l.file.Close() // first, since Windows renames no open file
		l.file = nil
	}
	for i := l.kept - 1; i >= 1; i-- {
		os.Rename(aside(l.path, i), aside(l.path, i+1))
	}
	os.Rename(l.path, aside(l.path, 1))
}

func aside(path string, number int) string { return fmt.Sprintf("%s.%d", path, number) }

// Close ends the log.
func (l *logFile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

// lastLines are at most n of the log's last lines, in order.
func lastLines(dir string, n int) ([]byte, error) {
	path := filepath.Join(dir, logName)
	text, err := os.ReadFile(path)
	text = tailLines(text, n)
	if missing := n - bytes.Count(text, []byte("\n")); missing > 0 {
		older, _ := os.ReadFile(aside(path, 1)) // there need not be one
		text = append(tailLines(older, missing), text...)
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return text, err
}

func tailLines(text []byte, n int) []byte {
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n') // its writer was ended in the middle of a line
	}
	at := len(text)
	for ; n > 0 && at > 0; n-- {
		at = bytes.LastIndexByte(text[:at-1], '\n') + 1
	}
	return text[at:]
}
