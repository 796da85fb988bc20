//go:build linux

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	manyTokens  = 64 // of an answer whose speed is measured
	askTokens   = "Tell me more."
	speedWindow = 10240 // tokens: room for the longest context
)

// speed measures tokens a second, of answers and of prompts, at several lengths of the context.
func speed(b *bench) error {
	if err := b.models(); err != nil {
		return err
	}
	m := synth2B(b.options)
	m.context = speedWindow
	if err := b.start(m); err != nil {
		return err
	}
	letters, err := b.tokensPerLetter()
	if err != nil {
		return err
	}
	if err := b.repeat(5, time.Minute, func() error {
		if err := b.generation("speed/answer-0", b.unnamed()); err != nil {
			return err
		}
		return b.prompt("speed/prompt-512", b.unnamed(), int(512/letters))
	}); err != nil {
		return err
	}
	if err := b.pipe(); err != nil {
		return err
	}
	for _, length := range []int{2048, 8192} {
		if row := fmt.Sprintf("speed/answer-%d", length); b.quick && length > 2048 || !b.rows.MatchString(row) {
			continue
		}
		c := b.unnamed()
		if err := b.prompt(fmt.Sprintf("speed/prompt-%d", length), c, int(float64(length)/letters)); err != nil {
			return err
		}
		if err := b.repeat(4, 80*time.Second, func() error {
			if err := b.generation(fmt.Sprintf("speed/answer-%d", length), c); err != nil {
				return err
			}
			for _, t := range c {
				t.back(true) // so that every answer has the same context
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// unnamed is a conversation of which nothing is put aside afterwards, which would take time from whoever comes next.
func (b *bench) unnamed() conversation {
	c := b.conversation()
	for _, t := range c {
		t.id = ""
	}
	return c
}

// tokensPerLetter of prose, which the synthetic vocabulary does not know as words.
func (b *bench) tokensPerLetter() (float64, error) {
	text := prose(800)
	var tokens int
	err := b.first("", b.unnamed(), func(t *talk) (answer, error) {
		a, err := t.ask(b.ctx, text, nil, briefly, nil)
		tokens = a.prompt
		return a, err
	})
	return float64(tokens) / float64(len(text)), err
}

// prose is text of about so many letters, which was never said before.
func prose(letters int) string {
	words := strings.Fields("a river runs through the old town and under every bridge someone is waiting for a boat that comes late")
	var b strings.Builder
	for b.Len() < letters {
		b.WriteString(words[rand.IntN(len(words))] + " ")
	}
	return b.String()
}

// generation measures an answer of a fixed length.
func (b *bench) generation(row string, c conversation) error {
	lengths := map[side]int{}
	err := b.pair(row, func(s side) (float64, error) {
		a, err := c[s].ask(b.ctx, askTokens, nil, manyTokens, nil)
		lengths[s] = a.tokens
		return a.rate(), err
	})
	if ours, theirs := lengths[b.ours], lengths[b.theirs]; err == nil && (ours != manyTokens || theirs != manyTokens) {
		b.note(row, "an answer ended early, after %d tokens here and %d there", ours, theirs)
	}
	return err
}

// prompt measures how fast a text is read.
func (b *bench) prompt(row string, c conversation, letters int) error {
	text := prose(letters)
	return b.pair(row, func(s side) (float64, error) {
		a, err := c[s].ask(b.ctx, text, nil, briefly, nil)
		return float64(a.prompt-a.reused) / a.first.Seconds(), err
	})
}

// pipe counts the bytes that carry a token of an answer: what a long answer has beyond a short one.
func (b *bench) pipe() error {
	count := func(s side, tokens int) (bytes float64, n int, err error) {
		before := of(b.ours.process(), "io", "wchar")
		a, err := b.unnamed()[s].ask(b.ctx, askTokens, nil, tokens, nil)
		if s == side(b.ours) {
			return of(b.ours.process(), "io", "wchar") - before, a.tokens, err
		}
		return float64(a.received), a.tokens, err
	}
	return b.pair("bytes", func(s side) (float64, error) {
		short, few, err := count(s, briefly)
		if err != nil {
			return 0, err
		}
		long, many, err := count(s, manyTokens)
		return (long - short) / float64(many-few), err
	})
}
