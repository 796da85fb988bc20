package app

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galago/app/library/download"
	"galago/inference/engines"
	"galago/inference/protocol"
	"galago/ui"
)

const engineJob = enginePrefix + "cuda13"

func newEngineBench(t *testing.T, install func(ctx context.Context, progress func(string, float64)) (engines.Engine, error)) *libraryBench {
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	s := defaultSettings()
	s.Welcomed = true
	if err := saveSettings(b.bench.settings, s); err != nil {
		t.Fatal(err)
	}
	b.withEngine(install)
	b.begin()
	b.openPage()
	b.until("the engine is looked at", func() bool { return b.engine.looked })
	return b
}

func TestInstallAnEngine(t *testing.T) {
	step, goOn := make(chan func(string, float64)), make(chan struct{})
	b := newEngineBench(t, func(_ context.Context, progress func(string, float64)) (engines.Engine, error) {
		step <- progress
		<-goOn
		return engines.Engine{Dir: "/data/engine", Source: engines.Installed, CUDA: "13.1"}, nil
	})
	r := b.view.models.Engine
	if r.Title != "CPU mode" || !r.CanInstall || r.Size != "600.0 MB" || !strings.HasPrefix(r.Text, "RTX 3050 is there, but the engine for it is not") {
		t.Fatalf("engine %+v", r)
	}
	b.InstallEngine()
	j := b.started(0)
	if j.ID != engineJob || len(j.Files) != 1 || j.Files[0].SHA256 != "bb" || j.Spare < 1e9 {
		t.Fatalf("job %+v", j)
	}
	state := download.State{Job: j, Phase: download.Fetching, Got: 3e8, Total: 6e8}
	b.news(state)
	if r := b.view.models.Engine; !r.Busy || r.Progress != 0.5 || r.CanInstall {
		t.Errorf("engine %+v", r)
	}
	state.Phase = download.Done
	b.news(state)
	progress := <-step
	elsewhere(func() { progress("Unpacking", 0.25) })
	b.run()
	if r := b.view.models.Engine; !r.Busy || r.Text != "Unpacking" || r.Progress != 0.25 {
		t.Errorf("engine %+v", r)
	}
	b.InstallEngine() // once is enough
	close(goOn)
	b.until("the engine is installed", func() bool { return b.engine.there })
	if n := len(b.downloads.started); n != 1 {
		t.Errorf("%d downloads", n)
	}
	if !slices.Equal(b.downloads.cancelled, []string{engineJob}) || len(b.client.opened) != 2 || b.client.opened[1] != b.client.opened[0] {
		t.Errorf("forgotten %q, opened %+v", b.downloads.cancelled, b.client.opened)
	}
	if r := b.view.models.Engine; r.Title != "CUDA engine 13.1, installed" || !r.CanRemove || r.CanInstall || r.Busy {
		t.Errorf("engine %+v", r)
	}
	s := b.bench.ready()
	s.Hello.Devices = []protocol.Device{{Type: "CPU"}, {Type: "GPU"}}
	b.tell(s)
	if r := b.view.models.Engine; r.Text != "Answers are computed on the graphics card." {
		t.Errorf("engine %+v", r)
	}
	b.RemoveEngine()
	b.until("the engine is removed", func() bool { return !b.engine.there })
	if r := b.view.models.Engine; r.Title != "CPU mode" || len(b.client.opened) != 3 {
		t.Errorf("engine %+v", r)
	}
}

func TestAnEngineThatDoesNotInstallChangesNothing(t *testing.T) {
	tries := 0
	b := newEngineBench(t, func(context.Context, func(string, float64)) (engines.Engine, error) {
		tries++
		return engines.Engine{}, errors.New("the driver is too old for CUDA 13: update it")
	})
	b.InstallEngine()
	b.news(download.State{Job: b.started(0), Phase: download.Done})
	b.until("it is told", func() bool { return b.view.models.Engine.Problem != nil })
	if r := b.view.models.Engine; r.Problem.Text != "The driver is too old for CUDA 13: update it." || !r.CanInstall || r.Busy {
		t.Errorf("engine %+v", r)
	}
	if len(b.client.opened) != 1 || !slices.Equal(b.downloads.cancelled, []string{engineJob}) {
		t.Errorf("opened %+v, forgotten %q", b.client.opened, b.downloads.cancelled)
	}
	b.news()
	b.InstallEngine() // its archives are whole, so all that is heard of the download is its end
	b.news(download.State{Job: b.started(1), Phase: download.Done})
	b.until("it is tried again", func() bool { return b.engine.busy == "" && b.engine.failed != nil })
	if tries != 2 {
		t.Errorf("tried %d times", tries)
	}
}

