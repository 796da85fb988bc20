// Package doctor says why it is slow, why there is no GPU, why it failed: what was found, what is missing, what that means
// and the cure. The engine's command line prints it, and the window shows what that prints.
//
// The window runs `galago-engine doctor --json`, with --test for the self-test, as a child, and reads from its standard
// output one Report, whatever the exit code is. While it runs, standard error gets a line for each Step that begins (see
// Steps), with --test only, so that a page can show what is being looked at. Ending the child, also by force, ends all
// that it started.
//
// A Report holds nothing private: no question, no answer, no name of a file outside of Galago's own folders (those are
// written as <program>, <data> and so on), no name of the user or of the machine, no serial number, and of environment
// variables only the names of those that matter. See veil.
//
// Everything is bounded: a driver that hangs, a worker that never speaks and a network drive that is gone cost seconds,
// and become findings.
package doctor

import "galago/inference/protocol"

// Report is what `galago-engine doctor --json` prints. Fields are only ever added.
type Report struct {
	Version  string            `json:"version"`  // of Galago
	Findings []Finding         `json:"findings"` // what matters first: what is missing, then warnings, then what is well
	Devices  []protocol.Device `json:"devices"`  // that ggml computes on; null when the engine does not start
	Test     *Test             `json:"self_test,omitempty"`
	Mode     string            `json:"mode"`    // "GPU", "CPU" or "none"
	CanRun   bool              `json:"can_run"` // the engine starts; it may still lack a model
	Summary  string            `json:"summary"` // one sentence: whether Galago answers here, on what and how fast
	Text     string            `json:"text"`    // all of it to copy, without private data
}

// Finding is one thing that was looked at: well (Found alone), a warning (Warning, with all four), or missing (Problem
// and Cure alone).
type Finding struct {
	What    string `json:"what"`
	Found   string `json:"found"`             // empty: missing
	Problem string `json:"problem,omitempty"` // what is missing or not well, and what that means: whole sentences
	Cure    string `json:"cure,omitempty"`    // whole sentences
	Warning bool   `json:"warning,omitempty"` // it works, but not well
}

// Test is what a load, one picture and one answer took. Figures that were not reached, because the test failed, are 0.
type Test struct {
	Model        string  `json:"model"`
	Device       string  `json:"device"`     // on which it computed
	LoadMs       float64 `json:"load_ms"`    // from starting the engine until it could answer
	PictureMs    float64 `json:"picture_ms"` // through the vision tower
	FirstTokenMs float64 `json:"first_token_ms"`
	TokensPerSec float64 `json:"tokens_per_second"`
	Layers       int     `json:"layers"`
	GPULayers    int     `json:"gpu_layers"` // that really are on the card, by ggml's own account
	Right        bool    `json:"right"`      // the built-in model's answer was the right one
	Failed       string  `json:"failed,omitempty"`

	Judged        bool   `json:"judged"`         // there was a known right answer, so that Right means something
	PictureTokens int    `json:"picture_tokens"` // that the picture took
	AnswerTokens  int    `json:"answer_tokens"`
	VisionOnGPU   bool   `json:"vision_on_gpu"`  // the vision tower is on the card, by ggml's own account
	GPUBytes      uint64 `json:"gpu_bytes"`      // that the engine holds on the card, by ggml's own account
	SystemBytes   uint64 `json:"system_bytes"`   // and in the system's memory
	GrownBytes    uint64 `json:"grown_bytes"`    // what the card had less free afterwards, by NVML
	ResidentBytes uint64 `json:"resident_bytes"` // system memory of the engine, by the system
}

// Step is a line on standard error.
type Step string

// The steps, in order. The last three are those of the self-test.
const (
	StepSystem  Step = "looking at the system"
	StepDriver  Step = "asking the graphics driver"
	StepEngine  Step = "starting the engine"
	StepModel   Step = "reading the model"
	StepLoad    Step = "loading"
	StepPicture Step = "looking at the picture"
	StepAnswer  Step = "answering"
)

// Steps are all of them.
var Steps = []Step{StepSystem, StepDriver, StepEngine, StepModel, StepLoad, StepPicture, StepAnswer}
