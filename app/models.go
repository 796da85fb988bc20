package app

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"galago/app/library/catalogue"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/assets/words"
	"galago/ui"
)

// models is what the Controller knows of models beside the one that is open. It belongs to the main goroutine, but for
// what says otherwise.
type models struct {
	catalogue   []catalogue.Model
	known       []catalogue.Model                               // the catalogue, with what is only recognised
	listed      catalogue.Model                                 // as what the catalogue has the model that is open; zero: not at all
	identify    func(paths ...string) (shelf.Look, error)       // called from another goroutine
	describe    func(model, mmproj string) (shelf.Entry, error) // called from another goroutine
	openLibrary func() Library                                  // called from another goroutine; nil: there is no library
	lib         Library
	ready       bool               // the library is open
	life        context.Context    // of everything that is done for it
	end         context.CancelFunc // of life
	chores      *chores            // what reads and writes disks; has its own lock
	fitting     *chores            // what installs and tries engines, which takes longer
	unwatch     func()             // of the downloads

	page     bool          // of models is open
	own      []shelf.Entry // of the shelf
	found    []shelf.Entry // of other programs
	seeking  searching     // for them
	jobs     []download.State
	settled  map[string]bool // jobs whose end was dealt with
	wanted   map[string]bool // jobs whose model is to be opened when it is there
	free     uint64          // bytes on the disk of the models' folder; 0: not known
	judged   judged
	pairing  shelf.Look // a model that several vision files fit; the person has to choose
	toShelve files      // goes on the shelf once it has loaded
	leaving  func()     // what waits until the engine has let go of a model's files
	holder   int        // PID of the engine that it waits for
	offline  bool       // the last download failed for want of a network

	engine    engineState
	welcome   welcomeState
	diagnosis diagnosisState
}

// searching is how far the look into other programs' folders is.
type searching struct {
	stop context.CancelFunc // of the one that runs; nil: none does
	done bool
}

// builtInID is the row of the built-in model. The others' begin with what they are: a path in the shelf, a path in
// another program's folder, a model of the catalogue, one that waits for its vision file to be chosen; a download's is
// that of its job.
const (
	builtInID     = "built-in"
	ownPrefix     = "own:"
	foundPrefix   = "found:"
	offeredPrefix = "catalogue:"
	pairPrefix    = "pair:"
	jobPrefix     = "model:"
)

// startLibrary opens the library beside the main goroutine.
func (c *Controller) startLibrary() {
	if c.openLibrary == nil {
		return
	}
	c.chores.add(func() {
		lib := c.openLibrary()
		own := lib.Shelf.List()
		c.do(func() { c.libraryOpened(lib, own) })
	})
}

func (c *Controller) libraryOpened(lib Library, own []shelf.Entry) {
	c.lib, c.own, c.ready = lib, own, true
	jobs := &latest[[]download.State]{do: c.do, handle: c.showJobs}
	c.unwatch = lib.Downloads.Watch(jobs.put)
	if lib.Err != nil {
		c.view.Notify(sentence(lib.Err))
	}
	c.lookAtEngine()
	c.startWelcome()
	if c.page {
		c.ModelsShown(true)
	}
}

// closeLibrary pauses what is fetched, ends what runs, and returns when all of it is on the disk.
func (c *Controller) closeLibrary() {
	c.end()
	c.chores.wait(closePatience)
	c.fitting.wait(closePatience)
	if c.ready {
		c.unwatch()
		c.lib.Downloads.Close()
	}
}

// ModelsShown hears that the page of models was opened or closed.
func (c *Controller) ModelsShown(shown bool) {
	c.page = shown
	if !shown {
		if c.seeking.stop != nil {
			c.seeking.stop()
		}
		return
	}
	c.showModels()
	if !c.ready {
		return
	}
	c.discover()
	c.lookAtShelf()
	c.lookAtEngine()
	c.judge()
}

// discover looks for models of other programs, once until it came to its end.
func (c *Controller) discover() {
	if c.seeking.done || c.seeking.stop != nil {
		return
	}
	ctx, stop := context.WithCancel(c.life)
	c.seeking.stop = stop
	look := c.lib.Discover
	go func() {
		found := look(ctx)
		whole := ctx.Err() == nil
		stop()
		c.do(func() {
			c.seeking = searching{done: whole}
			if whole {
				c.found = found
				c.showModels()
			} else if c.page && c.life.Err() == nil {
				c.discover() // it was opened again meanwhile
			}
		})
	}()
}

