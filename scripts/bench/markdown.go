//go:build linux

package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// markdown is the section of the document.
func markdown(r *results) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("## Speed, beside llama.cpp's own server\n")
	if len(r.Rows) == 0 {
		say("Nothing was measured yet (`make bench`).")
		return b.String()
	}
	say("`make bench`, on %s: %s (%s), %s. Galago %s, llama.cpp %s on both sides: the same libraries.\n", r.Date, r.Processor, r.Threads, r.System, r.Commit, r.Llama)
	say(`Galago is the service with its worker process, as the window uses it; its peer is `+"`llama-server`"+`, built from the same source, with one slot and its prompt
cache on, driven over HTTP as its own web page does it. Both have the same model files, context, limits for pictures, threads, pictures, questions and temperature (0), and
take turns: who begins changes from pair to pair. A picture is a JPEG file in memory at the moment of the question; times end with the first text
that the asker sees. Figures are **medians** (least to most) of n pairs; the ratio is the median of the pairs' own ratios, so that what else the machine does
meets both alike. The load average was %s while this was measured.
`, r.loads())
	for _, table := range tables {
		sayTable(say, table, r)
	}
	sayNotes(say, r)
	return b.String()
}

func sayTable(say func(string, ...any), table string, r *results) {
	head := false
	for _, row := range rows {
		f := r.Rows[row.id]
		if row.table != table || f == nil || len(f.Ours) == 0 {
			continue
		}
		if !head {
			head = true
			say("### %s\n", table)
			say("| | Galago | peer | ratio | n | what it shows |\n|---|---:|---:|---:|---:|---|")
		}
		ratio, known := f.ratio()
		peer, times := "–", "–"
		if known {
			peer, times = figure(f.Peer, row.unit), fmt.Sprintf("**%.2f**", ratio)
		}
		if row.peer != "" && row.peer != "none" {
			peer += " (" + row.peer + ")"
		}
		say("| %s | %s | %s | %s | %d | %s |", row.what, figure(f.Ours, row.unit), peer, times, len(f.Ours), row.shows+verdict(row, ratio, known))
	}
	if head {
		say("")
	}
}

// figure is a median with its spread.
func figure(list []float64, unit string) string {
	if len(list) == 1 {
		return fmt.Sprintf("**%s** %s", number(list[0]), unit)
	}
	return fmt.Sprintf("**%s** %s (%s–%s)", number(median(list)), unit, number(slices.Min(list)), number(slices.Max(list)))
}

// number has three digits that count.
func number(v float64) string {
	switch {
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// verdict says in words what a ratio is.
func verdict(r row, ratio float64, known bool) string {
	if !known {
		return ""
	}
	better := ratio
	if !r.more {
		better = 1 / ratio
	}
	unit := map[bool]string{true: "fast", false: "little"}[r.unit != "MB" && r.unit != "bytes"]
	text := ""
	switch {
	case better >= 1.5:
		text = fmt.Sprintf(" %s times as %s.", number(better), unit)
	case better > 1.03:
		text = fmt.Sprintf(" %.0f %% ahead.", 100*(better-1))
	case better >= 0.97:
		text = " Level."
	default:
		text = fmt.Sprintf(" %.0f %% behind.", 100*(1/better-1))
	}
	if r.target == 0 {
		return text
	}
	if (r.more && ratio >= r.target) || (!r.more && ratio <= r.target) {
		return text
	}
	return text + fmt.Sprintf(" **The goal of %.2f is missed.**", r.target)
}

// sayNotes tells what was not alike, and which figures are of another run.
func sayNotes(say func(string, ...any), r *results) {
	others := map[string][]string{}
	var notes, order []string
	for _, row := range rows {
		f := r.Rows[row.id]
		if f == nil {
			continue
		}
		for _, n := range f.Notes {
			notes = append(notes, fmt.Sprintf("%s: %s", row.what, n))
		}
		run := ""
		if f.Commit != r.Commit || f.Date != r.Date {
			run = fmt.Sprintf("on %s with %s", f.Date, f.Commit)
		}
		if f.Quick {
			run = strings.TrimSpace(run + " in a short run")
		}
		if run != "" {
			if others[run] == nil {
				order = append(order, run)
			}
			others[run] = append(others[run], row.id)
		}
	}
	for _, run := range order {
		say("Measured %s: %s.\n", run, strings.Join(others[run], ", "))
	}
	if len(notes) > 0 {
		say("Not alike: %s.\n", strings.Join(slices.Compact(notes), "; "))
	}
}
