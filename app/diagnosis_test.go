package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"galago/inference"
	"galago/inference/doctor"
)

func newDoctorBench(t *testing.T, examine func(ctx context.Context, test bool, step func(doctor.Step)) (doctor.Report, error)) *libraryBench {
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	b.doctor = examine
	b.begin()
	return b
}

func TestDiagnose(t *testing.T) {
	step, goOn := make(chan func(doctor.Step)), make(chan struct{})
	b := newDoctorBench(t, func(_ context.Context, test bool, tell func(doctor.Step)) (doctor.Report, error) {
		step <- tell
		<-goOn
		r := doctor.Report{
			Summary: "Galago answers here.", Text: "the whole report",
			Findings: []doctor.Finding{{What: "Graphics driver", Problem: "It is missing.", Cure: "Install it."}, {What: "Disk", Found: "120 GB free"}},
		}
		if test {
			r.Test = &doctor.Test{Model: "Galago Demo", Device: "CUDA0", Layers: 29, GPULayers: 29, LoadMs: 850, PictureMs: 41, TokensPerSec: 42.4, Judged: true, Right: true}
		}
		return r, nil
	})
	b.CopyReport()
	if b.clip != "" || b.view.note() != "There is no report yet." {
		t.Errorf("copied %q, note %q", b.clip, b.view.note())
	}
	b.Diagnose(true)
	if b.view.diagnosis.Busy == "" {
		t.Error("nothing says that it is looking")
	}
	tell := <-step
	elsewhere(func() { tell(doctor.StepDriver) })
	b.run()
	if b.view.diagnosis.Busy != "Asking the graphics driver…" {
		t.Errorf("busy: %q", b.view.diagnosis.Busy)
	}
	b.Diagnose(false) // one at a time
	close(goOn)
	b.until("the report is there", func() bool { return b.view.diagnosis.Busy == "" })
	d := b.view.diagnosis
	if d.Summary != "Galago answers here." || len(d.Lines) != 2 || d.Lines[0].Cure != "Install it." || d.Text != "the whole report" {
		t.Errorf("diagnosis %+v", d)
	}
	var test []string
	for _, l := range d.Test {
		test = append(test, l.What+": "+l.Found)
	}
	if got := strings.Join(test, ", "); got != "Model: Galago Demo, Computed on: CUDA0, Layers on the graphics card: 29 of 29, Loading: 0.8 s, One picture: 41 ms, Speed: 42 tokens/s, Answer: right" &&
		got != "Model: Galago Demo, Computed on: CUDA0, Layers on the graphics card: 29 of 29, Loading: 0.9 s, One picture: 41 ms, Speed: 42 tokens/s, Answer: right" {
		t.Errorf("test %s", got)
	}
	b.CopyReport()
	if b.clip != "the whole report" {
		t.Errorf("copied %q", b.clip)
	}
}

// On a card the self-test needs the room that the open model takes.
func TestSelfTestOnACardUnloadsTheModelFirst(t *testing.T) {
	for _, onCard := range []bool{true, false} {
		unloadedFirst := false
		var b *libraryBench
		b = newDoctorBench(t, func(context.Context, bool, func(doctor.Step)) (doctor.Report, error) {
			b.client.mu.Lock()
			defer b.client.mu.Unlock()
			unloadedFirst = b.client.unloads == 1
			return doctor.Report{Test: &doctor.Test{Failed: "it is too small"}}, nil
		})
		s := b.bench.ready()
		if onCard {
			s.Device = aCard
		}
		b.tell(s)
		b.Diagnose(true)
		b.until("the report is there", func() bool { return b.view.diagnosis.Busy == "" })
		if unloadedFirst != onCard {
			t.Errorf("on a card: %v, unloaded: %v", onCard, unloadedFirst)
		}
		if l := b.view.diagnosis.Test; len(l) != 1 || l[0].Problem != "it is too small" {
			t.Errorf("test %+v", l)
		}
	}
}

func TestStopTheTest(t *testing.T) {
	b := newDoctorBench(t, func(ctx context.Context, _ bool, _ func(doctor.Step)) (doctor.Report, error) {
		<-ctx.Done()
		return doctor.Report{}, ctx.Err()
	})
	b.Diagnose(true)
	b.StopTest()
	b.until("it is stopped", func() bool { return b.view.diagnosis.Busy == "" })
	if len(b.view.diagnosis.Lines) != 0 {
		t.Errorf("diagnosis %+v", b.view.diagnosis)
	}
	b.Diagnose(false)
	b.Controller.Close()
	b.until("the window's end stops it", func() bool { return b.diagnosis.stop == nil })
}

func TestNoReport(t *testing.T) {
	b := newDoctorBench(t, func(context.Context, bool, func(doctor.Step)) (doctor.Report, error) {
		return doctor.Report{}, errors.New("the engine could not be asked: it is missing")
	})
	b.Diagnose(false)
	b.until("it is told", func() bool { return b.view.diagnosis.Busy == "" })
	d := b.view.diagnosis
	if len(d.Lines) != 1 || d.Lines[0].Problem != "The engine could not be asked: it is missing." || d.Text == "" {
		t.Errorf("diagnosis %+v", d)
	}
}

// engineScript is an engine's program that is a script.
func engineScript(t *testing.T, script string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("a script is no program there")
	}
	path := filepath.Join(t.TempDir(), "galago-engine")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv(inference.EngineEnv, path)
}

func TestRunDoctor(t *testing.T) {
	engineScript(t, `echo "$*" >&2; echo looking at the system >&2; echo '{"version":"7","summary":"'"$3"'"}'; exit 1`)
	var steps []doctor.Step
	r, err := runDoctor(t.Context(), true, func(s doctor.Step) { steps = append(steps, s) })
	if err != nil || r.Version != "7" || r.Summary != "--test" {
		t.Errorf("report %+v, %v", r, err)
	}
	if len(steps) != 2 || steps[0] != "doctor --json --test" || steps[1] != doctor.StepSystem {
		t.Errorf("steps %q", steps)
	}

	engineScript(t, "echo no report; exit 3")
	if _, err := runDoctor(t.Context(), false, func(doctor.Step) {}); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("error %v", err)
	}
	engineScript(t, "head -c 9000000 /dev/zero")
	if _, err := runDoctor(t.Context(), false, func(doctor.Step) {}); err == nil {
		t.Error("zeros are a report")
	}
	t.Setenv(inference.EngineEnv, filepath.Join(t.TempDir(), "none"))
	if _, err := runDoctor(t.Context(), false, func(doctor.Step) {}); err == nil {
		t.Error("a program that is missing reports")
	}
}

func TestRunDoctorEndsWithTheContext(t *testing.T) {
	engineScript(t, "echo looking at the system >&2; exec sleep 1000")
	ctx, stop := context.WithCancel(t.Context())
	_, err := runDoctor(ctx, false, func(doctor.Step) { stop() })
	if err == nil {
		t.Error("a report came of nothing")
	}
}
