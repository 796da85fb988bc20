package ui

import (
	"fmt"
	"image"
	"reflect"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/widget"
)

// noon is the time in the tests of the sidebar: a Wednesday.
var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

// sideWindow is a window with a sidebar, and what it asked for.
type sideWindow struct {
	*Window
	clock *fakeClock
	asked []string
	now   time.Time
}

func newSideWindow(t *testing.T) *sideWindow {
	t.Helper()
	s := &sideWindow{now: noon}
	say := func(format string, args ...any) { s.asked = append(s.asked, fmt.Sprintf(format, args...)) }
	s.Window, s.clock = testWindow(t, Actions{
		NewChat:               func() { say("new") },
		OpenConversation:      func(id, turn int64) { say("open %d %d", id, turn) },
		RenameConversation:    func(id int64, title string) { say("rename %d %s", id, title) },
		DuplicateConversation: func(id int64) { say("duplicate %d", id) },
		DeleteConversation:    func(id int64) { say("delete %d", id) },
		ExportConversation:    func(id int64, format string) { say("export %d %s", id, format) },
		ImportConversation:    func() { say("import") },
		Search:                func(query string) { say("search %s", query) },
		Thumbs:                func(ids []int64) { say("thumbs %v", ids) },
		Sidebar:               func(shown bool) { say("sidebar %v", shown) },
	})
	s.sidebar.list.now = func() time.Time { return s.now }
	s.ShowSidebar(true)
	return s
}

// told is what was asked for since the last call.
func (s *sideWindow) told() string {
	text := strings.Join(s.asked, ", ")
	s.asked = nil
	return text
}

func (s *sideWindow) press(name fyne.KeyName) {
	if f := s.win.Canvas().Focused(); f != nil {
		f.TypedKey(key(name))
	} else {
		s.typedKey(key(name))
	}
}

// texts are the lines in sight from above, headings in brackets.
func (s *sideWindow) texts() string {
	var out []string
	l := s.sidebar.list
	for i := range l.items {
		if h := l.heads[i]; h != nil {
			out = append(out, "["+h.text+"]")
		}
		if r := l.rows[i]; r != nil {
			out = append(out, plainText(r.title))
		}
	}
	return strings.Join(out, "|")
}

func (s *sideWindow) row(id int64) *sideRow {
	for _, r := range s.sidebar.list.rows {
		if r.id == id {
			return r
		}
	}
	return nil
}

func someConversations() []Conversation {
	return []Conversation{
		{ID: 5, Title: "Mugs", Updated: noon.Add(-time.Hour), Picture: true},
		{ID: 4, Title: "Receipt", Updated: noon.Add(-13 * time.Hour)},
		{ID: 3, Title: "Plant", Updated: noon.Add(-5 * 24 * time.Hour), Busy: true},
		{ID: 2, Title: "Wiring", Updated: noon.Add(-30 * 24 * time.Hour), Picture: true},
		{ID: 1, Title: "", Updated: noon.Add(-400 * 24 * time.Hour)},
	}
}

func manyConversations(n int) []Conversation {
	list := make([]Conversation, n)
	for i := range list {
		list[i] = Conversation{ID: int64(n - i), Title: fmt.Sprintf("Conversation number %d about what is on the shelf", n-i), Updated: noon.Add(-time.Duration(i) * time.Hour), Picture: i%2 == 0}
	}
	return list
}

