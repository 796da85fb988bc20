package ui

import (
	"image/color"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// still shows Markdown, or plain text, wrapped to the width it is given. It takes no events. When a text grows, only
// its last part is parsed and laid out again. A long text is laid out only where it is in sight: the rest is
// estimated, and the height corrected when it comes into sight.
type still struct {
	widget.BaseWidget
	self  fyne.CanvasObject // the widget in the tree: this one, or the prose around it
	plain bool
	face  face
	hands *hands // nil: nothing in it can be clicked

	source string
	doc    document
	boxes  []*box
	width  float32 // of the layout, 0 before the first
	factor float32 // of text, likewise
	height float32

	part      bool    // only a part of it is ever in sight
	low, high float32 // the part

	objects []fyne.CanvasObject
	marks   []*canvas.Rectangle // the selection, outside of what slides

	anchor, head mark
}

// hands are what a text does for the person. Nil functions are left out.
type hands struct {
	tips     *tips
	copyText func(string)
	open     func(address string)
	wheel    func(*fyne.ScrollEvent)             // what it has no use for
	drag     func(at fyne.Position) (dy float32) // a selection is dragged, at a place in the window: scrolls there
	focus    func(o fyne.CanvasObject)           // something in it has got the keyboard: brings it into sight
	menu     func() []*fyne.MenuItem             // more entries for its menu
}

func (h *hands) focused(o fyne.CanvasObject) {
	if h != nil && h.focus != nil {
		h.focus(o)
	}
}

// box is a block of the text with its layout. Everything in it has places from its own upper left.
type box struct {
	b    block
	text string // what selecting all of it copies
	laid bool
	y, h float32 // an estimate until it is laid out
	gap  float32 // above it

	face    face
	factor  float32 // of text, at the layout
	lines   []line
	shapes  []shape
	code    *code
	table   *table
	pane    *pane
	copyBtn *button
	lang    *label
	shown   bool
}

// shape is a rectangle or an icon of a box. It is made when it comes into sight.
type shape struct {
	fill, stroke       fyne.ThemeColorName
	radius, x, y, w, h float32
	icon               iconName
	above, slides      bool // above the text; inside the pane
	panel              *panel
	image              *icon
}

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
	old, same := p.boxes, 0
	var blocks []block
	if p.plain {
		if source != "" {
			blocks = []block{{spans: []span{{text: source}}}}
		}
	} else {
		same = p.doc.set(source)
		blocks = p.doc.blocks
	}
	p.boxes = old[:min(same, len(old)):min(same, len(old))]
	for i := len(p.boxes); i < len(blocks); i++ {
		if i < len(old) && old[i].b.equal(&blocks[i]) {
			p.boxes = append(p.boxes, old[i])
			continue
		}
		b := &box{b: blocks[i], text: blocks[i].text()}
		if i < len(old) && p.width > 0 && old[i].b.kind == b.b.kind {
			b.h = old[i].h // about
			if p.inSight(old[i]) || b.b.kind == codeBlock {
				b.lay(p, old[i])
			}
			b.inherit(p, old[i])
		}
		p.boxes = append(p.boxes, b)
	}
	for i := len(p.boxes); i < len(old); i++ {
		old[i].hide()
	}
	p.anchor, p.head = p.clampMark(p.anchor), p.clampMark(p.head)
	before := p.height
	if p.width > 0 {
		p.layout()
		p.show()
		canvas.Refresh(p.self)
	}
	return p.height != before
}

// setColor gives all of the text another colour.
func (p *still) setColor(c fyne.ThemeColorName) {
	if p.face.color == c {
		return
	}
	p.face.color = c
	for _, b := range p.boxes {
		b.hide()
		b.laid = false
	}
	if p.width > 0 {
		p.layout()
		p.show()
		canvas.Refresh(p.self)
	}
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
	if width != p.width || p.factor != textFactor {
		p.width, p.factor = width, textFactor
		for _, b := range p.boxes {
			b.hide()
			b.laid = false
		}
		p.layout()
		p.show()
	}
	return p.height
}

// wholeText is how long a text is laid out whole at once, in bytes.
const wholeText = 4000

// lazy says whether only what is in sight is laid out.
func (p *still) lazy() bool { return p.part && len(p.source) > wholeText }

// ahead is how much more than what is in sight is laid out, so that scrolling and growing find it ready.
const ahead float32 = 300

func (p *still) inSight(b *box) bool {
	return !p.lazy() || b.y < p.high+ahead && b.y+b.h > p.low-ahead
}

// reveal says which part of the text is in sight. It reports whether the height changed with that.
func (p *still) reveal(low, high float32) bool {
	if low == p.low && high == p.high || p.width <= 0 {
		return false
	}
	p.low, p.high = low, high
	if !p.lazy() && len(p.objects) > 0 && len(p.source) <= wholeText {
		return false
	}
	before := p.height
	p.layout()
	p.show()
	canvas.Refresh(p.self)
	return p.height != before
}

// layout lays out the boxes in sight that are not, and puts all in their place.
func (p *still) layout() {
	y := float32(0)
	for i, b := range p.boxes {
		b.gap = b.b.gap()
		if i > 0 {
			y += b.gap
		}
		b.y = y
		if !b.laid {
			if b.h == 0 || !p.inSight(b) {
				b.h = p.estimate(b)
			}
			if p.inSight(b) {
				b.lay(p, nil)
			}
		}
		y += b.h
	}
	p.height = y
}

// estimate is about the height that a box will take.
func (p *still) estimate(b *box) float32 {
	line := scaled(p.face.size) * 1.6
	switch b.b.kind {
	case ruleBlock:
		return 13
	case codeBlock:
		return scaled(codeHead) + 2*codePadY + scaled(21)*float32(1+strings.Count(b.text, "\n"))
	case tableBlock:
		return scaled(33) * float32(len(b.b.rows))
	}
	perLine := max((p.width-b.indent())/(scaled(p.face.size)*0.52), 1)
	return line * float32(1+int(float32(len(b.text))/perLine)+strings.Count(b.text, "\n"))
}

