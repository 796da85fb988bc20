package ui

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

func sampleSettings() Settings {
	return Settings{
		Temperature: 0.7, TopK: 40, TopP: 0.95, MinP: 0.05, RepeatPenalty: 1, MaxTokens: 768, Theme: "dark", TextSize: 1,
		Info: &SettingsInfo{
			Temperature: Range{0, 2, 0.7}, TopK: Range{0, 1000, 40}, TopP: Range{0, 1, 0.95}, MinP: Range{0, 1, 0.05},
			RepeatPenalty: Range{1, 2, 1}, MaxTokens: Range{1, 65536, 768}, Seed: Range{0, 4294967295, 0},
			IdleMinutes: Range{0, 1440, 0}, TextSize: Range{0.8, 1.6, 1}, Context: Range{512, 1 << 20, 0},
			SystemLength: 20, PresetLength: 10,
			Presets:    []Preset{{"Usual", false}, {"Terse", false}, {"Mine", true}},
			Preset:     "Usual",
			Languages:  []Option{{"", "Like the system"}, {"en", "English"}, {"de", "Deutsch"}},
			DataFolder: "/home/someone/.local/share/galago", Hub: "https://hub.example",
		},
	}
}

// settingsSheet is an open sheet, and the settings that were told.
func settingsSheet(t *testing.T, act Actions) (*Window, *settingsForm, *[]Settings) {
	t.Helper()
	var told []Settings
	act.Settings = func(s Settings) { told = append(told, s) }
	w, _ := testWindow(t, act)
	w.SetSettings(sampleSettings())
	w.openSettings()
	return w, w.form, &told
}

// rowCalled is the row of a title.
func (f *settingsForm) rowCalled(t *testing.T, title string) *formRow {
	t.Helper()
	for _, s := range f.sections {
		for _, r := range s.rows.rows {
			if r, ok := r.(*formRow); ok && r.title.text == title {
				return r
			}
		}
	}
	t.Fatalf("no row %q", title)
	return nil
}

