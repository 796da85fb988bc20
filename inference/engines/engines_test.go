package engines

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"galago/inference"
	"galago/inference/llama"
	"galago/inference/protocol"
	"galago/vram"
)

// The worker of these tests is this test program itself. What it does stands in the engine's backend file, which it
// "loads": see play.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "worker" {
		os.Exit(play())
	}
	if len(os.Args) == 3 && os.Args[1] == "count" {
		os.Exit(count(os.Args[2]))
	}
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	os.Setenv(inference.EngineEnv, self)
	os.Unsetenv(protocol.CUDAEnv)
	os.Exit(m.Run())
}

// play is the worker: it says Hello as the engine's file tells it to.
func play() int {
	dir := os.Getenv(protocol.CUDAEnv)
	data, err := os.ReadFile(filepath.Join(dir, backendFile()))
	if err != nil {
		return 3
	}
	hello := protocol.Hello{Version: protocol.Version, CUDA: &protocol.CUDA{Dir: dir}, Devices: []protocol.Device{{Name: "CPU", Backend: "CPU"}}}
	switch what, rest, _ := strings.Cut(string(data), " "); what {
	case "good":
		hello.Devices = append(hello.Devices, protocol.Device{Name: "CUDA0", Type: "GPU", Backend: "CUDA"})
	case "problem":
		fmt.Sscan(rest, &hello.CUDA.Problem, &hello.CUDA.Library, &hello.CUDA.Runtime, &hello.CUDA.Driver)
	case "crash":
		fmt.Fprintln(os.Stderr, "ggml-cuda.cu:99: CUDA error")
		return 134
	case "garbage":
		fmt.Print(strings.Repeat("this is no frame\n", 9))
		return 0
	case "hang":
		time.Sleep(time.Hour) // it is killed
	}
	if err := protocol.NewWriter(os.Stdout).Write(protocol.KindHello, hello); err != nil {
		return 4
	}
	return 0
}

// home gives the test a data folder of its own.
func home(t *testing.T) {
	t.Helper()
	before := xdg.DataHome
	xdg.DataHome = t.TempDir()
	t.Cleanup(func() { xdg.DataHome = before })
}

