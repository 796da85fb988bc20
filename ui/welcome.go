package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// steps are dots, one for each step: those behind and the present one in the accent, which is longer.
type steps struct {
	widget.BaseWidget
	step, of int
}

func newSteps() *steps {
	s := &steps{}
	s.ExtendBaseWidget(s)
	return s
}

func (s *steps) set(step, of int) {
	if s.step != step || s.of != of {
		s.step, s.of = step, of
		s.Refresh()
	}
}

const (
	stepDot  float32 = 8
	stepNow  float32 = 22 // of the present one
	stepsGap float32 = 6
)

// measure implements measured.
func (s *steps) measure() fyne.Size {
	if s.of < 2 {
		return fyne.Size{}
	}
	return fyne.NewSize(float32(s.of-1)*(stepDot+stepsGap)+stepNow, stepDot)
}

func (s *steps) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{min: s.measure}
	d.restyle = func() {
		d.objects = nil
		x := float32(0)
		for i := 1; i <= s.of && s.of > 1; i++ {
			w := stepDot
			dot := canvas.NewRectangle(theme.Color(colorAccent))
			if i > s.step {
				dot.FillColor = theme.Color(colorEdge)
			}
			if i == s.step {
				w = stepNow
			}
			dot.CornerRadius = stepDot / 2
			place(dot, x, 0, w, stepDot)
			d.objects = append(d.objects, dot)
			x += w + stepsGap
		}
		canvas.Refresh(s)
	}
	d.restyle()
	return d
}

// welcomeCard leads through the first start, above the sample pictures: the window can be used as if it were not there.
type welcomeCard struct {
	widget.BaseWidget
	value *Welcome

	dots          *steps
	count         *still
	title, text   *still
	lines         []*still
	marks         []*panel
	bar           *progress
	next, own     *button
	skip          *button
	width, height float32
}

func newWelcomeCard(act Actions, openModel func()) *welcomeCard {
	c := &welcomeCard{dots: newSteps(), bar: newProgress()}
	c.count = newLine(textSmall, colorMuted)
	c.title, c.text = newLine(18, colorText), newLine(textBody, colorMuted)
	c.title.face.bold = true
	c.next = newButton(primary, "", "", act.WelcomeNext)
	c.own = newButton(secondary, "folder", words.T("Open a model of your own…"), openModel)
	c.skip = newButton(quiet, "", "", act.WelcomeSkip)
	c.next.Hide()
	c.skip.Hide()
	c.ExtendBaseWidget(c)
	c.Hide()
	return c
}

func (c *welcomeCard) buttons() []*button { return []*button{c.next, c.own, c.skip} }

// set shows a step, or nothing, and says whether the height may have changed.
func (c *welcomeCard) set(v *Welcome, canOpen bool) (resized bool) {
	was := c.value
	c.value = v
	setVisible(c, v != nil)
	if v == nil {
		c.bar.stop()
		return was != nil
	}
	resized = was == nil || !sameWelcomeButProgress(*was, *v)
	setVisible(c.bar, v.Progress >= 0)
	c.bar.set(max(v.Progress, 0))
	if !resized {
		return false
	}
	c.width = 0
	c.dots.set(v.Step, v.Steps)
	count := ""
	if v.Steps > 1 {
		count = words.T("Step %d of %d", v.Step, v.Steps)
	}
	tell(c.count, count)
	tell(c.title, v.Title)
	tell(c.text, v.Text)
	for len(c.lines) < len(v.Lines) {
		c.lines = append(c.lines, newPlain(textBody, colorText))
		c.marks = append(c.marks, newPanel(colorEdge, "", listDot/2))
	}
	c.lines, c.marks = c.lines[:len(v.Lines)], c.marks[:len(v.Lines)]
	for i, text := range v.Lines {
		c.lines[i].setText(text)
	}
	c.next.text, c.skip.text = v.Next, v.Skip
	setVisible(c.next, v.Next != "")
	setVisible(c.skip, v.Skip != "")
	setVisible(c.own, v.Import && canOpen)
	c.Refresh()
	return true
}

// sameWelcomeButProgress compares what is shown of two steps but how far something is.
func sameWelcomeButProgress(a, b Welcome) bool {
	if (a.Progress < 0) != (b.Progress < 0) || len(a.Lines) != len(b.Lines) {
		return false
	}
	for i := range a.Lines {
		if a.Lines[i] != b.Lines[i] {
			return false
		}
	}
	return a.Step == b.Step && a.Steps == b.Steps && a.Title == b.Title && a.Text == b.Text && a.Next == b.Next && a.Skip == b.Skip && a.Import == b.Import
}

const listDot float32 = 6

// heightFor implements flowing; 0 while there is nothing to show.
func (c *welcomeCard) heightFor(width float32) float32 {
	if c.value == nil || width <= 0 {
		return 0
	}
	if c.width != width {
		c.width, c.height = width, c.arrange(width, onlyMeasure)
	}
	return c.height
}

func (c *welcomeCard) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	const pad = gap5
	s := &stack{x: pad, y: gap4, width: width - 2*pad, put: put}
	if d := c.dots.measure(); d.Width > 0 {
		line := ceil(c.count.heightFor(s.width - d.Width - gap3))
		put(c.dots, s.x, s.y+(line-d.Height)/2, d.Width, d.Height)
		put(c.count, s.x+d.Width+gap3, s.y, s.width-d.Width-gap3, line)
		s.y += line + gap2
	}
	s.add(0, c.title)
	s.add(gap1, c.text)
	s.y += gap1
	for i, l := range c.lines {
		s.x, s.width = pad+listDot+10, width-2*pad-listDot-10
		put(c.marks[i].rect, pad+1, s.y+gap1+(textHeight(scaled(textBody))-listDot)/2, listDot, listDot)
		s.add(gap1, l)
	}
	s.x, s.width = pad, width-2*pad
	if c.bar.Visible() {
		put(c.bar, s.x, s.y+gap3, s.width, 4)
		s.y += gap3 + 4
	}
	s.line(gap4, c.next, c.own, c.skip)
	return ceil(s.y + gap4)
}

