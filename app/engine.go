package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"galago/app/library/download"
	"galago/assets/words"
	"galago/inference/engines"
	"galago/inference/protocol"
	"galago/ui"
)

// enginePrefix begins the job of an engine's archives.
const enginePrefix = "engine:"

// engineState is what is known of the engine on the card. It belongs to the main goroutine.
type engineState struct {
	looked  bool
	current engines.Engine
	there   bool // current is
	card    engines.Card
	hasCard bool
	noCard  error         // why there is none
	build   engines.Build // that could be installed
	why     error         // why none can be

	busy     string  // what is being done beside the main goroutine; empty: nothing
	progress float64 // of it, negative when unknown
	stop     context.CancelFunc
	works    int   // counts what was begun: one can wait for another
	failed   error // of the last try
}

// lookAtEngine looks, beside the main goroutine, which engine there is and which could be installed.
func (c *Controller) lookAtEngine() {
	if !c.ready || c.lib.Engines.Current == nil {
		return
	}
	e, gpu, life := c.lib.Engines, c.settings.GPU, c.life
	c.chores.add(func() {
		var now engineState
		now.current, now.there = e.Current()
		now.card, now.noCard = e.Card(life, gpu)
		if now.hasCard = now.noCard == nil; now.hasCard {
			now.build, now.why = e.For(now.card)
		}
		c.do(func() {
			was := c.engine
			was.looked, was.current, was.there = true, now.current, now.there
			was.card, was.hasCard, was.noCard, was.build, was.why = now.card, now.hasCard, now.noCard, now.build, now.why
			c.engine = was
			c.judgeElsewhere()
			c.showModels()
			c.showWelcome()
		})
	})
}

// canInstall reports whether an engine for the card is missing and can be had.
func (e *engineState) canInstall() bool {
	return e.looked && e.hasCard && !e.there && e.why == nil && e.build.ID != ""
}

// onCard reports whether models go to the graphics card now, or would with the engine that can be had for it.
func (c *Controller) onCard() bool {
	e := &c.engine
	switch {
	case !e.looked, !e.hasCard, e.canInstall(), computesOnCard(c.status.Hello):
		return true // or there is none, which who asks for its memory finds out
	case len(c.status.Hello.Devices) == 0:
		return e.there // it has not started
	}
	return false
}

// sizeOfBuild is what an engine's archives have together; 0 where one of them does not say.
func sizeOfBuild(b engines.Build) (n int64) {
	for _, a := range b.Archives {
		if a.Bytes <= 0 {
			return 0
		}
		n += a.Bytes
	}
	return n
}

// computesOnCard reports whether the engine that runs has a card to compute on.
func computesOnCard(h protocol.Hello) bool {
	for _, d := range h.Devices {
		if d.Type == "GPU" {
			return true
		}
	}
	return false
}

// engineRow is what computes, and what could.
func (c *Controller) engineRow() ui.EngineRow {
	e := &c.engine
	r := ui.EngineRow{Progress: -1, Title: words.T("CPU mode")}
	if e.there {
		r.Title = engineTitle(e.current)
		r.CanRemove = e.current.Source != engines.Beside
		if e.current.Source == engines.Named {
			r.Folder = e.current.Dir
		}
	}
	r.Text = c.engineText()
	r.CanInstall = e.canInstall()
	if n := sizeOfBuild(e.build); r.CanInstall && n > 0 {
		r.Size = fileSize(n)
	}
	if e.failed != nil {
		r.Problem = &ui.Problem{Title: words.T("The engine was not installed"), Text: sentence(e.failed)}
	}
	c.engineProgress(&r)
	return r
}

// engineProgress shows what is being done for an engine.
func (c *Controller) engineProgress(r *ui.EngineRow) {
	if c.engine.busy != "" {
		r.Busy, r.CanInstall, r.CanRemove, r.Problem = true, false, false, nil
		r.Text, r.Progress = c.engine.busy, c.engine.progress
		return
	}
	for _, s := range c.jobs {
		if !strings.HasPrefix(s.ID, enginePrefix) {
			continue
		}
		switch s.Phase {
		case download.Done, download.Paused:
		case download.Failed:
			r.Problem = c.fetchProblem(s)
		default:
			r.Busy, r.CanInstall, r.Problem = true, false, nil
			r.Text, r.Progress = inLine(words.T("The engine is being downloaded"), fetchFigures(s)), progressOf(s)
		}
	}
}

func engineTitle(e engines.Engine) string {
	name := words.T("CUDA engine")
	if e.CUDA != "" {
		name = words.T("CUDA engine %s", e.CUDA)
	}
	where := map[engines.Source]string{
		engines.Beside: words.T("beside the program"), engines.Named: words.T("in a folder of your own"), engines.Installed: words.T("installed"),
	}[e.Source]
	if where == "" {
		return name
	}
	return name + ", " + where
}

// engineText says why the CPU answers, and what helps.
func (c *Controller) engineText() string {
	e := &c.engine
	running := len(c.status.Hello.Devices) > 0
	switch {
	case running && computesOnCard(c.status.Hello):
		return words.T("Answers are computed on the graphics card.")
	case running && engines.Why(c.status.Hello) != nil:
		return words.T("The CPU answers.") + " " + engines.Why(c.status.Hello).Error()
	case e.there && running:
		return words.T("The engine is there, but found no card that it can use: the CPU answers. “Diagnostics…” says why.")
	case e.there, !e.looked:
		return ""
	case !e.hasCard:
		return words.T("The CPU answers.") + " " + sentence(e.noCard)
	case e.why != nil:
		return sentence(e.why)
	}
	return words.T("%s is there, but the engine for it is not: the CPU answers, which is much slower.", e.card.Name)
}

