package ui

import (
	"image"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// sidebar is the list of conversations at the left, with a button for a new one and a search.
type sidebar struct {
	widget.BaseWidget
	act      Actions
	newChat  *button
	importer *button
	search   *searchField
	list     *sideList
	note     *still  // in the place of an empty list
	clear    *button // below it, when nothing was found
	after    clock
	stop     func() // the look at the clock
	today    time.Time

	onLeave   func() // the keyboard goes back to the composer
	onOpened  func() // something was opened
	onNewChat func()
}

// The sidebar's measures.
const (
	sideWidth      float32 = 264
	narrowWindow   float32 = 760 // below this width of the window the sidebar lies over the conversation
	sideShareAtMax float32 = 0.36
)

// sideWidthIn is the sidebar's width in a window: it grows with the text, as far as the conversation allows.
func sideWidthIn(window float32) float32 {
	return round(min(scaled(sideWidth), max(sideWidth, sideShareAtMax*window)))
}

func newSidebar(act Actions, tips *tips, after clock) *sidebar {
	s := &sidebar{act: act, after: after, onLeave: func() {}, onOpened: func() {}, onNewChat: func() {}}
	s.newChat = newButton(primary, "", words.T("New chat"), func() { s.onNewChat() }).withTip(tips, words.T("Begin a new conversation (Ctrl+N)"))
	s.importer = newButton(quiet, "import", "", act.ImportConversation).withTip(tips, words.T("Import a conversation…"))
	s.newChat.Hidden, s.importer.Hidden = act.NewChat == nil, act.ImportConversation == nil
	s.search = newSearchField(tips, words.T("Search conversations"))
	s.list = newSideList(act, tips)
	s.note = newPlain(textSmall+1, colorMuted)
	s.clear = newButton(secondary, "", words.T("Clear the search"), s.endSearch)
	s.clear.small = true
	s.search.Hidden = act.Search == nil
	e := s.search.entry
	e.OnChanged = s.typed
	e.onKey = s.searchKey
	e.OnSubmitted = func(string) { s.openFirst() }
	s.list.onLeave = func() {
		s.endSearch()
		s.onLeave()
	}
	s.list.onOpened = func() { s.onOpened() }
	s.list.onAbove = s.focusSearch
	s.ExtendBaseWidget(s)
	s.showNote()
	return s
}

// typed hears every letter of the search.
func (s *sidebar) typed(text string) {
	s.search.Refresh()
	if s.act.Search != nil {
		s.act.Search(text)
	}
	if strings.TrimSpace(text) == "" {
		s.setHits("", nil) // at once, whatever else is being looked for
	}
}

// searchKey takes the keys of the search that lead out of it.
func (s *sidebar) searchKey(k *fyne.KeyEvent) bool {
	switch k.Name {
	case fyne.KeyDown, fyne.KeyPageDown:
		s.list.enter(true)
	case fyne.KeyEscape:
		s.endSearch()
		s.onLeave()
	case fyne.KeyF1:
		keyElsewhere(s, k)
	default:
		return false
	}
	return true
}

// openFirst opens what Enter in the search means: the first that was found.
func (s *sidebar) openFirst() {
	if s.list.searching && len(s.list.lines) > 0 && s.list.enter(true) {
		s.list.chooseCursor()
	}
}

func (s *sidebar) endSearch() {
	if s.search.entry.Text != "" {
		s.search.entry.SetText("")
	}
}

// focusSearch lets the person type what is looked for, in place of what was.
func (s *sidebar) focusSearch() {
	if c := fyne.CurrentApp().Driver().CanvasForObject(s); c != nil && s.search.Visible() {
		c.Focus(s.search.entry)
		s.search.entry.Entry.TypedShortcut(&fyne.ShortcutSelectAll{})
	}
}

func (s *sidebar) setConversations(list []Conversation) {
	s.list.setConversations(list)
	s.today = s.list.now()
	s.watchClock()
	s.showNote()
}

// watchClock makes the headings anew when a day has begun. It looks now and then, not only at midnight: the clock that
// it waits by stands still while the machine sleeps.
func (s *sidebar) watchClock() {
	const often = 10 * time.Minute
	if s.stop != nil {
		s.stop()
	}
	now := s.list.now()
	_, midnight := dayOf(now, now)
	s.stop = s.after(min(midnight.Sub(now)+time.Second, often), func() {
		if now := s.list.now(); daysBetween(s.today, now) != 0 {
			s.today = now
			s.list.regroup()
		}
		s.watchClock()
	})
}

// setHits shows what was found for a query. What comes late, for another one than is typed now, is left out.
func (s *sidebar) setHits(query string, hits []Hit) {
	query = strings.TrimSpace(query)
	if query != "" && query != strings.TrimSpace(s.search.entry.Text) || query == "" && !s.list.searching {
		return
	}
	s.list.setHits(query != "", hits)
	s.showNote()
}

// showNote says why there is nothing in the list.
func (s *sidebar) showNote() {
	text := ""
	switch {
	case s.list.searching && len(s.list.lines) == 0:
		text = words.T("Nothing found for “%s”.", firstOf(strings.TrimSpace(s.search.entry.Text), 60))
	case len(s.list.lines) == 0:
		text = words.T("Your conversations will be here.")
	}
	s.note.setText(text)
	setVisible(s.note, text != "")
	setVisible(s.clear, text != "" && s.list.searching)
	s.Refresh()
}

func (s *sidebar) restyle() {
	s.search.restyle()
	s.list.restyle()
	for _, b := range []*button{s.newChat, s.importer, s.clear} {
		b.Refresh()
	}
	s.Refresh()
}

func (s *sidebar) CreateRenderer() fyne.WidgetRenderer {
	back, edge := newPanel(colorSide, "", 0), newPanel(colorLine, "", 0)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, s.newChat, s.importer, s.search, s.list, s.note, s.clear, edge.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(sideWidth, 200) }
	d.layout = func(size fyne.Size) {
		place(back.rect, 0, 0, size.Width, size.Height)
		place(edge.rect, size.Width-1, 0, 1, size.Height)
		y, right := gap3, size.Width-gap3
		row := scaled(34)
		if s.importer.Visible() {
			right -= row
			place(s.importer, right, y, row, row)
			right -= gap1
		}
		place(s.newChat, gap3, y, right-gap3, row)
		if s.newChat.Visible() || s.importer.Visible() {
			y += row + 10
		}
		if s.search.Visible() {
			place(s.search, gap3, y, size.Width-2*gap3, searchHeight())
			y += searchHeight() + gap1
		}
		place(s.list, 0, y, size.Width-1, max(size.Height-y, 0))
		w := size.Width - 2*gap4
		h := s.note.heightFor(w)
		place(s.note, gap4, y+gap3, w, h)
		b := s.clear.measure()
		place(s.clear, gap4, y+gap3+h+gap2, b.Width, b.Height)
	}
	d.restyle = func() {
		back.restyle()
		edge.restyle()
		d.layout(s.Size())
		canvas.Refresh(s)
	}
	return d
}

