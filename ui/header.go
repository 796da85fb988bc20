package ui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// header is the bar at the top: the name, the model, a new chat and the settings.
type header struct {
	widget.BaseWidget
	act      Actions
	model    Model
	menu     *button // shows and hides the sidebar
	pill     *button
	newChat  *button
	help     *button
	settings *button
	sidebar  bool // it is shown, and has a button for a new chat
	loading  *progress
}

func headerHeight() float32 { return 10 + scaled(38) }

// headerDoes is what the window does for the header.
type headerDoes struct {
	openModel, showModels, showDiagnosis, openSettings, showHelp, toggleSidebar, newChat func()
}

func newHeader(act Actions, tips *tips, does headerDoes) *header {
	h := &header{act: act, loading: newProgress()}
	h.menu = newButton(quiet, "menu", "", does.toggleSidebar).withTip(tips, words.T("Show or hide the conversations (Ctrl+B)"))
	h.menu.Hidden = act.OpenConversation == nil
	h.pill = newButton(pill, "", words.T("No model"), nil).withTip(tips, words.T("Choose the model"))
	h.pill.tail = "chevron"
	h.pill.onTap = func() {
		var items []*fyne.MenuItem
		if act.hasModels() {
			items = append(items, fyne.NewMenuItem(words.T("Models…"), does.showModels), fyne.NewMenuItemSeparator())
		}
		if act.OpenModel != nil {
			items = append(items, fyne.NewMenuItem(words.T("Open a model…"), does.openModel))
		}
		if act.UseBuiltIn != nil {
			builtIn := fyne.NewMenuItem(words.T("Use the built-in model"), act.UseBuiltIn)
			builtIn.Checked = h.model.BuiltIn
			items = append(items, builtIn)
		}
		if act.Diagnose != nil {
			items = append(items, fyne.NewMenuItemSeparator(), fyne.NewMenuItem(words.T("Diagnostics…"), does.showDiagnosis))
		}
		d := fyne.CurrentApp().Driver()
		pos := d.AbsolutePositionForObject(h.pill).AddXY(0, h.pill.Size().Height+gap2)
		widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), d.CanvasForObject(h.pill), pos)
	}
	h.newChat = newButton(quiet, "chat", words.T("New chat"), does.newChat).withTip(tips, words.T("Begin a new conversation (Ctrl+N)"))
	h.help = newButton(quiet, "help", "", does.showHelp).withTip(tips, words.T("Keyboard shortcuts (F1)"))
	h.settings = newButton(quiet, "settings", "", does.openSettings).withTip(tips, words.T("Settings (Ctrl+,)"))
	h.newChat.Hidden, h.settings.Hidden = act.NewChat == nil, act.Settings == nil
	h.ExtendBaseWidget(h)
	return h
}

func (h *header) set(m Model) {
	h.model = m
	h.pill.text, h.pill.detail = m.Name, m.Detail
	if m.Name == "" {
		h.pill.text = words.T("No model")
	}
	if m.State != "" {
		h.pill.detail = m.State
		if m.Loading >= 0 && m.Loading <= 1 {
			h.pill.detail = words.T("%s %.0f %%", m.State, 100*m.Loading)
		}
	}
	if h.isLoading() {
		h.loading.set(m.Loading)
	} else {
		h.loading.stop()
	}
	h.pill.tip = h.pill.text
	if h.pill.detail != "" {
		h.pill.tip += "\n" + h.pill.detail
	}
	h.pill.Refresh()
	h.Refresh()
}

// setSidebar says whether the sidebar is shown.
func (h *header) setSidebar(shown bool) {
	if h.sidebar == shown {
		return
	}
	h.sidebar = shown
	setVisible(h.newChat, h.act.NewChat != nil && !shown)
	h.Refresh()
}

