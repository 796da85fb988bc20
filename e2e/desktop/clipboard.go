//go:build linux

package desktop

import (
	"fmt"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// Copy puts data of a type, such as "image/png", into the clipboard, as a program of its own that holds it until the
// desktop is closed. The data must fit into one message, which is 256 KiB at least.
func (d *Desktop) Copy(kind string, data []byte) error {
	conn, err := xgb.NewConnDisplay(d.Display)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	h := holder{conn: conn, data: data}
	for name, atom := range map[string]*xproto.Atom{"CLIPBOARD": &h.clipboard, "TARGETS": &h.targets, kind: &h.kind} {
		reply, err := xproto.InternAtom(conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			conn.Close()
			return fmt.Errorf("copy: %w", err)
		}
		*atom = reply.Atom
	}
	if err := h.own(); err != nil {
		conn.Close()
		return fmt.Errorf("copy: %w", err)
	}
	d.copies = append(d.copies, conn)
	go h.serve()
	return nil
}

// holder is the program that holds the clipboard. Its goroutine ends with the connection.
type holder struct {
	conn                     *xgb.Conn
	clipboard, targets, kind xproto.Atom
	data                     []byte
}

func (h *holder) own() error {
	window, err := xproto.NewWindowId(h.conn)
	if err != nil {
		return err
	}
	root := xproto.Setup(h.conn).DefaultScreen(h.conn).Root
	if err := xproto.CreateWindowChecked(h.conn, 0, window, root, 0, 0, 1, 1, 0, xproto.WindowClassInputOnly, 0, 0, nil).Check(); err != nil {
		return err
	}
	return xproto.SetSelectionOwnerChecked(h.conn, window, h.clipboard, xproto.TimeCurrentTime).Check()
}

// serve answers those who want what is held.
func (h *holder) serve() {
	for {
		event, err := h.conn.WaitForEvent()
		if event == nil && err == nil {
			return // closed
		}
		if r, ok := event.(xproto.SelectionRequestEvent); ok {
			h.answer(r)
		}
	}
}

func (h *holder) answer(r xproto.SelectionRequestEvent) {
	property := r.Property
	switch r.Target {
	case h.targets:
		list := make([]byte, 8)
		xgb.Put32(list, uint32(h.targets))
		xgb.Put32(list[4:], uint32(h.kind))
		xproto.ChangeProperty(h.conn, xproto.PropModeReplace, r.Requestor, property, xproto.AtomAtom, 32, 2, list)
	case h.kind:
		xproto.ChangeProperty(h.conn, xproto.PropModeReplace, r.Requestor, property, h.kind, 8, uint32(len(h.data)), h.data)
	default:
		property = xproto.AtomNone
	}
	note := xproto.SelectionNotifyEvent{
		Time: r.Time, Requestor: r.Requestor, Selection: r.Selection, Target: r.Target, Property: property,
	}
	xproto.SendEvent(h.conn, false, r.Requestor, 0, string(note.Bytes()))
}
