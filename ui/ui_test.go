package ui

import (
	"image"
	"image/color"
	"reflect"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
)

// fakeClock runs what was asked for when the test says that time has passed.
type fakeClock struct{ pending []*func() }

func (c *fakeClock) after(_ time.Duration, f func()) func() {
	p := &f
	c.pending = append(c.pending, p)
	return func() { *p = nil }
}

func (c *fakeClock) pass() {
	now := c.pending
	c.pending = nil
	for _, f := range now {
		if *f != nil {
			(*f)()
		}
	}
}

func testWindow(t *testing.T, act Actions) (*Window, *fakeClock) {
	t.Helper()
	c := &fakeClock{}
	w := newWindow(test.NewTempApp(t), act, c.after)
	w.SetSettings(Settings{MaxTokens: 768, Temperature: 0.7, Theme: "dark"})
	w.win.Resize(fyne.NewSize(900, 700))
	t.Cleanup(w.win.Close)
	return w, c
}

func TestComposerTellsWhatItHolds(t *testing.T) {
	var held []string
	w, _ := testWindow(t, Actions{Edited: func(text string) { held = append(held, text) }})
	test.Type(w.composer.entry, "hi")
	w.SetComposerText("")
	if got := strings.Join(held, "|"); got != "h|hi|" {
		t.Errorf("told %q", got)
	}
}

func flat(w, h int, c color.NRGBA) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := 0; i < len(img.Pix); i += 4 {
		copy(img.Pix[i:], []uint8{c.R, c.G, c.B, c.A})
	}
	return img
}

func key(name fyne.KeyName) *fyne.KeyEvent { return &fyne.KeyEvent{Name: name} }

func TestComposerKeys(t *testing.T) {
	var sent []string
	cancelled := 0
	w, _ := testWindow(t, Actions{Send: func(s string) { sent = append(sent, s) }, Cancel: func() { cancelled++ }})
	e := w.composer.entry
	test.Type(e, "one")
	e.KeyDown(key(desktop.KeyShiftLeft))
	e.TypedKey(key(fyne.KeyReturn))
	e.KeyUp(key(desktop.KeyShiftLeft))
	test.Type(e, "two")
	if len(sent) != 0 || e.Text != "one\ntwo" {
		t.Fatalf("Shift+Enter: sent %q, text %q", sent, e.Text)
	}
	e.TypedKey(key(fyne.KeyReturn))
	if !reflect.DeepEqual(sent, []string{"one\ntwo"}) || e.Text != "one\ntwo" {
		t.Fatalf("Enter: sent %q, text %q", sent, e.Text)
	}
	e.TypedKey(key(fyne.KeyEscape))
	if cancelled != 0 || !w.composer.cancel.Disabled() {
		t.Fatal("Cancel is possible while nothing runs")
	}
	w.SetBusy(true)
	e.TypedKey(key(fyne.KeyEscape))
	test.Tap(w.composer.cancel)
	w.typedKey(key(fyne.KeyEscape))
	if cancelled != 3 {
		t.Fatalf("Esc, the button and Esc elsewhere cancelled %d times", cancelled)
	}
	w.SetComposerText("")
	if e.Text != "" {
		t.Fatalf("text %q", e.Text)
	}
}

func TestComposerGrows(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	before := w.composer.Size().Height
	w.SetComposerText("one\ntwo\nthree")
	grown := w.composer.Size().Height
	if grown <= before {
		t.Fatalf("three lines: %v, one line %v", grown, before)
	}
	w.SetComposerText(strings.Repeat("line\n", 50))
	if h := w.composer.Size().Height; h > 250 {
		t.Fatalf("50 lines take %v instead of scrolling", h)
	}
	w.SetComposerText("")
	if h := w.composer.Size().Height; h != before {
		t.Fatalf("empty again: %v, was %v", h, before)
	}
}

