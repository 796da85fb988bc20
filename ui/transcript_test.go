package ui

import (
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

func conversation(n int) []Turn {
	var turns []Turn
	for i := range n {
		turns = append(turns, Turn{ID: uint64(i + 1), Question: fmt.Sprintf("Question %d", i+1), Answer: sampleAnswer, State: TurnDone})
	}
	return turns
}

// A delta must reach only the widget of its turn, and there only the text's last part.
func TestStreamingTouchesOneTurn(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetTurns(conversation(20))
	turn := Turn{ID: 21, Question: "?", Answer: "First part.\n\nSecond", State: TurnStreaming}
	w.PutTurn(turn)
	tr := w.transcript
	view, above := tr.view(20), tr.view(19)
	first, old := view.answer.boxes[0], above.answer.boxes[0]
	height := view.height
	for i := range 30 {
		turn.Answer += fmt.Sprintf(" word%d", i)
		w.PutTurn(turn)
	}
	if tr.view(20) != view || tr.view(19) != above {
		t.Fatal("a turn was built anew")
	}
	if view.answer.boxes[0] != first || above.answer.boxes[0] != old {
		t.Error("a part that did not change was parsed again")
	}
	if view.height <= height {
		t.Error("the answer did not grow")
	}
	turn.State, turn.Figures = TurnDone, []string{"42 tokens/s"}
	w.PutTurn(turn)
	if !view.over() || view.figures.source != "42 tokens/s" {
		t.Error("the figures are missing")
	}
}

func TestFollowsTheEndUnlessScrolledUp(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetTurns(conversation(10))
	tr := w.transcript
	atEnd := func() bool { return tr.atEnd() }
	if !atEnd() {
		t.Fatal("a conversation does not open at its end")
	}
	turn := Turn{ID: 99, Question: "?", State: TurnStreaming}
	w.PutTurn(turn)
	grow := func() {
		for range 20 {
			turn.Answer += "\n\nanother paragraph"
			w.PutTurn(turn)
		}
	}
	grow()
	if !atEnd() {
		t.Fatal("does not follow the end")
	}
	tr.page(-0.5)
	where := tr.scroll.Offset.Y
	if tr.following || !tr.jump.Visible() {
		t.Fatal("follows although the person scrolled up")
	}
	grow()
	if tr.scroll.Offset.Y != where {
		t.Fatalf("moved from %v to %v while reading above", where, tr.scroll.Offset.Y)
	}
	test.Tap(tr.jump)
	grow()
	if !atEnd() || tr.jump.Visible() {
		t.Fatal("does not follow again")
	}
}

// Where the window changes its width, the turn that was read stays in sight.
func TestResizeKeepsThePlace(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetTurns(conversation(30))
	tr := w.transcript
	tr.page(-8)
	index, _ := tr.firstInSight()
	w.win.Resize(fyne.NewSize(600, 500))
	if now, _ := tr.firstInSight(); now != index {
		t.Fatalf("turn %d was at the top, now %d", index, now)
	}
}

func TestOnlyTurnsInSightAreInTheTree(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetTurns(conversation(200))
	if n := len(w.transcript.column.objects); n == 0 || n > 12 {
		t.Fatalf("%d of 200 turns are drawn", n)
	}
	w.transcript.page(-50)
	for _, o := range w.transcript.column.objects {
		if v := o.(*turnView); !v.shown {
			t.Fatalf("turn %d is drawn but parked", v.turn.ID)
		}
	}
}

func TestFailedTurn(t *testing.T) {
	var again []uint64
	w, _ := testWindow(t, Actions{Retry: func(id uint64) { again = append(again, id) }})
	turn := Turn{ID: 3, Question: "?", Answer: "I see a", State: TurnStreaming}
	w.PutTurn(turn)
	turn.State = TurnFailed
	turn.Problem = &Problem{Title: "The graphics card ran out of memory", Text: "212 MiB are needed.", Action: "Clear the cache.", Detail: "cudaMalloc failed"}
	w.PutTurn(turn)
	v := w.transcript.view(0)
	if v.problem == nil || v.answer.source != "I see a" {
		t.Fatal("no card, or the text so far is lost")
	}
	height := v.height
	test.Tap(v.problem.fold)
	if v.height <= height || !v.problem.detail.Visible() {
		t.Error("the details do not unfold")
	}
	test.Tap(v.problem.retry)
	if fmt.Sprint(again) != "[3]" {
		t.Errorf("retried %v", again)
	}
	turn.State, turn.Problem, turn.Answer, turn.Progress = TurnWorking, nil, "", 0.5
	w.PutTurn(turn)
	if v.problem != nil || v.bar.value != 0.5 {
		t.Error("the retry still shows the problem")
	}
}

func TestTurnActions(t *testing.T) {
	var log []string
	w, _ := testWindow(t, Actions{
		Copy:      func(id uint64) { log = append(log, fmt.Sprint("copy ", id)) },
		Retry:     func(id uint64) { log = append(log, fmt.Sprint("retry ", id)) },
		OpenImage: func(id uint64, i int) { log = append(log, fmt.Sprint("open ", id, " ", i)) },
		Sample:    func(i int) { log = append(log, fmt.Sprint("sample ", i)) },
	})
	w.SetSamples([]Sample{{Caption: "a"}, {Caption: "b", Image: flat(20, 10, rgb(0x113355))}})
	if !w.transcript.greet.Visible() {
		t.Fatal("no greeting")
	}
	test.Tap(w.transcript.empty.cards[1])
	w.PutTurn(Turn{ID: 4, Question: "?", Answer: "!", State: TurnDone, Images: []image.Image{flat(30, 20, rgb(1)), flat(20, 30, rgb(2))}})
	if w.transcript.greet.Visible() {
		t.Fatal("the greeting stays")
	}
	v := w.transcript.view(0)
	test.Tap(v.copyBtn)
	test.Tap(v.again)
	test.Tap(v.pictures[1])
	v.pictures[0].TypedKey(key(fyne.KeyReturn))
	if got := strings.Join(log, ", "); got != "sample 1, copy 4, retry 4, open 4 1, open 4 0" {
		t.Error(got)
	}
	w.SetTurns(nil)
	if !w.transcript.greet.Visible() {
		t.Error("a new chat has no greeting")
	}
}

func TestSelection(t *testing.T) {
	var copied string
	w, _ := testWindow(t, Actions{CopyText: func(s string) { copied = s }})
	w.PutTurn(Turn{ID: 1, Question: "?", Answer: "One **two** three.\n\n- four\n- five\n\n| a | b |\n|---|---|\n| c | d |\n\n```go\nx := 1\n```", State: TurnDone})
	p := w.transcript.view(0).answer
	now := time.Unix(1000, 0)
	p.now = func() time.Time { return now }
	p.selectAll()
	if got, want := p.selectedText(), "One two three.\n\n• four\n• five\n\na\tb\nc\td\n\nx := 1"; got != want {
		t.Errorf("all of it: %q, want %q", got, want)
	}
	press := func(x, y float32, m fyne.KeyModifier) {
		p.MouseDown(&desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, y)}, Button: desktop.MouseButtonPrimary, Modifier: m})
	}
	drag := func(x, y float32) {
		p.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, y)}})
	}
	want := func(what, text string) {
		t.Helper()
		if got := p.selectedText(); got != text {
			t.Errorf("%s: %q, want %q", what, got, text)
		}
	}
	two := p.boxes[0].lines[0].runs[1]
	press(two.x+two.w/2, 8, 0)
	want("a click", "")
	press(two.x+two.w/2, 8, 0)
	want("a double click", "two")
	drag(two.x-5, 8)
	want("dragged back by words", "One two")
	now = now.Add(100 * time.Millisecond)
	press(two.x+two.w/2, 8, 0)
	want("a triple click", "One two three.")
	now = now.Add(time.Second)
	press(two.x, 8, 0)
	drag(500, 8)
	want("dragged", "two three.")
	list := p.boxes[1]
	now = now.Add(time.Second)
	press(500, list.y+5, fyne.KeyModifierShift)
	want("Shift and a click", "two three.\n\n• four")
	drag(0, p.boxes[3].y+2)
	want("dragged into the table", "two three.\n\n• four\n• five\n\n")
	code := p.boxes[4]
	drag(500, code.y+code.h)
	want("dragged over everything", "two three.\n\n• four\n• five\n\na\tb\nc\td\n\nx := 1")
	p.TypedShortcut(&fyne.ShortcutCopy{})
	if copied != p.selectedText() || copied == "" {
		t.Errorf("Ctrl+C copied %q", copied)
	}
	test.Tap(code.copyBtn)
	if copied != "x := 1" {
		t.Errorf("the code's button copied %q", copied)
	}
	p.FocusLost()
	want("without the focus", "")
}

