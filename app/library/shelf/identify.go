package shelf

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galago/assets/words"
	"galago/inference/gguf"
)

// Look is what files turned out to be.
type Look struct {
	Model   string   // path of the model, of its first part if it has several
	MMProj  string   // path of its vision file; empty: none given, nor one beside it that surely belongs to it
	Choose  []string // several vision files fit equally: the person has to choose; MMProj is empty then
	Text    bool     // the model has no eyes, as far as can be known: no vision file, and nothing says that there should be one
	Warning string   // whole sentences: it may not load, and what helps; empty: nothing is known against it
}

// Identify tells models, vision files, adapters and split parts apart by their headers, and looks for a missing partner
// beside them. Of a split model any part will do: all have to be there, and the first is the one to open. Two files
// that were both given are taken as a pair as they are; whether they belong together is the engine's to say.
//
// Its error is a *gguf.Error, whose text is whole sentences for people with a way out. It reads headers, of up to a few
// hundred files that lie beside, so it is not for a window's main goroutine.
func Identify(paths ...string) (Look, error) {
	model, visions, err := assign(paths)
	if err != nil {
		return Look{}, err
	}
	switch {
	case model == nil && len(visions) == 0:
		return Look{}, mismatch("", words.T("No file was chosen. Choose the GGUF file of a model."))
	case model == nil:
		if model = modelBeside(visions[0]); model == nil {
			return Look{}, unsuitable(visions[0].path, words.T("is a vision file, and no model that fits lies beside it. Choose the model too."))
		}
	}
	return look(model, visions), nil
}

// look completes a model by its vision file, where none was given.
func look(model *card, visions []*card) Look {
	l := Look{Model: model.path}
	var mmproj *card
	var equals []*card
	switch len(visions) {
	case 0:
		mmproj, equals = visionBeside(model)
	case 1:
		mmproj = visions[0]
	default:
		mmproj, equals = nearest(model, visions)
	}
	if mmproj != nil {
		l.MMProj = mmproj.path
	}
	for _, p := range equals {
		l.Choose = append(l.Choose, p.path)
	}
	l.Text = mmproj == nil && len(equals) == 0 && !model.eyes
	l.Warning = warning(model, mmproj)
	return l
}

// assign reads what was given, and tells the model from its vision files.
func assign(paths []string) (model *card, visions []*card, err error) {
	for _, path := range paths {
		if path == "" || model != nil && model.parts > 1 && slices.Contains(gguf.PartNames(model.path), path) {
			continue
		}
		c, err := given(path)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case c.kind != gguf.KindMMProj && model == nil:
			model = c
		case c.kind == gguf.KindMMProj && !slices.ContainsFunc(visions, func(v *card) bool { return v.path == c.path }):
			visions = append(visions, c)
		default:
			return nil, nil, unsuitable(path, words.T("is of the same kind as the other file. Choose one model and one vision file (mmproj)."))
		}
	}
	if model == nil && len(visions) > 1 {
		return nil, nil, unsuitable(visions[1].path, words.T("is of the same kind as the other file. Choose one model and one vision file (mmproj)."))
	}
	return model, visions, nil
}

// given reads a file that a person chose: the card of a model's first part, or of a vision file. What cannot be opened
// at all is refused with its reason.
func given(path string) (*card, error) {
	f, err := gguf.Read(path)
	if err != nil {
		return nil, err
	}
	switch f.Kind() {
	case gguf.KindSplit:
		return wholeOf(f)
	case gguf.KindMMProj:
		if !f.Sees() && f.Hears() {
			return nil, unsuitable(path, words.T("is for sound, not for pictures. Choose the mmproj file for vision."))
		}
	case gguf.KindLoRA:
		return nil, unsuitable(path, words.T("is an adapter (LoRA): a small change to another model, and Galago does not apply adapters. "+
			"Look for a GGUF file of the whole model with the adapter merged into it."))
	case gguf.KindOther:
		return nil, unsuitable(path, other(f))
	}
	return newCard(f), nil
}

// other says what a GGUF file is that is none of those which can be opened.
func other(f *gguf.File) string {
	switch {
	case f.String("general.type") == "imatrix":
		return words.T("is an importance matrix, from which models are made smaller. Choose the GGUF file of the model itself.")
	case len(f.Tensors) == 0 && f.String("tokenizer.ggml.model") != "":
		return words.T("holds a vocabulary without a model. Choose the GGUF file of the model itself.")
	}
	return words.T("holds no model that can answer. Choose the GGUF file of a language model.")
}

// wholeOf goes from any part of a split model to the first, and sees that all are there.
func wholeOf(f *gguf.File) (*card, error) {
	names := gguf.PartNames(f.Path)
	no := int(min(f.Uint("split.no"), 1<<16))
	if len(names) != f.Parts() || no >= len(names) || names[no] != f.Path {
		return nil, unsuitable(f.Path, words.T("is part %d of the %d files of a model, and its name does not say so: the others cannot be found. "+
			"Give all of them the names under which they were published, which end in -%05d-of-%05d.gguf and so on.", no+1, f.Parts(), 1, f.Parts()))
	}
	var missing []string
	for _, name := range names {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, filepath.Base(name))
		}
	}
	if len(missing) > 0 {
		return nil, unsuitable(f.Path, words.T("is part %d of the %d files of a model, and %s is not beside it. Put all parts into one folder, or download what is missing.",
			no+1, f.Parts(), missing[0]))
	}
	first := f
	if no != 0 {
		var err error
		if first, err = gguf.Read(names[0]); err != nil {
			return nil, err
		}
		if first.Kind() != gguf.KindSplit || first.Parts() != f.Parts() || first.Uint("split.no") != 0 {
			return nil, unsuitable(f.Path, words.T("is not a part of the same model as %s. Download or copy both again.", filepath.Base(names[0])))
		}
	}
	if _, err := first.Others(); err != nil {
		return nil, err
	}
	return newCard(first), nil
}

