package ui

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// formRow is one setting: what it is called and for, the control, a way back to the default, and what is wrong with
// what was typed. A wide control stands below the words, another at their right.
type formRow struct {
	widget.BaseWidget
	title   *label
	hint    *still
	control fyne.CanvasObject // may be flowing; nil: words alone
	unit    *label
	units   func() float32 // what the units of all numbers around take, so that these stand below one another; may be nil
	back    *button
	wrong   *still
	wide    bool
	width   float32 // of the control, at the usual text size; 0: its least
}

func newFormRow(title, hint string, control fyne.CanvasObject) *formRow {
	r := &formRow{
		title: newLabel(title, textBody, colorText).bold(), hint: newPlain(textSmall, colorMuted), control: control,
		unit: newLabel("", textSmall, colorMuted), wrong: newPlain(textSmall, colorError),
	}
	r.hint.setText(hint)
	r.back = newButton(quiet, "again", words.T("Default"), nil)
	r.back.small = true
	r.back.Hide()
	r.ExtendBaseWidget(r)
	return r
}

// setControl replaces the control.
func (r *formRow) setControl(o fyne.CanvasObject) {
	r.control = o
	r.Refresh()
}

// say shows what is wrong, or nothing, and reports whether that changed anything, the height perhaps.
func (r *formRow) say(text string) bool {
	changed := text != r.wrong.source
	r.wrong.setText(text)
	setVisible(r.wrong, text != "")
	return changed
}

// controlSize is what the control takes in a row of a width.
func (r *formRow) controlSize(width float32) fyne.Size {
	if r.control == nil || !r.control.Visible() {
		return fyne.Size{}
	}
	m := r.control.MinSize()
	w := max(m.Width, scaled(r.width))
	if r.wide && r.width == 0 {
		w = width
	}
	w = min(w, width)
	if f, ok := r.control.(flowing); ok {
		return fyne.NewSize(w, f.heightFor(w))
	}
	return fyne.NewSize(w, m.Height)
}

// leastRowText is the width that a control must leave to the words beside it. Otherwise it stands below them.
const leastRowText float32 = 190

// heightFor implements flowing.
func (r *formRow) heightFor(width float32) float32 {
	return r.arrange(width, func(fyne.CanvasObject, float32, float32, float32, float32) {})
}

// arrange gives every part to put, and returns the height of all.
func (r *formRow) arrange(width float32, put func(o fyne.CanvasObject, x, y, w, h float32)) float32 {
	c := r.controlSize(width)
	back, unit := r.back.measure(), float32(0)
	if r.units != nil {
		unit = r.units()
	}
	text, side := width, float32(0)
	beside := !r.wide && r.control != nil && width-c.Width-unit-gap4 >= scaled(leastRowText)
	if beside {
		side = c.Width + unit
		text = width - side - gap4
	}
	head := textHeight(scaled(textBody)) + 2
	titled, below := text, r.back.Visible() && r.title.size().Width+gap2+back.Width > text
	if r.back.Visible() && !below {
		titled -= back.Width + gap2
		put(r.back, text-back.Width, (head-back.Height)/2, back.Width, back.Height)
	}
	if titled > 0 {
		r.title.place(0, 0, titled, head)
	}
	y := head
	if below { // the name first
		put(r.back, -inset(r.back), y, back.Width, back.Height)
		y += back.Height
	}
	if r.hint.source != "" {
		h := r.hint.heightFor(text)
		put(r.hint, 0, y+1, text, h)
		y += h + 1
	}
	switch {
	case c.Height == 0:
	case !beside:
		y += 6
		put(r.control, 0, y, c.Width, c.Height)
		if !r.wide {
			r.unit.place(c.Width+gap2, y, max(unit-gap2, 1), c.Height)
		}
		y += c.Height
	default:
		put(r.control, width-side, 0, c.Width, c.Height)
		r.unit.place(width-unit+gap2, 0, unit, c.Height)
		y = max(y, c.Height)
	}
	if r.wrong.source != "" {
		h := r.wrong.heightFor(width)
		put(r.wrong, 0, y+3, width, h)
		y += h + 3
	}
	return ceil(y)
}

func (r *formRow) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{}
	parts := func() { // the control before the way back, so that Tab comes to it first
		d.objects = []fyne.CanvasObject{r.title.draw, r.hint, r.unit.draw, r.wrong}
		if r.control != nil {
			d.objects = append(d.objects, r.control)
		}
		d.objects = append(d.objects, r.back)
	}
	parts()
	d.min = func() fyne.Size { return fyne.NewSize(100, 20) }
	d.layout = func(s fyne.Size) { r.arrange(s.Width, place) }
	d.restyle = func() {
		parts()
		r.title.restyle()
		r.unit.restyle()
		for _, o := range d.objects {
			if _, text := o.(*canvas.Text); !text {
				o.Refresh()
			}
		}
		d.layout(r.Size())
		canvas.Refresh(r)
	}
	return d
}

