package ui

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// run is a stretch of one line in one style.
type run struct {
	x, y, w float32 // inside its line
	text    string
	span    span // its style; the text is not in it
	token   tokenKind
	color   fyne.ThemeColorName
	size    float32
	style   fyne.TextStyle
	box     fyne.Size
	draw    *canvas.Text // nil while it is out of sight

	level    uint8 // of its direction: odd ones are written from right to left
	mirrored bool  // is drawn turned round, see mirrored
}

// line is one line of laid out text.
type line struct {
	x, y, w, h float32
	start, end int // of its text in that of its box, in bytes
	slides     bool
	bare       bool // its runs are made when they are needed
	runs       []run
}

// face is how a paragraph's text is drawn where a span does not say otherwise.
type face struct {
	size  float32
	bold  bool
	color fyne.ThemeColorName
}

func (f face) of(s span) (size float32, style fyne.TextStyle) {
	size, style = scaled(f.size), fyne.TextStyle{Bold: s.bold || f.bold, Italic: s.italic, Monospace: s.code}
	if s.code {
		size -= 0.5
	}
	return size, style
}

func (f face) measure(text string, s span) float32 {
	size, style := f.of(s)
	return fyne.MeasureText(shown(text), size, style).Width
}

// shown is the run's text as it is drawn.
func (r *run) shown() string {
	if r.mirrored {
		return mirrored(r.text)
	}
	return shown(r.text)
}

// shown is a text as it is drawn: tabs as spaces, and without what cannot be drawn.
func shown(text string) string {
	if strings.IndexByte(text, '\t') >= 0 {
		text = strings.ReplaceAll(text, "\t", "    ")
	}
	return text
}

const codePad float32 = 4 // on both sides of inline code

// flow breaks spans into lines of at most width.
func flow(spans []span, width float32, f face) (lines []line, height float32) {
	return flowAt(spans, width, f, 0)
}

// flowAt breaks spans into lines of at most width. Every line gets a place from y = 0 downwards, and its offsets in the
// spans' text, to which base is added.
func flowAt(spans []span, width float32, f face, base int) (lines []line, height float32) {
	w := &flower{width: max(width, 1), face: f, spans: spans, at: base, from: base}
	for i := range spans {
		if spans[i].code {
			w.width = max(width-2*codePad, 1)
		}
	}
	w.rtl = beginsRightToLeft(spans)
	for i := range spans {
		w.add(i, spans[i].text)
	}
	w.endGroup()
	w.endLine()
	for i := range w.lines {
		l := &w.lines[i]
		l.y = height
		height += l.h
	}
	return w.lines, height
}

// piece is a part of a word in one style.
type piece struct {
	style int // index of its span
	text  string
	w     float32
	at    int // where it begins
}

type flower struct {
	width float32
	face  face
	spans []span
	lines []line

	at         int     // how far the text was read
	from       int     // where the line being filled begins, if it is empty
	group      []piece // the word being read
	groupWidth float32
	current    []piece // the line being filled
	used       float32
	space      []piece // between the two
	spaceWidth float32
	wrapped    bool // the line being filled continues the one above
	last       rune // read, 0 after a space
	rtl        bool // the paragraph is written from right to left
}

func (w *flower) add(style int, text string) {
	for text != "" {
		i := strings.IndexAny(text, " \t\n")
		if i < 0 {
			w.word(style, text)
			return
		}
		if i > 0 {
			w.word(style, text[:i])
		}
		w.endGroup()
		if text[i] == '\n' {
			w.endLine()
			w.at++
			w.wrapped, w.last, w.from = false, 0, w.at
		} else {
			w.spaceAfter(style, text[i:i+1])
			w.at++
		}
		text = text[i+1:]
	}
}

// longPiece limits what is measured at once, in bytes: fitting a long piece would measure it again and again.
const longPiece = 120

// word reads text without spaces. It may still be broken between the characters of scripts that have no spaces.
func (w *flower) word(style int, text string) {
	start := 0
	for i, r := range text {
		switch {
		case mayBreak(w.last, r):
			w.append(style, text[start:i])
			w.endGroup()
			start = i
		case i-start >= longPiece && (!joins(w.last, r) || i-start >= 4*longPiece):
			w.append(style, text[start:i])
			start = i
		}
		w.last = r
	}
	w.append(style, text[start:])
}

// joins says whether two characters are drawn as one.
func joins(a, b rune) bool {
	return unicode.In(b, unicode.Mn, unicode.Me, unicode.Mc) || b == 0x200d || a == 0x200d || b >= 0xfe00 && b <= 0xfe0f ||
		b >= 0x1f3fb && b <= 0x1f3ff || isFlag(a) && isFlag(b)
}

func isFlag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// mayBreak says whether a line may end between two characters that no space separates.
func mayBreak(a, b rune) bool {
	if a == 0 || !spaceless(a) && !spaceless(b) {
		return false
	}
	return !unicode.In(b, unicode.Pe, unicode.Pf, unicode.Po, unicode.Mn, unicode.Lm) && !unicode.In(a, unicode.Ps, unicode.Pi)
}

func spaceless(r rune) bool {
	return r >= 0x2E80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Po, unicode.Pe, unicode.Ps)
}

