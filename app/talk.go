package app

import (
	"image"
	"slices"
	"strings"

	"galago/app/chat"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
)

// talk is a conversation in memory: the one that is open, or one of which something still runs, waits, or is to be
// written down. It belongs to the main goroutine, but for its folio.
type talk struct {
	stored int64 // the store's number of it; 0 until its first question is there
	conv   *chat.Conversation
	shown  map[*chat.Turn]*display

	waiting []question // in order, not yet begun
	held    bool       // the engine is gone: what waits goes on when it is back, or when the person asks for something
	active  *request   // nil when nothing of it runs

	folio  *folio
	unkept int // steps that are not written down yet
	draft  draft
}

// display is what the window shows of a turn beside what is kept of it.
type display struct {
	images   []image.Image // thumbnails, or ui.Placeholder
	phase    string
	progress float64     // negative: unknown
	choices  []ui.Choice // ways out of the turn's problem
}

// draft is what stands in the composer.
type draft struct {
	text        string
	attachments []*attachment
}

// question waits to be asked.
type question struct {
	turn  *chat.Turn
	again bool             // it was asked before; its old answer stays until it is asked again
	on    bool             // its answer goes on where it ended
	open  *inference.Model // to be opened first, a way out that was chosen; nil: what is open

	choice int // Controller.choosing when open was chosen
}

func newTalk() *talk {
	return &talk{
		conv: &chat.Conversation{}, shown: map[*chat.Turn]*display{},
		folio: &folio{turns: map[uint64]int64{}},
	}
}

// add puts a turn at the end.
func (k *talk) add(t *chat.Turn, thumbs []image.Image) {
	k.conv.Turns = append(k.conv.Turns, t)
	k.shown[t] = &display{images: thumbs, progress: -1}
}

// busy reports whether something of it runs or waits.
func (k *talk) busy() bool { return k.active != nil || len(k.waiting) > 0 }

func (k *talk) queued(t *chat.Turn) bool {
	return slices.ContainsFunc(k.waiting, func(q question) bool { return q.turn == t })
}

// render is a turn as the window shows it. Of one in the queue that is asked again, the old answer is still there to
// read.
func (k *talk) render(t *chat.Turn) ui.Turn {
	d := k.shown[t]
	thinking, answer, thinks := chat.Split(t.Answer())
	v := ui.Turn{
		ID: t.ID, Question: t.Question, Images: d.images, Answer: answer, Thinking: thinking,
		State: viewState(t.State), Phase: d.phase, Progress: d.progress, Figures: t.Figures, Notices: t.Notices,
		CanContinue: t.CanContinue(),
	}
	v.Version, v.Versions = t.Versions()
	if thinking != "" && !thinks && t.Thought > 0 {
		v.ThoughtFor = seconds(float64(t.Thought.Milliseconds()))
	}
	if p := t.Problem; p != nil {
		v.Problem = &ui.Problem{Title: p.Title, Text: p.Text, Action: p.Action, Detail: p.Detail, Choices: d.choices}
	}
	if k.queued(t) {
		v.State, v.Problem, v.CanContinue = ui.TurnWaiting, nil, false
	}
	return v
}

func (k *talk) renderAll() []ui.Turn {
	var list []ui.Turn
	for _, t := range k.conv.Turns {
		list = append(list, k.render(t))
	}
	return list
}

func (k *talk) renderQueue() []ui.Turn {
	var list []ui.Turn
	for _, q := range k.waiting {
		list = append(list, k.render(q.turn))
	}
	return list
}

var viewStates = map[chat.State]ui.TurnState{
	chat.Waiting: ui.TurnWaiting, chat.Working: ui.TurnWorking, chat.Streaming: ui.TurnStreaming,
	chat.Done: ui.TurnDone, chat.Cancelled: ui.TurnCancelled, chat.Failed: ui.TurnFailed, chat.Interrupted: ui.TurnInterrupted,
}

func viewState(s chat.State) ui.TurnState { return viewStates[s] }

// all are the conversations in memory, the open one first.
func (c *Controller) all() []*talk { return append([]*talk{c.talk}, c.background...) }

// running reports whether anything is being asked in any conversation.
func (c *Controller) running() bool {
	return slices.ContainsFunc(c.all(), func(k *talk) bool { return k.active != nil })
}

// enter shows a conversation in the place of the open one, which goes on in the background with what it still asks.
// Each has the composer as it was left.
func (c *Controller) enter(k *talk) {
	left := c.talk
	c.leave()
	c.background = slices.DeleteFunc(c.background, func(b *talk) bool { return b == k })
	c.talk = k
	c.forget(left)
	c.view.SetTurns(k.renderAll())
	c.view.SetOpen(k.stored)
	c.showQueue()
	d := k.draft
	if d.empty() && (k.stored != 0 || len(k.conv.Turns) == 0) { // else it is none of the new chat's
		d = c.drafts[k.stored]
		delete(c.drafts, k.stored)
	}
	k.draft = draft{}
	c.attachments = d.attachments
	c.compose(d.text)
	c.showAttachments()
	c.showBusy()
	c.showBusyOnes()
}

