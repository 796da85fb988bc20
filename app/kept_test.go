package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"galago/app/chat/store"
	"galago/inference"
	"galago/inference/protocol"
	"galago/inference/statecache"
	"galago/ui"
)

// keeping is a bench whose conversations are kept in a folder. What is to happen later happens when the test says so.
type keeping struct {
	*bench
	dir   string
	clock time.Time
	soon  []func()
}

func keepingIn(t testing.TB, dir string) *keeping {
	k := &keeping{bench: newBenchAt(t, filepath.Join(t.TempDir(), "settings.json")), dir: dir, clock: time.Now()}
	k.openStore = func() (*store.Store, error) { return store.Open(dir) }
	k.now = func() time.Time {
		k.clock = k.clock.Add(time.Second) // so that no two things happen at once
		return k.clock
	}
	k.later = func(d time.Duration, f func()) {
		if d > time.Second {
			t.Errorf("an answer is to be saved after %v", d)
		}
		k.soon = append(k.soon, f)
	}
	k.start()
	k.tell(k.ready())
	t.Cleanup(k.Close)
	return k
}

func newKeeping(t testing.TB) *keeping {
	k := keepingIn(t, filepath.Join(t.TempDir(), "conversations"))
	k.opened()
	return k
}

func (k *keeping) opened() {
	k.t.Helper()
	k.until("the store is open", func() bool { return k.store != nil })
}

// pass lets the time come that something waits for.
func (k *keeping) pass() {
	for _, f := range k.soon {
		f()
	}
	k.soon = nil
	k.settle()
}

// settle waits until all that was pushed is written down or has failed, and the list is read.
func (k *keeping) settle() {
	k.t.Helper()
	if k.journal == nil {
		return
	}
	reached := false
	k.journal.push(&step{tried: func(error) { reached = true }})
	k.until("the journal is done", func() bool { return reached })
	k.until("the list is read", func() bool { return !k.listing.reading })
}

// ask asks and waits until the question is with the service. It is the n-th request.
func (k *keeping) ask(n int, text string) {
	k.t.Helper()
	k.Send(text)
	k.submitted(n)
}

func (k *keeping) submitted(n int) {
	k.t.Helper()
	k.until(fmt.Sprintf("request %d is submitted", n), func() bool { return len(k.client.requests) > n })
}

// answer asks and lets the model answer.
func (k *keeping) answer(n int, question, answer string) {
	k.t.Helper()
	k.ask(n, question)
	k.say(n, started, delta(answer), done)
	k.settle()
}

// load is a conversation as it is on the disk.
func (k *keeping) load(id int64) []store.Turn {
	k.t.Helper()
	c, err := k.store.Load(id)
	if err != nil {
		k.t.Fatal(err)
	}
	return c.Turns
}

func (k *keeping) openAt(id, turn int64) {
	k.t.Helper()
	k.OpenConversation(id, turn)
	k.until("the conversation is open", func() bool { return k.stored == id && k.view.open == id })
}

func titles(list []ui.Conversation) string {
	var s []string
	for _, c := range list {
		s = append(s, c.Title)
		if c.Busy {
			s[len(s)-1] += "*"
		}
	}
	return strings.Join(s, "|")
}

func TestAQuestionIsOnTheDiskBeforeItIsAsked(t *testing.T) {
	k := newKeeping(t)
	picture := pngOf(t, 64, 48)
	var onDisk []store.Turn
	k.client.submit = func(inference.Request) {
		list, err := k.store.Conversations(10, store.Cursor{})
		if err != nil || len(list) == 0 {
			t.Fatalf("%v, %v", list, err)
		}
		onDisk = k.load(list[0].ID)
	}
	k.AttachImage("a.png", picture)
	k.attached()
	k.ask(0, "What is this?")
	if len(onDisk) != 1 || onDisk[0].Question != "What is this?" || onDisk[0].Answer.State != store.Waiting || len(onDisk[0].Pictures) != 1 {
		t.Fatalf("when it was submitted the disk had %+v", onDisk)
	}
	p := onDisk[0].Pictures[0]
	if data, err := k.store.Picture(p.Hash); err != nil || string(data) != string(picture) || p.Name != "a.png" || p.Width != 64 || p.Height != 48 {
		t.Errorf("its picture is %+v, %v", p, err)
	}
	if n := len(k.request(0).Messages[0].Images); n != 1 {
		t.Errorf("asked with %d pictures", n)
	}
	k.say(0, started, delta("A circle."), done)

	k.ask(1, "Its colour?")
	if len(onDisk) != 2 || onDisk[1].Question != "Its colour?" || onDisk[0].Answer.Text != "A circle." || onDisk[0].Answer.State != store.Done {
		t.Errorf("at the second question the disk had %+v", onDisk)
	}
	if m := k.request(1).Messages; len(m) != 3 || len(m[0].Images) != 1 || m[0].Images[0].RGBA == nil {
		t.Errorf("the second question reads %+v", m)
	}
	k.say(1, delta("Red."), done)
	k.Retry(k.view.turn(1).ID)
	k.submitted(2)
	if len(onDisk) != 2 || onDisk[1].Answer.State != store.Waiting || len(onDisk[1].Earlier) != 1 {
		t.Errorf("at the retry the disk had %+v", onDisk)
	}
	k.say(2, delta("Da"), cancelled)
	k.Continue(k.view.turn(1).ID)
	k.submitted(3)
	if a := onDisk[1].Answer; a.State != store.Waiting || a.Text != "Da" {
		t.Errorf("when it went on the disk had %+v", a)
	}
}

