package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// The controls of a form leave Esc to the sheet around them, and tell when they get the keyboard, so that the form can
// scroll to them.

// formEntry is an entry; stepped is called for the arrow keys of a number.
type formEntry struct {
	widget.Entry
	onFocus func()
	stepped func(n int)
}

func newFormEntry() *formEntry {
	e := &formEntry{}
	e.ExtendBaseWidget(e)
	return e
}

// newFormText is an entry of several lines.
func newFormText(lines int) *formEntry {
	e := newFormEntry()
	e.MultiLine, e.Wrapping = true, fyne.TextWrapWord
	e.SetMinRowsVisible(lines)
	return e
}

func (e *formEntry) TypedKey(k *fyne.KeyEvent) {
	switch {
	case k.Name == fyne.KeyEscape:
		keyElsewhere(e, k)
	case e.stepped != nil && k.Name == fyne.KeyUp:
		e.stepped(1)
	case e.stepped != nil && k.Name == fyne.KeyDown:
		e.stepped(-1)
	default:
		e.Entry.TypedKey(k)
	}
}

// AcceptsTab lets the Tab key leave an entry of several lines too.
func (e *formEntry) AcceptsTab() bool { return false }

func (e *formEntry) FocusGained() {
	e.Entry.FocusGained()
	call(e.onFocus)
}

func call(f func()) {
	if f != nil {
		f()
	}
}

// formCheck is a check box.
type formCheck struct {
	widget.Check
	onFocus func()
}

func newFormCheck(text string, checked bool, onChange func()) *formCheck {
	c := &formCheck{}
	c.Text, c.Checked = text, checked
	c.OnChanged = func(bool) { onChange() }
	c.ExtendBaseWidget(c)
	return c
}

func (c *formCheck) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		keyElsewhere(c, k)
		return
	}
	c.Check.TypedKey(k)
}

func (c *formCheck) FocusGained() {
	c.Check.FocusGained()
	call(c.onFocus)
}

// formSelect is a list that opens below a field.
type formSelect struct {
	widget.Select
	onFocus func()
}

func newFormSelect(labels []string, onChange func(n int)) *formSelect {
	s := &formSelect{}
	s.Options = labels
	s.OnChanged = func(string) {
		if n := s.SelectedIndex(); n >= 0 {
			onChange(n)
		}
	}
	s.ExtendBaseWidget(s)
	return s
}

// put chooses without telling; -1 shows the placeholder.
func (s *formSelect) put(labels []string, chosen int) {
	tell := s.OnChanged
	s.OnChanged = nil
	s.Options = labels
	if chosen >= 0 {
		s.SetSelectedIndex(chosen)
	} else {
		s.ClearSelected()
	}
	s.OnChanged = tell
	s.Refresh()
}

func (s *formSelect) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeyEscape:
		keyElsewhere(s, k)
	case fyne.KeyReturn, fyne.KeyEnter:
		s.Select.TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	default:
		s.Select.TypedKey(k)
	}
}

func (s *formSelect) FocusGained() {
	s.Select.FocusGained()
	call(s.onFocus)
}

// choice is a row of buttons of which one is chosen.
type choice struct {
	widget.BaseWidget
	buttons []*button
	chosen  int
}

func newChoice(labels []string, onChange func(int)) *choice {
	c := &choice{}
	for i, text := range labels {
		c.buttons = append(c.buttons, newButton(quiet, "", text, func() {
			if c.chosen != i {
				c.choose(i)
				onChange(i)
			}
		}))
	}
	c.ExtendBaseWidget(c)
	c.choose(0)
	return c
}

func (c *choice) choose(n int) {
	c.chosen = n
	for i, b := range c.buttons {
		b.kind = quiet
		if i == n {
			b.kind = pill
		}
		b.Refresh()
	}
}

// measure is the smallest size of all side by side. Unlike MinSize it needs no renderer.
func (c *choice) measure() fyne.Size {
	widest := c.widest()
	return fyne.NewSize(widest.Width*float32(len(c.buttons)), widest.Height)
}

// widest is what the largest of the buttons takes.
func (c *choice) widest() (widest fyne.Size) {
	for _, b := range c.buttons {
		m := b.measure()
		if b.small {
			m.Width += gap2
		}
		widest = widest.Max(m)
	}
	return widest
}

// columns is how many buttons stand side by side: all of them, or one where there is no room.
func (c *choice) columns(width float32) int {
	if c.measure().Width <= width+0.5 {
		return len(c.buttons)
	}
	return 1
}

// heightFor implements flowing.
func (c *choice) heightFor(width float32) float32 {
	if len(c.buttons) == 0 {
		return 0
	}
	return c.widest().Height * float32(len(c.buttons)/c.columns(width))
}

