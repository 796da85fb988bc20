package worker

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference/protocol"
)

// fake is a Backend whose Ask waits to be cancelled when the question is "wait", and panics at "panic".
type fake struct {
	started chan struct{}
	asked   atomic.Int32
	settled atomic.Int32
}

func (f *fake) Hello() protocol.Hello { return protocol.Hello{Version: protocol.Version} }
func (f *fake) Steps() uint64         { return 7 }
func (f *fake) Close()                {}

func (f *fake) Load(_ context.Context, l protocol.Load, progress func(protocol.Progress)) (protocol.Loaded, error) {
	progress(protocol.Progress{Phase: protocol.PhaseLoad, Done: 1, Total: 1})
	if l.Model == "bad" {
		return protocol.Loaded{}, &Failure{Code: protocol.CodeModelInvalid, Op: "load", Detail: "it is bad"}
	}
	return protocol.Loaded{Name: l.Model}, nil
}

func (f *fake) Ask(ctx context.Context, a protocol.Ask, _ []byte, out Sink) (protocol.Done, error) {
	f.asked.Add(1)
	switch a.Messages[0].Text {
	case "wait":
		close(f.started)
		<-ctx.Done()
		return protocol.Done{}, ctx.Err()
	case "panic":
		panic("a bug")
	}
	if ctx.Err() != nil {
		return protocol.Done{}, ctx.Err()
	}
	out.Delta(protocol.Delta{ID: a.ID, Text: "yes"})
	return protocol.Done{ID: a.ID}, nil
}

func (f *fake) Plan(_ context.Context, l protocol.Load) (protocol.Planned, error) {
	if l.Model == "bad" {
		return protocol.Planned{}, &Failure{Code: protocol.CodeOutOfMemory, Stage: protocol.StageCreateContext, Op: "plan"}
	}
	return protocol.Planned{Memory: []protocol.Memory{{Part: protocol.PartKV, Device: "CPU", Bytes: 5}}}, nil
}

func (f *fake) Count(_ context.Context, a protocol.Ask) (protocol.Counted, error) {
	return protocol.Counted{ID: a.ID, PromptTokens: 3}, nil
}

func (f *fake) Clear(protocol.What) (protocol.Cleared, error) {
	return protocol.Cleared{}, errors.New("plain")
}

func (f *fake) Settle() {
	f.settled.Add(1)
	panic("a bug")
}

// session is a running Loop with its two pipes.
type session struct {
	t    *testing.T
	fake *fake
	in   *io.PipeWriter
	out  *io.PipeReader
	w    *protocol.Writer
	end  chan error
}

func start(t *testing.T) *session {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	s := &session{t: t, fake: &fake{started: make(chan struct{})}, in: inW, out: outR, w: protocol.NewWriter(inW), end: make(chan error, 1)}
	go func() {
		s.end <- Loop(inR, protocol.NewWriter(outW), s.fake)
		outW.Close()
	}()
	s.expect(protocol.KindHello)
	return s
}

func (s *session) send(kind protocol.Kind, m any) {
	s.t.Helper()
	if err := s.w.Write(kind, m); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) expect(kind protocol.Kind) protocol.Frame {
	s.t.Helper()
	for {
		f, err := protocol.Read(s.out)
		if err != nil {
			s.t.Fatalf("waiting for kind %d: %v", kind, err)
		}
		if f.Kind == protocol.KindAlive {
			continue
		}
		if f.Kind != kind {
			s.t.Fatalf("kind %d came (%s), want %d", f.Kind, f.Message, kind)
		}
		return f
	}
}

func question(id uint64, text string) protocol.Ask {
	return protocol.Ask{ID: id, Messages: []protocol.Message{{Role: "user", Text: text}}}
}

