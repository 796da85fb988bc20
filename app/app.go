package app

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"
	"github.com/adrg/xdg"

	"galago/app/chat/store"
	_ "galago/app/locale" // before Fyne
	"galago/assets"
	"galago/inference"
	"galago/inference/engines"
	"galago/inference/portable"
	"galago/inference/vision"
	"galago/ui"
	"galago/vram"
)

// ID is the application's name for the desktop; FyneApp.toml has it too.
const ID = "app.galago.Galago"

const (
	// openPatience is how long the window waits for the conversations. Usually they are open long before it is built; who
	// is late is waited for with the window there.
	openPatience = 300 * time.Millisecond
	// answerPatience is how long a second start waits for the first window, which may be busy drawing.
	answerPatience = 2 * time.Second
)

// Run opens the window and returns when it is closed and the engine is gone. Files are attached to the first question.
// Where the conversations are open in another window already, that gets the files.
func Run(version string, files []string) {
	if err := portable.Enter(); err != nil {
		refusePortable(err)
		return
	}
	p := newProgram(version, absolute(files))
	defer p.rescue()
	p.build()
	if p.decide() {
		p.app.Run()
	}
	p.end()
}

// program is all that Run puts together. What has no other owner in its comment belongs to the main goroutine.
type program struct {
	version  string
	files    []string // absolute
	state    string   // folder for what need not be kept for long
	kept     string   // folder of conversations
	settings string   // file
	sockets  []string // where the window with the conversations listens
	log      *slog.Logger
	closeLog func()
	survived func() // takes away what waits for a crash

	opening *opening
	gate    *gate
	app     fyne.App
	service *inference.Service
	window  *ui.Window
	notice  *ui.Notice // while it is shown
	ended   bool

	controller *Controller
	begun      bool         // the main window is shown and the controller started
	listening  chan *bell   // gets one once begun; nil where nothing listens
	stopWatch  func()       // of the monitor
	pid, pace  atomic.Int64 // of the engine, for the monitor's goroutine
}

func newProgram(version string, files []string) *program {
	state, kept := filepath.Join(xdg.StateHome, "galago"), filepath.Join(xdg.DataHome, "galago", "conversations")
	p := &program{
		version: version, files: files, state: state, kept: kept,
		settings: filepath.Join(xdg.ConfigHome, "galago", "settings.json"),
		sockets:  socketPaths(xdg.RuntimeDir, xdg.StateHome, kept),
		gate:     &gate{do: fyne.Do}, listening: make(chan *bell, 1), stopWatch: func() {},
	}
	testCatalogue()
	p.opening = beginOpening(kept, state)
	p.log, p.closeLog = openLog(state)
	var err error
	if p.survived, err = awaitCrash(state, version); err != nil {
		p.log.Warn("crashes cannot be reported", "err", err)
	}
	vision.SetCache(filepath.Join(xdg.CacheHome, "galago", "decoders"))
	speak(p.settings, filepath.Join(xdg.CacheHome, "galago"), p.log)
	return p
}

// newFyne is the toolkit's application. Without an ID Fyne keeps no preferences, in a folder of its own, that Galago has no
// use for.
func newFyne() fyne.App {
	a := fyneapp.NewWithID("")
	a.SetIcon(fyne.NewStaticResource("icon.png", assets.Icon))
	return a
}

// build makes everything, and shows nothing yet: the conversations are opened meanwhile.
func (p *program) build() {
	p.app = newFyne()
	states := filepath.Join(xdg.CacheHome, "galago", "states")
	p.service = inference.New(engines.Use(inference.Options{
		Log: p.log, Device: inference.CardMemory, CalibrationFile: filepath.Join(p.state, "calibration.json"), States: states,
	}))
	p.controller = NewController(Params{
		Do:           p.gate.pass,
		Client:       p.service,
		Copy:         func(s string) { p.app.Clipboard().SetContent(s) },
		Browse:       browse,
		SettingsPath: p.settings,
		OpenStore:    func() (*store.Store, error) { return p.opening.take() },
		DataFolder:   filepath.Dir(p.kept),
		States:       states,
		OpenLibrary:  opener(filepath.Dir(p.kept), filepath.Join(xdg.CacheHome, "galago"), p.state, p.log),
	})
	actions := p.controller.Actions()
	actions.Quit = p.gate.close
	p.window = ui.New(p.app, actions)
	p.service.Watch(func(s inference.Status) {
		p.pid.Store(int64(s.PID))
		p.pace.Store(int64(paceOf(s.State)))
	})
	p.app.Lifecycle().SetOnStarted(func() {
		if p.notice == nil {
			p.begin()
		}
	})
	p.app.Lifecycle().SetOnStopped(p.gate.close) // a signal ends Fyne without closing the window
}

