package families

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galago/inference"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// TestFamilies takes every family through what a person does with a picture. Without allEnv it only looks once.
func TestFamilies(t *testing.T) {
	for _, f := range families() {
		t.Run(f.name, func(t *testing.T) {
			s, st := open(t, f.model(t))
			if v := st.Loaded.Vision; !v.Enabled || v.Projector != f.projector {
				t.Fatalf("the engine sees %+v", v)
			}
			first := picture(t, 640, 480)
			t.Run("looks once", func(t *testing.T) { looksOnce(t, s, f, first) })
			if os.Getenv(allEnv) == "" {
				return // the rest takes longer; `make test-models` does it
			}
			t.Run("answers again", func(t *testing.T) { answersAgain(t, s, f, first) })
			t.Run("two pictures", func(t *testing.T) { twoPictures(t, s, first) })
			t.Run("cancelled", func(t *testing.T) { cancelled(t, s, f) })
			t.Run("sizes", func(t *testing.T) { sizes(t, s) })
		})
	}
}

// looksOnce asks about a picture and goes on: what was seen is not looked at again.
func looksOnce(t *testing.T, s *inference.Service, f family, p *vision.Picture) {
	c := &talk{t: t, client: s, most: 6}
	a := c.ask("What is it?", p)
	if a.Stats.ImageTokens != f.tokens || a.Stats.EncodeTokens != f.tokens || a.Stats.EncodeMillis <= 0 {
		t.Errorf("the picture took %d tokens, %d of them encoded in %.1f ms; want %d", a.Stats.ImageTokens, a.Stats.EncodeTokens, a.Stats.EncodeMillis, f.tokens)
	}
	known := a.Stats.ContextUsed
	for _, question := range []string{"And now?", "And then?"} {
		b := c.ask(question)
		if b.Reused.Images != 1 || b.Stats.EncodeTokens != 0 || b.Stats.ReusedTokens < known-6 || b.Stats.ImageTokens != f.tokens {
			t.Errorf("%s found %d pictures and %d of %d tokens in the cache, and encoded %d",
				question, b.Reused.Images, b.Stats.ReusedTokens, known, b.Stats.EncodeTokens)
		}
		known = b.Stats.ContextUsed
	}
}

// answersAgain asks the same once more, for which the cache must go back. A recurrent model cannot, and reads all again; it
// still need not look again.
func answersAgain(t *testing.T, s *inference.Service, f family, p *vision.Picture) {
	c := &talk{t: t, client: s, most: 6}
	a := c.ask("Which one?", p)
	c.messages = nil
	b := c.ask("Which one?", p)
	if b.Stats.EncodeTokens != 0 {
		t.Errorf("%d tokens of the picture were encoded again", b.Stats.EncodeTokens)
	}
	if f.recurrent() {
		if b.Stats.ReusedTokens != 0 || b.Text != a.Text {
			t.Errorf("%q with %d tokens from the cache, at first %q", b.Text, b.Stats.ReusedTokens, a.Text)
		}
	} else if b.Stats.ReusedTokens != b.Stats.PromptTokens-1 {
		t.Errorf("%d of %d tokens came from the cache", b.Stats.ReusedTokens, b.Stats.PromptTokens)
	}
}

func twoPictures(t *testing.T, s *inference.Service, p *vision.Picture) {
	forget(t, s)
	c := &talk{t: t, client: s, most: 4}
	other := picture(t, 200, 300)
	var done, total int
	a, err := c.try(t.Context(), func(e inference.Event) {
		if e.Kind == inference.Progress && e.Progress.Phase == protocol.PhaseEncode {
			done, total = e.Progress.Done, max(total, e.Progress.Total)
		}
	}, "Which is larger?", p, other)
	if err != nil {
		t.Fatal(err)
	}
	if total != 2 || done != total {
		t.Errorf("progress ended at %d of %d pictures, want 2", done, total)
	}
	b := c.ask("And the same twice?", p)
	if b.Reused.Images != 2 || b.Stats.ImageTokens <= a.Stats.ImageTokens {
		t.Errorf("%d of two pictures were known; %d tokens of pictures after %d", b.Reused.Images, b.Stats.ImageTokens, a.Stats.ImageTokens)
	}
}

