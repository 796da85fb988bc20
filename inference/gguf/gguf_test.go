package gguf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// writer makes GGUF files for tests.
type writer struct {
	version uint32
	pairs   []byte
	nPairs  uint64
	infos   []byte
	nInfos  uint64
	data    int64
	align   int64
}

func newWriter() *writer { return &writer{version: 3, align: 32} }

func appendString(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func (w *writer) pair(key string, t valueType, value []byte) *writer {
	w.pairs = appendString(w.pairs, key)
	w.pairs = binary.LittleEndian.AppendUint32(w.pairs, uint32(t))
	w.pairs = append(w.pairs, value...)
	w.nPairs++
	return w
}

func (w *writer) str(key, value string) *writer {
	return w.pair(key, typeString, appendString(nil, value))
}

func (w *writer) u32(key string, v uint32) *writer {
	return w.pair(key, typeU32, binary.LittleEndian.AppendUint32(nil, v))
}

func (w *writer) bool(key string, v bool) *writer {
	b := byte(0)
	if v {
		b = 1
	}
	return w.pair(key, typeBool, []byte{b})
}

func (w *writer) array(key string, t valueType, n uint64, elements []byte) *writer {
	b := binary.LittleEndian.AppendUint32(nil, uint32(t))
	b = binary.LittleEndian.AppendUint64(b, n)
	return w.pair(key, typeArray, append(b, elements...))
}

func (w *writer) tensor(name string, t Type, dims ...int64) *writer {
	w.infos = appendString(w.infos, name)
	w.infos = binary.LittleEndian.AppendUint32(w.infos, uint32(len(dims)))
	for _, d := range dims {
		w.infos = binary.LittleEndian.AppendUint64(w.infos, uint64(d))
	}
	w.infos = binary.LittleEndian.AppendUint32(w.infos, uint32(t))
	w.infos = binary.LittleEndian.AppendUint64(w.infos, uint64(w.data))
	n, _ := t.bytes(dims)
	w.data = (w.data + n + w.align - 1) / w.align * w.align
	w.nInfos++
	return w
}

// header is the file without its tensors' data.
func (w *writer) header() []byte {
	b := binary.LittleEndian.AppendUint32([]byte("GGUF"), w.version)
	b = binary.LittleEndian.AppendUint64(b, w.nInfos)
	b = binary.LittleEndian.AppendUint64(b, w.nPairs)
	return append(append(b, w.pairs...), w.infos...)
}

func (w *writer) file() []byte {
	b := w.header()
	for int64(len(b))%w.align != 0 {
		b = append(b, 0)
	}
	return append(b, make([]byte, w.data)...)
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, name string, w *writer) *File {
	t.Helper()
	f, err := Read(write(t, name, w.file()))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func model() *writer {
	return newWriter().str("general.architecture", "qwen3vl").str("general.type", "model").str("general.name", "Tiny").
		u32("qwen3vl.embedding_length", 64).u32("qwen3vl.n_deepstack_layers", 3).
		tensor("token_embd.weight", 8, 64, 10).tensor("output_norm.weight", 0, 64)
}

// projector is an mmproj of the given width.
func projector(kind string, width int64, deepstack int) *writer {
	w := newWriter().str("general.architecture", "clip").str("clip.projector_type", kind).bool("clip.has_vision_encoder", true).
		u32("clip.vision.projection_dim", uint32(width)).u32("clip.vision.patch_size", 16).u32("clip.vision.spatial_merge_size", 2).
		tensor("mm.2.bias", 0, width)
	for i := range deepstack {
		w.tensor(fmt.Sprintf("v.deepstack.%d.fc1.weight", i), 1, 32, 32)
	}
	return w
}

func TestRead(t *testing.T) {
	w := model().str("tokenizer.chat_template", strings.Repeat("{{ x }}", 9000)).
		array("small", typeI16, 2, []byte{1, 0, 0xff, 0xff}).
		array("scores", typeF32, 5000, make([]byte, 20000))
	var words []byte
	for i := range 3000 {
		words = appendString(words, fmt.Sprint("word", i))
	}
	w.array("tokenizer.ggml.tokens", typeString, 3000, words).u32("after", 77)
	f := open(t, "tiny.gguf", w)

	if f.Version != 3 || f.Alignment != 32 || f.Kind() != KindModel || f.Architecture() != "qwen3vl" || f.Name() != "Tiny" {
		t.Errorf("%+v, %s", f, f.Kind())
	}
	if f.EmbeddingLength() != 64 || f.InputWidth() != 256 || f.Uint("after") != 77 {
		t.Error(f.EmbeddingLength(), f.InputWidth(), f.Uint("after"))
	}
	if n := len(f.String("tokenizer.chat_template")); n != 63000 {
		t.Errorf("template of %d bytes", n)
	}
	if v, _ := f.Value("small"); fmt.Sprint(v) != "{2 [1 -1]}" {
		t.Errorf("small is %v", v)
	}
	if v, _ := f.Value("tokenizer.ggml.tokens"); v.(Array).Len != 3000 || v.(Array).Values != nil {
		t.Errorf("tokens are %v", v)
	}
	if len(f.Tensors) != 2 || f.Tensors[0].Bytes != 64*10/32*34 || f.Weights() != 680+256 || f.Tensors[0].Type.String() != "Q8_0" {
		t.Errorf("tensors %+v", f.Tensors)
	}
	if f.Bytes != f.Size || f.DataStart%32 != 0 {
		t.Errorf("needs %d of %d", f.Bytes, f.Size)
	}
}

func TestNumbers(t *testing.T) {
	f := open(t, "a.gguf", newWriter().
		pair("u8", typeU8, []byte{200}).pair("i8", typeI8, []byte{0xff}).
		pair("u64", typeU64, []byte{0, 0, 0, 0, 1, 0, 0, 0}).pair("i32", typeI32, []byte{5, 0, 0, 0}).
		pair("f32", typeF32, binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))))
	if f.Uint("u8") != 200 || f.Uint("i8") != 0 || f.Uint("u64") != 1<<32 || f.Uint("i32") != 5 || f.Uint("f32") != 0 {
		t.Error(f.meta)
	}
	if v, _ := f.Value("f32"); v != float32(1.5) {
		t.Error(v)
	}
}

