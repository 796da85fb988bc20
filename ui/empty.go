package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// emptyState greets, and teaches with sample pictures that can be clicked.
type emptyState struct {
	widget.BaseWidget
	act   Actions
	title *still
	text  *still
	hint  *still
	cards []*sampleCard

	welcome *welcomeCard // above all; hidden but at the first start

	room fyne.Size // of the transcript
	card fyne.Size
	need float32 // height
}

func newEmptyState(act Actions) *emptyState {
	e := &emptyState{act: act}
	e.title = newPlain(24, colorText)
	e.title.face.bold = true
	e.title.setText(words.T("Ask about a picture"))
	e.text = newPlain(textBody, colorMuted)
	e.text.setText(words.T("Galago looks at it on this computer and answers. Nothing leaves the machine."))
	e.hint = newPlain(textSmall, colorMuted)
	e.hint.setText(words.T("Drop pictures anywhere in this window, paste them with Ctrl+V, or press Ctrl+O."))
	e.ExtendBaseWidget(e)
	return e
}

func (e *emptyState) setSamples(samples []Sample) {
	e.cards = nil
	if e.act.Sample == nil {
		samples = nil
	}
	for i, s := range samples {
		e.cards = append(e.cards, newSampleCard(s, func() { e.act.Sample(i) }))
	}
	e.Refresh()
}

func (e *emptyState) CreateRenderer() fyne.WidgetRenderer { return &emptyRenderer{e} }

type emptyRenderer struct{ e *emptyState }

func (r *emptyRenderer) Destroy()           {}
func (r *emptyRenderer) MinSize() fyne.Size { return fyne.NewSize(200, r.e.need) }

func (r *emptyRenderer) Objects() []fyne.CanvasObject {
	o := []fyne.CanvasObject{r.e.welcome, r.e.title, r.e.text, r.e.hint}
	for _, c := range r.e.cards {
		o = append(o, c)
	}
	return o
}

func (r *emptyRenderer) Layout(s fyne.Size) {
	e := r.e
	width := min(columnWidth, s.Width-2*gap5)
	x := (s.Width - width) / 2
	th, bh, hh := e.title.heightFor(width), e.text.heightFor(width), e.hint.heightFor(width)
	y := max((s.Height-e.need)*0.45, 0) + gap2
	cardWidth, cardHeight := e.card.Width, e.card.Height
	if h := e.welcome.heightFor(width); h > 0 {
		place(e.welcome, x, y, width, h)
		y += h + gap5
	}
	place(e.title, x, y, width, th)
	y += th + gap1
	place(e.text, x, y, width, bh)
	y += bh + gap5
	for i, c := range e.cards {
		place(c, x+float32(i)*(cardWidth+gap4), y, cardWidth, cardHeight)
	}
	y += cardHeight + gap5
	place(e.hint, x, y, width, hh)
}

// fit takes the measures for a room, with smaller cards where it is low.
func (e *emptyState) fit(room fyne.Size) {
	e.room, e.card = room, fyne.Size{}
	width := min(columnWidth, room.Width-2*gap5)
	top := e.welcome.heightFor(width)
	if top > 0 {
		top += gap5
	}
	if n := float32(len(e.cards)); n > 0 && width > 0 {
		e.card.Width = min((width-(n-1)*gap4)/n, 230)
		for _, c := range e.cards {
			e.card.Height = max(e.card.Height, c.heightFor(e.card.Width, room.Height-top))
		}
	}
	e.need = top + gap2 + e.title.heightFor(width) + gap1 + e.text.heightFor(width) + gap5 + e.card.Height + gap5 + e.hint.heightFor(width) + gap2
}

func (r *emptyRenderer) Refresh() {
	r.e.fit(r.e.room)
	r.Layout(r.e.Size())
	for _, o := range r.Objects() {
		o.Refresh()
	}
	canvas.Refresh(r.e)
}

// sampleCard is one of the sample pictures.
type sampleCard struct {
	widget.BaseWidget
	onTap            func()
	image            *picture
	caption          *label
	question         *still
	hovered, focused bool
	imageHeight      float32
}

func newSampleCard(s Sample, onTap func()) *sampleCard {
	c := &sampleCard{onTap: onTap, image: newPicture(s.Image, 10, nil)}
	c.caption = newLabel(s.Caption, textBody, colorText).bold()
	c.question = newPlain(textSmall, colorMuted)
	c.question.setText(s.Question)
	c.image.onTap = onTap
	c.ExtendBaseWidget(c)
	return c
}

// heightFor is the card's height for a width, smaller where the window has little room.
func (c *sampleCard) heightFor(width, room float32) float32 {
	c.imageHeight = min(width*0.66, max(room*0.36, 60))
	return gap2 + c.imageHeight + gap2 + scaled(22) + c.question.heightFor(width-2*gap3) + gap3
}

func (c *sampleCard) CreateRenderer() fyne.WidgetRenderer {
	back, over, ring := newPanel(colorSurface, colorLine, radiusCard), newPanel("", "", radiusCard), newPanel("", "", radiusCard)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, over.rect, c.image, c.caption.draw, c.question, ring.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(80, 80) }
	d.layout = func(s fyne.Size) {
		for _, p := range []*panel{back, over, ring} {
			place(p.rect, 0, 0, s.Width, s.Height)
		}
		place(c.image, gap2, gap2, s.Width-2*gap2, c.imageHeight)
		y := gap2 + c.imageHeight + gap2
		c.caption.place(gap3, y, s.Width-2*gap3, scaled(22))
		place(c.question, gap3, y+scaled(22), s.Width-2*gap3, max(s.Height-y-scaled(22)-gap3, 0))
	}
	d.restyle = func() {
		over.fill = ""
		if c.hovered {
			over.fill = theme.ColorNameHover
		}
		back.restyle()
		over.restyle()
		c.caption.restyle()
		styleRing(ring.rect, c.focused)
		canvas.Refresh(c)
	}
	return d
}

func (c *sampleCard) Tapped(*fyne.PointEvent)        { c.onTap() }
func (c *sampleCard) Cursor() desktop.Cursor         { return desktop.PointerCursor }
func (c *sampleCard) MouseIn(*desktop.MouseEvent)    { c.hovered = true; c.Refresh() }
func (c *sampleCard) MouseMoved(*desktop.MouseEvent) {}
func (c *sampleCard) MouseOut()                      { c.hovered = false; c.Refresh() }
func (c *sampleCard) FocusGained()                   { c.focused = true; c.Refresh() }
func (c *sampleCard) FocusLost()                     { c.focused = false; c.Refresh() }
func (c *sampleCard) TypedRune(r rune)               { typeElsewhere(c, r) }
func (c *sampleCard) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		c.onTap()
	default:
		keyElsewhere(c, e)
	}
}
