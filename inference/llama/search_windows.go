package llama

import (
	"path/filepath"
	"syscall"
	"unsafe"
)

// Flags of LoadLibraryEx (libloaderapi.h).
const (
	searchDLLLoadDir  = 0x00000100
	searchDefaultDirs = 0x00001000
)

var (
	kernel32                 = syscall.NewLazyDLL("kernel32.dll")
	setDefaultDLLDirectories = kernel32.NewProc("SetDefaultDllDirectories")
	addDLLDirectory          = kernel32.NewProc("AddDllDirectory")
	loadLibraryEx            = kernel32.NewProc("LoadLibraryExW")
)

// searchIn has Windows look for the libraries that a library needs in a folder too: beside the program, in System32 and
// in the folders named here, but neither in the folder that the program runs in nor along the PATH.
func searchIn(dir string) error {
	whole, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	name, err := syscall.UTF16PtrFromString(whole)
	if err != nil {
		return err
	}
	if ok, _, err := setDefaultDLLDirectories.Call(searchDefaultDirs); ok == 0 {
		return err
	}
	if cookie, _, err := addDLLDirectory.Call(uintptr(unsafe.Pointer(name))); cookie == 0 {
		return err
	}
	return nil
}

// loadWhole loads a library from its whole path; those that it needs are looked for in its folder first.
func loadWhole(path string) (uintptr, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	handle, _, err := loadLibraryEx.Call(uintptr(unsafe.Pointer(name)), 0, searchDLLLoadDir|searchDefaultDirs)
	if handle == 0 {
		return 0, err
	}
	return handle, nil
}
