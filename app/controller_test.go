package app

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
)

func TestStart(t *testing.T) {
	b := newBench(t)
	if len(b.client.opened) != 1 || b.client.opened[0].Path != b.demo.Model || b.demo.Model == "" {
		t.Errorf("opened %+v, want the built-in model at %q", b.client.opened, b.demo.Model)
	}
	if m := b.client.opened[0]; m.ImageMaxTokens != b.demo.ImageMax || m.MMProj == "" || m.Context == 0 {
		t.Errorf("the manifest's figures are not used: %+v", m)
	}
	if len(b.view.samples) != 3 || b.view.settings.MaxTokens != inference.DefaultMaxTokens {
		t.Errorf("%d samples, settings %+v", len(b.view.samples), b.view.settings)
	}
	b.tell(inference.Status{State: inference.StateLoading, Model: b.client.opened[0], Load: 0.5})
	if m := b.view.model; m.State != "loading" || m.Loading != 0.5 {
		t.Errorf("while loading the header is %+v", m)
	}
	b.tell(b.ready())
	if m := b.view.model; m.State != "" || m.Detail != "Q8_0 · 2k context" || !m.Vision || !m.BuiltIn || m.Loading >= 0 {
		t.Errorf("the header is %+v", m)
	}
	if s := b.view.banner; s == nil || s.Problem || !strings.HasPrefix(s.Text, "Built-in demo model") {
		t.Fatalf("the banner is %+v", s)
	}
	if b.view.banner.Do(); b.view.choosing != 1 {
		t.Error("the banner's button opens no dialog")
	}
	if b.view.banners != 1 {
		t.Errorf("the banner was drawn %d times", b.view.banners)
	}
}

func TestAnswerStreams(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.view.composer = "typed"
	b.Send("  What is this?\n")
	if b.view.composer != "" || !b.view.busy {
		t.Errorf("after Send the composer holds %q, busy is %t", b.view.composer, b.view.busy)
	}
	r := b.request(0)
	if len(r.Messages) != 1 || r.Messages[0].Role != "user" || r.Messages[0].Text != "What is this?" ||
		r.MaxTokens != 768 || r.Temperature != 0 { // the built-in model's own
		t.Errorf("the request is %+v", r.Request)
	}
	for _, step := range []struct {
		event inference.Event
		state ui.TurnState
		phase string
	}{
		{inference.Event{Kind: inference.Queued, Position: 1}, ui.TurnWorking, "Waiting for its turn"},
		{started, ui.TurnWorking, "Starting"},
		{inference.Event{Kind: inference.Progress, Progress: protocol.Progress{Phase: protocol.PhaseEncode, Total: 1}}, ui.TurnWorking, "Looking at the picture"},
		{inference.Event{Kind: inference.Progress, Progress: protocol.Progress{Phase: protocol.PhaseEncode, Done: 1, Total: 3}}, ui.TurnWorking, "Looking at picture 2 of 3"},
		{inference.Event{Kind: inference.Progress, Progress: protocol.Progress{Phase: protocol.PhasePrompt, Done: 5, Total: 10}}, ui.TurnWorking, "Reading the question"},
		{delta("It is "), ui.TurnStreaming, ""},
	} {
		b.say(0, step.event)
		if got := b.view.turn(0); got.State != step.state || got.Phase != step.phase {
			t.Errorf("after %+v the turn is %+v", step.event, got)
		}
	}
	puts := b.view.puts
	b.say(0, delta("a "), delta("red "), delta("circle."), done)
	if n := b.view.puts - puts; n != 1 {
		t.Errorf("four events were drawn %d times", n)
	}
	got := b.view.turn(0)
	if got.State != ui.TurnDone || got.Answer != "It is a red circle." || b.view.busy {
		t.Errorf("the answered turn is %+v, busy is %t", got, b.view.busy)
	}
	want := []string{"1,036 picture tokens", "1,040 of 1,100 tokens reused", "first token 0.8 s", "42 tokens/s"}
	if !slices.Equal(got.Figures, want) {
		t.Errorf("figures %q, want %q", got.Figures, want)
	}
	b.Copy(got.ID)
	if b.clip != got.Answer || b.view.note() == "" {
		t.Errorf("the clipboard holds %q", b.clip)
	}
}

