package catalogue

import (
	"path/filepath"
	"strings"
	"testing"

	"galago/inference/gguf/synth"
	"galago/inference/plan"
)

const gi = 1 << 30

// card has so much free of its memory; half a GiB more is in use.
func card(free float64) plan.Device {
	n := uint64(free * gi)
	return plan.Device{Name: "a card", UUID: "GPU-1", Total: n + gi/2, Free: n}
}

func system(free float64) plan.Device {
	return plan.Device{Name: "system memory", Total: 32 * gi, Free: uint64(free * gi)}
}

// TestJudgeAgainstFiles: what is judged with nothing downloaded is what the headers of such files would say.
func TestJudgeAgainstFiles(t *testing.T) {
	m := byID(t, "qwen3-vl-2b")
	dir := t.TempDir()
	model, mmproj := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "mmproj.gguf")
	if err := synth.Qwen3VL2B.Sketch(model, mmproj); err != nil {
		t.Fatal(err)
	}
	facts, err := plan.Read(model, mmproj)
	if err != nil {
		t.Fatal(err)
	}
	for _, free := range []float64{1, 2, 3, 4, 6, 12} {
		for _, d := range []plan.Device{card(free), system(free)} {
			j := m.Judge(m.Quantizations[0], d)
			s, b := facts.Choose(plan.Settings{ImageMinTokens: m.ImageMin}, d, plan.Known{})
			if j.Verdict == DoesNotFit {
				s = j.Settings
				b = facts.Budget(s, d, plan.Known{})
			}
			if diff := int64(j.Budget.Need()) - int64(b.Need()); j.Settings != s || diff < -2<<20 || diff > 2<<20 {
				t.Errorf("%.0f GiB on %s: %+v with %d bytes from the catalogue, %+v with %d from the headers", free, d.Name, j.Settings, j.Budget.Need(), s, b.Need())
			}
		}
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		id    string
		quant int
		d     plan.Device
		want  Verdict
		line  []string
	}{
		{"qwen3-vl-4b", 0, card(24), Fits, []string{"of 24.0 GiB free", "32,768 tokens of context"}},
		{"qwen3-vl-4b", 1, card(5.1), Fits, []string{"of 5.1 GiB free"}},
		{"qwen3-vl-4b", 0, card(5.1), WithChanges, []string{"pictures on the CPU"}},
		{"qwen3-vl-4b", 0, card(3.5), WithChanges, []string{"layers on the card"}},
		{"qwen3-vl-4b", 0, card(1), DoesNotFit, []string{"does not fit the card", "of 1.0 GiB free"}},
		{"qwen3-vl-2b", 0, card(4), Fits, nil},
		{"smolvlm-256m", 0, card(1.5), Fits, nil},
		{"qwen3-vl-2b", 0, system(8), Fits, []string{"8,192 tokens"}},
		{"qwen3-vl-4b", 0, system(2), DoesNotFit, []string{"of 2.0 GiB free"}},
	} {
		m := byID(t, c.id)
		j := m.Judge(m.Quantizations[c.quant], c.d)
		if j.Verdict != c.want {
			t.Errorf("%s on %s with %.1f GiB: %d, want %d: %s; %+v", c.id, c.d.Name, float64(c.d.Free)/gi, j.Verdict, c.want, j.Line, j.Settings)
		}
		for _, part := range c.line {
			if !strings.Contains(j.Line, part) {
				t.Errorf("%s: %q has no %q", c.id, j.Line, part)
			}
		}
	}
}

// TestVerdictsAgreeWithTheirBudgets over all models and memories: what fits has a budget that fits, more memory never
// makes a verdict worse, and each says why.
func TestVerdictsAgreeWithTheirBudgets(t *testing.T) {
	worth := map[Verdict]int{DoesNotFit: 0, WithChanges: 1, Fits: 2}
	for _, m := range offered(t) {
		for _, v := range m.Quantizations {
			for _, on := range []func(float64) plan.Device{card, system} {
				before := 0
				for free := 0.5; free <= 24; free += 0.5 {
					d := on(free)
					j := m.Judge(v, d)
					if j.Line == "" || j.Verdict == Unknown {
						t.Fatalf("%s %s with %.1f GiB is not judged", m.ID, v.Quant, free)
					}
					if j.Budget.Fits() != (j.Verdict != DoesNotFit) {
						t.Errorf("%s %s with %.1f GiB on %s: %d with a budget of %d bytes", m.ID, v.Quant, free, d.Name, j.Verdict, j.Budget.Need())
					}
					if worth[j.Verdict] < before {
						t.Errorf("%s %s with %.1f GiB on %s is worse off than with less", m.ID, v.Quant, free, d.Name)
					}
					before = worth[j.Verdict]
				}
				if before != 2 {
					t.Errorf("%s %s does not fit 24 GiB", m.ID, v.Quant)
				}
			}
		}
	}
}

