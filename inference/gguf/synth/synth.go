// Package synth writes model files with random weights: they take as much memory, and as long to compute, as the real
// ones of the same dimensions, and what they answer means nothing. So memory can be measured without downloading a model.
//
// The files are those that llama.cpp's converter makes of Qwen3-VL and Qwen2.5-VL in Q8_0 (conversion/qwen3vl.py and
// qwenvl.py of v0.4.0): the same keys, the same tensors, the same kinds. Only the vocabulary is made up: the 256 bytes,
// the control tokens that llama.cpp asks for, and words that mean nothing.
package synth

import "fmt"

// Model is a vision-language model's dimensions.
type Model struct {
	Name    string
	Arch    string // of the GGUF: qwen3vl or qwen2vl
	Layers  int64
	Width   int64 // numbers for each token
	FF      int64 // width of the feed-forward part
	Heads   int64
	KVHeads int64
	HeadDim int64
	Vocab   int64 // tokens; the head is tied to the embeddings
	Context int64 // tokens that it is said to be trained for
	Tower   Tower

	// KVPerLayer is written as the count of key and value heads of each layer, for those who read headers; the tensors do
	// not follow it. Nil: one count for all.
	KVPerLayer []int32
}

// Tower is the dimensions of what looks at pictures.
type Tower struct {
	Layers    int64
	Width     int64
	FF        int64
	Heads     int64
	Patch     int64   // pixels; two by two patches become one token
	Side      int64   // positions along one side (Qwen3-VL)
	Deepstack []int64 // layers whose output goes into the language model as well (Qwen3-VL)
	Window    int64   // every Window-th layer looks at the whole picture, the others at windows (Qwen2.5-VL); 0: all do
}

// The dimensions of models that were published; Tiny loads in a moment.
var (
	Qwen3VL2B = Model{
		Name: "Qwen3-VL-2B", Arch: "qwen3vl", Layers: 28, Width: 2048, FF: 6144, Heads: 16, KVHeads: 8, HeadDim: 128,
		Vocab: 151936, Context: 262144, Tower: qwen3Tower,
	}
	Qwen3VL4B = Model{
		Name: "Qwen3-VL-4B", Arch: "qwen3vl", Layers: 36, Width: 2560, FF: 9728, Heads: 32, KVHeads: 8, HeadDim: 128,
		Vocab: 151936, Context: 262144, Tower: qwen3Tower,
	}
	Qwen25VL3B = Model{
		Name: "Qwen2.5-VL-3B", Arch: "qwen2vl", Layers: 36, Width: 2048, FF: 11008, Heads: 16, KVHeads: 2, HeadDim: 128,
		Vocab: 151936, Context: 128000,
		Tower: Tower{Layers: 32, Width: 1280, FF: 3420, Heads: 16, Patch: 14, Window: 8},
	}
	Tiny = Model{
		Name: "Tiny", Arch: "qwen3vl", Layers: 2, Width: 64, FF: 128, Heads: 2, KVHeads: 1, HeadDim: 32,
		Vocab: 512, Context: 8192,
		Tower: Tower{Layers: 2, Width: 64, FF: 128, Heads: 2, Patch: 16, Side: 16, Deepstack: []int64{0}},
	}
	Tiny25 = Model{
		Name: "Tiny2.5", Arch: "qwen2vl", Layers: 2, Width: 64, FF: 128, Heads: 2, KVHeads: 1, HeadDim: 32,
		Vocab: 512, Context: 8192,
		Tower: Tower{Layers: 4, Width: 64, FF: 100, Heads: 2, Patch: 14, Window: 2},
	}

	qwen3Tower = Tower{Layers: 24, Width: 1024, FF: 4096, Heads: 16, Patch: 16, Side: 48, Deepstack: []int64{5, 11, 17}}
)

// Models are all of the above.
func Models() []Model { return []Model{Tiny, Tiny25, Qwen3VL2B, Qwen3VL4B, Qwen25VL3B} }

// Named finds a model by its name.
func Named(name string) (Model, error) {
	names := ""
	for _, m := range Models() {
		if m.Name == name {
			return m, nil
		}
		names += " " + m.Name
	}
	return Model{}, fmt.Errorf("there is no model %q; there are:%s", name, names)
}

// Write writes the language model and its projector. Files that are there are replaced.
func (m Model) Write(model, mmproj string) error {
	if err := m.language().write(model); err != nil {
		return err
	}
	return m.projector().write(mmproj)
}

// Sketch writes files with the same headers and sizes, and holes instead of weights: enough for whoever reads headers
// only, and without room on the disk where the file system knows holes.
func (m Model) Sketch(model, mmproj string) error {
	if err := m.language().sketch(model); err != nil {
		return err
	}
	return m.projector().sketch(mmproj)
}

