package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"

	"galago/assets"
	"galago/inference"
	"galago/inference/engines"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// askOptions are the command line of ask.
type askOptions struct {
	modelOptions
	images      list
	then        list
	maxTokens   int
	temperature float64
	topK        int
	topP, minP  float64
	penalty     float64
	lastN       int
	system      string
	seed        uint
	json        bool
	question    string

	chosenTemperature bool // --temperature was given
}

// modelOptions choose a model; without one it is the built-in.
type modelOptions struct {
	model, mmproj string
	context       int
	cpu           bool

	own *float64 // the temperature of the chosen model's manifest; nil without one
}

func (m *modelOptions) flags(f *flag.FlagSet) {
	f.StringVar(&m.model, "model", "", "`GGUF` file of the model; without it the built-in demo model answers")
	f.StringVar(&m.mmproj, "mmproj", "", "`GGUF` file of the model's vision projector; without it the model takes no pictures")
	f.IntVar(&m.context, "context", 0, "`tokens` that the KV cache holds (default 4096, or less where the model has less)")
	f.BoolVar(&m.cpu, "cpu", false, "compute on the CPU even if there is a GPU")
}

// choose turns the options into a model for the service.
func (m *modelOptions) choose() (inference.Model, error) {
	if m.model == "" && m.mmproj != "" {
		return inference.Model{}, errors.New("--mmproj needs --model")
	}
	model := inference.Model{Path: m.model, MMProj: m.mmproj, Context: m.context}
	if m.cpu {
		model.GPULayers = -1
	}
	demo, err := assets.Demo{}, error(nil)
	if m.model == "" {
		demo, err = assets.DemoModel()
	} else if own, ok := assets.Beside(absolute(m.model), absolute(m.mmproj)); ok {
		demo = own
	} else {
		return model, nil
	}
	if err != nil {
		return model, &inference.Error{Code: protocol.CodeModelInvalid, Op: "find the built-in model", Err: err}
	}
	m.own = demo.Temperature
	model.Name, model.Path, model.MMProj = demo.Name, demo.Model, demo.MMProj
	model.ImageMinTokens, model.ImageMaxTokens = demo.ImageMin, demo.ImageMax
	if model.Context == 0 {
		model.Context = demo.Context
	}
	return model, nil
}

// chosen is choose for a command, which ends with exit unless that is exitOK.
func (m *modelOptions) chosen(command string, errOut io.Writer) (model inference.Model, exit int) {
	model, err := m.choose()
	switch {
	case err == nil:
		return model, exitOK
	case inference.CodeOf(err) == protocol.CodeInternal:
		fmt.Fprintf(errOut, "galago-engine %s: %v\n", command, err)
		return model, exitUsage
	}
	return model, complain(errOut, err)
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil && path != "" {
		return whole
	}
	return path
}

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, ", ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func parseAsk(args []string, errOut io.Writer) (askOptions, error) {
	var o askOptions
	f := flag.NewFlagSet("galago-engine ask", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.Usage = func() {
		fmt.Fprint(errOut, "galago-engine ask [--image FILE]... [--model GGUF --mmproj GGUF] QUESTION\n\n"+
			"Asks a question, about pictures if there are any, and prints the answer as it comes.\n\n")
		f.PrintDefaults()
	}
	o.flags(f)
	f.Var(&o.images, "image", "picture `FILE` (JPEG, PNG, GIF, BMP, TIFF, WebP); may be given several times")
	f.Var(&o.then, "then", "further `QUESTION` in the same conversation; may be given several times")
	f.IntVar(&o.maxTokens, "max-tokens", inference.DefaultMaxTokens, "longest answer, in `tokens`")
	f.StringVar(&o.system, "system", "", "`text` that tells the model how to answer, before the conversation")
	f.Float64Var(&o.temperature, "temperature", inference.Ranges.Temperature.Default,
		"how freely words are chosen: `T` from 0, always the likeliest, to 2; the built-in model's own is 0")
	f.IntVar(&o.topK, "top-k", int(inference.Ranges.TopK.Default), "choose among the `K` likeliest words; 0 for all")
	f.Float64Var(&o.topP, "top-p", inference.Ranges.TopP.Default, "choose among the likeliest words that have the share `P` of the probability together; 0 or 1 for all")
	f.Float64Var(&o.minP, "min-p", inference.Ranges.MinP.Default, "choose among the words with the share `P` of the likeliest one's probability; 0 for all")
	f.Float64Var(&o.penalty, "repeat-penalty", inference.Ranges.RepeatPenalty.Default, "`factor` that makes less likely what was said, from 1, off, to 2")
	f.IntVar(&o.lastN, "repeat-last-n", int(inference.Ranges.RepeatLastN.Default), "how many `tokens` count as said for --repeat-penalty; 0 for none, -1 for all")
	f.UintVar(&o.seed, "seed", 0, "`number` that makes an answer repeatable; 0 for a new one each time")
	f.BoolVar(&o.json, "json", false, "print one JSON object at the end instead of the text as it comes")
	questions, err := parseMixed(f, args)
	if err != nil {
		return o, err
	}
	usage := func(sentence string) (askOptions, error) {
		fmt.Fprintln(errOut, "galago-engine ask:", sentence)
		return o, errors.New(sentence)
	}
	switch {
	case len(questions) == 0:
		return usage("the question is missing. Put it into quotes at the end.")
	case len(questions) > 1:
		return usage(fmt.Sprintf("there are %d questions. Put one into quotes; further ones go behind --then.", len(questions)))
	case slices.ContainsFunc(append(questions, o.then...), func(q string) bool { return strings.TrimSpace(q) == "" }):
		return usage("the question is empty.")
	case o.context < 0:
		return usage("--context must be at least 1, or 0 for the default.")
	case o.outOfRange() != "":
		return usage(o.outOfRange())
	case o.seed > 1<<32-1:
		return usage("--seed must be below 4294967296.")
	}
	o.question = questions[0]
	f.Visit(func(f *flag.Flag) { o.chosenTemperature = o.chosenTemperature || f.Name == "temperature" })
	return o, nil
}