func TestDayHeadings(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	now := time.Date(2026, 11, 18, 0, 30, 0, 0, berlin)
	for _, c := range []struct {
		at   time.Time
		want string
	}{
		{now, "Today"},
		{now.Add(48 * time.Hour), "Today"},
		{time.Date(2026, 11, 17, 22, 59, 0, 0, time.UTC), "Yesterday"}, // 23:59 in Berlin
		{time.Date(2026, 11, 17, 23, 1, 0, 0, time.UTC), "Today"},
		{now.AddDate(0, 0, -1), "Yesterday"},
		{now.AddDate(0, 0, -2), "Monday"},
		{now.AddDate(0, 0, -6), "Thursday"},
		{now.AddDate(0, 0, -7), "11 November"},
		{now.AddDate(0, -8, 0), "18 March"},
		{now.AddDate(-1, 0, 0), "18 November 2025"},
	} {
		if got := dayHeading(c.at, now); got != c.want {
			t.Errorf("%v is %q, not %q", c.at, got, c.want)
		}
	}
	for d := range 7 {
		if weekdayName(time.Weekday(d)) != time.Weekday(d).String() {
			t.Errorf("weekday %d is %s", d, weekdayName(time.Weekday(d)))
		}
	}
	for m := time.January; m <= time.December; m++ {
		if monthName(m) != m.String() {
			t.Errorf("%v is %s", m, monthName(m))
		}
	}
}

func TestSidebarShowsConversationsByDay(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(someConversations())
	const want = "[TODAY]|Mugs|[YESTERDAY]|Receipt|[FRIDAY]|Plant|[19 OCTOBER]|Wiring|[14 OCTOBER 2025]|Without a title"
	if got := s.texts(); got != want {
		t.Errorf("it shows %s", got)
	}
	s.now = noon.Add(24 * time.Hour)
	s.clock.pass()
	if got := s.texts(); !strings.HasPrefix(got, "[YESTERDAY]|Mugs|[TUESDAY]|Receipt") {
		t.Errorf("a day later it shows %s", got)
	}
}

func TestThumbsAreAskedForInSight(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(manyConversations(10_000))
	first := s.told()
	if !strings.HasPrefix(first, "thumbs [10000 9998") || strings.Count(first, " ") > 20 {
		t.Fatalf("asked for %s", first)
	}
	s.SetConversations(manyConversations(10_000))
	if again := s.told(); again != "" {
		t.Errorf("asked again: %s", again)
	}
	img := flat(8, 8, rgb(0x336699))
	s.SetThumb(10_000, img)
	if s.row(10_000).thumb != image.Image(img) {
		t.Error("the picture is not shown")
	}
	l := s.sidebar.list
	l.scrollTo(l.total / 2)
	if n := len(l.rows); n == 0 || n > 40 {
		t.Errorf("%d lines for what is in sight", n)
	}
	if !strings.HasPrefix(s.told(), "thumbs [") {
		t.Error("what was scrolled to is not asked for")
	}
	l.scrollTo(0)
	if s.row(10_000).thumb != image.Image(img) {
		t.Error("the picture is forgotten")
	}
}

func TestThumbsAreNotKeptForEver(t *testing.T) {
	s := newSideWindow(t)
	s.act.Thumbs = nil
	l := s.sidebar.list
	l.act.Thumbs = func(ids []int64) {
		for _, id := range ids {
			s.SetThumb(id, flat(2, 2, rgb(0)))
		}
	}
	s.SetConversations(manyConversations(4000))
	for y := float32(0); y < l.total; y += 300 {
		l.scrollTo(y)
	}
	if n := len(l.thumbs); n > 2*keptThumbs || n == 0 {
		t.Errorf("%d pictures are kept", n)
	}
}

func TestSidebarKeys(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(someConversations())
	s.SetOpen(4)
	l := s.sidebar.list
	s.win.Canvas().Focus(l)
	s.told()
	s.press(fyne.KeyReturn)
	s.press(fyne.KeyDown)
	s.press(fyne.KeyReturn)
	s.press(fyne.KeyEnd)
	s.press(fyne.KeySpace)
	s.press(fyne.KeyHome)
	s.press(fyne.KeyReturn)
	if got := s.told(); got != "open 4 0, open 3 0, open 1 0, open 5 0" {
		t.Errorf("opened %s", got)
	}
	s.press(fyne.KeyDelete)
	s.SetConversations(someConversations()[1:]) // as the controller does
	s.press(fyne.KeyDelete)
	if got := s.told(); got != "delete 5, delete 4" {
		t.Errorf("deleted %s", got)
	}
	s.press(fyne.KeyUp)
	if s.win.Canvas().Focused() != fyne.Focusable(s.sidebar.search.entry) {
		t.Errorf("up from the first line leads to %T", s.win.Canvas().Focused())
	}
	s.press(fyne.KeyDown)
	if !l.focused || l.cursor != 4 {
		t.Errorf("down from the search leads to %d", l.cursor)
	}
	l.TypedRune('w')
	if s.composer.entry.Text != "w" {
		t.Error("what is typed at the list does not go into the question")
	}
	s.win.Canvas().Focus(l)
	s.press(fyne.KeyEscape)
	if s.win.Canvas().Focused() != fyne.Focusable(s.composer.entry) {
		t.Error("Esc does not lead to the composer")
	}
}

