package ui

import (
	"math"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// SetSettings takes the settings that the sheet shows, and applies the look among them.
func (w *Window) SetSettings(s Settings) {
	resized := setTextFactor(float32(s.TextSize))
	if resized || s.Theme != w.settings.Theme {
		w.app.Settings().SetTheme(newLook(s.Theme))
		w.restyle() // Fyne tells only windows that are shown
	}
	w.settings = s
	if w.form != nil {
		w.form.set(s)
	}
	if resized {
		w.relayout()
		if w.form != nil {
			w.form.resized()
		}
	}
}

// openSettings opens the sheet. Every change that is valid counts at once.
func (w *Window) openSettings() {
	w.form = newSettingsForm(w.settings, w.act, func(s Settings) {
		w.SetSettings(s)
		if w.act.Settings != nil {
			w.act.Settings(s)
		}
	})
	c := w.win.Canvas()
	w.sheet = showSheet(c, words.T("Settings"), w.form, func(room fyne.Size) fyne.Size {
		return fyne.NewSize(min(scaled(760), room.Width), min(scaled(560), room.Height))
	})
	w.form.resized = w.sheet.Refresh
	w.form.openModels, w.form.openDiagnosis = w.ShowModels, w.ShowDiagnosis
	c.Focus(w.form.nav[0])
}

// closeSettings takes the sheet away, if it is there: another one is to be in its place.
func (w *Window) closeSettings() {
	if w.sheet != nil {
		w.sheet.hide()
	}
}

// settingsForm is the content of the settings sheet: sections at the left, and the rows of one at the right.
type settingsForm struct {
	widget.BaseWidget
	act      Actions
	settings Settings // in force
	onChange func(Settings)
	resized  func() // the text has another size

	openModels, openDiagnosis func() // the pages; set by the window

	nav      []*navItem
	sections []*section
	chosen   int
	rule     *panel

	system  *formEntry
	presets *presetBar
	reload  *noticeRow
	restart *noticeRow
	gpu     *formRow
	cards   *formSelect
	ahead   *formCheck
	free    *formCheck
	freeRow *formRow
	folder  *formRow
}

// section is a part of the settings.
type section struct {
	scroll *container.Scroll
	rows   *column
	fields []*field
}

func newSettingsForm(s Settings, act Actions, onChange func(Settings)) *settingsForm {
	f := &settingsForm{settings: s, act: act, onChange: onChange, resized: func() {}, rule: newPanel(colorLine, "", 0)}
	f.add(words.T("General"), f.general)
	f.add(words.T("Answers"), f.answers)
	f.add(words.T("Model and memory"), f.memory)
	f.add(words.T("Pictures"), f.pictures)
	f.add(words.T("Privacy and data"), f.data)
	f.ExtendBaseWidget(f)
	f.open(0)
	f.set(s)
	return f
}

// add makes a section.
func (f *settingsForm) add(name string, fill func(*section)) {
	i := len(f.sections)
	s := &section{rows: newColumn()}
	s.scroll = container.NewVScroll(s.rows)
	f.sections = append(f.sections, s)
	f.nav = append(f.nav, newNavItem(name, func() { f.move(i) }, func(n int) { f.move(i + n) }))
	fill(s)
	for _, x := range s.fields {
		f.addBack(x)
	}
}

// addBack makes the way back to the default.
func (f *settingsForm) addBack(x *field) {
	if x.reset == nil {
		return
	}
	x.row.back.onTap = func() {
		f.change(x.reset)
		x.show(f.settings)
	}
}

// field puts a field into a section.
func (s *section) field(x *field) *field {
	s.fields = append(s.fields, x)
	s.rows.add(x.row)
	return x
}

// open shows a section.
func (f *settingsForm) open(n int) {
	f.chosen = n
	for i, s := range f.sections {
		f.nav[i].chosen = i == n
		f.nav[i].Refresh()
		setVisible(s.scroll, i == n)
	}
	f.sections[n].scroll.ScrollToTop()
	f.Refresh()
}

// move gives the keyboard to a section's name, and shows the section.
func (f *settingsForm) move(n int) {
	if n < 0 || n >= len(f.nav) {
		return
	}
	f.open(n)
	if c := fyne.CurrentApp().Driver().CanvasForObject(f); c != nil {
		c.Focus(f.nav[n])
	}
}

// change makes a change count and tells it, unless there is none.
func (f *settingsForm) change(edit func(*Settings)) {
	s := f.settings
	edit(&s)
	if s == f.settings {
		return
	}
	f.settings, f.presets.gone = s, ""
	f.showBacks()
	f.onChange(s)
}

// set shows settings: all controls, but what is being typed.
func (f *settingsForm) set(s Settings) {
	f.settings = s
	for _, part := range f.sections {
		for _, x := range part.fields {
			x.show(s)
		}
	}
	f.showBacks()
	f.showRest()
	f.reflow()
}

// showBacks shows the way back where something is not as by default.
func (f *settingsForm) showBacks() {
	for _, part := range f.sections {
		for _, x := range part.fields {
			if x.reset != nil {
				setVisible(x.row.back, f.settings.Info != nil && !x.isDefault(f.settings))
				x.row.Refresh()
			}
		}
	}
}

// reflow follows a change of a row's height.
func (f *settingsForm) reflow() {
	s := f.sections[f.chosen]
	s.rows.Refresh()
	s.scroll.Refresh()
	f.Refresh()
}

// reveal scrolls to a control that has the keyboard.
func (f *settingsForm) reveal(o fyne.CanvasObject) {
	s := f.sections[f.chosen]
	driver := fyne.CurrentApp().Driver()
	top := driver.AbsolutePositionForObject(o).Y - driver.AbsolutePositionForObject(s.rows).Y
	room, bottom := s.scroll.Size().Height, top+o.Size().Height+gap4
	switch top -= gap5 + gap4; { // with its name
	case top < s.scroll.Offset.Y:
		s.scroll.ScrollToOffset(fyne.NewPos(0, max(top, 0)))
	case bottom > s.scroll.Offset.Y+room:
		s.scroll.ScrollToOffset(fyne.NewPos(0, min(bottom-room, max(s.rows.Size().Height-room, 0))))
	}
}

func (f *settingsForm) general(s *section) {
	s.field(f.pick(words.T("Look"), "", []Option{
		{"system", words.T("Like the system")}, {"light", words.T("Light")}, {"dark", words.T("Dark")},
	}, func(s *Settings) *string { return &s.Theme }))
	n := &number{
		form: f, in: func(i *SettingsInfo) Range { return i.TextSize }, whole: true, scale: 100, step: 5,
		get: func(s Settings) float64 {
			if s.TextSize == 0 {
				return 1
			}
			return s.TextSize
		},
		set: func(s *Settings, v float64) { s.TextSize = v },
	}
	f.number(s, n, words.T("Text size"), words.T("Of everything in the window."), "%")
	s.field(f.list(words.T("Language"), words.T("Of the window. The model answers in the language of the question."),
		func(i *SettingsInfo) []Option { return i.Languages }, func(s *Settings) *string { return &s.Language }))
	f.restart = newNoticeRow(words.T("The new language is used when Galago is started again."), "", nil)
	s.rows.add(f.restart)
}

// number puts a number into a section.
func (f *settingsForm) number(s *section, n *number, title, hint, unit string) {
	s.field(n.add(title, hint, unit))
	n.entry.onFocus = func() { f.reveal(n.entry) }
	n.row.units = s.units
}

// units is the width of the widest unit, with a gap before it.
func (s *section) units() float32 {
	w := float32(0)
	for _, x := range s.fields {
		w = max(w, x.row.unit.size().Width)
	}
	if w > 0 {
		w += gap2
	}
	return w
}

func (f *settingsForm) answers(s *section) {
	f.presets = newPresetBar(f)
	s.rows.add(f.presets.row)
	s.field(f.systemField())
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.Temperature }, step: 0.1,
		get: func(s Settings) float64 { return s.Temperature }, set: func(s *Settings, v float64) { s.Temperature = v },
	}, words.T("Temperature"), words.T("0 always takes the likeliest word; more makes answers vary."), "")
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.TopK }, whole: true, step: 5,
		get: func(s Settings) float64 { return float64(s.TopK) }, set: func(s *Settings, v float64) { s.TopK = int(v) },
	}, words.T("Top-k"), words.T("Chooses among so many of the likeliest words; 0 is off."), words.T("words"))
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.TopP }, step: 0.05,
		get: func(s Settings) float64 { return s.TopP }, set: func(s *Settings, v float64) { s.TopP = v },
	}, words.T("Top-p"), words.T("Chooses among the likeliest words that have this share of the probability together; 0 and 1 are off."), "")
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.MinP }, step: 0.05,
		get: func(s Settings) float64 { return s.MinP }, set: func(s *Settings, v float64) { s.MinP = v },
	}, words.T("Min-p"), words.T("Leaves out words with less than this share of the likeliest one’s probability; 0 is off."), "")
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.RepeatPenalty }, step: 0.05,
		get: func(s Settings) float64 { return s.RepeatPenalty }, set: func(s *Settings, v float64) { s.RepeatPenalty = v },
	}, words.T("Repeat penalty"), words.T("Makes what was just said less likely; 1 is off. 1.1 is felt, more than 1.3 harms."), "")
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.MaxTokens }, whole: true, step: 64,
		get: func(s Settings) float64 { return float64(s.MaxTokens) }, set: func(s *Settings, v float64) { s.MaxTokens = int(v) },
	}, words.T("Longest answer"), words.T("A token is about three quarters of a word."), words.T("tokens"))
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.Seed }, whole: true, zero: words.T("random"), step: 1,
		get: func(s Settings) float64 { return float64(s.Seed) },
		set: func(s *Settings, v float64) { s.Seed = uint32(min(v, math.MaxUint32)) },
	}, words.T("Seed"), words.T("With the same number and the same settings the same question gets the same answer; empty is random."), "")
}

