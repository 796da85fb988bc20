package shelf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galago/inference/gguf"
	"galago/inference/gguf/synth"
)

func seen(t *testing.T, want Look, paths ...string) {
	t.Helper()
	got, err := Identify(paths...)
	if err != nil {
		t.Errorf("%q: %v", paths, err)
		return
	}
	got.Warning = ""
	if got.Model != want.Model || got.MMProj != want.MMProj || got.Text != want.Text || !slices.Equal(got.Choose, want.Choose) {
		t.Errorf("%q are %+v, want %+v", paths, got, want)
	}
}

// refused wants a sentence with all of the words.
func refused(t *testing.T, words string, paths ...string) {
	t.Helper()
	look, err := Identify(paths...)
	var said *gguf.Error
	if !errors.As(err, &said) || !strings.Contains(err.Error(), words) || !strings.HasSuffix(err.Error(), ".") {
		t.Errorf("%q: %+v, %v; want %q", paths, look, err, words)
	}
}

func TestIdentifyPairs(t *testing.T) {
	dir := t.TempDir()
	model := language("qwen3vl", 64).file(t, dir, "Qwen3-VL-2B-Q8_0.gguf")
	mmproj := projector("qwen3vl_merger", 64).file(t, dir, "mmproj-Qwen3-VL-2B-F16.gguf")
	projector("qwen3vl_merger", 96).file(t, dir, "mmproj-Qwen3-VL-4B-F16.gguf")
	projector("gemma3", 64).file(t, dir, "mmproj-gemma.gguf")
	put(t, []byte("half of a download"), dir, "mmproj-Qwen3-VL-2B-Q8_0.gguf")
	both := Look{Model: model, MMProj: mmproj}
	seen(t, both, model)
	seen(t, both, mmproj)
	seen(t, both, model, mmproj)
	seen(t, both, mmproj, "", model)
	refused(t, "of the same kind", model, model)
	refused(t, "No file was chosen", "", "")
	refused(t, "none.gguf is not there", filepath.Join(dir, "none.gguf"))
	refused(t, "is a folder", dir)
}

// What lies side by side in a downloads folder need not belong together.
func TestOnlyWhatBelongsTogetherIsPaired(t *testing.T) {
	for name, c := range map[string]struct {
		model, mmproj         header
		modelName, mmprojName string
		others                map[string]header
		want                  bool
	}{
		"no width and no kin":         {language("llama", 64), projector("newkind", 0), "Llama-3.2-1B.gguf", "mmproj-Other-VL.gguf", nil, false},
		"no width, a bare name":       {language("llama", 64), projector("newkind", 0), "Llama-3.2-1B.gguf", "mmproj-F16.gguf", nil, false},
		"no width, the same name":     {language("llama", 64), projector("newkind", 0), "Foo-VL-1B-Q4_K_M.gguf", "mmproj-Foo-VL-1B-F16.gguf", nil, true},
		"the width of a text model":   {language("llama", 64), projector("idefics3", 64), "Llama-3.2-1B.gguf", "mmproj-SmolVLM2-2.2B.gguf", nil, false},
		"other sizes":                 {language("llama", 64), projector("idefics3", 64), "SmolVLM2-500M-Q8_0.gguf", "mmproj-SmolVLM2-256M-Q8_0.gguf", nil, false},
		"a bare name, nobody else":    {language("llama", 64), projector("idefics3", 64), "SmolVLM2.gguf", "mmproj.gguf", nil, true},
		"a bare name among others":    {language("llama", 64), projector("idefics3", 64), "SmolVLM2.gguf", "mmproj.gguf", map[string]header{"other.gguf": language("qwen3", 32)}, false},
		"a bare name, two quants":     {language("llama", 64), projector("idefics3", 64), "a-Q8_0.gguf", "mmproj.gguf", map[string]header{"a-Q4_0.gguf": language("llama", 64)}, true},
		"names in the headers":        {language("llama", 64).with("general.basename", "SmolVLM2"), projector("idefics3", 64).with("general.basename", "SmolVLM2"), "a.gguf", "mmproj-b.gguf", nil, true},
		"other names in the headers":  {language("llama", 64).with("general.basename", "Llama"), projector("idefics3", 64).with("general.basename", "SmolVLM2"), "model.gguf", "mmproj.gguf", nil, false},
		"another family":              {language("qwen2vl", 64), projector("qwen3vl_merger", 64), "model.gguf", "mmproj.gguf", nil, false},
		"another family's own":        {language("qwen3vl", 64), projector("idefics3", 64), "model.gguf", "mmproj.gguf", nil, false},
		"another family's, same name": {language("newvl", 64), projector("qwen3vl_merger", 64), "NewVL-4B.gguf", "mmproj-NewVL-4B.gguf", nil, true},
		"a fine-tuned model":          {language("qwen2vl", 64), projector("qwen2.5vl_merger", 64), "UI-TARS-Q4_K_M.gguf", "mmproj-Qwen2.5-VL.gguf", nil, true},
		"another width":               {language("gemma3", 64), projector("gemma3", 96), "gemma-3-4b-it.gguf", "mmproj-gemma-3-4b-it.gguf", nil, false},
		"for sound":                   {language("llama", 64), projector("ultravox", 64).with("clip.has_vision_encoder", false).with("clip.has_audio_encoder", true), "a.gguf", "mmproj-a.gguf", nil, false},
		"under way":                   {language("qwen3vl", 64), projector("qwen3vl_merger", 64), "a.gguf", "incomplete-mmproj-a.gguf", nil, false},
		"hidden":                      {language("qwen3vl", 64), projector("qwen3vl_merger", 64), "a.gguf", ".mmproj-a.gguf", nil, false},
	} {
		dir := t.TempDir()
		model, mmproj := c.model.file(t, dir, c.modelName), c.mmproj.file(t, dir, c.mmprojName)
		for other, h := range c.others {
			h.file(t, dir, other)
		}
		look, err := Identify(model)
		if err != nil || (look.MMProj == mmproj) != c.want || !c.want && look.MMProj != "" {
			t.Errorf("%s: %+v, %v", name, look, err)
		}
	}
}

