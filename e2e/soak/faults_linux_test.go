package soak

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"galago/inference/protocol"
	"galago/inference/worker"
)

// faultyEnv makes the test binary an engine; its value are the faults that it has.
const faultyEnv = "GALAGO_SOAK_FAULTS"

// The faults of an engine.
const (
	leaksMemory  = "memory"
	leaksFiles   = "files"
	forgets      = "forgets" // after a while it answers something else
	leavesOrphan = "orphan"
	leavesFile   = "file"
)

// runFaulty is the engine's program.
func runFaulty(faults string) int {
	b := &faulty{has: func(fault string) bool { return slices.Contains(strings.Split(faults, ","), fault) }}
	if b.has(leavesOrphan) {
		_ = exec.Command("sleep", "60").Start()
	}
	if err := worker.Loop(os.Stdin, protocol.NewWriter(os.Stdout), b); err != nil {
		return 1
	}
	return 0
}

type faulty struct {
	has   func(string) bool
	steps atomic.Uint64
	asked int
	held  [][]byte
	files []*os.File
}

func (b *faulty) Hello() protocol.Hello {
	return protocol.Hello{
		Version: protocol.Version, Engine: "faulty", Llama: "none", System: "none",
		Devices: []protocol.Device{{Name: "CPU", Description: "CPU", Type: "CPU", Backend: "CPU"}},
	}
}

func (b *faulty) Steps() uint64 { return b.steps.Add(1) }

func (b *faulty) Load(context.Context, protocol.Load, func(protocol.Progress)) (protocol.Loaded, error) {
	return protocol.Loaded{
		Name: "Faulty", Description: "qwen3vl 8M Q8_0", Context: 4096, ContextTrain: 4096, Device: "CPU",
		Vision: protocol.Vision{Enabled: true, Projector: "qwen3vl_merger", Factor: 32, MinTokens: 4, MaxTokens: 256},
	}, nil
}

// Ask answers with a digest of all that was said, a letter each time.
func (b *faulty) Ask(ctx context.Context, ask protocol.Ask, _ []byte, out worker.Sink) (protocol.Done, error) {
	b.asked++
	const leak = 1 << 20
	if b.has(leaksMemory) {
		data := make([]byte, leak)
		for i := 0; i < leak; i += 4096 {
			data[i] = 1
		}
		b.held = append(b.held, data)
	}
	if b.has(leaksFiles) {
		if f, err := os.Open(os.DevNull); err == nil {
			b.files = append(b.files, f)
		}
	}
	if b.has(leavesFile) && b.asked == 1 {
		_ = os.WriteFile(filepath.Join(os.TempDir(), "left"), nil, 0o600)
	}
	sum := sha256.New()
	for _, m := range ask.Messages {
		fmt.Fprintln(sum, m.Role, m.Text)
	}
	answer := hex.EncodeToString(sum.Sum(nil))[:16]
	if b.has(forgets) && b.asked > 30 {
		answer = "I forgot."
	}
	for _, letter := range answer {
		if ctx.Err() != nil {
			return protocol.Done{}, ctx.Err()
		}
		out.Delta(protocol.Delta{ID: ask.ID, Text: string(letter)})
	}
	return protocol.Done{ID: ask.ID, Stop: protocol.StopEnd, Stats: protocol.Stats{PromptTokens: 10, AnswerTokens: 3, ContextTotal: 4096}}, nil
}

func (b *faulty) Plan(context.Context, protocol.Load) (protocol.Planned, error) {
	return protocol.Planned{}, nil
}

func (b *faulty) Count(_ context.Context, ask protocol.Ask) (protocol.Counted, error) {
	return protocol.Counted{ID: ask.ID, PromptTokens: 10, ImageTokens: make([]int, len(ask.Images))}, nil
}

func (b *faulty) Clear(protocol.What) (protocol.Cleared, error) {
	return protocol.Cleared{Before: 3 << 20, After: 2 << 20, Device: "resident memory"}, nil
}

func (b *faulty) Settle() {}
func (b *faulty) Close()  {}

// faultySoak is a short campaign with an engine that has faults, and a window that has the fault each.
func faultySoak(t *testing.T, faults string, each func(*soak)) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(faultyEnv, "") // the fresh engine is without a fault
	var r report
	for length := 10 * time.Second; length <= 80*time.Second; length *= 2 {
		r = run(t, options{
			seed: 7, time: length, fresh: 4 * time.Second, cycles: 1, check: 150 * time.Millisecond, engine: self,
			env: []string{faultyEnv + "=" + faults}, each: each, bounds: bounds{steady: 20, windowCreep: 10, engineCreep: 5}, out: t.TempDir(),
		})
		if r.Window.Points >= 10 && r.Engine.Points >= 10 {
			break
		}
		t.Logf("%v are too short for this machine: %d looks at memory counted", length, r.Window.Points)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r)
		}
	})
	return r.Findings
}

// TestFaultsAreFound is the test of the soak itself: faults that are put in are told, and nothing else is.
func TestFaultsAreFound(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a minute")
	}
	var held [][]byte
	var files []*os.File
	stop := make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		for _, f := range files {
			f.Close()
		}
		runtime.KeepAlive(held)
	})
	leak := func(s *soak) {
		held = append(held, slices.Repeat([]byte{1}, 3<<20))
		if s.number%2 == 0 {
			f, err := os.Open(os.DevNull)
			s.must(err)
			files = append(files, f)
			go func() { <-stop }()
		}
		if path := s.path("states/x.state"); !exists(path) {
			s.must(os.WriteFile(path, make([]byte, statesDisk+1), 0o600))
		}
	}
	for _, c := range []struct {
		name   string
		engine []string
		window func(*soak)
		want   []string // each of them, and nothing else
	}{
		{"none", nil, nil, nil},
		{"the engine", []string{leaksMemory, leaksFiles}, nil, []string{"memory of the engine grows", "open files of the engine"}},
		{"answers and leftovers", []string{forgets, leavesFile, leavesOrphan}, nil, []string{
			"by a fresh engine", "temporary files are left", "is left",
		}},
		{"the window", nil, leak, []string{
			"memory of the window grows", "the heap of the window grows", "open files of the window", "files were open before",
			"goroutines: ", "goroutines were there before", "what is put aside takes",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			found := faultySoak(t, strings.Join(c.engine, ","), c.window)
			for _, want := range c.want {
				if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, want) }) {
					t.Errorf("nobody says that %q", want)
				}
			}
			for _, f := range found {
				if !slices.ContainsFunc(c.want, func(want string) bool { return strings.Contains(f, want) }) {
					t.Errorf("it is told besides: %s", f)
				}
			}
		})
	}
}
