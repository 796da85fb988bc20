package inference

import (
	"context"
	"testing"
	"testing/synctest"
)

// Looking ahead is silent, does not show as work, and gives way to a question about something else.
func TestLookGivesWay(t *testing.T) {
	inBubble(t, []string{"good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		looking := func() (is bool) {
			synctest.Wait()
			together(s, func() { is = s.run != nil && s.run.look && s.run.sent && !s.run.cancelling })
			return is
		}
		a, b := Images(somePicture(4, 4)), Images(somePicture(8, 8))
		ctx, cancel := context.WithCancel(t.Context())
		s.Look(ctx, a)
		if !looking() {
			t.Fatal("it does not look")
		}
		together(s, func() {
			if got := s.status(); got.State != StateReady || got.Waiting != 0 {
				t.Errorf("while it looks: %v, %d waiting", got.State, got.Waiting)
			}
		})
		cancel()
		if looking() {
			t.Error("it goes on although nobody wants it")
		}

		ctx, cancel = context.WithCancel(t.Context())
		s.Look(ctx, a)
		if !looking() {
			t.Fatal("it does not look again")
		}
		same := submit(t.Context(), t, s, "what?", a[0].Picture)
		if !looking() {
			t.Error("a question about the same picture stops it")
		}
		cancel() // here it would have no end
		if e := same.end(); e.Kind != Done {
			t.Errorf("a question about the same picture: %+v", e)
		}
		s.Look(t.Context(), a)
		mind, change := context.WithCancel(t.Context())
		given := submit(mind, t, s, "what?", a[0].Picture)
		if !looking() {
			t.Fatal("it does not look for the question")
		}
		change()
		if e := given.end(); e.Kind != Cancelled || looking() {
			t.Errorf("a question was cancelled that waits for the look: %+v", e)
		}
		s.Look(t.Context(), a)
		if !looking() {
			t.Fatal("it does not look once more")
		}
		other := submit(t.Context(), t, s, "what?", b[0].Picture)
		if e := other.end(); e.Kind != Done {
			t.Errorf("a question about another picture: %+v", e)
		}
		if looking() {
			t.Error("it looks still")
		}

		// A question that runs comes first; then it looks.
		waits, end := context.WithCancel(t.Context())
		r := submit(waits, t, s, "wait")
		r.kind(Delta)
		s.Look(t.Context(), b)
		if looking() {
			t.Error("it looks before the question has its answer")
		}
		end()
		r.end()
		if !looking() {
			t.Error("it does not look after the answer")
		}
	})
}

// An engine that dies while it looks is started again, and nobody is told.
func TestLookThatKillsTheEngine(t *testing.T) {
	inBubble(t, []string{"good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		s.Look(t.Context(), Images(somePicture(4, 4)))
		synctest.Wait()
		together(s, func() { s.kill(s.child) })
		if e := submit(t.Context(), t, s, "hello").end(); e.Kind != Done {
			t.Errorf("the next question: %+v", e)
		}
	})
}
