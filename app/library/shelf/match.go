package shelf

import (
	"cmp"
	"os"
	"slices"
	"sync"

	"galago/inference/gguf"
)

// owners are the architectures that a kind of projector was made for, where it was made for them alone: classes of
// llama.cpp's conversion/ with a model and a projector of their own. All other projectors (of LLaVA, InternVL,
// SmolVLM, Pixtral and the like) stand before models of any family.
var owners = map[string][]string{
	"qwen2vl_merger":   {"qwen2vl"},
	"qwen2.5vl_merger": {"qwen2vl"},
	"qwen2.5o":         {"qwen2vl"},
	"qwen3vl_merger":   {"qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen4exp"},
	"minicpmv4_6":      {"qwen35"},
	"gemma3":           {"gemma3"},
	"gemma3nv":         {"gemma3n"},
	"gemma4v":          {"gemma4"},
	"gemma4uv":         {"gemma4"},
	"llama4":           {"llama4"},
	"cogvlm":           {"cogvlm"},
	"paddleocr":        {"paddleocr", "ernie4_5"},
	"deepseekocr":      {"deepseek2-ocr"},
	"deepseekocr2":     {"deepseek2-ocr"},
	"deepseek4v":       {"deepseek4"},
	"minimax_m3":       {"minimax-m3"},
	"mimovl":           {"mimo2"},
	"muse-glimmer":     {"muse-glimmer"},
	"dots3note_v":      {"dots3note"},
	"hunyuanvl":        {"hunyuan_vl", "hunyuan-dense"},
}

// answer is what is known of a question.
type answer int

const (
	unknown answer = iota
	yes
	no
)

// family says whether a projector is of a model's family.
func family(arch, projector string) answer {
	if list, owned := owners[projector]; owned {
		if slices.Contains(list, arch) {
			return yes
		}
		return no
	}
	if seers[arch] && projector != "" {
		for _, list := range owners {
			if slices.Contains(list, arch) {
				return no // it has a projector of its own
			}
		}
	}
	return unknown
}

// related says whether model and projector seem to be of one release, by what they call themselves and by their files' names.
func related(m, p *card) answer {
	if m.key != "" && m.key == p.key {
		return yes
	}
	named := namesAgree(m, p)
	if named == unknown && m.key != "" && p.key != "" {
		return no // both say who they are, and it is not the same
	}
	return named
}

// namesAgree compares the words of two files' names.
func namesAgree(a, b *card) answer {
	if len(a.words) == 0 || len(b.words) == 0 {
		return unknown
	}
	if len(a.sizes) > 0 && len(b.sizes) > 0 && shared(a.sizes, b.sizes) == 0 {
		return no // 2b and 4b
	}
	switch n := shared(a.words, b.words); {
	case n == 0:
		return no
	case 5*n >= 3*min(len(a.words), len(b.words)): // most of the shorter name
		return yes
	}
	return unknown
}

// shared counts the words that both have.
func shared(a, b []string) int {
	n := 0
	for _, w := range a {
		if slices.Contains(b, w) {
			n++
		}
	}
	return n
}

// fits reports whether a projector that lies beside a model belongs to it. alone says that no other language model lies
// there, so that a file that only calls itself mmproj can only be of this one. What a person chooses by hand is not
// judged here.
func fits(m, p *card, alone func() bool) bool {
	if p.kind != gguf.KindMMProj || !p.sees || !m.model() {
		return false
	}
	known := m.in > 0 && p.out > 0
	if known && m.in != p.out {
		return false
	}
	release := related(m, p)
	switch family(m.arch, p.projector) {
	case yes:
		return known || release != no
	case no:
		return known && release == yes // a table can be behind the times
	}
	return release == yes || release == unknown && known && alone()
}

// kin is how near two files' names are: by words, then by how long they begin alike.
func kin(m, p *card) (words, letters int) {
	for letters < len(m.line) && letters < len(p.line) && m.line[letters] == p.line[letters] {
		letters++
	}
	return shared(m.words, p.words), letters
}

// nearer compares two projectors by how near they are to a model; negative: a is the nearer.
func nearer(m, a, b *card) int {
	ra, rb := related(m, a) == yes, related(m, b) == yes
	if ra != rb {
		return map[bool]int{true: -1, false: 1}[ra]
	}
	aw, al := kin(m, a)
	bw, bl := kin(m, b)
	return cmp.Or(bw-aw, bl-al)
}

// aloneAmong asks whether all language models of a list are the same one in other quantisations.
func (m *card) aloneAmong(list []*card) func() bool {
	return sync.OnceValue(func() bool {
		return !slices.ContainsFunc(list, func(o *card) bool {
			return o.model() && o.path != m.path && (o.arch != m.arch || o.in != m.in || o.shape != m.shape)
		})
	})
}

// visionOf chooses among projectors that lie beside a model. When several fit equally, none is chosen and all of them
// are returned as equals, in the order of their names. others are the language models that lie there too.
func visionOf(m *card, projectors, others []*card) (best *card, equals []*card) {
	alone := m.aloneAmong(others)
	var list []*card
	for _, p := range projectors {
		if fits(m, p, alone) {
			list = append(list, p)
		}
	}
	return nearest(m, list)
}

// nearest chooses among projectors that all fit.
func nearest(m *card, list []*card) (best *card, equals []*card) {
	slices.SortStableFunc(list, func(a, b *card) int { return cmp.Compare(a.path, b.path) })
	slices.SortStableFunc(list, func(a, b *card) int { return nearer(m, a, b) })
	for _, p := range list {
		if len(equals) > 0 && nearer(m, equals[0], p) < 0 {
			break // it and the rest are further away
		}
		if i := slices.IndexFunc(equals, func(o *card) bool { return same(o, p) }); i >= 0 {
			equals[i] = finer(equals[i], p)
		} else {
			equals = append(equals, p)
		}
	}
	if len(equals) == 1 {
		return equals[0], nil
	}
	return nil, equals
}

// same reports whether two projectors are one file, or one projector in two quantisations.
func same(a, b *card) bool {
	if a.info != nil && b.info != nil && os.SameFile(a.info, b.info) {
		return true
	}
	return a.shape == b.shape && a.projector == b.projector && a.base == b.base && slices.Equal(a.words, b.words)
}

// fineness orders quantisations of a projector: 8 bits lose nothing that was measured and take half of the memory.
var fineness = map[string]int{"Q8_0": 4, "F16": 3, "BF16": 2, "F32": 1}

// finer is the better of two quantisations of the same projector; of two that are alike the first.
func finer(a, b *card) *card {
	if fineness[b.quant] > fineness[a.quant] {
		return b
	}
	return a
}

// modelOf chooses the language model for a projector among those that lie beside it: the nearest by name, and of several
// quantisations the 8-bit one. It is nil when none fits.
func modelOf(p *card, models []*card) *card {
	var best *card
	for _, m := range models {
		if !fits(m, p, m.aloneAmong(models)) || best != nil && !closer(p, m, best) {
			continue
		}
		best = m
	}
	return best
}

// closer reports whether model a is nearer to projector p than model b.
func closer(p, a, b *card) bool {
	aw, al := kin(a, p)
	bw, bl := kin(b, p)
	eight := func(c *card) int {
		if c.quant == "Q8_0" {
			return 1
		}
		return 0
	}
	if n := cmp.Or(aw-bw, al-bl, eight(a)-eight(b)); n != 0 {
		return n > 0
	}
	return a.path < b.path
}
