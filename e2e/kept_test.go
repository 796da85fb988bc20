//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"galago/e2e/desktop"
	"galago/e2e/slowengine"
)

// A window that is killed in the middle of an answer loses at most the last second of it.
func TestAnswerOfAKilledWindowIsThereAgain(t *testing.T) {
	g := start(t, options{slow: true})
	g.attach(save(t, "circle.png", circle(red)))
	turn := g.ask(slowengine.AskCount)
	g.wait("more than a second of the answer", 0, func(e event) bool {
		return e.Event == "turn" && e.ID == turn && says(e.Answer, " 15 ")
	})
	engine := g.worker()
	g.kill(syscall.SIGKILL)
	g.do(desktop.Until(patience, "the engine is gone", func() bool { return !alive(engine) }))

	g = g.again()
	g.until("a window opens", g.opened)
	shown := g.wait("the conversation is open again", 0, func(e event) bool { return e.Event == "turns" && len(e.Items) == 1 })
	half := shown.Items[0]
	if half.Name != slowengine.AskCount || half.Info != "interrupted" || !strings.HasPrefix(half.Answer, "1 2 3 ") || !says(half.Answer, " 4 ") {
		t.Errorf("the interrupted turn: %+v", half)
	}
	g.wait("the person is told", 0, func(e event) bool { return e.Event == "notify" && says(e.Text, "interrupted") })
	g.loaded()
	g.shot("interrupted")

	from := g.now()
	g.retry(half.ID) // the first button that does something to the turn is Continue
	whole := g.turnFrom(from, half.ID, "done", "failed", "cancelled")
	if whole.State != "done" || !strings.HasPrefix(whole.Answer, strings.TrimSpace(half.Answer)) || len(whole.Answer) <= len(half.Answer) {
		t.Errorf("continued, it is %s: %q", whole.State, whole.Answer)
	}
	g.shot("continued")
}

func TestSecondStartBringsUpTheFirst(t *testing.T) {
	g := start(t, options{slow: true, loading: true})
	g.do(g.screen.Cover())
	second := g.again()
	second.until("a window opens", second.opened)
	e := second.wait("it says why", 0, func(e event) bool { return e.Event == "notice" })
	if !says(e.Text, "already open") {
		t.Errorf("it says %q", e.Text)
	}
	second.until("it has the keyboard", func() bool { return g.screen.Active() == second.window.ID })
	second.shot("already-open")
	g.do(g.screen.Key(desktop.Return))
	second.left()
	if state := second.cmd.ProcessState; !state.Success() {
		t.Errorf("it ended with %v", state)
	}
	g.inFront()

	third := g.again()
	third.until("a window opens", third.opened)
	third.until("it has the keyboard", func() bool { return g.screen.Active() == third.window.ID })
	g.do(g.screen.Key(desktop.Escape))
	third.left()
	if !alive(g.cmd.Process.Pid) {
		t.Error("the first is gone")
	}
}

// inFront waits until the window has the keyboard and lies above all others.
func (g *galago) inFront() {
	g.t.Helper()
	g.until("the window is in front", func() bool {
		return g.screen.Active() == g.window.ID && g.screen.Top() == g.window.ID
	})
}

func TestSecondStartHandsItsFilesOver(t *testing.T) {
	g := start(t, options{slow: true})
	g.do(g.screen.Cover())
	path := save(t, "circle.png", circle(red))
	relative, err := filepath.Rel(g.home, path)
	g.do(err)
	from := g.now()
	second := g.again(relative, "file://"+save(t, "star.png", star(yellow)))
	second.left()
	if state := second.cmd.ProcessState; !state.Success() || second.stderr.Len() > 0 {
		t.Errorf("it ended with %v: %s", state, second.stderr.Bytes())
	}
	g.wait("both pictures are in the composer", from, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) == 2 && e.Items[0].Name == "circle.png" && e.Items[0].Info != "" &&
			e.Items[1].Name == "star.png" && e.Items[1].Info != ""
	})
	g.inFront()
}

func TestFirstWindowThatHangs(t *testing.T) {
	g := start(t, options{slow: true, loading: true})
	g.do(g.cmd.Process.Signal(syscall.SIGSTOP))
	defer g.cmd.Process.Signal(syscall.SIGCONT)
	second := g.again(save(t, "circle.png", circle(red)))
	e := second.wait("it says why", 0, func(e event) bool { return e.Event == "notice" })
	if !says(e.Text, "does not answer") {
		t.Errorf("it says %q", e.Text)
	}
	second.until("a window opens", second.opened)
	second.until("it has the keyboard", func() bool { return g.screen.Active() == second.window.ID })
	second.shot("hangs")
	g.do(g.screen.Key(desktop.Escape))
	second.left()
	if state := second.cmd.ProcessState; !state.Success() {
		t.Errorf("it ended with %v", state)
	}
}

