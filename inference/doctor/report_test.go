package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/adrg/xdg"

	"galago/assets"
	"galago/inference/preflight"
	"galago/inference/protocol"
	"galago/vram"
)

func TestReportPutsWhatMattersFirst(t *testing.T) {
	x := &exam{o: Options{Version: "7"}, veil: annasVeil()}
	x.ok("a", "fine")
	x.warn("b", "so so", "It is slow.", "Do this.")
	x.ok("Nothing", "")
	x.missing("c", "It is not there: "+strings.Repeat("word ", 30), "Do that with /home/anna/diary.txt: now.")
	x.blocked("d", "Nothing goes.", "Install it.")
	r := x.report()
	var order []string
	for _, f := range r.Findings {
		order = append(order, f.What)
	}
	if !slices.Equal(order, []string{"d", "c", "b", "a"}) {
		t.Errorf("the order is %q", order)
	}
	at := -1
	for _, line := range []string{"galago-engine 7\n", "  missing  d: Nothing goes.\n        -> Install it.\n", "  missing  c: It is not there: word", "           word word", "  warning  b: so so\n           It is slow.\n        -> Do this.\n", "  ok       a: fine\n"} {
		i := strings.Index(r.Text, line)
		if i <= at {
			t.Errorf("%q is at %d, after %d, of\n%s", line, i, at, r.Text)
		}
		at = i
	}
	for line := range strings.Lines(r.Text) {
		if len(line) > textWidth+1 {
			t.Errorf("a long line: %s", line)
		}
	}
	if strings.Contains(r.Text, "diary") || strings.Contains(r.Findings[1].Cure, "anna") {
		t.Errorf("a private file comes out:\n%s", r.Text)
	}
}

