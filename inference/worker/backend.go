// Package worker is the loop of the worker process: frames in, one model, frames out.
package worker

import (
	"context"

	"galago/inference/protocol"
)

// Backend owns a model. All methods but Steps are called from one goroutine, one at a time; ctx ends when the
// request is cancelled and must be looked at often. Errors are *Failure, or context.Canceled when ctx ended it.
type Backend interface {
	Hello() protocol.Hello
	// Steps counts what the computing thread passes (a token, a slice of the prompt, a node of a graph), so that a
	// computation that is stuck can be told from a slow one. Any goroutine may call it.
	Steps() uint64
	Load(ctx context.Context, l protocol.Load, progress func(protocol.Progress)) (protocol.Loaded, error)
	// Ask answers; blob holds the pixels that ask.Images describe.
	Ask(ctx context.Context, ask protocol.Ask, blob []byte, out Sink) (protocol.Done, error)
	// Plan says what a Load would take, without taking it and without touching the model that is open.
	Plan(ctx context.Context, l protocol.Load) (protocol.Planned, error)
	// Count counts what ask would cost without computing; the pixels are not needed.
	Count(ctx context.Context, ask protocol.Ask) (protocol.Counted, error)
	Clear(what protocol.What) (protocol.Cleared, error)
	// Settle is called when nothing came for a while after a request: the time for what need not be done at once.
	Settle()
	Close()
}

// Sink takes what happens during Ask.
type Sink interface {
	Progress(protocol.Progress)
	Reused(protocol.Reused)
	Delta(protocol.Delta)
}

// Failure is an error with the code that goes over the wire.
type Failure struct {
	Code   protocol.Code
	Stage  protocol.Stage // empty where no stage was reached
	Op     string
	Detail string
}

func (f *Failure) Error() string { return f.Op + ": " + string(f.Code) + ": " + f.Detail }
