package app

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	fyneapp "fyne.io/fyne/v2/app"
	"github.com/adrg/xdg"

	_ "galago/app/locale" // before Fyne
	"galago/assets"
	"galago/inference"
	"galago/ui"
	"galago/vram"
)

// ID is the application's name for the desktop; FyneApp.toml has it too.
const ID = "app.galago.Galago"

// Run opens the window and returns when it is closed and the engine is gone. Files are attached to the first question.
func Run(version string, files []string) {
	state := filepath.Join(xdg.StateHome, "galago")
	logger, closeLog := openLog(state)
	defer closeLog()
	settings := filepath.Join(xdg.ConfigHome, "galago", "settings.json")
	speak(settings, filepath.Join(xdg.CacheHome, "galago"), logger)
	diedNot, err := awaitCrash(state, version)
	if err != nil {
		logger.Warn("crashes cannot be reported", "err", err)
	}

	main := &gate{do: fyne.Do}
	a := fyneapp.NewWithID(ID)
	a.SetIcon(fyne.NewStaticResource("icon.png", assets.Icon))
	service := inference.New(inference.Options{
		Log: logger, Device: inference.CardMemory, CalibrationFile: filepath.Join(state, "calibration.json"),
	})
	c := NewController(Params{
		Do:           main.pass,
		Client:       service,
		Copy:         func(s string) { a.Clipboard().SetContent(s) },
		SettingsPath: settings,
	})
	actions := c.Actions()
	actions.Quit = main.close
	window := ui.New(a, actions)

	watch, stopWatch := context.WithCancel(context.Background())
	var pid, pace atomic.Int64 // of the engine, for the monitor's goroutine
	service.Watch(func(s inference.Status) {
		pid.Store(int64(s.PID))
		pace.Store(int64(paceOf(s.State)))
	})
	a.Lifecycle().SetOnStarted(func() {
		c.Start(record(window))
		readings := &latest[vram.Reading]{do: main.pass, handle: c.showReading}
		vram.Monitor{
			PID:   func() int { return int(pid.Load()) },
			Every: func() time.Duration { return time.Duration(pace.Load()) },
			Tell:  readings.put,
		}.Start(watch)
		if len(files) > 0 {
			c.Attach(files)
		}
	})
	a.Lifecycle().SetOnStopped(main.close) // a signal ends Fyne without closing the window
	window.ShowAndRun()
	main.close()
	stopWatch()
	service.Close()
	diedNot() // not deferred: a panic runs what is deferred before Go writes of it
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
