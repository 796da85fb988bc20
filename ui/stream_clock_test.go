//go:build !linux

package ui

import "time"

var started = time.Now()

// threadTime is the time of day, where that of a thread is not to be had.
func threadTime() time.Duration { return time.Since(started) }