func TestEveryNumberIsJudgedAsItIsTyped(t *testing.T) {
	_, f, told := settingsSheet(t, Actions{})
	for _, c := range []struct {
		title string
		get   func(Settings) any
		good  map[string]any
		bad   []string
		says  string
	}{
		{"Text size", func(s Settings) any { return s.TextSize }, map[string]any{"80": 0.8, "160": 1.6, "125": 1.25}, []string{"79", "161", "", "big", "100.5"}, "Not a whole number from 80 to 160"},
		{"Temperature", func(s Settings) any { return s.Temperature }, map[string]any{"0": 0.0, "2": 2.0, "0,35": 0.35, " 1.5 ": 1.5}, []string{"2.1", "-0.1", "", "warm", "NaN", "1e999"}, "Not a number from 0 to 2"},
		{"Top-k", func(s Settings) any { return s.TopK }, map[string]any{"0": 0, "1000": 1000}, []string{"1001", "-1", "2.5"}, "Not a whole number from 0 to 1,000"},
		{"Top-p", func(s Settings) any { return s.TopP }, map[string]any{"0": 0.0, "1": 1.0}, []string{"1.01", "-1"}, "Not a number from 0 to 1"},
		{"Min-p", func(s Settings) any { return s.MinP }, map[string]any{"0": 0.0, "1": 1.0}, []string{"1.01", "-1"}, "Not a number from 0 to 1"},
		{"Repeat penalty", func(s Settings) any { return s.RepeatPenalty }, map[string]any{"1": 1.0, "2": 2.0}, []string{"0.99", "2.1", "0"}, "Not a number from 1 to 2"},
		{"Longest answer", func(s Settings) any { return s.MaxTokens }, map[string]any{"1": 1, "65536": 65536}, []string{"0", "65537", "many", ""}, "Not a whole number from 1 to 65,536"},
		{"Seed", func(s Settings) any { return s.Seed }, map[string]any{"": uint32(0), "0": uint32(0), "4294967295": uint32(4294967295)}, []string{"-1", "4294967296", "1.5"}, "Not a whole number from 0 to 4,294,967,295"},
		{"Context", func(s Settings) any { return s.Context }, map[string]any{"": 0, "0": 0, "512": 512, "1048576": 1048576}, []string{"511", "1048577", "-1"}, "Not a whole number from 512 to 1,048,576"},
		{"Unload the model when idle", func(s Settings) any { return s.IdleMinutes }, map[string]any{"": 0, "1440": 1440}, []string{"1441", "-1", "x"}, "Not a whole number from 0 to 1,440"},
	} {
		r := f.rowCalled(t, c.title)
		e := r.control.(*formEntry)
		for text, want := range c.good {
			e.SetText(text)
			if got := c.get(f.settings); got != want || r.wrong.source != "" || len(*told) > 0 && c.get((*told)[len(*told)-1]) != want {
				t.Errorf("%s: %q gives %v and says %q, want %v", c.title, text, got, r.wrong.source, want)
			}
		}
		in, n := c.get(f.settings), len(*told)
		for _, text := range c.bad {
			e.SetText(text)
			if got := c.get(f.settings); got != in || len(*told) != n || !strings.Contains(r.wrong.source, c.says) || !r.wrong.Visible() {
				t.Errorf("%s: %q gives %v, tells %d times and says %q", c.title, text, got, len(*told)-n, r.wrong.source)
			}
		}
		if !strings.Contains(r.hint.source, "by default") {
			t.Errorf("%s: the default is not told: %q", c.title, r.hint.source)
		}
		for text, want := range c.good {
			if fmt.Sprint(want) != fmt.Sprint(c.get(sampleSettings())) {
				e.SetText(text)
				break
			}
		}
		e.SetText("wrong")
		if !r.back.Visible() {
			t.Errorf("%s: there is no way back to the default", c.title)
			continue
		}
		test.Tap(r.back)
		if got, want := fmt.Sprint(c.get(f.settings)), fmt.Sprint(c.get(sampleSettings())); got != want || r.back.Visible() || r.wrong.source != "" {
			t.Errorf("%s: back to the default it is %s, want %s; says %q", c.title, got, want, r.wrong.source)
		}
	}
}

// What is said about a wrong number pushes down what is below.
func TestAComplaintHasItsRoom(t *testing.T) {
	_, f, _ := settingsSheet(t, Actions{})
	f.open(1)
	wrong, below := f.rowCalled(t, "Temperature"), f.rowCalled(t, "Top-k")
	at := below.Position().Y
	wrong.control.(*formEntry).SetText("7")
	if now := below.Position().Y; now <= at || wrong.Position().Y+wrong.Size().Height > now {
		t.Errorf("the row below stays at %v", now)
	}
	wrong.control.(*formEntry).SetText("1")
	if now := below.Position().Y; now != at {
		t.Errorf("the row below is at %v afterwards, was at %v", now, at)
	}
}

// What is wrong stays to be put right while other things change, and gives way to a value from elsewhere.
func TestAWrongNumberStaysToBePutRight(t *testing.T) {
	w, f, _ := settingsSheet(t, Actions{})
	r := f.rowCalled(t, "Temperature")
	e := r.control.(*formEntry)
	e.SetText("7")
	f.rowCalled(t, "Top-k").control.(*formEntry).SetText("3")
	if e.Text != "7" || r.wrong.source == "" || f.settings.TopK != 3 || f.settings.Temperature != 0.7 {
		t.Errorf("%q, says %q; %+v", e.Text, r.wrong.source, f.settings)
	}
	s := f.settings
	s.Temperature = 0.2 // a preset
	w.SetSettings(s)
	if e.Text != "0.2" || r.wrong.source != "" {
		t.Errorf("%q, says %q", e.Text, r.wrong.source)
	}
}

