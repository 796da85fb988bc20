package doctor

import (
	"context"
	"time"

	"galago/vram"
)

// Options say what to look at.
type Options struct {
	Version   string // of Galago
	Llama     string // version of llama.cpp that the program was made for
	Libraries string // folder of llama.cpp's libraries
	Engine    string // program that is started as the worker

	Test          bool          // with the self-test
	Model, MMProj string        // of the self-test; empty: the built-in model
	CPU           bool          // the self-test keeps off the card
	Limit         time.Duration // of the self-test; 0: DefaultLimit, OwnLimit with a Model

	Step func(Step) // may be nil; called from the goroutine of Examine

	limits    limits                                                    // zero fields are the defaults
	inspect   func(context.Context, time.Duration) (vram.Driver, error) // nil: vram.Inspect
	root      string                                                    // of the file system that is looked at; empty: the real one
	bandwidth func() float64                                            // of the system's memory, bytes a second; nil: readingSpeed
	people    people                                                    // whose names are kept out; nil: those of this machine
}

// How long the self-test may take. The built-in model needs about a second on two idle cores.
const (
	DefaultLimit = 10 * time.Second
	OwnLimit     = 3 * time.Minute // a model of several GB is read from a slow disk
)

// limits keep single looks short.
type limits struct {
	driver time.Duration // NVML, waking a card up included
	disk   time.Duration // a file system that may be on a network
	greet  time.Duration // a worker's first words: loading CUDA takes seconds on a cold disk
}

func (l limits) withDefaults() limits {
	if l.driver == 0 {
		l.driver = 5 * time.Second
	}
	if l.disk == 0 {
		l.disk = 2 * time.Second
	}
	if l.greet == 0 {
		l.greet = 20 * time.Second
	}
	return l
}

// exam is one examination. One goroutine owns it.
type exam struct {
	o          Options
	host       host
	cards      cards
	engine     started
	withEngine []string // what the environment of a worker says of the CUDA engine; nil: nothing
	list       []ranked // findings, in the order in which they were made
	test       *Test
	veil       *veil
	lacks      string // why there is no built-in model; empty: there is one
}

// Examine looks at everything. Its error is ctx's, when that ended; whatever else is wrong is in the Report.
func Examine(ctx context.Context, o Options) (Report, error) {
	o.limits = o.limits.withDefaults()
	if o.people == nil {
		o.people = thisMachine
	}
	if o.Step == nil {
		o.Step = func(Step) {}
	}
	x := &exam{o: o, host: host{root: o.root}}
	x.veil = newVeil(o)
	for _, s := range []struct {
		step Step
		look func(context.Context)
	}{
		{StepSystem, x.system}, {StepDriver, x.driver}, {StepEngine, x.engines}, {StepModel, x.models},
	} {
		o.Step(s.step)
		s.look(ctx)
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
	}
	if o.Test && x.engine.err == nil {
		x.selfTest(ctx)
		if err := ctx.Err(); err != nil {
			return Report{}, err
		}
	}
	return x.report(), nil
}

// within runs look, and gives up after limit or when ctx ends: then look goes on by itself, and what it returns is lost.
func within[T any](ctx context.Context, limit time.Duration, look func() T) (found T, ok bool) {
	answer := make(chan T, 1)
	go func() { answer <- look() }()
	patience := time.NewTimer(limit)
	defer patience.Stop()
	select {
	case found = <-answer:
		return found, true
	case <-patience.C:
	case <-ctx.Done():
	}
	return found, false
}
