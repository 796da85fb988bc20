package plan

import (
	"slices"

	"galago/assets/words"
	"galago/inference/gguf"
)

// Change is something that would take less memory.
type Change struct {
	Settings Settings `json:"settings"` // as they would be. For another file they stay as they are
	Saves    uint64   `json:"saves"`    // bytes on the device
	Fits     bool     `json:"fits"`     // whether it then fits
	File     bool     `json:"file"`     // another file of the model is needed
	Text     string   `json:"text"`     // a sentence for people

	rank int // of its kind: what costs least is 0
}

// The ranks of what is not among kinds.
const (
	rankTogether = 4
	rankFile     = 6
)

// Changes says what would take less memory than s, the best first: what makes it fit, and among those what costs least:
// fewer picture tokens, a smaller context, a q8_0 cache, the vision tower on the CPU, several of them together (only if
// none suffices alone), fewer layers on the card, a 4-bit file, the CPU alone. Of each kind it is the smallest step that
// fits, or the largest when none does. It is empty when nothing can be changed.
func (f *Facts) Changes(s Settings, d Device, k Known) []Change {
	f = f.counted()
	s = f.Resolve(s)
	need := f.Budget(s, d, k).Need()
	var list []Change
	for rank, kind := range f.kinds(s, d) {
		if c, ok := f.first(kind, d, k, need); ok {
			c.rank = rank
			list = append(list, c)
		}
	}
	if c, ok := f.smallerFile(s, d); ok {
		c.Fits, c.rank = need-min(need, c.Saves) <= d.Free, rankFile
		list = append(list, c)
	}
	if !slices.ContainsFunc(list, func(c Change) bool { return c.Fits && c.rank < rankTogether }) {
		if c, ok := f.together(s, d, k, need); ok {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b Change) int {
		if a.Fits != b.Fits {
			if a.Fits {
				return -1
			}
			return 1
		}
		return a.rank - b.rank
	})
	return list
}

// first is the first step of a kind that fits, or the last one; steps that save nothing do not count.
func (f *Facts) first(kind []Change, d Device, k Known, need uint64) (last Change, ok bool) {
	for _, c := range kind {
		b := f.Budget(c.Settings, d, k)
		if b.Need() >= need {
			continue
		}
		last, ok = c, true
		last.Saves, last.Fits = need-b.Need(), b.Fits()
		if last.Fits {
			break
		}
	}
	return last, ok
}

// kinds are the kinds of changes, the one that costs least first, and the steps of each, the smallest first.
func (f *Facts) kinds(s Settings, d Device) [][]Change {
	var smaller, shorter, compact, tower, layers, none []Change
	if onIt := f.factor() > 0 && !f.towerElsewhere(s, d); onIt {
		for _, n := range append(append([]int{defaultPicture}, pictures...), leastPictureCard) {
			if n < s.ImageMaxTokens && n >= s.ImageMinTokens {
				c := s
				c.ImageMaxTokens = n
				smaller = append(smaller, Change{Settings: c, Text: words.T("Give pictures at most %s tokens; small print may be lost.", thousands(uint64(n)))})
			}
		}
	}
	if d.GPU() && s.GPULayers < 0 {
		return nil // nothing is on the card
	}
	for _, n := range append(slices.Clone(contexts), leastContext) {
		if c, ok := f.withContext(s, n); ok {
			shorter = append(shorter, Change{Settings: c, Text: words.T("Keep a context of %s tokens; long conversations forget sooner.", thousands(uint64(n)))})
		}
	}
	if s.KVType == F16 && f.canQ8() {
		c := s
		c.KVType = Q8
		compact = append(compact, Change{Settings: c, Text: words.T("Keep the context in q8_0, in about half the space and nearly as exact.")})
	}
	if d.GPU() {
		if f.MMProj != nil && !s.VisionCPU {
			c := s
			c.VisionCPU = true
			tower = append(tower, Change{Settings: c, Text: words.T("Look at pictures on the CPU, which takes longer.")})
		}
		for n := f.onCard(s) - 1; n > 0; n-- {
			c := s
			c.GPULayers = n
			layers = append(layers, Change{Settings: c, Text: words.T("Compute %d of %d layers on the card and the rest on the CPU; answers are slower.", n, f.Layers()+1)})
		}
		c := s
		c.GPULayers, c.VisionCPU = -1, true
		none = append(none, Change{Settings: c, Text: words.T("Compute on the CPU alone; answers are much slower.")})
	}
	return [][]Change{smaller, shorter, compact, tower, rankTogether: nil, layers, rankFile: nil, none}
}

