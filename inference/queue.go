package inference

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"galago/assets/words"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// task is a request on its way. The service goroutine owns it.
type task struct {
	id         uint64
	request    Request
	on         func(Event)
	ctx        context.Context // of the request; also ends its preparation
	unhook     func() bool     // stops watching ctx
	position   int             // as last told; -1: never
	started    bool            // Started was told
	sent       bool            // the worker has it
	cancelling bool            // its end is asked for; only Cancelled can come now
	over       bool            // its terminal event was told
	again      bool            // it is asked again because memory ran out
	largest    int             // tokens of its largest picture
	look       bool            // it only has its pictures encoded; see Look
}

// Submit queues a request; see Client. After Close, on is called from Submit itself.
func (s *Service) Submit(ctx context.Context, r Request, on func(Event)) {
	if on == nil {
		on = func(Event) {}
	}
	t := &task{request: r, on: on, ctx: ctx, position: -1, unhook: func() bool { return true }}
	if !s.box.post(func() { s.enqueue(t) }) {
		on(Event{Kind: Cancelled})
	}
}

// enqueue takes a task in, or tells at once why not.
func (s *Service) enqueue(t *task) {
	wrong := checkRequest(t.request)
	switch {
	case s.closing || t.ctx.Err() != nil:
		s.finish(t, Event{Kind: Cancelled})
		return
	case wrong != nil:
		s.finish(t, Event{Kind: Failed, Err: wrong})
		return
	case !s.wanted:
		s.finish(t, Event{Kind: Failed, Err: &Error{Code: protocol.CodeNoModel, Op: opAsk}})
		return
	}
	s.lastID++
	t.id = s.lastID
	t.unhook = context.AfterFunc(t.ctx, func() { s.box.post(func() { s.cancel(t) }) })
	s.queue = append(s.queue, t)
	s.stopLooking(t)
	s.lastUse = s.now()
	s.wake()
	if s.failure != nil {
		s.deaths = 0
		s.load()
	}
}

func blank(m Message) bool { return strings.TrimSpace(m.Text) == "" }

// cancel ends one task, wherever it is.
func (s *Service) cancel(t *task) {
	if t.over || t.cancelling {
		return
	}
	s.flush()
	if s.run != t || !t.sent {
		s.drop(t)
		s.finish(t, Event{Kind: Cancelled})
		if l := s.run; l != nil && l.look && l.shows(t) {
			s.cancel(l) // it went on for this one; an engine that hangs at it is to be replaced
		}
		return
	}
	t.cancelling = true
	c := s.child
	s.send(c, frame{kind: protocol.KindCancel, message: protocol.Cancel{ID: t.id}})
	s.after(s.o.CancelGrace, func() { s.giveUp(t) })
	s.after(s.cancelPatience(), func() {
		if s.child != c || c.phase != phaseAsking || c.asked != t.id {
			return
		}
		s.log.Warn("engine did not cancel in time and is started again")
		s.giveUp(t)
		c.stopping = true
		s.kill(c)
		s.load()
	})
}

// giveUp tells that a running task is cancelled although the worker did not say so.
func (s *Service) giveUp(t *task) {
	if s.run == t {
		s.run = nil
		s.finish(t, Event{Kind: Cancelled})
	}
}

// cancelPatience is how long a worker may take to cancel before it is killed. To kill one that loads in a moment is the
// quickest way to the next answer; with a big model it pays to wait about as long as loading it again would take.
func (s *Service) cancelPatience() time.Duration {
	return max(s.o.CancelGrace, min(s.loadFor, maxCancelPatience))
}

const maxCancelPatience = 2 * time.Second

// drop takes a task that was not sent out of the queue or out of preparation.
func (s *Service) drop(t *task) {
	if s.run == t {
		s.run = nil
	}
	if s.ahead == t {
		s.ahead = nil
	}
	s.queue = slices.DeleteFunc(s.queue, func(q *task) bool { return q == t })
}

