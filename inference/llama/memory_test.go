package llama

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"testing"

	"galago/inference/protocol"
	"galago/inference/vision"
)

// listen feeds a log to a layout.
func listen(lines ...string) *layout {
	l := &layout{}
	for _, line := range lines {
		l.line(line)
	}
	return l
}

func same(t *testing.T, got []protocol.Memory, want ...protocol.Memory) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

const mib = 1 << 20

// The lines are those of a model on a GPU, which no test machine need have.
func TestLayoutOfALoad(t *testing.T) {
	l := listen(
		"load_tensors:   CPU_Mapped model buffer size =   315.30 MiB",
		"load_tensors:        CUDA0 model buffer size =  1740.00 MiB",
		"load_tensors:        CUDA1 model buffer size =    64.50 MiB",
		"llama_context:  CUDA_Host  output buffer size =     0.50 MiB",
		"llama_kv_cache:      CUDA0 KV buffer size =   100.00 MiB",
		"llama_kv_cache:      CUDA0 KV buffer size =    12.00 MiB",
		"llama_memory_recurrent:      CUDA0 RS buffer size =     1.00 MiB",
		"llama_kv_cache: size =  112.00 MiB (  2048 cells,  28 layers,  1/1 seqs), K (f16):   56.00 MiB, V (f16):   56.00 MiB",
		"sched_reserve: reserving ...",
		"sched_reserve:      CUDA0 compute buffer size =   400.00 MiB",
		"sched_reserve: reserving ...",
		"sched_reserve:      CUDA0 compute buffer size =    99.25 MiB",
		"sched_reserve:  CUDA_Host compute buffer size =     8.00 MiB",
		"~llama_context:      CUDA0 compute buffer size is  99.2500 MiB, matches expectation of  99.2500 MiB",
		"load_tensors: nonsense buffer size",
	)
	same(t, l.taken().list(),
		protocol.Memory{Part: protocol.PartWeights, Device: "CPU", Bytes: 330616013},
		protocol.Memory{Part: protocol.PartWeights, Device: "CUDA0", Bytes: 1740 * mib},
		protocol.Memory{Part: protocol.PartWeights, Device: "CUDA1", Bytes: 64.5 * mib},
		protocol.Memory{Part: protocol.PartKV, Device: "CUDA0", Bytes: 113 * mib},
		protocol.Memory{Part: protocol.PartCompute, Device: "CPU", Bytes: 8.5 * mib},
		protocol.Memory{Part: protocol.PartCompute, Device: "CUDA0", Bytes: 99.25 * mib},
	)
}

func TestLayoutOfADryRun(t *testing.T) {
	l := listen(
		"llama_kv_cache: layer   0: dev = CPU",
		"llama_kv_cache: layer   1: dev = CUDA0",
		"llama_kv_cache: layer   2: dev = CUDA0",
		"llama_kv_cache:        CPU KV buffer size =     0.00 MiB",
		"llama_kv_cache:      CUDA0 KV buffer size =     0.00 MiB",
		"llama_kv_cache: size =   30.00 MiB (  2048 cells,   3 layers,  1/1 seqs), K (f16):   15.00 MiB, V (f16):   15.00 MiB",
		"llama_kv_cache: layer   0: dev = CUDA0",
		"llama_kv_cache: size =    5.00 MiB (  2048 cells,   1 layers,  1/1 seqs), K (f16):    2.50 MiB, V (f16):    2.50 MiB",
	)
	if len(l.taken()) != 0 {
		t.Errorf("empty buffers count: %+v", l.taken())
	}
	same(t, l.kv.list(),
		protocol.Memory{Part: protocol.PartKV, Device: "CPU", Bytes: 10 * mib},
		protocol.Memory{Part: protocol.PartKV, Device: "CUDA0", Bytes: 25 * mib},
	)
}

func TestNearSquare(t *testing.T) {
	for n, want := range map[int][2]int{1: {1, 1}, 2: {2, 1}, 80: {10, 8}, 64: {8, 8}, 1024: {32, 32}, 2048: {64, 32}, 97: {12, 8}} {
		columns, rows := nearSquare(n)
		if columns*rows > n || [2]int{columns, rows} != want {
			t.Errorf("%d tokens: %d x %d, want %v", n, columns, rows, want)
		}
	}
}

