//go:build linux

// Command bench measures Galago's engine beside llama.cpp's own programs (llama-server over HTTP, llama-mtmd-cli) on the same
// model files, pictures and questions, by turns, and writes its section of docs/benchmarks.md anew.
//
//	go run ./scripts/bench [-quick] [-rows REGEXP] [-document FILE]
//
// It expects build/bin, build/peers/bin (scripts/build-peers.sh) and writes what it measures into build/bench as it goes: rows that
// are not measured this time keep the figures of before.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"galago/inference/gguf/synth"
)

// options are what the command line says.
type options struct {
	quick    bool
	rows     *regexp.Regexp
	document string
	results  string
	render   bool

	programs, peers, scratch string // folders
	threads                  int
}

func main() {
	var o options
	rows := flag.String("rows", "", "`regexp` of the rows to measure, such as 'demo/.*|2b/new-320'; empty: all")
	flag.BoolVar(&o.quick, "quick", false, "few repeats, and no contexts and pictures that take minutes")
	flag.BoolVar(&o.render, "render", false, "measure nothing, write the document from what was measured before")
	flag.StringVar(&o.document, "document", "", "`FILE` whose section is replaced; empty: the section is printed alone")
	flag.StringVar(&o.programs, "programs", "build/bin", "`FOLDER` of galago-engine")
	flag.StringVar(&o.peers, "peers", "build/peers/bin", "`FOLDER` of llama-server and llama-mtmd-cli")
	flag.StringVar(&o.scratch, "scratch", "build/bench", "`FOLDER` for the synthetic model (2.3 GB), logs and results")
	flag.IntVar(&o.threads, "threads", runtime.NumCPU(), "`threads` of both sides")
	flag.Parse()
	var err error
	if o.rows, err = regexp.Compile(*rows); err == nil && flag.NArg() > 0 {
		err = fmt.Errorf("%q is not an option", flag.Arg(0))
	}
	if err == nil {
		err = run(o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	for _, folder := range []*string{&o.programs, &o.peers, &o.scratch} {
		var err error
		if *folder, err = filepath.Abs(*folder); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(o.scratch, 0o755); err != nil {
		return err
	}
	o.results = filepath.Join(o.scratch, "rows.json")
	results, err := readResults(o.results)
	if err != nil {
		return err
	}
	if !o.render {
		err = measure(o, results)
	}
	// What was measured until then counts also when the rest failed.
	text := markdown(results)
	fmt.Print(text)
	if o.document != "" && len(results.Rows) > 0 {
		err = errors.Join(err, replaceSection(o.document, text))
	}
	return err
}

func measure(o options, results *results) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	results.machine(o)
	b := &bench{options: o, results: results, ctx: ctx}
	defer b.stop()
	for _, s := range suites {
		if !b.wants(s) {
			continue
		}
		begin := time.Now()
		if err := s.run(b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("%s took %.0f s\n", s.name, time.Since(begin).Seconds())
	}
	return nil
}

// models makes the synthetic model where it is missing, or of another size than it should have.
func (o options) models() error {
	m := synth2B(o)
	want, wantEyes := synth.Qwen3VL2B.Sizes()
	if size(m.path) == want && size(m.mmproj) == wantEyes {
		return nil
	}
	fmt.Println("writing a Qwen3-VL-2B of random weights")
	return synth.Qwen3VL2B.Write(m.path, m.mmproj)
}

func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}
