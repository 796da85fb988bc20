// Package ui draws Galago's window. Values come in through the methods of Window, what the person wants goes out
// through Actions. It does no I/O, starts no process and asks no GPU; every method and every callback belongs to
// Fyne's main goroutine.
package ui

import (
	"image"
	"time"
)

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
	Detail      func(attachment uint64, detail string) // "low", "" (auto) or "high" was chosen on a thumbnail
	Memory      func(what MemoryAction)                // an entry of the memory menu
	GPU         func(uuid string)                      // a card was chosen in the memory panel
	Reload      func()                                 // the dead engine's banner
	OpenModel   func(model, mmproj string)             // paths from the dialog; mmproj may be empty
	UseBuiltIn  func()                                 // back to the built-in model
	Sample      func(index int)                        // a sample picture was clicked
	Settings    func(Settings)                         // the settings were changed
	OpenImage   func(turn uint64, index int)           // a picture in the transcript was clicked
	Quit        func()                                 // the window is about to close
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
	Detail              string   // folded away
	Choices             []Choice // buttons in place of the usual one; may be empty
}

// Choice is a button of a Problem.
type Choice struct {
	Label string
	Do    func() `json:"-"`
}

// Attachment is a picture in the composer.
type Attachment struct {
	ID      uint64
	Name    string
	Thumb   image.Image // nil while it is being read
	Info    string      // such as "4032 × 3024 → 1184 × 896 · 1,036 tokens"
	Cost    string      // such as "+212 MiB · about 1 s"; empty when unknown or nothing
	Detail  string      // "low", "" (auto) or "high"
	Details []string    // the details that differ for this picture, to choose from; fewer than two: no choice
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
	Notices  []string // what was reduced on the way for want of memory, one line each
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
	SegmentEncode  // scratch space of the vision tower
	SegmentRuntime // the driver's context for the engine
	SegmentWindow  // this window
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
	Alarm    string // such as "GPU memory spills into system memory"; empty when all is well
}

// Panel is what a click on the gauge opens. It is set as often as the Gauge, and drawn only while it is open.
type Panel struct {
	Title   string
	Rows    []PanelRow
	History []HistoryPoint // the last 60 s, oldest first
	Total   uint64         // bytes; the top of the history
	Cards   []Card         // to choose from; fewer than two: no choice
	Note    string         // such as why figures are missing
}

// PanelRow is a line of figures; those with a Kind have its colour beside them.
type PanelRow struct {
	Label, Value, Hint string
	Kind               SegmentKind
	Colour             bool // Kind counts
}

// HistoryPoint is memory in use at one time.
type HistoryPoint struct {
	At   time.Time
	Used uint64 // bytes, of the device
	Ours uint64 // bytes
}

// Card is a GPU to choose.
type Card struct {
	UUID, Name string
	Chosen     bool
}

// MemoryAction is an entry of the memory menu.
type MemoryAction string

// The entries.
const (
	MemoryForget  MemoryAction = "forget"  // forget this conversation's cache
	MemoryWorking MemoryAction = "working" // free working memory
	MemoryUnload  MemoryAction = "unload"  // unload the model
	MemoryLift    MemoryAction = "lift"    // undo what was reduced for want of memory
)

// MemoryItem is an entry of the memory menu as it stands now.
type MemoryItem struct {
	Action  MemoryAction
	Label   string // such as "Free working memory"
	Expect  string // such as "about 412 MiB" or "frees no memory"
	Hint    string // what it is for
	Enabled bool
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

	FreeAfterAnswer bool   // free working memory after every answer
	FreeCost        string // what that costs, as measured, such as "adds about 0.4 s to each question"; read only
	IdleMinutes     int    // unload the model after so many minutes without a question; 0: never
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
	SetPanel(Panel)
	SetMemory([]MemoryItem) // the memory menu
	SetSettings(Settings)
	Notify(text string) // a short message that goes away by itself
	ShowImage(title string, img image.Image)
	ChooseModel() // opens the dialog that ends in Actions.OpenModel
}
