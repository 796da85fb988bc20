package families

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"unicode/utf8"

	"galago/app/library/shelf"
	"galago/inference"
	"galago/inference/gguf"
	"galago/inference/protocol"
)

// real is the path of Gemma 3 270M in Q4_K_M. It is the model before it was taught to talk: its file has no chat template,
// and its answers are not to be relied on. What is tested is what Galago makes of it.
func real(t testing.TB) string {
	t.Helper()
	path := os.Getenv(realEnv)
	if path == "" {
		t.Skip("`make test-models` fetches the model")
	}
	return path
}

func TestRealModelIsImported(t *testing.T) {
	look, err := shelf.Identify(real(t))
	if err != nil || look.Model != real(t) || look.MMProj != "" || len(look.Choose) != 0 || !look.Text {
		t.Errorf("%+v, %v: want a text model alone", look, err)
	}
	f, err := gguf.Read(real(t))
	if err != nil {
		t.Fatal(err)
	}
	if f.Quant() != "Q4_K_M" || f.Architecture() != "gemma3" || f.Name() != "Gemma 3 270m" || f.Kind() != gguf.KindModel || f.EmbeddingLength() != 640 {
		t.Errorf("%s, %s, %s, %s, width %d", f.Quant(), f.Architecture(), f.Name(), f.Kind(), f.EmbeddingLength())
	}
	_, st := open(t, inference.Model{Path: real(t)})
	if l := st.Loaded; l.Vision.Enabled || l.Name != "Gemma 3 270m" || l.Parameters != 268098176 || l.ContextTrain != 32768 || l.Context < 4096 {
		t.Errorf("loaded as %+v", l)
	}
}

// TestRealModelTalks has a long conversation: what was said is never read again, answers end by themselves, no control token
// is seen, and a full context is told in a sentence after which a shorter conversation goes on.
func TestRealModelTalks(t *testing.T) {
	const cells = 512
	s, _ := open(t, inference.Model{Path: real(t), Context: cells})
	c := &talk{t: t, client: s, most: 24}
	var full *inference.Error
	used, ended := 0, 0
	for turn := range 80 {
		a, err := c.try(t.Context(), nil, fmt.Sprintf("What is the capital of country number %d, say France?", turn+1))
		if errors.As(err, &full) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		clean(t, a.Text)
		if a.Stop == protocol.StopEnd {
			ended++
		}
		if a.Stop == protocol.StopContext {
			continue // the context filled up in the middle of an answer; the next question does not fit
		}
		if turn > 0 && a.Stats.ReusedTokens < used-4 {
			t.Errorf("turn %d: %d of %d tokens came from the cache", turn+1, a.Stats.ReusedTokens, used)
		}
		used = a.Stats.ContextUsed
	}
	turns := len(c.messages) / 2
	t.Logf("%d turns in %d cells, %d of them ended by the model", turns, cells, ended)
	if turns < 20 || ended == 0 {
		t.Errorf("%d turns, %d ended by the model", turns, ended)
	}
	if full == nil || full.Code != protocol.CodeContextFull {
		t.Fatalf("the context never filled up: %v", full)
	}
	said := inference.Explain(full)
	if said.Text == "" || said.Action == "" {
		t.Errorf("no way out: %+v", said)
	}
	c.messages = c.messages[:4]
	if a := c.ask("And of Spain?"); a.Text == "" {
		t.Error("no answer afterwards")
	}
}

// clean fails for what must never come out of an answer.
func clean(t testing.TB, text string) {
	t.Helper()
	if !utf8.ValidString(text) || strings.Contains(text, "\ufffd") {
		t.Errorf("half a character in %q", text)
	}
	for _, control := range []string{"<end_of_turn>", "<start_of_turn>", "<eos>", "<bos>", "\nQuestion:"} {
		if strings.Contains(text, control) {
			t.Errorf("%s in %q", control, text)
		}
	}
}

// TestRealModelIsTheSameTwice asks in several languages, each with the likeliest words and with drawn ones.
func TestRealModelIsTheSameTwice(t *testing.T) {
	s, _ := open(t, inference.Model{Path: real(t)})
	for _, question := range []string{
		"What is the capital of France?",
		"Schreibe einen Satz über Katzen und Vögel.",
		"Escribe una frase sobre el año nuevo en España.",
		"写一句关于猫的话。",
		"Repeat: 😀🎉🐱👩‍🚀🇩🇪",
	} {
		for _, r := range []inference.Request{
			{MaxTokens: 40},
			{MaxTokens: 40, Temperature: 0.7, TopK: 40, TopP: 0.95, MinP: 0.05, Seed: 7},
		} {
			r.Messages = []inference.Message{{Role: "user", Text: question}}
			var last string
			for i := range 2 {
				forget(t, s)
				whole := true
				a, err := inference.Ask(t.Context(), s, r, func(e inference.Event) {
					whole = whole && utf8.ValidString(e.Text)
				})
				if err != nil {
					t.Fatal(err)
				}
				if a.Stop == protocol.StopEnd {
					clean(t, a.Text)
				}
				if !whole {
					t.Errorf("%s: half characters on the way", question)
				}
				if i > 0 && a.Text != last {
					t.Errorf("%s: %q, and the second time %q", question, last, a.Text)
				}
				last = a.Text
			}
			t.Logf("%s -> %q", question, last)
		}
	}
}

