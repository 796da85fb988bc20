// Package xdnd is a drag source: a second X client that drops files on a window as a file manager does, with
// version 5 of the XDND protocol (https://freedesktop.org/wiki/Specifications/XDND/). It serves text/uri-list.
package xdnd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
)

// version of the protocol, and the oldest one that the target may speak.
const (
	version    = 5
	oldVersion = 3
)

// maxList is the longest list of files in bytes: what fits into one property without the INCR protocol.
const maxList = 200_000

var atomNames = []string{
	"XdndAware", "XdndProxy", "XdndSelection", "XdndEnter", "XdndPosition", "XdndStatus", "XdndLeave", "XdndDrop",
	"XdndFinished", "XdndActionCopy", "XdndTypeList", "text/uri-list", "TARGETS",
}

// xgb logs what it also returns as errors.
func init() { xgb.Logger.SetOutput(io.Discard) }

// Source is a client with a window of its own that is never shown. It does one drop at a time.
type Source struct {
	conn   *xgb.Conn
	root   xproto.Window
	window xproto.Window
	atoms  map[string]xproto.Atom
	events chan xgb.Event // closed by pump when the connection ends
	done   chan struct{}  // closed by Close
}

// Result is what the target said.
type Result struct {
	Target   xproto.Window // the window that was dropped on
	Version  int           // of the protocol between the two
	Accepted bool          // the target wanted the drop, and said at the end that it took it
	Served   int           // how often the list of files was asked for
}

// Open connects to a display, such as ":99".
func Open(display string) (*Source, error) {
	conn, err := xgb.NewConnDisplay(display)
	if err != nil {
		return nil, fmt.Errorf("drag source: connect to display %s: %w", display, err)
	}
	s := &Source{
		conn: conn, root: xproto.Setup(conn).DefaultScreen(conn).Root, atoms: map[string]xproto.Atom{},
		events: make(chan xgb.Event), done: make(chan struct{}),
	}
	if err := s.setUp(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("drag source: %w", err)
	}
	go s.pump()
	return s, nil
}

func (s *Source) setUp() error {
	for _, name := range atomNames {
		reply, err := xproto.InternAtom(s.conn, false, uint16(len(name)), name).Reply()
		if err != nil {
			return fmt.Errorf("atom %s: %w", name, err)
		}
		s.atoms[name] = reply.Atom
	}
	id, err := xproto.NewWindowId(s.conn)
	if err != nil {
		return err
	}
	s.window = id
	return xproto.CreateWindowChecked(s.conn, 0, id, s.root, -10, -10, 1, 1, 0, xproto.WindowClassInputOnly, 0,
		xproto.CwEventMask, []uint32{xproto.EventMaskPropertyChange}).Check()
}

// Close ends the connection.
func (s *Source) Close() {
	close(s.done)
	s.conn.Close()
}

// pump hands events over until the connection ends.
func (s *Source) pump() {
	defer close(s.events)
	for {
		event, err := s.conn.WaitForEvent()
		if event == nil && err == nil {
			return
		}
		if event == nil {
			continue // an error of a request without a reply: the window it went to is gone, and the wait says so
		}
		select {
		case s.events <- event:
		case <-s.done:
			return
		}
	}
}

// Drop drags files over the window at (x, y) of the root window and lets them go there. It returns when the target
// said that it is finished, or refused, with Accepted telling the two apart; an error means that there is no target
// or that it does not answer before ctx ends. Paths are made absolute and need not exist.
func (s *Source) Drop(ctx context.Context, x, y int, paths ...string) (Result, error) {
	list, err := uriList(paths)
	if err != nil {
		return Result{}, err
	}
	d := &drag{Source: s, list: list}
	if err := d.findTarget(x, y); err != nil {
		return Result{}, err
	}
	if err := d.own(ctx); err != nil {
		return d.result, err
	}
	d.send("XdndEnter", uint32(d.result.Version)<<24, uint32(s.atoms["text/uri-list"]))
	d.send("XdndPosition", 0, uint32(x)<<16|uint32(y), uint32(d.time), uint32(s.atoms["XdndActionCopy"]))
	status, err := d.wait(ctx, "XdndStatus")
	if err != nil {
		return d.result, err
	}
	if status[1]&1 == 0 {
		d.send("XdndLeave")
		return d.result, nil
	}
	d.send("XdndDrop", 0, uint32(d.time))
	finished, err := d.wait(ctx, "XdndFinished")
	if err != nil {
		return d.result, err
	}
	d.result.Accepted = finished[1] != 0 // the flag is bit 0, but GLFW writes the number of bytes that it received
	return d.result, nil
}

// uriList is the body of text/uri-list.
func uriList(paths []string) (string, error) {
	if len(paths) == 0 {
		return "", errors.New("nothing to drop")
	}
	var b strings.Builder
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		u := url.URL{Scheme: "file", Path: path}
		b.WriteString(u.String() + "\r\n")
	}
	if b.Len() > maxList {
		return "", fmt.Errorf("a list of %d bytes is too long to drop, at most %d fit", b.Len(), maxList)
	}
	return b.String(), nil
}

// drag is one drop.
type drag struct {
	*Source
	list    string
	receive xproto.Window // gets the messages: the target, or the proxy it named
	time    xproto.Timestamp
	result  Result
}

