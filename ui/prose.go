package ui

import (
	"net/url"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
	east "github.com/yuin/goldmark/extension/ast"
)

// still shows Markdown, or plain text, wrapped to the width it is given. It takes no events. When a text grows, only
// its last part is parsed and laid out again.
type still struct {
	widget.BaseWidget
	self  fyne.CanvasObject // the widget in the tree: this one, or the prose around it
	plain bool
	face  face

	source string
	chunks []*chunk
	width  float32 // of the layout, 0 before the first
	height float32

	objects []fyne.CanvasObject
	marks   []*canvas.Rectangle // the selection

	anchor, head mark
}

// prose is a still text that can be selected with the pointer or the keyboard, and copied.
type prose struct {
	still
	byKey   bool // has the focus from the keyboard
	clicked bool // is getting the focus from the pointer
}

// mark is a place between two characters.
type mark struct{ line, offset int }

// chunk is a part of the text that is parsed and laid out alone.
type chunk struct {
	source  string
	blocks  []block
	y       float32
	height  float32
	gap     float32 // above its first block
	lines   []line
	panels  []*panel
	objects []fyne.CanvasObject
}

var (
	_ flowing                = (*prose)(nil)
	_ fyne.Focusable         = (*prose)(nil)
	_ fyne.Shortcutable      = (*prose)(nil)
	_ fyne.Draggable         = (*prose)(nil)
	_ fyne.DoubleTappable    = (*prose)(nil)
	_ fyne.Tappable          = (*prose)(nil)
	_ desktop.Mouseable      = (*prose)(nil)
	_ desktop.Cursorable     = (*prose)(nil)
	_ fyne.SecondaryTappable = (*prose)(nil)
)

// newProse returns an empty Markdown text.
func newProse() *prose {
	p := &prose{}
	p.face = face{size: textBody, color: colorText}
	p.self = p
	p.ExtendBaseWidget(p)
	return p
}

// newSelectable returns an empty text without Markdown that can be selected.
func newSelectable(size float32, color fyne.ThemeColorName) *prose {
	p := newProse()
	p.plain, p.face = true, face{size: size, color: color}
	return p
}

// newPlain returns an empty text without Markdown.
func newPlain(size float32, color fyne.ThemeColorName) *still {
	p := &still{plain: true, face: face{size: size, color: color}}
	p.self = p
	p.ExtendBaseWidget(p)
	return p
}

// setText replaces the text and says whether its height changed.
func (p *still) setText(source string) bool {
	if source == p.source {
		return false
	}
	p.source = source
	old := p.chunks
	p.chunks = nil
	same := true
	for i, part := range p.split() {
		if same && i < len(old) && old[i].source == part {
			p.chunks = append(p.chunks, old[i])
			continue
		}
		same = false
		p.chunks = append(p.chunks, &chunk{source: part, blocks: p.parse(part), height: -1})
	}
	p.anchor, p.head = p.clampMark(p.anchor), p.clampMark(p.head)
	before := p.height
	if p.width > 0 {
		p.layout()
		p.Refresh()
	}
	return p.height != before
}

func (p *still) split() []string {
	if p.plain {
		if p.source == "" {
			return nil
		}
		return []string{p.source}
	}
	return splitMarkdown(p.source)
}

func (p *still) parse(part string) []block {
	if p.plain {
		return []block{{spans: []span{{text: part}}}}
	}
	return parseMarkdown(part)
}

// naturalWidth is the width at which a plain text needs no wrapping.
func (p *still) naturalWidth() float32 {
	var w float32
	for _, l := range strings.Split(p.source, "\n") {
		w = max(w, p.face.measure(l, span{}))
	}
	return w
}

// heightFor lays the text out for a width and returns what it takes.
func (p *still) heightFor(width float32) float32 {
	if width != p.width {
		p.width = width
		for _, c := range p.chunks {
			c.height = -1
		}
		p.layout()
	}
	return p.height
}

// layout lays out the chunks that are not, and puts all in their place.
func (p *still) layout() {
	y := float32(0)
	p.objects = p.objects[:0]
	for i, c := range p.chunks {
		fresh := c.height < 0
		if fresh {
			c.layout(p.width, p.face)
		}
		if i > 0 {
			y += c.gap
		}
		if fresh || c.y != y {
			c.move(y)
		}
		y += c.height
		p.objects = append(p.objects, c.objects...)
	}
	p.height = y
	p.placeMarks()
}

