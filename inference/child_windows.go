package inference

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// childAttr keeps a console window from flashing up, and Ctrl-C from reaching the worker before its parent has
// cancelled in good order.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		HideWindow:    true,
		CreationFlags: windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP,
	}
}

// tieToParent puts the worker into a job that Windows ends when its last handle closes, which is when this process
// ends however it ends. Until then the worker leaves by itself at the end of its stdin.
func tieToParent(p *os.Process) (release func(), err error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = windows.CloseHandle(job)
		}
	}()
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if _, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		return nil, err
	}
	var assign error
	if err = p.WithHandle(func(h uintptr) { assign = windows.AssignProcessToJobObject(job, windows.Handle(h)) }); err != nil {
		return nil, err
	}
	if err = assign; err != nil {
		return nil, err
	}
	return func() { _ = windows.CloseHandle(job) }, nil
}

// oomKills is always 0: Windows ends no process for memory.
func oomKills() uint64 { return 0 }