func TestSummary(t *testing.T) {
	cpu := started{hello: protocol.Hello{Devices: []protocol.Device{{Type: "CPU"}}}}
	gpu := started{hello: protocol.Hello{Devices: []protocol.Device{{Type: "GPU"}, {Type: "CPU"}}}}
	for want, x := range map[string]exam{
		"Galago cannot answer here until what is missing is there.":                                          {engine: started{err: errEnded}},
		"Galago answers here, on the CPU.":                                                                   {engine: cpu},
		"Galago answers here, on the GPU.":                                                                   {engine: gpu},
		"Galago answers here, on the CPU, with a model that you name.":                                       {engine: cpu, lacks: "x"},
		"Galago starts here, but its test failed.":                                                           {engine: cpu, test: &Test{Failed: "x"}},
		"Galago answers here, on the CPU, but the test's answer was wrong.":                                  {engine: cpu, test: &Test{Judged: true}},
		"Galago answers here, on the CPU, at about 160 tokens a second with the small built-in model.":       {engine: cpu, test: &Test{Judged: true, Right: true, TokensPerSec: 160.4}},
		"Galago answers here, on the GPU, at about 42 tokens a second.":                                      {engine: gpu, test: &Test{TokensPerSec: 42, GPULayers: 3, Layers: 3}},
		"Galago answers here, on the CPU, at about 4.2 tokens a second.":                                     {engine: gpu, test: &Test{TokensPerSec: 4.2, Layers: 3}},
		"Galago answers here; on the CPU alone, at about 9.0 tokens a second with the small built-in model.": {engine: gpu, o: Options{CPU: true}, test: &Test{Judged: true, Right: true, TokensPerSec: 9}},
	} {
		if got := x.summary(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What is said where libffi is missing must be a report as any other.
func TestReportOfPreflight(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(preflight.Report(true)))
	d.DisallowUnknownFields()
	var r Report
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if r.CanRun || r.Mode != "none" || len(r.Findings) != 1 || r.Findings[0].Problem == "" || r.Findings[0].Cure == "" {
		t.Errorf("%+v", r)
	}
	x := exam{engine: started{err: errEnded}}
	if r.Summary != x.summary() || strings.TrimPrefix(r.text(), "galago-engine ") != strings.TrimPrefix(r.Text, "galago-engine") {
		t.Errorf("%q\n%q", r.text(), r.Text)
	}
}

func TestRight(t *testing.T) {
	for answer, want := range map[string]bool{
		"The picture shows a red circle, a yellow star, a blue square, a green triangle and a purple heart.": true,
		"The picture shows a red circle, a yellow star, a blue square and a green triangle.":                 true,
		"The picture shows a blue circle, a cyan star, a red square, a green triangle and a purple heart.":   false, // red and blue swapped
		"The picture shows a number.": false,
		"":                            false,
	} {
		if right(answer) != want {
			t.Errorf("%q: %v", answer, !want)
		}
	}
	if p, err := samplePicture(); err != nil || p.Width == 0 {
		t.Errorf("%v", err)
	}
}

func TestReadAll(t *testing.T) {
	data := make([]uint64, 4007)
	want := uint64(0)
	for i := range data {
		data[i] = uint64(i)
		want += uint64(i)
	}
	if got := readAll(data); got != want {
		t.Errorf("%d, want %d", got, want)
	}
	t.Logf("%.1f GB a second", readingSpeed()/1e9) // with the race detector and a busy machine, anything
}

func TestTelling(t *testing.T) {
	log := "llama_model_loader: - kv 0: general.name str = the failed diary\nall is well\nerror: tensor 'x' has wrong shape\n" +
		"print_info: error of anna\nexit status 1\nfailed to load model\nunknown model architecture\nit is missing\n"
	got := telling(log)
	if got != "exit status 1 / failed to load model / unknown model architecture / it is missing" {
		t.Errorf("%q", got)
	}
	if got := telling(log[:strings.Index(log, "all is")]); got != "" {
		t.Errorf("what a model's file says of itself comes out: %q", got)
	}
}

// slowed are the findings of a self-test that went like that.
func slowed(t *testing.T, devices []protocol.Device, test *Test, change func(*exam, *run)) []ranked {
	t.Helper()
	return findings(t, tree(t, nil), func(x *exam) {
		x.engine.hello.Devices, x.test = devices, test
		r := &run{exam: x, test: test}
		r.status.Loaded.Vision.Enabled = true
		if change != nil {
			change(x, r)
		}
		x.whySlow(r)
	})
}

func TestWhySlow(t *testing.T) {
	gpu := []protocol.Device{{Type: "GPU", Name: "CUDA0"}, {Type: "CPU"}}
	good := Test{Judged: true, Right: true, Layers: 29, GPULayers: 29, VisionOnGPU: true, TokensPerSec: 40, GPUBytes: 2 << 30, GrownBytes: 5 << 29, PictureMs: 200}
	second := func(n int) time.Duration { return time.Duration(n) * time.Second }
	weights := func(x *exam, r *run, bytes uint64) {
		r.status.Memory = []protocol.Memory{{Part: protocol.PartWeights, Device: "CUDA0", Bytes: bytes}, {Part: protocol.PartWeights, Device: "CPU", Bytes: 1 << 40}}
		x.cards.driver.Cards = []vram.Detail{{GPU: vram.GPU{Name: "RTX"}, MemoryBits: 128, MemoryClock: 7001}} // 224 GB/s
	}
	for name, c := range map[string]struct {
		test   func(*Test)
		change func(*exam, *run)
		what   string
		says   string
	}{
		"well":                {nil, nil, "", ""},
		"wrong":               {func(t *Test) { t.Right = false }, nil, "Answer of the test", "damaged"},
		"not judged":          {func(t *Test) { t.Judged, t.Right = false, false }, nil, "", ""},
		"no layers":           {func(t *Test) { t.GPULayers, t.GPUBytes = 0, 0 }, nil, "Layers", "none of the model's layers"},
		"some layers":         {func(t *Test) { t.GPULayers = 12 }, nil, "Layers", "rest is computed on the CPU"},
		"tower":               {func(t *Test) { t.VisionOnGPU = false }, nil, "Vision tower", "read on the CPU"},
		"no layers, with cpu": {func(t *Test) { t.GPULayers, t.GPUBytes = 0, 0 }, func(x *exam, _ *run) { x.o.CPU = true }, "", ""},
		"spilled":             {func(t *Test) { t.GrownBytes = 1 << 28 }, nil, "Memory of the card", "only 256 MiB less free"},
		"spilled, said":       {nil, func(_ *exam, r *run) { r.status.Spill = "The driver keeps it elsewhere." }, "Memory of the card", "keeps it elsewhere"},
		"reduced":             {nil, func(_ *exam, r *run) { r.status.Reduced = []string{"The context is smaller"} }, "Settings of the test", "context is smaller"},
		"picture":             {func(t *Test) { t.PictureMs, t.PictureTokens = 9000, 2000 }, nil, "Picture", "most of the time"},
		"a small picture":     {func(t *Test) { t.PictureMs, t.PictureTokens = 9000, 70 }, nil, "", ""},
		"busy": {nil, func(_ *exam, r *run) {
			r.before, r.after = effort{ran: second(1), known: true}, effort{ran: second(2), waited: second(3), known: true}
		}, "Processors during the test", "wait for a free processor"},
		"not busy": {nil, func(_ *exam, r *run) {
			r.before, r.after = effort{ran: second(1), waited: second(9), known: true}, effort{ran: second(5), waited: second(10), known: true}
		}, "", ""},
		"swapping":  {nil, func(_ *exam, r *run) { r.after = effort{swaps: 5000, known: true} }, "Swapping during the test", "to the disk"},
		"heat":      {nil, func(_ *exam, r *run) { r.after = effort{heats: 1, known: true} }, "Heat during the test", "too hot"},
		"slow card": {func(t *Test) { t.TokensPerSec = 5 }, func(x *exam, r *run) { weights(x, r, 2<<30) }, "Speed", "would allow about 52"},
		"slow memory": {func(t *Test) { t.TokensPerSec, t.GPUBytes, t.GPULayers, t.Layers = 1, 0, 0, 0 }, func(x *exam, r *run) {
			r.status.Memory = []protocol.Memory{{Part: protocol.PartWeights, Device: "CPU", Bytes: 2 << 30}}
			x.o.bandwidth = func() float64 { return 40 << 30 }
		}, "Speed", "would allow about 10.0"},
		"fast enough": {func(t *Test) { t.TokensPerSec, t.GPUBytes, t.GPULayers, t.Layers = 9, 0, 0, 0 }, func(x *exam, r *run) {
			r.status.Memory = []protocol.Memory{{Part: protocol.PartWeights, Device: "CPU", Bytes: 2 << 30}}
			x.o.bandwidth = func() float64 { return 40 << 30 }
		}, "", ""},
		"as fast":       {nil, func(x *exam, r *run) { weights(x, r, 2<<30) }, "", ""},
		"a small model": {func(t *Test) { t.TokensPerSec = 5 }, func(x *exam, r *run) { weights(x, r, 4<<20) }, "", ""},
	} {
		test := good
		if c.test != nil {
			c.test(&test)
		}
		list := slowed(t, gpu, &test, c.change)
		f := about(list, c.what)
		if (c.what == "") != (len(list) == 0) || len(list) > 1 || !strings.Contains(f.Problem, c.says) {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

// atHome gives the test folders of its own for what Galago keeps.
func atHome(t *testing.T) (home string) {
	t.Helper()
	home = filepath.Join(t.TempDir(), "anna")
	for name, dir := range map[string]string{"HOME": "", "XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"} {
		t.Setenv(name, filepath.Join(home, dir))
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	xdg.Reload()
	t.Cleanup(func() { xdg.Reload() })
	return home
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// openedLast writes settings as the window does.
func openedLast(t *testing.T, home, model, mmproj string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"model": model, "mmproj": mmproj, "context": 2048, "gpu": "GPU-0123-abcd", "system_prompt": "You are Anna's butler.",
		"presets": []map[string]string{{"name": "Annas preset"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(home, "config", "galago", "settings.json"), string(data))
}

// builtIn names the model in the source tree to the doctor.
func builtIn(t *testing.T) assets.Demo {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join("..", "..", "assets", "demo"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(assets.DemoEnv, dir)
	demo, err := assets.DemoModel()
	if err != nil {
		t.Fatal(err)
	}
	return demo
}

// The whole examination of a machine on which everything is called after its owner.
func TestReportHoldsNothingPrivate(t *testing.T) {
	demo, home := builtIn(t), atHome(t)
	model, mmproj := filepath.Join(home, "Bilder", "Geheime Liebe (2024).gguf"), filepath.Join(home, "Bilder", "Augen der Anna.gguf")
	for to, from := range map[string]string{model: demo.Model, mmproj: demo.MMProj} {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		put(t, to, string(data))
	}
	broken := filepath.Join(home, "Bilder", "Kaputte Liebe.gguf")
	put(t, broken, "GGUF\x03\x00\x00\x00 and the words of Annas diary")
	put(t, filepath.Join(home, "state", "galago", "crashes", "crash-20260102-030405.txt"), "panic: Annas diary")
	t.Setenv("LD_PRELOAD", "") // set, and nobody minds
	t.Setenv("HTTPS_PROXY", "http://anna:hunter2@proxy.example")
	card := vram.Detail{GPU: vram.GPU{
		Name: "RTX 3050", UUID: "GPU-deadbeef-0000-1111-2222-333344445555", Total: 6 << 30, Free: 4 << 30, Used: 2 << 30,
		Processes: []vram.Process{{PID: 4242, Used: 1 << 30, Name: "annas-browser"}},
	}}
	for name, c := range map[string]struct {
		engine, last, projector string
		driver                  error
	}{
		"all is well":        {"good", model, mmproj, nil},
		"the engine dies":    {"dies", model, "", nil},
		"the engine refuses": {"refuses", broken, "", nil},
		"the model is gone":  {"good", filepath.Join(home, "Bilder", "Verlorene Liebe.gguf"), "", nil},
		"the wrong partner":  {"good", model, model, nil},
		"the driver's words": {"good", "", "", errors.New("User anna may not open /home/anna/x of GPU-deadbeef-0000. Ask root@annas-laptop.example.")},
	} {
		openedLast(t, home, c.last, c.projector)
		r, err := Examine(t.Context(), Options{
			Version: "7", Llama: "v1", Libraries: filepath.Join(home, "lib"), Engine: impersonate(t, c.engine), people: annaAt(home),
			inspect: func(context.Context, time.Duration) (vram.Driver, error) {
				if c.driver != nil {
					return vram.Driver{}, c.driver
				}
				return vram.Driver{Version: "570.1", Cards: []vram.Detail{card}}, nil
			},
		})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.ToLower(string(data) + r.Text)
		for _, private := range []string{
			"anna", "liebe", "augen", "diary", "butler", "hunter2", "deadbeef", "0123-abcd", "browser", "4242", "secret", home, "bilder",
		} {
			if strings.Contains(all, strings.ToLower(private)) {
				t.Errorf("%s: %q comes out:\n%s", name, private, r.Text)
			}
		}
		if c.last != "" && len(said(r, "Model opened last")) == 0 {
			t.Errorf("%s: nothing is said of the model that was opened last:\n%s", name, r.Text)
		}
		if len(said(r, "Crash reports")) == 0 {
			t.Errorf("%s: nothing is said of the crash:\n%s", name, r.Text)
		}
	}
}

// annaAt is anna, with a home.
func annaAt(home string) people {
	return func(ctx context.Context) (names, homes []string) {
		names, homes = anna(ctx)
		return names, append(homes, home)
	}
}

// said is what a report says of something.
func said(r Report, what string) string {
	for _, f := range r.Findings {
		if f.What == what {
			return f.Found + f.Problem
		}
	}
	return ""
}

func TestModelOpenedLast(t *testing.T) {
	demo, home := builtIn(t), atHome(t)
	for name, c := range map[string]struct {
		settings       string
		card           uint64 // bytes that it has free
		what           string
		found, problem string
	}{
		"none":      {"", 0, "Built-in model", "qwen3vl", ""},
		"no JSON":   {"{", 0, "Settings", "settings.json", "cannot be read"},
		"built in":  {`{"model": ""}`, 0, "Built-in model", "qwen3vl", ""},
		"fits":      {settingsOf(demo, 2048), 8 << 30, "Model opened last", "context of 2048 tokens in f16", ""},
		"too much":  {settingsOf(demo, 2048), 1 << 20, "Model opened last", "3.3 million parameters", "layers fit on the card"},
		"gone":      {`{"model": "/no/such/diary.gguf"}`, 0, "Model opened last", "", "<private>"},
		"a picture": {`{"model": "` + filepath.ToSlash(filepath.Join(demo.Model, "..", "manifest.json")) + `"}`, 0, "Model opened last", "", "<private>"},
	} {
		if err := os.RemoveAll(filepath.Join(home, "config", "galago")); err != nil {
			t.Fatal(err)
		}
		if c.settings != "" {
			put(t, filepath.Join(home, "config", "galago", "settings.json"), c.settings)
		}
		list := findings(t, host{}, func(x *exam) {
			if c.card > 0 {
				x.cards.driver.Cards = []vram.Detail{{GPU: vram.GPU{Name: "RTX", UUID: "GPU-1", Total: 8 << 30, Free: c.card}}}
				x.engine.hello.Devices = []protocol.Device{{Type: "GPU"}}
			}
			x.models(t.Context())
			for i := range x.list {
				x.list[i].Found, x.list[i].Problem = x.veil.hide(x.list[i].Found), x.veil.hide(x.list[i].Problem)
			}
		})
		f := about(list, c.what)
		if !strings.Contains(f.Found, c.found) || !strings.Contains(f.Problem, c.problem) || (f.Problem == "") != (c.problem == "") {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

func settingsOf(demo assets.Demo, context int) string {
	data, _ := json.Marshal(map[string]any{"model": demo.Model, "mmproj": demo.MMProj, "context": context})
	return string(data)
}

func TestExamineEndsWithItsContext(t *testing.T) {
	atHome(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Examine(ctx, Options{
		Engine: impersonate(t, "hang"), people: anna, Libraries: t.TempDir(),
		Step: func(s Step) {
			if s == StepEngine {
				cancel()
			}
		},
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
