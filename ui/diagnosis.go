package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// diagnosisPage is the content of the sheet of diagnostics: what was found, what is missing and the cure, and a self-test.
type diagnosisPage struct {
	widget.BaseWidget
	act     ModelActions
	value   Diagnosis
	testing bool // the self-test was asked for, and goes on

	summary *still
	mark    *icon
	bar     *progress
	busy    *still
	scroll  *container.Scroll
	body    *diagnosisBody

	again, copy, logs *button
}

func newDiagnosisPage(act ModelActions) *diagnosisPage {
	p := &diagnosisPage{act: act, bar: newProgress(), mark: newIcon("info", colorMuted)}
	p.summary, p.busy = newLine(textBody, colorText), newLine(textSmall, colorMuted)
	p.summary.face.bold = true
	p.body = newDiagnosisBody(p)
	p.scroll = container.NewVScroll(p.body)
	p.again = newButton(secondary, "again", words.T("Look again"), func() { p.ask(false) })
	p.copy = newButton(secondary, "copy", words.T("Copy the report"), act.CopyReport)
	p.logs = newButton(quiet, "folder", words.T("Show the logs"), act.ShowReports)
	p.copy.Hidden, p.logs.Hidden = act.CopyReport == nil, act.ShowReports == nil
	p.ExtendBaseWidget(p)
	return p
}

// ask looks again, with or without the self-test.
func (p *diagnosisPage) ask(test bool) {
	if p.value.Busy == "" && p.act.Diagnose != nil {
		p.testing = test
		p.act.Diagnose(test)
	}
}

func (p *diagnosisPage) set(v Diagnosis) {
	p.value = v
	if v.Busy == "" {
		p.testing = false
	}
	tell(p.summary, v.Summary)
	tell(p.busy, v.Busy)
	setVisible(p.bar, v.Busy != "")
	if v.Busy != "" {
		p.bar.set(-1)
	} else {
		p.bar.stop()
	}
	setEnabled(p.again, v.Busy == "")
	setEnabled(p.copy, v.Text != "")
	p.body.set(v)
	p.Refresh()
}

// verdict is how the whole of it is marked.
func (p *diagnosisPage) verdict() (iconName, fyne.ThemeColorName) {
	name, color := iconName("check"), colorGood
	for _, l := range append(p.value.Lines[:len(p.value.Lines):len(p.value.Lines)], p.value.Test...) {
		switch {
		case l.Problem != "" && !l.Warning:
			return "warning", colorError
		case l.Warning:
			name, color = "warning", colorWarn
		}
	}
	if len(p.value.Lines) == 0 {
		return "info", colorMuted
	}
	return name, color
}

// key scrolls by the keys that nothing in the page has a use for.
func (p *diagnosisPage) key(e *fyne.KeyEvent) bool {
	page := p.scroll.Size().Height * 0.9
	by, known := map[fyne.KeyName]float32{
		fyne.KeyUp: -40, fyne.KeyDown: 40, fyne.KeyPageUp: -page, fyne.KeyPageDown: page, fyne.KeyHome: -p.body.height, fyne.KeyEnd: p.body.height,
	}[e.Name]
	if known {
		scrollBy(p.scroll, by)
	}
	return known
}

func (p *diagnosisPage) CreateRenderer() fyne.WidgetRenderer {
	back, rule := newPanel(theme.ColorNameBackground, colorLine, 12), newPanel(colorLine, "", 0)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, p.mark.image, p.summary, p.busy, p.bar, p.scroll, rule.rect, p.again, p.copy, p.logs}}
	d.min = func() fyne.Size { return fyne.NewSize(240, 160) }
	d.layout = func(size fyne.Size) {
		const pad = gap4
		mark := scaled(20)
		s := &stack{x: pad + mark + gap3, y: gap3, width: size.Width - 2*pad - mark - gap3, put: place}
		s.add(0, p.summary)
		if p.summary.Visible() {
			s.add(2, p.busy)
		} else {
			s.add(0, p.busy)
		}
		place(p.mark.image, pad, gap3+(textHeight(scaled(textBody))-mark)/2+1, mark, mark)
		if p.bar.Visible() {
			place(p.bar, s.x, s.y+gap2, s.width, 4)
			s.y += gap2 + 4
		}
		top := max(s.y, gap3+mark) + gap3
		place(back.rect, 0, 0, size.Width, top)
		foot := &stack{width: size.Width, put: onlyMeasure}
		parts := []measured{p.again, p.copy, p.logs}
		foot.line(0, parts...)
		bottom := size.Height - foot.y
		foot.y, foot.put = bottom, place
		foot.line(0, parts...)
		place(rule.rect, 0, bottom-gap3, size.Width, 1)
		p.body.fit(size.Width - gap3)
		place(p.scroll, 0, top+gap2, size.Width, max(bottom-gap3-top-gap2, 0))
		p.scroll.Refresh()
	}
	d.restyle = func() {
		p.mark.name, p.mark.color = p.verdict()
		for _, o := range []interface{ restyle() }{back, rule, p.mark} {
			o.restyle()
		}
		for _, o := range []fyne.Widget{p.summary, p.busy, p.bar, p.body, p.again, p.copy, p.logs} {
			o.Refresh()
		}
		d.layout(p.Size())
		canvas.Refresh(p)
	}
	d.restyle()
	return d
}

