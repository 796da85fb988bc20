package ui

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// composer is the card where a question is written: pictures above, text below, the buttons at its right.
type composer struct {
	widget.BaseWidget
	act    Actions
	tips   *tips
	onSize func() // its height changed
	choose func() // opens the dialog for pictures

	entry     *questionEntry
	override  *container.ThemeOverride
	attach    *button
	cancel    *button
	send      *button
	files     *container.Scroll
	fileBox   *fileGrid
	refused   *still // why pictures cannot be used
	width     float32
	height    float32
	busy      bool
	noPicture bool
}

const maxRows = 8 // of the entry, before it scrolls

func newComposer(act Actions, tips *tips, choose, onSize func()) *composer {
	c := &composer{act: act, tips: tips, choose: choose, onSize: onSize}
	c.entry = newQuestionEntry()
	c.entry.SetPlaceHolder(words.T("Ask about a picture"))
	c.entry.onSend = c.sendNow
	c.entry.onCancel = c.cancelNow
	c.entry.onPaths = func(paths []string) {
		if act.Attach != nil {
			act.Attach(paths)
		}
	}
	c.entry.OnChanged = func(text string) {
		c.resized()
		if act.Edited != nil {
			act.Edited(c.entry.unfold(text))
		}
	}
	c.entry.onFocus = func() { c.Refresh() }
	c.override = container.NewThemeOverride(c.entry, bare{fyne.CurrentApp().Settings().Theme()})
	c.entry.onPaste = act.Paste
	c.attach = newButton(quiet, "plus", "", c.showAttach).withTip(tips, words.T("Add pictures (Ctrl+O)"))
	c.cancel = newButton(secondary, "", words.T("Cancel"), c.cancelNow).withTip(tips, words.T("Stop the answer (Esc)"))
	c.cancel.Disable()
	c.send = newButton(primary, "", words.T("Send"), c.sendNow).withTip(tips, words.T("Send the question (Enter)"))
	c.fileBox = newFileGrid(act, tips)
	c.fileBox.onEmpty = func() {
		if canvas := fyne.CurrentApp().Driver().CanvasForObject(c); canvas != nil {
			canvas.Focus(c.entry)
		}
	}
	c.files = container.NewVScroll(c.fileBox)
	c.refused = newPlain(textSmall, colorMuted)
	c.refused.setText(words.T("This model reads text only: it cannot see pictures."))
	c.ExtendBaseWidget(c)
	return c
}

func (c *composer) sendNow() {
	if c.act.Send != nil {
		c.act.Send(c.entry.whole())
	}
}

func (c *composer) cancelNow() {
	if c.busy && c.act.Cancel != nil {
		c.act.Cancel()
	}
}

func (c *composer) setBusy(busy bool) {
	c.busy = busy
	if busy {
		c.cancel.Enable()
	} else {
		c.cancel.Disable()
	}
}

func (c *composer) setAttachments(list []Attachment) {
	c.fileBox.set(list)
	place := words.T("Ask about a picture")
	switch {
	case len(list) == 1:
		place = words.T("Ask about the picture")
	case len(list) > 1:
		place = words.T("Ask about the pictures")
	case c.noPicture:
		place = words.T("Ask something")
	}
	if c.entry.PlaceHolder != place {
		c.entry.SetPlaceHolder(place)
	}
	c.resized()
}

// setVision says whether the model sees pictures.
func (c *composer) setVision(vision bool) {
	if c.noPicture == !vision {
		return
	}
	c.noPicture = !vision
	if vision {
		c.attach.Enable()
	} else {
		c.attach.Disable()
	}
	c.setAttachments(c.fileBox.list)
}

func (c *composer) resized() {
	w := c.width
	if w == 0 {
		return
	}
	before := c.height
	c.width = 0
	if c.heightFor(w) != before {
		c.onSize()
	}
	c.Refresh()
}

const composerPad float32 = 10

// buttonHeight() is of the buttons beside what is typed, and the width of the one that has only an icon.
func buttonHeight() float32 { return scaled(34) }

// entryWidth is what the text has between the attach button and the other two.
func (c *composer) entryWidth(width float32) float32 {
	return width - 2*composerPad - buttonHeight() - 2*gap2 - c.cancel.MinSize().Width - c.send.MinSize().Width - gap2
}

