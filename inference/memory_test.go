package inference

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference/plan"
	"galago/inference/protocol"
)

// bubble is inBubble with Options of its own.
func bubble(t *testing.T, o Options, whos []string, f func(t *testing.T, s *Service)) {
	synctest.Test(t, func(t *testing.T) {
		o := o
		o.start = inProcess(whos...)
		if o.check == nil {
			o.check = noCheck
		}
		if o.system == nil {
			o.system = func() plan.Device { return plan.Device{Name: "system memory", Total: 16 << 30, Free: 8 << 30} }
		}
		if o.held == nil {
			o.held = func(pid int) uint64 { return uint64(pid) << 30 }
		}
		s := New(o)
		f(t, s)
		s.Close()
		time.Sleep(24 * time.Hour)
	})
}

func state(want State) func(Status) bool { return func(st Status) bool { return st.State == want } }

// statusOf is the status now.
func statusOf(s *Service) Status {
	got := make(chan Status, 1)
	defer s.Watch(func(st Status) {
		select {
		case got <- st:
		default:
		}
	})()
	return <-got
}

// told is what a fake has been asked to do so far.
func told(t *testing.T, s *Service) (clears []protocol.What, loads []protocol.Load) {
	t.Helper()
	a, err := Ask(t.Context(), s, Request{Messages: []Message{{Role: "user", Text: "told"}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var m struct {
		Clears []protocol.What `json:"clears"`
		Loads  []protocol.Load `json:"loads"`
	}
	text := strings.TrimSuffix(strings.TrimPrefix(a.Text, "You said: "), "told")
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err, text)
	}
	return m.Clears, m.Loads
}

func TestUnload(t *testing.T) {
	bubble(t, Options{}, []string{"good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		running := submit(t.Context(), t, s, "wait")
		running.kind(Delta)
		type result struct {
			c   Cleared
			err error
		}
		unloaded := make(chan result, 1)
		go func() { c, err := s.Unload(t.Context()); unloaded <- result{c, err} }()
		synctest.Wait()
		select {
		case r := <-unloaded:
			t.Fatalf("unloaded in the middle of an answer: %+v", r)
		default:
		}
		waiting := submit(t.Context(), t, s, "after")
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Unload(ended); CodeOf(err) != protocol.CodeCancelled {
			t.Errorf("left: %v", err)
		}
		s.cancelRunning()
		if r := <-unloaded; r.err != nil || r.c.What != Unloaded || r.c.Before != 1<<30 || r.c.After != 0 || r.c.Device != "resident memory" {
			t.Errorf("%+v", r)
		}
		if e := waiting.end(); e.Kind != Done { // what waits is asked after a new load
			t.Errorf("%+v", e)
		}
		if st := untilStatus(t, s, state(StateReady)); st.PID != 2 {
			t.Errorf("worker %d", st.PID)
		}
		running.proper()
		waiting.proper()
	})
}

// cancelRunning ends the request that runs, as its context would.
func (s *Service) cancelRunning() { s.box.post(func() { s.cancel(s.run) }) }

func TestUnloadedModel(t *testing.T) {
	bubble(t, Options{}, []string{"good"}, func(t *testing.T, s *Service) {
		if _, err := s.Unload(t.Context()); CodeOf(err) != protocol.CodeNoModel {
			t.Errorf("without a model: %v", err)
		}
		opened(t, s)
		if _, err := s.Unload(t.Context()); err != nil {
			t.Fatal(err)
		}
		st := untilStatus(t, s, state(StateUnloaded))
		if st.PID != 0 || st.Memory != nil || st.Model.Path != "a.gguf" {
			t.Errorf("%+v", st)
		}
		for _, again := range []func() (Cleared, error){
			func() (Cleared, error) { return s.Unload(t.Context()) },
			func() (Cleared, error) { return s.Clear(t.Context(), protocol.FreeWorking) },
		} {
			if c, err := again(); err != nil || c.Before != 0 || c.After != 0 {
				t.Errorf("nothing is held: %+v %v", c, err)
			}
		}
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Error(err) // it can answer
		}
		if e := submit(t.Context(), t, s, "hello").end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
		untilStatus(t, s, state(StateReady))
	})
	// A worker that does not leave by itself changes nothing.
	bubble(t, Options{}, []string{"stays", "good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		if _, err := s.Unload(t.Context()); err != nil {
			t.Error(err)
		}
		if e := submit(t.Context(), t, s, "hello").end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
	})
}

func TestOpenWhileUnloading(t *testing.T) {
	bubble(t, Options{}, []string{"stays", "good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		end := make(chan error, 1)
		go func() { _, err := s.Unload(t.Context()); end <- err }()
		synctest.Wait()
		s.Open(Model{Path: "b.gguf"})
		if err := <-end; CodeOf(err) != protocol.CodeCancelled {
			t.Errorf("%v", err)
		}
		st := untilStatus(t, s, state(StateReady))
		if st.Model.Path != "b.gguf" || st.PID != 2 {
			t.Errorf("%+v", st)
		}
	})
}

