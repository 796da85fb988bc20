package ui

import (
	"math"
	"sort"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// transcript shows the conversation in a centred column that scrolls. Only the turns near the view have widgets; the
// heights of the others are what they were when last seen, or estimates, which are corrected when they come near,
// without moving what the person looks at. So a long conversation costs no more than a short one. The end is followed
// while an answer grows, unless the person scrolled up.
type transcript struct {
	widget.BaseWidget
	act  Actions
	tips *tips

	turns     []*slot
	byID      map[uint64]*slot
	total     float32
	left      float32
	colWidth  float32
	following bool
	adjusting bool // the code moves the scroll, not the person
	arranging bool
	factor    float32 // of text, that the heights are for

	scroll *container.Scroll
	column *sight
	jump   *button
	empty  *emptyState
	greet  *container.Scroll // around it, for small windows
}

// slot is a turn's place in the column.
type slot struct {
	turn   Turn
	view   *turnView // nil: far from what is in sight
	top    float32
	height float32
	width  float32 // for which the height is known; 0: estimated
	seen   bool    // told to Actions.Seen
	open   bool    // its thinking is unfolded
}

const turnGap float32 = 28

func newTranscript(act Actions, tips *tips) *transcript {
	t := &transcript{act: act, tips: tips, byID: map[uint64]*slot{}, following: true}
	t.column = newSight(func() float32 { return t.total })
	t.scroll = container.NewVScroll(t.column)
	t.scroll.OnScrolled = func(fyne.Position) {
		if !t.adjusting {
			t.following = t.atEnd()
		}
		t.showInSight()
	}
	t.jump = newButton(secondary, "down", "", func() { t.follow() }).withTip(tips, words.T("To the newest answer"))
	t.empty = newEmptyState(act)
	t.greet = container.NewVScroll(t.empty)
	t.ExtendBaseWidget(t)
	return t
}

// set shows a whole conversation.
func (t *transcript) set(turns []Turn) {
	for _, s := range t.turns {
		s.drop()
	}
	t.turns, t.byID = make([]*slot, 0, len(turns)), make(map[uint64]*slot, len(turns))
	for _, turn := range turns {
		t.add(turn)
	}
	t.following = true
	t.arrange()
	t.Refresh()
}

// put adds a turn at the end, or changes the one with its ID without touching the others.
func (t *transcript) put(turn Turn) {
	s := t.byID[turn.ID]
	if s == nil {
		t.add(turn)
		t.following = true
		t.arrange()
		t.Refresh()
		return
	}
	s.turn = turn
	switch {
	case s.view == nil:
		s.width = 0
		t.arrange()
	case s.view.put(turn):
		t.arrange()
	}
}

func (t *transcript) add(turn Turn) {
	s := &slot{turn: turn}
	t.turns = append(t.turns, s)
	t.byID[turn.ID] = s
}

// view is the widget of a turn, which is made if there is none.
func (t *transcript) view(i int) *turnView { return t.turns[i].show(t) }

func (s *slot) show(t *transcript) *turnView {
	if s.view == nil {
		s.view = newTurnView(s.turn, t.act, t.tips, t.arrange)
		s.view.hands.wheel = t.scroll.Scrolled
		s.view.hands.drag = t.dragged
		s.view.hands.focus = t.reveal
		s.view.setOpen(s.open)
	}
	return s.view
}

// drop lets go of the widget.
func (s *slot) drop() {
	if v := s.view; v != nil {
		v.park()
		s.open = v.open
		s.view = nil
	}
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

// dragged scrolls while a selection is dragged over the upper or lower edge, and says how far.
func (t *transcript) dragged(at fyne.Position) (dy float32) {
	top := fyne.CurrentApp().Driver().AbsolutePositionForObject(t.scroll).Y
	by := at.Y - top
	if by >= 0 {
		by = max(at.Y-top-t.scroll.Size().Height, 0)
	}
	if by == 0 {
		return 0
	}
	before := t.scroll.Offset.Y
	t.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -max(-40, min(by, 40)))})
	return t.scroll.Offset.Y - before
}

