package inference

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference/protocol"
)

// inBubble runs f with a Service whose workers are goroutines and whose clock jumps. When f returns, every goroutine of
// the Service must end, or synctest fails the test.
func inBubble(t *testing.T, whos []string, f func(t *testing.T, s *Service)) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{start: inProcess(whos...), check: noCheck})
		f(t, s)
		s.Close()
		time.Sleep(24 * time.Hour) // the clock jumps: timers that are left must do no harm
	})
}

func TestCancelTakesLessThanHalfASecond(t *testing.T) {
	for question, limit := range map[string]time.Duration{
		"wait":     0, // cooperates at once
		"stubborn": 250 * time.Millisecond,
		"cancels":  0,
	} {
		inBubble(t, []string{"good"}, func(t *testing.T, s *Service) {
			opened(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			r := submit(ctx, t, s, question)
			r.kind(Delta)
			begin := time.Now()
			cancel()
			r.end()
			if _, err := WaitReady(t.Context(), s); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > limit {
				t.Errorf("%s: ready after %v", question, took)
			}
			r.proper()
		})
	}
}

// To load a big model again takes long: its worker gets longer to cancel, but whoever cancelled is told in time.
func TestCancelWithASlowModel(t *testing.T) {
	for _, c := range []struct {
		question    string
		told, ready time.Duration
		killed      bool
	}{
		{"wait", 0, 0, false},
		{"late", 250 * time.Millisecond, time.Second, false},
		{"stubborn", 250 * time.Millisecond, 7 * time.Second, true},
	} {
		inBubble(t, []string{"slowload"}, func(t *testing.T, s *Service) {
			opened(t, s)
			ctx, cancel := context.WithCancel(t.Context())
			r := submit(ctx, t, s, c.question)
			r.kind(Delta)
			next := submit(t.Context(), t, s, "next")
			begin := time.Now()
			cancel()
			r.end()
			if took := time.Since(begin); took != c.told {
				t.Errorf("%s: told after %v", c.question, took)
			}
			if e := next.end(); e.Kind != Done || time.Since(begin) != c.ready {
				t.Errorf("%s: next %+v after %v", c.question, e, time.Since(begin))
			}
			if st, _ := WaitReady(t.Context(), s); st.PID == 1 == c.killed {
				t.Errorf("%s: worker %d", c.question, st.PID)
			}
			r.proper()
		})
	}
}

func TestHangs(t *testing.T) {
	for _, c := range []struct {
		question string
		after    time.Duration // at least; and at most a quarter more
	}{
		{"silent", time.Minute},
		{"stuck", 10 * time.Minute},
	} {
		inBubble(t, []string{"good"}, func(t *testing.T, s *Service) {
			opened(t, s)
			begin := time.Now()
			r := submit(t.Context(), t, s, c.question)
			e := waitLong(r)
			if took := time.Since(begin); e.Kind != Failed || e.Err.Code != protocol.CodeWorkerHung || took < c.after || took > c.after*3/2 {
				t.Errorf("%s: %+v after %v", c.question, e, took)
			}
			if e := waitLong(submit(t.Context(), t, s, "next")); e.Kind != Done {
				t.Errorf("next: %+v", e)
			}
		})
	}
}

// waitLong waits for the end without a test's usual patience.
func waitLong(r *record) Event {
	for {
		for _, e := range r.all() {
			if e.Terminal() {
				return e
			}
		}
		<-r.news
	}
}

// An hour of computing with signs of life is no hang.
func TestSlowIsNotHung(t *testing.T) {
	inBubble(t, []string{"good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		begin := time.Now()
		if e := waitLong(submit(t.Context(), t, s, "busy")); e.Kind != Done || time.Since(begin) != time.Hour {
			t.Errorf("%+v after %v", e, time.Since(begin))
		}
	})
}

func TestLoadsThatHang(t *testing.T) {
	for who, after := range map[string]time.Duration{"mute": 5 * time.Minute, "hangload": time.Minute} {
		inBubble(t, []string{who}, func(t *testing.T, s *Service) {
			s.Open(Model{Path: "a.gguf"})
			begin := time.Now()
			_, err := WaitReady(t.Context(), s)
			if took := time.Since(begin); CodeOf(err) != protocol.CodeWorkerHung || took < after || took > after*3/2 {
				t.Errorf("%s: %v after %v", who, err, took)
			}
		})
	}
}

func TestIdleForADay(t *testing.T) {
	inBubble(t, []string{"good", "dieload"}, func(t *testing.T, s *Service) {
		opened(t, s)
		time.Sleep(24 * time.Hour)
		if e := submit(t.Context(), t, s, "hello").end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
	})
}

func TestClosedStdoutAndStubbornEnd(t *testing.T) {
	inBubble(t, []string{"stays"}, func(t *testing.T, s *Service) {
		opened(t, s)
		begin := time.Now()
		s.Close()
		if took := time.Since(begin); took != time.Second {
			t.Errorf("Close took %v", took)
		}
	})
}

// Whatever happens in whatever order, each request ends once, in order, and the service can still answer.
func TestRandomUse(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			whos := []string{"good", "good", "good", "dieload", "good", "garbage", "good", "version", "clearless", "stays", "mute", "slowload", "good"}
			rnd := rand.New(rand.NewPCG(seed, 1))
			rnd.Shuffle(len(whos), func(i, k int) { whos[i], whos[k] = whos[k], whos[i] })
			inBubble(t, append(whos, "good"), func(t *testing.T, s *Service) { useAtRandom(t, s, rnd) })
		})
	}
}

