package ui

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"reflect"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// gaugeBar is the strip at the bottom: whose memory, how it is used, and the menu that gives some back. A click opens
// the panel with all figures.
type gaugeBar struct {
	widget.BaseWidget
	act    Actions
	tips   *tips
	gauge  Gauge
	panel  Panel
	items  []MemoryItem
	bar    *memoryBar
	memory *button

	open   *popover     // what is open above the strip; nil while nothing is
	figure *memoryPanel // its content when that is the panel
	menu   *memoryMenu  // its content when that is the menu
}

// gaugeHeight is the strip's.
func gaugeHeight() float32 { return 18 + 2*scaled(18) + scaled(4) }

func newGaugeBar(act Actions, tips *tips) *gaugeBar {
	g := &gaugeBar{act: act, tips: tips}
	g.bar = newMemoryBar(tips, g.openPanel)
	g.memory = newButton(secondary, "memory", words.T("Memory"), g.openMenu).withTip(tips, words.T("Give memory back, and see how much that is"))
	g.memory.tail = "chevron"
	g.memory.Hidden = act.Memory == nil
	g.memory.Disable()
	g.ExtendBaseWidget(g)
	return g
}

// set shows a reading; one that is equal to the last draws nothing.
func (g *gaugeBar) set(v Gauge) {
	if reflect.DeepEqual(v, g.gauge) {
		return
	}
	g.gauge = v
	g.bar.set(v)
	g.Refresh()
	g.updatePanel()
}

// setPanel keeps the figures, and shows them if the panel is open.
func (g *gaugeBar) setPanel(p Panel) {
	g.panel = p
	g.updatePanel()
}

// setItems keeps the memory menu, and shows it if it is open.
func (g *gaugeBar) setItems(items []MemoryItem) {
	if slices.Equal(items, g.items) {
		return
	}
	g.items = slices.Clone(items)
	if len(items) == 0 {
		g.memory.Disable()
	} else {
		g.memory.Enable()
	}
	if g.menu != nil {
		g.menu.set(g.items)
		g.open.fit()
	}
}

func (g *gaugeBar) updatePanel() {
	if g.figure != nil && g.figure.set(g.gauge, g.panel) {
		g.open.fit()
	}
}

// openPanel shows all figures above the strip.
func (g *gaugeBar) openPanel() {
	if g.open != nil {
		return
	}
	g.figure = newMemoryPanel(g.act)
	g.figure.set(g.gauge, g.panel)
	g.show(g.figure, panelWidth, false)
	g.figure.reveal = g.open.reveal
}

// openMenu shows what gives memory back.
func (g *gaugeBar) openMenu() {
	if g.open != nil {
		return
	}
	g.menu = newMemoryMenu(func(what MemoryAction) {
		g.open.hide()
		if g.act.Memory != nil {
			g.act.Memory(what)
		}
	})
	g.menu.set(g.items)
	g.show(g.menu, menuWidth, true)
	g.menu.reveal = g.open.reveal
}

func (g *gaugeBar) show(body flowing, width float32, right bool) {
	g.tips.hide()
	c := fyne.CurrentApp().Driver().CanvasForObject(g)
	g.open = showPopover(c, body, width, right, func() { g.open, g.figure, g.menu = nil, nil, nil })
}

// Tapped opens the panel also from the name and the figures beside the bar.
func (g *gaugeBar) Tapped(*fyne.PointEvent) { g.openPanel() }

// MouseIn explains what the strip shows.
func (g *gaugeBar) MouseIn(*desktop.MouseEvent) {
	if g.gauge.Tooltip != "" {
		g.tips.showSoon(g, g.gauge.Tooltip)
	}
}
func (g *gaugeBar) MouseMoved(*desktop.MouseEvent) {}
func (g *gaugeBar) MouseOut()                      { g.tips.hide() }

