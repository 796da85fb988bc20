package app

import (
	"errors"
	"testing"

	"galago/app/chat/store"
	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
)

// What stands in the composer stays with its conversation, also that of one that has no question yet; and what nothing
// is left to do with is not held in memory.
func TestDraftsStayWithTheirConversations(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "first", "one")
	first := k.stored
	k.NewChat()
	k.answer(1, "second", "two")
	second := k.stored
	k.Edited("to the second")
	k.openAt(first, 0)
	if len(k.background) != 0 {
		t.Errorf("%d conversations with which nothing is left to do are in memory", len(k.background))
	}
	k.Edited("to the first")
	k.NewChat()
	k.Edited("to a new one")
	k.AttachImage("a.png", pngOf(t, 8, 8))
	k.attached()
	k.openAt(second, 0)
	if k.view.composer != "to the second" || len(k.view.attachments) != 0 {
		t.Errorf("of the second: %q", k.view.composer)
	}
	k.NewChat()
	if k.view.composer != "to a new one" || len(k.view.attachments) != 1 {
		t.Errorf("of the new one: %q, %d pictures", k.view.composer, len(k.view.attachments))
	}
	k.openAt(first, 0)
	if k.view.composer != "to the first" || len(k.background) != 0 {
		t.Errorf("of the first: %q; %d in memory", k.view.composer, len(k.background))
	}
}

// A second "New chat" empties the composer, and gives back what was in it.
func TestDroppedDraftComesBack(t *testing.T) {
	b := newBench(t)
	b.NewChat()
	if b.view.offer != nil {
		t.Error("there was nothing to give back")
	}
	b.typed("a long question")
	b.AttachImage("a.png", pngOf(t, 8, 8))
	b.attached()
	b.NewChat()
	if b.view.composer != "" || len(b.view.attachments) != 0 {
		t.Errorf("the composer holds %q and %d pictures", b.view.composer, len(b.view.attachments))
	}
	b.typed("another")
	b.view.offer()
	if b.view.composer != "another\n\na long question" || len(b.view.attachments) != 1 {
		t.Errorf("the composer holds %q and %d pictures", b.view.composer, len(b.view.attachments))
	}
}

// News of a request that was given up are not of the one that came after it.
func TestNewsOfAGivenUpRequest(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "first", "one")
	k.ask(1, "second")
	k.say(1, started, delta("old"))
	id := k.view.turn(1).ID
	k.DeleteFrom(id)
	k.view.offer()
	k.settle()
	k.Retry(id)
	k.submitted(2)
	k.say(2, started, delta("new"))
	k.say(1, delta(" words"), cancelled)
	if got := k.view.turn(1); got.Answer != "new" || got.State != ui.TurnStreaming {
		t.Errorf("the answer is %q, %v", got.Answer, got.State)
	}
	k.say(2, done)
	k.settle()
	if got := k.load(k.stored)[1].Answer; got.Text != "new" {
		t.Errorf("%+v is kept", got)
	}
}

// A branch that cannot be made leaves both texts.
func TestBranchThatFails(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "first", "one")
	k.answer(1, "second", "two")
	k.Edited("a draft")
	k.store.Close()
	k.Branch(k.view.turn(1).ID, "another")
	k.settle()
	if k.view.composer != "a draft\n\nanother" {
		t.Errorf("the composer holds %q", k.view.composer)
	}
}

// A question that is cancelled before it is submitted, while the engine is gone, keeps nobody from asking again.
func TestCancelBeforeSubmitWithADeadEngine(t *testing.T) {
	k := newKeeping(t)
	k.ask(0, "first")
	k.Send("waits")
	k.tell(k.inState(inference.StateFailed))
	k.say(0, failed("worker_died"))
	k.Retry(k.view.turn(0).ID)
	k.Cancel()
	k.submitted(1)
	if got := k.view.turn(0).State; got != ui.TurnCancelled {
		t.Errorf("cancelled is %v", got)
	}
	if got := text(k.request(1)); got != "waits" {
		t.Errorf("the next reads %q", got)
	}
	k.say(1, started, delta("it"), done)
	k.settle()
	if k.view.busy || len(k.view.queue) != 0 {
		t.Errorf("busy %v, %d wait", k.view.busy, len(k.view.queue))
	}
}

// What could not be written comes before what is done to its conversation afterwards.
func TestDeletingWhatCouldNotBeWritten(t *testing.T) {
	k := newKeeping(t)
	k.answer(0, "first", "one")
	id := k.stored
	blocked := true // belongs to the journal's goroutine, through steps
	k.keep(k.talk, &step{write: func(*store.Store) error {
		if blocked {
			return errors.New("the disk is full")
		}
		return nil
	}})
	k.answer(1, "second", "two")
	k.journal.push(&step{write: func(*store.Store) error { blocked = false; return nil }})
	k.DeleteConversation(id)
	k.settle()
	k.view.offer()
	k.settle()
	if turns := k.load(id); len(turns) != 2 || turns[1].Answer.Text != "two" {
		t.Errorf("after Undo there is %+v", turns)
	}
}

// A smaller picture is smaller also after another visit.
func TestChosenDetailIsKept(t *testing.T) {
	k := newKeeping(t)
	k.AttachImage("a.png", pngOf(t, 640, 480))
	k.attached()
	k.ask(0, "what?")
	low := inference.DetailLow
	k.say(0, inference.Event{Kind: inference.Failed, Err: &inference.Error{
		Code: protocol.CodeContextFull, Op: "answer", Choices: []inference.Choice{{Label: "smaller", Detail: &low}},
	}})
	k.view.turn(0).Problem.Choices[0].Do()
	k.submitted(1)
	k.say(1, delta("a shelf"), done)
	k.settle()
	id := k.stored
	k.NewChat()
	k.openAt(id, 0)
	if got := k.conv.Turns[0].Images[0].Detail; got != "low" {
		t.Errorf("the detail is %q", got)
	}
}