func TestLoopAnswers(t *testing.T) {
	s := start(t)
	s.send(protocol.KindLoad, protocol.Load{Model: "m"})
	s.expect(protocol.KindProgress)
	s.expect(protocol.KindLoaded)
	s.send(200, struct{}{}) // a kind of a later version is skipped
	s.send(protocol.KindAsk, question(1, "q"))
	s.expect(protocol.KindDelta)
	s.expect(protocol.KindDone)
	s.send(protocol.KindCount, question(2, "q"))
	s.expect(protocol.KindCounted)
	s.send(protocol.KindPlan, protocol.Load{Model: "m"})
	var planned protocol.Planned
	if err := s.expect(protocol.KindPlanned).Decode(&planned); err != nil || len(planned.Memory) != 1 || planned.Memory[0].Bytes != 5 {
		t.Errorf("planned %+v, %v", planned, err)
	}
	s.send(protocol.KindPlan, protocol.Load{Model: "bad"})
	var failed protocol.Failed
	if err := s.expect(protocol.KindFailed).Decode(&failed); err != nil || failed.Stage != protocol.StageCreateContext || failed.ID != 0 {
		t.Errorf("a plan that failed: %+v, %v", failed, err)
	}
	s.in.Close()
	if err := <-s.end; err != nil {
		t.Errorf("Loop ended with %v", err)
	}
}

func TestLoopFailures(t *testing.T) {
	s := start(t)
	failed := func(id uint64, code protocol.Code, detail string) {
		t.Helper()
		var m protocol.Failed
		if err := s.expect(protocol.KindFailed).Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.ID != id || m.Code != code || !strings.Contains(m.Detail, detail) {
			t.Errorf("failed with %+v, want request %d, %s, %q", m, id, code, detail)
		}
	}
	s.send(protocol.KindLoad, protocol.Load{Model: "bad"})
	s.expect(protocol.KindProgress)
	failed(0, protocol.CodeModelInvalid, "it is bad")
	s.send(protocol.KindAsk, question(5, "panic"))
	failed(5, protocol.CodeInternal, "a bug")
	s.send(protocol.KindClear, struct{}{})
	failed(0, protocol.CodeInternal, "plain")
	s.send(protocol.KindAsk, []int{1})
	failed(0, protocol.CodeProtocol, "")
	s.send(protocol.KindAsk, question(6, "q"))
	s.expect(protocol.KindDelta)
	s.expect(protocol.KindDone)
}

func TestLoopCancelsWhatRuns(t *testing.T) {
	s := start(t)
	s.send(protocol.KindAsk, question(1, "wait"))
	<-s.fake.started
	s.send(protocol.KindCancel, protocol.Cancel{ID: 2}) // another one, not yet here
	s.send(protocol.KindCancel, protocol.Cancel{ID: 1})
	s.expect(protocol.KindCancelled)
	s.send(protocol.KindAsk, question(2, "q"))
	s.expect(protocol.KindCancelled)
	s.send(protocol.KindAsk, question(3, "q"))
	s.expect(protocol.KindDelta)
	s.expect(protocol.KindDone)
}

func TestLoopForgetsACancelThatComesLate(t *testing.T) {
	l := &loop{backend: &fake{}}
	for id := range uint64(1000) {
		_, done := l.begin(id)
		done()
		l.cancel(id)
	}
	if len(l.early) > 0 {
		t.Errorf("%d cancels of requests that were over are kept", len(l.early))
	}
}

func TestLoopLeavesWhenNobodyListens(t *testing.T) {
	s := start(t)
	s.send(protocol.KindAsk, question(1, "wait"))
	<-s.fake.started
	s.in.Close()
	s.expect(protocol.KindCancelled)
	if err := <-s.end; err != nil {
		t.Errorf("Loop ended with %v", err)
	}
}

func TestLoopRefusesGarbage(t *testing.T) {
	s := start(t)
	go s.in.Write([]byte("this is no frame at all"))
	if err := <-s.end; !errors.Is(err, protocol.ErrGarbage) {
		t.Errorf("Loop ended with %v, want ErrGarbage", err)
	}
}

// Once, when nothing came for a while, and not even a bug in it ends the loop.
func TestLoopSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ask := func(id uint64) {
			s.send(protocol.KindAsk, question(id, "q"))
			s.expect(protocol.KindDelta)
			s.expect(protocol.KindDone)
		}
		ask(1)
		time.Sleep(settleAfter / 2)
		ask(2)
		time.Sleep(settleAfter * 3 / 4)
		synctest.Wait()
		if n := s.fake.settled.Load(); n != 0 {
			t.Errorf("it settled %d times while questions came", n)
		}
		time.Sleep(10 * settleAfter)
		synctest.Wait()
		if n := s.fake.settled.Load(); n != 1 {
			t.Errorf("it settled %d times", n)
		}
		ask(3)
		s.in.Close()
		if err := <-s.end; err != nil {
			t.Error(err)
		}
	})
}
