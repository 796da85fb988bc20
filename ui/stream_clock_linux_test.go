package ui

import (
	"syscall"
	"time"
	"unsafe"
)

// threadTime is how long the calling thread has computed. On a machine that does other things too it tells what an
// update costs, which the time of day does not.
func threadTime() time.Duration {
	const threadClock = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	if _, _, err := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, threadClock, uintptr(unsafe.Pointer(&t)), 0); err != 0 {
		panic(err)
	}
	return time.Duration(t.Nano())
}
