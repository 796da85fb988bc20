package inference

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// Five questions about one picture at once, three rounds: all answered, one after the other, in their order, and
// afterwards the engine holds as much as before.
func TestFiveQuestionsAboutOnePicture(t *testing.T) {
	model, facts := synthModel(t)
	model.Context, model.ImageMinTokens, model.ImageMaxTokens = 4096, 8, 1024
	o := Options{check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
	bubble(t, o, []string{"cap=4000"}, func(t *testing.T, s *Service) {
		s.Open(model)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		picture := somePicture(1000, 800)
		var level uint64
		for round := range 3 {
			var records []*record
			var order []int
			for i := range 5 {
				r := &record{t: t, news: make(chan struct{}, 1)}
				records = append(records, r)
				m := Message{Role: "user", Text: fmt.Sprintf("question %d", i), Images: Images(picture)}
				s.Submit(t.Context(), Request{Messages: []Message{m}}, func(e Event) { // the service goroutine owns order
					if e.Kind == Done {
						order = append(order, i)
					}
					r.add(e)
				})
			}
			for i, r := range records {
				if e := r.end(); e.Kind != Done || r.text() != fmt.Sprintf("You said: question %d", i) {
					t.Errorf("%d: %+v %q", i, e, r.text())
				}
				r.proper()
			}
			synctest.Wait()
			if fmt.Sprint(order) != "[0 1 2 3 4]" {
				t.Errorf("round %d: %v", round, order)
			}
			now := holds(statusOf(s).Memory, plan.Device{})
			if round == 0 {
				level = now
			}
			if now != level || level == 0 {
				t.Errorf("round %d: %d bytes are held, at first %d", round, now, level)
			}
		}
	})
}

// Two hundred requests of all kinds with cancels, clears, unloads, kills and too little memory in between: each has one
// end and one beginning, no two run at once, and the service still answers.
func TestTwoHundredRequests(t *testing.T) {
	model, facts := synthModel(t)
	model.Context, model.ImageMinTokens, model.ImageMaxTokens = 8192, 8, 2048
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			card := &cards{}
			card.free.Store(6 << 30)
			o := Options{Device: card.read, check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
			rnd := rand.New(rand.NewPCG(seed, 3))
			whos := []string{"card", "card cap=1000 abort", "card cap=1300", "card cap=900", "card cap=1500 abort", "card", "card cap=2000"}
			rnd.Shuffle(len(whos), func(i, k int) { whos[i], whos[k] = whos[k], whos[i] })
			bubble(t, o, append(whos, "card cap=2000"), func(t *testing.T, s *Service) { storm(t, s, model, card, rnd) })
		})
	}
}

func storm(t *testing.T, s *Service, model Model, card *cards, rnd *rand.Rand) {
	questions := []string{"hello", "hello", "hello", "hello", "wait", "stubborn", "die", "oom", "fail", "cancels", "late", "garbage"}
	var (
		records []*record
		running *record // the service goroutine owns it
		waiters atomic.Int32
	)
	var pictures []*vision.Picture
	for n := 64; n <= 1024; n *= 2 {
		pictures = append(pictures, somePicture(n, n/2))
	}
	s.Open(model)
	ask := func() {
		ctx, cancel := context.WithCancel(t.Context())
		m := Message{Role: "user", Text: questions[rnd.IntN(len(questions))]}
		if rnd.IntN(3) == 0 {
			m.Images = []Image{{Picture: pictures[rnd.IntN(len(pictures))], Detail: []Detail{DetailLow, DetailAuto, DetailHigh}[rnd.IntN(3)]}}
		}
		r := &record{t: t, news: make(chan struct{}, 1)}
		records = append(records, r)
		s.Submit(ctx, Request{Messages: []Message{m}}, func(e Event) {
			r.add(e)
			switch {
			case e.Kind == Started && running != nil:
				t.Error("two at once")
			case e.Kind == Started:
				running = r
			case e.Terminal() && running == r:
				running = nil
			case e.Terminal():
			case e.Kind > Started && running != r:
				t.Errorf("news of one that does not run: %+v", e)
			}
		})
		time.AfterFunc(time.Duration(1+rnd.IntN(20000))*time.Millisecond, cancel) // all end: some would wait for ever
	}
	for range 200 {
		ask()
		switch n := rnd.IntN(24); {
		case n < 2:
			waiters.Add(1)
			what := []protocol.What{protocol.ForgetCache, protocol.FreeWorking}[n]
			go func() { defer waiters.Add(-1); _, _ = s.Clear(context.Background(), what) }()
		case n < 4:
			waiters.Add(1)
			go func() { defer waiters.Add(-1); _, _ = s.Unload(context.Background()) }()
		case n < 6:
			s.box.post(func() { // as a kill from outside
				if c := s.child; c != nil && c.proc != nil {
					c.proc.kill()
				}
			})
		case n < 7:
			s.Lift()
		case n < 9:
			s.Configure(Policy{FreeAfterAnswer: rnd.IntN(2) == 0, IdleUnload: time.Duration(rnd.IntN(3)) * time.Second})
		case n < 10:
			card.free.Store(uint64(rnd.IntN(6<<10)) << 20)
		case n < 16:
			time.Sleep(time.Duration(rnd.IntN(1500)) * time.Millisecond)
		}
	}
	time.Sleep(time.Hour)
	synctest.Wait()
	card.free.Store(6 << 30)
	for i, r := range records {
		r.proper()
		if t.Failed() {
			t.Fatalf("request %d: %+v", i, r.all())
		}
	}
	if n := waiters.Load(); n != 0 {
		t.Errorf("%d wait for a clear in vain", n)
	}
	for range 10 { // until bad fakes are used up
		if e := waitLong(submit(t.Context(), t, s, "last")); e.Kind == Done {
			return
		}
	}
	t.Error("no answer any more")
}
