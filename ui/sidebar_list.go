package ui

import (
	"image"
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// sideList is the list of conversations by day, or of what a search found. Only the lines in sight have widgets, so that
// ten thousand conversations cost no more than ten. It takes the keyboard as a whole: the line at the cursor is marked.
type sideList struct {
	widget.BaseWidget
	act  Actions
	tips *tips
	now  func() time.Time

	conversations []Conversation
	hits          []Hit
	searching     bool // hits are shown
	lines         []Conversation
	items         []sideItem
	total         float32
	open          int64 // the conversation in the window; 0: none
	cursor        int64 // the conversation that keys mean; 0: none
	focused       bool
	shift         bool

	thumbs map[int64]image.Image
	asked  map[int64]bool // for a thumb

	scroll   *container.Scroll
	column   *sight
	rows     map[int]*sideRow // in sight, by their place in items
	heads    map[int]*label   // the same of headings
	spare    []*sideRow
	spareHds []*label
	stale    bool         // the column does not show the widgets as they are
	rename   *renameEntry // nil: nothing is being renamed
	renaming int64

	onLeave  func() // Esc
	onOpened func() // a line was clicked
	onAbove  func() // up from the first line
}

// sideItem is a heading, or a line.
type sideItem struct {
	heading string // empty for a line
	line    int    // in lines
	top     float32
	height  float32
}

var (
	_ fyne.Focusable  = (*sideList)(nil)
	_ desktop.Keyable = (*sideList)(nil)
)

func newSideList(act Actions, tips *tips) *sideList {
	l := &sideList{
		act: act, tips: tips, now: time.Now, thumbs: map[int64]image.Image{}, asked: map[int64]bool{},
		rows: map[int]*sideRow{}, heads: map[int]*label{},
		onLeave: func() {}, onOpened: func() {}, onAbove: func() {},
	}
	l.column = newSight(func() float32 { return l.total })
	l.scroll = container.NewVScroll(l.column)
	l.scroll.OnScrolled = func(fyne.Position) { l.showInSight() }
	l.ExtendBaseWidget(l)
	return l
}

// setConversations replaces the list. What is looked at stays where it is.
func (l *sideList) setConversations(list []Conversation) {
	l.conversations = list
	if !l.searching {
		l.build(true)
	}
}

// setHits shows what was found, or the list again.
func (l *sideList) setHits(searching bool, hits []Hit) {
	same := searching && l.searching // another letter was typed
	l.searching, l.hits = searching, hits
	if !searching {
		l.hits = nil
	}
	if searching && !same {
		l.cursor = 0
	}
	l.build(!searching && !same)
	if searching {
		l.scrollTo(0)
	}
}

// build makes the items anew. Where keep is set the line at the upper edge stays there.
func (l *sideList) build(keep bool) {
	anchor, inside := l.atTop()
	was := slices.IndexFunc(l.lines, func(c Conversation) bool { return c.ID == l.cursor })
	l.park()
	if l.searching {
		l.buildHits()
	} else {
		l.buildDays()
	}
	if was >= 0 && !slices.ContainsFunc(l.lines, func(c Conversation) bool { return c.ID == l.cursor }) {
		l.cursor = 0
		if n := len(l.lines); n > 0 { // it was deleted: the one that took its place
			l.cursor = l.lines[min(was, n-1)].ID
		}
	}
	if l.renaming != 0 && l.itemOf(l.renaming) < 0 {
		l.renamed(false) // it is gone
	}
	l.scroll.Refresh() // takes the new height
	if i := l.itemOf(anchor); keep && i >= 0 && l.scroll.Offset.Y > 0 {
		l.scrollTo(max(l.items[i].top+inside, 0))
	}
	l.showInSight()
}

func (l *sideList) buildDays() {
	l.lines, l.items, l.total = l.conversations, make([]sideItem, 0, len(l.conversations)+64), 0
	now := l.now()
	var begin, end time.Time
	heading := ""
	for i := range l.lines {
		if t := l.lines[i].Updated; i == 0 || t.Before(begin) || !t.Before(end) {
			begin, end = dayOf(t, now)
			if h := dayHeading(t, now); h != heading {
				heading = h
				l.add(sideItem{heading: h}, sideHeadingHeight())
			}
		}
		l.add(sideItem{line: i}, sideRowHeight())
	}
	l.total += gap2
}

func (l *sideList) buildHits() {
	l.lines, l.items, l.total = make([]Conversation, 0, len(l.hits)), nil, 0
	if n := len(l.hits); n == 1 {
		l.add(sideItem{heading: words.T("1 conversation")}, sideHeadingHeight())
	} else if n > 1 {
		l.add(sideItem{heading: words.T("%d conversations", n)}, sideHeadingHeight())
	}
	for i := range l.hits {
		l.lines = append(l.lines, l.hits[i].Conversation)
		h := sideRowHeight()
		if len(l.hits[i].Text) > 0 {
			h = sideHitHeight()
		}
		l.add(sideItem{line: i}, h)
	}
	l.total += gap2
}

func (l *sideList) add(i sideItem, height float32) {
	i.top, i.height = l.total, height
	l.items = append(l.items, i)
	l.total += height
}

// itemOf is the place of a conversation's line, or -1.
func (l *sideList) itemOf(id int64) int {
	if id == 0 {
		return -1
	}
	return slices.IndexFunc(l.items, func(i sideItem) bool { return i.heading == "" && l.lines[i.line].ID == id })
}

// atTop is the first conversation in sight, and how far it is scrolled out.
func (l *sideList) atTop() (id int64, inside float32) {
	for i := l.firstAt(l.scroll.Offset.Y); i < len(l.items); i++ {
		if it := l.items[i]; it.heading == "" {
			return l.lines[it.line].ID, l.scroll.Offset.Y - it.top
		}
	}
	return 0, 0
}

// firstAt is the first item that ends below y.
func (l *sideList) firstAt(y float32) int {
	i, _ := slices.BinarySearchFunc(l.items, y, func(it sideItem, y float32) int {
		if it.top+it.height <= y {
			return -1
		}
		return 1
	})
	return i
}

// park gives all widgets back, for another use of the places.
func (l *sideList) park() {
	for i, r := range l.rows {
		l.spare = append(l.spare, r)
		delete(l.rows, i)
	}
	for i, h := range l.heads {
		l.spareHds = append(l.spareHds, h)
		delete(l.heads, i)
	}
	l.stale = true
}

// showInSight gives widgets to the items in sight, and takes them from the others.
func (l *sideList) showInSight() {
	const margin = 60
	low, high := l.scroll.Offset.Y-margin, l.scroll.Offset.Y+l.scroll.Size().Height+margin
	first := l.firstAt(low)
	end := first
	for end < len(l.items) && l.items[end].top < high {
		end++
	}
	changed := l.parkOutside(first, end) || l.stale
	l.stale = false
	var wanted []int64
	for i := first; i < end; i++ {
		if l.items[i].heading != "" {
			changed = l.showHead(i) || changed
			continue
		}
		changed = l.showRow(i) || changed
		if c := l.lines[l.items[i].line]; c.Picture && !l.asked[c.ID] {
			l.asked[c.ID] = true
			wanted = append(wanted, c.ID)
		}
	}
	l.placeRename()
	if changed {
		l.column.objects = l.column.objects[:0]
		for i := first; i < end; i++ {
			if h := l.heads[i]; h != nil {
				l.column.objects = append(l.column.objects, h.draw)
			} else {
				l.column.objects = append(l.column.objects, l.rows[i])
			}
		}
		canvas.Refresh(l.column)
	}
	if len(wanted) > 0 && l.act.Thumbs != nil {
		l.forgetThumbs(first, end)
		l.act.Thumbs(wanted)
	}
}

func (l *sideList) parkOutside(first, end int) (changed bool) {
	for i, r := range l.rows {
		if i < first || i >= end {
			l.spare = append(l.spare, r)
			delete(l.rows, i)
			changed = true
		}
	}
	for i, h := range l.heads {
		if i < first || i >= end {
			l.spareHds = append(l.spareHds, h)
			delete(l.heads, i)
			changed = true
		}
	}
	return changed
}

func (l *sideList) showHead(i int) (added bool) {
	h := l.heads[i]
	if added = h == nil; added {
		if n := len(l.spareHds); n > 0 {
			h, l.spareHds = l.spareHds[n-1], l.spareHds[:n-1]
		} else {
			h = newLabel("", textLabel, colorMuted)
		}
		l.heads[i] = h
		h.set(strings.ToUpper(l.items[i].heading))
		h.restyle()
	}
	it := l.items[i]
	h.place(gap3+gap1, it.top+scaled(10), max(l.scroll.Size().Width-2*gap3-gap1, 1), it.height-scaled(10))
	return added
}

func (l *sideList) showRow(i int) (added bool) {
	r, it := l.rows[i], l.items[i]
	if added = r == nil; added {
		c := l.lines[it.line]
		r = l.takeSpare(c.ID)
		l.rows[i] = r
		var hit *Hit
		if l.searching {
			hit = &l.hits[it.line]
		}
		place(r, gap2, it.top, l.rowWidth(), it.height-2)
		r.set(c, hit, l.thumbs[c.ID])
		return true
	}
	place(r, gap2, it.top, l.rowWidth(), it.height-2)
	return false
}

// takeSpare is a widget for a conversation, its last one if there is: what the pointer did to it stays.
func (l *sideList) takeSpare(id int64) *sideRow {
	n := len(l.spare)
	if n == 0 {
		return newSideRow(l)
	}
	at := max(slices.IndexFunc(l.spare, func(r *sideRow) bool { return r.id == id }), 0)
	r := l.spare[at]
	l.spare[at] = l.spare[n-1]
	l.spare = l.spare[:n-1]
	return r
}

func (l *sideList) rowWidth() float32 { return max(l.scroll.Size().Width-2*gap2, 1) }

// keptThumbs is how many thumbnails are kept while they are out of sight.
const keptThumbs = 300

// forgetThumbs keeps only the thumbnails in sight when there are too many. The others are asked for again.
func (l *sideList) forgetThumbs(first, end int) {
	if len(l.thumbs) < keptThumbs {
		return
	}
	thumbs, asked := map[int64]image.Image{}, map[int64]bool{}
	for _, it := range l.items[first:end] {
		if it.heading != "" {
			continue
		}
		id := l.lines[it.line].ID
		asked[id] = l.asked[id]
		if img := l.thumbs[id]; img != nil {
			thumbs[id] = img
		}
	}
	l.thumbs, l.asked = thumbs, asked
}

// setThumb gives a conversation its picture.
func (l *sideList) setThumb(id int64, img image.Image) {
	l.asked[id] = true
	if l.thumbs[id] = img; img == nil {
		delete(l.thumbs, id)
	}
	l.eachRow(id, func(r *sideRow) {
		r.thumb = img
		r.Refresh()
	})
}

// setOpen marks the open conversation and brings it into sight.
func (l *sideList) setOpen(id int64) {
	was := l.open
	l.open = id
	l.eachRow(was, func(r *sideRow) { r.Refresh() })
	l.eachRow(id, func(r *sideRow) { r.Refresh() })
	if id != was && !l.searching {
		l.reveal(id)
	}
}

func (l *sideList) eachRow(id int64, f func(*sideRow)) {
	for _, r := range l.rows {
		if r.id == id && id != 0 {
			f(r)
		}
	}
}

// reveal brings a line into sight, the first one with the heading above it.
func (l *sideList) reveal(id int64) {
	i := l.itemOf(id)
	if i < 0 {
		return
	}
	top, bottom := l.items[i].top, l.items[i].top+l.items[i].height
	if i == 1 {
		top = 0
	}
	switch height := l.scroll.Size().Height; {
	case height <= 0:
	case top < l.scroll.Offset.Y:
		l.scrollTo(top)
	case bottom > l.scroll.Offset.Y+height:
		l.scrollTo(bottom - height)
	}
}

// scrollTo moves the list, which Fyne tells nobody of.
func (l *sideList) scrollTo(y float32) {
	l.scroll.ScrollToOffset(fyne.NewPos(0, y))
	l.showInSight()
}

// choose opens a conversation, at what a search found in it.
func (l *sideList) choose(id, turn int64) {
	l.setCursor(id)
	if l.act.OpenConversation != nil {
		l.act.OpenConversation(id, turn)
	}
}

// chooseCursor opens the conversation at the cursor and says whether there is one.
func (l *sideList) chooseCursor() bool {
	i := l.itemOf(l.cursor)
	if i < 0 {
		return false
	}
	turn := int64(0)
	if l.searching {
		turn = l.hits[l.items[i].line].Turn
	}
	l.choose(l.cursor, turn)
	return true
}

// setCursor moves the mark of the keyboard.
func (l *sideList) setCursor(id int64) {
	was := l.cursor
	l.cursor = id
	l.eachRow(was, func(r *sideRow) { r.Refresh() })
	l.eachRow(id, func(r *sideRow) { r.Refresh() })
}

// move takes the cursor so many lines further.
func (l *sideList) move(by int) {
	if len(l.lines) == 0 {
		return
	}
	at := slices.IndexFunc(l.lines, func(c Conversation) bool { return c.ID == l.cursor })
	if at == 0 && by == -1 {
		l.onAbove()
		return
	}
	if at < 0 {
		at = -1
		if by < 0 {
			at = 0
		}
	}
	l.setCursor(l.lines[min(max(at+by, 0), len(l.lines)-1)].ID)
	l.reveal(l.cursor)
}

// enter gives the list the keyboard: the first line's if none is marked.
func (l *sideList) enter(first bool) bool {
	c := fyne.CurrentApp().Driver().CanvasForObject(l)
	if c == nil || len(l.lines) == 0 {
		return false
	}
	if first {
		l.setCursor(l.lines[0].ID)
	}
	c.Focus(l)
	return true
}

// FocusGained implements fyne.Focusable.
func (l *sideList) FocusGained() {
	l.focused = true
	if l.itemOf(l.cursor) < 0 && len(l.lines) > 0 {
		l.cursor = l.lines[0].ID
		if l.itemOf(l.open) >= 0 {
			l.cursor = l.open
		}
	}
	l.setCursor(l.cursor)
	l.reveal(l.cursor)
}

// FocusLost implements fyne.Focusable.
func (l *sideList) FocusLost() {
	l.focused, l.shift = false, false
	l.setCursor(l.cursor)
}

// TypedRune implements fyne.Focusable.
func (l *sideList) TypedRune(r rune) {
	if r != ' ' {
		typeElsewhere(l, r)
	}
}

// KeyDown implements desktop.Keyable.
func (l *sideList) KeyDown(k *fyne.KeyEvent) { l.shift = l.shift || isShift(k) }

// KeyUp implements desktop.Keyable.
func (l *sideList) KeyUp(k *fyne.KeyEvent) { l.shift = l.shift && !isShift(k) }

func isShift(k *fyne.KeyEvent) bool {
	return k.Name == desktop.KeyShiftLeft || k.Name == desktop.KeyShiftRight
}

// TypedKey implements fyne.Focusable.
func (l *sideList) TypedKey(k *fyne.KeyEvent) {
	page := max(int(l.scroll.Size().Height/sideRowHeight())-1, 1)
	switch k.Name {
	case fyne.KeyUp:
		l.move(-1)
	case fyne.KeyDown:
		l.move(1)
	case fyne.KeyPageUp:
		l.move(-page - 1)
	case fyne.KeyPageDown:
		l.move(page + 1)
	case fyne.KeyHome:
		l.move(-len(l.lines) - 1)
	case fyne.KeyEnd:
		l.move(len(l.lines))
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		l.chooseCursor()
	case fyne.KeyF2:
		l.beginRename(l.cursor)
	case fyne.KeyDelete:
		l.remove(l.cursor)
	case desktop.KeyMenu:
		l.showMenuAtCursor()
	case fyne.KeyF10:
		if l.shift {
			l.showMenuAtCursor()
		}
	case fyne.KeyEscape:
		l.onLeave()
	default:
		keyElsewhere(l, k)
	}
}

func (l *sideList) remove(id int64) {
	if l.itemOf(id) >= 0 && l.act.DeleteConversation != nil {
		l.act.DeleteConversation(id)
	}
}

// hasMenu says whether there is anything to be done with a conversation but to open it.
func (l *sideList) hasMenu() bool {
	a := &l.act
	return a.RenameConversation != nil || a.DuplicateConversation != nil || a.ExportConversation != nil || a.DeleteConversation != nil
}

func (l *sideList) menuItems(id int64) (items []*fyne.MenuItem) {
	add := func(may bool, label string, do func()) {
		if may {
			items = append(items, fyne.NewMenuItem(label, do))
		}
	}
	add(l.act.RenameConversation != nil, words.T("Rename"), func() { l.beginRename(id) })
	add(l.act.DuplicateConversation != nil, words.T("Duplicate"), func() { l.act.DuplicateConversation(id) })
	add(l.act.ExportConversation != nil, words.T("Export as Markdown…"), func() { l.act.ExportConversation(id, "markdown") })
	add(l.act.ExportConversation != nil, words.T("Export as JSON…"), func() { l.act.ExportConversation(id, "json") })
	if l.act.DeleteConversation != nil && len(items) > 0 {
		items = append(items, fyne.NewMenuItemSeparator())
	}
	add(l.act.DeleteConversation != nil, words.T("Delete"), func() { l.act.DeleteConversation(id) })
	return items
}

// showMenu opens the menu of a conversation at a place in the window.
func (l *sideList) showMenu(id int64, at fyne.Position) {
	c := fyne.CurrentApp().Driver().CanvasForObject(l)
	items := l.menuItems(id)
	if c == nil || len(items) == 0 {
		return
	}
	l.setCursor(id)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), c, at)
}

