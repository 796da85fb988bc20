package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// problemCard tells what went wrong and what can be done, with the details folded away.
type problemCard struct {
	widget.BaseWidget
	problem  Problem
	unfolded bool
	onFold   func() // its height changed

	title         *still
	text, action  *still
	detail        *prose
	retry, fold   *button
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
	c.fold = newButton(quiet, "chevron", "Details", c.toggle)
	c.fold.small = true
	if retry != nil {
		c.retry = newButton(secondary, "again", "Try again", retry)
	}
	c.set(p)
	c.ExtendBaseWidget(c)
	return c
}

func (c *problemCard) set(p Problem) {
	if sameProblem(p, c.problem) {
		return
	}
	c.problem, c.width = p, 0
	c.title.setText(p.Title)
	c.text.setText(p.Text)
	c.action.setText(p.Action)
	c.detail.setText(p.Detail)
}

func (c *problemCard) toggle() {
	c.unfolded = !c.unfolded
	c.fold.text = "Details"
	if c.unfolded {
		c.fold.text = "Hide details"
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
	if c.retry != nil {
		s := c.retry.MinSize()
		place(c.retry, x, y+2, s.Width, s.Height)
		x, row = x+s.Width+gap2, s.Height+4
	}
	setVisible(c.fold, c.problem.Detail != "")
	if c.problem.Detail != "" {
		s := c.fold.MinSize()
		row = max(row, s.Height+4)
		if c.retry == nil {
			x -= 6 // its text in line with the text above
		}
		place(c.fold, x, y+(row-s.Height)/2, s.Width, s.Height)
	}
	y += row
	put(c.detail, c.unfolded && c.problem.Detail != "")
	c.height = y + gap3 - 2
	return c.height
}

func (c *problemCard) CreateRenderer() fyne.WidgetRenderer {
	back, mark := newPanel(colorAlarm, "", 12), newIcon("warning", colorError)
	objects := []fyne.CanvasObject{back.rect, mark.image, c.title, c.text, c.action, c.fold, c.detail}
	if c.retry != nil {
		objects = append(objects, c.retry)
	}
	d := &drawing{objects: objects}
	d.min = func() fyne.Size { return fyne.NewSize(120, c.height) }
	d.layout = func(s fyne.Size) {
		h := c.heightFor(s.Width)
		place(back.rect, 0, 0, s.Width, h)
		place(mark.image, gap4, gap3+1, 20, 20)
	}
	d.restyle = func() {
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
