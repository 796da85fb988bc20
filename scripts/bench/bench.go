//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"time"
)

// bench is a run.
type bench struct {
	options
	results *results
	ctx     context.Context

	model  model // of both sides; its id is empty while none runs
	ours   *galago
	theirs *server

	begun    map[string]bool // rows that have figures of this run
	pairs    int
	pictures uint64
	talks    int

	greetings int
}

// suite measures several rows, since one conversation serves many.
type suite struct {
	name string
	run  func(*bench) error
}

func (b *bench) wants(s suite) bool {
	return slices.ContainsFunc(rows, func(r row) bool { return r.suite == s.name && b.rows.MatchString(r.id) })
}

// start has both sides running with a model, fresh ones when they ran with another.
func (b *bench) start(m model) error {
	if b.model == m {
		return nil
	}
	b.stop()
	if err := b.fresh(); err != nil {
		return err
	}
	for _, s := range b.sides() {
		if err := s.launch(m); err != nil {
			return err
		}
		if err := s.ready(b.ctx); err != nil {
			return err
		}
	}
	b.model = m
	return nil
}

// fresh makes both sides, which do not run yet.
func (b *bench) fresh() (err error) {
	b.theirs = &server{options: b.options}
	b.ours, err = newGalago(b.options)
	return err
}

func (b *bench) stop() {
	if b.ours == nil {
		return
	}
	b.ours.quit()
	b.theirs.quit()
	_ = os.RemoveAll(b.ours.states)
	b.ours, b.theirs, b.model = nil, nil, model{}
}

// sides are both, in the order of this pair: it changes every time.
func (b *bench) sides() []side {
	s := []side{b.ours, b.theirs}
	if b.pairs++; b.pairs%2 == 0 {
		slices.Reverse(s)
	}
	return s
}

// pair lets both sides do the same, one after the other, and keeps what came of it for a row. Row "" is not kept.
func (b *bench) pair(row string, do func(side) (float64, error)) error {
	var ours, theirs float64
	for _, s := range b.sides() {
		figure, err := do(s)
		if err != nil {
			return fmt.Errorf("%s, %T: %w", row, s, err)
		}
		if s == side(b.ours) {
			ours = figure
			if b.model.id == "2b" { // the built-in model's is done in a moment
				b.ours.settle(b.ctx)
			}
		} else {
			theirs = figure
		}
	}
	b.keep(row, ours, theirs)
	return b.results.save()
}

// keep adds figures to a row, whose earlier runs' figures go. Below zero: there is none of that side.
func (b *bench) keep(row string, ours, theirs float64) {
	if row == "" {
		return
	}
	if b.begun == nil {
		b.begun = map[string]bool{}
	}
	if !b.begun[row] {
		b.begun[row] = true
		b.results.Rows[row] = &figures{Date: b.results.Date, Commit: b.results.Commit, Quick: b.quick}
	}
	f := b.results.Rows[row]
	f.Load = loadAverage()
	if ours >= 0 {
		f.Ours = append(f.Ours, ours)
	}
	if theirs >= 0 {
		f.Peer = append(f.Peer, theirs)
	}
	fmt.Printf("%-24s %10.2f %10.2f\n", row, ours, theirs)
}

// note remembers for a row what was not alike.
func (b *bench) note(row, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if f := b.results.Rows[row]; f != nil && !slices.Contains(f.Notes, text) {
		f.Notes = append(f.Notes, text)
	}
}

// conversation is the same talk with both sides.
type conversation map[side]*talk

func (b *bench) conversation() conversation { return b.about(b.model) }

func (b *bench) about(m model) conversation {
	b.talks++
	c := conversation{}
	for _, s := range []side{b.ours, b.theirs} {
		c[s] = &talk{id: fmt.Sprintf("bench-%d", b.talks), with: s, said: m.said}
	}
	return c
}

// photo is a new picture.
func (b *bench) photo(width, height int) []byte {
	b.pictures++
	return photo(b.pictures, width, height)
}

// first measures the time to the first text of what is asked, in milliseconds, on both sides.
func (b *bench) first(row string, c conversation, ask func(*talk) (answer, error)) error {
	got := map[side]answer{}
	err := b.pair(row, func(s side) (float64, error) {
		a, err := ask(c[s])
		got[s] = a
		return millis(a.first), err
	})
	if err == nil && row != "" {
		b.compare(row, got[b.ours], got[b.theirs])
	}
	return err
}

// compare notes whether both sides did the same work.
func (b *bench) compare(row string, ours, theirs answer) {
	if math.Abs(float64(ours.prompt-theirs.prompt)) > 0.03*float64(theirs.prompt) {
		b.note(row, "the prompt had %d tokens here and %d there", ours.prompt, theirs.prompt)
	}
	fmt.Printf("%24s reused %d of %d here, %d of %d there; %.1f ms until the worker's first token\n", "",
		ours.reused, ours.prompt, theirs.reused, theirs.prompt, millis(ours.inside))
}

// asks makes the function that first wants.
func (b *bench) asks(text string, picture []byte, tokens int) func(*talk) (answer, error) {
	return func(t *talk) (answer, error) { return t.ask(b.ctx, text, picture, tokens, nil) }
}

// cut asks and stops the answer after some pieces.
func (b *bench) cut(t *talk, text string, tokens, pieces int) error {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	_, err := t.ask(ctx, text, nil, tokens, func(n int) {
		if n >= pieces {
			cancel()
		}
	})
	if b.ctx.Err() == nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// repeat runs a pass several times, fewer when that takes longer than the budget. At least once.
func (b *bench) repeat(passes int, budget time.Duration, pass func() error) error {
	if b.quick {
		passes, budget = min(passes, 2), budget/4
	}
	begin := time.Now()
	for n := range passes {
		// The next pass takes as long as the ones before.
		if took := time.Since(begin); n > 0 && took+took/time.Duration(n) > budget {
			return nil
		}
		if err := pass(); err != nil {
			return err
		}
	}
	return nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
