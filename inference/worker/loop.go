package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"galago/inference/protocol"
)

// heartbeat is how often Alive is sent while something is worked on.
const heartbeat = time.Second

// settleAfter is how long nothing must come before the backend may settle.
const settleAfter = 2 * time.Second

// Loop serves frames from in to out with backend until in ends; then what runs is cancelled and Loop returns.
//
// The calling goroutine owns the backend. A second one reads frames, so that Cancel is seen while the first computes;
// a third sends heartbeats.
func Loop(in io.Reader, out *protocol.Writer, backend Backend) error {
	l := &loop{out: out, backend: backend, work: make(chan protocol.Frame, 16)}
	if err := out.Write(protocol.KindHello, backend.Hello()); err != nil {
		return err
	}
	go l.read(in)
	idle := time.NewTimer(settleAfter)
	defer idle.Stop()
	for open := true; open; {
		select {
		case frame, more := <-l.work:
			if open = more; !more {
				break
			}
			if err := l.serve(frame); err != nil {
				return err
			}
			idle.Reset(settleAfter)
		case <-idle.C:
			settle(backend)
		}
	}
	backend.Close()
	return l.readErr
}

// settle survives a bug: what is put aside is only there for speed.
func settle(b Backend) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintf(os.Stderr, "settling: %v\n%s", p, debug.Stack())
		}
	}()
	b.Settle()
}

type loop struct {
	out     *protocol.Writer
	backend Backend
	work    chan protocol.Frame // closed by read
	readErr error               // set by read before it closes work

	mu      sync.Mutex // owns what follows
	current context.CancelFunc
	id      uint64
	active  bool
	early   map[uint64]bool // cancelled before their turn came
	last    uint64          // the newest request that is over; the service counts them upwards
	ended   bool
}

// read takes frames from the service. Cancel is acted on at once, the rest waits for the working goroutine.
func (l *loop) read(in io.Reader) {
	defer close(l.work)
	for {
		frame, err := protocol.Read(in)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				l.readErr = err
			}
			l.end()
			return
		}
		if frame.Kind != protocol.KindCancel {
			l.work <- frame
			continue
		}
		var c protocol.Cancel
		if frame.Decode(&c) == nil {
			l.cancel(c.ID)
		}
	}
}

// cancel stops request id, running or still waiting in the pipe.
func (l *loop) cancel(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.active && l.id == id {
		l.current()
		return
	}
	if id <= l.last {
		return // it is over, or was a load: nothing to stop
	}
	if l.early == nil {
		l.early = map[uint64]bool{}
	}
	l.early[id] = true
}

// end cancels what runs because nobody listens any more.
func (l *loop) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.active {
		l.current()
	}
}

// begin makes id the current request; done ends it.
func (l *loop) begin(id uint64) (ctx context.Context, done func()) {
	ctx, cancel := context.WithCancel(context.Background())
	l.mu.Lock()
	l.current, l.id, l.active = cancel, id, true
	if l.early[id] || l.ended {
		cancel()
	}
	l.mu.Unlock()
	beat := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() { l.beat(beat) })
	return ctx, func() {
		close(beat)
		beating.Wait() // no heartbeat after the terminal frame
		l.mu.Lock()
		l.active = false
		l.last = max(l.last, id)
		delete(l.early, id)
		l.mu.Unlock()
		cancel()
	}
}

func (l *loop) beat(stop <-chan struct{}) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			l.out.Write(protocol.KindAlive, protocol.Alive{Steps: l.backend.Steps()})
		}
	}
}

// serve handles one frame. An error means that the pipe is broken.
func (l *loop) serve(frame protocol.Frame) error {
	switch frame.Kind {
	case protocol.KindLoad:
		return handle(l, frame, 0, func(ctx context.Context, m protocol.Load) (protocol.Kind, any, error) {
			progress := func(p protocol.Progress) { l.out.Write(protocol.KindProgress, p) }
			loaded, err := l.backend.Load(ctx, m, progress)
			return protocol.KindLoaded, loaded, err
		})
	case protocol.KindAsk:
		return handle(l, frame, askID(frame), func(ctx context.Context, m protocol.Ask) (protocol.Kind, any, error) {
			done, err := l.backend.Ask(ctx, m, frame.Blob, sink{l.out})
			return protocol.KindDone, done, err
		})
	case protocol.KindCount:
		return handle(l, frame, askID(frame), func(ctx context.Context, m protocol.Ask) (protocol.Kind, any, error) {
			counted, err := l.backend.Count(ctx, m)
			return protocol.KindCounted, counted, err
		})
	case protocol.KindPlan:
		return handle(l, frame, 0, func(ctx context.Context, m protocol.Load) (protocol.Kind, any, error) {
			planned, err := l.backend.Plan(ctx, m)
			return protocol.KindPlanned, planned, err
		})
	case protocol.KindClear:
		return handle(l, frame, 0, func(_ context.Context, m protocol.Clear) (protocol.Kind, any, error) {
			cleared, err := l.backend.Clear(m.What)
			return protocol.KindCleared, cleared, err
		})
	}
	return nil // a kind of a later version
}

func askID(frame protocol.Frame) uint64 {
	var m struct {
		ID uint64 `json:"id"`
	}
	frame.Decode(&m) // handle reports a message that cannot be read
	return m.ID
}

// handle decodes the frame's message, runs do and sends exactly one terminal frame. A panic in Go code, a bug, ends
// the request and not the process.
func handle[T any](l *loop, frame protocol.Frame, id uint64, do func(context.Context, T) (protocol.Kind, any, error)) error {
	var message T
	if err := frame.Decode(&message); err != nil {
		return l.out.Write(protocol.KindFailed, protocol.Failed{
			ID: id, Code: protocol.CodeProtocol, Op: "read the request", Detail: err.Error(),
		})
	}
	ctx, done := l.begin(id)
	kind, answer, err := protect(ctx, message, do)
	wasCancelled := ctx.Err() != nil
	done()
	var failure *Failure
	switch {
	case err == nil:
		return l.out.Write(kind, answer)
	case errors.As(err, &failure):
		return l.out.Write(protocol.KindFailed, protocol.Failed{
			ID: id, Code: failure.Code, Stage: failure.Stage, Op: failure.Op, Detail: failure.Detail,
		})
	case wasCancelled:
		return l.out.Write(protocol.KindCancelled, protocol.Cancelled{ID: id})
	}
	return l.out.Write(protocol.KindFailed, protocol.Failed{ID: id, Code: protocol.CodeInternal, Op: "work", Detail: err.Error()})
}

func protect[T any](ctx context.Context, message T, do func(context.Context, T) (protocol.Kind, any, error)) (kind protocol.Kind, answer any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &Failure{Code: protocol.CodeInternal, Op: "work", Detail: fmt.Sprintf("%v\n%s", p, debug.Stack())}
		}
	}()
	return do(ctx, message)
}

// sink writes what happens during Ask. A broken pipe shows at the terminal frame.
type sink struct{ out *protocol.Writer }

func (s sink) Progress(p protocol.Progress) { s.out.Write(protocol.KindProgress, p) }
func (s sink) Reused(r protocol.Reused)     { s.out.Write(protocol.KindReused, r) }
func (s sink) Delta(d protocol.Delta)       { s.out.Write(protocol.KindDelta, d) }