func TestAnAnswerIsSavedAsItGrows(t *testing.T) {
	k := newKeeping(t)
	k.ask(0, "q")
	k.settle()
	k.say(0, started, delta("one "), delta("two "))
	k.say(0, delta("three "))
	if len(k.soon) != 1 {
		t.Fatalf("%d saves wait for their time", len(k.soon))
	}
	k.pass()
	if a := k.load(k.stored)[0].Answer; a.Text != "one two three " || a.State != store.Streaming {
		t.Errorf("on the disk is %+v", a)
	}
	k.say(0, delta("four"))
	k.pass()
	if a := k.load(k.stored)[0].Answer; a.Text != "one two three four" {
		t.Errorf("on the disk is %+v", a)
	}
	k.say(0, delta("."), done)
	k.settle() // without waiting for any time
	a := k.load(k.stored)[0].Answer
	if a.Text != "one two three four." || a.State != store.Done || len(a.Figures) != 4 || a.Ended.IsZero() || a.Model == "" {
		t.Errorf("at the end on the disk is %+v", a)
	}
	k.pass() // what was to be saved then is
	if a := k.load(k.stored)[0].Answer; a.State != store.Done {
		t.Errorf("afterwards %+v", a)
	}
}

func TestWhatWasSaidIsThereAtTheNextStart(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "first", "<think>hm</think>one")
	k.NewChat()
	k.ask(1, "second")
	k.say(1, started, delta("half of it"))
	k.Send("third")
	k.settle()
	k.Close() // without waiting for the time to save

	again := keepingIn(t, k.dir)
	again.until("the interrupted conversation is open", func() bool { return len(again.view.turns) == 2 })
	again.settle()
	if got := titles(again.view.conversations); got != "second|first" {
		t.Errorf("the list is %q", got)
	}
	half, third := again.view.turn(0), again.view.turn(1)
	if half.State != ui.TurnInterrupted || half.Answer != "half of it" || !half.CanContinue || third.State != ui.TurnInterrupted || third.CanContinue {
		t.Errorf("it came back as %+v and %+v", half, third)
	}
	if !strings.Contains(strings.Join(again.view.notes, " "), "2 answers were interrupted") {
		t.Errorf("the person hears %q", again.view.notes)
	}
	again.Continue(half.ID)
	again.submitted(0)
	if r := again.request(0); !r.Continue || text(r) != "second|half of it" || r.Messages[1].Role != "assistant" {
		t.Errorf("it goes on with %+v", r.Request)
	}
	again.say(0, delta(", and the rest"), done)
	if got := again.view.turn(0); got.Answer != "half of it, and the rest" || got.State != ui.TurnDone || got.Versions > 1 {
		t.Errorf("it ended as %+v", got)
	}
	again.Retry(third.ID)
	again.submitted(1)
	if got := text(again.request(1)); got != "second|half of it, and the rest|third" {
		t.Errorf("retry reads %q", got)
	}
	again.openAt(again.view.conversations[1].ID, 0)
	first := again.view.turn(0)
	if first.Answer != "one" || first.Thinking != "hm" || len(first.Figures) != 4 || first.ThoughtFor == "" {
		t.Errorf("the first conversation came back as %+v", first)
	}
}

