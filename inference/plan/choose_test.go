package plan

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"galago/inference/gguf/synth"
)

func TestResolve(t *testing.T) {
	two, demo, short := facts(t, synth.Qwen3VL2B), builtIn(t), synth.Tiny
	short.Context = 1024
	tiny := facts(t, short)
	blind := &Facts{Model: two.Model}
	for _, c := range []struct {
		name string
		f    *Facts
		s    Settings
		want Settings
	}{
		{"nothing given", two, Settings{}, Settings{Context: 4096, KVType: F16, ImageMinTokens: 8, ImageMaxTokens: 2048}},
		{"half of a context", two, Settings{Context: 3000}, Settings{Context: 3000, KVType: F16, ImageMinTokens: 8, ImageMaxTokens: 1500}},
		{"llama.cpp's own limit", two, Settings{Context: 32768}, Settings{Context: 32768, KVType: F16, ImageMinTokens: 8, ImageMaxTokens: 4096}},
		{"what it was trained for", tiny, Settings{}, Settings{Context: 1024, KVType: F16, ImageMinTokens: 8, ImageMaxTokens: 2048}},
		{"no eyes", blind, Settings{KVType: Q8}, Settings{Context: 4096, KVType: Q8}},
		{
			"the built-in model", demo,
			Settings{Context: 2048, ImageMinTokens: 48, ImageMaxTokens: 80},
			Settings{Context: 2048, KVType: F16, ImageMinTokens: 48, ImageMaxTokens: 80},
		},
	} {
		if got := c.f.Resolve(c.s); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestChoose(t *testing.T) {
	two, four, demo := facts(t, synth.Qwen3VL2B), facts(t, synth.Qwen3VL4B), builtIn(t)
	full := func(context, picture int) Settings {
		return Settings{Context: context, KVType: F16, ImageMinTokens: 8, ImageMaxTokens: picture}
	}
	for _, c := range []struct {
		name string
		f    *Facts
		want Settings
		d    Device
		got  Settings
	}{
		// 2B beside 300 MiB that are in use. Without KV cache and mask it needs 1743.8 + 424.4 + 60 + 312.1 + 292 + 128
		// = 2960.3 MiB, and 113 KiB for each token.
		{"2B, 24 GiB", two, Settings{}, card(24), full(32768, 2048)}, // 3616 MiB for the context
		{"2B, 8 GiB", two, Settings{}, card(8), full(32768, 2048)},   // 4932 MiB left for the context
		{"2B, 6 GiB", two, Settings{}, card(6), full(24576, 2048)},   // 2883.7 MiB left, 24,576 tokens take 2712
		{"2B, 5.6 GiB", two, Settings{}, card(5.6), full(16384, 2048)},
		{"2B, 4 GiB", two, Settings{}, card(4), full(6144, 2048)},
		{"2B, 3.4 GiB", two, Settings{}, card(3.4), Settings{Context: 4096, KVType: Q8, ImageMinTokens: 8, ImageMaxTokens: 1536}},
		{"2B, 3 GiB", two, Settings{}, card(3), Settings{Context: 4096, KVType: F16, VisionCPU: true, ImageMinTokens: 8, ImageMaxTokens: 1024}},
		{"4B, 8 GiB", four, Settings{}, card(8), full(16384, 2048)},
		{"4B, 4 GiB", four, Settings{}, card(4), Settings{Context: 2048, KVType: Q8, GPULayers: 27, VisionCPU: true, ImageMinTokens: 8, ImageMaxTokens: 512}},
		{"no room at all", two, Settings{}, card(0.5), Settings{Context: 8192, KVType: F16, GPULayers: -1, VisionCPU: true, ImageMinTokens: 8, ImageMaxTokens: 1024}},
		{"system memory", two, Settings{}, system, full(8192, 2048)},
		{"nothing on the card", two, Settings{GPULayers: -1}, card(8), Settings{Context: 8192, KVType: F16, GPULayers: -1, ImageMinTokens: 8, ImageMaxTokens: 2048}},
		{"the built-in model", demo, Settings{Context: 2048, ImageMinTokens: 48, ImageMaxTokens: 80}, system, Settings{Context: 2048, KVType: F16, ImageMinTokens: 48, ImageMaxTokens: 80}},
		{"the built-in model on a card", demo, Settings{Context: 2048, ImageMinTokens: 48, ImageMaxTokens: 80}, card(4), Settings{Context: 2048, KVType: F16, ImageMinTokens: 48, ImageMaxTokens: 80}},
		{"the built-in model, nothing given", demo, Settings{}, card(4), full(2048, 1024)},
		{"no eyes", &Facts{Model: two.Model}, Settings{}, card(3), Settings{Context: 4096, KVType: F16}},
		{"pictures that need a context", two, Settings{ImageMaxTokens: 4096}, card(5.6), full(16384, 4096)},
	} {
		s, b := c.f.Choose(c.want, c.d, Known{})
		if s != c.got || !b.Fits() {
			t.Errorf("%s: %+v (fits: %v), want %+v", c.name, s, b.Fits(), c.got)
		}
	}
}

// TestChooseKeepsWhatIsGiven tries combinations: what is given is never changed, and what comes out fits unless nothing
// smaller could be tried.
func TestChooseKeepsWhatIsGiven(t *testing.T) {
	f := facts(t, synth.Qwen3VL2B)
	r := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...int) int { return of[r.IntN(len(of))] }
	for range 120 {
		want := Settings{
			Context: pick(0, 0, 2048, 9000, 40000), KVType: []string{"", F16, Q8}[r.IntN(3)], GPULayers: pick(0, 0, -1, 1, 15, 29),
			VisionCPU: r.IntN(4) == 0, ImageMinTokens: pick(0, 16), ImageMaxTokens: pick(0, 0, 100, 3000),
		}
		d := card(0.4 + 9*r.Float64())
		if r.IntN(5) == 0 {
			d = system
		}
		s, b := f.Choose(want, d, Known{})
		if want.Context > 0 && s.Context != want.Context || want.KVType != "" && s.KVType != want.KVType ||
			want.GPULayers != 0 && s.GPULayers != want.GPULayers || want.VisionCPU && !s.VisionCPU ||
			want.ImageMinTokens > 0 && s.ImageMinTokens != want.ImageMinTokens || want.ImageMaxTokens > 0 && s.ImageMaxTokens != want.ImageMaxTokens {
			t.Fatalf("%+v became %+v", want, s)
		}
		if s.Context == 0 || s.KVType == "" || s.ImageMaxTokens == 0 || s != f.Resolve(s) {
			t.Fatalf("%+v is not whole", s)
		}
		if want.GPULayers == 0 && !b.Fits() {
			t.Fatalf("%+v does not fit %s of %d bytes, and there was a choice", s, d.Name, d.Total)
		}
	}
}

// TestMoreMemoryIsNeverWorse walks through cards of growing size.
func TestMoreMemoryIsNeverWorse(t *testing.T) {
	f := facts(t, synth.Qwen3VL2B)
	last := Settings{GPULayers: -1}
	for gib := 0.5; gib < 10; gib += 0.1 {
		s, _ := f.Choose(Settings{}, card(gib), Known{})
		if layers := f.onCard(s); layers < f.onCard(last) || s.VisionCPU && !last.VisionCPU && last.GPULayers >= 0 {
			t.Errorf("%.2f GiB: %+v after %+v", gib, s, last)
		}
		last = s
	}
	if last.Context != 32768 || last.KVType != F16 || last.GPULayers != 0 || last.VisionCPU {
		t.Errorf("at last %+v", last)
	}
}

func TestChanges(t *testing.T) {
	two := facts(t, synth.Qwen3VL2B)
	kinds := func(list []Change) string {
		var words []string
		for _, c := range list {
			word := strings.Fields(c.Text)[0]
			if c.Fits {
				word += "!"
			}
			words = append(words, word)
		}
		return strings.Join(words, " ")
	}
	for _, c := range []struct {
		name string
		s    Settings
		d    Device
		want string // first words; ! stands for: then it fits
	}{
		{"a little too much", Settings{Context: 8192, ImageMaxTokens: 2048}, card(4), "Give! Keep! Keep! Look! Compute! Use! Compute!"},
		{"too much", Settings{Context: 32768}, card(5.6), "Keep! Keep! Compute! Compute! Give Look Use"},
		{"much too much", Settings{Context: 32768}, card(3), "Together:! Compute! Compute! Give Keep Keep Look Use"},
		{"more than everything together", Settings{Context: 32768}, card(0.5), "Compute! Give Keep Keep Look Compute Use"},
		{"system memory", Settings{Context: 32768}, Device{Total: 8 << 30, Free: 6 << 30}, "Give! Keep! Keep! Use!"},
		{"nothing on the card", Settings{GPULayers: -1}, card(4), ""},
	} {
		list := two.Changes(c.s, c.d, Known{})
		if got := kinds(list); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		need := two.Budget(c.s, c.d, Known{}).Need()
		for _, change := range list {
			b := two.Budget(change.Settings, c.d, Known{})
			if !change.File && (need-b.Need() != change.Saves || b.Fits() != change.Fits) || change.File && change.Settings != two.Resolve(c.s) {
				t.Errorf("%s: %+v, but the budget says %d and %v", c.name, change, need-b.Need(), b.Fits())
			}
			if change.Saves == 0 || !strings.HasSuffix(change.Text, ".") {
				t.Errorf("%s: %+v", c.name, change)
			}
		}
	}
}

// TestChangesGiveNothingBack: what is reduced already is not undone to make room for something else.
func TestChangesGiveNothingBack(t *testing.T) {
	two := facts(t, synth.Qwen3VL2B)
	for _, now := range []Settings{
		{Context: 32768, KVType: Q8, VisionCPU: true},
		{Context: 32768, VisionCPU: true, ImageMaxTokens: 64},
		{Context: 32768, GPULayers: 20},
		{Context: 32768, GPULayers: 99, KVType: Q8},
		{Context: 2048, KVType: Q8},
	} {
		for gib := 0.5; gib < 8; gib += 0.1 {
			for _, c := range two.Changes(now, card(gib), Known{}) {
				s, was := c.Settings, two.Resolve(now)
				if was.VisionCPU && !s.VisionCPU || was.KVType == Q8 && s.KVType != Q8 || s.Context > was.Context ||
					s.ImageMaxTokens > was.ImageMaxTokens || s.GPULayers >= 0 && two.onCard(s) > two.onCard(was) {
					t.Errorf("on %.1f GiB %+v becomes %+v: %s", gib, was, s, c.Text)
				}
			}
		}
	}
}

// TestASmallerFileIsOfferedOnce: not for one in four bits.
func TestASmallerFileIsOfferedOnce(t *testing.T) {
	two := facts(t, synth.Qwen3VL2B)
	c, ok := two.counted().smallerFile(Settings{}, card(4))
	// From 8.5 bits to 5: 41 % of 1,828,474,880 bytes.
	if share := float64(c.Saves) / 1_828_474_880; !ok || share < 0.40 || share > 0.42 || !strings.Contains(c.Text, "Q8_0") {
		t.Errorf("%+v, %v", c, ok)
	}
	model := *two.Model
	model.Tensors = nil
	for _, tensor := range two.Model.Tensors {
		tensor.Type, tensor.Bytes = 12, tensor.Bytes*18/34 // Q4_K
		model.Tensors = append(model.Tensors, tensor)
	}
	if c, ok := (&Facts{Model: &model}).counted().smallerFile(Settings{}, card(4)); ok {
		t.Errorf("%+v", c)
	}
}

// TestLadder walks down from every stage on every kind of device.
func TestLadder(t *testing.T) {
	two, demo := facts(t, synth.Qwen3VL2B), builtIn(t)
	start := Settings{Context: 8192, ImageMaxTokens: 2048}
	small := Settings{Context: 2048, ImageMinTokens: 48, ImageMaxTokens: 80}
	walk := func(f *Facts, s Settings, d Device, stage Stage) []string {
		var steps []string
		for range 100 {
			next, line, ok := f.Reduce(s, d, stage)
			if !ok {
				if next != f.Resolve(s) || line != "" {
					t.Errorf("the end changes %+v to %+v: %s", s, next, line)
				}
				return steps
			}
			where := d
			if stage == StageEncode && s.VisionCPU {
				where = system
			}
			if f.Budget(next, where, Known{}).Need() >= f.Budget(s, where, Known{}).Need() {
				t.Errorf("%+v does not need less than %+v", next, s)
			}
			if !strings.HasPrefix(line, "Memory ran out while ") || !strings.HasSuffix(line, ".") || strings.Contains(line, "\n") {
				t.Errorf("%q", line)
			}
			_, what, _ := strings.Cut(line, ", so ")
			steps = append(steps, what)
			s = next
		}
		t.Errorf("it does not end: %q", steps)
		return nil
	}
	const (
		p1024   = "pictures now take at most 1,024 tokens."
		p512    = "pictures now take at most 512 tokens."
		p256    = "pictures now take at most 256 tokens."
		p128    = "pictures now take at most 128 tokens."
		p64     = "pictures now take at most 64 tokens."
		tower   = "pictures are now looked at on the CPU, which takes longer."
		q8      = "the context is now kept in q8_0, in about half the space."
		c4096   = "the context is now 4,096 tokens."
		c2048   = "the context is now 2,048 tokens."
		l19     = "19 of 29 layers are now on the card and the rest on the CPU, which is slower."
		l9      = "9 of 29 layers are now on the card and the rest on the CPU, which is slower."
		l4      = "4 of 7 layers are now on the card and the rest on the CPU, which is slower."
		l1      = "1 of 7 layers are now on the card and the rest on the CPU, which is slower."
		nothing = "everything is now computed on the CPU, which is much slower."
	)
	for _, c := range []struct {
		f     *Facts
		s     Settings
		d     Device
		stage Stage
		want  []string
	}{
		{two, start, card(4), StageWeights, []string{l19, l9, nothing}},
		{two, start, card(4), StageVision, []string{tower}},
		{two, start, card(4), StageContext, []string{tower, q8, c4096, c2048, l19, l9, nothing}},
		{two, start, card(4), StageEncode, []string{p1024, p512, p256, tower, p128, p64}},
		{two, start, card(4), StageDecode, []string{p1024, p512, p256, tower, q8, c4096, c2048, l19, l9, nothing}},
		{two, start, system, StageWeights, nil},
		{two, start, system, StageVision, nil},
		{two, start, system, StageContext, []string{q8, c4096, c2048}},
		{two, start, system, StageEncode, []string{p1024, p512, p256, p128, p64, q8, c4096, c2048}},
		{demo, small, system, StageEncode, []string{p64, q8}},
		{demo, small, card(4), StageDecode, []string{tower, q8, l4, l1, nothing}},
		{&Facts{Model: two.Model}, start, card(4), StageDecode, []string{q8, c4096, c2048, l19, l9, nothing}},
		{two, Settings{GPULayers: -1}, card(4), StageDecode, nil},
		{two, start, card(4), Stage("unheard of"), nil},
	} {
		if got := walk(c.f, c.s, c.d, c.stage); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s on %s:\n%s\nwant\n%s", c.stage, c.d.Name, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
	// A context that becomes smaller than a picture takes the picture with it.
	s, _, _ := two.Reduce(Settings{Context: 4096, KVType: Q8, VisionCPU: true, ImageMaxTokens: 3000}, card(4), StageContext)
	if s.Context != 2048 || s.ImageMaxTokens != 1024 {
		t.Errorf("%+v", s)
	}
}