// Who looks elsewhere hears why the CPU goes on.
func TestAnEngineThatDoesNotInstallIsToldOf(t *testing.T) {
	b := newEngineBench(t, func(context.Context, func(string, float64)) (engines.Engine, error) {
		return engines.Engine{}, errors.New("the archive is damaged")
	})
	b.InstallEngine()
	b.ModelsShown(false)
	b.news(download.State{Job: b.started(0), Phase: download.Done})
	b.until("it is over", func() bool { return b.engine.failed != nil })
	if b.view.note() != "The engine was not installed. The archive is damaged." {
		t.Errorf("note %q", b.view.note())
	}
	if b.view.offer(); b.view.modelsShown != 1 {
		t.Error("the page is not shown")
	}
}

// A card that no engine can use does not count: models go to the system's memory.
func TestWithoutAnEngineTheSystemsMemoryCounts(t *testing.T) {
	b := newEngineBench(t, nil)
	if d := b.Controller.judged.device; !d.GPU() {
		t.Fatalf("judged on %+v", d)
	}
	b.ModelsShown(false)
	b.mu.Lock()
	b.Controller.lib.Engines.For = func(engines.Card) (engines.Build, error) {
		return engines.Build{}, errors.New("the driver is too old")
	}
	b.mu.Unlock()
	s := b.bench.ready()
	s.Hello.Devices = []protocol.Device{{Type: "CPU"}}
	b.tell(s)
	b.ModelsShown(true)
	b.until("it is judged anew", func() bool { return !b.Controller.judged.running && !b.Controller.judged.device.GPU() })
	if d := b.view.models.Device; d != "CPU mode · 3.0 GiB of 16.0 GiB free" {
		t.Errorf("device %q", d)
	}
	if r := b.row(eyeRow); r.Variants[0].Fit != ui.FitNot {
		t.Errorf("row %+v", r)
	}
}

func TestStopTheInstallation(t *testing.T) {
	begun := make(chan struct{})
	b := newEngineBench(t, func(ctx context.Context, _ func(string, float64)) (engines.Engine, error) {
		close(begun)
		<-ctx.Done()
		return engines.Engine{}, ctx.Err()
	})
	b.InstallEngine()
	state := download.State{Job: b.started(0), Phase: download.Fetching}
	b.news(state)
	b.StopInstall()
	if !slices.Equal(b.downloads.paused, []string{engineJob}) {
		t.Errorf("paused %q", b.downloads.paused)
	}
	state.Phase = download.Done
	b.news(state)
	<-begun
	b.StopInstall()
	b.until("it is stopped", func() bool { return b.engine.busy == "" })
	if r := b.view.models.Engine; r.Problem != nil || !r.CanInstall {
		t.Errorf("engine %+v", r)
	}
}

// Another engine counts when the model is loaded again, which would end an answer: the person says when.
func TestAnotherEngineEndsNoAnswer(t *testing.T) {
	b := newEngineBench(t, nil)
	b.Send("hello")
	b.EngineFolder()
	b.view.choose("/my/engine")
	b.until("the folder counts", func() bool { return b.engine.there })
	if r := b.view.models.Engine; r.Folder != "/my/engine" || !r.CanRemove || len(b.client.opened) != 1 {
		t.Errorf("engine %+v, %d models opened", r, len(b.client.opened))
	}
	b.view.offer()
	if len(b.client.opened) != 2 {
		t.Error("Load again does nothing")
	}
}

func TestWhyThereIsNoEngine(t *testing.T) {
	b := newLibraryBench(t)
	for name, c := range map[string]struct {
		state engineState
		want  string
	}{
		"no card":        {engineState{looked: true, noCard: errors.New("no NVIDIA card was found")}, "The CPU answers. No NVIDIA card was found."},
		"an old driver":  {engineState{looked: true, hasCard: true, why: errors.New("the driver is too old")}, "The driver is too old."},
		"nothing to see": {engineState{}, ""},
	} {
		b.engine = c.state
		if r := b.engineRow(); r.Text != c.want || r.CanInstall || r.Title != "CPU mode" || r.Progress != -1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	b.engine = engineState{looked: true, there: true, current: engines.Engine{Source: engines.Beside}}
	s := b.bench.ready()
	s.Hello.Devices = []protocol.Device{{Type: "CPU"}}
	b.tell(s)
	if r := b.engineRow(); !strings.Contains(r.Text, "found no card") || r.CanRemove || r.Title != "CUDA engine, beside the program" {
		t.Errorf("engine without a card: %+v", r)
	}
	s.Hello.CUDA = &protocol.CUDA{Problem: protocol.CUDALibrary, Library: "libcublas.so.13"}
	b.tell(s)
	if r := b.engineRow(); !strings.Contains(r.Text, "libcublas.so.13 is missing") {
		t.Errorf("engine without a library: %+v", r)
	}
}
