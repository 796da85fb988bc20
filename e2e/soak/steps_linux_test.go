package soak

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"galago/assets"
	"galago/inference"
	"galago/inference/demoeval"
	"galago/ui"
)

func assetsSamples() []assets.Sample { return assets.Samples() }

// action is something that people do.
type action struct {
	name   string
	weight int
	rough  bool // an engine may be ended by it
	turns  bool // it needs a conversation that is open, with room for more
	do     func(*soak, *rand.Rand)
}

// actions is a function, since some of them begin with others.
func actions() []action {
	return []action{
		{"ask", 10, false, false, func(s *soak, r *rand.Rand) { s.newQuestion(r) }},
		{"follow up", 14, false, true, func(s *soak, r *rand.Rand) { s.followUp(r) }},
		{"regenerate", 5, false, true, func(s *soak, r *rand.Rand) { s.act.Retry(s.anyTurn(r)) }},
		{"edit", 4, false, true, (*soak).edit},
		{"continue", 4, false, true, (*soak).goOn},
		{"cancel", 14, false, false, (*soak).cancel},
		{"several at once", 3, false, true, (*soak).several},
		{"come back", 9, false, false, (*soak).comeBack},
		{"leave while it answers", 4, false, false, (*soak).leave},
		{"ask about a sample", 2, false, false, func(s *soak, r *rand.Rand) { s.sample(r) }},
		{"drop bad files", 5, false, false, (*soak).dropBad},
		{"drop what vanishes", 2, false, false, (*soak).dropVanishing},
		{"delete", 3, false, true, (*soak).delete},
		{"delete questions", 2, false, true, (*soak).deleteFrom},
		{"pick an answer", 2, false, true, (*soak).pick},
		{"rest", 1, false, false, func(s *soak, _ *rand.Rand) { s.pause(settled) }},
		{"search", 1, false, false, (*soak).search},
		{"forget the cache", 2, false, false, func(s *soak, _ *rand.Rand) { s.free(ui.MemoryForget) }},
		{"free working memory", 2, false, false, func(s *soak, _ *rand.Rand) { s.free(ui.MemoryWorking) }},
		{"free while it answers", 2, false, false, (*soak).freeWhile},
		{"free after every answer", 1, false, false, (*soak).freeAfter},

		{"unload", 3, true, false, func(s *soak, _ *rand.Rand) { s.free(ui.MemoryUnload) }},
		{"cancel a load", 3, true, false, (*soak).cancelLoad},
		{"reload", 2, true, false, (*soak).reload},
		{"kill the engine", 4, true, false, func(s *soak, _ *rand.Rand) { s.die() }},
		{"kill the engine at work", 6, true, false, (*soak).killAtWork},
		{"an engine that hangs", 2, true, false, (*soak).hang},
		{"close and open", 4, true, false, func(s *soak, r *rand.Rand) { s.reopen() }},
		{"close at work and open", 4, true, false, (*soak).reopenAtWork},
	}
}

// draw chooses what to do among what can be done now.
func (s *soak) draw(r *rand.Rand) action {
	if len(s.conversations) > mostConversations {
		return action{name: "delete for room", do: func(s *soak, r *rand.Rand) {
			for range 5 {
				s.remove(s.conversations[r.IntN(len(s.conversations))].ID)
			}
		}}
	}
	all := slices.DeleteFunc(actions(), func(a action) bool {
		return a.rough && !s.rough || a.turns && (s.view.open == 0 || len(s.turns) == 0 || len(s.turns) >= mostTurns)
	})
	total := 0
	for _, a := range all {
		total += a.weight
	}
	n := r.IntN(total)
	for _, a := range all {
		if n -= a.weight; n < 0 {
			return a
		}
	}
	panic("weights")
}

// turn is a turn of the open conversation.
func (s *soak) turn(id uint64) ui.Turn {
	for _, t := range s.turns {
		if t.ID == id {
			return t
		}
	}
	return ui.Turn{State: -1}
}

