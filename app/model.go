package app

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"galago/app/library/catalogue"
	"galago/app/library/shelf"
	"galago/assets"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
)

// files are what a model consists of. The zero value stands for the built-in one.
type files struct {
	model  string // path of the GGUF
	mmproj string // path of its vision projector's GGUF; empty for a model without eyes
}

// open loads a model in the place of the one that is open.
func (c *Controller) open(f files) {
	c.choosing++
	c.take(f)
	c.showModels()
	c.asked = c.nextModel(f)
	c.client.Open(c.asked) // without a path, when the built-in model was not found, it only ends what is open
	c.showSettings()
}

// plainModel is the model of files that were taken, as manifest and settings want it.
func (c *Controller) plainModel(f files) inference.Model {
	m := inference.Model{Path: f.model, MMProj: f.mmproj}
	if d := c.manifest; d.Model != "" {
		m = inference.Model{
			Name: d.Name, Path: d.Model, MMProj: d.MMProj, Context: d.Context,
			ImageMinTokens: d.ImageMin, ImageMaxTokens: d.ImageMax,
		}
	} else if f != (files{}) {
		m.Name, m.ImageMinTokens, m.ImageMaxTokens = c.listed.Name, c.listed.ImageMin, c.listed.ImageMax
	}
	if c.settings.Context > 0 {
		m.Context = c.settings.Context
	}
	m.GPU, m.KVType = c.settings.GPU, c.settings.KVType
	return m
}

// nextModel is the same, in the way that was chosen out of trouble with it.
func (c *Controller) nextModel(f files) inference.Model {
	m := c.plainModel(f)
	if w := c.wayOut; w.Path != "" && w.Path == m.Path && w.MMProj == m.MMProj {
		w.GPU = m.GPU
		return w
	}
	return m
}

// take remembers what is open from now on.
func (c *Controller) take(f files) {
	c.opened, c.manifest, c.listed = f, c.demo, catalogue.Model{}
	if f == (files{}) {
		return
	}
	if c.facts.files != f { // of a way out of trouble, which is another choice of files that were read before
		c.facts = c.reader()(f)
	}
	c.manifest, c.listed = c.facts.manifest, c.facts.listed
}

// facts are what is known of files from what lies beside them and from the catalogue.
type facts struct {
	files
	manifest assets.Demo
	listed   catalogue.Model
}

// reader reads facts from the disk; it may be called on any goroutine, and belongs on another than the main one.
func (c *Controller) reader() func(f files) facts {
	known := c.known
	return func(f files) facts {
		if f == (files{}) {
			return facts{}
		}
		manifest, _ := assets.Beside(f.model, f.mmproj)
		return facts{f, manifest, listedAs(known, f.model)}
	}
}

// openLast opens the model of last time, or the built-in one. Its disk may be slow, or not answer at all.
func (c *Controller) openLast() {
	f := files{c.settings.Model, c.settings.MMProj}
	if f == (files{}) {
		c.open(f)
		return
	}
	c.restoring = true
	c.opened = f // what is asked meanwhile is for it
	c.choosing++
	choice, read := c.choosing, c.reader()
	go func() {
		r := read(f)
		c.do(func() {
			if choice == c.choosing {
				c.facts = r
				c.open(f)
			}
		})
	}()
}

// openAs opens a model with other settings, or without its vision file. It is the one that is open, unless the way out
// was of a question that failed with an earlier one.
func (c *Controller) openAs(m inference.Model) {
	c.choosing++
	f := files{m.Path, m.MMProj}
	if f == (files{c.demo.Model, c.demo.MMProj}) {
		f = files{}
	}
	c.take(f)
	c.notice, c.restoring = nil, false
	c.wayOut, c.asked = m, m
	c.client.Open(m)
	c.showSettings()
}

// OpenModel opens a model of the person's own. Which of two files is the model and which the projector is read from
// the files; a missing partner is looked for in the same folder. It is remembered once it has loaded.
func (c *Controller) OpenModel(model, mmproj string) {
	paths := []string{model}
	if mmproj != "" {
		paths = append(paths, mmproj)
	}
	c.ImportModel(paths)
}