// outOfRange says which figure is, or nothing.
func (o askOptions) outOfRange() string {
	for _, f := range []struct {
		flag  string
		value float64
		inference.Range
	}{
		{"--max-tokens", float64(o.maxTokens), inference.Ranges.MaxTokens},
		{"--temperature", o.temperature, inference.Ranges.Temperature},
		{"--top-k", float64(o.topK), inference.Ranges.TopK},
		{"--top-p", o.topP, inference.Ranges.TopP},
		{"--min-p", o.minP, inference.Ranges.MinP},
		{"--repeat-penalty", o.penalty, inference.Ranges.RepeatPenalty},
		{"--repeat-last-n", float64(o.lastN), inference.Ranges.RepeatLastN},
	} {
		if !f.Has(f.value) { // also when it is not a number
			return fmt.Sprintf("%s must be between %v and %v.", f.flag, f.Min, f.Max)
		}
	}
	return ""
}

// request asks about a conversation.
func (o askOptions) request(messages []inference.Message) inference.Request {
	if o.system != "" {
		messages = append([]inference.Message{{Role: "system", Text: o.system}}, messages...)
	}
	return inference.Request{
		Messages: messages, MaxTokens: o.maxTokens, Temperature: float32(o.temperature), Seed: uint32(o.seed),
		TopK: o.topK, TopP: float32(o.topP), MinP: float32(o.minP), RepeatPenalty: float32(o.penalty), RepeatLastN: o.lastN,
	}
}

// parseMixed parses flags wherever they stand before a "--", and returns the rest.
func parseMixed(f *flag.FlagSet, args []string) (rest []string, err error) {
	for {
		if err := f.Parse(args); err != nil {
			return nil, err
		}
		if f.NArg() == 0 {
			return rest, nil
		}
		if at := len(args) - f.NArg(); at > 0 && args[at-1] == "--" {
			return append(rest, f.Args()...), nil
		}
		rest = append(rest, f.Arg(0))
		args = f.Args()[1:]
	}
}

// turnResult is one answer in the JSON output.
type turnResult struct {
	Question      string              `json:"question"`
	Answer        string              `json:"answer"`
	PictureTokens int                 `json:"picture_tokens"`
	PromptTokens  int                 `json:"prompt_tokens"`
	ReusedTokens  int                 `json:"reused_tokens"`
	AnswerTokens  int                 `json:"answer_tokens"`
	Stop          protocol.StopReason `json:"stop"`
	FirstToken    float64             `json:"time_to_first_token_ms"`
	EncodeMillis  float64             `json:"encode_ms"`
	TokensPerSec  float64             `json:"tokens_per_second"`
}