// Sizes are the bytes of the files that Write makes.
func (m Model) Sizes() (model, mmproj int64) { return m.language().size(), m.projector().size() }

// Weights are the bytes of the tensors in them.
func (m Model) Weights() (model, mmproj int64) {
	return m.language().weights(), m.projector().weights()
}

// qwen3 tells the two families apart.
func (m Model) qwen3() bool { return m.Arch == "qwen3vl" }

func (m Model) language() *file {
	f := &file{}
	f.set("general.architecture", m.Arch)
	f.set("general.type", "model")
	f.set("general.name", m.Name+" (random weights)")
	f.set("general.file_type", uint32(7)) // mostly Q8_0
	f.set("general.quantization_version", uint32(2))
	key := func(name string) string { return m.Arch + "." + name }
	f.set(key("context_length"), uint32(m.Context))
	f.set(key("embedding_length"), uint32(m.Width))
	f.set(key("block_count"), uint32(m.Layers))
	f.set(key("feed_forward_length"), uint32(m.FF))
	f.set(key("attention.head_count"), uint32(m.Heads))
	if m.KVPerLayer != nil {
		f.set(key("attention.head_count_kv"), m.KVPerLayer)
	} else {
		f.set(key("attention.head_count_kv"), uint32(m.KVHeads))
	}
	f.set(key("attention.layer_norm_rms_epsilon"), float32(1e-6))
	if m.qwen3() {
		f.set(key("attention.key_length"), uint32(m.HeadDim))
		f.set(key("attention.value_length"), uint32(m.HeadDim))
		f.set(key("rope.freq_base"), float32(5e6))
		f.set(key("rope.dimension_sections"), sections(m.HeadDim, 24, 20, 20))
		f.set(key("n_deepstack_layers"), uint32(len(m.Tower.Deepstack)))
	} else {
		f.set(key("rope.freq_base"), float32(1e6))
		f.set(key("rope.dimension_sections"), sections(m.HeadDim, 16, 24, 24))
	}
	m.vocabulary(f)

	f.add("token_embd.weight", m.Width, m.Vocab)
	f.scale("output_norm.weight", m.Width)
	for i := range m.Layers {
		m.layer(f, fmt.Sprintf("blk.%d.", i))
	}
	return f
}

// sections divides half a head's rotations between time, height and width, in the proportions of heads of 128.
func sections(head int64, t, h, w int32) []int32 {
	n := func(of int32) int32 { return of * int32(head) / 128 }
	rest := int32(head)/2 - n(h) - n(w)
	return []int32{max(rest, n(t)), n(h), n(w), 0}
}

func (m Model) layer(f *file, at string) {
	kv, all := m.KVHeads*m.HeadDim, m.Heads*m.HeadDim
	f.scale(at+"attn_norm.weight", m.Width)
	f.scale(at+"ffn_norm.weight", m.Width)
	f.add(at+"attn_q.weight", m.Width, all)
	f.add(at+"attn_k.weight", m.Width, kv)
	f.add(at+"attn_v.weight", m.Width, kv)
	f.add(at+"attn_output.weight", all, m.Width)
	if m.qwen3() {
		f.scale(at+"attn_q_norm.weight", m.HeadDim)
		f.scale(at+"attn_k_norm.weight", m.HeadDim)
	} else {
		f.shift(at+"attn_q.bias", all)
		f.shift(at+"attn_k.bias", kv)
		f.shift(at+"attn_v.bias", kv)
	}
	f.add(at+"ffn_gate.weight", m.Width, m.FF)
	f.add(at+"ffn_up.weight", m.Width, m.FF)
	f.add(at+"ffn_down.weight", m.FF, m.Width)
}

// The control tokens, at the vocabulary's end.
var control = []string{
	"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
}

func (m Model) vocabulary(f *file) {
	tokens, kinds := make([]string, 0, m.Vocab), make([]int32, 0, m.Vocab)
	put := func(s string, kind int32) { tokens, kinds = append(tokens, s), append(kinds, kind) }
	for b := range 256 {
		put(string(byteRune(b)), 1)
	}
	put("th", 1) // what the only merge makes
	for int64(len(tokens)) < m.Vocab-int64(len(control)) {
		put(fmt.Sprintf("Ġword%d", len(tokens)), 1)
	}
	first := len(tokens)
	for _, s := range control {
		put(s, 3)
	}
	f.set("tokenizer.ggml.model", "gpt2")
	f.set("tokenizer.ggml.pre", "qwen2")
	f.set("tokenizer.ggml.tokens", tokens)
	f.set("tokenizer.ggml.token_type", kinds)
	f.set("tokenizer.ggml.merges", []string{"t h"})
	f.set("tokenizer.ggml.eos_token_id", uint32(first+2))
	f.set("tokenizer.ggml.padding_token_id", uint32(first))
	f.set("tokenizer.ggml.bos_token_id", uint32(first))
	f.set("tokenizer.ggml.add_bos_token", false)
}

