package inference

import (
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"galago/inference/plan"
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

	// More is more of the environment of a worker, asked for as it starts, such as the CUDA engine that it should load
	// (see inference/engines). It is called from goroutines of its own. Nil: no more.
	More func() []string
	// Greeted is told how each start of a worker went: true when it said who it is, false when it ended or was killed
	// before that, in which case it answers whether a start may go better now. It must return quickly. Nil: never.
	Greeted func(ok bool) (again bool)

	// Device reads a card's memory as it is now: the one with that UUID, or the first when uuid is empty; used is what the
	// process pid holds of it, 0 when that is not known. It is called from goroutines of its own and may hang, as NVML
	// does. Nil or not ok: there is no such card, and the system's memory counts. CardMemory asks NVIDIA's driver.
	Device func(uuid string, pid int) (d plan.Device, used uint64, ok bool)
	// CalibrationFile keeps what was measured while models were loaded, as JSON; empty: nothing is kept.
	CalibrationFile string
	// States is a folder where the KV caches of conversations and what the vision tower made of their pictures are put
	// aside (see inference/statecache), so that coming back to one need not read it again, also after the worker or the
	// program ended. Empty: nothing goes to disk.
	States       string
	StatesMemory int64         // bytes of them in the worker's memory; 0: 512 MiB, below 0: none
	StatesDisk   int64         // bytes that the folder may have; 0: 2 GiB, below 0: none
	LookLimit    time.Duration // until a Device that does not return is given up; 2 s

	start  func(Options) (*process, error)   // nil: startProcess
	check  func(Model) (*plan.Facts, *Error) // nil: checkFiles. Without Facts nothing is planned
	system func() plan.Device                // nil: systemMemory
	held   func(pid int) (resident uint64)   // nil: resident memory from the system
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
		{&o.LookLimit, 2 * time.Second},
	} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	for _, d := range []struct {
		value    *int64
		standard int64
	}{{&o.StatesMemory, 512 << 20}, {&o.StatesDisk, 2 << 30}} {
		if *d.value == 0 {
			*d.value = d.standard
		}
		*d.value = max(0, *d.value)
	}
	if o.start == nil {
		o.start = startProcess
	}
	if o.check == nil {
		o.check = checkFiles
	}
	if o.system == nil {
		o.system = systemMemory
	}
	if o.held == nil {
		o.held = residentOf
	}
	return o
}

// What is being done, for Error.Op.
const (
	opLoad    = "load model"
	opAsk     = "answer"
	opPicture = "prepare picture"
	opClear   = "clear cache"
	opUnload  = "unload model"
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

	wanted     bool // a model is open, being opened, or has failed
	model      Model
	loads      uint64 // counts loads, so that a late survey is known as one
	surveyed   uint64 // the load whose survey was begun
	ready      bool   // that survey is there: the model may be loaded
	failure    *Error // why it failed
	deaths     int    // of workers since the last answer
	dryRunDied bool   // a worker ended in its dry run: the next ones make none
	closing    bool

	survey survey  // of files and memory, before the load
	plan   planned // what is, or will be, loaded
	ladder ladder  // what was reduced
	store  *store  // what was measured earlier; has its own lock
	eyes   *looker // reads memory; has its own lock

	child    *child // nil: none
	loaded   protocol.Loaded
	launched time.Time
	loadFor  time.Duration
	progress float64 // of the load

	lastID    uint64
	queue     []*task         // waiting, first in first out
	run       *task           // being prepared, or sent to the worker
	ahead     *task           // of Look: waits until there is nothing else to do; nil: nothing is to be looked at
	text      strings.Builder // deltas of run that were not told yet
	pixels    *pixelCache     // has its own lock
	clears    []*clearing     // waiting
	clearsNow []*clearing     // being served

	policy   Policy
	unloaded bool       // the worker was ended to give its memory back
	unload   *unloading // being done
	freeDue  bool       // an answer ended after which working memory is to be freed
	freed    *freed     // working memory was freed, what that costs is not known yet
	lastUse  time.Time  // of the model: a load or a request began or ended
	idling   bool       // a timer for IdleUnload is running
	idle     uint64     // counts policies, so that a timer of an older one is known as such

	measured measured          // speeds and the like since the model was loaded
	memory   []protocol.Memory // of the engine, as it last told

	watchers []*watcher
	told     Status // last told to the watchers
}