func (c *composer) heightFor(width float32) float32 {
	if c.width == width {
		return c.height
	}
	c.width = width
	c.entry.setRowsFor(c.entryWidth(width))
	h := composerPad
	if files := c.filesHeight(width); files > 0 {
		h += files + gap2
	}
	if c.noPicture {
		h += c.refused.heightFor(width-2*composerPad-gap2) + gap1
	}
	h += max(c.override.MinSize().Height, buttonHeight()) + composerPad
	c.height = h
	return h
}

// filesHeight is what the pictures take: all of them up to nearly three rows, then they scroll.
func (c *composer) filesHeight(width float32) float32 {
	if len(c.fileBox.list) == 0 {
		return 0
	}
	most := 2.75 * (fileHeight() + fileGap)
	c.fileBox.inset = 0
	all := c.fileBox.heightFor(width - 2*composerPad)
	if all > most {
		c.fileBox.inset = gap3
	}
	return min(all, most)
}

func (c *composer) CreateRenderer() fyne.WidgetRenderer {
	card := newPanel(colorSurface, colorLine, radiusCard)
	d := &drawing{objects: []fyne.CanvasObject{card.rect, c.files, c.refused, c.attach, c.override, c.cancel, c.send}}
	d.min = func() fyne.Size { return fyne.NewSize(300, c.height) }
	d.layout = func(s fyne.Size) {
		c.heightFor(s.Width)
		place(card.rect, 0, 0, s.Width, s.Height)
		y := composerPad
		files := c.filesHeight(s.Width)
		setVisible(c.files, files > 0)
		if files > 0 {
			place(c.files, composerPad, y, s.Width-2*composerPad, files)
			y += files + gap2
		}
		setVisible(c.refused, c.noPicture)
		if c.noPicture {
			w := s.Width - 2*composerPad - gap2
			h := c.refused.heightFor(w)
			place(c.refused, composerPad+gap2, y, w, h)
			y += h + gap1
		}
		rest := s.Height - y - composerPad
		bottom := y + rest - buttonHeight()
		place(c.attach, composerPad, bottom, buttonHeight(), buttonHeight())
		entry := c.override.MinSize().Height
		place(c.override, composerPad+buttonHeight()+gap1, y+(rest-entry)/2, c.entryWidth(s.Width)+gap1, entry)
		sw, cw := c.send.MinSize().Width, c.cancel.MinSize().Width
		place(c.send, s.Width-composerPad-sw, bottom, sw, buttonHeight())
		place(c.cancel, s.Width-composerPad-sw-gap2-cw, bottom, cw, buttonHeight())
	}
	d.restyle = func() {
		card.stroke = colorLine
		if c.entry.hasFocus {
			card.stroke = colorEdge
		}
		card.restyle()
		d.layout(c.Size())
		canvas.Refresh(c)
	}
	return d
}

// restyle follows a change of the theme.
func (c *composer) restyle() {
	c.override.Theme = bare{fyne.CurrentApp().Settings().Theme()}
	c.override.Refresh()
	for _, b := range []*button{c.attach, c.cancel, c.send} {
		b.Refresh()
	}
	c.resized() // the text may have another size
	c.Refresh()
}

// shiftEntry is an entry that knows whether Shift is held, for what Enter means.
type shiftEntry struct {
	widget.Entry
	shift bool
}

var _ desktop.Keyable = (*shiftEntry)(nil)

// KeyDown implements desktop.Keyable.
func (e *shiftEntry) KeyDown(k *fyne.KeyEvent) {
	e.shift = e.shift || isShift(k)
	e.Entry.KeyDown(k)
}

// KeyUp implements desktop.Keyable.
func (e *shiftEntry) KeyUp(k *fyne.KeyEvent) {
	e.shift = e.shift && !isShift(k)
	e.Entry.KeyUp(k)
}

// FocusLost implements fyne.Focusable.
func (e *shiftEntry) FocusLost() {
	e.shift = false
	e.Entry.FocusLost()
}