// engineIn makes a folder with a backend that plays what.
func engineIn(t *testing.T, dir, what string) string {
	t.Helper()
	put(t, filepath.Join(dir, backendFile()), what)
	return dir
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// besideEngine puts the engine program, and what lies beside it, into a folder of the test.
func besideEngine(t *testing.T) (lib string) {
	t.Helper()
	dir := t.TempDir()
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	t.Setenv(inference.EngineEnv, filepath.Join(dir, "galago-engine"))
	return filepath.Join(dir, "lib")
}

func TestTheManifestIsOfOurLlama(t *testing.T) {
	if manifest().Llama != llama.Version {
		t.Errorf("engines.json is for %s, Galago for %s", manifest().Llama, llama.Version)
	}
	for _, b := range manifest().Builds {
		files := 0
		for _, a := range b.Archives {
			if len(a.SHA256) != 64 || !strings.HasPrefix(a.URL, "https://") || filepath.Base(a.URL) != a.Name || len(a.Files) == 0 {
				t.Errorf("%s: %+v", b.ID, a)
			}
			if host := strings.Split(a.URL, "/")[2]; host != "github.com" && host != "developer.download.nvidia.com" {
				t.Errorf("%s comes from %s", a.Name, host)
			}
			files += len(a.Files)
		}
		if _, _, ok := numbers(b.CUDA); !ok || files != 4 || b.Bytes == 0 || b.Driver == "" {
			t.Errorf("%+v", b)
		}
	}
}

func TestFindTellsInOrderWhatThereIs(t *testing.T) {
	home(t)
	lib := besideEngine(t)
	if list := Find(); len(list) != 0 {
		t.Fatalf("out of nowhere: %+v", list)
	}
	if env := Environment(); env != nil {
		t.Errorf("environment without an engine: %v", env)
	}
	named, installed := t.TempDir(), filepath.Join(folder(), "cuda13")
	engineIn(t, installed, "good")
	put(t, filepath.Join(installed, aboutFile), `{"llama": "`+llama.Version+`", "cuda": "13.0", "native": ["8.6"]}`)
	engineIn(t, named, "good")
	if err := change(func(c *choice) { c.Named, c.Installed = named, "cuda13" }); err != nil {
		t.Fatal(err)
	}
	engineIn(t, lib, "good")
	list := Find()
	if len(list) != 3 || list[0].Dir != lib || list[0].Source != Beside || list[1].Source != Named || list[2].Source != Installed {
		t.Fatalf("%+v", list)
	}
	if e := list[2]; e.CUDA != "13.0" || e.Llama != llama.Version || len(e.Native) != 1 {
		t.Errorf("what engine.json says: %+v", e)
	}
	engineIn(t, filepath.Join(lib, "cuda"), "good")
	if e, ok := Current(); !ok || e.Dir != filepath.Join(lib, "cuda") {
		t.Errorf("current %+v, %v", e, ok)
	}
	if env := Environment(); len(env) != 1 || env[0] != protocol.CUDAEnv+"="+filepath.Join(lib, "cuda") {
		t.Errorf("%v", env)
	}
	t.Setenv(protocol.CUDAEnv, "") // somebody wants none
	if env := Environment(); env != nil {
		t.Errorf("%v in spite of the environment", env)
	}
}

func TestAnEngineOfAnotherLlamaIsNone(t *testing.T) {
	home(t)
	besideEngine(t)
	dir := engineIn(t, t.TempDir(), "good")
	for name, old := range map[string]bool{"libllama.so.0.3.0": true, "libllama.so.0.4.0": false} {
		put(t, filepath.Join(dir, name), "")
		if err := change(func(c *choice) { c.Named = dir }); err != nil {
			t.Fatal(err)
		}
		if _, ok := Current(); ok == old {
			t.Errorf("beside %s: current is %v", name, ok)
		}
		os.Remove(filepath.Join(dir, name))
	}
}

func TestAChoiceThatCannotBeReadIsNone(t *testing.T) {
	home(t)
	besideEngine(t)
	for _, text := range []string{"", "{", "[1]", `{"installed": "../../elsewhere"}`, `{"installed": ".."}`, `{"named": "\u0000"}`, `{"named": "."}`, `{"installed": "gone", "named": "/gone"}`} {
		put(t, choicePath(), text)
		if list := Find(); len(list) > 0 {
			t.Errorf("%q: %+v", text, list)
		}
	}
}

// start is the start of a worker that went so, of a program of its own.
func start(ok bool) (again bool) {
	l := &launch{}
	l.environment()
	return l.greeted(ok)
}

func TestAnEngineThatKillsWorkersTwiceIsLeftOut(t *testing.T) {
	home(t)
	besideEngine(t)
	if start(false) {
		t.Error("a start without an engine fails for another reason")
	}
	dir := engineIn(t, t.TempDir(), "good")
	if err := change(func(c *choice) { c.Named = dir }); err != nil {
		t.Fatal(err)
	}
	if !start(false) || start(true) {
		t.Error("after one death it is tried again")
	}
	if c := readChoice(); len(c.Died) != 0 {
		t.Errorf("a start that went well forgives: %+v", c)
	}
	for range mostDeaths {
		if !start(false) {
			t.Error("after two deaths in a row the next start goes without the engine")
		}
	}
	if env := Environment(); len(env) != 1 || env[0] != protocol.CUDALeftEnv+"="+dir {
		t.Errorf("%v", env)
	}
	if start(false) {
		t.Error("without the engine nothing can be left out any more")
	}
	start(true)
	if _, ok := Current(); ok {
		t.Error("it counts again because workers without it start")
	}
	if list := Find(); len(list) != 1 || !list[0].LeftOut {
		t.Errorf("%+v", list)
	}
	other := filepath.Join(folder(), "cuda13")
	engineIn(t, other, "good")
	if err := change(func(c *choice) { c.Installed = "cuda13" }); err != nil {
		t.Fatal(err)
	}
	if e, ok := Current(); !ok || e.Dir != other {
		t.Errorf("the next engine does not take its place: %+v", e)
	}
	for range mostDeaths {
		if !start(false) {
			t.Error("the second engine is not given its two starts")
		}
	}
	if start(false) {
		t.Error("engines that end workers are tried in turns")
	}
	self, _ := os.Executable()
	t.Setenv(inference.EngineEnv, self)
	if _, err := Try(t.Context(), Engine{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if _, ok := Current(); !ok {
		t.Error("a try that went well does not bring it back")
	}
}

func TestTrySaysWhatIsMissingAndTheCure(t *testing.T) {
	home(t)
	since13, since12 := "580.65.06", "525.60.13"
	if runtime.GOOS == "windows" {
		since13, since12 = "580", "528.33"
	}
	for plays, want := range map[string][]string{
		"good":                              nil,
		"problem library libcublas.so.13":   {"libcublas.so.13 is missing", "Install the engine again"},
		"problem no_driver libcuda.so.1":    {"driver is not installed", "install the driver"},
		"problem old_driver x 13000 12040":  {"runs CUDA 12.4 at most", "needs CUDA 13.0", since13},
		"problem old_driver x 12090 0":      {"missing, or too old", since12},
		"problem mixed":                     {"Restart the machine"},
		"problem no_card":                   {"no card that the engine can use"},
		"problem system GLIBC_2.38":         {"GLIBC_2.38 is missing", "make engine-cuda"},
		"problem version":                   {"another version of llama.cpp", "v0.4.0"},
		"problem no_engine libggml-cuda.so": {"libggml-cuda.so is missing"},
		"problem broken":                    {"cannot be loaded"},
		"nothing":                           {"no card that the engine can use"},
		"crash":                             {"ended the program that loads it", "exit status 134", "ggml-cuda.cu:99: CUDA error"},
		"garbage":                           {"ended the program that loads it"},
	} {
		hello, err := Try(t.Context(), Engine{Dir: engineIn(t, t.TempDir(), plays)})
		if (err == nil) != (want == nil) {
			t.Errorf("%s: %v", plays, err)
			continue
		}
		for _, part := range want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q lacks %q", plays, err, part)
			}
		}
		if err == nil && len(hello.Devices) != 2 {
			t.Errorf("%s: %+v", plays, hello)
		}
	}
	if _, err := Try(t.Context(), Engine{Dir: engineIn(t, t.TempDir(), "good"), Llama: "v0.3.0"}); err == nil {
		t.Error("an engine of another llama.cpp is tried")
	}
}

func TestTryKnowsACardThatTheEngineHasNoCodeFor(t *testing.T) {
	home(t)
	defer func(real func(context.Context, time.Duration) (vram.Driver, error)) { inspect = real }(inspect)
	var cards []vram.Detail
	inspect = func(context.Context, time.Duration) (vram.Driver, error) { return vram.Driver{Cards: cards}, nil }
	e := Engine{Dir: engineIn(t, t.TempDir(), "good"), Native: []string{"8.6"}, PTX: []string{"9.0"}}
	for name, c := range map[string]struct {
		cards []vram.Detail
		works bool
	}{
		"Ada":             {[]vram.Detail{{Major: 8, Minor: 9}}, true},
		"Blackwell":       {[]vram.Detail{{Major: 12}}, true},
		"Turing":          {[]vram.Detail{{GPU: vram.GPU{Name: "RTX 2060"}, Major: 7, Minor: 5}}, false},
		"Turing and Ada":  {[]vram.Detail{{Major: 7, Minor: 5}, {Major: 8, Minor: 9}}, true},
		"not known":       {[]vram.Detail{{}}, true},
		"none that tells": {nil, true},
	} {
		cards = c.cards
		_, err := Try(t.Context(), e)
		if (err == nil) != c.works || err != nil && !(strings.Contains(err.Error(), "RTX 2060") && strings.Contains(err.Error(), "make engine-cuda")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTryEndsWithItsContext(t *testing.T) {
	home(t)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Try(ctx, Engine{Dir: engineIn(t, t.TempDir(), "hang")}); err == nil || !strings.Contains(err.Error(), "context") {
		t.Errorf("%v", err)
	}
}

func TestNameTriesAndRemembersAFolder(t *testing.T) {
	home(t)
	besideEngine(t)
	self, _ := os.Executable()
	t.Setenv(inference.EngineEnv, self)
	good, bad := t.TempDir(), engineIn(t, t.TempDir(), "crash")
	engineIn(t, filepath.Join(good, "llama[v0.4.0]", "bin"), "good") // as an archive unpacks
	if _, err := Name(t.Context(), bad); err == nil {
		t.Error("a bad one is named")
	}
	if _, err := Name(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), backendFile()) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, ok := Current(); ok {
		t.Error("a folder counts that was refused")
	}
	e, err := Name(t.Context(), good)
	if err != nil || e.Dir != filepath.Join(good, "llama[v0.4.0]", "bin") || e.Source != Named {
		t.Fatalf("%+v, %v", e, err)
	}
	if now, ok := Current(); !ok || now.Dir != e.Dir {
		t.Errorf("%+v", now)
	}
	if _, err := Name(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, ok := Current(); ok {
		t.Error("it is not forgotten")
	}
}
