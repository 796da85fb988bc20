//go:build !windows

package llama

import "github.com/ebitengine/purego"

// openShared loads a library from its whole path, for good.
func openShared(path string) (uintptr, error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, loaderProblem(err.Error())
	}
	return handle, nil
}

// closeShared lets a library go.
func closeShared(library uintptr) { _ = purego.Dlclose(library) }

// symbol finds a function in a library, or in those that it needs.
func symbol(library uintptr, name string) (uintptr, error) { return purego.Dlsym(library, name) }
