package llama

import (
	"path/filepath"
	"strings"
	"testing"

	"galago/inference/gguf"
	"galago/inference/gguf/synth"
	"galago/inference/protocol"
)

// familyFiles writes the files of a family's small model.
func familyFiles(t *testing.T, name string) (model, mmproj string) {
	t.Helper()
	for _, f := range synth.Families() {
		if f.Name != name {
			continue
		}
		dir := t.TempDir()
		model, mmproj = filepath.Join(dir, "model.gguf"), filepath.Join(dir, "mmproj.gguf")
		if err := f.Write(model, mmproj); err != nil {
			t.Fatal(err)
		}
		return model, mmproj
	}
	t.Fatalf("there is no family %s", name)
	return "", ""
}

var smallTalk = []protocol.Message{
	{Role: "system", Text: "Be terse."},
	{Role: "user", Text: "which?", Images: 1},
	{Role: "assistant", Text: "That."},
	{Role: "user", Text: "why?"},
}

// The templates of the families' files, as their makers publish them, become these prompts.
func TestTemplatesOfFamilies(t *testing.T) {
	for family, want := range map[string]string{
		"Gemma 3": "<bos><start_of_turn>user\nBe terse.\n\n[picture 0]which?<end_of_turn>\n<start_of_turn>model\nThat.<end_of_turn>\n" +
			"<start_of_turn>user\nwhy?<end_of_turn>\n<start_of_turn>model\n",
		"SmolVLM": "<|im_start|>System: Be terse.<end_of_utterance>\nUser: [picture 0]which?<end_of_utterance>\n" +
			"Assistant: That.<end_of_utterance>\nUser: why?<end_of_utterance>\nAssistant:",
		"InternVL": "<|im_start|>system\nBe terse.<|im_end|>\n<|im_start|>user\n[picture 0]which?<|im_end|>\n" +
			"<|im_start|>assistant\nThat.<|im_end|>\n<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n",
		"Pixtral": "<s>[SYSTEM_PROMPT]Be terse.[/SYSTEM_PROMPT][INST][picture 0]which?[/INST]That.</s>[INST]why?[/INST]",
		"LFM2-VL": "<|startoftext|><|im_start|>system\nBe terse.<|im_end|>\n<|im_start|>user\n[picture 0]which?<|im_end|>\n" +
			"<|im_start|>assistant\nThat.<|im_end|>\n<|im_start|>user\nwhy?<|im_end|>\n<|im_start|>assistant\n",
	} {
		path, _ := familyFiles(t, family)
		f, err := gguf.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		bos := map[string]string{"Gemma 3": "<bos>", "LFM2-VL": "<|startoftext|>"}[family]
		if bos == "" {
			bos = "<s>"
		}
		tmpl, err := newChatTemplate(f.String("tokenizer.chat_template"), bos, "</s>")
		if err != nil {
			t.Fatalf("%s: %v", family, err)
		}
		parts, err := tmpl.parts(smallTalk, false)
		if got := prompted(parts); err != nil || got != want {
			t.Errorf("%s:\n%q, %v; want\n%q", family, got, err, want)
		}
	}
}

// A prompt is tokenized part by part. It must come out as it would in one piece: one BOS, and a vocabulary that writes a
// space before the first word writes none where a part goes on with a sentence.
func TestTokensOfParts(t *testing.T) {
	b := backend(t)
	defer load(t, 0)
	for family, want := range map[string]string{
		"LLaVA": "<s>▁USER:▁Be▁terse.<0x0A><0x0A>[picture]▁which?▁ASSISTANT:▁That.</s>▁USER:▁why?▁ASSISTANT:",
		"Gemma 3": "<bos><start_of_turn>user<0x0A>Be▁terse.<0x0A><0x0A><start_of_image>[picture]<end_of_image>which?" +
			"<end_of_turn><0x0A><start_of_turn>model<0x0A>That.<end_of_turn><0x0A><start_of_turn>user<0x0A>why?<end_of_turn><0x0A>" +
			"<start_of_turn>model<0x0A>",
	} {
		model, mmproj := familyFiles(t, family)
		if _, err := b.Load(t.Context(), protocol.Load{Model: model, MMProj: mmproj, Context: 512}, func(protocol.Progress) {}); err != nil {
			t.Fatal(err)
		}
		p, err := b.tokenize(protocol.Ask{Messages: smallTalk, Images: []protocol.Image{{Width: 64, Height: 64, Hash: "a"}}})
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, piece := range p.pieces {
			if piece.image != "" {
				text.WriteString("[picture]")
				continue
			}
			text.WriteString(b.tokenText(piece.token))
		}
		p.free()
		if got := text.String(); got != want {
			t.Errorf("%s:\n%s; want\n%s", family, got, want)
		}
	}
}
