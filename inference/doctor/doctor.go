// Package doctor says why it is slow, why there is no GPU, why it failed: what was found, what is missing, what that means
// and the cure. The engine's command line prints it, and the window shows what that prints.
package doctor

// Report is what `galago-engine doctor --json` prints.
type Report struct {
	Version  string    `json:"version"`
	Findings []Finding `json:"findings"`
	Test     *Test     `json:"self_test,omitempty"`
	Mode     string    `json:"mode"`    // "GPU", "CPU" or "none"
	CanRun   bool      `json:"can_run"` // the engine starts; it may still lack a model
	Text     string    `json:"text"`    // all of it to copy, without private data
}

// Finding is one thing that was looked at.
type Finding struct {
	What    string `json:"what"`
	Found   string `json:"found"`             // empty: missing
	Problem string `json:"problem,omitempty"` // what is missing and what that means
	Cure    string `json:"cure,omitempty"`
	Warning bool   `json:"warning,omitempty"` // it works, but not well
}

// Test is what a load, one picture and one answer took.
type Test struct {
	Model        string  `json:"model"`
	Device       string  `json:"device"` // on which it computed
	LoadMs       float64 `json:"load_ms"`
	PictureMs    float64 `json:"picture_ms"`
	FirstTokenMs float64 `json:"first_token_ms"`
	TokensPerSec float64 `json:"tokens_per_second"`
	Layers       int     `json:"layers"`
	GPULayers    int     `json:"gpu_layers"` // that really are on the card, by ggml's own account
	Right        bool    `json:"right"`      // the built-in model's answer was the right one
	Failed       string  `json:"failed,omitempty"`
}
