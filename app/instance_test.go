package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// socketDir is a folder with a short name: a socket's path has room for about 100 bytes.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "bell")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// calls is a window that does what it is asked for at once.
type calls struct {
	mu   sync.Mutex // owns list
	list []call
}

func (c *calls) ring(one call, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, one)
	done()
}

func (c *calls) all() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

func openBell(t *testing.T, paths []string, ring func(call, func())) *bell {
	t.Helper()
	b, err := listen(paths, ring)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sync.OnceFunc(func() { b.close() }))
	return b
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestCallReachesTheWindow(t *testing.T) {
	paths := socketPaths(socketDir(t), "", "/conversations")
	window := &calls{}
	openBell(t, paths, window.ring)
	odd := "/pictures/a b\n\xff ü.png"
	if err := knock(soon(t), paths, callFor([]string{"/pictures/circle.png", odd})); err != nil {
		t.Fatal(err)
	}
	if err := knock(soon(t), paths, callFor(nil)); err != nil {
		t.Fatal(err)
	}
	got := window.all()
	if len(got) != 2 || !got[0].Front || !slices.Equal(got[0].paths(), []string{"/pictures/circle.png", odd}) || len(got[1].Files) != 0 {
		t.Errorf("the window was asked %v", got)
	}
}

// The socket file of a window that was killed is in the way of nothing.
func TestSocketThatWasLeftBehindIsReplaced(t *testing.T) {
	dir := socketDir(t)
	paths := socketPaths(dir, "", "/conversations")
	l, err := listenAt(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as a crash leaves it
	l.Close()
	if _, err := os.Stat(paths[0]); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := knock(ctx, paths, callFor(nil)); !errors.Is(err, errNoAnswer) {
		t.Errorf("nobody listens, and the answer is %v", err)
	}
	window := &calls{}
	openBell(t, paths, window.ring)
	if err := knock(soon(t), paths, callFor(nil)); err != nil || len(window.all()) != 1 {
		t.Errorf("%v, %d calls", err, len(window.all()))
	}
}

func TestSocketIsPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps a profile's folders from others by other means")
	}
	dir := socketDir(t)
	paths := socketPaths(dir, "", "/conversations")
	if err := os.MkdirAll(filepath.Dir(paths[0]), 0o755); err != nil { // of a version that was less careful
		t.Fatal(err)
	}
	b := openBell(t, paths, func(call, func()) {})
	for path, want := range map[string]os.FileMode{filepath.Dir(paths[0]): 0o700, paths[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v (%v)", path, info.Mode().Perm(), want, err)
		}
	}
	b.listener.Close()
	if _, err := os.Stat(paths[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

// A folder that others can write to, or that is not where it seems, is not used by either side.
func TestFolderOfSomeoneElse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows keeps a profile's folders from others by other means")
	}
	dir, elsewhere := socketDir(t), socketDir(t)
	if err := os.Symlink(elsewhere, filepath.Join(dir, "galago")); err != nil {
		t.Fatal(err)
	}
	window := &calls{}
	paths := socketPaths(dir, "", "/conversations")
	if b, err := listen(paths, window.ring); err == nil {
		b.close()
		t.Error("it listens behind a symbolic link")
	}
	other := socketPaths(dir, socketDir(t), "/conversations")
	openBell(t, other, window.ring)
	if err := knock(soon(t), other, callFor(nil)); err != nil || len(window.all()) != 1 {
		t.Errorf("in the next best folder: %v, %d calls", err, len(window.all()))
	}
	if _, err := os.Stat(other[1]); err != nil {
		t.Error(err)
	}
}

func TestPathsOfDifferentConversations(t *testing.T) {
	a, b := socketPaths("/run", "/state", "/one"), socketPaths("/run", "/state", "/two")
	if len(a) != 2 || a[0] == b[0] || a[1] == b[1] || filepath.Base(a[0]) != filepath.Base(a[1]) || len(filepath.Base(a[0])) > 30 {
		t.Errorf("%q and %q", a, b)
	}
	if p := socketPaths("", "/state", "/one"); len(p) != 1 {
		t.Errorf("without a runtime folder: %q", p)
	}
	if _, err := listen(nil, nil); err == nil {
		t.Error("it listens nowhere")
	}
}