// lookAtShelf reads which models are there now, and how much room is left for more.
func (c *Controller) lookAtShelf() {
	if !c.ready {
		return
	}
	lib := c.lib
	c.chores.add(func() {
		lib.Shelf.Refresh()
		own := lib.Shelf.List()
		free, err := lib.Free(lib.Folder)
		if err != nil {
			free = 0
		}
		c.do(func() {
			c.own, c.free = own, free
			c.showModels()
		})
	})
}

// changeShelf changes the shelf beside the main goroutine and shows what came of it.
func (c *Controller) changeShelf(change func(Shelf) error) {
	if !c.ready {
		return
	}
	s := c.lib.Shelf
	c.chores.add(func() {
		err := change(s)
		c.do(func() {
			if err != nil {
				c.view.Notify(sentence(err))
			}
		})
	})
	c.lookAtShelf()
}

// Download fetches a model of the catalogue. What is there already is used instead.
func (c *Controller) Download(id, variant string) {
	m, v, ok := c.offered(id, variant)
	switch {
	case !ok:
	case c.here(v) != nil:
		c.useEntry(*c.here(v))
	default:
		c.startFetch(m, v)
	}
}

// startFetch begins a download, or goes on with it.
func (c *Controller) startFetch(m catalogue.Model, v catalogue.Variant) (job string) {
	j, err := c.jobOf(m, v)
	if err != nil {
		c.view.Notify(sentence(err))
		return ""
	}
	c.offline = false
	c.lib.Downloads.Start(j)
	return j.ID
}

// jobOf is a download of a model with its vision file.
func (c *Controller) jobOf(m catalogue.Model, v catalogue.Variant) (download.Job, error) {
	j := download.Job{ID: jobID(m, v), Name: m.Name + " " + v.Quant, Spare: spareBytes, Folder: c.lib.Folder}
	for _, f := range []catalogue.File{v.Model, v.MMProj} {
		if f.Name == "" {
			continue
		}
		path, err := c.pathOf(f)
		if err != nil {
			return j, err
		}
		address, err := download.HubURL(c.settings.Mirror, f.Repo, f.Revision, f.Name)
		if err != nil {
			return j, err
		}
		j.Files = append(j.Files, download.File{URL: address, Path: path, Bytes: f.Bytes, SHA256: f.SHA256})
	}
	return j, nil
}

// spareBytes stay free on the disk beside a download: conversations are written there too.
const spareBytes = 1 << 30

func jobID(m catalogue.Model, v catalogue.Variant) string { return jobPrefix + m.ID + "/" + v.Quant }

// offered is a model and quantisation of the catalogue by the row of the page, or by the job that fetches it. Without a
// variant it is the one that the row shows.
func (c *Controller) offered(id, variant string) (catalogue.Model, catalogue.Variant, bool) {
	if rest, ok := strings.CutPrefix(id, jobPrefix); ok {
		name, quant, _ := strings.Cut(rest, "/")
		id, variant = offeredPrefix+name, quant
	}
	for _, m := range c.catalogue {
		if offeredPrefix+m.ID != id || len(m.Quantizations) == 0 {
			continue
		}
		if variant == "" {
			variant = c.choice(m)
		}
		at := slices.IndexFunc(m.Quantizations, func(v catalogue.Variant) bool { return v.Quant == variant })
		if at >= 0 {
			return m, m.Quantizations[at], true
		}
	}
	return catalogue.Model{}, catalogue.Variant{}, false
}

// here is the model on the shelf that a variant's files are, or nil.
func (c *Controller) here(v catalogue.Variant) *shelf.Entry {
	path, err := c.pathOf(v.Model)
	if err != nil {
		return nil
	}
	for i, e := range c.own {
		if e.Model == path && !e.Gone {
			return &c.own[i]
		}
	}
	return nil
}

// Pause stops a download and keeps what has come.
func (c *Controller) Pause(id string) {
	if c.ready {
		c.lib.Downloads.Pause(id)
	}
}