// dropAll ends every task and every clear with the same event.
func (s *Service) dropAll(e Event) {
	s.flush()
	all := s.queue
	if s.run != nil {
		all = append([]*task{s.run}, all...)
	}
	if s.ahead != nil {
		all = append(all, s.ahead)
		s.ahead = nil
	}
	s.run, s.queue = nil, nil
	for _, t := range all {
		s.finish(t, e)
	}
	why := e.Err
	if why == nil {
		why = &Error{Code: protocol.CodeCancelled, Op: opClear}
	}
	s.endClear(Cleared{}, why)
	for _, k := range s.clears {
		k.reply(Cleared{}, why)
	}
	s.clears = nil
}

// begin prepares the first task of the queue for the worker.
func (s *Service) begin() {
	t := s.queue[0]
	s.queue = s.queue[1:]
	s.run = t
	if !t.started {
		t.started = true
		t.on(Event{Kind: Started})
	}
	pictures := 0
	for _, m := range t.request.Messages {
		pictures += len(m.Images)
	}
	if pictures > 0 && !s.loaded.Vision.Enabled {
		s.run = nil
		s.finish(t, Event{Kind: Failed, Err: &Error{Code: protocol.CodeNoVision, Op: opAsk}})
		return
	}
	if !t.look {
		for _, line := range s.ladder.notices {
			t.on(Event{Kind: Notice, Text: line})
		}
		s.ladder.notices = nil
	}
	ask := s.newAsk(t)
	if pictures == 0 && s.survey.facts == nil {
		s.ask(t, ask, nil)
		return
	}
	st := s.status()
	go func() {
		images, blob, largest, err := s.admit(t, st)
		s.box.post(func() {
			t.largest = largest
			s.prepared(t, ask, images, blob, err)
		})
	}()
}

// admit looks whether a task fits, and prepares its pictures. It is called beside the service goroutine.
func (s *Service) admit(t *task, st Status) (images []protocol.Image, blob [][]byte, largest int, err error) {
	cost := st.Estimate(t.request, plan.Device{})
	for _, n := range cost.ImageTokens {
		largest = max(largest, n)
	}
	if cost.Err == nil && cost.Extra > 0 && !t.again {
		cost = st.Estimate(t.request, s.eyes.now(t.ctx, st.Device, st.PID).device)
	}
	if cost.Err != nil {
		return nil, nil, largest, cost.Err
	}
	images, blob, err = s.pixels.prepare(t.ctx, t.request.Messages, func(d Detail) vision.Grid { return st.grid(t.request, d) })
	return images, blob, largest, err
}

// newAsk is the frame for a task, without its pictures.
func (s *Service) newAsk(t *task) protocol.Ask {
	r := t.request
	ask := protocol.Ask{
		ID: t.id, Look: t.look, Conversation: r.Conversation, Continue: r.Continue, MaxTokens: r.MaxTokens, Temperature: r.Temperature, Seed: r.Seed,
		RepeatPenalty: r.RepeatPenalty, RepeatLastN: r.RepeatLastN, TopK: r.TopK, TopP: r.TopP, MinP: r.MinP,
	}
	if ask.MaxTokens <= 0 {
		ask.MaxTokens = DefaultMaxTokens
	}
	for ask.Seed == 0 && ask.Temperature > 0 {
		ask.Seed = rand.Uint32()
	}
	for _, m := range r.Messages {
		ask.Messages = append(ask.Messages, protocol.Message{Role: m.Role, Text: m.Text, Images: len(m.Images)})
	}
	return ask
}

// prepared goes on with a task whose pictures are ready.
func (s *Service) prepared(t *task, ask protocol.Ask, images []protocol.Image, blob [][]byte, err error) {
	if t.over || t.sent || s.run != t {
		return // cancelled meanwhile, or back in the queue because the worker died, or prepared twice for that reason
	}
	if err != nil {
		s.run = nil
		if t.ctx.Err() != nil { // the news of that may come after this
			s.finish(t, Event{Kind: Cancelled})
		} else {
			s.finish(t, Event{Kind: Failed, Err: asError(err, opPicture)})
		}
		return
	}
	if s.child == nil || s.child.phase != phaseIdle || !s.child.usable() {
		s.unbegin(t)
		return
	}
	ask.Images = images
	s.ask(t, ask, blob)
}