func (c *chunk) move(y float32) {
	for _, o := range c.objects {
		pos := o.Position()
		o.Move(fyne.NewPos(pos.X, pos.Y-c.y+y))
	}
	c.y = y
}

// layout places the chunk's blocks for a width, beginning at y = 0.
func (c *chunk) layout(width float32, f face) {
	c.lines, c.panels, c.objects, c.y, c.gap = nil, nil, nil, 0, 0
	y := float32(0)
	for i := range c.blocks {
		b := &c.blocks[i]
		gap := b.gap()
		if i == 0 {
			c.gap, gap = gap, 0
		}
		y += gap
		y = c.place(b, y, width, f)
	}
	c.height = y
	for i := range c.lines {
		l := &c.lines[i]
		for j := range l.runs {
			r := &l.runs[j]
			r.draw.Move(fyne.NewPos(l.x+r.x, l.y+r.y))
			c.objects = append(c.objects, r.draw)
		}
	}
}

// gap is the space above a block.
func (b *block) gap() float32 {
	switch {
	case b.tight:
		return 3
	case b.kind == headingBlock && b.level <= 2:
		return gap5
	case b.kind == headingBlock:
		return gap4
	}
	return 10
}

const (
	listIndent  float32 = 22
	quoteIndent float32 = 14
)

// place lays out one block at y and returns where it ends.
func (c *chunk) place(b *block, y, width float32, f face) float32 {
	x := float32(b.depth)*listIndent + float32(b.quote)*quoteIndent
	top := y
	switch b.kind {
	case ruleBlock:
		c.panel(colorLine, "", 0, x, y+6, width-x, 1)
		y += 13
	case codeBlock:
		y = c.placeCode(b, x, y, width, f)
	case tableBlock:
		y = c.placeTable(b, x, y, width, f)
	default:
		if b.kind == headingBlock {
			f.bold = true
			f.size = []float32{19, 17, 15, 14, 14, 14}[b.level-1]
		}
		if b.quote > 0 {
			f.color = colorMuted
		}
		if b.marker != "" {
			c.placeMarker(b.marker, x, y, f)
		}
		y = c.placeText(b.spans, x, y, width-x, f, "\n")
	}
	if b.quote > 0 {
		c.panel(colorLine, "", 1.5, float32(b.depth)*listIndent+2, top, 3, y-top)
	}
	return y
}

func (c *chunk) placeMarker(marker string, x, y float32, f face) {
	lines, _ := flow([]span{{text: marker}}, 200, face{size: f.size, color: colorMuted})
	l := lines[0]
	l.x, l.y, l.before = x-l.w-7, y, "\n"
	c.lines = append(c.lines, l)
}

// placeText flows spans and returns where they end. before separates them from what stands above.
func (c *chunk) placeText(spans []span, x, y, width float32, f face, before string) float32 {
	lines, h := flow(spans, width, f)
	for i := range lines {
		l := &lines[i]
		l.x, l.y = l.x+x, l.y+y
		if i == 0 {
			l.before = before
			if n := len(c.lines); n > 0 && c.lines[n-1].y == l.y && before == "\n" {
				l.before = " " // beside its marker
			}
		}
		for _, r := range l.runs {
			if r.span.code && f.color != "" {
				c.panel(colorRaised, "", 4, l.x+r.x-codePad, l.y+1, r.w+2*codePad, l.h-2)
			}
		}
	}
	c.lines = append(c.lines, lines...)
	return y + h
}

func (c *chunk) placeCode(b *block, x, y, width float32, f face) float32 {
	const padX, padY = 14, 10
	var lines []line
	h := float32(0)
	for i, text := range strings.Split(b.spans[0].text, "\n") {
		some, height := flow([]span{{text: text, code: true}}, width-x-2*padX, face{size: f.size, color: colorText})
		for j := range some {
			l := &some[j]
			l.x, l.y = x+padX-codePad, y+padY+h+l.y
			if i > 0 && j == 0 {
				l.before = "\n"
			}
		}
		h += height
		lines = append(lines, some...)
	}
	lines[0].before = "\n"
	c.panel(colorSurface, colorLine, radiusControl, x, y, width-x, h+2*padY)
	c.lines = append(c.lines, lines...)
	return y + h + 2*padY
}

