package preflight

import "os"

// missing is what to say when the dynamic loader will not find libffi.so.8: in the folder lib beside the program
// (its RUNPATH), nor where the system keeps its libraries.
func missing() string {
	const name = "libffi.so.8"
	exe, err := os.Executable() // without symbolic links, as the kernel tells it
	if err != nil {
		return ""
	}
	beside := folderOf(exe) + "/lib"
	for _, dir := range append(split(os.Getenv("LD_LIBRARY_PATH")),
		beside, "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib") {
		if _, err := os.Stat(dir + "/" + name); err == nil {
			return ""
		}
	}
	return "galago-engine: " + name + " is missing. It belongs into " + beside +
		".\nInstall Galago again, or your system's package libffi8.\n"
}

func folderOf(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return "."
}

// split parts a list of folders at its colons. An empty one is the working directory, as for the dynamic loader.
func split(list string) []string {
	if list == "" {
		return nil
	}
	var dirs []string
	begin := 0
	for i := 0; i <= len(list); i++ {
		if i == len(list) || list[i] == ':' {
			dir := list[begin:i]
			if dir == "" {
				dir = "."
			}
			dirs = append(dirs, dir)
			begin = i + 1
		}
	}
	return dirs
}
