package ui

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// prose is a still text that can be selected with the pointer or the keyboard, and copied.
type prose struct {
	still
	byKey   bool // has the focus from the keyboard
	clicked bool // is getting the focus from the pointer
	pressed bool
	pointer fyne.Position

	clicks    int // in a row: 2 select words, 3 paragraphs
	lastClick time.Time
	lastAt    fyne.Position
	word      [2]mark // what a double or triple click chose first; dragging adds to it
	now       func() time.Time
}

// mark is a place in the text: a box, and bytes of its text before the place. It does not depend on the layout.
type mark struct{ box, at int }

func (m mark) before(o mark) bool { return m.box < o.box || m.box == o.box && m.at < o.at }

var (
	_ flowing                = (*prose)(nil)
	_ fyne.Focusable         = (*prose)(nil)
	_ fyne.Shortcutable      = (*prose)(nil)
	_ fyne.Draggable         = (*prose)(nil)
	_ fyne.Tappable          = (*prose)(nil)
	_ desktop.Mouseable      = (*prose)(nil)
	_ desktop.Hoverable      = (*prose)(nil)
	_ desktop.Cursorable     = (*prose)(nil)
	_ fyne.SecondaryTappable = (*prose)(nil)
)

func (p *still) clampMark(m mark) mark {
	if len(p.boxes) == 0 {
		return mark{}
	}
	if m.box >= len(p.boxes) {
		return p.end()
	}
	text := p.boxes[m.box].text
	m.at = runeStart(text, min(m.at, len(text)))
	return m
}

func (p *still) end() mark {
	if len(p.boxes) == 0 {
		return mark{}
	}
	last := len(p.boxes) - 1
	return mark{last, len(p.boxes[last].text)}
}

// lineAt finds the line nearest to a point, nil when there is none.
func (p *still) lineAt(pos fyne.Position) (*box, *line, int) {
	var in *box
	index := 0
	for i, b := range p.boxes {
		if in == nil || pos.Y >= b.y-b.gap/2 {
			in, index = b, i
		}
	}
	if in == nil {
		return nil, nil, 0
	}
	if !in.laid {
		in.lay(p, nil)
	}
	var best *line
	distance := float32(1e12)
	for i := range in.lines {
		l := &in.lines[i]
		dy := outside(pos.Y-in.y, l.y, l.y+l.h)
		x := l.x - in.slid(l)
		dx := outside(pos.X, x, x+l.w)
		if d := dy*1000 + dx; d < distance {
			best, distance = l, d
			in.fill(i)
		}
	}
	return in, best, index
}

// slid is how far a line has been slid to the left.
func (b *box) slid(l *line) float32 {
	if l.slides && b.pane != nil {
		return b.pane.offset
	}
	return 0
}

// markAt finds the place nearest to a point.
func (p *still) markAt(pos fyne.Position) mark {
	b, l, i := p.lineAt(pos)
	if b == nil {
		return mark{}
	}
	if l == nil {
		if pos.Y > b.y+b.h/2 {
			return mark{i, len(b.text)}
		}
		return mark{i, 0}
	}
	return mark{i, l.start + offsetAt(l, pos.X-l.x+b.slid(l))}
}

func outside(v, low, high float32) float32 { return max(low-v, v-high, 0) }

// offsetAt is the number of bytes before x in a line.
func offsetAt(l *line, x float32) int {
	n, best := 0, 0
	distance := float32(1e12)
	for i := range l.runs {
		r := &l.runs[i]
		if d := outside(x, r.x, r.x+r.w); d < distance {
			best, distance = n+r.offsetAt(x-r.x), d
		}
		n += len(r.text)
	}
	return best
}

