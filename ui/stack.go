package ui

import "fyne.io/fyne/v2"

// stack lays parts out one below the other and counts the height that they take. Hidden parts take none.
type stack struct {
	x, y, width float32
	put         func(o fyne.CanvasObject, x, y, w, h float32)
}

// onlyMeasure is the put of a stack that counts.
func onlyMeasure(fyne.CanvasObject, float32, float32, float32, float32) {}

// add puts a part below the others, after a gap.
func (s *stack) add(gap float32, o flowing) {
	if o == nil || !o.Visible() {
		return
	}
	h := ceil(o.heightFor(s.width))
	s.put(o, s.x, s.y+gap, s.width, h)
	s.y += gap + h
}

// measured objects have a size of their own, which no renderer is needed for.
type measured interface {
	fyne.CanvasObject
	measure() fyne.Size
}

// line puts parts side by side, in as many lines as they need. A button without a surface begins where texts do.
func (s *stack) line(gap float32, parts ...measured) {
	x, top, row := float32(0), float32(-1), float32(0)
	for _, o := range parts {
		if !o.Visible() {
			continue
		}
		if top < 0 {
			top = s.y + gap
			s.y = top
		}
		m := o.measure()
		m.Width = min(m.Width, s.width)
		if x > 0 && x+m.Width > s.width {
			x, s.y, row = 0, s.y+row+gap1, 0
		}
		if x == 0 {
			x = -inset(o)
		}
		row = max(row, m.Height)
		s.put(o, s.x+x, s.y, m.Width, m.Height)
		x += m.Width + gap2
	}
	s.y += row
}

// beside puts a text with parts at its right end, or below it where there is no room.
func (s *stack) beside(gap float32, text *still, parts ...measured) {
	w, row := float32(0), float32(0)
	for _, o := range parts {
		if o.Visible() {
			w += gap1 + o.measure().Width
			row = max(row, o.measure().Height)
		}
	}
	if !text.Visible() || w == 0 || text.naturalWidth()+w > s.width {
		s.add(gap, text)
		s.line(gap1, parts...)
		return
	}
	h := ceil(text.heightFor(s.width - w))
	row = max(row, h)
	s.y += gap
	s.put(text, s.x, s.y+(row-h)/2, s.width-w, h)
	x := s.x + s.width - w
	for _, o := range parts {
		if o.Visible() {
			m := o.measure()
			s.put(o, x+gap1, s.y+(row-m.Height)/2, m.Width, m.Height)
			x += gap1 + m.Width
		}
	}
	s.y += row
}

// inset is how far a button's text is inside it, where nothing but the text is seen of it.
func inset(o fyne.CanvasObject) float32 {
	if b, ok := o.(*button); ok && !b.hasFace() {
		_, pad, _, _ := b.metrics()
		return pad
	}
	return 0
}

// tell sets a text that takes no room when it is empty, and says whether it is another one than before.
func tell(t *still, text string) bool {
	changed := t.source != text
	t.setText(text)
	setVisible(t, text != "")
	return changed
}

// newLine is a text that is hidden until something is told.
func newLine(size float32, color fyne.ThemeColorName) *still {
	t := newPlain(size, color)
	t.Hide()
	return t
}
