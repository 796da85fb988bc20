package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// searchField is a line to type what is looked for, with a cross that clears it.
type searchField struct {
	widget.BaseWidget
	entry    *searchEntry
	override *container.ThemeOverride
	cross    *button
	hint     string // what is looked for, in the place of a text
}

func newSearchField(tips *tips, hint string) *searchField {
	f := &searchField{entry: &searchEntry{}}
	f.entry.ExtendBaseWidget(f.entry)
	f.hint = hint
	f.entry.SetPlaceHolder(hint)
	f.entry.Scroll = container.ScrollHorizontalOnly
	f.entry.onFocus = func() { f.Refresh() }
	f.override = container.NewThemeOverride(f.entry, bare{fyne.CurrentApp().Settings().Theme()})
	f.cross = newButton(quiet, "close", "", func() {
		f.entry.SetText("")
		if c := fyne.CurrentApp().Driver().CanvasForObject(f); c != nil {
			c.Focus(f.entry)
		}
	}).withTip(tips, words.T("Clear the search"))
	f.cross.small = true
	f.cross.Hide()
	f.ExtendBaseWidget(f)
	return f
}

func (f *searchField) restyle() {
	f.override.Theme = bare{fyne.CurrentApp().Settings().Theme()}
	f.override.Refresh()
	f.cross.Refresh()
	f.Refresh()
}

// fitHint shows a shorter hint where there is no room for the whole one.
func (f *searchField) fitHint(width float32) {
	hint := f.hint
	if fyne.MeasureText(hint, scaled(textBody), fyne.TextStyle{}).Width > width-2*gap2 {
		hint = words.T("Search")
	}
	if f.entry.PlaceHolder != hint {
		f.entry.SetPlaceHolder(hint)
	}
}

func searchHeight() float32 { return scaled(34) }

func (f *searchField) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorRaised, "", radiusControl)
	mark := newIcon("search", colorMuted)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, mark.image, f.override, f.cross}}
	d.min = func() fyne.Size { return fyne.NewSize(80, searchHeight()) }
	d.layout = func(s fyne.Size) {
		icon := scaled(16)
		place(back.rect, 0, 0, s.Width, s.Height)
		place(mark.image, 10, (s.Height-icon)/2, icon, icon)
		cross := f.cross.measure()
		left := 10 + icon
		right := s.Width - cross.Width - gap1
		f.fitHint(right - left)
		h := f.override.MinSize().Height
		place(f.override, left, (s.Height-h)/2, right-left, h)
		place(f.cross, right, (s.Height-cross.Height)/2, cross.Width, cross.Height)
	}
	d.restyle = func() {
		back.stroke = ""
		if f.entry.focused {
			back.stroke = colorAccent
		}
		back.restyle()
		mark.restyle()
		setVisible(f.cross, f.entry.Text != "")
		d.layout(f.Size())
		canvas.Refresh(f)
	}
	return d
}

// searchEntry is the text of the field. It gives the list and the window the keys that are theirs.
type searchEntry struct {
	widget.Entry
	focused    bool
	onFocus    func()
	onKey      func(*fyne.KeyEvent) bool
	onShortcut func(fyne.Shortcut) bool
}

// FocusGained implements fyne.Focusable.
func (e *searchEntry) FocusGained() {
	e.focused = true
	e.Entry.FocusGained()
	e.onFocus()
}

// FocusLost implements fyne.Focusable.
func (e *searchEntry) FocusLost() {
	e.focused = false
	e.Entry.FocusLost()
	e.onFocus()
}

// TypedKey implements fyne.Focusable.
func (e *searchEntry) TypedKey(k *fyne.KeyEvent) {
	if !e.onKey(k) {
		e.Entry.TypedKey(k)
	}
}

// TypedShortcut implements fyne.Shortcutable. What edits text is the field's own.
func (e *searchEntry) TypedShortcut(s fyne.Shortcut) {
	own := false
	switch s.(type) {
	case *fyne.ShortcutPaste, *fyne.ShortcutRedo:
		own = true
	case *fyne.ShortcutUndo:
		own = e.Text != ""
	}
	if own || !e.onShortcut(s) {
		e.Entry.TypedShortcut(s)
	}
}
