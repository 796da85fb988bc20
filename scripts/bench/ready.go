//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"galago/inference"
	"galago/inference/protocol"
)

// ready measures how soon after Cancel, and after the memory buttons, there is an answer to something else.
func ready(b *bench) error {
	if err := b.models(); err != nil {
		return err
	}
	m := synth2B(b.options)
	if err := b.start(m); err != nil {
		return err
	}
	if err := b.repeat(4, 100*time.Second, func() error {
		if err := b.pair("ready/idle", func(s side) (float64, error) { return b.greet(s) }); err != nil {
			return err
		}
		for _, phase := range []struct {
			row, text string
			picture   []byte
			after     time.Duration // of the question; 0: after some words of the answer
		}{
			{"encode", look, b.photo(640, 360), 1200 * time.Millisecond},
			{"prompt", prose(1500), nil, 2 * time.Second},
			{"answer", askTokens, nil, 0},
		} {
			var own float64
			if err := b.pair("ready/"+phase.row, func(s side) (figure float64, err error) {
				figure, seen, err := b.cancel(s, turn{"user", phase.text, phase.picture}, phase.after)
				if s == side(b.ours) {
					own = seen
				}
				return figure, err
			}); err != nil {
				return err
			}
			b.keep("ready/own-"+phase.row, own, -1)
		}
		return b.buttons()
	}); err != nil {
		return err
	}
	return b.repeat(4, 10*time.Second, func() error { return b.cancelLoad(m) })
}

// greet asks a short question, which was never asked before, and returns the milliseconds to its first text.
func (b *bench) greet(s side) (float64, error) {
	b.greetings++
	a, err := b.unnamed()[s].ask(b.ctx, fmt.Sprintf("%03d: hello.", b.greetings), nil, 1, nil)
	return millis(a.first), err
}

// cancel stops a question and returns the milliseconds until the first text of another one, and those until Galago's service
// says that it is ready.
func (b *bench) cancel(s side, what turn, after time.Duration) (answered, own float64, err error) {
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	var begin time.Time
	stop := func() { begin = time.Now(); cancel() }
	t, piece := b.unnamed()[s], func(int) {}
	if after > 0 {
		defer time.AfterFunc(after, stop).Stop()
	} else {
		piece = func(n int) {
			if n == 8 {
				stop()
			}
		}
	}
	_, err = t.ask(ctx, what.text, what.picture, manyTokens, piece)
	if !errors.Is(err, context.Canceled) || b.ctx.Err() != nil {
		return 0, 0, fmt.Errorf("the question was to be cancelled, and ended with %v", err)
	}
	if s == side(b.ours) {
		if err := b.ours.until(b.ctx, func(st inference.Status) bool { return st.State == inference.StateReady }); err != nil {
			return 0, 0, err
		}
		own = millis(time.Since(begin))
	}
	_, err = b.greet(s)
	return millis(time.Since(begin)), own, err
}

// until waits for a status.
func (g *galago) until(ctx context.Context, is func(inference.Status) bool) error {
	for !is(g.now()) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// buttons measures the memory buttons that leave the worker alone.
func (b *bench) buttons() error {
	for _, button := range []struct {
		row  string
		what protocol.What
	}{{"ready/forget", protocol.ForgetCache}, {"ready/free", protocol.FreeWorking}} {
		begin := time.Now()
		if _, err := b.ours.service.Clear(b.ctx, button.what); err != nil {
			return err
		}
		if _, err := b.greet(b.ours); err != nil {
			return err
		}
		b.keep(button.row, millis(time.Since(begin)), -1)
	}
	return b.results.save()
}

// cancelLoad stops a load in its middle.
func (b *bench) cancelLoad(m model) error {
	b.stop()
	if err := b.fresh(); err != nil {
		return err
	}
	defer b.stop()
	if err := b.ours.launch(m); err != nil {
		return err
	}
	if err := b.ours.until(b.ctx, func(s inference.Status) bool { return s.Load > 0.1 || s.State == inference.StateReady }); err != nil {
		return err
	}
	begin := time.Now()
	b.ours.service.Open(inference.Model{})
	err := b.ours.until(b.ctx, func(s inference.Status) bool { return s.State == inference.StateStopped && s.PID == 0 })
	b.keep("ready/load", millis(time.Since(begin)), -1)
	return errors.Join(err, b.results.save())
}
