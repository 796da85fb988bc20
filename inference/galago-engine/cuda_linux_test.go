package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galago/inference"
	"galago/inference/engines"
	"galago/inference/protocol"
)

// fakeLibrary compiles testdata/fakecuda.c into dir.
func fakeLibrary(t *testing.T, dir, name string, flags ...string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	args := []string{"-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-shared", "-fPIC", "-Wl,-soname," + name, "-Wl,--no-as-needed"}
	args = append(args, "-o", filepath.Join(dir, name), "testdata/fakecuda.c")
	if out, err := exec.Command("cc", append(args, flags...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// fakeEngine is a folder with a CUDA engine of cardboard, and one with a driver. Its libraries have no run path: they
// find each other because the worker loads them in order.
func fakeEngine(t *testing.T, runtime string, backend ...string) (dir, driver string) {
	t.Helper()
	dir, driver = t.TempDir(), t.TempDir()
	fakeLibrary(t, driver, "libcuda.so.1")
	fakeLibrary(t, dir, "libcudart.so.13", append(strings.Fields("-DCUDART "+runtime), "-L"+driver)...)
	fakeLibrary(t, dir, "libcublasLt.so.13")
	fakeLibrary(t, dir, "libcublas.so.13", "-L"+dir, "-l:libcublasLt.so.13")
	backend = append([]string{"-DBACKEND", "-L" + dir, "-L" + driver, "-l:libcudart.so.13", "-l:libcublas.so.13", "-l:libcuda.so.1"}, backend...)
	if !slices.ContainsFunc(backend, func(s string) bool { return strings.HasPrefix(s, "-DAPI") }) {
		backend = append(backend, "-DAPI=2")
	}
	fakeLibrary(t, dir, "libggml-cuda.so", backend...)
	return dir, driver
}

// helloOf starts a worker with an engine and returns what it says, without waiting for more.
func helloOf(t *testing.T, env ...string) (protocol.Hello, error) {
	t.Helper()
	cmd := exec.Command(engine(t), "worker")
	cmd.Env = clean(append(env, "GGML_NO_BACKTRACE=1")...)
	out, err := cmd.Output() // its standard input is empty: it says Hello and leaves
	var hello protocol.Hello
	if err != nil {
		return hello, err
	}
	frame, err := protocol.Read(strings.NewReader(string(out)))
	if err != nil {
		return hello, err
	}
	return hello, frame.Decode(&hello)
}

const oneCard = "-DCARDS=1 -DCODE=0 -DDRIVER=13010"

func TestWorkerLoadsAnEngineOrSaysWhyNot(t *testing.T) {
	for name, c := range map[string]struct {
		runtime string   // of the fake
		backend []string // likewise
		break_  func(dir, driver string)
		problem protocol.CUDAProblem
		library string
		says    string // to a person
	}{
		"good": {runtime: oneCard},
		"no cudart": {
			runtime: oneCard, break_: func(dir, _ string) { os.Remove(filepath.Join(dir, "libcudart.so.13")) },
			problem: protocol.CUDALibrary, library: "libcudart.so.13", says: "libcudart.so.13 is missing",
		},
		"no cublas": {
			runtime: oneCard, break_: func(dir, _ string) { os.Remove(filepath.Join(dir, "libcublas.so.13")) },
			problem: protocol.CUDALibrary, library: "libcublas.so.13", says: "Install the engine again",
		},
		"no cublasLt": {
			runtime: oneCard, break_: func(dir, _ string) { os.Remove(filepath.Join(dir, "libcublasLt.so.13")) },
			problem: protocol.CUDALibrary, library: "libcublasLt.so.13",
		},
		"no driver": {
			runtime: oneCard, break_: func(_, driver string) { os.Remove(filepath.Join(driver, "libcuda.so.1")) },
			problem: protocol.CUDANoDriver, library: "libcuda.so.1", says: "install the driver",
		},
		"old driver": {
			runtime: "-DCARDS=0 -DCODE=35 -DDRIVER=12040", problem: protocol.CUDAOldDriver, says: "runs CUDA 12.4 at most",
		},
		"updated driver": {runtime: "-DCARDS=0 -DCODE=803 -DDRIVER=13000", problem: protocol.CUDAMixed, says: "Restart"},
		"no card":        {runtime: "-DCARDS=0 -DCODE=100 -DDRIVER=13000", problem: protocol.CUDANoCard},
		"no card, well":  {runtime: "-DCARDS=0 -DCODE=0 -DDRIVER=13000", problem: protocol.CUDANoCard},
		"stub":           {runtime: "-DCARDS=0 -DCODE=34 -DDRIVER=0", problem: protocol.CUDANoDriver, says: "libcuda.so.1 is missing"},
		"other trouble":  {runtime: "-DCARDS=0 -DCODE=999 -DDRIVER=13000", problem: protocol.CUDABroken, says: "CUDA error 999"},
		"other interface": {
			runtime: oneCard, backend: []string{"-DAPI=1"}, problem: protocol.CUDAVersion, says: "another version of llama.cpp",
		},
		"other ggml": {runtime: oneCard, backend: []string{"-DUNDEFINED"}, problem: protocol.CUDAVersion},
		"empty folder": {
			runtime: oneCard, break_: func(dir, _ string) { os.Remove(filepath.Join(dir, "libggml-cuda.so")) },
			problem: protocol.CUDANoEngine, library: "libggml-cuda.so",
		},
		"no library": {
			runtime: oneCard, break_: func(dir, _ string) {
				path := filepath.Join(dir, "libggml-cuda.so")
				os.Remove(path)
				os.WriteFile(path, []byte(strings.Repeat("no library at all ", 99)), 0o644)
			},
			problem: protocol.CUDABroken, says: "invalid ELF header",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, driver := fakeEngine(t, c.runtime, c.backend...)
			if c.break_ != nil {
				c.break_(dir, driver)
			}
			hello, err := helloOf(t, protocol.CUDAEnv+"="+dir, "LD_LIBRARY_PATH="+driver)
			if err != nil {
				t.Fatal(err)
			}
			has := func(backend string) bool {
				return slices.ContainsFunc(hello.Devices, func(d protocol.Device) bool { return d.Backend == backend })
			}
			if !has("CPU") || has("CUDA") != (c.problem == "") {
				t.Errorf("devices %+v", hello.Devices)
			}
			told := hello.CUDA
			if told == nil || told.Dir != dir || told.Problem != c.problem || told.Library != c.library {
				t.Fatalf("%+v", told)
			}
			if why := engines.Why(hello); (why == nil) != (c.problem == "") || why != nil && !strings.Contains(why.Error(), c.says) {
				t.Errorf("to a person: %v", why)
			}
		})
	}
}

func TestWorkerWithoutAnEngineSaysNothingOfIt(t *testing.T) {
	hello, err := helloOf(t)
	if err != nil || hello.CUDA != nil || len(hello.Devices) == 0 {
		t.Errorf("%+v, %v", hello, err)
	}
	if hello, err = helloOf(t, protocol.CUDALeftEnv+"=/some/engine"); err != nil || hello.CUDA == nil || hello.CUDA.Problem != protocol.CUDACrashed {
		t.Errorf("%+v, %v", hello, err)
	}
}

// TestAnEngineThatEndsWorkersLeavesTheCPU asks a question with an engine that aborts as it is loaded: two workers die,
// the third answers without it, and so does the next program.
func TestAnEngineThatEndsWorkersLeavesTheCPU(t *testing.T) {
	dir, driver := fakeEngine(t, oneCard, "-DCRASH")
	if _, err := helloOf(t, protocol.CUDAEnv+"="+dir, "LD_LIBRARY_PATH="+driver); err == nil {
		t.Fatal("the fake does not crash")
	}
	data := t.TempDir()
	choice := filepath.Join(data, "galago", "engines", "choice.json")
	if err := os.MkdirAll(filepath.Dir(choice), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]string{"named": dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(choice, text, 0o600); err != nil {
		t.Fatal(err)
	}
	for run := range 2 {
		cmd := exec.Command(engine(t), "ask", "--max-tokens", "1", "Hello?")
		cmd.Env = clean("XDG_DATA_HOME="+data, "LD_LIBRARY_PATH="+driver, inference.EngineEnv+"="+engine(t))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("run %d: %v\n%s", run, err, out)
		}
		now, err := os.ReadFile(choice)
		if err != nil || !strings.Contains(string(now), `": 2`) {
			t.Errorf("run %d: %s, %v", run, now, err)
		}
	}
}

// TestAnEngineAmongTheLibraries has a CUDA engine where a build from source leaves it, in lib: it is loaded only where the
// environment says so, and the CPU's best variant goes along.
func TestAnEngineAmongTheLibraries(t *testing.T) {
	own := filepath.Join(filepath.Dir(engine(t)), "lib")
	if _, err := os.Stat(filepath.Join(own, "libggml-cuda.so")); err == nil {
		t.Skip("the libraries have a CUDA engine of their own")
	}
	plain, err := helloOf(t, "GALAGO_LIB="+own)
	if err != nil {
		t.Fatal(err)
	}
	among := func(from string) string {
		dir := t.TempDir()
		list, err := os.ReadDir(own)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range list {
			if err := os.Symlink(filepath.Join(own, d.Name()), filepath.Join(dir, d.Name())); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(filepath.Join(from, "libggml-cuda.so"), filepath.Join(dir, "libggml-cuda.so")); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	good, driver := fakeEngine(t, oneCard)
	other, _ := fakeEngine(t, oneCard)
	crash, _ := fakeEngine(t, oneCard, "-DCRASH")
	find := "LD_LIBRARY_PATH=" + good + ":" + driver
	for name, c := range map[string]struct {
		env   []string
		cards int
	}{
		"left out":         {[]string{"GALAGO_LIB=" + among(crash), protocol.CUDALeftEnv + "=/x"}, 0},
		"none is wanted":   {[]string{"GALAGO_LIB=" + among(crash), protocol.CUDAEnv + "="}, 0},
		"another":          {[]string{"GALAGO_LIB=" + among(crash), protocol.CUDAEnv + "=" + good}, 1},
		"another, of two":  {[]string{"GALAGO_LIB=" + among(other), protocol.CUDAEnv + "=" + good}, 1},
		"nobody decides":   {[]string{"GALAGO_LIB=" + among(good)}, 1},
		"not to be loaded": {[]string{"GALAGO_LIB=" + among(other), protocol.CUDAEnv + "=/nowhere"}, 0},
	} {
		hello, err := helloOf(t, append(c.env, find)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		cards, system := 0, ""
		for _, d := range hello.Devices {
			if d.Backend == "CUDA" {
				cards++
			}
		}
		if _, system, _ = strings.Cut(hello.System, "CPU : "); cards != c.cards || !strings.Contains(plain.System, system) {
			t.Errorf("%s: %+v, %s", name, hello.Devices, hello.System)
		}
	}
}
