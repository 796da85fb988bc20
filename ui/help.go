package ui

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// keyLine is a shortcut as the help window tells it: keys such as "Ctrl+N" or "Up Down", in English, and what they do.
type keyLine struct{ keys, what string }

// keyGroup is a heading of the help window.
type keyGroup struct {
	title string
	lines []keyLine
}

// shortcuts are all there are. A test compares them with what the window listens to.
func shortcuts() []keyGroup {
	return []keyGroup{
		{words.T("Ask"), []keyLine{
			{"Enter", words.T("Send the question")},
			{"Shift+Enter", words.T("Begin a new line")},
			{"Esc", words.T("Stop the answer")},
			{"Ctrl+O", words.T("Add pictures")},
			{"Ctrl+V", words.T("Paste a picture or text")},
			{"Ctrl+Shift+S", words.T("Take a screenshot of a part of the screen")},
		}},
		{words.T("Read"), []keyLine{
			{"Up Down", words.T("Scroll")},
			{"PageUp PageDown", words.T("Scroll by a page")},
			{"End", words.T("To the end")},
			{"Ctrl+C", words.T("Copy what is selected")},
			{"Ctrl+A", words.T("Select all")},
		}},
		{words.T("Conversations"), []keyLine{
			{"Ctrl+N", words.T("New chat")},
			{"Ctrl+F Ctrl+K", words.T("Search")},
			{"Ctrl+B", words.T("Show or hide the sidebar")},
			{"F2", words.T("Rename the conversation")},
			{"Ctrl+Z", words.T("Undo what was deleted")},
		}},
		{words.T("Everywhere"), []keyLine{
			{"Ctrl+M", words.T("Models")},
			{"Ctrl+L", words.T("Back to the question")},
			{"Ctrl+,", words.T("Settings")},
			{"Tab", words.T("To the next part")},
			{"Shift+Tab", words.T("To the part before")},
			{"Enter Space", words.T("Press the marked button")},
			{"Esc", words.T("Close what is open")},
			{"F1 Ctrl+/", words.T("Show these shortcuts")},
		}},
	}
}

// keyName is what is printed on a key.
func keyName(key string) string {
	switch key {
	case "Ctrl":
		return words.T("Ctrl")
	case "Shift":
		return words.T("Shift")
	case "Enter":
		return words.T("Enter")
	case "Space":
		return words.T("Space")
	case "PageUp":
		return words.T("Page Up")
	case "PageDown":
		return words.T("Page Down")
	case "End":
		return words.T("End")
	case "Up":
		return "↑"
	case "Down":
		return "↓"
	}
	return key
}

// showHelp opens the window of shortcuts, unless it is open.
func (w *Window) showHelp() {
	overlays := w.win.Canvas().Overlays()
	if top, ok := overlays.Top().(*sheet); ok {
		if _, open := top.content.(*helpScroll); open {
			return
		}
	}
	list := newHelpList(shortcuts())
	inset := float32(0)
	scroll := newHelpScroll(container.New(insetLayout{&inset}, list))
	s := showSheet(w.win.Canvas(), words.T("Keyboard shortcuts"), scroll, func(room fyne.Size) fyne.Size {
		width := min(list.naturalWidth(), room.Width)
		inset = 0
		if list.heightFor(width) > room.Height {
			inset = gap3
			width = min(width+inset, room.Width)
		}
		return fyne.NewSize(width, min(list.heightFor(width-inset), room.Height))
	})
	if w.act.Diagnose != nil {
		s.withAction(newButton(quiet, "", words.T("Diagnostics…"), func() {
			s.hide()
			w.ShowDiagnosis()
		}))
	}
	w.win.Canvas().Focus(scroll)
}

// helpScroll is what a sheet of help shows; the arrow keys scroll it.
type helpScroll struct {
	container.Scroll
}

var _ fyne.Focusable = (*helpScroll)(nil)

func newHelpScroll(content fyne.CanvasObject) *helpScroll {
	h := &helpScroll{}
	h.Direction, h.Content = container.ScrollVerticalOnly, content
	h.ExtendBaseWidget(h)
	return h
}

// FocusGained implements fyne.Focusable.
func (h *helpScroll) FocusGained() {}

// FocusLost implements fyne.Focusable.
func (h *helpScroll) FocusLost() {}

// TypedRune implements fyne.Focusable.
func (h *helpScroll) TypedRune(rune) {}

// TypedKey scrolls; other keys go to the window.
func (h *helpScroll) TypedKey(e *fyne.KeyEvent) {
	page := h.Size().Height
	by, known := map[fyne.KeyName]float32{
		fyne.KeyUp: -helpRowHeight(), fyne.KeyDown: helpRowHeight(), fyne.KeyPageUp: -0.9 * page, fyne.KeyPageDown: 0.9 * page,
		fyne.KeyHome: -h.Content.MinSize().Height, fyne.KeyEnd: h.Content.MinSize().Height,
	}[e.Name]
	if !known {
		keyElsewhere(h, e)
		return
	}
	most := max(h.Content.MinSize().Height-page, 0)
	h.ScrollToOffset(fyne.NewPos(0, min(max(h.Offset.Y+by, 0), most)))
}

