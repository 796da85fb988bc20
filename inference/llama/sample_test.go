package llama

import (
	"strings"
	"testing"

	"galago/inference/protocol"
	"galago/inference/vision"
)

// asked is the answer to one question about pictures, with the request changed.
func asked(t *testing.T, b *Backend, p []vision.Prepared, question string, change func(*protocol.Ask)) (string, protocol.Done) {
	t.Helper()
	ask, blob := say(p, question)
	change(&ask)
	h := &heard{}
	done, err := b.Ask(t.Context(), ask, blob, h)
	if err != nil {
		t.Fatal(err)
	}
	return h.text.String(), done
}

func TestEachSamplingFigureHasAnEffect(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	hot := func(a *protocol.Ask) { a.Temperature, a.Seed, a.MaxTokens = 2, 7, 24 }
	with := func(change func(*protocol.Ask)) string {
		text, _ := asked(t, b, p, "Describe the picture.", func(a *protocol.Ask) {
			hot(a)
			change(a)
		})
		return text
	}
	greedy, _ := asked(t, b, p, "Describe the picture.", func(a *protocol.Ask) { a.MaxTokens = 24 })
	wild := with(func(*protocol.Ask) {})
	if wild == greedy {
		t.Fatalf("at temperature 2 the answer is the likeliest one, %q: nothing can be seen here", wild)
	}
	if again := with(func(*protocol.Ask) {}); again != wild {
		t.Errorf("the same seed gave %q, then %q", wild, again)
	}
	if other := with(func(a *protocol.Ask) { a.Seed++ }); other == wild {
		t.Errorf("another seed gave %q too", other)
	}
	for name, change := range map[string]func(*protocol.Ask){
		"top-k 1":     func(a *protocol.Ask) { a.TopK = 1 },
		"top-p 1e-6":  func(a *protocol.Ask) { a.TopP = 1e-6 },
		"min-p 1":     func(a *protocol.Ask) { a.MinP = 1 },
		"temperature": func(a *protocol.Ask) { a.Temperature = 0 },
	} {
		if got := with(change); got != greedy {
			t.Errorf("with %s the answer is %q, want the likeliest one, %q", name, got, greedy)
		}
	}
	for name, change := range map[string]func(*protocol.Ask){
		"top-k 0":            func(a *protocol.Ask) { a.TopK = 0 },
		"top-p 1":            func(a *protocol.Ask) { a.TopP = 1 },
		"min-p 0":            func(a *protocol.Ask) { a.MinP = 0 },
		"repeat penalty 1":   func(a *protocol.Ask) { a.RepeatPenalty, a.RepeatLastN = 1, 64 },
		"repeat last n of 0": func(a *protocol.Ask) { a.RepeatPenalty, a.RepeatLastN = 2, 0 },
	} {
		if got := with(change); got != wild {
			t.Errorf("%s is off, and changes %q to %q", name, wild, got)
		}
	}
}

func TestRepeatPenalty(t *testing.T) {
	b := backend(t)
	question := "Describe the picture."
	p := []vision.Prepared{picture(t, "0000.jpg"), picture(t, "0001.png")}
	plain, _ := asked(t, b, p, question, func(*protocol.Ask) {})
	for _, last := range []int{64, -1} { // far beyond what a person may set: the model is sure of its words
		got, _ := asked(t, b, p, question, func(a *protocol.Ask) { a.RepeatPenalty, a.RepeatLastN = 20, last })
		if repeats(got) >= repeats(plain) {
			t.Errorf("with a penalty over %d tokens %q repeats %d words, without %q repeats %d", last, got, repeats(got), plain, repeats(plain))
		}
	}
	// The ends of turns count as never said, so a strong penalty does not keep an answer from ending.
	for _, token := range b.heard(1 << 20) {
		if text := b.tokenText(token); text == "<|im_end|>" {
			t.Error("an end of turn counts as said")
		}
	}
}

func repeats(text string) (n int) {
	seen := map[string]bool{}
	for _, word := range strings.Fields(text) {
		if seen[word] {
			n++
		}
		seen[word] = true
	}
	return n
}

