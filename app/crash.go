package app

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"galago/inference/disk"
)

// While Galago runs, a file in the folder of crashes waits for what Go writes when the program dies: crashes cannot be
// written down by a program that is no longer sound. The next start makes a report of it, or throws it away where
// nothing was written. A lock tells the files of running windows from those that were left behind.
const (
	crashFolder   = "crashes"
	crashWaiting  = "running-*.txt" // for os.CreateTemp and filepath.Glob
	crashReports  = "crash-*.txt"
	crashesKept   = 10
	crashLogLines = 200

	crashBegin = "\n-- what Go wrote --\n"
)

// awaitCrash has Go write to a file in the state folder when the program dies. done takes the file away: all went well.
// A lack of it is no reason not to run, so an error is only for the log.
func awaitCrash(state, version string) (done func(), err error) {
	done = func() {}
	dir := filepath.Join(state, crashFolder)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return done, err
	}
	f, err := os.CreateTemp(dir, crashWaiting)
	if err != nil {
		return done, err
	}
	remove := func() {
		f.Close()
		os.Remove(f.Name())
	}
	locked, err := tryLock(f) // lasts until the program ends: Go keeps a duplicate
	if err == nil && !locked {
		err = errors.New("another program has the lock of a new file")
	}
	if err == nil {
		_, err = f.WriteString(crashHeader(version) + crashBegin)
	}
	if err == nil {
		err = debug.SetCrashOutput(f, debug.CrashOptions{})
	}
	if err != nil {
		remove()
		return done, err
	}
	debug.SetTraceback("all") // the goroutine that died may only be the victim of another
	return func() {
		debug.SetCrashOutput(nil, debug.CrashOptions{})
		remove()
	}, nil
}

func crashHeader(version string) string {
	return fmt.Sprintf("Galago %s ended unexpectedly.\n\nprogram: %s, %s %s/%s\nsystem: %s\nstarted: %s\n",
		version, version, runtime.Version(), runtime.GOOS, runtime.GOARCH, systemName(), time.Now().Format(time.RFC3339))
}

// crashes makes reports of what programs that died have left, and returns the reports' paths, oldest first. What can
// not be read is left for another time.
func crashes(state string) (reports []string, err error) {
	dir := filepath.Join(state, crashFolder)
	left, err := filepath.Glob(filepath.Join(dir, crashWaiting))
	for _, path := range left {
		report, e := crashReport(state, path)
		if e != nil {
			err = errors.Join(err, e)
		} else if report != "" {
			reports = append(reports, report)
		}
	}
	if len(reports) == 0 {
		return nil, err
	}
	slices.Sort(reports) // by time
	return reports, errors.Join(err, thin(dir, crashesKept))
}

// crashReport makes a report of one file; empty: its program still runs, or was ended without a word.
func crashReport(state, path string) (report string, _ error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil // its program has just ended well
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	if free, err := tryLock(f); err != nil || !free {
		return "", err
	}
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if _, written, whole := bytes.Cut(text, []byte(crashBegin)); whole && len(written) > 0 {
		if report, err = writeReport(state, info.ModTime(), text); err != nil {
			return "", err
		}
	}
	f.Close() // first, since Windows removes no open file
	return report, os.Remove(path)
}

// writeReport adds the end of the log to what a dead program wrote. Two that died in the same second get two names.
func writeReport(state string, died time.Time, text []byte) (path string, _ error) {
	text = append(text, fmt.Sprintf("\n-- the last %d lines of the log --\n", crashLogLines)...)
	log, err := lastLines(state, crashLogLines)
	if err != nil {
		log = fmt.Appendln(log, "(the log cannot be read:", err.Error()+")")
	}
	text = append(text, log...)
	name := strings.Replace(crashReports, "*", died.Format("20060102-150405"), 1)
	path = filepath.Join(state, crashFolder, name)
	for i := 2; ; i++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			break
		}
		path = filepath.Join(state, crashFolder, strings.TrimSuffix(name, ".txt")+fmt.Sprintf("-%d.txt", i))
	}
	return path, disk.Write(path, 0o600, text)
}

// thin removes the oldest reports.
func thin(dir string, keep int) error {
	reports, err := filepath.Glob(filepath.Join(dir, crashReports))
	slices.Sort(reports)
	for _, old := range reports[:max(len(reports)-keep, 0)] {
		err = errors.Join(err, os.Remove(old))
	}
	return err
}
