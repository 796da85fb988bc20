package ui

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// span is text in one style.
type span struct {
	text                       string
	bold, italic, code, strike bool
	link                       string
}

type blockKind int

const (
	paragraphBlock blockKind = iota
	headingBlock
	codeBlock
	tableBlock
	ruleBlock
	mathsBlock
)

// block is a piece of a document that stands on lines of its own.
type block struct {
	kind   blockKind
	level  int    // of a heading, 1 to 6
	depth  int    // list nesting, 0 outside a list
	marker string // of a list item, at its first block
	quote  int    // block quote nesting
	bars   string // for each quote around it, how many lists are around that, as a digit from '0' on
	joined int    // quotes that the block above is in too
	more   bool   // goes on where the block above was cut for its length
	tight  bool   // follows the block above closely
	lang   string // of code, as the model named it
	spans  []span
	rows   [][][]span // of a table; the first row is its head
	align  []east.Alignment
}

// The markers of task lists.
const taskOpen, taskDone = "☐", "☑"

// equal says whether two blocks look the same.
func (b *block) equal(o *block) bool {
	return b.kind == o.kind && b.level == o.level && b.depth == o.depth && b.marker == o.marker && b.quote == o.quote &&
		b.bars == o.bars && b.joined == o.joined && b.more == o.more &&
		b.tight == o.tight && b.lang == o.lang && slices.Equal(b.spans, o.spans) && slices.Equal(b.align, o.align) &&
		slices.EqualFunc(b.rows, o.rows, equalRow)
}

func equalRow(a, b [][]span) bool { return slices.EqualFunc(a, b, slices.Equal[[]span]) }

// markdown is what models print: CommonMark with GitHub's tables, task lists, strikethrough and bare addresses, and
// maths as in LaTeX.
var markdown = goldmark.New(
	goldmark.WithParser(parser.NewParser(
		parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithInlineParsers(parser.DefaultInlineParsers()...),
		parser.WithParagraphTransformers(util.Prioritized(definitions{parser.LinkReferenceParagraphTransformer}, 100)),
		parser.WithBlockParsers(util.Prioritized(mathsBlocks{}, 650)), // before code fences
		parser.WithInlineParsers(util.Prioritized(mathsInline{}, 150)),
	)),
	goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList, extension.Linkify),
)

// definitions leaves footnotes alone, which would otherwise pass for the addresses of links.
type definitions struct{ parser.ParagraphTransformer }

func (d definitions) Transform(n *ast.Paragraph, r text.Reader, pc parser.Context) {
	if first := n.Lines().At(0); !strings.HasPrefix(strings.TrimLeft(string(first.Value(r.Source())), " "), "[^") {
		d.ParagraphTransformer.Transform(n, r, pc)
	}
}

// What is parsed as Markdown at most. Beyond it text stays as it came: nobody reads it, and nesting as deep as this
// makes parsers slow.
const (
	maxMarkdown = 4 << 20 // bytes
	maxMarks    = 20_000  // brackets, emphasis and the like between two blank lines
	maxNesting  = 200     // quote or list marks at the beginning of a line
	maxDepth    = 12      // of lists and quotes as drawn
)

// parseMarkdown turns Markdown into blocks. Anything it does not know stays as text; it never fails.
func parseMarkdown(source string) []block {
	var d document
	d.set(source)
	return d.blocks
}

// document is Markdown that may grow. Only what may still change is parsed again: a top-level block that another one
// follows is final, whatever comes, except for links whose address is defined later.
type document struct {
	source string
	blocks []block

	cut   int                // where the last top-level block begins in the source
	final int                // blocks before it
	refs  []parser.Reference // defined before the cut
	known string             // all definitions
}

// set replaces the text and returns how many blocks at the beginning are certainly as they were.
func (d *document) set(source string) (same int) {
	if d.cut > 0 && strings.HasPrefix(source, d.source[:d.cut]) {
		same = d.final
		if d.parse(source, d.cut) {
			return same
		}
	}
	*d = document{}
	d.parse(source, 0)
	return 0
}