// questionEntry is the text of the composer: Enter sends, Shift+Enter begins a line, Esc cancels, and pasting paths
// of files attaches them.
type questionEntry struct {
	shiftEntry
	onSend, onCancel, onFocus func()
	onPaths                   func([]string)
	folds                     []folded            // long texts that stand in it as marks
	onPaste                   func(text func())   // takes a picture from the clipboard, or calls text; nil: there is only text
	onPage                    func(share float32) // scrolls the transcript
	onShortcut                func(fyne.Shortcut) bool
	onKey                     func(*fyne.KeyEvent) bool // takes a key of the window's, such as F1
	hasFocus                  bool
	rows                      int
}

func newQuestionEntry() *questionEntry {
	e := &questionEntry{rows: 1}
	e.MultiLine = true
	e.Wrapping = fyne.TextWrapWord
	e.Scroll = container.ScrollVerticalOnly
	e.ExtendBaseWidget(e)
	e.SetMinRowsVisible(1)
	return e
}

// setRowsFor makes the entry as high as its text needs at a width.
func (e *questionEntry) setRowsFor(width float32) {
	lines, _ := flow([]span{{text: e.Text}}, width-2*theme.InnerPadding()-1, face{size: textBody})
	if n := min(max(len(lines), 1), maxRows); n != e.rows {
		e.rows = n
		e.SetMinRowsVisible(n)
	}
}

func (e *questionEntry) FocusGained() {
	e.hasFocus = true
	e.Entry.FocusGained()
	e.focusChanged()
}

func (e *questionEntry) FocusLost() {
	e.hasFocus = false
	e.shiftEntry.FocusLost()
	e.focusChanged()
}

func (e *questionEntry) focusChanged() {
	if e.onFocus != nil {
		e.onFocus()
	}
}

func (e *questionEntry) TypedKey(k *fyne.KeyEvent) {
	if e.onKey != nil && e.onKey(k) {
		return
	}
	switch k.Name {
	case fyne.KeyReturn, fyne.KeyEnter:
		if e.shift {
			e.Entry.TypedKey(k)
		} else {
			e.onSend()
		}
	case fyne.KeyEscape:
		e.onCancel()
	case fyne.KeyPageUp, fyne.KeyPageDown:
		if e.onPage != nil {
			share := float32(0.9)
			if k.Name == fyne.KeyPageUp {
				share = -share
			}
			e.onPage(share)
		}
	default:
		e.Entry.TypedKey(k)
	}
}

// AcceptsTab lets Tab leave the entry, for the keyboard's way through the window.
func (e *questionEntry) AcceptsTab() bool { return false }

func (e *questionEntry) TypedShortcut(s fyne.Shortcut) {
	if paste, ok := s.(*fyne.ShortcutPaste); ok {
		if e.onPaste != nil {
			e.onPaste(func() { e.pasteText(paste) })
		} else {
			e.pasteText(paste)
		}
		return
	}
	if e.onShortcut != nil && e.onShortcut(s) {
		return
	}
	e.Entry.TypedShortcut(s)
}

// pasteText pastes text, or attaches the files whose paths it is.
func (e *questionEntry) pasteText(paste *fyne.ShortcutPaste) {
	if e.onPaths != nil {
		if paths := pastedPaths(paste.Clipboard.Content()); len(paths) > 0 {
			e.onPaths(paths)
			return
		}
	}
	e.Entry.TypedShortcut(&fyne.ShortcutPaste{Clipboard: oneText(e.fold(paste.Clipboard.Content()))})
}

// pastedPaths returns the paths in a pasted text: absolute paths or file URIs, one a line, as file managers copy
// them. It returns none when a line is anything else, so that a question that names a path stays a text.
func pastedPaths(text string) []string {
	var paths []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = strings.Trim(strings.TrimSpace(line), `"'`)
		switch {
		case line == "" || line == "copy" || line == "cut" || line == "x-special/nautilus-clipboard":
			continue // written by file managers before the list
		case strings.HasPrefix(line, "file://"):
			u, err := url.Parse(line)
			if err != nil || u.Path == "" {
				return nil
			}
			path := u.Path
			if len(path) > 2 && path[0] == '/' && path[2] == ':' { // file:///C:/…
				path = path[1:]
			}
			paths = append(paths, filepath.FromSlash(path))
		case filepath.IsAbs(line) && filepath.Ext(line) != "" && !strings.HasSuffix(line, "."):
			paths = append(paths, line)
		default:
			return nil
		}
	}
	return paths
}

