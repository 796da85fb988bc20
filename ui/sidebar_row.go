package ui

import (
	"image"
	"image/color"
	"slices"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// The heights of what the list is made of.
func sideHeadingHeight() float32 { return scaled(34) }
func sideRowHeight() float32     { return scaled(42) }
func sideHitHeight() float32     { return scaled(58) }

// sideRow is a line of the sidebar's list. There are only as many as are in sight; they are used for one conversation
// after the other.
type sideRow struct {
	widget.BaseWidget
	list     *sideList
	id       int64
	drawn    Conversation // as it was set last
	title    []Part
	text     []Part // what was found in a turn
	turn     int64
	picture  bool
	busy     bool
	thumb    image.Image
	hovered  bool
	overMore bool // the pointer is on the three dots
	cut      bool // the title is not all there
	more     *icon
}

var (
	_ fyne.Tappable          = (*sideRow)(nil)
	_ fyne.SecondaryTappable = (*sideRow)(nil)
	_ desktop.Hoverable      = (*sideRow)(nil)
	_ desktop.Cursorable     = (*sideRow)(nil)
)

func newSideRow(l *sideList) *sideRow {
	r := &sideRow{list: l, more: newIcon("more", colorMuted)}
	r.ExtendBaseWidget(r)
	return r
}

// set makes it the line of another conversation, or of the same one as it is now.
func (r *sideRow) set(c Conversation, h *Hit, thumb image.Image) {
	if r.id != c.ID {
		r.hovered, r.overMore = false, false
	}
	if r.drawn == c && r.thumb == thumb && h == nil && r.text == nil && len(r.title) == 1 {
		return // as it is on most changes of the list
	}
	r.drawn = c
	r.id, r.picture, r.busy, r.thumb = c.ID, c.Picture, c.Busy, thumb
	title := c.Title
	if strings.TrimSpace(title) == "" {
		title = words.T("Without a title")
	}
	r.title, r.text, r.turn = []Part{{Text: title}}, nil, 0
	if h != nil {
		r.text, r.turn = h.Text, h.Turn
		if len(h.TitleParts) > 0 && c.Title != "" {
			r.title = h.TitleParts
		}
	}
	r.Refresh()
}

const (
	sidePad   float32 = 8  // around a line's content
	sideThumb float32 = 28 // edge of its picture
)

// titleAt is where the title begins, and what it has of a line's width.
func (r *sideRow) titleAt(width float32) (x, room float32) {
	x = sidePad + scaled(sideThumb) + 10
	return x, max(width-x-sidePad-scaled(20), 1)
}

func (r *sideRow) CreateRenderer() fyne.WidgetRenderer {
	back, over, ring := newPanel("", "", radiusControl), newPanel("", "", radiusControl), newPanel("", "", radiusControl)
	frame, sign := newPanel(colorTrack, "", 6), newIcon("chat", colorMuted)
	thumb := &canvas.Image{FillMode: canvas.ImageFillCover, CornerRadius: 6}
	dot, cutOff := canvas.NewCircle(color.Transparent), newIcon("cutoff", colorWarn)
	title, text := &partLine{base: textBody, color: colorText}, &partLine{base: textSmall, color: colorMuted}
	fixed := []fyne.CanvasObject{back.rect, over.rect, frame.rect, sign.image, thumb, dot, cutOff.image, r.more.image, ring.rect}
	d := &drawing{}
	d.min = func() fyne.Size { return fyne.NewSize(80, sideRowHeight()) }
	d.layout = func(s fyne.Size) {
		for _, p := range []*panel{back, over, ring} {
			place(p.rect, 0, 0, s.Width, s.Height)
		}
		edge := scaled(sideThumb)
		y := (s.Height - edge) / 2
		place(frame.rect, sidePad, y, edge, edge)
		place(thumb, sidePad, y, edge, edge)
		place(sign.image, sidePad+edge/4, y+edge/4, edge/2, edge/2)
		x, room := r.titleAt(s.Width)
		if len(r.text) > 0 {
			line := scaled(20)
			top := (s.Height - 2*line) / 2
			r.cut = title.lay(r.title, x, top, room, line)
			text.lay(r.text, x, top+line, s.Width-x-sidePad, line)
		} else {
			r.cut = title.lay(r.title, x, 0, room, s.Height)
			text.lay(nil, 0, 0, 0, 0)
		}
		middle := s.Height / 2
		if len(r.text) > 0 {
			middle = (s.Height-2*scaled(20))/2 + scaled(10)
		}
		size := scaled(18)
		place(r.more.image, s.Width-sidePad-size+2, middle-size/2, size, size)
		mark := scaled(16)
		place(cutOff.image, s.Width-sidePad-mark+1, middle-mark/2, mark, mark)
		place(dot, s.Width-sidePad-11, middle-4, 8, 8)
		d.objects = append(append(append(d.objects[:0:0], fixed[:6]...), title.objects...), text.objects...)
		d.objects = append(d.objects, fixed[6:]...)
	}
	d.restyle = func() {
		marked := r.list.focused && r.list.cursor == r.id
		back.fill, over.fill = "", ""
		if r.list.open == r.id {
			back.fill = colorRaised
		}
		if r.hovered || marked {
			over.fill = theme.ColorNameHover
		}
		for _, p := range []*panel{back, over, frame} {
			p.restyle()
		}
		styleRing(ring.rect, marked)
		thumb.Hidden, sign.image.Hidden = r.thumb == nil, r.thumb != nil || r.picture
		if thumb.Image != r.thumb {
			thumb.Image = r.thumb
			thumb.Refresh()
		}
		restyleIcon(sign)
		r.more.image.Hidden = !r.hovered && !marked || !r.list.hasMenu()
		r.more.color = colorMuted
		if r.overMore {
			r.more.color = colorText
		}
		restyleIcon(r.more)
		dot.Hidden = !r.busy || !r.more.image.Hidden
		dot.FillColor = theme.Color(colorAccent)
		dot.Refresh()
		cutOff.image.Hidden = r.busy || !r.drawn.Interrupted || !r.more.image.Hidden
		restyleIcon(cutOff)
		d.layout(r.Size())
		canvas.Refresh(r)
	}
	d.restyle()
	return d
}

// restyleIcon paints an icon anew only where it has another colour than before: a list that is scrolled does it often.
func restyleIcon(i *icon) {
	if c := coloredIcon(i.name, theme.Color(i.color)); i.image.Resource == nil || c.Name() != i.image.Resource.Name() {
		i.restyle()
	}
}

// Tapped opens the conversation, or its menu on the three dots.
func (r *sideRow) Tapped(e *fyne.PointEvent) {
	r.list.tips.hide()
	if r.onMore(e.Position) && r.hovered {
		r.list.showMenu(r.id, e.AbsolutePosition)
		return
	}
	r.list.choose(r.id, r.turn)
	r.list.onOpened()
}

// TappedSecondary opens the menu.
func (r *sideRow) TappedSecondary(e *fyne.PointEvent) {
	r.list.tips.hide()
	r.list.showMenu(r.id, e.AbsolutePosition)
}

// onMore says whether a place is on the three dots.
func (r *sideRow) onMore(at fyne.Position) bool {
	return r.list.hasMenu() && at.X >= r.Size().Width-sidePad-scaled(20)
}

// MouseIn implements desktop.Hoverable.
func (r *sideRow) MouseIn(e *desktop.MouseEvent) {
	r.hovered = true
	r.moved(e.Position, true)
}

// MouseMoved implements desktop.Hoverable.
func (r *sideRow) MouseMoved(e *desktop.MouseEvent) { r.moved(e.Position, false) }

func (r *sideRow) moved(at fyne.Position, in bool) {
	more := r.onMore(at)
	if more == r.overMore && !in {
		return
	}
	r.overMore = more
	r.Refresh()
	switch {
	case more:
		r.list.tips.showSoon(r.more.image, words.T("Rename, export, delete"))
	case r.drawn.Interrupted && !r.busy:
		r.list.tips.showSoon(r, plainText(r.title)+"\n"+words.T("Galago ended while this was being answered. The answer can be continued."))
	case r.cut:
		r.list.tips.showSoon(r, plainText(r.title))
	default:
		r.list.tips.hide()
	}
}

// MouseOut implements desktop.Hoverable.
func (r *sideRow) MouseOut() {
	r.hovered, r.overMore = false, false
	r.list.tips.hide()
	r.Refresh()
}

// Cursor implements desktop.Cursorable.
func (r *sideRow) Cursor() desktop.Cursor { return desktop.PointerCursor }

func plainText(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// partLine draws pieces of text on one line, those that were found bold on a ground of their own. What has no room is
// left out: at the end, or at the beginning where what was found would not be seen otherwise.
type partLine struct {
	base    float32 // size of the text at the usual text size
	color   fyne.ThemeColorName
	objects []fyne.CanvasObject

	parts    []Part // as they were laid out, with what follows
	x, y, w  float32
	h, size  float32
	drawn    color.Color
	wasCut   bool
	textPool []*canvas.Text
	rectPool []*canvas.Rectangle
}

// lay puts parts at a place and says whether something was left out.
func (l *partLine) lay(parts []Part, x, y, w, h float32) (cut bool) {
	size, ink := scaled(l.base), theme.Color(l.color)
	if len(parts) == len(l.parts) && x == l.x && y == l.y && w == l.w && h == l.h && size == l.size && ink == l.drawn && sameParts(parts, l.parts) {
		return l.wasCut
	}
	l.parts, l.x, l.y, l.w, l.h, l.size, l.drawn = parts, x, y, w, h, size, ink
	l.objects = l.objects[:0]
	fitted, cut := fitParts(parts, w, size)
	l.wasCut = cut
	if startsRightToLeft(parts) {
		for i, j := 0, len(fitted)-1; i < j; i, j = i+1, j-1 {
			fitted[i], fitted[j] = fitted[j], fitted[i]
		}
	}
	texts, rects := 0, 0
	for _, p := range fitted {
		width := p.measure(size)
		if p.Found {
			if rects == len(l.rectPool) {
				l.rectPool = append(l.rectPool, &canvas.Rectangle{CornerRadius: 3})
			}
			rect := l.rectPool[rects]
			rects++
			rect.FillColor = theme.Color(theme.ColorNameFocus)
			high := min(h, textHeight(size))
			place(rect, x-1, y+(h-high)/2, width+2, high)
			rect.Refresh()
			l.objects = append(l.objects, rect)
		}
		if texts == len(l.textPool) {
			l.textPool = append(l.textPool, &canvas.Text{})
		}
		t := l.textPool[texts]
		texts++
		t.Text, t.TextSize, t.TextStyle, t.Color = p.Text, size, p.style(), ink
		if p.Found {
			t.Color = theme.Color(colorText)
		}
		place(t, x, y, width+1, h)
		t.Refresh()
		l.objects = append(l.objects, t)
		x += width
	}
	return cut
}

func sameParts(a, b []Part) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (p Part) style() fyne.TextStyle { return fyne.TextStyle{Bold: p.Found} }

func (p Part) measure(size float32) float32 { return fyne.MeasureText(p.Text, size, p.style()).Width }

// shortened is the text of a piece of a width cut to a smaller one. It begins to try where the cut is likely to be, since
// measuring is what a scrolled list has most to do with.
func (p Part) shortened(width, to, size float32) string {
	runes := []rune(p.Text)
	fits := func(n int) bool {
		return Part{string(runes[:n]) + "…", p.Found}.measure(size) <= to
	}
	n := min(int(float32(len(runes))*to/width), len(runes)-1)
	if fits(n) {
		for n+1 < len(runes) && fits(n+1) {
			n++
		}
	} else {
		for n--; n > 0 && !fits(n); n-- {
		}
	}
	return strings.TrimRight(string(runes[:max(n, 0)]), " ") + "…"
}

// fitParts cuts parts to a width.
func fitParts(parts []Part, width, size float32) (fitted []Part, cut bool) {
	parts, cut = fromFound(parts, width, size)
	left := width
	for i, p := range parts {
		p.Text = strings.Map(withoutControls, firstOf(p.Text, longestMeasured))
		w := p.measure(size)
		if w <= left+0.5 {
			fitted = append(fitted, p)
			left -= w
			continue
		}
		if i == 0 || left > size { // else there is hardly room for the sign that something is missing
			p.Text = p.shortened(w, left, size)
			fitted = append(fitted, p)
		}
		return fitted, true
	}
	return fitted, cut
}

// longestMeasured is how many bytes of a piece are measured at most; no sidebar has room for more.
const longestMeasured = 600

// firstOf is the beginning of a text, of at most so many bytes.
func firstOf(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// fromFound leaves out so much of the beginning that the first piece that was found is within a width.
func fromFound(parts []Part, width, size float32) (_ []Part, cut bool) {
	if !slices.ContainsFunc(parts, func(p Part) bool { return p.Found }) {
		return parts, false
	}
	used := float32(0)
	for i, p := range parts {
		w := p.measure(size)
		if !p.Found {
			used += w
			continue
		}
		if used+w <= width || i == 0 {
			return parts, false
		}
		before := []rune(plainText(parts[:i]))
		room := max(width-w, width/2) / 2 // the rest is for what follows
		from := len(before)
		for from > 0 && fyne.MeasureText("…"+string(before[from-1:]), size, fyne.TextStyle{}).Width <= room {
			from--
		}
		for word := from; word > 0 && word < len(before) && word < from+12; word++ { // rather between words
			if before[word-1] == ' ' {
				from = word
				break
			}
		}
		return append([]Part{{Text: "…" + string(before[from:])}}, parts[i:]...), true
	}
	return parts, false
}

func withoutControls(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

// startsRightToLeft says whether the first letter is of a script that is written that way.
func startsRightToLeft(parts []Part) bool {
	for _, p := range parts {
		for _, r := range p.Text {
			if unicode.IsLetter(r) {
				return unicode.In(r, unicode.Arabic, unicode.Hebrew, unicode.Syriac, unicode.Thaana, unicode.Nko)
			}
		}
	}
	return false
}