func TestRename(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(someConversations())
	l := s.sidebar.list
	begin := func() *renameEntry {
		t.Helper()
		s.win.Canvas().Focus(l)
		l.setCursor(4)
		s.press(fyne.KeyF2)
		if l.rename == nil || s.win.Canvas().Focused() != fyne.Focusable(l.rename) {
			t.Fatal("F2 does not rename")
		}
		return l.rename
	}
	s.told()
	begin().SetText("  Total and VAT ")
	s.press(fyne.KeyReturn)
	begin().SetText("Nothing")
	s.press(fyne.KeyEscape)
	begin() // left as it is
	s.press(fyne.KeyReturn)
	if got := s.told(); got != "rename 4 Total and VAT" {
		t.Errorf("told %s", got)
	}
	if l.rename != nil || !l.focused {
		t.Error("the list has not got the keyboard back")
	}
	begin().SetText("By a click elsewhere")
	s.focusComposer()
	if got := s.told(); got != "rename 4 By a click elsewhere" || s.win.Canvas().Focused() != fyne.Focusable(s.composer.entry) {
		t.Errorf("told %s", got)
	}
	begin().SetText("Gone")
	s.SetConversations(someConversations()[2:])
	if got := s.told(); got != "" || l.rename != nil {
		t.Errorf("one that is gone: %s", got)
	}
	s.SetOpen(3)
	s.composer.entry.TypedKey(key(fyne.KeyF2))
	if l.renaming != 3 {
		t.Error("F2 in the composer does not rename the open one")
	}
}

// menuOf is the menu that is open, and its labels.
func (s *sideWindow) menuOf(t *testing.T) (*widget.PopUpMenu, string) {
	t.Helper()
	var menu *widget.PopUpMenu
	if o := s.win.Canvas().Overlays().Top(); o != nil {
		for _, child := range test.WidgetRenderer(o.(fyne.Widget)).Objects() {
			if m, ok := child.(*widget.PopUpMenu); ok {
				menu = m
			}
		}
	}
	if menu == nil {
		t.Fatal("no menu is open")
	}
	return menu, fmt.Sprint(len(menu.Items))
}

func TestSidebarMenu(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(someConversations())
	s.told()
	l := s.sidebar.list
	want := []string{"Rename", "Duplicate", "Export as Markdown…", "Export as JSON…", "", "Delete"}
	var got []string
	for _, i := range l.menuItems(4) {
		got = append(got, i.Label)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it has %q", got)
	}
	for _, i := range l.menuItems(4)[1:] {
		if i.Action != nil {
			i.Action()
		}
	}
	if got := s.told(); got != "duplicate 4, export 4 markdown, export 4 json, delete 4" {
		t.Errorf("asked for %s", got)
	}
	for name, open := range map[string]func(){
		"right button": func() { s.row(4).TappedSecondary(&fyne.PointEvent{}) },
		"three dots": func() {
			r := s.row(4)
			at := fyne.PointEvent{Position: fyne.NewPos(r.Size().Width-sidePad-4, 20)}
			r.MouseIn(&desktop.MouseEvent{PointEvent: at})
			r.Tapped(&at)
		},
		"menu key": func() { l.setCursor(4); s.win.Canvas().Focus(l); l.TypedKey(key(desktop.KeyMenu)) },
		"Shift+F10": func() {
			l.setCursor(4)
			s.win.Canvas().Focus(l)
			l.KeyDown(key(desktop.KeyShiftLeft))
			l.TypedKey(key(fyne.KeyF10))
		},
	} {
		open()
		menu, _ := s.menuOf(t)
		menu.TypedKey(key(fyne.KeyDown)) // Rename
		menu.TypedKey(key(fyne.KeyReturn))
		if l.renaming != 4 || s.win.Canvas().Overlays().Top() != nil {
			t.Errorf("%s: no menu that works", name)
		}
		s.press(fyne.KeyEscape)
	}
	if got := s.told(); got != "" {
		t.Errorf("asked for %s", got)
	}
	r := s.row(5)
	r.Tapped(&fyne.PointEvent{Position: fyne.NewPos(60, 10)})
	if got := s.told(); got != "open 5 0" || s.win.Canvas().Focused() != fyne.Focusable(s.composer.entry) {
		t.Errorf("a click: %s", got)
	}
}

