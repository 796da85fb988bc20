package vram

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32             = windows.NewLazySystemDLL("kernel32.dll")
	getProcessMemoryInfo = kernel32.NewProc("K32GetProcessMemoryInfo")
	globalMemoryStatusEx = kernel32.NewProc("GlobalMemoryStatusEx")
)

// stillActive is STILL_ACTIVE: the exit code of a process that has not ended.
const stillActive = 259

// Resident returns the bytes of system memory that a process holds, as its working set. As on Linux the pages of a model
// file count that are mapped and loaded. The error says that there is no such process, or that it may not be asked.
func Resident(pid int) (uint64, error) {
	if pid <= 0 { // 0 is the idle process
		return 0, fmt.Errorf("resident memory of process %d: %w", pid, windows.ERROR_INVALID_PARAMETER)
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return 0, fmt.Errorf("resident memory of process %d: %w", pid, err)
	}
	defer windows.CloseHandle(process)
	var code uint32
	if windows.GetExitCodeProcess(process, &code) == nil && code != stillActive { // somebody holds a handle of one that ended
		return 0, fmt.Errorf("resident memory of process %d: %w", pid, os.ErrProcessDone)
	}
	var m struct { // PROCESS_MEMORY_COUNTERS
		size, faults            uint32
		peak, workingSet        uintptr
		_, _, _, _              uintptr // quotas of the kernel's pools
		pageFile, peakPageFiles uintptr
	}
	m.size = uint32(unsafe.Sizeof(m))
	if ok, _, err := getProcessMemoryInfo.Call(uintptr(process), uintptr(unsafe.Pointer(&m)), uintptr(m.size)); ok == 0 {
		return 0, fmt.Errorf("resident memory of process %d: %w", pid, err)
	}
	return uint64(m.workingSet), nil
}

// Anonymous is what Available grows by when the process ends, in bytes: on Windows all of Resident, since pages of a mapped
// model are not available while they are in a working set. It is 0 where there is no such process.
func Anonymous(pid int) uint64 {
	n, _ := Resident(pid)
	return n
}

// memoryStatus is MEMORYSTATUSEX.
type memoryStatus struct {
	size, load                uint32
	total, available          uint64
	commitLimit, commitLeft   uint64
	virtualTotal, virtualLeft uint64
	_                         uint64
}

func systemStatus() (m memoryStatus) {
	m.size = uint32(unsafe.Sizeof(m))
	if ok, _, _ := globalMemoryStatusEx.Call(uintptr(unsafe.Pointer(&m))); ok == 0 {
		return memoryStatus{}
	}
	return m
}

// System returns the bytes of system memory altogether, or 0 when Windows does not say.
func System() uint64 { return systemStatus().total }

// Available returns the bytes of system memory that programs can still take without others being paged out, or 0 when
// Windows does not say. With a small page file that may be less than what is free: nothing can be taken beyond what Windows
// commits to.
func Available() uint64 {
	m := systemStatus()
	return min(m.available, m.commitLeft)
}
