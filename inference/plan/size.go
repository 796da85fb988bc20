package plan

import "galago/inference/gguf"

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

// key reads a number of the model's architecture, at most widest.
func (f *Facts) key(name string) uint64 {
	return min(widest, f.Model.Uint(f.Model.Architecture()+"."+name))
}

// vision reads a number of the vision tower, at most widest.
func (f *Facts) vision(name string) uint64 { return min(widest, f.MMProj.Uint("clip.vision."+name)) }

// perLayer reads a number that may be given for each layer apart, at most widest.
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
		return min(widest, uint64(n))
	case int32:
		return min(widest, uint64(max(0, n)))
	case uint64:
		return min(widest, n)
	case int64:
		return min(widest, uint64(max(0, n)))
	}
	return 0
}

// most is the largest of a number that may be given for each layer apart.
func (f *Facts) most(name string) uint64 {
	n := uint64(0)
	for i := range max(1, f.Layers()) {
		n = max(n, f.perLayer(name, i))
	}
	return n
}

// trained is the context that the model was trained for, 0 if it does not say.
func (f *Facts) trained() int { return int(f.key("context_length")) }

// Layers is the model's repeating layers, at most as many as llama.cpp takes (LLAMA_MAX_LAYERS), whatever a header claims.
func (f *Facts) Layers() int { return int(min(f.key("block_count"), 512)) }

// canQ8 reports whether heads can be written in blocks of q8_0, which llama.cpp demands.
func (f *Facts) canQ8() bool {
	k, v := f.counted().counts.keys, f.counted().counts.vals
	return k > 0 && k%32 == 0 && v%32 == 0
}

// cells are the KV cache's, after padding.
func (s Settings) cells() uint64 {
	return (uint64(max(0, min(s.Context, widest))) + padContext - 1) / padContext * padContext
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
	f = f.counted()
	return f.kvBytes(f.Resolve(s), func(int) bool { return true })
}

