package ui

import (
	"math"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// run is a stretch of one line in one style.
type run struct {
	x, y, w float32 // inside its line
	text    string
	span    span // its style
	draw    *canvas.Text
	color   fyne.ThemeColorName
}

// line is one line of laid out text.
type line struct {
	x, y, w, h float32
	before     string // what separates it from the line before when it is copied
	runs       []run
}

func (l *line) len() int {
	n := 0
	for _, r := range l.runs {
		n += len([]rune(r.text))
	}
	return n
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
	return fyne.MeasureText(text, size, style).Width
}

const codePad float32 = 4 // on both sides of inline code

// flow breaks spans into lines of at most width. Every line gets a place from y = 0 downwards.
func flow(spans []span, width float32, f face) (lines []line, height float32) {
	w := &flower{width: max(width, 1), face: f, spans: spans}
	for _, s := range spans {
		if s.code {
			w.width = max(width-2*codePad, 1)
		}
	}
	for i, s := range spans {
		w.add(i, s.text)
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
}

type flower struct {
	width float32
	face  face
	spans []span
	lines []line

	group      []piece // the word being read
	groupWidth float32
	current    []piece // the line being filled
	used       float32
	space      *piece // between the two
	before     string // of the line being filled
	last       rune   // read, 0 after a space
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
			w.before, w.last = "\n", 0
		} else {
			w.spaceAfter(style, text[i])
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
		case i-start >= longPiece:
			w.append(style, text[start:i])
			start = i
		}
		w.last = r
	}
	w.append(style, text[start:])
}

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
	p := piece{style: style, text: text, w: w.face.measure(text, w.spans[style])}
	w.group = append(w.group, p)
	w.groupWidth += p.w
}

func (w *flower) spaceAfter(style int, c byte) {
	w.last = 0
	text := " "
	if c == '\t' {
		text = "    "
	}
	if w.space != nil {
		text = w.space.text + text
	}
	w.space = &piece{style: style, text: text, w: w.face.measure(text, w.spans[style])}
}

// endGroup puts the word that was read on this line or the next.
func (w *flower) endGroup() {
	if len(w.group) == 0 {
		return
	}
	gap := float32(0)
	if w.space != nil {
		gap = w.space.w
	}
	if len(w.current) > 0 && w.used+gap+w.groupWidth > w.width {
		w.endLine()
		if gap > 0 {
			w.before = " "
		}
	}
	if w.space != nil && (len(w.current) > 0 || w.before != " ") {
		w.current = append(w.current, *w.space)
		w.used += w.space.w
	}
	w.space = nil
	for _, p := range w.group {
		w.put(p)
	}
	w.group, w.groupWidth = w.group[:0], 0
}

// put appends a piece to the line, breaking it where even an empty line is too short.
func (w *flower) put(p piece) {
	for w.used+p.w > w.width {
		runes := []rune(p.text)
		low, high := 0, len(runes)
		for low < high {
			mid := (low + high + 1) / 2
			if w.used+w.face.measure(string(runes[:mid]), w.spans[p.style]) <= w.width {
				low = mid
			} else {
				high = mid - 1
			}
		}
		if low == 0 && len(w.current) == 0 {
			low = 1
		}
		if low >= len(runes) {
			break
		}
		if low > 0 {
			w.current = append(w.current, piece{style: p.style, text: string(runes[:low])})
		}
		w.endLine()
		w.before = ""
		p.text = string(runes[low:])
		p.w = w.face.measure(p.text, w.spans[p.style])
	}
	w.current = append(w.current, p)
	w.used += p.w
}

// endLine turns the pieces of the line into runs.
func (w *flower) endLine() {
	l := line{before: w.before}
	for i := 0; i < len(w.current); {
		p := w.current[i]
		var b strings.Builder
		for ; i < len(w.current) && w.current[i].style == p.style; i++ {
			b.WriteString(w.current[i].text)
		}
		l.runs = append(l.runs, run{text: b.String(), span: w.spans[p.style], color: w.face.color})
	}
	w.measure(&l)
	w.lines = append(w.lines, l)
	w.current, w.used, w.space, w.before = nil, 0, nil, ""
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
		size, style := w.face.of(r.span)
		box, b := driver.RenderedTextSize(r.text, size, style, nil)
		if r.span.code {
			l.w += codePad
		}
		if r.span.link != "" {
			r.color = theme.ColorNameHyperlink
		}
		r.x, r.w = l.w, box.Width
		l.w += r.w
		if r.span.code {
			l.w += codePad
		}
		bases[i], base = b, max(base, b)
		l.h = max(l.h, ceil(box.Height)+3)
		r.draw = &canvas.Text{Text: r.text, TextSize: size, TextStyle: style, Color: theme.Color(r.color)}
		r.draw.Resize(box)
	}
	for i := range l.runs {
		l.runs[i].y = round(base-bases[i]) + 1
	}
}

func ceil(v float32) float32  { return float32(math.Ceil(float64(v))) }
func round(v float32) float32 { return float32(math.Round(float64(v))) }
