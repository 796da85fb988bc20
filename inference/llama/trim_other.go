//go:build !linux

package llama

// trim does nothing: large blocks go back to the system at once.
func trim() {}