func TestAConversationGoesOnInTheBackground(t *testing.T) {
	k := newKeeping(t)
	k.ask(0, "long")
	k.settle()
	k.say(0, started, delta("once "))
	k.Send("waits")
	k.settle()
	k.Edited("a draft")
	long := k.stored
	k.NewChat()
	if k.view.busy || len(k.view.queue) != 0 || len(k.view.turns) != 0 || k.view.composer != "" || k.view.open != 0 {
		t.Errorf("the new chat is not empty: %+v", k.view)
	}
	if got := titles(k.view.conversations); got != "long*" {
		t.Errorf("the list is %q", got)
	}
	k.ask(1, "short")
	k.settle()
	short := k.stored
	k.say(0, delta("upon "), delta("a time"))
	k.pass()
	if got := k.load(long)[0].Answer.Text; got != "once upon a time" {
		t.Errorf("in the background %q was saved", got)
	}
	if len(k.view.turns) != 1 || k.view.turn(0).Question != "short" {
		t.Errorf("the window shows %+v", k.view.turns)
	}
	k.openAt(long, 0)
	if got := k.view.turn(0); got.State != ui.TurnStreaming || got.Answer != "once upon a time" || !k.view.busy || len(k.view.queue) != 1 {
		t.Errorf("coming back shows %+v, %d wait", got, len(k.view.queue))
	}
	if k.view.composer != "a draft" {
		t.Errorf("the draft is %q", k.view.composer)
	}
	k.say(0, delta("."))
	if got := k.view.turn(0).Answer; got != "once upon a time." {
		t.Errorf("it does not go on: %q", got)
	}
	k.openAt(short, 0)
	k.say(0, done)
	k.submitted(2)
	if got := text(k.request(2)); got != "long|once upon a time.|waits" {
		t.Errorf("what waits reads %q", got)
	}
	k.say(2, delta("done"), done)
	k.say(1, delta("done too"), done)
	k.settle()
	if got := titles(k.view.conversations); strings.Contains(got, "*") || len(k.background) != 0 {
		t.Errorf("at the end the list is %q, %d are in the background", got, len(k.background))
	}
	if turns := k.load(long); turns[1].Answer.Text != "done" || k.load(short)[0].Answer.Text != "done too" {
		t.Errorf("on the disk: %+v", turns)
	}
}

func TestAnswersToOneQuestion(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "q", "one")
	id := k.view.turn(0).ID
	k.Retry(id)
	k.submitted(1)
	k.say(1, delta("two"), done)
	k.Retry(id)
	k.submitted(2)
	k.say(2, delta("three"), done)
	shows := func(answer string, version int) {
		t.Helper()
		if got := k.view.turn(0); got.Answer != answer || got.Version != version || got.Versions != 3 {
			t.Errorf("shows %q, %d of %d; want %q, %d of 3", got.Answer, got.Version, got.Versions, answer, version)
		}
	}
	shows("three", 3)
	for _, version := range []int{1, 3, 2, 1} {
		k.PickAnswer(id, version)
		shows([]string{"one", "two", "three"}[version-1], version)
	}
	k.PickAnswer(id, 7)
	shows("one", 1)
	k.ask(3, "next")
	if got := text(k.request(3)); got != "q|one|next" {
		t.Errorf("what follows reads %q", got)
	}
	k.say(3, done)
	k.settle()
	conversation := k.stored
	k.NewChat()
	k.openAt(conversation, 0)
	shows("one", 1)
	k.PickAnswer(k.view.turn(0).ID, 2)
	shows("two", 2)
}

func TestCopyLeavesThoughtsOut(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "q", "<think>hm</think>A **red** circle.")
	id := k.view.turn(0).ID
	if k.Copy(id); k.clip != "A red circle." {
		t.Errorf("copied as text: %q", k.clip)
	}
	if k.CopyMarkdown(id); k.clip != "A **red** circle." {
		t.Errorf("copied as Markdown: %q", k.clip)
	}
}

func TestDeleteFromAndUndo(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "one", "1")
	k.answer(1, "two", "2")
	k.ask(2, "three")
	k.Send("four")
	k.settle()
	k.DeleteFrom(k.view.turn(1).ID)
	k.settle()
	if len(k.view.turns) != 1 || k.view.busy || len(k.view.queue) != 0 || k.request(2).ctx.Err() == nil || len(k.load(k.stored)) != 1 {
		t.Fatalf("left: %+v", k.view.turns)
	}
	k.ask(3, "five")
	k.say(3, delta("5"), done)
	k.view.offer()
	k.settle()
	var shown []string
	for _, u := range k.view.turns {
		shown = append(shown, u.Question+u.Answer)
	}
	if got := strings.Join(shown, " "); got != "one1 two2 three four five5" || k.view.turn(2).State != ui.TurnCancelled {
		t.Errorf("after Undo %q, %+v", got, k.view.turn(2))
	}
	conversation := k.stored
	k.Retry(k.view.turn(2).ID)
	k.submitted(4)
	k.say(4, delta("3"), done)
	k.settle()
	k.NewChat()
	k.openAt(conversation, 0)
	shown = nil
	for _, u := range k.view.turns {
		shown = append(shown, u.Question+u.Answer)
	}
	if got := strings.Join(shown, " "); got != "one1 two2 three3 four five5" {
		t.Errorf("on the disk %q", got)
	}
}