// shortenNewChat leaves its icon of the button for a new chat, where the model's name has no room otherwise.
func (h *header) shortenNewChat(room float32) {
	text := words.T("New chat")
	h.newChat.text = text
	for _, b := range []*button{h.newChat, h.help, h.settings} {
		if b.Visible() {
			room -= b.measure().Width + gap1
		}
	}
	if room < min(scaled(150), h.pill.measure().Width) {
		h.newChat.text = ""
	}
	h.newChat.Refresh()
}

// isLoading is false also for a model that is not there: nothing moves where nothing goes on.
func (h *header) isLoading() bool { return h.model.State != "" && h.model.Loading >= 0 }

func (h *header) CreateRenderer() fyne.WidgetRenderer {
	back, edge := newPanel(colorSide, "", 0), newPanel(colorLine, "", 0)
	name := newLabel("Galago", 16, colorAccent).bold()
	d := &drawing{objects: []fyne.CanvasObject{back.rect, edge.rect, h.menu, name.draw, h.pill, h.newChat, h.help, h.settings, h.loading}}
	d.min = func() fyne.Size { return fyne.NewSize(420, headerHeight()) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(edge.rect, 0, s.Height-1, s.Width, 1)
		x := gap5
		if m := h.menu.measure(); h.menu.Visible() {
			place(h.menu, gap3, (s.Height-m.Height)/2, m.Width, m.Height)
			x = gap3 + m.Width + gap2
		}
		n := name.size()
		name.place(x, 0, n.Width+1, s.Height)
		right := s.Width - gap3
		h.shortenNewChat(s.Width - x - n.Width - gap5)
		for _, b := range []*button{h.settings, h.help, h.newChat} {
			if b.Visible() {
				m := b.measure()
				right -= m.Width
				place(b, right, (s.Height-m.Height)/2, m.Width, m.Height)
				right -= gap1
			}
		}
		x += n.Width + gap5
		p := h.pill.MinSize()
		place(h.pill, x, (s.Height-p.Height)/2, min(p.Width, right-x-gap1), p.Height)
		setVisible(h.loading, h.isLoading())
		place(h.loading, 0, s.Height-2, s.Width, 2)
	}
	d.restyle = func() {
		for _, p := range []*panel{back, edge} {
			p.restyle()
		}
		name.restyle()
		d.layout(h.Size())
		canvas.Refresh(h)
	}
	return d
}

// bannerStrip is the line below the header: a hint or a problem, with one button.
type bannerStrip struct {
	widget.BaseWidget
	banner *Banner
	tips   *tips
	text   *still
	detail *prose
	button *button
	fold   *button
	cross  *button
	shown  bool // the detail
	onSize func()
}

func newBannerStrip(act Actions, tips *tips, onSize func()) *bannerStrip {
	b := &bannerStrip{tips: tips, onSize: onSize, text: newPlain(textSmall+1, colorText), detail: newSelectable(textSmall, colorMuted)}
	b.button = newButton(secondary, "", "", func() {
		switch {
		case b.banner == nil:
		case b.banner.Do != nil:
			b.banner.Do()
		case b.banner.Problem && act.Reload != nil:
			act.Reload()
		}
	})
	b.button.small = true
	b.fold = newButton(quiet, "", words.T("Details"), func() {
		b.shown = !b.shown
		b.onSize()
		b.Refresh()
	})
	b.fold.small = true
	b.cross = newButton(quiet, "close", "", func() {
		if b.banner != nil && b.banner.Dismiss != nil {
			b.banner.Dismiss()
		}
	}).withTip(tips, words.T("Dismiss"))
	b.cross.small = true
	b.ExtendBaseWidget(b)
	return b
}

func (b *bannerStrip) set(v *Banner) {
	b.banner, b.shown = v, false
	if v != nil {
		b.text.setText(v.Text)
		b.detail.setText(v.Detail)
		b.button.text = v.Label
		b.button.Refresh()
	}
	b.Refresh()
}

// leastBannerText is the width that buttons beside the text must leave to it. Otherwise they stand below.
const leastBannerText float32 = 240

