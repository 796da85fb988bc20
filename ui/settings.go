package ui

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/layout"
	"fyne.io/fyne/v2/widget"
)

// settingsForm is the content of the settings sheet. Every change that is valid is told at once.
type settingsForm struct {
	settings Settings
	onChange func(Settings)

	tokens, seed *formEntry
	temperature  *formSlider
	value        *textLine
	theme        *choice
	free         *formCheck
	idle         *choice
	idleMinutes  []int // of the choice
	wrong        *textLine
	box          *fyne.Container
}

// Limits of an answer's length, in tokens.
const minTokens, maxTokens = 16, 8192

var themeNames = []struct{ value, label string }{{"system", "Like the system"}, {"light", "Light"}, {"dark", "Dark"}}

func newSettingsForm(s Settings, onChange func(Settings)) *settingsForm {
	f := &settingsForm{settings: s, onChange: onChange}
	f.tokens = newFormEntry()
	f.tokens.SetText(strconv.Itoa(s.MaxTokens))
	f.seed = newFormEntry()
	f.seed.SetPlaceHolder("random")
	if s.Seed != 0 {
		f.seed.SetText(strconv.FormatUint(uint64(s.Seed), 10))
	}
	f.temperature = newFormSlider(0, 2, 0.05)
	f.temperature.SetValue(s.Temperature)
	f.value = newTextLine(temperatureText(s.Temperature), textBody, colorText)
	var labels []string
	for _, t := range themeNames {
		labels = append(labels, t.label)
	}
	f.theme = newChoice(labels, func(int) { f.read() })
	for i, t := range themeNames {
		if t.value == s.Theme {
			f.theme.choose(i)
		}
	}
	f.free = newFormCheck("Free working memory after every answer", s.FreeAfterAnswer, func() { f.read() })
	f.makeIdle(s.IdleMinutes)
	f.wrong = newTextLine("", textSmall, colorError)
	f.tokens.OnChanged = func(string) { f.read() }
	f.seed.OnChanged = func(string) { f.read() }
	f.temperature.OnChanged = func(v float64) {
		f.value.set(temperatureText(v))
		f.read()
	}
	f.box = container.New(
		layout.NewCustomPaddedVBoxLayout(9),
		settingRow("Longest answer", "in tokens; a token is about three quarters of a word", f.tokens),
		settingRow("Temperature", "0 always takes the likeliest word, higher varies more", container.NewBorder(nil, nil, nil, f.value, f.temperature)),
		settingRow("Seed", "the same number and temperature give the same answer; empty is random", f.seed),
		settingRow("Look", "", f.theme),
		settingRow("Unload the model when idle", "after so many minutes without a question; the next one loads it again", f.idle),
		f.freeRow(s.FreeCost),
		f.wrong,
	)
	return f
}

// makeIdle offers some spans, and the one that is set where it is none of them.
func (f *settingsForm) makeIdle(now int) {
	f.idleMinutes = []int{0, 5, 15, 30, 60}
	if !slices.Contains(f.idleMinutes, now) && now > 0 {
		f.idleMinutes = append(f.idleMinutes, now)
		slices.Sort(f.idleMinutes)
	}
	labels := []string{"Never"}
	for _, m := range f.idleMinutes[1:] {
		labels = append(labels, strconv.Itoa(m)+" min")
	}
	f.idle = newChoice(labels, func(int) { f.read() })
	f.idle.choose(max(slices.Index(f.idleMinutes, now), 0))
}

// freeRow is the check box with what it costs below.
func (f *settingsForm) freeRow(cost string) fyne.CanvasObject {
	hint := "smaller between the questions, slower at the next one"
	if cost != "" {
		hint = cost
	}
	below := container.New(layout.NewCustomPaddedLayout(0, 0, 30, 0), newTextLine(hint, textSmall, colorMuted))
	return container.New(tightRows, f.free, below)
}

func temperatureText(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', 2, 64) }

func settingRow(name, hint string, field fyne.CanvasObject) fyne.CanvasObject {
	title := newTextLine(name, textBody, colorText)
	title.l.bold()
	rows := []fyne.CanvasObject{title}
	if hint != "" {
		rows = append(rows, newTextLine(hint, textSmall, colorMuted))
	}
	return container.New(tightRows, append(rows, field)...)
}

// tightRows keeps a field close to the words above it.
var tightRows = layout.NewCustomPaddedVBoxLayout(3)

// read tells the settings when all fields hold something valid, and says what does not.
func (f *settingsForm) read() {
	s := f.settings
	f.say("")
	n, err := strconv.Atoi(strings.TrimSpace(f.tokens.Text))
	if err != nil || n < minTokens || n > maxTokens {
		f.say("The longest answer must be a number from 16 to 8192.")
		return
	}
	s.MaxTokens = n
	s.Seed = 0
	if text := strings.TrimSpace(f.seed.Text); text != "" {
		seed, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			f.say("The seed must be a whole number up to 4294967295, or empty.")
			return
		}
		s.Seed = uint32(seed)
	}
	s.Temperature = math.Round(f.temperature.Value*100) / 100
	s.Theme = themeNames[f.theme.chosen].value
	s.FreeAfterAnswer = f.free.Checked
	s.IdleMinutes = f.idleMinutes[f.idle.chosen]
	if s != f.settings {
		f.settings = s
		f.onChange(s)
	}
}

