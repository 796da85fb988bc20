//go:build !linux && !windows

package inference

import (
	"os"
	"syscall"
)

// childAttr gives the worker a process group of its own. Nothing kills it with its parent here: it leaves by itself at
// the end of its stdin.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func tieToParent(*os.Process) (release func(), err error) { return func() {}, nil }

func oomKills() uint64 { return 0 }
