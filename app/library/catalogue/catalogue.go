// Package catalogue is the list of models that Galago recommends: what they are, which files they consist of, what those
// have to be, and whether a model fits a card before any of it is downloaded. It reads assets/catalogue.json and does
// no other I/O.
package catalogue

import (
	"errors"

	"galago/inference/plan"
	"galago/vram"
)

// Model is a model of the catalogue, in one or more quantisations.
type Model struct {
	ID            string    `json:"id"`   // such as "qwen3-vl-4b"
	Name          string    `json:"name"` // such as "Qwen3-VL 4B"
	Family        string    `json:"family"`
	Parameters    string    `json:"parameters"` // such as "4B"
	About         string    `json:"about"`      // what it is good at, a sentence; English, translated where it is shown
	Languages     []string  `json:"languages"`  // as BCP 47; empty: not known
	Licence       Licence   `json:"licence"`
	ImageMin      int       `json:"image_min_tokens"` // 0: the projector's own
	ImageMax      int       `json:"image_max_tokens"` // 0: the projector's own
	Coordinates   string    `json:"coordinates"`      // "", "pixels" or "thousand" (0 to 1000), "yx-thousand"
	Quantizations []Variant `json:"quantizations"`    // the best first: 8 bits before 4
}

// Licence is under which terms a model may be used.
type Licence struct {
	Name          string `json:"name"`
	URL           string `json:"url"`
	NonCommercial bool   `json:"non_commercial"`
}

// Variant is a model in one quantisation, as files.
type Variant struct {
	Quant  string `json:"quantization"` // such as "Q8_0"
	Model  File   `json:"model"`
	MMProj File   `json:"mmproj"` // its Name is empty for a model without eyes
}

// File is a file of the hub.
type File struct {
	Repo     string `json:"repo"`     // such as "Qwen/Qwen3-VL-4B-Instruct-GGUF"
	Revision string `json:"revision"` // commit
	Name     string `json:"file"`     // path in the repository
	Bytes    int64  `json:"bytes"`    // 0: not known
	SHA256   string `json:"sha256"`   // hexadecimal; empty: not known
}

// Verdict is whether a variant fits a card.
type Verdict int

// The verdicts.
const (
	Unknown     Verdict = iota
	Fits                // with a context and pictures of a good size
	WithChanges         // with a smaller context, smaller pictures, or parts of it on the CPU
	DoesNotFit
)

// Judgement is a Verdict and what it rests on.
type Judgement struct {
	Verdict  Verdict
	Settings plan.Settings // with which it fits
	Budget   vram.Budget
	Line     string // for people: what it needs of what is free, and what would have to change
}

// Load reads the catalogue that travels with the program.
func Load() ([]Model, error) { return nil, errors.New("there is no catalogue") }

// Judge plans a variant on a card, or on the system's memory, with nothing downloaded.
func (m Model) Judge(v Variant, d plan.Device) Judgement { return Judgement{} }

// Suggest is the model and the quantisation to begin with on d: the best that fits. ok is false where none does.
func Suggest(list []Model, d plan.Device) (m Model, v Variant, ok bool) {
	return Model{}, Variant{}, false
}
