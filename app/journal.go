package app

import (
	"errors"
	"slices"
	"sync"
	"time"

	"galago/app/chat/store"
)

// retryEvery is how long the journal waits until it tries again to write what it could not.
const retryEvery = 5 * time.Second

// journal writes down what is to be kept: one goroutine, one thing after the other, in the order in which it was asked
// for. What cannot be written, because the disk is full or the store cannot be opened, is held in memory and tried
// again, so that it is lost only with the program; told hears of it.
type journal struct {
	do     func(func())                 // runs on the main goroutine, later
	open   func() (*store.Store, error) // called by the journal's goroutine
	opened func(*store.Store)           // on the main goroutine, once it is open
	told   func(unkept error)           // on the main goroutine: why something is not kept, nil when all is
	tick   func() <-chan time.Time      // when to try again; nil: every retryEvery

	mu      sync.Mutex // owns what follows
	steps   []*step
	closing bool

	wake  chan struct{} // has room for one
	ended chan struct{} // closed when the goroutine is gone

	// What follows belongs to the journal's goroutine.
	store   *store.Store
	openErr error
	behind  []*folio // those with a backlog
	unkept  error    // as told
}

// folio is what the journal's goroutine knows of a conversation. It belongs to that alone once the first step is pushed.
type folio struct {
	id      int64            // the store's; 0 until the first question is there
	turns   map[uint64]int64 // the store's numbers of turns by the window's
	backlog []*step          // what could not be written yet, in order
}

// step is something to be written. Steps of one folio are written in order; one without is tried once.
type step struct {
	of    *folio
	write func(*store.Store) error // nil: nothing, to be tried in its turn
	saves uint64                   // the turn whose answer it saves, so that a later save can take its place; 0: no save
	tried func(error)              // on the main goroutine, once it was tried; may be nil
	over  func(error)              // on the main goroutine, when it was written or never will be; may be nil
}

// start starts the goroutine, which opens the store first.
func (j *journal) start() *journal {
	j.wake, j.ended = make(chan struct{}, 1), make(chan struct{})
	if j.tick == nil {
		j.tick = func() <-chan time.Time { return time.After(retryEvery) }
	}
	go j.run()
	return j
}

// push has something written after all that was pushed before. It does not wait.
func (j *journal) push(s *step) {
	j.mu.Lock()
	if !j.closing && !replaced(j.steps, s) {
		j.steps = append(j.steps, s)
	}
	j.mu.Unlock()
	j.poke()
}

// replaced puts a save into the place of an earlier one of the same turn that has not begun. Nothing of the same
// conversation may stand between them.
func replaced(steps []*step, s *step) bool {
	if s.saves == 0 {
		return false
	}
	for i, old := range slices.Backward(steps) {
		if old.of != s.of {
			continue
		}
		if old.saves != s.saves {
			return false
		}
		steps[i] = &step{
			of: s.of, write: s.write, saves: s.saves,
			tried: both(old.tried, s.tried), over: both(old.over, s.over),
		}
		return true
	}
	return false
}

func both(a, b func(error)) func(error) {
	return func(err error) {
		for _, f := range []func(error){a, b} {
			if f != nil {
				f(err)
			}
		}
	}
}

// retry tries at once what could not be written.
func (j *journal) retry() { j.poke() }

func (j *journal) poke() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// close writes what is left, closes the store and returns when that is done, or after a time that no disk needs.
func (j *journal) close(patience time.Duration) {
	j.mu.Lock()
	j.closing = true
	j.mu.Unlock()
	j.poke()
	select {
	case <-j.ended:
	case <-time.After(patience):
	}
}

func (j *journal) run() {
	defer close(j.ended)
	for {
		steps, closing := j.take()
		j.reach()
		for _, s := range steps {
			j.try(s)
		}
		j.catchUp()
		if closing {
			if j.store != nil {
				j.store.Close()
			}
			return
		}
		j.wait()
	}
}

func (j *journal) take() (steps []*step, closing bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	steps, j.steps = j.steps, nil
	return steps, j.closing
}

// wait returns when there is something to do.
func (j *journal) wait() {
	var again <-chan time.Time
	if len(j.behind) > 0 {
		again = j.tick()
	}
	select {
	case <-j.wake:
	case <-again:
	}
}

// reach opens the store if it is not open.
func (j *journal) reach() {
	if j.store != nil {
		return
	}
	s, err := j.open()
	if j.openErr = err; err != nil {
		return
	}
	j.store = s
	j.do(func() { j.opened(s) })
}

// try writes a step behind the backlog of its conversation.
func (j *journal) try(s *step) {
	if s.of == nil {
		for _, f := range j.behind { // it may delete or copy what they are about
			j.drain(f) // what fails again is catchUp's
		}
		err := j.write(s)
		j.hear(s.tried, err)
		j.hear(s.over, err)
		return
	}
	if !replaced(s.of.backlog, s) {
		s.of.backlog = append(s.of.backlog, s)
	}
	err := j.drain(s.of)
	if err != nil && !slices.Contains(j.behind, s.of) {
		j.behind = append(j.behind, s.of)
	}
	j.hear(s.tried, err)
}

// catchUp writes what could not be written before, and tells when there is such a thing, or no more.
func (j *journal) catchUp() {
	unkept := j.openErr
	j.behind = slices.DeleteFunc(j.behind, func(f *folio) bool {
		err := j.drain(f)
		if unkept == nil {
			unkept = err
		}
		return err == nil
	})
	if errors.Is(unkept, store.ErrDamaged) && j.store != nil { // opening it again repairs it
		j.store.Close()
		j.store = nil
	}
	j.tell(unkept)
}

// tell says why something is not kept, unless that was said.
func (j *journal) tell(unkept error) {
	if same(unkept, j.unkept) {
		return
	}
	j.unkept = unkept
	j.do(func() { j.told(unkept) })
}

func same(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Error() == b.Error()
}

// hear calls back on the main goroutine.
func (j *journal) hear(f func(error), err error) {
	if f != nil {
		j.do(func() { f(err) })
	}
}

// drain writes the backlog of a conversation until something cannot be written, and says why.
func (j *journal) drain(f *folio) error {
	for len(f.backlog) > 0 {
		s := f.backlog[0]
		err := j.write(s)
		if err != nil && !hopeless(err) {
			return err
		}
		f.backlog = f.backlog[1:]
		j.hear(s.over, err)
	}
	return nil
}

func (j *journal) write(s *step) error {
	switch {
	case j.store == nil:
		return j.openErr
	case s.write == nil:
		return nil
	}
	return s.write(j.store)
}

// hopeless reports whether it would fail again however often it is tried.
func hopeless(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrPictureTooBig)
}