// TestRealModelGoesOn cancels an answer in the middle, and goes on with it as if that had not been.
func TestRealModelGoesOn(t *testing.T) {
	s, _ := open(t, inference.Model{Path: real(t)})
	question := inference.Message{Role: "user", Text: "Write a story about a dog and a cat. 写一个故事。"}
	whole, err := inference.Ask(t.Context(), s, inference.Request{Messages: []inference.Message{question}, MaxTokens: 60}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	pieces := 0
	part, err := inference.Ask(ctx, s, inference.Request{Messages: []inference.Message{question}, MaxTokens: 60}, func(e inference.Event) {
		if e.Kind == inference.Delta {
			if pieces++; pieces == 12 {
				cancel()
			}
		}
	})
	var e *inference.Error
	if !errors.As(err, &e) || e.Code != protocol.CodeCancelled || part.Text == "" || !strings.HasPrefix(whole.Text, part.Text) {
		t.Fatalf("%q, %v; want the beginning of %q", part.Text, err, whole.Text)
	}
	rest, err := inference.Ask(t.Context(), s, inference.Request{
		Messages: []inference.Message{question, {Role: "assistant", Text: part.Text}}, Continue: true, MaxTokens: 60,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := part.Text + rest.Text; !strings.HasPrefix(got, whole.Text) {
		t.Errorf("it went on to %q, without a pause it was %q", got, whole.Text)
	}
	if rest.Stats.ReusedTokens < rest.Stats.PromptTokens-1 {
		t.Errorf("%d of %d tokens were known", rest.Stats.ReusedTokens, rest.Stats.PromptTokens)
	}
}

// TestRealModelWritesMarkdown lets the model go on with what it is surely able to go on with: its answer must come out as it
// stands, line feeds, spaces and characters of several tokens included.
func TestRealModelWritesMarkdown(t *testing.T) {
	s, _ := open(t, inference.Model{Path: real(t)})
	for name, c := range map[string]struct{ begun, want string }{
		"table":    {"| n | square |\n|---|---|\n| 1 | 1 |\n| 2 | 4 |\n| 3 | 9 |\n", "| 4 | "},
		"list":     {"- one\n- two\n- three\n- four\n- five\n", "- six\n- seven\n"},
		"code":     {"```python\nif a == 1:\n    b = 1\nif a == 2:\n    b = 2\nif a == 3:\n", "    b = 3\nif a == 4:\n    b = 4"},
		"emoji":    {"😀🎉🐱" + strings.Repeat(" 😀🎉🐱", 6), " 😀🎉🐱 😀🎉🐱"},
		"Chinese":  {strings.Repeat("一只猫和一只狗。", 4), "一只猫和一只狗。"},
		"umlauts":  {"Über Äpfel, Öl und Straßen." + strings.Repeat(" Über Äpfel, Öl und Straßen.", 4), " Über Äpfel, Öl und Straßen."},
		"two ends": {strings.Repeat("a\n\nb\n\n", 6), "a\n\nb\n\na\n\nb"},
	} {
		whole := true
		a, err := inference.Ask(t.Context(), s, inference.Request{
			Messages: []inference.Message{{Role: "user", Text: "Go on."}, {Role: "assistant", Text: c.begun}}, Continue: true, MaxTokens: 24,
		}, func(e inference.Event) {
			whole = whole && utf8.ValidString(e.Text) && !strings.Contains(e.Text, "\ufffd")
		})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(a.Text, c.want) || !whole && a.Stop == protocol.StopEnd {
			t.Errorf("%s: it went on with %q, want %q", name, a.Text, c.want)
		}
	}
}

// TestRealModelReadsControlTokensAsText types what ends a turn. As a token it would be one of the prompt's, as text it is many.
func TestRealModelReadsControlTokensAsText(t *testing.T) {
	s, _ := open(t, inference.Model{Path: real(t)})
	tokens := func(text string) int {
		a, err := inference.Ask(t.Context(), s, inference.Request{Messages: []inference.Message{{Role: "user", Text: text}}, MaxTokens: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return a.Stats.PromptTokens
	}
	plain := tokens("a b")
	for _, typed := range []string{"<end_of_turn>", "<eos>", "<bos>", "<start_of_turn>model\n"} {
		if n := tokens("a" + typed + "b"); n < plain+2 {
			t.Errorf("%q takes %d tokens in the middle of a question that takes %d", typed, n, plain)
		}
	}
}

func TestRealModelTakesNoPictures(t *testing.T) {
	s, _ := open(t, inference.Model{Path: real(t)})
	c := &talk{t: t, client: s, most: 4}
	_, err := c.try(t.Context(), nil, "What is it?", picture(t, 64, 64))
	var e *inference.Error
	if !errors.As(err, &e) || e.Code != protocol.CodeNoVision {
		t.Fatalf("a picture was taken: %v", err)
	}
	if said := inference.Explain(e); said.Text == "" || said.Action == "" {
		t.Errorf("no way out: %+v", said)
	}
	if a := c.ask("What is the capital of France?"); a.Text == "" {
		t.Error("no answer afterwards")
	}
}

// TestRealModelOnTheCommandLine asks as a person in a terminal does, twice in one conversation.
func TestRealModelOnTheCommandLine(t *testing.T) {
	cmd := exec.Command(engine(t), "ask", "--model", real(t), "--temperature", "0", "--max-tokens", "12",
		"What is the capital of France?", "--then", "And of Germany?")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "Paris") {
		t.Errorf("it said %q", out)
	}
	clean(t, string(out))
}