func TestVersion2AndAlignment(t *testing.T) {
	w := newWriter()
	w.version, w.align = 2, 128
	f := open(t, "a.gguf", w.u32("general.alignment", 128).tensor("a", 0, 3).tensor("b", 12, 256, 2))
	if f.Version != 2 || f.Alignment != 128 || f.DataStart%128 != 0 || f.Bytes != f.DataStart+128+288 {
		t.Errorf("%+v", f)
	}
}

func TestKind(t *testing.T) {
	tests := []struct {
		want Kind
		w    *writer
	}{
		{KindModel, newWriter().str("general.architecture", "llama").tensor("a", 0, 1)},
		{KindMMProj, projector("qwen3vl_merger", 64, 0)},
		{KindMMProj, newWriter().str("general.architecture", "clip").str("general.type", "mmproj")},
		{KindLoRA, newWriter().str("general.architecture", "llama").str("general.type", "adapter").tensor("a", 0, 1)},
		{KindLoRA, newWriter().str("general.architecture", "llama").str("adapter.type", "lora").tensor("a", 0, 1)},
		{KindSplit, newWriter().str("general.architecture", "llama").pair("split.count", typeU16, []byte{3, 0}).tensor("a", 0, 1)},
		{KindSplit, newWriter().pair("split.count", typeU16, []byte{3, 0}).tensor("a", 0, 1)},
		{KindOther, newWriter().str("general.architecture", "llama")},
		{KindOther, newWriter().str("general.type", "imatrix").tensor("a", 0, 1)},
	}
	for i, c := range tests {
		if k := open(t, "a.gguf", c.w).Kind(); k != c.want {
			t.Errorf("%d: %s, want %s", i, k, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	whole := model().file()
	version := func(v uint32) []byte {
		b := bytes.Clone(whole)
		binary.LittleEndian.PutUint32(b[4:], v)
		return b
	}
	large := newWriter().tensor("big", 0, 11_400_000).header() // 45.6 MB of weights, none of them there
	tests := []struct {
		name string
		data []byte
		kind error
		msg  string
	}{
		{"random.gguf", bytes.Repeat([]byte{7, 200, 13}, 99), ErrNotGGUF, "random.gguf is not a GGUF model. Choose a file that ends in .gguf."},
		{"short.gguf", []byte("GG"), ErrNotGGUF, "short.gguf is not a GGUF model. Choose a file that ends in .gguf."},
		{"empty.gguf", nil, ErrNotGGUF, "empty.gguf is empty. Download or copy it again."},
		{"page.gguf", []byte("<!DOCTYPE html><html>"), ErrNotGGUF, "page.gguf is a web page, not a model. Download the file itself."},
		{"lfs.gguf", []byte("version https://git-lfs.github.com/spec/v1\n"), ErrNotGGUF, "lfs.gguf is only a pointer to the model, not the model. Download the file itself."},
		{"v1.gguf", version(1), ErrVersion, "v1.gguf has the outdated GGUF version 1. Look for a newer file of this model."},
		{"v9.gguf", version(9), ErrVersion, "v9.gguf has GGUF version 9; this version of Galago reads 2 and 3. Look for a newer Galago."},
		{"big.gguf", version(3 << 24), ErrVersion, "big.gguf was written for a big-endian machine. Look for a little-endian GGUF of this model."},
		{"cut.gguf", whole[:100], ErrTruncated, "cut.gguf is not complete: it has 0.1 kB and ends inside its own description. Download or copy it again."},
		{"large.gguf", large, ErrTruncated, "large.gguf is not complete: it has 0.1 kB of 45.6 MB. Download or copy it again."},
		{"type.gguf", newWriter().tensor("a", 99, 1).file(), ErrVersion, "type.gguf holds weights of the unknown kind 99. It is damaged, or a newer Galago is needed."},
		{"twice.gguf", newWriter().tensor("a", 0, 1).tensor("a", 0, 1).file(), ErrDamaged, `twice.gguf is damaged: the tensor "a" stands twice. Download it again.`},
		{"rows.gguf", newWriter().tensor("a", 8, 33).file(), ErrDamaged, `rows.gguf is damaged: the tensor "a" measures [33] at 0. Download it again.`},
		{"flow.gguf", newWriter().tensor("a", 0, 1<<40, 1<<40).header(), ErrDamaged, `flow.gguf is damaged: the tensor "a" measures [1099511627776 1099511627776] at 0. Download it again.`},
		{"align.gguf", newWriter().u32("general.alignment", 3).file(), ErrDamaged, "align.gguf is damaged: it has the alignment 3. Download it again."},
		{"nest.gguf", newWriter().array("a", typeArray, 1, make([]byte, 12)).file(), ErrVersion, "nest.gguf holds a list of the unknown type 9. It is damaged, or a newer Galago is needed."},
	}
	for _, c := range tests {
		_, err := Read(write(t, c.name, c.data))
		if !errors.Is(err, c.kind) || err.Error() != c.msg {
			t.Errorf("got  %v\nwant %s", err, c.msg)
		}
	}
	_, err := Read(filepath.Join(t.TempDir(), "gone.gguf"))
	if !errors.Is(err, ErrUnreadable) || !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err = Read(t.TempDir()); !errors.Is(err, ErrUnreadable) {
		t.Error(err)
	}
}

func TestTruncatedAnywhere(t *testing.T) {
	whole := model().array("list", typeString, 2, appendString(appendString(nil, "a"), "bc")).file()
	last := len(whole) // padding after the last tensor is not missed
	for last > 0 && whole[last-1] == 0 {
		last--
	}
	for n := range last {
		_, err := read(bytes.NewReader(whole[:n]), "a.gguf", int64(n))
		if n >= 4 && !errors.Is(err, ErrTruncated) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	// A file that shrinks after its size was taken.
	if _, err := read(bytes.NewReader(whole[:60]), "a.gguf", int64(len(whole))); !errors.Is(err, ErrTruncated) {
		t.Error(err)
	}
}

// Claims of a header must not make the reader take memory.
func TestClaimsTakeNoMemory(t *testing.T) {
	num := func(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }
	many := newWriter()
	many.nPairs, many.nInfos = 60000, 200000
	files := map[string][]byte{
		"string":       newWriter().pair("a", typeString, num(1<<62)).file(),
		"string 4 GB":  newWriter().pair("a", typeString, num(1<<32)).file(),
		"array":        newWriter().array("a", typeU64, math.MaxUint64, nil).file(),
		"string array": newWriter().array("a", typeString, 1<<61, nil).file(),
		"counts":       many.file(),
		"key":          append(newWriter().u32("a", 1).header()[:24], num(1<<60)...),
	}
	for name, data := range files {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := read(bytes.NewReader(data), "a.gguf", int64(len(data)))
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s is accepted", name)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
			t.Errorf("%s took %d bytes", name, took)
		}
	}
}

func TestVisionOf(t *testing.T) {
	tests := []struct {
		w      *writer
		kind   string
		factor int
	}{
		{projector("qwen3vl_merger", 64, 3), "qwen3vl_merger", 32},
		{newWriter().str("clip.projector_type", "qwen2.5vl_merger").u32("clip.vision.patch_size", 14), "qwen2.5vl_merger", 28},
		{newWriter().str("clip.vision.projector_type", "qwen2vl_merger").u32("clip.vision.patch_size", 14), "qwen2vl_merger", 28},
		{newWriter().str("clip.projector_type", "gemma3").u32("clip.vision.patch_size", 14), "gemma3", 0},
		{newWriter().str("clip.projector_type", "qwen3vl_merger").u32("clip.vision.patch_size", 16).u32("clip.vision.spatial_merge_size", 4), "qwen3vl_merger", 0},
		{newWriter().str("clip.projector_type", "qwen3vl_merger").u32("clip.vision.patch_size", math.MaxUint32), "qwen3vl_merger", 0},
		{newWriter(), "", 0},
	}
	for i, c := range tests {
		if kind, factor := VisionOf(open(t, "mmproj.gguf", c.w)); kind != c.kind || factor != c.factor {
			t.Errorf("%d: %s %d, want %s %d", i, kind, factor, c.kind, c.factor)
		}
	}
}

func TestMatchMMProj(t *testing.T) {
	m := open(t, "tiny.gguf", model())
	plain := open(t, "old.gguf", newWriter().str("general.architecture", "qwen2vl").u32("qwen2vl.embedding_length", 64).tensor("a", 0, 1))
	tests := []struct {
		name  string
		model *File
		w     *writer
		msg   string
	}{
		{"fits", m, projector("qwen3vl_merger", 64, 3), ""},
		{"fits without deepstack", plain, projector("qwen2vl_merger", 64, 0), ""},
		{"of a kind that is not known", m, projector("granite4_vision", 9, 0), ""},
		{
			"too wide", m, projector("qwen3vl_merger", 96, 3),
			"mmproj.gguf belongs to another model than tiny.gguf: it gives 384 numbers a token where the model reads 256. " +
				"Choose the mmproj file that was published beside the model.",
		},
		{
			"without its deepstack", m, projector("qwen2vl_merger", 64, 0),
			"mmproj.gguf belongs to another model than tiny.gguf: it gives 64 numbers a token where the model reads 256. " +
				"Choose the mmproj file that was published beside the model.",
		},
		{"a model", m, model(), "mmproj.gguf is not a vision file (model). Choose the file whose name begins with mmproj."},
		{
			"for sound", m, newWriter().str("general.architecture", "clip").bool("clip.has_audio_encoder", true),
			"mmproj.gguf is for sound, not for pictures. Choose the mmproj file for vision.",
		},
	}
	for _, c := range tests {
		err := MatchMMProj(c.model, open(t, "mmproj.gguf", c.w))
		if (err == nil) != (c.msg == "") || err != nil && (err.Error() != c.msg || !errors.Is(err, ErrMismatch)) {
			t.Errorf("%s: got %v\nwant %s", c.name, err, c.msg)
		}
	}
	mm := open(t, "mmproj.gguf", projector("qwen3vl_merger", 64, 3))
	if err := MatchMMProj(mm, mm); !errors.Is(err, ErrMismatch) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(model().file())
	f.Add(projector("qwen3vl_merger", 64, 3).file())
	f.Add(newWriter().array("a", typeString, 2, appendString(appendString(nil, "x"), "yz")).array("b", typeF64, 1, make([]byte, 8)).file())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := read(bytes.NewReader(data), "a.gguf", int64(len(data)))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error of type %T", err)
			}
			return
		}
		if file.Bytes < 0 || file.Bytes > file.Size || file.Weights() < 0 {
			t.Errorf("needs %d of %d, weights %d", file.Bytes, file.Size, file.Weights())
		}
		file.Kind()
		file.InputWidth()
		file.OutputWidth()
		VisionOf(file)
		_ = MatchMMProj(file, file)
	})
}