// page puts a way to another page into a section.
func (f *settingsForm) page(s *section, there bool, title, hint, label string, open func()) {
	b := newButton(secondary, "", label, open)
	b.onFocus = func() { f.reveal(b) }
	row := newFormRow(title, hint, b)
	row.wide, row.width, row.Hidden = true, 1, !there
	s.rows.add(row)
}

func (f *settingsForm) memory(s *section) {
	f.page(s, f.act.hasModels(), words.T("Models"), words.T("Choose a model, download others, and install the engine for the graphics card."),
		words.T("Models…"), func() { f.openModels() })
	f.cards = newFormSelect(nil, func(i int) {
		if info := f.settings.Info; info != nil && i < len(info.Cards) && f.act.GPU != nil {
			f.act.GPU(info.Cards[i].UUID)
		}
	})
	f.cards.onFocus = func() { f.reveal(f.cards) }
	f.gpu = newFormRow(words.T("Graphics card"), "", f.cards)
	f.gpu.wide, f.gpu.width = true, 360
	s.rows.add(f.gpu)
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.Context }, whole: true, zero: words.T("automatic"), step: 1024,
		get: func(s Settings) float64 { return float64(s.Context) }, set: func(s *Settings, v float64) { s.Context = int(v) },
	}, words.T("Context"), words.T("What the model keeps in mind: pictures, questions and answers. More takes more memory; empty is as much as model and memory are good for."), words.T("tokens"))
	s.field(f.pick(words.T("KV cache"), words.T("How the context is kept. q8_0 takes about half the memory of f16, and answers hardly differ."), []Option{
		{"", words.T("Automatic")}, {"f16", "f16"}, {"q8_0", "q8_0"},
	}, func(s *Settings) *string { return &s.KVType }))
	f.reload = newNoticeRow(words.T("Context and KV cache count when the model is loaded again. An answer that is being written ends then."), words.T("Load again"), f.act.Reload)
	s.rows.add(f.reload)
	f.number(s, &number{
		form: f, in: func(i *SettingsInfo) Range { return i.IdleMinutes }, whole: true, zero: words.T("never"), step: 5,
		get: func(s Settings) float64 { return float64(s.IdleMinutes) }, set: func(s *Settings, v float64) { s.IdleMinutes = int(v) },
	}, words.T("Unload the model when idle"), words.T("After so long without a question; the next one loads it again. Empty is never."), words.T("minutes"))
	f.free = newFormCheck(words.T("Free working memory after every answer"), false, func() {
		f.change(func(s *Settings) { s.FreeAfterAnswer = f.free.Checked })
	})
	f.free.onFocus = func() { f.reveal(f.free) }
	f.freeRow = newFormRow(words.T("Between answers"), "", f.free)
	f.freeRow.wide, f.freeRow.width = true, 1
	s.rows.add(f.freeRow)
	f.page(s, f.act.Diagnose != nil, words.T("Diagnostics"), words.T("Why it is slow, why the graphics card is not used, and what helps."),
		words.T("Diagnostics…"), func() { f.openDiagnosis() })
}

