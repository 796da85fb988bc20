package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"galago/app/chat"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/ui"
)

// saveEvery is how long something written by the model may be in memory alone.
const saveEvery = 700 * time.Millisecond

// request is the turn of a conversation that is being asked.
type request struct {
	talk   *talk
	turn   *chat.Turn
	ctx    context.Context
	cancel context.CancelFunc
	on     bool // the answer goes on
	base   int  // bytes of the answer that were there before

	failed *inference.Error // why it failed; nil otherwise
	unsaid bool             // a save is on its way
	spoke  time.Time        // when the first piece of the answer came
}

// begin asks a question: that it is asked is written down first, then its pictures are fetched, then it is submitted.
func (c *Controller) begin(k *talk, q question) {
	t := q.turn
	r := &request{talk: k, turn: t, on: q.on}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	k.active = r
	s := &step{} // nothing but its place behind the question
	switch {
	case q.on:
		t.Resume()
		r.base = len(t.Answer())
		s = c.stepContinue(k, t)
	case q.again:
		t.Restart()
		s = c.stepRestart(k, t)
	}
	t.State, t.Model = chat.Working, modelName(c.status)
	if !q.on {
		t.Started = c.now()
	}
	k.shown[t].choices = nil
	r.phase(words.T("Starting"), -1)
	c.showTurn(k, t)
	s.tried = func(error) { c.gather(r) } // also when it could not be kept: the person is told, and may ask all the same
	c.keep(k, s)
}

// gather fetches the pictures that the question needs and then submits it.
func (c *Controller) gather(r *request) {
	messages := r.talk.conv.Until
	if r.on {
		messages = r.talk.conv.Continued
	}
	list := messages(r.turn)
	var pictures []chat.Image
	for _, m := range list {
		pictures = append(pictures, m.Images...)
	}
	c.fetch(pictures, func(full map[[32]byte]*vision.Picture, missing []error) {
		for _, err := range missing {
			r.turn.Notices = append(slices.Clip(r.turn.Notices), words.T("Left out: %s.", err))
		}
		if missing != nil {
			c.showTurn(r.talk, r.turn)
		}
		c.submit(r, list, full)
	})
}

func (c *Controller) submit(r *request, list []chat.Message, full map[[32]byte]*vision.Picture) {
	if r.ctx.Err() != nil { // cancelled on the way here
		c.receive(r, []inference.Event{{Kind: inference.Cancelled}})
		return
	}
	var messages []inference.Message
	for _, m := range list {
		messages = append(messages, inference.Message{Role: m.Role, Text: m.Text, Images: images(m.Images, full)})
	}
	s := &stream{do: c.do, handle: func(events []inference.Event) { c.receive(r, events) }}
	asked := c.request(messages)
	asked.Continue, asked.Conversation = r.on, stateName(r.talk.stored)
	c.client.Submit(r.ctx, asked, s.put)
}

// images are pictures for the model. What could not be fetched is left out.
func images(pictures []chat.Image, full map[[32]byte]*vision.Picture) []inference.Image {
	var list []inference.Image
	for _, p := range pictures {
		picture := p.Picture
		if !p.Held() {
			picture = full[p.Hash]
		}
		if picture != nil {
			list = append(list, inference.Image{Picture: picture, Detail: inference.Detail(p.Detail)})
		}
	}
	return list
}

// receive takes a request's news. The window hears of it once, however many there are.
func (c *Controller) receive(r *request, events []inference.Event) {
	k := r.talk
	if k.active != r {
		return // it was given up, and its question may have been asked again since
	}
	over := false
	for _, e := range events {
		r.apply(e, c.now())
		over = over || e.Terminal()
		if e.Kind == inference.Done {
			c.setFilled(e.Stats.ContextUsed)
		}
	}
	if over {
		r.cancel()
	}
	if r.failed != nil {
		k.shown[r.turn].choices = c.choices(r.turn, r.failed)
	}
	c.showTurn(k, r.turn)
	if !over {
		c.saveSoon(r)
		return
	}
	c.keepAnswer(k, r.turn)
	k.active = nil
	if r.failed != nil && aboutEngine(r.failed) {
		k.held = true
		c.hold()
	}
	c.next(k)
}