// fileGrid holds the pictures of the composer in one to three columns.
type fileGrid struct {
	widget.BaseWidget
	act   Actions
	tips  *tips
	list  []Attachment
	cards []*fileCard
	inset float32 // at the right, for the scroll bar

	onEmpty func() // the last picture was taken away with the keyboard
}

const fileGap float32 = 6

func fileHeight() float32 { return 2 + 3*fileLine() }

func fileLine() float32 { return scaled(18) }

func newFileGrid(act Actions, tips *tips) *fileGrid {
	g := &fileGrid{act: act, tips: tips}
	g.ExtendBaseWidget(g)
	return g
}

// set shows a list, keeping the cards of the pictures that stay.
func (g *fileGrid) set(list []Attachment) {
	old := map[uint64]*fileCard{}
	for _, c := range g.cards {
		old[c.file.ID] = c
	}
	g.list, g.cards = list, nil
	for _, a := range list {
		c := old[a.ID]
		if c == nil {
			c = newFileCard(g.act, g.tips)
			c.grid = g
		}
		c.set(a)
		g.cards = append(g.cards, c)
	}
	g.Refresh()
}

// cardWidth is the least that a card needs beside another one for its figures to be read.
const cardWidth float32 = 300

// columns is how many cards stand beside each other.
func (g *fileGrid) columns(width float32) int {
	return min(len(g.list), max(int((width+gap2)/(cardWidth+gap2)), 1), 2)
}

// arrange puts the cards in rows, placing them when move is set, and returns where they end. A row is as high as its
// highest card.
func (g *fileGrid) arrange(width float32, move bool) float32 {
	width -= g.inset
	n := max(g.columns(width), 1)
	w := (width - float32(n-1)*gap2) / float32(n)
	y := float32(0)
	for row := range slices.Chunk(g.cards, n) {
		h := float32(0)
		for i, c := range row {
			own := c.heightFor(w)
			if move {
				place(c, float32(i)*(w+gap2), y, w, own)
			}
			h = max(h, own)
		}
		y += h + fileGap
	}
	return max(y-fileGap, 0)
}

func (g *fileGrid) heightFor(width float32) float32 { return g.arrange(width, false) }

func (g *fileGrid) CreateRenderer() fyne.WidgetRenderer { return &gridRenderer{g} }

type gridRenderer struct{ g *fileGrid }

func (r *gridRenderer) Destroy() {}

func (r *gridRenderer) Layout(s fyne.Size) { r.g.arrange(s.Width, true) }

func (r *gridRenderer) MinSize() fyne.Size {
	w := r.g.Size().Width
	if w == 0 {
		w = columnWidth
	}
	return fyne.NewSize(100, r.g.heightFor(w))
}

func (r *gridRenderer) Objects() []fyne.CanvasObject {
	var o []fyne.CanvasObject
	for _, c := range r.g.cards {
		o = append(o, c)
	}
	return o
}

func (r *gridRenderer) Refresh() {
	r.Layout(r.g.Size())
	canvas.Refresh(r.g)
}

// fileCard shows one picture of the composer: thumbnail, name, what it costs or what is wrong, how closely it is looked
// at, and the cross.
type fileCard struct {
	widget.BaseWidget
	act     Actions
	file    Attachment
	tips    *tips
	grid    *fileGrid // nil: it stands alone
	thumb   *fileThumb
	dragged bool
	remove  *button
	details *choice // where there is room, else drop
	drop    *button
	ways    choiceButtons // out of a problem
}

func newFileCard(act Actions, tips *tips) *fileCard {
	c := &fileCard{act: act, tips: tips}
	c.thumb = newFileThumb(c)
	c.remove = newButton(quiet, "close", "", func() {
		if act.Detach != nil {
			act.Detach(c.file.ID)
		}
	}).withTip(tips, words.T("Remove this picture"))
	c.remove.small = true
	c.drop = newButton(pill, "", "", c.showDetails).withTip(tips, words.T("How closely the model looks at this picture"))
	c.drop.small, c.drop.tail = true, "chevron"
	c.ExtendBaseWidget(c)
	return c
}