// helpList draws groups of shortcuts, one below the other.
type helpList struct {
	widget.BaseWidget
	titles []*label
	rows   []*helpRow
	after  []int // how many rows come before the title of the same index
}

// helpRow is one shortcut.
type helpRow struct {
	caps []*keyCap
	what *still
}

// keyCap is a key, or what stands between two of them.
type keyCap struct {
	back *panel // nil between keys
	text *label
}

func newHelpList(groups []keyGroup) *helpList {
	h := &helpList{}
	for _, g := range groups {
		h.titles = append(h.titles, newLabel(g.title, textBody, colorText).bold())
		h.after = append(h.after, len(h.rows))
		for _, l := range g.lines {
			what := newPlain(textBody, colorMuted)
			what.setText(l.what)
			h.rows = append(h.rows, &helpRow{caps: keyCaps(l.keys), what: what})
		}
	}
	h.ExtendBaseWidget(h)
	return h
}

// keyCaps takes keys apart: spaces part those that do the same, a plus those to be held together.
func keyCaps(keys string) []*keyCap {
	var caps []*keyCap
	between := func(text string) { caps = append(caps, &keyCap{text: newLabel(text, textSmall, colorMuted)}) }
	for i, together := range strings.Fields(keys) {
		if i > 0 {
			between("/")
		}
		for j, key := range strings.Split(together, "+") {
			if j > 0 {
				between("+")
			}
			caps = append(caps, &keyCap{back: newPanel(colorRaised, colorLine, 5), text: newLabel(keyName(key), textSmall, colorText)})
		}
	}
	return caps
}

// width is what a cap takes without the gap that follows it.
func (k *keyCap) width() float32 {
	w := ceil(k.text.size().Width) + 1
	if k.back == nil {
		return w
	}
	return max(w+2*7, scaled(26))
}

func (r *helpRow) keysWidth() float32 {
	w := float32(0)
	for _, c := range r.caps {
		w += c.width() + gap1
	}
	return w
}

// keysWidth is the width of the column of keys, with the gap after it.
func (h *helpList) keysWidth() (keys float32) {
	for _, r := range h.rows {
		keys = max(keys, r.keysWidth())
	}
	return keys + gap5
}

// naturalWidth is what the list takes without breaking a line.
func (h *helpList) naturalWidth() float32 {
	what := float32(0)
	for _, r := range h.rows {
		what = max(what, r.what.naturalWidth())
	}
	return h.keysWidth() + ceil(what) + 1
}

func helpRowHeight() float32   { return scaled(30) }
func helpTitleHeight() float32 { return scaled(38) }

// heightFor is the row's height where what it does has that width.
func (r *helpRow) heightFor(width float32) float32 {
	return max(helpRowHeight(), r.what.heightFor(width)+gap1)
}

func (h *helpList) heightFor(width float32) float32 {
	room := max(width-h.keysWidth(), 1)
	y := float32(len(h.titles)) * helpTitleHeight()
	for _, r := range h.rows {
		y += r.heightFor(room)
	}
	return y
}

func (h *helpList) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{}
	for _, t := range h.titles {
		d.objects = append(d.objects, t.draw)
	}
	for _, r := range h.rows {
		d.objects = append(d.objects, r.what)
		for _, c := range r.caps {
			if c.back != nil {
				d.objects = append(d.objects, c.back.rect)
			}
			d.objects = append(d.objects, c.text.draw)
		}
	}
	d.min = func() fyne.Size {
		return fyne.NewSize(min(h.naturalWidth(), 240), h.heightFor(max(h.Size().Width, 240)))
	}
	d.layout = h.layout
	d.restyle = func() {
		for _, t := range h.titles {
			t.restyle()
		}
		for _, r := range h.rows {
			r.restyle()
		}
		h.layout(h.Size())
		canvas.Refresh(h)
	}
	return d
}

func (r *helpRow) restyle() {
	r.what.Refresh()
	for _, c := range r.caps {
		c.text.restyle()
		if c.back != nil {
			c.back.restyle()
		}
	}
}

func (h *helpList) layout(s fyne.Size) {
	keys := h.keysWidth()
	room := max(s.Width-keys, 1)
	y, title := float32(0), 0
	for i, r := range h.rows {
		if title < len(h.after) && h.after[title] == i {
			h.titles[title].place(0, y, s.Width, helpTitleHeight())
			y += helpTitleHeight()
			title++
		}
		r.placeCaps(y)
		height := r.heightFor(room)
		text := r.what.heightFor(room)
		place(r.what, keys, y+max((helpRowHeight()-text)/2, 0), room, text)
		y += height
	}
}

// placeCaps puts the keys side by side.
func (r *helpRow) placeCaps(y float32) {
	x := float32(0)
	for _, c := range r.caps {
		w := c.width()
		if c.back != nil {
			place(c.back.rect, x, y+3, w, helpRowHeight()-6)
		}
		c.text.place(x+(w-c.text.size().Width)/2, y, w, helpRowHeight())
		x += w + gap1
	}
}
