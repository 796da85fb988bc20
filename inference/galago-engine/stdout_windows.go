package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// claimStdout keeps the real standard output for frames and gives everybody who asks later standard error. It is the same
// *os.File: a second one of the same handle would lose it when the first is collected as garbage, which closes it.
func claimStdout() (*os.File, error) {
	frames := os.Stdout
	if err := windows.SetStdHandle(windows.STD_OUTPUT_HANDLE, windows.Handle(os.Stderr.Fd())); err != nil {
		return nil, err
	}
	os.Stdout = os.Stderr
	return frames, nil
}
