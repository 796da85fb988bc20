package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// modelCard is a model on the page of models: what it is, whether it fits, and what can be done with it. It takes the
// keyboard as a whole too, so that the arrow keys go from model to model.
type modelCard struct {
	widget.BaseWidget
	page   *modelsPage
	row    ModelRow
	picked string // the quantisation that is looked at
	asking bool   // whether its files are to be deleted

	name, detail, about *still
	tags                []*tag
	variants            *choice // nil: there is nothing to choose
	labels              []string
	variant             *still // what there is to say of the quantisation
	fit                 *tag
	line                *still
	main                *button
	bar                 *progress
	figures             *still
	again, pause, stop  *button
	problem             *problemCard // nil: none
	which               *still       // vision file
	partners            choiceButtons
	licence             *button
	remove, del         *button
	sure                *still
	yes, no             *button

	focused bool
}

var _ fyne.Focusable = (*modelCard)(nil)

func newModelCard(p *modelsPage) *modelCard {
	c := &modelCard{page: p, bar: newProgress()}
	c.name = newPlain(textBody+1, colorText)
	c.name.face.bold = true
	c.detail, c.about = newLine(textSmall, colorMuted), newLine(textSmall+1, colorText)
	c.variant, c.line, c.figures = newLine(textSmall, colorMuted), newLine(textSmall, colorMuted), newLine(textSmall, colorMuted)
	c.which, c.sure = newLine(textSmall+1, colorText), newLine(textSmall+1, colorText)
	c.fit = newTag("", "", colorText, "", "")
	c.main = c.button(secondary, "", "", func() { c.begin() })
	c.again = c.button(secondary, "", words.T("Resume"), func() { callID(p.act.Resume, c.row.ID) }).tiny()
	c.pause = c.button(quiet, "", words.T("Pause"), func() { callID(p.act.Pause, c.row.ID) }).tiny()
	c.stop = c.button(quiet, "", words.T("Cancel"), func() { callID(p.act.CancelFetch, c.row.ID) }).tiny()
	c.licence = c.button(hyperlink, "", "", func() { p.openLink(c.row.Address, c.row.Licence) }).tiny()
	c.remove = c.button(quiet, "", words.T("Remove from the list"), func() { callID(p.act.RemoveModel, c.row.ID) }).tiny()
	c.del = c.button(quiet, "", words.T("Delete the files…"), func() { c.ask(true) }).tiny()
	c.yes = c.button(primary, "", "", func() {
		c.ask(false)
		callID(p.act.DeleteModel, c.row.ID)
	})
	c.no = c.button(secondary, "", words.T("Keep them"), func() { c.ask(false) })
	c.ExtendBaseWidget(c)
	return c
}

// button makes a button that the page scrolls to when it has the keyboard.
func (c *modelCard) button(kind buttonKind, icon iconName, text string, do func()) *button {
	b := newButton(kind, icon, text, do)
	b.onFocus = func() { c.page.entered(c, b) }
	return b
}

// tiny makes a button as high as a line of small text.
func (b *button) tiny() *button {
	b.small = true
	return b
}

// callID runs an action, where there is one.
func callID(f func(id string), id string) {
	if f != nil {
		f(id)
	}
}

// set shows a model with the quantisation that is looked at. It reports whether the card may have another height.
func (c *modelCard) set(r ModelRow, picked string) (resized bool) {
	if c.picked == picked && sameRowButFigures(&c.row, &r) {
		c.row.Problem = r.Problem // what its choices do may have changed
		if c.problem != nil {
			c.problem.set(*r.Problem)
		}
		return c.setFigures(r)
	}
	if r.ID != c.row.ID || !r.CanDelete {
		c.asking = false
	}
	c.row, c.picked = r, picked
	tell(c.name, r.Name)
	tell(c.about, r.About)
	c.setTags()
	c.setVariants()
	c.setProblem()
	c.setPartners()
	c.setButtons()
	c.setFigures(r)
	c.keepFocus()
	c.Refresh()
	return true
}