// findTarget goes down from the root window to the first one at (x, y) that takes drops: a window manager's frame does
// not, the window inside it does.
func (d *drag) findTarget(x, y int) error {
	for w := d.root; ; {
		if v, receive, ok := d.aware(w); ok {
			if v < oldVersion {
				return fmt.Errorf("the window at %d,%d speaks version %d of XDND, which is too old", x, y, v)
			}
			d.result.Target, d.result.Version, d.receive = w, min(v, version), receive
			return nil
		}
		reply, err := xproto.TranslateCoordinates(d.conn, d.root, w, int16(x), int16(y)).Reply()
		if err != nil {
			return fmt.Errorf("look for the window at %d,%d: %w", x, y, err)
		}
		if reply.Child == xproto.WindowNone {
			return fmt.Errorf("no window at %d,%d takes drops", x, y)
		}
		w = reply.Child
	}
}

// aware reads the version that a window speaks, and which window its messages go to.
func (d *drag) aware(w xproto.Window) (v int, receive xproto.Window, ok bool) {
	receive = w
	if proxy, ok := d.property(w, "XdndProxy"); ok {
		// A proxy names itself as its own proxy, else it is left over from a program that crashed.
		if self, ok := d.property(xproto.Window(proxy), "XdndProxy"); ok && self == proxy {
			receive = xproto.Window(proxy)
		}
	}
	value, ok := d.property(receive, "XdndAware")
	return int(value), receive, ok
}

func (d *drag) property(w xproto.Window, name string) (uint32, bool) {
	reply, err := xproto.GetProperty(d.conn, false, w, d.atoms[name], xproto.GetPropertyTypeAny, 0, 1).Reply()
	if err != nil || reply.Format != 32 || len(reply.Value) < 4 {
		return 0, false
	}
	return xgb.Get32(reply.Value), true
}

// own takes the selection, with a time that the server gives: that of a property of ours that changes.
func (d *drag) own(ctx context.Context) error {
	types := make([]byte, 4)
	xgb.Put32(types, uint32(d.atoms["text/uri-list"]))
	xproto.ChangeProperty(d.conn, xproto.PropModeReplace, d.window, d.atoms["XdndTypeList"], xproto.AtomAtom, 32, 1, types)
	for d.time == 0 {
		event, err := d.next(ctx)
		if err != nil {
			return fmt.Errorf("ask the X server for the time: %w", err)
		}
		if e, ok := event.(xproto.PropertyNotifyEvent); ok {
			d.time = e.Time
		}
	}
	err := xproto.SetSelectionOwnerChecked(d.conn, d.window, d.atoms["XdndSelection"], d.time).Check()
	if err != nil {
		return fmt.Errorf("own the selection: %w", err)
	}
	return nil
}

func (d *drag) next(ctx context.Context) (xgb.Event, error) {
	select {
	case event, ok := <-d.events:
		if !ok {
			return nil, errors.New("the X server is gone")
		}
		return event, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send sends a message about this drag to the target; data[0] of every message is our window.
func (d *drag) send(name string, data ...uint32) {
	message := append([]uint32{uint32(d.window)}, data...)
	message = append(message, make([]uint32, 5-len(message))...)
	event := xproto.ClientMessageEvent{
		Format: 32, Window: d.result.Target, Type: d.atoms[name], Data: xproto.ClientMessageDataUnionData32New(message),
	}
	xproto.SendEvent(d.conn, false, d.receive, xproto.EventMaskNoEvent, string(event.Bytes()))
}

// wait serves the list of files until a message comes.
func (d *drag) wait(ctx context.Context, name string) ([]uint32, error) {
	for {
		event, err := d.next(ctx)
		if err != nil {
			return nil, fmt.Errorf("window %#x was sent a drag but did not answer with %s: %w", d.result.Target, name, err)
		}
		switch e := event.(type) {
		case xproto.SelectionRequestEvent:
			d.serve(e)
		case xproto.ClientMessageEvent:
			if e.Type == d.atoms[name] && xproto.Window(e.Data.Data32[0]) == d.result.Target {
				return e.Data.Data32, nil
			}
		}
	}
}

// serve answers a question for the selection.
func (d *drag) serve(request xproto.SelectionRequestEvent) {
	notify := xproto.SelectionNotifyEvent{
		Time: request.Time, Requestor: request.Requestor, Selection: request.Selection, Target: request.Target,
		Property: request.Property,
	}
	switch request.Target {
	case d.atoms["text/uri-list"]:
		xproto.ChangeProperty(d.conn, xproto.PropModeReplace, request.Requestor, request.Property, request.Target, 8,
			uint32(len(d.list)), []byte(d.list))
		d.result.Served++
	case d.atoms["TARGETS"]:
		types := make([]byte, 8)
		xgb.Put32(types, uint32(d.atoms["TARGETS"]))
		xgb.Put32(types[4:], uint32(d.atoms["text/uri-list"]))
		xproto.ChangeProperty(d.conn, xproto.PropModeReplace, request.Requestor, request.Property, xproto.AtomAtom, 32, 2, types)
	default:
		notify.Property = xproto.AtomNone // refused
	}
	xproto.SendEvent(d.conn, false, request.Requestor, xproto.EventMaskNoEvent, string(notify.Bytes()))
}
