package gguf

import (
	"path/filepath"
	"strings"

	"galago/assets/words"
)

// Kind tells files apart by what they are for.
type Kind string

// The kinds.
const (
	KindModel  Kind = "model"  // a language model, complete in one file
	KindMMProj Kind = "mmproj" // a projector that turns pictures or sound into what a model reads
	KindLoRA   Kind = "lora"   // an adapter of a model
	KindSplit  Kind = "split"  // a part of a model that is spread over several files
	KindOther  Kind = "other"  // a vocabulary, an importance matrix, ...
)

// Kind says what the file is for.
func (f *File) Kind() Kind {
	kind := f.String("general.type")
	switch {
	case f.Architecture() == "clip" || kind == "mmproj":
		return KindMMProj
	case kind == "adapter" || f.String("adapter.type") != "":
		return KindLoRA
	case f.Parts() > 1:
		return KindSplit
	case kind != "" && kind != "model", len(f.Tensors) == 0, f.Architecture() == "":
		return KindOther
	}
	return KindModel
}

// Parts is the number of files over which the model is spread; 1 for a complete file.
func (f *File) Parts() int { return max(1, int(min(f.Uint("split.count"), 1<<16))) }

// Architecture is general.architecture, such as "qwen3vl"; "clip" for projectors.
func (f *File) Architecture() string { return f.String("general.architecture") }

// Name is general.name, or else the file's name without its ending.
func (f *File) Name() string {
	if s := f.String("general.name"); s != "" {
		return s
	}
	return strings.TrimSuffix(filepath.Base(f.Path), ".gguf")
}

// String is the string under key, or "".
func (f *File) String(key string) string {
	s, _ := f.meta[key].(string)
	return s
}

// Uint is the non-negative whole number under key, or 0.
func (f *File) Uint(key string) uint64 {
	switch v := f.meta[key].(type) {
	case uint8:
		return uint64(v)
	case uint16:
		return uint64(v)
	case uint32:
		return uint64(v)
	case uint64:
		return v
	case int8:
		return uint64(max(0, v))
	case int16:
		return uint64(max(0, v))
	case int32:
		return uint64(max(0, v))
	case int64:
		return uint64(max(0, v))
	}
	return 0
}

// Bool is the truth value under key, or false.
func (f *File) Bool(key string) bool {
	b, _ := f.meta[key].(bool)
	return b
}

// Value is what stands under key: a Go number, bool, string or Array.
func (f *File) Value(key string) (any, bool) {
	v, ok := f.meta[key]
	return v, ok
}

// Tensor finds a tensor by name.
func (f *File) Tensor(name string) (Tensor, bool) {
	for _, t := range f.Tensors {
		if t.Name == name {
			return t, true
		}
	}
	return Tensor{}, false
}

// Weights is the bytes of all tensors.
func (f *File) Weights() int64 {
	n := int64(0)
	for _, t := range f.Tensors {
		n += t.Bytes
	}
	return n
}

// EmbeddingLength is the width of a language model: how many numbers it has for each token; 0 if it does not say.
func (f *File) EmbeddingLength() uint64 { return f.Uint(f.Architecture() + ".embedding_length") }

// InputWidth is how many numbers the model reads for each picture token: its width, and once more for each deepstack
// layer, through which Qwen3-VL feeds further views of the picture. It is llama.cpp's n_embd_inp.
func (f *File) InputWidth() uint64 {
	return f.EmbeddingLength() * (1 + f.Uint(f.Architecture()+".n_deepstack_layers"))
}

// where a projector's output width is read, as llama.cpp does in clip_n_mmproj_embd.
type widthAt struct {
	tensor string
	dim    int
}

var widths = map[string]widthAt{
	"qwen2vl_merger":   {"mm.2.bias", 0},
	"qwen2.5vl_merger": {"mm.2.bias", 0},
	"qwen2.5o":         {"mm.2.bias", 0},
	"qwen3vl_merger":   {"mm.2.bias", 0},
	"mimovl":           {"mm.2.weight", 1},
	"glm4v":            {"mm.down.weight", 1},
	"minicpmv4_6":      {"mm.down.weight", 1},
	"gemma3":           {"mm.input_projection.weight", 0},
	"gemma3nv":         {"mm.input_projection.weight", 0},
	"gemma4v":          {"mm.input_projection.weight", 1},
	"gemma4uv":         {"mm.input_projection.weight", 1},
	"idefics3":         {"mm.model.fc.weight", 1},
	"internvl":         {"mm.model.mlp.3.weight", 1},
	"nemotron_v2_vl":   {"mm.model.mlp.3.weight", 1},
	"pixtral":          {"mm.2.weight", 1},
	"lightonocr":       {"mm.2.weight", 1},
	"dots_ocr":         {"mm.2.weight", 1},
	"phi4":             {"mm.2.weight", 1},
	"paddleocr":        {"mm.2.weight", 1},
	"lfm2":             {"mm.2.weight", 1},
	"kimivl":           {"mm.2.weight", 1},
	"mlp":              {"mm.2.weight", 1},
	"ldp":              {"mm.model.mb_block.1.block.2.1.bias", 0},
	"ldpv2":            {"mm.model.peg.0.bias", 0},
	"resampler":        {"resampler.proj.weight", 0},
	"adapter":          {"adapter.linear.dense_4h_to_h.weight", 1},
	"llama4":           {"mm.model.fc.weight", 1},
	"step3vl":          {"mm.model.fc.weight", 1},
	"hunyuanvl":        {"mm.model.fc.weight", 1},
	"deepseekocr":      {"mm.model.fc.weight", 1},
	"cogvlm":           {"mm.down.weight", 1},
	"youtuvl":          {"mm.2.bias", 0},
	"exaone4_5":        {"mm.2.bias", 0},
}

