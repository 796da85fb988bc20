package chat

import (
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		answer, thinking, rest string
		open                   bool
	}{
		{"", "", "", false},
		{"Three mugs.", "", "Three mugs.", false},
		{"  Three mugs.\n", "", "  Three mugs.\n", false},
		{"<think>\nTwo, no three.\n</think>\n\nThree.", "Two, no three.", "Three.", false},
		{"<think>\n\n</think>\n\nThree.", "", "Three.", false},
		{"\n<think>Hm", "Hm", "", true},
		{"<think>Hm</thi", "Hm", "", true},
		{"<thi", "", "", true},
		{"<", "", "<", false},
		{"<p>", "", "<p>", false},
		{"Hm\n</think>\n\nThree.", "Hm", "Three.", false},
		{"Hm.</think>\nThree.", "Hm.", "Three.", false},
		{"<thinking>a</thinking>b", "a", "b", false},
		{"[THINK]a[/THINK]b", "a", "b", false},
		{"◁think▷a◁/think▷b", "a", "b", false},
		{"<|channel>thought\na\n<channel|>b", "a", "b", false},
		{"<|channel>thought\n<channel|>b", "", "b", false},
		{"<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b", "a", "b", false},
		{"<|channel|>analysis<|message|>a<|end|><|start|>assi", "a", "", false},
		{"<think>a</think><think>b</think>c", "a\n\nb", "c", false},
		{"<think>a</think>\n<think>b", "a\n\nb", "", true},
		// The marks as a subject.
		{"Write <think> first and </think>\nafterwards.", "", "Write <think> first and </think>\nafterwards.", false},
		{"It ends with </think>, always.", "", "It ends with </think>, always.", false},
		{"It ends with `</think>`\nalways.", "", "It ends with `</think>`\nalways.", false},
		{"```\n<think>\n</think>\n```\n", "", "```\n<think>\n</think>\n```\n", false},
		{"Look:\n```\na\n</think>\n```\n", "", "Look:\n```\na\n</think>\n```\n", false},
		{"The answer. <think>x</think>", "", "The answer. <think>x</think>", false},
		{"<think>say `</think>` and\n```\n</think>\n```\nok</think>b", "say `</think>` and\n```\n</think>\n```\nok", "b", false},
		{"<think>an open fence\n```go\nx\n</think>\nb\n```go\ny\n```", "an open fence\n```go\nx", "b\n```go\ny\n```", false},
		{"<think>a stray ` tick</think>b", "a stray ` tick", "b", false},
	} {
		thinking, rest, open := Split(c.answer)
		if thinking != c.thinking || rest != c.rest || open != c.open {
			t.Errorf("%q: %q, %q, %v", c.answer, thinking, rest, open)
		}
	}
}

// A thought that streams must not show up as an answer in between, nor an answer vanish.
func TestSplitOfAStream(t *testing.T) {
	whole := "<think>\nIs `</think>` a tag? Yes.\n</think>\n\nYes, `</think>` ends a thought.\n"
	for i := range len(whole) {
		thinking, rest, open := Split(whole[:i+1])
		ended := strings.Contains(whole[:i+1], "\n</think>")
		if i > 0 && open == ended {
			t.Fatalf("%q: open %v", whole[:i+1], open)
		}
		if !ended && i > 0 && rest != "" || ended && thinking != "Is `</think>` a tag? Yes." {
			t.Fatalf("%q: %q, %q", whole[:i+1], thinking, rest)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("<think>a`</think>`\n```\n</think>")
	f.Add("[THINK][/THINK]<|start|>")
	f.Fuzz(func(t *testing.T, answer string) {
		thinking, rest, open := Split(answer)
		if open && rest != "" {
			t.Errorf("an open thought has a rest %q", rest)
		}
		if !strings.HasSuffix(answer, rest) {
			t.Errorf("the rest %q is not the end of %q", rest, answer)
		}
		if thinking == "" && !open && rest == "" && len(strings.TrimSpace(answer)) == 1 {
			t.Errorf("%q is lost", answer)
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	text := strings.Repeat("A sentence with `code` and <b>tags</b> that goes on for a while.\n", 770)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Split("Hm" + text)
	}
}
