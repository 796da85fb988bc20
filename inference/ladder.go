package inference

import (
	"slices"

	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/vram"
)

// The ladder: when memory runs out all the same, settings are reduced one step at a time, each a strictly smaller one
// (plan.Facts.Reduce), and what was being done is done again. Only memory leads onto it: a crash that is not memory
// keeps its own rule, one more start. Reductions stay until Lift or Open; or, when the model was unloaded meanwhile,
// until there is clearly more free memory than when they were made, and the full settings fit with room to spare.
type ladder struct {
	at      *plan.Settings // the reduced settings; nil: none are
	lines   []string       // what was reduced, for people
	tried   []plan.Settings
	free    uint64   // bytes that were free before the load whose settings were reduced last
	rested  bool     // the model was unloaded since: free memory may lift reductions
	liftDue bool     // as soon as nothing runs
	notices []string // for the next request that begins
}

func (l *ladder) reset() { *l = ladder{} }

// recovered reports whether the full settings, whose budget this is, may be tried again.
func (l *ladder) recovered(full vram.Budget) bool {
	need := full.Need()
	return l.rested && full.Free >= l.free+l.free/4 && need+need/8 <= full.Free
}

// anyPicture stands for pictures of which nothing is known yet.
const anyPicture = -1

// reduce takes the next step that can help a stage, and says so in a line. largest is the number of tokens of the
// largest picture that is asked about, 0 for none: a limit on pictures that are smaller anyway is no step. It is false
// at the ladder's end.
func (s *Service) reduce(stage protocol.Stage, largest int) (line string, ok bool) {
	facts := s.survey.facts
	if facts == nil || s.closing {
		return "", false
	}
	now := facts.Resolve(s.plan.settings)
	for {
		next, said, more := facts.Reduce(now, s.plan.device, stageOf(stage))
		if !more || next == now || slices.Contains(s.ladder.tried, next) {
			return "", false
		}
		s.ladder.tried = append(s.ladder.tried, next)
		if onlyPictures(now, next) && largest != anyPicture && largest <= next.ImageMaxTokens {
			now = next
			continue
		}
		s.ladder.at, s.ladder.free, s.ladder.rested = &next, s.plan.device.Free, false
		s.ladder.lines = append(slices.Clip(s.ladder.lines), said)
		s.log.Warn("memory ran out", "stage", stage, "reduced", said)
		return said, true
	}
}

// onlyPictures reports whether two settings differ in nothing but how large pictures may be. That needs no load: the
// service makes the pictures.
func onlyPictures(a, b plan.Settings) bool {
	a.ImageMinTokens, a.ImageMaxTokens = b.ImageMinTokens, b.ImageMaxTokens
	return a == b
}

func stageOf(s protocol.Stage) plan.Stage {
	switch s {
	case protocol.StageLoadWeights:
		return plan.StageWeights
	case protocol.StageLoadVision:
		return plan.StageVision
	case protocol.StageCreateContext:
		return plan.StageContext
	case protocol.StageEncode:
		return plan.StageEncode
	}
	return plan.StageDecode
}

// loadRanOut goes on after a load for which there was not enough memory. It is false at the ladder's end.
func (s *Service) loadRanOut(c *child) bool {
	line, ok := s.reduce(c.stage, anyPicture)
	if !ok {
		return false
	}
	if len(s.queue) > 0 {
		s.ladder.notices = append(s.ladder.notices, line)
	}
	s.load()
	return true
}

// answerRanOut asks the running request again after memory ran out, before all that wait. It is false at the ladder's
// end, and for a request that is being cancelled.
func (s *Service) answerRanOut(c *child) bool {
	t := s.run
	if t == nil || !t.sent || t.cancelling || t.look {
		return false
	}
	before := s.plan.settings
	line, ok := s.reduce(c.stage, t.largest)
	if !ok {
		return false
	}
	s.text.Reset()
	t.sent, t.again = false, true
	s.unbegin(t)
	t.on(Event{Kind: Notice, Text: line, Restart: true})
	if s.child == c && c.usable() && onlyPictures(s.survey.facts.Resolve(before), *s.ladder.at) {
		s.plan.settings = *s.ladder.at
		return true
	}
	s.load()
	return true
}

// sight is what the worker does with pictures, within the limits that were reduced since it was loaded.
func (s *Service) sight() protocol.Vision {
	v := s.loaded.Vision
	if limit := s.plan.settings.ImageMaxTokens; s.ladder.at != nil && v.MaxTokens > 0 && limit > 0 {
		v.MaxTokens = min(v.MaxTokens, limit)
		v.MinTokens = min(v.MinTokens, v.MaxTokens)
	}
	return v
}

// within keeps a grid that a request brought inside what was reduced.
func within(g vision.Grid, v protocol.Vision) vision.Grid {
	if g.Factor == v.Factor && v.MaxTokens > 0 && (g.MaxTokens == 0 || g.MaxTokens > v.MaxTokens) {
		g.MaxTokens = v.MaxTokens
	}
	return g
}

// Lift undoes reductions; see Client.
func (s *Service) Lift() {
	s.box.post(func() {
		if s.ladder.at == nil || s.closing || !s.wanted {
			return
		}
		c := s.child
		switch {
		case s.unloaded:
			s.ladder.reset()
		case s.failure != nil, c == nil, !c.usable(), c.phase < phaseIdle:
			s.lift()
		default:
			s.ladder.liftDue = true // settle goes on
		}
	})
}

// lift loads the model as it was opened.
func (s *Service) lift() {
	s.ladder.reset()
	s.load()
}
