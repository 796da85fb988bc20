//go:build linux

// Command footprint measures what Galago costs before it answers anything: the time to the first frame and to the first key,
// memory, the load while nothing happens. It writes its section of docs/benchmarks.md anew and leaves the rest alone.
//
//	go run ./scripts/footprint [-runs N] [-turns N] [-idle DURATION] PROGRAMS PACKAGES DOCUMENT
//
// PROGRAMS is the folder with galago and its engine, PACKAGES that of the packages, which may be missing.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"galago/e2e/desktop"
)

// patience is how long anything may take on a busy machine.
const patience = 3 * time.Minute

// options are what the command line says.
type options struct {
	programs, packages, document string

	runs, turns int
	idle        time.Duration
	samples     string // folder of pictures to ask about
}

func main() {
	var o options
	flag.IntVar(&o.runs, "runs", 10, "starts of each kind")
	flag.IntVar(&o.turns, "turns", 100, "questions before the memory is read again")
	flag.DurationVar(&o.idle, "idle", time.Minute, "how long the window is watched while nothing happens")
	flag.StringVar(&o.samples, "samples", "assets/samples", "folder of pictures to ask about")
	flag.Parse()
	if flag.NArg() != 3 {
		flag.Usage()
		os.Exit(2)
	}
	o.programs, o.packages, o.document = flag.Arg(0), flag.Arg(1), flag.Arg(2)
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "footprint:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if missing := desktop.Missing(); missing != "" {
		return fmt.Errorf("%s is not installed; scripts/deps.sh test installs it", missing)
	}
	var err error
	if o.programs, err = filepath.Abs(o.programs); err != nil {
		return err
	}
	r := report{options: o, machine: thisMachine()}
	if err := r.measureStarts(); err != nil {
		return err
	}
	if err := r.measureRest(); err != nil {
		return err
	}
	if r.card, err = windowOnCard(o.programs); err != nil {
		return err
	}
	if r.files, err = sizes(o.packages); err != nil {
		return err
	}
	r.loadAfter = loadAverage()
	text := r.markdown()
	fmt.Print(text)
	return replaceSection(o.document, text)
}

// measureStarts starts the program again and again, cold and warm by turns, so that what else the machine does meets both alike.
func (r *report) measureStarts() error {
	warm, err := newHome()
	if err != nil {
		return err
	}
	defer os.RemoveAll(warm)
	typed, err := learnKey(r.programs, warm) // which also makes the home a used one
	if err != nil {
		return err
	}
	for range r.runs {
		cold, err := newHome()
		if err != nil {
			return err
		}
		err = forget(r.programs)
		if err == nil {
			err = r.start(&r.cold, cold, typed)
		}
		if err := errors.Join(err, os.RemoveAll(cold)); err != nil {
			return err
		}
		if err := r.start(&r.warm, warm, typed); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) start(kind *[]start, home string, typed key) error {
	s, err := measureStart(r.programs, home, typed)
	if err != nil {
		return err
	}
	*kind = append(*kind, s)
	fmt.Printf("start: frame after %4d ms, key after %4d ms, %4d ms of computing, %4d ms of waiting for a core, %d MB read\n",
		s.frame.Milliseconds(), s.key.Milliseconds(), s.cpu.Milliseconds(), s.waited.Milliseconds(), s.read/1e6)
	return nil
}
