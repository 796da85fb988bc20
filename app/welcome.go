package app

import (
	"reflect"
	"strings"

	"galago/app/library/catalogue"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/assets/words"
	"galago/ui"
)

// welcomeState is the strip of the first start. It belongs to the main goroutine.
type welcomeState struct {
	step    welcomeStep
	job     string       // that fetches the model
	model   string       // its name
	arrived *shelf.Entry // it is there
	view    *ui.Welcome  // as the window has it
}

// welcomeStep is how far a person is in it.
type welcomeStep int

const (
	welcomeOver  welcomeStep = iota // also before it begins
	welcomeFound                    // what this computer has
	welcomeOffer                    // what would be good on it
	welcomeFetch                    // it is on its way
	welcomeSteps = int(welcomeFetch)
)

func (w *welcomeState) shown() bool { return w.step != welcomeOver }

// fetched hears that a download is done, and is true if the strip speaks of it.
func (w *welcomeState) fetched(job string) bool { return w.step == welcomeFetch && w.job == job }

// startWelcome begins it on the first start: not where the person has settings, models or conversations already. The last
// are known later, see welcomeRows.
func (c *Controller) startWelcome() {
	if c.settings.Welcomed || c.settings.Model != "" || len(c.own) > 0 || len(c.listing.rows) > 0 {
		return
	}
	c.welcome.step = welcomeFound
	c.judge() // nothing is shown until that is known
}

// welcomeRows hears how many conversations there were at the start. Who has some needs no welcome.
func (c *Controller) welcomeRows(n int) {
	if n > 0 {
		c.endWelcome()
	}
	c.showWelcome()
}

// endWelcome takes it away for good.
func (c *Controller) endWelcome() {
	if !c.welcome.shown() {
		return
	}
	c.welcome.step = welcomeOver
	c.settings.Welcomed = true
	c.keepSettings()
	c.showWelcome()
}

// showWelcome draws the strip anew if anything in it has changed.
func (c *Controller) showWelcome() {
	w := c.welcomeView()
	if !reflect.DeepEqual(w, c.welcome.view) {
		c.welcome.view = w
		c.view.SetWelcome(w)
		c.showBanner()
	}
}

func (c *Controller) welcomeView() *ui.Welcome {
	known := c.judged.of != nil && (c.engine.looked || c.lib.Engines.Current == nil)
	listed := c.openStore == nil || c.listing.known || c.trouble != nil
	if !known || !listed {
		return nil
	}
	switch c.welcome.step {
	case welcomeFound:
		return c.welcomeFoundView()
	case welcomeOffer:
		return c.welcomeOfferView()
	case welcomeFetch:
		return c.welcomeFetchView()
	}
	return nil
}

func (c *Controller) welcomeFoundView() *ui.Welcome {
	w := &ui.Welcome{
		Step: int(welcomeFound), Steps: welcomeSteps, Progress: -1,
		Title: words.T("Welcome to Galago"), Text: words.T("The built-in model answers already. This is what was found for larger ones:"),
		Next: words.T("Continue"), Skip: words.T("Skip"),
	}
	e, d := &c.engine, c.judged.device
	if e.hasCard {
		w.Lines = append(w.Lines, inLine(e.card.Name, words.T("driver %s", e.card.Driver)))
	}
	if d.Total > 0 {
		line := words.T("GPU memory: %s of %s free", bytesText(d.Free), bytesText(d.Total))
		if !d.GPU() {
			line = words.T("Memory: %s of %s free", bytesText(d.Free), bytesText(d.Total))
		}
		w.Lines = append(w.Lines, line)
	}
	line := c.engineText()
	if e.there {
		line = strings.TrimSuffix(engineTitle(e.current)+": "+line, ": ")
	}
	w.Lines = append(w.Lines, line)
	return w
}

// suggestion is the model to begin with on this computer.
func (c *Controller) suggestion() (catalogue.Model, catalogue.Variant, bool) {
	if c.judged.suggested == "" {
		return catalogue.Model{}, catalogue.Variant{}, false
	}
	return c.offered(c.judged.suggested, "")
}

