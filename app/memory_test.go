package app

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"galago/inference"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/ui"
	"galago/vram"
)

func holding(s inference.Status) inference.Status {
	s.Device = plan.Device{UUID: "GPU-1"}
	s.Budget.Lines = []vram.Line{{Part: vram.PartRuntime, Bytes: 300 << 20}}
	s.Memory = []protocol.Memory{
		{Part: protocol.PartWeights, Device: "CUDA0", Bytes: 3000 << 20},
		{Part: protocol.PartVision, Device: "CUDA0", Bytes: 400 << 20},
		{Part: protocol.PartKV, Device: "CUDA0", Bytes: 300 << 20},
		{Part: protocol.PartCompute, Device: "CUDA0", Bytes: 100 << 20},
		{Part: protocol.PartCompute, Device: "CPU", Bytes: 10 << 20},
		{Part: protocol.PartEncode, Device: "CUDA0", Bytes: 200 << 20},
	}
	return s
}

func TestMemoryMenuSaysWhatEachEntryShouldFree(t *testing.T) {
	b := newBench(t)
	b.tell(holding(b.ready()))
	var got []string
	for _, i := range b.view.memory {
		got = append(got, string(i.Action)+": "+i.Expect)
		if !i.Enabled || i.Label == "" || i.Hint == "" {
			t.Errorf("%+v", i)
		}
	}
	want := []string{"forget: frees no memory", "working: about 1000 MiB", "unload: about 4.2 GiB"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	reduced := holding(b.ready())
	reduced.Reduced = []string{"Pictures are shown smaller."}
	b.tell(reduced)
	if n := len(b.view.memory); n != 4 || b.view.memory[3].Action != ui.MemoryLift || b.view.memory[3].Hint != reduced.Reduced[0] {
		t.Errorf("%+v", b.view.memory)
	}
	b.tell(inference.Status{State: inference.StateUnloaded})
	for _, i := range b.view.memory {
		if i.Enabled {
			t.Errorf("nothing is loaded, and %q can be chosen", i.Label)
		}
	}
}

func TestMemoryButtonsSayWhatWasMeasured(t *testing.T) {
	for _, c := range []struct {
		action  ui.MemoryAction
		cleared inference.Cleared
		err     error
		want    string
	}{
		{ui.MemoryWorking, inference.Cleared{What: protocol.FreeWorking, Before: 5 << 30, After: 3 << 30, Device: "RTX 3050"}, nil, "Working memory is freed: 2.0 GiB of GPU memory came back, measured."},
		{ui.MemoryWorking, inference.Cleared{What: protocol.FreeWorking, Before: 5, After: 6, Device: "resident memory"}, nil, "Working memory is freed; no resident memory came back that could be measured."},
		{ui.MemoryForget, inference.Cleared{What: protocol.ForgetCache, Before: 5, After: 5, Device: "RTX 3050"}, nil, "The cache is forgotten; that frees no memory."},
		{ui.MemoryUnload, inference.Cleared{What: inference.Unloaded, Before: 90 << 20, Device: "resident memory"}, nil, "The model is unloaded: 90 MiB of resident memory came back, measured."},
		{ui.MemoryUnload, inference.Cleared{}, &inference.Error{Code: protocol.CodeCancelled, Op: "unload"}, ""},
		{ui.MemoryUnload, inference.Cleared{}, &inference.Error{Code: protocol.CodeNoModel, Op: "clear"}, "No model is open. Open a model first."},
	} {
		b := newBench(t)
		b.client.cleared, b.client.clearErr = c.cleared, c.err
		b.FreeMemory(c.action)
		(<-b.main)() // this, or something of the start
		b.until(c.want, func() bool { return b.view.note() == c.want })
	}
}

// A question that would not fit is asked again in the way that was chosen, with the pictures that it is about.
func TestWaysOutOfAFailureAreButtons(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Attach([]string{write(t, filepath.Join(t.TempDir(), "a.png"), pngOf(t, 40, 30))})
	b.attached()
	b.Send("What is it?")
	b.say(0, done)
	b.Send("And now?")
	low, other := inference.DetailLow, inference.Model{Path: "/m.gguf", Context: 1024}
	b.say(1, inference.Event{Kind: inference.Failed, Err: &inference.Error{
		Code: protocol.CodeWontFit, Op: "answer", Choices: []inference.Choice{
			{Label: "Use a smaller picture", Detail: &low}, {Label: "Use a smaller context", Model: &other},
		},
	}})
	problem := b.view.turn(1).Problem
	if problem == nil || len(problem.Choices) != 3 || problem.Choices[0].Label != "Use a smaller picture" || problem.Choices[2].Label != "Try again" {
		t.Fatalf("%+v", problem)
	}
	problem.Choices[0].Do()
	if m := b.request(2).Messages; m[0].Images[0].Detail != inference.DetailLow {
		t.Errorf("asked again with %+v", m[0].Images[0].Detail)
	}
	b.say(2, inference.Event{Kind: inference.Notice, Text: "The picture is shown smaller.", Restart: true}, delta("A "), delta("circle."))
	if turn := b.view.turn(1); len(turn.Notices) != 1 || turn.Answer != "A circle." {
		t.Errorf("%+v", turn)
	}
	b.say(2, delta(" no"), inference.Event{Kind: inference.Notice, Text: "The context is smaller.", Restart: true})
	if turn := b.view.turn(1); len(turn.Notices) != 2 || turn.Answer != "" || turn.State != ui.TurnWorking {
		t.Errorf("what was written before memory ran out is void: %+v", turn)
	}
	b.say(2, done)
	problem.Choices[1].Do()
	if got := b.client.opened[len(b.client.opened)-1]; got.Path != other.Path || got.Context != 1024 || len(b.client.requests) != 4 {
		t.Errorf("opened %+v, %d requests", got, len(b.client.requests))
	}
	b.say(3, done)
	opened := len(b.client.opened)
	problem.Choices[2].Do()
	if len(b.client.opened) != opened || len(b.client.requests) != 5 {
		t.Errorf("trying again opened %d models, %d requests", len(b.client.opened)-opened, len(b.client.requests))
	}
}

// refused is a load that does not fit, with a way out.
func refused(m inference.Model) *inference.Error {
	lighter := m
	lighter.Context = 1024
	return &inference.Error{
		Code: protocol.CodeWontFit, Op: opLoad, Choices: []inference.Choice{{Label: "Use a context of 1024 tokens", Model: &lighter}},
	}
}

// opLoad is what inference calls a load: with it, Explain speaks of the model.
func TestOpLoadIsTheServices(t *testing.T) {
	of := func(op string) string {
		return inference.Explain(&inference.Error{Code: protocol.CodeWontFit, Op: op}).Title
	}
	if of(opLoad) == of("") {
		t.Errorf("%q is explained as any error", opLoad)
	}
}

// A load that is refused must not be tried again by each question that waits; the button of the strip, or of the
// question, goes on with all of them, and with the pictures that they are about.
func TestARefusedLoadKeepsTheQueue(t *testing.T) {
	for _, button := range []string{"strip", "question"} {
		b := newBench(t)
		b.AttachImage("a.png", pngOf(t, 64, 64))
		b.attached()
		b.Send("one")
		b.Send("two")
		b.Send("three")
		why := refused(b.ready().Model)
		b.tell(b.inState(inference.StateLoading))
		b.say(0, inference.Event{Kind: inference.Failed, Err: why})
		gone := b.inState(inference.StateFailed)
		gone.Err = why
		b.tell(gone)
		if len(b.client.requests) != 1 || len(b.view.queue) != 2 {
			t.Fatalf("%d requests, %d wait", len(b.client.requests), len(b.view.queue))
		}
		banner := b.view.banner
		if banner == nil || banner.Label != why.Choices[0].Label || strings.Contains(banner.Text, "below") {
			t.Fatalf("the strip is %+v", banner)
		}
		if button == "strip" {
			banner.Do()
			b.tell(b.inState(inference.StateLoading))
			b.tell(b.ready())
		} else {
			b.view.turn(0).Problem.Choices[0].Do()
		}
		if m := b.client.opened[len(b.client.opened)-1]; m.Context != 1024 || !b.builtIn() {
			t.Errorf("%s: opened %+v", button, m)
		}
		want := map[string]string{"strip": "two", "question": "one"}[button]
		r := b.request(1)
		if text(r) != want || len(r.Messages[0].Images) != 1 || len(b.client.requests) != 2 {
			t.Errorf("%s: %q goes on with %d pictures, %d requests", button, text(r), len(r.Messages[0].Images), len(b.client.requests))
		}
	}
}

// What the person opens while a way out waits for its turn is not closed again by it.
func TestAWayOutThatWaitsDoesNotCloseAnotherModel(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.Send("two")
	why := refused(b.ready().Model)
	why.Op = "answer"
	b.say(0, inference.Event{Kind: inference.Failed, Err: why})
	b.tell(b.ready())
	b.view.turn(0).Problem.Choices[0].Do() // waits for the second
	b.open(files{model: "/other.gguf"})
	opened := len(b.client.opened)
	b.say(1, cancelled)
	if len(b.client.opened) != opened || len(b.client.requests) != 3 || text(b.request(2)) != "one" {
		t.Errorf("%d models opened after the person's, %d requests", len(b.client.opened)-opened, len(b.client.requests))
	}
}

// The way out of a question that failed with an earlier model opens that one, as what it is.
func TestAWayOutOfAnEarlierModel(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.say(0, inference.Event{Kind: inference.Failed, Err: refused(b.ready().Model)})
	b.open(files{model: "/other.gguf"})
	b.tell(inference.Status{State: inference.StateReady, Model: inference.Model{Path: "/other.gguf"}, PID: 43})
	b.view.turn(0).Problem.Choices[0].Do()
	b.tell(b.ready())
	if !b.builtIn() || b.manifest.Model != b.demo.Model || b.Controller.settings.Model != "/other.gguf" {
		t.Errorf("open is %+v with the manifest of %q, remembered %q", b.opened, b.manifest.Model, b.Controller.settings.Model)
	}
}

// A load that is reduced before anything was asked has no conversation to say so in.
func TestAReductionWithoutAQuestionIsTold(t *testing.T) {
	b := newBench(t)
	reduced := b.inState(inference.StateLoading)
	reduced.Reduced = []string{"The vision tower is on the CPU now."}
	b.tell(reduced)
	if got := b.view.note(); got != reduced.Reduced[0] {
		t.Errorf("%q", got)
	}
	b.tell(b.ready())
	b.Send("one")
	b.view.notes = nil
	b.tell(reduced)
	if got := b.view.note(); got != "" {
		t.Errorf("what the conversation says comes twice: %q", got)
	}
}
