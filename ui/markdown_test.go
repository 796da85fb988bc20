package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2/test"
)

// describe writes blocks in short.
func describe(blocks []block) string {
	var b strings.Builder
	text := func(spans []span) {
		for _, s := range spans {
			mark := ""
			for _, m := range []struct {
				on   bool
				mark string
			}{{s.bold, "*"}, {s.italic, "/"}, {s.code, "`"}, {s.strike, "~"}, {s.link != "", "@"}} {
				if m.on {
					mark += m.mark
				}
			}
			fmt.Fprintf(&b, "%s%q", mark, s.text)
		}
	}
	for _, bl := range blocks {
		fmt.Fprintf(&b, "%s%d", []string{"p", "h", "code", "table", "rule", "maths"}[bl.kind], bl.level)
		if bl.depth > 0 || bl.quote > 0 {
			fmt.Fprintf(&b, "[%s%d>%d]", bl.marker, bl.depth, bl.quote)
		}
		if bl.tight {
			b.WriteByte('=')
		}
		if bl.joined > 0 || bl.more {
			fmt.Fprintf(&b, "+%d", bl.joined)
		}
		b.WriteByte(' ')
		text(bl.spans)
		for _, row := range bl.rows {
			for _, cell := range row {
				b.WriteByte('|')
				text(cell)
			}
			b.WriteByte(';')
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestParseMarkdown(t *testing.T) {
	for source, want := range map[string]string{
		"plain":                              "p0 \"plain\"\n",
		"a **b**, `c_d` and *e*":             "p0 \"a \"*\"b\"\", \"`\"c_d\"\" and \"/\"e\"\n",
		"foo**bar**baz ~~no~~":               "p0 \"foo\"*\"bar\"\"baz \"~\"no\"\n",
		"one\ntwo  \nthree":                  "p0 \"one two\\nthree\"\n",
		"棚の上\nには":                            "p0 \"棚の上には\"\n",
		"# T\n\ntext":                        "h1 \"T\"\np0 \"text\"\n",
		"3. a\n4. b\n   - c":                 "p0[3.1>0] \"a\"\np0[4.1>0]= \"b\"\np0[•2>0]= \"c\"\n",
		"7) a":                               "p0[7)1>0] \"a\"\n",
		"- [ ] a\n- [x] **b**":               "p0[☐1>0] \"a\"\np0[☑1>0]= *\"b\"\n",
		"- ```\n  x\n  ```":                  "p0[•1>0] \ncode0[1>0] `\"x\"\n",
		"> q\n> r\n>> s":                     "p0[0>1] \"q r\"\np0[0>2]+1 \"s\"\n",
		"```go\nx := 1\n\ny":                 "code0 `\"x := 1\\n\\ny\"\n",
		"| a | b |\n|---|---:|\n| c | `d` |": "table0 |\"a\"|\"b\";|\"c\"|`\"d\";\n",
		"[x](https://e.org) <b>y</b>":        "p0 @\"x\"\" <b>y</b>\"\n",
		"[x](javascript:alert(1))":           "p0 \"x (javascript:alert(1))\"\n",
		"see https://e.org/a_b_c.":           "p0 \"see \"@\"https://e.org/a_b_c\"\".\"\n",
		"<me@e.org>":                         "p0 @\"me@e.org\"\n",
		"![a cat](https://e.org/c.png)":      "p0 /\"a cat\"\" (\"@\"https://e.org/c.png\"\")\"\n",
		"<script>x</script>":                 "p0 \"<script>x</script>\"\n",
		"a<br>b":                             "p0 \"a\\nb\"\n",
		"&lt;b&gt; \\*c\\*":                  "p0 \"<b> *c*\"\n",
		"so[^1] it is[^12]\n\n[^1]: a book":  "p0 \"so¹ it is¹²\"\np0 \"¹ a book\"\n",
		"$a_1$ and \\(b^2\\)":                "p0 \"a₁ and b²\"\n",
		"$$\nx_1 * y_1\n$$\nso":              "maths0 \"x₁ ∗ y₁\"\np0 \"so\"\n",
		"$$\\begin{cases} 1 & x \\\\ 2 & y \\end{cases}$$": "maths0 \"{ 1 x; 2 y }\"\n",
		"\\[ a = b \\]":                    "maths0 \"a = b\"\n",
		"it costs $5 and $10, or $5-$10":   "p0 \"it costs $5 and $10, or $5-$10\"\n",
		"echo $HOME/bin:$PATH or 5$ or 6$": "p0 \"echo $HOME/bin:$PATH or 5$ or 6$\"\n",
		"`$x_1$`":                          "p0 `\"$x_1$\"\n",
		"---":                              "rule0 \n",
		"-":                                "p0[•1>0] \n",
		"":                                 "",
		"**open":                           "p0 \"**open\"\n",
		"[a]\n\n[a]: https://e.org":        "p0 @\"a\"\n",
	} {
		if got := describe(parseMarkdown(source)); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", source, got, want)
		}
	}
}

var documents = []string{
	sampleAnswer,
	"one\ntwo\n===\n\n- a\n\n  b\n- c\n   1. d\n\nnot in it\n\n    code\n\n> q\nlazy\n\n```go\nx\n\n```\n~~~\n```\n~~~\nend",
	"| a | b |\n|---|---|\n| c | d |\ne | f\n\npara\n| g |\n|---|\n| h |\n",
	"see [a] and [b][c]\n\n[a]: https://e.org\n\ntext [a]\n\n[c]: https://f.org \"t\"\n\n[a]: https://other.org\n\n[d]",
	"x[^1]\n\n[^1]: note\n\n$$\na\n\nb\n$$\n\n\\[ x\n= y \\]\n\n1. $$\n   z\n   $$\n2. b\n\nc",
	"<div>\nhtml\n</div>\n\n<!-- a\n\nb -->\n\n***\n- - x\n\n\ttab\n* * *\n\n+ p\n- q\n1) r\n2. s",
	"- [ ] a\n- [x] b\n\n  more\n\n```\nopen fence\n\n- not a list\n",
	"+ 0\n#0\n\n1. a\n\n2. b\n\nc\n#\n#d\n\n- a\n\n--\n- b\n``` a`b\n",
	" [0]:0000\n\t00\n0\n\n[a]: b\nc\n\n    d\n",
	"para\n```\ncode\n```\npara\n# h\npara\n---\npara\n\nA\n-\n\nB",
}

// Only the last top-level block is parsed again while a text grows. At every byte the outcome must be that of parsing
// all of it.
func TestIncrementalParseIsTheWholeParse(t *testing.T) {
	for _, source := range append(documents, documents[1]+"\n\n"+documents[3]+"\n\n"+documents[0]) {
		var d document
		for i := range len(source) + 1 {
			d.set(source[:i])
			if got, want := describe(d.blocks), describe(parseMarkdown(source[:i])); got != want {
				t.Fatalf("%q:\n%s\nwant\n%s", source[:i], got, want)
			}
		}
		var e document // and in steps
		for i := 0; i < len(source); i += 7 {
			e.set(source[:i])
		}
		e.set(source)
		if got, want := describe(e.blocks), describe(parseMarkdown(source)); got != want {
			t.Errorf("in steps:\n%s\nwant\n%s", got, want)
		}
	}
}

func TestOnlyTheTailIsParsedAgain(t *testing.T) {
	var d document
	d.set(strings.Repeat("A paragraph.\n\n", 500) + "The last")
	if same := d.set(d.source + " one"); same != 500 {
		t.Errorf("%d of 500 finished paragraphs were kept", same)
	}
}

func FuzzIncrementalParse(f *testing.F) {
	for _, d := range documents {
		f.Add(d, 7)
	}
	f.Fuzz(func(t *testing.T, source string, step int) {
		if len(source) > 1000 {
			t.Skip()
		}
		var d document
		for i := 0; i < len(source); i += max(step%50, 1) {
			d.set(source[:i])
		}
		d.set(source)
		if got, want := describe(d.blocks), describe(parseMarkdown(source)); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", source, got, want)
		}
	})
}

// Whatever a growing answer looks like in between, it must be drawn, and in the end as if it had come at once.
func TestGrowingTextEndsTheSame(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(newLook("dark"))
	growing, whole := newProse(), newProse()
	growing.heightFor(400)
	for i := range len(sampleAnswer) {
		growing.setText(strings.ToValidUTF8(sampleAnswer[:i], ""))
	}
	growing.setText(sampleAnswer)
	whole.setText(sampleAnswer)
	if a, b := growing.heightFor(400), whole.heightFor(400); a != b {
		t.Errorf("grown to %v, at once %v", a, b)
	}
	growing.selectAll()
	whole.selectAll()
	if growing.selectedText() != whole.selectedText() {
		t.Errorf("grown:\n%s\nat once:\n%s", growing.selectedText(), whole.selectedText())
	}
}

func TestFlow(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(newLook("dark"))
	f := face{size: textBody, color: colorText}
	lines, _ := flow([]span{{text: "some words and averyveryveryverylongwordthatfitsnowhere, then "}, {text: "bold", bold: true}, {text: "er."}}, 90, f)
	var b strings.Builder
	for _, l := range lines {
		if l.w > 91 {
			t.Errorf("a line is %v wide", l.w)
		}
		if l.start > b.Len() {
			b.WriteString(" ")
		}
		for _, r := range l.runs {
			b.WriteString(r.text)
		}
		if l.end != b.Len() {
			t.Errorf("a line ends at %d of %d", l.end, b.Len())
		}
	}
	if got := b.String(); got != "some words and averyveryveryverylongwordthatfitsnowhere, then bolder." {
		t.Errorf("text %q", got)
	}
	lines, _ = flow([]span{{text: "棚の上には青いカップが三つ、白いポットが一つ「あります」。"}}, 100, f)
	if len(lines) < 3 {
		t.Errorf("a text without spaces fills %d lines", len(lines))
	}
	for i, l := range lines {
		first := []rune(l.runs[0].text)[0]
		if l.w > 101 || i > 0 && l.start != lines[i-1].end || i > 0 && strings.ContainsRune("、。」", first) {
			t.Errorf("line %d is %v wide and begins with %q", i, l.w, first)
		}
	}
	for _, width := range []float32{0, 1, 5} {
		if lines, h := flow([]span{{text: "two words"}}, width, f); len(lines) == 0 || h <= 0 {
			t.Errorf("width %v: %d lines", width, len(lines))
		}
	}
}

func FuzzProse(f *testing.F) {
	f.Add(sampleAnswer, 5)
	f.Add("| a |\n|-|\n|||", 1)
	f.Add("- - - 1. > ```", 3)
	test.NewTempApp(f).Settings().SetTheme(newLook("dark"))
	f.Fuzz(func(t *testing.T, source string, cut int) {
		if len(source) > 2000 {
			t.Skip()
		}
		p := newProse()
		p.heightFor(200)
		if cut > 0 && cut < len(source) {
			p.setText(source[:cut])
		}
		p.setText(source)
		p.selectAll()
		_ = p.selectedText()
	})
}
