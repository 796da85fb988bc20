package vram

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// builtEnv names the folder of the fake libraries: scripts/fake-nvml.sh makes them, where a C compiler is.
const builtEnv = "GALAGO_FAKE_NVML"

// fakeEnv tells a child which folder to look into instead of the system's.
const fakeEnv = "GALAGO_VRAM_TEST_FOLDER"

// permissionCure is part of what a user is told who may not read the card.
const permissionCure = "administrator"

func useFakes() {
	if dir := os.Getenv(fakeEnv); dir != "" {
		nvmlFolders = func() []string { return []string{filepath.Join(dir, "none"), dir} }
		counterFolders = func() []string { return []string{dir} }
	}
	if os.Getenv(sharedTestEnv) != "" {
		sharingChild()
		os.Exit(0)
	}
}

func removeFakes() {}

func keptName(name string) string { return strings.TrimSuffix(name, ".exe") }

// fake is the folder of the fake libraries that were built with these flags.
func fake(t *testing.T, flags []string) (dir string) {
	t.Helper()
	dir = os.Getenv(builtEnv)
	if dir == "" {
		t.Skip("the fake nvml.dll is not there: build it with scripts/fake-nvml.sh FOLDER, and name the folder in " + builtEnv)
	}
	if slices.Contains(flags, "-DOLD_DRIVER") {
		dir = filepath.Join(dir, "old")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, libraryName)); err != nil {
		t.Fatal(err)
	}
	return dir
}