var _ Client = (*Service)(nil)

// New starts a Service without a model. Close ends it.
func New(o Options) *Service {
	o = o.withDefaults()
	s := &Service{
		o: o, log: o.Log, box: newMailbox(), done: make(chan struct{}), pixels: newPixelCache(),
		store: &store{path: o.CalibrationFile}, eyes: newLooker(o),
	}
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
	if s.child == nil && s.wanted && s.failure == nil && !s.closing && !s.unloaded {
		if s.ready {
			s.launch()
		} else if s.surveyed != s.loads {
			s.beginSurvey()
		}
	}
	for s.free() && s.next() {
	}
	s.watchIdle()
	s.tellPositions()
	if now := s.status(); !reflect.DeepEqual(now, s.told) {
		s.told = now
		for _, w := range s.watchers {
			w.tell(now)
		}
	}
}

// next begins what the worker is to do next. It is false when there is nothing.
func (s *Service) next() bool {
	switch {
	case s.ladder.liftDue:
		s.lift()
	case len(s.clears) > 0:
		s.beginClear()
	case s.freeDue:
		s.beginFree()
	case len(s.queue) > 0:
		s.begin()
	case s.ahead != nil:
		s.beginLook()
	default:
		return false
	}
	return true
}

// free reports whether the worker can take the next task.
func (s *Service) free() bool {
	c := s.child
	return c != nil && c.phase == phaseIdle && c.usable() && s.run == nil && s.unload == nil
}

func (s *Service) status() Status {
	st := Status{
		Model: s.model, Waiting: len(s.queue), Facts: s.survey.facts, Settings: s.plan.settings, Budget: s.plan.budget,
		Device: s.plan.device, Known: s.plan.known, Reduced: s.ladder.lines,
		Speed: s.measured.speed, FreeCost: s.measured.freeCost, Spill: s.measured.spill,
	}
	if c := s.child; c != nil {
		st.Hello, st.Memory = c.hello, s.memory
		if c.proc != nil {
			st.PID = c.proc.pid
		}
	}
	switch c := s.child; {
	case s.failure != nil:
		st.State, st.Err = StateFailed, s.failure
	case !s.wanted:
		st.State = StateStopped
	case s.unloaded:
		st.State = StateUnloaded
	case c == nil || !c.ready || !c.usable():
		st.State, st.Load = StateLoading, s.progress
	default:
		st.State, st.Loaded, st.LoadFor = StateReady, s.loaded, s.loadFor
		st.Loaded.Vision = s.sight()
		looking := s.run != nil && s.run.look // nobody waits for that
		if !looking && (s.run != nil || c.phase != phaseIdle) || s.unload != nil {
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
		s.ladder, s.survey, s.plan, s.measured, s.dryRunDied = ladder{}, survey{}, planned{}, measured{}, false
		s.load()
	})
}

// load ends the worker that is there. settle then looks at files and memory, and launches the next one.
func (s *Service) load() {
	s.failure, s.ready, s.progress, s.unloaded = nil, false, 0, false
	s.freeDue, s.freed, s.memory, s.unload = false, nil, nil, nil
	if s.run != nil {
		s.unbegin(s.run)
	}
	if s.child != nil {
		s.stop(s.child, s.o.StopGrace)
	}
	s.loads++
}

// fail gives up until the next Open or Submit.
func (s *Service) fail(why *Error) {
	s.failure, s.ready = why, false
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
		s.closing, s.wanted, s.failure, s.unload = true, false, nil, nil
		s.dropAll(Event{Kind: Cancelled})
		if s.child != nil {
			s.stop(s.child, s.o.StopGrace)
		}
	})
	<-s.done
}