func (t *transcript) atEnd() bool {
	return t.scroll.Offset.Y >= t.total-t.scroll.Size().Height-gap4
}

// estimate is about the height of a turn that was never shown.
func (t *transcript) estimate(turn *Turn) float32 {
	perLine := max(t.colWidth/scaled(7.4), 10)
	lines := func(text string) float32 { return float32(len(text))/perLine + 1 }
	h := scaled(70)
	if n := len(turn.Images); n == 1 {
		h += fitted(turn.Images[0], fyne.NewSize(320, 220)).Height + gap2
	} else if n > 1 {
		h += 128 * float32(math.Ceil(float64(n)/3))
	}
	if turn.Question != "" {
		h += scaled(20)*lines(turn.Question) + 16
	}
	if turn.Answer != "" {
		h += scaled(24) * lines(turn.Answer)
	}
	if turn.Thinking != "" {
		h += 30
	}
	if turn.Problem != nil {
		h += 120
	}
	return h
}

// place puts every turn below the one before.
func (t *transcript) place() {
	if t.factor != textFactor {
		t.factor = textFactor
		for _, s := range t.turns {
			s.width = 0
		}
	}
	y := gap5
	for i, s := range t.turns {
		if i > 0 {
			y += turnGap
		}
		s.top = y
		switch {
		case s.view != nil:
			s.height, s.width = s.view.heightFor(t.colWidth), t.colWidth
		case s.width != t.colWidth:
			if s.width == 0 || s.height == 0 {
				s.height = t.estimate(&s.turn)
			} else { // narrower is higher
				s.height = 60 + (s.height-60)*s.width/t.colWidth
			}
			s.width = t.colWidth
		}
		y += s.height
	}
	t.total = y + gap5
}

// arrange puts every turn in its place, then scrolls to where the view belongs.
func (t *transcript) arrange() {
	size := t.Size()
	if size.Width <= 0 || t.arranging {
		return
	}
	t.arranging = true
	a := t.anchor()
	width := min(columnWidth, size.Width-2*gap5)
	t.left, t.colWidth = round((size.Width-width)/2), width
	t.place()
	t.hold(a)
	t.arranging = false
	t.showInSight()
}

// anchor is what stands at the upper edge.
type anchor struct {
	slot *slot
	part turnPlace
}

func (t *transcript) anchor() anchor {
	i, inside := t.firstInSight()
	if i >= len(t.turns) {
		return anchor{}
	}
	s := t.turns[i]
	a := anchor{slot: s, part: turnPlace{inside: inside}}
	if s.view != nil {
		a.part = s.view.placeAt(inside)
	}
	return a
}

// hold scrolls to the end, or so that what stood at the upper edge stands there again.
func (t *transcript) hold(a anchor) {
	t.adjusting = true
	switch {
	case t.following:
		t.scroll.ScrollToBottom()
	case a.slot != nil && t.scroll.Offset.Y > 0:
		inside := a.part.inside
		if a.slot.view != nil {
			inside = a.slot.view.yOf(a.part)
		}
		t.scroll.Offset.Y = max(0, min(a.slot.top+inside, t.total-t.scroll.Size().Height))
		t.scroll.Refresh()
	default:
		t.scroll.Refresh()
	}
	t.adjusting = false
}

// firstInSight is the turn at the upper edge and how far it is scrolled out.
func (t *transcript) firstInSight() (index int, inside float32) {
	y := t.scroll.Offset.Y
	n := sort.Search(len(t.turns), func(i int) bool { return t.turns[i].top > y })
	if n = max(n-1, 0); n < len(t.turns) {
		return n, max(y-t.turns[n].top, 0)
	}
	return n, 0
}

const (
	sightMargin float32 = 200 // turns so near the view are in the widget tree
	keepMargin  float32 = 2000
)

