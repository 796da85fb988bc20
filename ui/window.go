package ui

import (
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
)

// Window is Galago's window. All its methods belong to Fyne's main goroutine.
type Window struct {
	app fyne.App
	act Actions
	win fyne.Window

	settings   Settings
	sheet      *sheet        // of the settings, likewise
	form       *settingsForm // of the settings sheet, also after that was closed; nil before the first
	folder     fyne.URI      // of the file chosen last
	tips       *tips
	header     *header
	banner     *bannerStrip
	transcript *transcript
	queue      *queueChips
	composer   *composer
	gauge      *gaugeBar
	snack      *snackbar
	snackIn    *sheet // that shows snack; nil: the window itself does
	sidebar    *sidebar
	strip      *welcomeStrip // the first start, while a conversation is open
	models     Models
	modelsPage *modelsPage // nil: closed
	diagnosis  Diagnosis
	diagnosed  *diagnosisPage // nil: closed
	shade      *sideShade
	root       *fyne.Container

	sideWanted bool // the sidebar, where there is room beside it
	sideOver   bool // it lies over a narrow window
}

var _ View = (*Window)(nil)

// New builds the window without showing it.
func New(a fyne.App, act Actions) *Window { return newWindow(a, act, realClock) }

func newWindow(a fyne.App, act Actions, after clock) *Window {
	a.Settings().SetTheme(newLook("system"))
	w := &Window{app: a, act: act, win: a.NewWindow("Galago"), settings: Settings{MaxTokens: 768, Temperature: 0.7, Theme: "system"}}
	w.tips = newTips(after)
	w.header = newHeader(act, w.tips, headerDoes{
		openModel: w.openModel, showModels: w.ShowModels, showDiagnosis: w.ShowDiagnosis, openSettings: w.openSettings, showHelp: w.showHelp, toggleSidebar: w.toggleSidebar,
		newChat: w.newChat,
	})
	w.banner = newBannerStrip(act, w.tips, w.relayout)
	w.transcript = newTranscript(act, w.tips)
	w.strip = newWelcomeStrip(act)
	w.transcript.empty.welcome = newWelcomeCard(act, w.openModel)
	for _, b := range w.transcript.empty.welcome.buttons() {
		b.onFocus = func() { scrollInto(w.transcript.greet, b, gap4) }
	}
	w.queue = newQueueChips(act, w.tips)
	w.composer = newComposer(act, w.tips, w.choosePictures, w.relayout)
	w.composer.entry.onPage = w.transcript.page
	w.composer.entry.onShortcut = w.composerShortcut
	w.composer.entry.onKey = w.composerKey
	w.gauge = newGaugeBar(act, w.tips)
	w.snack = newSnackbar(after, w.placeSnack)
	w.sidebar = newSidebar(act, w.tips, after)
	w.sidebar.search.entry.onShortcut = w.shortcut
	w.sidebar.onLeave, w.sidebar.onOpened = w.focusComposer, w.sidebarLeft
	w.sidebar.onNewChat = w.newChat
	w.shade = newSideShade(func() { w.setSidebar(false) })
	w.root = container.New(windowLayout{w},
		w.transcript, w.header, w.banner, w.strip, w.queue, w.composer, w.gauge, w.shade, w.sidebar, w.snack, w.tips.layer)
	w.win.SetPadded(false)
	w.win.SetContent(w.root)
	w.win.Resize(fyne.NewSize(1200, 780))
	w.connect()
	return w
}

// connect takes what comes from the window rather than from a widget in it.
func (w *Window) connect() {
	w.win.SetOnDropped(func(_ fyne.Position, uris []fyne.URI) { w.dropped(uris) })
	if w.act.Quit != nil {
		w.win.SetOnClosed(w.act.Quit)
	}
	c := w.win.Canvas()
	for _, key := range windowKeys {
		c.AddShortcut(&key, func(s fyne.Shortcut) { w.shortcut(s) })
	}
	c.AddShortcut(&fyne.ShortcutUndo{}, func(fyne.Shortcut) { w.snack.accept() })
	c.AddShortcut(&fyne.ShortcutPaste{}, func(s fyne.Shortcut) {
		c.Focus(w.composer.entry)
		w.composer.entry.TypedShortcut(s)
	})
	c.SetOnTypedKey(w.typedKey)
	c.SetOnTypedRune(func(r rune) { // typing anywhere writes the question
		if c.Overlays().Top() == nil {
			c.Focus(w.composer.entry)
			w.composer.entry.TypedRune(r)
		}
	})
	c.Focus(w.composer.entry)
	w.app.Settings().AddListener(func(fyne.Settings) { w.restyle() })
}

