//go:build !linux

package preflight

// missing: elsewhere the binding brings its own libffi.
func missing() string { return "" }
