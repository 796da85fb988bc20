//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"galago/e2e/desktop"
	"galago/e2e/xdnd"
)

// patience is the longest wait for anything: far above what it takes on a slow machine that does other work too.
const patience = 60 * time.Second

// galago is the running window on a screen of its own.
type galago struct {
	t       *testing.T
	screen  *desktop.Desktop
	wine    *wine // where the program for Windows runs; nil for that of this system
	cmd     *exec.Cmd
	window  desktop.Window
	stderr  bytes.Buffer // complete once ended is closed
	ended   chan struct{}
	home    string   // folder of all its files
	env     []string // but for the state file
	state   string   // the file that the app writes what it shows to
	events  []event  // of that file, so far
	partial int64    // bytes of that file that events has
}

// event is one line of the state file: something that the window was told to show.
type event struct {
	Event    string
	ID       uint64
	Name     string
	State    string
	Text     string
	Question string
	Answer   string
	Phase    string
	Line     string
	Figures  []string
	Problem  json.RawMessage
	Notices  []string
	Items    []struct {
		Name, Info, Problem, Answer string
		ID                          uint64
	}
	Waiting int
	Busy    bool
	Total   uint64
	Used    uint64
}

type options struct {
	width, height int                     // of the screen
	env           []string                // added
	slow          bool                    // with the slow engine in place of the real one
	loading       bool                    // do not wait until the model is loaded
	prepare       func(home string) error // before the program starts; it then need not show its main window
}

