package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"galago/inference"
	"galago/inference/gguf"
	"galago/inference/protocol"
	"galago/ui"
)

// openModel opens what the settings name, or the built-in model.
func (c *Controller) openModel() {
	if c.settings.Model != "" {
		c.client.Open(inference.Model{Path: c.settings.Model, MMProj: c.settings.MMProj})
		return
	}
	if c.demoErr != nil {
		c.view.SetModel(ui.Model{Name: "No model", Loading: -1})
		c.view.SetBanner(&ui.Banner{Text: sentence(c.demoErr) + " Open a model of your own, or install Galago again.", Problem: true})
		return
	}
	c.client.Open(inference.Model{
		Name: c.demo.Name, Path: c.demo.Model, MMProj: c.demo.MMProj, Context: c.demo.Context,
		ImageMinTokens: c.demo.ImageMin, ImageMaxTokens: c.demo.ImageMax,
	})
}

// OpenModel opens a model of the person's own. Which of two files is the model and which the projector is read from
// the files; a missing partner is looked for in the same folder.
func (c *Controller) OpenModel(model, mmproj string) {
	model, mmproj, err := pair(model, mmproj)
	if err != nil {
		p := problem(err)
		c.view.SetBanner(&ui.Banner{Text: strings.TrimSpace(p.Text + " " + p.Action), Problem: true, Detail: p.Detail})
		return
	}
	c.settings.Model, c.settings.MMProj = model, mmproj
	c.keepSettings()
	c.notice = ""
	if mmproj == "" {
		c.notice = filepath.Base(model) + " is opened for text only: no vision file (mmproj) that fits lies beside it."
	}
	c.openModel()
}

// UseBuiltIn goes back to the built-in model.
func (c *Controller) UseBuiltIn() {
	c.settings.Model, c.settings.MMProj, c.notice = "", "", ""
	c.keepSettings()
	c.openModel()
}

// Reload opens the model once more, after the engine died.
func (c *Controller) Reload() { c.openModel() }

// pair tells model and projector apart and completes the pair.
func pair(a, b string) (model, mmproj string, err error) {
	for _, path := range []string{a, b} {
		if path == "" {
			continue
		}
		f, err := gguf.Read(path)
		if err != nil {
			return "", "", &inference.Error{Code: protocol.CodeModelInvalid, Op: "open " + path, Err: err}
		}
		switch {
		case f.Kind() == gguf.KindMMProj && mmproj == "":
			mmproj = path
		case f.Kind() != gguf.KindMMProj && model == "":
			model = path
		default:
			return "", "", &inference.Error{
				Code: protocol.CodeModelInvalid, Op: "open " + path,
				Err: errors.New("both files are of the same kind; choose one model and one mmproj file"),
			}
		}
	}
	switch {
	case model == "" && mmproj == "":
		return "", "", &inference.Error{Code: protocol.CodeNoModel, Op: "open a model"}
	case model == "":
		if model = partner(mmproj, func(f *gguf.File) bool { return f.Kind() == gguf.KindModel }, matches(mmproj, false)); model == "" {
			return "", "", &inference.Error{
				Code: protocol.CodeModelInvalid, Op: "open " + mmproj,
				Err: errors.New("it is a vision file, and no model that fits lies beside it; choose the model too"),
			}
		}
	case mmproj == "":
		mmproj = partner(model, func(f *gguf.File) bool { return f.Kind() == gguf.KindMMProj }, matches(model, true))
	}
	return model, mmproj, nil
}

// matches tests whether a file fits the one at path, which is the model or else the projector.
func matches(path string, isModel bool) func(*gguf.File) bool {
	own, err := gguf.Read(path)
	return func(other *gguf.File) bool {
		if err != nil {
			return false
		}
		if isModel {
			return gguf.MatchMMProj(own, other) == nil
		}
		return gguf.MatchMMProj(other, own) == nil
	}
}

// partner is the GGUF file beside path that passes both tests and shares the longest beginning of its name with it,
// less the word mmproj.
func partner(path string, tests ...func(*gguf.File) bool) string {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return ""
	}
	best, score := "", -1
	for _, e := range entries {
		candidate := filepath.Join(filepath.Dir(path), e.Name())
		if candidate == path || !strings.EqualFold(filepath.Ext(e.Name()), ".gguf") {
			continue
		}
		f, err := gguf.Read(candidate)
		if err != nil || !tests[0](f) || !tests[1](f) {
			continue
		}
		if n := sameStart(stem(path), stem(candidate)); n > score {
			best, score = candidate, n
		}
	}
	return best
}

// stem is a file's name without the word mmproj, in small letters.
func stem(path string) string {
	s := strings.ToLower(filepath.Base(path))
	return strings.TrimLeft(strings.ReplaceAll(s, "mmproj", ""), "-_.")
}

func sameStart(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// showStatus takes the service's news.
func (c *Controller) showStatus(s inference.Status) {
	grid := c.status.Loaded.Vision != s.Loaded.Vision || c.status.State != s.State
	c.status = s
	c.view.SetModel(c.modelView())
	c.view.SetBanner(c.banner())
	if grid {
		c.showAttachments()
	}
	c.showGauge()
}

func (c *Controller) builtIn() bool { return c.settings.Model == "" }

func (c *Controller) modelView() ui.Model {
	s := c.status
	m := ui.Model{Name: modelName(s), Loading: -1, BuiltIn: c.builtIn(), Vision: true}
	switch s.State {
	case inference.StateLoading:
		m.State, m.Loading = "loading", s.Load
	case inference.StateFailed:
		m.State = "not loaded"
	case inference.StateStopped:
		m.State = "no model"
	default:
		m.Vision = s.Loaded.Vision.Enabled
		m.Detail = fmt.Sprintf("%s · %s context", quantization(s.Loaded.Description), contextText(s.Loaded.Context))
	}
	return m
}

func modelName(s inference.Status) string {
	switch {
	case s.Model.Name != "":
		return s.Model.Name
	case s.Loaded.Name != "":
		return s.Loaded.Name
	case s.Model.Path != "":
		return strings.TrimSuffix(filepath.Base(s.Model.Path), ".gguf")
	}
	return "No model"
}

// quantization is the last word of llama.cpp's description, such as Q8_0 of "qwen3vl 2B Q8_0".
func quantization(description string) string {
	words := strings.Fields(description)
	if len(words) == 0 {
		return "GGUF"
	}
	return words[len(words)-1]
}

func contextText(n int) string {
	if n >= 1024 && n%1024 == 0 {
		return fmt.Sprintf("%dk", n/1024)
	}
	return thousands(n)
}

// banner is the strip that the state asks for, the gravest first.
func (c *Controller) banner() *ui.Banner {
	s := c.status
	if s.State == inference.StateFailed && s.Err != nil {
		p := problem(s.Err)
		b := &ui.Banner{Text: strings.TrimSpace(p.Title + ". " + p.Text + " " + p.Action), Detail: p.Detail, Problem: true}
		if c.builtIn() {
			b.Label, b.Do = "Try again", c.Reload
		} else {
			b.Label, b.Do = "Use the built-in model", c.UseBuiltIn
		}
		return b
	}
	if c.notice != "" {
		return &ui.Banner{Text: c.notice}
	}
	if c.builtIn() && c.demoErr == nil {
		return &ui.Banner{Text: "Built-in demo model: it knows shapes, colours and numbers.", Label: "Open a model…", Do: c.view.ChooseModel}
	}
	return nil
}
