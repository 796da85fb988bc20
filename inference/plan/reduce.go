package plan

import (
	"galago/assets/words"
)

// Stage is what the engine was doing when memory ran out.
type Stage string

// The stages, in the order in which they come.
const (
	StageWeights Stage = "load weights"
	StageVision  Stage = "load vision"
	StageContext Stage = "create context"
	StageEncode  Stage = "encode"
	StageDecode  Stage = "decode"
)

// doing is how a Stage is told to people.
func doing(s Stage) string {
	switch s {
	case StageWeights:
		return words.T("while the model was loaded")
	case StageVision:
		return words.T("while the vision tower was loaded")
	case StageContext:
		return words.T("while the context was created")
	case StageEncode:
		return words.T("while a picture was read")
	}
	return words.T("while the answer was computed")
}

// The fewest tokens that a picture is reduced to: small print is lost long before. Without a card there is no other
// place to look at pictures, so they go further down before the ladder ends.
const (
	leastPictureCard = 256
	leastPicture     = 64
)

// rung is one way of taking less. It says what it changed, or false when there is nothing left to change in that way.
type rung struct {
	helps []Stage // that are after, or in, what becomes smaller
	step  func(f *Facts, s Settings, d Device) (Settings, string, bool)
}

// ladder is ordered by what the steps cost.
var ladder = []rung{
	{[]Stage{StageEncode, StageDecode}, fewerPictureTokens},
	{[]Stage{StageVision, StageContext, StageEncode, StageDecode}, towerOff},
	{[]Stage{StageContext, StageEncode, StageDecode}, compactCache},
	{[]Stage{StageContext, StageEncode, StageDecode}, smallerContext},
	{[]Stage{StageWeights, StageVision, StageContext, StageEncode, StageDecode}, fewerLayers},
}

// Reduce is the ladder: the next weaker settings after memory ran out at a stage, and a line for people that says what
// was changed and why. Steps that cannot help that stage, or change nothing on d, are left out: what is allocated only
// after the stage is not made smaller for it. It is false when there is nothing left to reduce. Every step takes
// strictly less of one setting and more of none, so repeating it ends.
//
// A vision tower that is off the card runs out of the system's memory: what is on the card is then left as it is.
func (f *Facts) Reduce(s Settings, d Device, failed Stage) (next Settings, line string, ok bool) {
	f = f.counted()
	s = f.Resolve(s)
	steps := ladder
	if f.MMProj != nil && f.towerElsewhere(s, d) && (failed == StageVision || failed == StageEncode) {
		steps, d = ladder[:1], Device{}
	}
	for _, r := range steps {
		for _, stage := range r.helps {
			if stage != failed {
				continue
			}
			if next, what, ok := r.step(f, s, d); ok {
				return next, words.T("Memory ran out %s, so %s.", doing(failed), what), true
			}
		}
	}
	return s, "", false
}

func fewerPictureTokens(f *Facts, s Settings, d Device) (Settings, string, bool) {
	least := max(s.ImageMinTokens, leastPicture)
	if d.GPU() {
		least = max(least, leastPictureCard)
	}
	if f.factor() == 0 || f.towerElsewhere(s, d) || s.ImageMaxTokens <= least {
		return s, "", false
	}
	s.ImageMaxTokens = max(least, s.ImageMaxTokens/2)
	return s, words.T("pictures now take at most %s tokens", thousands(uint64(s.ImageMaxTokens))), true
}

func towerOff(f *Facts, s Settings, d Device) (Settings, string, bool) {
	if f.MMProj == nil || !d.GPU() || f.towerElsewhere(s, d) {
		return s, "", false
	}
	s.VisionCPU = true
	return s, words.T("pictures are now looked at on the CPU, which takes longer"), true
}

func compactCache(f *Facts, s Settings, d Device) (Settings, string, bool) {
	if s.KVType != F16 || !f.canQ8() || d.GPU() && s.GPULayers < 0 {
		return s, "", false
	}
	s.KVType = Q8
	return s, words.T("the context is now kept in q8_0, in about half the space"), true
}

func smallerContext(f *Facts, s Settings, d Device) (Settings, string, bool) {
	n := max(leastContext, s.Context/2/padContext*padContext)
	if d.GPU() && s.GPULayers < 0 {
		return s, "", false
	}
	s, ok := f.withContext(s, n)
	return s, words.T("the context is now %s tokens", thousands(uint64(n))), ok
}

// fewerLayers takes a third of the layers off the card, and all when few are left: each step loads the model again.
func fewerLayers(f *Facts, s Settings, d Device) (Settings, string, bool) {
	if !d.GPU() || s.GPULayers < 0 {
		return s, "", false
	}
	all := f.Layers() + 1
	n := f.onCard(s)
	n -= (all + 2) / 3
	if n < max(1, all/4) {
		s.GPULayers, s.VisionCPU = -1, true
		return s, words.T("everything is now computed on the CPU, which is much slower"), true
	}
	s.GPULayers = n
	return s, words.T("%d of %d layers are now on the card and the rest on the CPU, which is slower", n, all), true
}
