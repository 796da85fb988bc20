package ui

import (
	"reflect"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

const panelWidth float32 = 460

// memoryPanel holds all figures of the memory: what takes it, its last minute, and the cards to choose from.
type memoryPanel struct {
	widget.BaseWidget
	act    Actions
	gauge  Gauge
	panel  Panel
	height float32
	reveal func(fyne.CanvasObject) // brings what has the keyboard into sight

	title   *label
	mark    *icon
	alarm   *still
	rows    []*figureRow
	rule    *panel
	history *history
	note    *still
	choose  *label
	cards   []*cardOption
}

func newMemoryPanel(act Actions) *memoryPanel {
	p := &memoryPanel{act: act, reveal: func(fyne.CanvasObject) {}, title: newLabel("", 15, colorText).bold(), mark: newIcon("warning", colorWarn)}
	p.alarm, p.note = newPlain(textSmall+1, colorWarn), newPlain(textSmall, colorMuted)
	p.rule, p.history = newPanel(colorLine, "", 0), newHistory()
	p.choose = newLabel(words.T("Graphics card to use"), textSmall, colorMuted)
	p.ExtendBaseWidget(p)
	return p
}

// set shows figures and says whether anything changed. Where the panel has no rows, the gauge's segments take their
// place.
func (p *memoryPanel) set(g Gauge, v Panel) bool {
	if len(v.Rows) == 0 {
		v.Rows = rowsOf(g)
	}
	if v.Title == "" {
		v.Title = g.Name
	}
	if p.panel.Title != "" && reflect.DeepEqual(v, p.panel) && g.Alarm == p.gauge.Alarm {
		return false
	}
	p.gauge, p.panel = g, v
	p.title.set(v.Title)
	p.alarm.setText(g.Alarm)
	p.note.setText(v.Note)
	p.history.set(v.History, v.Total)
	for len(p.rows) < len(v.Rows) {
		p.rows = append(p.rows, newFigureRow())
	}
	p.rows = p.rows[:len(v.Rows)]
	for i, r := range v.Rows {
		p.rows[i].set(r)
	}
	p.setCards(v.Cards)
	p.Refresh()
	return true
}

func (p *memoryPanel) setCards(cards []Card) {
	same := func(o *cardOption, c Card) bool { return o.card.UUID == c.UUID && o.card.Name == c.Name }
	if len(cards) < 2 || p.act.GPU == nil {
		cards = nil
	}
	if !slices.EqualFunc(p.cards, cards, same) {
		p.cards = nil
		for range cards {
			p.cards = append(p.cards, newCardOption(p.act.GPU, func(o fyne.CanvasObject) { p.reveal(o) }))
		}
	}
	for i, c := range cards {
		p.cards[i].set(c)
	}
}

// rowsOf are the segments of the gauge with what is free.
func rowsOf(g Gauge) []PanelRow {
	var rows []PanelRow
	for _, s := range g.Segments {
		hint := ""
		if s.Kind == SegmentPending {
			hint = words.T("not yet in use")
		}
		rows = append(rows, PanelRow{Label: s.Label, Value: byteSize(s.Bytes), Hint: hint, Kind: s.Kind, Colour: true})
	}
	if g.Total > g.Used {
		rows = append(rows, PanelRow{Label: words.T("free"), Value: byteSize(g.Total - g.Used)})
	}
	return rows
}

func (p *memoryPanel) heightFor(width float32) float32 { return p.arrange(width, false) }

// arrange goes from top to bottom, placing the parts when move is set, and returns where they end.
func (p *memoryPanel) arrange(width float32, move bool) float32 {
	y := float32(0)
	if move {
		p.title.place(0, y, width, scaled(22))
	}
	y += scaled(22) + gap1
	if p.gauge.Alarm != "" {
		h := p.alarm.heightFor(width - 22)
		if move {
			place(p.mark.image, 0, y+1, 16, 16)
			place(p.alarm, 22, y, width-22, h)
		}
		y += h + gap2
	}
	for _, r := range p.rows {
		h := r.heightFor(width)
		if move {
			place(r, 0, y, width, h)
		}
		y += h
	}
	if p.hasHistory() {
		y += gap2
		h := p.history.MinSize().Height
		if move {
			place(p.rule.rect, 0, y, width, 1)
			place(p.history, 0, y+gap3, width, h)
		}
		y += gap3 + h
	}
	if p.note.source != "" {
		y += gap2
		h := p.note.heightFor(width)
		if move {
			place(p.note, 0, y, width, h)
		}
		y += h
	}
	if len(p.cards) > 0 {
		y += gap2
		if move {
			p.choose.place(0, y, width, scaled(20))
		}
		y += scaled(22)
		for _, c := range p.cards {
			if move {
				place(c, 0, y, width, cardOptionHeight())
			}
			y += cardOptionHeight()
		}
	}
	p.height = y
	return y
}

func (p *memoryPanel) hasHistory() bool { return len(p.panel.History) > 0 && p.panel.Total > 0 }

func (p *memoryPanel) CreateRenderer() fyne.WidgetRenderer { return &panelRenderer{p} }

type panelRenderer struct{ p *memoryPanel }

func (r *panelRenderer) Destroy()           {}
func (r *panelRenderer) MinSize() fyne.Size { return fyne.NewSize(1, r.p.height) }
func (r *panelRenderer) Layout(s fyne.Size) { r.p.arrange(s.Width, true) }

func (r *panelRenderer) Objects() []fyne.CanvasObject {
	p := r.p
	o := []fyne.CanvasObject{p.title.draw}
	if p.gauge.Alarm != "" {
		o = append(o, p.mark.image, p.alarm)
	}
	for _, row := range p.rows {
		o = append(o, row)
	}
	if p.hasHistory() {
		o = append(o, p.rule.rect, p.history)
	}
	if p.note.source != "" {
		o = append(o, p.note)
	}
	if len(p.cards) > 0 {
		o = append(o, p.choose.draw)
	}
	for _, c := range p.cards {
		o = append(o, c)
	}
	return o
}

func (r *panelRenderer) Refresh() {
	r.p.title.restyle()
	r.p.choose.restyle()
	r.p.mark.restyle()
	r.p.rule.restyle()
	r.Layout(r.p.Size())
	canvas.Refresh(r.p)
}

// figureRow is one line of figures: a dot in the segment's colour, the label, its hint in muted, the value at the right.
// The hint goes below where it does not fit on the line.
type figureRow struct {
	widget.BaseWidget
	row         PanelRow
	dot         *canvas.Rectangle
	name, value *label
	hint        *still
}

func newFigureRow() *figureRow {
	r := &figureRow{
		dot: canvas.NewRectangle(theme.Color(colorTrack)), name: newLabel("", textSmall+1, colorText),
		value: newLabel("", textSmall+1, colorText).bold(), hint: newPlain(textSmall, colorMuted),
	}
	r.dot.CornerRadius = 3
	r.ExtendBaseWidget(r)
	return r
}

func (r *figureRow) set(v PanelRow) {
	if v == r.row {
		return
	}
	r.row = v
	r.name.set(v.Label)
	r.value.set(v.Value)
	r.hint.setText(v.Hint)
	r.Refresh()
}

const figureIndent float32 = 20

func figureHeight() float32 { return scaled(20) }

// beside says whether the hint fits between label and value, and what it has.
func (r *figureRow) beside(width float32) (room float32, fits bool) {
	room = width - figureIndent - r.name.size().Width - r.value.size().Width - 2*gap3
	return room, r.hint.naturalWidth() <= room
}

func (r *figureRow) heightFor(width float32) float32 {
	if _, fits := r.beside(width); fits || r.row.Hint == "" {
		return figureHeight()
	}
	return figureHeight() + r.hint.heightFor(width-figureIndent) + 2
}

func (r *figureRow) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{objects: []fyne.CanvasObject{r.dot, r.name.draw, r.hint, r.value.draw}}
	d.min = func() fyne.Size { return fyne.NewSize(120, figureHeight()) }
	d.layout = func(s fyne.Size) {
		place(r.dot, 0, (figureHeight()-10)/2, 10, 10)
		w := min(r.value.size().Width+1, (s.Width-figureIndent)*0.6)
		r.value.place(s.Width-w, 0, w, figureHeight())
		n := min(r.name.size().Width+1, s.Width-figureIndent-w-gap3)
		r.name.place(figureIndent, 0, n, figureHeight())
		if room, fits := r.beside(s.Width); fits {
			h := r.hint.heightFor(room + 1)
			place(r.hint, figureIndent+n+gap3, (figureHeight()-h)/2+1, room+1, h)
			return
		}
		room := s.Width - figureIndent
		place(r.hint, figureIndent, figureHeight()-2, room, r.hint.heightFor(room))
	}
	d.restyle = func() {
		setVisible(r.dot, r.row.Colour)
		r.dot.FillColor = segmentColor(r.row.Kind)
		r.dot.Refresh()
		r.name.restyle()
		r.value.restyle()
		d.layout(r.Size())
		canvas.Refresh(r)
	}
	d.restyle()
	return d
}

