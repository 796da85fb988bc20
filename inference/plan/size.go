package plan

import (
	"slices"
	"strconv"
	"strings"

	"galago/inference/gguf"
)

const (
	defaultContext = 4096 // what the worker takes where nothing is asked for
	defaultPicture = 2048 // tokens, likewise: half of that context
	slice          = 512  // n_ubatch: tokens that are computed together
	padContext     = 256  // llama.cpp makes contexts of multiples of it
)

// Resolve fills in zero fields as the worker would, whatever the memory: f16, 4,096 cells or what the model was trained
// for, pictures of at most 2,048 tokens or half of a context that was asked for. GPULayers stays 0, which is all.
func (f *Facts) Resolve(s Settings) Settings {
	s = f.withPictures(s)
	if s.Context <= 0 {
		s.Context = defaultContext
	}
	if train := f.trained(); train > 0 {
		s.Context = min(s.Context, train)
	}
	if s.KVType == "" {
		s.KVType = F16
	}
	return s
}

// withPictures gives pictures a range where the projector's family has one.
func (f *Facts) withPictures(s Settings) Settings {
	if f.factor() == 0 {
		return s
	}
	if s.ImageMinTokens <= 0 {
		s.ImageMinTokens = gguf.MinImageTokens
	}
	if s.ImageMaxTokens <= 0 {
		s.ImageMaxTokens = defaultPicture
		if s.Context > 0 {
			s.ImageMaxTokens = min(gguf.MaxImageTokens, max(s.Context/2, s.ImageMinTokens))
		}
	}
	return s
}

// factor is the side in pixels of a picture token, 0 for projectors that have no range of tokens.
func (f *Facts) factor() int {
	if f.MMProj == nil {
		return 0
	}
	_, factor := gguf.VisionOf(f.MMProj)
	return factor
}

// key reads a number of the model's architecture.
func (f *Facts) key(name string) uint64 { return f.Model.Uint(f.Model.Architecture() + "." + name) }

// perLayer reads a number that may be given for each layer apart.
func (f *Facts) perLayer(name string, layer int) uint64 {
	v, _ := f.Model.Value(f.Model.Architecture() + "." + name)
	list, ok := v.(gguf.Array)
	if !ok {
		return f.key(name)
	}
	if layer >= len(list.Values) {
		return 0
	}
	switch n := list.Values[layer].(type) {
	case uint32:
		return uint64(n)
	case int32:
		return uint64(max(0, n))
	case uint64:
		return n
	case int64:
		return uint64(max(0, n))
	}
	return 0
}

// most is the largest of a number that may be given for each layer apart.
func (f *Facts) most(name string) uint64 {
	n := uint64(0)
	for i := range max(1, f.layers()) {
		n = max(n, f.perLayer(name, i))
	}
	return n
}

// trained is the context that the model was trained for, 0 if it does not say.
func (f *Facts) trained() int { return int(min(f.key("context_length"), 1<<30)) }

// layers is the model's repeating layers, at most as many as llama.cpp takes (LLAMA_MAX_LAYERS), whatever a header claims.
func (f *Facts) layers() int { return int(min(f.key("block_count"), 512)) }

// headDim is the length of a head's keys or values (n_embd_head_k and _v in llama.cpp).
func (f *Facts) headDim(name string) uint64 {
	if n := f.key("attention." + name); n > 0 {
		return n
	}
	return f.key("embedding_length") / max(1, f.most("attention.head_count"))
}

// kvWidths are how many numbers a layer keeps for each token.
func (f *Facts) kvWidths(layer int) (k, v uint64) {
	heads := f.perLayer("attention.head_count_kv", layer)
	if _, given := f.Model.Value(f.Model.Architecture() + ".attention.head_count_kv"); !given {
		heads = f.perLayer("attention.head_count", layer)
	}
	return heads * f.headDim("key_length"), heads * f.headDim("value_length")
}

// canQ8 reports whether heads can be written in blocks of q8_0, which llama.cpp demands.
func (f *Facts) canQ8() bool {
	k, v := f.headDim("key_length"), f.headDim("value_length")
	return k > 0 && k%32 == 0 && v%32 == 0
}

// cells are the KV cache's, after padding.
func (s Settings) cells() uint64 {
	return (uint64(max(0, s.Context)) + padContext - 1) / padContext * padContext
}

// row is the bytes of n numbers in the KV cache.
func (s Settings) row(n uint64) uint64 {
	if s.KVType == Q8 {
		return (n + 31) / 32 * 34
	}
	return n * 2
}

// KVBytes is the size of the whole KV cache with s, on whatever device its layers are: for each layer and cell a row of
// keys and one of values (llama-kv-cache.cpp). Layers that keep no keys have none; those that look only a window back
// count in full, so that it is an upper limit for such models.
func (f *Facts) KVBytes(s Settings) uint64 {
	return f.kvBytes(f.Resolve(s), func(int) bool { return true })
}