func TestArrowKeysStepANumber(t *testing.T) {
	_, f, _ := settingsSheet(t, Actions{})
	key := func(title string, name fyne.KeyName) {
		f.rowCalled(t, title).control.(*formEntry).TypedKey(&fyne.KeyEvent{Name: name})
	}
	key("Temperature", fyne.KeyUp)
	key("Temperature", fyne.KeyUp)
	key("Text size", fyne.KeyDown)
	key("Repeat penalty", fyne.KeyDown)
	key("Context", fyne.KeyUp)
	if s := f.settings; !same(s.Temperature, 0.9) || !same(s.TextSize, 0.95) || s.RepeatPenalty != 1 || s.Context != 1024 {
		t.Errorf("%+v", s)
	}
}

func TestChoicesOfTheSettings(t *testing.T) {
	_, f, told := settingsSheet(t, Actions{})
	test.Tap(f.rowCalled(t, "Look").control.(*choice).buttons[1])
	test.Tap(f.rowCalled(t, "KV cache").control.(*choice).buttons[2])
	test.Tap(f.rowCalled(t, "Detail of new pictures").control.(*choice).buttons[2])
	f.rowCalled(t, "Language").control.(*formSelect).SetSelectedIndex(2)
	f.open(2)
	test.Tap(f.free)
	s := (*told)[len(*told)-1]
	if s.Theme != "light" || s.KVType != "q8_0" || s.Detail != "high" || s.Language != "de" || !s.FreeAfterAnswer || len(*told) != 5 {
		t.Errorf("%d changes, %+v", len(*told), s)
	}
	f.system.SetText("Be terse.")
	f.system.SetText(strings.Repeat("x", 21))
	r := f.rowCalled(t, "System prompt")
	if f.settings.System != "Be terse." || !strings.Contains(r.wrong.source, "21 characters are too many; 20 are the most") {
		t.Errorf("%q, says %q", f.settings.System, r.wrong.source)
	}
	test.Tap(r.back)
	if f.settings.System != "" || f.system.Text != "" || r.wrong.source != "" {
		t.Errorf("back to none it is %q, shown as %q", f.settings.System, f.system.Text)
	}
}

func TestPresetsInTheSettings(t *testing.T) {
	var told []string
	w, f, _ := settingsSheet(t, Actions{
		UsePreset:    func(name string) { told = append(told, "use "+name) },
		SavePreset:   func(name string) { told = append(told, "save "+name) },
		RenamePreset: func(name, to string) { told = append(told, "rename "+name+" to "+to) },
		DeletePreset: func(name string) { told = append(told, "delete "+name) },
	})
	f.open(1)
	p := f.presets
	if p.save.Visible() || p.rename.Visible() || p.remove.Visible() || p.list.Selected != "Usual" {
		t.Errorf("a built-in preset can be changed")
	}
	p.list.SetSelectedIndex(1)
	now := func(preset string) {
		s := sampleSettings()
		s.Info.Preset = preset
		w.SetSettings(s)
	}
	now("")
	test.Tap(p.save)
	for name, says := range map[string]string{"": "A name is needed.", " ": "A name is needed.", "terse": "There is a preset of this name.", "a long name": "10 characters are the most"} {
		p.name.SetText(name)
		test.Tap(p.ok)
		if !strings.Contains(p.row.wrong.source, says) || !p.ask.Visible() {
			t.Errorf("%q: says %q", name, p.row.wrong.source)
		}
	}
	p.name.SetText("mine")
	if p.ok.text != "Replace" {
		t.Errorf("what is there already is replaced by %q", p.ok.text)
	}
	p.name.SetText("New")
	p.name.OnSubmitted("")
	if !p.choose.Visible() || p.ask.Visible() {
		t.Error("it still asks")
	}
	now("Mine")
	test.Tap(p.rename)
	if p.name.Text != "Mine" {
		t.Errorf("renaming begins with %q", p.name.Text)
	}
	p.name.SetText("Ours")
	test.Tap(p.ok)
	test.Tap(p.rename)
	test.Tap(p.no)
	test.Tap(p.remove)
	now("")
	if !strings.Contains(p.row.hint.source, "“Mine” is deleted") {
		t.Errorf("afterwards it says %q", p.row.hint.source)
	}
	test.Tap(p.save)
	if p.name.Text != "Mine" {
		t.Errorf("it can be had back as %q", p.name.Text)
	}
	test.Tap(p.no)
	now("Usual")
	if strings.Contains(p.row.hint.source, "deleted") {
		t.Errorf("later it still says %q", p.row.hint.source)
	}
	if want := []string{"use Terse", "save New", "rename Mine to Ours", "delete Mine"}; !reflect.DeepEqual(told, want) {
		t.Errorf("%q, want %q", told, want)
	}
}

