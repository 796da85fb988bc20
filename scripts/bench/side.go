//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"
)

// model is what both sides load, and how.
type model struct {
	id, path, mmproj     string
	context              int // tokens
	minTokens, maxTokens int // of a picture

	// Said stands in conversations instead of the model's own words, on both sides; empty: its own words. The synthetic model
	// speaks words that its tokenizer takes apart into letters: whoever remembers the tokens would have a tenth of the work.
	said string
}

// demo is the built-in model, with its manifest's settings.
func demo(o options) (model, error) {
	folder := filepath.Join(o.programs, "demo")
	var manifest struct {
		Model, MMProj struct{ File string }
		Context       int
		Min           int `json:"image_min_tokens"`
		Max           int `json:"image_max_tokens"`
	}
	data, err := os.ReadFile(filepath.Join(folder, "manifest.json"))
	if err == nil {
		err = json.Unmarshal(data, &manifest)
	}
	return model{
		"demo", filepath.Join(folder, manifest.Model.File), filepath.Join(folder, manifest.MMProj.File),
		manifest.Context, manifest.Min, manifest.Max, "",
	}, err
}

// synth2B is the synthetic model, with what Galago chooses for it by itself: 4,096 tokens, half of them for a picture.
func synth2B(o options) model {
	return model{
		"2b", filepath.Join(o.scratch, "synthetic-Qwen3-VL-2B-Q8_0.gguf"), filepath.Join(o.scratch, "mmproj-synthetic-Qwen3-VL-2B-Q8_0.gguf"),
		4096, 8, 2048, "It is red.",
	}
}

// side is one of those that are compared.
type side interface {
	// launch starts it with a model and returns at once.
	launch(model) error
	// ready waits until it can answer.
	ready(context.Context) error
	// ask may be called as soon as it is launched.
	ask(context.Context, question) (answer, error)
	// process is the one that has the model.
	process() int
	quit()
}

// turn is one message of a conversation; its picture, a file's content, stands before its text.
type turn struct {
	role, text string
	picture    []byte
}

// question is a conversation whose last message is to be answered.
type question struct {
	talk   string // names the conversation
	turns  []turn
	tokens int       // of the answer, at most
	piece  func(int) // is told how many pieces of the answer came; may be nil
}

// answer is what came of it, as the asker saw it.
type answer struct {
	text             string
	first, end       time.Duration // from the question to its first text, and to its end
	tokens           int           // of the answer
	prompt, reused   int           // tokens of the prompt, and how many of them were known already
	received         int64         // bytes that carried the answer
	prepared, inside time.Duration // Galago alone: making the picture ready; to the first token as the worker counts
}

// rate is the tokens a second after the first.
func (a answer) rate() float64 {
	return float64(a.tokens-1) / (a.end - a.first).Seconds()
}

// talk is a conversation with one side. The other side has its own, since answers may differ.
type talk struct {
	id    string
	with  side
	said  string // instead of its answers
	turns []turn
}

// ask adds a question, with a picture or nil, and its answer. An answer that was cut off counts as far as it came.
func (t *talk) ask(ctx context.Context, text string, picture []byte, tokens int, piece func(int)) (answer, error) {
	t.turns = append(t.turns, turn{"user", text, picture})
	return t.again(ctx, tokens, piece)
}

// again asks the last question, which has no answer yet.
func (t *talk) again(ctx context.Context, tokens int, piece func(int)) (answer, error) {
	a, err := t.with.ask(ctx, question{t.id, t.turns, tokens, piece})
	t.turns = append(t.turns, turn{"assistant", cmp.Or(t.said, a.text), nil})
	return a, err
}

// back takes the last answer away, and the question with it if asked to.
func (t *talk) back(question bool) {
	n := len(t.turns) - 1
	if question {
		n--
	}
	t.turns = t.turns[:n]
}
