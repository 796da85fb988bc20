package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"galago/inference/plan"
)

// What the plan is held to: within share of what was measured, and never below it by more than below.
const (
	share = 0.05
	below = 64 << 20
)

// report writes everything as Markdown.
func report(w io.Writer, where plan.Device, results []result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Planned and measured\n\n%s", where.Name)
	if where.Driver != "" {
		fmt.Fprintf(&b, ", driver %s", where.Driver)
	}
	fmt.Fprintf(&b, ", %s. Models with random weights at true dimensions, in Q8_0. Figures in MiB.\n", gib(where.Total))
	for _, r := range results {
		r.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r result) write(w io.Writer) {
	s := r.settings
	size := "the card as it is"
	if r.card > 0 {
		size = "a card of " + gib(r.card)
	}
	fmt.Fprintf(w, "\n## %s, %s\n\n%d tokens in %s, pictures of %d tokens, GPU layers %d, vision on the CPU: %v\n\n",
		r.model, size, s.Context, s.KVType, s.ImageMaxTokens, s.GPULayers, s.VisionCPU)
	fmt.Fprintln(w, "| part | formula | planned | from | measured | planned - measured |\n|---|---:|---:|---|---:|---:|")
	var sum line
	for _, l := range r.lines {
		row(w, string(l.part), l, string(l.origin))
		sum.formula += l.formula
		sum.planned += l.planned
		sum.measured += l.measured
	}
	row(w, "**all**", sum, verdict(sum.planned, sum.measured))
	fmt.Fprintf(w, "\nFive questions at once, a new picture each: %d answered, peak %s.\n\n", r.answers, mib(r.peak))
	for _, c := range r.cleared {
		fmt.Fprintf(w, "- %s: %s before, %s afterwards, %s given back (%s)\n",
			c.What, mib(c.Before), mib(c.After), mib(c.Before-min(c.Before, c.After)), c.Device)
	}
	fmt.Fprintln(w)
	for _, c := range r.cancels {
		fmt.Fprintf(w, "- cancelled in the phase %s: seen after %d ms, ready again after %d ms\n", c.phase, millis(c.told), millis(c.ready))
	}
	if r.forced != "" {
		fmt.Fprintf(w, "\nMemory taken away on purpose: %s\n", r.forced)
	}
}

func row(w io.Writer, name string, l line, origin string) {
	fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", name, mib(l.formula), mib(l.planned), origin, mib(l.measured),
		difference(l.planned, l.measured))
}

func difference(a, b uint64) string {
	if a < b {
		return "-" + mib(b-a)
	}
	return "+" + mib(a-b)
}

// verdict says whether a plan kept what it is held to.
func verdict(planned, measured uint64) string {
	off := float64(planned)/float64(max(1, measured)) - 1
	switch {
	case planned+below < measured:
		return "too low"
	case math.Abs(off) > share:
		return fmt.Sprintf("off by %.0f %%", 100*off)
	}
	return "kept"
}

func millis(d time.Duration) int64 { return d.Round(time.Millisecond).Milliseconds() }

func mib(n uint64) string { return fmt.Sprintf("%.1f", float64(n)/(1<<20)) }

func gib(n uint64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }
