package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"galago/inference/engines"
	"galago/inference/protocol"
	"galago/vram"
)

func TestGreet(t *testing.T) {
	for who, want := range map[string]string{
		"good":        "",
		"garbage":     "something else than Galago's engine answered",
		"old":         "speaks protocol",
		"refuses":     "load llama.cpp's libraries from /home/anna/x: libmtmd.so: cannot open",
		"dies":        "it ended before it said that it can work (exit status 3). fatal error: it is anna's fault",
		"nothing":     "nothing to compute on",
		"other words": "make no sense",
	} {
		s := greet(t.Context(), impersonate(t, who), nil, time.Minute)
		if (s.err == nil) != (want == "") || s.err != nil && !strings.Contains(s.err.Error(), want) {
			t.Errorf("%s: %v", who, s.err)
		}
		if who == "good" && (s.hello.Llama != "v1" || len(s.hello.Devices) != 1) {
			t.Errorf("%+v", s)
		}
		if s.err != nil && strings.Contains(s.err.Error(), "goroutine") {
			t.Errorf("%s: a list of calls: %v", who, s.err)
		}
	}
	if s := greet(t.Context(), filepath.Join(t.TempDir(), "none"), nil, time.Minute); s.err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestGreetDoesNotWaitForAWorkerThatHangs(t *testing.T) {
	s := greet(t.Context(), impersonate(t, "hang"), nil, 50*time.Millisecond)
	if !errors.Is(s.err, errSilent) || !strings.Contains(s.err.Error(), "said nothing") {
		t.Errorf("%v", s.err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s := greet(ctx, impersonate(t, "hang"), nil, time.Hour); !errors.Is(s.err, context.Canceled) {
		t.Errorf("cancelled: %v", s.err)
	}
}

func TestCompact(t *testing.T) {
	for system, want := range map[string]string{
		"CPU : SSE3 = 1 | AVX512 = 0 | AVX2 = 1 | OPENMP = 1 | ":                "SSE3, AVX2, OPENMP",
		"CUDA : ARCHS = 750,860 | USE_GRAPHS = 1 | CPU : AVX2 = 1 | FMA = 0 | ": "ARCHS = 750,860, USE_GRAPHS, AVX2",
		"something else": "something else",
	} {
		if got := compact(system); got != want {
			t.Errorf("%q: %q", system, got)
		}
	}
}

// helloOf is what a fake says, with cards.
func helloOf(cuda *protocol.CUDA, cards ...string) string {
	h := protocol.Hello{Llama: "v1", System: "CPU : AVX2 = 1 | ", CUDA: cuda}
	for _, name := range cards {
		h.Devices = append(h.Devices, protocol.Device{Name: "CUDA0", Type: "GPU", Backend: "CUDA", Description: name})
	}
	h.Devices = append(h.Devices, protocol.Device{Name: "CPU", Type: "CPU", Backend: "CPU", Description: "A CPU"})
	data, _ := json.Marshal(h)
	return string(data)
}

// ggml's view of the cards against the driver's.
func TestDevicesAgainstTheDriver(t *testing.T) {
	engine := engines.Engine{Dir: "/x/engine", Source: engines.Named, CUDA: "13.1", Llama: "v1"}
	for name, c := range map[string]struct {
		cards, seen   []string
		cuda          *protocol.CUDA
		there         bool // a CUDA engine
		visible       string
		found         string
		problem, cure string
	}{
		"none":              {nil, nil, nil, false, "", "", "", ""},
		"the same":          {[]string{"A", "B"}, []string{"B", "A"}, nil, true, "", "the same as the driver: A, B", "", ""},
		"chosen elsewhere":  {[]string{"A"}, []string{"A"}, nil, true, "1", "Galago chooses the card by itself", "", ""},
		"fewer":             {[]string{"A", "B"}, []string{"A"}, nil, true, "", "ggml sees A", "The driver sees A, B", "Restart"},
		"other names":       {[]string{"A"}, []string{"C"}, nil, true, "", "ggml sees C", "The driver sees A", "Restart"},
		"hidden":            {[]string{"A", "B"}, []string{"A"}, nil, true, "0", "ggml sees A", "The driver sees A, B", "CUDA_VISIBLE_DEVICES is set"},
		"no driver":         {nil, []string{"A"}, nil, true, "", "A", "does not tell its memory", "driver"},
		"no engine":         {[]string{"A"}, nil, nil, false, "", "", "no CUDA engine", "make engine-cuda"},
		"old driver":        {[]string{"A"}, nil, &protocol.CUDA{Problem: protocol.CUDAOldDriver, Runtime: 13010, Driver: 12040}, true, "", "", "CUDA 12.4 at most, and the engine needs CUDA 13.1", "newer"},
		"runtime missing":   {[]string{"A"}, nil, &protocol.CUDA{Problem: protocol.CUDALibrary, Library: "libcublas.so.13"}, true, "", "", "libcublas.so.13 is missing", "Install the engine again"},
		"left out":          {[]string{"A"}, nil, &protocol.CUDA{Problem: protocol.CUDACrashed}, true, "", "", "left out", "choose it once more"},
		"broken":            {[]string{"A"}, nil, &protocol.CUDA{Problem: protocol.CUDABroken, Detail: "odd thing"}, true, "", "", "odd thing", "again"},
		"no card, and why":  {[]string{"A"}, nil, &protocol.CUDA{Problem: protocol.CUDANoCard}, true, "", "", "libcuda.so.1", "libcuda1"},
		"no word, and why?": {[]string{"A"}, nil, nil, true, "", "", "libcuda.so.1", "libcuda1"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.visible != "" {
				t.Setenv("CUDA_VISIBLE_DEVICES", c.visible)
			}
			list := findings(t, tree(t, map[string]string{"proc/sys/kernel/ostype": "Linux"}), func(x *exam) {
				for _, n := range c.cards {
					x.cards.driver.Cards = append(x.cards.driver.Cards, vram.Detail{GPU: vram.GPU{Name: n, UUID: "GPU-" + n}})
				}
				x.engine = greet(t.Context(), impersonate(t, helloOf(c.cuda, c.seen...)), x.allCards(), time.Minute)
				if x.engine.err != nil {
					t.Fatal(x.engine.err)
				}
				var found []engines.Engine
				if c.there {
					found = append(found, engine)
				}
				x.gpu(t.Context(), found)
			})
			f := about(list, whatGPU)
			if !strings.Contains(f.Found, c.found) || !strings.Contains(f.Problem, c.problem) || !strings.Contains(f.Cure, c.cure) ||
				(f.Problem == "") != (c.problem == "") {
				t.Errorf("%+v", f)
			}
		})
	}
}

func TestNoCUDA(t *testing.T) {
	linux := map[string]string{"proc/sys/kernel/ostype": "Linux", "usr/lib64/libcuda.so.1": "x", "dev/nvidiactl": "", "dev/nvidia-uvm": ""}
	without := func(name string) host {
		files := map[string]string{}
		for k, v := range linux {
			if k != name {
				files[k] = v
			}
		}
		return tree(t, files)
	}
	if p, _ := without("").noCUDA(around{}); p != "" {
		t.Errorf("all is there: %s", p)
	}
	for _, name := range []string{"libcuda.so.1", "nvidia-uvm", "nvidiactl"} {
		file := "dev/" + name
		if strings.HasPrefix(name, "lib") {
			file = "usr/lib64/" + name
		}
		for _, a := range []around{{}, {container: true}} {
			p, cure := without(file).noCUDA(a)
			if !strings.Contains(p, name) || strings.Contains(cure, "container") != a.container {
				t.Errorf("%s: %q, %q", name, p, cure)
			}
		}
	}
}

// A CUDA engine that ends the worker is left out, and said so; the CPU answers.
func TestACUDAEngineThatEndsTheWorker(t *testing.T) {
	x := &exam{o: Options{Engine: impersonate(t, "crash"), people: anna, limits: limits{}.withDefaults()}}
	x.veil = newVeil(x.o)
	x.start(t.Context(), []string{protocol.CUDAEnv + "=/x/engine"})
	f := about(x.list, whatCUDA)
	if x.engine.err != nil || !slices.Equal(x.withEngine, []string{protocol.CUDAEnv + "="}) || !strings.Contains(f.Problem, "the CUDA engine did it") || f.Cure == "" {
		t.Errorf("%v, %+v", x.engine.err, f)
	}
}

func TestMissingLibraries(t *testing.T) {
	files, want := map[string]string{"libggml.so": "", "libggml-base.so": "", "libllama.so": "", "libmtmd.so": ""}, "libggml-cpu-*.so"
	if runtime.GOOS == "windows" {
		files, want = map[string]string{"ggml.dll": "", "ggml-base.dll": "", "llama.dll": "", "mtmd.dll": ""}, "ggml-cpu-*.dll"
	}
	if got := missingLibraries(tree(t, files).root); !slices.Equal(got, []string{want}) {
		t.Errorf("%q", got)
	}
}

// Which engine is in use is what the worker says, also where the driver names no card.
func TestWhichCUDAEngineIsInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its paths are those of Linux")
	}
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	x, y := engines.Engine{Dir: "/home/anna/secret plans/x", Source: engines.Beside, CUDA: "13"}, engines.Engine{Dir: "/y", Source: engines.Installed, CUDA: "12.9"}
	without := x
	without.Lacks = "libcudart.so.13"
	for name, c := range map[string]struct {
		found []engines.Engine
		cuda  *protocol.CUDA
		says  []string
		warns bool
	}{
		"none":          {nil, nil, nil, false},
		"in use":        {[]engines.Engine{x, y}, &protocol.CUDA{Dir: x.Dir}, []string{"CUDA 13 (beside) in <CUDA engine>, in use; CUDA 12.9 (installed)"}, false},
		"old driver":    {[]engines.Engine{x}, &protocol.CUDA{Dir: x.Dir, Problem: protocol.CUDAOldDriver, Runtime: 13000, Driver: 12040}, []string{", not usable", "runs CUDA 12.4 at most"}, true},
		"no runtime":    {[]engines.Engine{without, y}, &protocol.CUDA{Dir: y.Dir}, []string{"not used because libcudart.so.13 is missing; ", "<CUDA engine>, in use"}, false},
		"broken":        {[]engines.Engine{x}, &protocol.CUDA{Dir: x.Dir, Problem: protocol.CUDABroken, Detail: x.Dir + "/libcudart.so.13: invalid ELF header, see /home/anna/other file"}, []string{"<CUDA engine>/libcudart.so.13: invalid ELF header"}, true},
		"named by hand": {nil, &protocol.CUDA{Dir: x.Dir, Problem: protocol.CUDANoEngine, Library: "libggml-cuda.so"}, []string{"libggml-cuda.so is missing", "<CUDA engine>"}, true},
		"open to all":   {[]engines.Engine{{Dir: open, Source: engines.Named}}, &protocol.CUDA{Dir: open}, []string{"Every user of this machine"}, true},
	} {
		o := Options{people: anna}
		e := &exam{o: o, veil: newVeil(o)}
		e.engine.hello.CUDA = c.cuda
		e.engineFolders(c.found)
		e.foundEngines(c.found)
		r := e.report()
		if len(c.says) == 0 {
			if len(r.Findings) > 0 {
				t.Errorf("%s: %+v", name, r.Findings)
			}
			continue
		}
		if len(r.Findings) != 1 || r.Findings[0].Warning != c.warns || c.warns == (r.Findings[0].Cure == "") {
			t.Fatalf("%s: %+v", name, r.Findings)
		}
		f := r.Findings[0]
		text := f.Found + "|" + f.Problem + "|" + f.Cure
		for _, part := range c.says {
			if !strings.Contains(text, part) {
				t.Errorf("%s: %q lacks %q", name, text, part)
			}
		}
		if c.warns && strings.Contains(text, "in use") && name != "open to all" || strings.Contains(text, "secret") || strings.Contains(text, "anna") || strings.Contains(text, "other file") {
			t.Errorf("%s: %q", name, text)
		}
	}
}
