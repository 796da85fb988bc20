//go:build !windows && !(linux && cgo)

package vram

import "galago/assets/words"

// OpenNVML needs the NVIDIA driver's library, which this build cannot load.
func OpenNVML() (Source, error) {
	return nil, absent(words.T("This build of Galago cannot read NVIDIA cards. " +
		"Use the Linux build with cgo to see the card's memory."))
}