func TestUndoOfDeleteFromAfterAnotherVisit(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "one", "1")
	k.answer(1, "two", "2")
	conversation := k.stored
	k.DeleteFrom(k.view.turn(1).ID)
	undo := k.view.offer
	k.settle()
	k.NewChat()
	k.openAt(conversation, 0)
	undo()
	k.settle()
	if len(k.view.turns) != 2 || len(k.load(conversation)) != 2 {
		t.Fatalf("%+v", k.view.turns)
	}
	k.Retry(k.view.turn(1).ID) // it is known under its number
	k.submitted(2)
	k.settle()
	if got := k.load(conversation)[1]; len(got.Earlier) != 1 {
		t.Errorf("on the disk %+v", got)
	}
}

func TestBranch(t *testing.T) {
	k := newKeeping(t)
	k.AttachImage("a.png", pngOf(t, 64, 48))
	k.attached()
	k.answer(0, "one", "1")
	k.AttachImage("b.png", pngOf(t, 32, 32))
	k.attached()
	k.answer(1, "two", "2")
	from := k.stored
	k.Branch(k.view.turn(1).ID, "other")
	k.submitted(2)
	if got := text(k.request(2)); got != "one|1|other" {
		t.Errorf("the branch reads %q", got)
	}
	if m := k.request(2).Messages; len(m[0].Images) != 1 || len(m[2].Images) != 1 || m[2].Images[0].Name != "b.png" || m[2].Images[0].RGBA == nil {
		t.Errorf("with pictures %+v", m)
	}
	k.say(2, delta("3"), done)
	k.settle()
	if k.stored == from || len(k.load(from)) != 2 || len(k.load(k.stored)) != 2 || k.load(k.stored)[1].Question != "other" {
		t.Errorf("on the disk %+v", k.load(k.stored))
	}
	// Of the first question: nothing is before it, and its title is its own.
	k.Branch(k.view.turn(0).ID, "quite another")
	k.submitted(3)
	k.settle()
	if got := text(k.request(3)); got != "quite another" || len(k.request(3).Messages[0].Images) != 1 {
		t.Errorf("the second branch reads %q", got)
	}
	if got := titles(k.view.conversations); got != "quite another*|one|one" {
		t.Errorf("the list is %q", got)
	}
}

func TestTheSidebarsWishes(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "apples", "red fruit")
	apples := k.stored
	k.NewChat()
	k.answer(1, "pears", "green fruit")
	pears := k.stored
	k.RenameConversation(apples, " Fruit of autumn ")
	k.settle()
	if got := titles(k.view.conversations); got != "pears|Fruit of autumn" {
		t.Errorf("renamed: %q", got)
	}
	k.RenameConversation(apples, "")
	k.settle()
	k.DuplicateConversation(apples)
	k.until("the copy is open", func() bool { return k.view.open != pears && k.view.open != 0 })
	k.settle()
	if got := titles(k.view.conversations); got != "apples|pears|apples" || k.view.turn(0).Answer != "red fruit" {
		t.Errorf("duplicated: %q", got)
	}
	copied := k.stored
	k.DeleteConversation(copied)
	k.settle()
	k.settle()
	if got := titles(k.view.conversations); got != "pears|apples" || k.view.open != 0 || len(k.view.turns) != 0 {
		t.Errorf("deleted: %q, open %d", got, k.view.open)
	}
	k.view.offer()
	k.until("it is open again", func() bool { return k.view.open == copied })
	k.settle()
	if got := titles(k.view.conversations); got != "apples|pears|apples" || len(k.view.turns) != 1 {
		t.Errorf("brought back: %q", got)
	}
	k.Search("gre")
	k.until("something is found", func() bool { return k.view.query == "gre" })
	if h := k.view.hits; len(h) != 1 || h[0].ID != pears || h[0].Turn == 0 || !slices.Contains(h[0].Text, ui.Part{Text: "green", Found: true}) {
		t.Fatalf("found %+v", k.view.hits)
	}
	k.openAt(pears, k.view.hits[0].Turn)
	if k.view.scrolled != k.view.turn(0).ID {
		t.Errorf("scrolled to %d", k.view.scrolled)
	}
	k.Search(" ")
	if k.view.query != "" || k.view.hits != nil {
		t.Errorf("the search did not end: %q", k.view.query)
	}
	k.OpenConversation(999, 0)
	k.until("that is told", func() bool { return strings.Contains(k.view.note(), "no longer there") })
	k.Sidebar(false)
	k.keeper.wait()
	next := newBenchAt(t, k.bench.settings)
	next.start()
	if next.view.sidebar {
		t.Error("the sidebar is shown again at the next start")
	}
}

