package app

import (
	"context"
	"sync"
	"time"

	"galago/app/library/catalogue"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/inference/doctor"
	"galago/inference/engines"
	"galago/inference/plan"
)

// Library is what the Controller works with beside the engine's service: models, downloads, engines and the doctor.
// Its functions may be called from any goroutine; those that take long are never called on the main one. What is nil
// is not there, and the window offers nothing of it.
type Library struct {
	Folder    string // where downloaded models go; absolute
	Archives  string // where a downloaded engine lies until it is installed; absolute
	Logs      string // folder of logs and reports
	Downloads Downloads
	Shelf     Shelf
	Err       error // why not all of the list of models could be read; whole sentences
	Discover  func(ctx context.Context) []shelf.Entry
	Scan      func(ctx context.Context) []shelf.Entry // what Folder holds
	Judge     func(catalogue.Model, catalogue.Variant, plan.Device) catalogue.Judgement
	Suggest   func([]catalogue.Model, plan.Device) (catalogue.Model, catalogue.Variant, bool)
	// Device is the memory that a model would go to, with what the process pid holds of it counted as free: a card's,
	// or the system's where there is none.
	Device  func(gpu string, pid int) plan.Device
	Memory  func(pid int) plan.Device           // the same of the system, where no engine can use a card
	Free    func(folder string) (uint64, error) // bytes free on a folder's disk, which need not be there yet
	Engines Engines
	// Doctor examines the computer, with or without the self-test; step is told what is being looked at.
	Doctor func(ctx context.Context, test bool, step func(doctor.Step)) (doctor.Report, error)
}

// Downloads is a download.Manager.
type Downloads interface {
	Watch(watch func([]download.State)) (stop func())
	Start(j download.Job)
	Pause(id string)
	Cancel(id string)
	Discard(id string)
	Close()
}

// Shelf is a shelf.Shelf.
type Shelf interface {
	List() []shelf.Entry
	Refresh() (changed bool)
	Add(e shelf.Entry) error
	Adopt(found []shelf.Entry) error
	Remove(model string) error
	Restore(model string) (bool, error)
	Delete(model, folder string) error
}

// Engines are the functions of package engines; Card is its Look.
type Engines struct {
	Current func() (engines.Engine, bool)
	Card    func(ctx context.Context, gpu string) (engines.Card, error)
	For     func(engines.Card) (engines.Build, error)
	Install func(ctx context.Context, b engines.Build, archives []string, progress func(what string, done float64)) (engines.Engine, error)
	Name    func(ctx context.Context, dir string) (engines.Engine, error)
	Remove  func() error
}

// chores are done one after the other, in the order in which they came, beside the main goroutine. Any goroutine may
// add one.
type chores struct {
	mu      sync.Mutex // owns what follows
	list    []func()
	working bool
}

func (c *chores) add(work func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, work)
	if !c.working {
		c.working = true
		go c.work()
	}
}

func (c *chores) work() {
	for {
		c.mu.Lock()
		if len(c.list) == 0 {
			c.working = false
			c.mu.Unlock()
			return
		}
		next := c.list[0]
		c.list = c.list[1:]
		c.mu.Unlock()
		next()
	}
}

// wait returns when all that was added so far is done, or when that takes too long.
func (c *chores) wait(patience time.Duration) {
	done := make(chan struct{})
	c.add(func() { close(done) })
	select {
	case <-done:
	case <-time.After(patience):
	}
}
