package plan

import (
	"strings"

	"galago/assets/words"
	"galago/inference/protocol"
	"galago/vram"
)

const (
	// driverBytes is what CUDA takes for a process beside its buffers, until it was measured on the card: its context and
	// the kernels' code (100 to 200 MiB, more on cards with more multiprocessors) and cuBLAS's workspace (8 to 32 MiB).
	driverBytes = 256 << 20
	// leastMargin covers what no line has: buffers are rounded up to 2 MiB each, and a desktop's other windows grow.
	leastMargin = 128 << 20
)

// margin stays free: 2 % of the memory, at least leastMargin. Twelve buffers rounded up are 24 MiB; the rest is for a
// browser's tab or two between this look at the card and the load.
func margin(d Device) uint64 { return max(leastMargin, d.Total/50) }

// Budget is what loading with s would take from d. Its lines stand in the order of vram's parts; parts that d does not
// hold (the vision tower when it is off the card) are left out, and with no layers on a card nothing is on it.
func (f *Facts) Budget(s Settings, d Device, k Known) vram.Budget {
	f = f.counted()
	s = f.Resolve(s)
	b := vram.Budget{Device: d.Name, Total: d.Total, Free: d.Free}
	add := func(part vram.Part, bytes uint64, origin vram.Origin, note string) {
		if bytes > 0 {
			b.Lines = append(b.Lines, vram.Line{Part: part, Bytes: bytes, Origin: origin, Note: note})
		}
	}
	if !d.GPU() || s.GPULayers >= 0 {
		f.engine(s, d, k, add)
	}
	if d.GPU() {
		add(vram.PartWindow, min(d.Window, d.Total), vram.Measured, words.T("in use already"))
	}
	if used := d.Total - min(d.Total, d.Free); used > d.Window {
		add(vram.PartOthers, used-d.Window, vram.Measured, words.T("in use already"))
	}
	if !d.GPU() || s.GPULayers >= 0 {
		add(vram.PartMargin, margin(d), vram.Assumed, words.T("2 % of the memory, at least 128 MiB"))
	}
	return b
}

// engine adds what the engine itself takes.
func (f *Facts) engine(s Settings, d Device, k Known, add func(vram.Part, uint64, vram.Origin, string)) {
	n := f.figures(s, d, k)
	add(vram.PartWeights, n.weights, n.from, f.weightsNote(s, d))
	add(vram.PartVision, f.visionWeights(s, d), vram.Header, words.T("%s, all of it", projector(f)))
	held, layers := f.onDevice(s, d), 0
	for i := range f.Layers() {
		if held(i) {
			layers++
		}
	}
	from := n.from
	if from == vram.Header {
		from = vram.Formula
	}
	add(vram.PartKV, n.kv, from, words.T("%d layers, %s tokens in %s", layers, thousands(s.cells()), s.KVType))
	add(vram.PartCompute, n.compute, n.computeFrom, words.T("%d tokens at a time", min(slice, s.cells())))
	if f.MMProj != nil && !f.towerElsewhere(s, d) {
		origin, note := vram.Formula, words.T("a picture of %s tokens", thousands(uint64(s.ImageMaxTokens)))
		if k.Encode > 0 && k.EncodeTokens > 0 {
			origin = vram.Calibrated
		}
		if f.factor() == 0 {
			note = words.T("a picture of the projector's own size")
		}
		add(vram.PartEncode, f.EncodeBytes(s.ImageMaxTokens, k), origin, note)
	}
	switch {
	case !d.GPU():
	case k.Runtime > 0:
		add(vram.PartRuntime, k.Runtime, vram.Calibrated, words.T("the driver's context and pool"))
	default:
		add(vram.PartRuntime, driverBytes+f.poolBytes(s, d, k), vram.Assumed, words.T("the driver's context and pool, not measured on this card yet"))
	}
}

func projector(f *Facts) string {
	if f.MMProj == nil {
		return ""
	}
	kind := f.MMProj.String("clip.projector_type")
	if kind == "" {
		kind = f.MMProj.String("clip.vision.projector_type")
	}
	return kind
}

func (f *Facts) weightsNote(s Settings, d Device) string {
	switch {
	case !d.GPU():
		return words.T("%d layers, the file's pages", f.Layers())
	case f.partial(s, d):
		return words.T("%d of %d layers, the output counted as one", s.GPULayers, f.Layers()+1)
	}
	return words.T("%d layers and the output", f.Layers())
}

// figures are the language model's buffers.
type figures struct {
	weights, kv, compute uint64
	from, computeFrom    vram.Origin
}

// figures takes a dry run's figures where there is one with these settings, and formulas otherwise. A dry run with other
// settings still says how far the formula of the compute buffer is off.
func (f *Facts) figures(s Settings, d Device, k Known) figures {
	n := figures{
		weights: f.weights(s, d), from: vram.Header,
		kv:      f.kvBytes(s, f.onDevice(s, d)),
		compute: f.computeBytes(s, d), computeFrom: vram.Formula,
	}
	if len(k.Planned) == 0 {
		return n
	}
	planned := func(part protocol.Part) uint64 { return onDevice(k.Planned, part, d) }
	with := f.Resolve(k.With)
	switch base := f.computeBytes(with, d); {
	case k.With == Settings{} || sameLayout(with, s):
		n.from, n.computeFrom = vram.DryRun, vram.DryRun
		n.weights, n.kv, n.compute = planned(protocol.PartWeights), planned(protocol.PartKV), planned(protocol.PartCompute)
	case base > 0 && planned(protocol.PartCompute) > 0 && f.partial(s, d) == f.partial(with, d):
		n.compute = scaled(n.compute, planned(protocol.PartCompute), base)
	}
	return n
}

// sameLayout reports whether a dry run would come out the same: it does not look at pictures.
func sameLayout(a, b Settings) bool {
	return a.cells() == b.cells() && a.KVType == b.KVType && a.GPULayers == b.GPULayers
}

// onDevice adds up the buffers of one part that lie on d. ggml's names of ordinary memory begin with CPU or end in Host.
func onDevice(list []protocol.Memory, part protocol.Part, d Device) uint64 {
	n := uint64(0)
	for _, m := range list {
		ordinary := strings.HasPrefix(m.Device, "CPU") || strings.HasSuffix(m.Device, "Host")
		if m.Part == part && ordinary != d.GPU() {
			n += m.Bytes
		}
	}
	return n
}

// thousands writes a count with a mark between thousands.
func thousands(n uint64) string { return words.Thousands(n) }
