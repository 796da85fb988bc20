//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"galago/inference"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// galago is the service with its worker, as the window and the command line use it.
type galago struct {
	options
	states string // folder for what is put aside of conversations

	service *inference.Service
	unwatch func()

	mu     sync.Mutex // owns all below
	status inference.Status
	seen   map[*byte]*vision.Picture
}

func newGalago(o options) (*galago, error) {
	states, err := os.MkdirTemp(o.scratch, "states")
	return &galago{options: o, states: states, seen: map[*byte]*vision.Picture{}}, err
}

func (g *galago) launch(m model) error {
	log, err := os.OpenFile(filepath.Join(g.scratch, "galago.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	g.service = inference.New(inference.Options{Engine: filepath.Join(g.programs, "galago-engine"), States: g.states, Stderr: log})
	g.unwatch = g.service.Watch(func(s inference.Status) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.status = s
	})
	g.service.Open(g.settings(m))
	return nil
}

func (g *galago) settings(m model) inference.Model {
	return inference.Model{
		Path: m.path, MMProj: m.mmproj, Context: m.context, GPULayers: -1, KVType: "f16",
		ImageMinTokens: m.minTokens, ImageMaxTokens: m.maxTokens,
	}
}

func (g *galago) ready(ctx context.Context) error {
	_, err := inference.WaitReady(ctx, g.service)
	return err
}

func (g *galago) now() inference.Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status
}

func (g *galago) process() int { return g.now().PID }

// quit ends it as the window does. What it put aside stays.
func (g *galago) quit() {
	if g.service == nil {
		return
	}
	g.unwatch()
	g.service.Close()
	g.service = nil
	g.seen = map[*byte]*vision.Picture{}
}

// message decodes a picture that it has not seen yet: the window keeps decoded those of an open conversation.
func (g *galago) message(t turn, preparing *time.Duration) (inference.Message, error) {
	m := inference.Message{Role: t.role, Text: t.text}
	if t.picture == nil {
		return m, nil
	}
	p := g.seen[&t.picture[0]]
	if p == nil {
		var err error
		begin := time.Now()
		if p, err = vision.Decode("picture.jpg", t.picture); err != nil {
			return m, err
		}
		*preparing += time.Since(begin)
		g.seen[&t.picture[0]] = p
	}
	m.Images = inference.Images(p)
	return m, nil
}

func (g *galago) ask(ctx context.Context, q question) (answer, error) {
	begin := time.Now()
	var a answer
	r := inference.Request{Conversation: q.talk, MaxTokens: q.tokens}
	for _, t := range q.turns {
		m, err := g.message(t, &a.prepared)
		if err != nil {
			return a, err
		}
		r.Messages = append(r.Messages, m)
	}
	pieces := 0
	got, err := inference.Ask(ctx, g.service, r, func(e inference.Event) {
		switch e.Kind {
		case inference.Delta:
			if pieces++; pieces == 1 {
				a.first = time.Since(begin)
			}
			if q.piece != nil {
				q.piece(pieces)
			}
		case inference.Notice:
			err := fmt.Errorf("settings were reduced: %s", e.Text)
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	})
	a.text, a.end = got.Text, time.Since(begin)
	if inference.CodeOf(err) == protocol.CodeCancelled && ctx.Err() != nil {
		return a, ctx.Err()
	}
	if a.first == 0 {
		a.first = a.end
	}
	s := got.Stats
	a.tokens, a.prompt, a.reused = s.AnswerTokens, s.PromptTokens, s.ReusedTokens
	a.inside = time.Duration(s.FirstToken * float64(time.Millisecond))
	return a, err
}