func (c *fileCard) set(a Attachment) {
	if !slices.Equal(a.Details, c.file.Details) || a.ID != c.file.ID {
		c.makeDetails(a.Details)
	}
	c.file = a
	c.thumb.set(a.Thumb)
	c.drop.text = detailName(a.Detail)
	c.drop.Refresh()
	if i := slices.Index(a.Details, a.Detail); c.details != nil && i >= 0 && i != c.details.chosen {
		c.details.choose(i)
	}
	var ways []Choice
	if a.Problem != nil {
		ways = a.Problem.Choices
	}
	c.ways.set(ways, true, func(i int) { c.file.Problem.Choices[i].Do() })
	c.Refresh()
}

// detailNames are the words for the details, with what each of them means.
func detailNames() map[string]struct{ name, tip string } {
	return map[string]struct{ name, tip string }{
		"low":  {words.T("Low"), words.T("Fewer picture tokens: quicker and less memory; small print is lost")},
		"":     {words.T("Auto"), words.T("As many picture tokens as the model was opened with")},
		"high": {words.T("High"), words.T("As many picture tokens as the model and memory allow")},
	}
}

func detailName(detail string) string {
	if n := detailNames()[detail].name; n != "" {
		return n
	}
	return detail
}

// makeDetails makes the row of details; there is none where there is nothing to choose.
func (c *fileCard) makeDetails(details []string) {
	c.details = nil
	if len(details) < 2 || c.act.Detail == nil {
		return
	}
	var names []string
	for _, d := range details {
		names = append(names, detailName(d))
	}
	c.details = newChoice(names, func(i int) { c.act.Detail(c.file.ID, c.file.Details[i]) })
	for i, b := range c.details.buttons {
		b.small = true
		b.withTip(c.tips, detailNames()[details[i]].tip)
	}
}

func (c *fileCard) detailItems() []*fyne.MenuItem {
	var items []*fyne.MenuItem
	for _, d := range c.file.Details {
		i := fyne.NewMenuItem(detailName(d), func() { c.act.Detail(c.file.ID, d) })
		i.Checked = d == c.file.Detail
		items = append(items, i)
	}
	return items
}

// showDetails opens the menu of details, for a card that has no room for the row.
func (c *fileCard) showDetails() {
	driver := fyne.CurrentApp().Driver()
	pos := driver.AbsolutePositionForObject(c.drop).AddXY(0, c.drop.Size().Height+gap1)
	widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", c.detailItems()...), driver.CanvasForObject(c.drop), pos)
}

// wideCard is the width from which on a card has the row of details beside its text.
const wideCard float32 = 480

func (c *fileCard) heightFor(width float32) float32 {
	if len(c.ways.buttons) == 0 {
		return fileHeight()
	}
	x := fileHeight() + 10
	return max(fileHeight(), 6+2*fileLine()+c.ways.arrange(0, 0, width-x, false))
}

// line is the second line: the cost, or what is wrong in its place.
func (c *fileCard) line() (string, fyne.ThemeColorName) {
	if p := c.file.Problem; p != nil {
		if p.Title != "" {
			return p.Title, colorError
		}
		return p.Text, colorError
	}
	if c.file.Info == "" {
		return words.T("Reading…"), colorMuted
	}
	return c.file.Info, colorMuted
}

// lines are the second and the third line for a width: all on one where it fits, else the cost on a line of its own.
func (c *fileCard) lines(width float32) (first, rest string) {
	text, _ := c.line()
	fits := func(s string) bool { return fyne.MeasureText(s, scaled(textSmall), fyne.TextStyle{}).Width <= width }
	if cost := c.file.Cost; cost != "" && c.file.Problem == nil && c.file.Info != "" {
		if all := text + between + cost; !fits(text) || fits(all) {
			return splitInfo(all, width)
		}
		return text, cost
	}
	return splitInfo(text, width)
}

// between stands between two facts of a line.
const between = " · "

