package inference

import (
	"path/filepath"
	"testing"
	"time"

	"galago/inference/gguf/synth"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/vram"
)

// synthModel writes a small model with eyes and returns it with its facts.
func synthModel(t *testing.T) (Model, *plan.Facts) {
	t.Helper()
	dir := t.TempDir()
	m := Model{Path: filepath.Join(dir, "m.gguf"), MMProj: filepath.Join(dir, "p.gguf")}
	if err := synth.Tiny.Write(m.Path, m.MMProj); err != nil {
		t.Fatal(err)
	}
	facts, err := plan.Read(m.Path, m.MMProj)
	if err != nil {
		t.Fatal(err)
	}
	return m, facts
}

func TestDetailGrid(t *testing.T) {
	qwen := protocol.Vision{Factor: 32, MinTokens: 8, MaxTokens: 2048}
	demo := protocol.Vision{Factor: 32, MinTokens: 48, MaxTokens: 80}
	small := protocol.Vision{Factor: 28, MinTokens: 4, MaxTokens: 300}
	opened := Model{ImageMinTokens: 48, ImageMaxTokens: 80}
	for _, c := range []struct {
		v    protocol.Vision
		m    Model
		d    Detail
		want vision.Grid
	}{
		{qwen, Model{}, DetailLow, vision.Grid{Factor: 32, MinTokens: 8, MaxTokens: 256}},
		{qwen, Model{}, DetailAuto, vision.Grid{Factor: 32, MinTokens: 8, MaxTokens: 1024}},
		{qwen, Model{}, DetailHigh, vision.Grid{Factor: 32, MinTokens: 8, MaxTokens: 2048}},
		{qwen, Model{ImageMaxTokens: 2048}, DetailAuto, vision.Grid{Factor: 32, MinTokens: 8, MaxTokens: 2048}},
		{small, Model{}, DetailAuto, vision.Grid{Factor: 28, MinTokens: 4, MaxTokens: 300}},
		{demo, opened, DetailLow, vision.Grid{Factor: 32, MinTokens: 48, MaxTokens: 48}},
		{demo, opened, DetailAuto, vision.Grid{Factor: 32, MinTokens: 48, MaxTokens: 80}},
		{demo, opened, DetailHigh, vision.Grid{Factor: 32, MinTokens: 48, MaxTokens: 80}},
		{protocol.Vision{Enabled: true}, Model{}, DetailLow, vision.Grid{}},
	} {
		if got := DetailGrid(c.v, c.m, c.d); got != c.want {
			t.Errorf("%+v %q: %+v, want %+v", c.v, c.d, got, c.want)
		}
	}
}

// ready is the status of a model on a card.
func ready(t *testing.T) Status {
	t.Helper()
	model, facts := synthModel(t)
	card := plan.Device{Name: "RTX", UUID: "GPU-1", Total: 4 << 30, Free: 3 << 30}
	known := plan.Known{Encode: 400 << 20, EncodeTokens: 1024}
	settings := facts.Resolve(plan.Settings{Context: 4096, ImageMinTokens: 8, ImageMaxTokens: 2048})
	return Status{
		State: StateReady, Model: model, Facts: facts, Settings: settings, Device: card, Known: known,
		Budget: facts.Budget(settings, card, known),
		Loaded: protocol.Loaded{Context: 4096, ContextTrain: 8192, Vision: protocol.Vision{Enabled: true, Factor: 32, MinTokens: 8, MaxTokens: 2048}},
		Memory: []protocol.Memory{
			{Part: protocol.PartVision, Device: "CUDA0", Bytes: 1 << 20},
			{Part: protocol.PartKV, Device: "CUDA0", Bytes: 4 << 20},
			{Part: protocol.PartEncode, Device: "CUDA0", Bytes: 100 << 20},
			{Part: protocol.PartEncode, Device: "CPU", Bytes: 900 << 20},
		},
		Speed: Speed{EncodePerToken: time.Millisecond, PromptPerToken: time.Millisecond / 2},
	}
}

func about(text string, details ...Detail) Request {
	m := Message{Role: "user", Text: text}
	for _, d := range details {
		m.Images = append(m.Images, Image{Picture: somePicture(1024, 1024), Detail: d})
	}
	return Request{Messages: []Message{m}}
}