func TestAQuestionWaitsForTheAnswerBeforeIt(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.Send("two")
	b.Send("three")
	if len(b.client.requests) != 1 || len(b.view.queue) != 2 || b.view.turn(2).State != ui.TurnWaiting {
		t.Fatalf("%d submitted, %d wait", len(b.client.requests), len(b.view.queue))
	}
	b.say(0, started, delta("first"), done)
	if len(b.view.queue) != 1 || !b.view.busy {
		t.Errorf("%d wait, busy is %t", len(b.view.queue), b.view.busy)
	}
	if got := text(b.request(1)); got != "one|first|two" {
		t.Errorf("the second question reads %q", got)
	}
	b.Cancel()
	if b.request(1).ctx.Err() == nil {
		t.Fatal("Cancel did not reach the service")
	}
	b.say(1, delta("half"), cancelled)
	if got := b.view.turn(1); got.State != ui.TurnCancelled || got.Answer != "half" {
		t.Errorf("the cancelled turn is %+v", got)
	}
	if got := text(b.request(2)); got != "one|first|two|half|three" {
		t.Errorf("the third question reads %q", got)
	}
	b.say(2, done)
	if b.view.busy || len(b.view.queue) != 0 {
		t.Errorf("at the end: busy %t, %d wait", b.view.busy, len(b.view.queue))
	}
}

func text(r fakeRequest) string {
	var parts []string
	for _, m := range r.Messages {
		parts = append(parts, m.Text)
	}
	return strings.Join(parts, "|")
}

func TestUnqueue(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.say(0, delta("first"), done)
	b.Send("two")
	b.Send("three")
	b.Send("four")
	b.Unqueue(b.view.turn(2).ID)
	if len(b.view.turns) != 3 || len(b.view.queue) != 1 {
		t.Fatalf("%d turns, %d wait", len(b.view.turns), len(b.view.queue))
	}
	if first := b.view.turn(0); len(first.Figures) == 0 || first.Answer != "first" {
		t.Errorf("another turn lost something: %+v", first)
	}
	if b.view.turn(1).State != ui.TurnWorking || b.view.turn(2).State != ui.TurnWaiting {
		t.Errorf("states %d and %d", b.view.turn(1).State, b.view.turn(2).State)
	}
	b.say(1, delta("second"), done)
	if got := text(b.request(2)); got != "one|first|two|second|four" {
		t.Errorf("the last question reads %q", got)
	}
}

func TestFailureKeepsTheTextAndRetryAsksAgain(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.say(0, delta("first"), done)
	b.Send("two")
	b.say(1, delta("half"), failed(protocol.CodeWorkerDied))
	got := b.view.turn(1)
	if got.State != ui.TurnFailed || got.Answer != "half" || got.Problem == nil || got.Problem.Title != "The engine stopped" {
		t.Fatalf("the failed turn is %+v", got)
	}
	b.Send("three")
	b.say(2, delta("third"), done)

	b.Retry(got.ID)
	if r := b.request(3); text(r) != "one|first|two" {
		t.Errorf("Retry reads %q", text(r))
	}
	if again := b.view.turn(1); again.State != ui.TurnWorking || again.Answer != "" || again.Problem != nil {
		t.Errorf("the turn that is asked again is %+v", again)
	}
	b.Retry(got.ID) // runs already
	b.say(3, delta("second"), done)
	if len(b.client.requests) != 4 {
		t.Errorf("%d requests", len(b.client.requests))
	}
	b.Send("four")
	if r := b.request(4); text(r) != "one|first|two|second|three|third|four" {
		t.Errorf("the question after a Retry reads %q", text(r))
	}
}

func TestRetryThatWaitsCanBeTakenBack(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.say(0, delta("half"), failed(protocol.CodeOutOfMemory))
	b.Send("two")
	id := b.view.turn(0).ID
	b.Retry(id)
	b.Retry(id)
	if got := b.view.turn(0); got.State != ui.TurnWaiting || got.Answer != "half" || len(b.view.queue) != 1 {
		t.Fatalf("%d wait, the turn is %+v", len(b.view.queue), got)
	}
	b.Unqueue(id)
	if got := b.view.turn(0); got.State != ui.TurnFailed || got.Answer != "half" || got.Problem == nil || len(b.view.queue) != 0 {
		t.Errorf("%d wait, the turn is %+v", len(b.view.queue), got)
	}
}

