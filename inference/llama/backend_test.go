package llama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hybridgroup/yzma/pkg/llama"

	"galago/assets"
	"galago/inference/demoeval"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/inference/worker"
)

// These tests use llama.cpp's real libraries and the real built-in model. `make test` builds the libraries first and
// sets buildEnv; without them, in a bare `go test`, the tests are skipped.
const buildEnv = "GALAGO_ENGINE_BUILD"

var (
	once       sync.Once
	shared     *Backend
	sharedDemo assets.Demo
	sharedErr  error
)

// backend is the one Backend of the test process, with the built-in model freshly opened.
func backend(t testing.TB) *Backend {
	t.Helper()
	dir := os.Getenv(buildEnv)
	if dir == "" {
		dir = filepath.Join("..", "..", "build", "bin")
		if _, err := os.Stat(filepath.Join(dir, "lib", "libllama.so")); err != nil {
			t.Skip("llama.cpp's libraries are not built here; `make test` does it")
		}
	}
	once.Do(func() {
		lib, err := filepath.Abs(filepath.Join(dir, "lib"))
		if err == nil {
			shared, err = New(lib, func(words string) { fmt.Fprintln(os.Stderr, "last words:", words) })
		}
		if err == nil {
			sharedDemo, err = assets.DemoModel()
		}
		sharedErr = err
	})
	if sharedErr != nil {
		t.Fatal(sharedErr)
	}
	load(t, 0)
	t.Cleanup(func() { shared.shiftPositions = nil })
	return shared
}

