package vram

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
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
		done := Watch(ctx, src, nil, 0, func(r Reading) {
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
	if runtime.GOOS != "linux" {
		t.Skip("Resident is written for Linux only")
	}
	synctest.Test(t, func(t *testing.T) {
		var pid atomic.Int64
		told := make(chan Reading, 8)
		ctx, cancel := context.WithCancel(t.Context())
		done := Watch(ctx, &scripted{states: []state{{err: errors.New("None.")}}}, func() int { return int(pid.Load()) },
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
