package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// transcript shows the conversation in a centred column that scrolls. Only the turns in sight are in the widget
// tree, so a long conversation costs no more to draw than a short one. It follows the end while an answer grows,
// unless the person scrolled up.
type transcript struct {
	widget.BaseWidget
	act  Actions
	tips *tips

	turns     []*turnView
	byID      map[uint64]*turnView
	tops      []float32 // of the turns, in the column
	total     float32
	left      float32
	colWidth  float32
	following bool
	adjusting bool // the code moves the scroll, not the person

	scroll *container.Scroll
	column *turnColumn
	jump   *button
	empty  *emptyState
	greet  *container.Scroll // around it, for small windows
}

const turnGap float32 = 28

func newTranscript(act Actions, tips *tips) *transcript {
	t := &transcript{act: act, tips: tips, byID: map[uint64]*turnView{}, following: true}
	t.column = &turnColumn{t: t}
	t.column.ExtendBaseWidget(t.column)
	t.scroll = container.NewVScroll(t.column)
	t.scroll.OnScrolled = func(fyne.Position) {
		if !t.adjusting {
			t.following = t.atEnd()
		}
		t.showInSight()
	}
	t.jump = newButton(secondary, "down", "", func() { t.follow() }).withTip(tips, "To the newest answer")
	t.empty = newEmptyState(act)
	t.greet = container.NewVScroll(t.empty)
	t.ExtendBaseWidget(t)
	return t
}

// set shows a whole conversation.
func (t *transcript) set(turns []Turn) {
	for _, v := range t.turns {
		v.park()
	}
	t.turns, t.byID = nil, map[uint64]*turnView{}
	for _, turn := range turns {
		t.add(turn)
	}
	t.following = true
	t.arrange()
	t.Refresh()
}

// put adds a turn at the end, or changes the one with its ID without touching the others.
func (t *transcript) put(turn Turn) {
	v := t.byID[turn.ID]
	if v == nil {
		t.add(turn)
		t.following = true
		t.arrange()
		t.Refresh()
		return
	}
	if v.put(turn) {
		t.arrange()
	}
}

func (t *transcript) add(turn Turn) {
	v := newTurnView(turn, t.act, t.tips, t.arrange)
	t.turns = append(t.turns, v)
	t.byID[turn.ID] = v
}

// follow goes to the end and stays there.
func (t *transcript) follow() {
	t.following = true
	t.arrange()
}

// page scrolls by a share of what is in sight, for the keyboard.
func (t *transcript) page(share float32) {
	t.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -share*t.scroll.Size().Height)})
}

func (t *transcript) atEnd() bool {
	return t.scroll.Offset.Y >= t.total-t.scroll.Size().Height-gap4
}

// arrange puts every turn in its place below the one before, then scrolls to where the view belongs.
func (t *transcript) arrange() {
	size := t.Size()
	if size.Width <= 0 {
		return
	}
	keep, inside := t.firstInSight()
	width := min(columnWidth, size.Width-2*gap5)
	x := round((size.Width - width) / 2)
	t.left, t.colWidth = x, width
	t.tops = t.tops[:0]
	y := gap5
	for i, v := range t.turns {
		if i > 0 {
			y += turnGap
		}
		t.tops = append(t.tops, y)
		y += v.heightFor(width)
	}
	t.total = y + gap5
	t.adjusting = true
	switch {
	case t.following:
		t.scroll.ScrollToBottom()
	case keep < len(t.tops) && t.scroll.Offset.Y > 0:
		t.scroll.Offset.Y = t.tops[keep] + inside
		t.scroll.Refresh()
	default:
		t.scroll.Refresh()
	}
	t.adjusting = false
	t.showInSight()
}

// firstInSight is the turn at the upper edge and how far it is scrolled out.
func (t *transcript) firstInSight() (index int, inside float32) {
	for i, top := range t.tops {
		if top > t.scroll.Offset.Y {
			break
		}
		index, inside = i, t.scroll.Offset.Y-top
	}
	return index, inside
}

// showInSight keeps the turns near the view in the widget tree and takes out the others.
func (t *transcript) showInSight() {
	const margin = 200
	low, high := t.scroll.Offset.Y-margin, t.scroll.Offset.Y+t.scroll.Size().Height+margin
	var now []fyne.CanvasObject
	for i, v := range t.turns {
		if i < len(t.tops) && t.tops[i] < high && t.tops[i]+v.height > low {
			place(v, t.left, t.tops[i], t.colWidth, v.height)
			now = append(now, v)
		}
	}
	if !sameObjects(now, t.column.inSight) {
		was := t.column.inSight
		t.column.inSight = now
		for _, o := range was {
			if !contains(now, o) {
				o.(*turnView).park()
			}
		}
		for _, o := range now {
			if !contains(was, o) {
				o.(*turnView).unpark()
			}
		}
		canvas.Refresh(t.column)
	}
	setVisible(t.jump, !t.atEnd() && len(t.turns) > 0)
}

func sameObjects(a, b []fyne.CanvasObject) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func contains(list []fyne.CanvasObject, o fyne.CanvasObject) bool {
	for _, x := range list {
		if x == o {
			return true
		}
	}
	return false
}

// restyle repaints the turns that are out of sight too, which Fyne does not know of.
func (t *transcript) restyle() {
	for _, v := range t.turns {
		v.restyle()
	}
}

func (t *transcript) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{objects: []fyne.CanvasObject{t.scroll, t.greet, t.jump}}
	d.min = func() fyne.Size { return fyne.NewSize(200, 100) }
	d.layout = func(s fyne.Size) {
		setVisible(t.greet, len(t.turns) == 0)
		setVisible(t.scroll, len(t.turns) > 0)
		t.adjusting = true
		t.scroll.Resize(s)
		t.adjusting = false
		t.empty.fit(s)
		t.greet.Resize(s)
		t.greet.Refresh()
		place(t.jump, (s.Width-34)/2, s.Height-34-gap2, 34, 34)
		t.arrange()
	}
	d.restyle = func() {
		d.layout(t.Size())
		canvas.Refresh(t)
	}
	return d
}

// turnColumn is what the scroll moves.
type turnColumn struct {
	widget.BaseWidget
	t       *transcript
	inSight []fyne.CanvasObject
}

func (c *turnColumn) CreateRenderer() fyne.WidgetRenderer { return &columnRenderer{c} }

type columnRenderer struct{ c *turnColumn }

func (r *columnRenderer) Destroy()                     {}
func (r *columnRenderer) Layout(fyne.Size)             {}
func (r *columnRenderer) MinSize() fyne.Size           { return fyne.NewSize(1, r.c.t.total) }
func (r *columnRenderer) Objects() []fyne.CanvasObject { return r.c.inSight }
func (r *columnRenderer) Refresh()                     { canvas.Refresh(r.c) }

// ScrollTo brings a turn into sight.
func (w *Window) ScrollTo(uint64) {}
