package ui

import (
	"image"
	"image/color"
	"math"
	"reflect"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

const (
	historySpan           = 60 * time.Second
	historyHeight float32 = 56 // of the drawing
)

// history draws memory in use over the last minute: what all programs hold as a line, our share filled below it.
type history struct {
	widget.BaseWidget
	points  []HistoryPoint
	total   uint64
	redrawn func() // of the renderer, nil before there is one
}

func newHistory() *history {
	h := &history{}
	h.ExtendBaseWidget(h)
	return h
}

// set shows points; those that are equal to the last draw nothing.
func (h *history) set(points []HistoryPoint, total uint64) {
	if total == h.total && reflect.DeepEqual(points, h.points) {
		return
	}
	h.points, h.total = points, total
	if h.redrawn != nil {
		h.redrawn()
	}
}

func (h *history) CreateRenderer() fyne.WidgetRenderer {
	raster := canvas.NewRaster(func(w, height int) image.Image { return paintHistory(h.points, h.total, w, height) })
	top, zero := newLabel("", textLabel, colorMuted), newLabel("0", textLabel, colorMuted)
	past, now := newLabel(words.T("60 s ago"), textLabel, colorMuted), newLabel(words.T("now"), textLabel, colorMuted)
	ours := &historyKey{newPanel("", "", 3), newLabel("Galago", textLabel, colorMuted), SegmentWeights}
	all := &historyKey{newPanel("", "", 3), newLabel(words.T("all programs"), textLabel, colorMuted), SegmentOthers}
	d := &drawing{objects: []fyne.CanvasObject{
		raster, top.draw, zero.draw, past.draw, now.draw, ours.dot.rect, ours.name.draw, all.dot.rect, all.name.draw,
	}}
	d.min = func() fyne.Size { return fyne.NewSize(120, historyHeight+2+scaled(14)) }
	d.layout = func(s fyne.Size) {
		left := max(top.size().Width, zero.size().Width) + 6
		w := s.Width - left
		tw, zw := top.size().Width, zero.size().Width
		line := scaled(14)
		top.place(left-6-tw, 0, tw+1, line)
		zero.place(left-6-zw, historyHeight-line, zw+1, line)
		place(raster, left, 0, w, historyHeight)
		pw, nw := past.size().Width, now.size().Width
		past.place(left, historyHeight+2, pw+1, line)
		now.place(s.Width-nw, historyHeight+2, nw+1, line)
		x := left + (w-ours.width()-all.width()-gap3)/2
		ours.place(x, historyHeight+2)
		all.place(x+ours.width()+gap3, historyHeight+2)
	}
	d.restyle = func() {
		top.set(byteSize(h.total))
		for _, l := range []*label{top, zero, past, now} {
			l.restyle()
		}
		ours.restyle()
		all.restyle()
		d.layout(h.Size())
		raster.Refresh()
		canvas.Refresh(h)
	}
	h.redrawn = d.restyle
	d.restyle()
	return d
}

// historyKey names one of the two areas.
type historyKey struct {
	dot  *panel
	name *label
	kind SegmentKind
}

func (k *historyKey) width() float32 { return 12 + k.name.size().Width }

func (k *historyKey) place(x, y float32) {
	place(k.dot.rect, x, y+scaled(14)/2-3, 8, 8)
	k.name.place(x+12, y, k.name.size().Width+1, scaled(14))
}

func (k *historyKey) restyle() {
	k.dot.rect.FillColor = segmentColor(k.kind)
	k.dot.rect.Refresh()
	k.name.restyle()
}

// paintHistory draws points over the last minute before the newest of them, total at the upper edge.
func paintHistory(points []HistoryPoint, total uint64, w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	p := historyPainter{
		img: img, points: points, total: float64(total),
		track: themed(colorTrack), line: themed(colorText),
		ours: segmentColor(SegmentWeights), all: segmentColor(SegmentOthers),
		width: max(1.5*float64(h)/float64(historyHeight), 1),
	}
	for x := range w {
		p.column(x)
	}
	return img
}

func themed(name fyne.ThemeColorName) color.NRGBA {
	return color.NRGBAModel.Convert(theme.Color(name)).(color.NRGBA)
}

type historyPainter struct {
	img                    *image.NRGBA
	points                 []HistoryPoint
	total                  float64
	track, line, ours, all color.NRGBA
	width                  float64 // of the line, in pixels
}

// column draws one column of pixels.
func (p *historyPainter) column(x int) {
	h := p.img.Rect.Dy()
	used, ours, known := p.at(float64(x) + 0.5)
	next, _, more := p.at(float64(x) + 1.5)
	if !more {
		next = used
	}
	edge := p.width / 2 // keeps the line inside
	top := min(max(min(used, next), edge), float64(h)-edge) - edge
	low := min(max(max(used, next), edge), float64(h)-edge) + edge
	for y := range h {
		c := p.track
		if known {
			at := float64(y)
			c = mix(c, p.all, 0.55*share(at+1-used))
			c = mix(c, p.ours, 0.85*share(at+1-ours))
			c = mix(c, p.line, share(at+1-top)*share(low-at))
		}
		p.img.SetNRGBA(x, y, c)
	}
}

// at returns how high the two areas reach in a column, in pixels from above, between the points beside it.
func (p *historyPainter) at(x float64) (used, ours float64, known bool) {
	n := len(p.points)
	if n == 0 || p.total == 0 {
		return 0, 0, false
	}
	ago := time.Duration((1 - x/float64(p.img.Rect.Dx())) * float64(historySpan))
	when := p.points[n-1].At.Add(-max(ago, 0))
	for i := n - 1; i >= 0; i-- {
		a := p.points[i]
		if a.At.After(when) {
			continue
		}
		b, f := a, 0.0
		if i+1 < n {
			b = p.points[i+1]
			if gap := b.At.Sub(a.At); gap > 0 {
				f = float64(when.Sub(a.At)) / float64(gap)
			}
		}
		return p.height(a.Used, b.Used, f), p.height(a.Ours, b.Ours, f), true
	}
	return 0, 0, false
}

func (p *historyPainter) height(a, b uint64, f float64) float64 {
	v := float64(a) + (float64(b)-float64(a))*f
	return float64(p.img.Rect.Dy()) * (1 - min(v/p.total, 1))
}

func share(v float64) float64 { return min(max(v, 0), 1) }

// mix lays colour b over a.
func mix(a, b color.NRGBA, share float64) color.NRGBA {
	m := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + (float64(y)-float64(x))*share)) }
	return color.NRGBA{R: m(a.R, b.R), G: m(a.G, b.G), B: m(a.B, b.B), A: 0xff}
}