// choseModel opens what the person's choice turned out to be.
func (c *Controller) choseModel(look shelf.Look, err error) {
	if err != nil {
		c.notice = problemBanner(err) // what is open stays open
		c.notice.Label, c.notice.Do = words.T("Choose again…"), c.view.ChooseModel
		c.showBanner()
		return
	}
	c.notice, c.restoring, c.wayOut = nil, false, inference.Model{}
	switch {
	case look.Warning != "":
		c.notice = &ui.Banner{Text: look.Warning}
	case look.MMProj == "" && !look.Text: // a model that is for text only is welcome as it is
		c.notice = &ui.Banner{Text: words.T("%s is opened for text only: no vision file (mmproj) that fits lies beside it.", filepath.Base(look.Model))}
	}
	c.open(files{look.Model, look.MMProj})
}

// UseBuiltIn goes back to the built-in model, also at the next start.
func (c *Controller) UseBuiltIn() {
	if c.demoErr != nil {
		c.view.Notify(sentence(c.demoErr))
		return
	}
	c.notice, c.restoring, c.wayOut = nil, false, inference.Model{}
	c.remember(files{})
	c.open(files{})
}

// remember keeps which model to open at the next start.
func (c *Controller) remember(f files) {
	if c.settings.Model == f.model && c.settings.MMProj == f.mmproj {
		return
	}
	c.settings.Model, c.settings.MMProj = f.model, f.mmproj
	c.keepSettings()
}

// Reload opens the model once more, after the engine died.
func (c *Controller) Reload() { c.open(c.opened) }

// showStatus takes the service's news.
func (c *Controller) showStatus(s inference.Status) {
	changed := c.status.Model != s.Model || c.status.Loaded.Vision != s.Loaded.Vision || c.status.State != s.State ||
		c.status.Speed != s.Speed || !slices.Equal(c.status.Memory, s.Memory) || !reflect.DeepEqual(c.status.Known, s.Known)
	helloChanged := len(c.status.Hello.Devices) != len(s.Hello.Devices)
	if s.Err != nil && s.Err != c.status.Err {
		c.notice = nil // there is graver news
	}
	if n := len(s.Reduced); n > len(c.status.Reduced) && !c.running() {
		c.view.Notify(s.Reduced[n-1]) // no question hears of it
	}
	cost := c.status.FreeCost
	unloaded := s.State == inference.StateUnloaded && c.status.State != s.State
	c.status = s
	if unloaded { // also by itself, after a while without questions
		c.resetPeak()
	}
	if s.State == inference.StateReady || s.State == inference.StateBusy {
		c.sight = sight{s.Model, s.Loaded.Vision}
	}
	if changed || s.FreeCost != cost {
		c.showSettings()
	}
	c.loadEnded()
	c.letGo()
	c.view.SetModel(c.modelView())
	c.showBanner()
	if changed || helloChanged {
		c.judgeElsewhere()
		c.showModels()
		c.showWelcome()
	}
	if changed {
		c.showAttachments()
	}
	c.showGauge()
	c.showMemory()
	c.resume()
}

// loadEnded remembers a model that loaded, and falls back to the built-in one when that of last time does not load.
func (c *Controller) loadEnded() {
	s := c.status
	if c.builtIn() || !c.current() {
		return
	}
	switch {
	case s.State == inference.StateReady, s.State == inference.StateBusy:
		c.restoring = false
		c.remember(c.opened)
		c.loadedModel()
	case s.State == inference.StateFailed && c.restoring:
		c.restoring = false
		if c.demoErr != nil || !aboutModel(s.Err) {
			return // the built-in model would not load either
		}
		c.notice = problemBanner(s.Err)
		c.notice.Text = words.T("The built-in model is open, because %s did not load. %s", filepath.Base(s.Model.Path), c.notice.Text)
		again := c.opened
		c.notice.Label, c.notice.Do = words.T("Try it again"), func() {
			c.notice = nil
			c.open(again)
		}
		c.open(files{})
	}
}

