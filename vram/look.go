package vram

import (
	"context"

	"galago/assets/words"
)

// Card is one card's reading with the version of its driver.
type Card struct {
	GPU
	Driver string
}

// Look reads one card now: the one with that UUID, or the first (in the order of the PCI bus) when uuid is empty. What
// the engine holds of it is Of the engine's PID, what this window holds Of os.Getpid().
//
// It answers within Patience, or when ctx ends, also while the driver hangs, and may be called from any goroutine. Its
// error, unless it is ctx's, is a sentence for people. It is ErrNoGPU where models run on the CPU; System and Available
// then tell the memory.
func Look(ctx context.Context, uuid string) (Card, error) { return driver.look(ctx, uuid) }

// driver is this process's one session with NVML.
var driver = newSession(Reopen(OpenNVML))

// session lets several goroutines use a Source, one at a time.
type session struct {
	turn chan struct{} // full while somebody uses src
	src  Source
}

func newSession(src Source) *session { return &session{turn: make(chan struct{}, 1), src: src} }

// Read implements Source. It waits for its turn.
func (s *session) Read() (string, []GPU, error) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	return s.src.Read()
}

// Close implements Source. The next Read opens a new session.
func (s *session) Close() {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.src.Close()
}

func (s *session) look(ctx context.Context, uuid string) (Card, error) {
	limited, cancel := context.WithTimeoutCause(ctx, Patience, errSilent())
	defer cancel()
	select {
	case s.turn <- struct{}{}:
	case <-limited.Done():
		return Card{}, context.Cause(limited)
	}
	type answer struct {
		card Card
		err  error
	}
	answers := make(chan answer, 1)
	go func() { // the only one that may hang: others wait for their turn, and not for ever
		defer func() { <-s.turn }()
		var a answer
		a.card, a.err = find(s.src, uuid)
		answers <- a
	}()
	select {
	case a := <-answers:
		return a.card, a.err
	case <-limited.Done():
		return Card{}, context.Cause(limited)
	}
}

// find reads the card with that UUID, or the first. A card without memory figures is as good as none.
func find(src Source, uuid string) (Card, error) {
	driver, gpus, err := src.Read()
	for _, g := range gpus {
		switch {
		case uuid != "" && g.UUID != uuid:
		case g.Total == 0:
			return Card{}, missing(words.T("The memory of %s is not known. %s", g.Name, g.Note))
		default:
			return Card{GPU: g, Driver: driver}, nil
		}
	}
	if err != nil {
		return Card{}, err
	}
	return Card{}, missing(words.T("The chosen graphics card is not in this machine any more, or its driver does not see it. " +
		"Choose another one."))
}