// byteRune is how GPT-2's vocabulary writes a byte: printable ones as they are, the others from U+0100 on.
func byteRune(b int) rune {
	printable := func(b int) bool { return b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae }
	if printable(b) {
		return rune(b)
	}
	n := rune(0x100)
	for i := range b {
		if !printable(i) {
			n++
		}
	}
	return n
}

func (m Model) projector() *file {
	t, f := m.Tower, &file{}
	f.set("general.architecture", "clip")
	f.set("general.type", "mmproj")
	f.set("general.name", m.Name+" (random weights)")
	f.set("general.file_type", uint32(7))
	f.set("general.quantization_version", uint32(2))
	f.set("clip.has_vision_encoder", true)
	f.set("clip.vision.patch_size", uint32(t.Patch))
	f.set("clip.vision.embedding_length", uint32(t.Width))
	f.set("clip.vision.feed_forward_length", uint32(t.FF))
	f.set("clip.vision.block_count", uint32(t.Layers))
	f.set("clip.vision.projection_dim", uint32(m.Width))
	f.set("clip.vision.attention.head_count", uint32(t.Heads))
	f.set("clip.vision.attention.layer_norm_epsilon", float32(1e-6))
	f.set("clip.vision.image_mean", []float32{0.5, 0.5, 0.5})
	f.set("clip.vision.image_std", []float32{0.5, 0.5, 0.5})
	// The patch filter is split in two along time. It is F32 in Qwen3-VL's published files and F16 in Qwen2.5-VL's.
	filter := uint32(f32)
	if !m.qwen3() {
		filter = f16
	}
	f.addAs(filter, "v.patch_embd.weight", t.Patch, t.Patch, 3, t.Width)
	f.addAs(filter, "v.patch_embd.weight.1", t.Patch, t.Patch, 3, t.Width)
	if m.qwen3() {
		m.tower3(f)
	} else {
		m.tower25(f)
	}
	merged := t.Width * 4
	f.linear("mm.0", merged, merged)
	f.linear("mm.2", merged, m.Width)
	return f
}

// tower3 is Qwen3-VL's.
func (m Model) tower3(f *file) {
	t := m.Tower
	f.set("clip.projector_type", "qwen3vl_merger")
	f.set("clip.use_gelu", true)
	f.set("clip.vision.image_size", uint32(t.Side*t.Patch))
	f.set("clip.vision.spatial_merge_size", uint32(2))
	deep := make([]bool, t.Layers)
	for _, i := range t.Deepstack {
		deep[i] = true
	}
	f.set("clip.vision.is_deepstack_layers", deep)
	f.shift("v.patch_embd.bias", t.Width)
	f.addAs(f32, "v.position_embd.weight", t.Width, t.Side*t.Side)
	f.scale("v.post_ln.weight", t.Width)
	f.shift("v.post_ln.bias", t.Width)
	for i := range t.Layers {
		at := fmt.Sprintf("v.blk.%d.", i)
		for _, norm := range []string{"ln1", "ln2"} {
			f.scale(at+norm+".weight", t.Width)
			f.shift(at+norm+".bias", t.Width)
		}
		f.linear(at+"attn_qkv", t.Width, 3*t.Width)
		f.linear(at+"attn_out", t.Width, t.Width)
		f.linear(at+"ffn_up", t.Width, t.FF)
		f.linear(at+"ffn_down", t.FF, t.Width)
	}
	for _, i := range t.Deepstack {
		at := fmt.Sprintf("v.deepstack.%d.", i)
		f.scale(at+"norm.weight", 4*t.Width)
		f.shift(at+"norm.bias", 4*t.Width)
		f.linear(at+"fc1", 4*t.Width, 4*t.Width)
		f.linear(at+"fc2", 4*t.Width, m.Width)
	}
}

// tower25 is Qwen2.5-VL's: its normalisations have no shift, its feed-forward part has a gate.
func (m Model) tower25(f *file) {
	t := m.Tower
	f.set("clip.projector_type", "qwen2.5vl_merger")
	f.set("clip.use_silu", true)
	f.set("clip.vision.image_size", uint32(560))
	f.set("clip.vision.n_wa_pattern", uint32(t.Window))
	f.scale("v.post_ln.weight", t.Width)
	for i := range t.Layers {
		at := fmt.Sprintf("v.blk.%d.", i)
		f.scale(at+"ln1.weight", t.Width)
		f.scale(at+"ln2.weight", t.Width)
		for _, part := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			f.linear(at+part, t.Width, t.Width)
		}
		f.linear(at+"ffn_gate", t.Width, t.FF)
		f.linear(at+"ffn_up", t.Width, t.FF)
		f.linear(at+"ffn_down", t.FF, t.Width)
	}
}