// showInSight keeps the turns near the view in the widget tree and takes out the others. Where a turn turns out to be
// higher or lower than was thought, the others move, and what is looked at stays.
func (t *transcript) showInSight() {
	if t.arranging || t.colWidth <= 0 {
		return
	}
	t.arranging = true
	var now []*slot
	for range 12 { // each time fewer are new; a height that never settles must not hang
		var changed bool
		a := t.anchor()
		if now, changed = t.near(); !changed {
			break
		}
		t.place()
		t.hold(a)
	}
	fresh := t.show(now)
	t.arranging = false
	setVisible(t.jump, !t.atEnd() && len(t.turns) > 0)
	if len(fresh) > 0 && t.act.Seen != nil {
		t.act.Seen(fresh)
	}
}

// near makes the turns near the view, and tells each what of it is in sight.
func (t *transcript) near() (now []*slot, changed bool) {
	view := t.scroll.Size().Height
	low, high := t.scroll.Offset.Y-sightMargin, t.scroll.Offset.Y+view+sightMargin
	first := max(sort.Search(len(t.turns), func(i int) bool { return t.turns[i].top > low })-1, 0)
	for _, s := range t.turns[min(first, len(t.turns)):] {
		if s.top >= high {
			break
		}
		if s.top+s.height <= low {
			continue
		}
		v := s.show(t)
		h := v.heightFor(t.colWidth)
		if v.reveal(low-s.top, high-s.top) {
			h = v.heightFor(t.colWidth)
		}
		if h != s.height {
			changed = true
		}
		now = append(now, s)
	}
	return now, changed
}

// show puts turns into the widget tree, and returns those that were never seen.
func (t *transcript) show(now []*slot) (fresh []uint64) {
	var objects []fyne.CanvasObject
	for _, s := range now {
		place(s.view, t.left, s.top, t.colWidth, s.height)
		objects = append(objects, s.view)
		if !s.seen {
			s.seen = true
			fresh = append(fresh, s.turn.ID)
		}
	}
	if was := t.column.objects; !sameObjects(objects, was) {
		t.column.objects = objects
		for _, o := range was {
			if !contains(objects, o) {
				o.(*turnView).park()
			}
		}
		for _, o := range objects {
			if !contains(was, o) {
				o.(*turnView).unpark()
			}
		}
		t.dropFar()
		canvas.Refresh(t.column)
	}
	return fresh
}

// dropFar lets go of the widgets that are far from the view, but not of one that is written in or selected.
func (t *transcript) dropFar() {
	low, high := t.scroll.Offset.Y-keepMargin, t.scroll.Offset.Y+t.scroll.Size().Height+keepMargin
	for _, s := range t.turns {
		if s.view != nil && (s.top > high || s.top+s.height < low) && !s.view.busy() {
			s.drop()
		}
	}
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
	for _, s := range t.turns {
		if s.view != nil {
			s.view.width = 0 // the text's size may have changed too
			s.view.restyle()
		}
	}
	t.arrange()
}

// reveal scrolls so that something of a turn's widget is in sight, for the keyboard.
func (t *transcript) reveal(o fyne.CanvasObject) {
	if t.arranging {
		return
	}
	driver := fyne.CurrentApp().Driver()
	top := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(t.scroll).Y
	room := t.scroll.Size().Height
	switch {
	case top < 0:
		t.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, -top+gap4)})
	case top+o.Size().Height > room:
		t.scroll.Scrolled(&fyne.ScrollEvent{Scrolled: fyne.NewDelta(0, room-top-min(o.Size().Height, room)-gap4)})
	}
}

// scrollTo brings a turn to the upper edge.
func (t *transcript) scrollTo(id uint64) {
	s := t.byID[id]
	if s == nil {
		return
	}
	for range 3 { // heights above settle on the way
		t.following = false
		t.adjusting = true
		t.scroll.Offset.Y = max(0, min(s.top-gap4, t.total-t.scroll.Size().Height))
		t.scroll.Refresh()
		t.adjusting = false
		t.showInSight()
	}
	t.following = t.atEnd()
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

// ScrollTo brings a turn into sight.
func (w *Window) ScrollTo(turn uint64) { w.transcript.scrollTo(turn) }
