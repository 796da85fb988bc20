//go:build linux

package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/damage"
	"github.com/jezek/xgb/xproto"

	"galago/e2e/desktop"
)

// watcher hears of everything that is drawn on a screen's windows, from the X server.
type watcher struct {
	events, ask *xgb.Conn // the first belongs to listen
	root        xproto.Window
	window      xproto.Window // the program's, once it has the keyboard
	drawn       chan drawing

	mu     sync.Mutex // owns frames
	frames map[xproto.Drawable][]time.Time
}

// drawing is something that was drawn.
type drawing struct {
	on xproto.Drawable
	at time.Time
}

// apart is how long nothing must be drawn between two frames. Fyne draws at most 60 a second.
const apart = 5 * time.Millisecond

func watch(display string) (*watcher, error) {
	w := &watcher{drawn: make(chan drawing, 10_000), frames: map[xproto.Drawable][]time.Time{}}
	var err error
	if w.events, err = xgb.NewConnDisplay(display); err != nil {
		return nil, err
	}
	if w.ask, err = xgb.NewConnDisplay(display); err != nil {
		return nil, err
	}
	if err := damage.Init(w.events); err != nil {
		return nil, err
	}
	if _, err := damage.QueryVersion(w.events, 1, 1).Reply(); err != nil {
		return nil, err
	}
	w.root = xproto.Setup(w.events).DefaultScreen(w.events).Root
	err = xproto.ChangeWindowAttributesChecked(w.events, w.root, xproto.CwEventMask, []uint32{xproto.EventMaskSubstructureNotify}).Check()
	if err != nil {
		return nil, err
	}
	go w.listen()
	return w, nil
}

func (w *watcher) close() {
	w.events.Close()
	w.ask.Close()
}

// listen follows every window from the moment it is made. It ends with the connection.
func (w *watcher) listen() {
	for {
		e, err := w.events.WaitForEvent()
		switch e := e.(type) {
		case nil:
			if err == nil {
				return
			}
		case xproto.CreateNotifyEvent:
			if id, err := damage.NewDamageId(w.events); err == nil && e.Width > 100 {
				damage.Create(w.events, id, xproto.Drawable(e.Window), damage.ReportLevelRawRectangles)
			}
		case damage.NotifyEvent:
			w.note(e)
		}
	}
}

func (w *watcher) note(e damage.NotifyEvent) {
	now := time.Now()
	w.mu.Lock()
	list := w.frames[e.Drawable]
	if len(list) > 0 && now.Sub(list[len(list)-1]) < apart {
		list[len(list)-1] = now // still the same frame
	} else {
		list = append(list, now)
	}
	w.frames[e.Drawable] = list
	w.mu.Unlock()
	select {
	case w.drawn <- drawing{e.Drawable, now}:
	default: // nobody waits for it
	}
}

// count is how many frames the program has drawn.
func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.frames[xproto.Drawable(w.window)])
}

// changed takes what was drawn on the program's window since the last call, and reports whether it was anything.
func (w *watcher) changed() (drawn bool) {
	for {
		select {
		case e := <-w.drawn:
			drawn = drawn || e.on == xproto.Drawable(w.window)
		default:
			return drawn
		}
	}
}

// focused waits until the window of a process has the keyboard. It asks often: this is part of what is measured.
func (w *watcher) focused(screen *desktop.Desktop, pid int) error {
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for {
		select {
		case <-tick.C:
		case <-end:
			return fmt.Errorf("no window had the keyboard after %v", patience)
		}
		focus, err := xproto.GetInputFocus(w.ask).Reply()
		if err != nil {
			return err
		}
		if focus.Focus <= 1 || focus.Focus == w.root { // none, or the pointer's
			continue
		}
		if win, ok := screen.Window(pid); ok && win.ID == focus.Focus {
			w.window = win.ID
			return nil
		}
	}
}

// picture of the program's window, four bytes a pixel.
func (w *watcher) picture() ([]byte, error) {
	size, err := xproto.GetGeometry(w.ask, xproto.Drawable(w.window)).Reply()
	if err != nil {
		return nil, err
	}
	img, err := xproto.GetImage(w.ask, xproto.ImageFormatZPixmap, xproto.Drawable(w.window), 0, 0, size.Width, size.Height, 0xFFFFFFFF).Reply()
	if err != nil {
		return nil, fmt.Errorf("picture of the window: %w", err)
	}
	return img.Data, nil
}