// offsetAt is the number of bytes before x in a run.
func (r *run) offsetAt(x float32) int {
	if r.level&1 == 1 {
		x = r.w - x
	}
	cuts := clusters(r.text)
	low, high := 0, len(cuts)-1
	for low < high {
		mid := (low + high) / 2
		half := (prefixWidth(r, cuts[mid]) + prefixWidth(r, cuts[mid+1])) / 2
		if x > half {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return cuts[low]
}

// clusters are the places in a text where a selection may begin or end.
func clusters(text string) []int {
	cuts := make([]int, 1, len(text)+1)
	last := rune(0)
	for i, r := range text {
		if i > 0 && !joins(last, r) {
			cuts = append(cuts, i)
		}
		last = r
	}
	return append(cuts, len(text))
}

func prefixWidth(r *run, n int) float32 {
	return fyne.MeasureText(shown(r.text[:n]), r.size, r.style).Width
}

// xAt is where a place of a line is drawn.
func xAt(l *line, offset int) float32 {
	for i := range l.runs {
		r := &l.runs[i]
		if offset <= len(r.text) {
			return l.x + r.xAt(offset)
		}
		offset -= len(r.text)
	}
	return l.x + l.w
}

// xAt is where a place of a run is drawn in its line.
func (r *run) xAt(offset int) float32 {
	w := prefixWidth(r, runeStart(r.text, max(0, min(offset, len(r.text)))))
	if r.level&1 == 1 {
		return r.x + r.w - w
	}
	return r.x + w
}

func (p *still) selection() (from, to mark, some bool) {
	from, to = p.anchor, p.head
	if to.before(from) {
		from, to = to, from
	}
	return from, to, from != to
}

// separator is what stands between a block's text and the one before it when they are copied.
func (b *block) separator() string {
	switch {
	case b.more && b.kind == tableBlock, b.tight && !b.more:
		return "\n"
	case b.more:
		return ""
	}
	return "\n\n"
}

// selectedText is what Ctrl+C copies.
func (p *still) selectedText() string {
	from, to, some := p.selection()
	if !some {
		return ""
	}
	var t strings.Builder
	for n := from.box; n <= to.box && n < len(p.boxes); n++ {
		b := p.boxes[n]
		start, end := 0, len(b.text)
		if n == from.box {
			start = min(from.at, end)
		} else {
			t.WriteString(b.b.separator())
		}
		if n == to.box {
			end = min(to.at, end)
		}
		t.WriteString(b.text[start:max(start, end)])
	}
	return t.String()
}

// placeMarks draws the selection.
func (p *still) placeMarks() {
	p.marks = p.marks[:0]
	from, to, some := p.selection()
	if !some {
		return
	}
	for n := from.box; n <= to.box && n < len(p.boxes); n++ {
		b := p.boxes[n]
		if !b.shown {
			continue
		}
		low, high := 0, len(b.text)
		if n == from.box {
			low = from.at
		}
		if n == to.box {
			high = to.at
		}
		p.markBox(b, low, high)
	}
}

// markBox draws what is selected of a box.
func (p *still) markBox(b *box, low, high int) {
	for i := range b.lines {
		l := &b.lines[i]
		if l.end < low || l.start > high || !p.visible(b, l.y, l.h) || l.end == low && low < high && l.end > l.start {
			continue
		}
		x, end := l.x, l.x+l.w
		if low > l.start || high < l.end {
			b.fill(i)
			if l.mixed() {
				p.markRuns(b, l, low, high)
				continue
			}
		}
		if low > l.start {
			x = xAt(l, low-l.start)
		}
		if high < l.end {
			end = xAt(l, high-l.start)
		}
		if end-x < 1 && high <= l.start && l.end > l.start {
			continue
		}
		p.markStretch(b, l, x, end)
	}
}

func (l *line) mixed() bool {
	for i := range l.runs {
		if l.runs[i].level > 0 {
			return true
		}
	}
	return false
}

// markRuns draws what is selected of a line whose order is not that of its text.
func (p *still) markRuns(b *box, l *line, low, high int) {
	at := l.start
	for i := range l.runs {
		r := &l.runs[i]
		from, to := max(low, at), min(high, at+len(r.text))
		if from < to {
			x, end := r.xAt(from-at), r.xAt(to-at)
			p.markStretch(b, l, l.x+min(x, end), l.x+max(x, end))
		}
		at += len(r.text)
	}
}

func (p *still) markStretch(b *box, l *line, x, end float32) {
	m := canvas.NewRectangle(theme.Color(theme.ColorNameSelection))
	m.Resize(fyne.NewSize(max(end-x, 2), l.h))
	if l.slides && b.pane != nil {
		b.pane.put(m, x-b.pane.at.X, l.y-b.pane.at.Y, &b.pane.marks)
		return
	}
	m.Move(fyne.NewPos(round(x), round(b.y+l.y)))
	p.marks = append(p.marks, m)
	p.objects = append(p.objects, m)
}

// choose selects from one place to another.
func (p *still) choose(anchor, head mark) {
	if p.anchor == anchor && p.head == head {
		return
	}
	p.anchor, p.head = anchor, head
	p.show()
	for _, b := range p.boxes {
		if b.shown && b.pane != nil {
			canvas.Refresh(b.pane)
		}
	}
	canvas.Refresh(p.self)
}

func (p *still) selectAll() { p.choose(mark{}, p.end()) }

// wordAt is the word around a place.
func (p *still) wordAt(m mark) (from, to mark) {
	if m.box >= len(p.boxes) {
		return m, m
	}
	text := p.boxes[m.box].text
	from, to = m, m
	kind := func(r rune) int {
		switch {
		case r == '_' || isWord(r) || unicode.Is(unicode.Mn, r):
			return 1
		case unicode.IsSpace(r):
			return 2
		}
		return 3
	}
	next, _ := utf8.DecodeRuneInString(text[m.at:])
	if m.at == len(text) || kind(next) != 1 && m.at > 0 && kind(lastRune(text[:m.at])) == 1 {
		next = lastRune(text[:m.at])
	}
	for from.at > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:from.at])
		if kind(r) != kind(next) || r == '\n' {
			break
		}
		from.at -= size
	}
	for to.at < len(text) {
		r, size := utf8.DecodeRuneInString(text[to.at:])
		if kind(r) != kind(next) || r == '\n' {
			break
		}
		to.at += size
	}
	return from, to
}

