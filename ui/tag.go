package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// tag is a word or two that mark something, with an icon where the colour alone would say it.
type tag struct {
	widget.BaseWidget
	icon         iconName
	text         *label
	fill, stroke fyne.ThemeColorName // both empty: the words stand on what is below
}

func newTag(icon iconName, text string, ink, fill, stroke fyne.ThemeColorName) *tag {
	t := &tag{icon: icon, text: newLabel(text, textSmall, ink).bold(), fill: fill, stroke: stroke}
	t.ExtendBaseWidget(t)
	return t
}

// setMark changes icon, words and colour.
func (t *tag) setMark(icon iconName, text string, ink fyne.ThemeColorName) {
	if t.icon == icon && t.text.text == text && t.text.color == ink {
		return
	}
	t.icon, t.text.color = icon, ink
	t.text.set(text)
	t.Refresh()
}

func (t *tag) pad() float32 {
	if t.fill == "" && t.stroke == "" {
		return 0
	}
	return 8
}

func (t *tag) lead() float32 {
	if t.icon == "" {
		return 0
	}
	return scaled(15) + 5
}

// measure implements measured.
func (t *tag) measure() fyne.Size {
	return fyne.NewSize(ceil(t.text.size().Width)+1+t.lead()+2*t.pad(), scaled(22))
}

func (t *tag) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(t.fill, t.stroke, 6)
	mark := newIcon(t.icon, t.text.color)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, mark.image, t.text.draw}}
	d.min = t.measure
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		size := scaled(15)
		place(mark.image, t.pad(), (s.Height-size)/2, size, size)
		t.text.place(t.pad()+t.lead(), 0, s.Width-2*t.pad()-t.lead(), s.Height)
	}
	d.restyle = func() {
		back.restyle()
		mark.name, mark.color = t.icon, t.text.color
		mark.image.Hidden = t.icon == ""
		if t.icon != "" {
			restyleIcon(mark)
		}
		t.text.restyle()
		d.layout(t.Size())
		canvas.Refresh(t)
	}
	d.restyle()
	return d
}