// gap is the space above a block.
func (b *block) gap() float32 {
	switch {
	case b.more:
		return 0
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

func (b *box) indent() float32 {
	return float32(b.b.depth)*listIndent + float32(b.b.quote)*quoteIndent
}

// lay lays out the box. old is what stood in its place before the text grew, or nil.
func (b *box) lay(p *still, old *box) {
	f, width := p.face, p.width
	b.lines, b.shapes, b.laid, b.h, b.face, b.factor = nil, nil, true, 0, f, textFactor
	pane := b.pane
	b.pane = nil
	if pane == nil && old != nil {
		pane = old.pane
	}
	x := b.indent()
	width = max(width, x+40)
	if b.b.quote > 0 {
		f.color = colorMuted
	}
	switch b.b.kind {
	case ruleBlock:
		b.panel(colorLine, "", 0, x, 6, width-x, 1)
		b.h = 13
	case codeBlock:
		b.layCode(width, f, old)
	case tableBlock:
		b.layTable(x, width, f, old)
	default:
		if b.b.kind == headingBlock {
			f.bold = true
			f.size *= []float32{19, 17, 15, 14, 14, 14}[b.b.level-1] / textBody
		}
		if b.b.kind == mathsBlock {
			x += gap5
		}
		b.layMarker(x, f)
		b.h = b.layText(b.b.spans, x, 0, width-x, f, b.b.lead())
	}
	for q, depth := range b.b.bars {
		top := float32(0)
		if q < b.b.joined {
			top = -b.b.gap() - 3 // over the round end
		}
		b.panel(colorEdge, "", 1.5, float32(depth-'0')*listIndent+2+float32(q)*quoteIndent, top, 3, b.h-top)
	}
	if b.pane != nil && pane != nil {
		b.pane.takeOver(pane)
		b.pane = pane
	}
	if b.pane != nil {
		b.pane.hands = p.hands
	}
}

// lead is how much of a block's text comes before its spans: the list marker and its indent.
func (b *block) lead() int {
	switch {
	case b.depth == 0:
		return 0
	case b.marker == "":
		return 2 * b.depth
	}
	return 2*(b.depth-1) + len(b.marker) + 1
}

// text is what selecting all of a block copies.
func (b *block) text() string {
	var t strings.Builder
	switch b.kind {
	case ruleBlock:
		return "---"
	case tableBlock:
		for i, row := range b.rows {
			if i > 0 {
				t.WriteByte('\n')
			}
			for j, cell := range row {
				if j > 0 {
					t.WriteByte('\t')
				}
				writeSpans(&t, cell)
			}
		}
		return t.String()
	case codeBlock:
		return b.spans[0].text
	}
	if b.depth > 0 {
		indent := b.depth
		if b.marker != "" {
			indent--
		}
		t.WriteString(strings.Repeat("  ", indent))
		if b.marker != "" {
			t.WriteString(b.marker)
			t.WriteByte(' ')
		}
	}
	writeSpans(&t, b.spans)
	return t.String()
}

func writeSpans(t *strings.Builder, spans []span) {
	for i := range spans {
		t.WriteString(spans[i].text)
	}
}

func (b *box) layMarker(x float32, f face) {
	marker := b.b.marker
	if marker == "" {
		return
	}
	at := 2 * (b.b.depth - 1)
	lines, h := flowAt([]span{{text: marker}}, 200, face{size: f.size, color: colorMuted}, at)
	l := lines[0]
	l.x, l.end = x-l.w-7, at+len(marker)
	if marker == taskOpen || marker == taskDone { // drawn, since not every font has them
		const size float32 = 14
		top := (h - size) / 2
		l.x, l.w, l.runs = x-size-6, size, nil
		if marker == taskDone {
			b.panel(colorAccent, "", 3, l.x, top, size, size)
			b.shapes = append(b.shapes, shape{icon: "check", fill: colorOn, x: l.x + 1, y: top + 1, w: size - 2, h: size - 2, above: true})
		} else {
			b.panel("", colorMuted, 3, l.x, top, size, size)
		}
	}
	b.lines = append(b.lines, l)
}

// layText flows spans and returns where they end. at is where their text stands in the box's.
func (b *box) layText(spans []span, x, y, width float32, f face, at int) float32 {
	lines, h := flowAt(spans, width, f, at)
	for i := range lines {
		l := &lines[i]
		l.x, l.y = l.x+x, l.y+y
		b.decorate(l)
	}
	b.lines = append(b.lines, lines...)
	return y + h
}

// decorate draws what stands behind inline code, and through what is struck out.
func (b *box) decorate(l *line) {
	for i := range l.runs {
		r := &l.runs[i]
		if r.span.code {
			b.panel(colorRaised, "", 4, l.x+r.x-codePad, l.y+1, r.w+2*codePad, l.h-2)
		}
		if r.span.strike {
			b.shapes = append(b.shapes, shape{fill: r.color, x: l.x + r.x, y: l.y + l.h/2, w: r.w, h: 1, above: true})
		}
	}
}

// panel adds a rectangle below the text.
func (b *box) panel(fill, stroke fyne.ThemeColorName, radius, x, y, w, h float32) {
	b.shapes = append(b.shapes, shape{fill: fill, stroke: stroke, radius: radius, x: x, y: y, w: w, h: h})
}

// slide makes a window for the lines that slide sideways, if they are wider than it.
func (b *box) slide(x, y, w, h, content float32) {
	b.pane = newPane()
	b.pane.at, b.pane.room, b.pane.content = fyne.NewPos(x, y), fyne.NewSize(w, h), content
}

// inherit takes over what is drawn already and stays as it was, and what the person did to it.
func (b *box) inherit(p *still, old *box) {
	b.copyBtn, b.lang, b.shown = old.copyBtn, old.lang, old.shown
	old.copyBtn = nil
	for i := range min(len(b.lines), len(old.lines)) {
		was, is := &old.lines[i], &b.lines[i]
		if was.bare {
			continue
		}
		if is.bare && len(was.runs) > 0 && was.runs[0].draw != nil {
			b.fill(i)
		}
		for j := range min(len(is.runs), len(was.runs)) {
			a, r := &was.runs[j], &is.runs[j]
			if r.draw == nil && a.draw != nil && a.text == r.text && a.style == r.style && a.size == r.size && a.color == r.color && a.token == r.token && a.mirrored == r.mirrored {
				r.draw = a.draw
			}
		}
	}
}

// --- drawing ---

// show collects what is drawn now: the panels, then the selection, then the text.
func (p *still) show() {
	p.objects = p.objects[:0]
	for _, b := range p.boxes {
		if !b.laid || p.lazy() && (b.y > p.high+ahead || b.y+b.h < p.low-ahead) {
			b.hide()
			continue
		}
		b.shown = true
		if b.pane != nil {
			b.pane.begin(fyne.NewPos(b.pane.at.X, b.y+b.pane.at.Y))
		}
		p.showShapes(b, false)
	}
	p.placeMarks()
	for _, b := range p.boxes {
		if !b.shown {
			continue
		}
		p.showLines(b)
		p.showShapes(b, true)
		if b.pane != nil {
			b.pane.end()
			p.objects = append(p.objects, b.pane)
		}
		if b.b.kind == codeBlock {
			p.showHead(b)
		}
	}
}

// visible says whether a part of a box is near what is in sight.
func (p *still) visible(b *box, y, h float32) bool {
	return !p.lazy() || b.y+y < p.high+ahead && b.y+y+h > p.low-ahead
}

func (p *still) showShapes(b *box, above bool) {
	for i := range b.shapes {
		s := &b.shapes[i]
		if s.above != above {
			continue
		}
		if !p.visible(b, s.y, s.h) {
			s.panel, s.image = nil, nil
			continue
		}
		o := s.object()
		if s.slides && b.pane != nil {
			b.pane.put(o, s.x-b.pane.at.X, s.y-b.pane.at.Y, &b.pane.under)
			continue
		}
		if at := fyne.NewPos(round(s.x), round(b.y+s.y)); o.Position() != at {
			o.Move(at)
		}
		p.objects = append(p.objects, o)
	}
}

func (s *shape) object() fyne.CanvasObject {
	size := fyne.NewSize(s.w, s.h)
	if s.icon != "" {
		if s.image == nil {
			s.image = newIcon(s.icon, s.fill)
			s.image.image.Resize(size)
		}
		return s.image.image
	}
	if s.panel == nil {
		s.panel = newPanel(s.fill, s.stroke, s.radius)
		s.panel.rect.Resize(size)
	}
	return s.panel.rect
}

func (p *still) showLines(b *box) {
	for i := range b.lines {
		l := &b.lines[i]
		if !p.visible(b, l.y, l.h) {
			for j := range l.runs {
				l.runs[j].draw = nil
			}
			continue
		}
		b.fill(i)
		for j := range l.runs {
			r := &l.runs[j]
			o := r.object()
			if l.slides && b.pane != nil {
				b.pane.put(o, l.x+r.x-b.pane.at.X, l.y+r.y-b.pane.at.Y, &b.pane.over)
				continue
			}
			if at := fyne.NewPos(l.x+r.x, b.y+l.y+r.y); o.Position() != at {
				o.Move(at)
			}
			p.objects = append(p.objects, o)
		}
	}
}

func (r *run) object() *canvas.Text {
	if r.draw == nil {
		r.draw = &canvas.Text{Text: r.shown(), TextSize: r.size, TextStyle: r.style, Color: r.paint()}
		r.draw.Resize(r.box)
	}
	return r.draw
}

func (r *run) paint() color.Color {
	if r.token != tokenPlain {
		return tokenColor(r.token)
	}
	return theme.Color(r.color)
}

// showHead shows the language of a box of code, and its button.
func (p *still) showHead(b *box) {
	if b.lang == nil || b.lang.draw.TextSize != scaled(textSmall) {
		b.lang = newLabel("", textSmall, colorMuted)
	}
	x, width, head := b.indent(), max(p.width, b.indent()+40), scaled(codeHead)
	right := width - gap1
	if p.hands != nil && p.hands.copyText != nil {
		if b.copyBtn == nil {
			b.copyBtn = newButton(quiet, "copy", words.T("Copy"), nil).withTip(p.hands.tips, words.T("Copy the code"))
			b.copyBtn.small = true
			btn := b.copyBtn
			btn.onFocus = func() { p.hands.focused(btn) }
		}
		b.copyBtn.onTap = func() { p.hands.copyText(b.text) }
		m := b.copyBtn.measure()
		right -= m.Width
		if at := fyne.NewPos(right, b.y+(head-m.Height)/2); b.copyBtn.Position() != at || b.copyBtn.Size() != m {
			place(b.copyBtn, at.X, at.Y, m.Width, m.Height)
		}
		p.objects = append(p.objects, b.copyBtn)
	}
	b.lang.text = b.code.name
	b.lang.draw.Text = ellipsis(b.code.name, right-x-codePadX, b.lang.draw.TextSize, fyne.TextStyle{})
	if at := fyne.NewPos(x+codePadX, b.y); b.lang.draw.Position() != at {
		place(b.lang.draw, at.X, at.Y, right-x-codePadX, head)
	}
	p.objects = append(p.objects, b.lang.draw)
}

// hide lets go of what draws the box.
func (b *box) hide() {
	if !b.shown {
		return
	}
	b.shown = false
	for i := range b.shapes {
		b.shapes[i].panel, b.shapes[i].image = nil, nil
	}
	for i := range b.lines {
		for j := range b.lines[i].runs {
			b.lines[i].runs[j].draw = nil
		}
	}
	if b.pane != nil {
		b.pane.over, b.pane.under, b.pane.marks = nil, nil, nil
	}
}

func (p *still) CreateRenderer() fyne.WidgetRenderer { return &proseRenderer{p} }

type proseRenderer struct{ p *still }

func (r *proseRenderer) Destroy()                     {}
func (r *proseRenderer) Objects() []fyne.CanvasObject { return r.p.objects }
func (r *proseRenderer) MinSize() fyne.Size           { return fyne.NewSize(1, r.p.height) }
func (r *proseRenderer) Layout(size fyne.Size)        { r.p.heightFor(size.Width) }

func (r *proseRenderer) Refresh() {
	r.p.restyle()
	canvas.Refresh(r.p.self)
}

// restyle takes the theme's colours anew.
func (p *still) restyle() {
	for _, b := range p.boxes {
		if !b.shown {
			continue
		}
		for i := range b.shapes {
			if s := &b.shapes[i]; s.panel != nil {
				s.panel.restyle()
			} else if s.image != nil {
				s.image.restyle()
			}
		}
		for i := range b.lines {
			for j := range b.lines[i].runs {
				if r := &b.lines[i].runs[j]; r.draw != nil {
					r.draw.Color = r.paint()
				}
			}
		}
		if b.lang != nil {
			b.lang.restyle()
		}
		if b.copyBtn != nil {
			b.copyBtn.Refresh()
		}
		if b.pane != nil {
			b.pane.Refresh()
		}
	}
	for _, m := range p.marks {
		m.FillColor = theme.Color(theme.ColorNameSelection)
	}
}
