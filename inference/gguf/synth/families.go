package synth

import "fmt"

// Family is a small model of a family that does not size pictures as Qwen's do: its file and its projector's, with the
// keys and tensors that llama.cpp's converter writes (conversion/ of v0.4.0), at dimensions of nobody.
type Family struct {
	Name      string // of the family
	Projector string // clip.projector_type
	Arch      string // of the language model
	Width     int64  // numbers for each token
	FF        int64  // width of the language model's feed-forward part
	Context   int64  // tokens that it is said to be trained for
	Layers    int64
	Eyes      Eyes

	voice voice
}

// Eyes are the dimensions of a vision tower. Pixels are the side of what it looks at in one piece.
type Eyes struct {
	Layers, Width, FF, Heads int64
	Patch, Pixels            int64 // pixels
	Merge                    int64 // Merge by Merge patches become one token
	Longest                  int64 // pixels of the longer side before it is cut into tiles (SmolVLM); 0: the family's own rule
	Tiles                    int64 // at most (InternVL); 0: the family's own rule
}

// Families are small models of them: every geometry is the published one, or the published one at a smaller scale.
func Families() []Family {
	eyes := func(patch, pixels, merge int64) Eyes {
		return Eyes{Layers: 2, Width: 64, FF: 128, Heads: 2, Patch: patch, Pixels: pixels, Merge: merge}
	}
	tall := func(e Eyes, longest, tiles int64) Eyes { e.Longest, e.Tiles = longest, tiles; return e }
	return []Family{
		{Name: "Gemma 3", Projector: "gemma3", Arch: "gemma3", Width: 96, Eyes: eyes(14, 896, 4), voice: gemmaVoice},
		{Name: "SmolVLM", Projector: "idefics3", Arch: "llama", Width: 288, Eyes: tall(eyes(16, 128, 4), 512, 0), voice: smolVoice},
		{Name: "InternVL", Projector: "internvl", Arch: "qwen2", Width: 160, Eyes: tall(eyes(14, 112, 2), 0, 12), voice: internVoice},
		{Name: "Pixtral", Projector: "pixtral", Arch: "llama", Width: 192, Eyes: eyes(14, 1540, 2), voice: pixtralVoice},
		{Name: "LFM2-VL", Projector: "lfm2", Arch: "lfm2", Width: 224, Eyes: eyes(16, 256, 2), voice: lfmVoice},
		{Name: "LLaVA", Projector: "mlp", Arch: "llama", Width: 256, Eyes: eyes(14, 112, 1), voice: llavaVoice},
	}
}

// WithTower is the family's model with a tower as wide as a published one, of two layers alone: what a picture takes while it
// is looked at does not depend on how many there are.
func (m Family) WithTower() Family {
	for name, e := range map[string]Eyes{
		"Gemma 3":  {Width: 1152, FF: 4304, Heads: 16, Patch: 14, Pixels: 896, Merge: 4},               // SigLIP So400m
		"SmolVLM":  {Width: 768, FF: 3072, Heads: 12, Patch: 16, Pixels: 512, Merge: 4, Longest: 2048}, // SmolVLM2-500M
		"InternVL": {Width: 1024, FF: 4096, Heads: 16, Patch: 14, Pixels: 448, Merge: 2, Tiles: 12},    // InternViT-300M
		"Pixtral":  {Width: 1024, FF: 4096, Heads: 16, Patch: 14, Pixels: 1540, Merge: 2},              // Mistral Small 3.1
		"LFM2-VL":  {Width: 768, FF: 3072, Heads: 12, Patch: 16, Pixels: 256, Merge: 2},                // LFM2-VL-450M
		"LLaVA":    {Width: 1024, FF: 4096, Heads: 16, Patch: 14, Pixels: 336, Merge: 1},               // CLIP ViT-L/14
	} {
		if name == m.Name {
			e.Layers = 2
			m.Eyes = e
		}
	}
	return m
}

// Write writes the language model and its projector. Files that are there are replaced.
func (m Family) Write(model, mmproj string) error {
	if err := m.language().write(model); err != nil {
		return err
	}
	return m.projector().write(mmproj)
}

const (
	familyHead = 32 // numbers of an attention head
	lfmCache   = 3  // tokens that LFM2's short convolutions see
)

func (m Family) withDefaults() Family {
	m.FF = orElse(m.FF, 2*m.Width)
	m.Layers = orElse(m.Layers, 2)
	m.Context = orElse(m.Context, 32768)
	return m
}

func orElse(n, standard int64) int64 {
	if n == 0 {
		return standard
	}
	return n
}

