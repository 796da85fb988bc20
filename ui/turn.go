package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// turnView shows a question with its pictures on the right and the answer below on the left.
type turnView struct {
	widget.BaseWidget
	turn     Turn
	act      Actions
	onResize func()

	width, height float32
	shown         bool // in the widget tree; only then anything is placed or repainted
	stale         bool // the theme changed while it was not

	pictures []*openable
	bubble   *panel
	question *prose
	name     *label
	notices  []*noticeLine
	answer   *prose
	phase    *label
	bar      *progress
	problem  *problemCard
	figures  *still
	copyBtn  *button
	again    *button
}

func newTurnView(t Turn, act Actions, tips *tips, onResize func()) *turnView {
	v := &turnView{act: act, onResize: onResize}
	v.bubble = newPanel(colorBubble, "", 0)
	r := v.bubble.rect
	r.TopLeftCornerRadius, r.TopRightCornerRadius, r.BottomLeftCornerRadius, r.BottomRightCornerRadius = radiusCard, radiusCard, radiusCard, 4
	v.question = newSelectable(textBody, colorText)
	v.name = newLabel("Galago", textSmall+1, colorAccent).bold()
	v.answer = newProse()
	v.phase = newLabel("", textSmall+1, colorMuted)
	v.bar = newProgress()
	v.figures = newPlain(textSmall, colorMuted)
	v.copyBtn = newButton(quiet, "copy", "Copy", func() { callTurn(act.Copy, v.turn.ID) }).withTip(tips, "Copy the answer")
	v.again = newButton(quiet, "again", "Again", func() { callTurn(act.Retry, v.turn.ID) }).withTip(tips, "Answer once more")
	v.copyBtn.small, v.again.small = true, true
	v.ExtendBaseWidget(v)
	v.put(t)
	return v
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
	if len(t.Images) != len(v.pictures) || !sameImages(old, t) {
		v.pictures = nil
		for i, img := range t.Images {
			v.pictures = append(v.pictures, newOpenable(img, 12, func() {
				if v.act.OpenImage != nil {
					v.act.OpenImage(v.turn.ID, i)
				}
			}))
		}
	}
	v.question.setText(t.Question)
	v.putNotices(t.Notices)
	changed := v.answer.setText(strings.TrimRight(t.Answer, "\n "))
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

func sameImages(a, b Turn) bool {
	for i := range a.Images {
		if a.Images[i] != b.Images[i] {
			return false
		}
	}
	return true
}

// sameFrame says whether everything but the answer's text still takes the space it took.
func (v *turnView) sameFrame(old Turn) bool {
	return old.Question == v.turn.Question && slices.Equal(old.Notices, v.turn.Notices) && len(old.Images) == len(v.turn.Images) && old.Phase == v.turn.Phase &&
		len(old.Figures) == len(v.turn.Figures) && strings.Join(old.Figures, "") == strings.Join(v.turn.Figures, "") &&
		(old.Answer == "") == (v.turn.Answer == "") &&
		(old.Problem == v.turn.Problem || old.Problem != nil && v.turn.Problem != nil && sameProblem(*old.Problem, *v.turn.Problem))
}

func phaseText(t Turn) string {
	switch t.State {
	case TurnWaiting:
		return "Waiting for the question before it"
	case TurnWorking:
		if t.Phase == "" {
			return "Working"
		}
		return t.Phase
	case TurnStreaming:
		if t.Answer == "" {
			return "Writing"
		}
	case TurnCancelled:
		return "Stopped"
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
			v.name.place(0, y, width, 22)
		}
		y += 24
	}
	y = v.placeNotices(width, y, move)
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
	var row []*openable
	y, used := float32(0), float32(0)
	flush := func() {
		x, tallest := width-used, float32(0)
		for _, p := range row {
			s := fitted(p.source, box)
			if move {
				place(p, x, y, s.Width, s.Height)
			}
			x += s.Width + gap2
			tallest = max(tallest, s.Height)
		}
		y += tallest + gap2
		row, used = nil, 0
	}
	for _, p := range v.pictures {
		w := fitted(p.source, box).Width
		if len(row) > 0 && used+gap2+w > width {
			flush()
		}
		if len(row) > 0 {
			used += gap2
		}
		row, used = append(row, p), used+w
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
	const padX, padY = 14, 8
	w := min(v.question.naturalWidth()+1, width*0.8-2*padX)
	h := v.question.heightFor(w)
	if move {
		place(v.bubble.rect, width-w-2*padX, y, w+2*padX, h+2*padY)
		place(v.question, width-w-padX, y+padY, w, h)
	}
	return y + h + 2*padY
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
			v.phase.place(width-w, y, w+1, 20)
		}
		return y + 20
	}
	if move {
		v.phase.place(0, y, width, 20)
		place(v.bar, 0, y+24, min(width, 260), 4)
	}
	y += 22
	if v.turn.State == TurnWorking {
		y += 12
	}
	return y
}

// placeFigures puts the figures and the two buttons on one line, or on two where the window is narrow.
func (v *turnView) placeFigures(width, y float32, move bool) float32 {
	if !v.finished() {
		return y
	}
	y += 2
	c, a := v.copyBtn.measure(), v.again.measure()
	x := float32(0)
	if v.figures.source != "" {
		w, top := v.figures.naturalWidth()+1, y
		if w+gap3+c.Width+a.Width > width {
			w, top = width, y+2
			y += v.figures.heightFor(width) + 2
		} else {
			top = y + (c.Height-v.figures.heightFor(w))/2 + 1 // on the buttons' base line
			x = w + gap3
		}
		if move {
			place(v.figures, 0, top, w, v.figures.heightFor(w))
		}
	}
	if !move {
		return y + c.Height
	}
	if x == 0 {
		x = -6 // the button's text in line with the answer
	}
	if v.hasCopy() {
		place(v.copyBtn, x, y, c.Width, c.Height)
		x += c.Width + 2
	}
	if v.hasAgain() {
		place(v.again, x, y, a.Width, a.Height)
	}
	return y + c.Height
}

// finished says whether figures and buttons belong below the answer.
func (v *turnView) finished() bool {
	return v.turn.State == TurnDone || v.turn.State == TurnCancelled || v.turn.State == TurnFailed && v.turn.Answer != ""
}

func (v *turnView) hasCopy() bool { return v.turn.Answer != "" && v.act.Copy != nil }

// hasAgain is false for a failed turn, whose card has a button of its own.
func (v *turnView) hasAgain() bool { return v.turn.State != TurnFailed && v.act.Retry != nil }

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
	if v.turn.Question != "" {
		o = append(o, v.bubble.rect, v.question)
	}
	if v.turn.State != TurnWaiting || v.turn.Answer != "" {
		o = append(o, v.name.draw)
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
	if v.finished() {
		if v.figures.source != "" {
			o = append(o, v.figures)
		}
		if v.hasCopy() {
			o = append(o, v.copyBtn)
		}
		if v.hasAgain() {
			o = append(o, v.again)
		}
	}
	return o
}

func (r *turnRenderer) Refresh() {
	r.v.bubble.restyle()
	r.v.name.restyle()
	r.v.phase.restyle()
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
