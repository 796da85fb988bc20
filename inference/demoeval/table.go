package demoeval

import (
	"fmt"
	"slices"
	"strings"
)

// targets are what the demo model is asked to reach, as a share of right answers;
// for "box" it is the mean overlap, for "count" it counts only true counts of 1 to 5.
var targets = map[string]float64{
	"colour": 0.98, "shape": 0.98, "yesno": 0.96, "count": 0.95, "where": 0.95, "number": 0.90, "box": 0.75, "second": 0.95,
}

// order is how the table lists the kinds it has targets for; others follow by name.
var order = []string{"colour", "shape", "yesno", "count", "where", "number", "box", "second"}

// Table adds up scores by kind. The zero value is an empty table.
type Table struct {
	rows map[string]*row
}

type row struct {
	n, right int
	overlap  float64
}

// Add counts one judged answer. Counts outside 1 to 5 are kept under a kind of their own, since the target leaves them out.
func (t *Table) Add(turn Turn, correct bool, iou float64) {
	kind := turn.Kind
	if kind == "count" && turn.Expect.Count != nil && (*turn.Expect.Count < 1 || *turn.Expect.Count > 5) {
		kind = "count of 0 or 6"
	}
	if t.rows == nil {
		t.rows = map[string]*row{}
	}
	r := t.rows[kind]
	if r == nil {
		r = &row{}
		t.rows[kind] = r
	}
	r.n++
	r.overlap += iou
	if correct {
		r.right++
	}
}

// Total is the number of answers added and how many of them were right (a box from BoxIsRight on).
func (t *Table) Total() (n, right int) {
	for _, r := range t.rows {
		n += r.n
		right += r.right
	}
	return n, right
}

// Value is the figure that is held against the target: the share of right answers, for boxes the mean overlap.
// It is 0 for a kind that was never added.
func (t *Table) Value(kind string) float64 {
	r := t.rows[kind]
	if r == nil {
		return 0
	}
	if kind == "box" {
		return r.overlap / float64(r.n)
	}
	return float64(r.right) / float64(r.n)
}

// Missed lists the kinds with a target that were asked and fell short of it.
func (t *Table) Missed() []string {
	var out []string
	for _, kind := range order {
		if t.rows[kind] != nil && t.Value(kind) < targets[kind] {
			out = append(out, kind)
		}
	}
	return out
}

// String is the table in Markdown: kind, n, score, target, met.
func (t *Table) String() string {
	var b strings.Builder
	b.WriteString("| kind | n | score | target | met |\n|---|---|---|---|---|\n")
	for _, kind := range t.kinds() {
		score := fmt.Sprintf("%.1f %%", 100*t.Value(kind))
		if kind == "box" {
			score = fmt.Sprintf("%.3f mean IoU", t.Value(kind))
		}
		target, met := "", ""
		if want, ok := targets[kind]; ok {
			target, met = fmt.Sprintf("%.0f %%", 100*want), "no"
			if kind == "box" {
				target = fmt.Sprintf("%.2f", want)
			}
			if t.Value(kind) >= want {
				met = "yes"
			}
		}
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s |\n", kind, t.rows[kind].n, score, target, met)
	}
	return b.String()
}

func (t *Table) kinds() []string {
	var known, other []string
	for kind := range t.rows {
		if slices.Contains(order, kind) {
			known = append(known, kind)
		} else {
			other = append(other, kind)
		}
	}
	slices.SortFunc(known, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
	slices.Sort(other)
	return append(known, other...)
}