// decide shows the main window, or a notice in its place, or hands the files over and is false: there is nothing to
// run.
func (p *program) decide() bool {
	var err error
	if p.opening.settled(openPatience) {
		err = p.opening.err
	}
	switch {
	case err == nil:
		p.window.Fyne().Show()
	case errors.Is(err, store.ErrLocked) && len(p.files) > 0:
		if p.knock() == nil {
			return false
		}
		p.say(p.hung())
	default:
		p.say(p.refused(err))
	}
	return true
}

// show replaces the notice by the main window.
func (p *program) show() {
	p.window.Fyne().Show()
	p.hideNotice()
	p.begin()
}

// begin lets the controller work, once Fyne's loop runs and the window is there.
func (p *program) begin() {
	if p.begun {
		return
	}
	p.begun = true
	p.log.Info("Galago starts", "version", p.version, "system", systemName())
	view := &reporting{View: record(p.window)}
	p.controller.Start(view)
	go p.settle(view, p.opening, p.controller.openStore != nil)
	readings := &latest[vram.Reading]{do: p.gate.pass, handle: p.controller.showReading}
	watch, stop := context.WithCancel(context.Background())
	p.stopWatch = stop
	vram.Monitor{
		PID:   func() int { return int(p.pid.Load()) },
		Every: func() time.Duration { return time.Duration(p.pace.Load()) },
		Tell:  readings.put,
	}.Start(watch)
	if len(p.files) > 0 {
		p.controller.Attach(p.files)
	}
}

// settle does what must wait for the disk, in a goroutine of its own: it listens for later starts if this window has the
// conversations, and tells of crashes.
func (p *program) settle(view *reporting, o *opening, keeps bool) {
	<-o.done
	var b *bell
	if o.err == nil && keeps {
		var err error
		if b, err = listen(p.sockets, p.ring); err != nil {
			p.log.Warn(err.Error())
		}
	}
	p.listening <- b
	if len(o.reports) > 0 {
		p.log.Warn("Galago ended unexpectedly before", "reports", o.reports)
		p.gate.pass(func() { view.offerReports(o.reports[len(o.reports)-1]) })
	}
}

// ring does what a later start asks for.
func (p *program) ring(c call, done func()) {
	p.gate.pass(func() {
		if len(c.Files) > 0 {
			p.controller.Attach(c.paths())
		}
		if c.Front {
			bringToFront(p.window.Fyne())
		}
		done()
	})
}

// end stops everything in order, when the windows are gone.
func (p *program) end() {
	p.gate.close()
	p.stopWatch()
	if p.begun {
		select {
		case b := <-p.listening:
			if b != nil {
				b.close()
			}
		case <-time.After(closePatience): // the conversations are still being opened, so nothing listens
		}
		p.controller.Close()
		p.log.Info("Galago ends")
	}
	p.opening.give()
	p.service.Close()
	p.ended = true
	p.survived() // not deferred: a panic runs what is deferred before Go writes of it
	p.closeLog()
}

// rescue writes down what can be saved when the main goroutine panics, which then goes on.
func (p *program) rescue() {
	if p.ended || !p.begun {
		return
	}
	defer func() { _ = recover() }() // of the rescue only: the first panic is not this function's
	p.controller.Close()
}

// absolute makes paths of what came on the command line, as the shell or a desktop gives it.
func absolute(files []string) (paths []string) {
	for _, f := range files {
		if u, err := url.Parse(f); err == nil && strings.EqualFold(u.Scheme, "file") && u.Path != "" {
			f = filepath.FromSlash(u.Path)
		}
		if abs, err := filepath.Abs(f); err == nil {
			f = abs
		}
		paths = append(paths, f)
	}
	return paths
}

// gate lets functions through to the main goroutine until the window closes. After that Fyne would run them where they
// come from, several at a time, on widgets that are gone.
type gate struct {
	do func(func()) // does not wait

	mu     sync.Mutex // owns closed
	closed bool
}

func (g *gate) pass(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.closed {
		g.do(f)
	}
}

func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
}
