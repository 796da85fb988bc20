//go:build linux

// Command gallery photographs Galago's window into docs/screenshots: the real program with the built-in model, and the
// window filled with made-up content (ui/internal/uidemo) where a model would have to be brought to say something.
//
//	go run ./scripts/gallery [-only NAME,NAME] PROGRAMS DEMO OUT
//
// PROGRAMS is the folder with galago and its engine, DEMO the program uidemo.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"galago/e2e/desktop"
)

// patience is how long anything may take on a busy machine.
const patience = 3 * time.Minute

// shot is one picture of the gallery.
type shot struct {
	name          string
	width, height int // of the window, in pixels
	scale         string
	demo          []string            // arguments of uidemo; nil: the real program
	settings      string              // of the real program, JSON
	files         []string            // opened with it
	play          func(p *play) error // what is done before the picture; may be nil
}

func main() {
	only := flag.String("only", "", "names of the pictures to take, with commas between them; empty: all")
	flag.Parse()
	if flag.NArg() != 3 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), flag.Arg(1), flag.Arg(2), strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "gallery:", err)
		os.Exit(1)
	}
}

func run(programs, demo, out string, only []string) error {
	if missing := desktop.Missing(); missing != "" {
		return fmt.Errorf("%s is not installed", missing)
	}
	for _, s := range shots {
		if only[0] != "" && !slices.Contains(only, s.name) {
			continue
		}
		path := filepath.Join(out, s.name+".png")
		if err := s.take(programs, demo, path); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Printf("%4d kB  %s\n", info.Size()/1000, path)
	}
	return nil
}

// take starts a program on a screen of its own, with files of its own, and photographs its window.
func (s shot) take(programs, demo, path string) error {
	screen, err := desktop.Start(s.width+40, s.height+80)
	if err != nil {
		return err
	}
	defer screen.Close()
	home, err := os.MkdirTemp("", "gallery")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	screen.Move(0, 0)
	p := &play{screen: screen, state: filepath.Join(home, "state.jsonl"), home: home}
	settings := filepath.Join(home, "config", "galago", "settings.json")
	err = errors.Join(os.MkdirAll(filepath.Dir(settings), 0o700), os.WriteFile(settings, []byte(s.settings), 0o600))
	if err != nil {
		return err
	}
	cmd := exec.Command(demo, append(slices.Clone(s.demo), "-fonts", filepath.Join(home, "fonts"))...)
	if s.demo == nil {
		cmd = exec.Command(filepath.Join(programs, "galago"), s.files...)
	}
	cmd.Env = append(os.Environ(), "DISPLAY="+screen.Display, "LANG=C.UTF-8", "LANGUAGE=en", "LIBGL_ALWAYS_SOFTWARE=1", "WAYLAND_DISPLAY=",
		"FYNE_THEME=", "FYNE_SCALE="+max(s.scale, "1"), "DBUS_SESSION_BUS_ADDRESS=unix:path="+home+"/no-bus", "HOME="+home,
		"XDG_CONFIG_HOME="+home+"/config", "XDG_DATA_HOME="+home+"/data", "XDG_STATE_HOME="+home+"/state", "XDG_CACHE_HOME="+home+"/cache",
		"XDG_RUNTIME_DIR="+home, "GALAGO_TEST_STATE="+p.state)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	err = desktop.Until(patience, "a window opens", func() (ok bool) {
		p.window, ok = screen.Window(cmd.Process.Pid)
		return ok
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	if err := p.painted(); err != nil {
		return err
	}
	if s.demo == nil { // until then it may be given its first size again
		if err := p.loaded(); err != nil {
			return err
		}
	}
	if p.window, err = screen.Resize(p.window, s.width, s.height); err != nil {
		return err
	}
	if got := p.window.Rect.Size(); got != image.Pt(s.width, s.height) {
		return fmt.Errorf("the window is %v", got)
	}
	img, err := screen.Picture()
	if err != nil {
		return err
	}
	p.corner = img.RGBAAt(p.window.Rect.Min.X+5, p.window.Rect.Min.Y+5)
	if s.play != nil {
		if err := s.play(p); err != nil {
			return err
		}
	}
	return p.photograph(path)
}

// play is a program on a screen that is being used.
type play struct {
	screen *desktop.Desktop
	window desktop.Window
	home   string
	state  string     // what the real program shows, one JSON object a line
	corner color.RGBA // of the window at first: a sheet above it is darker
}

// painted waits for the first frame: a program resizes its window until then.
func (p *play) painted() error {
	return desktop.Until(patience, "the window is painted", func() bool {
		img, err := p.screen.Picture()
		return err == nil && len(colors(img.SubImage(p.window.Rect).(*image.RGBA), 50)) >= 50
	})
}

// photograph writes the window as a PNG of few colours.
func (p *play) photograph(path string) error {
	if _, err := p.screen.Rest(); err != nil { // a frame that was asked for is drawn
		return err
	}
	img, err := p.screen.Rest()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&out, reduce(img.SubImage(p.window.Rect).(*image.RGBA), 224)); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// event is a line of what the real program shows.
type event struct {
	Event, State, Name string
	ID                 uint64
	Items              []struct{ Info string }
}

// wait waits until a line of the real program is such a one, count times with different IDs.
func (p *play) wait(what string, count int, is func(e event) bool) error {
	return desktop.Until(patience, what, func() bool {
		data, _ := os.ReadFile(p.state)
		found := map[uint64]bool{}
		for line := range bytes.Lines(data) {
			var e event
			if json.Unmarshal(line, &e) == nil && is(e) {
				found[e.ID] = true
			}
		}
		return len(found) >= count
	})
}

func (p *play) loaded() error {
	return p.wait("the model is loaded", 1, func(e event) bool { return e.Event == "model" && e.State == "" && e.Name != "" })
}

// attached waits until the pictures of the composer are read.
func (p *play) attached() error {
	return p.wait("the picture is read", 1, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) > 0 && e.Items[0].Info != ""
	})
}

// ask types a question and waits for that many answers altogether.
func (p *play) ask(question string, answers int) error {
	if err := p.screen.Type(question); err != nil {
		return err
	}
	if err := p.screen.Key(desktop.Return); err != nil {
		return err
	}
	return p.wait("the answer", answers, func(e event) bool { return e.Event == "turn" && e.State == "done" })
}

// control presses a key with Control.
func (p *play) control(key rune) error {
	return p.screen.Key(xsym(key), desktop.Control)
}
