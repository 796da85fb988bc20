package inference

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference/plan"
	"galago/inference/protocol"
)

// cards is an Options.Device with one card, whose free memory tests may change.
type cards struct{ free atomic.Uint64 }

func (c *cards) read(string, int) (plan.Device, uint64, bool) {
	return plan.Device{Name: "RTX", UUID: "GPU-1", Driver: "1", Total: 8 << 30, Free: c.free.Load()}, 0, true
}

// tight runs f with a service whose fakes have the given memories, one after the other. The card says that all is well.
func tight(t *testing.T, memories []string, f func(t *testing.T, s *Service, m Model)) {
	t.Helper()
	model, facts := synthModel(t)
	model.Context, model.ImageMinTokens, model.ImageMaxTokens = 8192, 8, 2048
	model.Path, model.MMProj = "m.gguf", "p.gguf" // files that are not there are not calibrated
	card := &cards{}
	card.free.Store(6 << 30)
	o := Options{Device: card.read, check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
	bubble(t, o, memories, func(t *testing.T, s *Service) {
		f(t, s, model)
	})
}

// together runs f on the service goroutine, so that nothing happens between the calls that f makes.
func together(s *Service, f func()) {
	done := make(chan struct{})
	s.box.post(func() { f(); close(done) })
	<-done
}

func notices(r *record) []Event {
	var list []Event
	for _, e := range r.all() {
		if e.Kind == Notice {
			list = append(list, e)
		}
	}
	return list
}

// answered is the text that a person sees in the end.
func answered(r *record) string {
	text := ""
	for _, e := range r.all() {
		switch {
		case e.Kind == Notice && e.Restart:
			text = ""
		case e.Kind == Delta:
			text += e.Text
		}
	}
	return text
}

// Memory runs out while the model is loaded, at every stage, politely or with an abort.
func TestLadderWhileLoading(t *testing.T) {
	for _, limit := range []int{399, 450, 600, 1000} { // weights, vision tower, context, context
		for _, how := range []string{"", " abort"} {
			who := fmt.Sprintf("card cap=%d%s", limit, how)
			t.Run(who, func(t *testing.T) {
				tight(t, []string{who}, func(t *testing.T, s *Service, m Model) {
					var first, second *record
					together(s, func() {
						s.Open(m)
						first, second = submit(t.Context(), t, s, "first"), submit(t.Context(), t, s, "second")
					})
					for _, r := range []*record{first, second} {
						if e := r.end(); e.Kind != Done {
							t.Fatalf("%+v", e)
						}
						r.proper()
					}
					st := untilStatus(t, s, state(StateReady))
					if len(st.Reduced) == 0 || len(st.Reduced) != len(notices(first)) || len(notices(second)) > 0 {
						t.Errorf("reduced %q, told %+v and %+v", st.Reduced, notices(first), notices(second))
					}
					if slices.Contains(st.Reduced, "") || first.text() == "" {
						t.Errorf("%q", st.Reduced)
					}
					if free := fakeFits(who, st.Settings); !free {
						t.Errorf("status says %+v, which cannot have fitted", st.Settings)
					}
				})
			})
		}
	}
}

// The picture that calibrates is too large.
func TestLadderWhileCalibrating(t *testing.T) {
	model, facts := synthModel(t)
	model.Context, model.ImageMinTokens, model.ImageMaxTokens = 8192, 8, 2048
	card := &cards{}
	card.free.Store(6 << 30)
	o := Options{Device: card.read, check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
	bubble(t, o, []string{"card cap=1200 abort"}, func(t *testing.T, s *Service) {
		s.Open(model)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // for the look at the card
		st := statusOf(s)
		if len(st.Reduced) == 0 || st.Settings.ImageMaxTokens >= 2048 || st.Settings.Context != 8192 {
			t.Errorf("%q %+v", st.Reduced, st.Settings)
		}
		if st.Speed.EncodePerToken == 0 || st.Known.EncodeTokens != st.Settings.ImageMaxTokens {
			t.Errorf("not calibrated with what was left: %+v %+v", st.Speed, st.Known)
		}
	})
}

// fakeFits reports whether a fake has memory for settings.
func fakeFits(who string, p plan.Settings) bool {
	m := parseMemory(who)
	need := holds(m.of(protocol.Load{Context: p.Context, KVType: p.KVType, GPULayers: p.GPULayers, MMProjCPU: p.VisionCPU}, 0), plan.Device{UUID: "x"})
	return need <= uint64(m.cap)*mib
}

// Memory runs out in the middle of an answer: it begins again with less, before all that wait.
func TestLadderWhileAnswering(t *testing.T) {
	for _, how := range []string{"", " abort"} {
		who := "card cap=1100" + how // 88 MiB beside the load: a picture of 352 tokens
		t.Run(who, func(t *testing.T) {
			tight(t, []string{who}, func(t *testing.T, s *Service, m Model) {
				s.Open(m)
				if _, err := WaitReady(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				pid := statusOf(s).PID
				var order []string
				ask := func(text string, n int) *record {
					r := &record{t: t, news: make(chan struct{}, 1)}
					req := Request{Messages: []Message{{Role: "user", Text: text}}}
					if n > 0 {
						req.Messages[0].Images = Images(somePicture(n, n))
					}
					s.Submit(t.Context(), req, func(e Event) { // the service goroutine owns order
						if e.Terminal() {
							order = append(order, text)
						}
						r.add(e)
					})
					return r
				}
				var first, second, third *record
				together(s, func() { first, second, third = ask("first", 1024), ask("second", 0), ask("third", 1024) })
				for _, r := range []*record{first, second, third} {
					if e := r.end(); e.Kind != Done {
						t.Fatalf("%+v", e)
					}
					r.proper()
				}
				synctest.Wait()
				if fmt.Sprint(order) != "[first second third]" {
					t.Errorf("%v", order)
				}
				if text := answered(first); text != "You said: first" {
					t.Errorf("answered %q", text)
				}
				st := statusOf(s)
				said := notices(first)
				if len(said) == 0 || len(said) != len(st.Reduced) || !said[0].Restart || len(notices(third)) > 0 {
					t.Errorf("told %+v, reduced %q", said, st.Reduced)
				}
				if polite := how == ""; polite && onlyPictures(s.survey.facts.Resolve(want(m)), st.Settings) && st.PID != pid {
					t.Errorf("loaded again for smaller pictures alone")
				}
				if st.Settings.ImageMaxTokens >= 2048 || st.Loaded.Vision.MaxTokens > st.Settings.ImageMaxTokens {
					t.Errorf("%+v, pictures up to %d", st.Settings, st.Loaded.Vision.MaxTokens)
				}
			})
		})
	}
}

// With nothing left to reduce the load fails, and with it those who wait; nothing loops.
func TestLadderEnds(t *testing.T) {
	for _, who := range []string{"cap=1", "cap=1 abort"} { // no card to leave
		tight(t, []string{who}, func(t *testing.T, s *Service, m Model) {
			s.Open(m)
			r := submit(t.Context(), t, s, "hello")
			if e := r.end(); e.Kind != Failed || e.Err.Code != protocol.CodeOutOfMemory {
				t.Errorf("%+v", e)
			}
			r.proper()
			if st := statusOf(s); st.State != StateFailed || st.Err.Code != protocol.CodeOutOfMemory {
				t.Errorf("%+v", st)
			}
		})
	}
	tight(t, []string{"cap=1200"}, func(t *testing.T, s *Service, m Model) { // an answer that never fits, and the next
		s.Open(m)
		r := &record{t: t, news: make(chan struct{}, 1)}
		huge := Request{Messages: []Message{{Role: "user", Text: "oom", Images: Images(somePicture(640, 640))}}}
		s.Submit(t.Context(), huge, r.add)
		next := submit(t.Context(), t, s, "next")
		if e := r.end(); e.Kind != Failed || e.Err.Code != protocol.CodeOutOfMemory {
			t.Errorf("%+v", e)
		}
		if e := next.end(); e.Kind != Done {
			t.Errorf("next: %+v", e)
		}
		r.proper()
	})
}

// What is not memory stays what it is: one more start, and nothing reduced.
func TestCrashesAreNotMemory(t *testing.T) {
	tight(t, []string{"card"}, func(t *testing.T, s *Service, m Model) {
		s.Open(m)
		r, next := submit(t.Context(), t, s, "die"), submit(t.Context(), t, s, "next")
		if e := r.end(); e.Kind != Failed || e.Err.Code != protocol.CodeWorkerDied {
			t.Errorf("%+v", e)
		}
		if e := next.end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
		if st := statusOf(s); len(st.Reduced) > 0 || st.PID != 2 {
			t.Errorf("reduced %q, worker %d", st.Reduced, st.PID)
		}
	})
}

func TestCancelOnTheLadder(t *testing.T) {
	tight(t, []string{"card cap=1000 abort", "hangload", "card"}, func(t *testing.T, s *Service, m Model) {
		ctx, cancel := context.WithCancel(t.Context())
		var first, second *record
		together(s, func() {
			s.Open(m)
			first, second = submit(ctx, t, s, "first"), submit(t.Context(), t, s, "second")
		})
		time.Sleep(time.Second)
		cancel()
		if e := first.end(); e.Kind != Cancelled {
			t.Errorf("%+v", e)
		}
		first.proper()
		if e := waitLong(second); e.Kind != Failed || e.Err.Code != protocol.CodeWorkerHung { // of the second fake
			t.Errorf("%+v", e)
		}
		second.proper()
	})
}

func TestLift(t *testing.T) {
	tight(t, []string{"card cap=1000", "card cap=1000", "card cap=1000", "card", "card"}, func(t *testing.T, s *Service, m Model) {
		s.Lift() // nothing to lift
		s.Open(m)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		before := statusOf(s)
		if len(before.Reduced) == 0 {
			t.Fatal("nothing was reduced")
		}
		running := submit(t.Context(), t, s, "hello")
		s.Lift()
		if e := running.end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
		st := untilStatus(t, s, func(st Status) bool { return st.State == StateReady && st.PID != before.PID })
		for len(st.Reduced) > 0 { // while fakes of little memory are left
			s.Lift()
			pid := st.PID
			st = untilStatus(t, s, func(st Status) bool { return st.State == StateReady && st.PID != pid })
		}
		if st.Settings.Context != 8192 {
			t.Errorf("%+v", st.Settings)
		}
	})
}

// Reductions go by themselves when the model was unloaded and there is clearly more free memory than when they were made.
func TestLadderRecovers(t *testing.T) {
	model, facts := synthModel(t)
	model.Context, model.ImageMinTokens, model.ImageMaxTokens = 8192, 8, 2048
	card := &cards{}
	card.free.Store(4 << 30)
	o := Options{Device: card.read, check: func(Model) (*plan.Facts, *Error) { return facts, nil }}
	bubble(t, o, []string{"card cap=1000", "card"}, func(t *testing.T, s *Service) {
		again := func(free uint64) Status {
			card.free.Store(free)
			if _, err := s.Unload(t.Context()); err != nil {
				t.Fatal(err)
			}
			if e := submit(t.Context(), t, s, "hello").end(); e.Kind != Done {
				t.Fatalf("%+v", e)
			}
			return statusOf(s)
		}
		s.Open(model)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if st := again(4 << 30); len(st.Reduced) == 0 {
			t.Error("lifted although nothing changed")
		}
		card.free.Store(6 << 30)
		submit(t.Context(), t, s, "die").end()
		if e := submit(t.Context(), t, s, "hello").end(); e.Kind != Done || len(statusOf(s).Reduced) == 0 {
			t.Errorf("lifted although it was not unloaded: %+v", e)
		}
		if st := again(6 << 30); len(st.Reduced) > 0 || st.Settings.Context != 8192 {
			t.Errorf("kept although memory is free: %q", st.Reduced)
		}
	})
}

// A load that cannot fit is refused before anything is allocated, with ways out; a person may insist.
func TestLoadThatDoesNotFit(t *testing.T) {
	model, facts := synthModel(t)
	model.Context = 8192
	card := &cards{}
	card.free.Store(1 << 20)
	o := Options{
		Device: card.read, check: func(Model) (*plan.Facts, *Error) { return facts, nil },
		system: func() plan.Device { return plan.Device{Name: "system memory", Total: 1 << 30, Free: 1 << 20} },
	}
	bubble(t, o, []string{"card"}, func(t *testing.T, s *Service) {
		s.Open(model)
		_, err := WaitReady(t.Context(), s)
		why := asError(err, "")
		if why.Code != protocol.CodeWontFit || len(why.Choices) == 0 {
			t.Fatalf("%v, choices %+v", err, why)
		}
		last := why.Choices[len(why.Choices)-1]
		if last.Model == nil || !last.Model.Force {
			t.Fatalf("%+v", last)
		}
		s.Open(*last.Model)
		if _, err := WaitReady(t.Context(), s); err != nil {
			t.Errorf("although it was asked for: %v", err)
		}
	})
}

// What the dry run and the calibration said is in the plan, and outlives the program.
func TestPlanIsTold(t *testing.T) {
	model, facts := synthModel(t)
	card := &cards{}
	card.free.Store(6 << 30)
	o := Options{
		Device: card.read, check: func(Model) (*plan.Facts, *Error) { return facts, nil },
		CalibrationFile: t.TempDir() + "/c.json",
	}
	for _, calibrate := range []bool{true, false} {
		bubble(t, o, []string{"card cap=8000"}, func(t *testing.T, s *Service) {
			opened := model
			opened.Context = 4096
			s.Open(opened)
			if _, err := WaitReady(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			_, loads := told(t, s)
			if len(loads) != 1 || loads[0].Context != 4096 || loads[0].Calibrate != calibrate {
				t.Errorf("loaded with %+v, want calibration: %v", loads, calibrate)
			}
			synctest.Wait() // until what was measured is kept
			st := statusOf(s)
			if st.Facts != facts || st.Settings.Context != 4096 || !st.Device.GPU() || st.Known.Planned == nil || st.Budget.Need() == 0 || st.Memory == nil {
				t.Errorf("%+v", st)
			}
		})
	}
}
