package ui

import (
	"image/color"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"

	"galago/assets/words"
)

// tokenKind is what a piece of code is.
type tokenKind uint8

const (
	tokenPlain tokenKind = iota
	tokenKeyword
	tokenName
	tokenString
	tokenNumber
	tokenComment
	tokenAdded
	tokenRemoved
)

// tokenColors are read on colorSurface.
var tokenColors = map[tokenKind]struct{ dark, light color.NRGBA }{
	tokenKeyword: {rgb(0xC79BF2), rgb(0x7B3FC4)},
	tokenName:    {rgb(0x7FB2F5), rgb(0x1F5FBF)},
	tokenString:  {rgb(0x8CCB8F), rgb(0x22703A)},
	tokenNumber:  {rgb(0xF0B56B), rgb(0x96530B)},
	tokenComment: {rgb(0xA6AEB9), rgb(0x5C636D)},
	tokenAdded:   {rgb(0x8CCB8F), rgb(0x22703A)},
	tokenRemoved: {rgb(0xF2918B), rgb(0xB3322C)},
}

func tokenColor(k tokenKind) color.Color {
	c, ok := tokenColors[k]
	switch {
	case !ok:
		return theme.Color(colorText)
	case isDark():
		return c.dark
	}
	return c.light
}

// kindOf groups chroma's many kinds of tokens.
func kindOf(t chroma.TokenType) tokenKind {
	switch {
	case t == chroma.GenericInserted:
		return tokenAdded
	case t == chroma.GenericDeleted:
		return tokenRemoved
	case t.InCategory(chroma.Comment):
		return tokenComment
	case t.InCategory(chroma.Keyword), t == chroma.OperatorWord, t == chroma.NameTag, t == chroma.GenericHeading, t == chroma.GenericSubheading:
		return tokenKeyword
	case t.InSubCategory(chroma.LiteralNumber):
		return tokenNumber
	case t.InSubCategory(chroma.LiteralString):
		return tokenString
	case t == chroma.NameFunction, t == chroma.NameClass, t == chroma.NameBuiltin, t == chroma.NameDecorator, t == chroma.NameAttribute,
		t == chroma.NameNamespace, t == chroma.NameFunctionMagic, t == chroma.NameVariable, t == chroma.NameEntity, t == chroma.NameBuiltinPseudo:
		return tokenName
	}
	return tokenPlain
}

// code is the text of a box of code, coloured where it is looked at. It is coloured in pieces, so that one that grows
// costs no more for what stands in it already. A piece ends before a line that stands at the left margin after an
// empty one, unless it ends inside a string or a comment.
type code struct {
	name   string // of the language, as it is shown
	lexer  chroma.Lexer
	text   string
	starts []int     // of the lines
	pieces []colored // in order; what follows the last is not coloured yet
	plain  bool      // too long to colour
}

type colored struct {
	from, to int // lines
	tokens   [][]token
}

type token struct {
	text string
	kind tokenKind
}

const (
	pieceLines  = 30      // at least, of a coloured piece
	longestCode = 400_000 // bytes; longer code has one colour
	longestLine = 4_000   // bytes; a longer line is drawn in part
)

// newCode takes the place of old code that it begins with, if any.
func newCode(lang, text string, old *code) *code {
	c := &code{text: text, plain: len(text) > longestCode}
	if old != nil && old.name != "" && strings.HasPrefix(text, old.text) && old.lexer != nil && languageName(lang, old.lexer) == old.name {
		c.name, c.lexer = old.name, old.lexer
		c.starts = old.starts[: len(old.starts)-1 : len(old.starts)-1]
		c.addLines(old.starts[len(old.starts)-1])
		last := len(old.starts) - 1 // the line that may have grown
		for _, p := range old.pieces {
			if p.to <= last-1 && len(p.tokens) > 0 {
				c.pieces = append(c.pieces, p)
			}
		}
		if n := len(c.pieces); n > 0 {
			c.pieces = c.pieces[:n-1] // it may have ended where the text did
		}
		return c
	}
	if lang != "" {
		c.lexer = lexers.Get(lang)
	}
	if c.lexer == nil {
		c.lexer = lexers.Fallback
	}
	c.name = languageName(lang, c.lexer)
	c.addLines(0)
	return c
}

func languageName(lang string, lexer chroma.Lexer) string {
	switch {
	case lang == "":
		return words.T("Code")
	case lexer == nil || lexer == lexers.Fallback:
		return lang
	}
	return lexer.Config().Name
}

func (c *code) addLines(from int) {
	c.starts = append(c.starts, from)
	for i := from; i < len(c.text); {
		j := strings.IndexByte(c.text[i:], '\n')
		if j < 0 {
			return
		}
		i += j + 1
		c.starts = append(c.starts, i)
	}
}

func (c *code) lines() int { return len(c.starts) }

// line is the text of a line, without its end, and where it stands.
func (c *code) line(n int) (text string, start int) {
	start = c.starts[n]
	end := len(c.text)
	if n+1 < len(c.starts) {
		end = c.starts[n+1] - 1
	}
	return c.text[start:end], start
}

// tokens are the coloured parts of a line.
func (c *code) tokens(n int) []token {
	text, _ := c.line(n)
	if len(text) > longestLine {
		return []token{{text: text[:runeStart(text, longestLine)]}}
	}
	if c.plain || c.lexer == lexers.Fallback || c.lexer == nil {
		return []token{{text: text}}
	}
	for {
		low := 0
		if k := len(c.pieces); k > 0 {
			low = c.pieces[k-1].to
		}
		if n < low {
			break
		}
		c.colorFrom(low)
	}
	for i := len(c.pieces) - 1; i >= 0; i-- {
		if p := &c.pieces[i]; n >= p.from {
			if n-p.from < len(p.tokens) {
				return p.tokens[n-p.from]
			}
			break
		}
	}
	return []token{{text: text}}
}

