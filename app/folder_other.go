//go:build !windows

package app

import "os/exec"

const fileManager = "xdg-open"

// browser is the command that opens an address.
func browser(address string) *exec.Cmd { return exec.Command("xdg-open", address) }