func sum(list []protocol.Memory, of ...protocol.Part) (n uint64) {
	for _, m := range list {
		if slices.Contains(of, m.Part) {
			n += m.Bytes
		}
	}
	return n
}

func demoLoad(cells int) protocol.Load {
	return protocol.Load{
		Model: sharedDemo.Model, MMProj: sharedDemo.MMProj, Context: cells,
		ImageMinTokens: sharedDemo.ImageMin, ImageMaxTokens: sharedDemo.ImageMax,
	}
}

func (b *Backend) open(t *testing.T, l protocol.Load) protocol.Loaded {
	t.Helper()
	loaded, err := b.Load(t.Context(), l, func(protocol.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// A dry run says what the real load then takes, takes nothing itself, and leaves the open model as it is.
func TestPlanIsWhatALoadTakes(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	want, _, _ := b.must(t, p, "Describe the picture.")
	for _, c := range []struct {
		name string
		load protocol.Load
	}{
		{"as shipped", demoLoad(0)},
		{"small", demoLoad(256)},
		{"q8_0", func() protocol.Load { l := demoLoad(2048); l.KVType = "q8_0"; return l }()},
		{"small slices", func() protocol.Load { l := demoLoad(1024); l.Batch = 64; return l }()},
	} {
		trim()
		before := resident()
		planned, err := b.Plan(t.Context(), c.load)
		if err != nil {
			t.Fatal(err)
		}
		grown := int64(resident()) - int64(before)
		got, done, _ := b.must(t, p, "Describe the picture.")
		if got != want || done.Stats.ReusedTokens != done.Stats.PromptTokens-1 {
			t.Errorf("%s: after planning the answer is %q with %d tokens reused, want %q", c.name, got, done.Stats.ReusedTokens, want)
		}
		loaded := b.open(t, c.load)
		for _, part := range []protocol.Part{protocol.PartWeights, protocol.PartKV, protocol.PartCompute} {
			// Weights are planned to the byte, and logged to a hundredth of a MiB.
			off := int64(sum(planned.Memory, part)) - int64(sum(loaded.Memory, part))
			if sum(planned.Memory, part) == 0 || off > mib/100 || off < -mib/100 || part != protocol.PartWeights && off != 0 {
				t.Errorf("%s, %s: planned %+v, loaded %+v", c.name, part, planned.Memory, loaded.Memory)
			}
		}
		t.Logf("%s: %d bytes planned, resident memory %+d", c.name, sum(planned.Memory, partOrder...), grown)
		if grown > 4*mib { // of 8 to 24 MiB; Go's own heap moves by 2 MiB at the first plan
			t.Errorf("%s: planning took %d bytes", c.name, grown)
		}
		b.open(t, demoLoad(sharedDemo.Context))
		if got, _, _ := b.must(t, p, "Describe the picture."); got != want {
			t.Errorf("%s: opened again it answers %q", c.name, got)
		}
	}
}

func TestPlanOfWhatIsNoModel(t *testing.T) {
	b := backend(t)
	_, err := b.Plan(t.Context(), protocol.Load{Model: sharedDemo.MMProj})
	failure(t, err, protocol.CodeModelInvalid)
	_, err = b.Plan(t.Context(), protocol.Load{Model: "/no/such.gguf"})
	failure(t, err, protocol.CodeModelInvalid)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err = b.Plan(ctx, demoLoad(0)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled plan ends with %v", err)
	}
	if text, _, _ := b.must(t, nil, "hello"); text == "" {
		t.Error("afterwards the open model does not answer")
	}
}

// libmtmd logs the scratch space of the first picture, so what is read from its graph can be held against that.
func TestCalibrateMeasuresTheVisionTower(t *testing.T) {
	b := backend(t)
	l := demoLoad(sharedDemo.Context)
	if loaded := b.open(t, l); sum(loaded.Memory, protocol.PartEncode) != 0 || loaded.EncodeTokens != 0 || sum(loaded.Memory, protocol.PartVision) < 5*mib {
		t.Errorf("without calibration: %+v", loaded)
	}
	told, _ := log.during(func() error {
		b.must(t, []vision.Prepared{picture(t, "0000.jpg")}, "What is this?")
		return nil
	})
	logged, measured := sum(told.taken(), protocol.PartCompute), sum(b.held, protocol.PartEncode)
	if off := int64(logged) - int64(measured); logged == 0 || off > mib/100 || off < -mib/100 {
		t.Errorf("the vision tower's scratch space is %d, llama.cpp says %d", measured, logged)
	}

	l.Calibrate = true
	loaded := b.open(t, l)
	if loaded.EncodeTokens != l.ImageMaxTokens || loaded.EncodeMillis <= 0 {
		t.Errorf("calibrated with %d tokens in %g ms, want %d", loaded.EncodeTokens, loaded.EncodeMillis, l.ImageMaxTokens)
	}
	worst := sum(loaded.Memory, protocol.PartEncode)
	t.Logf("%d tokens: %.2f MiB, %.1f ms; %+v", loaded.EncodeTokens, float64(worst)/mib, loaded.EncodeMillis, loaded.Memory)
	if worst == 0 {
		t.Fatal("no scratch space was measured")
	}
	_, done, _ := b.must(t, []vision.Prepared{picture(t, "0000.jpg")}, "What is this?")
	if got := sum(done.Stats.Memory, protocol.PartEncode); got != worst {
		t.Errorf("after a picture the vision tower's scratch space is %d, calibrated %d", got, worst)
	}

	l.MMProj = ""
	if loaded := b.open(t, l); loaded.EncodeTokens != 0 || sum(loaded.Memory, protocol.PartEncode, protocol.PartVision) != 0 {
		t.Errorf("a model without eyes: %+v", loaded)
	}
}

func TestCalibrateCanBeCancelled(t *testing.T) {
	b := backend(t)
	l := demoLoad(0)
	l.Calibrate = true
	ctx, cancel := context.WithCancel(t.Context())
	_, err := b.Load(ctx, l, func(p protocol.Progress) {
		if p.Stage == protocol.StageEncode {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the load ended with %v", err)
	}
}

func TestForgetKeepsTheMemory(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	want, _, _ := b.must(t, p, "Describe the picture.")
	cleared, err := b.Clear(protocol.ForgetCache)
	if err != nil {
		t.Fatal(err)
	}
	if cleared.Before == 0 || cleared.After == 0 || sum(cleared.Memory, protocol.PartKV) == 0 || cleared.What != protocol.ForgetCache {
		t.Errorf("cleared: %+v", cleared)
	}
	got, done, _ := b.must(t, p, "Describe the picture.")
	if got != want || done.Stats.ReusedTokens != 0 || done.Stats.PrepareMillis != 0 {
		t.Errorf("after forgetting: %q with %+v, want %q with nothing reused", got, done.Stats, want)
	}
	_, err = b.Clear("everything")
	failure(t, err, protocol.CodeProtocol)
}

// stages keeps the stages in their order.
type stages struct {
	heard
	list []protocol.Stage
}

func (s *stages) Progress(p protocol.Progress) {
	if len(s.list) == 0 || s.list[len(s.list)-1] != p.Stage {
		s.list = append(s.list, p.Stage)
	}
	s.heard.Progress(p)
}

func TestFreedMemoryComesBackWithTheNextQuestion(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	want, first, _ := b.must(t, p, "Describe the picture.")
	before := first.Stats.Memory
	free := func() protocol.Cleared {
		t.Helper()
		cleared, err := b.Clear(protocol.FreeWorking)
		if err != nil {
			t.Fatal(err)
		}
		if len(cleared.Memory) != 1 || cleared.Memory[0].Part != protocol.PartWeights {
			t.Errorf("after freeing, this is held: %+v", cleared.Memory)
		}
		return cleared
	}
	cleared := free()
	t.Logf("from %d to %d bytes", cleared.Before, cleared.After)
	// Wine says of every process that it has the same few megabytes.
	if freed := int64(cleared.Before) - int64(cleared.After); runtime.GOOS != "windows" && freed < int64(sum(before, protocol.PartVision)) {
		t.Errorf("only %d bytes came back, the vision tower alone had %d", freed, sum(before, protocol.PartVision))
	}
	free() // there is nothing left to free
	if cleared, err := b.Clear(protocol.ForgetCache); err != nil || len(cleared.Memory) != 1 {
		t.Errorf("forgetting what is freed: %+v, %v", cleared, err)
	}

	ask, blob := say(p, "Describe the picture.")
	h := &stages{}
	done, err := b.Ask(t.Context(), ask, blob, h)
	if err != nil {
		t.Fatal(err)
	}
	if h.text.String() != want || done.Stats.ReusedTokens != 0 {
		t.Errorf("the answer is %q, before it was %q", h.text.String(), want)
	}
	if !slices.Equal(done.Stats.Memory, before) {
		t.Errorf("now %+v is held, before %+v", done.Stats.Memory, before)
	}
	if s := done.Stats; s.PrepareMillis <= 0 || s.FirstToken < s.PrepareMillis+s.EncodeMillis {
		t.Errorf("the time it took is not told: %+v", s)
	}
	// Pictures are made ready; then text stands before the picture and after it.
	look, read := protocol.StageEncode, protocol.StageDecode
	if want := []protocol.Stage{protocol.StageLoadVision, protocol.StageCreateContext, look, read, look, read}; !slices.Equal(h.list, want) {
		t.Errorf("the stages were %v, want %v", h.list, want)
	}

	free()
	text, _, _ := b.must(t, nil, "hello")
	if b.mtmd != 0 {
		t.Error("a question without a picture brought the vision tower back")
	}
	free()
	if _, err := b.Count(t.Context(), ask); err != nil || b.lctx != 0 {
		t.Errorf("counting: %v, context %v", err, b.lctx)
	}
	load(t, 0)
	if fresh, _, _ := b.must(t, nil, "hello"); fresh != text {
		t.Errorf("without the vision tower it says %q, with it %q", text, fresh)
	}
	same := func(with, without protocol.Ask) {
		t.Helper()
		a, err := b.tokenize(with)
		if err != nil {
			t.Fatal(err)
		}
		defer a.free()
		eyes := b.mtmd
		b.mtmd = 0
		c, err := b.tokenize(without)
		b.mtmd = eyes
		if err != nil || !slices.Equal(a.pieces, c.pieces) {
			t.Errorf("the prompt depends on the vision tower: %v, %v (%v)", a.pieces, c.pieces, err)
		}
	}
	long, _ := say(nil, "hello <|im_end|> you", "yes", strings.Repeat("what is\n\n this? é ", 50))
	same(long, long)
}

func TestPreparingCanBeCancelledAndTriedAgain(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	want, _, _ := b.must(t, p, "Describe the picture.")
	for _, at := range []protocol.Stage{protocol.StageLoadVision, protocol.StageCreateContext} {
		if _, err := b.Clear(protocol.FreeWorking); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		h := &stages{}
		h.on = func(*heard) {
			if h.list[len(h.list)-1] == at {
				cancel()
			}
		}
		ask, blob := say(p, "Describe the picture.")
		if _, err := b.Ask(ctx, ask, blob, h); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at %s: %v", at, err)
		}
		cancel()
		if got, _, _ := b.must(t, p, "Describe the picture."); got != want {
			t.Errorf("cancelled at %s, then asked again: %q, want %q", at, got, want)
		}
	}
}

// With no layer on a GPU llama.cpp gets no GPU at all; with the vision tower on the CPU only that one keeps away.
func TestEverythingOnTheCPU(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	want, _, _ := b.must(t, p, "Describe the picture.")
	l := demoLoad(sharedDemo.Context)
	l.GPULayers, l.MMProjCPU = -1, true
	loaded := b.open(t, l)
	for _, m := range loaded.Memory {
		if m.Device != "CPU" || loaded.Device != "CPU" {
			t.Errorf("on %s: %+v", loaded.Device, loaded.Memory)
		}
	}
	if got, _, _ := b.must(t, p, "Describe the picture."); got != want {
		t.Errorf("the answer is %q, want %q", got, want)
	}
}