// unitAt is what a number of clicks selects at a place.
func (p *prose) unitAt(m mark) (from, to mark) {
	switch {
	case p.clicks == 2:
		return p.wordAt(m)
	case p.clicks > 2 && m.box < len(p.boxes):
		text := p.boxes[m.box].text
		from, to = mark{m.box, 0}, mark{m.box, len(text)}
		if k := p.boxes[m.box].b.kind; k == codeBlock || k == tableBlock || p.plain { // a line of it
			from.at = strings.LastIndexByte(text[:m.at], '\n') + 1
			if i := strings.IndexByte(text[m.at:], '\n'); i >= 0 {
				to.at = m.at + i
			}
		}
		return from, to
	}
	return m, m
}

// doubleClick is how long after a click another one counts as its second.
const doubleClick = 400 * time.Millisecond

// MouseDown begins a selection, or extends it with Shift.
func (p *prose) MouseDown(e *desktop.MouseEvent) {
	p.clicked = true
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil {
		c.Focus(p)
	}
	p.clicked = false
	if e.Button != desktop.MouseButtonPrimary {
		return
	}
	p.pressed = true
	now := time.Now
	if p.now != nil {
		now = p.now
	}
	d := e.Position.Subtract(p.lastAt)
	if now().Sub(p.lastClick) > doubleClick || d.X*d.X+d.Y*d.Y > 25 {
		p.clicks = 0
	}
	p.clicks, p.lastClick, p.lastAt = p.clicks+1, now(), e.Position
	m := p.markAt(e.Position)
	if e.Modifier&fyne.KeyModifierShift != 0 && p.clicks == 1 {
		p.word = [2]mark{p.anchor, p.anchor}
		p.choose(p.anchor, m)
		return
	}
	from, to := p.unitAt(m)
	p.word = [2]mark{from, to}
	p.choose(from, to)
}

// MouseUp implements desktop.Mouseable.
func (p *prose) MouseUp(*desktop.MouseEvent) { p.pressed = false }

// Dragged extends the selection, by words or paragraphs where it began with one.
func (p *prose) Dragged(e *fyne.DragEvent) {
	if !p.pressed {
		return
	}
	at := e.Position
	if p.hands != nil && p.hands.drag != nil {
		at.Y += p.hands.drag(e.AbsolutePosition)
	}
	from, to := p.unitAt(p.markAt(at))
	if from.before(p.word[0]) {
		p.choose(p.word[1], from)
		return
	}
	if to.before(p.word[1]) {
		to = p.word[1]
	}
	p.choose(p.word[0], to)
}

// DragEnd implements fyne.Draggable.
func (p *prose) DragEnd() { p.pressed = false }

// linkAt is the link at a point, with its text.
func (p *still) linkAt(pos fyne.Position) (address, text string) {
	b, l, _ := p.lineAt(pos)
	if l == nil || pos.Y < b.y+l.y || pos.Y > b.y+l.y+l.h {
		return "", ""
	}
	x := pos.X - l.x + b.slid(l)
	for i := range l.runs {
		if r := &l.runs[i]; r.span.link != "" && x >= r.x && x <= r.x+r.w {
			return r.span.link, p.linkText(b, r.span.link)
		}
	}
	return "", ""
}

// linkText is all of a link's text, which may stand on several lines.
func (p *still) linkText(b *box, address string) string {
	var t strings.Builder
	for i := range b.b.spans {
		if s := &b.b.spans[i]; s.link == address {
			t.WriteString(s.text)
		}
	}
	return t.String()
}

// Tapped asks whether to open a link.
func (p *prose) Tapped(e *fyne.PointEvent) {
	if _, _, some := p.selection(); some || p.hands == nil {
		return
	}
	if address, text := p.linkAt(e.Position); address != "" {
		askLink(fyne.CurrentApp().Driver().CanvasForObject(p), address, text, p.hands)
	}
}

