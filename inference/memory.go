package inference

import (
	"context"
	"slices"
	"time"

	"galago/inference/protocol"
)

// clearing is a caller of Clear or Unload who waits.
type clearing struct {
	what  protocol.What
	reply func(Cleared, error) // called once; never waits
}

// Clear empties the KV cache or frees working memory; see Client. The error is an *Error.
func (s *Service) Clear(ctx context.Context, what protocol.What) (Cleared, error) {
	return s.waitClear(ctx, what, opClear)
}

// Unload ends the worker; see Client.
func (s *Service) Unload(ctx context.Context) (Cleared, error) {
	return s.waitClear(ctx, Unloaded, opUnload)
}

func (s *Service) waitClear(ctx context.Context, what protocol.What, op string) (Cleared, error) {
	type result struct {
		cleared Cleared
		err     error
	}
	end := make(chan result, 1)
	k := &clearing{what: what, reply: func(c Cleared, err error) { end <- result{c, err} }}
	if !s.box.post(func() { s.enqueueClear(k) }) {
		return Cleared{}, &Error{Code: protocol.CodeCancelled, Op: op}
	}
	select {
	case r := <-end:
		return r.cleared, r.err
	case <-ctx.Done():
		s.box.post(func() { s.clears = slices.DeleteFunc(s.clears, func(o *clearing) bool { return o == k }) })
		return Cleared{}, &Error{Code: protocol.CodeCancelled, Op: op, Err: context.Cause(ctx)}
	}
}

func (s *Service) enqueueClear(k *clearing) {
	switch {
	case s.closing:
		k.reply(Cleared{}, &Error{Code: protocol.CodeCancelled, Op: opClear})
	case s.failure != nil:
		k.reply(Cleared{}, s.failure)
	case !s.wanted:
		k.reply(Cleared{}, &Error{Code: protocol.CodeNoModel, Op: opClear})
	case s.unloaded:
		k.reply(Cleared{What: k.what, Device: s.measuredOn()}, nil) // nothing is held
	default:
		s.stopLooking(nil)
		s.clears = append(s.clears, k)
	}
}

// beginClear serves the first who waits, and all who wait for the same.
func (s *Service) beginClear() {
	what := s.clears[0].what
	var rest []*clearing
	for _, k := range s.clears {
		if k.what == what {
			s.clearsNow = append(s.clearsNow, k)
		} else {
			rest = append(rest, k)
		}
	}
	s.clears = rest
	if what == Unloaded {
		s.beginUnload()
		return
	}
	s.sendClear(what)
}

func (s *Service) sendClear(what protocol.What) {
	s.child.phase = phaseClearing
	s.child.quiet, s.child.stuck = 0, 0
	s.child.tail.mark()
	s.send(s.child, frame{kind: protocol.KindClear, message: protocol.Clear{What: what}})
}

func (s *Service) onCleared(c *child, m protocol.Cleared) {
	if c.phase != phaseClearing {
		return
	}
	c.phase = phaseIdle
	s.remember(m.Memory)
	if m.What == protocol.FreeWorking {
		s.freeDue = false // whoever asked for it
		s.freed = &freed{before: s.measured.last}
	}
	s.endClear(Cleared{What: m.What, Before: m.Before, After: m.After, Device: m.Device}, nil)
}

func (s *Service) endClear(m Cleared, why *Error) {
	for _, k := range s.clearsNow {
		if why != nil {
			k.reply(m, why)
		} else {
			k.reply(m, nil)
		}
	}
	s.clearsNow = nil
}

// remember keeps what the engine says it holds. An engine that does not say changes nothing.
func (s *Service) remember(m []protocol.Memory) {
	if m != nil {
		s.memory = m
	}
}

// unloading is an Unload on its way. The service goroutine owns it.
type unloading struct {
	c      *child
	before uint64
	device string
}

// beginUnload reads memory, ends the worker (see unloadNow), and when it is gone reads memory again (see unloadedNow).
func (s *Service) beginUnload() {
	u := &unloading{c: s.child, device: s.measuredOn()}
	s.unload = u
	pid := 0
	if s.child.proc != nil {
		pid = s.child.proc.pid
	}
	where := s.plan.device
	go func() {
		before := uint64(0)
		if where.GPU() && where.Total > 0 {
			before = inUse(s.eyes.card(context.Background(), where.UUID, pid))
		} else {
			before = s.o.held(pid)
		}
		s.box.post(func() {
			u.before = before
			if s.unload == u && s.child == u.c {
				s.unloaded = true
				s.stop(u.c, s.o.StopGrace)
			}
		})
	}()
}

// measuredOn names what the memory buttons measure.
func (s *Service) measuredOn() string {
	if d := s.plan.device; d.GPU() && d.Total > 0 {
		return d.Name
	}
	return "resident memory"
}

func inUse(r reading) uint64 { return r.device.Total - min(r.device.Free, r.device.Total) }

// unloadGone is called when the worker is gone while it is unloaded.
func (s *Service) unloadGone() {
	u, where := s.unload, s.plan.device
	s.unloaded = true
	s.memory = nil
	if !where.GPU() || where.Total == 0 {
		s.endUnload(u, 0)
		return
	}
	go func() {
		after := inUse(s.eyes.card(context.Background(), where.UUID, 0))
		s.box.post(func() {
			if s.unload == u {
				s.endUnload(u, after)
			}
		})
	}()
}

func (s *Service) endUnload(u *unloading, after uint64) {
	s.unload = nil
	s.log.Info("model unloaded", "before", u.before, "after", after)
	s.endClear(Cleared{What: Unloaded, Before: u.before, After: after, Device: u.device}, nil)
	for _, k := range s.clears { // nothing is held any more
		k.reply(Cleared{What: k.what, Device: u.device}, nil)
	}
	s.clears = nil
	s.wake()
}

// wake loads an unloaded model again when somebody waits for it.
func (s *Service) wake() {
	if s.unloaded && s.unload == nil && len(s.queue) > 0 {
		s.ladder.rested = true
		s.load()
	}
}

// Configure sets the Policy; see Client.
func (s *Service) Configure(p Policy) {
	s.box.post(func() {
		s.policy = p
		s.idling, s.idle = false, s.idle+1
		if !p.FreeAfterAnswer {
			s.freeDue = false
		}
	})
}

// beginFree frees working memory after an answer, because the Policy says so.
func (s *Service) beginFree() {
	s.freeDue = false
	s.sendClear(protocol.FreeWorking)
}

// freed is what is needed to tell the cost of freeing working memory: a request that goes on with the conversation
// that the cache held has to read it again.
type freed struct {
	before []Message // of the last answer before that
}

// watchIdle lets a timer run while there is something to unload later. It asks again where time was not up yet.
func (s *Service) watchIdle() {
	if s.idling || s.policy.IdleUnload <= 0 || s.closing || s.child == nil || s.unload != nil {
		return
	}
	s.idling = true
	idle := s.idle
	s.after(max(time.Millisecond, s.lastUse.Add(s.policy.IdleUnload).Sub(s.now())), func() {
		if s.idle != idle {
			return
		}
		s.idling = false
		up := s.policy.IdleUnload > 0 && s.now().Sub(s.lastUse) >= s.policy.IdleUnload
		switch {
		case !up:
		case s.free():
			s.beginUnload()
		default:
			s.lastUse = s.now() // it is at work
		}
	})
}