func (m Family) language() *file {
	m = m.withDefaults()
	f := &file{}
	f.set("general.architecture", m.Arch)
	f.set("general.type", "model")
	f.set("general.name", m.Name+" (random weights)")
	f.set("general.file_type", uint32(7)) // mostly Q8_0
	f.set("general.quantization_version", uint32(2))
	key := func(name string) string { return m.Arch + "." + name }
	heads := m.Width / familyHead
	f.set(key("context_length"), uint32(m.Context))
	f.set(key("embedding_length"), uint32(m.Width))
	f.set(key("block_count"), uint32(m.Layers))
	f.set(key("feed_forward_length"), uint32(m.FF))
	f.set(key("attention.head_count"), uint32(heads))
	f.set(key("attention.layer_norm_rms_epsilon"), float32(1e-6))
	f.set(key("rope.freq_base"), float32(1e6))
	vocab := m.voice.write(f)
	f.set(key("vocab_size"), uint32(vocab))
	if m.Arch == "lfm2" {
		kv := make([]int32, m.Layers)
		for i := 1; i < len(kv); i += 2 {
			kv[i] = 1
		}
		f.set(key("attention.head_count_kv"), kv)
		f.set(key("shortconv.l_cache"), uint32(lfmCache))
		f.scale("token_embd_norm.weight", m.Width)
	} else {
		f.set(key("attention.head_count_kv"), uint32(1))
		f.scale("output_norm.weight", m.Width)
	}
	switch m.Arch {
	case "gemma3":
		f.set(key("attention.key_length"), uint32(familyHead))
		f.set(key("attention.value_length"), uint32(familyHead))
		f.set(key("attention.sliding_window"), uint32(64))
	case "llama":
		f.set(key("rope.dimension_count"), uint32(familyHead))
	}
	f.add("token_embd.weight", m.Width, vocab)
	for i := range m.Layers {
		m.layer(f, i)
	}
	return f
}

func (m Family) layer(f *file, i int64) {
	at := fmt.Sprintf("blk.%d.", i)
	f.scale(at+"attn_norm.weight", m.Width)
	f.scale(at+"ffn_norm.weight", m.Width)
	f.add(at+"ffn_gate.weight", m.Width, m.FF)
	f.add(at+"ffn_up.weight", m.Width, m.FF)
	f.add(at+"ffn_down.weight", m.FF, m.Width)
	if m.Arch == "lfm2" && i%2 == 0 {
		f.addAs(f32, at+"shortconv.conv.weight", lfmCache, m.Width)
		f.add(at+"shortconv.in_proj.weight", m.Width, 3*m.Width)
		f.add(at+"shortconv.out_proj.weight", m.Width, m.Width)
		return
	}
	f.add(at+"attn_q.weight", m.Width, m.Width)
	f.add(at+"attn_k.weight", m.Width, familyHead)
	f.add(at+"attn_v.weight", m.Width, familyHead)
	f.add(at+"attn_output.weight", m.Width, m.Width)
	switch m.Arch {
	case "gemma3":
		f.scale(at+"post_attention_norm.weight", m.Width)
		f.scale(at+"post_ffw_norm.weight", m.Width)
		f.scale(at+"attn_q_norm.weight", familyHead)
		f.scale(at+"attn_k_norm.weight", familyHead)
	case "lfm2":
		f.scale(at+"attn_q_norm.weight", familyHead)
		f.scale(at+"attn_k_norm.weight", familyHead)
	case "qwen2":
		f.shift(at+"attn_q.bias", m.Width)
		f.shift(at+"attn_k.bias", familyHead)
		f.shift(at+"attn_v.bias", familyHead)
	}
}

