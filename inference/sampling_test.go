package inference

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"galago/inference/protocol"
)

// What is out of range is refused in a sentence, before a worker hears of it; both ends of a range, and 0, are in.
func TestOutOfRange(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	talk := []Message{{Role: "user", Text: "hello"}}
	for says, change := range map[string]func(*Request){
		"max tokens: -1 is not between 1 and 65536":     func(r *Request) { r.MaxTokens = -1 },
		"temperature: 2.1 is not between 0 and 2":       func(r *Request) { r.Temperature = 2.1 },
		"temperature: NaN is not between 0 and 2":       func(r *Request) { r.Temperature = float32(math.NaN()) },
		"top-k: -1 is not between 0 and 1000":           func(r *Request) { r.TopK = -1 },
		"top-p: 1.5 is not between 0 and 1":             func(r *Request) { r.TopP = 1.5 },
		"min-p: -0.1 is not between 0 and 1":            func(r *Request) { r.MinP = -0.1 },
		"repeat penalty: 0.5 is not between 1 and 2":    func(r *Request) { r.RepeatPenalty = 0.5 },
		"repeat penalty: +Inf is not between 1 and 2":   func(r *Request) { r.RepeatPenalty = float32(math.Inf(1)) },
		"repeat last n: -2 is not between -1 and 65536": func(r *Request) { r.RepeatLastN = -2 },
	} {
		r := Request{Messages: talk}
		change(&r)
		_, err := Ask(t.Context(), s, r, nil)
		if x := Explain(err); CodeOf(err) != protocol.CodeOutOfRange || !strings.Contains(x.Text, says) || x.Action == "" {
			t.Errorf("%s: %v, told as %+v", says, err, x)
		}
	}
	for _, r := range []Request{
		{},
		{MaxTokens: 65536, Temperature: 2, TopK: 1000, TopP: 1, MinP: 1, RepeatPenalty: 2, RepeatLastN: 65536},
		{MaxTokens: 1, RepeatPenalty: 1, RepeatLastN: -1},
	} {
		r.Messages = talk
		if _, err := Ask(t.Context(), s, r, nil); err != nil {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestTheWorkerGetsTheSampling(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	talk := []Message{{Role: "user", Text: "dump"}, {Role: "assistant", Text: "dump"}}
	a, err := Ask(t.Context(), s, Request{
		Messages: talk, Continue: true,
		Temperature: 0.5, TopK: 40, TopP: 0.75, MinP: 0.125, RepeatPenalty: 1.5, RepeatLastN: -1, Seed: 3,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got protocol.Ask
	if err := json.Unmarshal([]byte(strings.TrimSuffix(strings.TrimPrefix(a.Text, "You said: "), "dump")), &got); err != nil {
		t.Fatal(err, a.Text)
	}
	if !got.Continue || got.Temperature != 0.5 || got.TopK != 40 || got.TopP != 0.75 || got.MinP != 0.125 ||
		got.RepeatPenalty != 1.5 || got.RepeatLastN != -1 || got.Seed != 3 || len(got.Messages) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestContinueNeedsAnAnswer(t *testing.T) {
	s := opened(t, realFake(t, "good"))
	user, assistant := Message{Role: "user", Text: "hello"}, Message{Role: "assistant", Text: "Hi"}
	for name, talk := range map[string][]Message{
		"nothing":              nil,
		"a question":           {user},
		"an answer to nothing": {assistant},
		"an empty question":    {{Role: "user", Text: " "}, assistant},
		"a picture in it":      {user, {Role: "assistant", Text: "Hi", Images: []Image{{Picture: somePicture(64, 64)}}}},
	} {
		if _, err := Ask(t.Context(), s, Request{Messages: talk, Continue: true}, nil); CodeOf(err) != protocol.CodeEmptyPrompt {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, said := range []string{"Hi", ""} { // cut before its first word, too
		talk := []Message{user, {Role: "assistant", Text: said}}
		if _, err := Ask(t.Context(), s, Request{Messages: talk, Continue: true}, nil); err != nil {
			t.Errorf("after %q: %v", said, err)
		}
	}
}
