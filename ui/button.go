package ui

import (
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

type buttonKind int

const (
	primary   buttonKind = iota // the one action that matters, in the accent
	secondary                   // a raised surface
	quiet                       // text or icon alone, a surface under the pointer
	pill                        // like secondary, with its detail in muted text
	hyperlink                   // quiet, in the colour of a link
)

// button is a push button: icon, text or both. An icon alone must have a tip.
type button struct {
	widget.DisableableWidget
	kind         buttonKind
	text, detail string // the detail follows the text in muted
	icon, tail   iconName
	small        bool // height and text of a line below an answer
	tip          string
	tips         *tips
	onTap        func()
	onFocus      func() // nil, or brings it into sight

	hovered, focused bool
}

var (
	_ fyne.Tappable      = (*button)(nil)
	_ fyne.Focusable     = (*button)(nil)
	_ desktop.Hoverable  = (*button)(nil)
	_ desktop.Cursorable = (*button)(nil)
)

func newButton(kind buttonKind, icon iconName, text string, onTap func()) *button {
	b := &button{kind: kind, icon: icon, text: text, onTap: onTap}
	b.ExtendBaseWidget(b)
	return b
}

// withTip explains the button where the pointer rests on it.
func (b *button) withTip(t *tips, tip string) *button {
	b.tips, b.tip = t, tip
	return b
}

func (b *button) Tapped(*fyne.PointEvent) {
	b.tips.hide()
	if !b.Disabled() && b.onTap != nil {
		b.onTap()
	}
}

// FocusGained marks the button, and tells what it does where that is not written on it.
func (b *button) FocusGained() {
	b.focused = true
	b.Refresh()
	if b.onFocus != nil {
		b.onFocus()
	}
	if b.tip != "" && b.text == "" {
		b.tips.showSoon(b, b.tip)
	}
}

// FocusLost implements fyne.Focusable.
func (b *button) FocusLost() {
	b.focused = false
	b.tips.hide()
	b.Refresh()
}

func (b *button) TypedRune(r rune) {
	if r != ' ' {
		typeElsewhere(b, r)
	}
}

func (b *button) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		b.Tapped(nil)
	default:
		keyElsewhere(b, e)
	}
}

func (b *button) MouseIn(e *desktop.MouseEvent) {
	b.hovered = true
	b.Refresh()
	if b.tip != "" {
		b.tips.showSoon(b, b.tip)
	}
}

func (b *button) MouseMoved(*desktop.MouseEvent) {}

func (b *button) MouseOut() {
	b.hovered = false
	b.tips.hide()
	b.Refresh()
}

func (b *button) Cursor() desktop.Cursor {
	if b.Disabled() {
		return desktop.DefaultCursor
	}
	return desktop.PointerCursor
}

// isBold says whether the text is.
func (b *button) isBold() bool { return b.kind == primary || b.kind == secondary }

// hasFace says whether the button has a surface of its own.
func (b *button) hasFace() bool { return b.kind != quiet && b.kind != hyperlink }

func (b *button) colors() (fill, text fyne.ThemeColorName) {
	switch {
	case b.Disabled() && !b.hasFace():
		return "", theme.ColorNameDisabled
	case b.Disabled():
		return theme.ColorNameDisabledButton, theme.ColorNameDisabled
	case b.kind == primary:
		return colorAccent, colorOn
	case b.kind == quiet:
		return "", colorMuted
	case b.kind == hyperlink:
		return "", theme.ColorNameHyperlink
	}
	return colorRaised, colorText
}

// metrics are the button's measures at the chosen text size, but for the size of its text, which is a label's.
func (b *button) metrics() (height, pad, size, icon float32) {
	if b.small {
		return scaled(24), 6, textSmall, scaled(14)
	}
	return scaled(34), 14, textBody, scaled(18)
}

// widths returns what the button takes with its padding, and what each of its parts takes.
func (b *button) widths() (total, lead, text, detail, tail float32) {
	_, pad, size, iconSize := b.metrics()
	style := fyne.TextStyle{Bold: b.isBold()}
	if b.icon != "" {
		lead = iconSize
	}
	if b.tail != "" {
		tail = iconSize - 4 + gap1
	}
	if b.text != "" {
		text = fyne.MeasureText(b.text, scaled(size), style).Width
		if lead > 0 {
			lead += 6
		}
	}
	if b.detail != "" {
		detail = fyne.MeasureText(" · "+b.detail, scaled(size), fyne.TextStyle{}).Width
	}
	if b.text == "" {
		pad = (scaled(34) - iconSize) / 2
		if b.small {
			pad = 5
		}
	}
	return 2*pad + lead + text + detail + tail, lead, text, detail, tail
}

