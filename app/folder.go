package app

import (
	"fmt"
	"net/url"
	"os/exec"

	"galago/assets/words"
	"galago/inference/portable"
)

// openFolder shows a folder in the system's file manager. The path is one of ours and goes through no shell. It does not
// wait for the file manager.
func openFolder(path string) error {
	if err := show(exec.Command(fileManager, path)); err != nil {
		return fmt.Errorf("%s: %w", words.T("the folder could not be shown; it is %s", path), err)
	}
	return nil
}

// browse opens an address in the program that the person has for such.
func browse(u *url.URL) error { return show(browser(u.String())) }

// show starts a program that is not Galago's and does not wait for it.
func show(cmd *exec.Cmd) error {
	cmd.Env = portable.Environ()
	if err := cmd.Start(); err != nil {
		return err
	}
	go cmd.Wait() // so that nothing is left of it in the system
	return nil
}