// onCard is how many layers are on the card, the output included.
func (f *Facts) onCard(s Settings) int {
	if s.GPULayers == 0 {
		return f.Layers() + 1
	}
	return max(0, min(s.GPULayers, f.Layers()+1))
}

// withContext is s with a smaller context, of which pictures take half at most.
func (f *Facts) withContext(s Settings, n int) (Settings, bool) {
	if n >= s.Context || n/2 < s.ImageMinTokens {
		return s, false
	}
	s.Context = n
	if f.factor() > 0 {
		s.ImageMaxTokens = min(s.ImageMaxTokens, n/2)
	}
	return s, true
}

// together is the least of what Choose would do that fits, starting from s: what is reduced in s stays so.
func (f *Facts) together(s Settings, d Device, k Known, need uint64) (Change, bool) {
	want := Settings{ImageMinTokens: s.ImageMinTokens, VisionCPU: s.VisionCPU}
	if s.KVType == Q8 {
		want.KVType = Q8
	}
	if f.partial(s, d) {
		want.GPULayers = s.GPULayers
	}
	for _, c := range f.candidates(want, d) {
		if d.GPU() && c.GPULayers < 0 {
			break // the CPU alone is a change of its own
		}
		c.Context = min(c.Context, s.Context)
		if f.factor() > 0 {
			c.ImageMaxTokens = max(c.ImageMinTokens, min(c.ImageMaxTokens, s.ImageMaxTokens))
		}
		b := f.Budget(c, d, k)
		if b.Fits() && b.Need() < need {
			return Change{Settings: c, Saves: need - b.Need(), Fits: true, Text: f.describe(s, c), rank: rankTogether}, true
		}
	}
	return Change{}, false
}

// describe says what is different in b.
func (f *Facts) describe(a, b Settings) string {
	text := words.T("Together:")
	add := func(what string) { text += " " + what + "," }
	if b.ImageMaxTokens < a.ImageMaxTokens {
		add(words.T("pictures of at most %s tokens", thousands(uint64(b.ImageMaxTokens))))
	}
	if b.Context < a.Context {
		add(words.T("a context of %s tokens", thousands(uint64(b.Context))))
	}
	if b.KVType != a.KVType {
		add(words.T("the context in %s", b.KVType))
	}
	if b.VisionCPU && !a.VisionCPU && b.GPULayers >= 0 {
		add(words.T("pictures on the CPU"))
	}
	if b.GPULayers != a.GPULayers && b.GPULayers > 0 {
		add(words.T("%d of %d layers on the card", b.GPULayers, f.Layers()+1))
	}
	if b.GPULayers < 0 && a.GPULayers >= 0 {
		add(words.T("everything on the CPU"))
	}
	return text[:len(text)-1] + "."
}

// fourBits is bytes for each number in a Q4_K_M file: the published ones have between 4.8 and 5.2 bits.
const fourBits = 5.0 / 8

// smallerFile is a 4-bit file of the same model, if this one's weights have clearly more.
func (f *Facts) smallerFile(s Settings, d Device) (Change, bool) {
	numbers, bytes := int64(0), int64(0)
	for t := range f.tensors() {
		n := int64(1)
		for _, dim := range t.Dims {
			n *= dim
		}
		numbers, bytes = numbers+n, bytes+t.Bytes
	}
	if numbers <= 0 || float64(bytes) < 1.2*fourBits*float64(numbers) || d.GPU() && s.GPULayers < 0 {
		return Change{}, false
	}
	share := 1 - fourBits*float64(numbers)/float64(bytes)
	return Change{
		Settings: s, File: true, Saves: uint64(share * float64(f.weights(s, d))),
		Text: words.T("Use a 4-bit file of this model (Q4_K_M) instead of one in %s; answers are a little less exact.", f.biggest().String()),
	}, true
}

// biggest is the type of most of the weights.
func (f *Facts) biggest() gguf.Type {
	bytes := map[gguf.Type]int64{}
	best := gguf.Type(0)
	for t := range f.tensors() {
		if bytes[t.Type] += t.Bytes; bytes[t.Type] > bytes[best] {
			best = t.Type
		}
	}
	return best
}
