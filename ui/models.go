package ui

// ModelActions are what a person can want of models, engines and diagnostics. They are part of Actions.
type ModelActions struct {
	ModelsShown func(shown bool) // the page of models was opened or closed: SetModels is wanted from now on, or no more

	UseModel      func(id string)          // a row of Models
	UseVariant    func(id, variant string) // the same in another quantisation that is here; nil: UseModel
	Download      func(id string, variant string)
	Pause         func(id string) // a download
	Resume        func(id string) // a download, also one that failed
	CancelFetch   func(id string) // a download, and what has come of it
	RemoveModel   func(id string) // takes it off the list; its files stay. With Undo
	DeleteModel   func(id string) // and its files; the window has asked
	ImportModel   func(paths []string)
	PairModel     func(id, mmproj string) // one of ModelRow.Partners was chosen
	InstallEngine func()
	StopInstall   func()
	EngineFolder  func() // asks for a folder with a CUDA engine
	RemoveEngine  func()

	WelcomeNext func() // the welcome's main button
	WelcomeSkip func() // its other one; it never comes again

	Diagnose    func(test bool) // with or without the self-test: SetDiagnosis follows
	StopTest    func()
	CopyReport  func()
	ShowReports func() // the folder of logs, in the file manager
}

// hasModels says whether there is a page of models at all.
func (a *ModelActions) hasModels() bool { return a.UseModel != nil || a.Download != nil }

// Models is the page of models.
type Models struct {
	Device string // such as "RTX 3050 · 5.1 of 5.6 GiB free", or why the CPU answers
	Disk   string // such as "120 GB free"
	Note   string // such as "No network: the models on this machine can be used."
	Rows   []ModelRow
	Engine EngineRow
}

// ModelGroup is where on the page a model stands.
type ModelGroup int

// The groups, in their order.
const (
	GroupOwn     ModelGroup = iota // opened, downloaded, being downloaded, and the built-in one
	GroupFound                     // of other programs on this machine
	GroupOffered                   // the catalogue
)

// Fit is whether a model fits the card.
type Fit int

// The fits.
const (
	FitUnknown Fit = iota
	FitWell
	FitChanged // with changes
	FitNot
)

// ModelRow is a model on the page.
type ModelRow struct {
	ID        string
	Group     ModelGroup
	Name      string // such as "Qwen3-VL 4B"
	Detail    string // such as "4B · Q8_0 · 4.7 GB · LM Studio"
	About     string // what it is good at, and in which languages
	Licence   string // such as "Apache-2.0"; empty: not known
	Address   string // of the licence; a click asks before it opens
	Warning   string // such as "Not for commercial use"
	Open      bool   // it is the one that is open
	Suggested bool
	TextOnly  bool

	Variants []ModelVariant // quantisations to choose from; one: only shown
	Variant  string         // the ID of the one that is chosen or, once it is there, used

	Size     string // of its files on this machine, such as "4.7 GB"; empty: its variant's
	Fetch    FetchState
	Progress float64 // 0 to 1, negative when unknown
	Figures  string  // such as "1.2 of 4.7 GB · 12.0 MB/s · 4 min left", or what it waits for
	Problem  *Problem

	Partners []Place // vision files that fit equally; the person has to choose one

	CanUse, CanDownload, CanRemove, CanDelete bool
}

// ModelVariant is a quantisation of a model, as a file to download or that is there.
type ModelVariant struct {
	ID     string
	Name   string // such as "Q8_0 (8-bit)"
	Size   string // such as "4.7 GB"
	Fit    Fit
	Line   string // such as "needs 4.2 of 5.1 GiB with 16k context"
	Digest string // such as "checksum from the catalogue"
	Here   bool   // it is on this machine
}

// FetchState is how far a download is.
type FetchState int

// The states.
const (
	FetchNone FetchState = iota
	FetchWaiting
	FetchRunning
	FetchChecking
	FetchPaused
	FetchFailed
)

// EngineRow is what computes, and what could.
type EngineRow struct {
	Title    string // such as "CUDA engine 13.1, beside the program" or "CPU mode"
	Text     string // why, and what helps
	Progress float64
	Busy     bool // being downloaded or installed; Text says what
	Problem  *Problem
	Folder   string // a folder of the person's own that counts; empty: none
	Size     string // of the download, such as "612 MB"

	CanInstall, CanRemove bool
}

// Welcome is the strip of the first start, in at most three steps; never in the way of the window.
type Welcome struct {
	Step, Steps int
	Title, Text string
	Lines       []string // what was found, or what a model costs
	Next, Skip  string   // labels; empty: no such button
	Progress    float64  // negative: none
	Import      bool     // offers to open a model of one's own too
}

// Diagnosis is the page of diagnostics.
type Diagnosis struct {
	Busy    string // what is being looked at; empty: done
	Summary string // one sentence
	Lines   []DiagnosisLine
	Test    []DiagnosisLine // the self-test's figures
	Text    string          // to copy
}

// DiagnosisLine is a finding.
type DiagnosisLine struct {
	What, Found   string
	Problem, Cure string // Problem is empty where all is well
	Warning       bool   // it works, but not well
}