// sideShade darkens what the sidebar lies over in a narrow window. A click on it puts the sidebar away.
type sideShade struct {
	widget.BaseWidget
	onTap func()
}

func newSideShade(onTap func()) *sideShade {
	s := &sideShade{onTap: onTap}
	s.ExtendBaseWidget(s)
	s.Hide()
	return s
}

func (s *sideShade) Tapped(*fyne.PointEvent)          { s.onTap() }
func (s *sideShade) TappedSecondary(*fyne.PointEvent) { s.onTap() }
func (s *sideShade) Cursor() desktop.Cursor           { return desktop.DefaultCursor }

// Scrolled keeps the wheel from what lies below.
func (s *sideShade) Scrolled(*fyne.ScrollEvent) {}

func (s *sideShade) CreateRenderer() fyne.WidgetRenderer {
	shade := newPanel(colorShade, "", 0)
	d := &drawing{objects: []fyne.CanvasObject{shade.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(1, 1) }
	d.layout = func(size fyne.Size) { place(shade.rect, 0, 0, size.Width, size.Height) }
	d.restyle = func() {
		shade.restyle()
		canvas.Refresh(s)
	}
	return d
}

// SetConversations shows the list of conversations, newest first.
func (w *Window) SetConversations(list []Conversation) { w.sidebar.setConversations(list) }

// SetOpen marks the open conversation; 0 for none.
func (w *Window) SetOpen(id int64) { w.sidebar.list.setOpen(id) }

// SetHits shows what a search found instead of the list; an empty query brings the list back.
func (w *Window) SetHits(query string, hits []Hit) { w.sidebar.setHits(query, hits) }

// SetThumb gives a conversation its picture.
func (w *Window) SetThumb(id int64, img image.Image) { w.sidebar.list.setThumb(id, img) }

// ShowSidebar shows or hides the sidebar. In a narrow window it stays hidden until it is asked for there.
func (w *Window) ShowSidebar(shown bool) {
	w.sideWanted = shown
	w.relayout()
}

// hasSidebar says whether there are conversations to choose from at all.
func (w *Window) hasSidebar() bool { return w.act.OpenConversation != nil }

// narrow says whether the sidebar lies over the conversation instead of beside it.
func (w *Window) narrow() bool { return w.root.Size().Width < scaled(narrowWindow) }

// sidebarShown says whether the sidebar can be seen.
func (w *Window) sidebarShown() bool {
	if w.narrow() {
		return w.sideOver
	}
	return w.sideWanted && w.hasSidebar()
}

// toggleSidebar shows or hides the sidebar, as a person wants it.
func (w *Window) toggleSidebar() { w.setSidebar(!w.sidebarShown()) }

func (w *Window) setSidebar(shown bool) {
	if !w.hasSidebar() || shown == w.sidebarShown() {
		return
	}
	if w.narrow() {
		w.sideOver = shown
	} else {
		w.sideWanted = shown
		if w.act.Sidebar != nil {
			w.act.Sidebar(shown)
		}
	}
	w.relayout()
	if !shown {
		w.focusComposer() // what is hidden must not have the keyboard
	}
}

// sidebarLeft is called when something was chosen in the sidebar: it makes room where it lies over the conversation.
func (w *Window) sidebarLeft() {
	w.sideOver = false
	w.relayout()
	w.focusComposer()
}

// searchConversations leads to the search, wherever the person is.
func (w *Window) searchConversations() {
	if w.hasSidebar() {
		w.setSidebar(true)
		w.sidebar.focusSearch()
	}
}