func (c *Controller) welcomeOfferView() *ui.Welcome {
	w := &ui.Welcome{Step: int(welcomeOffer), Steps: welcomeSteps, Progress: -1, Skip: words.T("Skip"), Import: true}
	m, v, ok := c.suggestion()
	if !ok {
		w.Title = words.T("The built-in model is the right one here")
		w.Text = words.T("None of the larger models fits into the memory that is free. The page of models shows what each needs.")
		if c.judged.device.Total == 0 {
			w.Title = words.T("Choose a model yourself")
			w.Text = words.T("How much memory is free is not known here, so no model can be recommended. The page of models shows what each needs.")
		}
		w.Skip = words.T("Close")
		return w
	}
	size, _ := m.Disk(v)
	w.Title = words.T("Recommended: %s", m.Name)
	w.Text = inLine(m.Good(), languagesText(m.Languages, 3))
	w.Lines = append(w.Lines, inLine(quantText(v.Quant), diskText(m, v), c.judged.of[jobID(m, v)].Line))
	w.Lines = append(w.Lines, inLine(words.T("Licence: %s", m.Licence.Name), licenceWarning(m)))
	if c.engine.canInstall() {
		engine := sizeOfBuild(c.engine.build)
		size += engine
		line := words.T("With it comes the engine for %s.", c.engine.card.Name)
		if engine > 0 {
			line = words.T("With it comes the engine for %s: %s.", c.engine.card.Name, fileSize(engine))
		}
		w.Lines = append(w.Lines, line)
	}
	w.Lines = append(w.Lines, words.T("Nothing is downloaded before you press the button, and nothing that you ask ever leaves this computer."))
	w.Next = words.T("Download")
	if size > 0 {
		w.Next = words.T("Download %s", fileSize(size))
	}
	return w
}

func (c *Controller) welcomeFetchView() *ui.Welcome {
	w := &ui.Welcome{Step: int(welcomeFetch), Steps: welcomeSteps, Progress: -1, Skip: words.T("Hide")}
	if c.welcome.arrived != nil && c.engine.busy == "" {
		w.Title, w.Text = words.T("%s is ready", c.welcome.model), words.T("It takes the place of the built-in model; the conversations stay.")
		w.Next, w.Skip, w.Progress = words.T("Use it now"), words.T("Later"), 1
		return w
	}
	w.Title = words.T("%s is being downloaded", c.welcome.model)
	w.Text = words.T("Meanwhile the built-in model answers.")
	if c.engine.busy != "" {
		w.Lines, w.Progress = []string{c.engine.busy}, c.engine.progress
		return w
	}
	if c.engine.failed != nil {
		w.Lines = append(w.Lines, words.T("The engine was not installed")+". "+sentence(c.engine.failed))
	}
	s := c.welcomeJob()
	if s == nil {
		return w
	}
	w.Lines, w.Progress = append(w.Lines, inLine(s.Name, fetchFigures(*s))), progressOf(*s)
	switch s.Phase {
	case download.Failed:
		w.Title, w.Next, w.Skip, w.Import = words.T("%s was not downloaded", c.welcome.model), words.T("Try again"), words.T("Close"), true
		if s.Err != nil {
			w.Text = sentence(s.Err)
		}
	case download.Retrying:
		if isOffline(s.Err) {
			w.Text, w.Import = words.T("Meanwhile the built-in model answers, and a model file that is on this computer can be opened."), true
		}
	case download.Paused:
		w.Title, w.Next = words.T("The download of %s is paused.", c.welcome.model), words.T("Go on")
	}
	return w
}

// welcomeJob is the download that the strip speaks of: the engine's as long as there is one, else the model's. One that failed
// comes first.
func (c *Controller) welcomeJob() *download.State {
	var list []*download.State
	for i := range c.jobs {
		s := &c.jobs[i]
		if s.ID != c.welcome.job && !strings.HasPrefix(s.ID, enginePrefix) || s.Phase == download.Done {
			continue
		}
		if s.Phase == download.Failed {
			return s
		}
		if s.Phase == download.Waiting {
			list = append(list, s)
		} else {
			list = append([]*download.State{s}, list...)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

// WelcomeNext is the strip's main button. Downloads begin with it, and not before.
func (c *Controller) WelcomeNext() {
	switch c.welcome.step {
	case welcomeFound:
		c.welcome.step = welcomeOffer
	case welcomeOffer:
		c.welcomeDownload()
	case welcomeFetch:
		switch s := c.welcomeJob(); {
		case c.welcome.arrived != nil:
			c.useEntry(*c.welcome.arrived)
			c.endWelcome()
		case s != nil:
			c.resumeAny(s.ID)
		}
	}
	c.showWelcome()
}

// welcomeDownload fetches the engine that the card lacks, and the recommended model.
func (c *Controller) welcomeDownload() {
	m, v, ok := c.suggestion()
	if !ok {
		return
	}
	if e := c.here(v); e != nil {
		c.useEntry(*e)
		c.endWelcome()
		return
	}
	c.InstallEngine() // where there is none to install nothing happens
	if job := c.startFetch(m, v); job != "" {
		c.welcome.step, c.welcome.job, c.welcome.model = welcomeFetch, job, m.Name
		c.settings.Welcomed = true // the next start shows the download, not this
		c.keepSettings()
	}
}

// WelcomeSkip ends it for good. A download that was begun goes on.
func (c *Controller) WelcomeSkip() { c.endWelcome() }
