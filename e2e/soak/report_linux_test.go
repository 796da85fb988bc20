package soak

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"galago/inference/disk"
)

// report is what came of a campaign.
type report struct {
	Seed         uint64
	Seconds      float64 // of use
	Steps        int
	Did          map[string]int
	Requests     int
	Ends         map[string]int
	Cancelled    map[string]int // by phase
	Engines      int            // that were measured
	Judged       judged
	Window       Trend // MiB PSS
	Heap         Trend // MiB
	Engine       Trend // MiB PSS
	WindowBound  float64
	EngineBound  float64
	Goroutines   change
	WindowFiles  change
	EngineFiles  change
	EngineThread change
	Cache        int64 // bytes on disk at most
	CacheLimit   int64
	Looks        []look
	Findings     []string
}

// change is how a count went: medians of the first and the last third of all looks.
type change struct{ First, Last float64 }

// grew reports whether there are more by n, which is more than what comes and goes.
func (c change) grew(n float64) bool { return c.Last-c.First > n }

func (c change) String() string { return fmt.Sprintf("%g, then %g", c.First, c.Last) }

func changeOf(looks []look, count func(look) int) change {
	var values []int
	for _, l := range looks {
		values = append(values, count(l))
	}
	third := max(1, len(values)/3)
	if len(values) == 0 {
		return change{}
	}
	return change{median(values[:third]), median(values[len(values)-third:])}
}

func median(list []int) float64 {
	list = slices.Sorted(slices.Values(list))
	return float64(list[len(list)/2])
}

// warmUp is the share of a calm time after which memory is compared.
const warmUp = 0.15

// points are what is compared of the memory: what was measured in calm times, after their beginning. Between two of them
// the window was closed and opened, and engines were ended.
func (s *soak) points(value func(look) float64, life func(look) int) (list []Point) {
	begin := warmUp * (1 - roughShare) * s.o.time.Seconds() / float64(s.o.cycles)
	for _, l := range s.looks {
		if l.Calm >= begin {
			list = append(list, Point{life(l), l.At, value(l)})
		}
	}
	return list
}

func (s *soak) report(j judged) report {
	cycle, life := func(l look) int { return l.Cycle }, func(l look) int { return l.Life }
	window := Fit(s.points(func(l look) float64 { return l.Window.PSS }, cycle))
	heap := Fit(s.points(func(l look) float64 { return l.Heap }, cycle))
	engine := Fit(s.points(func(l look) float64 { return l.Engine.PSS }, life))
	late := slices.DeleteFunc(slices.Clone(s.looks), func(l look) bool { return l.At < warmUp*s.o.time.Seconds() })
	b := s.o.bounds
	r := report{
		Seed: s.o.seed, Seconds: s.o.time.Seconds(), Steps: s.number, Did: s.did, Requests: s.ledger.total, Ends: s.ledger.ends,
		Cancelled: s.ledger.ended, Engines: s.life, Judged: j, Window: window, Heap: heap, Engine: engine,
		WindowBound: Bound(b.steady, b.windowCreep, window.Span), EngineBound: Bound(b.steady, b.engineCreep, engine.Span),
		Goroutines:   changeOf(late, func(l look) int { return l.Goroutines }),
		WindowFiles:  changeOf(late, func(l look) int { return l.Window.Files }),
		EngineFiles:  changeOf(late, func(l look) int { return l.Engine.Files }),
		EngineThread: changeOf(late, func(l look) int { return l.Engine.Threads }),
		Cache:        s.cache, CacheLimit: statesDisk, Looks: s.looks, Findings: s.ledger.findings,
	}
	r.judge()
	return r
}