// aboutModel reports whether another model might load although this one did not.
func aboutModel(err *inference.Error) bool {
	switch err.Code {
	case protocol.CodeEngineMissing, protocol.CodeProtocol:
		return false
	}
	return true
}

func (c *Controller) builtIn() bool { return c.opened == files{} }

// current reports whether the service's last news is of the model that was opened last.
func (c *Controller) current() bool {
	want := c.opened
	if c.builtIn() {
		want = files{c.demo.Model, c.demo.MMProj}
	}
	return files{c.status.Model.Path, c.status.Model.MMProj} == want
}

func (c *Controller) modelView() ui.Model {
	s := c.status
	m := ui.Model{Name: modelName(s), Loading: -1, BuiltIn: c.builtIn(), Vision: true}
	switch s.State {
	case inference.StateLoading:
		m.State, m.Loading = words.T("loading"), s.Load
	case inference.StateFailed:
		m.State = words.T("not loaded")
	case inference.StateStopped:
		m.State = words.T("no model")
	case inference.StateUnloaded:
		m.State = words.T("unloaded: the next question loads it")
	default:
		m.Vision = s.Loaded.Vision.Enabled
		m.Detail = words.T("%s · %s context", quantization(s.Loaded.Description), contextText(s.Loaded.Context))
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
	return words.T("No model")
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

// showBanner shows the strip that the state asks for, unless it is there already.
func (c *Controller) showBanner() {
	b := c.bannerNow()
	if sameBanner(b, c.banner) {
		return
	}
	c.banner = b
	c.view.SetBanner(b)
}

func sameBanner(a, b *ui.Banner) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Text == b.Text && a.Problem == b.Problem && a.Detail == b.Detail && a.Label == b.Label
}

// bannerNow is what the strip should say, the newest first: a failure takes the notice away, and a notice that comes
// after it is the answer to what the person just did.
func (c *Controller) bannerNow() *ui.Banner {
	s := c.status
	switch {
	case c.notice != nil:
		return c.notice
	case c.trouble != nil:
		return c.unkeptBanner()
	case s.State == inference.StateFailed && s.Err != nil && c.current():
		b := problemBanner(s.Err)
		if way := modelChoice(s.Err); way != nil {
			b.Label, b.Do = way.Label, func() { c.openAs(*way.Model) }
		} else if c.builtIn() || c.demoErr != nil || !aboutModel(s.Err) {
			b.Label, b.Do = words.T("Try again"), c.Reload
		} else {
			b.Label, b.Do = words.T("Use the built-in model"), c.UseBuiltIn
		}
		return b
	case c.loadsOtherwise():
		return &ui.Banner{
			Text:  words.T("The context and KV type that you chose count when the model is loaded again. An answer that is being written ends then."),
			Label: words.T("Load again"), Do: c.Reload,
		}
	case !c.builtIn(), c.welcome.view != nil: // which says the same and more
		return nil
	case c.demoErr != nil:
		return &ui.Banner{
			Text: sentence(c.demoErr) + " " + words.T("Open a model of your own, or install Galago again."), Problem: true,
			Label: words.T("Open a model…"), Do: c.view.ChooseModel,
		}
	}
	return &ui.Banner{Text: words.T("Built-in demo model: it knows shapes, colours and numbers."), Label: words.T("Open a model…"), Do: c.view.ChooseModel}
}

// problemBanner is an error as a strip.
func problemBanner(err error) *ui.Banner {
	p := problem(err)
	if inference.CodeOf(err) == protocol.CodeWontFit {
		p.Action = words.T("Close other programs that use the memory, or open a smaller model.") // there is one button, and nothing below
	}
	text := strings.TrimSuffix(p.Title, ".") + ". " + p.Text + " " + p.Action
	return &ui.Banner{Text: strings.TrimSpace(text), Problem: true, Detail: p.Detail}
}