func TestSeveralVisionFiles(t *testing.T) {
	dir := t.TempDir()
	model := language("qwen3vl", 64).file(t, dir, "Qwen3-VL-2B-Instruct-Q4_K_M.gguf")
	f16 := projector("qwen3vl_merger", 64).file(t, dir, "mmproj-Qwen3-VL-2B-Instruct-F16.gguf")
	projector("qwen3vl_merger", 64).with("general.file_type", 0).file(t, dir, "mmproj-Qwen3-VL-2B-Instruct-F32.gguf")
	seen(t, Look{Model: model, MMProj: f16}, model) // one projector in two quantisations is no question
	q8 := projector("qwen3vl_merger", 64).with("general.file_type", 7).file(t, dir, "mmproj-Qwen3-VL-2B-Instruct-Q8_0.gguf")
	seen(t, Look{Model: model, MMProj: q8}, model)
	seen(t, Look{Model: model, MMProj: q8}, f16, model, q8) // all of them dropped at once
	seen(t, Look{Model: model, MMProj: f16}, model, f16)    // chosen by hand

	dir = t.TempDir()
	model = language("qwen3vl", 64).file(t, dir, "merged.gguf")
	a, b := projector("qwen3vl_merger", 64).file(t, dir, "mmproj-left.gguf"), projector("qwen3vl_merger", 64).file(t, dir, "mmproj-right.gguf")
	seen(t, Look{Model: model, Choose: []string{a, b}}, model)
	seen(t, Look{Model: model, MMProj: b}, model, b)
	link(t, a, dir, "mmproj-right2.gguf") // another name of the first is not a third
	seen(t, Look{Model: model, Choose: []string{a, b}}, model)
}

func TestModelOfAVisionFile(t *testing.T) {
	dir := t.TempDir()
	mmproj := projector("qwen3vl_merger", 64).file(t, dir, "mmproj-Qwen3-VL-2B-F16.gguf")
	refused(t, "no model that fits lies beside it", mmproj)
	language("qwen3vl", 64).with("general.file_type", 15).file(t, dir, "Qwen3-VL-2B-Q4_K_M.gguf")
	language("llama", 64).file(t, dir, "Qwen3-VL-2B-distilled.gguf")
	best := language("qwen3vl", 64).file(t, dir, "Qwen3-VL-2B-Q8_0.gguf")
	seen(t, Look{Model: best, MMProj: mmproj}, mmproj)
	refused(t, "of the same kind", mmproj, projector("gemma3", 32).file(t, t.TempDir(), "mmproj.gguf"))
}

func TestTextOnly(t *testing.T) {
	text := language("llama", 64).file(t, t.TempDir(), "text.gguf")
	seen(t, Look{Model: text, Text: true}, text)
	blind := language("qwen3vl", 64).file(t, t.TempDir(), "blind.gguf")
	seen(t, Look{Model: blind}, blind) // it should have eyes
	tagged := language("llama", 64).with("general.tags", []string{"image-text-to-text"}).file(t, t.TempDir(), "x.gguf")
	seen(t, Look{Model: tagged}, tagged)
}