func TestNewChatLeavesTheOldOneBehind(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.Send("two")
	b.say(0, delta("half"))
	b.NewChat()
	if b.request(0).ctx.Err() == nil || b.view.busy || len(b.view.queue) != 0 || len(b.view.turns) != 0 {
		t.Errorf("after NewChat: busy %t, %d wait, %d turns", b.view.busy, len(b.view.queue), len(b.view.turns))
	}
	b.Send("new")
	b.say(0, delta("late"), cancelled)
	if len(b.view.turns) != 1 || !b.view.busy || len(b.client.requests) != 2 {
		t.Errorf("the old chat wrote into the new one: %+v", b.view.turns)
	}
	if got := text(b.request(1)); got != "new" {
		t.Errorf("the new chat reads %q", got)
	}
}

func TestEmptyQuestion(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send(" \n")
	if len(b.client.requests) != 0 || b.view.note() != "Type a question first." {
		t.Errorf("%d requests, note %q", len(b.client.requests), b.view.note())
	}
}

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		stop protocol.StopReason
		want string
	}{
		{protocol.StopEnd, "first token 45 ms"},
		{protocol.StopLimit, "first token 45 ms|stopped at 1,768 tokens (see settings)"},
		{protocol.StopContext, "first token 45 ms|stopped: the context is full"},
	} {
		got := figures(inference.Event{Stop: c.stop, Stats: protocol.Stats{AnswerTokens: 1768, FirstToken: 45}})
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q", c.stop, got)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1234: "-1,234", -123: "-123"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestSettingsAreKept(t *testing.T) {
	b := newBench(t)
	b.ChangeSettings(ui.Settings{MaxTokens: 100, Temperature: 0, Seed: 7, Theme: "dark"})
	b.tell(b.ready())
	b.Send("q")
	if r := b.request(0); r.MaxTokens != 100 || r.Temperature != 0 || r.Seed != 7 {
		t.Errorf("the request is %+v", r.Request)
	}
	next := newBenchAt(t, b.settings)
	next.start()
	if got := next.view.settings; got.MaxTokens != 100 || got.Temperature != 0 || got.Seed != 7 || got.Theme != "dark" || got.FreeCost != freeCost(0) {
		t.Errorf("at the next start they are %+v", got)
	}
}

// A model may have a temperature of its own; what the person chooses goes before it, for every model.
func TestTemperatureIsTheModelsUntilOneIsChosen(t *testing.T) {
	b := newBench(t)
	own := 0.2
	b.demo.Temperature = &own
	b.UseBuiltIn()
	if b.view.settings.Temperature != own {
		t.Errorf("the settings show %v", b.view.settings.Temperature)
	}
	b.ChangeSettings(ui.Settings{MaxTokens: 100, Temperature: own, Theme: "dark"})
	b.open(files{model: "/other.gguf"})
	if b.view.settings.Temperature != 0.7 {
		t.Errorf("with a model that has none they show %v", b.view.settings.Temperature)
	}
	b.ChangeSettings(ui.Settings{MaxTokens: 100, Temperature: 1, Theme: "dark"})
	b.UseBuiltIn()
	b.tell(b.ready())
	b.Send("q")
	if r := b.request(0); r.Temperature != 1 {
		t.Errorf("asked at %v", r.Temperature)
	}
}

func TestSentence(t *testing.T) {
	if got := sentence(errors.New("the file is gone")); got != "The file is gone." {
		t.Errorf("%q", got)
	}
	if got := sentence(errors.New("Done.")); got != "Done." {
		t.Errorf("%q", got)
	}
}

func TestPicturesAfterAFailure(t *testing.T) {
	for code, carried := range map[protocol.Code]int{
		protocol.CodeWorkerDied: 1, protocol.CodeDecode: 1,
		protocol.CodeNoVision: 0, protocol.CodeBadImage: 0, protocol.CodeContextFull: 0, protocol.CodeOutOfMemory: 0,
	} {
		b := newBench(t)
		b.tell(b.ready())
		b.AttachImage("a.png", pngOf(t, 64, 64))
		b.attached()
		b.Send("What is this?")
		b.say(0, started, failed(code))
		b.Send("And its colour?")
		m := b.request(1).Messages
		if len(m) != 1 || len(m[0].Images) != carried {
			t.Errorf("after %s the next question is %+v, want %d pictures", code, m, carried)
		}
	}
}

