package app

import (
	"fmt"
	"os/exec"
	"runtime"

	"galago/assets/words"
)

// openFolder shows a folder in the system's file manager. The path is one of ours and goes through no shell. It does not
// wait for the file manager.
func openFolder(path string) error {
	name := "xdg-open"
	if runtime.GOOS == "windows" {
		name = "explorer.exe"
	}
	cmd := exec.Command(name, path)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", words.T("the folder could not be shown; it is %s", path), err)
	}
	go cmd.Wait() // so that nothing is left of it in the system
	return nil
}