func TestSplitModels(t *testing.T) {
	dir := t.TempDir()
	var parts []string
	for n := range 3 {
		parts = append(parts, part(n, 3, language("qwen3vl", 64)).file(t, dir, fmt.Sprintf("big-%05d-of-00003.gguf", n+1)))
	}
	mmproj := projector("qwen3vl_merger", 64).file(t, dir, "mmproj-big.gguf")
	whole := Look{Model: parts[0], MMProj: mmproj}
	for _, p := range parts {
		seen(t, whole, p)
	}
	seen(t, whole, parts[2], parts[0], parts[1])
	seen(t, whole, parts[1], mmproj, parts[2])
	seen(t, whole, mmproj)
	e, err := Describe(parts[2], mmproj)
	if want := sizeOf(parts[0]) + sizeOf(parts[1]) + sizeOf(parts[2]) + sizeOf(mmproj); err != nil || e.Bytes != want || e.Model != parts[0] || e.MMProj != mmproj {
		t.Errorf("described as %+v, %v; want %d bytes", e, err, want)
	}

	if err := os.Rename(parts[1], filepath.Join(dir, "second.gguf")); err != nil {
		t.Fatal(err)
	}
	refused(t, "is part 3 of the 3 files of a model, and big-00002-of-00003.gguf is not beside it", parts[2])
	refused(t, "is part 1 of the 3 files of a model, and big-00002-of-00003.gguf is not beside it", parts[0])
	refused(t, "is part 2 of the 3 files of a model, and its name does not say so", filepath.Join(dir, "second.gguf"))
	refused(t, "no model that fits lies beside it", mmproj)

	language("llama", 8).file(t, dir, "big-00002-of-00003.gguf")
	refused(t, "is not part 2 of the same model as big-00001-of-00003.gguf", parts[0])
	put(t, []byte("GGUF"), dir, "big-00002-of-00003.gguf")
	refused(t, "big-00002-of-00003.gguf is not complete", parts[2])
	part(1, 3, header{}).file(t, dir, "big-00002-of-00003.gguf")
	language("llama", 8).file(t, dir, "big-00001-of-00003.gguf")
	refused(t, "is not a part of the same model as big-00001-of-00003.gguf", parts[2])
	swapped := part(1, 2, header{}).file(t, dir, "swap-00001-of-00002.gguf")
	refused(t, "its name does not say so", swapped)
}

func TestWhatIsNoModel(t *testing.T) {
	dir := t.TempDir()
	model := language("llama", 64).file(t, dir, "a.gguf")
	lora := header{map[string]any{"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora"}, nil}.file(t, dir, "lora.gguf")
	refused(t, "lora.gguf is an adapter (LoRA)", lora)
	refused(t, "lora.gguf is an adapter (LoRA)", model, lora)
	refused(t, "is an importance matrix", header{map[string]any{"general.type": "imatrix"}, map[string][]int{"a": {1}}}.file(t, dir, "imatrix.gguf"))
	refused(t, "holds a vocabulary", header{map[string]any{"general.architecture": "llama", "tokenizer.ggml.model": "gpt2"}, nil}.file(t, dir, "vocab.gguf"))
	refused(t, "holds no model", header{map[string]any{"general.architecture": "llama"}, nil}.file(t, dir, "empty.gguf"))
	sound := projector("ultravox", 64).with("clip.has_vision_encoder", false).with("clip.has_audio_encoder", true).file(t, dir, "mmproj-a.gguf")
	refused(t, "mmproj-a.gguf is for sound", sound)
	refused(t, "mmproj-a.gguf is for sound", model, sound)
	refused(t, "is not a GGUF model", model, put(t, []byte("# Read me"), dir, "README.md"))
}

// A warning is no refusal: the engine has the last word.
func TestWarnings(t *testing.T) {
	dir := t.TempDir()
	for want, h := range map[string]header{
		"made for a newer llama.cpp": language("qwen9vl", 64),
		"as Ollama packs them":       language("gemma3", 64).plus("v.blk.0.attn_q.weight", 8),
		"Choose a chat model":        language("nomic-bert", 64),
	} {
		look, err := Identify(h.file(t, dir, strings.ReplaceAll(want, " ", "-")+".gguf"))
		if err != nil || look.Model == "" || !strings.Contains(look.Warning, want) || !strings.HasSuffix(look.Warning, ".") {
			t.Errorf("%+v, %v; want %q", look, err, want)
		}
	}
	model := language("llama", 64).file(t, dir, "m.gguf")
	for want, h := range map[string]header{"made for a newer llama.cpp": projector("newest", 0), "of an old form": projector("", 0)} {
		look, err := Identify(model, h.file(t, dir, "mmproj.gguf"))
		if err != nil || look.MMProj == "" || !strings.Contains(look.Warning, want) {
			t.Errorf("%+v, %v; want %q", look, err, want)
		}
	}
	if look, err := Identify(model); err != nil || look.Warning != "" {
		t.Errorf("%+v, %v", look, err)
	}
}

