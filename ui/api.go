// Package ui draws Galago's window. Values come in through the methods of Window, what the person wants goes out
// through Actions. It does no I/O, starts no process and asks no GPU; every method and every callback belongs to
// Fyne's main goroutine.
package ui

import "image"

// Actions are what a person can want. Nil ones are left out of the window.
type Actions struct {
	Send        func(text string)              // Enter or the Send button; the composer is emptied by SetComposerText, not by itself
	Edited      func(text string)              // the composer's text has changed, also by SetComposerText
	Cancel      func()                         // Esc or the Cancel button: the running answer
	Attach      func(paths []string)           // files dropped, chosen in the dialog, or pasted as paths
	AttachImage func(name string, data []byte) // a picture pasted from the clipboard, encoded; unused while Fyne pastes text only
	Detach      func(attachment uint64)        // the cross on a thumbnail
	Unqueue     func(turn uint64)              // the cross on a waiting question
	Retry       func(turn uint64)
	Copy        func(turn uint64) // copies the answer; the controller has its text
	NewChat     func()
	ClearCache  func()
	Reload      func()                       // the dead engine's banner
	OpenModel   func(model, mmproj string)   // paths from the dialog; mmproj may be empty
	UseBuiltIn  func()                       // back to the built-in model
	Sample      func(index int)              // a sample picture was clicked
	Settings    func(Settings)               // the settings were changed
	OpenImage   func(turn uint64, index int) // a picture in the transcript was clicked
	Quit        func()                       // the window is about to close
}

// Model is what the header shows.
type Model struct {
	Name    string
	Detail  string  // such as "Q8_0 · 8k context"
	State   string  // such as "loading", empty when ready
	Loading float64 // 0 to 1 while loading, else negative
	BuiltIn bool    // shows the demo banner
	Vision  bool    // false: pictures are refused, the composer says so
}

// Problem is an error as a person reads it, wherever it is shown.
type Problem struct {
	Title, Text, Action string
	Detail              string // folded away
}

// Attachment is a picture in the composer.
type Attachment struct {
	ID      uint64
	Name    string
	Thumb   image.Image // nil while it is being read
	Info    string      // such as "4032 × 3024 → 1184 × 896 · 1,036 tokens"
	Problem *Problem    // the picture cannot be used
}

// TurnState is how far an answer is.
type TurnState int

// The states of a turn.
const (
	TurnWaiting   TurnState = iota // in the queue
	TurnWorking                    // encoding or reading the prompt: Phase and Progress say how far
	TurnStreaming                  // the answer grows
	TurnDone
	TurnCancelled // what was written is kept
	TurnFailed    // Problem says why; what was written is kept
)

// Turn is a question with its answer.
type Turn struct {
	ID       uint64
	Question string
	Images   []image.Image // thumbnails of at most about 480 px
	Answer   string        // Markdown, as far as it is known
	State    TurnState
	Phase    string   // such as "Looking at the picture"
	Progress float64  // 0 to 1, negative when unknown
	Figures  []string // such as "300 picture tokens", "first token 0.8 s"
	Problem  *Problem
}

// Segment of the gauge.
type Segment struct {
	Kind  SegmentKind
	Label string
	Bytes uint64
}

// SegmentKind chooses a segment's colour.
type SegmentKind int

// The kinds of segments.
const (
	SegmentWeights SegmentKind = iota
	SegmentVision
	SegmentKV
	SegmentKVFree
	SegmentCompute
	SegmentOurs    // our share, where it cannot be told apart
	SegmentOthers  // other programs
	SegmentPending // what the composer's request will add, drawn hatched; not part of Gauge.Used
)

// Gauge is what the memory bar shows.
type Gauge struct {
	Name     string // such as "RTX 3050" or "CPU mode"
	Line     string // second line: "37 % · 61 °C", or why there is no GPU
	Segments []Segment
	Total    uint64 // bytes
	Used     uint64
	Peak     uint64
	Tooltip  string
}

// Banner is a strip below the header.
type Banner struct {
	Text    string
	Problem bool // an error, not a hint
	Detail  string
	Label   string // of its button, empty for none
	Do      func() // nil on a problem: Actions.Reload
}

// Sample is a picture of the empty state that can be clicked.
type Sample struct {
	Image    image.Image
	Caption  string
	Question string
}

// Settings that a person can change in this version.
type Settings struct {
	MaxTokens   int     // of an answer
	Temperature float64 // 0 to 2
	Seed        uint32  // 0: random
	Theme       string  // "system", "light" or "dark"
}

// View is what the controller drives. *Window is the one that draws; tests use a fake.
type View interface {
	SetModel(Model)
	SetBanner(*Banner) // nil removes it
	SetSamples([]Sample)
	SetAttachments([]Attachment)
	SetComposerText(string)
	SetTurns([]Turn) // a whole conversation, empty for a new one
	PutTurn(Turn)    // adds a turn, or replaces the one of the same ID
	SetQueue([]Turn) // waiting turns, in order
	SetBusy(bool)    // something runs that Cancel would stop
	SetGauge(Gauge)
	SetSettings(Settings)
	Notify(text string) // a short message that goes away by itself
	ShowImage(title string, img image.Image)
	ChooseModel() // opens the dialog that ends in Actions.OpenModel
}
