package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// modelsPage is the content of the models' sheet: on what they are computed, and a card for each. Only the cards near what
// is in sight have widgets, so that a folder with hundreds of models costs no more than ten.
type modelsPage struct {
	widget.BaseWidget
	act      ModelActions
	hands    *hands // opens links
	diagnose func() // nil: there is no such page
	done     func() // a model was chosen: the page is to go

	models  Models
	machine *machineCard
	search  *searchField
	file    *button
	empty   *still
	scroll  *container.Scroll
	column  *sight

	query   string
	items   []pageItem
	total   float32
	cards   map[string]*modelCard // by the model's ID: those near what is in sight, and the one with the keyboard
	picked  map[string]string     // the quantisation that the person looks at, by the model's ID
	heights map[string]float32    // of cards that were made, for width and factor
	width   float32
	factor  float32  // of text
	busy    bool     // cards are being placed
	heads   []*label // spare and used headings

	at *modelCard        // where the keyboard was last; nil: at none of the cards
	on fyne.CanvasObject // what had it there
}

// pageItem is a heading or a card.
type pageItem struct {
	heading     string
	id          string // of the model; empty: a heading, or the machine's card
	row         int    // in models.Rows
	top, height float32
}

func newModelsPage(act ModelActions, h *hands) *modelsPage {
	p := &modelsPage{
		act: act, hands: h, done: func() {}, cards: map[string]*modelCard{}, picked: map[string]string{}, heights: map[string]float32{},
	}
	p.search = newSearchField(nil, words.T("Search models"))
	e := p.search.entry
	e.OnChanged = func(text string) {
		p.search.Refresh()
		p.query = strings.TrimSpace(text)
		p.scroll.Offset.Y = 0
		p.build()
	}
	e.onShortcut = func(fyne.Shortcut) bool { return false }
	e.onKey = p.searchKey
	e.OnSubmitted = func(string) { p.move(1) }
	p.file = newButton(secondary, "folder", words.T("Open a model file…"), nil)
	p.empty = newLine(textBody, colorMuted)
	p.machine = newMachineCard(p)
	p.column = newSight(func() float32 { return p.total })
	p.scroll = container.NewVScroll(p.column)
	p.scroll.OnScrolled = func(fyne.Position) { p.showInSight() }
	p.ExtendBaseWidget(p)
	return p
}

// manyModels is from how many on they can be searched.
const manyModels = 6

// set shows models as they are now. Cards of models that have not changed are left alone.
func (p *modelsPage) set(m Models) {
	moved := !slices.EqualFunc(p.models.Rows, m.Rows, func(a, b ModelRow) bool {
		return a.ID == b.ID && a.Group == b.Group && (p.query == "" || p.matches(a) == p.matches(b))
	})
	old := map[string]ModelRow{}
	for _, r := range p.models.Rows {
		old[r.ID] = r
	}
	p.models = m
	grown := p.machine.set(m)
	for _, r := range m.Rows {
		was, there := old[r.ID]
		if c := p.cards[r.ID]; c != nil {
			if c.set(r, p.variantOf(r)) && p.forget(r.ID) {
				grown = true
			}
		} else if !there || !sameRowButFigures(&was, &r) {
			delete(p.heights, r.ID)
			grown = true
		}
	}
	if moved || len(old) == 0 {
		setVisible(p.search, len(m.Rows) > manyModels)
		p.Refresh()
	}
	if moved || grown {
		p.build()
	}
}

// forget measures a card again, and says whether its height is another one.
func (p *modelsPage) forget(id string) bool {
	was, known := p.heights[id]
	delete(p.heights, id)
	c := p.cards[id]
	if !known || c == nil || p.width <= 0 {
		return true
	}
	p.heights[id] = c.heightFor(p.width)
	return p.heights[id] != was
}

// resized follows a change inside a card.
func (p *modelsPage) resized(id string) {
	p.forget(id)
	p.build()
	if c := p.cards[id]; c != nil {
		c.Refresh()
	}
}

func (p *modelsPage) machineResized() {
	p.build()
	p.machine.Refresh()
}

// variantOf is the quantisation of a model that is looked at: what the person chose, as long as there is one, else the
// controller's choice, else the first.
func (p *modelsPage) variantOf(r ModelRow) string {
	has := func(id string) bool {
		return slices.ContainsFunc(r.Variants, func(v ModelVariant) bool { return v.ID == id })
	}
	if id, ok := p.picked[r.ID]; ok && has(id) && (r.Fetch == FetchNone || r.Fetch == FetchFailed) {
		return id
	}
	if has(r.Variant) || len(r.Variants) == 0 {
		return r.Variant
	}
	return r.Variants[0].ID
}

