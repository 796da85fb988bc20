// Package engines finds, installs and tries the CUDA backend of llama.cpp, which does not travel with the program. The
// CPU's libraries lie beside the program and always work; a CUDA engine is a folder with ggml's CUDA backend, of the
// same version of llama.cpp, and the CUDA runtime, which the worker loads besides.
//
// An engine is that one backend and not a whole set of libraries, because then there is one copy of ggml and one of
// llama.cpp, those that the binding was written for and that the CPU answers with: whatever is wrong with an engine, the
// CPU goes on. ggml checks the version of its interface when it takes a backend.
//
// A worker learns of its engine through its environment; see Use and Environment. Choices are kept in a small file in
// the data folder, which the window writes and both programs read.
package engines

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	"github.com/adrg/xdg"

	"galago/inference"
)

// Engine is a folder with a CUDA backend.
type Engine struct {
	Dir    string
	Source Source
	CUDA   string // version of the CUDA runtime that it was built for, such as "13.1"; empty: not known
	Llama  string // version of llama.cpp; empty: not known

	Native  []string // compute capabilities that it has machine code for, such as "8.6"; empty: not known
	PTX     []string // those that it has code for that the driver translates
	Lacks   string   // a library of the CUDA runtime that is neither in the folder nor where the system's loader looks; empty: none
	LeftOut bool     // workers died while they loaded it, so it is not used until it is tried again, or another is chosen
}

// Source is where an engine was found.
type Source string

// The sources, in the order in which they count.
const (
	Beside    Source = "beside"    // the program
	Named     Source = "named"     // a folder that the person chose
	Installed Source = "installed" // by Install, into the data folder
)

// about is engine.json in an engine's folder: what the libraries themselves do not say.
type about struct {
	ID     string   `json:"id,omitempty"`
	Llama  string   `json:"llama"`
	CUDA   string   `json:"cuda"`
	Native []string `json:"native,omitempty"`
	PTX    []string `json:"ptx,omitempty"`
}

const aboutFile = "engine.json"

// folder is where engines are installed.
func folder() string { return filepath.Join(xdg.DataHome, "galago", "engines") }

// backendFile is the name of ggml's CUDA backend.
func backendFile() string {
	if runtime.GOOS == "windows" {
		return "ggml-cuda.dll"
	}
	return "libggml-cuda.so"
}

// Current is the engine that a worker should use; ok is false where there is none that can work, and the CPU answers. An
// engine of which workers died is none, nor is one without its runtime; Find still has them.
func Current() (e Engine, ok bool) { return current(Find()) }

func current(list []Engine) (e Engine, ok bool) {
	for _, e := range list {
		if !e.LeftOut && e.Lacks == "" {
			return e, true
		}
	}
	return Engine{}, false
}

// Find lists every engine there is, the one that counts first unless it is left out or lacks its runtime. An engine of
// another llama.cpp is not one, and neither is one on a disk that does not answer.
func Find() []Engine {
	c := readChoice()
	var list []Engine
	add := func(dir string, s Source) {
		if e, ok := readSoon(dir, s); ok && (e.Llama == "" || e.Llama == manifest().Llama) {
			e.LeftOut = c.Died[dir] >= mostDeaths
			list = append(list, e)
		}
	}
	for _, dir := range beside() {
		add(dir, Beside)
	}
	if filepath.IsAbs(c.Named) { // another would depend on where a program is started
		add(c.Named, Named)
	}
	if c.Installed != "" {
		add(filepath.Join(folder(), c.Installed), Installed)
	}
	return list
}

// readLimit is how long the disk of an engine may take to answer: the CPU must not wait for a network drive that is gone.
var readLimit = 3 * time.Second

// readSoon is read, or nothing where the disk does not answer.
func readSoon(dir string, s Source) (Engine, bool) {
	type found struct {
		e  Engine
		ok bool
	}
	answer := make(chan found, 1)
	go func() {
		e, ok := read(dir, s)
		answer <- found{e, ok}
	}()
	patience := time.NewTimer(readLimit)
	defer patience.Stop()
	select {
	case f := <-answer:
		return f.e, f.ok
	case <-patience.C:
		return Engine{}, false
	}
}

// beside are the folders of the package in which an engine may lie.
func beside() []string {
	path, err := inference.EnginePath()
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	lib := filepath.Join(filepath.Dir(path), "lib")
	return []string{filepath.Join(lib, "cuda"), lib}
}

// read looks what engine is in a folder.
func read(dir string, s Source) (Engine, bool) {
	if info, err := os.Stat(filepath.Join(dir, backendFile())); err != nil || !info.Mode().IsRegular() {
		return Engine{}, false
	}
	e := Engine{Dir: dir, Source: s}
	if data, err := os.ReadFile(filepath.Join(dir, aboutFile)); err == nil {
		var a about
		if json.Unmarshal(data, &a) == nil {
			e.CUDA, e.Llama, e.Native, e.PTX = a.CUDA, a.Llama, a.Native, a.PTX
		}
	}
	if e.Llama == "" {
		e.Llama = versionOf(dir)
	}
	needs := needed(filepath.Join(dir, backendFile()))
	if e.CUDA == "" {
		e.CUDA = majorOf(needs)
	}
	e.Lacks = lacks(dir, needs)
	return e, true
}

var llamaLibrary = regexp.MustCompile(`^libllama\.so\.(\d+\.\d+\.\d+)$`)

// versionOf reads llama.cpp's version from the name of the library beside a backend, as builds of llama.cpp have it.
func versionOf(dir string) string {
	paths, _ := filepath.Glob(filepath.Join(dir, "libllama.so.*")) // the pattern is well-formed
	slices.Sort(paths)
	for _, path := range paths {
		if m := llamaLibrary.FindStringSubmatch(filepath.Base(path)); m != nil {
			return "v" + m[1]
		}
	}
	return ""
}