// Cut between any two tokens, an answer that is continued becomes what it would have been.
func TestContinue(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	for name, change := range map[string]func(*protocol.Ask){
		"likeliest":      func(*protocol.Ask) {},
		"repeat penalty": func(a *protocol.Ask) { a.RepeatPenalty, a.RepeatLastN = 1.3, 64 },
	} {
		t.Run(name, func(t *testing.T) {
			ask, blob := say(p, "Describe the picture.")
			change(&ask)
			var cuts []int
			h := &heard{}
			h.on = func(h *heard) { cuts = append(cuts, h.text.Len()) }
			if _, err := b.Ask(t.Context(), ask, blob, h); err != nil {
				t.Fatal(err)
			}
			whole, tokens := h.text.String(), len(b.said)
			if len(cuts) < 8 {
				t.Fatalf("the answer %q is too short to be cut", whole)
			}
			for _, cut := range cuts {
				if cut == len(whole) {
					continue
				}
				ask, blob := say(p, "Describe the picture.", whole[:cut])
				ask.Continue = true
				change(&ask)
				h := &heard{}
				done, err := b.Ask(t.Context(), ask, blob, h)
				if err != nil {
					t.Fatal(err)
				}
				if got := whole[:cut] + h.text.String(); got != whole || len(b.said) != tokens {
					t.Errorf("cut behind %q it becomes %q in %d tokens, want %q in %d", whole[:cut], got, len(b.said), whole, tokens)
				}
				if h.encoded != 0 || done.Stats.PromptTokens-done.Stats.ReusedTokens != 1 {
					t.Errorf("cut behind %q, %d pictures are encoded and %d of %d tokens read again",
						whole[:cut], h.encoded, done.Stats.PromptTokens-done.Stats.ReusedTokens, done.Stats.PromptTokens)
				}
			}
		})
	}
}

// After another start the tokens of the answer are not known any more, and its text is cut anew: between words as the
// model had it.
func TestContinueInAFreshWorker(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	whole, _, _ := b.must(t, p, "Describe the picture.")
	at := strings.Index(whole[len(whole)/2:], " ") + len(whole)/2
	load(t, 0)
	ask, blob := say(p, "Describe the picture.", whole[:at])
	ask.Continue = true
	h := &heard{}
	if _, err := b.Ask(t.Context(), ask, blob, h); err != nil {
		t.Fatal(err)
	}
	if got := whole[:at] + h.text.String(); got != whole {
		t.Errorf("cut behind %q it becomes %q, want %q", whole[:at], got, whole)
	}
	ask.Messages = ask.Messages[:1]
	_, err := b.Ask(t.Context(), ask, blob, &heard{})
	failure(t, err, protocol.CodeProtocol)
}

func TestContinueAgain(t *testing.T) {
	b := backend(t)
	p := []vision.Prepared{picture(t, "0000.jpg")}
	whole, _, _ := b.must(t, p, "Describe the picture.")
	text := ""
	for range 100 {
		ask, blob := say(p, "Describe the picture.", text)
		ask.Continue, ask.MaxTokens = true, 3
		h := &heard{}
		done, err := b.Ask(t.Context(), ask, blob, h)
		if err != nil {
			t.Fatal(err)
		}
		text += h.text.String()
		if done.Stop == protocol.StopEnd {
			break
		}
	}
	if text != whole {
		t.Errorf("three tokens at a time the answer is %q, at once %q", text, whole)
	}
}

func TestSystemPromptReachesTheBuiltInModel(t *testing.T) {
	b := backend(t)
	ask, _ := say(nil, "hello")
	ask.Messages = append([]protocol.Message{{Role: "system", Text: "Be terse."}}, ask.Messages...)
	parts, err := b.template.parts(ask.Messages, false)
	if err != nil || !b.template.system || parts[0].text != "<|im_start|>system\n" || parts[1].text != "Be terse." || !parts[1].typed {
		t.Errorf("parts are %+v, %v", parts, err)
	}
	if _, err := b.Ask(t.Context(), ask, nil, &heard{}); err != nil {
		t.Error(err)
	}
}
