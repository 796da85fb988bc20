package app

import (
	"io"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver"
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

func init() { xgb.Logger.SetOutput(io.Discard) } // it logs what it also returns

// bringToFront raises a window and gives it the keyboard, because the person has just asked for it elsewhere.
func bringToFront(w fyne.Window) {
	w.RequestFocus()
	native, ok := w.(driver.NativeWindow)
	if !ok {
		return
	}
	native.RunNative(func(context any) {
		if x, ok := context.(driver.X11WindowContext); ok && x.WindowHandle != 0 {
			go activate(xproto.Window(x.WindowHandle)) // without waiting for the X server here
		}
	})
}

// fromPager says that it is the person's own wish to see a window, as opposed to the program's, of which a window
// manager may make a flashing entry in the task bar. It is source indication 2 of the EWMH's _NET_ACTIVE_WINDOW.
const fromPager = 2

// activate asks the window manager to show a window, also one that is minimised or on another desktop.
func activate(window xproto.Window) error {
	conn, err := xgb.NewConn()
	if err != nil {
		return err
	}
	defer conn.Close()
	const name = "_NET_ACTIVE_WINDOW"
	atom, err := xproto.InternAtom(conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return err
	}
	event := xproto.ClientMessageEvent{
		Format: 32, Window: window, Type: atom.Atom,
		Data: xproto.ClientMessageDataUnionData32New([]uint32{fromPager, xproto.TimeCurrentTime, 0, 0, 0}),
	}
	const toManager = xproto.EventMaskSubstructureNotify | xproto.EventMaskSubstructureRedirect
	root := xproto.Setup(conn).DefaultScreen(conn).Root
	return xproto.SendEventChecked(conn, false, root, toManager, string(event.Bytes())).Check()
}

// letOthersToFront has nothing to do: the window manager decides.
func letOthersToFront() {}
