//go:build !linux

package engines

func libc() string { return "" }
