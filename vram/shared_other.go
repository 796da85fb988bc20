//go:build !windows

package vram

// openShared is nil: elsewhere no driver moves a card's memory into the system's behind a program's back.
var openShared func() (sharedReader, error)