// What is selected stays selected while more text comes, and where the window changes its width.
func TestSelectionSurvives(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	turn := Turn{ID: 1, Question: "?", Answer: sampleAnswer + "\n\nThe end", State: TurnStreaming}
	w.PutTurn(turn)
	p := w.transcript.view(0).answer
	p.choose(mark{0, 4}, mark{3, 10})
	want := p.selectedText()
	for range 30 {
		turn.Answer += " and more\n\nwords"
		w.PutTurn(turn)
	}
	w.win.Resize(fyne.NewSize(600, 500))
	if got := p.selectedText(); got != want || want == "" {
		t.Errorf("selected %q, now %q", want, got)
	}
	if len(p.marks) == 0 {
		t.Error("it is not drawn any more")
	}
}

// A long conversation has widgets only near the view, however it is scrolled, and tells what came into sight.
func TestLongConversation(t *testing.T) {
	seen := map[uint64]int{}
	w, _ := testWindow(t, Actions{Seen: func(ids []uint64) {
		for _, id := range ids {
			seen[id]++
		}
	}})
	w.SetTurns(conversation(2000))
	tr := w.transcript
	if seen[2000] != 1 || seen[1] != 0 {
		t.Error("not the last turns were seen")
	}
	w.ScrollTo(1000)
	top := tr.byID[1000].top - tr.scroll.Offset.Y
	if top < 0 || top > 40 || tr.following {
		t.Errorf("turn 1000 is %v below the upper edge", top)
	}
	for range 30 {
		tr.page(-0.7)
	}
	views := 0
	for _, s := range tr.turns {
		if s.view != nil {
			views++
		}
	}
	if views > 40 {
		t.Errorf("%d turns have widgets", views)
	}
	if seen[1000] != 1 {
		t.Errorf("turn 1000 was seen %d times", seen[1000])
	}
}

