package inference

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// childAttr makes the kernel kill the worker when the thread that started it ends, which is when this process ends
// however it ends. The worker gets a process group of its own, so that Ctrl-C in a terminal reaches only its parent,
// which then cancels in good order.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

func tieToParent(*os.Process) (release func(), err error) { return func() {}, nil }

// oomKills is how many processes the kernel has killed for memory since it started; 0 when it does not say.
func oomKills() uint64 {
	data, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), "\noom_kill ")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.ParseUint(line, 10, 64)
	return n
}
