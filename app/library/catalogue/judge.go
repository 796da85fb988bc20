package catalogue

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"galago/assets/words"
	"galago/inference/plan"
	"galago/vram"
)

// Verdict is whether a variant fits a card, or the system's memory where there is none.
type Verdict int

// The verdicts.
const (
	// Unknown: the memory, or the model's dimensions or sizes, are not known.
	Unknown Verdict = iota
	// Fits: all layers and the vision tower are on the card, with a context of at least 4,096 tokens and pictures of at
	// least 1,024 tokens, where the model's family has a range at all: fewer ruin boxes and small print.
	Fits
	// WithChanges: it answers, with a smaller context or smaller pictures than that, or with the vision tower or some
	// layers on the CPU.
	WithChanges
	// DoesNotFit: even with its smallest settings less than a quarter of the layers would be on the card, which is hardly
	// quicker than none; or the system's memory is too small.
	DoesNotFit
)

const (
	goodContext = 4096 // what the worker takes where nothing is asked for
	goodPicture = 1024 // picture tokens; Qwen's authors want as many for boxes
	leastShare  = 4    // a quarter of the layers: plan's ladder gives up on the card below it as well
)

// Judgement is a Verdict and what it rests on.
type Judgement struct {
	Verdict  Verdict
	Settings plan.Settings // with which it fits; those that plan.Choose takes at a load
	Budget   vram.Budget
	Line     string // for people: what it needs of what is free, and what would have to change
}

// Judge plans a variant on a card, or on the system's memory, with nothing downloaded. It takes a few milliseconds at
// most where much has to be tried.
func (m Model) Judge(v Variant, d plan.Device) Judgement {
	facts, err := m.Shape.Facts(v.Quant, v.Model.Bytes, v.MMProj.Bytes)
	if err != nil || d.Total == 0 {
		return Judgement{Line: words.T("whether it fits is not known before it is here")}
	}
	want := plan.Settings{ImageMinTokens: m.ImageMin, ImageMaxTokens: m.ImageMax}
	j := Judgement{}
	j.Settings, j.Budget = facts.Choose(want, d, plan.Known{})
	j.Verdict = verdict(facts, j.Settings, j.Budget, d)
	if j.Verdict == DoesNotFit && d.GPU() {
		j.Settings, j.Budget = least(facts, want, d)
	}
	j.Line = line(facts, j, d)
	return j
}

func verdict(f *plan.Facts, s plan.Settings, b vram.Budget, d plan.Device) Verdict {
	split := d.GPU() && s.GPULayers > 0
	switch {
	case !b.Fits(), d.GPU() && s.GPULayers < 0, split && leastShare*s.GPULayers < f.Layers()+1:
		return DoesNotFit
	case split, d.GPU() && s.VisionCPU && f.MMProj != nil, s.Context < min(goodContext, trained(f)), smallPictures(s):
		return WithChanges
	}
	return Fits
}

// trained is the context that a model was trained for.
func trained(f *plan.Facts) int {
	if n := f.Resolve(plan.Settings{Context: goodContext}).Context; n > 0 {
		return n
	}
	return goodContext
}

// smallPictures is about models whose pictures have a range of tokens; others have 0 here.
func smallPictures(s plan.Settings) bool {
	return s.ImageMaxTokens > 0 && s.ImageMaxTokens < goodPicture
}

// least is what the model needs if a quarter of it is to be on the card, as the figure that people can compare.
func least(f *plan.Facts, want plan.Settings, d plan.Device) (plan.Settings, vram.Budget) {
	want.GPULayers = (f.Layers() + leastShare) / leastShare
	want.VisionCPU = f.MMProj != nil
	return f.Choose(want, d, plan.Known{})
}

// line says what a judgement rests on.
func line(f *plan.Facts, j Judgement, d plan.Device) string {
	if j.Verdict == DoesNotFit {
		need, free := gib(j.Budget.Need(), math.Ceil), gib(j.Budget.Free, math.Floor)
		if d.GPU() {
			return words.T("does not fit the card: even with most of it on the CPU it needs %s of %s GiB free", need, free)
		}
		return words.T("does not fit: it needs %s of %s GiB free", need, free)
	}
	need, free := gib(j.Budget.Need(), math.Round), gib(j.Budget.Free, math.Round)
	context := words.Thousands(j.Settings.Context)
	if changes := changed(f, j.Settings, d); len(changes) > 0 {
		return words.T("needs %s of %s GiB free, with %s tokens of context and %s", need, free, context, strings.Join(changes, ", "))
	}
	return words.T("needs %s of %s GiB free, with %s tokens of context", need, free, context)
}

// changed are the reductions that are not in the line already.
func changed(f *plan.Facts, s plan.Settings, d plan.Device) []string {
	var list []string
	if d.GPU() && s.GPULayers > 0 {
		list = append(list, words.T("%d of %d layers on the card", s.GPULayers, f.Layers()+1))
	}
	if d.GPU() && s.VisionCPU && f.MMProj != nil {
		list = append(list, words.T("pictures on the CPU"))
	}
	if smallPictures(s) {
		list = append(list, words.T("pictures of at most %s tokens", words.Thousands(s.ImageMaxTokens)))
	}
	return list
}

// gib is for people; what does not fit is rounded apart, so that it never looks as if it did.
func gib(bytes uint64, round func(float64) float64) string {
	return strconv.FormatFloat(round(float64(bytes)/(1<<30)*10)/10, 'f', 1, 64)
}

// candidate is a variant that can be suggested.
type candidate struct {
	m    Model
	v    Variant
	rank int
}

// candidates are those that may be suggested on d, the best first. What may not be used for work is never among them.
func candidates(list []Model, d plan.Device) []candidate {
	var out []candidate
	for _, m := range list {
		for _, v := range m.Quantizations {
			rank := v.Suggest.CPU
			if d.GPU() {
				rank = v.Suggest.Card
			}
			if rank > 0 && !m.Licence.NonCommercial && !m.KnownOnly {
				out = append(out, candidate{m, v, rank})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	return out
}

// Suggest is the model and the quantisation to begin with on d: the first by rank that fits with the context that its
// rank asks for, so that 8 bits of a model come before 4, and 4 bits of a large one before 8 of a small one only where
// they leave room for a conversation. Where none fits, it is the smallest that fits with changes. ok is false where there
// is none either.
func Suggest(list []Model, d plan.Device) (m Model, v Variant, ok bool) {
	ranked := candidates(list, d)
	verdicts := make([]Verdict, len(ranked))
	for i, c := range ranked {
		j := c.m.Judge(c.v, d)
		if verdicts[i] = j.Verdict; j.Verdict == Fits && j.Settings.Context >= c.v.Suggest.Context {
			return c.m, c.v, true
		}
	}
	for i := len(ranked) - 1; i >= 0; i-- {
		if verdicts[i] == Fits || verdicts[i] == WithChanges {
			return ranked[i].m, ranked[i].v, true
		}
	}
	return Model{}, Variant{}, false
}