// parse reads the source from a place on, where a top-level block begins. It reports false, and has done nothing,
// when that changes what links before the place mean.
func (d *document) parse(source string, from int) bool {
	tail := source[from:]
	if excessive(tail) {
		d.blocks = append(d.blocks[:d.final:d.final], asItCame(tail)...)
		d.source, d.cut = source, from
		return true
	}
	p := &blockParser{source: []byte(tail)}
	pc := parser.NewContext()
	for _, r := range d.refs {
		pc.AddReference(r)
	}
	root := markdown.Parser().Parse(text.NewReader(p.source), parser.WithContext(pc))
	known := definitionsOf(pc.References())
	if from > 0 && known != d.known {
		return false
	}
	d.source, d.known = source, known
	d.blocks = d.blocks[:d.final:d.final]
	last, start := lastTopLevel(root, p.source, known != "")
	for n := root.FirstChild(); n != nil; n = n.NextSibling() {
		if n == last {
			d.final = len(d.blocks) + len(p.blocks)
		}
		p.add(n, block{})
	}
	d.blocks = append(d.blocks, p.blocks...)
	if known != "" && start > 0 { // which of them are before the new cut
		pc := parser.NewContext()
		for _, r := range d.refs {
			pc.AddReference(r)
		}
		markdown.Parser().Parse(text.NewReader(p.source[:start]), parser.WithContext(pc))
		d.refs = pc.References()
	}
	d.cut = from + start
	return true
}

// lastTopLevel finds the block that may still change, and where its first line begins. A table may share its place
// with the paragraph above it; both may change. A line that has not ended may turn out to belong to the block above,
// as "#" does when it becomes "#1", and "2" when it becomes "2."; one that begins with a letter will not.
// Where addresses are defined a paragraph may have begun with such lines, which it no longer shows.
func lastTopLevel(root ast.Node, source []byte, defined bool) (last ast.Node, start int) {
	last = root.LastChild()
	if last == nil {
		return nil, 0
	}
	unfinished := bytes.LastIndexByte(source, '\n') + 1
	for last.PreviousSibling() != nil {
		pos := last.Pos()
		if pos > last.PreviousSibling().Pos() && (pos < unfinished || pos < len(source) && isLetter(source[pos])) &&
			(!defined || blankAbove(source, lineStart(source, pos))) {
			break
		}
		last = last.PreviousSibling()
	}
	if last.PreviousSibling() == nil {
		return last, 0
	}
	return last, lineStart(source, last.Pos())
}

func lineStart(source []byte, pos int) int {
	return bytes.LastIndexByte(source[:min(max(pos, 0), len(source))], '\n') + 1
}

// blankAbove says whether the line above the one that begins at a place is empty.
func blankAbove(source []byte, start int) bool {
	if start == 0 {
		return true
	}
	return len(bytes.TrimSpace(source[lineStart(source, start-1):start])) == 0
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0xC3 }

func definitionsOf(refs []parser.Reference) string {
	if len(refs) == 0 {
		return ""
	}
	var all []string
	for _, r := range refs {
		all = append(all, fmt.Sprintf("%q %q", r.Label(), r.Destination()))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

type blockParser struct {
	source []byte
	blocks []block
}

// children adds the blocks below n; in carries what they inherit from around them.
func (p *blockParser) children(n ast.Node, in block) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		p.add(c, in)
		in.marker = ""
	}
}

func (p *blockParser) add(n ast.Node, in block) {
	switch n := n.(type) {
	case *ast.Heading:
		in.kind, in.level = headingBlock, n.Level
		in.spans = p.inline(n)
	case *ast.Paragraph, *ast.TextBlock:
		in.spans = p.inline(n)
		if box, ok := n.FirstChild().(*east.TaskCheckBox); ok && in.marker != "" {
			in.marker = taskOpen
			if box.IsChecked {
				in.marker = taskDone
			}
			if len(in.spans) > 0 {
				in.spans[0].text = strings.TrimLeft(in.spans[0].text, " ")
			}
		}
	case *ast.FencedCodeBlock:
		in.kind, in.lang = codeBlock, string(n.Language(p.source))
		in.spans = []span{{text: strings.TrimRight(p.lines(n), "\n"), code: true}}
	case *ast.CodeBlock:
		in.kind = codeBlock
		in.spans = []span{{text: strings.TrimRight(p.lines(n), "\n"), code: true}}
	case *ast.HTMLBlock:
		html := p.lines(n)
		if n.HasClosure() {
			html += string(n.ClosureLine.Value(p.source))
		}
		in.spans = []span{{text: strings.TrimSpace(html)}}
	case *mathsNode:
		in.kind = mathsBlock
		in.spans = []span{{text: n.shown()}}
		if !n.closed {
			in.kind = paragraphBlock
		}
	case *ast.ThematicBreak:
		in.kind = ruleBlock
	case *east.Table:
		in.kind, in.align = tableBlock, n.Alignments
		in.rows = p.table(n)
	case *ast.Blockquote:
		if in.quote < maxDepth {
			in.bars += string(rune('0' + in.depth))
			in.quote++
		}
		from := len(p.blocks)
		p.children(n, in)
		for i := from + 1; i < len(p.blocks); i++ { // the bar goes on
			p.blocks[i].joined = max(p.blocks[i].joined, in.quote)
		}
		return
	case *ast.List:
		p.list(n, in)
		return
	default:
		p.children(n, in)
		return
	}
	if in.kind == paragraphBlock && len(in.spans) == 0 && in.marker == "" {
		return
	}
	p.append(in)
}

