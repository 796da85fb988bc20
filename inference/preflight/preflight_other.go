//go:build !linux && !windows

package preflight

// missing: elsewhere the binding brings its own libffi.
func missing() string { return "" }