// A conversation that comes from the disk after a question was asked does not hide the question.
func TestAConversationThatComesTooLate(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "apples", "red")
	apples := k.stored
	k.NewChat()
	k.OpenConversation(apples, 0)
	k.ask(1, "pears")
	k.say(1, started, delta("green"), done)
	k.settle()
	if k.stored == apples || len(k.view.turns) != 1 || k.view.turn(0).Question != "pears" {
		t.Errorf("open is %d with %d turns", k.stored, len(k.view.turns))
	}
}

// Pictures are encoded while the person types; what is taken out of the composer is not, and what is asked about goes on.
func TestLookingAhead(t *testing.T) {
	k := newKeeping(t)
	k.AttachImage("a.png", pngOf(t, 64, 48))
	k.attached()
	k.AttachImage("b.png", pngOf(t, 48, 64))
	k.attached()
	looks := k.client.looks
	if len(looks) < 2 || len(looks[len(looks)-1].pictures) != 2 || looks[0].ctx.Err() == nil {
		t.Fatalf("with two pictures: %+v", looks)
	}
	k.Detach(k.attachments[0].id)
	looks = k.client.looks
	last := looks[len(looks)-1]
	if len(last.pictures) != 1 || looks[len(looks)-2].ctx.Err() == nil {
		t.Fatalf("with one taken out: %+v", looks)
	}
	k.ask(0, "What is this?")
	if last.ctx.Err() != nil || k.request(0).Messages[0].Images[0] != last.pictures[0] {
		t.Errorf("asked about it: %v, %+v", last.ctx.Err(), k.request(0).Messages[0].Images[0])
	}
	k.say(0, started, delta("a picture"), done)
	n := len(k.client.looks)
	k.Controller.settings.LookOnSend = true
	k.AttachImage("c.png", pngOf(t, 32, 32))
	k.attached()
	if len(k.client.looks) != n {
		t.Error("it looks ahead although the settings say otherwise")
	}
}

func TestOnlyTheLastSearchIsShown(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "apples", "red")
	for _, query := range []string{"a", "ap", "app", "appl", "apple", "apples"} {
		k.Search(query)
	}
	k.until("something is found", func() bool { return k.view.query != "" })
	if k.view.query != "apples" || len(k.view.hits) != 1 {
		t.Errorf("shown is %q with %+v", k.view.query, k.view.hits)
	}
}

func TestDeletingWhatRuns(t *testing.T) {
	k := newKeeping(t)
	k.ask(0, "runs")
	k.Send("waits")
	k.say(0, delta("half"))
	k.settle()
	id := k.stored
	k.DeleteConversation(id)
	k.settle()
	if k.request(0).ctx.Err() == nil {
		t.Fatal("it goes on")
	}
	k.say(0, cancelled)
	k.settle()
	if len(k.background) != 0 || len(k.client.requests) != 1 {
		t.Errorf("%d in the background, %d requests", len(k.background), len(k.client.requests))
	}
	k.view.offer()
	k.until("it is open again", func() bool { return k.view.open == id })
	if a, b := k.view.turn(0), k.view.turn(1); a.State != ui.TurnCancelled || a.Answer != "half" || b.State != ui.TurnCancelled {
		t.Errorf("it came back as %+v and %+v", a, b)
	}
}

func TestPicturesComeFromTheStoreWhenTheyAreWanted(t *testing.T) {
	k := newKeeping(t)
	k.AttachImage("a.png", pngOf(t, 1440, 1080))
	k.attached()
	k.answer(0, "What?", "That.")
	id := k.stored
	k.NewChat()
	k.album.clear()
	k.openAt(id, 0)
	u := k.view.turn(0)
	if p, is := u.Images[0].(ui.Placeholder); !is || p != (ui.Placeholder{Width: 720, Height: 540}) {
		t.Fatalf("at first it is %T %v", u.Images[0], u.Images[0].Bounds())
	}
	if k.conv.Turns[0].Images[0].Held() {
		t.Error("its pixels are in memory")
	}
	k.Seen([]uint64{u.ID})
	k.until("the thumbnail comes", func() bool { return !isPlaceholder(k.view.turn(0).Images[0]) })
	if b := k.view.turn(0).Images[0].Bounds(); b.Dx() != 720 || b.Dy() != 540 {
		t.Errorf("it is %v large", b)
	}
	k.OpenImage(u.ID, 0)
	k.until("it is opened", func() bool { return k.view.image != "" })
	if k.view.image != "a.png · 1440 × 1080" {
		t.Errorf("opened %q", k.view.image)
	}
	k.album.clear()
	k.ask(1, "And?")
	if m := k.request(1).Messages; len(m[0].Images) != 1 || m[0].Images[0].RGBA.Bounds().Dx() != 1440 {
		t.Errorf("asked with %+v", m)
	}
	k.Thumbs([]int64{id, 999})
	k.until("the sidebar has it", func() bool { return k.view.thumbs[id] != nil })
	if b := k.view.thumbs[id].Bounds(); b.Dx() != sideThumb {
		t.Errorf("in the sidebar it is %v large", b)
	}
}

