//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"galago/e2e/desktop"
	"galago/e2e/slowengine"
)

// says reports whether an answer has one of the words, whatever the case.
func says(answer string, words ...string) bool {
	answer = strings.ToLower(answer)
	for _, w := range words {
		if strings.Contains(answer, w) {
			return true
		}
	}
	return false
}

// wantAnswer waits for an answer that is one of the words, or a short sentence with it: rambling that happens to hold
// the word is no answer.
func (g *galago) wantAnswer(turn uint64, words ...string) event {
	g.t.Helper()
	e := g.answered(turn)
	said := strings.FieldsFunc(strings.ToLower(e.Answer), func(r rune) bool { return !unicode.IsLetter(r) })
	hit := slices.ContainsFunc(words, func(w string) bool { return slices.Contains(said, w) })
	if !hit || len(said) > 20 {
		g.t.Errorf("question %q was answered %q, want a short answer with one of %q", e.Question, e.Answer, words)
	}
	return e
}

// wantSlow waits for the slow engine's answer to a question that it does not know.
func (g *galago) wantSlow(turn uint64) {
	g.t.Helper()
	if e := g.answered(turn); e.Answer != slowengine.AnswerOf(e.Question) {
		g.t.Errorf("%q was answered %q", e.Question, e.Answer)
	}
}

func TestDropAPictureAskAndAskAgain(t *testing.T) {
	g := start(t, options{})
	g.attach(save(t, "circle.png", circle(red)))
	g.shot("attached")

	first := g.wantAnswer(g.ask("What shape is it?"), "circle")
	if !figure(first, "picture token") {
		t.Errorf("figures %q do not say what the picture cost", first.Figures)
	}
	again := g.wantAnswer(g.ask("And what colour is it?"), "red")
	if !figure(again, "reused") {
		t.Errorf("figures %q of a follow-up do not say that the picture was reused", again.Figures)
	}
	g.shot("answered")
}

// figure reports whether one of an answer's figures has a word.
func figure(e event, word string) bool {
	return strings.Contains(strings.Join(e.Figures, "\n"), word)
}

func TestSeveralPicturesDroppedAtOnceAreToldApart(t *testing.T) {
	g := start(t, options{})
	from := g.now()
	g.drop(save(t, "circle.png", circle(red)), save(t, "star.png", star(yellow)))
	g.wait("both pictures are in the composer, in order", from, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) == 2 &&
			e.Items[0].Name == "circle.png" && e.Items[0].Info != "" && e.Items[1].Name == "star.png" && e.Items[1].Info != ""
	})
	g.wantAnswer(g.ask("What is in the second picture?"), "star")
	g.wantAnswer(g.ask("What is in the first picture?"), "circle")
	g.shot("two-pictures")
}

func TestTwoQuestionsQueuedAreBothAnswered(t *testing.T) {
	g := start(t, options{slow: true})
	long := g.ask(slowengine.AskCount)
	g.turn(long, "streaming")
	second, third := g.ask("second"), g.ask("third")
	g.wait("two questions wait", 0, func(e event) bool { return e.Event == "queue" && e.Waiting == 2 })
	g.shot("queue")

	if e := g.cancel(long); e.State != "cancelled" || !says(e.Answer, "1 2") {
		t.Errorf("the cancelled answer: %+v", e)
	}
	g.wantSlow(second)
	g.wantSlow(third)
}

func TestCancelInEveryPhaseThenTheNextQuestionWorks(t *testing.T) {
	g := start(t, options{slow: true})
	picture := save(t, "circle.png", circle(red))
	engine := g.worker()
	for _, c := range []struct {
		question     string
		phase, state string // when it is cancelled
		answer       string // what must be kept of it
	}{
		{slowengine.AskEncode, "picture", "working", ""},
		{slowengine.AskPrompt, "question", "working", ""},
		{slowengine.AskCount, "", "streaming", "1 "},
	} {
		g.attach(picture)
		turn := g.ask(c.question)
		g.wait(c.question+" is under way", 0, func(e event) bool {
			return e.Event == "turn" && e.ID == turn && e.State == c.state && says(e.Phase, c.phase)
		})
		g.shot("cancel-" + strings.Fields(c.question)[0])
		if e := g.cancel(turn); e.State != "cancelled" || !strings.HasPrefix(e.Answer, c.answer) {
			t.Errorf("%s: %+v", c.question, e)
		}
		g.wantSlow(g.ask("next after " + c.question))
	}
	if now := g.worker(); now != engine {
		t.Errorf("the engine that cancels politely was replaced: %d, then %d", engine, now)
	}
}