// unbegin puts a task that was not sent back to the head of the queue. One that only looks is not worth it.
func (s *Service) unbegin(t *task) {
	s.run = nil
	if t.look {
		s.finish(t, Event{Kind: Cancelled})
		return
	}
	s.queue = append([]*task{t}, s.queue...)
}

// maxText is the longest conversation in bytes that is sent: more than any context holds.
const maxText = 2 << 20

// ask sends a task to the worker.
func (s *Service) ask(t *task, ask protocol.Ask, blob [][]byte) {
	text := 0
	for _, m := range ask.Messages {
		text += len(m.Text)
	}
	if text > maxText {
		s.run = nil
		s.finish(t, Event{Kind: Failed, Err: errorf(protocol.CodeContextFull, opAsk, "%s", words.T("%d bytes of text", text))})
		return
	}
	t.sent = true
	s.child.phase, s.child.asked = phaseAsking, t.id
	s.child.quiet, s.child.stuck = 0, 0
	s.child.stage = ""
	s.child.tail.mark()
	s.send(s.child, frame{kind: protocol.KindAsk, message: ask, blob: blob})
}

// tell passes an event of the running task on, unless it is of an older one or the task is being cancelled.
func (s *Service) tell(id uint64, e Event) {
	if t := s.run; t != nil && t.sent && t.id == id && !t.cancelling {
		s.flush()
		t.on(e)
	}
}

// onDelta collects text; flush passes it on.
func (s *Service) onDelta(m protocol.Delta) {
	if t := s.run; t != nil && t.sent && t.id == m.ID && !t.cancelling && !t.look {
		s.text.WriteString(m.Text)
	}
}

// flush tells the running task the text that has come.
func (s *Service) flush() {
	if s.text.Len() == 0 {
		return
	}
	text := s.text.String()
	s.text.Reset()
	if s.run != nil && !s.run.cancelling {
		s.run.on(Event{Kind: Delta, Text: text})
	}
}

// onEnd is the worker's last word on a task.
func (s *Service) onEnd(c *child, id uint64, e Event) {
	if c.phase != phaseAsking || c.asked != id {
		return
	}
	c.phase = phaseIdle
	if e.Kind == Done {
		s.deaths = 0
		s.remember(e.Stats.Memory)
	}
	if t := s.run; t != nil && t.look {
		s.run = nil
		s.finish(t, e)
		return
	}
	s.lastUse = s.now()
	s.freeDue = s.policy.FreeAfterAnswer
	s.flush()
	if t := s.run; t != nil { // else it was cancelled and did not wait for this
		s.run = nil
		if e.Kind == Done {
			s.learnFrom(t, e.Stats)
		}
		s.finish(t, e)
	}
}

// learnFrom keeps how fast an answer was, and what it cost that working memory had been freed.
func (s *Service) learnFrom(t *task, stats protocol.Stats) {
	if f := s.freed; f != nil {
		s.freed = nil
		if cost, ok := freeCostOf(f.before, t.request, stats); ok {
			s.measured.freeCost = cost
		}
	}
	s.measured.learn(t.request, stats, s.plan.device.GPU())
}

// finish tells a task's terminal event, once.
func (s *Service) finish(t *task, e Event) {
	if t.over {
		return
	}
	t.over = true
	t.unhook()
	if t.cancelling {
		e = Event{Kind: Cancelled}
	}
	t.on(e)
}

// tellPositions tells each waiting task its place, when that changed.
func (s *Service) tellPositions() {
	before := 0
	if s.run != nil {
		before = 1
	}
	for i, t := range s.queue {
		if at := before + i; at != t.position && !t.started {
			t.position = at
			t.on(Event{Kind: Queued, Position: at})
		}
	}
}