func TestThumbnailsFarAwayAreDropped(t *testing.T) {
	k := newKeeping(t)
	for i := range 4 {
		k.AttachImage(fmt.Sprintf("%d.png", i), pngOf(t, 720, 720-i))
		k.attached()
		k.answer(i, "q", "a")
	}
	k.gallery.room = 2 * 720 * 720 * 4
	id := k.stored
	k.NewChat()
	k.openAt(id, 0)
	there := func(want string) {
		t.Helper()
		k.until("there are "+want, func() bool {
			got := ""
			for _, u := range k.view.turns {
				got += map[bool]string{true: "-", false: "x"}[isPlaceholder(u.Images[0])]
			}
			return got == want
		})
	}
	there("----")
	k.Seen([]uint64{k.view.turn(0).ID})
	there("x---")
	k.Seen([]uint64{k.view.turn(1).ID})
	there("xx--")
	k.Seen([]uint64{k.view.turn(0).ID, k.view.turn(3).ID})
	there("x--x")
}

func TestAPictureThatIsGoneIsLeftOut(t *testing.T) {
	k := newKeeping(t)
	k.AttachImage("a.png", pngOf(t, 64, 48))
	k.attached()
	k.answer(0, "What?", "That.")
	id := k.stored
	k.NewChat()
	k.album.clear()
	if err := os.RemoveAll(filepath.Join(k.dir, "pictures")); err != nil {
		t.Fatal(err)
	}
	k.openAt(id, 0)
	k.ask(1, "And?")
	if m := k.request(1).Messages; len(m) != 3 || len(m[0].Images) != 0 {
		t.Errorf("asked with %+v", m)
	}
	if n := k.view.turn(1).Notices; len(n) != 1 || n[0] != "Left out: a.png: the picture's file is no longer there." {
		t.Errorf("the turn says %q", n)
	}
}

func TestWithoutAStoreOneCanAskAllTheSame(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conversations")
	other, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	k := keepingIn(t, dir)
	k.until("that is told", func() bool { return k.view.banner != nil && k.view.banner.Problem })
	if b := k.view.banner; !strings.Contains(b.Text, "open in another window of Galago") || !strings.Contains(b.Text, "nothing is kept") || b.Label == "" {
		t.Errorf("the banner says %+v", b)
	}
	k.answer(0, "one", "1")
	k.ask(1, "two")
	if got := text(k.request(1)); got != "one|1|two" {
		t.Errorf("asked %q", got)
	}
	k.say(1, delta("2"), done)
	k.settle()

	// It is kept as soon as it can be.
	other.Close()
	k.view.banner.Do()
	k.until("all is kept", func() bool { return k.trouble == nil && k.stored != 0 })
	k.settle()
	if turns := k.load(k.stored); len(turns) != 2 || turns[0].Answer.Text != "1" || turns[1].Answer.Text != "2" || turns[1].Answer.State != store.Done {
		t.Errorf("kept is %+v", turns)
	}
	if b := k.view.banner; b == nil || b.Problem || titles(k.view.conversations) != "one" {
		t.Errorf("the banner is %+v, the list %q", b, titles(k.view.conversations))
	}
}

func TestANewerStoreIsLeftAlone(t *testing.T) {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	b.openStore = func() (*store.Store, error) { return nil, &store.NewerError{Found: 9, Known: 1} }
	b.start()
	b.tell(b.ready())
	b.until("that is told", func() bool { return b.view.banner != nil && b.view.banner.Problem })
	if !strings.Contains(b.view.banner.Text, "update Galago") {
		t.Errorf("the banner says %q", b.view.banner.Text)
	}
	b.Send("one")
	b.until("it is asked", func() bool { return len(b.client.requests) == 1 })
	b.Close()
}

// A disk that is full for a while: writing fails, and works again later.
func TestWhatCannotBeWrittenIsTriedAgain(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "before", "0")
	full := errors.New("the question could not be stored, the disk is full")
	blocked := true // belongs to the journal's goroutine, through steps
	f := k.talk.folio
	k.keep(k.talk, &step{write: func(*store.Store) error {
		if blocked {
			return full
		}
		return nil
	}})
	k.until("trouble is told", func() bool { return k.view.banner != nil && k.view.banner.Problem })
	if b := k.view.banner; b == nil || !b.Problem || !strings.Contains(b.Text, "the disk is full") || !strings.Contains(b.Text, "do not close Galago") {
		t.Fatalf("the banner says %+v", b)
	}
	k.answer(1, "meanwhile", "1")
	if n := len(k.load(k.stored)); n != 1 {
		t.Errorf("%d turns are on the disk", n)
	}
	conversation := k.stored
	k.NewChat() // it is held all the same
	k.settle()
	if len(k.background) != 1 {
		t.Errorf("%d in the background", len(k.background))
	}
	k.answer(2, "elsewhere", "2")
	if n := len(k.load(k.stored)); n != 1 {
		t.Errorf("another conversation has %d turns on the disk", n)
	}
	k.journal.push(&step{write: func(*store.Store) error { blocked = false; return nil }})
	k.journal.retry()
	k.until("all is kept", func() bool { return k.trouble == nil })
	k.settle()
	if turns := k.load(conversation); len(turns) != 2 || turns[1].Answer.Text != "1" || len(f.backlog) != 0 || len(k.background) != 0 {
		t.Errorf("kept is %+v", turns)
	}
	if k.view.note() != "Everything is kept again." {
		t.Errorf("the person hears %q", k.view.note())
	}
}

func TestADamagedStoreIsToldAndRepaired(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "one", "1")
	k.Close()
	path := filepath.Join(k.dir, "conversations.db")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(data, "no database")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	again := keepingIn(t, k.dir)
	again.until("that is told", func() bool {
		return again.view.banner != nil && strings.Contains(again.view.banner.Text, "was damaged")
	})
	again.settle()
	if got := titles(again.view.conversations); got != "one" {
		t.Errorf("the list is %q", got)
	}
	again.view.banner.Do()
	if b := again.view.banner; b == nil || strings.Contains(b.Text, "damaged") {
		t.Errorf("the banner stays: %+v", b)
	}
}

func TestTheEngineDiesWithTwoConversations(t *testing.T) {
	k := newKeeping(t)
	k.ask(0, "a1")
	k.Send("a2")
	k.settle()
	first := k.stored
	k.NewChat()
	k.ask(1, "b1")
	k.Send("b2")
	k.settle()
	k.say(0, started, failed(protocol.CodeWorkerDied))
	k.say(1, failed(protocol.CodeWorkerDied))
	k.submitted(3) // the engine is back already: both go on
	got := []string{text(k.request(2)), text(k.request(3))}
	slices.Sort(got)
	if !slices.Equal(got, []string{"a2", "b2"}) {
		t.Errorf("%q go on", got)
	}
	k.openAt(first, 0)
	if u := k.view.turn(0); u.State != ui.TurnFailed || u.Problem == nil {
		t.Errorf("the failed turn is %+v", u)
	}
}

func TestWhatWasDeletedLongAgoIsRemoved(t *testing.T) {
	k := newKeeping(t)
	k.AttachImage("a.png", pngOf(t, 64, 48))
	k.attached()
	k.answer(0, "one", "1")
	k.DeleteConversation(k.stored)
	k.settle()
	k.settle()
	k.Close()
	pictures := func() int {
		names, _ := filepath.Glob(filepath.Join(k.dir, "pictures", "*", "*"))
		return len(names)
	}
	soon := keepingIn(t, k.dir)
	soon.opened()
	soon.settle()
	soon.Close()
	if pictures() != 1 {
		t.Error("the picture of what was deleted a moment ago is gone")
	}
	late := &keeping{bench: newBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))}
	late.openStore = func() (*store.Store, error) { return store.Open(k.dir) }
	late.now = func() time.Time { return time.Now().Add(2 * keepDeleted) }
	late.start()
	late.opened()
	late.settle()
	late.Close()
	if pictures() != 0 {
		t.Error("the picture of what was deleted long ago is still there")
	}
}

