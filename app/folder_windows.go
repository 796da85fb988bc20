package app

import "os/exec"

const fileManager = "explorer.exe"

// browser is the command that opens an address.
func browser(address string) *exec.Cmd {
	return exec.Command("rundll32.exe", "url.dll,FileProtocolHandler", address)
}
