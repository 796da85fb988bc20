package ui

import (
	"strings"

	east "github.com/yuin/goldmark/extension/ast"
)

// table is the layout of a table. Rows that stay as they were while it grows are not laid out again.
type table struct {
	face    face
	columns []float32
	rows    []tableRow
}

type tableRow struct {
	cells [][]span
	need  []float32 // width of each cell that needs no wrapping
	least []float32 // width of its longest word
	lines []line    // at y = 0 and the box's own x
	h     float32
}

const (
	cellPadX, cellPadY float32 = 12, 6
	narrowest          float32 = 160 // a column is not made narrower than this to save the table from sliding
)

// layTable lays out a table. Columns take what they need; where that is too much the wide ones wrap, and where even
// that is too much the table slides sideways.
func (b *box) layTable(x, width float32, f face, old *box) {
	f.size *= 13 / textBody
	var was *table
	if old != nil && old.table != nil && old.table.face == f && old.laid && old.factor == textFactor && old.indent() == x {
		was = old.table
	}
	t := &table{face: f}
	for i, cells := range b.b.rows {
		if was != nil && i < len(was.rows) && equalRow(cells, was.rows[i].cells) {
			t.rows = append(t.rows, was.rows[i])
			continue
		}
		row := tableRow{cells: cells}
		row.measure(b.rowFace(t, i))
		t.rows = append(t.rows, row)
	}
	t.share(width - x - 1)
	if was != nil && !sameWidths(t.columns, was.columns) {
		was = nil
	}
	y, at := float32(0), 0
	total := float32(1)
	for _, w := range t.columns {
		total += w
	}
	var edges []float32
	for i := range t.rows {
		r := &t.rows[i]
		if was == nil || i >= len(was.rows) || r.lines == nil {
			r.lay(t, b.b.align, b.rowFace(t, i), x)
		}
		if i == 0 && !b.b.more {
			b.shapes = append(b.shapes, shape{fill: colorRaised, x: x, y: y, w: total, h: r.h, slides: true})
		}
		first := len(b.lines)
		b.lines = append(b.lines, r.lines...)
		for j := first; j < len(b.lines); j++ {
			l := &b.lines[j]
			l.y, l.start, l.end = l.y+y, l.start+at, l.end+at
			b.decorateSliding(l)
		}
		edges = append(edges, y)
		y += r.h
		at += r.length() + 1
	}
	for _, e := range append(edges, y) {
		b.shapes = append(b.shapes, shape{fill: colorLine, x: x, y: e, w: total, h: 1, slides: true})
	}
	at2 := x
	for _, w := range append([]float32{0}, t.columns...) {
		at2 += w
		b.shapes = append(b.shapes, shape{fill: colorLine, x: at2, y: 0, w: 1, h: y, slides: true})
	}
	b.table, b.h = t, y+1
	if total > width-x {
		b.h += 10 // for the bar
		b.slide(x, 0, width-x, b.h, total)
	}
}

// decorateSliding is decorate for what is inside the pane.
func (b *box) decorateSliding(l *line) {
	n := len(b.shapes)
	b.decorate(l)
	for i := n; i < len(b.shapes); i++ {
		b.shapes[i].slides = true
	}
}

func sameWidths(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func (b *box) rowFace(t *table, i int) face {
	f := t.face
	f.bold = i == 0 && !b.b.more
	return f
}

// length of the row's text.
func (r *tableRow) length() int {
	n := max(len(r.cells)-1, 0)
	for _, c := range r.cells {
		n += spansLength(c)
	}
	return n
}

func spansLength(spans []span) int {
	n := 0
	for i := range spans {
		n += len(spans[i].text)
	}
	return n
}

func (r *tableRow) measure(f face) {
	for _, cell := range r.cells {
		need, least := float32(0), float32(0)
		lines, _ := flowAt(cell, 1e5, f, 0)
		for i := range lines {
			need = max(need, lines[i].w)
		}
		for i := range cell {
			for _, word := range strings.Fields(cell[i].text) {
				least = max(least, f.measure(word, cell[i]))
			}
		}
		r.need = append(r.need, ceil(need)+2*cellPadX+1)
		r.least = append(r.least, min(ceil(least)+2*cellPadX+1, narrowest))
	}
}

// share gives the columns their widths.
func (t *table) share(width float32) {
	var least []float32
	for _, r := range t.rows {
		for j := range r.need {
			if j == len(t.columns) {
				t.columns, least = append(t.columns, 0), append(least, 0)
			}
			t.columns[j], least[j] = max(t.columns[j], r.need[j]), max(least[j], r.least[j])
		}
	}
	total := float32(0)
	for _, w := range t.columns {
		total += w
	}
	for over := total - width; over > 0.5; {
		widest := -1
		for j, w := range t.columns {
			if w > least[j] && (widest < 0 || w > t.columns[widest]) {
				widest = j
			}
		}
		if widest < 0 {
			return
		}
		cut := min(over, max(t.columns[widest]*0.1, 8), t.columns[widest]-least[widest])
		t.columns[widest] -= cut
		over -= cut
	}
	for j := range t.columns {
		t.columns[j] = round(t.columns[j])
	}
}

// lay lays out the cells of a row.
func (r *tableRow) lay(t *table, align []east.Alignment, f face, x float32) {
	r.lines, r.h = []line{}, 0
	at := 0
	for i, cell := range r.cells {
		if i >= len(t.columns) {
			break
		}
		inner := t.columns[i] - 2*cellPadX
		lines, h := flowAt(cell, inner, f, at)
		at += spansLength(cell) + 1
		for j := range lines {
			l := &lines[j]
			l.slides = true
			l.x, l.y = l.x+x+cellPadX, l.y+cellPadY
			spare := inner - l.w
			if i < len(align) && (align[i] == east.AlignRight || align[i] == east.AlignCenter) {
				if align[i] == east.AlignCenter {
					spare /= 2
				}
				l.x += round(max(spare, 0))
			}
		}
		r.lines = append(r.lines, lines...)
		r.h = max(r.h, h+2*cellPadY)
		x += t.columns[i]
	}
	r.h = max(r.h, 2*cellPadY+4)
}
