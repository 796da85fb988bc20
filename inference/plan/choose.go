package plan

import (
	"slices"

	"galago/inference/gguf"
	"galago/vram"
)

// The steps in which settings are chosen, the fullest first.
var (
	contexts = []int{32768, 24576, 16384, 12288, 8192, 6144, 4096}
	pictures = []int{1536, 1024, 768, 512}
)

const (
	leastContext = 2048 // below it a picture and an answer leave no room for a second question
	// cpuContext is the largest context that is chosen without a card: reading a longer prompt takes minutes there, and
	// what the cache takes is missing elsewhere.
	cpuContext = 8192
	// cpuPicture is the most tokens that are chosen for a picture when the CPU reads it because the card has no room: time
	// grows with their square. Without a card it is defaultPicture, as what the worker takes by itself.
	cpuPicture = 1024
)

// Choose fills in the zero fields of want with the fullest settings that fit d; what is given is kept. On a card it
// goes down in this order: a smaller context (32,768 to 4,096), a q8_0 cache, fewer picture tokens, the vision tower on
// the CPU, fewer layers on the card, the CPU alone. When nothing fits, the smallest settings come back, with a Budget that
// does not fit.
func (f *Facts) Choose(want Settings, d Device, k Known) (Settings, vram.Budget) {
	f = f.counted()
	var s Settings
	var b vram.Budget
	for _, s = range f.candidates(want, d) {
		if b = f.Budget(s, d, k); b.Fits() {
			break
		}
	}
	return s, b
}

// candidates are what Choose tries, the fullest first. All their fields are given.
func (f *Facts) candidates(want Settings, d Device) []Settings {
	if !d.GPU() || want.GPULayers < 0 {
		return f.downTo(want, cpuContext, defaultPicture)
	}
	list := f.downTo(want, contexts[0], gguf.MaxImageTokens)
	elsewhere := want
	if f.MMProj != nil && !want.VisionCPU {
		elsewhere.VisionCPU = true
		list = append(list, f.downTo(elsewhere, contexts[0], cpuPicture)...)
	}
	if want.GPULayers != 0 {
		return list
	}
	least := list[len(list)-1]
	for n := f.Layers(); n > 0; n-- {
		least.GPULayers = n
		list = append(list, least)
	}
	elsewhere.GPULayers = -1
	return append(list, f.downTo(elsewhere, cpuContext, cpuPicture)[0])
}

// downTo varies context, cache and pictures, at the layers and the place of the tower that are given. context and
// picture are the most tokens that are chosen for them.
func (f *Facts) downTo(want Settings, context, picture int) []Settings {
	caches := []string{F16}
	if want.KVType != "" {
		caches = []string{want.KVType}
	} else if f.canQ8() {
		caches = append(caches, Q8)
	}
	var list []Settings
	last := Settings{}
	for _, cache := range caches {
		for _, n := range f.contexts(want, context) {
			last = f.at(want, n, cache, picture)
			list = append(list, last)
		}
	}
	if want.ImageMaxTokens == 0 && f.factor() > 0 {
		for _, n := range pictures {
			if n < last.ImageMaxTokens && n >= last.ImageMinTokens {
				last.ImageMaxTokens = n
				list = append(list, last)
			}
		}
	}
	if want.Context == 0 && last.Context > leastContext && 2*last.ImageMaxTokens <= leastContext {
		last.Context = leastContext
		list = append(list, last)
	}
	return list
}

// at is want with a context and a cache, and the range of pictures that goes with them.
func (f *Facts) at(want Settings, context int, cache string, picture int) Settings {
	s := f.withPictures(want) // before the context is chosen: half of it counts only if it was asked for
	s.Context, s.KVType = context, cache
	if want.ImageMaxTokens == 0 && f.factor() > 0 {
		s.ImageMaxTokens = max(s.ImageMinTokens, min(s.ImageMaxTokens, context/2, picture))
	}
	return s
}

// contexts are those to try, the largest first: the one that is wanted, or steps that the model was trained for and
// that leave room beside the largest picture that is wanted.
func (f *Facts) contexts(want Settings, most int) []int {
	train := f.trained()
	if train == 0 {
		train = defaultContext
	}
	if want.Context > 0 {
		if f.trained() > 0 {
			return []int{min(want.Context, train)}
		}
		return []int{want.Context}
	}
	least := min(max(defaultContext, 2*want.ImageMaxTokens), contexts[0])
	list := slices.DeleteFunc(slices.Clone(contexts), func(n int) bool {
		return n > max(most, least) || n > train || n < least
	})
	if len(list) == 0 { // it was trained for less than any step
		list = []int{min(train, max(most, least))}
	}
	return list
}
