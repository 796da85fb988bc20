package ui

import (
	"fmt"
	"image"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// turnView shows a question with its pictures on the right and the answer below on the left.
type turnView struct {
	widget.BaseWidget
	turn     Turn
	act      Actions
	onResize func()

	width, height float32
	answerY       float32 // of the answer, from the turn's top
	thoughtY      float32
	shown         bool // in the widget tree; only then anything is placed or repainted
	stale         bool // the theme changed while it was not
	open          bool // the thinking is unfolded

	hands    *hands
	pictures []*turnPicture
	bubble   *panel
	question *prose
	editor   *questionEditor // nil unless the question is being edited
	name     *label
	thinking *button
	thought  *prose
	thread   *panel // beside the thought
	notices  []*noticeLine
	answer   *prose
	phase    *label
	bar      *progress
	problem  *problemCard
	figures  *still

	copyBtn, again, older, newer, goOn, more *button
	version                                  *label
}

func newTurnView(t Turn, act Actions, tips *tips, onResize func()) *turnView {
	v := &turnView{act: act, onResize: onResize}
	v.hands = &hands{tips: tips, copyText: act.CopyText, open: act.OpenLink}
	v.bubble = newPanel(colorBubble, "", 0)
	r := v.bubble.rect
	r.TopLeftCornerRadius, r.TopRightCornerRadius, r.BottomLeftCornerRadius, r.BottomRightCornerRadius = radiusCard, radiusCard, radiusCard, 4
	v.question = newSelectable(textBody, colorText)
	v.question.hands = &hands{copyText: act.CopyText, menu: v.questionMenu}
	v.name = newLabel("Galago", textSmall+1, colorAccent).bold()
	v.thought = newProse()
	v.thought.face = face{size: textSmall + 1, color: colorMuted}
	v.thread = newPanel(colorLine, "", 1)
	v.answer = newProse()
	for _, p := range []*prose{v.thought, v.answer} {
		p.hands, p.part = v.hands, true
	}
	v.phase = newLabel("", textSmall+1, colorMuted)
	v.bar = newProgress()
	v.figures = newPlain(textSmall, colorMuted)
	v.makeButtons(tips)
	v.ExtendBaseWidget(v)
	v.put(t)
	return v
}

func (v *turnView) makeButtons(tips *tips) {
	small := func(icon iconName, text, tip string, f func()) *button {
		b := newButton(quiet, icon, text, f).withTip(tips, tip)
		b.small = true
		b.onFocus = func() { v.hands.focused(b) }
		return b
	}
	v.thinking = small("right", "", "", func() { v.setOpen(!v.open) })
	v.copyBtn = small("copy", words.T("Copy"), words.T("Copy the answer; with Shift as Markdown"), v.copyAnswer)
	v.again = small("again", words.T("Again"), words.T("Answer once more; this answer stays reachable"), func() { callTurn(v.act.Retry, v.turn.ID) })
	v.older = small("left", "", words.T("The answer before this one"), func() { v.pick(-1) })
	v.newer = small("right", "", words.T("The answer after this one"), func() { v.pick(1) })
	v.version = newLabel("", textSmall, colorMuted)
	v.goOn = small("play", words.T("Continue"), words.T("Go on with this answer"), func() { callTurn(v.act.Continue, v.turn.ID) })
	v.more = small("more", "", words.T("More"), v.openMore)
}

// copyAnswer copies the answer, as Markdown while Shift is held.
func (v *turnView) copyAnswer() {
	if d, ok := fyne.CurrentApp().Driver().(desktop.Driver); ok && d.CurrentKeyModifiers()&fyne.KeyModifierShift != 0 && v.act.CopyMarkdown != nil {
		v.act.CopyMarkdown(v.turn.ID)
		return
	}
	callTurn(v.act.Copy, v.turn.ID)
}

func (v *turnView) pick(step int) {
	if n := v.turn.Version + step; v.act.PickAnswer != nil && n >= 1 && n <= v.turn.Versions {
		v.act.PickAnswer(v.turn.ID, n)
	}
}

// setOpen folds or unfolds what the model said to itself.
func (v *turnView) setOpen(open bool) {
	if v.open == open {
		return
	}
	v.open = open
	v.thinking.icon = foldIcon(open)
	v.thinking.Refresh()
	v.arrangeAgain()
	v.onResize()
}

func foldIcon(open bool) iconName {
	if open {
		return "chevron"
	}
	return "right"
}

// moreItems are the entries of the menu for the whole turn.
func (v *turnView) moreItems() []*fyne.MenuItem {
	id := v.turn.ID
	var items []*fyne.MenuItem
	if v.act.CopyMarkdown != nil && v.turn.Answer != "" {
		items = append(items, fyne.NewMenuItem(words.T("Copy as Markdown"), func() { v.act.CopyMarkdown(id) }))
	}
	if v.act.Branch != nil && v.turn.Question != "" {
		items = append(items, fyne.NewMenuItem(words.T("Edit question and branch"), v.edit))
	}
	if v.act.DeleteFrom != nil {
		items = append(items, fyne.NewMenuItem(words.T("Delete from here"), func() { v.act.DeleteFrom(id) }))
	}
	return items
}

func (v *turnView) openMore() { openMenuAt(v.more, v.moreItems()) }

// openMenuAt shows a menu below an object.
func openMenuAt(o fyne.CanvasObject, items []*fyne.MenuItem) {
	driver := fyne.CurrentApp().Driver()
	if c := driver.CanvasForObject(o); c != nil && len(items) > 0 {
		at := driver.AbsolutePositionForObject(o).AddXY(0, o.Size().Height+2)
		widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", items...), c, at)
	}
}

func (v *turnView) questionMenu() []*fyne.MenuItem {
	if !v.over() {
		return nil
	}
	return v.moreItems()
}

// edit turns the question into an editor.
func (v *turnView) edit() {
	if v.editor != nil {
		return
	}
	v.editor = newQuestionEditor(v.turn.Question, func(text string) {
		v.endEdit()
		if text = strings.TrimSpace(text); text != "" {
			v.act.Branch(v.turn.ID, text)
		}
	}, v.endEdit, func() {
		v.arrangeAgain()
		v.onResize()
	})
	v.arrangeAgain()
	v.onResize()
	if c := fyne.CurrentApp().Driver().CanvasForObject(v); c != nil {
		c.Focus(v.editor.entry)
	}
}

func (v *turnView) endEdit() {
	if v.editor == nil {
		return
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(v); c != nil && c.Focused() == fyne.Focusable(v.editor.entry) {
		c.Unfocus()
	}
	v.editor = nil
	v.arrangeAgain()
	v.onResize()
}

// busy says whether the person is doing something here that would be lost with the widget.
func (v *turnView) busy() bool {
	for _, p := range []*prose{v.answer, v.question, v.thought} {
		if _, _, some := p.selection(); some || p.pressed {
			return true
		}
	}
	return v.editor != nil
}

// turnPlace is a place in a turn that stays with the text around it when heights above it change.
type turnPlace struct {
	box    int // of the answer, from 1; 0: none
	inside float32
}

func (v *turnView) placeAt(y float32) turnPlace {
	if v.turn.Answer == "" || y < v.answerY {
		return turnPlace{inside: y}
	}
	at := turnPlace{inside: y}
	for i, b := range v.answer.boxes {
		if v.answerY+b.y > y {
			break
		}
		at = turnPlace{box: i + 1, inside: y - v.answerY - b.y}
	}
	return at
}

func (v *turnView) yOf(p turnPlace) float32 {
	if n := len(v.answer.boxes); p.box > 0 && n > 0 {
		return v.answerY + v.answer.boxes[min(p.box, n)-1].y + p.inside
	}
	return p.inside
}

// reveal says which part of the turn is in sight, and reports whether its height changed with that.
func (v *turnView) reveal(low, high float32) bool {
	changed := v.turn.Answer != "" && v.answer.reveal(low-v.answerY, high-v.answerY)
	if v.open && v.turn.Thinking != "" && v.thought.reveal(low-v.thoughtY, high-v.thoughtY) {
		changed = true
	}
	if changed {
		v.arrangeAgain()
	}
	return changed
}

func callTurn(f func(uint64), id uint64) {
	if f != nil {
		f(id)
	}
}

// put shows another state of the turn and says whether its height may have changed.
func (v *turnView) put(t Turn) bool {
	old := v.turn
	v.turn = t
	v.putPictures(t.Images)
	v.question.setText(t.Question)
	v.putNotices(t.Notices)
	changed := v.answer.setText(strings.TrimRight(t.Answer, "\n "))
	if v.thought.setText(strings.TrimSpace(t.Thinking)) && v.open {
		changed = true
	}
	v.thinking.text = thinkingText(t)
	v.thinking.Refresh()
	v.version.set(fmt.Sprintf("%d/%d", t.Version, t.Versions))
	setEnabled(v.older, t.Version > 1)
	setEnabled(v.newer, t.Version < t.Versions)
	v.again.text, v.again.icon = words.T("Again"), "again"
	if t.State == TurnInterrupted {
		v.again.text = words.T("Retry")
	}
	if old.State != t.State {
		v.again.Refresh()
	}
	v.figures.setText(strings.Join(t.Figures, "   ·   "))
	v.phase.set(phaseText(t))
	v.putProblem(t.Problem)
	switch {
	case t.State != TurnWorking:
		v.bar.stop()
	default:
		v.bar.set(t.Progress)
	}
	if changed || v.width == 0 || old.State != t.State || !v.sameFrame(old) {
		v.arrangeAgain()
		return true
	}
	return false
}

func setEnabled(b *button, on bool) {
	if on == b.Disabled() {
		if on {
			b.Enable()
		} else {
			b.Disable()
		}
	}
}

func thinkingText(t Turn) string {
	switch {
	case t.ThoughtFor != "":
		return words.T("Thought for %s", t.ThoughtFor)
	case t.State == TurnWorking || t.State == TurnStreaming:
		return words.T("Thinking …")
	}
	return words.T("Thoughts")
}

// putPictures shows the pictures, and keeps the widgets of those that were there.
func (v *turnView) putPictures(images []image.Image) {
	for len(v.pictures) < len(images) {
		i := len(v.pictures)
		v.pictures = append(v.pictures, newTurnPicture(func() {
			if v.act.OpenImage != nil {
				v.act.OpenImage(v.turn.ID, i)
			}
		}))
	}
	v.pictures = v.pictures[:len(images)]
	for i, img := range images {
		p := v.pictures[i]
		p.onFocus = func() { v.hands.focused(p) }
		if _, ok := img.(Placeholder); ok {
			img = nil
		}
		v.pictures[i].set(img)
	}
}

// turnPicture is a picture of a question. Its source is nil until it has come.
type turnPicture struct{ openable }

func newTurnPicture(onTap func()) *turnPicture {
	p := &turnPicture{}
	p.radius, p.onTap = 12, onTap
	p.ExtendBaseWidget(p)
	return p
}

// TappedSecondary offers what can be done with the picture.
func (p *turnPicture) TappedSecondary(e *fyne.PointEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(p); c != nil && p.onTap != nil {
		widget.ShowPopUpMenuAtPosition(fyne.NewMenu("", fyne.NewMenuItem(words.T("Open large"), p.onTap)), c, e.AbsolutePosition)
	}
}

// sameFrame says whether everything but the answer's text still takes the space it took.
func (v *turnView) sameFrame(old Turn) bool {
	return old.Question == v.turn.Question && slices.Equal(old.Notices, v.turn.Notices) && sameSizes(old.Images, v.turn.Images) && old.Phase == v.turn.Phase &&
		len(old.Figures) == len(v.turn.Figures) && strings.Join(old.Figures, "") == strings.Join(v.turn.Figures, "") &&
		(old.Answer == "") == (v.turn.Answer == "") && (old.Thinking == "") == (v.turn.Thinking == "") &&
		old.Version == v.turn.Version && old.Versions == v.turn.Versions && old.CanContinue == v.turn.CanContinue && old.ThoughtFor == v.turn.ThoughtFor &&
		(old.Problem == v.turn.Problem || old.Problem != nil && v.turn.Problem != nil && sameProblem(*old.Problem, *v.turn.Problem))
}

func sameSizes(a, b []image.Image) bool {
	return slices.EqualFunc(a, b, func(x, y image.Image) bool { return x.Bounds().Size() == y.Bounds().Size() })
}

func phaseText(t Turn) string {
	switch t.State {
	case TurnWaiting:
		return words.T("Waiting for the question before it")
	case TurnWorking:
		if t.Phase == "" {
			return words.T("Working")
		}
		return t.Phase
	case TurnStreaming:
		if t.Answer == "" && t.Thinking == "" {
			return words.T("Writing")
		}
	case TurnCancelled:
		return words.T("Stopped")
	case TurnInterrupted:
		return words.T("Interrupted")
	}
	return ""
}

func (v *turnView) putProblem(p *Problem) {
	switch {
	case p == nil || v.turn.State != TurnFailed:
		v.problem = nil
	case v.problem == nil:
		var retry func()
		if v.act.Retry != nil {
			retry = func() { v.act.Retry(v.turn.ID) }
		}
		v.problem = newProblemCard(*p, retry, func() {
			v.arrangeAgain()
			v.onResize()
		})
		v.problem.onFocus = func(o fyne.CanvasObject) { v.hands.focused(o) }
	default:
		v.problem.set(*p)
	}
}

// noticeLine is one line about what was reduced for want of memory.
type noticeLine struct {
	mark *icon
	text *still
}

const noticeIndent float32 = 20

// putNotices shows the notices, keeping the lines of those that stay.
func (v *turnView) putNotices(notices []string) {
	for len(v.notices) < len(notices) {
		v.notices = append(v.notices, &noticeLine{newIcon("memory", colorMuted), newPlain(textSmall, colorMuted)})
	}
	v.notices = v.notices[:len(notices)]
	for i, text := range notices {
		v.notices[i].text.setText(text)
	}
}

func (v *turnView) arrangeAgain() {
	if w := v.width; w > 0 {
		v.width = 0
		v.heightFor(w)
		if v.shown {
			v.arrange(w, true)
			v.Refresh()
		}
	}
}

// park stops what moves, for a turn that is scrolled out of sight.
func (v *turnView) park() {
	v.shown = false
	v.bar.stop()
}

// unpark is the opposite of park.
func (v *turnView) unpark() {
	v.shown = true
	if v.stale {
		v.restyle()
	}
	if v.turn.State == TurnWorking {
		v.bar.set(v.turn.Progress)
	}
}

// heightFor returns the height at a width without placing anything, which is cheap enough for turns out of sight.
func (v *turnView) heightFor(width float32) float32 {
	if width != v.width {
		v.width = width
		v.height = v.arrange(width, false)
	}
	return v.height
}

// arrange goes from top to bottom, placing the parts when move is set, and returns where they end.
func (v *turnView) arrange(width float32, move bool) float32 {
	y := v.placePictures(width, move)
	y = v.placeQuestion(width, y, move)
	if v.turn.State != TurnWaiting || v.turn.Answer != "" {
		y += gap2
		if move {
			v.name.place(0, y, width, scaled(22))
		}
		y += scaled(22) + 2
	}
	y = v.placeThinking(width, y, move)
	y = v.placeNotices(width, y, move)
	v.answerY = y
	if v.turn.Answer != "" {
		h := v.answer.heightFor(width)
		if move {
			place(v.answer, 0, y, width, h)
		}
		y += h + gap1
	}
	y = v.placePhase(width, y, move)
	if v.problem != nil {
		y += gap1
		h := v.problem.heightFor(width)
		if move {
			place(v.problem, 0, y, width, h)
		}
		y += h + gap1
	}
	return v.placeFigures(width, y, move)
}

// placePictures puts the pictures right-aligned in rows, one large or many smaller ones.
func (v *turnView) placePictures(width float32, move bool) float32 {
	box := fyne.NewSize(min(width, 320), 220)
	if len(v.pictures) > 1 {
		box = fyne.NewSize(200, 120)
	}
	var row []int
	y, used := float32(0), float32(0)
	flush := func() {
		x, tallest := width-used, float32(0)
		for _, i := range row {
			s := fitted(v.turn.Images[i], box)
			if move {
				place(v.pictures[i], x, y, s.Width, s.Height)
			}
			x += s.Width + gap2
			tallest = max(tallest, s.Height)
		}
		y += tallest + gap2
		row, used = nil, 0
	}
	for i := range v.pictures {
		w := fitted(v.turn.Images[i], box).Width
		if len(row) > 0 && used+gap2+w > width {
			flush()
		}
		if len(row) > 0 {
			used += gap2
		}
		row, used = append(row, i), used+w
	}
	if len(row) > 0 {
		flush()
	}
	return y
}

func (v *turnView) placeQuestion(width, y float32, move bool) float32 {
	if v.turn.Question == "" {
		return y
	}
	if v.editor != nil {
		w := min(width, max(width*0.8, 320))
		h := v.editor.heightFor(w)
		if move {
			place(v.editor, width-w, y, w, h)
		}
		return y + h
	}
	const padX, padY = 14, 8
	w := min(v.question.naturalWidth()+1, width*0.8-2*padX)
	h := v.question.heightFor(w)
	if move {
		place(v.bubble.rect, width-w-2*padX, y, w+2*padX, h+2*padY)
		place(v.question, width-w-padX, y+padY, w, h)
	}
	return y + h + 2*padY
}

// placeThinking puts what the model said to itself, folded or not.
func (v *turnView) placeThinking(width, y float32, move bool) float32 {
	if v.turn.Thinking == "" {
		return y
	}
	m := v.thinking.measure()
	if move {
		place(v.thinking, -6, y, min(m.Width, width), m.Height)
	}
	y += m.Height + gap1
	v.thoughtY = y
	if !v.open {
		return y
	}
	const indent = gap4
	h := v.thought.heightFor(width - indent)
	if move {
		place(v.thread.rect, 1, y, 2, h)
		place(v.thought, indent, y, width-indent, h)
	}
	return y + h + gap3
}

// placeNotices puts what was reduced above the answer.
func (v *turnView) placeNotices(width, y float32, move bool) float32 {
	for _, n := range v.notices {
		h := n.text.heightFor(width - noticeIndent)
		if move {
			place(n.mark.image, 0, y+1, 14, 14)
			place(n.text, noticeIndent, y, width-noticeIndent, h)
		}
		y += h + 2
	}
	if len(v.notices) > 0 {
		y += gap1
	}
	return y
}

func (v *turnView) placePhase(width, y float32, move bool) float32 {
	if v.phase.text == "" {
		return y
	}
	if v.turn.State == TurnWaiting {
		y += gap1
		if w := v.phase.size().Width; move {
			v.phase.place(width-w, y, w+1, scaled(20))
		}
		return y + 20
	}
	if move {
		v.phase.place(0, y, width, scaled(20))
		place(v.bar, 0, y+scaled(20)+4, min(width, 260), 4)
	}
	y += scaled(20) + 2
	if v.turn.State == TurnWorking {
		y += 12
	}
	return y
}

// placeFigures puts the figures and the buttons on one line, or on more where the window is narrow.
func (v *turnView) placeFigures(width, y float32, move bool) float32 {
	if !v.over() {
		return y
	}
	row := v.row()
	if len(row) == 0 && v.figures.source == "" {
		return y
	}
	y += 2
	buttons := float32(0)
	for _, o := range row {
		buttons += rowSize(o).Width + 2
	}
	high := v.copyBtn.measure().Height
	x := float32(0)
	if v.figures.source != "" {
		w, top := v.figures.naturalWidth()+1, y
		if w+gap3+buttons > width {
			w, top = width, y+2
			y += v.figures.heightFor(width) + 4
		} else {
			top = y + (high-v.figures.heightFor(w))/2 + 1 // on the buttons' base line
			x = w + gap3
		}
		if move {
			place(v.figures, 0, top, w, v.figures.heightFor(w))
		}
	}
	if len(row) == 0 {
		return y + high
	}
	if x == 0 {
		x = -6 // the button's text in line with the answer
	}
	for _, o := range row {
		s := rowSize(o)
		if x > 0 && x+s.Width > width {
			x, y = -6, y+high+2
		}
		if move {
			if o == fyne.CanvasObject(v.version.draw) {
				v.version.place(x, y, s.Width+1, s.Height)
			} else {
				place(o, x, y, s.Width, s.Height)
			}
		}
		x += s.Width + 2
	}
	return y + high
}

func rowSize(o fyne.CanvasObject) fyne.Size {
	if b, ok := o.(*button); ok {
		return b.measure()
	}
	t := o.(*canvas.Text)
	return fyne.NewSize(fyne.MeasureText(t.Text, t.TextSize, t.TextStyle).Width, scaled(24))
}

// row are the buttons below the answer, in order.
func (v *turnView) row() []fyne.CanvasObject {
	if !v.over() {
		return nil
	}
	var row []fyne.CanvasObject
	add := func(on bool, o fyne.CanvasObject) {
		if on {
			row = append(row, o)
		}
	}
	pager := v.turn.Versions > 1 && v.act.PickAnswer != nil
	add(v.turn.Answer != "" && v.act.Copy != nil, v.copyBtn)
	add(v.turn.CanContinue && v.act.Continue != nil, v.goOn)
	add(v.turn.State != TurnFailed && v.act.Retry != nil, v.again) // a failed turn's card has a button of its own
	add(pager, v.older)
	add(pager, v.version.draw)
	add(pager, v.newer)
	add(len(v.moreItems()) > 0, v.more)
	return row
}

// over says whether nothing more will come, so that figures and buttons belong below the answer.
func (v *turnView) over() bool { return v.turn.State >= TurnDone }

func (v *turnView) CreateRenderer() fyne.WidgetRenderer { return &turnRenderer{v} }

type turnRenderer struct{ v *turnView }

func (r *turnRenderer) Destroy() {}

func (r *turnRenderer) Layout(size fyne.Size) { r.v.arrange(size.Width, true) }

func (r *turnRenderer) MinSize() fyne.Size { return fyne.NewSize(1, r.v.height) }

func (r *turnRenderer) Objects() []fyne.CanvasObject {
	v := r.v
	var o []fyne.CanvasObject
	for _, p := range v.pictures {
		o = append(o, p)
	}
	switch {
	case v.turn.Question == "":
	case v.editor != nil:
		o = append(o, v.editor)
	default:
		o = append(o, v.bubble.rect, v.question)
	}
	if v.turn.State != TurnWaiting || v.turn.Answer != "" {
		o = append(o, v.name.draw)
	}
	if v.turn.Thinking != "" {
		o = append(o, v.thinking)
		if v.open {
			o = append(o, v.thread.rect, v.thought)
		}
	}
	for _, n := range v.notices {
		o = append(o, n.mark.image, n.text)
	}
	if v.turn.Answer != "" {
		o = append(o, v.answer)
	}
	if v.phase.text != "" {
		o = append(o, v.phase.draw)
		if v.turn.State == TurnWorking {
			o = append(o, v.bar)
		}
	}
	if v.problem != nil {
		o = append(o, v.problem)
	}
	if v.over() {
		if v.figures.source != "" {
			o = append(o, v.figures)
		}
		o = append(o, v.row()...)
	}
	return o
}

func (r *turnRenderer) Refresh() {
	r.v.bubble.restyle()
	r.v.name.restyle()
	r.v.phase.restyle()
	r.v.version.restyle()
	r.v.thread.restyle()
	for _, n := range r.v.notices {
		n.mark.restyle()
	}
	canvas.Refresh(r.v)
}

// restyle repaints the turn and all in it after the theme changed.
func (v *turnView) restyle() {
	v.stale = !v.shown
	if v.stale {
		return
	}
	v.Refresh()
	for _, o := range (&turnRenderer{v}).Objects() {
		o.Refresh()
	}
	if v.problem != nil {
		for _, p := range []fyne.CanvasObject{v.problem.title, v.problem.text, v.problem.action, v.problem.detail} {
			p.Refresh()
		}
		for _, o := range v.problem.choices.objects([]fyne.CanvasObject{v.problem.fold}) {
			o.Refresh()
		}
	}
}

// questionEditor is a question that is being changed: Enter asks it, Esc gives up.
type questionEditor struct {
	widget.BaseWidget
	entry       *editEntry
	ask, giveUp *button
	lines       int
}

func newQuestionEditor(text string, onAsk func(string), onEnd, onSize func()) *questionEditor {
	q := &questionEditor{entry: &editEntry{}}
	e := q.entry
	e.MultiLine, e.Wrapping = true, fyne.TextWrapWord
	e.ExtendBaseWidget(e)
	e.SetText(text)
	e.CursorRow = strings.Count(text, "\n")
	e.CursorColumn = len([]rune(text[strings.LastIndexByte(text, '\n')+1:]))
	e.onAsk, e.onEnd = func() { onAsk(e.Text) }, onEnd
	q.ask = newButton(primary, "", words.T("Ask this instead"), e.onAsk)
	q.giveUp = newButton(secondary, "", words.T("Cancel"), onEnd)
	e.OnChanged = func(text string) {
		if n := q.count(); n != q.lines {
			q.lines = n
			onSize()
		}
	}
	q.lines = q.count()
	q.ExtendBaseWidget(q)
	return q
}

// count is about how many lines the text has.
func (q *questionEditor) count() int {
	n := 0
	w := max(q.Size().Width-4*gap3, 240)
	for _, l := range strings.Split(q.entry.Text, "\n") {
		n += 1 + int(fyne.MeasureText(l, textBody, fyne.TextStyle{}).Width/w)
	}
	return max(1, min(n, 12))
}

func (q *questionEditor) heightFor(float32) float32 {
	return float32(q.lines)*textHeight(textBody) + 2*gap2 + 2*gap2 + gap2 + 34 + gap2
}

func (q *questionEditor) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorBubble, colorAccent, radiusCard)
	return &drawing{
		objects: []fyne.CanvasObject{back.rect, q.entry, q.ask, q.giveUp},
		min:     func() fyne.Size { return fyne.NewSize(200, 80) },
		layout: func(s fyne.Size) {
			place(back.rect, 0, 0, s.Width, s.Height)
			a, g := q.ask.measure(), q.giveUp.measure()
			y := s.Height - gap2 - a.Height
			place(q.entry, gap2, gap2, s.Width-2*gap2, y-2*gap2)
			place(q.ask, s.Width-gap2-a.Width, y, a.Width, a.Height)
			place(q.giveUp, s.Width-2*gap2-a.Width-g.Width, y, g.Width, g.Height)
		},
		restyle: func() {
			back.restyle()
			canvas.Refresh(q)
		},
	}
}

// editEntry asks with Enter; Shift+Enter breaks the line.
type editEntry struct {
	shiftEntry
	onAsk, onEnd func()
}

func (e *editEntry) TypedKey(k *fyne.KeyEvent) {
	switch {
	case k.Name == fyne.KeyEscape:
		e.onEnd()
	case (k.Name == fyne.KeyReturn || k.Name == fyne.KeyEnter) && !e.shift:
		e.onAsk()
	default:
		e.Entry.TypedKey(k)
	}
}