// panel adds a rectangle below the text.
func (c *chunk) panel(fill, stroke fyne.ThemeColorName, radius, x, y, w, h float32) {
	p := newPanel(fill, stroke, radius)
	place(p.rect, x, y, w, h)
	c.panels = append(c.panels, p)
	c.objects = append(c.objects, p.rect)
}

const cellPadX, cellPadY = 12, 6

func (c *chunk) placeTable(b *block, x, y, width float32, f face) float32 {
	f.size = 13
	columns := tableColumns(b.rows, width-x, f)
	total := float32(1)
	for _, w := range columns {
		total += w
	}
	top := y
	var edges []float32
	for i, row := range b.rows {
		head := f
		head.bold = i == 0
		fill := len(c.objects)
		bottom := c.placeRow(row, b.align, columns, x, y, head)
		if i == 0 {
			c.panel(colorRaised, "", 0, x, y, total, bottom-y)
			last := len(c.objects) - 1 // the head's fill goes below its text and code
			h := c.objects[last]
			copy(c.objects[fill+1:], c.objects[fill:last])
			c.objects[fill] = h
		}
		edges = append(edges, y)
		y = bottom
	}
	for _, e := range append(edges, y) {
		c.panel(colorLine, "", 0, x, e, total, 1)
	}
	at := x
	c.panel(colorLine, "", 0, at, top, 1, y-top)
	for _, w := range columns {
		at += w
		c.panel(colorLine, "", 0, at, top, 1, y-top)
	}
	return y + 1
}

// placeRow lays out the cells of a row and returns where the row ends.
func (c *chunk) placeRow(row [][]span, align []east.Alignment, columns []float32, x, y float32, f face) float32 {
	bottom := y
	for i, cell := range row {
		if i >= len(columns) {
			break
		}
		before := "\t"
		if i == 0 {
			before = "\n"
		}
		inner := columns[i] - 2*cellPadX
		from := len(c.lines)
		end := c.placeText(cell, x+cellPadX, y+cellPadY, inner, f, before)
		if i < len(align) && align[i] != east.AlignLeft && align[i] != east.AlignNone {
			for j := from; j < len(c.lines); j++ {
				spare := inner - c.lines[j].w
				if align[i] == east.AlignCenter {
					spare /= 2
				}
				c.lines[j].x += max(spare, 0)
			}
		}
		bottom = max(bottom, end+cellPadY)
		x += columns[i]
	}
	return bottom
}

// tableColumns shares a width: columns take what they need, and where that is too much the wide ones give way.
func tableColumns(rows [][][]span, width float32, f face) []float32 {
	var need []float32
	for i, row := range rows {
		bold := f
		bold.bold = i == 0
		for j, cell := range row {
			if j == len(need) {
				need = append(need, 0)
			}
			lines, _ := flow(cell, 1e5, bold)
			for _, l := range lines {
				need[j] = max(need[j], l.w+2*cellPadX+1)
			}
		}
	}
	total := float32(0)
	for _, w := range need {
		total += w
	}
	for over := total - width; over > 0.5; {
		widest, second := 0, float32(0)
		for j, w := range need {
			if w > need[widest] {
				widest = j
			}
		}
		for j, w := range need {
			if j != widest {
				second = max(second, w)
			}
		}
		cut := min(over, max(need[widest]-second, 8))
		if need[widest]-cut < 2*cellPadX+16 {
			break
		}
		need[widest] -= cut
		over -= cut
	}
	return need
}

// --- drawing ---

func (p *still) CreateRenderer() fyne.WidgetRenderer { return &proseRenderer{p} }

type proseRenderer struct{ p *still }

func (r *proseRenderer) Destroy() {}

func (r *proseRenderer) Objects() []fyne.CanvasObject {
	if len(r.p.marks) == 0 {
		return r.p.objects
	}
	var out []fyne.CanvasObject
	for _, m := range r.p.marks {
		out = append(out, m)
	}
	return append(out, r.p.objects...)
}

func (r *proseRenderer) MinSize() fyne.Size { return fyne.NewSize(1, r.p.height) }

func (r *proseRenderer) Layout(size fyne.Size) { r.p.heightFor(size.Width) }

func (r *proseRenderer) Refresh() {
	r.p.restyle()
	canvas.Refresh(r.p.self)
}