// start opens the window and waits for the model. Nothing of the person's own settings is read or written.
func start(t *testing.T, o options) *galago {
	t.Helper()
	if o.width == 0 {
		o.width, o.height = 1280, 860
	}
	screen, err := desktop.Start(o.width, o.height)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(screen.Close)
	home := t.TempDir()
	run, err := os.MkdirTemp("", "galago") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	screen.Move(0, 0) // away from what the pointer would light up
	// The likeliest answer each time, and no welcome; everything else is as on the first start.
	settings := filepath.Join(home, "config", "galago", "settings.json")
	if err := errors.Join(os.MkdirAll(filepath.Dir(settings), 0o700), os.WriteFile(settings, []byte(`{"temperature": 0, "welcomed": true}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(),
		"DISPLAY="+screen.Display, "LANG=C.UTF-8", "LIBGL_ALWAYS_SOFTWARE=1", "WAYLAND_DISPLAY=", "FYNE_THEME=", "FYNE_SCALE=1",
		"DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(home, "no-bus"), // no desktop answers here
		"HOME="+home, "XDG_CONFIG_HOME="+home+"/config", "XDG_DATA_HOME="+home+"/data", "XDG_STATE_HOME="+home+"/state",
		"XDG_CACHE_HOME="+home+"/cache", "XDG_RUNTIME_DIR="+run)
	if o.slow {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, "GALAGO_ENGINE="+self, slowEngineEnv+"=1")
	}
	if o.prepare != nil {
		if err := o.prepare(home); err != nil {
			t.Fatal(err)
		}
	}
	g := launch(t, screen, nil, home, append(env, o.env...))
	g.until("a window opens", g.opened)
	if !o.loading {
		g.loaded()
	}
	return g
}

// launch starts the program on a screen, with its files below home.
func launch(t *testing.T, screen *desktop.Desktop, under *wine, home string, env []string, args ...string) *galago {
	t.Helper()
	g := &galago{t: t, screen: screen, wine: under, home: home, env: env, ended: make(chan struct{})}
	f, err := os.CreateTemp(home, "state-*.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	g.state = f.Name()
	state := g.state
	if under != nil {
		g.cmd = under.command("galago.exe", args...)
		state = under.path(state)
	} else {
		g.cmd = exec.Command(filepath.Join(binaries, "galago"), args...)
	}
	g.cmd.Dir = home
	stderr, err := os.CreateTemp(home, "stderr-") // a file, since Wine's own programs keep it open
	if err != nil {
		t.Fatal(err)
	}
	g.cmd.Stderr = stderr
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	g.cmd.Env = append(slices.Clip(env), "GALAGO_TEST_STATE="+state)
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		g.cmd.Wait()
		stderr.Seek(0, io.SeekStart)
		g.stderr.ReadFrom(stderr)
		stderr.Close()
		close(g.ended)
	}()
	t.Cleanup(g.stop)
	return g
}

// again starts the program once more, on the same screen and with the same files. The first may still run.
func (g *galago) again(args ...string) *galago {
	g.t.Helper()
	return launch(g.t, g.screen, g.wine, g.home, g.env, args...)
}

// opened reports whether the program shows a window.
func (g *galago) opened() (ok bool) {
	g.window, ok = g.screen.Window(g.cmd.Process.Pid)
	return ok
}

// loaded waits for the model.
func (g *galago) loaded() {
	g.t.Helper()
	g.wait("the model is loaded", 0, func(e event) bool { return e.Event == "model" && e.State == "" && e.Name != "" })
}

// kill ends the program with a signal and waits for its end.
func (g *galago) kill(signal syscall.Signal) {
	g.t.Helper()
	g.do(g.cmd.Process.Signal(signal))
	g.left()
}

// left waits for the end of the program.
func (g *galago) left() {
	g.t.Helper()
	select {
	case <-g.ended:
	case <-time.After(patience):
		g.t.Fatal("the program does not end")
	}
}

// stop ends the app, and with a failed test keeps what it knew in build/e2e.
func (g *galago) stop() {
	name := filepath.Join(shots, "failed-"+strings.ReplaceAll(g.t.Name(), "/", "-"))
	if g.t.Failed() {
		if err := g.screen.Screenshot(name+".png", image.Rectangle{}); err == nil {
			g.t.Log("screen:", name+".png")
		}
		g.cmd.Process.Signal(syscall.SIGQUIT) // where its goroutines are
		_ = desktop.Until(2*time.Second, "it ends", func() bool { return !alive(g.cmd.Process.Pid) })
	}
	g.cmd.Process.Kill()
	<-g.ended
	if !g.t.Failed() {
		return
	}
	state, _ := os.ReadFile(g.state)
	g.t.Logf("state (its end):\n%s", tail(state, 6000))
	g.t.Logf("stderr: %s.log (its beginning):\n%s", name, g.stderr.Bytes()[:min(g.stderr.Len(), 2000)])
	if err := os.WriteFile(name+".log", append(g.stderr.Bytes(), state...), 0o644); err != nil {
		g.t.Log(err)
	}
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

// until waits for something outside the app.
func (g *galago) until(what string, happened func() bool) {
	g.t.Helper()
	dead := false
	err := desktop.Until(patience, what, func() bool {
		select {
		case <-g.ended:
			dead = true
			return true
		default:
			return happened()
		}
	})
	if err != nil {
		g.t.Fatal(err)
	}
	if dead {
		g.t.Fatalf("the app ended before: %s", what)
	}
}

// now is the number of events so far: a wait from here sees only what comes later.
func (g *galago) now() int {
	g.t.Helper()
	g.read()
	return len(g.events)
}

// wait returns the first event from a number on that matches.
func (g *galago) wait(what string, from int, match func(event) bool) event {
	g.t.Helper()
	var found event
	at := from
	g.until(what, func() bool {
		g.read()
		for ; at < len(g.events); at++ {
			if match(g.events[at]) {
				found = g.events[at]
				return true
			}
		}
		return false
	})
	return found
}

// read takes the complete lines that were added to the state file.
func (g *galago) read() {
	g.t.Helper()
	f, err := os.Open(g.state)
	if err != nil {
		return // not written yet
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		g.t.Fatal(err)
	}
	added := make([]byte, info.Size()-g.partial)
	if _, err := f.ReadAt(added, g.partial); err != nil {
		g.t.Fatal(err)
	}
	added = added[:bytes.LastIndexByte(added, '\n')+1]
	g.partial += int64(len(added))
	for line := range bytes.Lines(added) {
		var e event
		if err := json.Unmarshal(line, &e); err != nil {
			g.t.Fatalf("state file: %v in %s", err, line)
		}
		g.events = append(g.events, e)
	}
}

// drop drops files on the middle of the window.
func (g *galago) drop(paths ...string) {
	g.t.Helper()
	source, err := xdnd.Open(g.screen.Display)
	if err != nil {
		g.t.Fatal(err)
	}
	defer source.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	x, y := g.window.Center()
	result, err := source.Drop(ctx, x, y, paths...)
	if err != nil {
		g.t.Fatal(err)
	}
	if !result.Accepted || result.Served == 0 {
		g.t.Fatalf("the window did not take the drop: %+v", result)
	}
}

// attach drops one picture and waits until it is ready to be asked about.
func (g *galago) attach(path string) {
	g.t.Helper()
	from := g.now()
	g.drop(path)
	g.wait("the picture is in the composer", from, func(e event) bool {
		if e.Event != "attachments" || len(e.Items) == 0 {
			return false
		}
		last := e.Items[len(e.Items)-1]
		if last.Problem != "" {
			g.t.Fatalf("picture refused: %s", last.Problem)
		}
		return last.Name == filepath.Base(path) && last.Info != ""
	})
}

// ask types a question and presses Enter. It returns the turn's number once the window shows it.
func (g *galago) ask(question string) (turn uint64) {
	g.t.Helper()
	from := g.now()
	g.do(g.screen.Type(question))
	g.do(g.screen.Key(desktop.Return))
	return g.wait("the question is in the transcript: "+question, from, func(e event) bool {
		return e.Event == "turn" && e.Question == question
	}).ID
}

// answered waits until a turn ends, and fails unless it was answered.
func (g *galago) answered(turn uint64) event {
	g.t.Helper()
	e := g.turn(turn, "done", "failed", "cancelled")
	if e.State != "done" {
		g.t.Fatalf("turn %d ended as %s: %s", turn, e.State, e.Problem)
	}
	return e
}

// turn waits until a turn is in one of the states, looking at all of its past.
func (g *galago) turn(turn uint64, states ...string) event {
	g.t.Helper()
	return g.turnFrom(0, turn, states...)
}

func (g *galago) turnFrom(from int, turn uint64, states ...string) event {
	g.t.Helper()
	return g.wait(fmt.Sprintf("turn %d is %s", turn, strings.Join(states, " or ")), from, func(e event) bool {
		if e.Event != "turn" || e.ID != turn {
			return false
		}
		for _, s := range states {
			if e.State == s {
				return true
			}
		}
		return false
	})
}

func (g *galago) do(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// shot takes a picture of the window into build/e2e.
func (g *galago) shot(name string) {
	g.t.Helper()
	if w, ok := g.screen.Window(g.cmd.Process.Pid); ok {
		g.window = w
	}
	g.until("the window is drawn", func() bool {
		img, err := g.screen.Picture()
		g.do(err)
		return !plain(img, g.window.Rect)
	})
	g.do(g.screen.Screenshot(filepath.Join(shots, name+".png"), g.window.Rect))
}

// plain reports whether a part of a picture has one colour only, as a window has before its first frame.
func plain(img *image.RGBA, part image.Rectangle) bool {
	first := img.RGBAAt(part.Min.X, part.Min.Y)
	for y := part.Min.Y; y < part.Max.Y; y += 7 {
		for x := part.Min.X; x < part.Max.X; x += 7 {
			if img.RGBAAt(x, y) != first {
				return false
			}
		}
	}
	return true
}

// worker is the process of the engine, which the window started.
func (g *galago) worker() int {
	g.t.Helper()
	var found []int
	g.until("there is one engine", func() bool {
		if g.wine != nil {
			found = g.wine.engines()
		} else {
			found = children(g.cmd.Process.Pid)
		}
		return len(found) == 1
	})
	return found[0]
}

// children of a process that have not ended.
func children(pid int) (found []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if child := pidOf(path); parent(child) == pid {
			found = append(found, child)
		}
	}
	return found
}

func pidOf(stat string) int {
	pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
	return pid
}

// parent of a process, or 0 when it has ended.
func parent(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name before the state stands in brackets and may hold anything.
	_, rest, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 2 || fields[0] == "Z" || fields[0] == "X" {
		return 0
	}
	ppid, _ := strconv.Atoi(fields[1])
	return ppid
}

// alive reports whether a process has not ended.
func alive(pid int) bool { return parent(pid) != 0 }

// middle of the conversation, which is at the right of the sidebar.
func (g *galago) middle() (x, y int) {
	const sidebar = 264
	x, y = g.window.Center()
	return x + sidebar/2, y
}

// send presses the button at the right end of the composer, which is 720 wide and in the middle above the gauge.
func (g *galago) send() {
	x, _ := g.middle()
	g.screen.Click(x+318, g.window.Rect.Max.Y-97)
}

// memory opens the menu at the lower right corner, clicks its nth entry, and returns what the window says of it
// afterwards.
func (g *galago) memory(nth int) event {
	g.t.Helper()
	corner := g.window.Rect.Max
	margin := func() color.Color { // of the menu, or what lies behind it
		img, err := g.screen.Picture()
		g.do(err)
		return img.At(corner.X-390, corner.Y-200)
	}
	closed := margin()
	g.screen.Click(corner.X-60, corner.Y-28)
	g.until("the menu opens", func() bool { return margin() != closed })
	from := g.now()
	g.screen.Click(corner.X-200, corner.Y-298+78*nth)
	return g.wait("the window says what came back", from, func(e event) bool { return e.Event == "notify" })
}

// The entries of the memory menu, in order.
const (
	memoryForget = iota
	memoryWorking
	memoryUnload
)

// cancel presses Escape and returns how the turn ended.
func (g *galago) cancel(turn uint64) event {
	g.t.Helper()
	from, begin := g.now(), time.Now()
	g.do(g.screen.Key(desktop.Escape))
	e := g.turnFrom(from, turn, "cancelled", "done", "failed")
	took := time.Since(begin)
	g.t.Logf("%q ended %v after Escape", e.Question, took.Round(time.Millisecond))
	if took > 2*time.Second { // half a second is promised; the rest is for a machine that is busy with other tests
		g.t.Errorf("cancelling %q took %v", e.Question, took)
	}
	return e
}

// retry finds the button of the only, failed turn as someone without a mouse does: Tab until the focus is in the
// transcript, then Enter, until the turn is answered again.
func (g *galago) retry(turn uint64) {
	g.t.Helper()
	transcript := g.window.Rect                  // without what the tips of other buttons, and messages, may cover
	transcript.Min.X += transcript.Dx() * 3 / 10 // the sidebar
	transcript.Min.Y += 130                      // header and banner
	transcript.Max.Y -= 240                      // composer and gauge
	without := g.picture(transcript)
	for range 40 {
		g.do(g.screen.Key(desktop.Tab))
		if bytes.Equal(g.picture(transcript), without) {
			continue // the focus is elsewhere
		}
		from := g.now()
		g.do(g.screen.Key(desktop.Return))
		retried := func() bool {
			g.read()
			for _, e := range g.events[from:] {
				if e.Event == "turn" && e.ID == turn {
					return true
				}
			}
			return false
		}
		if desktop.Until(time.Second, "the button does something", retried) == nil {
			return
		}
	}
	g.t.Fatal("no button of the failed turn tries again")
}

// picture of a part of the screen at rest.
func (g *galago) picture(part image.Rectangle) []byte {
	g.t.Helper()
	img, err := g.screen.Rest()
	g.do(err)
	var pix []byte
	for y := part.Min.Y; y < part.Max.Y; y++ {
		pix = append(pix, img.Pix[img.PixOffset(part.Min.X, y):img.PixOffset(part.Max.X, y)]...)
	}
	return pix
}