// A stopped process is what an engine that hangs in a driver looks like: it cannot cancel, so it must be replaced.
func TestCancelAnEngineThatHangs(t *testing.T) {
	g := start(t, options{})
	engine := g.worker()
	g.do(syscall.Kill(engine, syscall.SIGSTOP))
	g.attach(save(t, "circle.png", circle(red)))
	turn := g.ask("What shape is it?")
	working := 0 // told by the window first, then by the service, which has sent the question by then
	g.wait("the engine was asked", 0, func(e event) bool {
		if e.Event == "turn" && e.ID == turn && e.State == "working" {
			working++
		}
		return working == 2
	})
	if e := g.cancel(turn); e.State != "cancelled" {
		t.Errorf("%+v", e)
	}
	g.until("the engine that hangs is gone", func() bool { return !alive(engine) })
	g.attach(save(t, "square.png", square(blue)))
	g.wantAnswer(g.ask("What colour is the square?"), "blue")
}

func TestEngineKilledWhileAnswering(t *testing.T) {
	g := start(t, options{slow: true})
	turn := g.ask(slowengine.AskCount)
	g.wait("some words of the answer", 0, func(e event) bool {
		return e.Event == "turn" && e.ID == turn && e.State == "streaming" && says(e.Answer, "3")
	})
	engine := g.worker()
	g.do(syscall.Kill(engine, syscall.SIGKILL))
	e := g.turn(turn, "failed", "done", "cancelled")
	if e.State != "failed" || !strings.HasPrefix(e.Answer, "1 2 3") {
		t.Errorf("the answer that was cut off: %+v", e)
	}
	if text := string(e.Problem); text == "" || text == "null" || !says(text, "engine") {
		t.Errorf("the message: %s", text)
	}
	g.shot("engine-killed")

	retried := g.now()
	g.retry(turn)
	g.turnFrom(retried, turn, "streaming")
	g.cancel(turn)

	g.wantSlow(g.ask("still there?"))
	if now := g.worker(); now == engine {
		t.Error("the engine was not replaced")
	}
}

func TestNoEngineSurvivesTheWindow(t *testing.T) {
	for _, c := range []struct {
		name string
		slow bool
		end  func(g *galago) error
	}{
		{"killed", false, func(g *galago) error { return g.cmd.Process.Kill() }},
		{"killed while the engine works", true, func(g *galago) error { return g.cmd.Process.Kill() }},
		{"closed", false, func(g *galago) error { return g.screen.Key(desktop.F4, desktop.Alt) }},
		{"closed while the engine works", true, func(g *galago) error { return g.screen.Key(desktop.F4, desktop.Alt) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t, options{slow: c.slow})
			engine := g.worker()
			if c.slow {
				g.turn(g.ask(slowengine.AskHang), "streaming")
			}
			g.do(c.end(g))
			g.do(desktop.Until(patience, "the window is gone", func() bool { return !alive(g.cmd.Process.Pid) }))
			g.do(desktop.Until(patience, "the engine is gone", func() bool { return !alive(engine) }))
			<-g.ended
			if state := g.cmd.ProcessState; strings.HasPrefix(c.name, "closed") && !state.Success() {
				t.Errorf("the window ended with %v", state)
			}
		})
	}
}