func (l *sideList) showMenuAtCursor() {
	l.reveal(l.cursor)
	l.eachRow(l.cursor, func(r *sideRow) {
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(r)
		l.showMenu(r.id, at.AddXY(r.Size().Width/2, r.Size().Height-gap1))
	})
}

// renameEntry is where a title is typed, in the place of the line's own.
type renameEntry struct {
	widget.Entry
	done func(keep bool) // Enter or Esc
	lost func()          // the keyboard went elsewhere
}

// TypedKey implements fyne.Focusable.
func (e *renameEntry) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		e.done(true)
	case fyne.KeyEscape:
		e.done(false)
	default:
		e.Entry.TypedKey(k)
	}
}

// FocusLost keeps what was typed.
func (e *renameEntry) FocusLost() {
	e.Entry.FocusLost()
	e.lost()
}

// beginRename puts an entry into the place of a conversation's title.
func (l *sideList) beginRename(id int64) {
	i := l.itemOf(id)
	if i < 0 || l.act.RenameConversation == nil {
		return
	}
	l.endRename(true)
	l.setCursor(id)
	l.reveal(id)
	e := &renameEntry{done: l.renamed}
	e.lost = func() {
		if l.rename == e { // else it was over before
			l.endRename(true)
		}
	}
	e.ExtendBaseWidget(e)
	e.Scroll = container.ScrollHorizontalOnly
	e.SetText(l.lines[l.items[i].line].Title)
	l.rename, l.renaming, l.column.over = e, id, e
	l.placeRename()
	l.column.Refresh()
	if c := fyne.CurrentApp().Driver().CanvasForObject(l); c != nil {
		c.Focus(e)
		e.Entry.TypedShortcut(&fyne.ShortcutSelectAll{})
	}
}