func TestSearchOfConversations(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(someConversations())
	s.told()
	s.composer.entry.TypedShortcut(&desktop.CustomShortcut{KeyName: fyne.KeyF, Modifier: fyne.KeyModifierControl})
	e := s.sidebar.search.entry
	if s.win.Canvas().Focused() != fyne.Focusable(e) {
		t.Fatal("Ctrl+F does not lead to the search")
	}
	test.Type(e, "mu")
	if got := s.told(); got != "search m, search mu" {
		t.Errorf("looked for %s", got)
	}
	if got := s.texts(); !strings.HasPrefix(got, "[TODAY]") {
		t.Errorf("before anything was found it shows %s", got)
	}
	all := someConversations()
	hits := []Hit{
		{Conversation: all[0], TitleParts: []Part{{"Mu", true}, {"gs", false}}},
		{Conversation: all[3], TitleParts: []Part{{"Wiring", false}}, Text: []Part{{"a long text before it goes on and on, the ", false}, {"mug", true}, {" is here", false}}, Turn: 77},
	}
	s.SetHits("m", nil) // late
	s.SetHits("mu", hits)
	if got := s.texts(); got != "[2 CONVERSATIONS]|Mugs|Wiring" {
		t.Errorf("it shows %s", got)
	}
	r := s.row(2)
	var found []string
	line := &partLine{base: textSmall, color: colorMuted}
	line.lay(r.text, 0, 0, 180, 20)
	for _, o := range line.objects {
		if text, ok := o.(interface{ MinSize() fyne.Size }); ok && text != nil {
			found = append(found, fmt.Sprintf("%T", o))
		}
	}
	if strings.Join(found, " ") != "*canvas.Text *canvas.Rectangle *canvas.Text *canvas.Text" {
		t.Errorf("a hit is drawn as %v", found)
	}
	s.press(fyne.KeyReturn)
	s.win.Canvas().Focus(e)
	s.press(fyne.KeyDown)
	s.press(fyne.KeyDown)
	s.press(fyne.KeyReturn)
	if got := s.told(); got != "open 5 0, open 2 77" {
		t.Errorf("opened %s", got)
	}
	s.SetHits("mu", nil)
	if !s.sidebar.note.Visible() || !strings.Contains(s.sidebar.note.source, "mu") || !s.sidebar.clear.Visible() {
		t.Error("nothing found is not told, with a way out")
	}
	test.Tap(s.sidebar.clear)
	if got := s.told(); got != "search " || e.Text != "" || !strings.HasPrefix(s.texts(), "[TODAY]") || s.sidebar.note.Visible() {
		t.Errorf("after the search: %s, %s", got, s.texts())
	}
	test.Type(e, "x")
	e.TypedKey(key(fyne.KeyEscape))
	if e.Text != "" || s.win.Canvas().Focused() != fyne.Focusable(s.composer.entry) {
		t.Error("Esc does not end the search")
	}
}