// OutputWidth is how many numbers a projector gives for each picture token; 0 for kinds of projectors that are not
// listed in widths, because some of them put several outputs side by side in ways of their own.
func (f *File) OutputWidth() uint64 {
	at, known := widths[f.projector()]
	if !known {
		return 0
	}
	width := f.Uint("clip.vision.projection_dim")
	if t, ok := f.Tensor(at.tensor); ok && at.dim < len(t.Dims) {
		width = uint64(t.Dims[at.dim])
	} else if f.projector() == "mlp" {
		return 0 // its older form with a norm ends in another tensor
	}
	if f.projector() == "qwen3vl_merger" {
		width *= 1 + f.deepstackLayers()
	}
	return width
}

// deepstackLayers counts the further outputs of Qwen3-VL's projector, each as wide as the first.
func (f *File) deepstackLayers() uint64 {
	n := uint64(0)
	for _, t := range f.Tensors {
		if strings.HasPrefix(t.Name, "v.deepstack.") && strings.HasSuffix(t.Name, ".fc1.weight") {
			n++
		}
	}
	return n
}

// projector is the kind of a projector for pictures.
func (f *File) projector() string {
	if s := f.String("clip.projector_type"); s != "" {
		return s
	}
	return f.String("clip.vision.projector_type")
}

// The range of tokens that llama.cpp gives a picture where VisionOf returns a factor, unless it is told otherwise.
const (
	MinImageTokens = 8
	MaxImageTokens = 4096
)

// VisionOf gives the kind of a projector, as llama.cpp names it, and its factor: the side in pixels of the square that
// becomes one token. The factor is 0 for projectors that do not follow the plain formula of the Qwen family (sides
// that are multiples of the factor, MinImageTokens to MaxImageTokens tokens): those resize in their own ways.
func VisionOf(mmproj *File) (projector string, factor int) {
	projector = mmproj.projector()
	switch projector {
	case "qwen2vl_merger", "qwen2.5vl_merger", "qwen2.5o", "qwen3vl_merger", "glm4v":
	default:
		return projector, 0
	}
	// llama.cpp resizes to multiples of patch*merge, and counts tokens as if merge were 2.
	const merge, maxPatch = 2, 256
	patch := mmproj.Uint("clip.vision.patch_size")
	if _, given := mmproj.Value("clip.vision.spatial_merge_size"); given && mmproj.Uint("clip.vision.spatial_merge_size") != merge {
		return projector, 0
	}
	if patch > maxPatch {
		return projector, 0
	}
	return projector, int(patch) * merge
}

// MatchMMProj says why a projector does not fit a model, or returns nil. Its error is an *Error about the projector.
// A projector of the right width can still be the wrong one: nothing in the files tells that.
func MatchMMProj(model, mmproj *File) error {
	name := filepath.Base(mmproj.Path)
	if k := model.Kind(); k == KindMMProj || k == KindLoRA || k == KindOther {
		return newError(ErrMismatch, filepath.Base(model.Path), words.T("is not a language model (%s). Choose the model's own GGUF file.", k))
	}
	if k := mmproj.Kind(); k != KindMMProj {
		return newError(ErrMismatch, name, words.T("is not a vision file (%s). Choose the file whose name begins with mmproj.", k))
	}
	if !mmproj.Sees() {
		return newError(ErrMismatch, name, words.T("is for sound, not for pictures. Choose the mmproj file for vision."))
	}
	in, out := model.InputWidth(), mmproj.OutputWidth()
	if in == 0 || out == 0 || in == out {
		return nil // not known counts as fitting: the engine checks again
	}
	return newError(ErrMismatch, name, words.T("belongs to another model than %s: it gives %d numbers a token where the model reads %d. "+
		"Choose the mmproj file that was published beside the model.", filepath.Base(model.Path), out, in))
}
