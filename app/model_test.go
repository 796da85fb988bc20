package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galago/assets"
	"galago/inference"
	"galago/inference/protocol"
)

// modelFolder has the built-in model's two files under other names, links that cost no space.
func modelFolder(t *testing.T, model, mmproj string) (dir string) {
	t.Helper()
	demo, err := assets.DemoModel()
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for name, target := range map[string]string{model: demo.Model, mmproj: demo.MMProj} {
		if name == "" {
			continue
		}
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// chosen opens the model of a folder and tells that it loaded.
func (b *bench) chosen(model string) {
	b.t.Helper()
	n := len(b.client.opened)
	b.OpenModel(model, "")
	b.until("the model is opened", func() bool { return len(b.client.opened) > n })
	s := b.ready()
	s.Model = b.client.opened[n]
	b.tell(s)
}

func TestAModelIsRememberedOnceItLoaded(t *testing.T) {
	b := newBench(t)
	dir := modelFolder(t, "own.gguf", "mmproj-own.gguf")
	own := filepath.Join(dir, "own.gguf")
	b.OpenModel(own, "")
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	if m := b.client.opened[1]; m.Path != own || m.MMProj != filepath.Join(dir, "mmproj-own.gguf") || m.ImageMaxTokens != 0 {
		t.Errorf("opened %+v", m)
	}
	if kept, _ := loadSettings(b.settings); kept.Model != "" {
		t.Error("the model is remembered before it loaded")
	}
	late := b.ready() // of the built-in model
	b.tell(late)
	if kept, _ := loadSettings(b.settings); kept.Model != "" {
		t.Error("the model is remembered because another one loaded")
	}
	late.Model = b.client.opened[1]
	late.State = inference.StateBusy
	b.tell(late)
	if kept, _ := loadSettings(b.settings); kept.Model != own {
		t.Errorf("remembered: %+v", kept)
	}
	if b.view.banner != nil || b.view.model.BuiltIn {
		t.Errorf("banner %+v, header %+v", b.view.banner, b.view.model)
	}

	next := newBenchAt(t, b.settings)
	next.start()
	if m := next.client.opened[0]; m.Path != own || m.MMProj == "" {
		t.Errorf("the next start opens %+v", m)
	}
	next.UseBuiltIn()
	if m := next.client.opened[1]; m.Path != next.demo.Model {
		t.Errorf("UseBuiltIn opens %+v", m)
	}
	if kept, _ := loadSettings(b.settings); kept.Model != "" || kept.MMProj != "" {
		t.Errorf("remembered: %+v", kept)
	}
}

func TestModelThatDoesNotLoad(t *testing.T) {
	b := newBench(t)
	b.OpenModel(filepath.Join(modelFolder(t, "own.gguf", ""), "own.gguf"), "")
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	s := inference.Status{State: inference.StateFailed, Model: b.client.opened[1], Err: &inference.Error{Code: protocol.CodeOutOfMemory, Op: "load model"}}
	b.tell(s)
	banner := b.view.banner
	if banner == nil || !banner.Problem || banner.Label != "Use the built-in model" || !strings.HasPrefix(banner.Text, "Not enough memory. ") {
		t.Fatalf("the banner is %+v", banner)
	}
	banner.Do()
	if m := b.client.opened[2]; m.Path != b.demo.Model {
		t.Errorf("the way back opens %+v", m)
	}
	b.tell(b.ready())
	if b.view.banner == nil || b.view.banner.Problem {
		t.Errorf("the banner is %+v", b.view.banner)
	}
}

func TestFilesThatAreNoModelLeaveTheOpenOne(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.OpenModel(write(t, filepath.Join(t.TempDir(), "x.gguf"), []byte("random bytes")), "")
	b.until("the banner", func() bool { return b.view.banner.Problem })
	if len(b.client.opened) != 1 || !strings.Contains(b.view.banner.Text, "x.gguf") {
		t.Errorf("%d models opened, banner %+v", len(b.client.opened), b.view.banner)
	}
	b.chosen(filepath.Join(modelFolder(t, "own.gguf", ""), "own.gguf"))
	if b.view.banner == nil || b.view.banner.Problem || !strings.HasPrefix(b.view.banner.Text, "own.gguf is opened for text only") {
		t.Errorf("banner %+v", b.view.banner)
	}
}

func TestTheLastChoiceOfAModelCounts(t *testing.T) {
	b := newBench(t)
	own := filepath.Join(modelFolder(t, "own.gguf", "mmproj.gguf"), "own.gguf")
	b.OpenModel(own, "")
	b.UseBuiltIn() // before the files were looked into
	f := <-b.main
	f()
	if n := len(b.client.opened); n != 2 || b.client.opened[1].Path != b.demo.Model {
		t.Errorf("opened %+v", b.client.opened)
	}
}

// remembering is a controller whose settings name a model.
func remembering(t *testing.T) *bench {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	s := defaultSettings()
	s.Model, s.MMProj = "/models/own.gguf", "/models/mmproj.gguf"
	if err := saveSettings(b.settings, s); err != nil {
		t.Fatal(err)
	}
	b.start()
	return b
}

func TestModelOfLastTimeIsGone(t *testing.T) {
	b := remembering(t)
	own := b.client.opened[0]
	if own.Path != "/models/own.gguf" {
		t.Fatalf("opened %+v", own)
	}
	gone := inference.Status{
		State: inference.StateFailed, Model: own,
		Err: &inference.Error{Code: protocol.CodeModelInvalid, Op: "load model", Err: errors.New("no such file")},
	}
	b.tell(gone)
	if len(b.client.opened) != 2 || b.client.opened[1].Path != b.demo.Model {
		t.Fatalf("opened %+v", b.client.opened)
	}
	b.tell(b.ready())
	banner := b.view.banner
	if !banner.Problem || !strings.HasPrefix(banner.Text, "The built-in model is open, because own.gguf did not load.") || !strings.Contains(banner.Text, "no such file") {
		t.Errorf("the banner is %+v", banner)
	}
	if kept, _ := loadSettings(b.settings); kept.Model != own.Path {
		t.Error("the model is forgotten although its drive may come back")
	}
	banner.Do()
	if len(b.client.opened) != 3 || b.client.opened[2] != own {
		t.Fatalf("opened %+v", b.client.opened)
	}
	b.tell(gone) // tried by hand: no second fall back
	if len(b.client.opened) != 3 || b.view.banner.Label != "Use the built-in model" {
		t.Errorf("%d models opened, banner %+v", len(b.client.opened), b.view.banner)
	}
}

func TestMissingEngine(t *testing.T) {
	for _, b := range []*bench{newBench(t), remembering(t)} {
		b.tell(inference.Status{State: inference.StateFailed, Model: b.client.opened[0], Err: &inference.Error{Code: protocol.CodeEngineMissing, Op: "start"}})
		if len(b.client.opened) != 1 || b.view.banner == nil || b.view.banner.Label != "Try again" || !b.view.banner.Problem {
			t.Fatalf("%d models opened, banner %+v", len(b.client.opened), b.view.banner)
		}
		b.view.banner.Do()
		if len(b.client.opened) != 2 || b.client.opened[1] != b.client.opened[0] {
			t.Errorf("Reload opened %+v", b.client.opened)
		}
	}
}

func TestMissingBuiltInModel(t *testing.T) {
	t.Setenv(assets.DemoEnv, t.TempDir())
	b := newBench(t)
	b.tell(inference.Status{})
	if b.view.banner == nil || !b.view.banner.Problem || !strings.HasPrefix(b.view.banner.Text, "The built-in model was not found") {
		t.Errorf("the banner is %+v", b.view.banner)
	}
	b.Send("hello")
	if len(b.client.requests) != 0 || b.view.note() != "No model is open. Open one first." {
		t.Errorf("%d requests, note %q", len(b.client.requests), b.view.note())
	}
	b.UseBuiltIn()
	if !strings.HasPrefix(b.view.note(), "The built-in model was not found") {
		t.Errorf("note %q", b.view.note())
	}
}

func TestBadChoiceAfterAFailure(t *testing.T) {
	b := newBench(t)
	fail := inference.Status{
		State: inference.StateFailed, Model: b.client.opened[0],
		Err: &inference.Error{Code: protocol.CodeOutOfMemory, Op: "load model"},
	}
	b.tell(fail)
	b.OpenModel(write(t, filepath.Join(t.TempDir(), "x.gguf"), []byte("random bytes")), "")
	b.until("the banner", func() bool { return strings.Contains(b.view.banner.Text, "x.gguf") })
	if b.view.banner.Do(); b.view.choosing != 1 {
		t.Errorf("the banner %+v lets nothing else be chosen", b.view.banner)
	}
	fail.Waiting = 1 // no news about the failure
	b.tell(fail)
	if !strings.Contains(b.view.banner.Text, "x.gguf") {
		t.Errorf("the banner is %+v", b.view.banner)
	}
	fail.Err = &inference.Error{Code: protocol.CodeWorkerDied, Op: "load model"}
	b.tell(fail)
	if strings.Contains(b.view.banner.Text, "x.gguf") || b.view.banner.Label != "Try again" {
		t.Errorf("a new failure is hidden behind %+v", b.view.banner)
	}
}

func TestNoticeStaysUntilAQuestionIsAsked(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.OpenModel(write(t, filepath.Join(t.TempDir(), "x.gguf"), []byte("random bytes")), "")
	b.until("the banner", func() bool { return b.view.banner.Problem })
	b.tell(b.ready())
	b.Send(" ")
	if !b.view.banner.Problem {
		t.Error("the notice went without a question")
	}
	b.Send("hello")
	if b.view.banner == nil || b.view.banner.Problem {
		t.Errorf("after the question the banner is %+v", b.view.banner)
	}
}

func TestNewsOfTheSameModelWithOtherEyesIsLate(t *testing.T) {
	b := newBench(t)
	dir := modelFolder(t, "own.gguf", "mmproj-own.gguf")
	b.chosen(filepath.Join(dir, "own.gguf"))
	b.open(files{model: filepath.Join(dir, "own.gguf")})
	late := b.ready()
	late.Model = b.client.opened[1]
	b.tell(late)
	if kept, _ := loadSettings(b.settings); kept.MMProj == "" {
		t.Error("a pair is remembered that has not loaded")
	}
	late.Model = b.client.opened[2]
	b.tell(late)
	if kept, _ := loadSettings(b.settings); kept.MMProj != "" || kept.Model == "" {
		t.Errorf("remembered: %+v", kept)
	}
}

func TestAChoiceThatFailsLeavesTheFallback(t *testing.T) {
	dir := modelFolder(t, "own.gguf", "mmproj-own.gguf")
	first := newBench(t)
	first.chosen(filepath.Join(dir, "own.gguf"))

	b := newBenchAt(t, first.settings)
	b.start()
	b.OpenModel(write(t, filepath.Join(t.TempDir(), "noise.gguf"), []byte("noise")), "")
	b.until("the choice is refused", func() bool { return b.view.banner != nil && b.view.banner.Label == "Choose again…" })
	b.tell(inference.Status{
		State: inference.StateFailed, Model: b.client.opened[0],
		Err: &inference.Error{Code: protocol.CodeOutOfMemory, Op: "load model"},
	})
	if n := len(b.client.opened); n != 2 || b.client.opened[n-1].Path != b.demo.Model {
		t.Errorf("opened %+v, want the built-in model at last", b.client.opened)
	}
}

// The model of last time may lie on a disk that does not answer: the main goroutine looks at none of its files.
func TestTheModelOfLastTimeIsNotLookedAtOnTheMainGoroutine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	s := defaultSettings()
	s.Model, s.MMProj, s.Welcomed = "/m/mine.gguf", "/m/mmproj.gguf", true
	if err := saveSettings(path, s); err != nil {
		t.Fatal(err)
	}
	b := newBenchAt(t, path)
	if b.Start(b.view); len(b.client.opened) != 0 {
		t.Fatal("it was opened at once")
	}
	b.until("it is opened", func() bool { return len(b.client.opened) == 1 })
	if m := b.client.opened[0]; m.Path != s.Model || m.MMProj != s.MMProj {
		t.Errorf("opened %+v", m)
	}
}
