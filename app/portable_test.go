package app

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/inference/portable"
)

const portableEnv = "GALAGO_TEST_PORTABLE"

// TestPortableChild is not a test of its own: it is the program of TestOwnFilesMoveAlong, which runs it beside a file
// named "portable".
func TestPortableChild(t *testing.T) {
	what := os.Getenv(portableEnv)
	if what == "" {
		t.Skip("only as a child")
	}
	if err := portable.Enter(); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(filepath.Dir(exe), "data", "share", "galago")
	settings := filepath.Join(filepath.Dir(exe), "data", "config", "galago", "settings.json")
	model := filepath.Join(data, "models", "a ü.gguf")
	own, err := shelf.Open(filepath.Join(data, "shelf.json"))
	if err != nil {
		t.Fatal(err)
	}
	jobs := download.New(download.Options{Folder: filepath.Join(data, "downloads")})
	defer jobs.Close()
	if what == "write" {
		s := defaultSettings()
		s.Model = model
		makeDir(t, filepath.Dir(settings))
		if err := saveSettings(settings, s); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(makeDir(t, data, "models"), "a ü.gguf"), []byte("GGUF"))
		if err := own.Add(shelf.Entry{Name: "a", Model: model, Source: shelf.Fetched}); err != nil {
			t.Fatal(err)
		}
		return
	}
	s, err := loadSettings(settings)
	if err != nil || s.Model != model {
		t.Errorf("the settings have the model %q, want %q (%v)", s.Model, model, err)
	}
	if list := own.List(); len(list) != 1 || list[0].Model != model || list[0].Gone {
		t.Errorf("the list of models is %+v, want %q", list, model)
	}
}

func TestOwnFilesMoveAlong(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "first")
	makeDir(t, dir)
	name := filepath.Base(exe)
	if err := os.Link(exe, filepath.Join(dir, name)); err != nil {
		data, err := os.ReadFile(exe)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "portable"), nil)
	home := t.TempDir()
	run := func(what string) {
		t.Helper()
		cmd := exec.Command(filepath.Join(dir, name), "-test.run", "^TestPortableChild$", "-test.v")
		cmd.Env = append(os.Environ(), portableEnv+"="+what, "HOME="+home, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME=")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS") {
			t.Fatalf("%s: %v\n%s", what, err, out)
		}
	}
	run("write")
	text := readText(t, filepath.Join(dir, "data", "config", "galago", "settings.json")) +
		readText(t, filepath.Join(dir, "data", "share", "galago", "shelf.json"))
	if within, _ := json.Marshal(dir); strings.Contains(text, strings.Trim(string(within), `"`)) {
		t.Errorf("the place of today is written down:\n%s", text)
	}
	moved := filepath.Join(filepath.Dir(dir), "second ü")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	dir = moved
	run("read")
	if list, err := os.ReadDir(home); err != nil || len(list) != 0 {
		t.Errorf("left in the person's folder: %v (%v)", list, err)
	}
}

func TestWordsOfAReadOnlyPortable(t *testing.T) {
	p := &program{}
	got := p.unwritable(&portable.Error{Folder: filepath.Join("stick", "data"), Err: errors.New("read-only file system")})
	if !strings.Contains(got.Text, filepath.Join("stick", "data")) || !strings.Contains(got.Detail, "read-only file system") || got.Action == "" || len(got.Choices) != 2 {
		t.Errorf("%+v", got)
	}
}