// cancelled ends a question while its picture is looked at, and another while its answer comes. What is asked afterwards is
// answered as if that had not been.
func cancelled(t *testing.T, s *inference.Service, f family) {
	p := picture(t, 500, 400)
	fresh := (&talk{t: t, client: s, most: 6}).ask("What?", p)
	forget(t, s)
	for _, phase := range []protocol.Phase{protocol.PhaseEncode, protocol.PhasePrompt} {
		ctx, cancel := context.WithCancel(t.Context())
		c := &talk{t: t, client: s, most: 2000}
		_, err := c.try(ctx, func(e inference.Event) {
			if e.Kind == inference.Progress && e.Progress.Phase == phase && e.Progress.Stage != "" {
				cancel()
			}
		}, "What else?", picture(t, 410, 500))
		cancel()
		var e *inference.Error
		if !errors.As(err, &e) || e.Code != protocol.CodeCancelled {
			t.Fatalf("cancelled in %s, it ended with %v", phase, err)
		}
	}
	again := (&talk{t: t, client: s, most: 6}).ask("What?", p)
	if again.Stats.ImageTokens != fresh.Stats.ImageTokens || again.Stats.AnswerTokens == 0 && fresh.Stats.AnswerTokens > 0 {
		t.Errorf("%+v after a cancel, %+v before", again.Stats, fresh.Stats)
	}
	if f.recurrent() && again.Text != fresh.Text {
		t.Errorf("%q after a cancel, %q before: something of what was cancelled is left", again.Text, fresh.Text)
	}
	if pid := status(s).PID; pid == 0 {
		t.Error("the worker is gone")
	}
}

// sizes asks about pictures of many sizes, and compares what they cost with what was said before.
func sizes(t *testing.T, s *inference.Service) {
	for _, size := range [][2]int{{64, 48}, {33, 500}, {960, 540}, {700, 700}, {1000, 120}, {2600, 900}, {1, 1}} {
		p := picture(t, size[0], size[1])
		r := inference.Request{Messages: []inference.Message{{Role: "user", Text: "?", Images: inference.Images(p)}}, MaxTokens: 1}
		want := status(s).Estimate(r, plan.Device{}).ImageTokens[0]
		a, err := inference.Ask(t.Context(), s, r, nil)
		if err != nil {
			t.Errorf("%v: %v", size, err)
			continue
		}
		if got := a.Stats.ImageTokens; got == 0 || got != want {
			t.Errorf("%v takes %d tokens, %d were announced", size, got, want)
		}
	}
}

func forget(t *testing.T, s *inference.Service) {
	t.Helper()
	if _, err := s.Clear(t.Context(), protocol.ForgetCache); err != nil {
		t.Fatal(err)
	}
}

// TestProjectorOfAnotherFamily pairs each model with the projectors of all others. The service says why not before it starts
// an engine.
func TestProjectorOfAnotherFamily(t *testing.T) {
	engine(t)
	list := families()
	files := make([]inference.Model, len(list))
	for i, f := range list {
		files[i] = f.model(t)
	}
	s := inference.New(inference.Options{Engine: engine(t)})
	defer s.Close()
	for i, f := range list {
		for k, other := range list {
			if i == k {
				continue
			}
			s.Open(inference.Model{Path: files[i].Path, MMProj: files[k].MMProj})
			_, err := inference.WaitReady(t.Context(), s)
			var e *inference.Error
			if !errors.As(err, &e) || e.Code != protocol.CodeMMProjInvalid {
				t.Errorf("%s with the projector of %s: %v", f.name, other.name, err)
				continue
			}
			if said := inference.Explain(e); !strings.Contains(said.Text+said.Action, "another model") {
				t.Errorf("%s with the projector of %s: %+v", f.name, other.name, said)
			}
		}
	}
}

// TestEncodeEstimate compares what the planner says that a picture takes while it is looked at with what it took, with
// towers as wide as published ones.
func TestEncodeEstimate(t *testing.T) {
	if os.Getenv(allEnv) == "" {
		t.Skip("`make test-models` measures it")
	}
	for _, f := range wide() {
		t.Run(f.name, func(t *testing.T) {
			s, st := open(t, f.model(t))
			c := &talk{t: t, client: s, most: 1}
			w, h := 800, 700 // a few tiles, which are looked at one after the other
			if f.projector == "pixtral" {
				w, h = 1200, 1200 // it looks at all at once
			}
			a := c.ask("What?", picture(t, w, h))
			i := slices.IndexFunc(a.Stats.Memory, func(m protocol.Memory) bool { return m.Part == protocol.PartEncode })
			if i < 0 {
				t.Fatalf("nothing was measured: %+v", a.Stats.Memory)
			}
			got, want := a.Stats.Memory[i].Bytes, st.Facts.EncodeBytes(a.Stats.ImageTokens, plan.Known{})
			t.Logf("%-10s %5d tokens: %7.1f MiB planned, %7.1f MiB measured", f.name, a.Stats.ImageTokens, mib(want), mib(got))
			if want+(100<<10) < got || want > 3*got {
				t.Errorf("%.1f MiB were planned, %.1f MiB taken", mib(want), mib(got))
			}
		})
	}
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// TestFilesOfFamilies looks at what the files say of themselves.
func TestFilesOfFamilies(t *testing.T) {
	for _, f := range families() {
		m := f.model(t)
		for _, path := range []string{m.Path, m.MMProj} {
			if info, err := os.Stat(path); err != nil || info.Size() > 4<<20 {
				t.Errorf("%s: %s: %v", f.name, filepath.Base(path), err)
			}
		}
	}
}