func (f *Facts) kvBytes(s Settings, held func(layer int) bool) uint64 {
	n := uint64(0)
	for i := range f.layers() {
		if held(i) {
			k, v := f.kvWidths(i)
			n += s.cells() * (s.row(k) + s.row(v))
		}
	}
	return n
}

// onDevice says which layers are on d; the one after the last is the output. llama.cpp counts it as a layer, and takes
// from the end: one layer on the card is the output alone.
func (f *Facts) onDevice(s Settings, d Device) func(layer int) bool {
	first := 0
	switch {
	case !d.GPU() || s.GPULayers == 0:
	case s.GPULayers < 0:
		first = f.layers() + 1
	default:
		first = f.layers() + 1 - s.GPULayers
	}
	return func(layer int) bool { return layer >= first }
}

// partial reports whether some layers are on the card and some are not.
func (f *Facts) partial(s Settings, d Device) bool {
	return d.GPU() && s.GPULayers > 0 && s.GPULayers <= f.layers()
}

// layerOf is the number in the name of a repeating layer's tensor, such as blk.12.ffn_up.weight.
func layerOf(name string) (int, bool) {
	rest, ok := strings.CutPrefix(name, "blk.")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, err == nil
}

// isInput reports whether a tensor turns tokens into numbers: those stay on the CPU (LLM_TENSOR_LAYER_INPUT).
func isInput(name string) bool {
	for _, begin := range []string{"token_embd", "token_types", "position_embd", "per_layer_token_embd"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// weights is the bytes of the model's tensors on d. On a card the embeddings are there only if the output is tied to
// them: then a copy of them is.
func (f *Facts) weights(s Settings, d Device) uint64 {
	held := f.onDevice(s, d)
	_, untied := f.tensor("output.weight")
	n := uint64(0)
	for t := range f.tensors() {
		layer, repeating := layerOf(t.Name)
		if !repeating {
			layer = f.layers()
			if d.GPU() && isInput(t.Name) && (untied || t.Name != "token_embd.weight") {
				continue
			}
		}
		if held(layer) {
			n += uint64(t.Bytes)
		}
	}
	return n
}

// layerWeights is the bytes of the largest repeating layer.
func (f *Facts) layerWeights() uint64 {
	sum := map[int]uint64{}
	most := uint64(0)
	for t := range f.tensors() {
		if layer, ok := layerOf(t.Name); ok {
			sum[layer] += uint64(t.Bytes)
			most = max(most, sum[layer])
		}
	}
	return most
}

// visionWeights is the bytes of the tower on d: all of its tensors.
func (f *Facts) visionWeights(s Settings, d Device) uint64 {
	if f.MMProj == nil || f.towerElsewhere(s, d) {
		return 0
	}
	return uint64(f.MMProj.Weights())
}

// towerElsewhere reports whether the vision tower is kept off a card.
func (f *Facts) towerElsewhere(s Settings, d Device) bool {
	return d.GPU() && (s.VisionCPU || s.GPULayers < 0)
}

// computeBytes is what the language model's graph takes for a slice of tokens at a full context, with flash attention
// and the output of one token alone (NOutputsMax=1).
//
// For each token of the slice, in F32: the input (a picture's is 1+deepstack wide), the residual, the layer's input, and
// three rows of the feed-forward part (gate, up, their product) or what attention needs, whichever is more; a row of the
// mask in F16 for the whole context. This was compared with llama.cpp's own layout at the dimensions of Qwen3-VL-2B and
// -4B, Qwen2.5-VL-3B and small ones: it is right to 0.1 MiB.
//   - Without a card, the input is there twice.
//   - With only some layers on a card, the inputs of both halves are there, and weights of layers that are not on the
//     card pass through it while a prompt is read: room for one layer is counted.
//   - On a card, flash attention unpacks a layer of a q8_0 cache into F16.
func (f *Facts) computeBytes(s Settings, d Device) uint64 {
	width, ff := f.key("embedding_length"), f.most("feed_forward_length")
	if experts := f.key("expert_used_count"); experts > 0 {
		ff = max(ff, (experts+f.key("expert_shared_count"))*f.key("expert_feed_forward_length"))
	}
	input := f.Model.InputWidth()
	k, v := f.widestKV()
	attention := 2*f.most("attention.head_count")*f.headDim("key_length") + k + v
	row := input + 2*width + max(3*ff, attention) + 16
	switch {
	case !d.GPU():
		row += input
	case f.partial(s, d):
		row += input + width
	}
	tokens := min(slice, s.cells())
	n := tokens * (4*row + 2*s.cells())
	if f.partial(s, d) {
		n += f.layerWeights()
	}
	if s.KVType == Q8 {
		n += 2 * 4 * f.headDim("key_length") * f.headDim("key_length") // the rotation that spreads outliers
		if d.GPU() {
			n += s.cells() * (k + v) * 2
		}
	}
	if !d.GPU() {
		n += 4 * f.vocabulary()
	}
	return n
}

func (f *Facts) widestKV() (k, v uint64) {
	for i := range f.layers() {
		a, b := f.kvWidths(i)
		k, v = max(k, a), max(v, b)
	}
	return k, v
}

// vocabulary is the number of tokens that the model knows.
func (f *Facts) vocabulary() uint64 {
	if t, ok := f.tensor("token_embd.weight"); ok && len(t.Dims) > 1 {
		return uint64(t.Dims[1])
	}
	return f.key("vocab_size")
}

// EncodeBytes is what encoding a picture of that many tokens takes beside the vision tower's weights; 0 for a model
// without eyes. The buffer grows with the largest picture so far and never shrinks.
//
// A measured figure is scaled; else it is a formula over the patches (four for each token) and the graph of libmtmd with
// flash attention, in F32: for each patch its pixels, what layers keep for deepstack, and the larger one of attention
// (residual, layer's input... six rows) and the feed-forward part. Qwen2.5-VL's windows need a mask of patches by
// patches, first in F32 and then in F16. It was compared with libmtmd's own layout at the dimensions of Qwen3-VL's and
// Qwen2.5-VL's towers, 64 to 4,096 tokens: never less by more than 0.1 MiB, and exact for pictures of 800 tokens and more.
func (f *Facts) EncodeBytes(tokens int, k Known) uint64 {
	if f.MMProj == nil {
		return 0
	}
	n := f.encodeFormula(tokens)
	if k.Encode == 0 || k.EncodeTokens <= 0 {
		return n
	}
	base := f.encodeFormula(k.EncodeTokens)
	if base == 0 {
		return k.Encode
	}
	return uint64(float64(k.Encode) * float64(n) / float64(base))
}

func (f *Facts) encodeFormula(tokens int) uint64 {
	p := f.MMProj
	vision := func(name string) uint64 { return p.Uint("clip.vision." + name) }
	width, ff, patch := vision("embedding_length"), vision("feed_forward_length"), vision("patch_size")
	patches := f.patches(tokens)
	pixels := 3 * patch * patch
	row := pixels + 4 + max((f.deepstack()+6)*width, (f.deepstack()+2)*width+ff)
	bytes := 4 * patches * row
	if vision("n_wa_pattern") > 0 || f.gated() {
		// What the mask took in F32 is free again when the feed-forward part needs room for its three rows.
		fits := uint64(0)
		if vision("n_wa_pattern") > 0 {
			fits = min(3, patches/max(1, ff))
		}
		bytes = 4 * patches * (pixels + 4 + 4*width + (3-fits)*ff)
	}
	if vision("n_wa_pattern") > 0 {
		bytes += 6 * patches * patches
	}
	return bytes
}

// poolBytes is the most that ggml's pool on a card holds while the widest matrix is multiplied: its other side for all
// tokens or patches that are computed together, in q8_1 (36 bytes for 32 numbers), or in F16 with the result where the
// matrix is not quantised (ggml-cuda.cu). A measured Encode holds the pool of pictures already.
func (f *Facts) poolBytes(s Settings, d Device, k Known) uint64 {
	text := slice * f.most("feed_forward_length") * 36 / 32
	if f.MMProj == nil || f.towerElsewhere(s, d) || k.Encode > 0 && k.EncodeTokens > 0 {
		return text
	}
	width, ff := f.MMProj.Uint("clip.vision.embedding_length"), f.MMProj.Uint("clip.vision.feed_forward_length")
	row := ff * 36 / 32
	if t, ok := f.MMProj.Tensor("v.blk.0.ffn_down.weight"); ok && slices.Contains([]string{"F32", "F16", "BF16"}, t.Type.String()) {
		row = 2 * (ff + width)
	}
	return max(text, f.patches(s.ImageMaxTokens)*row)
}

// patches are what the vision tower computes for a picture of that many tokens: four each, or always the same number
// where a projector has its own size.
func (f *Facts) patches(tokens int) uint64 {
	if f.factor() > 0 {
		return 4 * uint64(max(0, tokens))
	}
	side := f.MMProj.Uint("clip.vision.image_size") / max(1, f.MMProj.Uint("clip.vision.patch_size"))
	return side * side
}

// deepstack is how many layers of the vision tower feed the language model directly; each keeps its output until the end.
func (f *Facts) deepstack() uint64 {
	n := uint64(0)
	for _, t := range f.MMProj.Tensors {
		if strings.HasPrefix(t.Name, "v.deepstack.") && strings.HasSuffix(t.Name, ".fc1.weight") {
			n++
		}
	}
	return n
}

func (f *Facts) gated() bool {
	_, ok := f.MMProj.Tensor("v.blk.0.ffn_gate.weight")
	return ok
}
