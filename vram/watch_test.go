package vram

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a Source that shows one state after the other and stays at the last.
type scripted struct {
	states []state
	reads  int
	closed int
}

type state struct {
	used uint64
	err  error
}

func (s *scripted) Read() (string, []GPU, error) {
	st := s.states[min(s.reads, len(s.states)-1)]
	s.reads++
	if st.err != nil {
		return "", nil, st.err
	}
	return "1", []GPU{{Used: st.used, Utilization: -1, Temperature: -1, Power: -1}}, nil
}

func (s *scripted) Close() { s.closed++ }

func TestWatchTellsOnlyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &scripted{states: []state{{used: 1}, {used: 1}, {used: 2}, {used: 2}, {err: errors.New("Lost.")}, {err: errors.New("Lost.")}, {used: 3}}}
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var used []uint64
		var at []time.Duration
		done := observe(ctx, src, nil, 0, func(r Reading) {
			at = append(at, r.Time.Sub(start))
			if r.Missing != "" {
				if r.Missing != "Lost." || r.GPUs != nil {
					t.Errorf("missing: %+v", r)
				}
				used = append(used, 0)
				return
			}
			used = append(used, r.GPUs[0].Used)
		})
		time.Sleep(5 * time.Second) // the bubble's clock, not the machine's
		cancel()
		<-done
		if want := []uint64{1, 2, 0, 3}; !slices.Equal(used, want) {
			t.Errorf("told %v, want %v", used, want)
		}
		if want := []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("told at %v, want %v: twice a second is the default", at, want)
		}
		if src.closed != 1 {
			t.Errorf("source closed %d times", src.closed)
		}
	})
}

func TestWatchFollowsTheProcess(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("Resident is written for Linux and Windows only")
	}
	synctest.Test(t, func(t *testing.T) {
		var pid atomic.Int64
		told := make(chan Reading, 8)
		ctx, cancel := context.WithCancel(t.Context())
		done := observe(ctx, &scripted{states: []state{{err: errors.New("None.")}}}, func() int { return int(pid.Load()) },
			time.Second, func(r Reading) { told <- r })
		if r := <-told; r.Resident != 0 || r.System == 0 {
			t.Errorf("without a process: %+v", r)
		}
		pid.Store(int64(os.Getpid()))
		if r := <-told; r.Resident < 1<<20 || r.Resident > r.System {
			t.Errorf("with this process: %+v", r)
		}
		cancel()
		<-done
	})
}

// stuck is a Source whose calls can be held up.
type stuck struct {
	mu    sync.Mutex // owns the rest
	used  uint64
	reads int           // begun
	hold  chan struct{} // nil: a read answers at once
	shut  bool
}

func (s *stuck) Read() (string, []GPU, error) {
	s.mu.Lock()
	s.reads++
	hold := s.hold
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return "1", []GPU{{UUID: "GPU-a", Name: "Card", Total: 100, Used: s.used}}, nil
}

func (s *stuck) set(used uint64, hold chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used, s.hold = used, hold
}

func (s *stuck) begun() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *stuck) closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shut
}

func (s *stuck) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
}

// heard keeps what a Monitor tells.
type heard struct {
	mu   sync.Mutex // owns list
	list []Reading
}

func (h *heard) put(r Reading) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, r)
}

// take is what came since the last take.
func (h *heard) take() []Reading {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.list
	h.list = nil
	return list
}

func TestDriverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, told, hold := &stuck{used: 1}, &heard{}, make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		done := observe(ctx, src, nil, 0, told.put)
		time.Sleep(750 * time.Millisecond)
		told.take()
		src.set(2, hold)
		time.Sleep(time.Minute)
		list := told.take()
		if len(list) != 1 || list[0].Stale != errSilent().Error() || list[0].GPUs[0].Used != 1 || list[0].Missing != "" {
			t.Fatalf("told %+v while it hangs", list)
		}
		if at := list[0].Time.Sub(start); at != 500*time.Millisecond {
			t.Errorf("figures of %v, want those of 500 ms", at)
		}
		reads := src.begun()
		if reads != 3 {
			t.Errorf("%d calls, want two and the one that hangs", reads)
		}
		src.set(2, nil)
		close(hold)
		if list := told.take(); len(list) != 1 || list[0].Stale != "" || list[0].GPUs[0].Used != 2 || !list[0].Time.Equal(time.Now()) {
			t.Errorf("told %+v when it came back", list)
		}
		time.Sleep(time.Second)
		if src.begun() <= reads {
			t.Error("no more looks after it came back")
		}
		cancel()
		<-done
		if !src.closed() {
			t.Error("the source is open at the end")
		}
	})
}

func TestDriverThatHangsFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, told := make(chan struct{}), &heard{}
		src := &stuck{hold: hold}
		ctx, cancel := context.WithCancel(t.Context())
		done := observe(ctx, src, nil, 0, told.put)
		time.Sleep(Patience - 1)
		if list := told.take(); len(list) > 0 {
			t.Errorf("told %+v too early", list)
		}
		time.Sleep(time.Minute)
		list := told.take()
		if len(list) != 1 || list[0].Missing != errSilent().Error() || list[0].Stale != "" || list[0].GPUs != nil {
			t.Errorf("told %+v", list)
		}
		began := time.Now()
		cancel()
		<-done // although the call still hangs
		if waited := time.Since(began); waited > closeWithin {
			t.Errorf("the end took %v", waited)
		}
		if src.closed() {
			t.Error("closed while in use")
		}
		close(hold)
		if list := told.take(); len(list) > 0 || !src.closed() {
			t.Errorf("after all: shut %v, told %+v", src.closed(), list)
		}
	})
}

func TestResidentMemoryIsToldWhileTheDriverHangs(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "windows" {
		t.Skip("Resident is written for Linux and Windows only")
	}
	synctest.Test(t, func(t *testing.T) {
		hold, told := make(chan struct{}), &heard{}
		var pid atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		done := observe(ctx, &stuck{hold: hold}, func() int { return int(pid.Load()) }, 0, told.put)
		time.Sleep(time.Minute)
		told.take()
		pid.Store(int64(os.Getpid()))
		time.Sleep(DefaultEvery)
		if list := told.take(); len(list) != 1 || list[0].Resident == 0 || list[0].Missing != errSilent().Error() {
			t.Errorf("told %+v", list)
		}
		close(hold)
		cancel()
		<-done
	})
}

func TestPaceCanChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &stuck{}
		var every atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		done := Monitor{
			Source: src, Every: func() time.Duration { return time.Duration(every.Load()) }, Tell: func(Reading) {},
		}.Start(ctx)
		in := func(d time.Duration) int {
			synctest.Wait()
			before := src.begun()
			time.Sleep(d)
			synctest.Wait()
			return src.begun() - before
		}
		time.Sleep(time.Millisecond)
		if n := in(10 * time.Second); n != 20 {
			t.Errorf("%d looks in 10 s, want 20", n)
		}
		every.Store(int64(FastEvery))
		in(DefaultEvery)
		if n := in(10 * time.Second); n != 40 {
			t.Errorf("%d fast looks in 10 s, want 40", n)
		}
		cancel()
		<-done
	})
}

func TestOneOfSeveralCardsLost(t *testing.T) {
	lost := errors.New("GPU 0 cannot be read.")
	r := read(sourceFunc(func() (string, []GPU, error) { return "1", []GPU{{Index: 1}}, lost }))
	if r.Note != lost.Error() || r.Missing != "" || len(r.GPUs) != 1 {
		t.Errorf("%+v", r)
	}
	opened := 0
	src := Reopen(func() (Source, error) {
		opened++
		return sourceFunc(func() (string, []GPU, error) { return "1", []GPU{{Index: 1}}, lost }), nil
	})
	for range 3 {
		if _, gpus, err := src.Read(); len(gpus) != 1 || err != lost {
			t.Errorf("%+v, %v", gpus, err)
		}
	}
	if opened != 1 {
		t.Errorf("opened %d times although a card is left", opened)
	}
}

// sourceFunc is a Source without a state.
type sourceFunc func() (string, []GPU, error)

func (f sourceFunc) Read() (string, []GPU, error) { return f() }
func (f sourceFunc) Close()                       {}

func TestReopenTriesNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		var inner *scripted
		src := Reopen(func() (Source, error) {
			opened++
			if opened < 3 {
				return nil, errors.New("Not yet.")
			}
			inner = &scripted{states: []state{{used: 1}, {err: errors.New("Lost.")}}}
			return inner, nil
		})
		read := func(want string) {
			t.Helper()
			_, _, err := src.Read()
			if got := errorText(err); got != want {
				t.Errorf("read %q, want %q", got, want)
			}
		}
		read("Not yet.")
		time.Sleep(reopenEvery / 2)
		read("Not yet.")
		if opened != 1 {
			t.Errorf("opened %d times, too early", opened)
		}
		time.Sleep(reopenEvery / 2)
		read("Not yet.")
		time.Sleep(reopenEvery)
		read("")
		read("Lost.")
		if inner.closed != 1 {
			t.Error("a source that failed stays open")
		}
		read("Lost.") // the last error, without a new try
		time.Sleep(reopenEvery)
		read("")
		src.Close()
		if opened != 4 || inner.closed != 1 {
			t.Errorf("opened %d times, last one closed %d times", opened, inner.closed)
		}
	})
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestResidentOfAProcessThatEnded(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if bytes, err := Resident(cmd.Process.Pid); err == nil {
		t.Errorf("%d bytes resident after the end", bytes)
	}
}

// observe starts a Monitor of a fixed pace.
func observe(ctx context.Context, src Source, pid func() int, every time.Duration, on func(Reading)) <-chan struct{} {
	return Monitor{Source: src, PID: pid, Every: func() time.Duration { return every }, Tell: on}.Start(ctx)
}

// scriptedShare tells 7 bytes more with each look.
type scriptedShare struct {
	bytes  uint64
	failed error         // of a look
	hold   chan struct{} // nil: looks take no time
	closed chan struct{}
}

func (s *scriptedShare) read(pid int) (uint64, error) {
	if s.hold != nil {
		<-s.hold
	}
	s.bytes += 7
	return uint64(pid)*1000 + s.bytes, s.failed
}

func (s *scriptedShare) close() { close(s.closed) }

func TestShareOfSystemMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src, told, share := &stuck{}, &heard{}, &scriptedShare{closed: make(chan struct{})}
		var pid atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		done := Monitor{
			Source: src, PID: func() int { return int(pid.Load()) }, Tell: told.put,
			shared: func() (sharedReader, error) { return share, nil },
		}.Start(ctx)
		expect := func(want ...uint64) {
			t.Helper()
			var got []uint64
			for _, r := range told.take() {
				if len(got) == 0 || got[len(got)-1] != r.Shared {
					got = append(got, r.Shared)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("told %v, want %v", got, want)
			}
		}
		time.Sleep(time.Minute)
		expect(0) // there is no process
		pid.Store(1 << 30)
		time.Sleep(5 * sharedEvery / 2)
		expect(1<<30*1000+7, 1<<30*1000+14, 1<<30*1000+21)
		pid.Store(2 << 30)
		time.Sleep(sharedEvery) // at once nothing, since the figures are of another
		expect(0, 2<<30*1000+28)
		cancel()
		<-done
		<-share.closed
	})
}

func TestShareThatCannotBeRead(t *testing.T) {
	for name, open := range map[string]func() (sharedReader, error){
		"no counters": func() (sharedReader, error) { return nil, errors.ErrUnsupported },
		"broken": func() (sharedReader, error) {
			return &scriptedShare{failed: errors.ErrUnsupported, closed: make(chan struct{})}, nil
		},
		"hangs": func() (sharedReader, error) {
			return &scriptedShare{hold: make(chan struct{}), closed: make(chan struct{})}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := &heard{}
				var share sharedReader
				ctx, cancel := context.WithCancel(t.Context())
				done := Monitor{
					Source: &stuck{}, PID: func() int { return 1 << 30 }, Tell: told.put,
					shared: func() (_ sharedReader, err error) {
						share, err = open()
						return share, err
					},
				}.Start(ctx)
				time.Sleep(time.Minute)
				cancel()
				<-done
				for _, r := range told.take() {
					if r.Shared != 0 || r.Missing != "" {
						t.Errorf("told %+v", r)
					}
				}
				if s, ok := share.(*scriptedShare); ok && s.hold != nil {
					close(s.hold)
				}
			})
		})
	}
}
