package inference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// patience is how long a test waits for something that must come.
const patience = 30 * time.Second

var noCheck = func(Model) (*plan.Facts, *Error) { return nil, nil }

// realFake is a Service whose engine is this test binary with a personality.
func realFake(t *testing.T, who string, env ...string) *Service {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := New(Options{
		Engine: self, Env: append([]string{fakeEnv + "=" + who}, env...), check: noCheck,
		StopGrace: 300 * time.Millisecond,
		Log:       slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	t.Cleanup(s.Close)
	return s
}

func opened(t *testing.T, s *Service) *Service {
	t.Helper()
	s.Open(Model{Path: "a.gguf"})
	if _, err := WaitReady(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	return s
}

// record is what one request was told.
type record struct {
	t      *testing.T
	mu     sync.Mutex // owns all below
	events []Event
	news   chan struct{} // holds a token when events came
}

func submit(ctx context.Context, t *testing.T, s Client, text string, pictures ...*vision.Picture) *record {
	r := &record{t: t, news: make(chan struct{}, 1)}
	s.Submit(ctx, Request{Messages: []Message{{Role: "user", Text: text, Images: Images(pictures...)}}}, r.add)
	return r
}

func (r *record) add(e Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *record) all() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// until waits for an event for which is says yes.
func (r *record) until(is func(Event) bool) Event {
	r.t.Helper()
	deadline := time.After(patience)
	for {
		for _, e := range r.all() {
			if is(e) {
				return e
			}
		}
		select {
		case <-r.news:
		case <-deadline:
			r.t.Fatalf("waited in vain; events: %+v", r.all())
		}
	}
}

func (r *record) kind(k EventKind) Event {
	r.t.Helper()
	return r.until(func(e Event) bool { return e.Kind == k })
}

func (r *record) end() Event { r.t.Helper(); return r.until(Event.Terminal) }

func (r *record) text() string {
	var b strings.Builder
	for _, e := range r.all() {
		b.WriteString(e.Text)
	}
	return b.String()
}

// proper fails the test unless the events are in order and end with one terminal event.
func (r *record) proper() {
	r.t.Helper()
	events := r.all()
	if len(events) == 0 || !events[len(events)-1].Terminal() {
		r.t.Fatalf("no terminal event: %+v", events)
	}
	started := 0
	for i, e := range events {
		switch {
		case e.Terminal() && i < len(events)-1:
			r.t.Fatalf("event after the terminal one: %+v", events)
		case e.Kind == Started:
			started++
		case e.Kind == Queued && started > 0, e.Kind > Started && !e.Terminal() && started != 1:
			r.t.Fatalf("out of order: %+v", events)
		}
	}
	if started > 1 {
		r.t.Fatalf("started twice: %+v", events)
	}
}

// untilStatus waits for a status for which is says yes.
func untilStatus(t *testing.T, s Client, is func(Status) bool) Status {
	t.Helper()
	found := make(chan Status, 1)
	stop := s.Watch(func(st Status) {
		if is(st) {
			select {
			case found <- st:
			default:
			}
		}
	})
	defer stop()
	select {
	case st := <-found:
		return st
	case <-time.After(patience):
		t.Fatal("the status did not come")
		return Status{}
	}
}

func TestFiveQuestionsAreAnsweredInOrder(t *testing.T) {
	s := realFake(t, "good")
	s.Open(Model{Path: "a.gguf"})
	var (
		mu       sync.Mutex
		running  int
		order    []string
		started  []string
		together sync.WaitGroup
	)
	for i := range 5 {
		text := fmt.Sprintf("question %d", i)
		together.Add(1)
		s.Submit(t.Context(), Request{Messages: []Message{{Role: "user", Text: text}}}, func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case e.Kind == Started:
				started = append(started, text)
				if running++; running > 1 {
					t.Error("two at once")
				}
			case e.Kind == Done:
				running--
				order = append(order, text)
				together.Done()
			case e.Terminal():
				t.Errorf("%s: %+v", text, e)
				together.Done()
			}
		})
	}
	together.Wait()
	want := "[question 0 question 1 question 2 question 3 question 4]"
	if fmt.Sprint(order) != want || fmt.Sprint(started) != want {
		t.Errorf("started %v, answered %v", started, order)
	}
}

func TestFiveAtTheSameTime(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	records := make([]*record, 5)
	var callers sync.WaitGroup
	for i := range records {
		callers.Go(func() { records[i] = submit(t.Context(), t, s, fmt.Sprintf("question %d", i)) })
	}
	callers.Wait()
	for i, r := range records {
		if e := r.end(); e.Kind != Done || r.text() != fmt.Sprintf("You said: question %d", i) {
			t.Errorf("%d: %+v %q", i, e, r.text())
		}
		r.proper()
	}
}

func TestEventsOfOneAnswer(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	a, err := Ask(t.Context(), s, Request{Messages: []Message{{Role: "user", Text: "hello"}}}, nil)
	if err != nil || a.Text != "You said: hello" || a.Stop != protocol.StopEnd || a.Reused.Tokens != 1 || a.Stats.AnswerTokens != 3 {
		t.Errorf("%+v, %v", a, err)
	}
}

// Every way in which a worker can fail to become ready.
func TestLoadsThatFail(t *testing.T) {
	for _, c := range []struct {
		who    string
		code   protocol.Code
		detail string
	}{
		{"garbage", protocol.CodeProtocol, ""},
		{"huge", protocol.CodeProtocol, ""},
		{"version", protocol.CodeProtocol, ""},
		{"exit5", protocol.CodeEngineMissing, "libffi"},
		{"exit127", protocol.CodeEngineMissing, ""},
		{"exit1", protocol.CodeWorkerDied, "some reason"},
		{"leave", protocol.CodeWorkerDied, ""},
		{"closed", protocol.CodeWorkerDied, ""},
		{"dieload", protocol.CodeWorkerDied, "GGML_ASSERT"},
		{"oomload", protocol.CodeOutOfMemory, "CUDA error"},
		{"failload", protocol.CodeModelInvalid, "a log line"},
	} {
		t.Run(c.who, func(t *testing.T) {
			if c.who == "closed" && runtime.GOOS == "windows" {
				t.Skip("under Wine a pipe ends with the process that has closed it, no sooner")
			}
			count := filepath.Join(t.TempDir(), "starts")
			s := realFake(t, c.who, countEnv+"="+count)
			s.Open(Model{Path: "a.gguf"})
			r := submit(t.Context(), t, s, "waiting")
			st, err := WaitReady(t.Context(), s)
			if CodeOf(err) != c.code || st.State != StateFailed {
				t.Fatalf("%v, state %v; want %s", err, st.State, c.code)
			}
			if !strings.Contains(st.Err.Detail, c.detail) {
				t.Errorf("detail %q lacks %q", st.Err.Detail, c.detail)
			}
			if e := r.end(); e.Kind != Failed || e.Err.Code != c.code {
				t.Errorf("who waited was told %+v", e)
			}
			r.proper()
			if x := Explain(err); x.Title == "" || x.Action == "" {
				t.Errorf("no explanation: %+v", x)
			}
			if data, err := os.ReadFile(count); err != nil || len(data) != 1 {
				t.Errorf("started %d times, %v: a load that fails must not loop", len(data), err)
			}
			// The next question tries once more, and is told.
			if e := submit(t.Context(), t, s, "again").end(); e.Kind != Failed || e.Err.Code != c.code {
				t.Errorf("second try: %+v", e)
			}
		})
	}
}

func TestEngineProgramMissing(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("not a program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), text, dir} {
		s := New(Options{Engine: path, check: noCheck})
		s.Open(Model{Path: "a.gguf"})
		if _, err := WaitReady(t.Context(), s); CodeOf(err) != protocol.CodeEngineMissing {
			t.Errorf("%s: %v", path, err)
		}
		s.Close()
	}
}

// Every way in which a worker can fail in the middle of an answer: the running request is told, keeps its text, and the
// waiting one and the next are answered.
func TestAnswersThatFail(t *testing.T) {
	for question, code := range map[string]protocol.Code{
		"die":     protocol.CodeWorkerDied,
		"oom":     protocol.CodeOutOfMemory,
		"garbage": protocol.CodeProtocol,
		"notjson": protocol.CodeProtocol,
		"torn":    protocol.CodeWorkerDied,
		"fail":    protocol.CodeContextFull,
	} {
		t.Run(question, func(t *testing.T) {
			s := opened(t, realFake(t, "good"))
			first := submit(t.Context(), t, s, question)
			second := submit(t.Context(), t, s, "second")
			if e := first.end(); e.Kind != Failed || e.Err.Code != code {
				t.Errorf("%+v (%v), want %s", e, e.Err, code)
			}
			if first.text() != "You said: " {
				t.Errorf("partial text %q", first.text())
			}
			if e := second.end(); e.Kind != Done {
				t.Errorf("who waited: %+v", e)
			}
			if e := submit(t.Context(), t, s, "third").end(); e.Kind != Done {
				t.Errorf("the next: %+v", e)
			}
			first.proper()
			second.proper()
		})
	}
}

func TestTwoDeathsInARow(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	first := submit(t.Context(), t, s, "die")
	second := submit(t.Context(), t, s, "die too")
	third := submit(t.Context(), t, s, "third")
	for _, r := range []*record{first, second, third} {
		if e := r.end(); e.Kind != Failed || e.Err.Code != protocol.CodeWorkerDied {
			t.Errorf("%+v", e)
		}
		r.proper()
	}
	untilStatus(t, s, func(st Status) bool { return st.State == StateFailed && st.Err != nil && st.PID == 0 })
	if e := submit(t.Context(), t, s, "fourth").end(); e.Kind != Done {
		t.Errorf("the next question did not start it again: %+v", e)
	}
}

func TestReloadThatFails(t *testing.T) {
	s := opened(t, realFake(t, "diereload", countEnv+"="+filepath.Join(t.TempDir(), "starts")))
	first, second := submit(t.Context(), t, s, "die"), submit(t.Context(), t, s, "second")
	first.end()
	if e := second.end(); e.Kind != Failed {
		t.Errorf("%+v", e)
	}
	untilStatus(t, s, func(st Status) bool { return st.State == StateFailed })
}

func TestKilledFromOutside(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	kill := func(st Status) {
		p, err := os.FindProcess(st.PID)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	running := submit(t.Context(), t, s, "wait")
	running.kind(Delta)
	st := untilStatus(t, s, func(st Status) bool { return st.State == StateBusy })
	kill(st)
	if e := running.end(); e.Kind != Failed || e.Err.Code != protocol.CodeWorkerDied || running.text() != "You said: " {
		t.Errorf("%+v %q", e, running.text())
	}
	if e := submit(t.Context(), t, s, "next").end(); e.Kind != Done {
		t.Errorf("next: %+v", e)
	}
	st = untilStatus(t, s, func(st Status) bool { return st.State == StateReady })
	kill(st) // while it does nothing
	untilStatus(t, s, func(now Status) bool { return now.State == StateReady && now.PID != st.PID })
}

func TestCancel(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	for _, question := range []string{"wait", "cancels", "stubborn"} {
		ctx, cancel := context.WithCancel(t.Context())
		running, waiting := submit(ctx, t, s, question), submit(t.Context(), t, s, "after")
		running.kind(Delta)
		begin := time.Now()
		cancel()
		if e := running.end(); e.Kind != Cancelled {
			t.Errorf("%s: %+v", question, e)
		}
		told := time.Since(begin)
		if e := waiting.end(); e.Kind != Done {
			t.Errorf("after %s: %+v", question, e)
		}
		t.Logf("%s: cancelled after %v, next answered after %v", question, told, time.Since(begin))
		if strings.Contains(running.text(), "late") {
			t.Error("text after the cancel")
		}
		running.proper()
	}
}

func TestCancelOneThatWaits(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	ctx1, cancel1 := context.WithCancel(t.Context())
	ctx2, cancel2 := context.WithCancel(t.Context())
	defer cancel1()
	first, second, third := submit(ctx1, t, s, "wait"), submit(ctx2, t, s, "second"), submit(t.Context(), t, s, "third")
	third.until(func(e Event) bool { return e.Kind == Queued && e.Position == 2 })
	cancel2()
	if e := second.end(); e.Kind != Cancelled {
		t.Errorf("%+v", e)
	}
	third.until(func(e Event) bool { return e.Kind == Queued && e.Position == 1 })
	cancel1()
	if e := first.end(); e.Kind != Cancelled {
		t.Errorf("%+v", e)
	}
	if e := third.end(); e.Kind != Done {
		t.Errorf("%+v", e)
	}
	for _, r := range []*record{first, second, third} {
		r.proper()
	}
}

func TestRefused(t *testing.T) {
	s := realFake(t, "text")
	code := func(r *record) protocol.Code {
		if e := r.end(); e.Kind == Failed {
			return e.Err.Code
		}
		return ""
	}
	if c := code(submit(t.Context(), t, s, "hello")); c != protocol.CodeNoModel {
		t.Errorf("no model: %q", c)
	}
	if _, err := s.Clear(t.Context(), protocol.FreeWorking); CodeOf(err) != protocol.CodeNoModel {
		t.Errorf("clear without a model: %v", err)
	}
	if _, err := WaitReady(t.Context(), s); CodeOf(err) != protocol.CodeNoModel {
		t.Errorf("wait without a model: %v", err)
	}
	opened(t, s)
	if c := code(submit(t.Context(), t, s, " \n\t")); c != protocol.CodeEmptyPrompt {
		t.Errorf("empty: %q", c)
	}
	if c := code(submit(t.Context(), t, s, "what is this", somePicture(64, 64))); c != protocol.CodeNoVision {
		t.Errorf("picture: %q", c)
	}
	if c := code(submit(t.Context(), t, s, strings.Repeat("long ", 1<<20))); c != protocol.CodeContextFull {
		t.Errorf("long: %q", c)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if e := submit(ended, t, s, "hello").end(); e.Kind != Cancelled {
		t.Errorf("ended context: %+v", e)
	}
	if e := submit(t.Context(), t, s, "text is fine").end(); e.Kind != Done {
		t.Errorf("text: %+v", e)
	}
	s.Open(Model{})
	if c := code(submit(t.Context(), t, s, "hello")); c != protocol.CodeNoModel {
		t.Errorf("model closed: %q", c)
	}
}

func somePicture(w, h int) *vision.Picture {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = byte(i)
	}
	return &vision.Picture{Name: "p.png", Format: "png", Width: w, Height: h, RGBA: img}
}

func TestWhatTheWorkerGets(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	dump := func(r Request) protocol.Ask {
		t.Helper()
		a, err := Ask(t.Context(), s, r, nil)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.TrimSuffix(strings.TrimPrefix(a.Text, "You said: "), "dump")
		var ask protocol.Ask
		if err := json.Unmarshal([]byte(text), &ask); err != nil {
			t.Fatal(err, text)
		}
		pixels := 0
		for _, img := range ask.Images {
			pixels += img.Width * img.Height * 3
		}
		if pixels != a.Stats.ImageTokens { // the fake's way to say how long the blob was
			t.Errorf("blob of %d bytes, pictures of %d", a.Stats.ImageTokens, pixels)
		}
		return ask
	}
	one, two := somePicture(300, 200), somePicture(64, 64)
	talk := []Message{
		{Role: "user", Text: "first", Images: []Image{{Picture: one}}},
		{Role: "assistant", Text: "an answer"},
		{Role: "user", Text: "dump", Images: []Image{{Picture: two}, {Picture: one}}},
	}
	ask := dump(Request{Messages: talk, Temperature: DefaultTemperature})
	if ask.MaxTokens != DefaultMaxTokens || ask.Seed == 0 || ask.Temperature != DefaultTemperature {
		t.Errorf("defaults: %+v", ask)
	}
	if len(ask.Images) != 3 || ask.Messages[0].Images != 1 || ask.Messages[1].Images != 0 || ask.Messages[2].Images != 2 {
		t.Fatalf("pictures: %+v", ask)
	}
	want := vision.Prepare(one, vision.Grid{Factor: 32, MinTokens: 4, MaxTokens: 64})
	if got := ask.Images[0]; got.Hash != want.Hash || got.Width != want.Width || got != ask.Images[2] {
		t.Errorf("picture %+v, want %dx%d %s", got, want.Width, want.Height, want.Hash)
	}
	other := dump(Request{Messages: talk, Grid: vision.Grid{Factor: 32, MinTokens: 1, MaxTokens: 4}, Seed: 7, MaxTokens: 9})
	if got := other.Images[0]; got.Width*got.Height > 4*32*32 || other.Seed != 7 || other.MaxTokens != 9 || other.Temperature != 0 {
		t.Errorf("the request's own: %+v", other)
	}
	if again := dump(Request{Messages: talk, Temperature: 1}); again.Seed == ask.Seed {
		t.Error("the same random seed twice")
	}
}

func TestFloodAndStrangers(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	var want strings.Builder
	want.WriteString("You said: ")
	for i := range 20000 {
		fmt.Fprintf(&want, "%d ", i)
	}
	a, err := Ask(t.Context(), s, Request{Messages: []Message{{Role: "user", Text: "flood"}}}, nil)
	if err != nil || a.Text != want.String()+"flood" {
		t.Errorf("%d bytes of %d, %v", len(a.Text), want.Len(), err)
	}
	if a, err := Ask(t.Context(), s, Request{Messages: []Message{{Role: "user", Text: "unknown"}}}, nil); err != nil || a.Text != "You said: unknown" {
		t.Errorf("%q %v", a.Text, err)
	}
}

func TestClear(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	if c, err := s.Clear(t.Context(), protocol.FreeWorking); err != nil || c.Before-c.After != 2<<20 {
		t.Errorf("%+v %v", c, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	running := submit(ctx, t, s, "wait")
	running.kind(Delta)
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := s.Clear(gone, protocol.FreeWorking); CodeOf(err) != protocol.CodeCancelled {
		t.Errorf("left: %v", err)
	}
	cleared := make(chan error, 2)
	for range 2 {
		go func() { _, err := s.Clear(t.Context(), protocol.FreeWorking); cleared <- err }()
	}
	cancel()
	for range 2 {
		if err := <-cleared; err != nil {
			t.Error(err)
		}
	}
	if e := submit(t.Context(), t, s, "after").end(); e.Kind != Done {
		t.Errorf("%+v", e)
	}
}

func TestClearThatFails(t *testing.T) {
	s := opened(t, realFake(t, "clearless"))
	if _, err := s.Clear(t.Context(), protocol.FreeWorking); CodeOf(err) != protocol.CodeOutOfMemory {
		t.Errorf("%v", err)
	}
	if e := submit(t.Context(), t, s, "after").end(); e.Kind != Done {
		t.Errorf("%+v", e)
	}
}

func TestOpenAnother(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	running, waiting := submit(t.Context(), t, s, "stubborn"), submit(t.Context(), t, s, "waiting")
	running.kind(Delta)
	old := untilStatus(t, s, func(st Status) bool { return st.State == StateBusy })
	s.Open(Model{Path: "b.gguf"})
	s.Open(Model{Path: "c.gguf"})
	for _, r := range []*record{running, waiting} {
		if e := r.end(); e.Kind != Cancelled {
			t.Errorf("%+v", e)
		}
		r.proper()
	}
	st, err := WaitReady(t.Context(), s)
	if err != nil || st.Model.Path != "c.gguf" || st.PID == old.PID || st.Hello.Engine != "fake" || st.Loaded.Name != "fake" {
		t.Errorf("%+v %v", st, err)
	}
}

func TestModelFileChecks(t *testing.T) {
	s := New(Options{Engine: "/not/needed"})
	defer s.Close()
	s.Open(Model{Path: filepath.Join(t.TempDir(), "none.gguf")})
	_, err := WaitReady(t.Context(), s)
	if CodeOf(err) != protocol.CodeModelInvalid || !strings.Contains(err.Error(), "none.gguf") {
		t.Errorf("%v", err)
	}
}

func TestClose(t *testing.T) {
	for _, who := range []string{"good", "stays"} {
		s := opened(t, realFake(t, who))
		pid := untilStatus(t, s, func(st Status) bool { return st.PID != 0 }).PID
		running, waiting := submit(t.Context(), t, s, "wait"), submit(t.Context(), t, s, "waiting")
		running.kind(Delta)
		cleared := make(chan error, 1)
		go func() { _, err := s.Clear(t.Context(), protocol.FreeWorking); cleared <- err }()
		s.Close()
		s.Close()
		for _, r := range []*record{running, waiting, submit(t.Context(), t, s, "too late")} {
			if e := r.end(); e.Kind != Cancelled {
				t.Errorf("%+v", e)
			}
			r.proper()
		}
		if err := <-cleared; CodeOf(err) != protocol.CodeCancelled {
			t.Errorf("clear: %v", err)
		}
		if alive(pid) {
			t.Errorf("%s: worker %d outlived Close", who, pid)
		}
	}
}

func TestCloseWhileLoading(t *testing.T) {
	for _, who := range []string{"mute", "hangload", "garbage"} {
		s := realFake(t, who)
		s.Open(Model{Path: "a.gguf"})
		st := untilStatus(t, s, func(st Status) bool { return st.PID != 0 || st.State == StateFailed })
		s.Close()
		if st.PID != 0 && alive(st.PID) {
			t.Errorf("%s outlived Close", who)
		}
	}
	s := realFake(t, "good")
	s.Open(Model{Path: "a.gguf"})
	s.Close()
}

// A callback may call back: nothing waits.
func TestCallbackCallsBack(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	second := &record{t: t, news: make(chan struct{}, 1)}
	s.Submit(t.Context(), Request{Messages: []Message{{Role: "user", Text: "one"}}}, func(e Event) {
		if e.Kind == Done {
			s.Submit(t.Context(), Request{Messages: []Message{{Role: "user", Text: "two"}}}, second.add)
		}
	})
	if e := second.end(); e.Kind != Done {
		t.Errorf("%+v", e)
	}
}

// fakeParent is a program that has a worker and then does nothing until it is killed.
func fakeParent() int {
	self, err := os.Executable()
	if err != nil {
		return 1
	}
	s := New(Options{Engine: self, Env: []string{fakeEnv + "=stays"}, check: noCheck})
	s.Open(Model{Path: "a.gguf"})
	st, err := WaitReady(context.Background(), s)
	if err != nil {
		return 1
	}
	fmt.Println(st.PID)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// command is this test binary as another program.
func command(who string, env ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), fakeEnv+"="+who), env...)
	return cmd
}

func TestAskTellsWhatWentWrong(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	ask := func(ctx context.Context, text string, on func(Event)) (Answer, error) {
		return Ask(ctx, s, Request{Messages: []Message{{Role: "user", Text: text}}}, on)
	}
	if a, err := ask(t.Context(), "die", nil); CodeOf(err) != protocol.CodeWorkerDied || a.Text != "You said: " {
		t.Errorf("%q %v", a.Text, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a, err := ask(ctx, "wait", func(e Event) {
		if e.Kind == Delta {
			cancel()
		}
	})
	if CodeOf(err) != protocol.CodeCancelled || !errors.Is(err, context.Canceled) || a.Text != "You said: " {
		t.Errorf("%q %v", a.Text, err)
	}
	if _, err := WaitReady(ctx, s); CodeOf(err) != protocol.CodeCancelled && err != nil {
		t.Error(err)
	}
}