// settled is how many lines at the beginning keep their colours when more text comes.
func (c *code) settled() int {
	if n := len(c.pieces); n > 0 {
		return c.pieces[n-1].to
	}
	return 0
}

// colorFrom colours a piece that begins at a line.
func (c *code) colorFrom(from int) {
	to := from
	for {
		to = c.pieceEnd(to)
		lines, open := c.color(from, to)
		if !open || to >= c.lines() || to-from > 10*pieceLines {
			c.pieces = append(c.pieces, colored{from, to, lines})
			return
		}
	}
}

// pieceEnd is where a piece may end that goes beyond a line.
func (c *code) pieceEnd(from int) int {
	for n := from + pieceLines; n < c.lines(); n++ {
		text, _ := c.line(n)
		above, _ := c.line(n - 1)
		if strings.TrimSpace(above) == "" && text != "" && text[0] != ' ' && text[0] != '\t' || n-from > 4*pieceLines {
			return n
		}
	}
	return c.lines()
}

// color reads the tokens of some lines. open says that they end inside a string or a comment.
func (c *code) color(from, to int) (lines [][]token, open bool) {
	end := len(c.text)
	if to < c.lines() {
		end = c.starts[to]
	}
	lines = make([][]token, 1, to-from+1)
	it, err := c.lexer.Tokenise(&chroma.TokeniseOptions{State: "root", EnsureLF: false}, c.text[c.starts[from]:end])
	if err != nil {
		return nil, false
	}
	for t := it(); t != chroma.EOF; t = it() {
		kind := kindOf(t.Type)
		for i, part := range strings.Split(t.Value, "\n") {
			if i > 0 {
				lines = append(lines, nil)
			}
			if part == "" {
				continue
			}
			n := len(lines) - 1
			if k := len(lines[n]); k > 0 && (lines[n][k-1].kind == kind || strings.TrimSpace(part) == "") {
				lines[n][k-1].text += part
			} else {
				lines[n] = append(lines[n], token{part, kind})
			}
		}
		if strings.TrimSpace(t.Value) != "" {
			open = kind == tokenString && strings.HasSuffix(t.Value, "\n") || kind == tokenComment && strings.Contains(strings.TrimRight(t.Value, "\n"), "\n") && !strings.HasSuffix(strings.TrimSpace(t.Value), "*/")
		}
	}
	return lines, open
}

// --- its box ---

const (
	codePadX, codePadY float32 = 14, 10
	codeHead           float32 = 30
)

// layCode places a box of code with its head. Long lines do not wrap: the box slides sideways.
func (b *box) layCode(width float32, f face, old *box) {
	src := b.b.spans[0].text
	var was *code
	if old != nil {
		was = old.code
	}
	if was != nil && was.text == src {
		b.code = was
	} else {
		b.code = newCode(b.b.lang, src, was)
	}
	face := face{size: f.size, color: colorText}
	mono := span{code: true}
	size, style := face.of(mono)
	cell := fyne.MeasureText("M", size, style)
	lineHeight := ceil(cell.Height) + 3
	x, head := b.indent(), scaled(codeHead)
	top := head + codePadY
	b.lines = make([]line, b.code.lines())
	widest := float32(0)
	if n := b.code.settled(); was != nil && old.laid && n > 0 && old.face == face && old.factor == textFactor && old.indent() == x && n < len(old.lines) && strings.HasPrefix(src, was.text) {
		copy(b.lines, old.lines[:n])
	}
	for i := range b.lines {
		if b.lines[i].h > 0 {
			widest = max(widest, b.lines[i].w)
			continue
		}
		text, start := b.code.line(i)
		text = text[:runeStart(text, min(len(text), longestLine))]
		w := float32(0)
		if ascii(text) {
			w = float32(len(text)+3*strings.Count(text, "\t")) * cell.Width
		} else {
			w = face.measure(text, mono)
		}
		b.lines[i] = line{x: x + codePadX, y: top + float32(i)*lineHeight, w: w, h: lineHeight, start: start, end: start + len(text), slides: true, bare: true}
		widest = max(widest, w)
	}
	h := head + 2*codePadY + float32(len(b.lines))*lineHeight
	b.h = h
	b.panel(colorSurface, colorLine, radiusControl, x, 0, width-x, h)
	b.panel(colorLine, "", 0, x+1, head, width-x-2, 1)
	b.face = face
	b.slide(x+1, head+1, width-x-2, h-head-2, widest+2*codePadX-2)
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// fill makes the runs of a line that has none yet.
func (b *box) fill(n int) {
	l := &b.lines[n]
	if !l.bare {
		return
	}
	l.bare = false
	mono := span{code: true}
	size, style := b.face.of(mono)
	x := float32(0)
	for _, t := range b.code.tokens(n) {
		text := shown(t.text)
		if strings.IndexByte(text, '\r') >= 0 {
			text = strings.ReplaceAll(text, "\r", "")
		}
		box := fyne.MeasureText(text, size, style)
		l.runs = append(l.runs, run{x: x, y: 1, w: box.Width, text: t.text, span: mono, token: t.kind, color: colorText, size: size, style: style, box: box})
		x += box.Width
	}
}
