package plan

import (
	"fmt"
	"slices"
	"strings"

	"galago/inference/gguf"
)

// Shape is a model's dimensions, as the config.json of its publisher has them: enough to plan for it before its files
// are there.
type Shape struct {
	Arch     string `json:"architecture"` // general.architecture of its GGUF
	Layers   int    `json:"layers"`
	Width    int    `json:"width"`        // numbers for each token
	FF       int    `json:"feed_forward"` // width of the feed-forward part
	Heads    int    `json:"heads"`
	KVHeads  int    `json:"kv_heads"`
	Head     int    `json:"head"`       // numbers of a head
	Vocab    int    `json:"vocabulary"` // tokens
	Context  int    `json:"context"`    // tokens that it was trained for
	Untied   bool   `json:"untied"`     // the output has a matrix of its own, beside the embeddings
	KVLayers []int  `json:"kv_layers"`  // that keep keys and values, from 0; nil: all. The others are short convolutions
	// PerLayer is how many numbers each layer adds to a token from a table of its own (Gemma 4's small models).
	PerLayer int   `json:"per_layer_input"`
	Tower    Tower `json:"tower"`
}

// Tower is the dimensions of what looks at pictures. Its bytes are those of its file.
type Tower struct {
	Projector string `json:"projector"` // as libmtmd names it, such as "qwen3vl_merger"
	Width     int    `json:"width"`
	FF        int    `json:"feed_forward"`
	Patch     int    `json:"patch"`     // pixels along one side
	Image     int    `json:"image"`     // pixels along the side of the largest piece that is looked at together
	Deepstack int    `json:"deepstack"` // layers whose output goes into the language model as well
	Gated     bool   `json:"gated"`     // its feed-forward parts have a gate
	Window    int    `json:"window"`    // every Window-th layer looks at the whole picture; 0: all do
	Unpacked  bool   `json:"unpacked"`  // its matrices are in 16 bits
}

// vocabBytes is what a GGUF file's header takes for each token of the vocabulary: its text, kind and merges. Published
// files of Qwen and SmolLM have 38 to 40 bytes, those of Gemma 26; it only counts for sizes of files, not for memory.
const vocabBytes = 39

// FileBytes is about how many bytes the language model's file has in a quantisation, and an error where that is not
// known: 1 % off at most, compared with published files in Q8_0, Q4_0 and Q4_K_M.
func (s Shape) FileBytes(quant string) (int64, error) {
	f, err := s.model(quant, 0)
	if err != nil {
		return 0, err
	}
	return f.Weights() + vocabBytes*int64(s.Vocab), nil
}

