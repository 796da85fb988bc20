package inference

import (
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"galago/inference/protocol"
)

// Options of a Service. Zero values are the defaults.
type Options struct {
	Engine string       // path of the engine program; empty: EnginePath
	Args   []string     // its arguments; nil: worker
	Env    []string     // more of its environment, as NAME=value
	Stderr io.Writer    // also gets what the worker writes to its stderr; nil: nobody
	Log    *slog.Logger // nil: nothing is logged

	CancelGrace time.Duration // until a request counts as cancelled, and a worker that loads as fast is killed; 250 ms
	StopGrace   time.Duration // until a worker that does not leave is killed; 1 s
	Silence     time.Duration // without any frame while it works, heartbeats included; then it counts as hung; 1 min
	Stuck       time.Duration // without any sign of progress while it answers; 10 min
	LoadTimeout time.Duration // without any sign of progress while it starts and loads; 5 min

	start func(Options) (*process, error) // nil: startProcess
	check func(Model) *Error              // nil: checkFiles
}

func (o Options) withDefaults() Options {
	if o.Args == nil {
		o.Args = []string{"worker"}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&o.CancelGrace, 250 * time.Millisecond},
		{&o.StopGrace, time.Second},
		{&o.Silence, time.Minute},
		{&o.Stuck, 10 * time.Minute},
		{&o.LoadTimeout, 5 * time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if o.start == nil {
		o.start = startProcess
	}
	if o.check == nil {
		o.check = checkFiles
	}
	return o
}

// What is being done, for Error.Op.
const (
	opLoad    = "load model"
	opAsk     = "answer"
	opPicture = "prepare picture"
	opClear   = "clear cache"
	opIdle    = "wait for a question"
)

// Service is a Client with a worker process.
//
// One goroutine, loop, owns every field that is not said to be another's. Everything that happens (calls, frames,
// timers, exits) is posted to it through the mailbox, one after the other, and after each settle does what has become
// possible. What comes too late finds that its child or task is no longer the current one and does nothing.
type Service struct {
	o    Options // read only
	log  *slog.Logger
	box  *mailbox      // has its own lock
	done chan struct{} // closed when loop has ended

	wanted  bool // a model is open, being opened, or has failed
	model   Model
	loads   uint64 // counts loads, so that a late check is known as one
	checked bool   // the model's files may be loaded
	failure *Error // why it failed
	deaths  int    // of workers since the last answer
	closing bool

	child    *child // nil: none
	loaded   protocol.Loaded
	launched time.Time
	loadFor  time.Duration
	progress float64 // of the load

	lastID    uint64
	queue     []*task         // waiting, first in first out
	run       *task           // being prepared, or sent to the worker
	text      strings.Builder // deltas of run that were not told yet
	pixels    *pixelCache     // has its own lock
	clears    []*clearing     // waiting
	clearsNow []*clearing     // being served

	watchers []*watcher
	told     Status // last told to the watchers
}

var _ Client = (*Service)(nil)

// New starts a Service without a model. Close ends it.
func New(o Options) *Service {
	o = o.withDefaults()
	s := &Service{o: o, log: o.Log, box: newMailbox(), done: make(chan struct{}), pixels: newPixelCache()}
	go s.loop()
	return s
}

func (s *Service) loop() {
	defer close(s.done)
	for !s.closing || s.child != nil {
		for _, f := range s.box.take() {
			f()
			s.settle()
		}
		s.flush()
	}
	for _, f := range s.box.close() {
		f()
	}
}

// now is here because the clock belongs to the service's tests.
func (s *Service) now() time.Time { return time.Now() }

// after posts f after d.
func (s *Service) after(d time.Duration, f func()) {
	time.AfterFunc(d, func() { s.box.post(f) })
}

// settle does what has become possible and tells what has changed.
func (s *Service) settle() {
	if c := s.child; c == nil && s.wanted && s.failure == nil && s.checked && !s.closing {
		s.launch()
	}
	for s.free() && len(s.clears)+len(s.queue) > 0 {
		if len(s.clears) > 0 {
			s.beginClear()
		} else {
			s.begin()
		}
	}
	s.tellPositions()
	if now := s.status(); !reflect.DeepEqual(now, s.told) {
		s.told = now
		for _, w := range s.watchers {
			w.tell(now)
		}
	}
}

// free reports whether the worker can take the next task.
func (s *Service) free() bool {
	c := s.child
	return c != nil && c.phase == phaseIdle && c.usable() && s.run == nil
}

func (s *Service) status() Status {
	st := Status{Model: s.model, Waiting: len(s.queue)}
	if c := s.child; c != nil {
		st.Hello = c.hello
		if c.proc != nil {
			st.PID = c.proc.pid
		}
	}
	switch c := s.child; {
	case s.failure != nil:
		st.State, st.Err = StateFailed, s.failure
	case !s.wanted:
		st.State = StateStopped
	case c == nil || !c.ready || !c.usable():
		st.State, st.Load = StateLoading, s.progress
	default:
		st.State, st.Loaded, st.LoadFor = StateReady, s.loaded, s.loadFor
		if s.run != nil || c.phase != phaseIdle {
			st.State = StateBusy
		}
	}
	return st
}

// Open loads a model; see Client. A Model without a Path only ends the one that is open.
func (s *Service) Open(m Model) {
	s.box.post(func() {
		if s.closing {
			return
		}
		s.dropAll(Event{Kind: Cancelled})
		s.model, s.wanted, s.deaths = m, m.Path != "", 0
		s.load()
	})
}

// load checks the model's files beside the service goroutine and ends the worker that is there. settle launches the
// next one when both are done.
func (s *Service) load() {
	s.failure, s.checked, s.progress = nil, false, 0
	if s.run != nil {
		s.unbegin(s.run)
	}
	if s.child != nil {
		s.stop(s.child, s.o.StopGrace)
	}
	s.loads++
	load, model := s.loads, s.model
	if !s.wanted {
		return
	}
	go func() {
		why := s.o.check(model)
		s.box.post(func() {
			switch {
			case load != s.loads || s.closing:
			case why != nil:
				s.fail(why)
			default:
				s.checked = true
			}
		})
	}()
}

// fail gives up until the next Open or Submit.
func (s *Service) fail(why *Error) {
	s.failure, s.checked = why, false
	s.dropAll(Event{Kind: Failed, Err: why})
}

// watcher is one function given to Watch.
type watcher struct {
	f    func(Status)
	over atomic.Bool // set by anyone
}

func (w *watcher) tell(st Status) {
	if !w.over.Load() {
		w.f(st)
	}
}

// Watch registers a function for the status; see Client. What was called before, such as Open, is in the first status.
func (s *Service) Watch(watch func(Status)) (stop func()) {
	w := &watcher{f: watch}
	s.box.post(func() {
		s.watchers = append(s.watchers, w)
		w.tell(s.status())
	})
	return func() {
		w.over.Store(true)
		s.box.post(func() {
			s.watchers = slices.DeleteFunc(s.watchers, func(o *watcher) bool { return o == w })
		})
	}
}

// Close cancels everything and ends the worker; see Client. It may be called again, but not from a callback.
func (s *Service) Close() {
	s.box.post(func() {
		if s.closing {
			return
		}
		s.closing, s.wanted, s.failure = true, false, nil
		s.dropAll(Event{Kind: Cancelled})
		if s.child != nil {
			s.stop(s.child, s.o.StopGrace)
		}
	})
	<-s.done
}
