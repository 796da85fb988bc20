package ui

import "testing"

func TestPlainText(t *testing.T) {
	for markdown, want := range map[string]string{
		"":                          "",
		"# A **b**\n\nc `d` ~~e~~":  "A b\n\nc d e",
		"- a\n- b\n  1. c\n\nd":     "• a\n• b\n  1. c\n\nd",
		"- [x] a\n- [ ] b":          "☑ a\n☐ b",
		"| a | b |\n|-|-|\n|*c*|d|": "a\tb\nc\td",
		"```go\nx  :=\t1\n\n```":    "x  :=\t1",
		"[a](https://e.org) $x^2$":  "a x²",
		"> q\n\n---":                "q\n\n---",
	} {
		if got := PlainText(markdown); got != want {
			t.Errorf("%q: %q, want %q", markdown, got, want)
		}
	}
}

// Copy and selecting everything give the same.
func TestPlainTextIsTheSelection(t *testing.T) {
	for _, d := range documents {
		p := newProse()
		p.setText(d)
		p.selectAll()
		if got, want := p.selectedText(), PlainText(d); got != want {
			t.Errorf("selected %q, plain %q", got, want)
		}
	}
}
