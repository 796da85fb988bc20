package app

import (
	"encoding/binary"
	"path/filepath"
	"strings"
	"testing"

	"galago/inference"
	"galago/inference/protocol"
)

// tinyGGUF is a GGUF file with some values and one tensor of n numbers.
func tinyGGUF(values map[string]any, tensor string, n int) []byte {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(b, 1) // tensors
	b = le.AppendUint64(b, uint64(len(values)))
	for key, value := range values {
		b = text(b, key)
		switch v := value.(type) {
		case string:
			b = text(le.AppendUint32(b, 8), v)
		case int:
			b = le.AppendUint32(le.AppendUint32(b, 4), uint32(v))
		case bool:
			b = append(le.AppendUint32(b, 7), 1)
		}
	}
	b = le.AppendUint32(text(b, tensor), 1) // dimensions
	b = le.AppendUint64(b, uint64(n))
	b = le.AppendUint32(b, 0) // F32
	b = le.AppendUint64(b, 0) // offset
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	return append(b, make([]byte, (4*n+31)/32*32)...)
}

func tinyModel(width int) []byte {
	return tinyGGUF(map[string]any{
		"general.architecture": "qwen2vl", "general.type": "model", "qwen2vl.embedding_length": width,
	}, "token_embd.weight", width)
}

func tinyMMProj(width int) []byte {
	return tinyGGUF(map[string]any{
		"general.architecture": "clip", "clip.projector_type": "qwen2vl_merger", "clip.has_vision_encoder": true,
	}, "mm.2.bias", width)
}

// TestPairByWidth has two models of different widths in one folder, each with its vision file.
func TestPairByWidth(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, data []byte) string { return write(t, filepath.Join(dir, name), data) }
	small, large := put("small-Q8_0.gguf", tinyModel(64)), put("large-Q8_0.gguf", tinyModel(96))
	// The names point the wrong way; what counts is whether the files fit.
	forLarge, forSmall := put("mmproj-small.gguf", tinyMMProj(96)), put("mmproj-x.gguf", tinyMMProj(64))
	other := put("other.gguf", tinyModel(128))
	otherMMProj := put("mmproj-other.gguf", tinyMMProj(256))

	for name, c := range map[string]struct {
		a, b string
		want files
	}{
		"small":                       {a: small, want: files{small, forSmall}},
		"large":                       {a: large, want: files{large, forLarge}},
		"vision file of the large":    {a: forLarge, want: files{large, forLarge}},
		"chosen in the second place":  {b: forSmall, want: files{small, forSmall}},
		"none of the neighbours fits": {a: other, want: files{model: other}},
		// Chosen by hand they are taken as they are: the service says which does not belong to which.
		"mismatched by hand": {a: other, b: forSmall, want: files{other, forSmall}},
	} {
		if got, err := pair(c.a, c.b); err != nil || got != c.want {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.want)
		}
	}
	_, err := pair(otherMMProj, "")
	if inference.CodeOf(err) != protocol.CodeModelInvalid || !strings.Contains(problem(err).Text, "no model that fits lies beside it") {
		t.Errorf("a vision file that fits nothing: %v", err)
	}
}

// TestTruncatedModel cuts a model at every length, as a download that was broken off leaves it.
func TestTruncatedModel(t *testing.T) {
	whole := tinyModel(64)
	path := filepath.Join(t.TempDir(), "half.gguf")
	for n := range whole {
		write(t, path, whole[:n])
		_, err := pair(path, "")
		if err == nil {
			t.Fatalf("%d of %d bytes pass for a model", n, len(whole))
		}
		if p := problem(err); !strings.Contains(p.Text, "half.gguf") || !strings.HasSuffix(p.Text, ".") {
			t.Fatalf("%d bytes: %+v", n, p)
		}
	}
}