func load(t testing.TB, cells int) {
	t.Helper()
	if cells == 0 {
		cells = sharedDemo.Context
	}
	_, err := shared.Load(t.Context(), protocol.Load{
		Model: sharedDemo.Model, MMProj: sharedDemo.MMProj, Context: cells,
		ImageMinTokens: sharedDemo.ImageMin, ImageMaxTokens: sharedDemo.ImageMax,
	}, func(protocol.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
}

// heard is a Sink that keeps what it hears, and may be told to act on it.
type heard struct {
	text    strings.Builder
	reused  protocol.Reused
	encoded int
	on      func(*heard)
}

func (h *heard) Progress(p protocol.Progress) {
	if p.Phase == protocol.PhaseEncode && p.Done > 0 {
		h.encoded++
	}
	h.did()
}
func (h *heard) Reused(r protocol.Reused) { h.reused = r; h.did() }
func (h *heard) Delta(d protocol.Delta)   { h.text.WriteString(d.Text); h.did() }
func (h *heard) did() {
	if h.on != nil {
		h.on(h)
	}
}

func grid() vision.Grid {
	return vision.Grid{Factor: 32, MinTokens: sharedDemo.ImageMin, MaxTokens: sharedDemo.ImageMax}
}

// say builds a request; each picture belongs to the first message.
func say(pictures []vision.Prepared, texts ...string) (protocol.Ask, []byte) {
	ask := protocol.Ask{ID: 1, MaxTokens: 48}
	var blob []byte
	for _, p := range pictures {
		ask.Images = append(ask.Images, protocol.Image{Width: p.Width, Height: p.Height, Hash: p.Hash})
		blob = append(blob, p.RGB...)
	}
	for i, text := range texts {
		m := protocol.Message{Role: [...]string{"user", "assistant"}[i%2], Text: text}
		if i == 0 {
			m.Images = len(pictures)
		}
		ask.Messages = append(ask.Messages, m)
	}
	return ask, blob
}

func picture(t *testing.T, name string) vision.Prepared {
	t.Helper()
	p, err := vision.Open(filepath.Join("..", "..", "assets", "demo", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return vision.Prepare(p, grid())
}

func (b *Backend) must(t *testing.T, pictures []vision.Prepared, texts ...string) (string, protocol.Done, *heard) {
	t.Helper()
	ask, blob := say(pictures, texts...)
	h := &heard{}
	done, err := b.Ask(t.Context(), ask, blob, h)
	if err != nil {
		t.Fatal(err)
	}
	return h.text.String(), done, h
}

func TestFollowUpKeepsThePicture(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	first, done, h := b.must(t, p, "What colour is the circle?")
	if h.encoded != 1 || done.Stats.ReusedTokens != 0 || done.Stats.ImageTokens != p[0].Tokens {
		t.Errorf("first question: %d pictures encoded, %+v; the picture has %d tokens", h.encoded, done.Stats, p[0].Tokens)
	}
	kept, done, h := b.must(t, p, "What colour is the circle?", first, "And where is it?")
	if h.encoded != 0 || h.reused.Images != 1 || done.Stats.ReusedTokens <= p[0].Tokens || done.Stats.EncodeMillis != 0 {
		t.Errorf("follow-up: %d pictures encoded, %+v, %+v", h.encoded, h.reused, done.Stats)
	}
	load(t, 0)
	fresh, _, _ := b.must(t, p, "What colour is the circle?", first, "And where is it?")
	if kept != fresh {
		t.Errorf("with the prefix kept the answer is %q, from scratch %q", kept, fresh)
	}
	other := []vision.Prepared{picture(t, "0001.png")}
	if _, _, h := b.must(t, other, "What colour is the circle?"); h.encoded != 1 || h.reused.Images != 0 {
		t.Errorf("another picture: %d encoded, %d reused", h.encoded, h.reused.Images)
	}
}

func TestSameSeedSameAnswer(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	greedy1, _, _ := b.must(t, p, "Describe the picture.")
	greedy2, _, _ := b.must(t, p, "Describe the picture.")
	if greedy1 != greedy2 {
		t.Errorf("temperature 0 gave %q, then %q", greedy1, greedy2)
	}
	ask, blob := say(p, "Describe the picture.")
	ask.Temperature, ask.Seed = 1.5, 42
	var texts []string
	for range 2 {
		h := &heard{}
		if _, err := b.Ask(t.Context(), ask, blob, h); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, h.text.String())
	}
	if texts[0] != texts[1] {
		t.Errorf("seed 42 gave %q, then %q", texts[0], texts[1])
	}
}

// After a cancel, wherever it comes, the cache must be as good as new.
func TestCancelLeavesAGoodCache(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg"), picture(t, "0001.png")}
	question := "Which picture has the star?" + strings.Repeat(" Look well.", 100)
	want, done, _ := b.must(t, p, question)
	for name, stop := range map[string]func(*heard) bool{
		"before anything":        func(h *heard) bool { return true },
		"after the first encode": func(h *heard) bool { return h.encoded == 1 },
		"while answering":        func(h *heard) bool { return h.text.Len() > 0 },
	} {
		t.Run(name, func(t *testing.T) {
			load(t, 0)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ask, blob := say(p, question)
			h := &heard{on: func(h *heard) {
				if stop(h) {
					cancel()
				}
			}}
			if _, err := b.Ask(ctx, ask, blob, h); !errors.Is(err, context.Canceled) {
				t.Fatalf("Ask ended with %v", err)
			}
			got, again, _ := b.must(t, p, question)
			if got != want {
				t.Errorf("after the cancel the answer is %q, want %q", got, want)
			}
			if again.Stats.PromptTokens != done.Stats.PromptTokens {
				t.Errorf("after the cancel the prompt has %d tokens, before %d", again.Stats.PromptTokens, done.Stats.PromptTokens)
			}
		})
	}
}

func failure(t *testing.T, err error, code protocol.Code) {
	t.Helper()
	var f *worker.Failure
	if !errors.As(err, &f) || f.Code != code {
		t.Errorf("the error is %v, want %s", err, code)
	}
}

func TestContextFull(t *testing.T) {
	b := backend(t)
	load(t, 256)
	ask, blob := say(nil, strings.Repeat("What colour is the circle? ", 100))
	_, err := b.Ask(t.Context(), ask, blob, &heard{})
	failure(t, err, protocol.CodeContextFull)

	p := []vision.Prepared{picture(t, "0000.jpg")}
	ask, blob = say(p, "Describe the picture.")
	ask.MaxTokens, ask.Temperature, ask.Seed = 1000, 2, 1
	if _, err := b.Ask(t.Context(), ask, blob, &heard{}); err != nil {
		t.Errorf("a question that fits: %v", err)
	}
}

func TestTypedControlTokensAreText(t *testing.T) {
	b := backend(t)
	count := func(text string) (n int) {
		ask, _ := say(nil, text)
		p, err := b.tokenize(ask)
		if err != nil {
			t.Fatal(err)
		}
		defer p.free()
		for _, piece := range p.pieces {
			if piece.image != "" || llama.VocabIsControl(b.vocab, piece.token) {
				n++
			}
		}
		return n
	}
	plain := count("hello")
	if plain == 0 {
		t.Fatal("the template printed no control token at all")
	}
	for _, typed := range []string{"<|im_end|>", "<|im_start|>system", "<__media__>", "<|vision_start|><|image_pad|><|vision_end|>"} {
		if got := count("hello " + typed); got != plain {
			t.Errorf("%q adds %d control tokens or pictures to the prompt", typed, got-plain)
		}
	}
}

func TestCountSaysWhatAskCosts(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg"), picture(t, "0001.png")}
	ask, _ := say(p, "Which picture has the star?")
	counted, err := b.Count(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	_, done, _ := b.must(t, p, "Which picture has the star?")
	if counted.PromptTokens != done.Stats.PromptTokens || len(counted.ImageTokens) != 2 || counted.ImageTokens[0] != p[0].Tokens {
		t.Errorf("counted %+v, asking cost %+v", counted, done.Stats)
	}
}

func TestRefusals(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	ask, blob := say(p, "q")
	_, err := b.Ask(t.Context(), ask, blob[:100], &heard{})
	failure(t, err, protocol.CodeProtocol)
	_, err = b.Ask(t.Context(), protocol.Ask{}, nil, &heard{})
	failure(t, err, protocol.CodeEmptyPrompt)
	ask.Messages[0].Images = 3
	_, err = b.Ask(t.Context(), ask, blob, &heard{})
	failure(t, err, protocol.CodeProtocol)

	if _, err := b.Load(t.Context(), protocol.Load{Model: sharedDemo.Model}, func(protocol.Progress) {}); err != nil {
		t.Fatal(err)
	}
	ask, blob = say(p, "q")
	_, err = b.Ask(t.Context(), ask, blob, &heard{})
	failure(t, err, protocol.CodeNoVision)
	if text, _, _ := b.must(t, nil, "hello"); text == "" {
		t.Error("a model without eyes does not even chat")
	}
	_, err = b.Load(t.Context(), protocol.Load{Model: sharedDemo.MMProj}, func(protocol.Progress) {})
	failure(t, err, protocol.CodeModelInvalid)
	_, err = b.Ask(t.Context(), ask, blob, &heard{})
	failure(t, err, protocol.CodeNoModel)
}

func TestLoadCanBeCancelled(t *testing.T) {
	b := backend(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := b.Load(ctx, protocol.Load{Model: sharedDemo.Model, MMProj: sharedDemo.MMProj}, func(protocol.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the load ended with %v", err)
	}
}

// exam asks the committed questions of some kinds and returns the share of right answers, for boxes the mean overlap.
func exam(t *testing.T, b *Backend, change func(*vision.Prepared), kinds ...string) map[string]float64 {
	t.Helper()
	dir := filepath.Join("..", "..", "assets", "demo", "testdata")
	items, err := demoeval.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var table demoeval.Table
	for _, item := range items {
		var pictures []vision.Prepared
		for _, name := range item.Images {
			p := picture(t, name)
			if change != nil {
				change(&p)
			}
			pictures = append(pictures, p)
		}
		var texts []string
		for _, turn := range item.Turns {
			texts = append(texts, turn.Question)
			answer, _, _ := b.must(t, pictures, texts...)
			texts = append(texts, answer)
			right, iou := demoeval.Score(turn, answer)
			table.Add(turn, right, iou)
		}
	}
	scores := map[string]float64{}
	for _, kind := range kinds {
		scores[kind] = table.Value(kind)
	}
	n, right := table.Total()
	scores["all"] = float64(right) / float64(n)
	t.Logf("%d of %d right\n%s", right, n, table.String())
	return scores
}

// The built-in model's answers are this project's end-to-end test: whatever is wrong between the file and the model's
// eyes shows in them. Here two things are broken on purpose, to see that it does.
func TestTheModelSees(t *testing.T) {
	b := backend(t)
	whole := exam(t, b, nil, "colour", "shape", "where", "number", "second", "describe")
	// Below what was measured (100, 95, 100, 86, 100 % of these few questions), well above guessing.
	for kind, floor := range map[string]float64{"colour": 0.85, "shape": 0.85, "where": 0.85, "number": 0.7, "second": 0.85} {
		if whole[kind] < floor {
			t.Errorf("%s is right in %.0f %% only; assets/demo/README.md says how good the shipped files were", kind, 100*whole[kind])
		}
	}

	t.Run("red and blue swapped", func(t *testing.T) {
		swapped := exam(t, b, func(p *vision.Prepared) {
			rgb := append([]byte(nil), p.RGB...)
			for i := 0; i+2 < len(rgb); i += 3 {
				rgb[i], rgb[i+2] = rgb[i+2], rgb[i]
			}
			p.RGB, p.Hash = rgb, p.Hash+" swapped"
		}, "colour")
		if swapped["colour"] > whole["colour"]-0.2 {
			t.Errorf("colours are right in %.0f %%, with red and blue swapped still in %.0f %%", 100*whole["colour"], 100*swapped["colour"])
		}
	})
	t.Run("positions lost", func(t *testing.T) {
		load(t, 0)
		b.shiftPositions = func(places []decoderPos) {
			for i := range places {
				places[i].X, places[i].Y = places[i].T, places[i].T
			}
		}
		lost := exam(t, b, nil, "describe")
		// Where a thing is, the vision tower's own positions tell; going through all of them one by one needs the language
		// model's. Measured: 82 % of the descriptions fall to 14 %, and 91 % of all answers to 74 %.
		if lost["describe"] > whole["describe"]-0.3 {
			t.Errorf("descriptions are right in %.0f %%, without positions still in %.0f %%", 100*whole["describe"], 100*lost["describe"])
		}
		if lost["all"] > whole["all"]-0.08 {
			t.Errorf("%.0f %% of all answers are right, without positions still %.0f %%", 100*whole["all"], 100*lost["all"])
		}
	})
}
