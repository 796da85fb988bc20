package plan

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galago/inference/gguf"
	"galago/inference/gguf/synth"
	"galago/inference/protocol"
	"galago/vram"
)

const mib = 1 << 20

// facts are a model's at its true dimensions, without weights.
func facts(t testing.TB, m synth.Model) *Facts {
	t.Helper()
	dir := t.TempDir()
	model, mmproj := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "mmproj-m.gguf")
	if err := m.Sketch(model, mmproj); err != nil {
		t.Fatal(err)
	}
	f, err := Read(model, mmproj)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func builtIn(t testing.TB) *Facts {
	t.Helper()
	dir := filepath.Join("..", "..", "assets", "demo")
	f, err := Read(filepath.Join(dir, "galago-demo-Q8_0.gguf"), filepath.Join(dir, "mmproj-galago-demo-Q8_0.gguf"))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// card has everything free but what the window and others hold.
func card(gib float64) Device {
	total := uint64(gib * (1 << 30))
	return Device{Name: "a card", UUID: "GPU-1", Total: total, Free: total - 300*mib, Window: 100 * mib}
}

var system = Device{Name: "system memory", Total: 16 << 30, Free: 12 << 30}

func TestWeightsOnTheDevice(t *testing.T) {
	two, three := facts(t, synth.Qwen3VL2B), facts(t, synth.Qwen25VL3B)
	untied := *two
	tied, _ := two.Model.Tensor("token_embd.weight")
	head := tied
	head.Name = "output.weight"
	model := *two.Model
	model.Tensors = append(slices.Clone(model.Tensors), head)
	untied.Model = &model
	for _, c := range []struct {
		name   string
		f      *Facts
		layers int
		d      Device
		want   uint64
	}{
		// One layer of Qwen3-VL-2B: (2*2048*2048 + 2*2048*1024 + 3*2048*6144)*34/32 + (2*2048+2*128)*4 = 53,494,784
		// bytes. The output: 151936*2048*34/32 + 2048*4 = 330,620,928. llama.cpp's log says 1743.77, 978.52 and 315.30 MiB.
		{"2B, all", two, 0, card(8), 28*53_494_784 + 330_620_928},
		{"2B, 29 of 29", two, 29, card(8), 28*53_494_784 + 330_620_928},
		{"2B, more than there are", two, 99, card(8), 28*53_494_784 + 330_620_928},
		{"2B, 14 of 29", two, 14, card(8), 13*53_494_784 + 330_620_928},
		{"2B, the output", two, 1, card(8), 330_620_928},
		{"2B, none", two, -1, card(8), 0},
		{"2B, system memory", two, 0, system, 1_828_474_880},
		{"2B, none asked for in system memory", two, -1, system, 1_828_474_880},
		// Embeddings and output apart: the embeddings stay on the CPU.
		{"2B untied, all", &untied, 0, card(8), 1_828_474_880},
		{"2B untied, system memory", &untied, 0, system, 1_828_474_880 + 330_612_736},
		// Qwen2.5-VL-3B: (2*2048*2048 + 2*2048*256 + 3*2048*11008)*34/32 + (2*2048 + 2048 + 2*256)*4 = 81,913,856.
		{"2.5 3B, all", three, 0, card(8), 36*81_913_856 + 330_620_928},
		{"2.5 3B, 2 of 37", three, 2, card(8), 81_913_856 + 330_620_928},
	} {
		if got := c.f.Budget(Settings{GPULayers: c.layers}, c.d, Known{}).Of(vram.PartWeights); got != c.want {
			t.Errorf("%s: %d bytes, want %d (%+d)", c.name, got, c.want, int64(got)-int64(c.want))
		}
	}
	got := builtIn(t).Budget(Settings{}, system, Known{}).Of(vram.PartWeights)
	if math.Abs(float64(got)/mib-3.32) > 0.005 { // as llama.cpp's log says
		t.Errorf("built-in: %d bytes", got)
	}
}

func TestVisionWeights(t *testing.T) {
	two := facts(t, synth.Qwen3VL2B)
	for _, c := range []struct {
		s    Settings
		d    Device
		want uint64
	}{
		// The published file has 445,053,216 bytes, metadata included.
		{Settings{}, card(8), 445_034_496},
		{Settings{GPULayers: 3}, card(8), 445_034_496},
		{Settings{VisionCPU: true}, card(8), 0},
		{Settings{GPULayers: -1}, card(8), 0},
		{Settings{VisionCPU: true}, system, 445_034_496},
	} {
		b := two.Budget(c.s, c.d, Known{})
		if got := b.Of(vram.PartVision); got != c.want || (b.Of(vram.PartEncode) > 0) != (c.want > 0) {
			t.Errorf("%+v on %s: %d bytes, want %d; encode %d", c.s, c.d.Name, got, c.want, b.Of(vram.PartEncode))
		}
	}
}

func TestKVCache(t *testing.T) {
	two, four, three := facts(t, synth.Qwen3VL2B), facts(t, synth.Qwen3VL4B), facts(t, synth.Qwen25VL3B)
	for _, c := range []struct {
		name  string
		f     *Facts
		s     Settings
		whole uint64
		onto  uint64 // of a card
	}{
		// 28 layers x 8 heads x 128 numbers, keys and values: 112 KiB a token in f16, 59.5 in q8_0.
		{"2B f16", two, Settings{Context: 4096}, 4096 * 114_688, 4096 * 114_688},
		{"2B q8_0", two, Settings{Context: 4096, KVType: Q8}, 4096 * 60_928, 4096 * 60_928},
		{"2B padded", two, Settings{Context: 1000, KVType: Q8}, 1024 * 60_928, 1024 * 60_928},
		{"2B, 13 layers on the card", two, Settings{Context: 1024, KVType: Q8, GPULayers: 14}, 1024 * 60_928, 1024 * 60_928 * 13 / 28},
		{"2B, the output on the card", two, Settings{Context: 1024, GPULayers: 1}, 1024 * 114_688, 0},
		{"2B beyond its training", two, Settings{Context: 1 << 20}, 262_144 * 114_688, 262_144 * 114_688},
		{"4B f16", four, Settings{Context: 4096}, 4096 * 147_456, 4096 * 147_456}, // 36 layers
		// Qwen2.5-VL-3B has 36 layers of two heads: 36 KiB a token, and 19,584 bytes.
		{"2.5 3B f16", three, Settings{Context: 8192}, 8192 * 36_864, 8192 * 36_864},
		{"2.5 3B q8_0", three, Settings{Context: 8192, KVType: Q8}, 8192 * 19_584, 8192 * 19_584},
	} {
		if got := c.f.KVBytes(c.s); got != c.whole {
			t.Errorf("%s: %d bytes, want %d", c.name, got, c.whole)
		}
		if got := c.f.Budget(c.s, card(8), Known{}).Of(vram.PartKV); got != c.onto {
			t.Errorf("%s: %d bytes on the card, want %d", c.name, got, c.onto)
		}
	}
}

// TestKVCacheOfLayersThatDiffer reads a count for each layer apart, as hybrid models have it.
func TestKVCacheOfLayersThatDiffer(t *testing.T) {
	m := synth.Tiny
	m.KVPerLayer = []int32{1, 0}
	f := facts(t, m)
	// One layer of one head of 32 numbers: 128 bytes a token.
	if got := f.KVBytes(Settings{Context: 256}); got != 256*128 {
		t.Errorf("%d bytes, want %d", got, 256*128)
	}
}

// TestComputeBuffer compares with what llama.cpp v0.4.0 laid out in dry runs, as its log said in MiB: on a second device
// (its RPC backend, for want of a card), and on the CPU alone.
func TestComputeBuffer(t *testing.T) {
	demo := builtIn(t)
	of := func(m synth.Model) *Facts { return facts(t, m) }
	two, four, three := of(synth.Qwen3VL2B), of(synth.Qwen3VL4B), of(synth.Qwen25VL3B)
	tiny, tiny25 := of(synth.Tiny), of(synth.Tiny25)
	const cpu, gpu = false, true
	for _, c := range []struct {
		name string
		f    *Facts
		n    int
		kv   string
		on   bool
		log  float64 // MiB
	}{
		{"2B", two, 4096, F16, gpu, 64.02},
		{"2B", two, 32768, F16, gpu, 92.02},
		{"2B", two, 1000, Q8, gpu, 61.09},
		{"2B", two, 4096, Q8, gpu, 64.09},
		{"2B", two, 32768, Q8, gpu, 92.09},
		{"2B", two, 4096, F16, cpu, 80.02},
		{"4B", four, 4096, F16, gpu, 91.02},
		{"4B", four, 4096, F16, cpu, 111.02},
		{"2.5 3B", three, 4096, F16, gpu, 80.52},
		{"2.5 3B", three, 4096, F16, cpu, 84.52},
		{"Tiny", tiny, 4096, F16, gpu, 5.27},
		{"Tiny", tiny, 4096, F16, cpu, 5.52},
		{"Tiny 2.5", tiny25, 4096, F16, gpu, 5.14},
		{"built-in", demo, 2048, F16, gpu, 6.89},
		{"built-in", demo, 2048, F16, cpu, 8.02},
		{"built-in", demo, 2000, Q8, cpu, 8.05},
	} {
		d := system
		if c.on {
			d = card(8)
		}
		s := Settings{Context: c.n, KVType: c.kv}
		got := float64(c.f.Budget(s, d, Known{}).Of(vram.PartCompute)) / mib
		if c.on && c.kv == Q8 { // what a card unpacks, which the RPC backend does not
			k, v := c.f.counted().widestKV()
			got -= float64(s.cells()*(k+v)*2) / mib
		}
		if !c.on {
			got -= float64(4*c.f.counted().counts.vocab) / mib // the log has a line of its own for the output
		}
		if got < c.log-0.01 || got > c.log+0.15 {
			t.Errorf("%s, %d tokens in %s, on a card %v: %.2f MiB, llama.cpp took %.2f", c.name, c.n, c.kv, c.on, got, c.log)
		}
	}
	// With some layers on the card it must not be less than llama.cpp takes.
	for layers, log := range map[int]float64{1: 0.59, 2: 20.02, 14: 48.02, 28: 83.95} {
		got := two.Budget(Settings{Context: 4096, GPULayers: layers}, card(8), Known{}).Of(vram.PartCompute)
		if float64(got)/mib < log {
			t.Errorf("%d layers: %d bytes, llama.cpp took %.2f MiB", layers, got, log)
		}
	}
	// Unpacking a layer of 8 heads x 128 numbers, keys and values: 4 KiB a token.
	f16 := two.counted().computeBytes(Settings{Context: 8192, KVType: F16}, card(8))
	q8 := two.counted().computeBytes(Settings{Context: 8192, KVType: Q8}, card(8))
	if q8-f16 != 8192*4096+2*4*128*128 {
		t.Errorf("q8_0 takes %d bytes more", q8-f16)
	}
}

// TestEncodeBuffer compares with what libmtmd v0.4.0 laid out for square pictures, as its log said in MiB.
func TestEncodeBuffer(t *testing.T) {
	for _, c := range []struct {
		name string
		f    *Facts
		log  map[int]float64 // MiB for picture tokens
		more float64         // how much the formula may be above it
	}{
		{"Qwen3-VL", facts(t, synth.Qwen3VL2B), map[int]float64{
			64: 9.75, 144: 21.95, 256: 39.02, 400: 60.96, 576: 87.79, 900: 137.16, 1024: 156.06, 1600: 243.85, 2025: 308.62, 2500: 381.01, 4096: 624.25,
		}, 1.001},
		{"Qwen2.5-VL", facts(t, synth.Qwen25VL3B), map[int]float64{
			900: 246.54, 1024: 292.13, 1156: 343.76, 1296: 402.00, 1444: 467.48, 1600: 540.83, 1764: 530.70, 2025: 657.61, 2500: 920.58, 3025: 1101.44, 4096: 1893.03, 784: 247.35,
		}, 1.001},
		{"Qwen2.5-VL, small pictures", facts(t, synth.Qwen25VL3B), map[int]float64{
			16: 3.29, 36: 7.45, 64: 13.35, 144: 30.74, 256: 56.39, 400: 104.32, 576: 159.51,
		}, 1.30},
		{"Tiny", facts(t, synth.Tiny), map[int]float64{64: 1.19, 1024: 19.06}, 1.01},
		{"built-in", builtIn(t), map[int]float64{64: 1.41, 81: 1.78, 2116: 46.62}, 1.65},
	} {
		for tokens, log := range c.log {
			got := float64(c.f.EncodeBytes(tokens, Known{})) / mib
			if got < log-0.1 || got > log*c.more+0.05 {
				t.Errorf("%s: %.2f MiB for %d tokens, libmtmd took %.2f", c.name, got, tokens, log)
			}
		}
	}
}

func TestEncodeIsScaledFromWhatWasMeasured(t *testing.T) {
	two := facts(t, synth.Qwen3VL2B)
	k := Known{Encode: 400 * mib, EncodeTokens: 2048}
	for tokens, want := range map[int]uint64{2048: 400 * mib, 1024: 200 * mib, 0: 0} {
		if got := two.EncodeBytes(tokens, k); got != want {
			t.Errorf("%d tokens: %d bytes, want %d", tokens, got, want)
		}
	}
	b := two.Budget(Settings{ImageMaxTokens: 1024}, card(8), k)
	if i := slices.IndexFunc(b.Lines, func(l vram.Line) bool { return l.Part == vram.PartEncode }); b.Lines[i].Origin != vram.Calibrated || b.Lines[i].Bytes != 200*mib {
		t.Errorf("%+v", b.Lines[i])
	}
	blind := &Facts{Model: two.Model}
	if got := blind.EncodeBytes(1024, k); got != 0 {
		t.Errorf("a model without eyes takes %d bytes for a picture", got)
	}
}

func TestBudgetLines(t *testing.T) {
	two := facts(t, synth.Qwen3VL2B)
	text := func(b vram.Budget) string {
		var lines []string
		for _, l := range b.Lines {
			lines = append(lines, fmt.Sprintf("%s %s", l.Part, l.Origin))
		}
		return strings.Join(lines, ", ")
	}
	planned := []protocol.Memory{
		{Part: protocol.PartWeights, Device: "CUDA0", Bytes: 1700 * mib},
		{Part: protocol.PartWeights, Device: "CPU", Bytes: 5},
		{Part: protocol.PartKV, Device: "CUDA0", Bytes: 448 * mib},
		{Part: protocol.PartCompute, Device: "CUDA0", Bytes: 70 * mib},
		{Part: protocol.PartCompute, Device: "CUDA_Host", Bytes: 9999 * mib},
	}
	for _, c := range []struct {
		name string
		s    Settings
		d    Device
		k    Known
		want string
	}{
		{
			"card",
			Settings{},
			card(8),
			Known{},
			"weights header, vision header, kv formula, compute formula, encode formula, runtime assumption, window measured, others measured, margin assumption",
		},
		{
			"card that is known",
			Settings{},
			card(8),
			Known{Planned: planned, Runtime: 9, Encode: 7, EncodeTokens: 100},
			"weights dry run, vision header, kv dry run, compute dry run, encode calibration, runtime calibration, window measured, others measured, margin assumption",
		},
		{"nothing on the card", Settings{GPULayers: -1}, card(8), Known{}, "window measured, others measured"},
		{"system memory", Settings{}, system, Known{}, "weights header, vision header, kv formula, compute formula, encode formula, others measured, margin assumption"},
	} {
		if got := text(two.Budget(c.s, c.d, c.k)); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestBudgetTakesADryRunAtItsWord(t *testing.T) {
	two := facts(t, synth.Qwen3VL2B)
	with := Settings{Context: 4096, KVType: F16}
	k := Known{With: with, Planned: []protocol.Memory{
		{Part: protocol.PartWeights, Device: "CUDA0", Bytes: 1701 * mib},
		{Part: protocol.PartWeights, Device: "CPU", Bytes: 300 * mib},
		{Part: protocol.PartKV, Device: "CUDA0", Bytes: 440 * mib},
		{Part: protocol.PartCompute, Device: "CUDA0", Bytes: 90 * mib},
		{Part: protocol.PartCompute, Device: "CUDA_Host", Bytes: 9999 * mib},
	}}
	b := two.Budget(with, card(8), k)
	if b.Of(vram.PartWeights) != 1701*mib || b.Of(vram.PartKV) != 440*mib || b.Of(vram.PartCompute) != 90*mib {
		t.Errorf("%+v", b.Lines)
	}
	// With other settings only the ratio of the compute buffers counts.
	other := Settings{Context: 8192, KVType: F16}
	b = two.Budget(other, card(8), k)
	ratio := 90 * mib / float64(two.counted().computeBytes(two.Resolve(with), card(8)))
	want := float64(two.counted().computeBytes(two.Resolve(other), card(8))) * ratio
	if b.Of(vram.PartWeights) != 1_828_474_880 || b.Of(vram.PartKV) != 8192*114_688 || math.Abs(float64(b.Of(vram.PartCompute))-want) > 2 {
		t.Errorf("%+v, want %.0f for compute", b.Lines, want)
	}
	// In system memory it is the CPU's share that counts.
	b = two.Budget(with, system, k)
	if b.Of(vram.PartWeights) != 300*mib {
		t.Errorf("%+v", b.Lines)
	}
}

func TestBudgetOfAFullCard(t *testing.T) {
	d := Device{Name: "a card", UUID: "x", Total: 4 << 30, Free: 5 << 30, Window: 9 << 30} // figures that contradict each other
	b := facts(t, synth.Tiny).Budget(Settings{}, d, Known{})
	if b.Of(vram.PartOthers) != 0 || b.Of(vram.PartWindow) != 4<<30 {
		t.Errorf("%+v", b.Lines)
	}
	if got := (Device{UUID: "x", Total: 24 << 30}); margin(got) != 24<<30/50 || margin(Device{Total: 1 << 30}) != 128*mib {
		t.Errorf("margins of %d and %d bytes", margin(got), margin(Device{Total: 1 << 30}))
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	model, mmproj := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "p.gguf")
	if err := synth.Tiny.Sketch(model, mmproj); err != nil {
		t.Fatal(err)
	}
	wide := synth.Tiny
	wide.Width = 128
	if err := wide.Sketch(filepath.Join(dir, "other.gguf"), filepath.Join(dir, "wide.gguf")); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short.gguf")
	data, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(short, data[:len(data)-1000], 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := Read(model, ""); err != nil || f.MMProj != nil {
		t.Errorf("%+v, %v", f, err)
	}
	for _, c := range []struct {
		model, mmproj string
		kind          error
	}{
		{model + "x", "", gguf.ErrUnreadable},
		{model, mmproj + "x", gguf.ErrUnreadable},
		{short, mmproj, gguf.ErrTruncated},
		{model, filepath.Join(dir, "wide.gguf"), gguf.ErrMismatch},
	} {
		f, err := Read(c.model, c.mmproj)
		var e *gguf.Error
		if f != nil || !errors.Is(err, c.kind) || !errors.As(err, &e) {
			t.Errorf("%s, %s: %v, %v", c.model, c.mmproj, f, err)
		}
	}
}

// splitFile is a header of a model in two files, with one tensor of F32.
func splitFile(t *testing.T, path, tensor string, number uint16) {
	t.Helper()
	order := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(order.AppendUint64(b, uint64(len(s))), s...) }
	b := append([]byte("GGUF"), 3, 0, 0, 0)
	b = order.AppendUint64(order.AppendUint64(b, 1), 3)
	b = text(order.AppendUint32(text(b, "general.architecture"), 8), "qwen3vl")
	b = order.AppendUint16(order.AppendUint32(text(b, "split.no"), 2), number)
	b = order.AppendUint16(order.AppendUint32(text(b, "split.count"), 2), 2)
	b = order.AppendUint64(order.AppendUint32(text(b, tensor), 1), 1000)
	b = order.AppendUint64(order.AppendUint32(b, 0), 0)
	if err := os.WriteFile(path, append(b, make([]byte, 32+4000)...), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAModelInTwoFiles(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "m-00001-of-00002.gguf"), filepath.Join(dir, "m-00002-of-00002.gguf")
	splitFile(t, first, "token_embd.weight", 0)
	if _, err := Read(first, ""); !errors.Is(err, gguf.ErrUnreadable) || !strings.Contains(err.Error(), "m-00002-of-00002.gguf is not beside it") {
		t.Errorf("without the second: %v", err)
	}
	splitFile(t, second, "output.weight", 1)
	f, err := Read(first, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Budget(Settings{}, system, Known{}).Of(vram.PartWeights); got != 8000 {
		t.Errorf("in system memory %d bytes, want both tensors", got)
	}
	if got := f.Budget(Settings{}, card(4), Known{}).Of(vram.PartWeights); got != 4000 {
		t.Errorf("on a card %d bytes, want the output alone", got)
	}
}

// TestPool: what is multiplied with the widest matrix, in q8_1 or F16.
func TestPool(t *testing.T) {
	two, three := facts(t, synth.Qwen3VL2B), facts(t, synth.Qwen25VL3B)
	for _, c := range []struct {
		name string
		f    *Facts
		s    Settings
		k    Known
		want uint64
	}{
		{"2B, pictures", two, Settings{ImageMaxTokens: 2048}, Known{}, 8192 * 4096 * 36 / 32},
		{"2B, pictures elsewhere", two, Settings{ImageMaxTokens: 2048, VisionCPU: true}, Known{}, 512 * 6144 * 36 / 32},
		{"2B, small pictures", two, Settings{ImageMaxTokens: 64}, Known{}, 512 * 6144 * 36 / 32},
		{"2B, pictures that were measured", two, Settings{ImageMaxTokens: 2048}, Known{Encode: 9, EncodeTokens: 9}, 512 * 6144 * 36 / 32},
		{"2.5 3B, whose narrow side is F16", three, Settings{ImageMaxTokens: 2048}, Known{}, 8192 * (3420 + 1280) * 2},
	} {
		if got := c.f.Budget(c.s, card(8), c.k).Of(vram.PartRuntime); got != 256*mib+c.want {
			t.Errorf("%s: %d bytes, want %d beside the driver", c.name, got, c.want)
		}
	}
}