// typedKey takes the keys that no focused widget wants.
func (w *Window) typedKey(e *fyne.KeyEvent) {
	switch top := w.win.Canvas().Overlays().Top().(type) {
	case *sheet:
		if !top.key(e) && e.Name == fyne.KeyEscape {
			top.hide()
		}
		return
	case *popover:
		switch e.Name {
		case fyne.KeyEscape:
			top.hide()
		case fyne.KeyUp, fyne.KeyDown:
			top.move(e)
		}
		return
	}
	switch e.Name {
	case fyne.KeyEscape:
		if w.sideOver {
			w.setSidebar(false)
			return
		}
		w.composer.cancelNow()
	case fyne.KeyF1, fyne.KeyF2:
		w.composerKey(e)
	case fyne.KeyPageUp:
		w.transcript.page(-0.9)
	case fyne.KeyPageDown:
		w.transcript.page(0.9)
	case fyne.KeyUp:
		w.transcript.page(-0.1)
	case fyne.KeyDown:
		w.transcript.page(0.1)
	case fyne.KeyEnd:
		w.transcript.follow()
	case fyne.KeyReturn, fyne.KeyEnter, fyne.KeyBackspace: // as typing anywhere writes the question
		if w.win.Canvas().Overlays().Top() == nil {
			w.focusComposer()
			w.composer.entry.TypedKey(e)
		}
	}
}

// composerKey takes the keys that mean the window also while a question is typed.
func (w *Window) composerKey(e *fyne.KeyEvent) bool {
	switch {
	case e.Name == fyne.KeyF1:
		w.showHelp()
	case e.Name == fyne.KeyF2 && w.sidebar.list.open != 0 && w.hasSidebar():
		w.setSidebar(true)
		w.sidebar.endSearch()
		w.sidebar.list.beginRename(w.sidebar.list.open)
	default:
		return false
	}
	return true
}

// composerShortcut runs what a shortcut means while a question is typed.
func (w *Window) composerShortcut(s fyne.Shortcut) bool {
	switch s := s.(type) {
	case *fyne.ShortcutPaste:
		if w.act.Paste == nil {
			return false
		}
		w.act.Paste(func() { w.composer.entry.pasteText(s) })
		return true
	case *fyne.ShortcutUndo: // of what was typed, if anything was
		return w.composer.entry.Text == "" && w.snack.accept()
	}
	return w.shortcut(s)
}

// windowKeys are the shortcuts of the window, whatever has the keyboard.
var windowKeys = []desktop.CustomShortcut{
	{KeyName: fyne.KeyN, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyO, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyF, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyK, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyB, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyM, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyL, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyComma, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeySlash, Modifier: fyne.KeyModifierShortcutDefault},
	{KeyName: fyne.KeyS, Modifier: fyne.KeyModifierShortcutDefault | fyne.KeyModifierShift},
}

// shortcut runs the window's own shortcuts and says whether it was one.
func (w *Window) shortcut(s fyne.Shortcut) bool {
	key, ok := s.(*desktop.CustomShortcut)
	if !ok || !slices.Contains(windowKeys, *key) {
		return false
	}
	if w.win.Canvas().Overlays().Top() != nil && key.KeyName != fyne.KeySlash {
		return true // what is open must be closed first
	}
	switch key.KeyName {
	case fyne.KeyN:
		w.newChat()
	case fyne.KeyO:
		w.choosePictures()
	case fyne.KeyF, fyne.KeyK:
		w.searchConversations()
	case fyne.KeyB:
		w.toggleSidebar()
	case fyne.KeyM:
		if w.act.hasModels() {
			w.ShowModels()
		}
	case fyne.KeyL:
		w.focusComposer()
	case fyne.KeyComma:
		if w.act.Settings != nil {
			w.openSettings()
		}
	case fyne.KeySlash:
		w.showHelp()
	case fyne.KeyS:
		if w.act.Screenshot != nil {
			w.act.Screenshot()
		}
	}
	return true
}

func (w *Window) newChat() {
	if w.act.NewChat != nil {
		w.act.NewChat()
		w.sidebarLeft()
	}
}

func (w *Window) focusComposer() { w.win.Canvas().Focus(w.composer.entry) }

// dropped takes files that were dropped on the window: models are opened, all else is taken for pictures.
func (w *Window) dropped(uris []fyne.URI) {
	var pictures, models []string
	for _, u := range uris {
		path := filepath.FromSlash(u.Path())
		if w.act.ImportModel != nil && strings.EqualFold(filepath.Ext(path), ".gguf") {
			models = append(models, path)
		} else {
			pictures = append(pictures, path)
		}
	}
	if len(models) > 0 {
		w.act.ImportModel(models)
	}
	if len(pictures) > 0 {
		w.attachPaths(pictures)
	}
}

// restyle follows a change of the theme, also where Fyne cannot see: turns out of sight and colours taken once.
func (w *Window) restyle() {
	w.composer.restyle()
	w.transcript.restyle()
	w.sidebar.restyle()
	w.snack.button.Refresh()
	for _, o := range []fyne.CanvasObject{
		w.header.menu, w.header.pill, w.header.newChat, w.header.help, w.header.settings, w.header, w.gauge.memory, w.gauge, w.snack, w.shade,
	} {
		o.Refresh()
	}
}