func useAtRandom(t *testing.T, s *Service, rnd *rand.Rand) {
	questions := []string{
		"hello", "hello", "wait", "stubborn", "die", "oom", "garbage", "notjson", "torn", "fail", "silent",
		"stuck", "cancels", "late", "unknown", "", "picture",
	}
	var records []*record
	var cancels []context.CancelFunc
	running := 0
	s.Open(Model{Path: "a.gguf"})
	for range 60 {
		switch n := rnd.IntN(20); {
		case n < 10:
			ctx, cancel := context.WithCancel(t.Context())
			cancels = append(cancels, cancel)
			r := &record{t: t, news: make(chan struct{}, 1)}
			records = append(records, r)
			m := Message{Role: "user", Text: questions[rnd.IntN(len(questions))]}
			if m.Text == "picture" {
				m.Images = append(m.Images, Image{Picture: somePicture(40, 40)})
			}
			s.Submit(ctx, Request{Messages: []Message{m}}, func(e Event) { // the service goroutine owns running
				began := e.Kind == Started
				was := false
				for _, old := range r.all() {
					was = was || old.Kind == Started
				}
				if began {
					running++
				}
				if e.Terminal() && was {
					running--
				}
				if running > 1 {
					t.Error("two at once")
				}
				r.add(e)
			})
		case n < 14 && len(cancels) > 0:
			cancels[rnd.IntN(len(cancels))]()
		case n < 15:
			s.Open(Model{Path: "b.gguf"})
		case n < 16:
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(3000))*time.Millisecond)
			cancels = append(cancels, cancel)
			go s.Clear(ctx, protocol.FreeWorking)
		default:
			time.Sleep(time.Duration(rnd.IntN(2000)) * time.Millisecond)
		}
	}
	time.Sleep(time.Hour)
	for _, cancel := range cancels {
		cancel()
	}
	synctest.Wait()
	s.Open(Model{Path: "c.gguf"})
	answered := false
	for range 15 { // until the bad workers are used up
		e := waitLong(submit(t.Context(), t, s, "last"))
		answered = answered || e.Kind == Done
	}
	if !answered {
		t.Error("no answer any more")
	}
	for _, r := range records {
		waitLong(r)
		r.proper()
	}
}
