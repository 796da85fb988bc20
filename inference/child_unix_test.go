//go:build !windows

package inference

import "syscall"

// alive reports whether a process exists that was not waited for.
func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }
