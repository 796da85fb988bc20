package app

import (
	"testing"

	"galago/app/chat/store"
)

// panicking runs a program whose main goroutine panics, and returns what the panic says in the end.
func panicking(p *program) (said any) {
	defer func() { said = recover() }()
	defer p.rescue()
	panic("on purpose")
}

func TestAPanicOfTheWindowKeepsWhatWasWritten(t *testing.T) {
	k := newKeeping(t)
	k.ask(0, "count")
	k.say(0, started, delta("1 2 3 "))
	if said := panicking(&program{begun: true, controller: k.Controller}); said != "on purpose" {
		t.Errorf("the panic says %v", said)
	}
	s, err := store.Open(k.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	places := s.Interrupted()
	if len(places) != 1 {
		t.Fatalf("interrupted: %v", places)
	}
	c, err := s.Load(places[0].Conversation)
	if err != nil || len(c.Turns) != 1 || c.Turns[0].Question != "count" || c.Turns[0].Answer.Text != "1 2 3 " {
		t.Errorf("kept: %+v, %v", c.Turns, err)
	}
}

// What is broken must not hide why.
func TestARescueThatPanicsItself(t *testing.T) {
	if said := panicking(&program{begun: true}); said != "on purpose" {
		t.Errorf("the panic says %v", said)
	}
	if said := panicking(&program{}); said != "on purpose" {
		t.Errorf("before the window: the panic says %v", said)
	}
}
