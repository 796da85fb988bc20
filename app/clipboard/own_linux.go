package clipboard

import (
	"fmt"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// piece is how much is sent at a time: less than any X server takes in one request.
const piece = 128 << 10

// write takes the clipboard and serves it from a goroutine of its own until another program takes it.
func write(png []byte) error {
	c, err := connect()
	if err != nil {
		return err
	}
	err = xproto.SetSelectionOwnerChecked(c.conn, c.window, c.atoms["CLIPBOARD"], xproto.TimeCurrentTime).Check()
	if err != nil {
		c.close()
		return fmt.Errorf("clipboard: %w", err)
	}
	o := &owner{client: c, png: png, sending: map[place][]byte{}}
	go o.serve()
	return nil
}

// owner holds the clipboard. All of it belongs to the goroutine of serve.
type owner struct {
	*client
	png     []byte
	sending map[place][]byte // what is still to be sent in pieces
}

// place is where a program wants it.
type place struct {
	window   xproto.Window
	property xproto.Atom
}

func (o *owner) serve() {
	defer o.close()
	for event := range o.events {
		switch e := event.(type) {
		case xproto.SelectionClearEvent:
			return
		case xproto.SelectionRequestEvent:
			o.answer(e)
		case xproto.PropertyNotifyEvent:
			if e.State == xproto.PropertyDelete {
				o.more(place{e.Window, e.Atom})
			}
		case xproto.DestroyNotifyEvent:
			for p := range o.sending {
				if p.window == e.Window {
					delete(o.sending, p)
				}
			}
		}
	}
}

func (o *owner) answer(e xproto.SelectionRequestEvent) {
	to := place{e.Requestor, e.Property}
	if to.property == xproto.AtomNone {
		to.property = e.Target // an old program
	}
	notify := xproto.SelectionNotifyEvent{
		Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target, Property: to.property,
	}
	switch e.Target {
	case o.atoms["TARGETS"]:
		o.putNumbers(to, xproto.AtomAtom, uint32(o.atoms["TARGETS"]), uint32(o.atoms["image/png"]))
	case o.atoms["image/png"]:
		o.send(to)
	default:
		notify.Property = xproto.AtomNone // refused
	}
	xproto.SendEvent(o.conn, false, e.Requestor, xproto.EventMaskNoEvent, string(notify.Bytes()))
}

func (o *owner) send(to place) {
	if len(o.png) <= piece {
		o.put(to, o.png)
		return
	}
	xproto.ChangeWindowAttributes(o.conn, to.window, xproto.CwEventMask,
		[]uint32{xproto.EventMaskPropertyChange | xproto.EventMaskStructureNotify})
	o.sending[to] = o.png
	o.putNumbers(to, o.atoms["INCR"], uint32(len(o.png)))
}

// more sends the next piece; after the last one an empty one says so.
func (o *owner) more(to place) {
	rest, ok := o.sending[to]
	if !ok {
		return
	}
	n := min(len(rest), piece)
	if o.put(to, rest[:n]); n == 0 {
		delete(o.sending, to)
		return
	}
	o.sending[to] = rest[n:]
}

func (o *owner) put(to place, data []byte) {
	xproto.ChangeProperty(o.conn, xproto.PropModeReplace, to.window, to.property, o.atoms["image/png"], 8, uint32(len(data)), data)
}

func (o *owner) putNumbers(to place, kind xproto.Atom, numbers ...uint32) {
	b := make([]byte, 4*len(numbers))
	for i, n := range numbers {
		xgb.Put32(b[4*i:], n)
	}
	xproto.ChangeProperty(o.conn, xproto.PropModeReplace, to.window, to.property, kind, 32, uint32(len(numbers)), b)
}
