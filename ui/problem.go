package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// problemCard tells what went wrong and what can be done, with the details folded away.
type problemCard struct {
	widget.BaseWidget
	problem  Problem
	unfolded bool
	onFold   func()                  // its height changed
	onFocus  func(fyne.CanvasObject) // one of its buttons has the keyboard; may be nil

	title         *still
	text, action  *still
	detail        *prose
	retry, fold   *button
	choices       choiceButtons // in place of retry
	width, height float32
}

// newProblemCard returns a card; retry may be nil.
func newProblemCard(p Problem, retry, onFold func()) *problemCard {
	c := &problemCard{onFold: onFold}
	c.title = newPlain(textBody, colorText)
	c.title.face.bold = true
	c.text = newPlain(textBody, colorText)
	c.action = newPlain(textBody, colorMuted)
	c.detail = newSelectable(textSmall, colorMuted)
	c.fold = newButton(quiet, "chevron", words.T("Details"), c.toggle)
	c.fold.small = true
	if retry != nil {
		c.retry = newButton(secondary, "again", words.T("Try again"), retry)
		c.tellFocus(c.retry)
	}
	c.tellFocus(c.fold)
	c.set(p)
	c.ExtendBaseWidget(c)
	return c
}

func (c *problemCard) set(p Problem) {
	if sameProblem(p, c.problem) {
		c.problem = p // what its choices do may have changed
		return
	}
	c.problem, c.width = p, 0
	c.choices.set(p.Choices, false, func(i int) { c.problem.Choices[i].Do() })
	for _, b := range c.choices.buttons {
		c.tellFocus(b)
	}
	c.title.setText(p.Title)
	c.text.setText(p.Text)
	c.action.setText(p.Action)
	c.detail.setText(p.Detail)
	c.Refresh()
}

// tellFocus tells when a button has the keyboard, so that it can be brought into sight.
func (c *problemCard) tellFocus(b *button) {
	b.onFocus = func() {
		if c.onFocus != nil {
			c.onFocus(b)
		}
	}
}

func (c *problemCard) toggle() {
	c.unfolded = !c.unfolded
	c.fold.text = words.T("Details")
	if c.unfolded {
		c.fold.text = words.T("Hide details")
	}
	c.fold.Refresh()
	c.width = 0
	if c.onFold != nil {
		c.onFold()
	}
	c.Refresh()
}

func (c *problemCard) heightFor(width float32) float32 {
	if width == c.width {
		return c.height
	}
	c.width = width
	const left = gap4 + 20 + gap3 // beside the icon
	inner := width - left - gap4
	y := gap3
	put := func(p flowing, show bool) {
		setVisible(p, show)
		if show {
			h := p.heightFor(inner)
			place(p, left, y, inner, h)
			y += h + 2
		}
	}
	put(c.title, c.problem.Title != "")
	put(c.text, c.problem.Text != "")
	put(c.action, c.problem.Action != "")
	y += gap1
	x := float32(left)
	row := float32(0)
	if c.hasRetry() {
		s := c.retry.MinSize()
		place(c.retry, x, y+2, s.Width, s.Height)
		x, row = x+s.Width+gap2, s.Height+4
	}
	if len(c.choices.buttons) > 0 {
		y += c.choices.arrange(left, y+2, inner, true) + gap1
	}
	setVisible(c.fold, c.problem.Detail != "")
	if c.problem.Detail != "" {
		s := c.fold.MinSize()
		row = max(row, s.Height+4)
		if !c.hasRetry() {
			x -= 6 // its text in line with the text above
		}
		place(c.fold, x, y+(row-s.Height)/2, s.Width, s.Height)
	}
	y += row
	put(c.detail, c.unfolded && c.problem.Detail != "")
	c.height = y + gap3 - 2
	return c.height
}

func (c *problemCard) hasRetry() bool { return c.retry != nil && len(c.problem.Choices) == 0 }

func (c *problemCard) CreateRenderer() fyne.WidgetRenderer {
	back, mark := newPanel(colorAlarm, "", 12), newIcon("warning", colorError)
	d := &drawing{}
	objects := func() []fyne.CanvasObject {
		o := []fyne.CanvasObject{back.rect, mark.image, c.title, c.text, c.action, c.fold, c.detail}
		if c.hasRetry() {
			o = append(o, c.retry)
		}
		return c.choices.objects(o)
	}
	d.objects = objects()
	d.min = func() fyne.Size { return fyne.NewSize(120, c.height) }
	d.layout = func(s fyne.Size) {
		h := c.heightFor(s.Width)
		place(back.rect, 0, 0, s.Width, h)
		place(mark.image, gap4, gap3+1, 20, 20)
	}
	d.restyle = func() {
		d.objects = objects()
		back.restyle()
		mark.restyle()
		d.layout(c.Size())
		canvas.Refresh(c)
	}
	return d
}

// sameProblem compares what is shown of two problems.
func sameProblem(a, b Problem) bool {
	same := func(x, y Choice) bool { return x.Label == y.Label }
	return a.Title == b.Title && a.Text == b.Text && a.Action == b.Action && a.Detail == b.Detail &&
		slices.EqualFunc(a.Choices, b.Choices, same)
}

// choiceButtons are the ways out of a problem, the best first, in as many lines as they need.
type choiceButtons struct {
	labels  []string
	buttons []*button
}

// set makes the buttons anew where their labels differ; run gets the number of the one that was pressed.
func (c *choiceButtons) set(choices []Choice, small bool, run func(i int)) {
	var labels []string
	for _, v := range choices {
		labels = append(labels, v.Label)
	}
	if slices.Equal(labels, c.labels) {
		return
	}
	c.labels, c.buttons = labels, nil
	for i, text := range labels {
		kind := pill
		if i == 0 {
			kind = secondary // bold: the one to take
		}
		b := newButton(kind, "", text, func() { run(i) })
		b.small = small
		c.buttons = append(c.buttons, b)
	}
}

// arrange puts the buttons in lines from x and y on, placing them when move is set, and returns their height.
func (c *choiceButtons) arrange(left, top, width float32, move bool) float32 {
	if len(c.buttons) == 0 {
		return 0
	}
	gap := gap2
	if c.buttons[0].small {
		gap = gap1
	}
	x, y, line := left, top, float32(0)
	for _, b := range c.buttons {
		s := b.measure()
		s.Width = min(s.Width, width)
		if x > left && x+s.Width > left+width {
			x, y = left, y+line+gap
		}
		if move {
			place(b, x, y, s.Width, s.Height)
		}
		x, line = x+s.Width+gap, s.Height
	}
	return y + line - top
}

func (c *choiceButtons) objects(list []fyne.CanvasObject) []fyne.CanvasObject {
	for _, b := range c.buttons {
		list = append(list, b)
	}
	return list
}
