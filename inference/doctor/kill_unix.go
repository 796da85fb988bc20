//go:build !windows

package doctor

import (
	"os"
	"syscall"
)

// killGroup ends a worker and what it started: inference.AsWorker gives it a group of its own.
func killGroup(p *os.Process) {
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL) // it may be gone
	_ = p.Kill()
}
