// Package plan knows what a model costs in memory before any of it is taken: it reads the headers of model files,
// budgets a load against what is free on a card, chooses the fullest settings that fit, says what would have to
// change when nothing does, and which step down to take when memory runs out all the same. It loads no library and
// opens no device.
package plan

import (
	"iter"

	"galago/inference/gguf"
	"galago/inference/protocol"
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
	Model  *gguf.File   // the first, if it is spread over several files
	Rest   []*gguf.File // the others
	MMProj *gguf.File   // nil for a model without eyes

	counts *counts // nil but in counted copies
}

// Read reads the headers of a model and of its projector; mmproj may be empty. No weights are read. Its error is a
// *gguf.Error, whose text is a sentence for people.
func Read(model, mmproj string) (*Facts, error) {
	m, err := gguf.Read(model)
	if err != nil {
		return nil, err
	}
	var p *gguf.File
	if mmproj != "" {
		if p, err = gguf.Read(mmproj); err != nil {
			return nil, err
		}
		if err := gguf.MatchMMProj(m, p); err != nil {
			return nil, err
		}
	}
	return Of(m, p)
}

// Of is Read for headers that are there already: it reads those of a model's further files, if it is spread over
// several. mmproj may be nil.
func Of(model, mmproj *gguf.File) (*Facts, error) {
	rest, err := model.Others()
	if err != nil {
		return nil, err
	}
	return &Facts{Model: model, Rest: rest, MMProj: mmproj}, nil
}

// tensors are those of all files of the language model.
func (f *Facts) tensors() iter.Seq[gguf.Tensor] {
	return func(yield func(gguf.Tensor) bool) {
		for _, file := range append([]*gguf.File{f.Model}, f.Rest...) {
			for _, t := range file.Tensors {
				if !yield(t) {
					return
				}
			}
		}
	}
}
