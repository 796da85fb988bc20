//go:build !windows

package llama

import "github.com/ebitengine/purego"

// progressCallback makes a C function of f.
func progressCallback(f func(progress float32) bool) uintptr {
	return purego.NewCallback(func(progress float32, _ uintptr) uintptr { return truth(f(progress)) })
}
