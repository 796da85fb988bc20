package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"galago/inference/doctor"
	"galago/inference/llama"
)

// diagnosis is a report as a program reads it.
type diagnosis struct{ doctor.Report }

// flat is a text without its line ends.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// examined runs doctor twice, for people and for programs, and checks that both say the same.
func examined(t *testing.T, code int, env ...string) (diagnosis, string) {
	t.Helper()
	text := callIn(t, engine(t), env, "doctor")
	text.expect(t, code)
	if text.err != "" {
		t.Errorf("without a test it says on stderr: %s", text.err)
	}
	r := readReport(t, callIn(t, engine(t), env, "doctor", "--json"), code)
	for _, f := range r.Findings {
		if !strings.Contains(flat(text.out), flat(f.What)) || !strings.Contains(flat(text.out), flat(f.Cure)) {
			t.Errorf("the text lacks %+v:\n%s", f, text.out)
		}
	}
	if !strings.HasSuffix(strings.TrimSpace(text.out), r.Summary) {
		t.Errorf("the text does not end with %q:\n%s", r.Summary, text.out)
	}
	return r, text.out
}

// readReport reads JSON and checks what holds for every report.
func readReport(t *testing.T, o outcome, code int) diagnosis {
	t.Helper()
	o.expect(t, code)
	var r diagnosis
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatalf("%v in %s", err, o.out)
	}
	rank := 0
	for _, f := range r.Findings {
		now := 2
		switch {
		case f.Found == "":
			now = 0
		case f.Warning:
			now = 1
		}
		if now < rank {
			t.Errorf("%q comes after less important findings", f.What)
		}
		rank = now
		if explained := f.Problem != "" && f.Cure != ""; explained != (f.Found == "" || f.Warning) || f.What == "" {
			t.Errorf("neither found nor explained with a cure: %+v", f)
		}
	}
	if r.Text == "" || r.Summary == "" {
		t.Errorf("no text or no summary: %+v", r)
	}
	return r
}

// found is what the report says of a thing; it may be empty.
func (r diagnosis) found(t *testing.T, what string) doctor.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.What == what {
			return f
		}
	}
	t.Errorf("nothing is said of %s: %+v", what, r.Findings)
	return doctor.Finding{}
}

func TestDoctorFindsEverything(t *testing.T) {
	r, text := examined(t, exitOK)
	for what, word := range map[string]string{
		"Libraries of llama.cpp": llama.Version, "Engine": llama.Version, "Built-in model": "qwen3vl", "CPU features in use": "variant",
		"Devices that ggml sees": "CPU", "System": runtime.GOARCH, "Disk": "free",
	} {
		if f := r.found(t, what); !strings.Contains(f.Found, word) {
			t.Errorf("%s: %+v", what, f)
		}
	}
	if !r.CanRun || len(r.Devices) == 0 || r.Version == "" || (r.Mode != "CPU" && r.Mode != "GPU") || r.Test != nil {
		t.Errorf("the report is %+v", r)
	}
	if !strings.Contains(text, "Galago answers here, on the "+r.Mode+".") {
		t.Errorf("the text is %s", text)
	}
}

func TestDoctorTestsTheBuiltInModel(t *testing.T) {
	o := call(t, "doctor", "--json", "--test", "--limit", "2m") // other tests keep the processors busy
	r := readReport(t, o, exitOK)
	var steps []string
	for _, s := range doctor.Steps {
		steps = append(steps, string(s))
	}
	if got := strings.Split(strings.TrimSpace(o.err), "\n"); !slices.Equal(got, steps) {
		t.Errorf("the steps are %q, want %q", got, steps)
	}
	test := r.Test
	if test == nil || test.Failed != "" || !test.Judged || !test.Right {
		t.Fatalf("the test: %+v", test)
	}
	if test.LoadMs <= 0 || test.PictureMs <= 0 || test.FirstTokenMs < test.PictureMs || test.TokensPerSec <= 0 ||
		test.PictureTokens < 8 || test.AnswerTokens < 10 || test.Layers < 2 || test.ResidentBytes < 1<<20 {
		t.Errorf("figures: %+v", test)
	}
	onGPU := r.Mode == "GPU"
	if onGPU != (test.GPULayers > 0) || onGPU != (test.GPUBytes > 0) || test.SystemBytes == 0 {
		t.Errorf("it computed on the %s: %+v", r.Mode, test)
	}
	if !strings.Contains(r.Summary, "tokens a second") {
		t.Errorf("summary: %s", r.Summary)
	}
}

func TestDoctorsTestEndsInTime(t *testing.T) {
	r := readReport(t, call(t, "doctor", "--json", "--test", "--limit", "1ms"), exitFailed)
	if r.Test == nil || !strings.Contains(r.Test.Failed, "was ended after") || !strings.Contains(r.Summary, "its test failed") {
		t.Errorf("%+v: %s", r.Test, r.Summary)
	}
}

func TestDoctorWithoutLibraries(t *testing.T) {
	r, _ := examined(t, exitEngine, "GALAGO_LIB="+t.TempDir())
	if f := r.Findings[0]; f.What != "Libraries of llama.cpp" || !strings.Contains(f.Problem, "mtmd") || !strings.Contains(f.Problem, "llama.") {
		t.Errorf("first: %+v", f)
	}
	if f := r.found(t, "Engine"); f.Found != "" || !strings.Contains(f.Problem, "missing") {
		t.Errorf("engine: %+v", f)
	}
	if r.CanRun || r.Mode != "none" || !strings.Contains(r.Summary, "cannot answer here") {
		t.Errorf("the report is %+v", r)
	}
}