func (g *gaugeBar) CreateRenderer() fyne.WidgetRenderer {
	back, edge := newPanel(colorSide, "", 0), newPanel(colorLine, "", 0)
	name, info := newLabel("", textSmall+1, colorText).bold(), newLabel("", textSmall, colorMuted)
	used, total := newLabel("", textSmall+1, colorText).bold(), newLabel("", textSmall+1, colorMuted)
	peak := newLabel("", textSmall, colorMuted)
	d := &drawing{objects: []fyne.CanvasObject{
		back.rect, edge.rect, name.draw, info.draw, g.bar, used.draw, total.draw, peak.draw, g.memory,
	}}
	d.min = func() fyne.Size { return fyne.NewSize(480, gaugeHeight()) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(edge.rect, 0, 0, s.Width, 1)
		b := g.memory.measure()
		right := s.Width - gap4
		if !g.memory.Hidden {
			place(g.memory, right-b.Width, (s.Height-b.Height)/2, b.Width, b.Height)
			right -= b.Width + gap4
		}
		natural := max(name.size().Width, info.size().Width) + 1
		left := min(natural, s.Width*0.22)
		if g.gauge.Total == 0 {
			left = min(natural, right-gap4)
		}
		uw, tw := used.size().Width, total.size().Width
		figures := max(uw+tw, peak.size().Width)
		const leastBar = 96
		shown := g.gauge.Total > 0
		named := !shown || right-figures-left-3*gap4 >= leastBar // a bar too short to read is worse than no name
		if !named {
			left = -gap4
		}
		for _, l := range []*label{name, info} {
			setVisible(l.draw, named)
		}
		h := scaled(18) // of a line; two of them are in the middle
		top := (s.Height-2*h)/2 + 1
		name.place(gap4, top, max(left, 1), h)
		info.place(gap4, top+h, max(left, 1), h)
		for _, o := range []fyne.CanvasObject{used.draw, total.draw, peak.draw, g.bar} {
			setVisible(o, shown)
		}
		if !shown {
			return
		}
		used.place(right-uw-tw, top, uw+1, h)
		total.place(right-tw, top, tw+1, h)
		peak.place(right-peak.size().Width, top+h, peak.size().Width+1, h)
		x := gap4 + left + gap4
		place(g.bar, x, 8, max(right-figures-gap4-x, 40), s.Height-10)
	}
	d.restyle = func() {
		v := g.gauge
		name.set(v.Name)
		info.set(v.Line)
		info.color = colorMuted
		if v.Total == 0 && v.Alarm != "" { // there is no bar to stand under
			info.set(v.Alarm)
			info.color = colorWarn
		}
		u, t := bytesOf(v.Used, v.Total)
		used.set(u)
		total.set(" " + words.T("of %s", t))
		peak.set("")
		if v.Peak > 0 {
			p, _ := bytesOf(v.Peak, v.Total)
			peak.set(words.T("peak %s", p))
		}
		for _, p := range []*panel{back, edge} {
			p.restyle()
		}
		for _, l := range []*label{name, info, used, total, peak} {
			l.restyle()
		}
		d.layout(g.Size())
		canvas.Refresh(g)
	}
	d.restyle()
	return d
}

// bytesOf writes an amount and its whole. The whole has the unit that fits it, and the amount the same one, "4.5",
// "5.6 GiB", or its own where that one is too large to tell anything: "46 MiB", "23.5 GiB".
func bytesOf(part, whole uint64) (string, string) {
	if whole < 1<<30 {
		return fmt.Sprintf("%.0f", mebibytes(part)), fmt.Sprintf("%.0f MiB", mebibytes(whole))
	}
	if part < 1<<30 {
		return fmt.Sprintf("%.0f MiB", mebibytes(part)), gibibytes(whole) + " GiB"
	}
	return gibibytes(part), gibibytes(whole) + " GiB"
}

func mebibytes(b uint64) float64 { return float64(b) / (1 << 20) }

