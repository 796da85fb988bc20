// Package catalogue is the list of models that Galago recommends: what they are, which files they consist of, what those
// have to be, and whether a model fits a card before any of it is downloaded. It reads assets/catalogue.json and does
// no other I/O.
package catalogue

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"galago/assets"
	"galago/assets/words"
	"galago/inference/plan"
)

// version is the form of assets/catalogue.json that is read here.
const version = 1

// Model is a model of the catalogue, in one or more quantisations.
type Model struct {
	ID            string     `json:"id"`   // such as "qwen3-vl-4b"
	Name          string     `json:"name"` // such as "Qwen3-VL 4B"
	Family        string     `json:"family"`
	Parameters    string     `json:"parameters"` // such as "4B"
	About         string     `json:"about"`      // what it is good at, a sentence, in English; Good is what is shown
	Languages     []string   `json:"languages"`  // as BCP 47; empty: not known
	Licence       Licence    `json:"licence"`
	ImageMin      int        `json:"image_min_tokens"` // 0: the projector's own
	ImageMax      int        `json:"image_max_tokens"` // 0: the projector's own
	Coordinates   string     `json:"coordinates"`      // "", "pixels" or "thousand" (0 to 1000), "yx-thousand"
	Shape         plan.Shape `json:"shape"`            // its dimensions, of its publisher's config.json
	Quantizations []Variant  `json:"quantizations"`    // the best first: 8 bits before 4
	KnownOnly     bool       `json:"known_only"`       // it is recognised on the disk, but not all of its files are known, so it is not offered
}

// Good is what the model is good at, in the person's language.
func (m Model) Good() string { return words.Data(m.About) }

// Licence is under which terms a model may be used.
type Licence struct {
	Name          string `json:"name"`
	URL           string `json:"url"`
	NonCommercial bool   `json:"non_commercial"`
}

// Variant is a model in one quantisation, as files.
type Variant struct {
	Quant   string `json:"quantization"` // such as "Q8_0"
	Model   File   `json:"model"`
	MMProj  File   `json:"mmproj"` // its Name is empty for a model without eyes
	Suggest Rank   `json:"suggest"`
}

// Rank is a variant's place among those that Suggest looks at, 1 first; 0: it is not suggested there.
type Rank struct {
	Card    int `json:"card"`
	CPU     int `json:"cpu"`
	Context int `json:"context"` // tokens that it has to leave room for, or else the next one is better; 0: as few as fit
}

// File is a file of the hub.
type File struct {
	Repo     string `json:"repo"`     // such as "Qwen/Qwen3-VL-4B-Instruct-GGUF"
	Revision string `json:"revision"` // the full hash of a commit, or "main" where none is known: then the file may change
	Name     string `json:"file"`     // path in the repository
	Bytes    int64  `json:"bytes"`    // 0: not known
	SHA256   string `json:"sha256"`   // hexadecimal; empty: not known, and the hub's own counts
	Source   string `json:"source"`   // for maintainers: how well Bytes and SHA256 are attested
}

// Local is the name of the file without the folders of the repository.
func (f File) Local() string { return path.Base(f.Name) }

// Path is where the file is below the hub's address.
func (f File) Path() string { return f.Repo + "/resolve/" + f.Revision + "/" + f.Name }

// Load reads the models that travel with the program as suggestions to download: the best first.
func Load() ([]Model, error) {
	list, err := Known()
	if err != nil {
		return nil, err
	}
	offered := list[:0]
	for _, m := range list {
		if !m.KnownOnly {
			offered = append(offered, m)
		}
	}
	return offered, nil
}

// Known is Load with those models that are recognised but not offered; it is the list for ByFile.
func Known() ([]Model, error) {
	var all struct {
		Version int     `json:"version"`
		Models  []Model `json:"models"`
	}
	if err := json.Unmarshal(assets.Catalogue, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", words.T("The list of models that came with Galago is damaged. Install Galago again."), err)
	}
	if all.Version != version || len(all.Models) == 0 {
		return nil, fmt.Errorf("%s", words.T("The list of models that came with Galago is damaged. Install Galago again."))
	}
	return all.Models, nil
}

// Disk is the bytes of both files of a variant, and false if that is an estimate, or 0 when not even that is possible.
func (m Model) Disk(v Variant) (bytes int64, exact bool) {
	bytes, exact = v.Model.Bytes, v.Model.Bytes > 0 && (v.MMProj.Name == "" || v.MMProj.Bytes > 0)
	if bytes == 0 {
		n, err := m.Shape.FileBytes(v.Quant)
		if err != nil {
			return 0, false
		}
		bytes = n
	}
	return bytes + v.MMProj.Bytes, exact
}

// blob begins the names that other programs give to files by their digest.
const blob = "sha256-"

// ByFile finds the model that a file on the disk is, by its name and size. A size that the catalogue does not know counts
// as right. Names of the form sha256-DIGEST, as Ollama and ramalama have them, are found by digest.
func ByFile(list []Model, name string, bytes int64) (Model, Variant, bool) {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	digest, isBlob := strings.CutPrefix(name, blob)
	for _, m := range list {
		for _, v := range m.Quantizations {
			f := v.Model
			same := strings.EqualFold(f.Local(), name)
			if isBlob {
				same = f.SHA256 != "" && strings.EqualFold(f.SHA256, digest)
			}
			if same && (f.Bytes == 0 || f.Bytes == bytes) {
				return m, v, true
			}
		}
	}
	return Model{}, Variant{}, false
}