// What a block holds at most. A longer one is cut, so that only the part in sight has to be laid out.
const (
	longestBlock = 12_000 // bytes
	longestTable = 1000   // rows
)

// append adds a block, in pieces if it is a very long one.
func (p *blockParser) append(b block) {
	for b.kind == tableBlock && len(b.rows) > longestTable {
		part := b
		part.rows = b.rows[:longestTable]
		p.blocks = append(p.blocks, part)
		b.rows, b.more = b.rows[longestTable:], true
	}
	for b.kind == paragraphBlock && spansLength(b.spans) > longestBlock {
		part := b
		part.spans, b.spans = cutSpans(b.spans, longestBlock)
		p.blocks = append(p.blocks, part)
		b.marker, b.more = "", true
	}
	p.blocks = append(p.blocks, b)
}

// cutSpans parts spans at a space near a number of bytes, or there.
func cutSpans(spans []span, at int) (head, tail []span) {
	for i := range spans {
		n := len(spans[i].text)
		if at >= n {
			at -= n
			continue
		}
		text := spans[i].text
		cut := strings.LastIndexAny(text[:at], " \n") + 1
		if cut == 0 {
			cut = runeStart(text, at)
		}
		a, b := spans[i], spans[i]
		a.text, b.text = text[:cut], text[cut:]
		return append(slices.Clone(spans[:i]), a), append([]span{b}, spans[i+1:]...)
	}
	return spans, nil
}

func (p *blockParser) list(n *ast.List, in block) {
	in.depth = min(in.depth+1, maxDepth)
	in.marker = ""
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		one := in
		one.marker = "•"
		if n.IsOrdered() {
			one.marker = fmt.Sprintf("%d%c", number, n.Marker)
			number++
		}
		one.tight = n.IsTight && (item != n.FirstChild() || in.depth > 1)
		first := item.FirstChild()
		switch first.(type) {
		case nil: // an item that has just begun
			p.append(one)
			continue
		case *ast.List, *ast.Blockquote, *ast.FencedCodeBlock, *ast.CodeBlock, *east.Table, *ast.ThematicBreak:
			p.append(one) // its marker on a line of its own
			one.marker = ""
		}
		p.children(item, one)
	}
}

func (p *blockParser) table(n *east.Table) [][][]span {
	var rows [][][]span
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells [][]span
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, p.inline(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

func (p *blockParser) lines(n ast.Node) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		b.Write(line.Value(p.source))
	}
	return strings.ReplaceAll(b.String(), "\r", "")
}

func (p *blockParser) inline(n ast.Node) []span {
	var out spanList
	p.spans(n, span{}, &out)
	out.end()
	for i := range out.spans {
		out.spans[i].text = footnotes(out.spans[i])
	}
	return out.spans
}

// spans adds the text below n. Neighbours of one style become one span.
func (p *blockParser) spans(n ast.Node, style span, out *spanList) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		s := style
		switch c := c.(type) {
		case *ast.Text:
			s.text = string(c.Value(p.source))
			if !c.IsRaw() && !s.code {
				s.text = string(util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations([]byte(s.text)))))
			}
			switch {
			case c.HardLineBreak():
				s.text += "\n"
			case c.SoftLineBreak():
				s.text += softBreak(s.text, c, p.source)
			}
		case *ast.String:
			s.text = string(c.Value)
		case *mathsSpan:
			s.text = texToText(c.tex)
		case *ast.AutoLink:
			s.text, s.link = string(c.Label(p.source)), p.address(c)
		case *ast.RawHTML:
			for i := range c.Segments.Len() {
				seg := c.Segments.At(i)
				s.text += string(seg.Value(p.source))
			}
			if strings.EqualFold(strings.NewReplacer(" ", "", "/", "").Replace(s.text), "<br>") {
				s.text = "\n"
			}
		case *ast.CodeSpan:
			s.code = true
			p.spans(c, s, out)
			continue
		case *ast.Emphasis:
			s.bold, s.italic = s.bold || c.Level == 2, s.italic || c.Level == 1
			p.spans(c, s, out)
			continue
		case *east.Strikethrough:
			s.strike = true
			p.spans(c, s, out)
			continue
		case *ast.Link:
			p.link(c, s, out)
			continue
		case *ast.Image:
			p.image(c, s, out)
			continue
		case *east.TaskCheckBox:
			continue
		default:
			p.spans(c, s, out)
			continue
		}
		out.add(s)
	}
}