func (s *soak) anyTurn(r *rand.Rand) uint64 { return s.turns[r.IntN(len(s.turns))].ID }

// item is what the open conversation is about, or any.
func (s *soak) item(r *rand.Rand) demoeval.Item {
	if n, known := s.about[s.view.open]; known {
		return s.items[n]
	}
	return s.items[r.IntN(len(s.items))]
}

// attach puts an item's pictures into the composer.
func (s *soak) attach(item demoeval.Item) {
	var paths []string
	for _, name := range item.Images {
		paths = append(paths, filepath.Join(s.set, name))
	}
	s.act.Attach(paths)
	s.until("the pictures are read", func() bool { return len(s.attachments) == len(paths) && !s.reading() })
	for _, a := range s.attachments {
		if a.Problem != nil {
			s.ledger.find("a good picture is refused: %s %+v", a.Name, a.Problem)
		}
	}
}

// send asks in the open conversation, and returns the turn.
func (s *soak) send(question string) uint64 {
	before := s.last().ID
	s.act.Send(question)
	if t := s.last(); t.ID == before || t.Question != question {
		s.ledger.find("%q was sent, and is not there: %+v", question, t)
	}
	return s.last().ID
}

// begin asks the first question of a new conversation.
func (s *soak) begin(item demoeval.Item, question string) uint64 {
	s.act.NewChat()
	s.cleanComposer()
	s.attach(item)
	turn := s.send(question)
	n := slices.IndexFunc(s.items, func(i demoeval.Item) bool { return slices.Equal(i.Images, item.Images) })
	s.until("the conversation has its place", func() bool { return s.view.open != 0 })
	s.about[s.view.open] = n
	return turn
}

// ask is the same, and waits for the answer.
func (s *soak) ask(item demoeval.Item, question string) uint64 {
	turn := s.begin(item, question)
	s.idle()
	return turn
}

func (s *soak) newQuestion(r *rand.Rand) uint64 {
	item := s.items[r.IntN(len(s.items))]
	return s.begin(item, item.Turns[0].Question)
}

// followUp asks the item's next question, or any of them.
func (s *soak) followUp(r *rand.Rand) uint64 {
	item := s.item(r)
	n := len(s.turns)
	if n >= len(item.Turns) {
		n = r.IntN(len(item.Turns))
	}
	return s.send(item.Turns[n].Question)
}

// something begins any kind of answer.
func (s *soak) something(r *rand.Rand) {
	switch can := s.view.open != 0 && len(s.turns) > 0 && len(s.turns) < mostTurns; {
	case can && r.IntN(3) == 0:
		s.followUp(r)
	case can && r.IntN(3) == 0:
		s.act.Retry(s.anyTurn(r))
	default:
		s.newQuestion(r)
	}
}

// edit asks another question in the place of one, in a copy of the conversation.
func (s *soak) edit(r *rand.Rand) {
	item, n := s.item(r), s.about[s.view.open]
	_, known := s.about[s.view.open]
	question := item.Turns[r.IntN(len(item.Turns))].Question
	from, id := s.view.open, s.anyTurn(r)
	s.act.Branch(id, question)
	s.until("the copy is there", func() bool {
		return s.view.open != 0 && s.view.open != from && s.last().Question == question
	})
	if known {
		s.about[s.view.open] = n
	}
}

// goOn continues an answer that was cut off, where there is one.
func (s *soak) goOn(r *rand.Rand) {
	for _, t := range s.turns {
		if t.CanContinue {
			s.act.Continue(t.ID)
			return
		}
	}
	s.did["continue: nothing to"]++
	s.followUp(r)
}

