package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"galago/inference"
	"galago/inference/gguf/synth"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/vram"
)

// engine builds the program beside what make left in build/bin.
func engine(t *testing.T) string {
	t.Helper()
	lib, err := filepath.Abs(filepath.Join("..", "..", "build", "bin", "lib"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lib); errors.Is(err, os.ErrNotExist) {
		t.Skip("llama.cpp's libraries are not built here; `make test` does it")
	}
	dir := t.TempDir()
	if err := os.Symlink(lib, filepath.Join(dir, "lib")); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "galago-engine")
	build := exec.Command("go", "build", "-ldflags", "-r $ORIGIN/lib", "-o", program, "galago/inference/galago-engine")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestMeasureInSystemMemory goes through everything that can be done without a card, with real llama.cpp.
func TestMeasureInSystemMemory(t *testing.T) {
	program, folder := engine(t), t.TempDir()
	if err := run(t.Context(), []string{"write", folder, "Tiny", "Tiny2.5"}, io.Discard, io.Discard); err != nil {
		t.Fatal(err)
	}
	_, resident := findPlace()
	for _, m := range []synth.Model{synth.Tiny, synth.Tiny25} {
		t.Run(m.Name, func(t *testing.T) {
			model, mmproj := files(folder, m)
			r := rig{engine: program, meter: resident, card: plan.Device{Name: "system memory"}, log: t.Output()}
			out, err := r.measure(t.Context(), inference.Model{Path: model, MMProj: mmproj, GPULayers: -1, Context: 8192, ImageMaxTokens: 256})
			if err != nil {
				t.Fatal(err)
			}
			if out.answers != questions || len(out.cleared) != 3 || len(out.cancels) != 4 || out.peak == 0 {
				t.Errorf("%+v", out)
			}
			if c := out.cleared[2]; c.What != inference.Unloaded || c.After != 0 {
				t.Errorf("after Unload: %+v", c)
			}
			parts := map[vram.Part]line{}
			for _, l := range out.lines {
				parts[l.part] = l
			}
			// What does not depend on rounding must be what llama.cpp says that it took, to the two decimals of its log.
			for _, part := range []vram.Part{vram.PartKV, vram.PartCompute, vram.PartEncode} {
				l := parts[part]
				if l.measured == 0 || l.formula+(1<<19) < l.measured || l.formula > l.measured+l.measured/4+(1<<19) {
					t.Errorf("%s: formula %d, planned %d, measured %d", part, l.formula, l.planned, l.measured)
				}
			}
			var text bytes.Buffer
			if err := report(&text, r.card, []result{out}); err != nil {
				t.Fatal(err)
			}
			t.Log(text.String())
		})
	}
}

const golden = `# Planned and measured

A card, driver 550.1, 6.0 GiB. Models with random weights at true dimensions, in Q8_0. Figures in MiB.

## Qwen3-VL-2B, a card of 4.0 GiB

4096 tokens in f16, pictures of 2048 tokens, GPU layers 0, vision on the CPU: false

| part | formula | planned | from | measured | planned - measured |
|---|---:|---:|---|---:|---:|
| weights | 100.0 | 100.0 | header | 101.0 | -1.0 |
| kv | 48.0 | 50.0 | dry run | 50.0 | +0.0 |
| **all** | 148.0 | 150.0 | kept | 151.0 | -1.0 |

Five questions at once, a new picture each: 5 answered, peak 160.0.

- forget: 151.0 before, 151.0 afterwards, 0.0 given back (A card)
- unload: 151.0 before, 0.0 afterwards, 151.0 given back (A card)

- cancelled in the phase picture: seen after 12 ms, ready again after 40 ms

Memory taken away on purpose: Answered. Memory ran out.
`

func TestReport(t *testing.T) {
	const m = 1 << 20
	r := result{
		model: "Qwen3-VL-2B", card: 4 << 30, settings: plan.Settings{Context: 4096, KVType: plan.F16, ImageMaxTokens: 2048},
		lines: []line{{vram.PartWeights, 100 * m, 100 * m, vram.Header, 101 * m}, {vram.PartKV, 48 * m, 50 * m, vram.DryRun, 50 * m}},
		peak:  160 * m, answers: 5,
		cleared: []inference.Cleared{{What: protocol.ForgetCache, Before: 151 * m, After: 151 * m, Device: "A card"}, {What: inference.Unloaded, Before: 151 * m, Device: "A card"}},
		cancels: []cancelled{{"picture", 12 * time.Millisecond, 40 * time.Millisecond}},
		forced:  "Answered. Memory ran out.",
	}
	var b bytes.Buffer
	if err := report(&b, plan.Device{Name: "A card", Driver: "550.1", Total: 6 << 30}, []result{r}); err != nil || b.String() != golden {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestVerdict(t *testing.T) {
	const m = 1 << 20
	for _, c := range []struct {
		planned, measured uint64
		want              string
	}{
		{1000 * m, 1000 * m, "kept"},
		{1049 * m, 1000 * m, "kept"},
		{1051 * m, 1000 * m, "off by 5 %"},
		{940 * m, 1000 * m, "off by -6 %"},
		{3936 * m, 4000 * m, "kept"}, // exactly 64 MiB below
		{3935 * m, 4000 * m, "too low"},
		{935 * m, 1000 * m, "too low"},
		{m, 0, "off by 104857500 %"},
	} {
		if got := verdict(c.planned, c.measured); got != c.want {
			t.Errorf("%d planned, %d measured: %s, want %s", c.planned/m, c.measured/m, got, c.want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{nil, {"write"}, {"write", t.TempDir(), "Llama"}, {"measure", "--cards", "six", "Tiny"}, {"measure", "Llama"}, {"measure", "--cards", "4"}} {
		if err := run(context.Background(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
}

// TestBallast: the real one needs a card; what starts it must notice one that fails, and end one that holds.
func TestBallast(t *testing.T) {
	script := func(text string) string {
		path := filepath.Join(t.TempDir(), "ballast")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	weight, err := hold(t.Context(), script(`echo "holds 1, $1 free"; cat >/dev/null`), 7)
	if err != nil {
		t.Fatal(err)
	}
	weight.drop() // returns because the script ends with its standard input
	if _, err := hold(t.Context(), script("exit 1"), 7); err == nil || !strings.Contains(err.Error(), "before it held anything") {
		t.Errorf("%v", err)
	}
	if _, err := hold(t.Context(), filepath.Join(t.TempDir(), "none"), 7); err == nil {
		t.Error("a ballast that is not there starts")
	}
}
