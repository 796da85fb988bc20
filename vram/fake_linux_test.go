//go:build cgo

package vram

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// fakeEnv tells a child where its libraries are: the dynamic loader reads it.
const fakeEnv = "LD_LIBRARY_PATH"

// permissionCure is part of what a user is told who may not read the card.
const permissionCure = "video or render"

func useFakes() {}

func removeFakes() {
	for _, dir := range fakes {
		os.RemoveAll(dir)
	}
}

// keptName is what the kernel keeps of a program's name.
func keptName(name string) string { return name[:min(len(name), 15)] }

// fakes are the folders of the fake libraries that were built, by their compiler flags.
var fakes = map[string]string{}

func fake(t *testing.T, flags []string) (dir string) {
	t.Helper()
	key := strings.Join(flags, " ")
	if dir, built := fakes[key]; built {
		return dir
	}
	dir, err := os.MkdirTemp("", "fakenvml")
	if err != nil {
		t.Fatal(err)
	}
	fakes[key] = dir
	args := append(flags, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
		"-o", filepath.Join(dir, libraryName), "testdata/fakenvml.c")
	if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
		t.Fatalf("building the fake library: %v\n%s", err, out)
	}
	return dir
}