// moment waits for one: at once, in a phase, or after a while that answers take.
func (s *soak) moment(r *rand.Rand) {
	in := func(phase string) {
		s.loop.within(time.Second, func() bool { return s.ledger.now() == phase || s.ledger.open() == 0 })
	}
	switch r.IntN(7) {
	case 0:
	case 1:
		in("start")
	case 2:
		in("encode")
	case 3:
		in("prompt")
	case 4:
		in("answer")
	default:
		s.pause(time.Duration(r.Int64N(int64(80 * time.Millisecond))))
	}
}

func (s *soak) cancel(r *rand.Rand) {
	s.something(r)
	s.moment(r)
	s.act.Cancel()
}

// several asks questions one right after the other, and takes one back or cancels.
func (s *soak) several(r *rand.Rand) {
	for range 2 + r.IntN(2) {
		s.followUp(r)
	}
	s.moment(r)
	switch n := len(s.queue); {
	case n > 0 && r.IntN(2) == 0:
		s.act.Unqueue(s.queue[r.IntN(n)].ID)
	case r.IntN(2) == 0:
		s.act.Cancel()
	}
}

// show opens a conversation.
func (s *soak) show(id int64) {
	s.act.OpenConversation(id, 0)
	s.until(fmt.Sprintf("conversation %d is open", id), func() bool { return s.view.open == id && len(s.turns) > 0 })
}

// comeBack opens an earlier conversation and mostly asks something there.
func (s *soak) comeBack(r *rand.Rand) {
	if len(s.conversations) == 0 {
		s.newQuestion(r)
		return
	}
	s.show(s.conversations[r.IntN(len(s.conversations))].ID)
	switch full := len(s.turns) >= mostTurns; {
	case r.IntN(4) == 0:
	case full || r.IntN(3) == 0:
		s.act.Retry(s.anyTurn(r))
	default:
		s.followUp(r)
	}
}

// leave goes elsewhere while a question is answered, maybe asks there, and comes back.
func (s *soak) leave(r *rand.Rand) {
	s.newQuestion(r)
	from := s.view.open
	s.moment(r)
	if r.IntN(2) == 0 {
		s.newQuestion(r)
	} else {
		s.act.NewChat()
	}
	s.moment(r)
	s.show(from)
}

func (s *soak) sample(r *rand.Rand) {
	n := r.IntN(len(s.samples))
	s.act.NewChat()
	s.act.Sample(n)
	s.until("the sample is read", func() bool { return len(s.attachments) == 1 && !s.reading() })
	s.send(s.samples[n].Question)
	s.until("the conversation has its place", func() bool { return s.view.open != 0 })
}

// dropBad drops what is no picture: each is refused with a sentence, and the question is not sent.
func (s *soak) dropBad(r *rand.Rand) {
	s.act.NewChat()
	s.cleanComposer()
	paths := slices.Clone(s.bad)
	r.Shuffle(len(paths), func(i, j int) { paths[i], paths[j] = paths[j], paths[i] })
	paths = paths[:1+r.IntN(len(paths))]
	s.act.Attach(paths)
	s.until("the files are looked at", func() bool { return len(s.attachments) == len(paths) && !s.reading() })
	for _, a := range s.attachments {
		if a.Problem == nil || a.Problem.Title == "" || a.Problem.Text == "" {
			s.ledger.find("%s is taken for a picture: %+v", a.Name, a.Problem)
		}
	}
	s.act.Send("What is this?")
	if len(s.turns) != 0 || s.ledger.open() != 0 {
		s.ledger.find("a question about what is no picture was sent")
	}
}

