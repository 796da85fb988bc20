package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

const menuWidth float32 = 400

// memoryMenu lists what gives memory back, and how much that is expected to be.
type memoryMenu struct {
	widget.BaseWidget
	onChoose func(MemoryAction)
	entries  []*memoryEntry
	reveal   func(fyne.CanvasObject) // brings what has the keyboard into sight
	height   float32
}

func newMemoryMenu(onChoose func(MemoryAction)) *memoryMenu {
	m := &memoryMenu{onChoose: onChoose, reveal: func(fyne.CanvasObject) {}}
	m.ExtendBaseWidget(m)
	return m
}

// set shows the entries, keeping the widgets of those that stay.
func (m *memoryMenu) set(items []MemoryItem) {
	old := map[MemoryAction]*memoryEntry{}
	for _, e := range m.entries {
		old[e.item.Action] = e
	}
	m.entries = nil
	for _, i := range items {
		e := old[i.Action]
		if e == nil {
			e = newMemoryEntry(m.onChoose, func(o fyne.CanvasObject) { m.reveal(o) })
		}
		delete(old, i.Action)
		e.set(i)
		m.entries = append(m.entries, e)
	}
	m.Refresh()
}

func (m *memoryMenu) heightFor(width float32) float32 {
	m.height = 0
	for _, e := range m.entries {
		m.height += e.heightFor(width)
	}
	return m.height
}

func (m *memoryMenu) CreateRenderer() fyne.WidgetRenderer { return &menuRenderer{m} }

type menuRenderer struct{ m *memoryMenu }

func (r *menuRenderer) Destroy()           {}
func (r *menuRenderer) MinSize() fyne.Size { return fyne.NewSize(1, r.m.height) }

func (r *menuRenderer) Layout(s fyne.Size) {
	y := float32(0)
	for _, e := range r.m.entries {
		h := e.heightFor(s.Width)
		place(e, 0, y, s.Width, h)
		y += h
	}
}

func (r *menuRenderer) Objects() []fyne.CanvasObject {
	var o []fyne.CanvasObject
	for _, e := range r.m.entries {
		o = append(o, e)
	}
	return o
}

func (r *menuRenderer) Refresh() {
	r.Layout(r.m.Size())
	canvas.Refresh(r.m)
}

// memoryEntry is one line of the menu, with its explanation below.
type memoryEntry struct {
	widget.DisableableWidget
	item             MemoryItem
	onChoose         func(MemoryAction)
	onFocus          func(fyne.CanvasObject)
	hint             *still
	hovered, focused bool
}

var (
	_ fyne.Tappable     = (*memoryEntry)(nil)
	_ fyne.Focusable    = (*memoryEntry)(nil)
	_ desktop.Hoverable = (*memoryEntry)(nil)
)

func newMemoryEntry(onChoose func(MemoryAction), onFocus func(fyne.CanvasObject)) *memoryEntry {
	e := &memoryEntry{onChoose: onChoose, onFocus: onFocus, hint: newPlain(textSmall, colorMuted)}
	e.ExtendBaseWidget(e)
	return e
}

func (e *memoryEntry) set(i MemoryItem) {
	e.item = i
	e.hint.setText(i.Hint)
	if i.Enabled {
		e.Enable()
	} else {
		e.Disable()
	}
	e.Refresh()
}

func (e *memoryEntry) heightFor(width float32) float32 {
	h := gap2 + scaled(20) + gap2
	if e.hint.source != "" {
		h += e.hint.heightFor(width-2*gap2) + 2
	}
	return h
}

func (e *memoryEntry) CreateRenderer() fyne.WidgetRenderer {
	over, ring := newPanel("", "", radiusControl), newPanel("", "", radiusControl)
	name, expect := newLabel("", textBody, colorText).bold(), newLabel("", textSmall, colorMuted)
	d := &drawing{objects: []fyne.CanvasObject{over.rect, name.draw, expect.draw, e.hint, ring.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(120, 2*gap2+scaled(20)) }
	d.layout = func(s fyne.Size) {
		place(over.rect, 0, 0, s.Width, s.Height)
		place(ring.rect, 0, 0, s.Width, s.Height)
		room := s.Width - 2*gap2
		w := min(expect.size().Width+1, room/2)
		expect.place(s.Width-gap2-w, gap2, w, scaled(20))
		name.place(gap2, gap2, room-w-gap2, scaled(20))
		place(e.hint, gap2, gap2+scaled(20)+2, room, e.hint.heightFor(room))
	}
	d.restyle = func() {
		name.color, expect.color, over.fill = colorText, colorMuted, ""
		if e.Disabled() {
			name.color, expect.color = theme.ColorNameDisabled, theme.ColorNameDisabled
		} else if e.hovered || e.focused {
			over.fill = theme.ColorNameHover
		}
		name.set(e.item.Label)
		expect.set(e.item.Expect)
		over.restyle()
		name.restyle()
		expect.restyle()
		styleRing(ring.rect, e.focused)
		d.layout(e.Size())
		canvas.Refresh(e)
	}
	d.restyle()
	return d
}

func (e *memoryEntry) Tapped(*fyne.PointEvent) {
	if !e.Disabled() {
		e.onChoose(e.item.Action)
	}
}

func (e *memoryEntry) Cursor() desktop.Cursor {
	if e.Disabled() {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

func (e *memoryEntry) MouseIn(*desktop.MouseEvent)    { e.hovered = true; e.Refresh() }
func (e *memoryEntry) MouseMoved(*desktop.MouseEvent) {}
func (e *memoryEntry) MouseOut()                      { e.hovered = false; e.Refresh() }
func (e *memoryEntry) FocusGained() {
	e.focused = true
	e.Refresh()
	e.onFocus(e)
}
func (e *memoryEntry) FocusLost()     { e.focused = false; e.Refresh() }
func (e *memoryEntry) TypedRune(rune) {}
func (e *memoryEntry) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		e.Tapped(nil)
	default:
		keyElsewhere(e, k) // also up and down, which the window gives to the popover
	}
}
