package ui

import (
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"galago/assets/words"
)

// presetBar chooses among presets and names them.
type presetBar struct {
	form *settingsForm
	row  *formRow
	info *SettingsInfo

	list                 *formSelect
	save, rename, remove *button

	name    *formEntry
	ok, no  *button
	gone    string // the preset that was deleted last; its figures are still those in force
	renames string // the preset that gets another name; empty: the figures get one
	hint    string
	choose  *bar
	ask     *bar
}

func newPresetBar(f *settingsForm) *presetBar {
	p := &presetBar{form: f, info: &SettingsInfo{}}
	p.list = newFormSelect(nil, func(i int) {
		if f.act.UsePreset != nil {
			f.act.UsePreset(p.info.Presets[i].Name)
		}
	})
	p.list.PlaceHolder = words.T("Figures of your own")
	p.list.onFocus = func() { f.reveal(p.list) }
	p.save = newButton(secondary, "", words.T("Save as…"), func() { p.asks("") })
	p.rename = newButton(quiet, "", words.T("Rename…"), func() { p.asks(p.info.Preset) })
	p.remove = newButton(quiet, "", words.T("Delete"), func() {
		if f.act.DeletePreset != nil {
			p.gone = p.info.Preset
			f.act.DeletePreset(p.gone)
		}
	})
	p.name = newFormEntry()
	p.name.SetPlaceHolder(words.T("Name of the preset"))
	p.name.OnChanged = func(string) { p.judge() }
	p.name.OnSubmitted = func(string) { p.done() }
	p.ok = newButton(primary, "", words.T("Save"), p.done)
	p.no = newButton(quiet, "", words.T("Cancel"), p.back)
	p.choose, p.ask = newBar(170, p.list, p.save, p.rename, p.remove), newBar(170, p.name, p.ok, p.no)
	p.row = newFormRow(words.T("Preset"), words.T("A system prompt with the figures from temperature to repeat penalty, under a name."), p.choose)
	p.row.wide = true
	p.hint = p.row.hint.source
	p.ask.Hide()
	return p
}

// set shows what there is to choose from.
func (p *presetBar) set(info *SettingsInfo) {
	p.info = info
	var names []string
	chosen := -1
	for i, x := range info.Presets {
		names = append(names, x.Name)
		if x.Name == info.Preset {
			chosen = i
		}
	}
	p.list.put(names, chosen)
	own := chosen >= 0 && info.Presets[chosen].Own
	setVisible(p.rename, own)
	setVisible(p.remove, own)
	setVisible(p.save, chosen < 0)
	setVisible(p.row, len(names) > 0)
	if chosen >= 0 {
		p.gone = ""
	}
	hint := p.hint
	if p.gone != "" { // the window's own message with Undo is below the sheet
		hint = words.T("“%s” is deleted. Its figures are still in use: save them, and it is back.", p.gone)
	}
	p.row.hint.setText(hint)
}

// asks for a name: of the figures, or another one of a preset.
func (p *presetBar) asks(renames string) {
	p.renames = renames
	p.ok.text = words.T("Save")
	p.name.SetText(renames + p.gone) // one of them at most
	p.show(p.ask)
	p.judge()
	p.row.say("") // nothing is wrong yet
	p.focus(p.name)
}

// back ends asking.
func (p *presetBar) back() {
	p.show(p.choose)
	p.row.say("")
	p.focus(p.list)
}

func (p *presetBar) show(b *bar) {
	setVisible(p.choose, b == p.choose)
	setVisible(p.ask, b == p.ask)
	p.row.setControl(b)
	p.form.reflow()
}

func (p *presetBar) focus(o fyne.Focusable) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(p.form); c != nil {
		c.Focus(o)
	}
}

// judge says what is wrong with a name, and reports whether it can be taken.
func (p *presetBar) judge() bool {
	name := strings.TrimSpace(p.name.Text)
	at := slices.IndexFunc(p.info.Presets, func(x Preset) bool { return strings.EqualFold(x.Name, name) })
	taken := at >= 0 && p.info.Presets[at].Name != p.renames
	complaint, label := "", words.T("Save")
	switch most := p.info.PresetLength; {
	case name == "":
		complaint = words.T("A name is needed.")
	case most > 0 && utf8.RuneCountInString(name) > most:
		complaint = words.T("The name is too long: %d characters are the most.", most)
	case taken && (!p.info.Presets[at].Own || p.renames != ""):
		complaint = words.T("There is a preset of this name.")
	case taken:
		label = words.T("Replace")
	}
	if p.ok.text != label {
		p.ok.text = label
		p.ask.Refresh()
	}
	if p.row.say(complaint) {
		p.form.reflow()
	}
	return complaint == ""
}

// done takes the name.
func (p *presetBar) done() {
	if !p.judge() {
		return
	}
	name := strings.TrimSpace(p.name.Text)
	p.back()
	switch {
	case p.renames == "" && p.form.act.SavePreset != nil:
		p.form.act.SavePreset(name)
	case p.renames != "" && p.form.act.RenamePreset != nil:
		p.form.act.RenamePreset(p.renames, name)
	}
}
