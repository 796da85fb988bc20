package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// machineCard tells on what models are computed here, and what can be done about it: device and disk, and the engine.
type machineCard struct {
	widget.BaseWidget
	page   *modelsPage
	models Models

	sign, disk     *icon
	device, space  *still
	note           *noticeRow
	title, text    *still
	folder         *still
	bar            *progress
	install, stop  *button
	choose, remove *button
	look           *button
	problem        *problemCard
	rule           *panel
	ruleAt         float32
}

func newMachineCard(p *modelsPage) *machineCard {
	m := &machineCard{page: p, bar: newProgress(), rule: newPanel(colorLine, "", 0)}
	a := &p.act
	m.sign, m.disk = newIcon("memory", colorMuted), newIcon("disk", colorMuted)
	m.device, m.space = newPlain(textBody, colorText), newPlain(textBody, colorMuted)
	m.device.face.bold = true
	m.note = newNoticeRow("", "", nil)
	m.title, m.text, m.folder = newLine(textBody, colorText), newLine(textSmall+1, colorMuted), newLine(textSmall, colorMuted)
	m.title.face.bold = true
	m.install = m.button(secondary, "", a.InstallEngine)
	m.stop = m.button(secondary, words.T("Stop"), a.StopInstall)
	m.choose = m.button(quiet, words.T("Engine folder…"), a.EngineFolder)
	m.remove = m.button(quiet, words.T("Remove the engine"), a.RemoveEngine)
	m.look = m.button(quiet, words.T("Diagnostics…"), func() { p.diagnose() }) // which the page is given later
	m.ExtendBaseWidget(m)
	return m
}

func (m *machineCard) button(kind buttonKind, text string, do func()) *button {
	b := newButton(kind, "", text, do)
	b.onFocus = func() { m.page.entered(nil, b) }
	return b
}

// set reports whether the card may have another height.
func (m *machineCard) set(v Models) (resized bool) {
	e, a := v.Engine, &m.page.act
	m.bar.set(barValue(e.Busy, e.Progress))
	resized = m.device.setText(v.Device)
	resized = tell(m.space, v.Disk) || resized
	resized = m.note.text.setText(v.Note) || m.note.Visible() != (v.Note != "") || resized
	setVisible(m.note, v.Note != "")
	resized = tell(m.title, e.Title) || resized
	resized = tell(m.text, e.Text) || resized
	folder := ""
	if e.Folder != "" {
		folder = words.T("Your own folder: %s", e.Folder)
	}
	resized = tell(m.folder, folder) || resized
	m.install.text = words.T("Install the engine")
	if e.Size != "" {
		m.install.text = words.T("Install the engine (%s)", e.Size)
	}
	shown := func(o fyne.CanvasObject, visible bool) {
		resized = resized || o.Visible() != visible
		setVisible(o, visible)
	}
	shown(m.bar, e.Busy)
	shown(m.install, e.CanInstall && !e.Busy && a.InstallEngine != nil)
	shown(m.stop, e.Busy && a.StopInstall != nil)
	shown(m.choose, !e.Busy && a.EngineFolder != nil)
	shown(m.remove, e.CanRemove && !e.Busy && a.RemoveEngine != nil)
	shown(m.look, m.page.diagnose != nil)
	resized = m.setProblem(e.Problem) || resized
	m.models = v
	if resized {
		m.Refresh()
	}
	return resized
}

func (m *machineCard) setProblem(p *Problem) (changed bool) {
	switch {
	case p == nil:
		changed = m.problem != nil
		m.problem = nil
	case m.problem == nil:
		m.problem = newProblemCard(*p, nil, m.page.machineResized)
		m.problem.onFocus = func(o fyne.CanvasObject) { m.page.entered(nil, o) }
		changed = true
	default:
		changed = !sameProblem(*p, m.problem.problem)
		m.problem.set(*p)
	}
	return changed
}

// barValue is what a bar shows: it moves only where something goes on.
func barValue(busy bool, v float64) float64 {
	if !busy {
		return 0
	}
	return v
}

// heightFor implements flowing.
func (m *machineCard) heightFor(width float32) float32 { return m.arrange(width, onlyMeasure) }

func (m *machineCard) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	const pad = gap4
	s := &stack{x: pad, y: gap3, width: width - 2*pad, put: put}
	mark := scaled(18)
	line := textHeight(scaled(textBody))
	indent := mark + gap2
	full := s.width
	beside := m.space.Visible() && m.device.naturalWidth()+m.space.naturalWidth()+2*indent+gap5 <= full
	put(m.sign.image, s.x, s.y+(line-mark)/2, mark, mark)
	s.x, s.width = pad+indent, full-indent
	top := s.y
	s.add(0, m.device)
	if beside {
		w := ceil(m.space.naturalWidth()) + 1
		put(m.space, pad+full-w, top, w, ceil(m.space.heightFor(w)))
		put(m.disk.image, pad+full-w-indent, top+(line-mark)/2, mark, mark)
	} else if m.space.Visible() {
		put(m.disk.image, pad, s.y+gap1+(line-mark)/2, mark, mark)
		s.add(gap1, m.space)
	}
	s.x, s.width = pad, full
	s.add(gap3, m.note)
	if m.title.Visible() || m.text.Visible() {
		m.ruleAt = s.y + gap3
		s.y += gap3 + 1
	}
	s.add(gap3, m.title)
	s.add(2, m.text)
	s.add(2, m.folder)
	if m.bar.Visible() {
		put(m.bar, s.x, s.y+gap3, s.width, 4)
		s.y += gap3 + 4
	}
	if m.problem != nil {
		s.add(gap3, m.problem)
	}
	s.line(gap2+2, m.install, m.stop, m.choose, m.remove, m.look)
	return ceil(s.y + gap3)
}

func (m *machineCard) park() { m.bar.stop() }

func (m *machineCard) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(theme.ColorNameBackground, colorLine, 12)
	d := &drawing{}
	parts := func() {
		d.objects = []fyne.CanvasObject{back.rect, m.rule.rect, m.sign.image, m.disk.image, m.device, m.space, m.note, m.title, m.text, m.folder, m.bar}
		if m.problem != nil {
			d.objects = append(d.objects, m.problem)
		}
		d.objects = append(d.objects, m.install, m.stop, m.choose, m.remove, m.look)
	}
	d.min = func() fyne.Size { return fyne.NewSize(120, scaled(60)) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		setVisible(m.disk.image, m.space.Visible())
		m.arrange(s.Width, place)
		setVisible(m.rule.rect, m.title.Visible() || m.text.Visible())
		place(m.rule.rect, gap4, m.ruleAt, s.Width-2*gap4, 1)
	}
	d.restyle = func() {
		parts()
		for _, o := range []interface{ restyle() }{back, m.rule, m.sign, m.disk} {
			o.restyle()
		}
		for _, o := range d.objects {
			if w, ok := o.(fyne.Widget); ok {
				w.Refresh()
			}
		}
		d.layout(m.Size())
		canvas.Refresh(m)
	}
	d.restyle()
	return d
}
