package ui

import (
	"fmt"
	"image"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

func shows(v *turnView, o fyne.CanvasObject) bool {
	return contains((&turnRenderer{v}).Objects(), o)
}

func TestAnswerButtons(t *testing.T) {
	var log []string
	note := func(what string) func(uint64) {
		return func(id uint64) { log = append(log, fmt.Sprint(what, " ", id)) }
	}
	w, _ := testWindow(t, Actions{
		Copy: note("copy"), Retry: note("again"), Continue: note("continue"), CopyMarkdown: note("markdown"), DeleteFrom: note("delete"),
		PickAnswer: func(id uint64, n int) { log = append(log, fmt.Sprint("pick ", id, " ", n)) },
		Branch:     func(id uint64, q string) { log = append(log, fmt.Sprint("branch ", id, " ", q)) },
	})
	turn := Turn{ID: 5, Question: "Why?", Answer: "So.", State: TurnDone, Version: 2, Versions: 3}
	w.PutTurn(turn)
	v := w.transcript.view(0)
	if shows(v, v.goOn) || !shows(v, v.older) || v.version.text != "2/3" {
		t.Errorf("Continue %v, pager %v, %q", shows(v, v.goOn), shows(v, v.older), v.version.text)
	}
	for _, b := range []*button{v.copyBtn, v.again, v.older, v.newer} {
		b.TypedKey(key(fyne.KeySpace))
	}
	turn.Version, turn.CanContinue = 3, true
	w.PutTurn(turn)
	test.Tap(v.newer) // there is none
	test.Tap(v.goOn)
	labels := func() (all []string) {
		for _, i := range v.moreItems() {
			all = append(all, i.Label)
		}
		return all
	}
	if got := strings.Join(labels(), "|"); got != "Copy as Markdown|Edit question and branch|Delete from here" {
		t.Errorf("the menu has %s", got)
	}
	v.moreItems()[0].Action()
	v.moreItems()[2].Action()
	test.Tap(v.more)
	if _, ok := w.win.Canvas().Overlays().Top().(*widget.PopUpMenu); !ok && w.win.Canvas().Overlays().Top() == nil {
		t.Error("no menu opens")
	}
	want := "copy 5, again 5, pick 5 1, pick 5 3, continue 5, markdown 5, delete 5"
	if got := strings.Join(log, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	turn.State, turn.Versions = TurnStreaming, 1
	w.PutTurn(turn)
	if len(v.row()) != 0 {
		t.Error("buttons while the answer is written")
	}
}

func TestEditQuestion(t *testing.T) {
	var asked []string
	w, _ := testWindow(t, Actions{Branch: func(id uint64, q string) { asked = append(asked, fmt.Sprint(id, q)) }})
	w.PutTurn(Turn{ID: 5, Question: "Why?", Answer: "So.", State: TurnDone})
	v := w.transcript.view(0)
	before := v.height
	v.edit()
	e := v.editor.entry
	if w.win.Canvas().Focused() != fyne.Focusable(e) || v.height <= before || shows(v, v.question) {
		t.Fatal("no editor in the question's place, or it has not the keyboard")
	}
	e.TypedKey(key(fyne.KeyEscape))
	if v.editor != nil || v.height != before || len(asked) != 0 {
		t.Fatal("Esc does not give up")
	}
	v.edit()
	e = v.editor.entry
	test.Type(e, " And")
	e.KeyDown(key(desktop.KeyShiftLeft))
	e.TypedKey(key(fyne.KeyReturn))
	e.KeyUp(key(desktop.KeyShiftLeft))
	test.Type(e, "how?")
	w.PutTurn(Turn{ID: 5, Question: "Why?", Answer: "So it is.", State: TurnDone}) // something else changes meanwhile
	e.TypedKey(key(fyne.KeyReturn))
	if fmt.Sprint(asked) != "[5Why? And\nhow?]" || v.editor != nil {
		t.Errorf("asked %q", asked)
	}
	v.edit()
	v.editor.entry.SetText("  ")
	v.editor.entry.TypedKey(key(fyne.KeyReturn))
	if len(asked) != 1 {
		t.Error("nothing was asked as a question")
	}
}

func TestInterrupted(t *testing.T) {
	w, _ := testWindow(t, Actions{Retry: func(uint64) {}, Continue: func(uint64) {}})
	w.PutTurn(Turn{ID: 5, Question: "Why?", Answer: "So", State: TurnInterrupted, CanContinue: true})
	v := w.transcript.view(0)
	if v.phase.text != "Interrupted" || !shows(v, v.goOn) || !shows(v, v.again) || v.again.text != "Retry" {
		t.Errorf("%q, %q", v.phase.text, v.again.text)
	}
	w.PutTurn(Turn{ID: 5, Question: "Why?", Answer: "So it is.", State: TurnDone})
	drawn := ""
	for _, o := range test.WidgetRenderer(v.again).Objects() {
		if text, ok := o.(*canvas.Text); ok {
			drawn += text.Text
		}
	}
	if drawn != "Again" {
		t.Errorf("the button of an answer that came after all reads %q", drawn)
	}
}

func TestThinking(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	turn := Turn{ID: 5, Question: "Why?", State: TurnStreaming, Thinking: "Hm."}
	w.PutTurn(turn)
	v := w.transcript.view(0)
	if v.thinking.text != "Thinking …" || shows(v, v.thought) || v.phase.text != "" {
		t.Errorf("%q, unfolded %v, %q", v.thinking.text, shows(v, v.thought), v.phase.text)
	}
	folded := v.height
	v.thinking.TypedKey(key(fyne.KeyReturn))
	if !shows(v, v.thought) || v.height <= folded {
		t.Fatal("Enter does not unfold it")
	}
	unfolded := v.height
	turn.Thinking += strings.Repeat("\n\nHm, hm.", 10)
	w.PutTurn(turn)
	if v.height <= unfolded {
		t.Error("an unfolded thought does not grow")
	}
	turn.ThoughtFor, turn.Answer = "4.2 s", "So."
	w.PutTurn(turn)
	if v.thinking.text != "Thought for 4.2 s" || !shows(v, v.thought) {
		t.Errorf("%q, unfolded %v", v.thinking.text, shows(v, v.thought))
	}
	test.Tap(v.thinking)
	if shows(v, v.thought) {
		t.Error("it does not fold again")
	}
}

// A picture takes its place before it has come, and nothing moves when it does.
func TestPlaceholder(t *testing.T) {
	w, _ := testWindow(t, Actions{OpenImage: func(uint64, int) {}})
	turn := Turn{ID: 5, Question: "Why?", Answer: "So.", State: TurnDone, Images: []image.Image{Placeholder{400, 300}}}
	w.PutTurn(turn)
	v := w.transcript.view(0)
	p, height := v.pictures[0], v.height
	size := p.Size()
	turn.Images = []image.Image{flat(400, 300, rgb(0x336699))}
	w.PutTurn(turn)
	if v.pictures[0] != p || p.source == nil || p.Size() != size || v.height != height || size.Width != 293 {
		t.Errorf("size %v, then %v; height %v, then %v", size, p.Size(), height, v.height)
	}
}

func TestLinksAskFirst(t *testing.T) {
	var opened, copied []string
	w, _ := testWindow(t, Actions{
		OpenLink: func(a string) { opened = append(opened, a) },
		CopyText: func(s string) { copied = append(copied, s) },
	})
	const address = "https://example.org@xn--pple-43d.com/login?x=1"
	w.PutTurn(Turn{ID: 1, Question: "?", Answer: "Go [https://example.org](" + address + ") now", State: TurnDone})
	p := w.transcript.view(0).answer
	r := p.boxes[0].lines[0].runs[1]
	click := func() *linkSheet {
		t.Helper()
		p.Tapped(&fyne.PointEvent{Position: fyne.NewPos(r.x+r.w/2, 8)})
		s, ok := w.win.Canvas().Overlays().Top().(*sheet)
		if !ok {
			t.Fatal("nothing is asked")
		}
		return s.content.(*linkSheet)
	}
	l := click()
	if l.address.source != address {
		t.Errorf("the address is shown as %q", l.address.source)
	}
	for _, warning := range []string{"before the @", "look like others", "another site"} {
		if !strings.Contains(l.warnings.source, warning) {
			t.Errorf("no word of %q in %q", warning, l.warnings.source)
		}
	}
	test.Tap(l.cancel)
	if len(opened) != 0 || w.win.Canvas().Overlays().Top() != nil {
		t.Fatal("Cancel opens it")
	}
	test.Tap(click().copy)
	test.Tap(click().open)
	if fmt.Sprint(opened, copied) != fmt.Sprintf("[%s] [%s]", address, address) {
		t.Errorf("opened %q, copied %q", opened, copied)
	}
}

func TestMayOpen(t *testing.T) {
	for address, want := range map[string]bool{
		"https://example.org": true, "HTTP://example.org/a": true, "mailto:me@example.org": true,
		"javascript:alert(1)": false, "file:///etc/passwd": false, "data:text/html,x": false, "https:": false, "a/b": false, "//example.org": false, "": false, "https://%zz": false,
	} {
		if got := mayOpen(address); got != want {
			t.Errorf("%q: %v", address, got)
		}
	}
	if got := visible("https://a.org/\u202egnp.exe"); strings.ContainsRune(got, 0x202e) {
		t.Errorf("a mark that turns the writing round is not shown: %q", got)
	}
}

// Long lines of code slide; what is selected does not depend on it.
func TestCodeSlides(t *testing.T) {
	w, _ := testWindow(t, Actions{CopyText: func(string) {}})
	w.PutTurn(Turn{ID: 1, Question: "?", Answer: "```go\n" + strings.Repeat("long ", 60) + "\nx\n```", State: TurnDone})
	p := w.transcript.view(0).answer
	b := p.boxes[0]
	if b.pane == nil || len(b.lines) != 2 || b.code.name != "Go" {
		t.Fatal("the lines wrap, or the language has no name")
	}
	b.pane.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(-5000, 0)})
	if d := b.pane.offset - (b.pane.content - b.pane.room.Width); d < -1 || d > 1 {
		t.Errorf("slid by %v of %v", b.pane.offset, b.pane.content-b.pane.room.Width)
	}
	m := p.markAt(fyne.NewPos(p.width-codePadX, b.lines[0].y+5))
	if end := b.lines[0].end; m.at < end-3 {
		t.Errorf("at the right edge is byte %d of %d", m.at, end)
	}
	first := b.pane
	w.PutTurn(Turn{ID: 1, Question: "?", Answer: "```go\n" + strings.Repeat("long ", 60) + "\nx\ny\n```", State: TurnDone})
	if now := p.boxes[0].pane; now != first || now.offset == 0 {
		t.Error("more code slides it back")
	}
}

// The colours of tokens are read in both looks.
func TestTokenContrast(t *testing.T) {
	for kind, c := range tokenColors {
		if r := contrast(c.dark, darkPalette[colorSurface]); r < 4.5 {
			t.Errorf("dark %d: %.1f", kind, r)
		}
		if r := contrast(c.light, lightPalette[colorSurface]); r < 4.5 {
			t.Errorf("light %d: %.1f", kind, r)
		}
	}
}

// What the keyboard reaches below the edge is brought into sight.
func TestFocusScrolls(t *testing.T) {
	w, _ := testWindow(t, Actions{Copy: func(uint64) {}})
	w.SetTurns(conversation(5))
	tr := w.transcript
	tr.page(-0.15)
	v := tr.view(4)
	bottom := func() float32 {
		return v.Position().Y + v.copyBtn.Position().Y + v.copyBtn.Size().Height - tr.scroll.Offset.Y
	}
	if bottom() < tr.scroll.Size().Height {
		t.Fatal("the button is in sight already")
	}
	w.win.Canvas().Focus(v.copyBtn)
	if bottom() > tr.scroll.Size().Height || !v.copyBtn.focused {
		t.Errorf("the button ends at %v of %v", bottom(), tr.scroll.Size().Height)
	}
}