func TestShortcuts(t *testing.T) {
	chats := 0
	w, _ := testWindow(t, Actions{NewChat: func() { chats++ }})
	n := &desktop.CustomShortcut{KeyName: fyne.KeyN, Modifier: fyne.KeyModifierControl}
	w.composer.entry.TypedShortcut(n)
	w.transcript.put(Turn{ID: 1, Question: "?", Answer: "text", State: TurnDone})
	w.transcript.view(0).answer.TypedShortcut(n)
	if chats != 2 {
		t.Fatalf("Ctrl+N worked %d times of 2", chats)
	}
	w.composer.entry.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyO, Modifier: fyne.KeyModifierControl})
	if w.win.Canvas().Overlays().Top() == nil {
		t.Fatal("Ctrl+O opened no dialog")
	}
}

func TestPaste(t *testing.T) {
	var got []string
	w, _ := testWindow(t, Actions{Attach: func(p []string) { got = p }})
	paste := func(text string) {
		c := test.NewClipboard()
		c.SetContent(text)
		w.composer.entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: c})
	}
	paste("what is this?")
	if w.composer.entry.Text != "what is this?" || got != nil {
		t.Fatalf("text: %q, attached %q", w.composer.entry.Text, got)
	}
	paste("file:///tmp/a%20b%23%C3%BC.png\r\nfile:///tmp/c.jpg\r\n")
	if want := []string{"/tmp/a b#ü.png", "/tmp/c.jpg"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("attached %q, want %q", got, want)
	}
}

