package inference

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

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
	switch {
	case s.closing || t.ctx.Err() != nil:
		s.finish(t, Event{Kind: Cancelled})
		return
	case len(t.request.Messages) == 0 || blank(t.request.Messages[len(t.request.Messages)-1]):
		s.finish(t, Event{Kind: Failed, Err: &Error{Code: protocol.CodeEmptyPrompt, Op: opAsk}})
		return
	case !s.wanted:
		s.finish(t, Event{Kind: Failed, Err: &Error{Code: protocol.CodeNoModel, Op: opAsk}})
		return
	}
	s.lastID++
	t.id = s.lastID
	t.unhook = context.AfterFunc(t.ctx, func() { s.box.post(func() { s.cancel(t) }) })
	s.queue = append(s.queue, t)
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
	s.queue = slices.DeleteFunc(s.queue, func(q *task) bool { return q == t })
}

// dropAll ends every task and every clear with the same event.
func (s *Service) dropAll(e Event) {
	s.flush()
	all := s.queue
	if s.run != nil {
		all = append([]*task{s.run}, all...)
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
	ask := s.newAsk(t)
	if pictures == 0 {
		s.ask(t, ask, nil)
		return
	}
	grid := t.request.Grid
	if grid == (vision.Grid{}) {
		grid = gridOf(s.loaded.Vision)
	}
	go func() {
		images, blob, err := s.pixels.prepare(t.ctx, t.request.Messages, grid)
		s.box.post(func() { s.prepared(t, ask, images, blob, err) })
	}()
}

// newAsk is the frame for a task, without its pictures.
func (s *Service) newAsk(t *task) protocol.Ask {
	r := t.request
	ask := protocol.Ask{ID: t.id, MaxTokens: r.MaxTokens, Temperature: r.Temperature, Seed: r.Seed}
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
		s.finish(t, Event{Kind: Failed, Err: asError(err, opPicture)})
		return
	}
	if s.child == nil || s.child.phase != phaseIdle || !s.child.usable() {
		s.unbegin(t)
		return
	}
	ask.Images = images
	s.ask(t, ask, blob)
}

// unbegin puts a task that was not sent back to the head of the queue.
func (s *Service) unbegin(t *task) {
	s.run = nil
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
		s.finish(t, Event{Kind: Failed, Err: errorf(protocol.CodeContextFull, opAsk, "%d bytes of text", text)})
		return
	}
	t.sent = true
	s.child.phase, s.child.asked = phaseAsking, t.id
	s.child.quiet, s.child.stuck = 0, 0
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
	if t := s.run; t != nil && t.sent && t.id == m.ID && !t.cancelling {
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
	}
	s.flush()
	if t := s.run; t != nil { // else it was cancelled and did not wait for this
		s.run = nil
		s.finish(t, e)
	}
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

// clearing is a caller of Clear who waits.
type clearing struct {
	reply func(Cleared, error) // called once; never waits
}

// Clear frees and recreates the context; see Client. The error is an *Error.
func (s *Service) Clear(ctx context.Context, what protocol.What) (Cleared, error) {
	type result struct {
		cleared Cleared
		err     error
	}
	end := make(chan result, 1)
	k := &clearing{reply: func(c Cleared, err error) { end <- result{c, err} }}
	if !s.box.post(func() { s.enqueueClear(k) }) {
		return Cleared{}, &Error{Code: protocol.CodeCancelled, Op: opClear}
	}
	select {
	case r := <-end:
		return r.cleared, r.err
	case <-ctx.Done():
		s.box.post(func() { s.clears = slices.DeleteFunc(s.clears, func(o *clearing) bool { return o == k }) })
		return Cleared{}, &Error{Code: protocol.CodeCancelled, Op: opClear, Err: context.Cause(ctx)}
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
	default:
		s.clears = append(s.clears, k)
	}
}

// beginClear serves all who wait for a clear at once.
func (s *Service) beginClear() {
	s.clearsNow, s.clears = s.clears, nil
	s.child.phase = phaseClearing
	s.child.quiet, s.child.stuck = 0, 0
	s.child.tail.mark()
	s.send(s.child, frame{kind: protocol.KindClear, message: protocol.Clear{What: protocol.FreeWorking}})
}

func (s *Service) onCleared(c *child, m protocol.Cleared) {
	if c.phase == phaseClearing {
		c.phase = phaseIdle
		s.endClear(Cleared{What: m.What, Before: m.Before, After: m.After, Device: m.Device}, nil)
	}
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