// Resume goes on with a download, by the settings as they are now.
func (c *Controller) Resume(id string) {
	if !c.ready {
		return
	}
	if m, v, ok := c.offered(id, ""); ok {
		c.startFetch(m, v)
		return
	}
	if s := c.job(id); s != nil { // of a catalogue of another version
		c.offline = false
		c.lib.Downloads.Start(s.Job)
	}
}

// CancelFetch stops a download for good.
func (c *Controller) CancelFetch(id string) {
	if !c.ready {
		return
	}
	delete(c.wanted, id)
	c.lib.Downloads.Cancel(id)
	if c.welcome.step == welcomeFetch && c.welcome.job == id {
		c.endWelcome() // nothing comes any more
	}
}

// showJobs takes the downloads' news.
func (c *Controller) showJobs(list []download.State) {
	first, before := c.jobs == nil, c.jobs
	c.jobs = append([]download.State{}, list...)
	for id := range c.settled {
		if c.job(id) == nil {
			delete(c.settled, id)
		}
	}
	for _, s := range list {
		c.offline = c.offline || s.Phase == download.Failed && isOffline(s.Err)
		if s.Phase != download.Done {
			delete(c.settled, s.ID)
		} else if !c.settled[s.ID] {
			c.settled[s.ID] = true
			c.fetched(s)
		}
	}
	c.tellFailed(before)
	if first {
		c.shelveOld()
		c.offerPaused()
	}
	c.showModels()
	c.showWelcome()
}

// tellFailed says that a download stopped to who looks at neither the page nor the strip.
func (c *Controller) tellFailed(before []download.State) {
	for _, s := range c.jobs {
		was := func(o download.State) bool { return o.ID == s.ID && o.Phase == download.Failed }
		if s.Phase != download.Failed || c.page || c.welcome.step == welcomeFetch || slices.ContainsFunc(before, was) {
			continue
		}
		c.view.Offer(words.T("The download of %s stopped.", s.Name), words.T("Show"), c.view.ShowModels)
	}
}

// shelveOld puts on the shelf what a download brought before the program ended, and what a list that was lost had. What is
// still being fetched is not whole: its vision file may be missing.
func (c *Controller) shelveOld() {
	if c.lib.Scan == nil {
		return
	}
	coming := map[string]bool{}
	for _, s := range c.jobs {
		for _, f := range s.Files {
			coming[f.Path] = true
		}
	}
	scan, list, life := c.lib.Scan, c.catalogue, c.life
	c.changeShelf(func(s Shelf) error {
		found := slices.DeleteFunc(scan(life), func(e shelf.Entry) bool { return coming[e.Model] })
		for i := range found {
			e := &found[i]
			if m, v, ok := catalogue.ByFile(list, filepath.Base(e.Model), fileBytes(e.Model)); ok {
				e.Name, e.Quant = m.Name, v.Quant
			}
		}
		if life.Err() != nil {
			return nil // it may not have seen all
		}
		return s.Adopt(found)
	})
}

// job is a download as it stands, or nil.
func (c *Controller) job(id string) *download.State {
	for i := range c.jobs {
		if c.jobs[i].ID == id {
			return &c.jobs[i]
		}
	}
	return nil
}

// offerPaused reminds of what the end of the program interrupted. Nothing goes on by itself.
func (c *Controller) offerPaused() {
	for _, s := range c.jobs {
		if s.Phase == download.Paused {
			id := s.ID
			c.view.Offer(words.T("The download of %s is paused.", s.Name), words.T("Go on"), func() { c.resumeAny(id) })
			return
		}
	}
}

func (c *Controller) resumeAny(id string) {
	if strings.HasPrefix(id, enginePrefix) {
		c.InstallEngine()
		return
	}
	c.Resume(id)
}

// fetched puts what was downloaded to use.
func (c *Controller) fetched(s download.State) {
	if strings.HasPrefix(s.ID, enginePrefix) {
		c.engineFetched(s)
		return
	}
	if len(s.Files) == 0 {
		return
	}
	e := entryOfJob(s)
	if m, v, ok := c.offered(s.ID, ""); ok {
		e.Name, e.Quant = m.Name, v.Quant
	}
	c.own = append([]shelf.Entry{e}, slices.DeleteFunc(slices.Clone(c.own), func(o shelf.Entry) bool { return o.Model == e.Model })...)
	c.changeShelf(func(s Shelf) error { return s.Add(e) })
	c.lib.Downloads.Cancel(s.ID) // it is whole: only the job is forgotten
	wanted := c.wanted[s.ID]
	delete(c.wanted, s.ID)
	switch {
	case c.welcome.fetched(s.ID):
		if c.idle() {
			c.useEntry(e)
			c.endWelcome()
		} else {
			c.welcome.arrived = &e // the strip has a button for it
		}
	case wanted && !c.running():
		c.useEntry(e)
	default:
		c.view.Offer(words.T("%s is downloaded.", e.Name), words.T("Use it now"), func() { c.useEntry(e) })
	}
}

