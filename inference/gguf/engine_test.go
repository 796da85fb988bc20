package gguf

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// namesIn are the names of a table in llama.cpp's source, which is there where the engine was built.
func namesIn(t *testing.T, file, table, entry string) []string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("..", "..", "build", "llama.cpp", filepath.FromSlash(file)))
	if err != nil {
		t.Skip("llama.cpp's source is not there: ", err)
	}
	_, rest, found := strings.Cut(string(source), table)
	body, _, ended := strings.Cut(rest, "\n};")
	if !found || !ended {
		t.Fatalf("%s has no table %s", file, table)
	}
	var list []string
	for _, m := range regexp.MustCompile(entry).FindAllStringSubmatch(body, -1) {
		if m[1] != "(unknown)" && m[1] != "clip" {
			list = append(list, m[1])
		}
	}
	slices.Sort(list)
	return list
}

// What is said of a model before it is loaded must be what the engine would say.
func TestTheEngineKnowsWhatWeSayItDoes(t *testing.T) {
	archs := namesIn(t, "src/llama-arch.cpp", "LLM_ARCH_NAMES = {", `\{ *LLM_ARCH_\w+, *"([^"]+)"`)
	if got := slices.Sorted(maps.Keys(architectures)); !slices.Equal(got, archs) {
		t.Errorf("architectures are\n%q, llama.cpp has\n%q", got, archs)
	}
	kinds := namesIn(t, "tools/mtmd/clip-impl.h", "PROJECTOR_TYPE_NAMES = {", `\{ *PROJECTOR_TYPE_\w+, *"([^"]+)"`)
	if got := slices.Sorted(maps.Keys(projectors)); !slices.Equal(got, kinds) {
		t.Errorf("projectors are\n%q, llama.cpp has\n%q", got, kinds)
	}
	for _, set := range []map[string]bool{searchers, helpers} {
		for name := range set {
			if !architectures[name] {
				t.Errorf("llama.cpp has no architecture %q", name)
			}
		}
	}
	for kind := range widths {
		if !projectors[kind] {
			t.Errorf("llama.cpp has no projector %q", kind)
		}
	}
}

func TestKnown(t *testing.T) {
	for _, c := range []struct {
		w      *writer
		known  bool
		answer bool
	}{
		{model(), true, true},
		{projector("qwen3vl_merger", 64, 0), true, true},
		{projector("qwen9vl_merger", 64, 0), false, true},
		{newWriter().str("general.architecture", "qwen9").tensor("a", 0, 1), false, true},
		{newWriter().str("general.architecture", "nomic-bert").tensor("a", 0, 1), true, false},
		{newWriter().str("general.architecture", "eagle3").tensor("a", 0, 1), true, false},
		{newWriter().str("general.type", "adapter").str("general.architecture", "qwen9"), true, true},
	} {
		f := open(t, "x.gguf", c.w)
		if f.Known() != c.known || f.Chats() != c.answer {
			t.Errorf("%s %s: known %v, chats %v", f.Architecture(), f.Projector(), f.Known(), f.Chats())
		}
	}
}

func TestQuant(t *testing.T) {
	base := func() *writer { return newWriter().str("general.architecture", "llama") }
	for want, w := range map[string]*writer{
		"Q4_K_M": base().u32("general.file_type", 15).tensor("a", 8, 64, 10),
		"Q8_0":   base().u32("general.file_type", 900).tensor("a", 8, 64, 10).tensor("b", 0, 8),
		"BF16":   base().tensor("a", 0, 8).tensor("b", 30, 64),
		"":       base(),
	} {
		if got := open(t, "x.gguf", w).Quant(); got != want {
			t.Errorf("Quant is %q, want %q", got, want)
		}
	}
}

func TestHoldsTower(t *testing.T) {
	if open(t, "x.gguf", model()).HoldsTower() || open(t, "x.gguf", projector("mlp", 64, 1)).HoldsTower() {
		t.Error("a tower is found where there is none")
	}
	if !open(t, "x.gguf", model().tensor("v.blk.0.attn_q.weight", 0, 8)).HoldsTower() {
		t.Error("the tower is not found")
	}
}

func TestPartNames(t *testing.T) {
	want := []string{"/m/a-00001-of-00003.gguf", "/m/a-00002-of-00003.gguf", "/m/a-00003-of-00003.gguf"}
	for _, path := range want {
		if got := PartNames(path); !slices.Equal(got, want) {
			t.Errorf("PartNames(%s) = %q", path, got)
		}
	}
	for _, path := range []string{"", "a.gguf", "a-00004-of-00003.gguf", "a-00000-of-00003.gguf", "a-1-of-3.gguf", "a-00001-of-00003.gguf.part", "a-00001-of-99999.gguf"} {
		if got := PartNames(path); got != nil {
			t.Errorf("PartNames(%s) = %q", path, got)
		}
	}
}

// partOf is a model's n-th file of count, counted from 0.
func partOf(n, count byte) *writer {
	w := newWriter().pair("split.no", typeU16, []byte{n, 0}).pair("split.count", typeU16, []byte{count, 0}).
		pair("split.tensors.count", typeI32, []byte{2, 0, 0, 0}).tensor("blk.0.a", 0, 8)
	if n == 0 {
		w.str("general.architecture", "llama")
	}
	return w
}

func TestOthers(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, w *writer) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, w.file(), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first, second := put("m-00001-of-00002.gguf", partOf(0, 2)), put("m-00002-of-00002.gguf", partOf(1, 2))
	f, err := Read(first)
	if err != nil {
		t.Fatal(err)
	}
	if rest, err := f.Others(); err != nil || len(rest) != 1 || rest[0].Path != second {
		t.Fatalf("the others: %v, %v", rest, err)
	}
	for why, w := range map[string]*writer{"the first again": partOf(0, 2), "one of three": partOf(1, 3), "a whole model": model()} {
		put("m-00002-of-00002.gguf", w)
		if _, err := f.Others(); !errors.Is(err, ErrMismatch) || !strings.Contains(err.Error(), "is not part 2 of the same model as m-00001-of-00002.gguf") {
			t.Errorf("%s as the second: %v", why, err)
		}
	}
	if err := os.Remove(second); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Others(); !errors.Is(err, ErrUnreadable) || !strings.Contains(err.Error(), "m-00002-of-00002.gguf is not beside it") {
		t.Errorf("without the second: %v", err)
	}
}

// A file of holes claims a description as long as itself: reading it must not take as long as reading the file.
func TestEndlessDescription(t *testing.T) {
	w := newWriter().str("general.architecture", "llama")
	w.array("tokens", typeString, 1<<36, nil) // each an empty text: eight bytes of nothing
	path := write(t, "holes.gguf", w.header())
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip("no such large files here: ", err)
	}
	if _, err := Read(path); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "description is too long") {
		t.Errorf("it is read: %v", err)
	}
}

// The vision file of a model in several files is compared with the first of them.
func TestMatchSplitModel(t *testing.T) {
	first := open(t, "m-00001-of-00002.gguf", model().pair("split.count", typeU16, []byte{2, 0}))
	if err := MatchMMProj(first, open(t, "mmproj.gguf", projector("qwen3vl_merger", 64, 3))); err != nil {
		t.Error(err)
	}
	if err := MatchMMProj(first, open(t, "mmproj.gguf", projector("qwen3vl_merger", 96, 3))); !errors.Is(err, ErrMismatch) {
		t.Errorf("another width: %v", err)
	}
}