func TestStepsOfTheJournal(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, s)
	}
	hold := make(chan struct{})
	j := (&journal{
		do:     func(f func()) { f() },
		open:   func() (*store.Store, error) { <-hold; return store.Open(t.TempDir()) },
		opened: func(*store.Store) { note("open") },
		told:   func(err error) { note(fmt.Sprint("told ", err)) },
	}).start()
	f, g := &folio{turns: map[uint64]int64{}}, &folio{turns: map[uint64]int64{}}
	save := func(f *folio, turn uint64, name string) *step {
		return &step{of: f, saves: turn, write: func(*store.Store) error { note(name); return nil }, over: func(error) { note("over " + name) }}
	}
	j.push(save(f, 1, "f1"))
	j.push(save(g, 1, "g1"))
	j.push(save(f, 1, "f1 again")) // takes the first one's place
	j.push(save(f, 2, "f2"))
	j.push(save(f, 1, "f1 late")) // not: another turn was saved in between
	j.push(&step{of: f, write: func(*store.Store) error { return store.ErrNotFound }, tried: func(err error) { note(fmt.Sprint("tried ", err)) }})
	close(hold)
	j.close(time.Minute)
	want := []string{
		"open", "f1 again", "over f1", "over f1 again", "g1", "over g1", "f2", "over f2", "f1 late", "over f1 late", "tried <nil>",
	}
	if !slices.Equal(calls, want) {
		t.Errorf("\n%q, want\n%q", calls, want)
	}
	j.push(save(f, 1, "after the end"))
	if len(j.steps) != 0 {
		t.Error("it takes steps after its end")
	}
}

// BenchmarkOpen2000 is a click on a conversation of 2,000 turns with a picture each, until the window has it: "main" is
// what of that the main goroutine does in one go.
func BenchmarkOpen2000(b *testing.B) {
	k := newKeeping(b)
	h, err := k.store.PutPicture(pngOf(b, 64, 48))
	if err != nil {
		b.Fatal(err)
	}
	id := int64(0)
	answer := strings.Repeat("Some **words** of an answer. ", 40)
	for i := range 2000 {
		turn, err := k.store.AddTurn(id, store.Question{Text: fmt.Sprint("question ", i), Pictures: []store.TurnPicture{{Hash: h, Name: "a.png", Width: 64, Height: 48}}})
		if err != nil {
			b.Fatal(err)
		}
		id = turn.Conversation
		if err := k.store.SaveAnswer(turn.ID, store.Answer{Text: answer, State: store.Done}); err != nil {
			b.Fatal(err)
		}
	}
	k.refresh()
	k.settle()
	var longest time.Duration
	for b.Loop() {
		k.NewChat()
		k.OpenConversation(id, 0)
		for k.view.open != id {
			f := <-k.main
			start := time.Now()
			f()
			longest = max(longest, time.Since(start))
		}
	}
	if len(k.view.turns) != 2000 {
		b.Fatalf("%d turns", len(k.view.turns))
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "main-ms")
}

// BenchmarkList is a question in one of 10,000 conversations, until the window has the list. "main" is the longest that
// the main goroutine was kept.
func BenchmarkList(b *testing.B) {
	k := newKeeping(b)
	for i := range 10_000 {
		k.listing.rows = append(k.listing.rows, ui.Conversation{ID: int64(10_000 - i), Title: fmt.Sprint("conversation ", i), Updated: k.clock})
	}
	var longest time.Duration
	for b.Loop() {
		k.clock = k.clock.Add(time.Second)
		e := entry{Summary: store.Summary{ID: 5000, Title: "c", Turns: 1, Updated: k.clock}}
		start := time.Now()
		k.list(e)
		longest = max(longest, time.Since(start))
	}
	b.ReportMetric(float64(longest.Microseconds())/1000, "main-ms")
}

// What the engine put aside of a conversation goes with it: at once when something of it is deleted, and at the next
// start whatever is left of conversations that are no more. Requests say which conversation they are of.
func TestPutAsideGoesWithItsConversation(t *testing.T) {
	dir, states := filepath.Join(t.TempDir(), "conversations"), t.TempDir()
	put := func(group string) {
		s := statecache.Open(states, "model", statecache.Limits{Disk: 1 << 20})
		s.Put(statecache.Entry{Group: group, ID: "talk"}, []byte("state"))
		s.Close()
	}
	left := func() (list []string) {
		s := statecache.Open(states, "model", statecache.Limits{Disk: 1 << 20})
		defer s.Close()
		for _, e := range s.Entries() {
			list = append(list, e.Group)
		}
		return list
	}
	start := func() *keeping {
		k := keepingIn(t, dir)
		k.states = states
		k.opened()
		return k
	}
	k := start()
	k.answer(0, "apples", "red")
	id, name := k.stored, k.request(0).Conversation
	if name == "" || name != stateName(id) {
		t.Errorf("the request is of conversation %q, kept as %d", name, id)
	}
	put(name)
	put("77")
	k.Close()
	k = start()
	k.settle()
	if got := left(); !slices.Equal(got, []string{name}) {
		t.Errorf("after a start there is %q", got)
	}
	k.DeleteConversation(id)
	k.settle()
	if got := left(); len(got) != 0 {
		t.Errorf("after the deletion there is %q", got)
	}
}