// saveSoon has what was written so far saved, at most once in saveEvery.
func (c *Controller) saveSoon(r *request) {
	if r.unsaid || c.journal == nil || r.turn.State != chat.Streaming {
		return
	}
	r.unsaid = true
	c.later(saveEvery, func() {
		r.unsaid = false
		if r.talk.active == r {
			c.keepAnswer(r.talk, r.turn)
		}
	})
}

// apply changes the turn by one event.
func (r *request) apply(e inference.Event, now time.Time) {
	t := r.turn
	if e.Terminal() {
		t.Ended = now
		r.phase("", -1)
	}
	switch e.Kind {
	case inference.Queued:
		r.phase(words.T("Waiting for its turn"), -1)
	case inference.Started:
		r.phase(words.T("Starting"), -1)
	case inference.Progress:
		r.phase(phaseText(e.Progress), fraction(e.Progress.Done, e.Progress.Total))
	case inference.Delta:
		t.State = chat.Streaming
		r.phase("", -1)
		t.Write(e.Text)
		r.think(now)
	case inference.Notice:
		t.Notices = append(slices.Clip(t.Notices), e.Text)
		if e.Restart {
			t.Truncate(r.base)
			t.State, r.spoke = chat.Working, time.Time{}
			r.phase(words.T("Starting"), -1)
		}
	case inference.Done:
		t.State, t.Figures = chat.Done, figures(e)
		t.Cut = e.Stop == protocol.StopLimit // where the context is full there is no going on
	case inference.Cancelled:
		t.State = chat.Cancelled
	case inference.Failed:
		t.State, t.Drop = chat.Failed, aboutPictures(e.Err)
		r.failed = e.Err
		p := problem(e.Err)
		t.Problem = &chat.Problem{Title: p.Title, Text: p.Text, Action: p.Action, Detail: p.Detail}
	}
}

// think measures for how long the model speaks to itself.
func (r *request) think(now time.Time) {
	t := r.turn
	if r.spoke.IsZero() {
		r.spoke = now
	}
	if t.Thought > 0 {
		return
	}
	if thinking, _, open := chat.Split(t.Answer()); thinking != "" && !open {
		t.Thought = max(now.Sub(r.spoke), time.Millisecond)
	}
}

func (r *request) phase(text string, progress float64) {
	d := r.talk.shown[r.turn]
	if d == nil {
		return // taken out of the conversation meanwhile
	}
	d.phase, d.progress = text, progress
}

func fraction(done, total int) float64 {
	if total <= 0 {
		return -1
	}
	return float64(done) / float64(total)
}

func phaseText(p protocol.Progress) string {
	switch {
	case p.Phase == protocol.PhaseEncode && p.Total > 1:
		return words.T("Looking at picture %d of %d", min(p.Done+1, p.Total), p.Total)
	case p.Phase == protocol.PhaseEncode:
		return words.T("Looking at the picture")
	case p.Phase == protocol.PhaseLoad:
		return words.T("Loading the model")
	case p.Phase == protocol.PhasePrepare:
		return words.T("Taking memory again")
	}
	return words.T("Reading the question")
}

// problem is an error as the window shows it.
func problem(err error) *ui.Problem {
	x := inference.Explain(err)
	return &ui.Problem{Title: x.Title, Text: x.Text, Action: x.Action, Detail: x.Detail}
}

// figures are an answer's numbers.
func figures(e inference.Event) []string {
	s := e.Stats
	var f []string
	if s.ImageTokens > 0 {
		f = append(f, words.T("%s picture tokens", thousands(s.ImageTokens)))
	}
	if s.ReusedTokens > 0 {
		f = append(f, words.T("%s of %s tokens reused", thousands(s.ReusedTokens), thousands(s.PromptTokens)))
	}
	if s.FirstToken > 0 {
		f = append(f, words.T("first token %s", seconds(s.FirstToken)))
	}
	if s.TokensPerSec > 0 {
		f = append(f, words.T("%s tokens/s", thousands(int(s.TokensPerSec+0.5))))
	}
	switch e.Stop {
	case protocol.StopLimit:
		f = append(f, words.T("stopped at %s tokens (see settings)", thousands(s.AnswerTokens)))
	case protocol.StopContext:
		f = append(f, words.T("stopped: the context is full"))
	}
	return f
}

func seconds(millis float64) string {
	if millis < 100 {
		return fmt.Sprintf("%.0f ms", millis)
	}
	return fmt.Sprintf("%.1f s", millis/1000)
}

// thousands writes 1,234, or what that is in the person's language.
func thousands(n int) string { return words.Thousands(n) }
