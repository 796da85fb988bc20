package soak

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var (
	minutes = flag.Float64("soak.minutes", 2, "how long the soak takes, minutes; a sixth of it is for asking everything again of a fresh engine")
	seed    = flag.Uint64("soak.seed", 1, "what is done: the same seed does the same")
	out     = flag.String("soak.out", "", "folder of the report; build/soak/short if empty")
)

// TestMain is also the engine of the tests that look for faults.
func TestMain(m *testing.M) {
	if mode, is := os.LookupEnv(faultyEnv); is {
		os.Exit(runFaulty(mode))
	}
	os.Exit(m.Run())
}

// engine is the built one.
func engine(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("GALAGO_ENGINE_BUILD")
	if folder == "" {
		folder = filepath.Join("..", "..", "build", "bin")
	}
	path, err := filepath.Abs(filepath.Join(folder, "galago-engine"))
	if err != nil {
		t.Fatal(err)
	}
	if !exists(path) {
		if os.Getenv("GALAGO_E2E") == "1" {
			t.Fatalf("%s is missing: make build makes it", path)
		}
		t.Skipf("%s is missing: make build makes it", path)
	}
	return path
}

// TestSoak uses Galago, from its controller down to the engine with the built-in model, for two minutes or as long as
// -soak.minutes says.
func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes minutes")
	}
	whole := time.Duration(*minutes * float64(time.Minute))
	o := options{
		seed: *seed, time: whole * 5 / 6, fresh: whole / 6, cycles: 2, check: whole / 200, engine: engine(t),
		bounds: memoryBounds, out: *out, keepLog: true,
	}
	o.check = min(max(o.check, 1500*time.Millisecond), 5*time.Second)
	if o.out == "" {
		o.out = filepath.Join("..", "..", "build", "soak", "short")
	}
	r := run(t, o)
	for _, f := range r.Findings {
		t.Error(f)
	}
	fmt.Fprintln(t.Output(), r)
}

// run does a whole campaign.
func run(t *testing.T, o options) report {
	t.Helper()
	s := newSoak(t, o)
	t.Cleanup(func() {
		if t.Failed() && s.program != nil {
			s.service.Close()
		}
	})
	s.campaign()
	r := s.report(s.fresh())
	if err := r.write(o.out); err != nil {
		t.Error(err)
	}
	return r
}

// memoryBounds are what was measured without any leak, with room. After working memory was freed, the engine's scratch space
// lies where the C library had other things, or in fresh pages of which only some are ever touched: the same work is done with
// 70 MiB or with 105 MiB, back and forth.
var memoryBounds = bounds{steady: 20, windowCreep: 10, engineCreep: 40}
