package app

import (
	"sync"

	"galago/inference"
)

// stream carries the events of one request from the service's goroutine to Fyne's main goroutine. At most one flush
// waits there at a time: pieces of text that come meanwhile are put together, progress is replaced by newer progress,
// and nothing else is ever lost.
type stream struct {
	do     func(func())
	handle func([]inference.Event) // on the main goroutine

	mu      sync.Mutex // owns what follows
	events  []inference.Event
	pending bool
}

// put is called by the service.
func (s *stream) put(e inference.Event) {
	s.mu.Lock()
	if last := len(s.events) - 1; last >= 0 && s.events[last].Kind == e.Kind && merges(e.Kind) {
		if e.Kind == inference.Delta {
			e.Text = s.events[last].Text + e.Text
		}
		s.events[last] = e
	} else {
		s.events = append(s.events, e)
	}
	first := !s.pending
	s.pending = true
	s.mu.Unlock()
	if first {
		s.do(s.flush)
	}
}

func merges(k inference.EventKind) bool {
	return k == inference.Delta || k == inference.Progress || k == inference.Queued
}

func (s *stream) flush() {
	s.mu.Lock()
	events := s.events
	s.events, s.pending = nil, false
	s.mu.Unlock()
	s.handle(events)
}

// latest carries the newest of many values the same way.
type latest[T any] struct {
	do     func(func())
	handle func(T)

	mu      sync.Mutex // owns what follows
	value   T
	pending bool
}

func (l *latest[T]) put(v T) {
	l.mu.Lock()
	l.value = v
	first := !l.pending
	l.pending = true
	l.mu.Unlock()
	if first {
		l.do(l.flush)
	}
}

func (l *latest[T]) flush() {
	l.mu.Lock()
	v := l.value
	l.pending = false
	l.mu.Unlock()
	l.handle(v)
}