func TestDoctorWithoutTheBuiltInModel(t *testing.T) {
	r, text := examined(t, exitOK, "GALAGO_DEMO="+t.TempDir())
	if f := r.found(t, "Built-in model"); !strings.Contains(f.Cure, "--model") {
		t.Errorf("model: %+v", f)
	}
	if !r.CanRun || !strings.Contains(text, "with a model that you name") {
		t.Errorf("the report is %+v:\n%s", r, text)
	}
	o := callIn(t, engine(t), []string{"GALAGO_DEMO=" + t.TempDir()}, "doctor", "--json", "--test")
	if r := readReport(t, o, exitFailed); r.Test == nil || !strings.Contains(r.Test.Failed, "not found") {
		t.Errorf("test without a model: %+v", r.Test)
	}
}

func TestDoctorWithoutAnEngineThatStarts(t *testing.T) {
	r, _ := examined(t, exitEngine, "GALAGO_ENGINE="+filepath.Join(t.TempDir(), "nothing"))
	if f := r.found(t, "Engine"); !strings.Contains(f.Problem, "does not start") || r.CanRun {
		t.Errorf("engine: %+v", f)
	}
}

func TestDoctorOfADamagedModel(t *testing.T) {
	damaged := save(t, "My Diary.gguf", []byte("GGUF this is no model"))
	r := readReport(t, call(t, "doctor", "--json", "--test", "--model", damaged), exitFailed)
	if r.Test == nil || r.Test.Failed == "" || r.Test.Judged || strings.Contains(r.Text, "Diary") {
		t.Errorf("%+v\n%s", r.Test, r.Text)
	}
}

func TestDoctorUsage(t *testing.T) {
	call(t, "doctor", "please").expect(t, exitUsage, "please")
	call(t, "doctor", "--loudly").expect(t, exitUsage, "-loudly")
	call(t, "doctor", "--cpu").expect(t, exitUsage, "--test")
	call(t, "doctor", "--test", "--mmproj", "x.gguf").expect(t, exitUsage, "--model")
	call(t, "doctor", "--test", "--limit=-1s").expect(t, exitUsage, "--limit")
	call(t, "doctor", "--help").expect(t, exitOK, "-json", "-test")
}

// fakeDriver builds a stand-in for NVIDIA's library and returns the environment that has it found.
func fakeDriver(t *testing.T, script string) []string {
	t.Helper()
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
	path := filepath.Join(dir, "script")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"LD_LIBRARY_PATH=" + dir, "FAKE_NVML_SCRIPT=" + path}
}

const fakeCard = "driver 570.86.10\ncuda 12080\ngpu GPU-12345678-aaaa-bbbb-cccc-1234567890ab NVIDIA GeForce RTX 3050\n" +
	"mem 0 6144 1024 5120 200 12 45 30000\ndetail 0 major 8\ndetail 0 minor 6\nstep\n"

// With a card and its driver, but without ggml's CUDA backend, the report names the card and says what is missing.
func TestDoctorWithACard(t *testing.T) {
	r, text := examined(t, exitOK, fakeDriver(t, fakeCard)...)
	if f := r.found(t, "NVIDIA driver (NVML)"); !strings.Contains(f.Found, "570.86.10") || !strings.Contains(f.Found, "CUDA up to 12.8") {
		t.Errorf("driver: %+v", f)
	}
	if f := r.found(t, "GPU"); !strings.Contains(f.Found, "RTX 3050, 5.0 GiB of 6.0 GiB free") || !strings.Contains(f.Found, "compute capability 8.6") {
		t.Errorf("GPU: %+v", f)
	}
	if strings.Contains(text, "12345678") {
		t.Errorf("the card's number comes out:\n%s", text)
	}
	if r.Mode == "CPU" {
		if f := r.found(t, "GPU backend"); !strings.Contains(f.Problem, "no CUDA engine") {
			t.Errorf("GPU backend: %+v", f)
		}
	}
}

func TestDoctorWithADriverThatHangs(t *testing.T) {
	r := readReport(t, callIn(t, engine(t), fakeDriver(t, "hang nvmlInit 600000\n"+fakeCard), "doctor", "--json"), exitOK)
	if f := r.found(t, "NVIDIA driver (NVML)"); !strings.Contains(f.Problem, "does not answer") || !strings.Contains(f.Cure, "restart") {
		t.Errorf("driver: %+v", f)
	}
	if !r.CanRun {
		t.Errorf("it does not run: %s", r.Text)
	}
}

func TestDoctorWithADriverOfTwoVersions(t *testing.T) {
	r, _ := examined(t, exitOK, fakeDriver(t, "fail nvmlInit 18\n"+fakeCard)...)
	if f := r.found(t, "NVIDIA driver (NVML)"); !strings.Contains(f.Problem, "updated while it was running") || !strings.Contains(f.Cure, "Restart the machine") {
		t.Errorf("driver: %+v", f)
	}
}
