// Package app is Galago without widgets: it turns what a person wants into requests to the engine, and what the engine
// says into what the window shows.
package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"galago/app/chat"
	"galago/assets"
	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
)

// Controller owns the open conversation, the composer's pictures and the settings. All of it belongs to Fyne's main
// goroutine; what comes from elsewhere gets there through do.
type Controller struct {
	do           func(func()) // runs on the main goroutine, later
	view         ui.View
	client       inference.Client
	copy         func(string) // to the clipboard
	settingsPath string       // empty: settings are not kept
	demo         assets.Demo
	demoErr      error
	samples      []assets.Sample

	settings Settings
	conv     *chat.Conversation
	shown    map[*chat.Turn]*ui.Turn // the open conversation as the window has it
	nextID   uint64

	attachments []*attachment
	sending     string // question that waits for its pictures to be read; empty for none
	edited      bool   // the composer holds something else than it by now
	typed       bool   // the composer holds text

	waiting []question // in order, not yet submitted
	held    bool       // the engine is gone: what waits goes on when it is back, or when the person asks for something
	active  *request   // nil when nothing of this conversation runs

	manifest  assets.Demo // of the model that is open; zero without one
	opened    files       // being open, being opened, or failed to; the zero value is the built-in model
	choosing  int         // counts what was chosen, so that a late look into files is known as one
	restoring bool        // the first load is of the model of last time, and may fall back to the built-in one
	notice    *ui.Banner  // what came of the last choice of a model, until a question is asked
	banner    *ui.Banner  // as the window has it

	status inference.Status
	sight  sight // how the model looks at pictures, also while it is unloaded
	look   look  // beside status and settings, what the gauge is made of
	peak   uint64
	gauge  ui.Gauge        // as the window has it
	memory []ui.MemoryItem // as the window has it
}

// question waits to be asked.
type question struct {
	turn  *chat.Turn
	again bool             // it was asked before; its old answer stays until it is asked again
	open  *inference.Model // to be opened first, a way out that was chosen; nil: what is open

	choice int // Controller.choosing when open was chosen
}

// request is the turn that the service works on.
type request struct {
	turn   *chat.Turn
	cancel context.CancelFunc
	shown  *ui.Turn // as the window has it

	failed *inference.Error // why it failed; nil otherwise
}

// Params are what a Controller is built from.
type Params struct {
	Do           func(func())
	Client       inference.Client
	Copy         func(string)
	SettingsPath string
}

// NewController finds the built-in model. Start comes next, when there is a window.
func NewController(p Params) *Controller {
	c := &Controller{
		do: p.Do, client: p.Client, copy: p.Copy, settingsPath: p.SettingsPath,
		conv: &chat.Conversation{}, shown: map[*chat.Turn]*ui.Turn{},
		settings: defaultSettings(), samples: assets.Samples(),
	}
	c.demo, c.demoErr = assets.DemoModel()
	return c
}

// Actions are the callbacks of the window.
func (c *Controller) Actions() ui.Actions {
	return ui.Actions{
		Send:       c.Send,
		Edited:     c.Edited,
		Cancel:     c.Cancel,
		Attach:     c.Attach,
		Detach:     c.Detach,
		Unqueue:    c.Unqueue,
		Retry:      c.Retry,
		Copy:       c.Copy,
		NewChat:    c.NewChat,
		Memory:     c.FreeMemory,
		Detail:     c.Detail,
		GPU:        c.ChooseGPU,
		Reload:     c.Reload,
		OpenModel:  c.OpenModel,
		UseBuiltIn: c.UseBuiltIn,
		Sample:     c.Sample,
		Settings:   c.ChangeSettings,
		OpenImage:  c.OpenImage,

		CopyMarkdown: c.CopyMarkdown,
		CopyText:     c.CopyText,
		Continue:     c.Continue,
		PickAnswer:   c.PickAnswer,
		DeleteFrom:   c.DeleteFrom,
		Branch:       c.Branch,
		Seen:         c.Seen,

		OpenConversation:      c.OpenConversation,
		RenameConversation:    c.RenameConversation,
		DuplicateConversation: c.DuplicateConversation,
		DeleteConversation:    c.DeleteConversation,
		ExportConversation:    c.ExportConversation,
		ImportConversation:    c.ImportConversation,
		Search:                c.Search,
		Thumbs:                c.Thumbs,
		Sidebar:               c.Sidebar,

		Paste:          c.Paste,
		OpenAttachment: c.OpenAttachment,
		MoveAttachment: c.MoveAttachment,
	}
}