func (f *settingsForm) pictures(s *section) {
	s.field(f.pick(words.T("Detail of new pictures"),
		words.T("How closely the model looks. Low is cheap, for pictures without small print; high takes as many tokens as model and memory allow. Each picture can be set apart where it is added."),
		[]Option{{"low", words.T("Low")}, {"", words.T("Auto")}, {"high", words.T("High")}},
		func(s *Settings) *string { return &s.Detail }))
	f.ahead = newFormCheck(words.T("Look at pictures while I type"), true, func() {
		f.change(func(s *Settings) { s.LookOnSend = !f.ahead.Checked })
	})
	f.ahead.onFocus = func() { f.reveal(f.ahead) }
	ahead := newFormRow(words.T("Before the question"), words.T("The answer begins sooner. Otherwise pictures are encoded when you send."), f.ahead)
	ahead.wide, ahead.width = true, 1
	s.rows.add(ahead)
}

func (f *settingsForm) data(s *section) {
	s.rows.add(newFormRow(words.T("Private"), words.T("Pictures, questions and answers stay on this computer. Galago uses the network only to download what you choose."), nil))
	s.field(f.mirrorField())
	open := newButton(secondary, "folder", words.T("Open the folder"), f.act.OpenData)
	f.folder = newFormRow(words.T("Data folder"), "", open)
	f.folder.wide, f.folder.width = true, 1
	s.rows.add(f.folder)
}

