package vram

import (
	"context"
	"reflect"
	"time"
)

// DefaultEvery is the time between two looks of Watch.
const DefaultEvery = 500 * time.Millisecond

// reopenEvery is the time between two tries to find a driver that is not there: often enough that a person who
// repairs the driver sees it work, rarely enough to cost nothing.
const reopenEvery = 5 * time.Second

// Watch looks at memory in a goroutine of its own until ctx ends; the result is closed when that goroutine has ended
// and the source is closed. It calls on, in that goroutine, with the first reading and then only when a figure changed.
//
// A nil src means the NVIDIA driver, which may appear and disappear while Watch runs; see Reopen. pid tells the process
// whose resident memory is watched, 0 for none; it is called in Watch's goroutine, and a nil pid watches none. An every
// of 0 or less means DefaultEvery.
func Watch(ctx context.Context, src Source, pid func() int, every time.Duration, on func(Reading)) <-chan struct{} {
	if src == nil {
		src = Reopen(OpenNVML)
	}
	if every <= 0 {
		every = DefaultEvery
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer src.Close()
		watch(ctx, src, pid, every, on)
	}()
	return done
}

func watch(ctx context.Context, src Source, pid func() int, every time.Duration, on func(Reading)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	system := System()
	var last Reading
	for first := true; ctx.Err() == nil; first = false {
		r := read(src, pid)
		r.System = system
		if first || !same(last, r) {
			last = r
			on(r)
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func read(src Source, pid func() int) Reading {
	r := Reading{Time: time.Now()}
	var err error
	if r.Driver, r.GPUs, err = src.Read(); err != nil {
		r.Missing = err.Error()
	}
	if pid != nil {
		if p := pid(); p > 0 {
			r.Resident, _ = Resident(p) // a process that has just ended holds nothing
		}
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
	if err != nil {
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