func TestBadDropsLeaveTheAppAnswering(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, err := os.ReadFile(save(t, "square.png", square(blue)))
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder.png")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	g := start(t, options{})
	for name, path := range map[string]string{
		"text":      write("text.png", "This is no picture."),
		"empty":     write("empty.png", ""),
		"truncated": write("truncated.png", string(good[:len(good)/2])),
		"folder":    folder,
		"missing":   filepath.Join(dir, "missing.png"),
	} {
		from := g.now()
		g.drop(path)
		g.wait(name+": the window says what is wrong", from, func(e event) bool {
			if e.Event == "notify" || e.Event == "banner" {
				return e.Text != ""
			}
			return e.Event == "attachments" && len(e.Items) > 0 && e.Items[len(e.Items)-1].Problem != ""
		})
	}
	g.shot("bad-drops")

	var many []string
	for i := range 40 {
		many = append(many, write(fmt.Sprintf("picture %d.png", i), string(good)))
	}
	from := g.now()
	g.drop(many...)
	g.wait("the window says how many pictures it takes", from, func(e event) bool {
		return (e.Event == "notify" || e.Event == "banner") && e.Text != ""
	})
	g.shot("forty-files")

	g.do(g.screen.Key('n', desktop.Control)) // a new chat, with an empty composer
	g.attach(write("a b #1 100% ü.png", string(good)))
	g.wantAnswer(g.ask("What colour is the square?"), "blue")
}

func TestFileThatVanishesBeforeSendIsStillAnswered(t *testing.T) {
	g := start(t, options{})
	path := save(t, "circle.png", circle(red))
	g.attach(path)
	g.do(os.Remove(path))
	g.wantAnswer(g.ask("What shape is it?"), "circle")
}

func TestSampleIsOneClickAway(t *testing.T) {
	g := start(t, options{})
	g.shot("first-start")
	from := g.now()
	g.screen.Click(g.middle()) // the second of three cards
	g.wait("the sample is in the composer", from, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) == 1 && e.Items[0].Info != ""
	})
	g.shot("sample")
	g.send() // its question is in the composer already
	e := g.wait("the question is in the transcript", from, func(e event) bool { return e.Event == "turn" && e.Question != "" })
	if answer := g.answered(e.ID).Answer; !strings.Contains(answer, "42") || len(answer) > 100 {
		t.Errorf("%q was answered %q, want 42", e.Question, answer)
	}
	g.shot("sample-answered")
}

// Each memory button says what it gave back, as measured, and the next question is answered all the same.
func TestMemoryButtonsSayWhatCameBackAndTheNextQuestionWorks(t *testing.T) {
	g := start(t, options{})
	g.attach(save(t, "circle.png", circle(red)))
	g.wantAnswer(g.ask("What shape is it?"), "circle")

	if e := g.memory(memoryForget); !says(e.Text, "frees no memory") {
		t.Errorf("forgetting: %q", e.Text)
	}
	again := g.wantAnswer(g.ask("And what colour is it?"), "red")
	if figure(again, "reused") {
		t.Errorf("figures %q: something was reused after the cache was forgotten", again.Figures)
	}
	if e := g.memory(memoryWorking); !says(e.Text, "mib of resident memory came back, measured") {
		t.Errorf("freeing: %q", e.Text)
	}
	g.wantAnswer(g.ask("What shape is it?"), "circle")
	engine := g.worker()
	if e := g.memory(memoryUnload); !says(e.Text, "mib of resident memory came back, measured") {
		t.Errorf("unloading: %q", e.Text)
	}
	g.until("the engine is gone", func() bool { return !alive(engine) })
	g.shot("unloaded")
	g.wantAnswer(g.ask("What colour is it?"), "red")
	if g.worker() == engine {
		t.Error("the engine that was unloaded answers")
	}
}