// placeRename keeps the entry on its line.
func (l *sideList) placeRename() {
	i := l.itemOf(l.renaming)
	if l.rename == nil || i < 0 {
		return
	}
	it := l.items[i]
	x := gap2 + sidePad + scaled(sideThumb) + 2
	h := min(l.rename.MinSize().Height, it.height)
	place(l.rename, x, it.top+(min(it.height, sideRowHeight())-h)/2, max(l.scroll.Size().Width-x-gap2, 1), h)
}

// renamed ends the renaming and gives the keyboard back to the list.
func (l *sideList) renamed(keep bool) {
	l.endRename(keep)
	if c := fyne.CurrentApp().Driver().CanvasForObject(l); c != nil {
		c.Focus(l)
	}
}

// endRename takes the entry away, and renames if its text is to be kept and another.
func (l *sideList) endRename(keep bool) {
	e, id := l.rename, l.renaming
	if e == nil {
		return
	}
	l.rename, l.renaming, l.column.over = nil, 0, nil
	l.column.Refresh()
	i := l.itemOf(id)
	if title := strings.TrimSpace(e.Text); keep && (i < 0 || title != l.lines[l.items[i].line].Title) {
		l.act.RenameConversation(id, title)
	}
}

// regroup makes the headings anew: another day has begun.
func (l *sideList) regroup() {
	if !l.searching {
		l.build(true)
	}
}

// restyle follows a change of the look or of the text's size.
func (l *sideList) restyle() {
	for _, r := range l.spare {
		r.Refresh()
	}
	for _, h := range l.spareHds {
		h.restyle()
	}
	for _, h := range l.heads {
		h.restyle()
	}
	for _, r := range l.rows {
		r.Refresh()
	}
	l.build(true)
}

func (l *sideList) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{objects: []fyne.CanvasObject{l.scroll}}
	d.min = func() fyne.Size { return fyne.NewSize(80, 60) }
	d.layout = func(s fyne.Size) {
		place(l.scroll, 0, 0, s.Width, s.Height)
		l.showInSight()
	}
	d.restyle = func() { canvas.Refresh(l) }
	return d
}
