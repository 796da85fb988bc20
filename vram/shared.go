package vram

import (
	"sync/atomic"
	"time"
)

// sharedEvery is the least time between two looks at a process's share of system memory. Windows walks through the
// memory of all programs on all cards for one, which costs milliseconds.
const sharedEvery = 2 * time.Second

// sharedReader tells how much system memory graphics cards use for a process.
type sharedReader interface {
	read(pid int) (uint64, error)
	close()
}

// sharer looks at a process's share in a goroutine of its own, since opening the counters can take a second. A Monitor's
// goroutine owns it, and what it asks for is there at a later look.
type sharer struct {
	asks  chan int // room for one
	asked time.Time
	seen  atomic.Pointer[share]
}

type share struct {
	pid   int
	bytes uint64
}

// newSharer begins at once; a nil one, where the system has no such figure, tells 0.
func newSharer(open func() (sharedReader, error)) *sharer {
	if open == nil {
		return nil
	}
	s := &sharer{asks: make(chan int, 1)}
	go s.look(open)
	return s
}

// look ends with asks. What cannot be opened or read once, such as counters that this system lacks, is given up.
func (s *sharer) look(open func() (sharedReader, error)) {
	var r sharedReader
	for pid := range s.asks {
		if r == nil {
			var err error
			if r, err = open(); err != nil {
				break
			}
			defer r.close()
		}
		bytes, err := r.read(pid)
		if err != nil {
			break
		}
		s.seen.Store(&share{pid: pid, bytes: bytes})
	}
	s.seen.Store(nil)
}

// of is what was last seen of a process, 0 when nothing was.
func (s *sharer) of(pid int) uint64 {
	if s == nil || pid <= 0 {
		return 0
	}
	if time.Since(s.asked) >= sharedEvery {
		select {
		case s.asks <- pid:
			s.asked = time.Now()
		default: // the last look is not over
		}
	}
	if seen := s.seen.Load(); seen != nil && seen.pid == pid {
		return seen.bytes
	}
	return 0
}

func (s *sharer) stop() {
	if s != nil {
		close(s.asks)
	}
}
