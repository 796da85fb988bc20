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
	"time"

	"galago/inference"
	"galago/inference/demoeval"
)

// eval asks a set of pictures' questions through the same service and worker as everything else, and prints how many
// answers were right.
func eval(args []string, out, errOut io.Writer) int {
	var model modelOptions
	f := flag.NewFlagSet("galago-engine eval", flag.ContinueOnError)
	f.SetOutput(errOut)
	set := f.String("set", filepath.Join("assets", "demo", "testdata"), "`FOLDER` with pictures and items.jsonl")
	wrong := f.String("wrong", "", "`FILE` to write every wrong answer to, one JSON object a line")
	limit := f.Int("limit", 0, "ask at most this `number` of conversations; 0 for all")
	model.flags(f)
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil || f.NArg() > 0 {
		return exitUsage
	}
	items, err := demoeval.Load(*set)
	if err != nil {
		fmt.Fprintln(errOut, "galago-engine eval:", err)
		return exitUsage
	}
	if *limit > 0 && *limit < len(items) {
		items = items[:*limit]
	}
	chosen, err := model.choose()
	if err != nil {
		return complain(errOut, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	service, status, err := open(ctx, chosen)
	if err != nil {
		return complain(errOut, err)
	}
	defer service.Close()
	e := examiner{client: service, dir: *set}
	if *wrong != "" {
		file, err := os.Create(*wrong)
		if err != nil {
			fmt.Fprintln(errOut, "galago-engine eval:", err)
			return exitFailed
		}
		defer file.Close()
		e.wrong = json.NewEncoder(file)
	}
	start := time.Now()
	for _, item := range items {
		if err := e.examine(ctx, item); err != nil {
			return complain(errOut, err)
		}
	}
	n, right := e.table.Total()
	fmt.Fprintf(out, "%s (%s) on %s: %d conversations, %d answers, %d right, %.0f s\n\n%s",
		status.Loaded.Name, status.Loaded.Description, status.Loaded.Device, len(items), n, right,
		time.Since(start).Seconds(), e.table.String())
	return exitOK
}

// examiner asks conversations and keeps the score.
type examiner struct {
	client inference.Client
	dir    string
	table  demoeval.Table
	wrong  *json.Encoder // nil: wrong answers are not written
}

// examine goes through one conversation: each turn sees the answers that the model gave before, right or wrong.
func (e *examiner) examine(ctx context.Context, item demoeval.Item) error {
	var paths []string
	for _, name := range item.Images {
		paths = append(paths, filepath.Join(e.dir, name))
	}
	pictures, err := openPictures(paths)
	if err != nil {
		return err
	}
	var messages []inference.Message
	for i, turn := range item.Turns {
		m := inference.Message{Role: "user", Text: turn.Question}
		if i == 0 {
			m.Images = inference.Images(pictures...)
		}
		messages = append(messages, m)
		answer, err := inference.Ask(ctx, e.client, inference.Request{Messages: messages, MaxTokens: 160}, nil)
		if err != nil {
			return err
		}
		messages = append(messages, inference.Message{Role: "assistant", Text: answer.Text})
		right, iou := demoeval.Score(turn, answer.Text)
		e.table.Add(turn, right, iou)
		if !right && e.wrong != nil {
			e.wrong.Encode(map[string]any{"images": item.Images, "kind": turn.Kind, "q": turn.Question, "expect": turn.Expect, "answer": answer.Text})
		}
	}
	return nil
}