// Facts are what the headers of a model in this shape would say, with its language model in a quantisation such as
// "Q8_0" or "Q4_K_M". file and tower are the bytes of its files; file may be 0 where it is not known. A quantisation or
// an architecture whose tensors are not known one by one is spread evenly over the layers, for which file must be known.
func (s Shape) Facts(quant string, file, tower int64) (*Facts, error) {
	model, err := s.model(quant, file)
	if err != nil {
		return nil, err
	}
	f := &Facts{Model: model}
	if s.Tower.Projector != "" {
		if f.MMProj, err = s.projector(tower); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (s Shape) model(quant string, file int64) (*gguf.File, error) {
	if s.Layers <= 0 || s.Width <= 0 || s.Heads <= 0 || s.Vocab <= 0 {
		return nil, fmt.Errorf("the dimensions of the model are not known")
	}
	rule, known := rules[quant]
	if !known || s.PerLayer > 0 {
		tensors, err := s.spread(rule, file)
		if err != nil {
			return nil, err
		}
		return gguf.Make(s.meta(), tensors)
	}
	return gguf.Make(s.meta(), s.tensors(rule))
}

// meta is what the planner reads of a language model's metadata.
func (s Shape) meta() map[string]any {
	m := map[string]any{"general.architecture": s.Arch, "general.type": "model"}
	for key, n := range map[string]int{
		"block_count": s.Layers, "embedding_length": s.Width, "feed_forward_length": s.FF, "context_length": s.Context,
		"attention.head_count": s.Heads, "attention.head_count_kv": s.KVHeads,
		"attention.key_length": s.Head, "attention.value_length": s.Head, "n_deepstack_layers": s.Tower.Deepstack,
	} {
		m[s.Arch+"."+key] = uint32(n)
	}
	if s.KVLayers != nil {
		list := gguf.Array{Len: int64(s.Layers)}
		for i := range s.Layers {
			n := uint32(0)
			if slices.Contains(s.KVLayers, i) {
				n = uint32(s.KVHeads)
			}
			list.Values = append(list.Values, n)
		}
		m[s.Arch+".attention.head_count_kv"] = list
	}
	return m
}

// rule says how a tensor is written in a quantisation. more is for layers that get more bits.
type rule struct {
	plain  gguf.Type // matrices
	better gguf.Type // values of attention and the way down, in some layers
	output gguf.Type // the output, which may be the embeddings
}

// rules are those of llama.cpp's llama-quant.cpp.
var rules = map[string]rule{
	"F16":    {gguf.TypeF16, gguf.TypeF16, gguf.TypeF16},
	"BF16":   {gguf.TypeBF16, gguf.TypeBF16, gguf.TypeBF16},
	"Q8_0":   {gguf.TypeQ8_0, gguf.TypeQ8_0, gguf.TypeQ8_0},
	"Q4_0":   {gguf.TypeQ4_0, gguf.TypeQ4_0, gguf.TypeQ6K},
	"Q4_K_M": {gguf.TypeQ4K, gguf.TypeQ6K, gguf.TypeQ6K},
}

// fallback is what llama.cpp writes where rows cannot be divided into the type's blocks.
func fallback(t gguf.Type, row int) gguf.Type {
	if b := t.Block(); b > 0 && int64(row)%b == 0 {
		return t
	}
	switch t {
	case gguf.TypeQ4K:
		t = gguf.TypeQ5_0
	case gguf.TypeQ6K:
		t = gguf.TypeQ8_0
	}
	if b := t.Block(); b > 0 && int64(row)%b == 0 {
		return t
	}
	return gguf.TypeF16
}

// moreBits is use_more_bits of llama-quant.cpp: the first and the last eighth, and every third layer between.
func moreBits(i, n int) bool { return i < n/8 || i >= 7*n/8 || (i-n/8)%3 == 2 }

// builder collects tensors.
type builder []gguf.Tensor

func (b *builder) add(name string, t gguf.Type, in, out int) {
	*b = append(*b, gguf.Tensor{Name: name, Type: fallback(t, in), Dims: []int64{int64(in), int64(out)}})
}

func (b *builder) norm(name string, n int) {
	*b = append(*b, gguf.Tensor{Name: name, Type: gguf.TypeF32, Dims: []int64{int64(n)}})
}

// tensors are those of the language model, one by one.
func (s Shape) tensors(r rule) []gguf.Tensor {
	var b builder
	s.embeddings(&b, r)
	for i, attention := 0, 0; i < s.Layers; i++ {
		at := fmt.Sprintf("blk.%d.", i)
		b.norm(at+"attn_norm.weight", s.Width)
		b.norm(at+"ffn_norm.weight", s.Width)
		if s.KVLayers == nil || slices.Contains(s.KVLayers, i) {
			s.attention(&b, r, at, moreBits(attention, s.attentionLayers()))
			attention++
		} else {
			b.add(at+"shortconv.in_proj.weight", r.plain, s.Width, 3*s.Width)
			b.add(at+"shortconv.out_proj.weight", r.plain, s.Width, s.Width)
		}
		down := r.plain
		if moreBits(i, s.Layers) {
			down = r.better
		}
		b.add(at+"ffn_gate.weight", r.plain, s.Width, s.FF)
		b.add(at+"ffn_up.weight", r.plain, s.Width, s.FF)
		b.add(at+"ffn_down.weight", down, s.FF, s.Width)
	}
	return b
}

func (s Shape) attentionLayers() int {
	if s.KVLayers == nil {
		return s.Layers
	}
	return len(s.KVLayers)
}

func (s Shape) attention(b *builder, r rule, at string, more bool) {
	all, kv := s.Heads*s.Head, s.KVHeads*s.Head
	values := r.plain
	if more {
		values = r.better
	}
	b.add(at+"attn_q.weight", r.plain, s.Width, all)
	b.add(at+"attn_k.weight", r.plain, s.Width, kv)
	b.add(at+"attn_v.weight", values, s.Width, kv)
	b.add(at+"attn_output.weight", r.plain, all, s.Width)
	if strings.HasPrefix(s.Arch, "qwen3") {
		b.norm(at+"attn_q_norm.weight", s.Head)
		b.norm(at+"attn_k_norm.weight", s.Head)
	}
}

// embeddings are quantised as the output where they are the output as well.
func (s Shape) embeddings(b *builder, r rule) {
	b.norm("output_norm.weight", s.Width)
	if !s.Untied {
		b.add("token_embd.weight", r.output, s.Width, s.Vocab)
		return
	}
	b.add("token_embd.weight", r.plain, s.Width, s.Vocab)
	b.add("output.weight", r.output, s.Width, s.Vocab)
}

// spread divides what a file has beside its embeddings evenly over the layers.
func (s Shape) spread(r rule, file int64) ([]gguf.Tensor, error) {
	if r == (rule{}) {
		r = rules["Q8_0"] // only for the embeddings
	}
	var b builder
	s.embeddings(&b, r)
	if s.PerLayer > 0 {
		b.add("per_layer_token_embd.weight", r.plain, s.PerLayer*s.Layers, s.Vocab)
	}
	f, err := gguf.Make(nil, b)
	if err != nil {
		return nil, err
	}
	each := (file - f.Weights() - vocabBytes*int64(s.Vocab)) / int64(s.Layers)
	if each <= 0 {
		return nil, fmt.Errorf("the size of the model's file is not known")
	}
	for i := range s.Layers {
		b = append(b, gguf.Tensor{Name: fmt.Sprintf("blk.%d.weights", i), Type: gguf.TypeI8, Dims: []int64{each}})
	}
	return b, nil
}

// projector is the tower's header: its figures, and its bytes in tensors that the planner looks for and one for all others.
func (s Shape) projector(bytes int64) (*gguf.File, error) {
	t, kind := s.Tower, gguf.TypeQ8_0
	if t.Unpacked {
		kind = gguf.TypeF16
	}
	meta := map[string]any{
		"general.architecture": "clip", "general.type": "mmproj", "clip.has_vision_encoder": true, "clip.projector_type": t.Projector,
		"clip.vision.embedding_length": uint32(t.Width), "clip.vision.feed_forward_length": uint32(t.FF),
		"clip.vision.patch_size": uint32(t.Patch), "clip.vision.image_size": uint32(t.Image),
	}
	if t.Window > 0 {
		meta["clip.vision.n_wa_pattern"] = uint32(t.Window)
	}
	var b builder
	b.add("v.blk.0.ffn_down.weight", kind, t.FF, t.Width)
	if t.Gated {
		b.add("v.blk.0.ffn_gate.weight", kind, t.Width, t.FF)
	}
	for i := range t.Deepstack {
		b.norm(fmt.Sprintf("v.deepstack.%d.fc1.weight", i), 4*t.Width)
	}
	f, err := gguf.Make(nil, b)
	if err != nil {
		return nil, err
	}
	rest := bytes - f.Weights()
	if rest <= 0 {
		return nil, fmt.Errorf("the size of the vision file is not known")
	}
	b = append(b, gguf.Tensor{Name: "v.rest", Type: gguf.TypeI8, Dims: []int64{rest}})
	return gguf.Make(meta, b)
}
