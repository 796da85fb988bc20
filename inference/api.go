// Package inference is Galago's background service: it runs one request at a time on a worker process
// that owns the model, keeps the others waiting in the order in which they came, and tells each what happens to it.
//
// Guarantees:
//   - one inference at a time, whatever comes in;
//   - every request that was submitted gets exactly one terminal event (Done, Cancelled or Failed), also when
//     the worker dies, hangs or prints garbage;
//   - a worker that died is started again once, and a prompt is never sent again without being asked to;
//   - only when memory ran out is a request asked again by itself, each time with settings that take less, and it is
//     told so;
//   - no worker survives this process.
//
// It knows nothing of windows and conversations; callers give it whole conversations.
package inference

import (
	"context"
	"time"

	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/vram"
)

// Model says what to load and how. Zero values leave the choice to the planner (see inference/plan), which takes the
// fullest settings that fit the card: what is given here is kept unless memory runs out.
type Model struct {
	Name           string // for people; empty: from the file
	Path           string // GGUF
	MMProj         string // GGUF of the vision projector; empty for a model without eyes
	GPU            string // UUID of the card to use; empty: the first one. Without a card everything is on the CPU
	Context        int    // KV cache cells; 0: planned
	GPULayers      int    // 0: planned, all if they fit; -1: none
	KVType         string // f16 or q8_0; empty: planned, f16 if it fits
	ImageMinTokens int    // 0: the projector's own
	ImageMaxTokens int    // 0: planned, the projector's own if it fits
	VisionCPU      bool   // keeps the vision tower off the card
	Force          bool   // loads and asks even where the plan says that memory will not do; the ladder still catches a fall
}

// Request is a whole conversation whose last message is the question.
//
// The figures from Temperature to RepeatLastN choose the next token, in llama.cpp's own order: penalty, top-k, top-p,
// min-p, temperature. 0 leaves each of them out, and a zero Request always takes the likeliest token. What lies outside
// of its range in Ranges fails with CodeOutOfRange before anything is computed.
type Request struct {
	Messages      []Message
	Conversation  string      // names the conversation for what is kept of it between answers (see Options.States); empty: nothing goes to disk
	Continue      bool        // the last message is the assistant's, and the answer goes on where it ends: only what is new comes back
	MaxTokens     int         // of the answer, of what is new with Continue; 0: DefaultMaxTokens
	Temperature   float32     // 0: always the likeliest token, whatever TopK, TopP and MinP say; see DefaultTemperature
	TopK          int         // only so many of the likeliest tokens; 0: all
	TopP          float32     // only the likeliest that have this share of the probability together; 0 or 1: all
	MinP          float32     // only those with this share of the likeliest one's probability; 0: all, 1: only the likeliest
	RepeatPenalty float32     // makes less likely by this factor what RepeatLastN holds; 0 or 1: off
	RepeatLastN   int         // how many tokens count as said, those of the prompt included; 0: off, -1: all that the context holds
	Seed          uint32      // 0: a new one each time when Temperature is above 0
	Grid          vision.Grid // overrides the loaded model's picture grid; the zero Grid: the model's own
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
	Images []Image
}

// Image is a picture and how closely the model looks at it.
type Image struct {
	*vision.Picture
	Detail Detail
}

// Images are pictures that the model looks at with DetailAuto.
func Images(pictures ...*vision.Picture) []Image {
	var images []Image
	for _, p := range pictures {
		images = append(images, Image{Picture: p})
	}
	return images
}

// Detail is how many tokens of the model's range a picture may take.
type Detail string

// The details. See DetailGrid.
const (
	DetailAuto Detail = ""     // the range that the model was opened with
	DetailLow  Detail = "low"  // a quarter of it: cheap, for pictures without small print
	DetailHigh Detail = "high" // as many as the projector, the context and memory allow
)

// EventKind tells the events of a request apart.
type EventKind int

