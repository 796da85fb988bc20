package preflight

import (
	"os"
	"path/filepath"
)

// missing is what to say when the dynamic loader will not find libffi.so.8: in the folder lib beside the program
// (its RUNPATH), nor where the system keeps its libraries.
func missing() string {
	const name = "libffi.so.8"
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	beside := filepath.Join(filepath.Dir(exe), "lib")
	places := append(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")),
		beside, "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib")
	for _, dir := range places {
		if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
			return ""
		}
	}
	return "galago-engine: " + name + " is missing. It belongs into " + beside +
		".\nInstall Galago again, or your system's package libffi8.\n"
}
