package ui

import (
	"strings"
	"unicode"
)

// Text from right to left. Fyne shapes a stretch of Hebrew or Arabic as it should be, but puts stretches of different
// directions one after the other from left to right. So a line that has such letters is cut into stretches of one
// direction, which are placed here, after the rules of Unicode's Annex 9 for text
// without nested embeddings. Brackets are not paired.

// direction of a character: a strong one, a digit, or one that takes that of its neighbours.
type direction uint8

const (
	neutral direction = iota
	leftToRight
	rightToLeft
	digit
)

func directionOf(r rune) direction {
	switch {
	case r < 0x590:
		if r >= '0' && r <= '9' {
			return digit
		}
		if unicode.IsLetter(r) {
			return leftToRight
		}
		return neutral
	case r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfefc:
		if unicode.IsDigit(r) {
			return digit
		}
		return rightToLeft
	case unicode.IsLetter(r):
		return leftToRight
	}
	return neutral
}

// hasRightToLeft is quick for the usual text, which has none.
func hasRightToLeft(text string) bool {
	for _, r := range text {
		if r >= 0x590 && directionOf(r) == rightToLeft {
			return true
		}
	}
	return false
}

// beginsRightToLeft says whether a paragraph is written from right to left: its first strong character decides.
func beginsRightToLeft(spans []span) bool {
	for i := range spans {
		if spans[i].code {
			continue
		}
		for _, r := range spans[i].text {
			switch directionOf(r) {
			case leftToRight:
				return false
			case rightToLeft:
				return true
			}
		}
	}
	return false
}

// directions cuts the runs of a line into stretches of one level: even ones are written from left to right.
func directions(runs []run, rtl bool) []run {
	var all strings.Builder
	for i := range runs {
		all.WriteString(runs[i].text)
	}
	text := []rune(all.String())
	levels := levelsOf(text, rtl)
	var out []run
	n := 0
	for i := range runs {
		part := []rune(runs[i].text)
		for from := 0; from < len(part); {
			to := from + 1
			for to < len(part) && levels[n+to] == levels[n+from] && (levels[n+from]&1 == 0 || edge(text, levels, n+to) == edge(text, levels, n+from)) {
				to++
			}
			r := runs[i]
			r.text, r.level = string(part[from:to]), levels[n+from]
			r.mirrored = r.level&1 == 1 && edge(text, levels, n+from)
			out = append(out, spacesApart(r)...)
			from = to
		}
		n += len(part)
	}
	return out
}

// spacesApart parts a stretch from right to left from the spaces at its ends, where another style begins: Fyne takes them for left
// to right, and would draw them at the other end.
func spacesApart(r run) []run {
	core := strings.TrimSpace(r.text)
	if r.level&1 == 0 || core == r.text || core == "" {
		return []run{r}
	}
	before, after, _ := strings.Cut(r.text, core)
	var out []run
	for _, text := range []string{before, core, after} {
		if text != "" {
			part := r
			part.text = text
			out = append(out, part)
		}
	}
	return out
}

// edge says whether a character of a stretch from right to left has to stand alone: punctuation, which Fyne draws in
// another font and so in another stretch, and spaces at an end, which it takes for left to right.
func edge(text []rune, levels []uint8, i int) bool {
	if directionOf(text[i]) != neutral || unicode.In(text[i], unicode.Mn) {
		return false
	}
	if !unicode.IsSpace(text[i]) {
		return true
	}
	inside := func(step int) bool {
		for j := i; j >= 0 && j < len(text) && levels[j] == levels[i]; j += step {
			switch {
			case directionOf(text[j]) == rightToLeft:
				return true
			case !unicode.IsSpace(text[j]):
				return false
			}
		}
		return false
	}
	return !inside(-1) || !inside(1)
}

func levelsOf(text []rune, rtl bool) []uint8 {
	base := uint8(0)
	if rtl {
		base = 1
	}
	levels := make([]uint8, len(text))
	kinds := make([]direction, len(text))
	last := leftToRight
	if rtl {
		last = rightToLeft
	}
	for i, r := range text {
		kinds[i] = directionOf(r)
		if (r == '.' || r == ',' || r == ':') && i > 0 && i+1 < len(text) && kinds[i-1] == digit && directionOf(text[i+1]) == digit {
			kinds[i] = digit // inside a number
		}
		switch kinds[i] {
		case leftToRight, rightToLeft:
			last = kinds[i]
		case digit:
			if last == leftToRight {
				kinds[i] = leftToRight
			}
		}
	}
	side := func(i int) direction { // of what stands beside neutral characters
		if i < 0 || i >= len(text) {
			if rtl {
				return rightToLeft
			}
			return leftToRight
		}
		if kinds[i] == digit {
			return rightToLeft
		}
		return kinds[i]
	}
	for i := 0; i < len(text); {
		if kinds[i] != neutral {
			levels[i] = levelOf(kinds[i], base)
			i++
			continue
		}
		j := i
		for j < len(text) && kinds[j] == neutral {
			j++
		}
		level := base
		if before, after := side(i-1), side(j); before == after {
			level = levelOf(before, base)
		}
		for ; i < j; i++ {
			levels[i] = level
		}
	}
	return levels
}

func levelOf(d direction, base uint8) uint8 {
	switch {
	case d == rightToLeft:
		return 1
	case d == digit || base == 1:
		return 2
	}
	return base
}

// visualOrder is the order in which runs stand from left to right.
func visualOrder(runs []run) []int {
	order := make([]int, len(runs))
	highest := uint8(0)
	for i := range runs {
		order[i] = i
		highest = max(highest, runs[i].level)
	}
	for level := highest; level > 0; level-- {
		for i := 0; i < len(order); {
			if runs[order[i]].level < level {
				i++
				continue
			}
			j := i
			for j < len(order) && runs[order[j]].level >= level {
				j++
			}
			for a, b := i, j-1; a < b; a, b = a+1, b-1 {
				order[a], order[b] = order[b], order[a]
			}
			i = j
		}
	}
	return order
}

var mirror = strings.NewReplacer("(", ")", ")", "(", "[", "]", "]", "[", "{", "}", "}", "{", "<", ">", ">", "<", "«", "»", "»", "«")

// mirrored turns neutral characters round: their order, and the way that brackets face.
func mirrored(text string) string {
	runes := []rune(mirror.Replace(text))
	for a, b := 0, len(runes)-1; a < b; a, b = a+1, b-1 {
		runes[a], runes[b] = runes[b], runes[a]
	}
	return string(runes)
}