func TestSettingsTellWhatHasToBeDone(t *testing.T) {
	var done []string
	w, f, _ := settingsSheet(t, Actions{
		Reload: func() { done = append(done, "reload") }, OpenData: func() { done = append(done, "folder") },
		GPU: func(uuid string) { done = append(done, uuid) },
	})
	if f.reload.Visible() || f.restart.Visible() || f.cards.Visible() || !strings.Contains(f.gpu.hint.source, "None was found") {
		t.Error("something is said for nothing")
	}
	s := sampleSettings()
	s.Info.Reload, s.Info.Restart = true, true
	s.Info.Cards = []Card{{"GPU-1", "RTX 3050", true}, {"GPU-2", "GTX 1650", false}}
	w.SetSettings(s)
	f.open(2)
	if !f.reload.Visible() || !f.restart.Visible() || f.cards.Selected != "RTX 3050" {
		t.Errorf("reload %v, restart %v, card %q", f.reload.Visible(), f.restart.Visible(), f.cards.Selected)
	}
	test.Tap(f.reload.do)
	f.cards.SetSelectedIndex(1)
	f.open(4)
	test.Tap(f.folder.control.(*button))
	if want := []string{"reload", "GPU-2", "folder"}; !reflect.DeepEqual(done, want) {
		t.Errorf("%q, want %q", done, want)
	}
	if !strings.Contains(f.folder.hint.source, s.Info.DataFolder) {
		t.Errorf("the folder is told as %q", f.folder.hint.source)
	}
}

// Tab goes through every control of every section, each comes into sight, and Esc closes the sheet from wherever it is.
func TestSettingsByKeyboard(t *testing.T) {
	download := ModelActions{Download: func(string, string) {}}
	w, f, _ := settingsSheet(t, Actions{Reload: func() {}, OpenData: func() {}, ModelActions: download})
	w.win.Resize(fyne.NewSize(800, 600))
	c := w.win.Canvas()
	if c.Focused() != f.nav[0] {
		t.Fatalf("%T has the keyboard", c.Focused())
	}
	for i := range f.nav {
		if f.chosen != i || c.Focused() != f.nav[i] {
			t.Fatalf("section %d is open, %T has the keyboard", f.chosen, c.Focused())
		}
		visited := map[fyne.Focusable]bool{}
		for range 60 {
			c.FocusNext()
			o := c.Focused()
			if o == f.nav[0] {
				break
			}
			visited[o] = true
			scroll := f.sections[i].scroll
			d := fyne.CurrentApp().Driver()
			if e, ok := o.(fyne.Tabbable); ok && e.AcceptsTab() {
				t.Errorf("section %d: the Tab key does not leave %T", i, o)
			}
			if e, ok := o.(*formEntry); ok {
				top := d.AbsolutePositionForObject(e).Y - d.AbsolutePositionForObject(scroll).Y
				if top < 0 || top+e.Size().Height > scroll.Size().Height {
					t.Errorf("section %d: an entry with the keyboard is at %v of %v", i, top, scroll.Size().Height)
				}
			}
		}
		for _, x := range f.sections[i].fields {
			if e, ok := x.row.control.(fyne.Focusable); ok && !visited[e] {
				t.Errorf("section %d: %s cannot be reached", i, x.row.title.text)
			}
		}
		c.Focus(f.nav[i])
		f.nav[i].TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown})
	}
	c.Focus(f.system)
	f.system.TypedKey(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if c.Overlays().Top() != nil {
		t.Error("Esc does not close the sheet")
	}
}

