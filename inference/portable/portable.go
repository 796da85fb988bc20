// Package portable lets Galago carry its data along. Where a file named "portable" lies beside the programs, everything
// that Galago keeps (conversations, settings, models, downloads, engines, logs, reports, caches) goes into the folder
// "data" beside it, and nothing into the person's own folders. Both programs call Enter before anything else.
//
// The folder of the programs may be moved, or be on a stick that gets another drive letter at the next computer. So
// what is written down about files within it is relative to it: see Keep and Find.
package portable

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/adrg/xdg"
)

const (
	marker = "portable"
	folder = "data"

	// here begins a path that Keep made. A path that a person chose is absolute and never begins so.
	here = "./"
)

// State of the process, written by Enter before there is another goroutine.
var (
	root    string   // the folder of the programs; empty: Galago is not portable
	outside []string // the environment as it was; nil: as it is
)

// Enter looks for the file beside the running program, also behind a symbolic link to it, and if it is there moves all
// folders that Galago uses. It must be called first in main: what was asked of package xdg before is wrong afterwards.
//
// Its error, an *Error, says that the folder cannot be written to. All folders are moved then too, so that nothing is
// written where the person does not expect it.
func Enter() error {
	exe, err := os.Executable()
	if err != nil {
		return nil // without the program's place nothing can lie beside it
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return enter(filepath.Dir(exe))
}

func enter(dir string) error {
	if !marked(dir) {
		return nil
	}
	root, outside = dir, os.Environ()
	data := filepath.Join(dir, folder)
	for name, value := range places(data) {
		os.Setenv(name, value)
	}
	xdg.Reload()
	if err := writable(data); err != nil {
		return &Error{data, err}
	}
	return nil
}

// Error says that the data of a portable Galago cannot be written.
type Error struct {
	Folder string // that should hold them
	Err    error
}

func (e *Error) Error() string {
	return fmt.Sprintf("the folder %s cannot be written to: %v", e.Folder, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// marked reports whether the file lies in a folder. With the ending .txt it counts too: Windows adds it to what is made
// with its editor, and hides it.
func marked(dir string) bool {
	for _, name := range []string{marker, marker + ".txt"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// places are the variables that say where programs keep things, as they should be.
func places(data string) map[string]string {
	env := map[string]string{
		"XDG_DATA_HOME":   filepath.Join(data, "share"),
		"XDG_CONFIG_HOME": filepath.Join(data, "config"),
		"XDG_STATE_HOME":  filepath.Join(data, "state"),
		"XDG_CACHE_HOME":  filepath.Join(data, "cache"),
	}
	if runtime.GOOS == "windows" {
		// These are asked by the toolkit and by its search for fonts.
		env["USERPROFILE"], env["LOCALAPPDATA"] = filepath.Join(data, "profile"), filepath.Join(data, "cache")
		// Elsewhere what is kept for the time of a login lies in memory; Windows has no such folder.
		env["XDG_RUNTIME_DIR"] = filepath.Join(data, "state")
	}
	return env
}

// writable makes a folder if need be, and tries whether files can be made in it.
func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// Environ is the environment for programs that are not Galago's, such as a browser: they have their data elsewhere.
func Environ() []string {
	if outside == nil {
		return os.Environ()
	}
	return slices.Clone(outside)
}

// Getenv is a variable of Environ; empty where it is not set.
func Getenv(name string) string {
	if outside == nil {
		return os.Getenv(name)
	}
	for _, v := range outside {
		if n, value, ok := strings.Cut(v, "="); ok && (n == name || runtime.GOOS == "windows" && strings.EqualFold(n, name)) {
			return value
		}
	}
	return ""
}

// Keep is how a path is written down: relative to the programs' folder if Galago is portable and the path lies within.
func Keep(path string) string {
	if root == "" || path == "" {
		return path
	}
	rel, err := filepath.Rel(root, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	return here + filepath.ToSlash(rel)
}

// Find is the path that was written down. What Keep made is found wherever the programs' folder is now.
func Find(path string) string {
	rel, relative := strings.CutPrefix(path, here)
	rel = filepath.FromSlash(rel)
	if root == "" || !relative || !filepath.IsLocal(rel) {
		return path
	}
	return filepath.Join(root, rel)
}