// setFigures follows a download.
func (c *modelCard) setFigures(r ModelRow) (resized bool) {
	c.row.Progress, c.row.Figures = r.Progress, r.Figures
	setVisible(c.bar, r.Fetch != FetchNone && r.Fetch != FetchFailed)
	if c.bar.Visible() {
		value := r.Progress
		if r.Fetch == FetchWaiting || r.Fetch == FetchPaused {
			value = max(value, 0) // nothing moves where nothing goes on
		}
		c.bar.set(value)
	} else {
		c.bar.stop()
	}
	before := c.figures.height
	text := r.Figures
	if text == "" {
		switch r.Fetch {
		case FetchWaiting:
			text = words.T("Waiting…")
		case FetchChecking:
			text = words.T("Checking…")
		case FetchPaused:
			text = words.T("Paused")
		}
	}
	if r.Fetch == FetchNone {
		text = ""
	}
	shown := c.figures.Visible()
	tell(c.figures, text)
	if c.figures.width > 0 {
		c.figures.heightFor(c.figures.width)
	}
	return c.figures.height != before || c.figures.Visible() != shown
}

func (c *modelCard) setTags() {
	r := &c.row
	c.tags = nil
	if r.Open {
		c.tags = append(c.tags, newTag("check", words.T("In use now"), colorGood, colorGoodTint, ""))
	}
	if r.Suggested {
		c.tags = append(c.tags, newTag("", words.T("Suggested for this computer"), colorAccent, "", colorAccent))
	}
	if r.TextOnly {
		c.tags = append(c.tags, newTag("", words.T("Text only"), colorText, colorRaised, ""))
	}
	if r.Warning != "" {
		c.tags = append(c.tags, newTag("warning", r.Warning, colorWarn, colorTint, ""))
	}
}

// chosen is the quantisation that is looked at; nil where there is none.
func (c *modelCard) chosen() *ModelVariant {
	for i := range c.row.Variants {
		if c.row.Variants[i].ID == c.picked {
			return &c.row.Variants[i]
		}
	}
	return nil
}

func (c *modelCard) setVariants() {
	var labels []string
	at := -1
	for i, v := range c.row.Variants {
		labels = append(labels, joined(v.Name, v.Size))
		if v.ID == c.picked {
			at = i
		}
	}
	switch {
	case len(labels) < 2:
		c.variants = nil
	case c.variants == nil || !slices.Equal(labels, c.labels):
		c.variants = newChoice(labels, func(i int) { c.page.pick(c.row.ID, c.row.Variants[i].ID) })
		for _, b := range c.variants.buttons {
			b.onFocus = func() { c.page.entered(c, b) }
			b.small = true
		}
	}
	c.labels = labels
	if c.variants != nil {
		for i, b := range c.variants.buttons {
			if b.icon = ""; c.row.Variants[i].Here {
				b.icon = "check"
			}
			if busy := c.row.Fetch != FetchNone && i != at; busy != b.Disabled() {
				setEnabled(b, !busy)
			}
		}
		c.variants.choose(at)
	}
	v := c.chosen()
	if v == nil {
		v = &ModelVariant{}
	}
	text := v.Digest
	if len(labels) == 1 && c.row.Group == GroupOffered {
		text = joined(v.Name, v.Size, v.Digest)
	}
	tell(c.variant, text)
	tell(c.line, v.Line)
	icon, word, ink := fitMark(v.Fit)
	c.fit.setMark(icon, word, ink)
	setVisible(c.fit, word != "")
}

// fitMark is how a Fit is told: by icon, word and colour.
func fitMark(f Fit) (icon iconName, word string, ink fyne.ThemeColorName) {
	switch f {
	case FitWell:
		return "check", words.T("Fits"), colorGood
	case FitChanged:
		return "warning", words.T("Fits with changes"), colorWarn
	case FitNot:
		return "close", words.T("Does not fit"), colorError
	}
	return "", "", colorMuted
}

// joined puts texts that are not empty side by side.
func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " · ")
}

func (c *modelCard) setProblem() {
	p := c.row.Problem
	switch {
	case p == nil:
		c.problem = nil
	case c.problem == nil:
		c.problem = newProblemCard(*p, nil, func() { c.page.resized(c.row.ID) })
		c.problem.onFocus = func(o fyne.CanvasObject) { c.page.entered(c, o) }
	default:
		c.problem.set(*p)
	}
}

func (c *modelCard) setPartners() {
	var list []Choice
	for _, p := range c.row.Partners {
		list = append(list, Choice{Label: p.Name})
	}
	text := ""
	if len(list) > 0 {
		text = words.T("Several vision files fit this model. Which one belongs to it?")
	}
	tell(c.which, text)
	c.partners.set(list, true, func(i int) {
		if c.page.act.PairModel != nil && i < len(c.row.Partners) {
			c.page.act.PairModel(c.row.ID, c.row.Partners[i].Path)
		}
	})
	for _, b := range c.partners.buttons {
		b.onFocus = func() { c.page.entered(c, b) }
	}
}