// Rows do not overlap and none is cut, at any size of window and text.
func TestSettingsFit(t *testing.T) {
	t.Cleanup(func() { setTextFactor(1) })
	w, f, _ := settingsSheet(t, Actions{Reload: func() {}, OpenData: func() {}})
	for _, size := range []fyne.Size{{Width: 800, Height: 600}, {Width: 1200, Height: 780}} {
		for _, text := range []float64{0.8, 1, 1.6} {
			s := sampleSettings()
			s.TextSize, s.Info.Reload, s.Info.Restart, s.Info.Preset = text, true, true, ""
			w.win.Resize(size)
			w.SetSettings(s)
			for i, part := range f.sections {
				f.open(i)
				y := float32(-1)
				for _, r := range part.rows.rows {
					if !r.Visible() {
						continue
					}
					if r.Position().Y <= y || r.Size().Width <= 0 || r.Position().X+r.Size().Width > part.scroll.Size().Width {
						t.Errorf("%v at %v, section %d: a row at %v of %v, above it %v", size, text, i, r.Position(), r.Size(), y)
					}
					y = r.Position().Y + r.Size().Height
				}
				if h := part.rows.Size().Height; h < y {
					t.Errorf("%v at %v, section %d: the rows end at %v, what scrolls at %v", size, text, i, y, h)
				}
			}
		}
	}
}

func TestSettingsWithoutInfo(t *testing.T) {
	w, _ := testWindow(t, Actions{Settings: func(Settings) {}})
	w.SetSettings(Settings{MaxTokens: 768, Theme: "dark"})
	w.openSettings()
	w.form.rowCalled(t, "Longest answer").control.(*formEntry).SetText("100")
	if w.form.settings.MaxTokens != 100 {
		t.Errorf("%+v", w.form.settings)
	}
}

func TestTheDownloadAddressIsJudgedAsItIsTyped(t *testing.T) {
	check := func(address string) string {
		if address != "" && !strings.HasPrefix(address, "https://") {
			return "Downloads need https://."
		}
		return ""
	}
	_, f, told := settingsSheet(t, Actions{CheckMirror: check, ModelActions: ModelActions{Download: func(string, string) {}}})
	r := f.rowCalled(t, "Download address")
	e := r.control.(*formEntry)
	if !r.Visible() || e.PlaceHolder != "https://hub.example" || r.back.Visible() {
		t.Fatalf("there: %v, placeholder %q", r.Visible(), e.PlaceHolder)
	}
	e.SetText("ftp://mirror")
	if len(*told) != 0 || r.wrong.source != "Downloads need https://." || !r.wrong.Visible() {
		t.Fatalf("told %v, says %q", *told, r.wrong.source)
	}
	e.SetText("https://mirror.example")
	if f.settings.Mirror != "https://mirror.example" || r.wrong.source != "" || len(*told) != 1 || !r.back.Visible() {
		t.Fatalf("in force: %q, says %q", f.settings.Mirror, r.wrong.source)
	}
	e.SetText("mirror")
	test.Tap(r.back)
	if f.settings.Mirror != "" || e.Text != "" || r.wrong.source != "" {
		t.Errorf("the way back: in force %q, typed %q, says %q", f.settings.Mirror, e.Text, r.wrong.source)
	}
}

func TestSettingsGolden(t *testing.T) {
	w, f, _ := settingsSheet(t, Actions{Reload: func() {}, OpenData: func() {}})
	s := sampleSettings()
	s.Temperature, s.Context, s.Info.Preset, s.Info.Reload = 0.9, 8192, "Mine", true
	w.SetSettings(s)
	for i, name := range []string{"general", "answers", "memory", "pictures", "data"} {
		f.open(i)
		f.Resize(fyne.NewSize(680, 440))
		test.AssertObjectRendersToMarkup(t, "settings-"+name+".xml", f)
	}
}