// withDeadEngine is a bench whose first question failed with the engine while two more wait.
func withDeadEngine(t *testing.T, code protocol.Code) *bench {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.Send("two")
	b.Send("three")
	b.tell(b.inState(inference.StateBusy))
	b.say(0, started, failed(code))
	return b
}

// inState is the built-in model's status in another state.
func (b *bench) inState(state inference.State) inference.Status {
	s := b.ready()
	s.State = state
	return s
}

func TestTheQueueWaitsForTheEngine(t *testing.T) {
	for _, code := range []protocol.Code{
		protocol.CodeEngineMissing, protocol.CodeOutOfMemory, protocol.CodeModelInvalid, protocol.CodeMMProjInvalid,
		protocol.CodeProtocol, protocol.CodeWorkerDied, protocol.CodeWorkerHung,
	} {
		b := withDeadEngine(t, code)
		b.tell(b.inState(inference.StateLoading))
		if n := len(b.client.requests); n != 1 || len(b.view.queue) != 2 || b.view.busy {
			t.Errorf("%s: %d requests, %d wait, busy is %t", code, n, len(b.view.queue), b.view.busy)
		}
		b.tell(b.ready()) // the service has started it again
		if got := text(b.request(1)); got != "two" || len(b.view.queue) != 1 {
			t.Errorf("%s: %q goes on, %d wait", code, got, len(b.view.queue))
		}
		b.say(1, failed(protocol.CodeBadImage))
		if got := text(b.request(2)); got != "three" {
			t.Errorf("%s: after a failure of the question itself %q goes on", code, got)
		}
	}
}

func TestTheQueueGoesOnWhenThePersonAsks(t *testing.T) {
	gone := inference.Status{State: inference.StateFailed, Err: &inference.Error{Code: protocol.CodeWorkerDied, Op: "answer"}}
	for _, c := range []struct {
		name  string
		do    func(*bench)
		asked string
		wait  int
	}{
		{"nothing", func(*bench) {}, "", 2},
		{"send", func(b *bench) { b.Send("four") }, "two", 2},
		{"retry", func(b *bench) { b.Retry(b.view.turn(0).ID) }, "one", 2},
		{"unqueue", func(b *bench) { b.Unqueue(b.view.turn(1).ID) }, "", 1},
		{"new chat", func(b *bench) { b.NewChat(); b.Send("new") }, "new", 0},
	} {
		b := withDeadEngine(t, protocol.CodeWorkerDied)
		b.tell(gone)
		c.do(b)
		b.run()
		asked := ""
		if len(b.client.requests) > 1 {
			asked = text(b.request(1))
		}
		if asked != c.asked || len(b.view.queue) != c.wait {
			t.Errorf("%s: %q is asked, %d wait", c.name, asked, len(b.view.queue))
		}
	}
}

// The window may hear of an engine that is back before it hears of the question that failed with it.
func TestTheQueueGoesOnWhenTheEngineIsBackAlready(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.Send("one")
	b.Send("two")
	b.say(0, started, failed(protocol.CodeWorkerDied))
	if got := text(b.request(1)); got != "two" {
		t.Errorf("%q goes on", got)
	}
}

func TestWhatIsTypedWhileAPictureIsReadStays(t *testing.T) {
	for _, c := range []struct {
		name, asked, left string
		meanwhile         func(*bench)
	}{
		{"nothing", "What?", "", func(*bench) {}},
		{"the next question", "What?", "And then?", func(b *bench) { b.typed("And then?") }},
		{"something, taken back", "What?", "", func(b *bench) { b.typed("What? And"); b.typed("What? ") }},
		{"another question, sent", "Why?", "", func(b *bench) { b.typed("Why?"); b.Send("Why?") }},
	} {
		b := newBench(t)
		b.tell(b.ready())
		b.AttachImage("a.png", pngOf(t, 64, 64))
		b.typed("What?")
		b.Send("What?") // the picture is read when the main goroutine hears of it
		c.meanwhile(b)
		b.attached()
		if got := text(b.request(0)); got != c.asked || b.view.composer != c.left {
			t.Errorf("%s: asked %q, the composer holds %q", c.name, got, b.view.composer)
		}
		b.typed("Next")
		if b.Send("Next"); b.view.composer != "" {
			t.Errorf("%s: after the next question the composer holds %q", c.name, b.view.composer)
		}
	}
}

// typed puts text into the composer as a person does.
func (b *bench) typed(text string) {
	b.view.composer = text
	b.Edited(text)
}