// diagnosisBody is what scrolls: the findings, and the self-test with its figures.
type diagnosisBody struct {
	widget.BaseWidget
	page     *diagnosisPage
	findings []*finding
	figures  []*finding
	head     *label
	about    *still
	run      *button
	stop     *button
	width    float32
	height   float32
}

func newDiagnosisBody(p *diagnosisPage) *diagnosisBody {
	b := &diagnosisBody{page: p, head: newLabel(words.T("Self-test"), textBody+1, colorText).bold(), about: newPlain(textSmall+1, colorMuted)}
	b.about.setText(words.T("Loads the model, shows it a picture and times the answer. It takes about ten seconds, and tells whether the graphics card really computes."))
	b.run = newButton(secondary, "play", words.T("Run the self-test"), func() { p.ask(true) })
	b.stop = newButton(secondary, "stop", words.T("Stop"), p.act.StopTest)
	for _, x := range []*button{b.run, b.stop} {
		x.onFocus = func() { scrollInto(p.scroll, x, gap4) }
	}
	b.ExtendBaseWidget(b)
	return b
}

func (b *diagnosisBody) set(v Diagnosis) {
	b.findings = findingsOf(b.findings, v.Lines)
	b.figures = findingsOf(b.figures, v.Test)
	running := v.Busy != "" && b.page.testing
	had := b.hasKeyboard()
	setVisible(b.run, !running)
	setVisible(b.stop, running && b.page.act.StopTest != nil)
	setEnabled(b.run, v.Busy == "")
	if had { // one of them has taken the other's place
		next := b.run
		if b.stop.Visible() {
			next = b.stop
		}
		fyne.CurrentApp().Driver().CanvasForObject(b).Focus(next)
	}
}

func (b *diagnosisBody) hasKeyboard() bool {
	c := fyne.CurrentApp().Driver().CanvasForObject(b)
	return c != nil && (c.Focused() == fyne.Focusable(b.run) || c.Focused() == fyne.Focusable(b.stop))
}

// findingsOf keeps the widgets of lines that stay where they are.
func findingsOf(old []*finding, lines []DiagnosisLine) []*finding {
	for len(old) < len(lines) {
		old = append(old, newFinding())
	}
	old = old[:len(lines)]
	for i, l := range lines {
		old[i].set(l)
	}
	return old
}

// fit takes the width of the area.
func (b *diagnosisBody) fit(width float32) {
	b.width, b.height = width, b.arrange(width, onlyMeasure)
}

func (b *diagnosisBody) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	s := &stack{width: max(width, 1), put: put}
	for _, f := range b.findings {
		s.add(gap1, f)
	}
	s.y += gap5
	line := scaled(24)
	b.head.place(2, s.y, s.width-2, line)
	s.y += line
	s.x, s.width = 2, s.width-2
	s.add(0, b.about)
	s.line(gap3, b.run, b.stop)
	s.x, s.width = 0, width
	s.y += gap1
	for _, f := range b.figures {
		s.add(gap1, f)
	}
	return s.y + gap2
}

func (b *diagnosisBody) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{}
	d.min = func() fyne.Size { return fyne.NewSize(1, b.height) }
	d.layout = func(fyne.Size) { b.arrange(b.width, place) }
	d.restyle = func() {
		d.objects = nil
		for _, f := range b.findings {
			d.objects = append(d.objects, f)
		}
		d.objects = append(d.objects, b.head.draw, b.about, b.run, b.stop)
		for _, f := range b.figures {
			d.objects = append(d.objects, f)
		}
		b.head.restyle()
		for _, o := range d.objects {
			if w, ok := o.(fyne.Widget); ok {
				w.Refresh()
			}
		}
		d.layout(b.Size())
		canvas.Refresh(b)
	}
	d.restyle()
	return d
}

// finding is a line of the page: a mark with its word, what was looked at and what was found, and what helps.
type finding struct {
	widget.BaseWidget
	line          DiagnosisLine
	mark          *tag
	what, found   *still
	problem, cure *still
}