// measure is the button's smallest size. Unlike MinSize it needs no renderer.
func (b *button) measure() fyne.Size {
	h, _, _, _ := b.metrics()
	total, _, _, _, _ := b.widths()
	return fyne.NewSize(total, h)
}

func (b *button) CreateRenderer() fyne.WidgetRenderer {
	back, over, ring := newPanel("", "", radiusControl), newPanel("", "", radiusControl), newPanel("", "", radiusControl)
	text, detail := newLabel("", textBody, colorText), newLabel("", textBody, colorMuted)
	lead, tail := newIcon("", colorText), newIcon("", colorText)
	d := &drawing{objects: []fyne.CanvasObject{
		back.rect, over.rect, lead.image, text.draw, detail.draw, tail.image, ring.rect,
	}}
	d.min = b.measure
	d.layout = func(s fyne.Size) {
		for _, p := range []*panel{back, over, ring} {
			place(p.rect, 0, 0, s.Width, s.Height)
		}
		if b.kind == primary { // the mark has the button's own colour: it goes around it
			place(ring.rect, -ringGap, -ringGap, s.Width+2*ringGap, s.Height+2*ringGap)
			ring.rect.CornerRadius = radiusControl + ringGap
		}
		_, pad, _, iconSize := b.metrics()
		total, wl, wt, wd, wtail := b.widths()
		x := (s.Width - total) / 2
		if total > s.Width { // the pill on a narrow window: the texts give way
			x = 0
			over := total - s.Width
			cut := min(over, wd)
			wd, over = wd-cut, over-cut
			wt -= over
		}
		if b.text == "" {
			pad = (total - wl - wtail) / 2
		}
		x += pad
		place(lead.image, x, (s.Height-iconSize)/2, iconSize, iconSize)
		x += wl
		text.place(x, 0, wt, s.Height)
		x += wt
		if wd > 20 {
			detail.place(x, 0, wd, s.Height)
		} else {
			detail.draw.Text = ""
		}
		x += wd + gap1
		place(tail.image, x, (s.Height-iconSize+4)/2, iconSize-4, iconSize-4)
	}
	d.restyle = func() {
		fill, fg := b.colors()
		if b.kind == quiet && b.hovered && !b.Disabled() {
			fg = colorText
		}
		back.fill = fill
		over.fill = ""
		if b.hovered && !b.Disabled() {
			over.fill = theme.ColorNameHover
		}
		_, _, size, _ := b.metrics()
		text.base, detail.base = size, size
		text.draw.TextStyle.Bold = b.isBold()
		text.color, lead.color, tail.color = fg, fg, colorMuted
		text.set(b.text)
		if b.detail != "" {
			detail.set(" · " + b.detail)
		} else {
			detail.set("")
		}
		lead.name, tail.name = b.icon, b.tail
		lead.image.Hidden, tail.image.Hidden = b.icon == "", b.tail == ""
		back.restyle()
		over.restyle()
		text.restyle()
		detail.restyle()
		lead.restyle()
		tail.restyle()
		styleRing(ring.rect, b.focused)
		d.layout(b.Size())
		canvas.Refresh(b)
	}
	d.restyle()
	return d
}

// ringGap is how far the mark of the keyboard's focus stays away from a primary button.
const ringGap float32 = 4

// styleRing draws the mark of the keyboard's focus.
func styleRing(r *canvas.Rectangle, on bool) {
	r.FillColor, r.StrokeColor, r.StrokeWidth = color.Transparent, color.Transparent, 0
	if on {
		r.StrokeColor, r.StrokeWidth = theme.Color(colorAccent), 2
	}
	r.Refresh()
}

// keyElsewhere gives a key that a focused widget has no use for to the window.
func keyElsewhere(o fyne.CanvasObject, e *fyne.KeyEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && c.OnTypedKey() != nil {
		c.OnTypedKey()(e)
	}
}

// typeElsewhere gives a typed character that a focused widget has no use for to the window.
func typeElsewhere(o fyne.CanvasObject, r rune) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(o); c != nil && c.OnTypedRune() != nil {
		c.OnTypedRune()(r)
	}
}
