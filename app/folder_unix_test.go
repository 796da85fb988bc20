//go:build unix

package app

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The file manager gets the folder as it is, and the offer is taken.
func TestFolderIsShown(t *testing.T) {
	bin, seen := t.TempDir(), filepath.Join(t.TempDir(), "seen")
	if err := syscall.Mkfifo(seen, 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(bin, "xdg-open"), []byte("#!/bin/sh\nprintf '%s|' \"$#\" \"$1\" > "+seen+"\n"))
	if err := os.Chmod(filepath.Join(bin, "xdg-open"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	view := &banners{}
	r := &reporting{View: view}
	r.offerReports("/state/a b; $(c)/crash-1.txt")
	view.now.Do()
	if got := readText(t, seen); got != "1|/state/a b; $(c)|" {
		t.Errorf("the file manager was started with %q", got)
	}
	if len(view.said) != 0 || view.now != nil {
		t.Errorf("said %q, strip %v", view.said, view.now)
	}
}
