package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"galago/inference/llama"
)

// examined runs doctor twice, for people and for programs, and checks that both say the same.
func examined(t *testing.T, code int, env ...string) (report, string) {
	t.Helper()
	text := callIn(t, engine(t), env, "doctor")
	text.expect(t, code)
	coded := callIn(t, engine(t), env, "doctor", "--json")
	coded.expect(t, code)
	var r report
	if err := json.Unmarshal([]byte(coded.out), &r); err != nil {
		t.Fatalf("%v in %s", err, coded.out)
	}
	for _, f := range r.Findings {
		if !strings.Contains(text.out, f.What) || !strings.Contains(text.out, f.Cure) {
			t.Errorf("the text lacks %+v:\n%s", f, text.out)
		}
		if (f.Found == "") != (f.Problem != "" && f.Cure != "") {
			t.Errorf("neither found nor explained with a cure: %+v", f)
		}
	}
	return r, text.out
}

// found is what the report says of a thing; it may be empty.
func (r report) found(t *testing.T, what string) finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.What == what {
			return f
		}
	}
	t.Errorf("nothing is said of %s: %+v", what, r.Findings)
	return finding{}
}

func TestDoctorFindsEverything(t *testing.T) {
	r, text := examined(t, exitOK)
	if f := r.found(t, "llama.cpp libraries"); !strings.Contains(f.Found, llama.Version) {
		t.Errorf("libraries: %+v", f)
	}
	if f := r.found(t, "engine"); !strings.Contains(f.Found, llama.Version) {
		t.Errorf("engine: %+v", f)
	}
	if f := r.found(t, "built-in model"); f.Found == "" {
		t.Errorf("model: %+v", f)
	}
	if f := r.found(t, "CPU features in use"); f.Found == "" {
		t.Errorf("CPU: %+v", f)
	}
	if !r.CanRun || len(r.Devices) == 0 || r.Version == "" || (r.Mode != "CPU" && r.Mode != "GPU") {
		t.Errorf("the report is %+v", r)
	}
	if !strings.Contains(text, "Galago answers here, on the "+r.Mode+".") {
		t.Errorf("the text is %s", text)
	}
}

func TestDoctorWithoutLibraries(t *testing.T) {
	r, text := examined(t, exitEngine, "GALAGO_LIB="+t.TempDir())
	if f := r.found(t, "llama.cpp libraries"); !strings.Contains(f.Problem, "mtmd") || !strings.Contains(f.Problem, "llama") {
		t.Errorf("libraries: %+v", f)
	}
	if f := r.found(t, "engine"); f.Found != "" {
		t.Errorf("engine: %+v", f)
	}
	if r.CanRun || r.Mode != "none" || !strings.Contains(text, "cannot answer here") {
		t.Errorf("the report is %+v:\n%s", r, text)
	}
}

func TestDoctorWithoutTheBuiltInModel(t *testing.T) {
	r, text := examined(t, exitOK, "GALAGO_DEMO="+t.TempDir())
	if f := r.found(t, "built-in model"); !strings.Contains(f.Cure, "--model") {
		t.Errorf("model: %+v", f)
	}
	if !r.CanRun || !strings.Contains(text, "with a model that you name") {
		t.Errorf("the report is %+v:\n%s", r, text)
	}
}

func TestDoctorWithoutAnEngineThatStarts(t *testing.T) {
	r, _ := examined(t, exitEngine, "GALAGO_ENGINE="+filepath.Join(t.TempDir(), "nothing"))
	if f := r.found(t, "engine"); !strings.Contains(f.Problem, "does not start") || r.CanRun {
		t.Errorf("engine: %+v", f)
	}
}

func TestDoctorTakesNoArguments(t *testing.T) {
	call(t, "doctor", "please").expect(t, exitUsage, "please")
	call(t, "doctor", "--loudly").expect(t, exitUsage, "-loudly")
	call(t, "doctor", "--help").expect(t, exitOK, "-json")
}

// With a card and its driver, but without ggml's CUDA backend, the report names the card and says what is missing.
func TestDoctorWithACard(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the stand-in for NVML is a Linux library")
	}
	dir := t.TempDir()
	source, err := filepath.Abs(filepath.Join("..", "..", "vram", "testdata", "fakenvml.c"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", filepath.Join(dir, "libnvidia-ml.so.1"), source).CombinedOutput(); err != nil {
		t.Fatalf("building the stand-in for NVML: %v\n%s", err, out)
	}
	script := "driver 570.86.10\ngpu GPU-1 NVIDIA GeForce RTX 3050\nmem 0 6144 1024 5120 200 12 45 30000\nstep\n"
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _ := examined(t, exitOK, "LD_LIBRARY_PATH="+dir, "FAKE_NVML_SCRIPT="+path)
	if f := r.found(t, "NVIDIA driver (NVML)"); !strings.Contains(f.Found, "570.86.10") {
		t.Errorf("driver: %+v", f)
	}
	if f := r.found(t, "GPU"); !strings.Contains(f.Found, "RTX 3050, 5.0 GiB of 6.0 GiB free") {
		t.Errorf("GPU: %+v", f)
	}
	if r.Mode == "CPU" {
		if f := r.found(t, "GPU backend"); !strings.Contains(f.Cure, "CUDA") {
			t.Errorf("GPU backend: %+v", f)
		}
	}
}
