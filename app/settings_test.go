package app

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"galago/ui"
)

func TestSettingsFile(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    func(*Settings)
		damaged bool
	}{
		"whole": {`{"max_tokens":64,"temperature":0,"seed":3,"theme":"light","model":"/m","mmproj":"/p"}`, func(s *Settings) {
			*s = Settings{MaxTokens: 64, Temperature: new(float64), Seed: 3, Theme: "light", Model: "/m", MMProj: "/p"}
		}, false},
		"part":        {`{"seed":3}`, func(s *Settings) { s.Seed = 3 }, false},
		"unknown":     {`{"seed":3,"wings":2}`, func(s *Settings) { s.Seed = 3 }, false},
		"not sane":    {`{"max_tokens":-5,"temperature":9,"theme":"pink"}`, func(*Settings) {}, false},
		"empty":       {``, func(*Settings) {}, true},
		"cut off":     {`{"max_tokens":64,`, func(*Settings) {}, true},
		"wrong type":  {`{"max_tokens":"many","seed":3}`, func(*Settings) {}, true},
		"other thing": {"\x00\x01\x02", func(*Settings) {}, true},
	} {
		path := write(t, filepath.Join(t.TempDir(), "settings.json"), []byte(c.content))
		want := defaultSettings()
		c.want(&want)
		got, err := loadSettings(path)
		if !reflect.DeepEqual(got, want) || (err != nil) != c.damaged {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		aside, asideErr := os.ReadFile(path + ".damaged")
		if c.damaged && (asideErr != nil || string(aside) != c.content || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: set aside: %q, %v; said: %v", name, aside, asideErr, err)
		}
		if err := saveSettings(path, got); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again, err := loadSettings(path); !reflect.DeepEqual(again, got) || err != nil {
			t.Errorf("%s, read again: %+v, %v", name, again, err)
		}
	}
}

func TestSettingsLeaveNothingBehind(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		if err := saveSettings(filepath.Join(dir, "settings.json"), defaultSettings()); err != nil {
			t.Fatal(err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}

func TestSettingsThatCannotBeKeptAreTold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "galago")
	b := newBenchAt(t, filepath.Join(dir, "settings.json"))
	b.start()
	write(t, dir, nil) // a file where the folder should be
	b.ChangeSettings(ui.Settings{MaxTokens: 100, Temperature: 1, Theme: "dark"})
	if !strings.HasPrefix(b.view.note(), "The settings could not be saved: ") || b.Controller.settings.MaxTokens != 100 {
		t.Errorf("note %q", b.view.note())
	}
}

func TestDamagedSettingsAreTold(t *testing.T) {
	b := newBenchAt(t, write(t, filepath.Join(t.TempDir(), "settings.json"), []byte("{")))
	b.start()
	if !strings.HasPrefix(b.view.note(), "The settings were damaged") {
		t.Errorf("note %q", b.view.note())
	}
}

func TestSettingsThatCannotBeReadAreNotOverwritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := os.Symlink(path, path); err != nil { // a link to itself: there, but nobody can read it
		t.Skip(err)
	}
	b := newBenchAt(t, path)
	b.start()
	if !strings.HasPrefix(b.view.note(), "The settings could not be read") {
		t.Errorf("note %q", b.view.note())
	}
	b.ChangeSettings(ui.Settings{MaxTokens: 100, Temperature: 1, Theme: "dark"})
	if info, err := os.Lstat(path); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("it was overwritten: %v, %v", info, err)
	}
	if b.Controller.settings.MaxTokens != 100 {
		t.Error("the change has no effect")
	}
}