// setButtons shows what can be done now.
func (c *modelCard) setButtons() {
	r, a := &c.row, &c.page.act
	v := c.chosen()
	c.main.kind = secondary
	switch {
	case v != nil && v.Here && r.CanUse, r.CanUse && !r.CanDownload:
		c.main.text = words.T("Use")
	case v != nil && v.Size != "":
		c.main.text = words.T("Download %s", v.Size)
	default:
		c.main.text = words.T("Download")
	}
	if r.Suggested && !r.Open {
		c.main.kind = primary
	}
	setVisible(c.main, (r.CanUse || r.CanDownload && r.Fetch == FetchNone) && !(r.Open && c.isUsed()))
	running := r.Fetch == FetchWaiting || r.Fetch == FetchRunning || r.Fetch == FetchChecking
	c.again.text = words.T("Resume")
	if r.Fetch == FetchFailed {
		c.again.text = words.T("Try again")
	}
	setVisible(c.again, (r.Fetch == FetchPaused || r.Fetch == FetchFailed) && a.Resume != nil)
	setVisible(c.pause, running && a.Pause != nil)
	setVisible(c.stop, r.Fetch != FetchNone && a.CancelFetch != nil)
	c.licence.text = words.T("Licence: %s", r.Licence)
	linked := r.Licence != "" && mayOpen(r.Address)
	setVisible(c.licence, linked)
	detail := r.Detail
	if r.Licence != "" && !linked {
		detail = joined(detail, c.licence.text)
	}
	tell(c.detail, detail)
	setVisible(c.remove, r.CanRemove && a.RemoveModel != nil && !c.asking)
	setVisible(c.del, r.CanDelete && a.DeleteModel != nil && !c.asking)
	size := r.Size
	if size == "" && v != nil {
		size = v.Size
	}
	question := ""
	if c.asking {
		question = words.T("Delete the files of %s? This cannot be undone.", r.Name)
		if size != "" {
			question = words.T("Delete the files of %s? That gives %s of the disk back, and cannot be undone.", r.Name, size)
		}
	}
	tell(c.sure, question)
	c.yes.text = words.T("Delete the files")
	if size != "" {
		c.yes.text = words.T("Delete %s", size)
	}
	setVisible(c.yes, c.asking)
	setVisible(c.no, c.asking)
	for _, b := range c.buttons() {
		b.Refresh()
	}
}

// isUsed says whether the quantisation that is looked at is the one that is used.
func (c *modelCard) isUsed() bool { return c.picked == c.row.Variant }

// buttons are all of the card's own, in the order of Tab.
func (c *modelCard) buttons() []*button {
	list := []*button{c.main}
	if c.variants != nil {
		list = append(list, c.variants.buttons...)
	}
	list = append(list, c.again, c.pause, c.stop)
	if c.problem != nil {
		list = append(list, c.problem.choices.buttons...)
		list = append(list, c.problem.fold)
	}
	list = append(list, c.partners.buttons...)
	return append(list, c.licence, c.remove, c.del, c.yes, c.no)
}

// keepFocus gives the keyboard to the card when a button that had it is gone.
func (c *modelCard) keepFocus() {
	canvas := fyne.CurrentApp().Driver().CanvasForObject(c)
	if canvas == nil {
		return
	}
	b, ok := c.page.on.(*button)
	if ok && c.page.at == c && canvas.Focused() == fyne.Focusable(b) && (!b.Visible() || !slices.Contains(c.buttons(), b)) {
		canvas.Focus(c)
	}
}

// begin is what the main button does.
func (c *modelCard) begin() {
	a, v := &c.page.act, c.chosen()
	if v != nil && !v.Here && c.row.CanDownload || !c.row.CanUse {
		if a.Download != nil {
			a.Download(c.row.ID, c.picked)
		}
		return
	}
	c.page.done()
	if a.UseVariant != nil && v != nil && !c.isUsed() {
		a.UseVariant(c.row.ID, c.picked)
		return
	}
	callID(a.UseModel, c.row.ID)
}

// ask opens and closes the question whether the files are to be deleted.
func (c *modelCard) ask(asking bool) {
	c.asking = asking
	c.setButtons()
	c.page.resized(c.row.ID)
	canvas := fyne.CurrentApp().Driver().CanvasForObject(c)
	switch {
	case canvas == nil:
	case asking:
		canvas.Focus(c.no)
	default:
		canvas.Focus(c)
	}
}

// FocusGained implements fyne.Focusable.
func (c *modelCard) FocusGained() {
	c.focused = true
	c.page.entered(c, c)
	c.Refresh()
}