// judge adds what figures tell to what was found on the way.
func (r *report) judge() {
	find := func(bad bool, format string, args ...any) {
		if bad {
			r.Findings = append(r.Findings, fmt.Sprintf(format, args...))
		}
	}
	find(r.Window.Above(r.WindowBound), "memory of the window grows: %v, %.0f are allowed", r.Window, r.WindowBound)
	find(r.Heap.Above(r.WindowBound), "the heap of the window grows: %v, %.0f are allowed", r.Heap, r.WindowBound)
	find(r.Engine.Above(r.EngineBound), "memory of the engine grows: %v, %.0f are allowed", r.Engine, r.EngineBound)
	find(r.Goroutines.grew(2), "goroutines: %v", r.Goroutines)
	find(r.WindowFiles.grew(2), "open files of the window: %v", r.WindowFiles)
	find(r.EngineFiles.grew(2), "open files of the engine: %v", r.EngineFiles)
	find(r.EngineThread.grew(2), "threads of the engine: %v", r.EngineThread)
	j := r.Judged
	find(j.Answers == 0, "no answer could be compared")
	find(max(j.RightSoak-j.RightFresh, j.RightFresh-j.RightSoak) > few(j.Scored),
		"%d answers are right of %d, %d of a fresh engine", j.RightSoak, j.Scored, j.RightFresh)
	odd := slices.DeleteFunc(slices.Clone(j.Differing), func(d difference) bool { return d.Continued || d.AfterCut })
	for _, d := range odd {
		find(len(odd) > few(j.Answers), "step %d: %q was answered %q, by a fresh engine %q", d.Step, d.Question, d.Soak, d.Fresh)
	}
}

// few is how many of n answers may differ: what was kept in the KV cache was computed in batches of other sizes than a fresh
// engine's, which are rounded otherwise, so where two tokens are as likely as each other the other one may win. Seen: 1 of 673.
func few(n int) int { return max(1, n/200) }

// write puts the report into a folder, as JSON and to be read.
func (r report) write(dir string) error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := disk.Write(filepath.Join(dir, "report.json"), 0o644, append(data, '\n')); err != nil {
		return err
	}
	return disk.Write(filepath.Join(dir, "report.md"), 0o644, []byte(r.String()))
}

func (r report) String() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	j := r.Judged
	p("# Soak\n\nSeed %d, %s of use: %d steps, %d requests, %d engines measured.\n", r.Seed,
		time.Duration(r.Seconds*float64(time.Second)).Round(time.Second), r.Steps, r.Requests, r.Engines)
	if len(r.Findings) == 0 {
		p("Nothing is wrong.\n")
	} else {
		p("## What is wrong\n")
		for _, f := range r.Findings {
			p("- %s", f)
		}
		p("")
	}
	p("| what | measured | allowed |\n|---|---|---|")
	p("| right answers | %s | %s, those of a fresh engine, and %d more or less |", share(j.RightSoak, j.Scored), share(j.RightFresh, j.Scored), few(j.Scored))
	p("| answers equal to a fresh engine's | %s | all but %d, and what follows an answer that was cut off |", share(j.Equal, j.Answers), few(j.Answers))
	p("| answers cut off that a fresh engine's begins with | %s | the same |", share(j.CutRight, j.Cut))
	p("| memory of the window (PSS) | %v | %.0f MiB an hour |", r.Window, r.WindowBound)
	p("| its heap | %v | %.0f MiB an hour |", r.Heap, r.WindowBound)
	p("| memory of the engine (PSS) | %v | %.0f MiB an hour |", r.Engine, r.EngineBound)
	p("| goroutines | %v | 2 more |", r.Goroutines)
	p("| open files of the window | %v | 2 more |", r.WindowFiles)
	p("| open files of the engine | %v | 2 more |", r.EngineFiles)
	p("| threads of the engine | %v | 2 more |", r.EngineThread)
	p("| put aside on disk | %.1f MiB at most | %d MiB |", float64(r.Cache)/(1<<20), r.CacheLimit>>20)
	p("\n%d different requests, %d of them asked again of a fresh engine; %d answers were not compared for want of time.", j.Distinct, j.Asked, j.NotAsked)
	p("\nRequests ended: %s.\n\nCancelled in: %s.\n\nWhat was done: %s.", counts(r.Ends), counts(r.Cancelled), counts(r.Did))
	if len(j.Differing) > 0 {
		p("\n## Answers that differ from a fresh engine's\n\nAn answer that was cut off may end inside a word; whoever goes on from its text, or reads it, cuts it into other tokens.\n")
		for _, d := range j.Differing {
			p("- step %d, %d messages before%s%s: %q\n  - soak: %q\n  - fresh: %q", d.Step, d.Turns, when(d.Continued, ", continued"),
				when(d.AfterCut, ", after one that was cut off"), d.Question, d.Soak, d.Fresh)
		}
	}
	return b.String()
}

func when(b bool, text string) string {
	if b {
		return text
	}
	return ""
}

func share(n, of int) string {
	if of == 0 {
		return "none"
	}
	return fmt.Sprintf("%d of %d (%.2f %%)", n, of, 100*float64(n)/float64(of))
}

// exists reports whether a file is there.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