func (c *welcomeCard) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorSurface, colorLine, radiusCard)
	d := &drawing{}
	d.min = func() fyne.Size { return fyne.NewSize(120, 40) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		if c.value != nil {
			c.arrange(s.Width, place)
		}
	}
	d.restyle = func() {
		c.width = 0
		d.objects = []fyne.CanvasObject{back.rect, c.dots, c.count, c.title, c.text}
		for i, l := range c.lines {
			c.marks[i].restyle()
			d.objects = append(d.objects, c.marks[i].rect, l)
		}
		d.objects = append(d.objects, c.bar, c.next, c.own, c.skip)
		back.restyle()
		for _, o := range d.objects {
			if w, ok := o.(fyne.Widget); ok {
				w.Refresh()
			}
		}
		d.layout(c.Size())
		canvas.Refresh(c)
	}
	d.restyle()
	return d
}

// welcomeStrip is the same in one line, while a conversation is in the place of the card.
type welcomeStrip struct {
	widget.BaseWidget
	value      *Welcome
	dots       *steps
	title      *label
	bar        *progress
	next, skip *button
}

func newWelcomeStrip(act Actions) *welcomeStrip {
	s := &welcomeStrip{dots: newSteps(), title: newLabel("", textSmall+1, colorText).bold(), bar: newProgress()}
	s.next = newButton(secondary, "", "", act.WelcomeNext).tiny()
	s.skip = newButton(quiet, "", "", act.WelcomeSkip).tiny()
	s.next.Hide()
	s.skip.Hide()
	s.ExtendBaseWidget(s)
	s.Hide()
	return s
}

func (s *welcomeStrip) set(v *Welcome) {
	was := s.value
	s.value = v
	if v == nil {
		return
	}
	setVisible(s.bar, v.Progress >= 0)
	s.bar.set(max(v.Progress, 0))
	if was != nil && sameWelcomeButProgress(*was, *v) {
		return
	}
	s.dots.set(v.Step, v.Steps)
	s.title.set(v.Title)
	s.next.text, s.skip.text = v.Next, v.Skip
	setVisible(s.next, v.Next != "")
	setVisible(s.skip, v.Skip != "")
	s.Refresh()
}

// fit puts the strip at a place where it is wanted, and returns its height.
func (s *welcomeStrip) fit(x, y, width float32, wanted bool) float32 {
	wanted = wanted && s.value != nil
	setVisible(s, wanted)
	if !wanted {
		return 0
	}
	h := 16 + scaled(24)
	place(s, x, y, width, h)
	return h
}

func (s *welcomeStrip) CreateRenderer() fyne.WidgetRenderer {
	back, edge := newPanel(colorSurface, "", 0), newPanel(colorLine, "", 0)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, edge.rect, s.dots, s.title.draw, s.bar, s.next, s.skip}}
	d.min = func() fyne.Size { return fyne.NewSize(120, 16+scaled(24)) }
	d.layout = func(size fyne.Size) {
		place(back.rect, 0, 0, size.Width, size.Height)
		place(edge.rect, 0, size.Height-1, size.Width, 1)
		all := min(size.Width-2*gap5, columnWidth)
		left := (size.Width - all) / 2
		right := left + all
		for _, b := range []*button{s.skip, s.next} {
			if b.Visible() {
				m := b.measure()
				right -= m.Width
				place(b, right, (size.Height-m.Height)/2, m.Width, m.Height)
				right -= gap2
			}
		}
		if s.bar.Visible() {
			w := min(scaled(120), (right-left)*0.3)
			right -= w
			place(s.bar, right, (size.Height-4)/2, w, 4)
			right -= gap3
		}
		if m := s.dots.measure(); m.Width > 0 && right-left > scaled(240) {
			s.dots.Show()
			place(s.dots, left, (size.Height-m.Height)/2, m.Width, m.Height)
			left += m.Width + gap3
		} else {
			s.dots.Hide()
		}
		s.title.place(left, 0, max(right-left, 1), size.Height)
	}
	d.restyle = func() {
		back.restyle()
		edge.restyle()
		s.title.restyle()
		for _, o := range []fyne.Widget{s.dots, s.bar, s.next, s.skip} {
			o.Refresh()
		}
		d.layout(s.Size())
		canvas.Refresh(s)
	}
	d.restyle()
	return d
}

// SetWelcome shows a step of the first start; nil takes it away.
func (w *Window) SetWelcome(v *Welcome) {
	shown := w.strip.Visible()
	w.strip.set(v)
	e := w.transcript.empty
	if e.welcome.set(v, w.act.OpenModel != nil) {
		for _, b := range append(e.welcome.buttons(), w.strip.next, w.strip.skip) {
			if (v == nil || !b.Visible()) && w.win.Canvas().Focused() == fyne.Focusable(b) {
				w.focusComposer() // what is hidden must not have the keyboard
			}
		}
		e.Refresh()
		w.transcript.greet.Refresh()
	}
	if shown != (v != nil && len(w.transcript.turns) > 0) {
		w.relayout()
	}
}

// fitWelcome follows a conversation that opens or goes: what leads through the first start is a card or a line.
func (w *Window) fitWelcome() {
	if w.strip.Visible() != (w.strip.value != nil && len(w.transcript.turns) > 0) {
		w.relayout()
	}
}