// InstallEngine downloads the engine for the card, which is then unpacked, tried and used.
func (c *Controller) InstallEngine() {
	e := &c.engine
	if !e.canInstall() || e.busy != "" {
		return
	}
	e.failed = nil
	j := download.Job{ID: enginePrefix + e.build.ID, Name: words.T("CUDA engine %s", e.build.CUDA), Spare: uint64(e.build.Bytes) + spareBytes}
	for _, a := range e.build.Archives {
		j.Files = append(j.Files, download.File{URL: a.URL, Path: filepath.Join(c.lib.Archives, a.Name), Bytes: a.Bytes, SHA256: a.SHA256})
	}
	c.offline = false
	c.lib.Downloads.Start(j)
}

// StopInstall ends an installation. What has been downloaded is kept.
func (c *Controller) StopInstall() {
	if c.engine.stop != nil {
		c.engine.stop()
	}
	for _, s := range c.jobs {
		if strings.HasPrefix(s.ID, enginePrefix) {
			c.lib.Downloads.Pause(s.ID)
		}
	}
}

// engineFetched installs what was downloaded.
func (c *Controller) engineFetched(s download.State) {
	b := c.engine.build
	c.lib.Downloads.Cancel(s.ID)   // it is whole: only the job is forgotten, so that a later try is known as one
	if enginePrefix+b.ID != s.ID { // of another version of Galago, or its card is not there now
		return
	}
	var archives []string
	for _, f := range s.Files {
		archives = append(archives, f.Path)
	}
	install := c.lib.Engines.Install
	c.engineWork(words.T("The engine is being installed"), func(ctx context.Context) (engines.Engine, error) {
		tell := &latest[engineStep]{do: c.do, handle: c.engineStepped}
		e, err := install(ctx, b, archives, func(what string, done float64) { tell.put(engineStep{what, done}) })
		if err == nil {
			for _, path := range archives {
				os.Remove(path) // if one cannot be, it stays in the cache
			}
		}
		return e, err
	})
}

// engineStep is how far an installation is.
type engineStep struct {
	what string
	done float64
}

func (c *Controller) engineStepped(s engineStep) {
	if c.engine.busy != "" {
		c.engine.busy, c.engine.progress = s.what, s.done
		c.showModels()
		c.showWelcome()
	}
}

// engineWork does something with engines beside the main goroutine, one thing at a time, and then loads the model again
// with what came of it.
func (c *Controller) engineWork(what string, work func(context.Context) (engines.Engine, error)) {
	ctx, stop := context.WithCancel(c.life)
	c.engine.works++
	mine := c.engine.works
	c.engine.busy, c.engine.progress, c.engine.stop, c.engine.failed = what, -1, stop, nil
	c.showModels()
	c.fitting.add(func() {
		_, err := work(ctx)
		stopped := ctx.Err() != nil
		stop()
		c.do(func() {
			if mine == c.engine.works {
				c.engine.busy, c.engine.stop = "", nil
			}
			switch {
			case err == nil:
				c.engineChanged()
			case !stopped:
				c.engineFailed(err)
			}
			c.lookAtEngine()
			c.showModels()
			c.showWelcome()
		})
	})
}

// engineFailed says why there is no other engine, where the person looks. What computed goes on.
func (c *Controller) engineFailed(err error) {
	c.engine.failed = err
	if !c.page && c.welcome.step != welcomeFetch {
		c.view.Offer(words.T("The engine was not installed")+". "+sentence(err), words.T("Show"), c.view.ShowModels)
	}
}

// engineChanged loads the model again, so that another engine counts. A running answer ends first.
func (c *Controller) engineChanged() {
	if !c.running() {
		c.Reload()
		return
	}
	c.view.Offer(words.T("The engine has changed. It counts when the model is loaded again, which ends the answer that is being written."),
		words.T("Load again"), c.Reload)
}

// EngineFolder asks for a folder with a CUDA engine, which is tried before it counts.
func (c *Controller) EngineFolder() {
	if !c.ready || c.engine.busy != "" || c.lib.Engines.Name == nil {
		return
	}
	name := c.lib.Engines.Name
	c.view.ChooseFolder(words.T("Choose the folder of a CUDA engine"), func(path string) {
		if c.engine.busy != "" {
			return
		}
		c.engineWork(words.T("The engine is being tried"), func(ctx context.Context) (engines.Engine, error) { return name(ctx, path) })
	})
}

// RemoveEngine deletes an installed engine, or forgets the person's own folder, which stays as it is.
func (c *Controller) RemoveEngine() {
	if !c.ready || !c.engine.there || c.engine.busy != "" {
		return
	}
	e, named := c.lib.Engines, c.engine.current.Source == engines.Named
	c.engineWork(words.T("The engine is being removed"), func(ctx context.Context) (engines.Engine, error) {
		if named {
			return e.Name(ctx, "")
		}
		return engines.Engine{}, e.Remove()
	})
}
