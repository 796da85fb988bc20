package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"galago/assets"
	"galago/inference"
)

// These tests run the real program with llama.cpp's real libraries and the built-in model, as a person would. `make
// test` builds all of it and names the folder in buildEnv. A bare `go test` takes the libraries that an earlier make
// left and builds the program itself; without libraries the tests are skipped.
const buildEnv = "GALAGO_ENGINE_BUILD"

// patience is how long one run of the program may take before the test gives up.
const patience = 3 * time.Minute

var installation struct {
	once sync.Once
	dir  string // where the program, lib and demo are; empty: no libraries here
	temp string // dir, when it was made by the tests
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if installation.temp != "" {
		os.RemoveAll(installation.temp)
	}
	os.Exit(code)
}

// installed is the folder with the program, its libraries and the built-in model.
func installed(t testing.TB) string {
	t.Helper()
	i := &installation
	i.once.Do(func() {
		if i.dir = os.Getenv(buildEnv); i.dir == "" {
			i.dir, i.err = install()
			i.temp = i.dir
		}
	})
	if i.err != nil {
		t.Fatal(i.err)
	}
	if i.dir == "" {
		t.Skip("llama.cpp's libraries are not built here; `make test` does it")
	}
	return i.dir
}

// install builds the program into a new folder, beside what make left in build/bin.
func install() (string, error) {
	built, err := filepath.Abs(filepath.Join("..", "..", "build", "bin"))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(built, "lib")); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	dir, err := os.MkdirTemp("", "galago-engine")
	if err != nil {
		return "", err
	}
	for _, name := range []string{"lib", "demo"} {
		if err := os.Symlink(filepath.Join(built, name), filepath.Join(dir, name)); err != nil {
			return dir, err
		}
	}
	build := exec.Command("go", "build", "-ldflags", "-r $ORIGIN/lib", "-o", filepath.Join(dir, program()), ".")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("building the engine: %w\n%s", err, out)
	}
	return dir, nil
}

func program() string {
	if runtime.GOOS == "windows" {
		return "galago-engine.exe"
	}
	return "galago-engine"
}

func engine(t testing.TB) string { return filepath.Join(installed(t), program()) }

// demoModel is the built-in model beside the program.
func demoModel(t testing.TB) assets.Demo {
	t.Helper()
	t.Setenv(assets.DemoEnv, filepath.Join(installed(t), "demo"))
	demo, err := assets.DemoModel()
	if err != nil {
		t.Fatal(err)
	}
	return demo
}

// clean is this process's environment without what steers Galago, and with extra.
func clean(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GALAGO_") {
			env = append(env, kv)
		}
	}
	return append(env, extra...)
}

// outcome is what a run of the program left.
type outcome struct {
	code     int
	out, err string
	state    *os.ProcessState
}

// call runs the program to its end.
func call(t testing.TB, args ...string) outcome {
	t.Helper()
	return callIn(t, engine(t), nil, args...)
}

func callIn(t testing.TB, path string, env []string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &errOut, clean(env...)
	cmd.Dir = t.TempDir() // not the source tree, where a model could be found by chance
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%q did not end within %v:\n%s%s", args, patience, out.String(), errOut.String())
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errOut.String(), cmd.ProcessState}
}

// expect checks the exit code, that each of the words was said to the person (no matter in which case), and that
// nobody was shown a stack trace.
func (o outcome) expect(t testing.TB, code int, words ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, w := range words {
		if !strings.Contains(strings.ToLower(o.err), strings.ToLower(w)) {
			t.Errorf("it does not say %q", w)
		}
	}
	if strings.Contains(o.err, "goroutine ") || strings.Contains(o.err, "panic:") {
		t.Error("it shows a stack trace")
	}
	if code != exitOK && o.out+o.err == "" {
		t.Error("it failed without a word")
	}
	if t.Failed() {
		t.Logf("stdout: %.2000s\nstderr: %.4000s", o.out, o.err)
	}
}

// answer decodes the output of ask --json, which must have succeeded.
func (o outcome) answer(t testing.TB) askResult {
	t.Helper()
	o.expect(t, exitOK)
	var r askResult
	d := json.NewDecoder(strings.NewReader(o.out))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		t.Fatalf("%v in %s", err, o.out)
	}
	if d.More() {
		t.Errorf("more than one JSON object: %s", o.out)
	}
	return r
}

// save writes data into a file of that name in a new folder.
func save(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// scene is a picture of a red square on white.
func scene(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.NRGBA{255, 255, 255, 255}
			if x > w/4 && x < w/2 && y > h/4 && y < h/2 {
				c = color.NRGBA{220, 20, 20, 255}
			}
			m.SetNRGBA(x, y, c)
		}
	}
	return m
}

// picture is a PNG file of that name.
func picture(t testing.TB, name string) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, scene(256, 256)); err != nil {
		t.Fatal(err)
	}
	return save(t, name, b.Bytes())
}

func TestEngineProgramOfTheEnvironmentIsTheWorker(t *testing.T) {
	t.Setenv(inference.EngineEnv, "/somewhere/else")
	if got := self(); got != "/somewhere/else" {
		t.Errorf("the worker is %s", got)
	}
}
