//go:build linux

package main

import (
	"fmt"
	"time"

	"galago/inference"
	"galago/inference/vision"
)

// Questions of different words and much the same length.
const (
	look   = "What is in the picture?"
	follow = "Which colour is it?"
	edited = "Where is it now?"
	next   = "How many are there?"
)

// briefly is how many tokens an answer has where its beginning alone counts.
const briefly = 8

func talkDemo(b *bench) error {
	m, err := demo(b.options)
	if err != nil {
		return err
	}
	return b.talk(m, 15, time.Minute)
}

func talk2B(b *bench) error {
	if err := b.models(); err != nil {
		return err
	}
	return b.talk(synth2B(b.options), 6, 3*time.Minute)
}

// talk is what people do in a conversation about a picture.
func (b *bench) talk(m model, passes int, budget time.Duration) error {
	if err := b.start(m); err != nil {
		return err
	}
	if err := b.first("", b.conversation(), b.asks(look, b.photo(320, 180), briefly)); err != nil { // warms both up
		return err
	}
	if err := b.repeat(passes, budget, func() error { return b.talkPass(m.id + "/") }); err != nil {
		return err
	}
	b.keep(m.id+"/peak", of(b.ours.process(), "status", "VmHWM")/1e6, of(b.theirs.process(), "status", "VmHWM")/1e6)
	b.keep(m.id+"/anonymous", of(b.ours.process(), "status", "RssAnon")/1e6, of(b.theirs.process(), "status", "RssAnon")/1e6)
	return b.results.save()
}

func (b *bench) talkPass(id string) error {
	picture, c, other := b.photo(320, 180), b.conversation(), b.conversation()
	for _, step := range []struct {
		row string
		c   conversation
		ask func(*talk) (answer, error)
	}{
		{"new-320", c, b.asks(look, picture, briefly)},
		{"follow", c, b.asks(follow, nil, briefly)},
		{"regenerate", c, func(t *talk) (answer, error) {
			t.back(false)
			return t.again(b.ctx, briefly, nil)
		}},
		{"edit", c, func(t *talk) (answer, error) {
			t.back(true)
			return t.ask(b.ctx, edited, nil, briefly, nil)
		}},
		{"cancelled", c, func(t *talk) (answer, error) {
			if err := b.cut(t, next, 64, 4); err != nil {
				return answer{}, err
			}
			return t.ask(b.ctx, follow, nil, briefly, nil)
		}},
		{"", other, b.asks(look, b.photo(320, 180), briefly)},
		{"return", c, b.asks(next, nil, briefly)},
		{"", other, b.asks(follow, nil, briefly)},
	} {
		row := step.row
		if row != "" {
			row = id + row
		}
		if err := b.first(row, step.c, step.ask); err != nil {
			return err
		}
	}
	known := b.conversation()
	if err := b.first("", known, b.asks("Good morning.", nil, briefly)); err != nil {
		return err
	}
	return b.first(id+"known", known, b.asks(look, picture, briefly))
}

// sizes of new pictures, beside those of 320 pixels that talks have.
func sizes(b *bench, m model, list [][2]int, passes int, budget time.Duration) error {
	if err := b.start(m); err != nil {
		return err
	}
	for _, size := range list {
		row := fmt.Sprintf("%s/new-%d", m.id, size[0])
		if !b.rows.MatchString(row) {
			continue
		}
		err := b.repeat(passes, budget, func() error {
			picture := b.photo(size[0], size[1])
			var first time.Duration
			err := b.first(row, b.conversation(), func(t *talk) (answer, error) {
				a, err := t.ask(b.ctx, look, picture, briefly, nil)
				if t.with == side(b.ours) {
					first = a.first
				}
				return a, err
			})
			if err != nil {
				return err
			}
			made, err := b.preparation(m, picture)
			b.keep(row+"-share", 100*made.Seconds()/first.Seconds(), -1)
			return err
		})
		if err != nil {
			return err
		}
	}
	return b.results.save()
}

// preparation is how long a picture takes from a file's bytes to the pixels that the model sees: decoding, turning, scaling.
func (b *bench) preparation(m model, picture []byte) (time.Duration, error) {
	grid := inference.DetailGrid(b.ours.now().Loaded.Vision, b.ours.settings(m), inference.DetailAuto)
	begin := time.Now()
	p, err := vision.Decode("picture.jpg", picture)
	if err != nil {
		return 0, err
	}
	vision.Prepare(p, grid)
	return time.Since(begin), nil
}

func sizesDemo(b *bench) error {
	m, err := demo(b.options)
	if err != nil {
		return err
	}
	return sizes(b, m, [][2]int{{640, 360}, {1280, 720}, {1920, 1080}, {4000, 3000}}, 9, 15*time.Second)
}

func sizes2B(b *bench) error {
	if err := b.models(); err != nil {
		return err
	}
	list := [][2]int{{640, 360}, {1280, 720}, {1920, 1080}}
	if b.quick {
		list = list[:1]
	}
	return sizes(b, synth2B(b.options), list, 3, 100*time.Second)
}
