package app

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"galago/inference"
	"galago/inference/protocol"
)

func TestStreamLosesNothingAndWaitsOnce(t *testing.T) {
	var pending []func()
	var got []inference.Event
	s := &stream{do: func(f func()) { pending = append(pending, f) }, handle: func(e []inference.Event) { got = append(got, e...) }}
	progress := func(n int) inference.Event {
		return inference.Event{Kind: inference.Progress, Progress: protocol.Progress{Done: n}}
	}
	for _, e := range []inference.Event{
		{Kind: inference.Queued, Position: 2},
		{Kind: inference.Queued, Position: 1},
		started,
		progress(1), progress(2),
		{Kind: inference.Reused},
		progress(3), delta("a"), delta("b"), done,
	} {
		s.put(e)
	}
	if len(pending) != 1 {
		t.Fatalf("%d flushes wait", len(pending))
	}
	pending[0]()
	if len(got) != 7 || got[0].Position != 1 || got[2].Progress.Done != 2 || got[5].Text != "ab" || got[6].Kind != inference.Done {
		t.Errorf("%+v", got)
	}
	s.put(delta("late"))
	if len(pending) != 2 {
		t.Error("no flush after a flush")
	}
}

func TestStreamFromAnotherGoroutine(t *testing.T) {
	main := make(chan func(), 10)
	var text strings.Builder
	over := false
	s := &stream{do: func(f func()) { main <- f }, handle: func(events []inference.Event) {
		for _, e := range events {
			text.WriteString(e.Text)
			over = over || e.Terminal()
		}
	}}
	const n = 10_000
	var wait sync.WaitGroup
	wait.Go(func() {
		for range n {
			s.put(delta("x"))
		}
		s.put(done)
	})
	for !over {
		(<-main)()
	}
	wait.Wait()
	if text.Len() != n {
		t.Errorf("%d of %d characters came", text.Len(), n)
	}
}

func TestLatest(t *testing.T) {
	var pending []func()
	var got []int
	l := &latest[int]{do: func(f func()) { pending = append(pending, f) }, handle: func(n int) { got = append(got, n) }}
	for i := range 5 {
		l.put(i)
	}
	for _, f := range pending {
		f()
	}
	l.put(9)
	pending[len(pending)-1]()
	if fmt.Sprint(got) != "[4 9]" {
		t.Errorf("%v", got)
	}
}
