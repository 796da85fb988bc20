//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"galago/e2e/desktop"
	"galago/e2e/xdnd"
)

// both are figures of the window's process and of the engine's.
type both[T any] struct{ window, engine T }

// rest is what the program costs once it has started.
type rest struct {
	quiet, asked both[memory]        // with nothing asked, and after the questions
	load         both[time.Duration] // computing while nothing happened
	watched      time.Duration       // for so long
	frames       int                 // drawn meanwhile
	gauge        int                 // changes of the gauge meanwhile
	failed       int                 // questions without an answer
}

// after is how long the program is left alone before its memory is read: Go gives back what it does not need by and by.
const after = 15 * time.Second

func (r *report) measureRest() error {
	home, err := newHome()
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	return withWindow(r.programs, home, func(p *program, screen *desktop.Desktop, w *watcher) error {
		if err := p.loaded(); err != nil {
			return err
		}
		if err := w.focused(screen, p.pid()); err != nil {
			return err
		}
		leave(after)
		if err := r.watchIdle(p, w); err != nil {
			return err
		}
		if err := r.readMemory(p, &r.quiet); err != nil {
			return err
		}
		for n := range r.turns {
			if err := r.ask(p, screen, n); err != nil {
				return fmt.Errorf("question %d: %w", n+1, err)
			}
		}
		leave(after)
		return r.readMemory(p, &r.asked)
	})
}

func leave(d time.Duration) { <-time.After(d) }

func (r *report) readMemory(p *program, to *both[memory]) error {
	engine, err := child(p.pid())
	if err != nil {
		return err
	}
	if to.window, err = memoryOf(p.pid()); err != nil {
		return err
	}
	to.engine, err = memoryOf(engine)
	return err
}

// watchIdle does nothing for a while and reads what both processes made of it.
func (r *report) watchIdle(p *program, w *watcher) error {
	engine, err := child(p.pid())
	if err != nil {
		return err
	}
	read := func() (t both[time.Duration], err error) {
		var err1, err2 error
		t.window, err1 = processor(p.pid())
		t.engine, err2 = processor(engine)
		return t, errors.Join(err1, err2)
	}
	began, frames, seen := time.Now(), w.count(), len(p.events())
	before, err := read()
	if err != nil {
		return err
	}
	leave(r.options.idle)
	now, err := read()
	if err != nil {
		return err
	}
	r.watched, r.frames = time.Since(began), w.count()-frames
	r.load = both[time.Duration]{now.window - before.window, now.engine - before.engine}
	for _, e := range p.events()[seen:] {
		if e.Event == "gauge" {
			r.gauge++
		}
	}
	fmt.Printf("idle: window %v, engine %v in %v; %d frames, the gauge changed %d times\n", r.load.window, r.load.engine, r.watched, r.frames, r.gauge)
	return nil
}

// questions are asked in turn about the picture that was dropped last.
var questions = []string{
	"What do you see?", "What colour is the triangle?", "How many shapes are there?", "Where is the circle?", "Is there a star?",
}

// pictures of the samples, one for every tenth question.
var pictures = []string{"shapes.png", "scene.png", "numbers.png"}

// ask asks a question in the window as a person does, and waits for its end.
func (r *report) ask(p *program, screen *desktop.Desktop, n int) error {
	if n%10 == 0 {
		if err := r.drop(p, screen, pictures[n/10%len(pictures)]); err != nil {
			return err
		}
	}
	from := len(p.events())
	if err := screen.Type(questions[n%len(questions)]); err != nil {
		return err
	}
	if err := screen.Key(desktop.Return); err != nil {
		return err
	}
	e, err := p.wait("an answer", from, func(e event) bool {
		return e.Event == "turn" && (e.State == "done" || e.State == "failed" || e.State == "cancelled" || e.State == "interrupted")
	})
	if err == nil && e.State != "done" {
		r.failed++
	}
	return err
}

func (r *report) drop(p *program, screen *desktop.Desktop, picture string) error {
	path, err := filepath.Abs(filepath.Join(r.samples, picture))
	if err != nil {
		return err
	}
	win, ok := screen.Window(p.pid())
	if !ok {
		return errors.New("the window is gone")
	}
	source, err := xdnd.Open(screen.Display)
	if err != nil {
		return err
	}
	defer source.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	from := len(p.events())
	x, y := win.Center()
	if _, err := source.Drop(ctx, x, y, path); err != nil {
		return err
	}
	_, err = p.wait("the picture is in the composer", from, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) > 0 && e.Items[len(e.Items)-1].Info != ""
	})
	screen.Move(0, 0)
	return err
}