// FocusLost implements fyne.Focusable.
func (c *modelCard) FocusLost() {
	c.focused = false
	c.Refresh()
}

// TypedRune implements fyne.Focusable.
func (c *modelCard) TypedRune(rune) {}

// TypedKey implements fyne.Focusable.
func (c *modelCard) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeySpace:
		switch {
		case c.main.Visible():
			c.begin()
		case c.again.Visible():
			c.again.Tapped(nil)
		}
	case fyne.KeyDelete:
		switch {
		case c.del.Visible():
			c.ask(true)
		case c.remove.Visible():
			c.remove.Tapped(nil)
		}
	default:
		keyElsewhere(c, e)
	}
}

// cardEstimate is about the height of a card that was not made yet: it is corrected when it comes near what is seen.
func cardEstimate(r *ModelRow, width float32) float32 {
	h := 2*gap3 + scaled(22) + 2 + scaled(24)
	if r.About != "" {
		perLine := max(width/(scaled(textSmall+1)*0.52), 1)
		h += gap1 + scaled(21)*ceil(float32(len(r.About))/perLine)
	}
	if len(r.Variants) > 1 {
		h += gap2 + scaled(24)
	}
	if len(r.Variants) > 0 {
		h += 6 + scaled(22)
	}
	if r.Fetch != FetchNone {
		h += gap3 + 4 + scaled(26)
	}
	if r.Problem != nil {
		h += scaled(130)
	}
	if len(r.Partners) > 0 {
		h += scaled(60)
	}
	if r.CanRemove || r.CanDelete {
		h += scaled(28)
	}
	return h
}

// heightFor implements flowing.
func (c *modelCard) heightFor(width float32) float32 { return c.arrange(width, onlyMeasure) }

// arrange gives every part to put, and returns the height of all.
func (c *modelCard) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	const pad = gap4
	s := &stack{x: pad, y: gap3, width: width - 2*pad, put: put}
	c.arrangeHead(s)
	c.arrangeDetail(s)
	s.add(gap1, c.about)
	c.arrangeVariants(s)
	c.arrangeFit(s)
	if c.bar.Visible() {
		put(c.bar, s.x, s.y+gap3, s.width, 4)
		s.y += gap3 + 4 - gap1
	}
	if c.problem != nil {
		s.add(gap2, c.problem)
	}
	s.beside(gap2, c.figures, c.again, c.pause, c.stop)
	s.add(gap2, c.which)
	s.line(6, asMeasured(c.partners.buttons)...)
	s.add(gap2, c.sure)
	s.line(gap2, c.yes, c.no)
	s.line(gap1, c.remove, c.del)
	return ceil(s.y + gap3)
}

// arrangeHead puts the name and what marks the model at the left, and the main button at the right.
func (c *modelCard) arrangeHead(s *stack) {
	const least = 180 // of the name, at the usual text size
	top, all := s.y, s.width
	m := c.main.measure()
	beside := c.main.Visible() && all-m.Width-gap3 >= scaled(least)
	if beside {
		s.width = all - m.Width - gap3
		s.put(c.main, s.x+s.width+gap3, top, m.Width, m.Height)
	}
	high := c.name.heightFor(s.width)
	parts := []measured{}
	for _, o := range c.tags {
		parts = append(parts, o)
	}
	name := ceil(c.name.naturalWidth()) + gap3
	rest := float32(0)
	for _, o := range c.tags {
		rest += o.measure().Width + gap2
	}
	if len(parts) > 0 && name+rest <= s.width { // all in one line
		row := max(high, scaled(22))
		s.put(c.name, s.x, s.y+(row-high)/2, name, high)
		x := s.x + name
		for _, o := range c.tags {
			w := o.measure()
			s.put(o, x, s.y+(row-w.Height)/2, w.Width, w.Height)
			x += w.Width + gap2
		}
		s.y += row
	} else {
		s.add(2, c.name)
		s.line(gap1, parts...)
	}
	s.width = all
	if c.main.Visible() && !beside {
		s.line(gap2, c.main)
	}
	if beside {
		s.y = max(s.y, top+m.Height-scaled(14)) // the small text may begin beside its foot
	}
}

// arrangeDetail puts the licence after the detail, or below it where there is no room.
func (c *modelCard) arrangeDetail(s *stack) {
	m := c.licence.measure()
	w := ceil(c.detail.naturalWidth()) + 1
	if c.detail.Visible() && c.licence.Visible() && w+m.Width+gap2 <= s.width {
		h := c.detail.heightFor(w)
		s.put(c.detail, s.x, s.y+2+(m.Height-h)/2, w, h)
		s.put(c.licence, s.x+w+gap1, s.y+2, m.Width, m.Height)
		s.y += 2 + m.Height
		return
	}
	s.add(2, c.detail)
	s.line(2, c.licence)
}