func (c *choice) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel("", colorLine, radiusControl)
	objects := []fyne.CanvasObject{back.rect}
	for _, b := range c.buttons {
		objects = append(objects, b)
	}
	d := &drawing{objects: objects}
	d.min = c.measure
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		columns := c.columns(s.Width)
		w, h := s.Width/float32(columns), s.Height/float32(len(c.buttons)/columns)
		for i, b := range c.buttons {
			place(b, float32(i%columns)*w, float32(i/columns)*h, w, h)
		}
	}
	d.restyle = func() {
		back.restyle()
		canvas.Refresh(c)
	}
	return d
}

// bar is a row of objects that breaks into several where there is no room. The first takes what is left of its line.
type bar struct {
	widget.BaseWidget
	objects []fyne.CanvasObject
	least   float32 // width of the first, at the usual text size
}

func newBar(least float32, objects ...fyne.CanvasObject) *bar {
	b := &bar{objects: objects, least: least}
	b.ExtendBaseWidget(b)
	return b
}

// heightFor implements flowing.
func (b *bar) heightFor(width float32) float32 {
	return b.arrange(width, func(fyne.CanvasObject, float32, float32, float32, float32) {})
}

// arrange gives every visible object to put, and returns the height of all.
func (b *bar) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	var rest []fyne.CanvasObject
	others, height := float32(0), float32(0)
	for _, o := range b.objects[1:] {
		if o.Visible() {
			rest = append(rest, o)
			others += gap2 + o.MinSize().Width
			height = max(height, o.MinSize().Height)
		}
	}
	first := b.objects[0]
	h := first.MinSize().Height
	if width-others >= scaled(b.least) {
		height = max(height, h)
		put(first, 0, (height-h)/2, width-others, h)
		x := width - others + gap2
		for _, o := range rest {
			m := o.MinSize()
			put(o, x, (height-m.Height)/2, m.Width, m.Height)
			x += m.Width + gap2
		}
		return height
	}
	put(first, 0, 0, width, h)
	x, y := float32(0), h+gap2
	for _, o := range rest {
		m := o.MinSize()
		if x > 0 && x+m.Width > width {
			x, y = 0, y+height+gap2
		}
		put(o, x, y, min(m.Width, width), m.Height)
		x += m.Width + gap2
	}
	return y + height
}

func (b *bar) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{objects: b.objects}
	d.min = func() fyne.Size { return fyne.NewSize(scaled(b.least), scaled(34)) }
	d.layout = func(s fyne.Size) { b.arrange(s.Width, place) }
	d.restyle = func() {
		for _, o := range b.objects {
			o.Refresh()
		}
		d.layout(b.Size())
		canvas.Refresh(b)
	}
	return d
}

// navItem is a section's name in a list.
type navItem struct {
	widget.BaseWidget
	text            *still
	chosen          bool
	hovered, inside bool // the pointer is over it; it has the keyboard
	onTap           func()
	move            func(n int) // to the item so many places on
}

func newNavItem(text string, onTap func(), move func(int)) *navItem {
	n := &navItem{text: newPlain(textBody, colorMuted), onTap: onTap, move: move}
	n.text.setText(text)
	n.ExtendBaseWidget(n)
	return n
}

func (n *navItem) Tapped(*fyne.PointEvent)        { n.onTap() }
func (n *navItem) TypedRune(rune)                 {}
func (n *navItem) MouseMoved(*desktop.MouseEvent) {}
func (n *navItem) MouseIn(*desktop.MouseEvent)    { n.hovered = true; n.Refresh() }
func (n *navItem) MouseOut()                      { n.hovered = false; n.Refresh() }
func (n *navItem) Cursor() desktop.Cursor         { return desktop.PointerCursor }
func (n *navItem) FocusGained()                   { n.inside = true; n.Refresh() }
func (n *navItem) FocusLost()                     { n.inside = false; n.Refresh() }

func (n *navItem) TypedKey(k *fyne.KeyEvent) {
	switch k.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		n.onTap()
	case fyne.KeyUp:
		n.move(-1)
	case fyne.KeyDown:
		n.move(1)
	default:
		keyElsewhere(n, k)
	}
}

// heightFor implements flowing.
func (n *navItem) heightFor(width float32) float32 {
	return max(scaled(34), ceil(n.text.heightFor(width-2*gap3))+2*gap1)
}

func (n *navItem) CreateRenderer() fyne.WidgetRenderer {
	back, ring := newPanel("", "", radiusControl), newPanel("", "", radiusControl)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, n.text, ring.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(n.text.naturalWidth()+2*gap3, scaled(34)) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(ring.rect, 0, 0, s.Width, s.Height)
		h := n.text.heightFor(s.Width - 2*gap3)
		place(n.text, gap3, (s.Height-h)/2, s.Width-2*gap3, h)
	}
	d.restyle = func() {
		back.fill = ""
		ink := colorMuted
		if n.chosen {
			back.fill = colorRaised
		}
		if n.chosen || n.hovered {
			ink = colorText
		}
		back.restyle()
		n.text.setColor(ink)
		styleRing(ring.rect, n.inside)
		d.layout(n.Size())
		canvas.Refresh(n)
	}
	d.restyle()
	return d
}