func TestIdleUnload(t *testing.T) {
	bubble(t, Options{}, []string{"good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		s.Configure(Policy{IdleUnload: 10 * time.Minute})
		at := func(d time.Duration, want State) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if st := statusOf(s); st.State != want {
				t.Errorf("after %v: state %d, want %d", d, st.State, want)
			}
		}
		at(9*time.Minute, StateReady)
		if e := submit(t.Context(), t, s, "hello").end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
		at(9*time.Minute, StateReady) // the request counts
		at(2*time.Minute, StateUnloaded)
		at(time.Hour, StateUnloaded)
		ctx, cancel := context.WithCancel(t.Context())
		busy := submit(ctx, t, s, "busy")
		at(30*time.Minute, StateBusy) // work is no idleness
		cancel()
		busy.end()
		at(9*time.Minute, StateReady)
		at(2*time.Minute, StateUnloaded)
		submit(t.Context(), t, s, "hello").end()
		s.Configure(Policy{})
		at(24*time.Hour, StateReady)
		s.Configure(Policy{IdleUnload: time.Hour})
		at(time.Second, StateUnloaded)
	})
}

func TestClearKinds(t *testing.T) {
	bubble(t, Options{}, []string{"good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		running := submit(ctx, t, s, "wait")
		running.kind(Delta)
		var ended atomic.Int32
		for _, what := range []protocol.What{protocol.ForgetCache, protocol.FreeWorking, protocol.ForgetCache} {
			go func() {
				if c, err := s.Clear(t.Context(), what); err != nil || c.What != what {
					t.Errorf("%+v %v", c, err)
				}
				ended.Add(1)
			}()
			synctest.Wait()
		}
		cancel()
		running.end()
		synctest.Wait()
		if clears, _ := told(t, s); fmt.Sprint(clears) != "[forget working]" || ended.Load() != 3 {
			t.Errorf("the engine was told %v, %d callers", clears, ended.Load())
		}
	})
}

func TestFreeAfterAnswer(t *testing.T) {
	bubble(t, Options{}, []string{"good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		told(t, s)
		s.Configure(Policy{FreeAfterAnswer: true})
		first, second := submit(t.Context(), t, s, "one"), submit(t.Context(), t, s, "fail")
		if e := first.end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
		second.end()
		if clears, _ := told(t, s); fmt.Sprint(clears) != "[working working]" {
			t.Errorf("%v", clears)
		}
		talk := []Message{{Role: "user", Text: "told"}, {Role: "assistant", Text: "yes"}, {Role: "user", Text: "and"}}
		if _, err := Ask(t.Context(), s, Request{Messages: talk}, nil); err != nil {
			t.Fatal(err)
		}
		if st := untilStatus(t, s, state(StateReady)); st.FreeCost != 120*time.Millisecond {
			t.Errorf("cost %v", st.FreeCost)
		}
		s.Configure(Policy{})
		told(t, s)
		if clears, _ := told(t, s); len(clears) != 4 {
			t.Errorf("still freed: %v", clears)
		}
	})
}

// An engine that cannot make its working memory again is started again, and nothing is lost.
func TestFreeAfterAnswerThatFails(t *testing.T) {
	bubble(t, Options{}, []string{"clearless"}, func(t *testing.T, s *Service) {
		opened(t, s)
		s.Configure(Policy{FreeAfterAnswer: true})
		first, second := submit(t.Context(), t, s, "one"), submit(t.Context(), t, s, "two")
		for _, r := range []*record{first, second} {
			if e := r.end(); e.Kind != Done {
				t.Errorf("%+v", e)
			}
			r.proper()
		}
	})
}

// A driver that hangs holds nobody up, and is not asked again while it does.
func TestDeviceThatHangs(t *testing.T) {
	var asked atomic.Int32
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l := newLooker(Options{LookLimit: time.Second, Device: func(string, int) (plan.Device, uint64, bool) {
			asked.Add(1)
			<-release
			return plan.Device{UUID: "GPU-1"}, 0, true
		}})
		begin := time.Now()
		if r := l.card(t.Context(), "", 0); r.ok || time.Since(begin) != time.Second {
			t.Errorf("%+v after %v", r, time.Since(begin))
		}
		if r := l.card(t.Context(), "", 0); r.ok || time.Since(begin) != 2*time.Second || asked.Load() != 1 {
			t.Errorf("%+v after %v", r, time.Since(begin))
		}
		close(release)
		synctest.Wait()
		if r := l.card(t.Context(), "", 0); !r.ok || asked.Load() != 2 {
			t.Errorf("%+v, asked %d times", r, asked.Load())
		}
	})
}