// The files of models that were published, as far as their headers go.
func TestSynthetic(t *testing.T) {
	dir := t.TempDir()
	var models, mmprojs []string
	for _, m := range synth.Models() {
		model, mmproj := filepath.Join(dir, m.Name+"-Q8_0.gguf"), filepath.Join(dir, "mmproj-"+m.Name+"-Q8_0.gguf")
		if err := m.Sketch(model, mmproj); err != nil {
			t.Fatal(err)
		}
		models, mmprojs = append(models, model), append(mmprojs, mmproj)
	}
	for i := range models {
		seen(t, Look{Model: models[i], MMProj: mmprojs[i]}, models[i])
		seen(t, Look{Model: models[i], MMProj: mmprojs[i]}, mmprojs[i])
	}
	e, err := Describe(models[2], mmprojs[2])
	if err != nil || e.Name != "Qwen3-VL-2B (random weights)" || e.Quant != "Q8_0" || e.Family != "qwen3vl" || e.Source != Own || e.Gone {
		t.Errorf("described as %+v, %v", e, err)
	}
}

func TestTitles(t *testing.T) {
	dir := t.TempDir()
	for want, c := range map[string]struct {
		h    header
		path string
	}{
		"Qwen3-VL 4B Instruct":        {language("qwen3vl", 8).with("general.basename", "Qwen3-VL").with("general.size_label", "4B").with("general.finetune", "Instruct").with("general.name", "Qwen3 Vl 4B Instruct"), "a.gguf"},
		"Gemma 3 270m It":             {language("gemma3", 8).with("general.name", "Gemma 3 270m It").with("general.size_label", "270M"), "a.gguf"},
		"gemma-3-4b-it":               {language("gemma3", 8).with("general.name", "Model"), "gemma-3-4b-it-Q4_K_M.gguf"},
		"big":                         {part(0, 1, language("llama", 8)), "big-UD-Q4_K_XL-00001-of-00001.gguf"},
		"MyModel":                     {language("llama", 8), "MyModel/model.gguf"},
		"two lines":                   {language("llama", 8).with("general.name", "two\n\tlines\u202e\x00"), "a.gguf"},
		strings.Repeat("x", 79) + "…": {language("llama", 8).with("general.name", strings.Repeat("x", 1<<20)), "a.gguf"},
	} {
		if e, err := Describe(c.h.file(t, dir, c.path), ""); err != nil || e.Name != want {
			t.Errorf("named %q, %v; want %q", e.Name, err, want)
		}
	}
}

func TestStems(t *testing.T) {
	for name, want := range map[string]string{
		"Qwen3-VL-2B-Instruct-Q8_0.gguf":          "Qwen3-VL-2B-Instruct",
		"mmproj-F16.gguf":                         "mmproj",
		"llava-v1.6-mistral-7b.Q4_K_M.gguf":       "llava-v1.6-mistral-7b",
		"x-UD-IQ2_XXS-00002-of-00009.gguf":        "x",
		"Qwen3VL-2B-Instruct-bf16.GGUF":           "Qwen3VL-2B-Instruct",
		"gpt-oss-20b-mxfp4.gguf":                  "gpt-oss-20b",
		"ggml-model-f16.gguf":                     "ggml-model",
		"Q8_0.gguf":                               "",
		"qwen2-vl.gguf":                           "qwen2-vl",
		"unsloth_Qwen3-4B-GGUF_Qwen3-4B-F16.gguf": "unsloth_Qwen3-4B-GGUF_Qwen3-4B",
	} {
		if got := stemOf(name); got != want {
			t.Errorf("stemOf(%s) = %q, want %q", name, got, want)
		}
	}
}

// A folder with far more files than are read: the partner is found all the same.
func TestPartnerInAHugeFolder(t *testing.T) {
	dir := t.TempDir()
	for n := range 2 * maxBeside {
		put(t, []byte("GGUF"), dir, fmt.Sprintf("a%04d.gguf", n))
	}
	model := language("qwen3vl", 64).file(t, dir, "zebra-2B-Q8_0.gguf")
	mmproj := projector("qwen3vl_merger", 64).file(t, dir, "zebra-2B-mmproj.gguf")
	seen(t, Look{Model: model, MMProj: mmproj}, model)
	seen(t, Look{Model: model, MMProj: mmproj}, mmproj)
}