// relayout gives every part its height anew.
func (w *Window) relayout() { w.root.Refresh() }

// windowLayout stacks header, banner, transcript, queue, composer and gauge.
type windowLayout struct{ w *Window }

func (l windowLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(560, 360) }

func (l windowLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	w := l.w
	top := headerHeight()
	bottom := size.Height - gaugeHeight()
	left := l.layoutSidebar(size, top, bottom)
	room := size.Width - left
	column := min(columnWidth, room-2*gap5)
	x := left + (room-column)/2
	place(w.header, 0, 0, size.Width, headerHeight())
	b := w.banner.heightFor(room)
	setVisible(w.banner, b > 0)
	place(w.banner, left, top, room, b)
	top += b
	top += w.strip.fit(left, top, room, len(w.transcript.turns) > 0)
	place(w.gauge, 0, bottom, size.Width, gaugeHeight())
	h := w.composer.heightFor(column)
	bottom -= h + gap3
	place(w.composer, x, bottom, column, h)
	q := w.queue.heightFor(column)
	setVisible(w.queue, q > 0)
	if q > 0 {
		bottom -= q + gap2
		place(w.queue, x, bottom, column, q)
	}
	bottom -= gap2
	place(w.transcript, left, top, room, max(bottom-top, 0))
	if w.snackIn == nil {
		s := w.snack.fit(room)
		place(w.snack, left+(room-s.Width)/2, bottom-s.Height-gap2, s.Width, s.Height)
	}
	place(w.tips.layer, 0, 0, size.Width, size.Height)
}

// layoutSidebar puts the sidebar beside the conversation, or over it in a narrow window, and returns where the
// conversation begins.
func (l windowLayout) layoutSidebar(size fyne.Size, top, bottom float32) (left float32) {
	w := l.w
	narrow := size.Width < scaled(narrowWindow)
	if !narrow {
		w.sideOver = false
	}
	shown := w.hasSidebar() && (narrow && w.sideOver || !narrow && w.sideWanted)
	width := min(sideWidthIn(size.Width), size.Width-2*gap5)
	setVisible(w.sidebar, shown)
	setVisible(w.shade, shown && narrow)
	w.header.setSidebar(shown)
	if !shown {
		return 0
	}
	place(w.sidebar, 0, top, width, bottom-top)
	if narrow {
		place(w.shade, width, top, size.Width-width, bottom-top)
		return 0
	}
	return width
}

// Fyne is the window underneath, for dialogs of the application.
func (w *Window) Fyne() fyne.Window { return w.win }

// ShowAndRun shows the window and returns when the application ends.
func (w *Window) ShowAndRun() { w.win.ShowAndRun() }

// SetModel shows the loaded model.
func (w *Window) SetModel(m Model) {
	w.header.set(m)
	w.composer.setVision(m.Vision || m.Name == "")
}

// SetBanner shows a strip below the header; nil removes it.
func (w *Window) SetBanner(b *Banner) {
	w.banner.set(b)
	w.relayout()
}

// SetSamples sets the pictures of the empty state.
func (w *Window) SetSamples(samples []Sample) { w.transcript.empty.setSamples(samples) }

// SetAttachments shows the pictures of the composer.
func (w *Window) SetAttachments(list []Attachment) { w.composer.setAttachments(list) }

// SetComposerText replaces what is typed.
func (w *Window) SetComposerText(text string) {
	e := w.composer.entry
	if text == "" {
		e.folds = nil
	}
	text = e.fold(text)
	e.SetText(text)
	e.CursorRow, e.CursorColumn = strings.Count(text, "\n"), len([]rune(text[strings.LastIndexByte(text, '\n')+1:]))
	e.Refresh()
	if text != "" {
		w.win.Canvas().Focus(e) // so that Enter sends it
	}
}

// SetTurns shows a whole conversation, an empty one for a new chat.
func (w *Window) SetTurns(turns []Turn) {
	w.transcript.set(turns)
	w.fitWelcome()
}

// PutTurn adds a turn or replaces the one of the same ID.
func (w *Window) PutTurn(t Turn) {
	w.transcript.put(t)
	w.fitWelcome()
}

// SetQueue shows the waiting questions.
func (w *Window) SetQueue(turns []Turn) {
	w.queue.set(turns)
	w.relayout()
}

// SetBusy says whether Cancel has something to stop.
func (w *Window) SetBusy(busy bool) { w.composer.setBusy(busy) }

// SetGauge shows the memory. A reading equal to the last draws nothing.
func (w *Window) SetGauge(g Gauge) { w.gauge.set(g) }

// SetPanel sets what a click on the gauge opens; it draws only while that is open.
func (w *Window) SetPanel(p Panel) { w.gauge.setPanel(p) }

// SetMemory sets the entries of the memory menu.
func (w *Window) SetMemory(items []MemoryItem) { w.gauge.setItems(items) }

// Notify shows a short message that goes away by itself.
func (w *Window) Notify(text string) { w.snack.show(text) }
