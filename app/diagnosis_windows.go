package app

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// dieWithUs keeps a console window from flashing up. The doctor ends by itself, since every one of its looks is bounded.
func dieWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NO_WINDOW}
}
