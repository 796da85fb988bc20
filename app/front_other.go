//go:build !linux && !windows

package app

import "fyne.io/fyne/v2"

// bringToFront raises a window and gives it the keyboard.
func bringToFront(w fyne.Window) { w.RequestFocus() }

// letOthersToFront has nothing to do.
func letOthersToFront() {}