// dropVanishing drops a file that is gone a moment later: it is read or refused.
func (s *soak) dropVanishing(r *rand.Rand) {
	s.act.NewChat()
	s.cleanComposer()
	item := s.items[r.IntN(len(s.items))]
	for len(item.Images) == 0 { // there are conversations without
		item = s.items[r.IntN(len(s.items))]
	}
	from := filepath.Join(s.set, item.Images[0])
	data, err := os.ReadFile(from)
	s.must(err)
	path := s.path("drops/vanishes" + filepath.Ext(from))
	s.must(os.WriteFile(path, data, 0o600))
	s.act.Attach([]string{path})
	if r.IntN(2) == 0 {
		s.pause(time.Duration(r.Int64N(int64(4 * time.Millisecond))))
	}
	s.must(os.Remove(path))
	s.until("the file is looked at", func() bool { return len(s.attachments) == 1 && !s.reading() })
	if s.attachments[0].Problem != nil {
		s.did["drop what vanishes: refused"]++
		return
	}
	s.send(item.Turns[0].Question)
	s.until("the conversation has its place", func() bool { return s.view.open != 0 })
}

// cleanComposer takes everything out of the composer.
func (s *soak) cleanComposer() {
	for len(s.attachments) > 0 {
		s.act.Detach(s.attachments[0].ID)
	}
	s.act.Edited("")
}

// delete deletes the open conversation, and takes that back half the time.
func (s *soak) delete(r *rand.Rand) {
	id := s.view.open
	n, known := s.about[id]
	s.remove(id)
	if r.IntN(2) == 0 {
		return
	}
	s.until("the deletion can be taken back", func() bool { return s.offer != nil })
	s.offer()
	s.until("the conversation is back", func() bool { return s.view.open == id && len(s.turns) > 0 })
	if known {
		s.about[id] = n
	}
}

// deleteFrom deletes questions, but not the first.
func (s *soak) deleteFrom(r *rand.Rand) {
	if len(s.turns) < 2 {
		s.followUp(r)
		return
	}
	n := 1 + r.IntN(len(s.turns)-1)
	id := s.turns[n].ID
	s.act.DeleteFrom(id)
	s.until("the questions are deleted", func() bool { return len(s.turns) == n })
	s.followUp(r)
}

// pick shows another answer, and asks what builds on it.
func (s *soak) pick(r *rand.Rand) {
	for _, t := range s.turns {
		if t.Versions > 1 {
			s.act.PickAnswer(t.ID, 1+r.IntN(t.Versions))
			s.followUp(r)
			return
		}
	}
	s.act.Retry(s.anyTurn(r))
}

func (s *soak) search(r *rand.Rand) {
	s.act.Search("what")
	s.act.Search("what is")
	s.pause(10 * time.Millisecond)
	s.act.Search("")
}

// free does what the memory menu offers, and waits until it says what came of it.
func (s *soak) free(what ui.MemoryAction) {
	s.freeSoon(what)()
}

// freeSoon does not wait; what it returns does.
func (s *soak) freeSoon(what ui.MemoryAction) (wait func()) {
	notes := s.notes + 1
	if s.busy { // it says so first
		notes++
	}
	s.act.Memory(what)
	return func() {
		s.until("it says what memory came back", func() bool { return s.notes >= notes })
		if what == ui.MemoryUnload {
			s.until("the engine is gone", func() bool { return s.status.PID == 0 || s.status.State == inference.StateReady })
		}
	}
}

func (s *soak) freeWhile(r *rand.Rand) {
	s.something(r)
	s.moment(r)
	s.act.Memory([]ui.MemoryAction{ui.MemoryForget, ui.MemoryWorking}[r.IntN(2)])
	if r.IntN(2) == 0 {
		s.act.Cancel()
	}
}

// freeAfter has working memory freed after each of a few answers.
func (s *soak) freeAfter(r *rand.Rand) {
	set := func(on bool) {
		settings := s.view.settings
		settings.FreeAfterAnswer = on
		s.act.Settings(settings)
	}
	set(true)
	s.something(r)
	s.idle()
	if s.view.open != 0 && len(s.turns) > 0 {
		s.followUp(r)
		s.idle()
	}
	set(false)
}