func TestHiddenSidebar(t *testing.T) {
	s := newSideWindow(t)
	toggle := &desktop.CustomShortcut{KeyName: fyne.KeyB, Modifier: fyne.KeyModifierControl}
	if !s.sidebar.Visible() || s.composer.Position().X < sideWidth || s.header.newChat.Visible() {
		t.Fatal("it is not shown")
	}
	s.win.Canvas().Focus(s.sidebar.search.entry)
	s.sidebar.search.entry.TypedShortcut(toggle)
	if s.sidebar.Visible() || s.composer.Position().X > sideWidth || !s.header.newChat.Visible() {
		t.Error("Ctrl+B does not hide it")
	}
	if s.win.Canvas().Focused() != fyne.Focusable(s.composer.entry) {
		t.Error("what is hidden has the keyboard")
	}
	test.Tap(s.header.menu)
	if got := s.told(); got != "sidebar false, sidebar true" || !s.sidebar.Visible() {
		t.Errorf("told %s", got)
	}
	s.ShowSidebar(false)
	s.shortcut(&desktop.CustomShortcut{KeyName: fyne.KeyK, Modifier: fyne.KeyModifierControl})
	if !s.sidebar.Visible() || s.win.Canvas().Focused() != fyne.Focusable(s.sidebar.search.entry) {
		t.Error("Ctrl+K does not show it")
	}
}

func TestSidebarInNarrowWindow(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(someConversations())
	s.win.Resize(fyne.NewSize(700, 500))
	s.told()
	if s.sidebar.Visible() {
		t.Fatal("it takes room in a narrow window")
	}
	x := s.composer.Position().X
	test.Tap(s.header.menu)
	if !s.sidebar.Visible() || !s.shade.Visible() || s.composer.Position().X != x {
		t.Error("it does not lie over the conversation")
	}
	s.typedKey(key(fyne.KeyEscape))
	if s.sidebar.Visible() {
		t.Error("Esc does not put it away")
	}
	test.Tap(s.header.menu)
	s.shade.Tapped(nil)
	if s.sidebar.Visible() {
		t.Error("a click beside it does not put it away")
	}
	test.Tap(s.header.menu)
	s.row(5).Tapped(&fyne.PointEvent{Position: fyne.NewPos(60, 10)})
	if s.sidebar.Visible() {
		t.Error("it stays when something was opened")
	}
	test.Tap(s.header.menu)
	s.win.Resize(fyne.NewSize(900, 500))
	s.win.Resize(fyne.NewSize(700, 500))
	if got := s.told(); strings.Contains(got, "sidebar") || s.sidebar.Visible() {
		t.Errorf("a narrow window is remembered: %s", got)
	}
}

// What a person looks at stays where it is when a conversation goes to the top.
func TestListStaysInPlace(t *testing.T) {
	s := newSideWindow(t)
	list := manyConversations(500)
	s.SetConversations(list)
	l := s.sidebar.list
	l.scrollTo(4000)
	id, inside := l.atTop()
	list = append([]Conversation{{ID: 9999, Title: "New", Updated: noon}}, list...)
	s.SetConversations(list)
	if now, in := l.atTop(); now != id || in != inside {
		t.Errorf("%d at %v became %d at %v", id, inside, now, in)
	}
	s.SetOpen(9999)
	if l.scroll.Offset.Y != 0 {
		t.Errorf("the open one is out of sight at %v", l.scroll.Offset.Y)
	}
	s.SetConversations(nil)
	if len(l.rows)+len(l.heads)+len(l.column.objects) > 0 || !s.sidebar.note.Visible() {
		t.Error("an empty list is not empty")
	}
}

