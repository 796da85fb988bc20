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
			}{{s.bold, "*"}, {s.italic, "/"}, {s.code, "`"}, {s.link != "", "@"}} {
				if m.on {
					mark += m.mark
				}
			}
			fmt.Fprintf(&b, "%s%q", mark, s.text)
		}
	}
	for _, bl := range blocks {
		fmt.Fprintf(&b, "%s%d", []string{"p", "h", "code", "table", "rule"}[bl.kind], bl.level)
		if bl.depth > 0 || bl.quote > 0 {
			fmt.Fprintf(&b, "[%s%d>%d]", bl.marker, bl.depth, bl.quote)
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
		"foo**bar**baz":                      "p0 \"foo\"*\"bar\"\"baz\"\n",
		"one\ntwo  \nthree":                  "p0 \"one \"\"two\\n\"\"three\"\n",
		"# T\n\ntext":                        "h1 \"T\"\np0 \"text\"\n",
		"3. a\n4. b\n   - c":                 "p0[3.1>0] \"a\"\np0[4.1>0] \"b\"\np0[•2>0] \"c\"\n",
		"> q\n> r":                           "p0[0>1] \"q \"\"r\"\n",
		"```go\nx := 1\n\ny":                 "code0 `\"x := 1\\n\\ny\"\n",
		"| a | b |\n|---|---:|\n| c | `d` |": "table0 |\"a\"|\"b\";|\"c\"|`\"d\";\n",
		"[x](https://e.org) <b>y</b>":        "p0 @\"x\"\" \"\"<b>\"\"y\"\"</b>\"\n",
		"a<br>b":                             "p0 \"a\"\"\\n\"\"b\"\n",
		"---":                                "rule0 \n",
		"-":                                  "p0[•1>0] \n",
		"":                                   "",
		"**open":                             "p0 \"**\"\"open\"\n",
	} {
		if got := describe(parseMarkdown(source)); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", source, got, want)
		}
	}
}

func TestSplitMarkdown(t *testing.T) {
	for source, want := range map[string]int{
		"":                             0,
		"one":                          1,
		"one\n\ntwo":                   2,
		"```\na\n\nb\n```\n\nc":        2,
		"~~~\n```\n\na\n~~~\n\nb":      2,
		"- a\n\n  still a\n\nb":        2,
		"one\n\n\n\ntwo\n":             2,
		"| a |\n|---|\n| b |\n\nafter": 2,
	} {
		parts := splitMarkdown(source)
		if len(parts) != want || strings.Join(parts, "") != source {
			t.Errorf("%q: %q", source, parts)
		}
	}
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
		b.WriteString(l.before)
		for _, r := range l.runs {
			b.WriteString(r.text)
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
		if l.w > 101 || l.before != "" || i > 0 && strings.ContainsRune("、。」", first) {
			t.Errorf("line %d is %v wide and begins with %q after %q", i, l.w, first, l.before)
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