// splitInfo breaks a line of facts between two of them, where it is too long for a width.
func splitInfo(text string, width float32) (first, rest string) {
	if fyne.MeasureText(text, scaled(textSmall), fyne.TextStyle{}).Width <= width {
		return text, ""
	}
	for i := len(text); i > 0; {
		i = strings.LastIndex(text[:i], between)
		if i > 0 && fyne.MeasureText(text[:i], scaled(textSmall), fyne.TextStyle{}).Width <= width {
			return text[:i], text[i+len(between):]
		}
	}
	return text, ""
}

// tip is everything, for where the card cuts it.
func (c *fileCard) tip() string {
	text, _ := c.line()
	tip := c.file.Name + "\n" + text
	if c.file.Cost != "" && c.file.Problem == nil {
		tip += "\n" + c.file.Cost
	}
	if p := c.file.Problem; p != nil && p.Title != "" {
		tip += "\n" + p.Text
		if p.Action != "" {
			tip += "\n" + p.Action
		}
	}
	return tip
}

func (c *fileCard) MouseIn(*desktop.MouseEvent)    { c.tips.showSoon(c, c.tip()) }
func (c *fileCard) MouseMoved(*desktop.MouseEvent) {}
func (c *fileCard) MouseOut()                      { c.tips.hide() }

func (c *fileCard) CreateRenderer() fyne.WidgetRenderer {
	name := newLabel("", textSmall+1, colorText).bold()
	info, more := newLabel("", textSmall, colorMuted), newLabel("", textSmall, colorMuted)
	mark := newIcon("warning", colorError)
	back := newPanel("", "", radiusControl) // under the card while it is dragged
	d := &drawing{}
	objects := func() []fyne.CanvasObject {
		o := []fyne.CanvasObject{back.rect, c.thumb, mark.image, name.draw, info.draw, more.draw, c.remove, c.drop}
		if c.details != nil {
			o = append(o, c.details)
		}
		return c.ways.objects(o)
	}
	d.objects = objects()
	d.min = func() fyne.Size { return fyne.NewSize(120, fileHeight()) }
	d.layout = func(s fyne.Size) {
		place(back.rect, -3, -3, s.Width+6, s.Height+6)
		place(c.thumb, 0, 0, fileHeight(), fileHeight())
		x := fileHeight() + 10
		cross := c.remove.measure()
		right := s.Width - cross.Width - gap1 // of the text
		wide := s.Width >= wideCard
		nameRight := right
		drops := c.details != nil && !wide
		setVisible(c.drop, drops)
		if c.details != nil {
			setVisible(c.details, wide)
		}
		if c.details != nil && wide {
			m := c.details.measure()
			place(c.details, right-m.Width-gap1, (fileHeight()-m.Height)/2, m.Width, m.Height)
			right -= m.Width + gap1 + gap3
			nameRight = right
		} else if drops {
			nameRight = right - c.drop.measure().Width - gap2
			right = s.Width
		}
		at := x
		if c.file.Problem != nil {
			at += 18
		}
		first, rest := c.lines(right - at)
		if len(c.ways.buttons) > 0 {
			first, _ = c.line()
			rest = "" // the buttons are there
		}
		info.set(first)
		more.set(rest)
		y, crossY := (fileHeight()-2*fileLine())/2-1, (fileHeight()-cross.Height)/2 // two lines in the middle, or three from the top
		if rest != "" || len(c.ways.buttons) > 0 {
			y = 2
		}
		if drops {
			m := c.drop.measure()
			crossY = y + fileLine()/2 - cross.Height/2 // on the line of the name
			place(c.drop, nameRight+gap2, y+fileLine()/2-m.Height/2, m.Width, m.Height)
		}
		place(c.remove, s.Width-cross.Width, crossY, cross.Width, cross.Height)
		name.place(x, y, nameRight-x, fileLine())
		place(mark.image, x, y+fileLine()*1.5-7, 14, 14)
		info.place(at, y+fileLine(), right-at, fileLine())
		more.place(at, y+2*fileLine()-1, right-at, fileLine())
		c.ways.arrange(x, 6+2*fileLine(), s.Width-x, true)
	}
	d.restyle = func() {
		d.objects = objects()
		if back.fill = ""; c.dragged {
			back.fill = colorRaised
		}
		back.restyle()
		name.set(c.file.Name)
		_, color := c.line()
		info.color, more.color = color, color
		setVisible(mark.image, c.file.Problem != nil)
		name.restyle()
		info.restyle()
		more.restyle()
		mark.restyle()
		d.layout(c.Size())
		canvas.Refresh(c)
	}
	d.restyle()
	return d
}