func (w *flower) append(style int, text string) {
	if text == "" {
		return
	}
	p := piece{style: style, text: text, w: w.face.measure(text, w.spans[style]), at: w.at}
	w.at += len(text)
	w.group = append(w.group, p)
	w.groupWidth += p.w
}

func (w *flower) spaceAfter(style int, text string) {
	w.last = 0
	p := piece{style: style, text: text, w: w.face.measure(text, w.spans[style]), at: w.at}
	w.space = append(w.space, p)
	w.spaceWidth += p.w
}

// endGroup puts the word that was read on this line or the next.
func (w *flower) endGroup() {
	if len(w.group) == 0 {
		return
	}
	if len(w.current) > 0 && (w.used+w.spaceWidth+w.groupWidth > w.width || len(w.current) > 1000) {
		w.endLine()
		w.wrapped = true
	}
	if len(w.current) > 0 || !w.wrapped {
		w.current = append(w.current, w.space...)
		w.used += w.spaceWidth
	}
	w.space, w.spaceWidth = w.space[:0], 0
	for _, p := range w.group {
		w.put(p)
	}
	w.group, w.groupWidth = w.group[:0], 0
}

// put appends a piece to the line, breaking it where even an empty line is too short.
func (w *flower) put(p piece) {
	if len(w.current) > 50 && w.at-w.current[0].at > longestLine {
		w.endLine() // marks without a width
		w.wrapped = true
	}
	for w.used+p.w > w.width {
		cut := w.fitting(p)
		if cut >= len(p.text) {
			break
		}
		if cut > 0 {
			w.current = append(w.current, piece{style: p.style, text: p.text[:cut], at: p.at})
		}
		w.endLine()
		w.wrapped = true
		p.text, p.at = p.text[cut:], p.at+cut
		p.w = w.face.measure(p.text, w.spans[p.style])
	}
	w.current = append(w.current, p)
	w.used += p.w
}

// fitting is how many bytes of a piece still go on the line; at least one character on an empty one.
func (w *flower) fitting(p piece) int {
	var cuts []int
	last := rune(0)
	for i, r := range p.text {
		if i > 0 && (!joins(last, r) || i >= 4*longPiece) {
			cuts = append(cuts, i)
		}
		last = r
	}
	cuts = append(cuts, len(p.text))
	low, high := 0, len(cuts)
	for low < high {
		mid := (low + high) / 2
		if w.used+w.face.measure(p.text[:cuts[mid]], w.spans[p.style]) <= w.width {
			low = mid + 1
		} else {
			high = mid
		}
	}
	switch {
	case low > 0:
		return cuts[low-1]
	case len(w.current) == 0:
		return cuts[0]
	}
	return 0
}

// endLine turns the pieces of the line into runs.
func (w *flower) endLine() {
	l := line{start: w.from, end: w.from}
	if len(w.current) > 0 {
		l.start = w.current[0].at
	}
	for i := 0; i < len(w.current); {
		p := w.current[i]
		var b strings.Builder
		for ; i < len(w.current) && w.current[i].style == p.style; i++ {
			b.WriteString(w.current[i].text)
			l.end = w.current[i].at + len(w.current[i].text)
		}
		r := run{text: b.String(), span: w.spans[p.style], color: w.face.color}
		r.span.text = ""
		l.runs = append(l.runs, r)
	}
	for i := range l.runs {
		if hasRightToLeft(l.runs[i].text) {
			l.runs = directions(l.runs, w.rtl)
			break
		}
	}
	w.measure(&l)
	if w.rtl && w.width < 1e4 {
		l.x = w.width - l.w
	}
	w.lines = append(w.lines, l)
	w.current, w.used, w.space, w.spaceWidth, w.wrapped = w.current[:0], 0, w.space[:0], 0, false
	w.from = l.end
}

// measure gives the runs their places on a common base line.
func (w *flower) measure(l *line) {
	driver := fyne.CurrentApp().Driver()
	size, style := w.face.of(span{})
	box, base := driver.RenderedTextSize("M", size, style, nil)
	l.h = ceil(box.Height) + 3 // whole numbers keep the text on the pixels, where it is sharp
	bases := make([]float32, len(l.runs))
	for i := range l.runs {
		r := &l.runs[i]
		r.size, r.style = w.face.of(r.span)
		box, b := driver.RenderedTextSize(r.shown(), r.size, r.style, nil)
		if r.span.link != "" {
			r.color = theme.ColorNameHyperlink
		}
		r.w, r.box = box.Width, box
		bases[i], base = b, max(base, b)
		l.h = max(l.h, ceil(box.Height)+3)
	}
	for _, i := range visualOrder(l.runs) {
		r := &l.runs[i]
		if r.span.code {
			l.w += codePad
		}
		r.x = l.w
		l.w += r.w
		if r.span.code {
			l.w += codePad
		}
	}
	for i := range l.runs {
		l.runs[i].y = round(base-bases[i]) + 1
	}
}

func ceil(v float32) float32  { return float32(math.Ceil(float64(v))) }
func round(v float32) float32 { return float32(math.Round(float64(v))) }

func runeStart(s string, i int) int {
	for i > 0 && i < len(s) && !utf8.RuneStart(s[i]) {
		i--
	}
	return i
}
