package llama

import (
	"errors"
	"path/filepath"
	"syscall"

	"galago/inference/protocol"
)

const errorModuleNotFound syscall.Errno = 126 // ERROR_MOD_NOT_FOUND: the library, or one that it needs

// openShared loads a library from its whole path, for good. Windows does not say which library was not found, so those
// that an engine needs are looked for.
func openShared(path string) (uintptr, error) {
	handle, err := loadWhole(path)
	if err == nil {
		return handle, nil
	}
	e := &cudaError{problem: protocol.CUDABroken, detail: filepath.Base(path) + ": " + err.Error()}
	if !errors.Is(err, errorModuleNotFound) {
		return 0, e
	}
	if _, err := syscall.LoadLibrary("nvcuda.dll"); err != nil {
		e.problem, e.library = protocol.CUDANoDriver, "nvcuda.dll"
		return 0, e
	}
	for _, pattern := range cudaRuntime[true] {
		if found, _ := filepath.Glob(filepath.Join(filepath.Dir(path), pattern)); len(found) == 0 {
			e.problem, e.library = protocol.CUDALibrary, pattern
			return 0, e
		}
	}
	return 0, e
}

// closeShared lets a library go.
func closeShared(library uintptr) { _ = syscall.FreeLibrary(syscall.Handle(library)) }

// symbol finds a function in a library.
func symbol(library uintptr, name string) (uintptr, error) {
	return syscall.GetProcAddress(syscall.Handle(library), name)
}