func (f *settingsForm) say(text string) { f.wrong.set(text) }

// formEntry is an entry that leaves Esc to the sheet around it.
type formEntry struct{ widget.Entry }

func newFormEntry() *formEntry {
	e := &formEntry{}
	e.ExtendBaseWidget(e)
	return e
}

func (e *formEntry) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		keyElsewhere(e, k)
		return
	}
	e.Entry.TypedKey(k)
}

// formCheck is a check box that leaves Esc to the sheet around it.
type formCheck struct{ widget.Check }

func newFormCheck(text string, checked bool, onChange func()) *formCheck {
	c := &formCheck{}
	c.Text, c.Checked = text, checked
	c.OnChanged = func(bool) { onChange() }
	c.ExtendBaseWidget(c)
	return c
}

func (c *formCheck) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		keyElsewhere(c, k)
		return
	}
	c.Check.TypedKey(k)
}

// formSlider is a slider that leaves Esc to the sheet around it.
type formSlider struct{ widget.Slider }

func newFormSlider(low, high, step float64) *formSlider {
	s := &formSlider{}
	s.Min, s.Max, s.Step = low, high, step
	s.ExtendBaseWidget(s)
	return s
}

func (s *formSlider) TypedKey(k *fyne.KeyEvent) {
	if k.Name == fyne.KeyEscape {
		keyElsewhere(s, k)
		return
	}
	s.Slider.TypedKey(k)
}

// textLine is a label as a widget, for containers.
type textLine struct {
	widget.BaseWidget
	l *label
}

func newTextLine(text string, size float32, color fyne.ThemeColorName) *textLine {
	t := &textLine{l: newLabel(text, size, color)}
	t.ExtendBaseWidget(t)
	return t
}

func (t *textLine) set(text string) {
	t.l.set(text)
	t.Refresh()
}

func (t *textLine) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{objects: []fyne.CanvasObject{t.l.draw}}
	d.min = func() fyne.Size { return fyne.NewSize(t.l.size().Width, textHeight(t.l.draw.TextSize)) }
	d.layout = func(s fyne.Size) { t.l.place(0, 0, max(s.Width, 1), s.Height) }
	d.restyle = func() {
		t.l.restyle()
		d.layout(t.Size())
		canvas.Refresh(t)
	}
	return d
}

// choice is a row of buttons of which one is chosen.
type choice struct {
	widget.BaseWidget
	buttons []*button
	chosen  int
}

func newChoice(labels []string, onChange func(int)) *choice {
	c := &choice{}
	for i, text := range labels {
		c.buttons = append(c.buttons, newButton(quiet, "", text, func() {
			if c.chosen != i {
				c.choose(i)
				onChange(i)
			}
		}))
	}
	c.ExtendBaseWidget(c)
	c.choose(0)
	return c
}

func (c *choice) choose(n int) {
	c.chosen = n
	for i, b := range c.buttons {
		b.kind = quiet
		if i == n {
			b.kind = pill
		}
		b.Refresh()
	}
}

// measure is the smallest size. Unlike MinSize it needs no renderer.
func (c *choice) measure() fyne.Size {
	var widest fyne.Size
	for _, b := range c.buttons {
		m := b.measure()
		if b.small {
			m.Width += gap2
		}
		widest = widest.Max(m)
	}
	return fyne.NewSize(widest.Width*float32(len(c.buttons)), widest.Height)
}

func (c *choice) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel("", colorLine, radiusControl)
	objects := []fyne.CanvasObject{back.rect}
	for _, b := range c.buttons {
		objects = append(objects, b)
	}
	d := &drawing{objects: objects}
	d.min = c.measure
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		w := s.Width / float32(len(c.buttons))
		for i, b := range c.buttons {
			place(b, float32(i)*w, 0, w, s.Height)
		}
	}
	d.restyle = func() {
		back.restyle()
		canvas.Refresh(c)
	}
	return d
}