// Without a place for conversations one can still ask.
func TestConversationsThatCannotBeOpened(t *testing.T) {
	var inTheWay string
	g := start(t, options{slow: true, loading: true, prepare: func(home string) error {
		inTheWay = filepath.Join(home, "data", "galago", "conversations")
		return errors.Join(os.MkdirAll(filepath.Dir(inTheWay), 0o700), os.WriteFile(inTheWay, []byte("a file"), 0o600))
	}})
	e := g.wait("it says so", 0, func(e event) bool { return e.Event == "notice" })
	if !says(e.Text, "cannot be opened") {
		t.Errorf("it says %q", e.Text)
	}
	notice := g.window
	g.until("it has the keyboard", func() bool { return g.screen.Active() == notice.ID })
	g.shot("cannot-be-opened")
	from := g.now()
	g.do(g.screen.Key(desktop.Return)) // tries again
	g.wait("it says so again", from, func(e event) bool { return e.Event == "notice" })

	g.do(g.screen.Key(desktop.Tab, desktop.Shift)) // to the way without conversations
	g.do(g.screen.Key(desktop.Return))
	g.until("the main window opens", func() bool { return g.opened() && g.window.ID != notice.ID })
	g.loaded()
	g.wantSlow(g.ask("what is this?"))
	if text, err := os.ReadFile(inTheWay); err != nil || string(text) != "a file" {
		t.Errorf("what was in the way is now %q, %v", text, err)
	}
	g.do(g.screen.Key(desktop.F4, desktop.Alt))
	g.left()
	if state := g.cmd.ProcessState; !state.Success() {
		t.Errorf("it ended with %v", state)
	}
}

// What is asked and answered is in the conversations and nowhere else.
func TestCrashIsReportedWithoutWhatWasAsked(t *testing.T) {
	const secret = "xylophone"
	g := start(t, options{slow: true})
	g.attach(save(t, secret+".png", circle(red)))
	g.answered(g.ask("Is this a " + secret + "?"))
	g.kill(syscall.SIGABRT)

	second := g.again()
	second.until("a window opens", second.opened)
	second.wait("the report is offered", 0, func(e event) bool { return e.Event == "banner" && e.Name == "Open the folder" })
	second.loaded()
	second.shot("crash-report")
	state := filepath.Join(g.home, "state", "galago")
	reports, err := filepath.Glob(filepath.Join(state, "crashes", "crash-*.txt"))
	if err != nil || len(reports) != 1 {
		t.Fatalf("reports %q, %v", reports, err)
	}
	text, err := os.ReadFile(reports[0])
	g.do(err)
	for _, want := range []string{"SIGABRT", "goroutine ", "Galago starts"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the report lacks %q", want)
		}
	}
	logs, err := filepath.Glob(filepath.Join(state, "galago.log*"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("logs %q, %v", logs, err)
	}
	for _, path := range append(logs, reports...) {
		if text, err := os.ReadFile(path); err != nil || len(text) == 0 || bytes.Contains(bytes.ToLower(text), []byte(secret)) {
			t.Errorf("%s tells what was asked (%v)", path, err)
		}
	}
	second.do(second.screen.Key(desktop.F4, desktop.Alt))
	second.left()

	third := g.again()
	third.until("a window opens", third.opened)
	third.loaded()
	for _, e := range third.events {
		if e.Event == "banner" && e.Name == "Open the folder" {
			t.Error("the report is offered again")
		}
	}
}

// What was asked in an earlier session is found again, as it is typed, and opened.
func TestSearchFindsAnEarlierConversation(t *testing.T) {
	g := start(t, options{slow: true})
	g.answered(g.ask("Where is the blue mug?"))
	g.do(g.screen.Key('n', desktop.Control))
	g.answered(g.ask("How many plates are there?"))
	g.do(g.screen.Key(desktop.F4, desktop.Alt))
	g.left()

	g = g.again()
	g.until("a window opens", g.opened)
	listed := g.wait("both are in the sidebar", 0, func(e event) bool { return e.Event == "conversations" && len(e.Items) == 2 })
	if listed.Items[0].Name != "How many plates are there?" || listed.Items[1].Name != "Where is the blue mug?" {
		t.Errorf("the sidebar lists %+v", listed.Items)
	}
	g.loaded()
	g.until("it has the keyboard", func() bool { return g.screen.Active() == g.window.ID })
	g.do(g.screen.Key('f', desktop.Control))
	g.do(g.screen.Type("blue mu"))
	g.wait("it is found", 0, func(e event) bool {
		return e.Event == "hits" && e.Text == "blue mu" && len(e.Items) == 1 && e.Items[0].Name == "Where is the blue mug?"
	})
	g.shot("search")
	from := g.now()
	g.do(g.screen.Key(desktop.Return))
	g.wait("it is open", from, func(e event) bool {
		return e.Event == "turns" && len(e.Items) == 1 && e.Items[0].Answer == slowengine.AnswerOf("Where is the blue mug?")
	})
	g.shot("found")
}

// A picture that another program has copied is pasted as one that was dropped.
func TestPictureIsPasted(t *testing.T) {
	g := start(t, options{slow: true})
	data, err := os.ReadFile(save(t, "circle.png", circle(red)))
	g.do(err)
	g.do(g.screen.Copy("image/png", data))
	g.until("it has the keyboard", func() bool { return g.screen.Active() == g.window.ID })
	g.do(g.screen.Key('v', desktop.Control))
	g.wait("the picture is in the composer", 0, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) == 1 && says(e.Items[0].Info, "256")
	})
	g.wantSlow(g.ask("what is this?"))
	g.shot("pasted")
}
