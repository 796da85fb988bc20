package plan

import (
	"testing"

	"galago/inference/gguf/synth"
	"galago/vram"
)

// shapeOf is what a catalogue would say of a synthetic model.
func shapeOf(m synth.Model) Shape {
	t := Tower{
		Projector: "qwen3vl_merger", Width: int(m.Tower.Width), FF: int(m.Tower.FF), Patch: int(m.Tower.Patch),
		Image: int(m.Tower.Side * m.Tower.Patch), Deepstack: len(m.Tower.Deepstack),
	}
	if m.Arch == "qwen2vl" {
		t.Projector, t.Image, t.Gated, t.Window = "qwen2.5vl_merger", 560, true, int(m.Tower.Window)
	}
	return Shape{
		Arch: m.Arch, Layers: int(m.Layers), Width: int(m.Width), FF: int(m.FF), Heads: int(m.Heads), KVHeads: int(m.KVHeads),
		Head: int(m.HeadDim), Vocab: int(m.Vocab), Context: int(m.Context), Tower: t,
	}
}

// TestShapeAgainstHeaders: a budget without files is that with files, line by line, whatever the settings. What may
// differ is a few KiB of metadata in the vision file, whose size stands for its weights, and biases.
func TestShapeAgainstHeaders(t *testing.T) {
	for _, m := range []synth.Model{synth.Qwen3VL2B, synth.Qwen3VL4B, synth.Qwen25VL3B} {
		files := facts(t, m)
		model, mmproj := m.Sizes()
		f, err := shapeOf(m).Facts("Q8_0", model, mmproj)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []Device{card(3), card(8), system} {
			for _, s := range []Settings{{}, {Context: 32768, KVType: Q8}, {GPULayers: 12}, {VisionCPU: true, ImageMaxTokens: 512}, {GPULayers: -1}} {
				a, b := f.Budget(s, d, Known{}), files.Budget(s, d, Known{})
				for _, part := range []vram.Part{vram.PartWeights, vram.PartVision, vram.PartKV, vram.PartCompute, vram.PartEncode, vram.PartRuntime, vram.PartMargin} {
					if diff := int64(a.Of(part)) - int64(b.Of(part)); diff < -mib || diff > mib {
						t.Errorf("%s on %s, %+v: %s is %d bytes from dimensions and %d from headers", m.Name, d.Name, s, part, a.Of(part), b.Of(part))
					}
				}
			}
			if a, _ := f.Choose(Settings{}, d, Known{}); a != first(files.Choose(Settings{}, d, Known{})) {
				t.Errorf("%s on %s: chosen %+v from dimensions", m.Name, d.Name, a)
			}
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// TestShapeOfOtherForms: the quantisations differ as they do in llama.cpp, layers without keys take no cache, and what
// is not known one by one is spread.
func TestShapeOfOtherForms(t *testing.T) {
	s := shapeOf(synth.Qwen3VL2B)
	// Qwen/Qwen3-VL-2B-Instruct-GGUF, as published.
	for quant, published := range map[string]int64{"Q8_0": 1_834_427_424, "Q4_K_M": 1_107_409_952} {
		n, err := s.FileBytes(quant)
		if err != nil || n < published*999/1000 || n > published*1001/1000 {
			t.Errorf("%s: %d bytes, published %d, %v", quant, n, published, err)
		}
	}
	hybrid := s
	hybrid.KVLayers = []int{0, 3}
	f, err := hybrid.Facts("Q8_0", 0, 445_053_216)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.KVBytes(Settings{Context: 1024}); got != 2*1024*4096 {
		t.Errorf("two layers keep %d bytes", got)
	}
	if _, err := s.Facts("IQ3_XXS", 0, 445_053_216); err == nil {
		t.Error("a quantisation that is not known was planned without a size")
	}
	if f, err = s.Facts("IQ3_XXS", 900_000_000, 445_053_216); err != nil {
		t.Fatal(err)
	}
	if got := f.Budget(Settings{}, system, Known{}).Of(vram.PartWeights); got < 890_000_000 || got > 900_000_000 {
		t.Errorf("spread: %d bytes of weights", got)
	}
	if _, err := s.Facts("Q8_0", 0, 0); err == nil {
		t.Error("a vision file without a size was planned")
	}
	if _, err := (Shape{}).Facts("Q8_0", 1, 1); err == nil {
		t.Error("a model without dimensions was planned")
	}
}
