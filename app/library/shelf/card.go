package shelf

import (
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"galago/inference/gguf"
)

// card is what counts of a GGUF file's header here. Headers themselves can be large, so they are not kept.
type card struct {
	path string
	info fs.FileInfo // of the file itself, not of a link to it
	kind gguf.Kind

	arch, projector string
	in, out         uint64 // the width of a model's input, and of a projector's output; 0: not known
	parts, part     int    // a split model's files, and which of them this is, counted from 0

	known, chats, sees, tower bool // gguf.File's Known, Chats, Sees and HoldsTower
	eyes                      bool // a model that is meant to see

	name, base, size, tune string // general.name, .basename, .size_label, .finetune
	quant                  string
	words, sizes           []string // what the file's name says beyond its kind and quantisation, in small letters; those like 4b
	line                   string   // the words in one
	key                    string   // base in small letters, without marks
	shape                  uint64   // of the tensors: the same for one model in several quantisations
}

// readCard reads a file's header; its errors are gguf's.
func readCard(path string) (*card, error) {
	f, err := gguf.Read(path)
	if err != nil {
		return nil, err
	}
	return newCard(f), nil
}

func newCard(f *gguf.File) *card {
	info, _ := os.Stat(f.Path) // nil only if it vanished since
	c := &card{
		path: f.Path, info: info, kind: f.Kind(), arch: f.Architecture(), projector: f.Projector(),
		in: f.InputWidth(), out: f.OutputWidth(), parts: f.Parts(), part: int(min(f.Uint("split.no"), 1<<16)),
		known: f.Known(), chats: f.Chats(), sees: f.Sees(), tower: f.HoldsTower(), eyes: meantToSee(f),
		name: clean(f.String("general.name")), base: clean(f.String("general.basename")),
		size: clean(f.String("general.size_label")), tune: clean(f.String("general.finetune")),
		quant: f.Quant(), words: wordsOf(f.Path), shape: shapeOf(f),
	}
	c.key, c.line = strings.Join(plain(c.base), ""), strings.Join(c.words, " ")
	for _, w := range c.words {
		if sizeWord.MatchString(w) {
			c.sizes = append(c.sizes, w)
		}
	}
	return c
}

// model reports whether a card is of a language model's only or first file.
func (c *card) model() bool {
	return c.kind == gguf.KindModel || c.kind == gguf.KindSplit && c.part == 0
}

// bytes is the size of a model or projector, with all its parts that are there.
func (c *card) bytes() int64 {
	if c.kind != gguf.KindSplit {
		return sizeOf(c.path)
	}
	n := int64(0)
	for _, path := range partsOf(c.path) {
		n += sizeOf(path)
	}
	return n
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// partsOf are the files of a model: itself, or all parts by their names.
func partsOf(path string) []string {
	if list := gguf.PartNames(path); list != nil {
		return list
	}
	return []string{path}
}

// seers are architectures that exist only to see.
var seers = map[string]bool{
	"qwen2vl": true, "qwen3vl": true, "qwen3vlmoe": true, "llama4": true, "cogvlm": true, "deepseek2-ocr": true,
	"hunyuan_vl": true, "paddleocr": true,
}

// meantToSee is a guess from what a model says of itself. Templates tell nothing: those of text-only Gemma 3 know pictures.
func meantToSee(f *gguf.File) bool {
	if seers[f.Architecture()] {
		return true
	}
	tags, _ := f.Value("general.tags")
	list, _ := tags.(gguf.Array)
	return slices.ContainsFunc(list.Values, func(tag any) bool { return tag == "image-text-to-text" || tag == "any-to-any" })
}

var seed = maphash.MakeSeed()

// shapeOf is a sum over the tensors' names and dimensions, without their types.
func shapeOf(f *gguf.File) uint64 {
	type shape struct {
		name string
		dims [4]int64
	}
	sum := uint64(len(f.Tensors))
	for _, t := range f.Tensors {
		s := shape{name: t.Name}
		copy(s.dims[:], t.Dims)
		sum += maphash.Comparable(seed, s) // in whatever order they stand
	}
	return sum
}

var (
	// A quantisation in a file's name, such as -Q4_K_M or .f16, and Unsloth's UD- before it.
	quantPart = regexp.MustCompile(`(?i)(^|[-_. ])(ud[-_])?(i?q[1-8](_[0-9a-z]+)*|tq[12]_0|bf16|fp?16|fp?32|mxfp4(_moe)?|nvfp4)($|[-_. ])`)
	splitPart = regexp.MustCompile(`-\d{5}-of-\d{5}$`)
	wordPart  = regexp.MustCompile(`\p{L}*\d+(\.\d+)*\p{L}*|\p{L}+`)
	sizeWord  = regexp.MustCompile(`^\d+(\.\d+)?[bm]$`) // such as 4b or 500m
)

// idle are words in file names that say nothing about which model it is.
var idle = map[string]bool{
	"mmproj": true, "projector": true, "vision": true, "clip": true, "model": true, "ggml": true, "gguf": true, "encoder": true,
}

// stemOf is a file's name without ending, part and quantisation.
func stemOf(path string) string {
	s := filepath.Base(path)
	if strings.EqualFold(filepath.Ext(s), ".gguf") {
		s = s[:len(s)-len(".gguf")]
	}
	s = splitPart.ReplaceAllString(s, "")
	for { // the mark between two of them belongs to both
		t := quantPart.ReplaceAllString(s, "$1")
		if t == s {
			return strings.Trim(s, "-_. ")
		}
		s = t
	}
}

func wordsOf(path string) []string {
	var list []string
	for _, w := range plain(stemOf(path)) {
		if !idle[w] {
			list = append(list, w)
		}
	}
	return list
}

// clean makes a text from a header fit to be shown: one line, not endless, nothing that turns or hides text.
func clean(s string) string {
	const most = 80 // runes
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, ""), func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	return s
}

// hollow are names that converters write when they know none.
var hollow = regexp.MustCompile(`(?i)^(|\.|models?|ggml model|clip|llava|checkpoint[- ]?\d*|ckpt.*|hf|tmp.*|workspace|snapshots?|output|merged?|[0-9a-f]{32,})$`)

// title is a model's name for people: what the header says, else what the file's name says, else place, which names where
// it was found.
func (c *card) title(place string) string {
	stem := clean(stemOf(c.path))
	switch place = clean(place); {
	case !hollow.MatchString(c.base):
		return withWord(withWord(c.base, c.size), c.tune)
	case !hollow.MatchString(c.name):
		return withWord(c.name, c.size)
	case !hollow.MatchString(stem) && !strings.HasPrefix(stem, "sha256-"):
		return stem
	case place != "":
		return place
	}
	return filepath.Base(filepath.Dir(c.path))
}

// withWord puts a word behind a name that does not have it.
func withWord(s, word string) string {
	have := plain(s)
	for _, w := range plain(word) {
		if !slices.Contains(have, w) {
			return s + " " + word
		}
	}
	return s
}

// plain are the words of a text, in small letters.
func plain(s string) []string { return wordPart.FindAllString(strings.ToLower(s), -1) }
