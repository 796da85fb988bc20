package main

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"galago/inference"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// steps is what one request was told on the ladder.
type steps struct {
	mu    sync.Mutex // owns notes
	notes []inference.Event
}

func (s *steps) on(e inference.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.Kind == inference.Notice {
		s.notes = append(s.notes, e)
	}
}

func (s *steps) all() []inference.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes
}

// about asks about a picture of the given size, or about none.
func about(t *testing.T, text string, side int) inference.Request {
	t.Helper()
	r := inference.Request{MaxTokens: 4, Messages: []inference.Message{{Role: "user", Text: text}}}
	if side == 0 {
		return r
	}
	var b bytes.Buffer
	if err := png.Encode(&b, scene(side, side)); err != nil {
		t.Fatal(err)
	}
	p, err := vision.Open(save(t, "p.png", b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	r.Messages[0].Images = inference.Images(p)
	return r
}

func statusNow(s *inference.Service) inference.Status {
	got := make(chan inference.Status, 1)
	defer s.Watch(func(st inference.Status) {
		select {
		case got <- st:
		default:
		}
	})()
	return <-got
}

// A KV cache of 2 GiB in 3 GiB of address space: llama.cpp really refuses it, and the service really comes down to one
// that fits.
func TestLadderWithARealContext(t *testing.T) {
	load := middle(t)
	s := inference.New(inference.Options{Engine: limited(t, 3072)})
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.Open(inference.Model{Path: load.Model, MMProj: load.MMProj, Context: 1 << 17, ImageMinTokens: 8, ImageMaxTokens: 256, Force: true})
	var told steps
	a, err := inference.Ask(ctx, s, about(t, "What?", 0), told.on)
	st := statusNow(s)
	t.Logf("%q %v; %+v; %q", a.Text, err, st.Settings, st.Reduced)
	if err != nil || len(st.Reduced) == 0 || len(told.all()) != len(st.Reduced) || told.all()[0].Text != st.Reduced[0] {
		t.Errorf("%v, reduced %q, told %+v", err, st.Reduced, told.all())
	}
	if st.Settings.KVType != "q8_0" && st.Settings.Context >= 1<<17 {
		t.Errorf("loaded with %+v", st.Settings)
	}
}

// The vision tower's scratch space for a picture ends the engine, which is started again with room for smaller ones; the
// question is asked again before the one that waits.
func TestLadderWithARealPicture(t *testing.T) {
	load := middle(t)
	s := inference.New(inference.Options{Engine: engine(t)})
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.Open(inference.Model{Path: load.Model, MMProj: load.MMProj, Context: 2048, ImageMinTokens: 8, ImageMaxTokens: 256, Force: true})
	status, err := inference.WaitReady(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inference.Ask(ctx, s, about(t, "What?", 0), nil); err != nil { // starts its threads
		t.Fatal(err)
	}
	starve(t, status.PID, 24<<20)
	var told steps
	var order []string
	var both sync.WaitGroup
	ask := func(name string, r inference.Request, on func(inference.Event)) {
		both.Add(1)
		s.Submit(ctx, r, func(e inference.Event) { // the service goroutine owns order
			on(e)
			if e.Terminal() {
				order = append(order, fmt.Sprint(name, e.Kind == inference.Done))
				both.Done()
			}
		})
	}
	ask("picture ", about(t, "What is this?", 512), told.on)
	ask("text ", about(t, "And?", 0), func(inference.Event) {})
	both.Wait()
	st := statusNow(s)
	t.Logf("%v; %+v; %q", order, st.Settings, st.Reduced)
	if strings.Join(order, ", ") != "picture true, text true" {
		t.Errorf("%v", order)
	}
	notes := told.all()
	if len(notes) == 0 || !notes[0].Restart || st.Settings.ImageMaxTokens >= 256 || st.PID == status.PID {
		t.Errorf("told %+v, settings %+v", notes, st.Settings)
	}
}

// Where nothing is left to reduce the model is not opened, it is said why, and nothing loops.
func TestLadderEndsForReal(t *testing.T) {
	load := middle(t)
	s := inference.New(inference.Options{Engine: limited(t, 1200)})
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.Open(inference.Model{Path: load.Model, MMProj: load.MMProj, Force: true})
	if _, err := inference.WaitReady(ctx, s); inference.CodeOf(err) != protocol.CodeOutOfMemory {
		t.Error(err)
	}
	if st := statusNow(s); st.State != inference.StateFailed || st.PID != 0 {
		t.Errorf("%+v", st)
	}
}

// The test of the system that Galago replaces: five questions about one picture at once. All are answered, in their
// order, and three rounds later the engine holds what it held before.
func TestFiveQuestionsThreeRounds(t *testing.T) {
	demo := demoModel(t)
	s := inference.New(inference.Options{Engine: engine(t)})
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.Open(inference.Model{
		Path: demo.Model, MMProj: demo.MMProj, Context: demo.Context, ImageMinTokens: demo.ImageMin, ImageMaxTokens: demo.ImageMax,
	})
	p, err := vision.Open(picture(t, "a.png"))
	if err != nil {
		t.Fatal(err)
	}
	level := uint64(0)
	const warm = 5 // rounds until Go's heap in the engine has its size
	for round := range warm + 4 {
		var order []int
		var all sync.WaitGroup
		for i := range 5 {
			all.Add(1)
			m := inference.Message{Role: "user", Text: fmt.Sprintf("Question %d?", i), Images: inference.Images(p)}
			s.Submit(ctx, inference.Request{MaxTokens: 16, Messages: []inference.Message{m}}, func(e inference.Event) { // owns order
				if e.Terminal() {
					if e.Kind != inference.Done {
						t.Errorf("question %d: %+v", i, e)
					}
					order = append(order, i)
					all.Done()
				}
			})
		}
		all.Wait()
		if fmt.Sprint(order) != "[0 1 2 3 4]" {
			t.Errorf("round %d: %v", round, order)
		}
		now := statm(t, statusNow(s).PID, 1)
		t.Logf("round %d: %d KiB resident", round, now>>10)
		if round == warm {
			level = now
		}
		if drift := max(now, level) - min(now, level); round > warm && drift > level/100 {
			t.Errorf("round %d: %d KiB, earlier %d KiB", round, now>>10, level>>10)
		}
	}
}

// Two hundred requests on the built-in model with cancels, clears, unloads and killed engines in between: each ends once,
// no engine is left behind, and what the last engine holds is what the first one held.
func TestTwoHundredRequestsForReal(t *testing.T) {
	demo := demoModel(t)
	s := inference.New(inference.Options{Engine: engine(t)})
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	s.Open(inference.Model{
		Path: demo.Model, MMProj: demo.MMProj, Context: demo.Context, ImageMinTokens: demo.ImageMin, ImageMaxTokens: demo.ImageMax,
	})
	requests := []inference.Request{about(t, "What?", 0), about(t, "Which colour?", 256)}
	for i := range requests {
		requests[i].MaxTokens = 2
	}
	level := func() uint64 { // of a fresh engine that has answered everything
		t.Helper()
		if _, err := s.Unload(ctx); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			for _, r := range requests {
				if _, err := inference.Ask(ctx, s, r, nil); err != nil {
					t.Fatal(err)
				}
			}
		}
		return statm(t, statusNow(s).PID, 1)
	}
	if _, err := inference.WaitReady(ctx, s); err != nil {
		t.Fatal(err)
	}
	before := level()
	rnd := rand.New(rand.NewPCG(1, 2))
	ends := make([]int, 200) // the service goroutine owns it
	kinds := map[inference.EventKind]int{}
	var all, others sync.WaitGroup
	for i := range ends {
		one, stop := context.WithCancel(ctx)
		defer stop()
		all.Add(1)
		s.Submit(one, requests[max(0, rnd.IntN(12)-10)], func(e inference.Event) {
			if e.Terminal() {
				kinds[e.Kind]++
				if ends[i]++; ends[i] == 1 {
					all.Done()
				}
			}
		})
		switch n := rnd.IntN(20); {
		case n < 6:
			time.AfterFunc(time.Duration(rnd.IntN(300))*time.Millisecond, stop)
		case n < 7:
			others.Go(func() { s.Unload(ctx) })
		case n < 9:
			others.Go(func() { s.Clear(ctx, protocol.FreeWorking) })
		case n < 10:
			others.Go(func() { s.Clear(ctx, protocol.ForgetCache) })
		case n < 11:
			if pid := statusNow(s).PID; pid != 0 {
				syscall.Kill(pid, syscall.SIGKILL)
			}
		case n < 12: // what was asked so far ends first
			all.Wait()
		}
	}
	all.Wait()
	others.Wait()
	after := level()
	t.Logf("ends: %v; %d KiB resident, before %d KiB", kinds, after>>10, before>>10)
	for i, n := range ends {
		if n != 1 {
			t.Errorf("request %d ended %d times", i, n)
		}
	}
	if kinds[inference.Done] == 0 || kinds[inference.Cancelled] == 0 {
		t.Errorf("too even a run: %v", kinds)
	}
	if drift := max(after, before) - min(after, before); drift > before/30 {
		t.Errorf("%d KiB are held, before %d KiB", after>>10, before>>10)
	}
	pid := statusNow(s).PID
	s.Close()
	gone(t, pid, 5*time.Second)
	if left := children(t, os.Getpid()); len(left) > 0 {
		t.Errorf("engines are left: %v", left)
	}
}
