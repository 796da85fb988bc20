package soak

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"

	"galago/inference"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// asked is a request as it can be asked once more. Pictures stand in it by their content.
type asked struct {
	Messages []message
	Rest     inference.Request // the figures; no messages
}

type message struct {
	Role, Text string
	Images     []picture `json:",omitempty"`
}

type picture struct {
	Hash   string
	Detail inference.Detail `json:",omitempty"`
}

// entry is a line of the ledger's file.
type entry struct {
	Asked  asked
	End    string        // done, cancelled or failed
	Code   protocol.Code `json:",omitempty"`
	Phase  string        // in which it ended
	Answer string
	Step   int
}

// hashOf names a picture by its pixels.
func hashOf(p *vision.Picture) string {
	sum := sha256.Sum256(p.RGBA.Pix)
	return fmt.Sprintf("%dx%d-%s", p.Width, p.Height, hex.EncodeToString(sum[:8]))
}

func askedOf(r inference.Request) asked {
	var a asked
	for _, m := range r.Messages {
		n := message{Role: m.Role, Text: m.Text}
		for _, i := range m.Images {
			n.Images = append(n.Images, picture{hashOf(i.Picture), i.Detail})
		}
		a.Messages = append(a.Messages, n)
	}
	a.Rest = r
	a.Rest.Messages, a.Rest.Conversation = nil, ""
	return a
}

// ledger keeps account of all requests. What it knows of each goes to a file, so that it does not grow itself.
type ledger struct {
	wake func() // something happened
	step func() int

	mu       sync.Mutex // owns what follows
	out      *json.Encoder
	model    inference.Model // opened last
	running  int             // requests that have not ended
	total    int
	ends     map[string]int
	ended    map[string]int // by the phase in which they were cancelled
	phase    string         // of the request that was heard of last
	mayFail  bool           // the engine was killed or stopped
	findings []string
}

func (l *ledger) find(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.findLocked(format, args...)
}

func (l *ledger) findLocked(format string, args ...any) {
	const most = 60
	if len(l.findings) < most {
		l.findings = append(l.findings, fmt.Sprintf("step %d: ", l.step())+fmt.Sprintf(format, args...))
	}
}

// open is how many requests have not ended.
func (l *ledger) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.running
}

// now is the phase of the request that was heard of last.
func (l *ledger) now() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.phase
}

func (l *ledger) allow(failures bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mayFail = failures
}

// client is a service whose requests are accounted for.
type client struct {
	*inference.Service
	ledger *ledger
}

func (c client) Open(m inference.Model) {
	c.ledger.mu.Lock()
	c.ledger.model = m
	c.ledger.mu.Unlock()
	c.Service.Open(m)
}

func (c client) Submit(ctx context.Context, r inference.Request, on func(inference.Event)) {
	l := c.ledger
	one := &account{ledger: l, phase: "sent", entry: entry{Asked: askedOf(r), Step: l.step()}}
	l.mu.Lock()
	l.running++
	l.total++
	l.phase = "sent"
	l.mu.Unlock()
	c.Service.Submit(ctx, r, func(e inference.Event) {
		one.hear(e)
		on(e)
		l.wake()
	})
}

// account is that of one request.
type account struct {
	ledger *ledger
	entry  entry
	phase  string
	ended  bool
}

func (a *account) hear(e inference.Event) {
	l := a.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	if a.ended {
		l.findLocked("a request was told %v after its end", e.Kind)
		return
	}
	switch e.Kind {
	case inference.Queued:
		a.phase = "queue"
	case inference.Started:
		a.phase = "start"
	case inference.Progress:
		a.phase = string(e.Progress.Phase)
	case inference.Delta:
		a.phase = "answer"
		a.entry.Answer += e.Text
	case inference.Notice:
		if e.Restart {
			a.entry.Answer = ""
		}
	case inference.Done:
		a.end("done")
	case inference.Cancelled:
		a.end("cancelled")
		l.ended[a.entry.Phase]++
	case inference.Failed:
		a.entry.Code = e.Err.Code
		a.end("failed")
		a.failed(e.Err)
	}
	l.phase = a.phase
}

func (a *account) end(how string) {
	l := a.ledger
	a.entry.End, a.entry.Phase, a.ended = how, a.phase, true
	a.phase = "over"
	l.running--
	l.ends[how]++
	l.out.Encode(a.entry)
}

// failed checks that the error can be understood, and that there was a reason for one.
func (a *account) failed(err *inference.Error) {
	l := a.ledger
	l.ends["failed: "+string(err.Code)]++
	x := inference.Explain(err)
	if x.Title == "" || x.Text == "" {
		l.findLocked("an error without a sentence: %v", err)
	}
	died := err.Code == protocol.CodeWorkerDied || err.Code == protocol.CodeWorkerHung
	if !died || !l.mayFail {
		l.findLocked("a question failed in phase %s: %s. %s %v", a.entry.Phase, x.Title, x.Text, err)
	}
}
