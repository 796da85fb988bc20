package preflight

import (
	"os"
	"syscall"
	"unsafe"
)

// Flags of LoadLibraryEx and SetDefaultDllDirectories (libloaderapi.h).
const (
	searchDLLLoadDir  = 0x00000100
	searchSystem32    = 0x00000800
	searchDefaultDirs = 0x00001000
)

// missing never misses anything here: the binding carries a libffi inside. But it writes that into a folder of its own
// below the person's, in place and unchecked, where two programs that start together can find half of it, and where it
// stays behind. So the one in the folder of libraries is loaded before, and the binding finds it under its name.
//
// From here on libraries are looked for beside the program, in System32 and in the folders that the program names, but
// neither in the folder that it happens to run in nor along the PATH.
func missing() string {
	kernel := syscall.NewLazyDLL("kernel32.dll")
	call(kernel.NewProc("SetDefaultDllDirectories"), searchDefaultDirs)
	name, err := syscall.UTF16PtrFromString(libraries() + `\libffi-8.dll`)
	if err != nil {
		return ""
	}
	if call(kernel.NewProc("LoadLibraryExW"), uintptr(unsafe.Pointer(name)), 0, searchDLLLoadDir|searchSystem32) != 0 {
		os.Setenv("FFI_NO_EMBED", "1") // the binding's own word for it
	}
	return ""
}

// call calls a function of Windows; 0 where it is not there.
func call(f *syscall.LazyProc, args ...uintptr) uintptr {
	if f.Find() != nil {
		return 0
	}
	result, _, _ := f.Call(args...)
	return result
}

// libraries is llama.Libraries, which comes too late.
func libraries() string {
	if dir := os.Getenv("GALAGO_LIB"); dir != "" {
		return dir
	}
	exe, err := os.Executable()
	if err != nil {
		return "lib"
	}
	for i := len(exe) - 1; i >= 0; i-- {
		if exe[i] == '\\' || exe[i] == '/' {
			return exe[:i] + `\lib`
		}
	}
	return "lib"
}
