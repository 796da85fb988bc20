// Package ui draws Galago's window. Values come in through the methods of Window, what the person wants goes out
// through Actions. It does no I/O, starts no process and asks no GPU; every method and every callback belongs to
// Fyne's main goroutine.
package ui

import (
	"image"
	"image/color"
	"time"
)

// Actions are what a person can want. Nil ones are left out of the window.
type Actions struct {
	Send    func(text string)       // Enter or the Send button; the composer is emptied by SetComposerText, not by itself
	Edited  func(text string)       // the composer's text has changed, also by SetComposerText
	Cancel  func()                  // Esc or the Cancel button: the running answer
	Attach  func(paths []string)    // files dropped, chosen in the dialog, or pasted as paths
	Detach  func(attachment uint64) // the cross on a thumbnail
	Unqueue func(turn uint64)       // the cross on a waiting question
	Retry   func(turn uint64)
	Copy    func(turn uint64) // copies the answer as plain text; the controller has it
	NewChat func()

	// An answer, and what follows from it.
	CopyMarkdown func(turn uint64)                  // copies the answer as the model gave it
	CopyText     func(text string)                  // a selection, or a box of code
	Continue     func(turn uint64)                  // the model is to go on with an answer that ended early
	PickAnswer   func(turn uint64, version int)     // shows another answer to the question; 1 is the oldest
	DeleteFrom   func(turn uint64)                  // takes the question and all after it away, with Undo
	Branch       func(turn uint64, question string) // asks another question in its place, in a copy of the conversation up to it
	OpenLink     func(address string)               // in the browser; the person has seen the address and agreed
	Seen         func(turns []uint64)               // these turns have come into sight: their pictures are wanted

	// The sidebar.
	OpenConversation      func(id int64, turn int64) // turn: the store's number of what a search has found, to scroll to; 0: the end
	RenameConversation    func(id int64, title string)
	DuplicateConversation func(id int64)
	DeleteConversation    func(id int64)                // with Undo
	ExportConversation    func(id int64, format string) // "markdown" or "json"; asks where
	ImportConversation    func()                        // asks for the file
	Search                func(query string)            // as it is typed; empty ends the search
	Thumbs                func(conversations []int64)   // these have come into sight: SetThumb is wanted
	Sidebar               func(shown bool)              // it was shown or hidden; to be remembered

	// Pictures.
	ChoosePictures func(window string, own func())       // by the desktop's dialog, whose parent is window, or own where there is none
	HasScreenshot  func() bool                           // asked when the menu opens; nil: Screenshot is there when it is not nil
	Folder         func(path string, done func(Folder))  // lists a folder for the window's own dialog; empty: the one of last time
	Preview        func(path string, done func(Preview)) // looks into a file for the window's own dialog
	Paste          func(text func())                     // Ctrl+V: takes a picture from the clipboard, or calls text where there is none
	Screenshot     func()                                // nil where the desktop offers none
	OpenAttachment func(attachment uint64)               // a thumbnail in the composer was clicked
	MoveAttachment func(attachment uint64, to int)
	Detail         func(attachment uint64, detail string) // "low", "" (auto) or "high" was chosen on a thumbnail
	CheckMirror    func(address string) string            // what is wrong with an address to download from; empty: nothing
	Memory         func(what MemoryAction)                // an entry of the memory menu
	GPU            func(uuid string)                      // a card was chosen in the memory panel
	Reload         func()                                 // the dead engine's banner
	OpenModel      func(model, mmproj string)             // paths from the dialog; mmproj may be empty
	UseBuiltIn     func()                                 // back to the built-in model
	Sample         func(index int)                        // a sample picture was clicked
	Settings       func(Settings)                         // the settings were changed
	OpenData       func()                                 // shows the data folder in the file manager
	UsePreset      func(name string)                      // takes the figures of a preset
	SavePreset     func(name string)                      // gives the present figures a name; one of the person's own of that name is replaced
	RenamePreset   func(name, to string)                  // one of the person's own
	DeletePreset   func(name string)                      // one of the person's own, with Undo
	OpenImage      func(turn uint64, index int)           // a picture in the transcript was clicked
	Quit           func()                                 // the window is about to close

	ModelActions
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
	TurnCancelled   // what was written is kept
	TurnFailed      // Problem says why; what was written is kept
	TurnInterrupted // the program ended meanwhile; what was written is kept
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

	Thinking    string // Markdown: what the model said to itself before the answer; shown folded
	ThoughtFor  string // such as "4.2 s"; empty while it still thinks
	Version     int    // which answer to the question this is, from 1
	Versions    int    // how many there are; up to 1: no choice
	CanContinue bool   // the answer ended early, and the model can go on with it
}

// Placeholder is a picture that is not there yet: its size is known, its pixels are not. In Turn.Images it keeps the
// place, so that nothing jumps when SetTurns or PutTurn brings the picture.
type Placeholder struct{ Width, Height int }

// ColorModel is of image.Image.
func (Placeholder) ColorModel() color.Model { return color.NRGBAModel }

// Bounds is of image.Image.
func (p Placeholder) Bounds() image.Rectangle { return image.Rect(0, 0, p.Width, p.Height) }

// At is of image.Image: transparent.
func (Placeholder) At(int, int) color.Color { return color.NRGBA{} }

// Conversation is a line of the sidebar.
type Conversation struct {
	ID      int64
	Title   string
	Updated time.Time // when something was asked last; the sidebar makes its days of it
	Picture bool      // it has one: Actions.Thumbs asks for it
	Busy    bool      // an answer is being written, or waits

	Interrupted bool // the last answer was cut off by the end of the program, and can be continued
}

