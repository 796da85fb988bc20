package ui

import (
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
)

func TestHelp(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.win.Resize(fyne.NewSize(800, 400))
	c := w.win.Canvas()
	w.showHelp()
	w.showHelp() // F1 again
	if n := len(c.Overlays().List()); n != 1 {
		t.Fatalf("%d windows of help", n)
	}
	scroll, ok := c.Focused().(*helpScroll)
	if !ok {
		t.Fatalf("%T has the keyboard", c.Focused())
	}
	press := func(key fyne.KeyName) { scroll.TypedKey(&fyne.KeyEvent{Name: key}) }
	press(fyne.KeyEnd)
	if scroll.Offset.Y <= 0 || scroll.Offset.Y+scroll.Size().Height != scroll.Content.MinSize().Height {
		t.Errorf("End scrolled to %v", scroll.Offset.Y)
	}
	press(fyne.KeyPageDown)
	press(fyne.KeyHome)
	if scroll.Offset.Y != 0 {
		t.Errorf("Home scrolled to %v", scroll.Offset.Y)
	}
	press(fyne.KeyEscape)
	if c.Overlays().Top() != nil {
		t.Error("Esc did not close the help")
	}
}

// Every row has its keys left of what they do, at every text size.
func TestHelpLayout(t *testing.T) {
	testWindow(t, Actions{})
	t.Cleanup(func() { setTextFactor(1) })
	for _, f := range []float32{smallestText, 1, largestText} {
		setTextFactor(f)
		h := newHelpList(shortcuts())
		for _, width := range []float32{h.naturalWidth(), h.keysWidth() + 120} {
			h.Resize(fyne.NewSize(width, h.heightFor(width)))
			h.CreateRenderer().Layout(h.Size())
			checkHelpRows(t, h)
		}
	}
}

func checkHelpRows(t *testing.T, h *helpList) {
	t.Helper()
	if len(h.rows) < 15 {
		t.Fatalf("only %d shortcuts", len(h.rows))
	}
	below := float32(0)
	for _, r := range h.rows {
		last := r.caps[len(r.caps)-1]
		end := last.back.rect.Position().X + last.back.rect.Size().Width
		if what := r.what; end > what.Position().X || what.Position().Y < below || what.Position().X+what.Size().Width > h.Size().Width+1 {
			t.Errorf("at %v %q is covered or cut", textFactor, r.what.source)
		}
		below = r.what.Position().Y + r.what.Size().Height
	}
	if below > h.Size().Height {
		t.Errorf("the list ends at %v, and has a height of %v", below, h.Size().Height)
	}
}

func TestKeyCaps(t *testing.T) {
	texts := func(keys string) (s string) {
		for _, c := range keyCaps(keys) {
			s += c.text.text + "|"
		}
		return s
	}
	for keys, want := range map[string]string{"Ctrl+/": "Ctrl|+|/|", "F1 Ctrl+/": "F1|/|Ctrl|+|/|", "Up Down": "↑|/|↓|"} {
		if got := texts(keys); got != want {
			t.Errorf("%s: %s, want %s", keys, got, want)
		}
	}
}

// The keyboard's focus tells what a button is for as the pointer does, where nothing is written on it.
func TestTipOnFocus(t *testing.T) {
	var run func()
	tips := newTips(func(_ time.Duration, f func()) func() {
		run = f
		return func() { run = nil }
	})
	testWindow(t, Actions{})
	b := newButton(quiet, "settings", "", nil).withTip(tips, "Settings")
	b.FocusGained()
	if run == nil {
		t.Fatal("no tip is coming")
	}
	run()
	if len(tips.layer.Objects) != 1 {
		t.Error("no tip")
	}
	b.FocusLost()
	if len(tips.layer.Objects) != 0 {
		t.Error("the tip stays behind")
	}
	run = nil
	newButton(quiet, "chat", "New chat", nil).withTip(tips, "Begin a new conversation").FocusGained()
	if run != nil {
		t.Error("a tip covers what is beside a button that says what it does")
	}
}

// The help names every shortcut that the window listens to, and no other with Ctrl but those that Fyne's entries and answers
// know themselves.
func TestHelpNamesWhatTheWindowListensTo(t *testing.T) {
	testWindow(t, Actions{})
	told := map[string]bool{}
	for _, g := range shortcuts() {
		for _, l := range g.lines {
			for _, keys := range strings.Fields(l.keys) {
				told[keys] = true
			}
		}
	}
	bound := map[string]bool{"Ctrl+V": true, "Ctrl+C": true, "Ctrl+A": true, "Ctrl+Z": true}
	for _, k := range windowKeys {
		name := "Ctrl+"
		if k.Modifier&fyne.KeyModifierShift != 0 {
			name += "Shift+"
		}
		bound[name+string(k.KeyName)] = true
	}
	for keys := range bound {
		if !told[keys] {
			t.Errorf("the help does not name %s", keys)
		}
	}
	for keys := range told {
		if strings.HasPrefix(keys, "Ctrl+") && !bound[keys] {
			t.Errorf("the help names %s, and nothing listens to it", keys)
		}
	}
}