// cancelLoad cancels a question while the model is loaded for it.
func (s *soak) cancelLoad(r *rand.Rand) {
	s.free(ui.MemoryUnload)
	s.newQuestion(r)
	switch r.IntN(3) {
	case 0:
		s.loop.within(time.Second, func() bool { return s.status.State == inference.StateLoading })
	case 1:
		s.loop.within(time.Second, func() bool { return s.status.Load > r.Float64() || s.ledger.open() == 0 })
	default:
		s.pause(time.Duration(r.Int64N(int64(300 * time.Millisecond))))
	}
	s.act.Cancel()
}

func (s *soak) reload(r *rand.Rand) {
	if r.IntN(2) == 0 {
		s.something(r)
		s.moment(r)
	}
	s.act.Reload()
	s.until("the model is loaded", s.ready)
}

// die ends the engine while it does nothing.
func (s *soak) die() {
	pid := s.status.PID
	s.kill(syscall.SIGKILL)
	if pid != 0 {
		s.until("the engine is known to be gone", func() bool { return s.status.PID != pid })
	}
}

func (s *soak) killAtWork(r *rand.Rand) {
	s.something(r)
	s.moment(r)
	s.kill(syscall.SIGKILL)
}

// hang stops the engine, as a driver may, asks and cancels: the engine is replaced.
func (s *soak) hang(r *rand.Rand) {
	pid := s.status.PID
	if pid == 0 {
		s.newQuestion(r)
		return
	}
	s.kill(syscall.SIGSTOP)
	s.something(r)
	s.until("the question is sent", func() bool { return s.ledger.open() > 0 })
	s.moment(r)
	s.act.Cancel()
	const graces = 5 * time.Second                                                         // for an engine that takes long to load as well
	if !s.loop.within(graces, func() bool { return s.status.PID != pid && !Alive(pid) }) { // the cancel came before anything was sent
		s.did["an engine that hangs: not asked"]++
		_ = syscall.Kill(pid, syscall.SIGCONT)
	}
}

// picture of a conversation, to be compared.
func (s *soak) seen() []byte {
	var b bytes.Buffer
	for _, t := range s.turns {
		fmt.Fprintf(&b, "%q %q %d %d/%d %d\n", t.Question, t.Answer, t.State, t.Version, t.Versions, len(t.Images))
	}
	return b.Bytes()
}

func (s *soak) listed() (ids []int64) {
	for _, c := range s.conversations {
		ids = append(ids, c.ID)
	}
	return ids
}

// reopen ends the application and starts it again: everything is as it was.
func (s *soak) reopen() {
	open, seen := s.view.open, s.seen()
	s.close()
	list := s.listed()
	s.open()
	s.until("the conversations are listed", func() bool { return len(s.conversations) >= len(list) })
	if now := s.listed(); !slices.Equal(now, list) {
		s.ledger.find("the conversations were %v, and are %v", list, now)
	}
	if open == 0 {
		return
	}
	s.show(open)
	if now := s.seen(); !bytes.Equal(now, seen) {
		s.ledger.find("conversation %d was\n%s and is\n%s", open, seen, now)
	}
}

// reopenAtWork ends the application while it answers: the question is there at the next start, with what was written.
func (s *soak) reopenAtWork(r *rand.Rand) {
	s.newQuestion(r)
	s.moment(r)
	s.loop.run()
	was, open := s.last(), s.view.open
	s.close()
	s.open()
	s.show(open)
	now := s.last()
	switch {
	case now.Question != was.Question || len(now.Images) != len(was.Images) || !over(now):
		s.ledger.find("the question %+v came back as %+v", was, now)
	case over(was) && now.Answer != was.Answer || len(now.Answer) < len(was.Answer):
		s.ledger.find("the answer %q came back as %q", was.Answer, now.Answer)
	}
	s.did["close at work: "+map[bool]string{true: "it was over", false: "interrupted"}[over(was)]]++
	if now.CanContinue && r.IntN(2) == 0 {
		s.act.Continue(now.ID)
	} else if r.IntN(2) == 0 {
		s.act.Retry(now.ID)
	}
}