// TappedSecondary offers what can be done with the text.
func (p *prose) TappedSecondary(e *fyne.PointEvent) { p.openMenu(e.Position, e.AbsolutePosition) }

func (p *prose) openMenu(at, absolute fyne.Position) {
	selected := p.selectedText()
	one := fyne.NewMenuItem(words.T("Copy"), func() { p.copy(selected) })
	one.Disabled = selected == ""
	all := fyne.NewMenuItem(words.T("Copy all"), func() { p.copy(p.allText()) })
	items := []*fyne.MenuItem{one, all, fyne.NewMenuItem(words.T("Select all"), p.selectAll)}
	if address, text := p.linkAt(at); address != "" && p.hands != nil {
		c := fyne.CurrentApp().Driver().CanvasForObject(p)
		items = append(items, fyne.NewMenuItemSeparator(),
			fyne.NewMenuItem(words.T("Open the link…"), func() { askLink(c, address, text, p.hands) }),
			fyne.NewMenuItem(words.T("Copy the address"), func() { p.copy(address) }))
	}
	if p.hands != nil && p.hands.menu != nil {
		if more := p.hands.menu(); len(more) > 0 {
			items = append(append(items, fyne.NewMenuItemSeparator()), more...)
		}
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil {
		widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), c, absolute)
	}
}

func (p *still) allText() string {
	anchor, head := p.anchor, p.head
	p.anchor, p.head = mark{}, p.end()
	text := p.selectedText()
	p.anchor, p.head = anchor, head
	return text
}

func (p *prose) copy(text string) {
	switch {
	case text == "":
	case p.hands != nil && p.hands.copyText != nil:
		p.hands.copyText(text)
	default:
		fyne.CurrentApp().Clipboard().SetContent(text)
	}
}

// FocusGained shows where the focus is when it was reached with Tab: all is selected.
func (p *prose) FocusGained() {
	if !p.clicked && !p.byKey {
		p.byKey = true
		p.selectAll()
	}
}

// FocusLost drops the selection, except for a menu, which acts on it.
func (p *prose) FocusLost() {
	p.byKey, p.pressed = false, false
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil && c.Overlays().Top() != nil {
		return
	}
	p.choose(mark{}, mark{})
}

// TypedRune passes what is typed on to the composer.
func (p *prose) TypedRune(r rune) { typeElsewhere(p, r) }

// TypedKey opens the menu or the first link of the text; other keys go to the window.
func (p *prose) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case desktop.KeyMenu:
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(p)
		p.openMenu(fyne.NewPos(-1, -1), at.AddXY(gap5, gap5))
	case fyne.KeyReturn, fyne.KeyEnter:
		p.openSelectedLink()
	default:
		keyElsewhere(p, e)
	}
}

// openSelectedLink asks about the first link in what is selected, so that links can be reached from the keyboard.
func (p *prose) openSelectedLink() {
	from, to, some := p.selection()
	if !some || p.hands == nil {
		return
	}
	for n := from.box; n <= to.box && n < len(p.boxes); n++ {
		for _, s := range p.boxes[n].b.spans {
			if s.link != "" {
				askLink(fyne.CurrentApp().Driver().CanvasForObject(p), s.link, s.text, p.hands)
				return
			}
		}
	}
}

// TypedShortcut copies or selects; everything else goes to the window.
func (p *prose) TypedShortcut(s fyne.Shortcut) {
	switch s.(type) {
	case *fyne.ShortcutCopy:
		p.copy(p.selectedText())
	case *fyne.ShortcutSelectAll:
		p.selectAll()
	default:
		c := fyne.CurrentApp().Driver().CanvasForObject(p)
		if w, ok := c.(interface{ TypedShortcut(fyne.Shortcut) }); ok {
			w.TypedShortcut(s)
		}
	}
}

// MouseIn implements desktop.Hoverable.
func (p *prose) MouseIn(e *desktop.MouseEvent) { p.MouseMoved(e) }

// MouseMoved notes whether the pointer is on a link, for its shape.
func (p *prose) MouseMoved(e *desktop.MouseEvent) { p.pointer = e.Position }

// MouseOut implements desktop.Hoverable.
func (p *prose) MouseOut() {}

// Cursor is a hand over a link.
func (p *prose) Cursor() desktop.Cursor {
	if address, _ := p.linkAt(p.pointer); address != "" {
		return desktop.PointerCursor
	}
	return desktop.TextCursor
}