func cardOptionHeight() float32 { return scaled(28) }

// cardOption is one of the graphics cards, with the mark of the chosen one.
type cardOption struct {
	widget.BaseWidget
	card             Card
	onChoose         func(uuid string)
	onFocus          func(fyne.CanvasObject)
	hovered, focused bool
}

func newCardOption(onChoose func(string), onFocus func(fyne.CanvasObject)) *cardOption {
	o := &cardOption{onChoose: onChoose, onFocus: onFocus}
	o.ExtendBaseWidget(o)
	return o
}

func (o *cardOption) set(c Card) {
	if c != o.card {
		o.card = c
		o.Refresh()
	}
}

func (o *cardOption) CreateRenderer() fyne.WidgetRenderer {
	over, ring := newPanel("", "", radiusControl), newPanel("", "", radiusControl)
	circle, dot := newPanel("", colorEdge, 8), newPanel("", "", 4)
	name := newLabel("", textSmall+1, colorText)
	d := &drawing{objects: []fyne.CanvasObject{over.rect, circle.rect, dot.rect, name.draw, ring.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(120, cardOptionHeight()) }
	d.layout = func(s fyne.Size) {
		place(over.rect, 0, 0, s.Width, s.Height)
		place(ring.rect, 0, 0, s.Width, s.Height)
		place(circle.rect, gap1, s.Height/2-8, 16, 16)
		place(dot.rect, gap1+4, s.Height/2-4, 8, 8)
		name.place(gap1+24, 0, s.Width-gap1-24-gap2, s.Height)
	}
	d.restyle = func() {
		over.fill, dot.fill, circle.stroke = "", "", colorEdge
		if o.hovered {
			over.fill = theme.ColorNameHover
		}
		if o.card.Chosen {
			dot.fill, circle.stroke = colorAccent, colorAccent
		}
		name.set(o.card.Name)
		for _, p := range []*panel{over, circle, dot} {
			p.restyle()
		}
		circle.rect.StrokeWidth = 1.5
		name.restyle()
		styleRing(ring.rect, o.focused)
		d.layout(o.Size())
		canvas.Refresh(o)
	}
	d.restyle()
	return d
}

func (o *cardOption) Tapped(*fyne.PointEvent) {
	if !o.card.Chosen {
		o.onChoose(o.card.UUID)
	}
}

func (o *cardOption) Cursor() desktop.Cursor         { return desktop.PointerCursor }
func (o *cardOption) MouseIn(*desktop.MouseEvent)    { o.hovered = true; o.Refresh() }
func (o *cardOption) MouseMoved(*desktop.MouseEvent) {}
func (o *cardOption) MouseOut()                      { o.hovered = false; o.Refresh() }
func (o *cardOption) FocusGained() {
	o.focused = true
	o.Refresh()
	o.onFocus(o)
}
func (o *cardOption) FocusLost()     { o.focused = false; o.Refresh() }
func (o *cardOption) TypedRune(rune) {}
func (o *cardOption) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		o.Tapped(nil)
	default:
		keyElsewhere(o, k)
	}
}