// showRest shows what is not a value: what there is to choose from, and what has to be done.
func (f *settingsForm) showRest() {
	info := f.settings.Info
	if info == nil {
		info = &SettingsInfo{}
	}
	f.presets.set(info)
	setVisible(f.reload, info.Reload)
	setVisible(f.restart, info.Restart)
	var names []string
	chosen := -1
	for i, card := range info.Cards {
		names = append(names, card.Name)
		if card.Chosen {
			chosen = i
		}
	}
	f.cards.put(names, chosen)
	f.gpu.hint.setText(words.T("The model is loaded again on the card that you choose."))
	if len(names) == 0 {
		f.gpu.hint.setText(words.T("None was found that Galago can use: the processor computes."))
	}
	setVisible(f.cards, len(names) > 0)
	cost := f.settings.FreeCost
	if cost == "" {
		cost = words.T("the next question makes it again, which takes longer")
	}
	f.freeRow.hint.setText(words.T("The model’s weights stay in memory: %s.", cost))
	if f.ahead.Checked == f.settings.LookOnSend {
		f.ahead.Checked = !f.settings.LookOnSend
		f.ahead.Refresh()
	}
	if f.free.Checked != f.settings.FreeAfterAnswer {
		f.free.Checked = f.settings.FreeAfterAnswer
		f.free.Refresh()
	}
	f.folder.hint.setText(words.T("Conversations and their pictures: %s", info.DataFolder))
	setVisible(f.folder, info.DataFolder != "" && f.act.OpenData != nil)
}

// navWidth is what the names of the sections take.
func (f *settingsForm) navWidth() float32 {
	w := float32(0)
	for _, n := range f.nav {
		w = max(w, ceil(n.text.naturalWidth())+1+2*gap3)
	}
	return w
}