// While one scrolls up through turns that were never measured, what is looked at moves as far as the wheel says.
func TestScrollingUpDoesNotJump(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	turns := conversation(300)
	for i := range turns {
		turns[i].Answer = strings.Repeat(sampleAnswer, i%7)
	}
	w.SetTurns(turns)
	tr := w.transcript
	for step := range 200 {
		i, _ := tr.firstInSight()
		s := tr.turns[i]
		at := s.view.placeAt(tr.scroll.Offset.Y - s.top)
		before := s.top + s.view.yOf(at) - tr.scroll.Offset.Y
		tr.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, 60)})
		if tr.scroll.Offset.Y == 0 {
			break
		}
		if s.view == nil {
			t.Fatalf("step %d: what was in sight is gone", step)
		}
		if moved := s.top + s.view.yOf(at) - tr.scroll.Offset.Y - before; moved < 58 || moved > 62 {
			t.Fatalf("step %d: moved by %v instead of 60", step, moved)
		}
	}
}

// A long answer is laid out only where it is in sight, and in the end everything was.
func TestLongAnswerIsLaidOutInPart(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetTurns([]Turn{{ID: 1, Question: "?", Answer: strings.Repeat(sampleAnswer, 60), State: TurnDone}})
	p := w.transcript.view(0).answer
	laid := func() (n int) {
		for _, b := range p.boxes {
			if b.laid {
				n++
			}
		}
		return n
	}
	if n := laid(); n == 0 || n > len(p.boxes)/4 {
		t.Errorf("%d of %d blocks were laid out", n, len(p.boxes))
	}
	if n := len(p.objects); n > 400 {
		t.Errorf("%d objects for one screen", n)
	}
	for range 400 {
		w.transcript.page(-0.5)
	}
	if n := laid(); n != len(p.boxes) || w.transcript.scroll.Offset.Y != 0 {
		t.Errorf("at the top %d of %d blocks were laid out, offset %v", n, len(p.boxes), w.transcript.scroll.Offset.Y)
	}
}