func (m Family) projector() *file {
	m = m.withDefaults()
	t, f := m.Eyes, &file{}
	f.set("general.architecture", "clip")
	f.set("general.type", "mmproj")
	f.set("general.name", m.Name+" (random weights)")
	f.set("general.file_type", uint32(7))
	f.set("general.quantization_version", uint32(2))
	f.set("clip.has_vision_encoder", true)
	f.set("clip.projector_type", m.Projector)
	f.set("clip.vision.image_size", uint32(t.Pixels))
	f.set("clip.vision.patch_size", uint32(t.Patch))
	f.set("clip.vision.embedding_length", uint32(t.Width))
	f.set("clip.vision.feed_forward_length", uint32(t.FF))
	f.set("clip.vision.block_count", uint32(t.Layers))
	f.set("clip.vision.projection_dim", uint32(m.Width))
	f.set("clip.vision.attention.head_count", uint32(t.Heads))
	f.set("clip.vision.attention.layer_norm_epsilon", float32(1e-6))
	f.set("clip.vision.image_mean", []float32{0.5, 0.5, 0.5})
	f.set("clip.vision.image_std", []float32{0.5, 0.5, 0.5})
	f.addAs(f32, "v.patch_embd.weight", t.Patch, t.Patch, 3, t.Width)
	side := t.Pixels / t.Patch
	patches := side * side
	merged := t.Width * t.Merge * t.Merge
	switch m.Projector {
	case "gemma3":
		f.set("clip.use_gelu", true)
		t.siglip(f, patches)
		f.scale("mm.soft_emb_norm.weight", t.Width)
		f.addAs(f16, "mm.input_projection.weight", m.Width, t.Width)
	case "idefics3":
		f.set("clip.use_gelu", true)
		f.set("clip.vision.projector.scale_factor", uint32(t.Merge))
		f.set("clip.vision.preproc_image_size", uint32(t.Longest))
		t.siglip(f, patches)
		f.add("mm.model.fc.weight", merged, m.Width)
	case "lfm2":
		f.set("clip.use_gelu", true)
		f.set("clip.vision.projector.scale_factor", uint32(t.Merge))
		t.siglip(f, patches)
		f.scale("mm.input_norm.weight", merged)
		f.shift("mm.input_norm.bias", merged)
		f.linear("mm.1", merged, 2*m.Width)
		f.linear("mm.2", 2*m.Width, m.Width)
	case "internvl":
		f.set("clip.use_gelu", true)
		f.set("clip.vision.projector.scale_factor", uint32(t.Merge))
		f.set("clip.vision.preproc_min_tiles", uint32(1))
		f.set("clip.vision.preproc_max_tiles", uint32(t.Tiles))
		t.intern(f, patches)
		f.scale("mm.model.mlp.0.weight", merged)
		f.shift("mm.model.mlp.0.bias", merged)
		f.linear("mm.model.mlp.1", merged, m.Width)
		f.linear("mm.model.mlp.3", m.Width, m.Width)
	case "pixtral":
		f.set("clip.use_silu", true)
		f.set("clip.vision.spatial_merge_size", uint32(t.Merge))
		t.pixtral(f)
		f.scale("mm.input_norm.weight", t.Width)
		f.add("mm.patch_merger.weight", merged, t.Width)
		f.add("mm.1.weight", t.Width, m.Width)
		f.add("mm.2.weight", m.Width, m.Width)
		f.addAs(f32, "v.token_embd.img_break", m.Width)
	case "mlp":
		t.clip(f, patches)
		f.linear("mm.0", t.Width, m.Width)
		f.linear("mm.2", m.Width, m.Width)
	}
	return f
}

// block is one layer of a vision transformer with shifts, as OpenAI's CLIP and Google's SigLIP have it.
func (t Eyes) block(f *file, at string) {
	for _, norm := range []string{"ln1", "ln2"} {
		f.scale(at+norm+".weight", t.Width)
		f.shift(at+norm+".bias", t.Width)
	}
	for _, part := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
		f.linear(at+part, t.Width, t.Width)
	}
	f.linear(at+"ffn_up", t.Width, t.FF)
	f.linear(at+"ffn_down", t.FF, t.Width)
}

func (t Eyes) blocks(f *file) {
	for i := range t.Layers {
		t.block(f, fmt.Sprintf("v.blk.%d.", i))
	}
}

func (t Eyes) siglip(f *file, patches int64) {
	f.shift("v.patch_embd.bias", t.Width)
	f.addAs(f32, "v.position_embd.weight", t.Width, patches)
	f.scale("v.post_ln.weight", t.Width)
	f.shift("v.post_ln.bias", t.Width)
	t.blocks(f)
}

// intern is InternViT: a class token, and layers whose output is scaled.
func (t Eyes) intern(f *file, patches int64) {
	f.shift("v.patch_embd.bias", t.Width)
	f.addAs(f32, "v.class_embd", t.Width)
	f.addAs(f32, "v.position_embd.weight", t.Width, patches+1)
	t.blocks(f)
	for i := range t.Layers {
		f.scale(fmt.Sprintf("v.blk.%d.ls1.weight", i), t.Width)
		f.scale(fmt.Sprintf("v.blk.%d.ls2.weight", i), t.Width)
	}
}

// clip is OpenAI's tower, whose last layer LLaVA leaves out.
func (t Eyes) clip(f *file, patches int64) {
	f.addAs(f32, "v.class_embd", t.Width)
	f.addAs(f32, "v.position_embd.weight", t.Width, patches+1)
	f.scale("v.pre_ln.weight", t.Width)
	f.shift("v.pre_ln.bias", t.Width)
	t.blocks(f)
}

// pixtral is Mistral's tower: rotated positions, no shifts, a gate.
func (t Eyes) pixtral(f *file) {
	f.scale("v.pre_ln.weight", t.Width)
	for i := range t.Layers {
		at := fmt.Sprintf("v.blk.%d.", i)
		f.scale(at+"ln1.weight", t.Width)
		f.scale(at+"ln2.weight", t.Width)
		for _, part := range []string{"attn_q", "attn_k", "attn_v", "attn_out"} {
			f.add(at+part+".weight", t.Width, t.Width)
		}
		f.add(at+"ffn_gate.weight", t.Width, t.FF)
		f.add(at+"ffn_up.weight", t.Width, t.FF)
		f.add(at+"ffn_down.weight", t.FF, t.Width)
	}
}