// Hit is a conversation that a search found.
type Hit struct {
	Conversation
	TitleParts []Part // the title, with what was found in it
	Text       []Part // a line around what was found in a turn; may be empty
	Turn       int64  // for Actions.OpenConversation; 0: none
}

// Part is a piece of a text.
type Part struct {
	Text  string
	Found bool // it is what was looked for
}

// Sheet is a picture shown large. The buttons of nil functions are left out.
type Sheet struct {
	Title  string // such as "shelf.jpg · 4032 × 3024"
	Image  image.Image
	Save   func()
	Copy   func()
	Seen   func()                    // shows what the model saw instead
	Crop   func(box image.Rectangle) // a region was chosen, in Image's pixels: to ask about
	Whole  func()                    // takes the crop back
	Region image.Rectangle           // chosen already; empty: none

	Measure func(box image.Rectangle) string // what a region will be, such as "812 × 540 · 432 tokens"; nil: its size in Image's pixels
}

// Folder is a folder as the window's own dialog for files lists it.
type Folder struct {
	Path    string
	Parent  string  // empty at the top
	Entries []Entry // folders first, each by name; hidden ones are left out
	Places  []Place // where to go from anywhere
	Problem string  // why it cannot be listed; empty: it was
}

// Entry is a folder or file in a Folder.
type Entry struct {
	Name, Path string
	Folder     bool
	Size       string // such as "1.2 MB"
	Date       string // such as "2024-03-01 14:05"
}

// Place is a folder that people look into often.
type Place struct{ Name, Path string }

// Preview is what the dialog shows of a file before it is chosen.
type Preview struct {
	Image   image.Image // nil: none
	Info    string      // such as "4032 × 3024 · JPEG"
	Problem string      // why it is no picture; empty: it is one
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
	Dismiss func() // of the cross at its end; nil: none, it goes when its reason does
}

// Sample is a picture of the empty state that can be clicked.
type Sample struct {
	Image    image.Image
	Caption  string
	Question string
}

// Settings that a person can change.
type Settings struct {
	System        string  // what the model is told before a conversation
	Temperature   float64 // how freely words are chosen
	TopK          int     // 0: off
	TopP          float64 // 0 or 1: off
	MinP          float64 // 0: off
	RepeatPenalty float64 // 1: off
	MaxTokens     int     // of an answer
	Seed          uint32  // 0: random

	Context         int    // tokens; 0: as many as the model and memory are good for
	KVType          string // "f16", "q8_0" or "" (auto)
	FreeAfterAnswer bool   // free working memory after every answer
	FreeCost        string // what that costs, as measured, such as "adds about 0.4 s to each question"; read only
	IdleMinutes     int    // unload the model after so many minutes without a question; 0: never

	Detail     string // of new pictures: "low", "" (auto) or "high"
	LookOnSend bool   // pictures are encoded only when they are asked about
	Mirror     string // address that models are downloaded from; empty: Info.Hub

	Theme    string  // "system", "light" or "dark"
	TextSize float64 // a factor; 0 is the usual size
	Language string  // one of Info.Languages

	Info *SettingsInfo // read only; nil: nothing is known, and every number is good
}

// SettingsInfo is what the settings' form has to know beside the values.
type SettingsInfo struct {
	Temperature, TopK, TopP, MinP, RepeatPenalty, MaxTokens, Seed, IdleMinutes, TextSize Range

	Context      Range // beside 0
	SystemLength int   // characters, at most
	PresetLength int   // of a name, in characters
	Presets      []Preset
	Preset       string // whose figures are used; empty: of none
	Languages    []Option
	Restart      bool   // another language was chosen than the one that is spoken
	Reload       bool   // Context and KVType count when the model is loaded again
	Cards        []Card // GPUs to choose from; may be empty
	DataFolder   string
	Hub          string // address that models are downloaded from unless another is set
}

// Range is what a number may be, both ends included, and what it is where nobody chose.
type Range struct{ Min, Max, Default float64 }

// Preset is a system prompt and figures with a name.
type Preset struct {
	Name string
	Own  bool // the person's: it can be renamed and deleted
}

// Option is one of a few values, with what a person calls it.
type Option struct{ Value, Label string }

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
	Notify(text string)                  // a short message that goes away by itself
	Offer(text, label string, do func()) // the same with a button, such as Undo; stays longer
	ShowImage(Sheet)
	ChooseModel() // opens the dialog that ends in Actions.OpenModel
	// ChooseFile asks for a file with one of these endings (".json"), which exists; SaveFile for where to write one, with a name
	// suggested; ChooseFolder for a folder. chosen is not called when the person gives up.
	ChooseFile(title string, endings []string, chosen func(path string))
	SaveFile(title, name string, chosen func(path string))
	ChooseFolder(title string, chosen func(path string))

	SetConversations(list []Conversation) // newest first, all of them
	SetOpen(conversation int64)           // marks the open one in the sidebar; 0: none, a new chat
	SetHits(query string, hits []Hit)     // of a search; an empty query ends it
	SetThumb(conversation int64, img image.Image)
	ShowSidebar(shown bool)
	ScrollTo(turn uint64) // brings a turn into sight

	SetModels(Models)
	ShowModels()
	SetWelcome(*Welcome) // nil takes it away
	SetDiagnosis(Diagnosis)
	ShowDiagnosis()
}
