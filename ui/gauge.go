package ui

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"reflect"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"
)

// gaugeBar is the strip at the bottom: whose memory, how it is used, and the button that gives some back.
type gaugeBar struct {
	widget.BaseWidget
	gauge Gauge
	bar   *memoryBar
	clear *button
	tips  *tips
}

const gaugeHeight float32 = 58

func newGaugeBar(act Actions, tips *tips) *gaugeBar {
	g := &gaugeBar{tips: tips, bar: newMemoryBar(tips)}
	g.clear = newButton(secondary, "", "Clear cache", func() { act.Memory(MemoryWorking) }).
		withTip(tips, "Forget what the model keeps of this conversation, and give its memory back")
	g.clear.Hidden = act.Memory == nil
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
}

func (g *gaugeBar) CreateRenderer() fyne.WidgetRenderer {
	back, edge := newPanel(colorSide, "", 0), newPanel(colorLine, "", 0)
	name, info := newLabel("", textSmall+1, colorText).bold(), newLabel("", textSmall, colorMuted)
	used, total := newLabel("", textSmall+1, colorText).bold(), newLabel("", textSmall+1, colorMuted)
	peak := newLabel("", textSmall, colorMuted)
	d := &drawing{objects: []fyne.CanvasObject{
		back.rect, edge.rect, name.draw, info.draw, g.bar, used.draw, total.draw, peak.draw, g.clear,
	}}
	d.min = func() fyne.Size { return fyne.NewSize(480, gaugeHeight) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(edge.rect, 0, 0, s.Width, 1)
		left := min(max(name.size().Width, info.size().Width)+1, s.Width*0.24)
		if g.gauge.Total == 0 {
			left = max(left, min(max(name.size().Width, info.size().Width)+1, s.Width-2*gap4-g.clear.MinSize().Width-gap4))
		}
		name.place(gap4, 12, left, 18)
		info.place(gap4, 30, left, 18)
		b := g.clear.MinSize()
		place(g.clear, s.Width-gap4-b.Width, (s.Height-b.Height)/2, b.Width, b.Height)
		right := s.Width - gap4 - b.Width - gap3
		shown := g.gauge.Total > 0
		for _, o := range []fyne.CanvasObject{used.draw, total.draw, peak.draw, g.bar} {
			setVisible(o, shown)
		}
		if !shown {
			return
		}
		uw, tw := used.size().Width, total.size().Width
		figures := max(uw+tw, peak.size().Width)
		used.place(right-uw-tw, 12, uw+1, 18)
		total.place(right-tw, 12, tw+1, 18)
		peak.place(right-peak.size().Width, 30, peak.size().Width+1, 18)
		x := gap4 + left + gap4
		place(g.bar, x, 8, max(right-figures-gap4-x, 40), s.Height-10)
	}
	d.restyle = func() {
		v := g.gauge
		name.set(v.Name)
		info.set(v.Line)
		u, t := bytesOf(v.Used, v.Total)
		used.set(u)
		total.set(" of " + t)
		peak.set("")
		if v.Peak > 0 {
			p, _ := bytesOf(v.Peak, v.Total)
			peak.set("peak " + p)
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

// memoryBar is the segmented bar with its labels. Its legend opens under the pointer, on a click and with the
// keyboard, since colour is not the only sign.
type memoryBar struct {
	widget.BaseWidget
	gauge           Gauge
	tips            *tips
	focused, pinned bool
	redrawn         int // how often the bar's pixels were made, for tests
	drawn           *image.NRGBA
	drawnFor        Gauge
	drawnDark       bool
}

func newMemoryBar(tips *tips) *memoryBar {
	b := &memoryBar{tips: tips}
	b.ExtendBaseWidget(b)
	return b
}

func (b *memoryBar) set(g Gauge) {
	b.gauge = g
	b.Refresh()
}

const (
	barTop    float32 = 5  // room for the peak's mark above
	barHeight float32 = 16 //
)

// stretch is a part of the bar, from and to as shares of the whole.
type stretch struct {
	segment  Segment
	from, to float64
}

// stretches lays the segments one after the other; more than the total is cut.
func stretches(g Gauge) []stretch {
	if g.Total == 0 {
		return nil
	}
	var out []stretch
	at := 0.0
	for _, s := range g.Segments {
		to := min(at+float64(s.Bytes)/float64(g.Total), 1)
		if to > at {
			out = append(out, stretch{s, at, to})
		}
		at = to
	}
	return out
}

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
	r := &barRenderer{b: b, raster: canvas.NewRaster(b.paint), ring: newPanel("", "", 6)}
	r.Refresh()
	return r
}

type barRenderer struct {
	b      *memoryBar
	raster *canvas.Raster
	ring   *panel
	labels []*label
}

func (r *barRenderer) Destroy()           {}
func (r *barRenderer) MinSize() fyne.Size { return fyne.NewSize(40, barHeight+2*barTop+14) }

func (r *barRenderer) Objects() []fyne.CanvasObject {
	o := []fyne.CanvasObject{r.raster, r.ring.rect}
	for _, l := range r.labels {
		o = append(o, l.draw)
	}
	return o
}

func (r *barRenderer) Layout(s fyne.Size) {
	place(r.raster, 0, 0, s.Width, barHeight+2*barTop)
	place(r.ring.rect, -3, barTop-3, s.Width+6, barHeight+6)
	r.placeLabels(s.Width)
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
		if with := s.segment.Label + " " + byteSize(s.segment.Bytes); fyne.MeasureText(with, textLabel, fyne.TextStyle{}).Width < room {
			l.set(with)
			w = l.size().Width
		}
		l.place(x, barHeight+2*barTop-2, w+1, 14)
		r.labels = append(r.labels, l)
		end = x + w
	}
}

func (r *barRenderer) Refresh() {
	r.ring.restyle()
	styleRing(r.ring.rect, r.b.focused)
	r.Layout(r.b.Size())
	if !reflect.DeepEqual(r.b.drawnFor, r.b.gauge) || r.b.drawnDark != isDark() {
		r.raster.Refresh()
	}
	canvas.Refresh(r.b)
}

// MouseIn shows the legend.
func (b *memoryBar) MouseIn(*desktop.MouseEvent)    { b.tips.show(b, newLegend(b.gauge)) }
func (b *memoryBar) MouseMoved(*desktop.MouseEvent) {}

// MouseOut hides it, unless a click has pinned it.
func (b *memoryBar) MouseOut() {
	if !b.pinned {
		b.tips.hide()
	}
}

// Tapped pins the legend, or lets it go.
func (b *memoryBar) Tapped(*fyne.PointEvent) {
	b.pinned = !b.pinned
	if b.pinned {
		b.tips.show(b, newLegend(b.gauge))
	} else {
		b.tips.hide()
	}
}

func (b *memoryBar) FocusGained() {
	b.focused = true
	b.tips.show(b, newLegend(b.gauge))
	b.Refresh()
}

func (b *memoryBar) FocusLost() {
	b.focused, b.pinned = false, false
	b.tips.hide()
	b.Refresh()
}

func (b *memoryBar) TypedRune(r rune) { typeElsewhere(b, r) }

func (b *memoryBar) TypedKey(e *fyne.KeyEvent) {
	if e.Name == fyne.KeyEscape {
		b.tips.hide()
	}
	keyElsewhere(b, e)
}

// legend is the card that names every segment with its size.
type legend struct {
	widget.BaseWidget
	rows []legendRow
	note *still
}

type legendRow struct {
	swatch     *canvas.Rectangle
	name, size *label
}

func newLegend(g Gauge) *legend {
	l := &legend{note: newPlain(textSmall, colorMuted)}
	l.note.setText(g.Tooltip)
	row := func(name string, c color.Color, bytes uint64) {
		l.rows = append(l.rows, legendRow{canvas.NewRectangle(c), newLabel(name, textSmall, colorText), newLabel(byteSize(bytes), textSmall, colorMuted)})
	}
	var sum uint64
	for _, s := range g.Segments {
		name := s.Label
		if s.Kind == SegmentPending {
			name += " (not yet used)"
		}
		row(name, segmentColor(s.Kind), s.Bytes)
		sum += s.Bytes
	}
	if g.Total > sum {
		row("free", theme.Color(colorTrack), g.Total-sum)
	}
	l.ExtendBaseWidget(l)
	return l
}

func (l *legend) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorSurface, colorLine, radiusControl)
	objects := []fyne.CanvasObject{back.rect, l.note}
	width := min(l.note.naturalWidth()+1, 260)
	for _, r := range l.rows {
		r.swatch.CornerRadius = 3
		r.swatch.StrokeColor, r.swatch.StrokeWidth = theme.Color(colorLine), 1
		objects = append(objects, r.swatch, r.name.draw, r.size.draw)
		width = max(width, 18+r.name.size().Width+gap5+r.size.size().Width+1)
	}
	const rowHeight = 20
	d := &drawing{objects: objects}
	d.min = func() fyne.Size {
		h := 2*gap2 + rowHeight*float32(len(l.rows))
		if l.note.source != "" {
			h += l.note.heightFor(width) + gap1
		}
		return fyne.NewSize(width+2*gap3, h)
	}
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		y := gap2
		for _, r := range l.rows {
			place(r.swatch, gap3, y+5, 10, 10)
			w := r.size.size().Width + 1
			r.name.place(gap3+18, y, s.Width-2*gap3-18-w, rowHeight)
			r.size.place(s.Width-gap3-w, y, w, rowHeight)
			y += rowHeight
		}
		if l.note.source != "" {
			place(l.note, gap3, y+gap1, s.Width-2*gap3, l.note.heightFor(s.Width-2*gap3))
		}
	}
	d.restyle = func() { canvas.Refresh(l) }
	return d
}
