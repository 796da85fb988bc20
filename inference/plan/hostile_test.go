package plan

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galago/inference/gguf"
	"galago/vram"
)

// header is a GGUF file made by hand: strings, numbers and tensors of one F32 each.
type header struct {
	pairs          []byte
	nPairs         uint64
	infos          []byte
	nTensors, data uint64
}

func (h *header) text(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

func (h *header) str(key, value string) *header {
	h.pairs = h.text(binary.LittleEndian.AppendUint32(h.text(h.pairs, key), 8), value)
	h.nPairs++
	return h
}

func (h *header) num(key string, n uint64) *header {
	h.pairs = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(h.text(h.pairs, key), 10), n)
	h.nPairs++
	return h
}

func (h *header) yes(key string) *header {
	h.pairs = append(binary.LittleEndian.AppendUint32(h.text(h.pairs, key), 7), 1)
	h.nPairs++
	return h
}

func (h *header) tensor(name string) *header {
	h.infos = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(h.text(h.infos, name), 1), 1)
	h.infos = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(h.infos, 0), h.data)
	h.nTensors++
	h.data += 32
	return h
}

func (h *header) write(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, h.bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func (h *header) bytes() []byte {
	b := binary.LittleEndian.AppendUint64([]byte("GGUF\x03\x00\x00\x00"), h.nTensors)
	b = append(append(binary.LittleEndian.AppendUint64(b, h.nPairs), h.pairs...), h.infos...)
	return append(b, make([]byte, h.data+64)...)
}

func language() *header {
	return new(header).str("general.architecture", "qwen3vl").tensor("token_embd.weight").tensor("blk.0.a").tensor("blk.-7.b").
		tensor("blk.999999999.c").tensor("blk.99999999999999999999.d")
}

func tower() *header {
	return new(header).str("general.architecture", "clip").str("clip.projector_type", "qwen3vl_merger").yes("clip.has_vision_encoder").
		tensor("v.deepstack.0.fc1.weight")
}

var modelKeys = []string{
	"context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count", "attention.head_count_kv",
	"attention.key_length", "attention.value_length", "n_deepstack_layers", "expert_used_count", "expert_shared_count",
	"expert_feed_forward_length", "vocab_size",
}

var towerKeys = []string{"embedding_length", "feed_forward_length", "patch_size", "image_size", "n_wa_pattern", "projection_dim"}

// everything asks all that can be asked about facts, and fails if a step of the ladder does not come to an end.
func everything(t *testing.T, f *Facts, want Settings, d Device, k Known) {
	t.Helper()
	s, b := f.Choose(want, d, k)
	f.Changes(s, d, k)
	f.Changes(want, d, k)
	f.KVBytes(want)
	f.EncodeBytes(want.ImageMaxTokens, k)
	if b.Fits() && b.Need() > d.Free {
		t.Errorf("%+v fits", b)
	}
	for _, stage := range []Stage{StageWeights, StageVision, StageContext, StageEncode, StageDecode, "none"} {
		next, steps := s, 0
		for ok := true; ok; steps++ {
			next, _, ok = f.Reduce(next, d, stage)
		}
		if steps > 60 {
			t.Errorf("%d steps down from %+v", steps, s)
		}
	}
}

// TestHostileHeaders gives the planner figures that no model has: it must come to an end without a panic.
func TestHostileHeaders(t *testing.T) {
	noise := rand.New(rand.NewPCG(3, 4))
	extreme := []uint64{0, 1, 2, 31, 64, 512, 1 << 20, 1<<31 - 1, 1 << 31, 1 << 32, 1<<32 + 1, 1 << 40, 1 << 62, 1 << 63, math.MaxUint64}
	for i := range 30 {
		m, p := language(), tower()
		for _, key := range modelKeys {
			if noise.IntN(4) > 0 {
				m.num("qwen3vl."+key, extreme[noise.IntN(len(extreme))])
			}
		}
		for _, key := range towerKeys {
			if noise.IntN(4) > 0 {
				p.num("clip.vision."+key, extreme[noise.IntN(len(extreme))])
			}
		}
		model, err := gguf.Read(m.write(t, "m.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		mmproj, err := gguf.Read(p.write(t, "mmproj.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		f, err := Of(model, mmproj)
		if err != nil {
			t.Fatal(err)
		}
		figure := func() int {
			return []int{0, 0, 1, -1, 4096, math.MaxInt, math.MinInt, noise.IntN(1 << 20)}[noise.IntN(8)]
		}
		want := Settings{Context: figure(), GPULayers: figure(), ImageMinTokens: figure(), ImageMaxTokens: figure()}
		k := Known{}
		if i%3 == 0 {
			k = Known{Encode: extreme[noise.IntN(len(extreme))], EncodeTokens: figure(), Runtime: 1}
		}
		everything(t, f, want, card(8), k)
		everything(t, f, want, system, k)
	}
}

// TestHostileSizes: what is far too large does not fit, also where its bytes are no longer counted in 64 bits.
func TestHostileSizes(t *testing.T) {
	for _, c := range []struct {
		name         string
		model, tower map[string]uint64
		part         vram.Part
	}{
		{"key and value heads", map[string]uint64{"attention.head_count_kv": 1 << 32, "attention.key_length": 1 << 32}, nil, vram.PartKV},
		{"cells", map[string]uint64{"context_length": 1 << 62, "attention.head_count_kv": 1 << 31, "attention.key_length": 1 << 26}, nil, vram.PartKV},
		{"width", map[string]uint64{"embedding_length": 1 << 62}, nil, vram.PartCompute},
		{"deepstack", map[string]uint64{"embedding_length": 4096, "n_deepstack_layers": math.MaxUint64}, nil, vram.PartCompute},
		{"feed-forward", map[string]uint64{"feed_forward_length": 1 << 63}, nil, vram.PartCompute},
		{"experts", map[string]uint64{"expert_used_count": 1 << 32, "expert_feed_forward_length": 1 << 32}, nil, vram.PartCompute},
		{"tower's width", nil, map[string]uint64{"embedding_length": 1 << 62}, vram.PartEncode},
		{"patch", nil, map[string]uint64{"patch_size": 1 << 32, "image_size": 1 << 33}, vram.PartEncode},
		{"picture", nil, map[string]uint64{"patch_size": 1000, "image_size": 1 << 42}, vram.PartEncode},
	} {
		m, p := language().num("qwen3vl.block_count", 4), tower()
		for key, n := range c.model {
			m.num("qwen3vl."+key, n)
		}
		if c.tower["patch_size"] == 0 {
			p.num("clip.vision.patch_size", 16)
		}
		for key, n := range c.tower {
			p.num("clip.vision."+key, n)
		}
		model, err := gguf.Read(m.write(t, "m.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		mmproj, err := gguf.Read(p.write(t, "mmproj.gguf"))
		if err != nil {
			t.Fatal(err)
		}
		f := &Facts{Model: model, MMProj: mmproj}
		for _, d := range []Device{card(8), system} {
			b := f.Budget(Settings{Context: 1 << 40, ImageMaxTokens: 4096}, d, Known{})
			if b.Fits() || b.Of(c.part) < 1<<30 {
				t.Errorf("%s on %s: %d bytes of %d", c.name, d.Name, b.Of(c.part), b.Need())
			}
		}
	}
}

// TestManyLayersAndTensors is quick only if headers are not read again for every setting that is tried.
func TestManyLayersAndTensors(t *testing.T) {
	m := new(header).str("general.architecture", "qwen3vl").num("qwen3vl.block_count", math.MaxUint64).
		num("qwen3vl.embedding_length", 1<<20).num("qwen3vl.attention.head_count", 8)
	for i := range 50_000 {
		m.tensor(fmt.Sprintf("blk.%d.a%d", i%512, i))
	}
	model, err := gguf.Read(m.write(t, "m.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	everything(t, &Facts{Model: model}, Settings{}, card(0.2), Known{})
}

// TestPartsWithoutNames: only the names say where a model's other files are. Without them the first would be read again
// for each that it claims.
func TestPartsWithoutNames(t *testing.T) {
	for _, name := range []string{"m.gguf", "m-00001-of-00003.gguf", "m-00001-of-65535-copy.gguf", "m-00002-of-65535.gguf"} {
		m := language().num("split.count", 65535).num("split.no", 0)
		path := m.write(t, name)
		_, err := Read(path, "")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzFacts: whatever two files hold that can be read as headers, the planner comes to an end.
func FuzzFacts(f *testing.F) {
	m, p := language(), tower()
	for i, key := range modelKeys {
		m.num("qwen3vl."+key, uint64(i+1)<<i)
	}
	for _, key := range towerKeys {
		p.num("clip.vision."+key, 64)
	}
	f.Add(m.bytes(), p.bytes(), 0, 0)
	f.Add(m.bytes(), p.bytes(), 4096, 2)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, model, mmproj []byte, context, layers int) {
		a, b := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "mmproj.gguf")
		for path, data := range map[string][]byte{a: model, b: mmproj} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		facts, err := Read(a, b)
		if err != nil {
			facts, err = Read(a, "")
		}
		if err == nil {
			everything(t, facts, Settings{Context: context, GPULayers: layers}, card(1), Known{})
		}
	})
}
