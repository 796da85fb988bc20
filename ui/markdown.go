package ui

import (
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

// span is text in one style.
type span struct {
	text               string
	bold, italic, code bool
	link               string
}

type blockKind int

const (
	paragraphBlock blockKind = iota
	headingBlock
	codeBlock
	tableBlock
	ruleBlock
)

// block is a piece of a document that stands on lines of its own.
type block struct {
	kind   blockKind
	level  int    // of a heading, 1 to 6
	depth  int    // list nesting, 0 outside a list
	marker string // of a list item, at its first block
	quote  int    // block quote nesting
	tight  bool   // follows the block above closely
	spans  []span
	rows   [][][]span // of a table; the first row is its head
	align  []east.Alignment
}

var markdown = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough))

// parseMarkdown turns Markdown into blocks. Anything it does not know stays as text; it never fails.
func parseMarkdown(source string) []block {
	p := &blockParser{source: []byte(source)}
	p.children(markdown.Parser().Parse(text.NewReader(p.source)), block{})
	return p.blocks
}

// splitMarkdown cuts a document at blank lines between top-level blocks, so that while a text grows only its last
// part has to be parsed again. Code fences and indented continuations stay whole.
func splitMarkdown(source string) []string {
	var parts []string
	start, fence, blank := 0, "", false
	for pos := 0; pos < len(source); {
		end := pos + len(source[pos:])
		if i := strings.IndexByte(source[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		line := source[pos:end]
		trimmed := strings.TrimSpace(line)
		if blank && fence == "" && trimmed != "" && line[0] != ' ' && line[0] != '\t' {
			parts = append(parts, source[start:pos])
			start = pos
		}
		fence = fenceAfter(fence, trimmed)
		blank = trimmed == ""
		pos = end
	}
	if start < len(source) {
		parts = append(parts, source[start:])
	}
	return parts
}

// fenceAfter says which code fence is open after a line, empty for none.
func fenceAfter(open, line string) string {
	for _, mark := range []string{"```", "~~~"} {
		if !strings.HasPrefix(line, mark) {
			continue
		}
		if open == "" {
			return mark
		}
		if open == mark && strings.Trim(line, mark[:1]) == "" {
			return ""
		}
	}
	return open
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
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		in.kind = codeBlock
		in.spans = []span{{text: strings.TrimRight(p.lines(n), "\n"), code: true}}
	case *ast.HTMLBlock:
		in.spans = []span{{text: strings.TrimSpace(p.lines(n))}}
	case *ast.ThematicBreak:
		in.kind = ruleBlock
	case *east.Table:
		in.kind, in.align = tableBlock, n.Alignments
		in.rows = p.table(n)
	case *ast.Blockquote:
		in.quote++
		p.children(n, in)
		return
	case *ast.List:
		p.list(n, in)
		return
	default:
		p.children(n, in)
		return
	}
	p.blocks = append(p.blocks, in)
}

func (p *blockParser) list(n *ast.List, in block) {
	in.depth++
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		one := in
		one.marker = "•"
		if n.IsOrdered() {
			one.marker = fmt.Sprintf("%d.", number)
			number++
		}
		one.tight = n.IsTight && (item != n.FirstChild() || in.depth > 1)
		if item.FirstChild() == nil { // an item that has just begun
			p.blocks = append(p.blocks, one)
			continue
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
	return b.String()
}

func (p *blockParser) inline(n ast.Node) []span {
	var out []span
	p.spans(n, span{}, &out)
	return out
}

func (p *blockParser) spans(n ast.Node, style span, out *[]span) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		s := style
		switch c := c.(type) {
		case *ast.Text:
			s.text = string(c.Value(p.source))
			switch {
			case c.HardLineBreak():
				s.text += "\n"
			case c.SoftLineBreak():
				s.text += " "
			}
		case *ast.String:
			s.text = string(c.Value)
		case *ast.AutoLink:
			s.text, s.link = string(c.Label(p.source)), string(c.URL(p.source))
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
		case *ast.Link:
			s.link = string(c.Destination)
			p.spans(c, s, out)
			continue
		default:
			p.spans(c, s, out)
			continue
		}
		if s.text != "" {
			*out = append(*out, s)
		}
	}
}
