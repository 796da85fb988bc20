// Package inference is Galago's background service: it runs one request at a time on a worker process
// that owns the model, keeps the others waiting in the order in which they came, and tells each what happens to it.
//
// Guarantees:
//   - one inference at a time, whatever comes in;
//   - every request that was submitted gets exactly one terminal event (Done, Cancelled or Failed), also when
//     the worker dies, hangs or prints garbage;
//   - a worker that died is started again once, and a prompt is never sent again without being asked to;
//   - no worker survives this process.
//
// It knows nothing of windows and conversations; callers give it whole conversations.
package inference

import (
	"context"
	"time"

	"galago/inference/protocol"
	"galago/inference/vision"
)

// Model says what to load and how. Zero values are sensible defaults.
type Model struct {
	Name           string // for people; empty: from the file
	Path           string // GGUF
	MMProj         string // GGUF of the vision projector; empty for a model without eyes
	Context        int    // KV cache cells; 0: default
	GPULayers      int    // 0: all of them; -1: none
	KVType         string // f16 or q8_0; empty: f16
	ImageMinTokens int    // 0: the projector's own
	ImageMaxTokens int    // 0: the projector's own
}

// Request is a whole conversation whose last message is the question.
type Request struct {
	Messages    []Message
	MaxTokens   int         // of the answer; 0: DefaultMaxTokens
	Temperature float32     // 0: always the likeliest token; see DefaultTemperature
	Seed        uint32      // 0: a new one each time when Temperature is above 0
	Grid        vision.Grid // overrides the loaded model's picture grid; the zero Grid: the model's own
}

// The figures of the system that Galago replaces.
const (
	DefaultMaxTokens           = 768
	DefaultTemperature float32 = 0.7
)

// Message is one turn of a conversation. Its pictures stand before its text.
type Message struct {
	Role   string // system, user or assistant
	Text   string
	Images []*vision.Picture
}

// EventKind tells the events of a request apart.
type EventKind int

// The events of a request: Queued (again whenever the place in the queue changes), Started, then any of Progress,
// Reused and Delta, and at last exactly one of Done, Cancelled and Failed.
const (
	Queued EventKind = iota
	Started
	Progress
	Reused
	Delta
	Done
	Cancelled
	Failed
)

// Event is news of one request.
type Event struct {
	Kind     EventKind
	Position int                 // Queued: requests before this one, the running one included
	Progress protocol.Progress   // Progress
	Reused   protocol.Reused     // Reused
	Text     string              // Delta
	Stop     protocol.StopReason // Done
	Stats    protocol.Stats      // Done
	Err      *Error              // Failed
}

// Terminal reports whether this is a request's last event.
func (e Event) Terminal() bool { return e.Kind >= Done }

// State of the service.
type State int

// The states. Failed is left by Open, or by the next Submit.
const (
	StateStopped State = iota // no model open
	StateLoading
	StateReady
	StateBusy
	StateFailed // the last load failed, or the worker died twice
)

// Status is a snapshot of the service.
type Status struct {
	State   State
	Model   Model           // as given to Open
	Loaded  protocol.Loaded // when Ready or Busy
	Hello   protocol.Hello  // of the living worker
	Load    float64         // 0 to 1 while Loading
	LoadFor time.Duration   // time spent loading, when loaded
	Err     *Error          // when Failed
	Waiting int             // requests in the queue, the running one not counted
	PID     int             // of the living worker, or 0
}

// Cleared says what clearing the cache gave back, as measured.
type Cleared = protocol.Cleared

// Client is what the window and the command line use of the Service. The Service's callbacks (on, watch) are
// called one after the other, from the service's own goroutine: they must return quickly. They may call Open, Submit
// and Watch, which never wait, but not Clear and Close.
type Client interface {
	// Open loads a model, ending the one that is open; requests that run or wait are cancelled. It returns at once;
	// Watch tells how it goes. A Model without a Path only ends the one that is open. After a failure it tries again.
	Open(m Model)
	// Submit queues a request and returns at once. Events go to on, beginning with Queued or Started.
	// Ending ctx cancels the request, waiting or running. After a failure the model is loaded again first.
	Submit(ctx context.Context, r Request, on func(Event))
	// Watch registers a function that is called with the status now and after every change. Calling the result ends it.
	Watch(watch func(Status)) (stop func())
	// Clear frees and recreates the context: at once or, when something runs or loads, after that and before what
	// waits. The error is an *Error; ending ctx ends only the wait.
	Clear(ctx context.Context) (Cleared, error)
	// Close cancels everything and ends the worker. It returns when the worker is gone.
	Close()
}
