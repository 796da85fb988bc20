package portable

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/adrg/xdg"
)

// restore gives the process its folders back when a test ends.
func restore(t *testing.T) {
	for name := range places("x") {
		t.Setenv(name, os.Getenv(name))
		if os.Getenv(name) == "" {
			os.Unsetenv(name)
		}
	}
	t.Cleanup(func() { root, outside = "", nil })
	t.Cleanup(xdg.Reload)
}

func mark(t *testing.T, dir, name string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAllFoldersMove(t *testing.T) {
	for _, name := range []string{"portable", "portable.txt"} {
		t.Run(name, func(t *testing.T) {
			restore(t)
			t.Setenv("XDG_DATA_HOME", t.TempDir())
			was := os.Getenv("XDG_DATA_HOME")
			dir := mark(t, filepath.Join(t.TempDir()), name)
			if err := enter(dir); err != nil {
				t.Fatal(err)
			}
			data := filepath.Join(dir, "data")
			for what, path := range map[string]string{
				"data": xdg.DataHome, "settings": xdg.ConfigHome, "state": xdg.StateHome, "cache": xdg.CacheHome,
			} {
				if !strings.HasPrefix(path, data+string(filepath.Separator)) {
					t.Errorf("%s lies in %s, not in %s", what, path, data)
				}
			}
			for what, get := range map[string]func() (string, error){"settings": os.UserConfigDir, "cache": os.UserCacheDir} {
				if runtime.GOOS == "windows" && what == "settings" {
					continue // in APPDATA, where neither Galago nor its toolkit keeps anything
				}
				if path, err := get(); err != nil || !strings.HasPrefix(path, data) {
					t.Errorf("a library's %s lie in %s (%v)", what, path, err)
				}
			}
			if list, err := os.ReadDir(data); err != nil || len(list) != 0 {
				t.Errorf("the folder after a try to write: %v, %v", list, err)
			}
			if got := Getenv("XDG_DATA_HOME"); got != was {
				t.Errorf("other programs get XDG_DATA_HOME=%s, want %s", got, was)
			}
			if !slices.Contains(Environ(), "XDG_DATA_HOME="+was) || Getenv("XDG_NONE") != "" {
				t.Error("other programs get another environment")
			}
		})
	}
}

func TestWithoutTheFileNothingMoves(t *testing.T) {
	restore(t)
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "portable"), 0o700); err != nil { // a folder is no mark
		t.Fatal(err)
	}
	was := xdg.DataHome
	if err := enter(dir); err != nil || root != "" || xdg.DataHome != was {
		t.Errorf("%v, root %q, data in %s", err, root, xdg.DataHome)
	}
	t.Setenv("GALAGO_X", "1")
	if Getenv("GALAGO_X") != "1" || !slices.Contains(Environ(), "GALAGO_X=1") {
		t.Error("the environment is not as it is")
	}
	path := filepath.Join(dir, "data", "a.gguf")
	if Keep(path) != path || Find("./data/a.gguf") != "./data/a.gguf" {
		t.Error("paths are changed")
	}
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	restore(t)
	dir := mark(t, t.TempDir(), "portable")
	if err := os.WriteFile(filepath.Join(dir, "data"), nil, 0o600); err != nil { // in the way, also of those who may do anything
		t.Fatal(err)
	}
	err := enter(dir)
	var e *Error
	if !errors.As(err, &e) || e.Folder != filepath.Join(dir, "data") {
		t.Fatalf("%v", err)
	}
	if !strings.HasPrefix(xdg.DataHome, e.Folder) {
		t.Errorf("data would be written to %s", xdg.DataHome)
	}
}

func TestPathsMoveAlong(t *testing.T) {
	restore(t)
	first, second := mark(t, t.TempDir(), "portable"), mark(t, t.TempDir(), "portable")
	elsewhere := filepath.Join(t.TempDir(), "b.gguf")
	if err := enter(first); err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(first, "data", "share", "galago", "models", "ü b.gguf")
	kept := Keep(own)
	if kept != "./data/share/galago/models/ü b.gguf" || Find(kept) != own {
		t.Errorf("%s is kept as %s and found at %s", own, kept, Find(kept))
	}
	for _, path := range []string{"", elsewhere, first + "x", filepath.Dir(first)} {
		if Keep(path) != path || Find(path) != path {
			t.Errorf("%q is kept as %q and found at %q", path, Keep(path), Find(path))
		}
	}
	if err := enter(second); err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(second, "data", "share", "galago", "models", "ü b.gguf"); Find(kept) != want {
		t.Errorf("after a move it is found at %s, want %s", Find(kept), want)
	}
	for _, bad := range []string{"./../x", "./", "./a/../../x", ".//etc/x"} {
		if found := Find(bad); found != bad && !strings.HasPrefix(found, second) {
			t.Errorf("%q leads to %q", bad, found)
		}
	}
}
