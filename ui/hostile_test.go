package ui

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2/test"
)

// Text that nobody means must neither hang the window nor take it down.
func TestHostileText(t *testing.T) {
	runtime.LockOSThread() // for threadTime
	defer runtime.UnlockOSThread()
	test.NewTempApp(t).Settings().SetTheme(newLook("dark"))
	const mb = 1 << 20
	for name, source := range map[string]string{
		"brackets":    strings.Repeat("[", mb),
		"pairs":       strings.Repeat("[]", mb/2),
		"links":       strings.Repeat("[a](", mb/4),
		"images":      strings.Repeat("![", mb/2),
		"stars":       strings.Repeat("*a_", mb/3),
		"stars 2":     strings.Repeat("**a *", mb/5),
		"ticks":       strings.Repeat("`a``", mb/4),
		"angles":      strings.Repeat("<a ", mb/3),
		"comments":    strings.Repeat("<!--", mb/4),
		"quotes":      strings.Repeat(">", mb),
		"quotes 2":    strings.Repeat("> ", mb/2),
		"lists":       strings.Repeat("- ", mb/2),
		"numbers":     strings.Repeat("1. ", mb/3),
		"deeper":      deeper(600),
		"dollars":     strings.Repeat("$", mb),
		"dollars 2":   strings.Repeat("$a ", mb/3),
		"maths":       strings.Repeat(`\(`, mb/2),
		"maths block": strings.Repeat("$$\n", mb/3),
		"braces":      "$" + strings.Repeat(`\frac{`, 80) + "$ $$\n" + strings.Repeat("{", 19000) + "\n$$",
		"scripts":     "$$\n" + strings.Repeat("^", 19000) + "\n$$",
		"word":        strings.Repeat("a", mb),
		"lines":       strings.Repeat("a\n", mb/2),
		"rows":        "|a|b|\n|-|-|\n" + strings.Repeat("|x|y|\n", mb/6),
		"columns":     strings.Repeat("|a", 3000) + "|\n" + strings.Repeat("|-", 3000) + "|\n" + strings.Repeat("|b", 3000) + "|\n",
		"code":        "```go\n" + strings.Repeat("x := \"y\" // z\n", mb/14),
		"code line":   "```js\n" + strings.Repeat("(", mb),
		"definitions": strings.Repeat("[a]: b\n", mb/7),
		"references":  strings.Repeat("[a] ", mb/4) + "\n\n[a]: https://e.org",
		"addresses":   strings.Repeat("http://a ", mb/9),
		"mails":       strings.Repeat("a@", mb/2),
		"entities":    strings.Repeat("&", mb),
		"backslashes": strings.Repeat(`\`, mb),
		"marks":       "a" + strings.Repeat("\u0301", mb/2),
		"nul":         strings.Repeat("\x00", mb),
		"not UTF-8":   strings.Repeat("\xff\xc0", mb/2),
		"footnotes":   strings.Repeat("[^1", mb/3),
		"strikes":     strings.Repeat("~~a", mb/3),
	} {
		start := threadTime()
		p := newProse()
		p.part = true
		p.heightFor(600)
		p.setText(source)
		parsed := threadTime() - start
		p.reveal(0, 700)
		p.reveal(p.height/2, p.height/2+700)
		p.setText(source + " and more")
		p.selectAll()
		_ = p.selectedText()
		if d := threadTime() - start; d > 5*time.Second {
			t.Errorf("%s: %v, of which %v to parse", name, d, parsed)
		} else {
			t.Logf("%-12s %8v parse %8v", name, d.Round(time.Millisecond), parsed.Round(time.Millisecond))
		}
	}
}

func deeper(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", 2*i) + "- a\n")
	}
	return b.String()
}