func (p *still) restyle() {
	for _, c := range p.chunks {
		for _, pa := range c.panels {
			pa.restyle()
		}
		for i := range c.lines {
			for j := range c.lines[i].runs {
				run := &c.lines[i].runs[j]
				run.draw.Color = theme.Color(run.color)
			}
		}
	}
	for _, m := range p.marks {
		m.FillColor = theme.Color(theme.ColorNameSelection)
	}
}

// --- selection ---

// lineAt returns a line of the whole text with its chunk's offset.
func (p *still) lineAt(n int) (*line, float32) {
	for _, c := range p.chunks {
		if n < len(c.lines) {
			return &c.lines[n], c.y
		}
		n -= len(c.lines)
	}
	return nil, 0
}

func (p *still) lineCount() int {
	n := 0
	for _, c := range p.chunks {
		n += len(c.lines)
	}
	return n
}

func (p *still) clampMark(m mark) mark {
	n := p.lineCount()
	if n == 0 {
		return mark{}
	}
	if m.line >= n {
		l, _ := p.lineAt(n - 1)
		return mark{n - 1, l.len()}
	}
	return m
}

// markAt finds the place nearest to a point.
func (p *still) markAt(pos fyne.Position) mark {
	best, distance := mark{}, float32(1e9)
	n := 0
	for _, c := range p.chunks {
		for i := range c.lines {
			l := &c.lines[i]
			dy := outside(pos.Y, c.y+l.y, c.y+l.y+l.h)
			dx := outside(pos.X, l.x, l.x+l.w)
			if d := dy*1000 + dx; d < distance {
				best, distance = mark{n, offsetAt(l, pos.X-l.x)}, d
			}
			n++
		}
	}
	return best
}

func outside(v, low, high float32) float32 { return max(low-v, v-high, 0) }

// offsetAt is the number of characters left of x in a line.
func offsetAt(l *line, x float32) int {
	n := 0
	for _, r := range l.runs {
		runes := []rune(r.text)
		if x > r.x+r.w {
			n += len(runes)
			continue
		}
		low, high := 0, len(runes)
		for low < high {
			mid := (low + high) / 2
			half := (prefixWidth(&r, runes, mid) + prefixWidth(&r, runes, mid+1)) / 2
			if x-r.x > half {
				low = mid + 1
			} else {
				high = mid
			}
		}
		return n + low
	}
	return n
}

func prefixWidth(r *run, runes []rune, n int) float32 {
	return fyne.MeasureText(string(runes[:n]), r.draw.TextSize, r.draw.TextStyle).Width
}

// xAt is where a character of a line begins.
func xAt(l *line, offset int) float32 {
	for _, r := range l.runs {
		runes := []rune(r.text)
		if offset <= len(runes) {
			return l.x + r.x + prefixWidth(&r, runes, offset)
		}
		offset -= len(runes)
	}
	return l.x + l.w
}

func (p *still) selection() (from, to mark, some bool) {
	from, to = p.anchor, p.head
	if to.line < from.line || to.line == from.line && to.offset < from.offset {
		from, to = to, from
	}
	return from, to, from != to
}

// selectedText is what Ctrl+C copies.
func (p *still) selectedText() string {
	from, to, some := p.selection()
	if !some {
		return ""
	}
	var b strings.Builder
	for n := from.line; n <= to.line; n++ {
		l, _ := p.lineAt(n)
		if l == nil {
			break
		}
		var text strings.Builder
		for _, r := range l.runs {
			text.WriteString(r.text)
		}
		runes := []rune(text.String())
		start, end := 0, len(runes)
		if n == from.line {
			start = min(from.offset, end)
		} else {
			b.WriteString(l.before)
		}
		if n == to.line {
			end = min(to.offset, end)
		}
		b.WriteString(string(runes[start:max(start, end)]))
	}
	return b.String()
}

// placeMarks draws the selection.
func (p *still) placeMarks() {
	p.marks = nil
	from, to, some := p.selection()
	if !some {
		return
	}
	for n := from.line; n <= to.line; n++ {
		l, top := p.lineAt(n)
		if l == nil {
			return
		}
		x, end := l.x, l.x+l.w
		if n == from.line {
			x = xAt(l, from.offset)
		}
		if n == to.line {
			end = xAt(l, to.offset)
		}
		m := canvas.NewRectangle(theme.Color(theme.ColorNameSelection))
		place(m, x, top+l.y, max(end-x, 2), l.h)
		p.marks = append(p.marks, m)
	}
}