// field is a row that shows and changes a part of the settings.
type field struct {
	row  *formRow
	show func(s Settings) // brings the control to what is in force, without telling
	// isDefault and reset are nil where there is no default.
	isDefault func(s Settings) bool
	reset     func(s *Settings)
}

// number is a field for a number.
type number struct {
	form  *settingsForm
	row   *formRow
	entry *formEntry
	in    func(*SettingsInfo) Range
	get   func(Settings) float64
	set   func(*Settings, float64)
	hint  string
	whole bool
	zero  string  // what 0, and an empty entry, stands for; empty: nothing
	scale float64 // of what is shown; 0: 1
	step  float64 // of the arrow keys, as shown
	shown float64 // in force, as last shown; NaN: never
}

// add puts the number's row into the form. hint says what the number is for.
func (n *number) add(title, hint, unit string) *field {
	if n.scale == 0 {
		n.scale = 1
	}
	n.shown = math.NaN()
	n.entry = newFormEntry()
	n.entry.SetPlaceHolder(n.zero)
	n.hint = hint
	n.row = newFormRow(title, hint, n.entry)
	n.row.width = 120
	n.row.unit.set(unit)
	n.entry.OnChanged = func(string) { n.read() }
	n.entry.stepped = n.stepBy
	f := &field{row: n.row, show: n.put}
	f.isDefault = func(s Settings) bool { return same(n.get(s), n.limits().Default) }
	f.reset = func(s *Settings) { n.set(s, n.limits().Default) }
	return f
}

// limits are what is shown as a range; the zero Range has none.
func (n *number) limits() Range {
	if n.form.settings.Info == nil {
		return Range{}
	}
	return n.in(n.form.settings.Info)
}

func (n *number) rangeText(r Range) string {
	if r == (Range{}) {
		return ""
	}
	usual := n.text(r.Default)
	if r.Default == 0 && n.zero != "" {
		usual = n.zero
	}
	return words.T("%s to %s, by default %s.", n.text(r.Min), n.text(r.Max), usual)
}

// text is a number as it is shown.
func (n *number) text(v float64) string {
	if n.whole {
		return words.Thousands(int64(math.Round(v * n.scale)))
	}
	return n.plain(v)
}

// plain is a number without marks between thousands.
func (n *number) plain(v float64) string {
	return strconv.FormatFloat(math.Round(v*n.scale*1e4)/1e4, 'f', -1, 64)
}

// typed is a number as it is typed.
func (n *number) typed(v float64) string {
	if v == 0 && n.zero != "" {
		return ""
	}
	return n.plain(v)
}

// put shows what is in force, unless it is there already. What is being typed stays until something else is in force.
func (n *number) put(s Settings) {
	v := n.get(s)
	n.row.hint.setText(strings.TrimSpace(n.hint + " " + n.rangeText(n.limits()))) // the default may be another model's
	if same(v, n.shown) {
		return
	}
	n.shown = v
	if got, ok := n.parse(); ok && same(got, v) && n.entry.Text != "" {
		return
	}
	changed := n.entry.OnChanged
	n.entry.OnChanged = nil
	n.entry.SetText(n.typed(v))
	n.entry.OnChanged = changed
	n.say("")
}

