//go:build !windows

package disk

// Retry does something once; on Windows it tries again while another program has a file open.
func Retry(do func() error) error { return do() }
