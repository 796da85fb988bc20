package clipboard

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

func init() { xgb.Logger.SetOutput(io.Discard) } // it logs what it also returns

// client is a connection to the X server with a window that is never shown.
type client struct {
	conn   *xgb.Conn
	window xproto.Window
	atoms  map[string]xproto.Atom
	events chan xgb.Event // closed by pump when the connection ends
	done   chan struct{}  // closed by close
}

func connect() (*client, error) {
	conn, err := xgb.NewConn()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	c := &client{conn: conn, atoms: map[string]xproto.Atom{}, events: make(chan xgb.Event), done: make(chan struct{})}
	if err := c.setUp(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("clipboard: %w", err)
	}
	go c.pump()
	return c, nil
}

func (c *client) setUp() (err error) {
	if c.window, err = xproto.NewWindowId(c.conn); err != nil {
		return err
	}
	root := xproto.Setup(c.conn).DefaultScreen(c.conn).Root
	err = xproto.CreateWindowChecked(c.conn, 0, c.window, root, -10, -10, 1, 1, 0, xproto.WindowClassInputOnly, 0,
		xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check()
	for _, name := range []string{"CLIPBOARD", "TARGETS", "INCR", "image/png", "GALAGO"} {
		if err == nil {
			c.atoms[name], err = c.atom(name)
		}
	}
	return err
}

func (c *client) atom(name string) (xproto.Atom, error) {
	reply, err := xproto.InternAtom(c.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return 0, err
	}
	return reply.Atom, nil
}

func (c *client) close() {
	close(c.done)
	c.conn.Close()
}

// pump hands events over until the connection ends.
func (c *client) pump() {
	defer close(c.events)
	for {
		event, err := c.conn.WaitForEvent()
		if event == nil && err == nil {
			return
		}
		if event == nil {
			continue // of a request without a reply: the other program's window is gone
		}
		select {
		case c.events <- event:
		case <-c.done:
			return
		}
	}
}

// next waits for an event that f wants.
func (c *client) next(ctx context.Context, f func(xgb.Event) bool) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		select {
		case e, ok := <-c.events:
			if !ok {
				return ErrNone
			}
			if f(e) {
				return nil
			}
		case <-late.C:
			return ErrSilent
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func read(ctx context.Context) ([]byte, error) {
	data, err := readX(ctx)
	if len(data) == 0 {
		if d, waylandErr := readWayland(ctx); len(d) > 0 || err != nil && waylandErr == nil {
			return d, nil
		}
	}
	return data, err
}

// readX asks the owner of the clipboard what it offers, and then for the best picture.
func readX(ctx context.Context) ([]byte, error) {
	c, err := connect()
	if err != nil {
		return nil, err
	}
	defer c.close()
	owner, err := xproto.GetSelectionOwner(c.conn, c.atoms["CLIPBOARD"]).Reply()
	if err != nil || owner.Owner == xproto.WindowNone {
		return nil, err
	}
	list, err := c.convert(ctx, c.atoms["TARGETS"])
	if err != nil {
		return nil, err
	}
	offered, atoms := map[string]bool{}, map[string]xproto.Atom{}
	for ; len(list) >= 4 && len(atoms) < 200; list = list[4:] {
		a := xproto.Atom(xgb.Get32(list))
		if reply, err := xproto.GetAtomName(c.conn, a).Reply(); err == nil {
			offered[reply.Name], atoms[reply.Name] = true, a
		}
	}
	kind := pick(offered)
	if kind == "" {
		return nil, nil
	}
	return c.convert(ctx, atoms[kind])
}

// convert asks for the clipboard as a target; nil when the owner refuses.
func (c *client) convert(ctx context.Context, target xproto.Atom) ([]byte, error) {
	property := c.atoms["GALAGO"]
	xproto.ConvertSelection(c.conn, c.window, c.atoms["CLIPBOARD"], target, property, xproto.TimeCurrentTime)
	var answer xproto.SelectionNotifyEvent
	err := c.next(ctx, func(e xgb.Event) (ok bool) {
		answer, ok = e.(xproto.SelectionNotifyEvent)
		return ok && answer.Target == target
	})
	if err != nil || answer.Property == xproto.AtomNone {
		return nil, err
	}
	data, kind, err := c.take(property, MaxBytes)
	if err != nil || kind != c.atoms["INCR"] {
		return data, err
	}
	// In pieces: each one that is deleted brings the next, an empty one is the end.
	data = nil
	for {
		err := c.next(ctx, func(e xgb.Event) bool {
			p, ok := e.(xproto.PropertyNotifyEvent)
			return ok && p.Atom == property && p.State == xproto.PropertyNewValue
		})
		if err != nil {
			return nil, err
		}
		piece, _, err := c.take(property, MaxBytes-len(data))
		if err != nil || len(piece) == 0 {
			return data, err
		}
		data = append(data, piece...)
	}
}

// take reads a property of our window and deletes it.
func (c *client) take(property xproto.Atom, most int) (data []byte, kind xproto.Atom, err error) {
	const words = 1 << 18 // 1 MiB at a time
	for {
		reply, err := xproto.GetProperty(c.conn, false, c.window, property, xproto.GetPropertyTypeAny, uint32(len(data)/4), words).Reply()
		if err != nil {
			return nil, 0, fmt.Errorf("clipboard: %w", err)
		}
		kind = reply.Type
		data = append(data, reply.Value...)
		if len(data) > most || uint64(len(data))+uint64(reply.BytesAfter) > uint64(most) {
			return nil, 0, ErrLarge
		}
		if reply.BytesAfter == 0 || len(reply.Value) == 0 {
			xproto.DeleteProperty(c.conn, c.window, property)
			return data, kind, nil
		}
	}
}