// idle reports whether nobody would miss the model that is open.
func (c *Controller) idle() bool {
	return !c.running() && len(c.conv.Turns) == 0 && !c.typed && len(c.attachments) == 0
}

// entryOfJob is what a download has brought.
func entryOfJob(s download.State) shelf.Entry {
	e := shelf.Entry{Name: s.Name, Model: s.Files[0].Path, Source: shelf.Fetched, Bytes: s.Total}
	if len(s.Files) > 1 {
		e.MMProj = s.Files[1].Path
	}
	return e
}

// UseModel opens a row's model, which is fetched first where it is not there.
func (c *Controller) UseModel(id string) {
	if id == builtInID {
		c.UseBuiltIn()
		return
	}
	if e := c.entry(id); e != nil {
		c.useEntry(*e)
		return
	}
	c.UseVariant(id, "")
}

// UseVariant opens a model of the catalogue in one of its quantisations, which is fetched first where it is not there.
func (c *Controller) UseVariant(id, variant string) {
	m, v, ok := c.offered(id, variant)
	if !ok {
		return
	}
	if e := c.here(v); e != nil {
		c.useEntry(*e)
	} else if job := c.startFetch(m, v); job != "" {
		c.wanted[job] = true
	}
}

// entry is the model on this machine that a row stands for, or nil.
func (c *Controller) entry(id string) *shelf.Entry {
	list, prefix := c.own, ownPrefix
	if strings.HasPrefix(id, foundPrefix) {
		list, prefix = c.found, foundPrefix
	}
	for i := range list {
		if prefix+list[i].Model == id {
			return &list[i]
		}
	}
	return nil
}

// useEntry opens a model of this machine.
func (c *Controller) useEntry(e shelf.Entry) {
	paths := []string{e.Model}
	if e.MMProj != "" {
		paths = append(paths, e.MMProj)
	}
	c.importModel(paths, e.Source == shelf.Own)
}

// RemoveModel takes a model off the list, with Undo. Its files stay, and so does it if it is open.
func (c *Controller) RemoveModel(id string) {
	if e := c.entry(id); e != nil && strings.HasPrefix(id, ownPrefix) {
		gone := *e
		c.dropOwn(gone.Model)
		c.changeShelf(func(s Shelf) error { return s.Remove(gone.Model) })
		c.view.Offer(words.T("%s is off the list; its files are still there.", gone.Name), words.T("Undo"), func() {
			c.changeShelf(func(s Shelf) error {
				_, err := s.Restore(gone.Model)
				return err
			})
		})
	}
	if id == pairPrefix+c.pairing.Model {
		c.pairing = shelf.Look{}
		c.showModels()
	}
}

// dropOwn takes a model off the page before the disk is ready to confirm it.
func (c *Controller) dropOwn(model string) {
	c.own = slices.DeleteFunc(slices.Clone(c.own), func(e shelf.Entry) bool { return e.Model == model })
	c.showModels()
}

// DeleteModel deletes a downloaded model's files. If it is the one that is open, the built-in one takes its place first,
// and the engine is waited for to let go of the files, which Windows would not delete before.
func (c *Controller) DeleteModel(id string) {
	e := c.entry(id)
	if e == nil || e.Source != shelf.Fetched {
		return
	}
	gone, folder := *e, c.lib.Folder
	c.dropOwn(gone.Model) // nobody can open it any more; where it cannot be deleted the shelf has it still
	remove := func() {
		c.changeShelf(func(s Shelf) error { return s.Delete(gone.Model, folder) })
	}
	if c.opened.model != gone.Model && c.status.Model.Path != gone.Model {
		remove()
		return
	}
	c.holder, c.leaving = c.status.PID, remove
	c.leaveModel()
	c.letGo()
}

