//go:build uidemo

package main

import (
	"fmt"
	"image"
	"strings"

	"galago/ui"
)

// everything is a conversation with all that an answer can hold.
func everything() []ui.Turn {
	return []ui.Turn{
		{
			ID: 1, Question: "Show me everything that you can print.", Images: []image.Image{shelf, ui.Placeholder{Width: 480, Height: 320}}, State: ui.TurnDone,
			Thinking: "They want **everything**. I start with headings, then go on:\n\n- lists\n- code\n\nThat should do.", ThoughtFor: "4.2 s",
			Answer: everyBlock, Figures: []string{"1,036 picture tokens", "first token 0.8 s", "42 tokens/s"}, Version: 2, Versions: 3,
		},
		{ID: 2, Question: "和日本語で？ そして한국어？", State: ui.TurnDone, Answer: manyScripts, Figures: []string{"42 tokens/s"}},
		{ID: 3, Question: "Code, please", State: ui.TurnInterrupted, CanContinue: true, Answer: codes},
		{ID: 4, Question: "And one that thinks?", State: ui.TurnStreaming, Thinking: "Let me see …"},
	}
}

const everyBlock = `# A heading
## A smaller one
### And a third

A paragraph with **bold**, *italic*, ***both***, ~~struck out~~, ` + "`inline code`" + `, a [link](https://example.org/path), a bare one https://example.com/a_b,
a footnote[^1], H~2~O, &copy; 2024 and <b>raw HTML</b>.

1. One
2. Two
   - nested
     - deeper
       1. and numbered
   - back

   A paragraph inside the second item.
3. Three

- [x] bought milk
- [ ] *bread*, and a long line that has to wrap because it says so much about which bread it should be and where it is to be had
- [ ] ` + "`butter`" + `

> A quote with **bold** text that is long enough that it has to wrap somewhere, so that the bar beside it can be seen to be as long as it.
>
> - a list in it
>
> > and a quote in the quote

| Left | Centre | Right | A wide column |
|:-----|:------:|------:|---|
| a | b | 1.00 | short |
| longer text | ` + "`code`" + ` | 1,234.50 | a cell with so much in it that it must be broken into several lines, or else the table is wider than the column |

| one | two | three | four | five | six | seven | eight | nine | ten |
|---|---|---|---|---|---|---|---|---|---|
| considerable | considerable | considerable | considerable | considerable | considerable | considerable | considerable | considerable | considerable |

` + "```go" + `
// Fibonacci returns the n-th number.
func Fibonacci(n int) (a int, err error) {
	if n < 0 {
		return 0, fmt.Errorf("no number %d: there are only those from 0 on, and this line is long enough to slide", n)
	}
	b := 1
	for range n {
		a, b = b, a+b /* next */
	}
	return a, nil
}
` + "```" + `

Inline maths: $E = mc^2$, $x_{i+1} = x_i - \frac{f(x_i)}{f'(x_i)}$, \(\alpha \le \beta\), and not maths: it costs $5 or $10.

$$
\int_0^\infty e^{-x^2}\,dx = \frac{\sqrt{\pi}}{2}, \qquad \sum_{k=1}^{n} k = \frac{n(n+1)}{2}
$$

\[ f(x) = \begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases} \]

![A cat on a wall](https://example.org/cat.png)

---

[^1]: The source of it all.`

const manyScripts = `中文：棚の上には青いカップが三つ、白いポットが一つ「あります」。这是一个很长的句子，用来检查换行是否正确，以及标点符号是否会出现在行首。

한국어: 선반 위에 파란 컵 세 개와 흰색 찻주전자가 있습니다.

עברית: על המדף העליון יש שלוש כוסות כחולות (3) ו-tea pot אחד, בסך הכול 4.

العربية: على الرف العلوي ثلاثة أكواب زرقاء وإبريق شاي أبيض.

Mixed: the word שלום means peace, and سلام too.

Emoji: 😀 👍🏽 👨‍👩‍👧 🇩🇪 ❤️ ✅ 🐒 and text. हिन्दी: शेल्फ़ पर तीन नीले कप हैं। ไทย: มีถ้วยสีน้ำเงินสามใบ

| 名前 | 数 |
|---|---:|
| カップ 😀 | 3 |`

var codes = "```python\ndef f(x: int) -> str:\n    \"\"\"A docstring.\"\"\"\n    return f\"{x:>10}\"  # comment\n```\n\n```diff\n- old\n+ new\n```\n\n```\nno language\n```\n\n" +
	"```json\n{\"a\": [1, 2.5, true, null], \"b\": \"c\"}\n```\n\n```sh\nfor f in *.png; do echo \"$f\"; done\n```\n\n" + fmt.Sprint(strings.Repeat("The rest of it. ", 20))
