package families

import (
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"galago/inference"
	"galago/inference/gguf/synth"
	"galago/inference/vision"
)

// The environment of the tests, set by scripts/test-models.sh and scripts/test.sh.
const (
	buildEnv = "GALAGO_ENGINE_BUILD"  // where both programs lie; without it ../../build/bin is tried
	realEnv  = "GALAGO_TEST_MODEL"    // path of Gemma 3 270M; without it its tests are skipped
	allEnv   = "GALAGO_TEST_FAMILIES" // set: what takes long is tested as well
)

// engine is the program that `make build` made.
func engine(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(buildEnv)
	if dir == "" {
		dir = filepath.Join("..", "..", "build", "bin")
	}
	path, err := filepath.Abs(filepath.Join(dir, "galago-engine"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skip("the engine is not built here; `make build` does it")
	}
	return path
}

// open opens a model in a service of its own.
func open(t testing.TB, m inference.Model) (*inference.Service, inference.Status) {
	t.Helper()
	said := &tail{}
	s := inference.New(inference.Options{Engine: engine(t), Stderr: said})
	t.Cleanup(func() {
		s.Close()
		if t.Failed() {
			t.Logf("the engine's last words:\n%s", said.bytes)
		}
	})
	s.Open(m)
	status, err := inference.WaitReady(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return s, status
}

// tail keeps the end of what is written to it, by one goroutine that Close waits for.
type tail struct{ bytes []byte }

func (l *tail) Write(b []byte) (int, error) {
	l.bytes = append(l.bytes, b...)
	if n := len(l.bytes) - 4<<10; n > 0 {
		l.bytes = l.bytes[n:]
	}
	return len(b), nil
}

// status is the service's, now.
func status(s *inference.Service) inference.Status {
	now := make(chan inference.Status, 1)
	stop := s.Watch(func(st inference.Status) {
		select {
		case now <- st:
		default:
		}
	})
	defer stop()
	return <-now
}

// talk is a conversation with a model.
type talk struct {
	t        testing.TB
	client   inference.Client
	messages []inference.Message
	most     int // tokens of an answer
}

// ask asks and keeps question and answer.
func (c *talk) ask(text string, pictures ...*vision.Picture) inference.Answer {
	c.t.Helper()
	a, err := c.try(c.t.Context(), nil, text, pictures...)
	if err != nil {
		c.t.Fatalf("%q: %v", text, err)
	}
	return a
}

func (c *talk) try(ctx context.Context, on func(inference.Event), text string, pictures ...*vision.Picture) (inference.Answer, error) {
	c.messages = append(c.messages, inference.Message{Role: "user", Text: text, Images: inference.Images(pictures...)})
	a, err := inference.Ask(ctx, c.client, inference.Request{Messages: c.messages, MaxTokens: c.most}, on)
	if err != nil {
		c.messages = c.messages[:len(c.messages)-1]
		return a, err
	}
	c.messages = append(c.messages, inference.Message{Role: "assistant", Text: a.Text})
	return a, nil
}

// picture is a picture of that size in which no two places look alike.
func picture(t testing.TB, w, h int) *vision.Picture {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), uint8((x ^ y) & 0xff), 0xff})
		}
	}
	path := filepath.Join(t.TempDir(), "picture.png")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(out, img); err != nil {
		t.Fatal(err)
	}
	p, err := vision.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// family is one of synth's models.
type family struct {
	name, projector string
	write           func(model, mmproj string) error
	tokens          int // of a picture of 640 by 480 pixels, by the family's own rule
}

// recurrent models cannot go back halfway in what they have read.
func (f family) recurrent() bool { return f.projector == "lfm2" }

func families() []family {
	list := []family{
		{"Qwen2.5-VL", "qwen2.5vl_merger", synth.Tiny25.Write, 23 * 17}, // 644 by 476 pixels in squares of 28
		{"Qwen3-VL", "qwen3vl_merger", synth.Tiny.Write, 20 * 15},
	}
	tokens := map[string]int{
		"gemma3":   256,           // always
		"idefics3": (4*3 + 1) * 4, // tiles and the whole picture, each of 8 by 8 patches of which 4 by 4 become one
		"internvl": (4*3 + 1) * 16,
		"pixtral":  23*17 + 16, // and a break after each row but the last
		"lfm2":     18 * 13,    // 576 by 416 pixels, the largest of that shape within 256 squares of 32
		"mlp":      64,         // always
	}
	for _, f := range synth.Families() {
		list = append(list, family{f.Name, f.Projector, f.Write, tokens[f.Projector]})
	}
	return list
}

// wide are the families with towers as wide as published ones.
func wide() []family {
	var list []family
	for _, f := range synth.Families() {
		list = append(list, family{name: f.Name, projector: f.Projector, write: f.WithTower().Write})
	}
	return list
}

// model writes the family's files.
func (f family) model(t testing.TB) inference.Model {
	t.Helper()
	dir := t.TempDir()
	m := inference.Model{Path: filepath.Join(dir, "model.gguf"), MMProj: filepath.Join(dir, "mmproj.gguf"), Context: 8192}
	if err := f.write(m.Path, m.MMProj); err != nil {
		t.Fatal(err)
	}
	return m
}