func (f *settingsForm) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{}
	for _, n := range f.nav {
		d.objects = append(d.objects, n)
	}
	d.objects = append(d.objects, f.rule.rect)
	for _, s := range f.sections {
		d.objects = append(d.objects, s.scroll)
	}
	d.min = func() fyne.Size { return fyne.NewSize(200, 120) }
	d.layout = func(size fyne.Size) {
		nav := min(f.navWidth(), size.Width*0.35)
		y := float32(0)
		for _, n := range f.nav {
			h := n.heightFor(nav)
			place(n, 0, y, nav, h)
			y += h + 2
		}
		place(f.rule.rect, nav+gap3, 0, 1, size.Height)
		x := nav + gap3 + gap4
		for _, s := range f.sections {
			s.rows.fit(size.Width - x)
			place(s.scroll, x, 0, size.Width-x, size.Height)
		}
	}
	d.restyle = func() {
		f.rule.restyle()
		for _, n := range f.nav {
			n.Refresh()
		}
		f.sections[f.chosen].rows.Refresh()
		d.layout(f.Size())
		canvas.Refresh(f)
	}
	return d
}

// column stacks flowing rows in a scroll area, with room for the scroll bar at the right.
type column struct {
	widget.BaseWidget
	rows   []flowing
	width  float32 // of the area
	height float32
}

func newColumn() *column {
	c := &column{}
	c.ExtendBaseWidget(c)
	return c
}

func (c *column) add(r flowing) { c.rows = append(c.rows, r) }

// fit takes the width of the area.
func (c *column) fit(width float32) {
	c.width = width
	c.arrange(func(fyne.CanvasObject, float32, float32, float32, float32) {})
}

func (c *column) arrange(put func(o fyne.CanvasObject, x, y, w, h float32)) {
	w, y := max(c.width-gap4, 1), float32(0)
	for _, r := range c.rows {
		if !r.Visible() {
			continue
		}
		h := r.heightFor(w)
		put(r, 0, y, w, h)
		y += h + gap4
	}
	c.height = max(y-gap4, 0)
}

func (c *column) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{}
	for _, r := range c.rows {
		d.objects = append(d.objects, r)
	}
	d.min = func() fyne.Size { return fyne.NewSize(1, c.height+gap2) }
	d.layout = func(fyne.Size) { c.arrange(place) }
	d.restyle = func() {
		for _, r := range c.rows {
			r.Refresh()
		}
		d.layout(c.Size())
		canvas.Refresh(c)
	}
	return d
}

// noticeRow is a hint with a way to follow it.
type noticeRow struct {
	widget.BaseWidget
	text *still
	do   *button // nil: there is nothing to do
}

func newNoticeRow(text, label string, do func()) *noticeRow {
	n := &noticeRow{text: newPlain(textSmall+1, colorWarn)}
	n.text.setText(text)
	if do != nil {
		n.do = newButton(secondary, "", label, do)
	}
	n.ExtendBaseWidget(n)
	n.Hide()
	return n
}

// heightFor implements flowing.
func (n *noticeRow) heightFor(width float32) float32 {
	h := n.text.heightFor(width-2*gap3) + 2*gap2
	if n.do != nil {
		h += gap2 + n.do.measure().Height
	}
	return ceil(h)
}

func (n *noticeRow) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorTint, "", radiusControl)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, n.text}}
	if n.do != nil {
		d.objects = append(d.objects, n.do)
	}
	d.min = func() fyne.Size { return fyne.NewSize(100, 30) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		h := n.text.heightFor(s.Width - 2*gap3)
		place(n.text, gap3, gap2, s.Width-2*gap3, h)
		if n.do != nil {
			m := n.do.measure()
			place(n.do, gap3, gap2+h+gap2, m.Width, m.Height)
		}
	}
	d.restyle = func() {
		back.restyle()
		n.text.Refresh()
		if n.do != nil {
			n.do.Refresh()
		}
		d.layout(n.Size())
		canvas.Refresh(n)
	}
	return d
}
