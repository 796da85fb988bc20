package chat

import "strings"

// thought is how a kind of model marks what it says to itself.
type thought struct {
	open, close string
	bare        bool // the close alone is known too: the template puts the opening into the prompt
}

var thoughts = []thought{
	{"<think>", "</think>", true},
	{"<thinking>", "</thinking>", true},
	{"<thought>", "</thought>", false},
	{"<reasoning>", "</reasoning>", false},
	{"<seed:think>", "</seed:think>", true},
	{"[THINK]", "[/THINK]", true},
	{"◁think▷", "◁/think▷", true},
	{"<|channel>thought", "<channel|>", true},
	{"<|channel|>analysis<|message|>", "<|end|>", false},
	{"<|START_THINKING|>", "<|END_THINKING|>", true},
}

// answerMarks stand between a thought and what is meant for the person.
var answerMarks = []string{"<|start|>assistant", "<|channel|>final<|message|>", "<|START_RESPONSE|>", "<response>"}

// Split parts what a model said to itself from its answer. Thoughts stand at the beginning, between marks that differ
// from model to model; where the template has already opened them only the closing mark is there. Marks inside code
// are text. open says that the thought has not ended, as in a stream; rest is then empty.
//
// It takes time in proportion to the answer's length, a few dozen microseconds for 50,000 characters.
func Split(answer string) (thinking, rest string, open bool) {
	thinking, rest, open = splitOpened(answer)
	if open || thinking != "" || len(rest) != len(answer) {
		return thinking, rest, open
	}
	for _, t := range thoughts {
		if !t.bare {
			continue
		}
		if i := bareClose(answer, t); i >= 0 {
			return strings.TrimSpace(answer[:i]), afterThought(answer[i+len(t.close):]), false
		}
	}
	return "", answer, false
}

// splitOpened takes thoughts that begin with their mark off the beginning, one after the other. Where there are none
// rest is the whole answer.
func splitOpened(answer string) (thinking, rest string, open bool) {
	rest = answer
	for {
		t, body, partial := opened(rest)
		switch {
		case partial && thinking == "":
			return "", "", true
		case t == nil:
			return thinking, rest, false
		}
		i := closing(body, t.close)
		if i < 0 {
			return joinThoughts(thinking, withoutPartial(body, t.close)), "", true
		}
		thinking = joinThoughts(thinking, body[:i])
		rest = afterThought(body[i+len(t.close):])
	}
}

func joinThoughts(a, b string) string {
	b = strings.TrimSpace(b)
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n\n" + b
}

// opened finds the mark that text begins with, or says that it may be the beginning of one.
func opened(text string) (t *thought, body string, partial bool) {
	text = strings.TrimLeft(text, " \t\r\n")
	for i := range thoughts {
		mark := thoughts[i].open
		if len(text) >= len(mark) && strings.EqualFold(text[:len(mark)], mark) {
			return &thoughts[i], text[len(mark):], false
		}
		if len(text) > 1 && strings.HasPrefix(mark, text) {
			partial = true
		}
	}
	return nil, "", partial
}

// afterThought drops what separates a thought from the answer.
func afterThought(text string) string {
	text = strings.TrimLeft(text, " \t\r\n")
	for _, m := range answerMarks {
		if len(text) > 1 && strings.HasPrefix(m, text) {
			return ""
		}
		text = strings.TrimLeft(strings.TrimPrefix(text, m), " \t\r\n")
	}
	return text
}

// withoutPartial cuts the beginning of a closing mark off a thought that still grows.
func withoutPartial(text, mark string) string {
	for n := min(len(mark)-1, len(text)); n > 1; n-- {
		if strings.HasSuffix(text, mark[:n]) {
			return text[:len(text)-n]
		}
	}
	return text
}

// closing finds the mark that ends an opened thought. One outside code is preferred, but a thought that leaves a
// fence open ends all the same.
func closing(text, mark string) int {
	first := strings.Index(text, mark)
	if first < 0 {
		return -1
	}
	fenced := -1
	for i, inFence := range marks(text, mark) {
		if !inFence {
			return i
		}
		if fenced < 0 {
			fenced = i
		}
	}
	return fenced
}

// bareClose finds a closing mark whose opening is not in the text. It ends or begins a line, so that a sentence that
// mentions it is left alone.
func bareClose(text string, t thought) int {
	first := strings.Index(text, t.close)
	if first < 0 {
		return -1
	}
	for i, inFence := range marks(text, t.close) {
		if inFence {
			continue
		}
		if strings.Contains(text[:i], t.open) {
			return -1 // it speaks of the marks
		}
		before, after := strings.TrimRight(text[:i], " \t"), strings.TrimLeft(text[i+len(t.close):], " \t\r")
		if before == "" || strings.HasSuffix(before, "\n") || strings.HasPrefix(after, "\n") {
			return i
		}
	}
	return -1
}

// marks yields where a mark stands, except in inline code, and whether that is inside a code fence.
func marks(text, mark string) func(yield func(at int, inFence bool) bool) {
	return func(yield func(int, bool) bool) {
		fence := ""
		for start := 0; start < len(text); {
			end := len(text)
			if i := strings.IndexByte(text[start:], '\n'); i >= 0 {
				end = start + i + 1
			}
			line := text[start:end]
			for at := 0; ; {
				i := strings.Index(line[at:], mark)
				if i < 0 {
					break
				}
				at += i
				quoted := inlineCode(line, at) || at > 0 && line[at-1] == '`' && start+at+len(mark) == len(text) // or will be
				if (fence != "" || !quoted) && !yield(start+at, fence != "") {
					return
				}
				at += len(mark)
			}
			fence = fenceAfter(fence, strings.TrimSpace(line))
			start = end
		}
	}
}

// fenceAfter says which code fence is open after a line, empty for none.
func fenceAfter(open, line string) string {
	n := 0
	for n < len(line) && line[n] == line[0] {
		n++
	}
	if n < 3 || line[0] != '`' && line[0] != '~' {
		return open
	}
	switch {
	case open == "":
		return line[:n]
	case open[0] == line[0] && n >= len(open) && n == len(line):
		return ""
	}
	return open
}

// inlineCode says whether a place of a line stands between backticks.
func inlineCode(line string, at int) bool {
	for i := 0; i < at; i++ {
		if line[i] != '`' {
			continue
		}
		n := 1
		for i+n < len(line) && line[i+n] == '`' {
			n++
		}
		end := closingTicks(line, i+n, n)
		if end < 0 {
			i += n - 1
			continue
		}
		if at < end {
			return at >= i+n
		}
		i = end + n - 1
	}
	return false
}

// closingTicks finds a run of exactly n backticks.
func closingTicks(line string, from, n int) int {
	for i := from; i < len(line); i++ {
		if line[i] != '`' {
			continue
		}
		k := i
		for k < len(line) && line[k] == '`' {
			k++
		}
		if k-i == n {
			return i
		}
		i = k - 1
	}
	return -1
}
