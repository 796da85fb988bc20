package app

import (
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"galago/app/library/download"
	"galago/inference"
	"galago/ui"
)

// What the window sends is judged as the file is: a wrong value leaves the one before in force.
func TestWhatIsOutOfRangeIsNotTaken(t *testing.T) {
	b := newBench(t)
	good := b.view.settings
	good.TopK, good.MinP, good.TextSize, good.Context = 7, 0.5, 1.2, 2048
	b.ChangeSettings(good)
	was := b.Controller.settings
	bad := good
	bad.Temperature, bad.TopK, bad.TopP, bad.MinP, bad.RepeatPenalty = math.NaN(), -1, 2, math.Inf(1), 0
	bad.MaxTokens, bad.Context, bad.KVType, bad.IdleMinutes = 0, 10, "q4", -1
	bad.Detail, bad.Theme, bad.TextSize, bad.Language, bad.System = "huge", "pink", 0, "tlh", strings.Repeat("x", maxSystem+1)
	b.ChangeSettings(bad)
	if now := b.Controller.settings; !reflect.DeepEqual(now, was) || was.TopK != 7 || was.Context != 2048 {
		t.Errorf("%+v became %+v", was, now)
	}
}

func TestTheRequestHasAllFigures(t *testing.T) {
	b := newBench(t)
	s := b.view.settings
	s.System, s.Temperature, s.TopK, s.TopP, s.MinP, s.RepeatPenalty, s.Seed, s.MaxTokens = "Be terse.", 0.5, 7, 0.75, 0.25, 1.5, 3, 20
	b.ChangeSettings(s)
	talk := []inference.Message{{Role: "user", Text: "q"}}
	got := b.Controller.request(talk)
	want := inference.Request{
		Messages:    []inference.Message{{Role: "system", Text: "Be terse."}, {Role: "user", Text: "q"}},
		Temperature: 0.5, TopK: 7, TopP: 0.75, MinP: 0.25, RepeatPenalty: 1.5, RepeatLastN: 64, Seed: 3, MaxTokens: 20,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	s.System = ""
	b.ChangeSettings(s)
	if got := b.Controller.request(talk); len(got.Messages) != 1 {
		t.Errorf("without a system prompt: %+v", got.Messages)
	}
}

func TestPresets(t *testing.T) {
	b := newBench(t)
	names := func() (list []string) {
		for _, p := range b.view.settings.Info.Presets {
			list = append(list, p.Name)
		}
		return list
	}
	if got := names(); !slices.Equal(got, []string{"Usual", "Describe", "Read text", "Terse"}) || b.view.settings.Info.Preset != "Usual" {
		t.Fatalf("%q, %q is used", got, b.view.settings.Info.Preset)
	}
	for _, p := range builtInPresets() {
		if !p.good() {
			t.Errorf("%s is not good", p.Name)
		}
	}
	b.UsePreset("Read text")
	if s := b.view.settings; s.Temperature != 0 || !strings.Contains(s.System, "as it is written") || s.Info.Preset != "Read text" {
		t.Errorf("%+v", s)
	}
	s := b.view.settings
	s.TopK = 3
	b.ChangeSettings(s)
	if got := b.view.settings.Info.Preset; got != "" {
		t.Errorf("with other figures it is still %s", got)
	}
	b.SavePreset("  Mine ")
	b.UsePreset("Terse")
	b.UsePreset("mine")
	if s := b.view.settings; s.TopK != 3 || s.Info.Preset != "Mine" || s.Info.Presets[4] != (ui.Preset{Name: "Mine", Own: true}) {
		t.Errorf("%+v %+v", s, s.Info)
	}
	for _, name := range []string{"", " ", "terse", strings.Repeat("x", maxPresetName+1)} {
		b.SavePreset(name)
		b.RenamePreset("Mine", name)
	}
	if got := names(); len(got) != 5 || b.view.note() != "A preset needs a name of its own, of at most 60 characters." {
		t.Errorf("%q, %q", got, b.view.note())
	}
	b.RenamePreset("Mine", "Ours")
	next := newBenchAt(t, b.settings)
	next.start()
	if i := next.view.settings.Info; i.Preset != "Ours" || len(i.Presets) != 5 {
		t.Errorf("at the next start: %+v", i)
	}
	b.DeletePreset("Ours")
	if got := names(); len(got) != 4 || b.view.settings.TopK != 3 {
		t.Errorf("deleted: %q, %+v", got, b.view.settings)
	}
	b.view.offer()
	b.view.offer()
	if got := names(); len(got) != 5 || got[4] != "Ours" {
		t.Errorf("undone: %q", got)
	}
	b.DeletePreset("Terse")
	if got := names(); len(got) != 5 {
		t.Errorf("a built-in one is gone: %q", got)
	}
}

// Context and KV type count at a load, which the person asks for.
func TestAnotherContextNeedsALoad(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	opened := len(b.client.opened)
	s := b.view.settings
	s.Context, s.KVType = 2048, "q8_0"
	b.ChangeSettings(s)
	if len(b.client.opened) != opened || !b.view.settings.Info.Reload || b.view.banner == nil || b.view.banner.Label != "Load again" {
		t.Fatalf("opened %d times, %+v", len(b.client.opened)-opened, b.view.banner)
	}
	b.view.banner.Do()
	now := b.ready()
	now.Model = b.client.opened[len(b.client.opened)-1]
	b.tell(now)
	if m := now.Model; m.Context != 2048 || m.KVType != "q8_0" || b.view.settings.Info.Reload || b.view.banner != nil && b.view.banner.Label == "Load again" {
		t.Errorf("%+v, %+v", m, b.view.banner)
	}
}

// What was chosen out of trouble lasts until another model, or other settings of it, are chosen.
func TestAWayOutOutlastsTheNextLoad(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	last := func() inference.Model { return b.client.opened[len(b.client.opened)-1] }
	way := last()
	way.Context, way.KVType, way.GPULayers, way.ImageMaxTokens = 1024, "q8_0", 3, 256
	b.openAs(way)
	b.Reload()
	if last() != way {
		t.Errorf("loaded again it is %+v, want %+v", last(), way)
	}
	b.ChooseGPU("GPU-2")
	want := way
	want.GPU, want.GPULayers = "GPU-2", 0 // how many layers fit is the card's
	if last() != want {
		t.Errorf("on another card it is %+v, want %+v", last(), want)
	}
	now := b.ready()
	now.Model = last()
	b.tell(now)
	if b.view.settings.Info.Reload {
		t.Error("a way out is taken for a change of the settings")
	}
	s := b.view.settings
	s.Context = 4096
	b.ChangeSettings(s)
	b.Reload()
	if got := last(); got.Context != 4096 || got.KVType != "" || got.ImageMaxTokens != 256 {
		t.Errorf("with another context it is %+v", got)
	}
	b.UseBuiltIn()
	if got := last(); got.ImageMaxTokens == 256 {
		t.Errorf("chosen anew it is %+v", got)
	}
}

// Of settings that come while others are written, the last is written next, and all is on the disk after wait.
func TestTheLastSettingsAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	var k settingsKeeper
	k.wait()
	begun, goOn := make(chan struct{}), make(chan struct{})
	told := 0
	k.put(path, defaultSettings(), func(error) { close(begun); <-goOn })
	<-begun
	s := defaultSettings()
	for i := range 100 {
		s.MaxTokens = i + 1
		k.put(path, s, func(err error) {
			if err != nil {
				t.Error(err)
			}
			told++
		})
	}
	close(goOn)
	k.wait()
	if got, err := loadSettings(path); err != nil || got.MaxTokens != 100 || told != 1 {
		t.Errorf("%d, %v after %d more were written", got.MaxTokens, err, told)
	}
}

func TestTheDownloadAddress(t *testing.T) {
	b := newBench(t)
	set := func(address string) string {
		s := b.view.settings
		s.Mirror = address
		b.ChangeSettings(s)
		return b.view.settings.Mirror
	}
	if b.view.settings.Info.Hub != download.Hub {
		t.Errorf("the hub is %q", b.view.settings.Info.Hub)
	}
	const good = "https://mirror.example/hub"
	if got := set(" " + good + " "); got != good || mirrorFault(good) != "" {
		t.Fatalf("%q, %q", got, mirrorFault(good))
	}
	for _, bad := range []string{"http://mirror.example", "mirror", "https://me:secret@mirror.example", "https://mirror.example/?a"} {
		if got := set(bad); got != good || !strings.HasSuffix(mirrorFault(bad), ".") {
			t.Errorf("%q: in force is %q; it says %q", bad, got, mirrorFault(bad))
		}
	}
	if got := mirrorFault("http://mirror.example"); !strings.HasPrefix(got, "http://mirror.example ") {
		t.Errorf("the address is not named as it was typed: %q", got)
	}
	if got := set(""); got != "" || mirrorFault("") != "" {
		t.Errorf("the hub itself: %q", got)
	}
}