// Start shows the window's first state and opens the model of last time, or the built-in one.
func (c *Controller) Start(view ui.View) {
	c.view = view
	if c.settingsPath != "" {
		var err error
		if c.settings, err = loadSettings(c.settingsPath); err != nil {
			c.view.Notify(sentence(err))
		}
		if errors.Is(err, errOutOfReach) {
			c.settingsPath = ""
		}
	}
	c.view.SetSamples(c.sampleCards())
	c.view.SetTurns(nil)
	status := &latest[inference.Status]{do: c.do, handle: c.showStatus}
	c.client.Watch(status.put)
	c.client.Configure(c.settings.policy())
	c.restoring = c.settings.Model != ""
	c.open(files{c.settings.Model, c.settings.MMProj})
}

// sentence starts an error with a capital letter and ends it with a full stop.
func sentence(err error) string {
	s := err.Error()
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// id numbers turns and attachments.
func (c *Controller) id() uint64 {
	c.nextID++
	return c.nextID
}

// Send asks a question about the composer's pictures. While one of them is still being read the question waits for it.
func (c *Controller) Send(text string) {
	text = strings.TrimSpace(text)
	if text != c.sending {
		c.edited = false
	}
	c.sending = ""
	switch {
	case text == "":
		c.view.Notify("Type a question first.")
	case c.opened == files{} && c.demoErr != nil:
		c.view.Notify("No model is open. Open one first.")
	case c.attachmentProblem():
		c.view.Notify("Remove the picture that cannot be used, then send again.")
	case c.attachmentsReading():
		c.sending = text
		c.view.Notify("The question goes out as soon as the picture is read.")
	default:
		c.ask(text)
	}
	c.showBusy()
}

// Edited hears what the composer holds. What is typed while a question waits for its pictures outlasts it.
func (c *Controller) Edited(text string) {
	text = strings.TrimSpace(text)
	if c.sending != "" {
		c.edited = text != c.sending
	}
	if typed := text != ""; typed != c.typed {
		c.typed = typed
		c.showPending()
	}
}

// ask makes a turn of the question and the composer's pictures, and empties the composer.
func (c *Controller) ask(text string) {
	turn := &chat.Turn{ID: c.id(), Question: text}
	shown := &ui.Turn{ID: turn.ID, Question: text, Progress: -1}
	for _, a := range c.attachments {
		turn.Images = append(turn.Images, chat.Image{Picture: a.picture, Detail: string(a.detail)})
		shown.Images = append(shown.Images, a.large)
	}
	c.conv.Turns = append(c.conv.Turns, turn)
	c.shown[turn] = shown
	c.attachments, c.notice = nil, nil // who asks has read the notice
	c.showBanner()
	if !c.edited {
		c.view.SetComposerText("")
	}
	c.edited = false
	c.showAttachments()
	c.view.PutTurn(*shown)
	c.enqueue(question{turn: turn})
}

// enqueue lets a question wait for its place. A conversation asks one question at a time: the next one's request must
// hold the answer of the one before.
func (c *Controller) enqueue(q question) {
	if c.held && q.again {
		c.waiting = append([]question{q}, c.waiting...) // what waits may build on its answer
	} else {
		c.waiting = append(c.waiting, q)
	}
	c.held = false
	c.next()
}

// resume lets the queue go on when the engine is back.
func (c *Controller) resume() {
	if c.held && c.status.State == inference.StateReady {
		c.held = false
		c.next()
	}
}

// next submits the first waiting question when nothing runs.
func (c *Controller) next() {
	if c.active == nil && len(c.waiting) > 0 && !c.held {
		q := c.waiting[0]
		c.waiting = c.waiting[1:]
		if q.open != nil && q.choice == c.choosing { // no other model was chosen while this waited
			c.openAs(*q.open)
		}
		c.submit(q.turn)
	}
	c.showQueue()
	c.showBusy()
}

func (c *Controller) submit(turn *chat.Turn) {
	ctx, cancel := context.WithCancel(context.Background())
	r := &request{turn: turn, cancel: cancel, shown: c.shown[turn]}
	c.active = r
	turn.Restart()
	turn.State = chat.Working
	r.shown.Figures, r.shown.Problem, r.shown.Notices = nil, nil, nil
	r.phase("Starting", -1)
	c.put(r)
	var messages []inference.Message
	for _, m := range c.conv.Until(turn) {
		messages = append(messages, inference.Message{Role: m.Role, Text: m.Text, Images: images(m.Images)})
	}
	s := &stream{do: c.do, handle: func(events []inference.Event) { c.receive(r, events) }}
	c.client.Submit(ctx, c.request(messages), s.put)
}

func images(pictures []chat.Image) []inference.Image {
	var list []inference.Image
	for _, p := range pictures {
		list = append(list, inference.Image{Picture: p.Picture, Detail: inference.Detail(p.Detail)})
	}
	return list
}

// receive takes a request's news. The window hears of it once, however many there are.
func (c *Controller) receive(r *request, events []inference.Event) {
	over := false
	for _, e := range events {
		r.apply(e)
		over = over || e.Terminal()
		if e.Kind == inference.Done {
			c.setFilled(e.Stats.ContextUsed)
		}
	}
	if over {
		r.cancel()
	}
	if r.failed != nil {
		r.shown.Problem.Choices = c.choices(r.turn, r.failed)
	}
	if c.active != r {
		return // of a conversation that is no longer open
	}
	c.put(r)
	if over {
		c.active = nil
		if c.held = r.failed != nil && aboutEngine(r.failed); c.held {
			c.do(c.resume) // it may be back already, and that news have come before this
		}
		c.next()
	}
}

// showBusy offers Cancel while there is something that it would stop.
func (c *Controller) showBusy() { c.view.SetBusy(c.active != nil || c.sending != "") }

// put shows the active turn.
func (c *Controller) put(r *request) {
	r.shown.State = viewState(r.turn.State)
	r.shown.Answer = r.turn.Answer()
	c.view.PutTurn(*r.shown)
}

// apply changes the turn by one event.
func (r *request) apply(e inference.Event) {
	t := r.turn
	switch e.Kind {
	case inference.Queued:
		r.phase("Waiting for its turn", -1)
	case inference.Started:
		r.phase("Starting", -1)
	case inference.Progress:
		r.phase(phaseText(e.Progress), fraction(e.Progress.Done, e.Progress.Total))
	case inference.Delta:
		t.State = chat.Streaming
		r.phase("", -1)
		t.Write(e.Text)
	case inference.Notice:
		r.shown.Notices = append(slices.Clip(r.shown.Notices), e.Text)
		if e.Restart {
			t.Restart()
			t.State = chat.Working
			r.phase("Starting", -1)
		}
	case inference.Done:
		t.State = chat.Done
		r.phase("", -1)
		r.shown.Figures = figures(e)
	case inference.Cancelled:
		t.State = chat.Cancelled
		r.phase("", -1)
	case inference.Failed:
		t.State, t.Drop = chat.Failed, aboutPictures(e.Err)
		r.failed = e.Err
		r.phase("", -1)
		r.shown.Problem = problem(e.Err)
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

func (r *request) phase(text string, progress float64) {
	r.shown.Phase, r.shown.Progress = text, progress
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
		return fmt.Sprintf("Looking at picture %d of %d", min(p.Done+1, p.Total), p.Total)
	case p.Phase == protocol.PhaseEncode:
		return "Looking at the picture"
	case p.Phase == protocol.PhaseLoad:
		return "Loading the model"
	case p.Phase == protocol.PhasePrepare:
		return "Taking memory again"
	}
	return "Reading the question"
}

// problem is an error as the window shows it.
func problem(err error) *ui.Problem {
	x := inference.Explain(err)
	return &ui.Problem{Title: x.Title, Text: x.Text, Action: x.Action, Detail: x.Detail}
}

func viewState(s chat.State) ui.TurnState {
	return map[chat.State]ui.TurnState{
		chat.Waiting: ui.TurnWaiting, chat.Working: ui.TurnWorking, chat.Streaming: ui.TurnStreaming,
		chat.Done: ui.TurnDone, chat.Cancelled: ui.TurnCancelled, chat.Failed: ui.TurnFailed,
	}[s]
}

func (c *Controller) showQueue() {
	var turns []ui.Turn
	for _, q := range c.waiting {
		turns = append(turns, c.waitingView(q))
	}
	c.view.SetQueue(turns)
}

// waitingView is a question in the queue; of one that is asked again, the old answer is still there to read.
func (c *Controller) waitingView(q question) ui.Turn {
	v := *c.shown[q.turn]
	v.State, v.Problem = ui.TurnWaiting, nil
	return v
}

// Cancel stops the running answer; what it wrote is kept. A question that waits for its pictures stays in the composer.
func (c *Controller) Cancel() {
	c.sending = ""
	if c.active != nil {
		c.active.cancel()
	}
	c.showBusy()
}

// Unqueue takes a waiting question back: it leaves the conversation, unless it was asked before.
func (c *Controller) Unqueue(id uint64) {
	for i, q := range c.waiting {
		if q.turn.ID != id {
			continue
		}
		c.waiting = append(c.waiting[:i:i], c.waiting[i+1:]...)
		if q.again {
			c.view.PutTurn(*c.shown[q.turn])
		} else {
			c.remove(q.turn)
		}
		c.showQueue()
		return
	}
}

func (c *Controller) remove(t *chat.Turn) {
	c.conv.Remove(t)
	delete(c.shown, t)
	var views []ui.Turn
	for _, u := range c.conv.Turns {
		views = append(views, *c.shown[u])
	}
	for _, q := range c.waiting {
		for i := range views {
			if views[i].ID == q.turn.ID {
				views[i] = c.waitingView(q)
			}
		}
	}
	c.view.SetTurns(views)
}

// Retry asks a turn once more, in the place where it stands: the model reads what was said before it, not after.
func (c *Controller) Retry(id uint64) {
	if t := c.conv.Turn(id); t != nil {
		c.retry(question{turn: t, again: true})
	}
}

func (c *Controller) retry(again question) {
	t := again.turn
	if !t.State.Over() {
		return
	}
	for _, q := range c.waiting {
		if q.turn == t {
			return
		}
	}
	if c.active != nil {
		c.view.PutTurn(c.waitingView(again))
	}
	c.enqueue(again)
}

// NewChat begins a conversation. What the old one still asked for is cancelled.
func (c *Controller) NewChat() {
	if c.active != nil {
		c.active.cancel()
		c.active = nil
	}
	c.waiting, c.held, c.sending, c.attachments = nil, false, "", nil
	c.conv, c.shown = &chat.Conversation{}, map[*chat.Turn]*ui.Turn{}
	c.view.SetTurns(nil)
	c.showQueue()
	c.showBusy()
	c.showAttachments()
	c.view.SetComposerText("")
}

// bytesText is a size as people read it.
func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}

// figures are an answer's numbers.
func figures(e inference.Event) []string {
	s := e.Stats
	var f []string
	add := func(format string, args ...any) { f = append(f, fmt.Sprintf(format, args...)) }
	if s.ImageTokens > 0 {
		add("%s picture tokens", thousands(s.ImageTokens))
	}
	if s.ReusedTokens > 0 {
		add("%s of %s tokens reused", thousands(s.ReusedTokens), thousands(s.PromptTokens))
	}
	if s.FirstToken > 0 {
		add("first token %s", seconds(s.FirstToken))
	}
	if s.TokensPerSec > 0 {
		add("%s tokens/s", thousands(int(s.TokensPerSec+0.5)))
	}
	switch e.Stop {
	case protocol.StopLimit:
		add("stopped at %s tokens (see settings)", thousands(s.AnswerTokens))
	case protocol.StopContext:
		add("stopped: the context is full")
	}
	return f
}

func seconds(millis float64) string {
	if millis < 100 {
		return fmt.Sprintf("%.0f ms", millis)
	}
	return fmt.Sprintf("%.1f s", millis/1000)
}

// thousands writes 1,234.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
