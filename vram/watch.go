package vram

import (
	"context"
	"reflect"
	"time"

	"galago/assets/words"
)

// The times between two looks of a Monitor.
const (
	DefaultEvery = 500 * time.Millisecond
	FastEvery    = 250 * time.Millisecond // while something is going on
)

// Patience is how long a call to the driver may take. A healthy one answers within milliseconds, one that has to wake
// a sleeping card within about a second.
const Patience = 2 * time.Second

// closeWithin is how long a Monitor that ends waits for its source: closing a healthy one takes milliseconds.
const closeWithin = 200 * time.Millisecond

// reopenEvery is the time between two tries to find a driver that is not there: often enough that a person who
// repairs the driver sees it work, rarely enough to cost nothing.
const reopenEvery = 5 * time.Second

// errSilent is told while a call to the driver hangs.
func errSilent() error {
	return missing(words.T("The NVIDIA driver does not answer. " +
		"If that lasts, close programs that use the card, or restart the machine."))
}

// Monitor looks at memory again and again. The zero Monitor, with a Tell, watches the NVIDIA driver's cards.
//
// A driver that hangs holds up nobody: after Patience, Tell gets the last reading with a Stale sentence (or a Missing one,
// when there was none yet), then news of Resident alone, and whole readings again once the driver answers. However long
// that takes, one call and one goroutine wait for it.
type Monitor struct {
	Source Source               // nil: the driver's, shared with Look; it may appear and disappear at any time
	PID    func() int           // the process whose resident memory is watched, 0 for none; nil: none
	Every  func() time.Duration // time between two looks, asked before each; nil, or 0 and less: DefaultEvery
	Tell   func(Reading)        // gets the first reading, and then one whenever a figure or sentence changed

	shared func() (sharedReader, error) // nil: the system's
}

// Start looks until ctx ends. The functions are called one at a time, from a goroutine of the Monitor's own. The result is
// closed when none will be called any more, and the Source is closed or hangs.
func (m Monitor) Start(ctx context.Context) <-chan struct{} {
	if m.Source == nil {
		m.Source = driver
	}
	if m.shared == nil {
		m.shared = openShared
	}
	l := looker{asks: make(chan struct{}), answers: make(chan Reading, 1), gone: make(chan struct{})}
	done := make(chan struct{})
	go l.look(m.Source)
	go func() {
		defer close(done)
		m.watch(ctx, l)
		close(l.asks)
		select {
		case <-l.gone:
		case <-time.After(closeWithin):
		}
	}()
	return done
}

// watch owns the readings. It never waits for the driver.
func (m Monitor) watch(ctx context.Context, l looker) {
	var (
		r, told Reading
		first   = true
		asked   time.Time // when the answer is due of a call that is under way; zero: none is
		next    = time.NewTimer(0)
		system  = System()
		shared  = newSharer(m.shared)
	)
	defer next.Stop()
	defer shared.stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			if asked.IsZero() {
				asked = time.Now()
				l.asks <- struct{}{} // never waits: nothing is under way
				next.Reset(Patience)
				continue
			}
			r = r.stale()
			next.Reset(m.every())
		case r = <-l.answers:
			next.Reset(max(0, m.every()-time.Since(asked)))
			asked = time.Time{}
		}
		pid := m.pid()
		r.Resident, r.System, r.Shared = resident(pid), system, shared.of(pid)
		if first || !same(told, r) {
			first, told = false, r
			m.Tell(r)
		}
	}
}

func (m Monitor) every() time.Duration {
	if m.Every != nil {
		if d := m.Every(); d > 0 {
			return d
		}
	}
	return DefaultEvery
}

func (m Monitor) pid() int {
	if m.PID == nil {
		return 0
	}
	return m.PID()
}

func resident(pid int) uint64 {
	if pid <= 0 {
		return 0
	}
	bytes, _ := Resident(pid) // a process that has just ended holds nothing
	return bytes
}

// stale is the last reading as it looks while the driver hangs.
func (r Reading) stale() Reading {
	if len(r.GPUs) > 0 {
		r.Stale = errSilent().Error()
	} else {
		r.Time, r.Missing = time.Now(), errSilent().Error()
	}
	return r
}

// looker waits for the driver in a goroutine of its own.
type looker struct {
	asks    chan struct{} // one for each look; closed to end it
	answers chan Reading  // room for one, so that it never waits for anybody
	gone    chan struct{} // closed after the source
}

// look owns the source.
func (l looker) look(src Source) {
	defer close(l.gone)
	defer src.Close()
	for range l.asks {
		l.answers <- read(src)
	}
}

func read(src Source) Reading {
	var r Reading
	var err error
	r.Driver, r.GPUs, err = src.Read()
	r.Time = time.Now()
	switch {
	case err == nil:
	case len(r.GPUs) > 0:
		r.Note = err.Error()
	default:
		r.Missing = err.Error()
	}
	return r
}

func same(a, b Reading) bool {
	a.Time, b.Time = time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// Reopen returns a Source that opens another one when it is first read, closes it when it fails, and tries to open it
// again at the next read that comes 5 seconds or more after the last try. In between it repeats the last error. So it
// survives a driver that is installed, updated or reset while the program runs. It belongs to one goroutine at a time.
func Reopen(open func() (Source, error)) Source { return &reopening{open: open} }

type reopening struct {
	open  func() (Source, error)
	src   Source // nil: not open
	tried time.Time
	err   error // of the last try, or of the read that failed
}

func (r *reopening) Read() (string, []GPU, error) {
	if r.src == nil {
		if r.err != nil && time.Since(r.tried) < reopenEvery {
			return "", nil, r.err
		}
		r.tried = time.Now()
		if r.src, r.err = r.open(); r.err != nil {
			r.src = nil
			return "", nil, r.err
		}
	}
	driver, gpus, err := r.src.Read()
	if err != nil && len(gpus) == 0 {
		r.src.Close()
		r.src, r.err, r.tried = nil, err, time.Now()
	}
	return driver, gpus, err
}

func (r *reopening) Close() {
	if r.src != nil {
		r.src.Close()
		r.src = nil
	}
}
