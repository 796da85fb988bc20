// Package slowengine is an engine for tests: it takes as long as a test wants, in the phase that it wants, which the
// built-in model is too fast for. It runs the worker's real loop.
package slowengine

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"galago/inference/protocol"
	"galago/inference/worker"
)

// Questions that it knows. It answers every other one at once with AnswerOf.
const (
	AskEncode = "look forever" // never gets past the picture
	AskPrompt = "read forever" // never gets past the prompt
	AskCount  = "count forever"
	AskHang   = "hang" // begins to answer, then does not even look at Cancel
	AskMuch   = "much" // runs out of memory until the KV cache is in q8_0
)

// AnswerOf is the answer to a question that it does not know.
func AnswerOf(question string) string { return "Answered **" + question + "**." }

// Run is the engine's program. It returns the exit status.
func Run() int {
	if err := worker.Loop(os.Stdin, protocol.NewWriter(os.Stdout), &backend{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

type backend struct {
	steps atomic.Uint64
	kv    string // KVType of the load
}

func (b *backend) Hello() protocol.Hello {
	return protocol.Hello{
		Version: protocol.Version, Engine: "slow", Llama: "none", System: "none",
		Devices: []protocol.Device{{Name: "CPU", Description: "CPU", Type: "CPU", Backend: "CPU"}},
	}
}

func (b *backend) Steps() uint64 { return b.steps.Add(1) }

func (b *backend) Load(_ context.Context, l protocol.Load, _ func(protocol.Progress)) (protocol.Loaded, error) {
	b.kv = l.KVType
	return protocol.Loaded{
		Name: "Slow", Description: "qwen3vl 8M Q8_0", Context: 4096, ContextTrain: 4096, Device: "CPU",
		Vision: protocol.Vision{Enabled: true, Projector: "qwen3vl_merger", Factor: 32, MinTokens: 4, MaxTokens: 256},
	}, nil
}

func (b *backend) Ask(ctx context.Context, ask protocol.Ask, _ []byte, out worker.Sink) (protocol.Done, error) {
	question := ask.Messages[len(ask.Messages)-1].Text
	// each calls step ten times a second until the request is cancelled.
	each := func(step func(n int)) (protocol.Done, error) {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			step(n)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return protocol.Done{}, ctx.Err()
			}
		}
	}
	progress := func(phase protocol.Phase, total int) func(int) {
		return func(n int) {
			out.Progress(protocol.Progress{ID: ask.ID, Phase: phase, Done: min(n, total) - 1, Total: total})
		}
	}
	switch question {
	case AskEncode:
		return each(progress(protocol.PhaseEncode, 1))
	case AskPrompt:
		return each(progress(protocol.PhasePrompt, 100))
	case AskCount:
		return each(func(n int) { out.Delta(protocol.Delta{ID: ask.ID, Text: fmt.Sprintf("%d ", n)}) })
	case AskHang:
		out.Delta(protocol.Delta{ID: ask.ID, Text: "1 2 3 "})
		select {}
	case AskMuch:
		if b.kv != "q8_0" {
			out.Delta(protocol.Delta{ID: ask.ID, Text: "void"})
			return protocol.Done{}, &worker.Failure{Code: protocol.CodeOutOfMemory, Op: "encode the picture", Stage: protocol.StageEncode}
		}
	}
	out.Delta(protocol.Delta{ID: ask.ID, Text: AnswerOf(question)})
	return protocol.Done{ID: ask.ID, Stop: protocol.StopEnd, Stats: protocol.Stats{PromptTokens: 10, AnswerTokens: 3, ContextTotal: 4096}}, nil
}

func (b *backend) Plan(context.Context, protocol.Load) (protocol.Planned, error) {
	return protocol.Planned{}, nil
}

func (b *backend) Count(_ context.Context, ask protocol.Ask) (protocol.Counted, error) {
	return protocol.Counted{ID: ask.ID, PromptTokens: 10, ImageTokens: make([]int, len(ask.Images))}, nil
}

func (b *backend) Clear(protocol.What) (protocol.Cleared, error) {
	return protocol.Cleared{Before: 3 << 20, After: 2 << 20, Device: "resident memory"}, nil
}

// Settle has nothing to put aside.
func (b *backend) Settle() {}

func (b *backend) Close() {}
