package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

func sampleWelcome() *Welcome {
	return &Welcome{
		Step: 2, Steps: 3, Title: "Qwen3-VL 4B suits this computer", Text: "It reads documents.", Lines: []string{"RTX 3050, 5.1 of 5.6 GiB free", "3.8 GB, about 5 minutes"},
		Next: "Download 3.8 GB", Skip: "Not now", Import: true, Progress: -1,
	}
}

func sampleDiagnosis() Diagnosis {
	return Diagnosis{
		Summary: "Galago answers from the processor.", Text: "report",
		Lines: []DiagnosisLine{
			{What: "CUDA engine", Problem: "There is none, so the processor computes.", Cure: "Install it on the page of models."},
			{What: "Driver", Found: "535.54", Problem: "It is older than CUDA 13 wants.", Cure: "Update it.", Warning: true},
			{What: "Graphics card", Found: "RTX 3050"},
			{What: "Answer", Found: "wrong", Problem: "The answer was not the right one."},
		},
		Test: []DiagnosisLine{{What: "Speed", Found: "312 tokens/s"}},
	}
}

// The first start never takes the keyboard or the way: a card above the samples, a line above a conversation.
func TestWelcomeIsInNobodysWay(t *testing.T) {
	next, skipped := 0, 0
	act := everyAction()
	act.OpenModel = func(string, string) {}
	act.WelcomeNext, act.WelcomeSkip = func() { next++ }, func() { skipped++ }
	w, _ := testWindow(t, act)
	c, e := w.win.Canvas(), w.transcript.empty
	held := c.Focused()
	w.SetSamples([]Sample{{Image: flat(40, 30, rgb(0x336699)), Caption: "Shapes", Question: "How many?"}})
	w.SetWelcome(sampleWelcome())
	if c.Focused() != held || w.top() != nil || !e.welcome.Visible() || w.strip.Visible() {
		t.Fatalf("%T has the keyboard; the card is there: %v, the line: %v", c.Focused(), e.welcome.Visible(), w.strip.Visible())
	}
	if bottom := e.welcome.Position().Y + e.welcome.Size().Height; bottom > e.title.Position().Y || e.welcome.Size().Height < 100 {
		t.Errorf("the card ends at %v, the title begins at %v", bottom, e.title.Position().Y)
	}
	press(t, e.welcome.next)
	c.Focus(e.welcome.next)
	later := sampleWelcome()
	later.Step, later.Next, later.Import, later.Progress = 3, "", false, 0.25
	w.SetWelcome(later)
	if e.welcome.bar.value != 0.25 || !e.welcome.bar.Visible() || e.welcome.own.Visible() || c.Focused() != fyne.Focusable(w.composer.entry) {
		t.Errorf("a download is not shown, or %T has the keyboard", c.Focused())
	}
	w.PutTurn(Turn{ID: 1, Question: "Hello"})
	if !w.strip.Visible() || w.transcript.Position().Y < w.strip.Position().Y+w.strip.Size().Height {
		t.Fatal("there is no line above a conversation")
	}
	press(t, w.strip.skip)
	w.SetTurns(nil)
	if w.strip.Visible() || !e.welcome.Visible() {
		t.Error("the card is not back for a new chat")
	}
	w.SetWelcome(nil)
	w.PutTurn(Turn{ID: 2, Question: "Hello"})
	if w.strip.Visible() || e.welcome.Visible() || next != 1 || skipped != 1 {
		t.Errorf("it stays, next %d, skipped %d", next, skipped)
	}
}

func TestDiagnosis(t *testing.T) {
	var told []string
	w, _ := testWindow(t, Actions{ModelActions: ModelActions{
		Diagnose: func(test bool) { told = append(told, map[bool]string{true: "test", false: "look"}[test]) },
		StopTest: func() { told = append(told, "stop") }, CopyReport: func() { told = append(told, "copy") }, ShowReports: func() { told = append(told, "logs") },
	}})
	w.SetDiagnosis(sampleDiagnosis())
	w.ShowDiagnosis()
	w.ShowDiagnosis()
	p := w.diagnosed
	var marks []string
	for _, f := range p.body.findings {
		marks = append(marks, f.mark.text.text+" "+string(f.mark.icon))
	}
	if got := strings.Join(marks, "|"); got != "Missing close|Warning warning|OK check|Problem close" {
		t.Errorf("marks: %s", got)
	}
	if f := p.body.findings[0]; f.cure.source != "What helps: Install it on the page of models." || f.found.Visible() {
		t.Errorf("the cure is %q", f.cure.source)
	}
	press(t, p.copy)
	press(t, p.logs)
	press(t, p.again)
	c := w.win.Canvas()
	c.Focus(p.body.run)
	p.body.run.TypedKey(key(fyne.KeyReturn))
	busy := sampleDiagnosis()
	busy.Busy, busy.Test = "Loading the model…", nil
	w.SetDiagnosis(busy)
	if p.body.run.Visible() || !p.bar.Visible() || !p.again.Disabled() || c.Focused() != fyne.Focusable(p.body.stop) {
		t.Errorf("the self-test is not under way; %T has the keyboard", c.Focused())
	}
	press(t, p.body.stop)
	w.SetDiagnosis(sampleDiagnosis())
	if !p.body.run.Visible() || p.bar.Visible() || len(p.body.figures) != 1 || c.Focused() != fyne.Focusable(p.body.run) {
		t.Error("the self-test does not end")
	}
	p.ask(false)
	w.SetDiagnosis(busy)
	if !p.body.run.Visible() || !p.body.run.Disabled() {
		t.Error("a look without the self-test is taken for one")
	}
	w.typedKey(key(fyne.KeyEscape))
	if w.diagnosed != nil || w.top() != nil {
		t.Error("Esc does not close it")
	}
	if got := strings.Join(told, "|"); got != "look|copy|logs|look|test|stop|look" {
		t.Errorf("told %s", got)
	}
}