// unsuitable says why a sound file cannot be opened.
func unsuitable(path, why string) error {
	name := filepath.Base(path)
	return mismatch(name, name+" "+why)
}

func mismatch(name, text string) error {
	return &gguf.Error{Kind: gguf.ErrMismatch, Name: name, Msg: text}
}

// warning says what speaks against a model that may load all the same. mmproj may be nil.
func warning(model, mmproj *card) string {
	name := filepath.Base(model.path)
	switch {
	case !model.known:
		return words.T("%s was made for a newer llama.cpp than that of this Galago, which does not know %q. If it does not load, look for a newer Galago or for another model.", name, clean(model.arch))
	case model.tower:
		return words.T("%s holds text and pictures in one file, as Ollama packs them, and llama.cpp wants two. If it does not load, look for a GGUF of the same model with a vision file (mmproj) beside it.", name)
	case !model.chats:
		return words.T("%s was made to help other models or to search in texts, not to answer. Choose a chat model.", name)
	case mmproj != nil && mmproj.projector == "":
		return words.T("The vision file %s is of an old form that does not say of which kind it is. If it does not load, look for a newer one of the same model.", filepath.Base(mmproj.path))
	case mmproj != nil && !mmproj.known:
		return words.T("The vision file %s was made for a newer llama.cpp than that of this Galago, which does not know %q. If it does not load, open the model alone for text, or look for a newer Galago.",
			filepath.Base(mmproj.path), clean(mmproj.projector))
	}
	return ""
}

// Describe is the entry of a model with its vision file, which may be empty: its name for people, its size with all its
// parts, how it is quantised. Its source is Own. Its error is Identify's.
func Describe(model, mmproj string) (Entry, error) {
	m, err := given(model)
	if err != nil {
		return Entry{}, err
	}
	if m.kind == gguf.KindMMProj {
		return Entry{}, unsuitable(model, words.T("is a vision file, and no model that fits lies beside it. Choose the model too."))
	}
	var p *card
	if mmproj != "" {
		if p, err = given(mmproj); err != nil {
			return Entry{}, err
		}
	}
	return m.entry(p, Own, ""), nil
}

// entry is a card's entry, with its projector or nil. place is a name for a model that has none of its own.
func (c *card) entry(mmproj *card, source Source, place string) Entry {
	e := Entry{
		Name: c.title(place), Model: c.path, Source: source, Bytes: c.bytes(), Quant: c.quant, Family: clean(c.arch),
		Warning: warning(c, mmproj),
	}
	if mmproj != nil {
		e.MMProj = mmproj.path
		e.Bytes += mmproj.bytes()
	}
	return e
}

const (
	maxListed = 20000 // names of a folder that are looked at
	maxBeside = 200   // headers that are read to find one partner
)

// visionBeside looks for a model's vision file.
func visionBeside(m *card) (best *card, equals []*card) {
	for _, dir := range foldersOf(m.path) {
		models, projectors := cardsOf(dir, m)
		if best, equals = visionOf(m, projectors, models); best != nil || equals != nil {
			return best, equals
		}
	}
	return nil, nil
}

// modelBeside looks for the model of a vision file. One that misses parts does not count.
func modelBeside(p *card) *card {
	models, _ := cardsOf(filepath.Dir(p.path), p)
	return modelOf(p, slices.DeleteFunc(models, func(m *card) bool {
		if m.kind != gguf.KindSplit {
			return false
		}
		_, err := given(m.path)
		return err != nil
	}))
}

// foldersOf are the folders where a model's vision file can lie: its own, and the one above if its own is named for a
// quantisation, as repositories do that have each in a folder.
func foldersOf(path string) []string {
	dir := filepath.Dir(path)
	if base := filepath.Base(dir); quantPart.FindString(base) == base {
		return []string{dir, filepath.Dir(dir)}
	}
	return []string{dir}
}

// cardsOf reads the headers in a folder beside c, the likeliest first as far as their number is limited.
func cardsOf(dir string, c *card) (models, projectors []*card) {
	names := ggufNames(dir)
	likely := func(name string) int {
		lower := strings.ToLower(name)
		score := shared(c.words, wordsOf(name))
		if strings.Contains(lower, "mmproj") && c.kind != gguf.KindMMProj {
			score += 100
		}
		return score
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(likely(b), likely(a)) })
	for _, name := range names[:min(len(names), maxBeside)] {
		path := filepath.Join(dir, name)
		if path == c.path {
			continue
		}
		switch f, err := readCard(path); {
		case err != nil:
		case f.kind == gguf.KindMMProj:
			projectors = append(projectors, f)
		case f.model():
			models = append(models, f)
		}
	}
	return models, projectors
}

// ggufNames are the names of a folder's GGUF files that are not under way, sorted. A folder that cannot be read has none.
func ggufNames(dir string) []string {
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	var names []string
	for n := 0; n < maxListed; {
		list, err := d.Readdirnames(1024)
		for _, name := range list {
			if finished(name) {
				names = append(names, name)
			}
		}
		n += len(list)
		if err != nil || len(list) == 0 {
			break
		}
	}
	slices.Sort(names)
	return names
}

// finished reports whether a name is that of a GGUF file which is neither hidden nor still being downloaded: others mark those
// by an ending (.part, .incomplete, .downloadInProgress) or, as GPT4All does, at the beginning.
func finished(name string) bool {
	return strings.EqualFold(filepath.Ext(name), ".gguf") &&
		!strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "incomplete-") && !strings.HasPrefix(name, "downloading_")
}
