package app

import (
	"encoding/json"
	"math"
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
		"part": {`{"seed":3}`, func(s *Settings) { s.Seed = 3 }, false},
		"ends": {`{"top_k":0,"top_p":1,"min_p":0,"repeat_penalty":2,"text_size":0.8,"context":0,"max_tokens":1}`, func(s *Settings) {
			s.TopK, s.TopP, s.MinP, s.RepeatPenalty, s.TextSize, s.MaxTokens = 0, 1, 0, 2, 0.8, 1
		}, false},
		"automatic":   {`{"kv_type":"auto","picture_detail":"","language":"auto"}`, func(*Settings) {}, false},
		"empty":       {``, func(*Settings) {}, true},
		"cut off":     {`{"max_tokens":64,`, func(*Settings) {}, true},
		"no object":   {`[1]`, func(*Settings) {}, true},
		"null":        {`null`, func(*Settings) {}, true},
		"other thing": {"\x00\x01\x02", func(*Settings) {}, true},
	} {
		path := write(t, filepath.Join(t.TempDir(), "settings.json"), []byte(c.content))
		want := defaultSettings()
		want.Welcomed = !c.damaged // these are of a version that knew no welcome
		c.want(&want)
		got, err := loadSettings(path)
		if !reflect.DeepEqual(got, want) || (err != nil) != c.damaged {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		aside, asideErr := os.ReadFile(path + ".damaged")
		if c.damaged && (asideErr != nil || string(aside) != c.content || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: set aside: %q, %v; said: %v", name, aside, asideErr, err)
		}
	}
}

// everything is Settings in which nothing is as by default.
func everything() Settings {
	hot := 1.25
	s := Settings{
		Sampling:  Sampling{System: "Be “terse”.\n", Temperature: &hot, TopK: 7, TopP: 0.5, MinP: 0.25, RepeatPenalty: 1.5},
		MaxTokens: 64, Seed: math.MaxUint32, Model: "/m", MMProj: "/p", GPU: "GPU-1", Context: 512, KVType: "q8_0",
		FreeAfterAnswer: true, IdleMinutes: 5, Detail: "high", LookOnSend: true, Theme: "light", TextSize: 1.25, Language: "de", HideSidebar: true,
		Mirror: "https://mirror.example", Welcomed: true,
	}
	s.Presets = []Preset{{"Mine", defaultSampling()}, {"Another", s.Sampling}}
	return s
}

// Every field is kept, and what an other version wrote beside them too.
func TestSettingsRoundTrip(t *testing.T) {
	want := everything()
	none := defaultSettings()
	for i := range reflect.TypeFor[Settings]().NumField() {
		f := reflect.TypeFor[Settings]().Field(i)
		if f.IsExported() && reflect.DeepEqual(reflect.ValueOf(want).Field(i).Interface(), reflect.ValueOf(none).Field(i).Interface()) {
			t.Errorf("%s is not tested here", f.Name)
		}
	}
	want.rest = map[string]json.RawMessage{"wings": json.RawMessage(`{"left":1}`), "legs": json.RawMessage(`4`)}
	for name, s := range map[string]Settings{"everything": want, "defaults": none} {
		path := filepath.Join(t.TempDir(), "settings.json")
		if err := saveSettings(path, s); err != nil {
			t.Fatal(err)
		}
		got, err := loadSettings(path)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := saveSettings(path, got); err != nil {
			t.Fatal(err)
		}
		var entries map[string]any
		data, _ := os.ReadFile(path)
		if err := json.Unmarshal(data, &entries); err != nil || (name == "everything") != reflect.DeepEqual(entries["wings"], map[string]any{"left": 1.0}) {
			t.Errorf("%s: written as %s, %v", name, data, err)
		}
		for key, raw := range got.rest {
			var a, b any
			_, _ = json.Unmarshal(raw, &a), json.Unmarshal(s.rest[key], &b)
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s: %s became %s", name, key, raw)
			}
		}
		if len(got.rest) != len(s.rest) {
			t.Errorf("%s: %v is kept of what is not known", name, got.rest)
		}
		got.rest, s.rest = nil, nil
		if len(got.Presets) == 0 {
			got.Presets = nil
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("%s: %+v came back as %+v", name, s, got)
		}
	}
}