func (p *still) choose(anchor, head mark) {
	p.anchor, p.head = anchor, head
	p.placeMarks()
	canvas.Refresh(p.self)
}

// MouseDown begins a selection.
func (p *prose) MouseDown(e *desktop.MouseEvent) {
	p.clicked = true
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil {
		c.Focus(p)
	}
	p.clicked = false
	if e.Button == desktop.MouseButtonPrimary {
		m := p.markAt(e.Position)
		p.choose(m, m)
	}
}

// MouseUp implements desktop.Mouseable.
func (p *prose) MouseUp(*desktop.MouseEvent) {}

// Dragged extends the selection.
func (p *prose) Dragged(e *fyne.DragEvent) { p.choose(p.anchor, p.markAt(e.Position)) }

// DragEnd implements fyne.Draggable.
func (p *prose) DragEnd() {}

// Tapped opens a link.
func (p *prose) Tapped(e *fyne.PointEvent) {
	if _, _, some := p.selection(); some {
		return
	}
	l, _ := p.lineAt(p.markAt(e.Position).line)
	if l == nil {
		return
	}
	for _, r := range l.runs {
		if r.span.link != "" && e.Position.X >= l.x+r.x && e.Position.X <= l.x+r.x+r.w {
			if u, err := url.Parse(r.span.link); err == nil && (u.Scheme == "http" || u.Scheme == "https") {
				_ = fyne.CurrentApp().OpenURL(u) // no browser: nothing to do about it
			}
			return
		}
	}
}

// DoubleTapped selects a word.
func (p *prose) DoubleTapped(e *fyne.PointEvent) {
	m := p.markAt(e.Position)
	l, _ := p.lineAt(m.line)
	if l == nil {
		return
	}
	var text strings.Builder
	for _, r := range l.runs {
		text.WriteString(r.text)
	}
	runes := []rune(text.String())
	inWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	from, to := m.offset, m.offset
	for inWord(from - 1) {
		from--
	}
	for inWord(to) {
		to++
	}
	p.choose(mark{m.line, from}, mark{m.line, to})
}

// TappedSecondary offers to copy.
func (p *prose) TappedSecondary(e *fyne.PointEvent) {
	c := fyne.CurrentApp().Driver().CanvasForObject(p)
	copyItem := fyne.NewMenuItem("Copy", func() { fyne.CurrentApp().Clipboard().SetContent(p.selectedText()) })
	copyItem.Disabled = p.selectedText() == ""
	all := fyne.NewMenuItem("Select all", p.selectAll)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", copyItem, all), c, e.AbsolutePosition)
}

func (p *still) selectAll() {
	if n := p.lineCount(); n > 0 {
		l, _ := p.lineAt(n - 1)
		p.choose(mark{}, mark{n - 1, l.len()})
	}
}

// FocusGained implements fyne.Focusable.
func (p *prose) FocusGained() {
	if !p.clicked && !p.byKey { // reached with Tab: the selection shows where the focus is
		p.byKey = true
		p.selectAll()
	}
}

// FocusLost drops the selection.
func (p *prose) FocusLost() {
	p.byKey = false
	p.choose(mark{}, mark{})
}

// TypedRune passes what is typed on to the composer.
func (p *prose) TypedRune(r rune) { typeElsewhere(p, r) }

// TypedKey implements fyne.Focusable.
func (p *prose) TypedKey(e *fyne.KeyEvent) { keyElsewhere(p, e) }

// TypedShortcut copies or selects; everything else goes to the window.
func (p *prose) TypedShortcut(s fyne.Shortcut) {
	switch s.(type) {
	case *fyne.ShortcutCopy:
		if text := p.selectedText(); text != "" {
			fyne.CurrentApp().Clipboard().SetContent(text)
		}
	case *fyne.ShortcutSelectAll:
		p.selectAll()
	default:
		c := fyne.CurrentApp().Driver().CanvasForObject(p)
		if w, ok := c.(interface{ TypedShortcut(fyne.Shortcut) }); ok {
			w.TypedShortcut(s)
		}
	}
}

// Cursor implements desktop.Cursorable.
func (p *prose) Cursor() desktop.Cursor { return desktop.TextCursor }
