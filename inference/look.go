package inference

import (
	"context"
	"slices"
)

// Look has pictures encoded ahead of a question; see Client. It is a task that waits until nothing else does, and that gives
// way.
func (s *Service) Look(ctx context.Context, pictures []Image) {
	if len(pictures) == 0 {
		return
	}
	t := &task{
		request: Request{Messages: []Message{{Role: "user", Text: "?", Images: pictures}}}, look: true,
		on: func(Event) {}, ctx: ctx, position: -1, unhook: func() bool { return true },
	}
	s.box.post(func() {
		if s.closing || ctx.Err() != nil || !s.wanted || s.unloaded || s.failure != nil {
			return
		}
		s.stopLooking(nil)
		s.ahead = t
		t.unhook = context.AfterFunc(ctx, func() { s.box.post(func() { s.cancel(t) }) })
	})
}

// beginLook begins what Look wants.
func (s *Service) beginLook() {
	t := s.ahead
	s.ahead = nil
	s.lastID++
	t.id = s.lastID // only now: the worker expects them to grow
	s.queue = append(s.queue, t)
	s.begin()
}

// stopLooking makes way for a task, unless what is looked at is what it is about. nil: for whatever comes.
func (s *Service) stopLooking(forTask *task) {
	for _, t := range []*task{s.ahead, s.run} {
		if t != nil && t.look && !(forTask != nil && t == s.run && t.shows(forTask)) {
			s.cancel(t)
		}
	}
}

// shows reports whether a picture of a task is one of another, looked at as closely.
func (t *task) shows(o *task) bool {
	for _, m := range o.request.Messages {
		if slices.ContainsFunc(m.Images, func(i Image) bool { return slices.Contains(t.request.Messages[0].Images, i) }) {
			return true
		}
	}
	return false
}
