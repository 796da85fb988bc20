package synth

import (
	"path/filepath"
	"testing"

	"galago/inference/gguf"
)

func TestWriteIsReadBack(t *testing.T) {
	for _, m := range []Model{Tiny, Tiny25} {
		t.Run(m.Name, func(t *testing.T) {
			dir := t.TempDir()
			model, mmproj := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "p.gguf")
			if err := m.Write(model, mmproj); err != nil {
				t.Fatal(err)
			}
			a, err := gguf.Read(model)
			if err != nil {
				t.Fatal(err)
			}
			b, err := gguf.Read(mmproj)
			if err != nil {
				t.Fatal(err)
			}
			if err := gguf.MatchMMProj(a, b); err != nil {
				t.Error(err)
			}
			if n, p := m.Sizes(); a.Size != n || b.Size != p || a.Bytes > n || b.Bytes > p {
				t.Errorf("files of %d and %d bytes, Sizes says %d and %d", a.Size, b.Size, n, p)
			}
			if n, p := m.Weights(); a.Weights() != n || b.Weights() != p {
				t.Errorf("weights of %d and %d bytes, Weights says %d and %d", a.Weights(), b.Weights(), n, p)
			}
			want := map[string]int{"Tiny": 32, "Tiny2.5": 28}[m.Name]
			if _, factor := gguf.VisionOf(b); factor != want {
				t.Errorf("factor %d, want %d", factor, want)
			}
		})
	}
}

// TestTrueDimensions compares with sums made by hand and with the projectors that were published, from which ours differ
// in metadata alone.
func TestTrueDimensions(t *testing.T) {
	const q = 34.0 / 32 // bytes for each number in Q8_0
	for _, c := range []struct {
		m         Model
		weights   float64 // of the language model
		published int64   // bytes of the projector's file
	}{
		{Qwen3VL2B, 151936*2048*q + 2048*4 + 28*((2*2048*2048+2*2048*1024+3*2048*6144)*q+(2*2048+2*128)*4), 445_053_216},
		{Qwen3VL4B, 151936*2560*q + 2560*4 + 36*((2*2560*4096+2*2560*1024+3*2560*9728)*q+(2*2560+2*128)*4), 453_974_304},
		{Qwen25VL3B, 151936*2048*q + 2048*4 + 36*((2*2048*2048+2*2048*256+3*2048*11008)*q+(2*2048+2048+2*256)*4), 844_757_728},
	} {
		model, _ := c.m.Weights()
		if model != int64(c.weights) {
			t.Errorf("%s has weights of %d bytes, want %.0f", c.m.Name, model, c.weights)
		}
		if _, size := c.m.Sizes(); size > c.published || size < c.published-1024 {
			t.Errorf("%s: the projector's file has %d bytes, the published one %d", c.m.Name, size, c.published)
		}
	}
}
