// Package plan knows what a model costs in memory before any of it is taken: it reads the headers of model files,
// budgets a load against what is free on a card, chooses the fullest settings that fit, says what would have to
// change when nothing does, and which step down to take when memory runs out all the same. It loads no library and
// opens no device.
package plan

import (
	"galago/inference/gguf"
	"galago/inference/protocol"
	"galago/vram"
)

// The KV cache's types.
const (
	F16 = "f16"
	Q8  = "q8_0"
)

// Settings are what decides how much memory a model takes. They are those of protocol.Load. Zero fields stand for
// what the worker takes then; see Facts.Resolve.
type Settings struct {
	Context        int    `json:"n_ctx"`            // KV cache cells
	KVType         string `json:"kv_type"`          // F16 or Q8
	GPULayers      int    `json:"gpu_layers"`       // layers on the card; 0: all, -1: none
	VisionCPU      bool   `json:"mmproj_cpu"`       // the vision tower is off the card
	ImageMinTokens int    `json:"image_min_tokens"` // 0: the projector's own
	ImageMaxTokens int    `json:"image_max_tokens"` // 0: the projector's own
}

// Device is the memory that a model would go to: a card's, or the system's where there is no card.
type Device struct {
	Name   string // for people
	UUID   string // of the card; empty: system memory
	Driver string // version
	Total  uint64 // bytes
	Free   uint64 // bytes, now, with no model of ours loaded
	Window uint64 // bytes that Galago's window holds; part of Total-Free
}

// GPU reports whether d is a card.
func (d Device) GPU() bool { return d.UUID != "" }

// Known are figures that are better than formulas. The zero Known has none.
type Known struct {
	Planned      []protocol.Memory // of a dry run
	With         Settings          // of that dry run. With others only the ratio of Planned to the formula is used
	Encode       uint64            // bytes that encoding a picture of EncodeTokens took; scaled for other pictures
	EncodeTokens int               //
	Runtime      uint64            // bytes that the driver took for the engine beside its buffers
}

// Facts are what a model's files say about its memory. They are read only, and may be used by several goroutines.
type Facts struct {
	Model  *gguf.File
	MMProj *gguf.File // nil for a model without eyes
}

// Read reads the headers of a model and of its projector; mmproj may be empty. No weights are read. Its error is a
// *gguf.Error, whose text is a sentence for people.
func Read(model, mmproj string) (*Facts, error) {
	m, err := gguf.Read(model)
	if err != nil {
		return nil, err
	}
	f := &Facts{Model: m}
	if mmproj == "" {
		return f, nil
	}
	if f.MMProj, err = gguf.Read(mmproj); err != nil {
		return nil, err
	}
	return f, gguf.MatchMMProj(f.Model, f.MMProj)
}

// Change is something that would take less memory.
type Change struct {
	Settings Settings // as they would be. For a smaller file they stay as they are
	Saves    uint64   // bytes on the device
	Fits     bool     // whether it then fits, this change alone
	File     bool     // another file of the model is needed
	Text     string   // a sentence for people
}

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

// Resolve fills in zero fields as the worker would, whatever the memory: all layers on the card, f16, 4,096 cells or
// what the model was trained for, pictures of at most 2,048 tokens or half of a context that was asked for.
func (f *Facts) Resolve(s Settings) Settings { return s }

// Budget is what loading with s would take from d. Its lines stand in the order of vram's parts; parts that d does not
// hold (the vision tower when it is off the card) are left out.
func (f *Facts) Budget(s Settings, d Device, k Known) vram.Budget { return vram.Budget{} }

// Choose fills in the zero fields of want with the fullest settings that fit d; what is given is kept. When nothing
// fits, the smallest settings come back with a Budget that does not fit.
func (f *Facts) Choose(want Settings, d Device, k Known) (Settings, vram.Budget) {
	return want, vram.Budget{}
}

// Changes says what would take less memory than s, the best first: what makes it fit and costs least. It is empty when
// nothing can be changed.
func (f *Facts) Changes(s Settings, d Device, k Known) []Change { return nil }

// Reduce is the ladder: the next weaker settings after memory ran out at a stage, and a line for people that says what
// was changed and why. Steps that cannot help that stage, or change nothing on d, are left out. It is false when there is
// nothing left to reduce. Every step takes strictly less, so repeating it ends.
func (f *Facts) Reduce(s Settings, d Device, failed Stage) (next Settings, line string, ok bool) {
	return s, "", false
}

// EncodeBytes is what encoding a picture of that many tokens takes beside the vision tower's weights; 0 for a model
// without eyes. The buffer grows with the largest picture so far and never shrinks.
func (f *Facts) EncodeBytes(tokens int, k Known) uint64 { return 0 }

// KVBytes is the size of the whole KV cache with s, on whatever device its layers are.
func (f *Facts) KVBytes(s Settings) uint64 { return 0 }
