package app

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"golang.org/x/sys/windows"
)

var (
	user32                   = windows.NewLazySystemDLL("user32.dll")
	allowSetForegroundWindow = user32.NewProc("AllowSetForegroundWindow")
	isIconic                 = user32.NewProc("IsIconic")
	showWindow               = user32.NewProc("ShowWindow")
)

const (
	anyProcess = 0xFFFFFFFF // ASFW_ANY
	swRestore  = 9          // SW_RESTORE
)

// bringToFront raises a window and gives it the keyboard, because the person has just asked for it elsewhere.
func bringToFront(w fyne.Window) {
	if native, ok := w.(driver.NativeWindow); ok {
		native.RunNative(func(context any) {
			c, ok := context.(driver.WindowsWindowContext)
			if !ok {
				return
			}
			if minimised, _, _ := isIconic.Call(c.HWND); minimised != 0 {
				showWindow.Call(c.HWND, swRestore)
			}
		})
	}
	w.RequestFocus()
}

// letOthersToFront passes on the right to come to the front, which Windows gives to the program that a person has just
// started or clicked.
func letOthersToFront() { allowSetForegroundWindow.Call(anyProcess) }
