package shelf

import (
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// header is what a GGUF file of a test says of itself.
type header struct {
	values  map[string]any // string, int (a u32), uint16, bool or []string
	tensors map[string][]int
}

// file writes a GGUF file, with folders as needed, and returns its path.
func (h header) file(t testing.TB, path ...string) string {
	t.Helper()
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(b, uint64(len(h.tensors)))
	b = le.AppendUint64(b, uint64(len(h.values)))
	for _, key := range slices.Sorted(maps.Keys(h.values)) {
		b = text(b, key)
		switch v := h.values[key].(type) {
		case string:
			b = text(le.AppendUint32(b, 8), v)
		case int:
			b = le.AppendUint32(le.AppendUint32(b, 4), uint32(v))
		case uint16:
			b = le.AppendUint16(le.AppendUint32(b, 2), v)
		case bool:
			b = append(le.AppendUint32(b, 7), map[bool]byte{true: 1}[v])
		case []string:
			b = le.AppendUint64(le.AppendUint32(le.AppendUint32(b, 9), 8), uint64(len(v)))
			for _, s := range v {
				b = text(b, s)
			}
		default:
			t.Fatalf("no form for %T", v)
		}
	}
	data := 0
	for _, name := range slices.Sorted(maps.Keys(h.tensors)) {
		b = le.AppendUint32(text(b, name), uint32(len(h.tensors[name])))
		n := 4
		for _, dim := range h.tensors[name] {
			b = le.AppendUint64(b, uint64(dim))
			n *= dim
		}
		b = le.AppendUint64(le.AppendUint32(b, 0), uint64(data)) // F32
		data += (n + 31) / 32 * 32
	}
	for len(b)%32 != 0 {
		b = append(b, 0)
	}
	return put(t, append(b, make([]byte, data)...), path...)
}

// with is a header with one value more.
func (h header) with(key string, value any) header {
	values := maps.Clone(h.values)
	values[key] = value
	return header{values, h.tensors}
}

// plus is a header with one tensor more.
func (h header) plus(tensor string, dims ...int) header {
	tensors := maps.Clone(h.tensors)
	tensors[tensor] = dims
	return header{h.values, tensors}
}

// put writes a file, with folders as needed.
func put(t testing.TB, data []byte, path ...string) string {
	t.Helper()
	p := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

func link(t testing.TB, target string, path ...string) string {
	t.Helper()
	p := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	err := os.Symlink(target, p)
	if err == nil {
		_, err = os.Lstat(p) // Wine 8 makes none, and no error of it
	}
	if err != nil {
		t.Skip("no links here: ", err)
	}
	return p
}

// language is a language model.
func language(arch string, width int) header {
	return header{
		map[string]any{"general.architecture": arch, "general.type": "model", arch + ".embedding_length": width, "general.file_type": 7},
		map[string][]int{"token_embd.weight": {width, 2}, "output_norm.weight": {width}},
	}
}

// projector is a vision file. The tensors of the kinds that the tests use end in a width at the place where llama.cpp looks.
func projector(kind string, width int) header {
	h := header{
		map[string]any{"general.architecture": "clip", "general.type": "mmproj", "clip.projector_type": kind, "clip.has_vision_encoder": true, "general.file_type": 1},
		map[string][]int{"v.blk.0.attn_q.weight": {8}},
	}
	switch kind {
	case "idefics3":
		return h.plus("mm.model.fc.weight", 1, width)
	case "mlp", "pixtral", "lfm2":
		return h.plus("mm.2.weight", 1, width)
	case "gemma3":
		return h.plus("mm.input_projection.weight", width)
	}
	return h.plus("mm.2.bias", width)
}

// part is the n-th file of a model of count files, counted from 0.
func part(n, count int, first header) header {
	h := header{map[string]any{"split.no": uint16(n), "split.count": uint16(count), "split.tensors.count": 2 * count}, map[string][]int{fmt.Sprintf("blk.%d.a", n): {8}}}
	if n == 0 {
		for key, value := range first.values {
			h.values[key] = value
		}
	}
	return h
}