func gibibytes(b uint64) string {
	v := float64(b) / (1 << 30)
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// size writes one amount with its own unit.
func byteSize(b uint64) string {
	_, s := bytesOf(b, b)
	return s
}

// memoryBar is the segmented bar with its labels. Under the pointer, and with the arrow keys, each segment tells its
// name and size, since colour is not the only sign.
type memoryBar struct {
	widget.BaseWidget
	gauge     Gauge
	tips      *tips
	onOpen    func()
	focused   bool
	at        spot // what is explained now
	redrawn   int  // how often the bar's pixels were made, for tests
	drawn     *image.NRGBA
	drawnFor  Gauge
	drawnDark bool
}

func newMemoryBar(tips *tips, onOpen func()) *memoryBar {
	b := &memoryBar{tips: tips, onOpen: onOpen, at: nowhere}
	b.ExtendBaseWidget(b)
	return b
}

func (b *memoryBar) set(g Gauge) {
	b.gauge = g
	b.Refresh()
	switch {
	case b.at == nowhere:
	case g.Total == 0: // there is no bar any more
		b.explainNothing()
	default: // the figures under the pointer change too
		at := b.at
		if at != atPeak || g.Peak == 0 {
			at = min(at, spot(len(stretches(g))))
		}
		b.at = nowhere
		b.explain(at)
	}
}

const (
	barTop    float32 = 5  // room for the peak's mark above
	barHeight float32 = 16 //
)

// stretch is a part of the bar, from and to as shares of the whole.
type stretch struct {
	segment  Segment
	from, to float64
	over     bool // pending, and more than what is left
}

// stretches lays the segments one after the other, what is pending after all that is used. More than the total is cut.
func stretches(g Gauge) []stretch {
	if g.Total == 0 {
		return nil
	}
	var out []stretch
	at := 0.0
	add := func(s Segment) {
		end := at + float64(s.Bytes)/float64(g.Total)
		pending := s.Kind == SegmentPending
		if pending && end > 1 {
			at = min(at, 1-minPending) // something must be seen of what does not fit
		}
		if to := min(end, 1); to > at {
			out = append(out, stretch{s, at, to, pending && end > 1})
		}
		at = min(end, 1)
	}
	for _, s := range g.Segments {
		if s.Kind != SegmentPending {
			add(s)
		}
	}
	at = max(at, min(float64(g.Used)/float64(g.Total), 1))
	for _, s := range g.Segments {
		if s.Kind == SegmentPending && s.Bytes > 0 {
			add(s)
		}
	}
	return out
}

// minPending is the share of the bar that a request gets which is to come on top of a full card.
const minPending = 0.02

// paint draws bar and peak mark pixel by pixel.
func (b *memoryBar) paint(w, h int) image.Image {
	dark := isDark()
	if b.drawn != nil && b.drawn.Rect.Dx() == w && b.drawn.Rect.Dy() == h && dark == b.drawnDark &&
		reflect.DeepEqual(b.drawnFor, b.gauge) {
		return b.drawn
	}
	b.redrawn++
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	scale := float64(h) / float64(barHeight+2*barTop)
	p := barPainter{img: img, scale: scale, top: float64(barTop) * scale, height: float64(barHeight) * scale}
	p.fill(b.gauge)
	p.peak(b.gauge)
	b.drawn, b.drawnFor, b.drawnDark = img, b.gauge, dark
	return img
}

type barPainter struct {
	img                *image.NRGBA
	scale, top, height float64
}

func (p barPainter) fill(g Gauge) {
	w := float64(p.img.Rect.Dx())
	parts := stretches(g)
	track := color.NRGBAModel.Convert(theme.Color(colorTrack)).(color.NRGBA)
	for y := int(p.top); y < int(math.Ceil(p.top+p.height)); y++ {
		part := 0
		for x := range p.img.Rect.Dx() {
			share := (float64(x) + 0.5) / w
			for part < len(parts) && share >= parts[part].to {
				part++
			}
			c := track
			if part < len(parts) && share >= parts[part].from {
				c = p.segment(parts[part], x, y, w)
			}
			c.A = uint8(float64(c.A) * p.corner(float64(x)+0.5, float64(y)+0.5, w))
			p.img.SetNRGBA(x, y, c)
		}
	}
}

// segment is the colour of a segment at a pixel: a thin seam at its right edge, stripes where it is only pending.
func (p barPainter) segment(s stretch, x, y int, w float64) color.NRGBA {
	c := segmentColor(s.segment.Kind)
	if s.over {
		c = color.NRGBAModel.Convert(theme.Color(colorError)).(color.NRGBA)
	}
	edge := s.to*w - (float64(x) + 0.5)
	if edge < p.scale && (s.to-s.from)*w > 4*p.scale && s.to < 1 {
		return color.NRGBAModel.Convert(theme.Color(colorSide)).(color.NRGBA)
	}
	if s.segment.Kind == SegmentPending {
		period := 7 * p.scale
		at := math.Mod(float64(x)+float64(y), period)
		if at >= period*0.55 {
			return color.NRGBAModel.Convert(theme.Color(colorTrack)).(color.NRGBA)
		}
	}
	return c
}

// corner is how much of a pixel lies inside the bar's round ends.
func (p barPainter) corner(x, y, w float64) float64 {
	r := 4 * p.scale
	dx := max(r-x, x-(w-r), 0)
	dy := max(p.top+r-y, y-(p.top+p.height-r), 0)
	if dx == 0 || dy == 0 {
		return 1
	}
	return min(max(r-math.Hypot(dx, dy)+0.5, 0), 1)
}

func (p barPainter) peak(g Gauge) {
	if g.Peak == 0 || g.Total == 0 {
		return
	}
	c := color.NRGBAModel.Convert(theme.Color(colorText)).(color.NRGBA)
	width := max(int(2*p.scale+0.5), 1)
	x := int(min(float64(g.Peak)/float64(g.Total), 1) * float64(p.img.Rect.Dx()-width))
	from, to := int(p.top-3*p.scale), int(p.top+p.height+3*p.scale)
	for y := from; y < to; y++ {
		for i := range width {
			p.img.SetNRGBA(x+i, y, c)
		}
	}
}

func (b *memoryBar) CreateRenderer() fyne.WidgetRenderer {
	r := &barRenderer{b: b, raster: canvas.NewRaster(b.paint), ring: newPanel("", "", 6), mark: newIcon("warning", colorWarn)}
	r.Refresh()
	return r
}

type barRenderer struct {
	b      *memoryBar
	raster *canvas.Raster
	ring   *panel
	labels []*label
	mark   *icon // before the alarm
}

func (r *barRenderer) Destroy()           {}
func (r *barRenderer) MinSize() fyne.Size { return fyne.NewSize(40, barHeight+2*barTop+14) }

func (r *barRenderer) Objects() []fyne.CanvasObject {
	o := []fyne.CanvasObject{r.raster, r.ring.rect, r.mark.image}
	for _, l := range r.labels {
		o = append(o, l.draw)
	}
	return o
}

func (r *barRenderer) Layout(s fyne.Size) {
	place(r.raster, 0, 0, s.Width, barHeight+2*barTop)
	place(r.ring.rect, -3, barTop-3, s.Width+6, barHeight+6)
	setVisible(r.mark.image, r.b.gauge.Alarm != "")
	if r.b.gauge.Alarm != "" {
		r.placeAlarm(s.Width)
		return
	}
	r.placeLabels(s.Width)
}

// placeAlarm puts a warning where the labels are otherwise.
func (r *barRenderer) placeAlarm(width float32) {
	const y = barHeight + 2*barTop - 2
	place(r.mark.image, 0, y+1, 14, 14)
	l := newLabel(r.b.gauge.Alarm, textSmall, colorWarn).bold()
	l.place(gap4+2, y, width-gap4-2, scaled(16))
	r.labels = []*label{l}
}

// placeLabels writes under each segment what it is, where that fits beside the labels before it.
func (r *barRenderer) placeLabels(width float32) {
	r.labels = nil
	end := float32(-gap2)
	for _, s := range stretches(r.b.gauge) {
		x := float32(s.from) * width
		l := newLabel(s.segment.Label, textLabel, colorMuted)
		w := l.size().Width
		room := float32(s.to)*width - max(x, end+gap2)
		if s.segment.Label == "" || room < 6 || max(x, end+gap2)+w > width {
			continue
		}
		x = max(x, end+gap2)
		if with := s.segment.Label + " " + byteSize(s.segment.Bytes); fyne.MeasureText(with, scaled(textLabel), fyne.TextStyle{}).Width < room {
			l.set(with)
			w = l.size().Width
		}
		l.place(x, barHeight+2*barTop-3, w+1, scaled(16))
		r.labels = append(r.labels, l)
		end = x + w
	}
}

func (r *barRenderer) Refresh() {
	r.ring.restyle()
	r.mark.restyle()
	styleRing(r.ring.rect, r.b.focused)
	r.Layout(r.b.Size())
	if !reflect.DeepEqual(r.b.drawnFor, r.b.gauge) || r.b.drawnDark != isDark() {
		r.raster.Refresh()
	}
	canvas.Refresh(r.b)
}

// spot is a place of the bar: the number of a stretch, their count for what is free, or one of the following.
type spot int

const (
	nowhere spot = -1
	atPeak  spot = 1 << 20
)

// spotAt finds what lies at x.
func (b *memoryBar) spotAt(x float32) spot {
	share, reach := float64(x)/float64(b.Size().Width), 3/float64(b.Size().Width)
	if b.gauge.Peak > 0 && math.Abs(share-float64(b.gauge.Peak)/float64(b.gauge.Total)) <= reach {
		return atPeak
	}
	parts := stretches(b.gauge)
	for i, s := range parts {
		if share >= s.from && share < s.to {
			return spot(i)
		}
	}
	return spot(len(parts))
}

// describe says what lies at a spot and where its middle is, as a share of the bar.
func (b *memoryBar) describe(at spot) (text string, middle float64) {
	g, parts := b.gauge, stretches(b.gauge)
	switch {
	case at == atPeak:
		return words.T("peak: %s", byteSize(g.Peak)) + "\n" + words.T("The most that was in use since memory was last given back"), float64(g.Peak) / float64(g.Total)
	case int(at) < len(parts):
		s := parts[at]
		return segmentText(s, g), (s.from + s.to) / 2
	}
	free, from := uint64(0), 1.0
	if g.Total > g.Used {
		free = g.Total - g.Used
	}
	if len(parts) > 0 {
		from = parts[len(parts)-1].to
	}
	text = words.T("free: %s", byteSize(free))
	if g.Tooltip != "" {
		text += "\n" + g.Tooltip
	}
	return text, (from + 1) / 2
}

func segmentText(s stretch, g Gauge) string {
	text := s.segment.Label + ": " + byteSize(s.segment.Bytes)
	switch {
	case s.over:
		return text + "\n" + words.T("Not yet in use, and more than what is free")
	case s.segment.Kind == SegmentPending:
		return text + "\n" + words.T("Not yet in use: what the question in the composer will add")
	}
	return text + ", " + words.T("%.0f %% of %s", 100*float64(s.segment.Bytes)/float64(g.Total), byteSize(g.Total))
}

// explain shows the tip of a spot.
func (b *memoryBar) explain(at spot) {
	if at == b.at || b.gauge.Total == 0 {
		return
	}
	b.at = at
	text, middle := b.describe(at)
	if b.gauge.Alarm != "" { // which a narrow bar cuts
		text += "\n" + b.gauge.Alarm
	}
	b.tips.showAt(b, float32(middle)*b.Size().Width, newTipText(text))
}

func (b *memoryBar) explainNothing() {
	b.at = nowhere
	b.tips.hide()
}

// MouseIn explains the segment under the pointer.
func (b *memoryBar) MouseIn(e *desktop.MouseEvent) { b.explain(b.spotAt(e.Position.X)) }

// MouseMoved explains the next one.
func (b *memoryBar) MouseMoved(e *desktop.MouseEvent) { b.explain(b.spotAt(e.Position.X)) }

func (b *memoryBar) MouseOut() { b.explainNothing() }

func (b *memoryBar) Cursor() desktop.Cursor { return desktop.PointerCursor }

// Tapped opens the panel.
func (b *memoryBar) Tapped(*fyne.PointEvent) {
	b.explainNothing()
	b.onOpen()
}

func (b *memoryBar) FocusGained() {
	b.focused = true
	b.Refresh()
}

func (b *memoryBar) FocusLost() {
	b.focused = false
	b.explainNothing()
	b.Refresh()
}

func (b *memoryBar) TypedRune(r rune) {
	if r != ' ' {
		typeElsewhere(b, r)
	}
}

func (b *memoryBar) TypedKey(e *fyne.KeyEvent) {
	last := spot(len(stretches(b.gauge)))
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		b.Tapped(nil)
	case fyne.KeyRight:
		b.explain(min(b.at, last-1) + 1)
	case fyne.KeyLeft:
		b.explain(max(min(b.at, last+1)-1, 0))
	case fyne.KeyEscape:
		if b.at != nowhere {
			b.explainNothing()
			return
		}
		keyElsewhere(b, e)
	default:
		keyElsewhere(b, e)
	}
}
