package ui

import "strings"

// PlainText is Markdown as a person reads it: without its marks, formulas as text, the cells of tables parted by tabs,
// links as their text. Code is kept as it is. It never fails, and takes about as long as showing the text would.
func PlainText(markdown string) string {
	var t strings.Builder
	blocks := parseMarkdown(markdown)
	for i := range blocks {
		if i > 0 {
			t.WriteString(blocks[i].separator())
		}
		t.WriteString(blocks[i].text())
	}
	return t.String()
}