// A window whose main goroutine hangs takes the call and never answers.
func TestWindowThatHangs(t *testing.T) {
	paths := socketPaths(socketDir(t), "", "/conversations")
	heard := make(chan struct{})
	b := openBell(t, paths, func(call, func()) { close(heard) })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-heard
		cancel() // time is up
	}()
	if err := knock(ctx, paths, callFor(nil)); !errors.Is(err, errNoAnswer) {
		t.Errorf("%v", err)
	}
	_ = b // its end, in Cleanup, does not wait for the window
}

// A window that has just got the lock listens a moment later.
func TestWindowThatListensInAMoment(t *testing.T) {
	paths := socketPaths(socketDir(t), "", "/conversations")
	answered := make(chan error)
	go func() { answered <- knock(soon(t), paths, callFor(nil)) }()
	window := &calls{}
	openBell(t, paths, window.ring)
	if err := <-answered; err != nil || len(window.all()) != 1 {
		t.Errorf("%v, %d calls", err, len(window.all()))
	}
}

// Whoever sends nonsense is refused, and the next call is heard.
func TestHostileCalls(t *testing.T) {
	paths := socketPaths(socketDir(t), "", "/conversations")
	window := &calls{}
	openBell(t, paths, window.ring)
	for name, text := range map[string]string{
		"empty line": "\n", "no JSON": "hello\n", "no version": "{}\n", "relative": `{"version":1,"files":["YQ=="]}` + "\n",
		"no base64": `{"version":1,"files":["*"]}` + "\n", "no line": `{"version":1}`, "too long": strings.Repeat("x", maxCall+10),
	} {
		conn, err := reach(soon(t), paths[0])
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		io.WriteString(conn, text) // it may be refused before its end
		conn.CloseWrite()
		reply, _ := io.ReadAll(conn)
		var a answer
		if err := json.Unmarshal(reply, &a); len(reply) > 0 && (err != nil || a.OK) {
			t.Errorf("%s: answered %q", name, reply)
		}
		conn.Close()
	}
	var silent []net.Conn // more than are served at once, but the end does not wait for them
	for range callsAtOnce {
		conn, err := reach(soon(t), paths[0])
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, conn)
	}
	for _, conn := range silent {
		conn.Close()
	}
	if err := knock(soon(t), paths, callFor(nil)); err != nil || len(window.all()) != 1 {
		t.Errorf("after the nonsense: %v, calls %v", err, window.all())
	}
}

func TestTooManyFiles(t *testing.T) {
	c := callFor(slices.Repeat([]string{"/a.png"}, maxFiles+1))
	if len(c.Files) != maxFiles {
		t.Errorf("%d files", len(c.Files))
	}
	c = callFor(slices.Repeat([]string{"/" + strings.Repeat("x", 4000)}, maxFiles))
	if err := knock(soon(t), nil, c); err == nil || errors.Is(err, errNoAnswer) {
		t.Errorf("a line of megabytes: %v", err)
	}
}

func FuzzParseCall(f *testing.F) {
	for _, c := range []call{callFor(nil), callFor([]string{"/a.png", "/b\xff\n"}), {Version: 7}} {
		line, err := json.Marshal(c)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"version":1,"files":[null,"",""],"more":[{}]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		c, err := parseCall(line)
		if err != nil {
			if !errors.Is(err, errBadCall) || c.Front || len(c.Files) > 0 {
				t.Errorf("%v with %v", err, c)
			}
			return
		}
		for _, path := range c.paths() {
			if !filepath.IsAbs(path) || strings.ContainsRune(path, 0) {
				t.Errorf("the path %q", path)
			}
		}
		again, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		d, err := parseCall(again)
		if err != nil || d.Front != c.Front || !slices.EqualFunc(d.Files, c.Files, bytes.Equal) {
			t.Errorf("%s is read as %v, %v", again, d, err)
		}
	})
}