// leaveModel opens the built-in model, or none where that is missing.
func (c *Controller) leaveModel() {
	if c.demoErr == nil {
		c.UseBuiltIn()
		return
	}
	c.remember(files{})
	c.open(files{})
}

// letGo does what waits for the engine of a model that was left. Another engine starts only when that has ended.
func (c *Controller) letGo() {
	if c.leaving == nil || c.holder != 0 && c.status.PID == c.holder {
		return
	}
	do := c.leaving
	c.leaving = nil
	do()
}

// ImportModel opens model files of the person's own, wherever they lie.
func (c *Controller) ImportModel(paths []string) {
	c.importModel(paths, true)
}

// importModel opens files after a look into them; keep puts the model on the shelf once it has loaded.
func (c *Controller) importModel(paths []string, keep bool) {
	c.choosing++
	choice := c.choosing
	identify, read := c.identify, c.reader()
	go func() {
		look, err := identify(paths...)
		r := read(files{look.Model, look.MMProj})
		c.do(func() {
			if choice == c.choosing { // nothing else was chosen meanwhile
				c.facts = r
				c.identified(look, err, keep)
			}
		})
	}()
}

func (c *Controller) identified(look shelf.Look, err error, keep bool) {
	if err == nil && len(look.Choose) > 0 && look.MMProj == "" {
		c.pairing = look
		c.view.Notify(words.T("Several vision files fit %s. Choose one on the page of models.", filepath.Base(look.Model)))
		c.view.ShowModels()
		c.showModels()
		return
	}
	c.choseModel(look, err)
	if err == nil && keep {
		c.toShelve = c.opened
	}
}

// PairModel opens a model with the vision file that was chosen.
func (c *Controller) PairModel(id, mmproj string) {
	model := c.pairing.Model
	if e := c.entry(id); e != nil {
		model = e.Model
	} else if id != pairPrefix+model {
		return
	}
	c.pairing = shelf.Look{}
	c.importModel([]string{model, mmproj}, true)
	c.showModels()
}

// loadedModel puts a model that the person opened on the shelf, now that it has loaded.
func (c *Controller) loadedModel() {
	if !c.ready || c.toShelve == (files{}) || c.toShelve != c.opened {
		return
	}
	if c.welcome.step == welcomeFound || c.welcome.step == welcomeOffer {
		c.endWelcome() // the person has a model
	}
	f := c.toShelve
	c.toShelve = files{}
	describe := c.describe
	c.changeShelf(func(s Shelf) error {
		e, err := describe(f.model, f.mmproj)
		if err != nil {
			return err
		}
		return s.Add(e)
	})
}

// newModels knows nothing of this machine yet.
func newModels(p Params) models {
	life, end := context.WithCancel(context.Background())
	m := models{
		openLibrary: p.OpenLibrary, life: life, end: end, chores: &chores{}, fitting: &chores{},
		settled: map[string]bool{}, wanted: map[string]bool{}, identify: identify, describe: shelf.Describe,
	}
	// An error is a fault of the build, which its tests find: then nothing is offered.
	m.catalogue, _ = catalogue.Load()
	m.known, _ = catalogue.Known()
	return m
}

// modelActions are the callbacks of models, engines and diagnostics.
func (c *Controller) modelActions() ui.ModelActions {
	return ui.ModelActions{
		ModelsShown: c.ModelsShown,

		UseModel:      c.UseModel,
		UseVariant:    c.UseVariant,
		Download:      c.Download,
		Pause:         c.Pause,
		Resume:        c.Resume,
		CancelFetch:   c.CancelFetch,
		RemoveModel:   c.RemoveModel,
		DeleteModel:   c.DeleteModel,
		ImportModel:   c.ImportModel,
		PairModel:     c.PairModel,
		InstallEngine: c.InstallEngine,
		StopInstall:   c.StopInstall,
		EngineFolder:  c.EngineFolder,
		RemoveEngine:  c.RemoveEngine,

		WelcomeNext: c.WelcomeNext,
		WelcomeSkip: c.WelcomeSkip,

		Diagnose:    c.Diagnose,
		StopTest:    c.StopTest,
		CopyReport:  c.CopyReport,
		ShowReports: c.ShowReports,
	}
}