func TestJudgeWithoutFigures(t *testing.T) {
	m := byID(t, "qwen3-vl-2b")
	for name, j := range map[string]Judgement{
		"no memory":     m.Judge(m.Quantizations[0], plan.Device{UUID: "GPU-1"}),
		"no dimensions": Model{}.Judge(m.Quantizations[0], card(8)),
	} {
		if j.Verdict != Unknown || j.Line == "" {
			t.Errorf("%s: %+v", name, j)
		}
	}
}

func TestSuggest(t *testing.T) {
	list := offered(t)
	for _, c := range []struct {
		d           plan.Device
		want, quant string
	}{
		{card(24), "qwen3-vl-4b", "Q8_0"},
		{card(12), "qwen3-vl-4b", "Q8_0"},
		{card(7.5), "qwen3-vl-4b", "Q8_0"},
		{card(5.6e9 / gi), "qwen3-vl-4b", "Q4_K_M"},
		{card(4), "qwen3-vl-2b", "Q8_0"},
		{card(4e9 / gi), "qwen3-vl-2b", "Q8_0"},
		{card(3), "qwen3-vl-2b", "Q8_0"},
		{card(2.5), "qwen3-vl-2b", "Q4_K_M"},
		{card(2), "smolvlm2-500m", "Q8_0"},
		{card(1.2), "smolvlm2-500m", "Q8_0"},
		{card(0.8), "smolvlm-256m", "Q8_0"},
		{system(0.5), "", ""},
		{system(1), "smolvlm-256m", "Q8_0"},
		{system(2), "smolvlm2-500m", "Q8_0"},
		{system(24), "smolvlm2-500m", "Q8_0"},
	} {
		m, v, ok := Suggest(list, c.d)
		if m.ID != c.want || v.Quant != c.quant || ok != (c.want != "") {
			t.Errorf("%.2f GiB on %s: %s %s, want %s %s", float64(c.d.Free)/gi, c.d.Name, m.ID, v.Quant, c.want, c.quant)
		}
	}
}

// TestSuggestionsFit from half a GiB to 24, in steps of a tenth: what is suggested fits, may be used for work, and never
// gets smaller with more memory.
func TestSuggestionsFit(t *testing.T) {
	list := known(t)
	for i := range list { // as if someone had ranked what may not be used for work
		if list[i].Licence.NonCommercial {
			list[i].Quantizations[0].Suggest = Rank{Card: 1, CPU: 1}
		}
	}
	for _, on := range []func(float64) plan.Device{card, system} {
		before := 1 << 30
		for free := 5; free <= 240; free++ {
			d := on(float64(free) / 10)
			m, v, ok := Suggest(list, d)
			if !ok {
				if before != 1<<30 {
					t.Errorf("nothing is suggested for %.1f GiB on %s", float64(free)/10, d.Name)
				}
				continue
			}
			if j := m.Judge(v, d); j.Verdict == DoesNotFit || m.Licence.NonCommercial || m.KnownOnly {
				t.Errorf("%s %s is suggested for %.1f GiB: %s", m.ID, v.Quant, float64(free)/10, j.Line)
			}
			rank := v.Suggest.Card
			if !d.GPU() {
				rank = v.Suggest.CPU
			}
			if rank > before {
				t.Errorf("%s %s is suggested for %.1f GiB, after something better for less", m.ID, v.Quant, float64(free)/10)
			}
			before = rank
		}
	}
}

func BenchmarkJudge(b *testing.B) {
	m := byID(b, "qwen3-vl-4b")
	for b.Loop() {
		m.Judge(m.Quantizations[0], card(2))
	}
}
