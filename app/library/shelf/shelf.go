// Package shelf knows the models that are on this machine: those that the person opened or downloaded, and those that
// other programs keep, which are used in place and never moved or written.
package shelf

import "context"

// Source is where a model comes from.
type Source string

// The sources.
const (
	Own      Source = "own"        // opened or dropped by the person
	Fetched  Source = "downloaded" // by Galago, into its own folder
	LMStudio Source = "LM Studio"
	Ollama   Source = "Ollama"
	Hub      Source = "Hugging Face"
	LlamaCpp Source = "llama.cpp"
)

// Entry is a model on this machine.
type Entry struct {
	Name   string // for people
	Model  string // path of its (first) GGUF file
	MMProj string // path of its vision file; empty: text only, or none found
	Source Source
	Bytes  int64  // of all of its files
	Quant  string // such as "Q8_0"; empty: not known
	Family string // general.architecture
	Gone   bool   // its files are not there now, such as on a disk that is not plugged in
}

// Look is what files turned out to be.
type Look struct {
	Model  string   // path; empty: none of them, nor beside them
	MMProj string   // path
	Choose []string // several vision files fit equally: the person has to choose
	Text   bool     // the model has no eyes, as far as can be known
}

// Identify tells models, vision files, adapters and split parts apart by their headers, and looks for a missing partner
// beside them. Its error is a sentence for people with a way out.
func Identify(paths ...string) (Look, error) { return Look{}, nil }

// Shelf is the list of the person's own models, kept as JSON.
type Shelf struct{}

// Open reads the list; a missing file is an empty one.
func Open(path string) (*Shelf, error) { return &Shelf{}, nil }

// List is the person's own models, the newest first.
func (s *Shelf) List() []Entry { return nil }

// Add puts a model on the list, or to its top.
func (s *Shelf) Add(e Entry) error { return nil }

// Remove takes a model off the list; its files stay.
func (s *Shelf) Remove(model string) error { return nil }

// Delete takes a model off the list and deletes its files: only of those that Galago itself downloaded into folder.
func (s *Shelf) Delete(model, folder string) error { return nil }

// Discover looks into the folders of other programs. It ends with ctx.
func Discover(ctx context.Context) []Entry { return nil }