// What the system that Galago replaces could not do: five questions about one picture, one right after the other.
func TestFiveQuestionsSentAtOnceAreAllAnswered(t *testing.T) {
	g := start(t, options{})
	g.attach(save(t, "circle.png", circle(red)))
	var turns []uint64
	for _, question := range []string{"What shape is it?", "What colour is it?", "Is there a circle?", "Is it red?", "How many shapes are there?"} {
		turns = append(turns, g.ask(question))
	}
	for i, words := range [][]string{{"circle"}, {"red"}, {"yes"}, {"yes"}, {"1", "is"}} {
		g.wantAnswer(turns[i], words...)
	}
	var order []uint64
	for _, e := range g.events {
		if e.Event == "turn" && e.State == "done" && !slices.Contains(order, e.ID) {
			order = append(order, e.ID)
		}
	}
	if !slices.Equal(order, turns) {
		t.Errorf("asked %v, answered %v", turns, order)
	}
}

// Memory runs out in the middle of an answer: the engine is loaded with a smaller KV cache, and the window says so.
func TestMemoryThatRunsOutIsToldAndSurvived(t *testing.T) {
	g := start(t, options{slow: true})
	g.attach(save(t, "circle.png", circle(red)))
	turn := g.ask(slowengine.AskMuch)
	waiting := g.ask("what waits")
	e := g.answered(turn)
	if e.Answer != slowengine.AnswerOf(slowengine.AskMuch) || len(e.Notices) == 0 || !says(e.Notices[0], "q8_0") {
		t.Errorf("answered %q with the notices %q", e.Answer, e.Notices)
	}
	g.wantSlow(waiting)
	g.shot("ladder")
	g.wantSlow(g.ask("what comes later"))
}

const nvmlScript = `
driver 550.54.14
gpu GPU-aaaa NVIDIA GeForce RTX 3050 Laptop GPU
mem 0 6144 800 5200 144 3 41 9000
proc 0 G 7 120
step
mem 0 6144 4200 1800 144 97 68 55000
`

func TestGaugeShowsTheCard(t *testing.T) {
	script := filepath.Join(t.TempDir(), "nvml")
	if err := os.WriteFile(script, []byte(nvmlScript), 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, options{slow: true, env: []string{"LD_LIBRARY_PATH=" + fakeNVML, "FAKE_NVML_SCRIPT=" + script}})
	e := g.wait("the gauge shows the card", 0, func(e event) bool { return e.Event == "gauge" && says(e.Name, "rtx 3050") })
	if e.Total != 6144<<20 {
		t.Errorf("the gauge's total is %d MiB", e.Total>>20)
	}
	g.wait("the gauge follows", 0, func(e event) bool { return e.Event == "gauge" && e.Used >= 4200<<20 })
	g.shot("gauge-gpu")
}

func TestGaugeWithoutACardSaysSo(t *testing.T) {
	dir := t.TempDir() // a file that is no library hides the driver of this machine
	if err := os.WriteFile(filepath.Join(dir, "libnvidia-ml.so.1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	g := start(t, options{slow: true, env: []string{"LD_LIBRARY_PATH=" + dir}})
	g.wait("the gauge shows the engine's memory", 0, func(e event) bool {
		return e.Event == "gauge" && says(e.Name, "cpu") && e.Used > 1<<20
	})
	g.shot("gauge-cpu")
}

func TestLooks(t *testing.T) {
	for _, c := range []struct {
		name, theme, scale string
		width, height      int // of the window
	}{
		{"light", "light", "1", 1200, 780},
		{"dark", "dark", "1", 1200, 780},
		{"light-800x600", "light", "1", 800, 600},
		{"dark-2x", "dark", "2", 1600, 1200},
		{"light-2x", "light", "2", 1600, 1200},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := start(t, options{
				slow: true, width: 1700, height: 1300,
				env: []string{"FYNE_THEME=" + c.theme, "FYNE_SCALE=" + c.scale},
			})
			g.shot("looks-" + c.name + "-empty")
			w, err := g.screen.Resize(g.window, c.width, c.height)
			if err != nil {
				t.Fatalf("%v; it is %v", err, w.Rect)
			}
			g.window = w
			g.attach(save(t, "circle.png", circle(red)))
			g.answered(g.ask("What is this?"))
			g.attach(save(t, "square.png", square(blue)))
			g.turn(g.ask(slowengine.AskCount), "streaming")
			g.ask("a question that waits")
			g.shot("looks-" + c.name)
		})
	}
}