func newFinding() *finding {
	f := &finding{mark: newTag("", "", colorGood, "", "")}
	f.what, f.found = newPlain(textBody, colorText), newLine(textSmall+1, colorMuted)
	f.problem, f.cure = newLine(textSmall+1, colorText), newLine(textSmall+1, colorMuted)
	f.what.face.bold = true
	f.ExtendBaseWidget(f)
	return f
}

func (f *finding) set(l DiagnosisLine) {
	if l == f.line {
		return
	}
	f.line = l
	f.what.setText(l.What)
	tell(f.found, l.Found)
	tell(f.problem, l.Problem)
	cure := ""
	if l.Cure != "" {
		cure = words.T("What helps: %s", l.Cure)
	}
	tell(f.cure, cure)
	f.mark.setMark(findingMark(l))
	f.Refresh()
}

// findingMark is how a finding is told: by icon, word and colour.
func findingMark(l DiagnosisLine) (icon iconName, word string, ink fyne.ThemeColorName) {
	switch {
	case l.Warning:
		return "warning", words.T("Warning"), colorWarn
	case l.Problem == "":
		return "check", words.T("OK"), colorGood
	case l.Found == "":
		return "close", words.T("Missing"), colorError
	}
	return "close", words.T("Problem"), colorError
}

// markWidth is the column of the marks.
func markWidth() float32 {
	w := float32(0)
	for _, l := range []DiagnosisLine{{Warning: true}, {Found: "x"}, {Problem: "x"}, {Problem: "x", Found: "x"}} {
		icon, word, ink := findingMark(l)
		w = max(w, (&tag{icon: icon, text: newLabel(word, textSmall, ink).bold()}).measure().Width)
	}
	return w + gap3
}

// heightFor implements flowing.
func (f *finding) heightFor(width float32) float32 { return f.arrange(width, onlyMeasure) }

func (f *finding) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	const pad = gap3
	left, m := markWidth(), f.mark.measure()
	narrow := width < scaled(420)
	s := &stack{x: pad + left, y: gap2, width: width - 2*pad - left, put: put}
	line := textHeight(scaled(textBody))
	put(f.mark, pad, s.y+(line-m.Height)/2, m.Width, m.Height)
	if narrow {
		s.x, s.width, s.y = pad, width-2*pad, s.y+line+2
	}
	what := ceil(f.what.naturalWidth()) + 1
	column := max(scaled(180), what+gap3) // the findings stand below one another where they can
	if f.found.Visible() && column+f.found.naturalWidth() <= s.width {
		h := ceil(f.what.heightFor(what))
		put(f.what, s.x, s.y, what, h)
		right := ceil(f.found.heightFor(s.width - column))
		put(f.found, s.x+column, s.y+(h-right)/2, s.width-column, right)
		s.y += h
	} else {
		s.add(0, f.what)
		s.add(2, f.found)
	}
	s.add(2, f.problem)
	s.add(2, f.cure)
	return ceil(s.y + gap2)
}

func (f *finding) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel("", "", radiusControl)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, f.mark, f.what, f.found, f.problem, f.cure}}
	d.min = func() fyne.Size { return fyne.NewSize(100, 30) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		f.arrange(s.Width, place)
	}
	d.restyle = func() {
		switch {
		case f.line.Warning:
			back.fill = colorTint
		case f.line.Problem != "":
			back.fill = colorAlarm
		default:
			back.fill = ""
		}
		back.restyle()
		for _, o := range []fyne.Widget{f.mark, f.what, f.found, f.problem, f.cure} {
			o.Refresh()
		}
		d.layout(f.Size())
		canvas.Refresh(f)
	}
	d.restyle()
	return d
}

// SetDiagnosis fills the page of diagnostics.
func (w *Window) SetDiagnosis(d Diagnosis) {
	w.diagnosis = d
	if w.diagnosed != nil {
		w.diagnosed.set(d)
	}
}

// ShowDiagnosis opens the page of diagnostics, unless it is open, and looks at everything anew.
func (w *Window) ShowDiagnosis() {
	if w.diagnosed != nil {
		return
	}
	c := w.win.Canvas()
	w.closeSettings()
	p := newDiagnosisPage(w.act.ModelActions)
	w.diagnosed = p
	s := showSheet(c, words.T("Diagnostics"), p, func(room fyne.Size) fyne.Size {
		return fyne.NewSize(min(scaled(760), room.Width), min(scaled(700), room.Height))
	})
	s.onKey = p.key
	s.onHide = func() {
		p.bar.stop()
		w.diagnosed = nil
	}
	p.set(w.diagnosis)
	c.Focus(p.again)
	p.ask(false)
}