// parse is the number that stands in the entry.
func (n *number) parse() (v float64, ok bool) {
	text := strings.ReplaceAll(strings.TrimSpace(n.entry.Text), ",", ".") // as much of the world writes it
	r := n.limits()
	if text == "" && n.zero != "" {
		return 0, true
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || n.whole && v != math.Trunc(v) {
		return 0, false
	}
	v /= n.scale
	if v == 0 && n.zero != "" {
		return 0, true
	}
	const slack = 1e-9 // of a scale
	return v, r == Range{} || v >= r.Min-slack && v <= r.Max+slack
}

// read takes what is typed, if it is good, and says what is wrong with it, if it is not.
func (n *number) read() {
	v, ok := n.parse()
	if !ok {
		n.say(n.complaint())
		return
	}
	n.say("")
	n.shown = v
	n.form.change(func(s *Settings) { n.set(s, v) })
}

func (n *number) complaint() string {
	r, now := n.limits(), n.text(n.shown)
	if n.shown == 0 && n.zero != "" {
		now = n.zero
	}
	kind := words.T("Not a number from %s to %s; it stays at %s.", n.text(r.Min), n.text(r.Max), now)
	if n.whole {
		kind = words.T("Not a whole number from %s to %s; it stays at %s.", n.text(r.Min), n.text(r.Max), now)
	}
	return kind
}

func (n *number) say(text string) {
	if n.row.say(text) {
		n.form.reflow()
	}
}

// stepBy is what the arrow keys do: steps from what is in force.
func (n *number) stepBy(by int) {
	r := n.limits()
	v := n.shown + float64(by)*n.step/n.scale
	if n.shown == 0 && n.zero != "" && by > 0 {
		v = max(v, r.Min)
	}
	if r != (Range{}) {
		v = min(max(v, r.Min), r.Max)
	}
	n.entry.SetText(n.typed(math.Round(v*1e6) / 1e6))
	n.entry.CursorColumn = len(n.entry.Text)
	n.entry.Refresh()
}

// same compares numbers that were written and read.
func same(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// pick is a field for one of a few values, as a row of buttons.
func (f *settingsForm) pick(title, hint string, options []Option, get func(*Settings) *string) *field {
	var labels []string
	for _, o := range options {
		labels = append(labels, o.Label)
	}
	c := newChoice(labels, func(i int) { f.change(func(s *Settings) { *get(s) = options[i].Value }) })
	row := newFormRow(title, hint, c)
	row.wide = true
	row.width = 1 // as narrow as it may be
	return &field{row: row, show: func(s Settings) {
		for i, o := range options {
			if o.Value == *get(&s) && c.chosen != i {
				c.choose(i)
			}
		}
	}}
}

// list is a field for one of some values, as a list that opens.
func (f *settingsForm) list(title, hint string, options func(*SettingsInfo) []Option, get func(*Settings) *string) *field {
	var now []Option
	c := newFormSelect(nil, func(i int) { f.change(func(s *Settings) { *get(s) = now[i].Value }) })
	c.onFocus = func() { f.reveal(c) }
	row := newFormRow(title, hint, c)
	row.wide, row.width = true, 260
	return &field{row: row, show: func(s Settings) {
		now = nil
		if s.Info != nil {
			now = options(s.Info)
		}
		var labels []string
		chosen := -1
		for i, o := range now {
			labels = append(labels, o.Label)
			if o.Value == *get(&s) {
				chosen = i
			}
		}
		c.put(labels, chosen)
	}}
}

// systemField is the text that the model is told first.
func (f *settingsForm) systemField() *field {
	e := newFormText(4)
	e.SetPlaceHolder(words.T("None: the model answers as it was made to."))
	e.onFocus = func() { f.reveal(e) }
	f.system = e
	row := newFormRow(words.T("System prompt"), words.T("Told to the model before every conversation: how to answer, in which language, how long."), e)
	row.wide = true
	return f.text(row, e, func(s *Settings) *string { return &s.System }, func(text string) string {
		most := 0
		if i := f.settings.Info; i != nil {
			most = i.SystemLength
		}
		if n := utf8.RuneCountInString(text); most > 0 && n > most {
			return words.T("%s characters are too many; %s are the most. The text before stays in force.", words.Thousands(n), words.Thousands(most))
		}
		return ""
	})
}

// mirrorField is the address that models are downloaded from.
func (f *settingsForm) mirrorField() *field {
	e := newFormEntry()
	e.onFocus = func() { f.reveal(e) }
	row := newFormRow(words.T("Download address"), words.T("A mirror of the model hub to download from; empty is the hub itself."), e)
	row.wide, row.Hidden = true, !f.act.hasModels()
	x := f.text(row, e, func(s *Settings) *string { return &s.Mirror }, func(text string) string {
		if f.act.CheckMirror == nil {
			return ""
		}
		return f.act.CheckMirror(text)
	})
	show := x.show
	x.show = func(s Settings) {
		if s.Info != nil && s.Info.Hub != e.PlaceHolder {
			e.SetPlaceHolder(s.Info.Hub)
		}
		show(s)
	}
	return x
}

// text is a field for a text. wrong says why one cannot be taken, or nothing; the one before stays in force then.
func (f *settingsForm) text(row *formRow, e *formEntry, at func(*Settings) *string, wrong func(string) string) *field {
	shown, ever := "", false
	e.OnChanged = func(text string) {
		complaint := wrong(text)
		if row.say(complaint) {
			f.reflow()
		}
		if complaint == "" {
			shown, ever = text, true
			f.change(func(s *Settings) { *at(s) = text })
		}
	}
	return &field{
		row: row,
		show: func(s Settings) {
			if now := *at(&s); !ever || now != shown {
				shown, ever = now, true
				changed := e.OnChanged
				e.OnChanged = nil
				e.SetText(now)
				e.OnChanged = changed
				row.say("")
			}
		},
		isDefault: func(s Settings) bool { return *at(&s) == "" },
		reset:     func(s *Settings) { *at(s) = "" },
	}
}