// pick looks at another quantisation.
func (p *modelsPage) pick(model, variant string) {
	p.picked[model] = variant
	for _, r := range p.models.Rows {
		if c := p.cards[model]; r.ID == model && c != nil {
			c.set(r, p.variantOf(r))
		}
	}
	p.forget(model)
	p.build()
}

// matches says whether every word that is looked for is in what is known of a model.
func (p *modelsPage) matches(r ModelRow) bool {
	text := strings.ToLower(strings.Join([]string{r.Name, r.Detail, r.About, r.Licence, r.Warning}, " "))
	for _, word := range strings.Fields(strings.ToLower(p.query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// groupName is the heading of a group.
func groupName(g ModelGroup) string {
	switch g {
	case GroupOwn:
		return words.T("On this machine")
	case GroupFound:
		return words.T("Found in other programs")
	}
	return words.T("To download")
}

func pageHeadHeight() float32 { return scaled(38) }

// build lists all that is to be shown, and puts it in its place. What is at the upper edge stays there.
func (p *modelsPage) build() {
	if p.width <= 0 {
		return
	}
	id, inside := p.atTop()
	p.items = p.items[:0]
	if p.query == "" {
		p.items = append(p.items, pageItem{row: -1})
	}
	seen := map[string]bool{}
	for g := GroupOwn; g <= GroupOffered; g++ {
		head := len(p.items)
		p.items = append(p.items, pageItem{})
		for i, r := range p.models.Rows {
			if r.Group == g && r.ID != "" && !seen[r.ID] && p.matches(r) {
				seen[r.ID] = true
				p.items = append(p.items, pageItem{row: i, id: r.ID})
			}
		}
		if n := len(p.items) - head - 1; n > 0 {
			p.items[head].heading = strings.ToUpper(groupName(g)) + "  " + words.Thousands(int64(n))
		} else {
			p.items = p.items[:head]
		}
	}
	p.drop(func(id string) bool { return !seen[id] })
	text := ""
	if p.query != "" && len(p.items) == 0 {
		text = words.T("Nothing found for “%s”.", firstOf(p.query, 60))
	}
	tell(p.empty, text)
	p.arrange(id, inside)
	p.showInSight()
}

// arrange puts every item below the one before, and holds a card where it was in sight.
func (p *modelsPage) arrange(id string, inside float32) {
	p.total = 0
	at := float32(-1)
	for i := range p.items {
		it := &p.items[i]
		it.top = p.total
		switch {
		case it.heading != "":
			it.height = pageHeadHeight()
		case it.id == "":
			it.height = p.machine.heightFor(p.width)
		default:
			h, known := p.heights[it.id]
			if !known {
				h = cardEstimate(&p.models.Rows[it.row], p.width-2*gap4)
			}
			it.height = h + gap2
		}
		if id != "" && it.id == id {
			at = it.top
		}
		p.total += it.height
	}
	if at >= 0 && p.scroll.Offset.Y > 0 {
		p.scroll.Offset.Y = max(min(at+inside, p.total-p.scroll.Size().Height), 0)
	}
	p.scroll.Refresh() // takes the new height
}

// atTop is the first model in sight, and how far it is scrolled out.
func (p *modelsPage) atTop() (id string, inside float32) {
	for _, it := range p.items {
		if it.id != "" && it.top+it.height > p.scroll.Offset.Y {
			return it.id, p.scroll.Offset.Y - it.top
		}
	}
	return "", 0
}

// nearSight is how far beyond what is in sight cards have widgets: Tab must find the next one there.
const nearSight float32 = 360

// near are the items that have widgets.
func (p *modelsPage) near() (list []pageItem) {
	low, high := p.scroll.Offset.Y-nearSight, p.scroll.Offset.Y+p.scroll.Size().Height+nearSight
	for _, it := range p.items {
		keyboard := it.id != "" && p.at != nil && p.at.row.ID == it.id
		if it.top+it.height >= low && it.top <= high || keyboard {
			list = append(list, it)
		}
	}
	return list
}

// measure makes the cards that are near, and says whether one is not as high as was thought.
func (p *modelsPage) measure() (changed bool) {
	for _, it := range p.near() {
		if _, known := p.heights[it.id]; known || it.id == "" {
			continue
		}
		h := p.cardOf(p.models.Rows[it.row]).heightFor(p.width)
		p.heights[it.id] = h
		changed = changed || h+gap2 != it.height
	}
	return changed
}

// showInSight gives widgets to what is near, and takes them from the rest.
func (p *modelsPage) showInSight() {
	if p.width <= 0 || p.busy {
		return
	}
	p.busy = true
	for range 12 { // each time fewer are new; a height that never settles must not hang
		id, inside := p.atTop()
		if !p.measure() {
			break
		}
		p.arrange(id, inside)
	}
	p.show()
	p.busy = false
}

func (p *modelsPage) show() {
	var objects []fyne.CanvasObject
	near, heads := map[string]bool{}, 0
	for _, it := range p.near() {
		switch {
		case it.heading != "":
			if heads == len(p.heads) {
				p.heads = append(p.heads, newLabel("", textLabel, colorMuted).bold())
			}
			h := p.heads[heads]
			heads++
			h.set(it.heading)
			h.place(2, it.top+scaled(12), p.width, it.height-scaled(12))
			objects = append(objects, h.draw)
		case it.id == "":
			place(p.machine, 0, it.top, p.width, it.height)
			objects = append(objects, p.machine)
		default:
			near[it.id] = true
			c := p.cardOf(p.models.Rows[it.row])
			place(c, 0, it.top, p.width, it.height-gap2)
			objects = append(objects, c)
		}
	}
	p.drop(func(id string) bool { return !near[id] })
	if !sameObjects(objects, p.column.objects) {
		p.column.objects = objects
		canvas.Refresh(p.column)
	}
}

// cardOf is the card of a model, which is made if there is none.
func (p *modelsPage) cardOf(r ModelRow) *modelCard {
	c := p.cards[r.ID]
	if c == nil {
		c = newModelCard(p)
		c.set(r, p.variantOf(r))
		p.cards[r.ID] = c
	}
	return c
}

// drop lets go of cards.
func (p *modelsPage) drop(which func(id string) bool) {
	for id, c := range p.cards {
		if which(id) {
			c.park()
			delete(p.cards, id)
			if c.asking || c.problem != nil && c.problem.unfolded {
				delete(p.heights, id)
			}
			if p.at == c {
				p.at, p.on = nil, nil
				p.focus(p.first()) // what is gone must not have the keyboard
			}
		}
	}
}

// park stops all that moves, when the page goes.
func (p *modelsPage) park() {
	p.machine.park()
	for _, c := range p.cards {
		c.park()
	}
}

// entered is told what has the keyboard, and brings it into sight.
func (p *modelsPage) entered(c *modelCard, o fyne.CanvasObject) {
	p.at, p.on = c, o
	if c == nil || fyne.CurrentApp().Driver().CanvasForObject(o) != nil {
		scrollInto(p.scroll, o, gap4)
		return
	}
	top := c.Position().Y - p.scroll.Offset.Y // it has just come into being
	if o != fyne.CanvasObject(c) {
		top += o.Position().Y
	}
	scrollToSpan(p.scroll, top, o.Size().Height, gap4)
}

func (p *modelsPage) focus(o fyne.Focusable) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil {
		c.Focus(o)
	}
}

// first is what has the keyboard when the page opens.
func (p *modelsPage) first() fyne.Focusable {
	if p.search.Visible() {
		return p.search.entry
	}
	return p.file
}

func (p *modelsPage) searchKey(e *fyne.KeyEvent) bool {
	switch e.Name {
	case fyne.KeyEscape:
		if p.search.entry.Text == "" {
			keyElsewhere(p, e)
		}
		p.search.entry.SetText("")
	case fyne.KeyDown, fyne.KeyPageDown:
		p.at = nil
		p.move(1)
	default:
		return false
	}
	return true
}

// key takes the keys that nothing in the page has a use for.
func (p *modelsPage) key(e *fyne.KeyEvent) bool {
	page := p.scroll.Size().Height * 0.9
	switch e.Name {
	case fyne.KeyUp:
		p.move(-1)
	case fyne.KeyDown:
		p.move(1)
	case fyne.KeyLeft:
		fyne.CurrentApp().Driver().CanvasForObject(p).FocusPrevious()
	case fyne.KeyRight:
		fyne.CurrentApp().Driver().CanvasForObject(p).FocusNext()
	case fyne.KeyPageUp:
		scrollBy(p.scroll, -page)
	case fyne.KeyPageDown:
		scrollBy(p.scroll, page)
	case fyne.KeyHome:
		scrollBy(p.scroll, -p.total)
	case fyne.KeyEnd:
		scrollBy(p.scroll, p.total)
	case fyne.KeyEscape:
		if p.at == nil || !p.at.asking {
			return false
		}
		p.at.ask(false)
	default:
		return false
	}
	return true
}

// move gives the keyboard to the card so many further.
func (p *modelsPage) move(by int) {
	var cards []pageItem
	at := -1
	for _, it := range p.items {
		if it.id != "" {
			if p.at != nil && p.at.row.ID == it.id {
				at = len(cards)
			}
			cards = append(cards, it)
		}
	}
	if len(cards) == 0 {
		return
	}
	if to := at + by; to < 0 {
		scrollBy(p.scroll, -p.total)
		p.at = nil
		p.focus(p.first())
		return
	} else if to >= len(cards) {
		scrollBy(p.scroll, p.total)
		return
	}
	it := cards[max(at+by, 0)]
	switch view := p.scroll.Size().Height; {
	case it.top < p.scroll.Offset.Y:
		scrollBy(p.scroll, it.top-gap4-p.scroll.Offset.Y)
	case it.top+it.height > p.scroll.Offset.Y+view:
		scrollBy(p.scroll, min(it.top-gap4, it.top+it.height+gap2-view)-p.scroll.Offset.Y)
	}
	p.focus(p.cardOf(p.models.Rows[it.row]))
}

// openLink asks before a licence is opened in the browser.
func (p *modelsPage) openLink(address, text string) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil {
		askLink(c, address, text, p.hands)
	}
}

func (p *modelsPage) CreateRenderer() fyne.WidgetRenderer {
	d := &drawing{objects: []fyne.CanvasObject{p.search, p.file, p.scroll, p.empty}}
	d.min = func() fyne.Size { return fyne.NewSize(200, 120) }
	d.layout = func(s fyne.Size) {
		y := float32(0)
		b := p.file.measure()
		searching, opening := p.search.Visible(), p.file.Visible()
		beside := s.Width-b.Width-gap2 >= scaled(200)
		w := s.Width
		if opening && beside {
			w -= b.Width + gap2
			place(p.file, s.Width-b.Width, 0, b.Width, b.Height)
		}
		if searching {
			place(p.search, 0, 0, w, searchHeight())
			y = searchHeight() + gap3
		}
		if opening && !beside {
			place(p.file, 0, y, min(b.Width, s.Width), b.Height)
		}
		if opening && (!beside || !searching) {
			y += b.Height + gap3
		}
		width := s.Width - gap3
		if width != p.width || p.factor != textFactor {
			p.width, p.factor, p.heights = width, textFactor, map[string]float32{}
		}
		place(p.scroll, 0, y, s.Width, max(s.Height-y, 0))
		place(p.empty, gap1, y+gap3, s.Width-gap2, p.empty.heightFor(s.Width-gap2))
		p.build()
	}
	d.restyle = func() {
		p.search.restyle()
		p.file.Refresh()
		for _, h := range p.heads {
			h.restyle()
		}
		p.machine.Refresh()
		for _, c := range p.cards {
			c.Refresh()
		}
		d.layout(p.Size())
		canvas.Refresh(p)
	}
	return d
}

// SetModels fills the page of models. While it is closed nothing is drawn.
func (w *Window) SetModels(m Models) {
	w.models = m
	if w.modelsPage != nil {
		w.modelsPage.set(m)
	}
}

// ShowModels opens the page of models, unless it is open.
func (w *Window) ShowModels() {
	if w.modelsPage != nil {
		return
	}
	c := w.win.Canvas()
	w.closeSettings()
	p := newModelsPage(w.act.ModelActions, &hands{copyText: w.act.CopyText, open: w.act.OpenLink})
	if w.act.Diagnose != nil {
		p.diagnose = w.ShowDiagnosis
	}
	p.search.entry.onShortcut = func(s fyne.Shortcut) bool {
		_, undo := s.(*fyne.ShortcutUndo)
		return undo && w.snack.accept()
	}
	p.file.onTap = w.openModel
	p.file.Hidden = w.act.OpenModel == nil
	w.modelsPage = p
	s := showSheet(c, words.T("Models"), p, func(room fyne.Size) fyne.Size {
		return fyne.NewSize(min(scaled(860), room.Width), min(scaled(760), room.Height))
	})
	p.done = s.hide
	s.onKey = p.key
	s.onHide = func() {
		p.park()
		w.modelsPage = nil
		if w.act.ModelsShown != nil {
			w.act.ModelsShown(false)
		}
	}
	p.set(w.models)
	c.Focus(p.first())
	if w.act.ModelsShown != nil {
		w.act.ModelsShown(true)
	}
}
