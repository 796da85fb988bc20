//go:build linux

package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"galago/e2e/desktop"
)

// mirror serves the built-in model's two files as the hub does, under another name, and cuts the first connection in the
// middle of a file.
type mirror struct {
	*httptest.Server

	mu      sync.Mutex
	cut     bool
	asked   []string // paths
	resumed []string // ranges that were asked for
}

// tiny is the built-in model in a catalogue of its own.
type tiny struct {
	mirror    *mirror
	catalogue []byte
}

const revision = "0123456789abcdef0123456789abcdef01234567"

func newTiny(t *testing.T) tiny {
	t.Helper()
	dir := filepath.Join(binaries, "demo")
	var manifest struct {
		Model, MMProj struct {
			File, SHA256 string
			Bytes        int64
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "manifest.json"))
	if err = errors.Join(err, json.Unmarshal(data, &manifest)); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"Tiny-Q8_0.gguf": manifest.Model.File, "mmproj-Tiny.gguf": manifest.MMProj.File}
	m := &mirror{}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := files[strings.TrimPrefix(r.URL.Path, "/maker/Tiny-GGUF/resolve/"+revision+"/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer f.Close()
		m.serve(w, r, f)
	}))
	t.Cleanup(m.Close)
	file := func(name, sha string, bytes int64) map[string]any {
		return map[string]any{"repo": "maker/Tiny-GGUF", "revision": revision, "file": name, "bytes": bytes, "sha256": sha, "source": "this test"}
	}
	catalogue, err := json.Marshal(map[string]any{"version": 1, "models": []any{map[string]any{
		"id": "tiny", "name": "Tiny Eye", "family": "Tiny", "parameters": "3M", "about": "Sees shapes.",
		"licence": map[string]any{"name": "MIT", "url": "https://opensource.org/license/mit"}, "image_min_tokens": 48, "image_max_tokens": 80,
		"shape": map[string]any{
			"architecture": "qwen3vl", "layers": 6, "width": 192, "feed_forward": 512, "heads": 4, "kv_heads": 4, "head": 64, "vocabulary": 1664, "context": 2048,
			"tower": map[string]any{"projector": "qwen3vl_merger", "width": 192, "feed_forward": 512, "patch": 16, "image": 256, "deepstack": 2},
		},
		"quantizations": []any{map[string]any{
			"quantization": "Q8_0", "suggest": map[string]any{"card": 1, "cpu": 1},
			"model":  file("Tiny-Q8_0.gguf", manifest.Model.SHA256, manifest.Model.Bytes),
			"mmproj": file("mmproj-Tiny.gguf", manifest.MMProj.SHA256, manifest.MMProj.Bytes),
		}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return tiny{m, catalogue}
}

func (m *mirror) serve(w http.ResponseWriter, r *http.Request, f *os.File) {
	m.mu.Lock()
	m.asked = append(m.asked, r.URL.Path)
	cut := !m.cut && r.Method == http.MethodGet
	m.cut = m.cut || cut
	if from := r.Header.Get("Range"); from != "" && from != "bytes=0-" {
		m.resumed = append(m.resumed, from)
	}
	m.mu.Unlock()
	w.Header().Set("ETag", fmt.Sprintf("%q", filepath.Base(f.Name())))
	if cut {
		w = &cutting{w, 2 << 20}
	}
	http.ServeContent(w, r, "model.gguf", time.Unix(1e9, 0), f)
}

func (m *mirror) seen() (asked, resumed []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string{}, m.asked...), append([]string{}, m.resumed...)
}

// cutting ends a connection after so many bytes.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

// options start the window with the catalogue, and settings as the rest of them, in JSON.
func (y tiny) options(settings string) options {
	return options{
		env: []string{"GALAGO_TEST_CATALOGUE=catalogue.json"}, // the program runs in its home
		prepare: func(home string) error {
			text := fmt.Sprintf(`{"temperature": 0, "mirror": %q, %s}`, y.mirror.URL, settings)
			return errors.Join(
				os.WriteFile(filepath.Join(home, "config", "galago", "settings.json"), []byte(text), 0o600),
				os.WriteFile(filepath.Join(home, "catalogue.json"), y.catalogue, 0o600))
		},
	}
}

// accent is the colour of the most important buttons.
func (g *galago) accent() color.RGBA {
	g.t.Helper()
	img, err := g.screen.Rest()
	g.do(err)
	return img.RGBAAt(g.window.Rect.Min.X+40, g.window.Rect.Min.Y+77) // New chat, beside its text
}

// press clicks the first button of the accent colour in an area.
func (g *galago) press(area image.Rectangle, accent color.RGBA) {
	g.t.Helper()
	g.screen.Move(g.window.Rect.Min.X+700, g.window.Rect.Min.Y+25) // what lies under the pointer has another colour
	var at image.Point
	g.until("there is a button to press", func() bool {
		img, err := g.screen.Rest()
		g.do(err)
		for y := area.Min.Y; y < area.Max.Y; y++ {
			run := 0
			for x := area.Min.X; x < area.Max.X; x++ {
				if img.RGBAAt(x, y) != accent {
					run = 0
				} else if run++; run == 50 && img.RGBAAt(x-25, y+3) == accent {
					at = image.Pt(x-25, y+12)
					return true
				}
			}
		}
		return false
	})
	g.screen.Click(at.X, at.Y)
}

// mainArea is the part of the window above the composer and at the right of the sidebar.
func (g *galago) mainArea() image.Rectangle {
	r := g.window.Rect
	return image.Rect(r.Min.X+280, r.Min.Y+60, r.Max.X-20, r.Max.Y-160)
}

// From the first start to an answer of the recommended model: nothing is asked of the network before the button, a connection that is
// cut is gone on with, and the model is opened when it is whole.
func TestFirstStartDownloadsAModelAndUsesIt(t *testing.T) {
	y := newTiny(t)
	o := y.options(`"welcomed": false`)
	home := ""
	prepare := o.prepare
	o.prepare = func(h string) error { home = h; return prepare(h) }
	g := start(t, o)
	g.wait("the welcome", 0, func(e event) bool { return e.Event == "welcome" && e.ID == 1 })
	g.shot("welcome-1")
	accent := g.accent()
	g.press(g.mainArea(), accent)
	g.wait("the recommendation", 0, func(e event) bool { return e.Event == "welcome" && e.ID == 2 && says(e.Name, "tiny eye") })
	g.shot("welcome-2")
	if asked, _ := y.mirror.seen(); len(asked) != 0 {
		t.Fatalf("asked for %q before the button", asked)
	}
	g.press(g.mainArea(), accent)
	g.wait("the download", 0, func(e event) bool { return e.Event == "welcome" && e.ID == 3 })
	g.wait("the model is open", 0, func(e event) bool { return e.Event == "model" && e.State == "" && says(e.Name, "tiny") })
	asked, resumed := y.mirror.seen()
	if len(resumed) == 0 {
		t.Errorf("nothing was resumed: %q", asked)
	}
	for _, name := range []string{"Tiny-Q8_0.gguf", "mmproj-Tiny.gguf"} {
		if _, err := os.Stat(filepath.Join(home, "data", "galago", "models", "maker", "Tiny-GGUF", name)); err != nil {
			t.Error(err)
		}
	}
	g.attach(save(t, "circle.png", circle(red)))
	g.wantAnswer(g.ask("What shape is it?"), "circle")
	g.shot("welcome-over")

	from := g.now()
	g.do(g.screen.Key('m', desktop.Control))
	g.wait("the page has it", from, func(e event) bool {
		if e.Event != "models" {
			return false
		}
		for _, it := range e.Items {
			if it.Name == "Tiny Eye" && it.Info == "open" {
				return true
			}
		}
		return false
	})
	g.shot("models-page")
	g.kill(15)

	g = g.again() // it is remembered, and the welcome is over
	g.until("a window opens", g.opened)
	g.wait("the same model is open", 0, func(e event) bool { return e.Event == "model" && e.State == "" && says(e.Name, "tiny") })
	for _, e := range g.events {
		if e.Event == "welcome" && e.Name != "" {
			t.Errorf("the welcome came again: %+v", e)
		}
	}
}

func TestDroppedModelIsOpened(t *testing.T) {
	dir := t.TempDir()
	for name, from := range map[string]string{"own.gguf": "galago-demo-Q8_0.gguf", "mmproj-own.gguf": "mmproj-galago-demo-Q8_0.gguf"} {
		data, err := os.ReadFile(filepath.Join(binaries, "demo", from))
		if err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	g := start(t, options{})
	from := g.now()
	g.drop(filepath.Join(dir, "own.gguf"))
	g.wait("its loading", from, func(e event) bool { return e.Event == "model" && e.State != "" })
	loaded := g.now()
	g.wait("it is open", loaded, func(e event) bool { return e.Event == "model" && e.State == "" })
	banner := event{}
	for _, e := range g.events {
		if e.Event == "banner" {
			banner = e
		}
	}
	if banner.Line != "" || banner.Text != "" {
		t.Errorf("with a model of one's own the banner says %+v", banner)
	}
	g.attach(save(t, "square.png", square(blue)))
	g.wantAnswer(g.ask("What colour is the square?"), "blue")
	g.shot("dropped-model")
}