func TestPastedPaths(t *testing.T) {
	for text, want := range map[string][]string{
		"/home/me/cat.png":                 {"/home/me/cat.png"},
		"'/home/me/my cat.png'":            {"/home/me/my cat.png"},
		"copy\nfile:///a/b.png":            {"/a/b.png"},
		"/a/b.png\n/c d/e.webp\n":          {"/a/b.png", "/c d/e.webp"},
		"look at /home/me/cat.png":         nil,
		"/home/me/cat.png\nwhat is on it?": nil,
		"/etc":                             nil,
		"":                                 nil,
		"file://%zz":                       nil,
		"/and so on.":                      nil,
		"https://example.org/picture.png":  nil,
	} {
		if got := pastedPaths(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestDrop(t *testing.T) {
	var got []string
	w, _ := testWindow(t, Actions{Attach: func(p []string) { got = p }})
	w.dropped([]fyne.URI{storage.NewFileURI("/tmp/a b#%ü.png"), storage.NewFileURI("/tmp/c.jpg")})
	if want := []string{"/tmp/a b#%ü.png", "/tmp/c.jpg"}; !reflect.DeepEqual(got, want) {
		t.Fatalf("dropped %q, want %q", got, want)
	}
}

func TestAttachments(t *testing.T) {
	var removed []uint64
	w, _ := testWindow(t, Actions{Detach: func(id uint64) { removed = append(removed, id) }})
	low := w.composer.Size().Height
	var list []Attachment
	for i := range 40 {
		list = append(list, Attachment{ID: uint64(i + 1), Name: "p.png", Info: "1 × 1", Thumb: flat(8, 8, rgb(0x336699))})
	}
	list[1].Problem = &Problem{Title: "Not a picture", Text: "It holds text."}
	w.SetAttachments(list)
	if h := w.composer.Size().Height; h <= low || h > 260 {
		t.Fatalf("40 pictures take %v", h)
	}
	first := w.composer.fileBox.cards[0]
	w.SetAttachments(list[:3])
	if w.composer.fileBox.cards[0] != first {
		t.Error("a card that stays was made anew")
	}
	if text, color := w.composer.fileBox.cards[1].line(); text != "Not a picture" || color != colorError {
		t.Errorf("in place of the cost stands %q in %s", text, color)
	}
	test.Tap(w.composer.fileBox.cards[1].remove)
	if !reflect.DeepEqual(removed, []uint64{2}) {
		t.Errorf("removed %v", removed)
	}
	w.SetAttachments(nil)
	if h := w.composer.Size().Height; h != low {
		t.Errorf("empty again: %v, was %v", h, low)
	}
}

func TestQueue(t *testing.T) {
	var gone []uint64
	w, _ := testWindow(t, Actions{Unqueue: func(id uint64) { gone = append(gone, id) }})
	w.SetQueue([]Turn{{ID: 7, Question: "And\nthe lower shelf?"}, {ID: 8, Question: "Third?"}})
	if w.queue.count.text != "2 questions waiting" || !w.queue.Visible() {
		t.Errorf("count %q", w.queue.count.text)
	}
	if w.queue.chips[0].text.text != "“And the lower shelf?”" {
		t.Errorf("chip %q", w.queue.chips[0].text.text)
	}
	test.Tap(w.queue.chips[1].remove)
	if !reflect.DeepEqual(gone, []uint64{8}) {
		t.Errorf("removed %v", gone)
	}
	w.SetQueue(nil)
	if w.queue.Visible() {
		t.Error("an empty queue takes space")
	}
}

func TestNotify(t *testing.T) {
	w, clock := testWindow(t, Actions{})
	w.Notify("one")
	w.Notify("two")
	if !w.snack.Visible() || w.snack.text.source != "two" {
		t.Fatal("the message is not shown")
	}
	clock.pass()
	if w.snack.Visible() {
		t.Fatal("the message stays")
	}
}

func TestTips(t *testing.T) {
	w, clock := testWindow(t, Actions{})
	w.header.settings.MouseIn(nil)
	if len(w.tips.layer.Objects) != 0 {
		t.Fatal("the tip shows at once")
	}
	clock.pass()
	if len(w.tips.layer.Objects) != 1 {
		t.Fatal("the tip does not show")
	}
	w.header.settings.MouseOut()
	clock.pass()
	if len(w.tips.layer.Objects) != 0 {
		t.Fatal("the tip stays")
	}
}

// A way out of a refused load may be a long one. The text keeps its room, and the buttons stay on the window.
func TestBannerWithALongButton(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.win.Resize(fyne.NewSize(800, 600))
	w.SetBanner(&Banner{
		Text: strings.Repeat("This model would not fit into memory. ", 5), Problem: true, Detail: "load model",
		Label: "Use pictures of at most 256 tokens, pictures read on the CPU, a context of 2048 tokens, a compact cache (q8_0), 12 layers on the card",
		Do:    func() {},
	})
	text, button, fold := w.banner.text, w.banner.button, w.banner.fold
	if text.Size().Width < 600 || text.Size().Height > 80 {
		t.Errorf("the text has %v", text.Size())
	}
	if button.Position().Y < text.Position().Y+text.Size().Height {
		t.Errorf("the button at %v is over the text", button.Position())
	}
	if right := fold.Position().X + fold.Size().Width; right > 800 || fold.Position().X < button.Position().X+button.Size().Width {
		t.Errorf("button %v + %v, details %v + %v", button.Position(), button.Size(), fold.Position(), fold.Size())
	}
	if bottom := button.Position().Y + button.Size().Height; bottom > w.banner.Size().Height {
		t.Errorf("the strip of %v cuts the button at %v", w.banner.Size().Height, bottom)
	}
}

// Only a model that loads has a progress bar: one that moves repaints the window all the time.
func TestNothingMovesUnlessAModelLoads(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	for _, m := range []Model{
		{Name: "m", State: "unloaded: the next question loads it", Loading: -1},
		{Name: "m", State: "not loaded", Loading: -1},
		{Name: "m", Loading: -1},
	} {
		w.SetModel(m)
		if w.header.loading.Visible() || w.header.loading.move != nil {
			t.Errorf("%+v: something moves", m)
		}
	}
	w.SetModel(Model{Name: "m", State: "loading", Loading: 0})
	if !w.header.loading.Visible() {
		t.Error("a model that loads has no progress bar")
	}
}

func TestBanner(t *testing.T) {
	done := 0
	w, _ := testWindow(t, Actions{})
	top := w.transcript.Position().Y
	w.SetBanner(&Banner{Text: "Built-in demo model", Label: "Open a model…", Do: func() { done++ }})
	test.Tap(w.banner.button)
	if done != 1 || w.transcript.Position().Y <= top {
		t.Fatalf("tapped %d times, transcript at %v", done, w.transcript.Position().Y)
	}
	w.SetBanner(nil)
	if w.banner.Visible() || w.transcript.Position().Y != top {
		t.Fatal("the banner stays")
	}
}

func TestTheme(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	if !isDark() {
		t.Fatal("dark was asked for")
	}
	w.SetTurns([]Turn{{ID: 1, Question: "?", Answer: "text", State: TurnDone}})
	w.SetSettings(Settings{Theme: "light"})
	if isDark() {
		t.Fatal("light was asked for")
	}
	run := w.transcript.view(0).answer.boxes[0].lines[0].runs[0]
	if run.draw.Color != lightPalette[colorText] {
		t.Fatalf("text kept the colour %v", run.draw.Color)
	}
}

func TestPalettesAreComplete(t *testing.T) {
	for name := range darkPalette {
		if _, ok := lightPalette[name]; !ok {
			t.Errorf("light has no %q", name)
		}
	}
	for name := range lightPalette {
		if _, ok := darkPalette[name]; !ok {
			t.Errorf("dark has no %q", name)
		}
	}
}

func TestIcons(t *testing.T) {
	test.NewTempApp(t)
	files, err := iconFiles.ReadDir("icons")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, f := range files {
		i := newIcon(iconName(strings.TrimSuffix(f.Name(), ".svg")), colorText)
		i.image.Resize(fyne.NewSize(18, 18))
		drawn := false
		if img, ok := i.image.Image.(*image.NRGBA); ok {
			for _, v := range img.Pix {
				drawn = drawn || v != 0
			}
		}
		if !drawn {
			t.Errorf("%s draws nothing", f.Name())
		}
	}
}

func TestShowImage(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.ShowImage(Sheet{Title: "shelf.jpg", Image: flat(400, 300, rgb(0x336699))})
	s, ok := w.win.Canvas().Overlays().Top().(*sheet)
	if !ok {
		t.Fatal("nothing is shown")
	}
	if s.card.Width > 900 || s.card.Height > 700 || s.content.Size().Width < 400 {
		t.Errorf("card %v, picture %v", s.card, s.content.Size())
	}
	w.typedKey(key(fyne.KeyEscape))
	if w.win.Canvas().Overlays().Top() != nil {
		t.Error("Esc does not close it")
	}
	w.ShowImage(Sheet{Title: "nothing"})
	if w.win.Canvas().Overlays().Top() != nil {
		t.Error("no picture is shown large")
	}
}

func TestModel(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetModel(Model{Name: "Qwen3-VL-4B", Detail: "Q8_0", State: "loading", Loading: 0.4, Vision: true})
	if w.header.pill.detail != "loading 40 %" || !w.header.loading.Visible() {
		t.Errorf("detail %q", w.header.pill.detail)
	}
	w.SetModel(Model{Name: "SmolLM2", Detail: "text", Loading: -1})
	if w.header.loading.Visible() || !w.composer.attach.Disabled() || !w.composer.noPicture {
		t.Error("a text-only model takes pictures")
	}
	w.SetModel(Model{Name: "Qwen3-VL-4B", Loading: -1, Vision: true})
	if w.composer.attach.Disabled() {
		t.Error("pictures stay refused")
	}
}

func TestSmallWindow(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetTurns([]Turn{{ID: 1, Question: strings.Repeat("word ", 80), Answer: sampleAnswer, State: TurnDone, Figures: []string{"1,036 picture tokens", "first token 0.8 s", "42 tokens/s", "980 reused tokens"}}})
	w.SetBanner(&Banner{Text: strings.Repeat("A long hint. ", 12), Label: "Open a model…"})
	for _, size := range []fyne.Size{{Width: 560, Height: 360}, {Width: 800, Height: 600}, {Width: 2000, Height: 1200}} {
		w.win.Resize(size)
		v := w.transcript.view(0)
		for _, o := range (&turnRenderer{v}).Objects() {
			if right := o.Position().X + o.Size().Width; right > v.width+1 {
				t.Errorf("%v: %T ends at %v of %v", size, o, right, v.width)
			}
		}
		if w.transcript.Size().Height < 0 || w.composer.Position().X < 0 {
			t.Errorf("%v: transcript %v, composer at %v", size, w.transcript.Size(), w.composer.Position())
		}
	}
}