func TestEstimate(t *testing.T) {
	st := ready(t)
	free := st.Device
	free.Free = 1 << 30
	e := st.Estimate(about("what is this, please", DetailLow, DetailAuto), free)
	if len(e.ImageTokens) != 2 || e.ImageTokens[0] != 256 || e.ImageTokens[1] != 1024 || e.PromptTokens != 1280+4+5 {
		t.Errorf("%+v", e)
	}
	if want := st.Facts.EncodeBytes(1024, st.Known) - 100<<20; e.Extra != want || e.Err != nil {
		t.Errorf("extra %d, want %d: only what the card holds counts; %v", e.Extra, want, e.Err)
	}
	if want := 1280*time.Millisecond + 1289*time.Millisecond/2; e.Time != want {
		t.Errorf("%v, want %v", e.Time, want)
	}
	held := st
	held.Memory = nil
	if e := held.Estimate(about("x", DetailAuto), free); e.Extra != st.Facts.EncodeBytes(1024, st.Known) {
		t.Errorf("an engine that tells nothing: %+v", e)
	}
	freed := st
	freed.Memory = []protocol.Memory{{Part: protocol.PartWeights, Device: "CUDA0", Bytes: 1 << 20}}
	if e, b := freed.Estimate(about("x"), free), st.Budget; e.Extra != b.Of(vram.PartKV)+b.Of(vram.PartCompute) || e.Extra == 0 {
		t.Errorf("after FreeWorking the context comes again: %+v", e)
	}
	onCPU := st
	onCPU.Settings.VisionCPU = true
	if e := onCPU.Estimate(about("x", DetailHigh), free); e.Extra != 0 {
		t.Errorf("a picture that is read on the CPU takes nothing of the card: %+v", e)
	}
	if e := st.Estimate(about("x"), free); e.Extra != 0 || e.Err != nil {
		t.Errorf("text alone: %+v", e)
	}
	if e := (Status{}).Estimate(about("four bytes each.", DetailAuto), plan.Device{}); e.PromptTokens != 8 || e.Err != nil {
		t.Errorf("without a model: %+v", e)
	}
}

func TestRequestsThatDoNotFit(t *testing.T) {
	st := ready(t)
	full := st.Device
	full.Free = spare + st.Facts.EncodeBytes(256, st.Known) // what is held comes on top
	why := st.Estimate(about("x", DetailHigh), full).Err
	if why == nil || why.Code != protocol.CodeWontFit || len(why.Choices) == 0 || why.Choices[0].Detail == nil || *why.Choices[0].Detail != DetailLow {
		t.Fatalf("%+v", why)
	}
	if e := st.Estimate(about("x", *why.Choices[0].Detail), full); e.Err != nil {
		t.Errorf("the choice does not help: %+v", e)
	}
	for _, c := range why.Choices[1:] {
		if c.Model == nil || c.Label == "" || *c.Model == st.Model {
			t.Errorf("%+v", c)
		}
	}
	forced := st
	forced.Model.Force = true
	if e := forced.Estimate(about("x", DetailHigh), full); e.Err != nil {
		t.Errorf("refused against the person's will: %v", e.Err)
	}
	if e := st.Estimate(about("x", DetailHigh), plan.Device{}); e.Err != nil {
		t.Errorf("refused without knowing what is free: %v", e.Err)
	}
	none := full
	none.Free = 0
	if why := st.Estimate(about("x", DetailHigh), none).Err; why == nil || len(why.Choices) > 0 && why.Choices[0].Detail != nil && st.Estimate(about("x", DetailLow), none).Err != nil {
		t.Errorf("a choice that does not help is offered: %+v", why)
	}
}

func TestContextThatIsTooSmall(t *testing.T) {
	st := ready(t)
	five := about("x", DetailAuto, DetailAuto, DetailAuto, DetailAuto, DetailAuto)
	why := st.Estimate(five, st.Device).Err
	if why == nil || why.Code != protocol.CodeContextFull || len(why.Choices) != 2 {
		t.Fatalf("%+v", why)
	}
	if d := why.Choices[0].Detail; d == nil || *d != DetailLow {
		t.Errorf("%+v", why.Choices[0])
	}
	if m := why.Choices[1].Model; m == nil || m.Context != 8192 {
		t.Errorf("%+v", why.Choices[1])
	}
	st.Loaded.ContextTrain = 4096
	if why := st.Estimate(five, st.Device).Err; len(why.Choices) != 1 {
		t.Errorf("the model was trained for no more: %+v", why.Choices)
	}
}