func TestFitParts(t *testing.T) {
	test.NewTempApp(t)
	const size = textSmall
	fit := func(width float32, parts ...Part) (string, bool) {
		fitted, cut := fitParts(parts, width, size)
		w := float32(0)
		for _, p := range fitted {
			w += p.measure(size)
		}
		if w > width+1 {
			t.Errorf("%v takes %v of %v", fitted, w, width)
		}
		return plainText(fitted), cut
	}
	if got, cut := fit(400, Part{"all of it", false}); got != "all of it" || cut {
		t.Errorf("%q, %v", got, cut)
	}
	long := strings.Repeat("words before it ", 20)
	got, cut := fit(200, Part{long, false}, Part{"found", true}, Part{" and after", false})
	if !cut || !strings.HasPrefix(got, "…") || !strings.Contains(got, "found") {
		t.Errorf("%q, %v", got, cut)
	}
	if got, cut := fit(60, Part{strings.Repeat("found", 90), true}); !cut || !strings.HasSuffix(got, "…") {
		t.Errorf("%q, %v", got, cut)
	}
	if got, _ := fit(400, Part{"two\nlines\tand", false}); got != "two lines and" {
		t.Errorf("%q", got)
	}
	fitParts([]Part{{"no room", false}, {"at all", true}}, 1, size)
	if !startsRightToLeft([]Part{{"12 ", false}, {"שלום", true}}) || startsRightToLeft([]Part{{"a ש", false}}) {
		t.Error("the direction is wrong")
	}
}

func TestOffer(t *testing.T) {
	done := 0
	w, c := testWindow(t, Actions{})
	offer := func() { w.Offer("“Mugs” is deleted.", "Undo", func() { done++ }) }
	undo := &fyne.ShortcutUndo{}
	offer()
	if !w.snack.Visible() || !w.snack.button.Visible() {
		t.Fatal("nothing is offered")
	}
	test.Tap(w.snack.button)
	if done != 1 || w.snack.Visible() {
		t.Fatalf("done %d times", done)
	}
	w.composer.entry.TypedShortcut(undo)
	offer()
	w.composer.entry.TypedShortcut(undo)
	w.composer.entry.TypedShortcut(undo)
	if done != 2 {
		t.Fatalf("Ctrl+Z: done %d times", done)
	}
	offer()
	test.Type(w.composer.entry, "a")
	w.composer.entry.TypedShortcut(undo) // of what was typed
	if done != 2 {
		t.Fatal("Ctrl+Z took it back while something was typed")
	}
	w.Notify("Something else")
	if w.snack.button.Visible() || w.snack.accept() {
		t.Error("the offer outlives another message")
	}
	offer()
	w.win.Canvas().Focus(w.snack.button)
	c.pass()
	if w.snack.Visible() || w.snack.accept() || w.win.Canvas().Focused() == fyne.Focusable(w.snack.button) {
		t.Error("the offer does not end")
	}
	long := strings.Repeat("a very long title ", 20)
	w.Offer(long, "Undo", func() {})
	w.win.Resize(fyne.NewSize(560, 400))
	if right := w.snack.Position().X + w.snack.Size().Width; right > 560 || w.snack.Position().X < 0 {
		t.Errorf("a long offer ends at %v", right)
	}
}

func TestOfferStaysLonger(t *testing.T) {
	var stays []time.Duration
	test.NewTempApp(t)
	s := newSnackbar(func(d time.Duration, _ func()) func() { stays = append(stays, d); return func() {} }, func() {})
	s.show("a")
	s.offer("a", "b", func() {})
	if !reflect.DeepEqual(stays, []time.Duration{4 * time.Second, 8 * time.Second}) {
		t.Errorf("they stay %v", stays)
	}
}