// The page is reached from the model's menu, the help and the settings.
func TestWaysToThePages(t *testing.T) {
	w, _, _ := modelsSheet(t, sampleModels())
	w.modelsPage.done()
	test.Tap(w.header.pill)
	menu := w.top()
	if menu == nil {
		t.Fatal("the model's menu does not open")
	}
	w.win.Canvas().Overlays().Remove(menu)
	w.showHelp()
	test.Tap(w.top().(*sheet).action)
	if w.diagnosed == nil {
		t.Fatal("the help does not lead to the diagnostics")
	}
	test.Tap(w.top().(*sheet).close)
	w.openSettings()
	w.form.openModels()
	if n := len(w.win.Canvas().Overlays().List()); n != 1 || w.modelsPage == nil {
		t.Errorf("%d sheets are open", n)
	}
}

// openPages opens each of the sheets, and calls check while it is open.
func openPages(t *testing.T, check func(name string, w *Window)) {
	w, p, _ := modelsSheet(t, sampleModels())
	w.act.Settings = func(Settings) {}
	p.done()
	w.SetSettings(func() Settings {
		s := sampleSettings()
		s.TextSize, s.Temperature = float64(textFactor), 0.9
		return s
	}())
	w.SetDiagnosis(sampleDiagnosis())
	for name, open := range map[string]func(){"models": w.ShowModels, "diagnosis": w.ShowDiagnosis, "settings": w.openSettings} {
		open()
		s := w.top().(*sheet)
		switch name {
		case "models":
			for w.modelsPage.scroll.Offset.Y+w.modelsPage.scroll.Size().Height < w.modelsPage.total-1 {
				check(name, w)
				scrollBy(w.modelsPage.scroll, 300)
			}
		case "settings":
			for i := range w.form.nav {
				w.form.open(i)
				check(name, w)
			}
		}
		check(name, w)
		s.hide()
	}
}

func TestNothingIsCutInSheets(t *testing.T) {
	t.Cleanup(func() { setTextFactor(1) })
	for _, factor := range []float32{1, 1.6} {
		setTextFactor(factor)
		openPages(t, func(name string, w *Window) {
			w.win.Resize(fyne.NewSize(800, 600))
			for _, text := range cutIn(test.LaidOutObjects(w.top())) {
				t.Errorf("%s at %v: %s", name, factor, text)
			}
		})
	}
}

// Whatever can have the keyboard on the pages looks different when it has it, and every icon alone has a tip but the
// cross of a sheet, which stands where everybody knows it.
func TestFocusIsSeenOnThePages(t *testing.T) {
	found := map[string]bool{} // one of each kind
	openPages(t, func(name string, w *Window) {
		c := w.win.Canvas()
		for _, o := range test.LaidOutObjects(w.top()) {
			f, ok := o.(fyne.Focusable)
			if d, can := o.(fyne.Disableable); !ok || !o.Visible() || can && d.Disabled() || o.Size().Width < 2 || name == "settings" {
				continue
			}
			kind := fmt.Sprintf("%T", o)
			if b, ok := o.(*button); ok {
				kind += fmt.Sprint(b.kind, b.small)
			}
			if c.Focus(f); found[kind] || c.Focused() != f {
				continue
			}
			found[kind] = true
			with := c.Capture()
			c.Unfocus()
			if alike(with, c.Capture()) {
				t.Errorf("%s: %T shows nothing of the keyboard's focus", name, o)
			}
		}
	})
	if len(found) < 6 {
		t.Errorf("only these take the keyboard: %v", found)
	}
}

func TestPagesMarkup(t *testing.T) {
	act := Actions{OpenModel: func(string, string) {}}
	act.ModelActions = ModelActions{
		UseModel: func(string) {}, Download: func(string, string) {}, Pause: func(string) {}, Resume: func(string) {}, CancelFetch: func(string) {},
		RemoveModel: func(string) {}, DeleteModel: func(string) {}, InstallEngine: func() {}, Diagnose: func(bool) {}, CopyReport: func() {}, ShowReports: func() {},
	}
	w, _ := testWindow(t, act)
	part := func(name string, o fyne.CanvasObject, width, height float32) {
		t.Run(name, func(t *testing.T) {
			c := test.NewCanvas()
			c.SetPadded(false)
			c.SetContent(o)
			c.Resize(fyne.NewSize(width, height))
			test.AssertRendersToMarkup(t, name+".xml", c)
		})
	}
	w.SetWelcome(sampleWelcome())
	part("welcome", w.transcript.empty.welcome, 600, w.transcript.empty.welcome.heightFor(600))
	part("welcome-strip", w.strip, 600, 40)
	p := newModelsPage(act.ModelActions, &hands{})
	part("models", p, 640, 500) // with nothing yet
	m := sampleModels()
	for _, r := range m.Rows {
		c := newModelCard(p)
		c.set(r, p.variantOf(r))
		part("model-"+r.ID, c, 600, c.heightFor(600))
	}
	machine := newMachineCard(p)
	machine.set(m)
	part("machine", machine, 600, machine.heightFor(600))
	for i, l := range sampleDiagnosis().Lines {
		f := newFinding()
		f.set(l)
		part([]string{"finding-missing", "finding-warning", "finding-ok", "finding-problem"}[i], f, 500, f.heightFor(500))
	}
}
