//go:build !linux && !windows

package vram

import "errors"

// Resident is written for Linux and Windows only.
func Resident(pid int) (uint64, error) {
	return 0, errors.New("the memory of processes can only be read on Linux and Windows in this version")
}

// Anonymous is written for Linux and Windows only; elsewhere it returns 0.
func Anonymous(pid int) uint64 { return 0 }

// System is written for Linux and Windows only; elsewhere it returns 0, for unknown.
func System() uint64 { return 0 }

// Available is written for Linux and Windows only; elsewhere it returns 0, for unknown.
func Available() uint64 { return 0 }