func TestWindowShortcuts(t *testing.T) {
	var did []string
	say := func(what string) func() { return func() { did = append(did, what) } }
	var text func()
	w, _ := testWindow(t, Actions{Screenshot: say("screenshot"), Settings: func(Settings) {}, Paste: func(f func()) { text = f }})
	ctrl := func(k fyne.KeyName, more ...fyne.KeyModifier) {
		m := fyne.KeyModifierControl
		for _, x := range more {
			m |= x
		}
		w.composer.entry.TypedShortcut(&desktop.CustomShortcut{KeyName: k, Modifier: m})
	}
	ctrl(fyne.KeyS, fyne.KeyModifierShift)
	ctrl(fyne.KeyF) // no sidebar
	ctrl(fyne.KeyB)
	if strings.Join(did, " ") != "screenshot" {
		t.Errorf("did %v", did)
	}
	for name, open := range map[string]func(){
		"F1": func() { w.composer.entry.TypedKey(key(fyne.KeyF1)) }, "F1 elsewhere": func() { w.typedKey(key(fyne.KeyF1)) },
		"Ctrl+/": func() { ctrl(fyne.KeySlash) }, "Ctrl+,": func() { ctrl(fyne.KeyComma) },
	} {
		open()
		top := w.win.Canvas().Overlays().Top()
		if top == nil {
			t.Errorf("%s opens nothing", name)
			continue
		}
		w.win.Canvas().Overlays().Remove(top)
	}
	w.win.Canvas().Unfocus()
	w.shortcut(&desktop.CustomShortcut{KeyName: fyne.KeyL, Modifier: fyne.KeyModifierControl})
	if w.win.Canvas().Focused() != fyne.Focusable(w.composer.entry) {
		t.Error("Ctrl+L does not lead to the composer")
	}
	clip := test.NewClipboard()
	clip.SetContent("words")
	w.composer.entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: clip})
	if w.composer.entry.Text != "" || text == nil {
		t.Fatal("a picture is not looked for first")
	}
	text()
	if w.composer.entry.Text != "words" {
		t.Error("the text is not pasted where there is no picture")
	}
}

// The markup of the sidebar. See TestMarkup for how to change it.
func TestSidebarMarkup(t *testing.T) {
	s := newSideWindow(t)
	s.SetConversations(someConversations())
	s.SetThumb(5, flat(40, 30, rgb(0x336699)))
	s.SetOpen(4)
	for name, prepare := range map[string]func(){
		"sidebar": func() {},
		"sidebar-hits": func() {
			s.sidebar.search.entry.SetText("mug")
			s.SetHits("mug", []Hit{{Conversation: someConversations()[0], TitleParts: []Part{{"Mug", true}, {"s", false}}, Text: []Part{{"three ", false}, {"mugs", true}, {" there", false}}}})
		},
		"sidebar-nothing": func() {
			s.sidebar.search.entry.SetText("zzz")
			s.SetHits("zzz", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			prepare()
			c := test.NewCanvas()
			c.SetPadded(false)
			c.SetContent(s.sidebar)
			c.Resize(fyne.NewSize(sideWidth, 480))
			test.AssertRendersToMarkup(t, name+".xml", c)
			s.sidebar.search.entry.SetText("")
		})
	}
}

// BenchmarkSidebar is for 10,000 conversations.
func BenchmarkSidebar(b *testing.B) {
	w := New(test.NewTempApp(b), Actions{
		OpenConversation: func(int64, int64) {}, RenameConversation: func(int64, string) {}, Search: func(string) {}, Thumbs: func([]int64) {},
	})
	b.Cleanup(w.win.Close)
	w.win.Resize(fyne.NewSize(1200, 780))
	w.ShowSidebar(true)
	w.sidebar.list.now = func() time.Time { return noon }
	list := manyConversations(10_000)
	w.SetConversations(list)
	b.Run("SetConversations", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			list[0].Busy = i%2 == 0
			w.SetConversations(list)
		}
	})
	l := w.sidebar.list
	b.Run("scroll by a line", func(b *testing.B) {
		y := float32(0)
		for b.Loop() {
			if y += sideRowHeight(); y > l.total-800 {
				y = 0
			}
			l.scrollTo(y)
		}
	})
	b.Run("scroll by a page", func(b *testing.B) {
		y := float32(0)
		for b.Loop() {
			if y += 600; y > l.total-800 {
				y = 0
			}
			l.scrollTo(y)
		}
	})
	b.Run("SetHits", func(b *testing.B) {
		w.sidebar.search.entry.SetText("shelf")
		var hits []Hit
		for _, c := range list[:200] {
			hits = append(hits, Hit{Conversation: c, TitleParts: []Part{{c.Title[:10], false}, {c.Title[10:], true}}, Text: []Part{{"what is on the ", false}, {"shelf", true}}})
		}
		for b.Loop() {
			w.SetHits("shelf", hits)
		}
	})
}
