package app

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// One window has the conversations open, and the lock of their folder says which. It listens on a socket for later
// starts of Galago, which ask it to come to the front and to take the files that they were given. Each asks with one
// line, and is answered with one once the window has done it.
//
// A socket file that a crash has left behind does no harm: nobody asks before the lock has shown that a window is
// there, and who has the lock replaces the file.

const (
	callVersion = 1
	maxCall     = 1 << 20 // bytes of a line
	maxFiles    = 1000
	maxPath     = 32 << 10 // bytes; no system takes longer ones

	callPatience = 5 * time.Second // for the other side of a connection
	callsAtOnce  = 4
)

// call is what a later start asks for. Later versions may add fields, so unknown ones are skipped.
type call struct {
	Version int      `json:"version"`
	Front   bool     `json:"front,omitempty"` // to come to the front
	Files   [][]byte `json:"files,omitempty"` // to be attached; absolute, and bytes, since a path need not be text
}

// answer is what the window says when it has done what it was asked for.
type answer struct {
	Version int  `json:"version"`
	OK      bool `json:"ok"`
}

var (
	errBadCall = errors.New("not a call of Galago")
	// errNoAnswer: there is no window that listens, or it hangs.
	errNoAnswer = errors.New("the window does not answer")
)

// parseCall checks what came over the socket, from whomever.
func parseCall(line []byte) (call, error) {
	var c call
	if err := json.Unmarshal(line, &c); err != nil {
		return call{}, fmt.Errorf("%w: %w", errBadCall, err)
	}
	if c.Version < 1 || len(c.Files) > maxFiles {
		return call{}, fmt.Errorf("%w: version %d, %d files", errBadCall, c.Version, len(c.Files))
	}
	for _, f := range c.Files {
		path := string(f)
		if len(path) > maxPath || strings.ContainsRune(path, 0) || !filepath.IsAbs(path) {
			return call{}, fmt.Errorf("%w: a path that cannot be one", errBadCall)
		}
	}
	return c, nil
}

// paths are the call's files.
func (c call) paths() (paths []string) {
	for _, f := range c.Files {
		paths = append(paths, string(f))
	}
	return paths
}

// callFor asks for files to be attached, and for the front.
func callFor(files []string) call {
	c := call{Version: callVersion, Front: true}
	for _, f := range files[:min(len(files), maxFiles)] {
		c.Files = append(c.Files, []byte(f))
	}
	return c
}

// socketPaths are where the window that has a folder of conversations open may listen, the best first. Windows with
// different folders do not meet.
func socketPaths(runtime, state, conversations string) (paths []string) {
	name := fmt.Sprintf("%x.sock", sha256.Sum256([]byte(conversations)))[48:]
	for _, dir := range []string{runtime, state} {
		if dir != "" {
			paths = append(paths, filepath.Join(dir, "galago", name))
		}
	}
	return paths
}

// bell is the socket on which a window listens. Its goroutines own nothing but their connections.
type bell struct {
	listener *net.UnixListener
	ring     func(c call, done func()) // does what is asked for, and calls done when it has
	limit    chan struct{}
	stopping chan struct{}
	running  sync.WaitGroup
}

// listen makes the socket at the first of the paths that can be used. Only who has the lock of the conversations may:
// the file that lies there is taken to be left behind. The folder is this person's alone, and so is the socket.
func listen(paths []string, ring func(c call, done func())) (*bell, error) {
	err := errors.New("there is no folder for it")
	for _, path := range paths {
		var l *net.UnixListener
		if l, err = listenAt(path); err != nil {
			continue
		}
		b := &bell{listener: l, ring: ring, limit: make(chan struct{}, callsAtOnce), stopping: make(chan struct{})}
		b.running.Go(b.accept)
		return b, nil
	}
	return nil, fmt.Errorf("later starts cannot reach this window: %w", err)
}

func listenAt(path string) (*net.UnixListener, error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := ownsPrivately(dir); err != nil {
		if os.Chmod(dir, 0o700) != nil || ownsPrivately(dir) != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// close ends the listening, before the conversations' lock is given back, and removes the socket.
func (b *bell) close() {
	close(b.stopping)
	b.listener.Close()
	b.running.Wait()
}

func (b *bell) accept() {
	for {
		conn, err := b.listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as too many open files
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-b.stopping:
				return
			}
		}
		select {
		case b.limit <- struct{}{}:
		case <-b.stopping:
			conn.Close()
			return
		}
		b.running.Go(func() {
			b.serve(conn)
			<-b.limit
		})
	}
}

// serve hears one call.
func (b *bell) serve(conn *net.UnixConn) {
	over := make(chan struct{})
	defer close(over)
	b.running.Go(func() { // whoever is slow must not hold up the end
		select {
		case <-b.stopping:
		case <-over:
		}
		conn.Close()
	})
	conn.SetDeadline(time.Now().Add(callPatience))
	if !peerIsUs(conn) {
		return
	}
	var c call
	if err := readLine(conn, func(line []byte) (err error) {
		c, err = parseCall(line)
		return err
	}); err != nil {
		json.NewEncoder(conn).Encode(answer{Version: callVersion})
		return
	}
	done := make(chan struct{})
	b.ring(c, sync.OnceFunc(func() { close(done) }))
	select {
	case <-done:
		json.NewEncoder(conn).Encode(answer{Version: callVersion, OK: true})
	case <-time.After(callPatience):
	case <-b.stopping:
	}
}

// readLine takes one line of limited length.
func readLine(r io.Reader, take func(line []byte) error) error {
	line, err := bufio.NewReader(io.LimitReader(r, maxCall)).ReadBytes('\n')
	if err != nil {
		return err // also where the line is longer
	}
	return take(line)
}

// knock asks the window that listens at one of the paths, and waits for its answer until the context ends. A window that
// has just started listens in a moment, so one that is not there is asked again. Errors: errNoAnswer.
func knock(ctx context.Context, paths []string, c call) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if len(line) >= maxCall {
		return errors.New("too many files at once")
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		for _, path := range paths {
			conn, err := reach(ctx, path)
			if err != nil {
				continue
			}
			return ask(ctx, conn, append(line, '\n'))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errNoAnswer
		}
	}
}

// reach connects to a socket that only this person can have made.
func reach(ctx context.Context, path string) (*net.UnixConn, error) {
	if err := ownsPrivately(filepath.Dir(path)); err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	return conn.(*net.UnixConn), nil
}

func ask(ctx context.Context, conn *net.UnixConn, line []byte) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if !peerIsUs(conn) {
		return errNoAnswer
	}
	if _, err := conn.Write(line); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	var a answer
	if err := readLine(conn, func(line []byte) error { return json.Unmarshal(line, &a) }); err != nil {
		return fmt.Errorf("%w: %w", errNoAnswer, err)
	}
	if !a.OK {
		return fmt.Errorf("%w as expected", errNoAnswer)
	}
	return nil
}