// softBreak is what a line break in the source looks like: a space, or nothing between characters that need none.
func softBreak(before string, c *ast.Text, source []byte) string {
	next, ok := c.NextSibling().(*ast.Text)
	if !ok {
		return " "
	}
	a, b := lastRune(before), firstRune(string(next.Value(source)))
	if spaceless(a) && spaceless(b) {
		return ""
	}
	return " "
}

// spanList puts neighbours of one style together.
type spanList struct {
	spans []span
	style span // of what is being put together
	text  strings.Builder
}

func (l *spanList) add(s span) {
	if s.text == "" {
		return
	}
	text := s.text
	if s.text = ""; s != l.style {
		l.end()
		l.style = s
	}
	l.text.WriteString(text)
}

func (l *spanList) end() {
	if l.text.Len() > 0 {
		s := l.style
		s.text = l.text.String()
		l.spans = append(l.spans, s)
		l.text.Reset()
	}
}

func (l *spanList) len() int { return len(l.spans) + l.text.Len() }

func (p *blockParser) address(c *ast.AutoLink) string {
	address := string(c.URL(p.source))
	if c.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(address), "mailto:") {
		address = "mailto:" + address
	}
	if !mayOpen(address) {
		return ""
	}
	return address
}

// link shows a link's text; where the address is not one that can be opened, the address too.
func (p *blockParser) link(c *ast.Link, s span, out *spanList) {
	address := string(c.Destination)
	if mayOpen(address) {
		s.link = address
	}
	before := out.len()
	p.spans(c, s, out)
	if out.len() == before && s.link != "" { // a link without a text
		s.text = address
		out.add(s)
		return
	}
	if s.link == "" && address != "" {
		s.text = " (" + address + ")"
		out.add(s)
	}
}

// image shows what a picture is said to show, and where it is. It is never loaded.
func (p *blockParser) image(c *ast.Image, s span, out *spanList) {
	italic := s
	italic.italic = true
	p.spans(c, italic, out)
	address := string(c.Destination)
	if address == "" {
		return
	}
	s.text = " ("
	if c.FirstChild() == nil {
		s.text = "("
	}
	out.add(s)
	link := s
	if link.text = address; mayOpen(address) {
		link.link = address
	}
	out.add(link)
	s.text = ")"
	out.add(s)
}

// footnotes shows the numbers of footnotes raised.
func footnotes(s span) string {
	if s.code || !strings.Contains(s.text, "[^") {
		return s.text
	}
	var b strings.Builder
	rest := s.text
	for {
		i := strings.Index(rest, "[^")
		if i < 0 {
			break
		}
		j := strings.IndexByte(rest[i:], ']')
		if j < 3 {
			b.WriteString(rest[:i+2])
			rest = rest[i+2:]
			continue
		}
		raised, ok := mapAll(rest[i+2:i+j], superscripts)
		if !ok || j > 6 {
			raised = rest[i : i+j+1]
		}
		b.WriteString(rest[:i])
		b.WriteString(raised)
		rest = rest[i+j+1:]
		if b.Len() == len(raised) {
			rest = strings.TrimPrefix(rest, ":")
		}
	}
	b.WriteString(rest)
	return b.String()
}

// excessive says whether a parser would take too long over a text: some take a time that grows with the square of how
// many brackets, quote marks or emphasis marks one paragraph has.
func excessive(source string) bool {
	if len(source) > maxMarkdown {
		return true
	}
	marks, lines, lineMarks, indent := 0, 0, 0, 0
	leading := true
	for i := 0; i < len(source); i++ {
		switch c := source[i]; c {
		case '\n':
			if lines++; i+1 < len(source) && source[i+1] == '\n' {
				marks, lines = 0, 0
			}
			lineMarks, indent, leading = 0, 0, true
		case '[', '<', '*', '_', '~', '`', '!', '$', '\\', '|':
			marks++
			leading = leading && c == '*'
			if c == '*' && leading {
				lineMarks++
			}
		case '>', '-', '+':
			if leading {
				lineMarks++
				if indent > maxNesting {
					return true
				}
			}
		case ' ', '\t':
			indent++
		case '.', ')':
			if leading {
				lineMarks++
			}
		case '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		default:
			leading = false
		}
		if lineMarks > maxNesting || marks > maxMarks || lines > 5*maxMarks {
			return true
		}
	}
	return false
}

// asItCame shows text in paragraphs without parsing it.
func asItCame(source string) []block {
	var blocks []block
	for _, part := range strings.Split(source, "\n\n") {
		for len(part) > 0 {
			n := min(len(part), 4000)
			for n < len(part) && part[n]&0xC0 == 0x80 {
				n++
			}
			if text := strings.Trim(part[:n], "\n"); text != "" {
				blocks = append(blocks, block{spans: []span{{text: text}}})
			}
			part = part[n:]
		}
	}
	return blocks
}