func (f *Facts) kvBytes(s Settings, held func(layer int) bool) uint64 {
	n := uint64(0)
	for i := range f.Layers() {
		if held(i) {
			n += times(s.cells(), s.row(f.counts.layer[i].kvKeys)+s.row(f.counts.layer[i].kvVals))
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
		first = f.Layers() + 1
	default:
		first = f.Layers() + 1 - s.GPULayers
	}
	return func(layer int) bool { return layer >= first }
}

// partial reports whether some layers are on the card and some are not.
func (f *Facts) partial(s Settings, d Device) bool {
	return d.GPU() && s.GPULayers > 0 && s.GPULayers <= f.Layers()
}

// weights is the bytes of the model's tensors on d.
func (f *Facts) weights(s Settings, d Device) uint64 {
	held := f.onDevice(s, d)
	n := uint64(0)
	for i, l := range f.counts.layer {
		if held(i) {
			n += l.bytes
		}
	}
	if !d.GPU() {
		n += f.counts.input
	}
	return n
}

// layerWeights is the bytes of the largest repeating layer.
func (f *Facts) layerWeights() uint64 {
	most := uint64(0)
	for _, l := range f.counts.layer[:f.Layers()] {
		most = max(most, l.bytes)
	}
	return most
}

// visionWeights is the bytes of the tower on d: all of its tensors.
func (f *Facts) visionWeights(s Settings, d Device) uint64 {
	if f.MMProj == nil || f.towerElsewhere(s, d) {
		return 0
	}
	return f.counts.tower
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
	c, width := f.counts, f.key("embedding_length")
	input := width * (1 + f.key("n_deepstack_layers"))
	k, v := f.widestKV()
	attention := 2*c.heads*c.keys + k + v
	row := input + 2*width + max(3*c.ff, attention) + 16
	switch {
	case !d.GPU():
		row += input
	case f.partial(s, d):
		row += input + width
	}
	tokens := min(slice, s.cells())
	n := times(tokens, 4*row+2*s.cells())
	if f.partial(s, d) {
		n += f.layerWeights()
	}
	if s.KVType == Q8 {
		n += 2 * 4 * c.keys * c.keys // the rotation that spreads outliers
		if d.GPU() {
			n += times(s.cells(), k+v, 2)
		}
	}
	if !d.GPU() {
		n += 4 * c.vocab
	}
	return n
}

func (f *Facts) widestKV() (k, v uint64) {
	for _, l := range f.counts.layer {
		k, v = max(k, l.kvKeys), max(v, l.kvVals)
	}
	return k, v
}

// EncodeBytes is what encoding a picture of that many tokens takes beside the vision tower's weights; 0 for a model
// without eyes. The buffer grows with the largest picture so far and never shrinks.
//
// A measured figure is scaled; else it is a formula over the patches (four for each token) and the graph of libmtmd with
// flash attention, in F32: for each patch its pixels, what layers keep for deepstack, and the larger one of attention
// (residual, layer's input... six rows) and the feed-forward part. Qwen2.5-VL's windows need a mask of patches by
// patches, first in F32 and then in F16. It was compared with libmtmd's own layout at the dimensions of Qwen3-VL's and
// Qwen2.5-VL's towers, 64 to 4,096 tokens: never less by more than 0.1 MiB, and exact for pictures of 800 tokens and more; and
// with the widths of Gemma 3's, SmolVLM's, InternVL's, Pixtral's, LFM2-VL's and LLaVA's (TestEncodeEstimate in families).
func (f *Facts) EncodeBytes(tokens int, k Known) uint64 {
	if f.MMProj == nil {
		return 0
	}
	f = f.counted()
	n := f.encodeFormula(tokens)
	if k.Encode == 0 || k.EncodeTokens <= 0 {
		return n
	}
	base := f.encodeFormula(k.EncodeTokens)
	if base == 0 {
		return min(largest, k.Encode)
	}
	return scaled(k.Encode, n, base)
}

func (f *Facts) encodeFormula(tokens int) uint64 {
	width, ff, patch := f.vision("embedding_length"), f.vision("feed_forward_length"), f.vision("patch_size")
	patches, deep, windows := f.patches(tokens), f.counts.deepstack, f.vision("n_wa_pattern") > 0
	pixels := 3 * patch * patch
	// The pixels' room is free again when the feed-forward part of wide layers needs more than there is.
	rows := deep + 6
	if projector, _ := gguf.VisionOf(f.MMProj); projector == "mlp" {
		rows += 2 // LLaVA's graph keeps its positions and its class token apart
	}
	row := max(pixels+4+max(rows*width, (deep+2)*width+ff), 3*width+ff)
	if windows || f.counts.gated {
		// What the mask took in F32 is free again when the feed-forward part needs room for its three rows.
		fits := uint64(0)
		if windows {
			fits = min(3, patches/max(1, ff))
		}
		row = pixels + 4 + 4*width + (3-fits)*ff
	}
	bytes := times(4, patches, row)
	if windows {
		bytes += times(6, patches, patches)
	}
	return bytes
}

// poolBytes is the most that ggml's pool on a card holds while the widest matrix is multiplied: its other side for all
// tokens or patches that are computed together, in q8_1 (36 bytes for 32 numbers), or in F16 with the result where the
// matrix is not quantised (ggml-cuda.cu). A measured Encode holds the pool of pictures already.
func (f *Facts) poolBytes(s Settings, d Device, k Known) uint64 {
	text := slice * f.counts.ff * 36 / 32
	if f.MMProj == nil || f.towerElsewhere(s, d) || k.Encode > 0 && k.EncodeTokens > 0 {
		return text
	}
	width, ff := f.vision("embedding_length"), f.vision("feed_forward_length")
	row := ff * 36 / 32
	if f.counts.unpacked {
		row = 2 * (ff + width)
	}
	return max(text, times(f.patches(s.ImageMaxTokens), row))
}

// patches are what the vision tower computes for a picture of that many tokens: four each, or always the same number
// where a projector has its own size. Two families have a size that is not in the file: LFM2-VL's tiles are of 512 pixels, and
// Pixtral takes pictures of up to 1,024 tokens.
func (f *Facts) patches(tokens int) uint64 {
	if f.factor() > 0 {
		return 4 * uint64(max(0, min(tokens, widest)))
	}
	switch projector, _ := gguf.VisionOf(f.MMProj); projector {
	case "lfm2":
		side := 512 / max(1, f.vision("patch_size"))
		return side * side
	case "pixtral":
		merge := max(1, f.vision("spatial_merge_size"))
		return times(1024, merge, merge)
	}
	side := f.vision("image_size") / max(1, f.vision("patch_size"))
	return side * side
}