// queueChips shows the waiting questions above the composer.
type queueChips struct {
	widget.BaseWidget
	act   Actions
	tips  *tips
	count *label
	turns []Turn
	chips []*chip
}

func newQueueChips(act Actions, tips *tips) *queueChips {
	q := &queueChips{act: act, tips: tips, count: newLabel("", textSmall, colorMuted)}
	q.ExtendBaseWidget(q)
	return q
}

func (q *queueChips) set(turns []Turn) {
	q.turns, q.chips = turns, nil
	for _, t := range turns {
		q.chips = append(q.chips, newChip("“"+oneLine(t.Question)+"”", q.tips, func() { callTurn(q.act.Unqueue, t.ID) }))
	}
	q.count.set(words.T("%d questions waiting", len(turns)))
	if len(turns) == 1 {
		q.count.set(words.T("1 question waiting"))
	}
	q.Refresh()
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func chipHeight() float32 { return scaled(26) }

// arrange places the chips in lines, at most three of them, and returns the height.
func (q *queueChips) arrange(width float32, move bool) float32 {
	if len(q.turns) == 0 {
		return 0
	}
	x, y := q.count.size().Width+gap2, float32(0)
	for _, c := range q.chips {
		w := min(c.MinSize().Width, 260, width)
		if x > 0 && x+w > width {
			x, y = 0, y+chipHeight()+gap1
		}
		if move {
			place(c, x, y, w, chipHeight())
			setVisible(c, y < 3*(chipHeight()+gap1))
		}
		x += w + 6
	}
	return min(y, 2*(chipHeight()+gap1)) + chipHeight()
}

func (q *queueChips) heightFor(width float32) float32 { return q.arrange(width, false) }

func (q *queueChips) CreateRenderer() fyne.WidgetRenderer { return &queueRenderer{q} }

type queueRenderer struct{ q *queueChips }

func (r *queueRenderer) Destroy()           {}
func (r *queueRenderer) MinSize() fyne.Size { return fyne.NewSize(100, 0) }

func (r *queueRenderer) Layout(s fyne.Size) {
	r.q.count.place(0, 0, r.q.count.size().Width+1, chipHeight())
	r.q.arrange(s.Width, true)
}

func (r *queueRenderer) Objects() []fyne.CanvasObject {
	if len(r.q.turns) == 0 {
		return nil
	}
	o := []fyne.CanvasObject{r.q.count.draw}
	for _, c := range r.q.chips {
		o = append(o, c)
	}
	return o
}

func (r *queueRenderer) Refresh() {
	r.q.count.restyle()
	r.Layout(r.q.Size())
	canvas.Refresh(r.q)
}

// chip is a small pill with a cross.
type chip struct {
	widget.BaseWidget
	text   *label
	remove *button
}

func newChip(text string, tips *tips, onRemove func()) *chip {
	c := &chip{text: newLabel(text, textSmall, colorMuted)}
	c.remove = newButton(quiet, "close", "", onRemove).withTip(tips, words.T("Do not ask this question"))
	c.remove.small = true
	c.ExtendBaseWidget(c)
	return c
}

func (c *chip) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorRaised, "", chipHeight()/2)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, c.text.draw, c.remove}}
	d.min = func() fyne.Size {
		return fyne.NewSize(gap3+c.text.size().Width+c.remove.MinSize().Width+gap1, chipHeight())
	}
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		b := c.remove.MinSize()
		c.text.place(gap3, 0, s.Width-gap3-b.Width-2, s.Height)
		place(c.remove, s.Width-b.Width-2, (s.Height-b.Height)/2, b.Width, b.Height)
	}
	d.restyle = func() {
		back.restyle()
		c.text.restyle()
		canvas.Refresh(c)
	}
	return d
}
