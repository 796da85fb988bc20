// Gpucheck measures what models really take of a graphics card's memory, beside what was planned. It is run by
// scripts/gpu-check.sh, which builds what it needs.
//
//	gpucheck write FOLDER MODEL...       write models with random weights
//	gpucheck measure [flags] MODEL...    load them, ask, clear, cancel, run out of memory; print a table
//
// Without a card, measure uses system memory: that shows that the program works, not what a card takes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"galago/inference"
	"galago/inference/gguf/synth"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gpucheck:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	switch {
	case len(args) > 2 && args[0] == "write":
		return write(args[1], args[2:])
	case len(args) > 1 && args[0] == "measure":
		return measureAll(ctx, args[1:], out, errOut)
	}
	return errors.New("usage: gpucheck write FOLDER MODEL [MODEL], or gpucheck measure [flags] MODEL [MODEL]")
}

func files(folder string, m synth.Model) (model, mmproj string) {
	return filepath.Join(folder, m.Name+"-random-Q8_0.gguf"), filepath.Join(folder, "mmproj-"+m.Name+"-random-Q8_0.gguf")
}

// write writes models, unless they are there with the right sizes.
func write(folder string, names []string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		m, err := synth.Named(name)
		if err != nil {
			return err
		}
		model, mmproj := files(folder, m)
		a, b := m.Sizes()
		if has(model, a) && has(mmproj, b) {
			continue
		}
		if err := m.Write(model, mmproj); err != nil {
			return fmt.Errorf("%s cannot be written; the models need %d MB: %w", model, (a+b)/1e6, err)
		}
	}
	return nil
}

func has(path string, size int64) bool {
	info, err := os.Stat(path)
	return err == nil && info.Size() == size
}

func measureAll(ctx context.Context, args []string, out, errOut io.Writer) error {
	f := flag.NewFlagSet("gpucheck measure", flag.ContinueOnError)
	f.SetOutput(errOut)
	engine := f.String("engine", filepath.Join("build", "bin", "galago-engine"), "`PROGRAM` that answers")
	folder := f.String("models", filepath.Join("build", "gpu-check"), "`FOLDER` of the models that write left")
	weight := f.String("ballast", "", "`PROGRAM` that holds a card's memory; without it the card is used as it is")
	sizes := f.String("cards", "0", "sizes of the cards to imitate in `GiB`, with commas between; 0 is the card as it is")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return errors.New("measure needs the name of a model")
	}
	where, meter := findPlace()
	var results []result
	for _, text := range strings.Split(*sizes, ",") {
		gib, err := strconv.ParseFloat(text, 64)
		if err != nil || !(gib >= 0 && gib < 1024) {
			return fmt.Errorf("--cards has %q, which is no size in GiB", text)
		}
		for _, name := range f.Args() {
			m, err := synth.Named(name)
			if err != nil {
				return err
			}
			model, mmproj := files(*folder, m)
			r := rig{engine: *engine, ballast: *weight, meter: meter, card: where, size: uint64(gib * (1 << 30)), log: errOut}
			one, err := r.measure(ctx, inference.Model{Name: m.Name, Path: model, MMProj: mmproj})
			if err != nil {
				return fmt.Errorf("%s on a card of %s GiB: %w", name, text, err)
			}
			results = append(results, one)
		}
	}
	return report(out, where, results)
}