// askResult is the JSON output: the last answer, what loading took and, with --then, every turn.
type askResult struct {
	turnResult
	Model      string       `json:"model"`
	Device     string       `json:"device"`
	LoadMillis int64        `json:"load_ms"`
	Turns      []turnResult `json:"turns,omitempty"`
	Notices    []string     `json:"notices,omitempty"` // what was reduced for want of memory
}

func ask(args []string, out, errOut io.Writer) int {
	o, err := parseAsk(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage
	}
	model, exit := o.chosen("ask", errOut)
	if exit != exitOK {
		return exit
	}
	if o.own != nil && !o.chosenTemperature {
		o.temperature = *o.own
	}
	pictures, err := openPictures(o.images)
	if err != nil {
		return complain(errOut, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	service, status, err := open(ctx, model)
	if err != nil {
		return complain(errOut, err)
	}
	defer service.Close()
	result := askResult{Model: status.Loaded.Name, Device: status.Loaded.Device, LoadMillis: status.Loaded.LoadMillis}
	result.Notices = status.Reduced
	for _, line := range status.Reduced {
		fmt.Fprintln(errOut, "galago-engine ask:", line)
	}
	if err := converse(ctx, service, o, pictures, out, errOut, &result); err != nil {
		return complain(errOut, err)
	}
	if !o.json {
		return exitOK
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(result); err != nil {
		return complain(errOut, err)
	}
	return exitOK
}

// open starts a service and waits until the model can answer.
func open(ctx context.Context, model inference.Model) (*inference.Service, inference.Status, error) {
	service := inference.New(engines.Use(inference.Options{Engine: self(), Device: inference.CardMemory}))
	service.Open(model)
	status, err := inference.WaitReady(ctx, service)
	if err != nil {
		service.Close()
		return nil, status, err
	}
	return service, status, nil
}

func openPictures(paths []string) ([]*vision.Picture, error) {
	var pictures []*vision.Picture
	for _, path := range paths {
		p, err := vision.Open(path)
		if err != nil {
			return nil, &inference.Error{Code: protocol.CodeBadImage, Op: "open " + path, Err: err}
		}
		pictures = append(pictures, p)
	}
	return pictures, nil
}

// converse asks the question and those that follow it, and prints or collects the answers.
// What was reduced for want of memory goes to notes, one line each.
func converse(ctx context.Context, c inference.Client, o askOptions, pictures []*vision.Picture, out, notes io.Writer, result *askResult) error {
	var messages []inference.Message
	for i, question := range append([]string{o.question}, o.then...) {
		m := inference.Message{Role: "user", Text: question}
		if i == 0 {
			m.Images = inference.Images(pictures...)
		}
		messages = append(messages, m)
		answer, err := inference.Ask(ctx, c, o.request(messages), func(e inference.Event) {
			switch {
			case e.Kind == inference.Notice:
				fmt.Fprintln(notes, "galago-engine ask:", e.Text)
			case e.Kind == inference.Delta && !o.json:
				io.WriteString(out, e.Text)
			}
		})
		if !o.json && answer.Text != "" {
			fmt.Fprintln(out)
		}
		if err != nil {
			return err
		}
		result.Notices = append(result.Notices, answer.Notices...)
		messages = append(messages, inference.Message{Role: "assistant", Text: answer.Text})
		result.turnResult = turnResult{
			Question: question, Answer: answer.Text, Stop: answer.Stop,
			PictureTokens: answer.Stats.ImageTokens, PromptTokens: answer.Stats.PromptTokens,
			ReusedTokens: answer.Stats.ReusedTokens, AnswerTokens: answer.Stats.AnswerTokens,
			FirstToken: answer.Stats.FirstToken, EncodeMillis: answer.Stats.EncodeMillis,
			TokensPerSec: answer.Stats.TokensPerSec,
		}
		if len(o.then) > 0 {
			result.Turns = append(result.Turns, result.turnResult)
		}
	}
	return nil
}

// indent sets details off from the sentence above them.
func indent(s string) string {
	return "    " + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n    ")
}