// arrangeFit puts what the fit is and why in one line, or below one another.
func (c *modelCard) arrangeFit(s *stack) {
	if !c.fit.Visible() {
		s.add(6, c.line)
		return
	}
	m := c.fit.measure()
	room := s.width - m.Width - gap2
	if c.line.Visible() && c.line.naturalWidth() <= room {
		h := c.line.heightFor(room)
		s.put(c.fit, s.x, s.y+6, m.Width, m.Height)
		s.put(c.line, s.x+m.Width+gap2, s.y+6+(m.Height-h)/2, room, h)
		s.y += 6 + m.Height
		return
	}
	s.line(6, c.fit)
	s.add(2, c.line)
}

// arrangeVariants puts the choice of quantisations, with what there is to say of one beside it or below.
func (c *modelCard) arrangeVariants(s *stack) {
	if c.variants == nil {
		s.add(gap1, c.variant)
		return
	}
	w := min(c.variants.measure().Width, s.width)
	h := c.variants.heightFor(w)
	s.put(c.variants, s.x, s.y+gap2, w, h)
	rest := s.width - w - gap3
	if c.variant.Visible() && c.variant.naturalWidth() <= rest {
		text := c.variant.heightFor(rest)
		s.put(c.variant, s.x+w+gap3, s.y+gap2+(h-text)/2, rest, text)
		s.y += gap2 + h
		return
	}
	s.y += gap2 + h
	s.add(gap1, c.variant)
}

// asMeasured is a list of buttons as a stack takes it.
func asMeasured(buttons []*button) (list []measured) {
	for _, b := range buttons {
		list = append(list, b)
	}
	return list
}

// park stops what moves, when the card goes out of sight.
func (c *modelCard) park() { c.bar.stop() }

func (c *modelCard) CreateRenderer() fyne.WidgetRenderer {
	back, ring := newPanel(theme.ColorNameBackground, colorLine, 12), newPanel("", "", 12)
	d := &drawing{}
	parts := func() {
		d.objects = []fyne.CanvasObject{back.rect, c.name}
		for _, o := range c.tags {
			d.objects = append(d.objects, o)
		}
		d.objects = append(d.objects, c.main, c.detail, c.about)
		if c.variants != nil {
			d.objects = append(d.objects, c.variants)
		}
		d.objects = append(d.objects, c.variant, c.fit, c.line, c.bar, c.figures, c.again, c.pause, c.stop)
		if c.problem != nil {
			d.objects = append(d.objects, c.problem)
		}
		d.objects = append(d.objects, c.which)
		d.objects = c.partners.objects(d.objects)
		d.objects = append(d.objects, c.sure, c.yes, c.no, c.licence, c.remove, c.del, ring.rect)
	}
	d.min = func() fyne.Size { return fyne.NewSize(120, scaled(60)) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(ring.rect, 0, 0, s.Width, s.Height)
		c.arrange(s.Width, place)
	}
	d.restyle = func() {
		parts()
		if back.stroke = colorLine; c.row.Open {
			back.stroke = colorEdge
		}
		back.restyle()
		styleRing(ring.rect, c.focused)
		for _, o := range d.objects {
			if _, rect := o.(*canvas.Rectangle); !rect {
				o.Refresh()
			}
		}
		d.layout(c.Size())
		canvas.Refresh(c)
	}
	d.restyle()
	return d
}

// sameRowButFigures compares what is shown of two models but how far a download is.
func sameRowButFigures(a, b *ModelRow) bool {
	if (a.Problem == nil) != (b.Problem == nil) || a.Problem != nil && !sameProblem(*a.Problem, *b.Problem) {
		return false
	}
	return a.ID == b.ID && a.Group == b.Group && a.Name == b.Name && a.Detail == b.Detail && a.About == b.About &&
		a.Licence == b.Licence && a.Address == b.Address && a.Warning == b.Warning && a.Open == b.Open && a.Suggested == b.Suggested &&
		a.TextOnly == b.TextOnly && slices.Equal(a.Variants, b.Variants) && a.Variant == b.Variant && a.Size == b.Size && a.Fetch == b.Fetch &&
		slices.Equal(a.Partners, b.Partners) && a.CanUse == b.CanUse && a.CanDownload == b.CanDownload && a.CanRemove == b.CanRemove && a.CanDelete == b.CanDelete
}