// leave puts the open conversation into the background.
func (c *Controller) leave() {
	k := c.talk
	c.sending, c.edited = "", false
	k.draft = draft{c.text, c.attachments}
	if c.journal == nil {
		k.abandon() // nobody could come back to it
	}
	c.closeGallery(k)
	c.background = append(c.background, k)
}

func (d draft) empty() bool { return d.text == "" && len(d.attachments) == 0 }

// dropDraft empties the composer of a new chat, with Undo.
func (c *Controller) dropDraft() {
	d := draft{c.text, c.attachments}
	c.text, c.attachments = "", nil
	if strings.TrimSpace(d.text) == "" && len(d.attachments) == 0 {
		return
	}
	c.view.Offer(words.T("The draft is deleted."), words.T("Undo"), func() {
		room := maxAttachments - len(c.attachments)
		c.attachments = slices.Concat(c.attachments, d.attachments[:min(room, len(d.attachments))])
		c.compose(joined(c.text, d.text))
		c.showAttachments()
	})
}

// joined puts one text behind another.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}

// compose sets the composer's text.
func (c *Controller) compose(text string) {
	c.text = text
	c.view.SetComposerText(text)
}

// abandon ends all that a conversation asks.
func (k *talk) abandon() {
	if k.active != nil {
		k.active.cancel()
		k.active = nil
	}
	k.waiting, k.held = nil, false
}

// forget lets go of a conversation in the background with which nothing is left to do.
func (c *Controller) forget(k *talk) {
	if k == c.talk || k.busy() || k.unkept > 0 {
		return
	}
	if i := slices.Index(c.background, k); i >= 0 {
		c.background = slices.Delete(c.background, i, i+1)
		if !k.draft.empty() && c.journal != nil {
			c.drafts[k.stored] = k.draft
		}
	}
}

// talkWith is the conversation with a number of the store's that is in memory, or nil.
func (c *Controller) talkWith(id int64) *talk {
	for _, k := range c.all() {
		if k.stored == id && id != 0 {
			return k
		}
	}
	return nil
}

// enqueue lets a question wait for its place. A conversation asks one question at a time: the next one's request must
// hold the answer of the one before.
func (c *Controller) enqueue(k *talk, q question) {
	if k.held && (q.again || q.on) {
		k.waiting = append([]question{q}, k.waiting...) // what waits may build on its answer
	} else {
		k.waiting = append(k.waiting, q)
	}
	k.held = false
	c.next(k)
}

// resume lets the queues go on when the engine is back.
func (c *Controller) resume() {
	if c.status.State != inference.StateReady {
		return
	}
	for _, k := range c.all() {
		if k.held {
			k.held = false
			c.next(k)
		}
	}
}

// hold stops the queues: the engine is gone.
func (c *Controller) hold() {
	for _, k := range c.all() {
		k.held = k.held || len(k.waiting) > 0
	}
	c.do(c.resume) // it may be back already, and that news have come before this
}

// next begins the first waiting question when nothing runs.
func (c *Controller) next(k *talk) {
	if k.active == nil && len(k.waiting) > 0 && !k.held {
		q := k.waiting[0]
		k.waiting = k.waiting[1:]
		if q.open != nil && q.choice == c.choosing { // no other model was chosen while this waited
			c.openAs(*q.open)
		}
		c.begin(k, q)
	}
	if k == c.talk {
		c.showQueue()
		c.showBusy()
	}
	c.showBusyOnes()
	c.forget(k)
}

func (c *Controller) showQueue() { c.view.SetQueue(c.talk.renderQueue()) }

// showBusy offers Cancel while there is something that it would stop.
func (c *Controller) showBusy() { c.view.SetBusy(c.active != nil || c.sending != "") }

// showTurn shows a turn if its conversation is open.
func (c *Controller) showTurn(k *talk, t *chat.Turn) {
	if k == c.talk && k.shown[t] != nil {
		c.view.PutTurn(k.render(t))
	}
}

// opLoad is inference.Error.Op of a load.
const opLoad = "load model"

// aboutPictures reports whether a question may have failed because of its pictures, and would again with them.
func aboutPictures(err *inference.Error) bool {
	if err.Op == opLoad {
		return false
	}
	switch err.Code {
	case protocol.CodeNoVision, protocol.CodeBadImage, protocol.CodeContextFull, protocol.CodeOutOfMemory,
		protocol.CodeWontFit:
		return true
	}
	return false
}

// aboutEngine reports whether an error means that there is no engine now. Each question submitted then would load the
// model again, to fail the same way.
func aboutEngine(err *inference.Error) bool {
	switch err.Code {
	case protocol.CodeWontFit:
		return err.Op == opLoad
	case protocol.CodeEngineMissing, protocol.CodeOutOfMemory, protocol.CodeModelInvalid, protocol.CodeMMProjInvalid,
		protocol.CodeProtocol, protocol.CodeWorkerDied, protocol.CodeWorkerHung:
		return true
	}
	return false
}