// Each wrong value is told by its name and replaced by its default; all others are kept.
func TestWrongSettings(t *testing.T) {
	kept := everything()
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := saveSettings(path, kept); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	usual := defaultSettings()
	for _, c := range []struct {
		key, value, says string
		replace          func(*Settings)
	}{
		{"temperature", `7`, "temperature: 7 is not between 0 and 2; the model’s own, or 0.7 where it has none, is used instead", func(s *Settings) { s.Temperature = nil }},
		{"temperature", `-0.5`, "temperature: -0.5 is not between 0 and 2", func(s *Settings) { s.Temperature = nil }},
		{"temperature", `"warm"`, `temperature: "warm" is no number`, func(s *Settings) { s.Temperature = nil }},
		{"temperature", `null`, `temperature: null is no number`, func(s *Settings) { s.Temperature = nil }},
		{"top_k", `-1`, "top_k: -1 is not between 0 and 1000; 40 is used instead", func(s *Settings) { s.TopK = usual.TopK }},
		{"top_k", `2.5`, "top_k: 2.5 is no whole number; 40 is used instead", func(s *Settings) { s.TopK = usual.TopK }},
		{"top_p", `1.01`, "top_p: 1.01 is not between 0 and 1; 0.95 is used instead", func(s *Settings) { s.TopP = usual.TopP }},
		{"min_p", `2`, "min_p: 2 is not between 0 and 1; 0.05 is used instead", func(s *Settings) { s.MinP = usual.MinP }},
		{"repeat_penalty", `0.9`, "repeat_penalty: 0.9 is not between 1 and 2; 1 is used instead", func(s *Settings) { s.RepeatPenalty = usual.RepeatPenalty }},
		{"max_tokens", `"many"`, `max_tokens: "many" is no whole number; 768 is used instead`, func(s *Settings) { s.MaxTokens = usual.MaxTokens }},
		{"max_tokens", `-5`, "max_tokens: -5 is not between 1 and 65536; 768 is used instead", func(s *Settings) { s.MaxTokens = usual.MaxTokens }},
		{"seed", `4294967296`, "seed: 4294967296 is not between 0 and 4294967295; 0 is used instead", func(s *Settings) { s.Seed = 0 }},
		{"system_prompt", `5`, "system_prompt: 5 is no text; none is used instead", func(s *Settings) { s.System = "" }},
		{"system_prompt", `"` + strings.Repeat("x", maxSystem+1) + `"`, "system_prompt: the text has 8,001 characters, more than 8,000; none is used instead", func(s *Settings) { s.System = "" }},
		{"presets", `{}`, "presets: {} is no list; the rest is used instead", func(s *Settings) { s.Presets = nil }},
		{"presets", `[5,{"name":""},{"name":"a","top_p":2},{"name":"Mine"},{"name":"mine"}]`, "presets: 4 of 5 cannot be used; the rest is used instead", func(s *Settings) { s.Presets = []Preset{{"Mine", defaultSampling()}} }},
		{"model", `[]`, "model: [] is no text; none is used instead", func(s *Settings) { s.Model = "" }},
		{"context", `100`, "context: 100 is not between 512 and 1048576; 0 is used instead", func(s *Settings) { s.Context = 0 }},
		{"kv_type", `"q4_0"`, `kv_type: "q4_0" is none of auto, f16, q8_0; auto is used instead`, func(s *Settings) { s.KVType = "" }},
		{"free_after_answer", `"yes"`, `free_after_answer: "yes" is neither true nor false; false is used instead`, func(s *Settings) { s.FreeAfterAnswer = false }},
		{"idle_minutes", `1441`, "idle_minutes: 1441 is not between 0 and 1440; 0 is used instead", func(s *Settings) { s.IdleMinutes = 0 }},
		{"picture_detail", `"higher"`, `picture_detail: "higher" is none of auto, low, high; auto is used instead`, func(s *Settings) { s.Detail = "" }},
		{"theme", `"pink"`, `theme: "pink" is none of system, light, dark; system is used instead`, func(s *Settings) { s.Theme = "system" }},
		{"text_size", `3`, "text_size: 3 is not between 0.8 and 1.6; 1 is used instead", func(s *Settings) { s.TextSize = 1 }},
		{"language", `"tlh"`, `language: "tlh" is none of auto, de, en, es, zh-Hans; auto is used instead`, func(s *Settings) { s.Language = "" }},
		{"hide_sidebar", `1`, "hide_sidebar: 1 is neither true nor false; false is used instead", func(s *Settings) { s.HideSidebar = false }},
	} {
		var entries map[string]json.RawMessage
		if err := json.Unmarshal(data, &entries); err != nil {
			t.Fatal(err)
		}
		entries[c.key] = json.RawMessage(c.value)
		changed, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		want := everything()
		c.replace(&want)
		got, err := readSettings(changed)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %s: said %v, want %q", c.key, c.value, err, c.says)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s of %s: %+v, want %+v", c.key, c.value, got, want)
		}
	}
	_, err = readSettings([]byte(`{"theme":"pink","seed":-1,"top_k":3}`))
	if err == nil || err.Error() != `Some settings could not be used. seed: -1 is not between 0 and 4294967295; 0 is used instead. theme: "pink" is none of system, light, dark; system is used instead.` {
		t.Errorf("two at once: %v", err)
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
	b.run()
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

func TestWrongSettingsAreToldInAStrip(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "settings.json"), []byte(`{"temperature":7,"max_tokens":64,"wings":2}`))
	b := newBenchAt(t, path)
	b.start()
	b.tell(b.ready())
	if n := b.view.banner; n == nil || !strings.Contains(n.Text, "temperature: 7 is not between 0 and 2") || n.Do == nil || n.Label == "" {
		t.Errorf("the strip is %+v", n)
	}
	s := b.view.settings
	s.Seed = 5
	b.ChangeSettings(s)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := loadSettings(path); err != nil || again.MaxTokens != 64 || again.Seed != 5 || again.Temperature != nil || !strings.Contains(string(data), `"wings": 2`) {
		t.Errorf("afterwards the file is %s, %v", data, err)
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
