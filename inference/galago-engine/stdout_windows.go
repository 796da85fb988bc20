package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// claimStdout keeps the real standard output for frames and gives everybody who asks later standard error.
func claimStdout() (*os.File, error) {
	frames := os.NewFile(os.Stdout.Fd(), "frames")
	if err := windows.SetStdHandle(windows.STD_OUTPUT_HANDLE, windows.Handle(os.Stderr.Fd())); err != nil {
		return nil, err
	}
	os.Stdout = os.Stderr
	return frames, nil
}
