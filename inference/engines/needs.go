package engines

import (
	"bytes"
	"debug/elf"
	"debug/pe"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// needs is what a backend is linked with, as far as its file tells.
type needs struct {
	cuda    []string // libraries of the CUDA runtime, such as libcublas.so.13; the driver's is none
	folders []string // in which its own headers have the system's loader look
}

var cudaLibrary = regexp.MustCompile(`^(?:lib)?(cudart|cublas|cublasLt)(?:\.so\.|64_)(\d+)[.\d]*(?:\.dll)?$`)

// needed reads what a backend is linked with; nothing from what is no library.
func needed(path string) needs {
	if runtime.GOOS == "windows" {
		return needs{cuda: cudaOnly(importedDLLs(path))}
	}
	f, err := elf.Open(path)
	if err != nil {
		return needs{}
	}
	defer f.Close()
	var n needs
	names, _ := f.ImportedLibraries() // without them there is nothing to tell
	n.cuda = cudaOnly(names)
	for _, tag := range []elf.DynTag{elf.DT_RPATH, elf.DT_RUNPATH} {
		paths, _ := f.DynString(tag)
		for _, path := range paths {
			n.folders = append(n.folders, strings.Split(path, ":")...)
		}
	}
	return n
}

// importedDLLs lists the libraries that a Windows library is linked with.
func importedDLLs(path string) (names []string) {
	f, err := pe.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	symbols, _ := f.ImportedSymbols() // of the form function:library
	for _, s := range symbols {
		if _, name, ok := strings.Cut(s, ":"); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func cudaOnly(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return !cudaLibrary.MatchString(name) })
}

// majorOf is the major CUDA version of the runtime that a backend is linked with, such as "13"; empty where it does not
// tell.
func majorOf(n needs) string {
	for _, name := range n.cuda {
		if m := cudaLibrary.FindStringSubmatch(name); m[1] == "cudart" {
			return m[2]
		}
	}
	return ""
}

// lacks is the first library of the CUDA runtime that is neither in the engine's folder nor where the system's loader
// looks, as far as that can be told without loading it.
func lacks(dir string, n needs) string {
	folders := []string{dir}
	for _, f := range n.folders {
		f = strings.NewReplacer("$ORIGIN", dir, "${ORIGIN}", dir).Replace(f)
		if filepath.IsAbs(f) {
			folders = append(folders, f)
		}
	}
	folders = append(folders, loaderFolders()...)
	for _, name := range n.cuda {
		there := slices.ContainsFunc(folders, func(f string) bool { return isFile(filepath.Join(f, name)) })
		if !there && !inLoaderCache(name) {
			return name
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// loaderFolders are the folders in which the system's loader looks for every library.
func loaderFolders() []string {
	if runtime.GOOS == "windows" {
		return filepath.SplitList(os.Getenv("PATH"))
	}
	return append(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")), "/lib64", "/usr/lib64", "/lib", "/usr/lib")
}

// loaderCache is the loader's own list of libraries, which ldconfig writes: paths that end in a zero byte, among figures.
var loaderCache = "/etc/ld.so.cache"

func inLoaderCache(name string) bool {
	data, err := os.ReadFile(loaderCache)
	if err != nil {
		return false // there is none on Windows
	}
	end := []byte("/" + name + "\x00")
	for {
		i := bytes.Index(data, end)
		if i < 0 {
			return false
		}
		start := bytes.LastIndexByte(data[:i], 0) + 1
		if isFile(string(data[start : i+len(end)-1])) {
			return true
		}
		data = data[i+len(end):]
	}
}