// The events of a request: Queued (again whenever the place in the queue changes), Started, then any of Progress,
// Reused, Delta and Notice, and at last exactly one of Done, Cancelled and Failed. A Notice says in one line what was
// reduced because memory ran out; the answer then begins anew: deltas before a Notice with Restart are void.
const (
	Queued EventKind = iota
	Started
	Progress
	Reused
	Delta
	Notice
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
	Text     string              // Delta; Notice: a sentence
	Restart  bool                // Notice: forget the deltas that came so far
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
	StateFailed   // the last load failed, or the worker died twice
	StateUnloaded // a model is open, but its worker was ended to give all memory back; the next Submit loads it again
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

	Settings plan.Settings     // what the model was loaded with
	Facts    *plan.Facts       // of the model's files; nil until they are read. Read only
	Budget   vram.Budget       // what was planned before the load
	Device   plan.Device       // where the model is, as it was before the load; its Total is 0 when that is not known
	Known    plan.Known        // what was measured, for Facts' estimates
	Memory   []protocol.Memory // the engine's buffers as it last told them; nil when there is no worker
	Reduced  []string          // a sentence for each setting that was reduced for want of memory, oldest first; Lift undoes them
	Speed    Speed             // as measured with this model since it was loaded
	Spill    string            // a sentence while the driver seems to keep part of the model in system memory; mostly empty
	FreeCost time.Duration     // what FreeWorking last cost the next answer of the same conversation; 0: not measured yet

	Waiting int // requests in the queue, the running one not counted
	PID     int // of the living worker, or 0
}

// Estimate is what a request will cost, known before anything is sent or allocated.
type Estimate struct {
	ImageTokens  []int         // of each picture, in the order of the messages
	PromptTokens int           // pictures and text; the text's share is a guess from its length
	Extra        uint64        // bytes beyond what is held already
	Time         time.Duration // until the first token, without what the KV cache may hold already; 0: not known yet
	Err          *Error        // why it would be refused (CodeWontFit, CodeContextFull), with Choices; nil: it fits
}

// Choice is a way out of an Error, to be offered as a button: ask again at another Detail, or with other settings.
type Choice struct {
	Label  string  // such as "Use a smaller picture"
	Detail *Detail // of every picture of the question; nil: as they are
	Model  *Model  // to be opened first; nil: the one that is open
}

// Speed is how fast pictures and prompts are read, as measured. Zero: not known yet.
type Speed struct {
	EncodePerToken time.Duration // vision tower, for each picture token
	PromptPerToken time.Duration // language model, for each prompt token
	BytesPerToken  float64       // of text
}

// Cleared says what a memory button gave back, as measured.
type Cleared struct {
	What   protocol.What // ForgetCache, FreeWorking, or Unloaded
	Before uint64        // bytes in use before
	After  uint64        // bytes in use afterwards
	Device string        // what was measured: a card's name, or "resident memory" (of the engine)
}

// Unloaded is Cleared.What after Unload.
const Unloaded protocol.What = "unload"

// Policy is when memory is given back without being asked.
type Policy struct {
	FreeAfterAnswer bool          // FreeWorking after every answer, as the system did that Galago replaces
	IdleUnload      time.Duration // Unload after this long without a request; 0: never
}

// Client is what the window and the command line use of the Service. The Service's callbacks (on, watch) are
// called one after the other, from the service's own goroutine: they must return quickly. They may call Open, Submit,
// Configure, Lift and Watch, which never wait, but not Clear, Unload and Close.
type Client interface {
	// Open loads a model, ending the one that is open; requests that run or wait are cancelled. It returns at once;
	// Watch tells how it goes. A Model without a Path only ends the one that is open. After a failure it tries again.
	Open(m Model)
	// Submit queues a request and returns at once. Events go to on, beginning with Queued or Started.
	// Ending ctx cancels the request, waiting or running. After a failure, or Unload, the model is loaded again first.
	//
	// A request that cannot fit into memory fails with CodeWontFit before anything is allocated; its Error carries the
	// choices that would make it fit. When memory runs out all the same, settings are reduced step by step and the
	// request is asked again; each step is told by a Notice.
	Submit(ctx context.Context, r Request, on func(Event))
	// Look has pictures encoded before they are asked about, when there is nothing else to do: a Submit that is not about
	// them ends it, and so does the end of ctx. What comes of it is kept where Options.States says; without, or where
	// working memory was freed, nothing is done. It returns at once and tells nothing.
	Look(ctx context.Context, pictures []Image)
	// Watch registers a function that is called with the status now and after every change. Calling the result ends it.
	Watch(watch func(Status)) (stop func())
	// Clear gives memory back or empties the KV cache: at once or, when something runs or loads, after that and before
	// what waits. The error is an *Error; ending ctx ends only the wait.
	Clear(ctx context.Context, what protocol.What) (Cleared, error)
	// Unload ends the worker, and with it everything on the card, as Clear does its work: after what runs, before what
	// waits. The model stays chosen; the next Submit loads it again.
	Unload(ctx context.Context) (Cleared, error)
	// Configure sets the Policy. It returns at once.
	Configure(p Policy)
	// Lift undoes what was reduced for want of memory: the model is loaded again as it was opened. Without reductions
	// it does nothing. It returns at once.
	Lift()
	// Close cancels everything and ends the worker. It returns when the worker is gone.
	Close()
}