// widths returns where the text begins, what it has, and whether the buttons stand below it.
func (b *bannerStrip) widths(width float32) (left, room float32, below bool) {
	all := min(width-2*gap5, columnWidth)
	left = (width - all) / 2
	all -= 28 + b.crossWidth()
	room = all
	if b.banner.Label != "" {
		room -= b.button.measure().Width + gap3
	}
	if b.banner.Detail != "" {
		room -= b.fold.measure().Width + gap1
	}
	if room < leastBannerText {
		return left, all, true
	}
	return left, room, false
}

// crossWidth is what the cross takes of the text's line, with the space before it.
func (b *bannerStrip) crossWidth() float32 {
	if b.banner.Dismiss == nil {
		return 0
	}
	return b.cross.measure().Width + gap1
}

func (b *bannerStrip) heightFor(width float32) float32 {
	if b.banner == nil {
		return 0
	}
	_, room, below := b.widths(width)
	h := max(b.text.heightFor(room), 24) + 2*gap2
	if below {
		h += gap1 + b.button.measure().Height
	}
	if b.shown {
		h += b.detail.heightFor(min(width-2*gap5, columnWidth)-28) + gap2
	}
	return h
}

func (b *bannerStrip) CreateRenderer() fyne.WidgetRenderer {
	back, edge := newPanel(colorTint, "", 0), newPanel(colorLine, "", 0)
	mark := newIcon("info", colorAccent)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, edge.rect, mark.image, b.text, b.fold, b.button, b.cross, b.detail}}
	d.min = func() fyne.Size { return fyne.NewSize(200, 0) }
	d.layout = func(s fyne.Size) {
		if b.banner == nil || s.Height == 0 {
			return
		}
		place(back.rect, 0, 0, s.Width, s.Height)
		place(edge.rect, 0, s.Height-1, s.Width, 1)
		left, room, below := b.widths(s.Width)
		h := b.text.heightFor(room)
		row := max(h, 24)
		place(mark.image, left, gap2+(row-18)/2, 18, 18)
		place(b.text, left+28, gap2+(row-h)/2, room, h)
		cross := b.cross.measure()
		setVisible(b.cross, b.banner.Dismiss != nil)
		place(b.cross, left+min(s.Width-2*gap5, columnWidth)-cross.Width, gap2+(row-cross.Height)/2, cross.Width, cross.Height)
		fold, size := b.fold.measure(), b.button.measure()
		y := gap2 + (row-size.Height)/2
		buttonX, foldX := left+28+room+gap3, left+28+room+gap1
		setVisible(b.fold, b.banner.Detail != "")
		setVisible(b.button, b.banner.Label != "")
		if b.banner.Detail != "" {
			buttonX += fold.Width + gap1
		}
		if below {
			y, row = gap2+row+gap1, row+gap1+size.Height
			buttonX = left + 28
			size.Width = min(size.Width, room)
			if b.banner.Detail != "" {
				size.Width = min(size.Width, room-fold.Width-gap1)
			}
			foldX = buttonX + size.Width + gap1
			if b.banner.Label == "" {
				foldX = buttonX
			}
		}
		place(b.fold, foldX, y, fold.Width, fold.Height)
		place(b.button, buttonX, y, size.Width, size.Height)
		setVisible(b.detail, b.shown)
		if b.shown {
			w := min(s.Width-2*gap5, columnWidth) - 28
			place(b.detail, left+28, gap2+row+gap1, w, b.detail.heightFor(w))
		}
	}
	d.restyle = func() {
		back.fill, mark.name, mark.color = colorTint, "info", colorAccent
		if b.banner != nil && b.banner.Problem {
			back.fill, mark.name, mark.color = colorAlarm, "warning", colorError
		}
		back.restyle()
		edge.restyle()
		mark.restyle()
		d.layout(b.Size())
		canvas.Refresh(b)
	}
	return d
}
