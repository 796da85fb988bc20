package clipboard

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jezek/xgb/xproto"
)

// display starts an X server of the test's own.
func display(t *testing.T) {
	t.Helper()
	server, err := exec.LookPath("Xvfb")
	if err != nil {
		t.Skip("Xvfb is not installed")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(server, "-displayfd", "3", "-screen", "0", "64x64x24", "-nolisten", "tcp", "-noreset")
	cmd.ExtraFiles = []*os.File{w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	var n int
	if _, err := fmt.Fscanf(r, "%d", &n); err != nil {
		t.Fatal("Xvfb did not start: ", err)
	}
	t.Setenv("DISPLAY", fmt.Sprintf(":%d", n))
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("XAUTHORITY", "")
}

func sample(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.Read(data)
	return data
}

func wantImage(t *testing.T, want []byte) {
	t.Helper()
	got, err := Image(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes came, want %d", len(got), len(want))
	}
}

func TestWhatIsPutThereComesBack(t *testing.T) {
	display(t)
	wantImage(t, nil)                                              // nobody has copied anything
	for _, n := range []int{1, piece, piece + 1, 5<<20 + 12_345} { // whole, and in pieces
		data := sample(n)
		if err := SetImage(data); err != nil {
			t.Fatal(err)
		}
		wantImage(t, data)
	}
}

// copied makes xclip, another program, own the clipboard.
func copied(t *testing.T, kind string, data []byte) {
	t.Helper()
	program, err := exec.LookPath("xclip")
	if err != nil {
		t.Skip("xclip is not installed")
	}
	c, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	owner := func() xproto.Window {
		reply, err := xproto.GetSelectionOwner(c.conn, c.atoms["CLIPBOARD"]).Reply()
		if err != nil {
			t.Fatal(err)
		}
		return reply.Owner
	}
	before := owner()
	cmd := exec.Command(program, "-selection", "clipboard", "-t", kind, "-quiet") // -quiet: stays in the foreground
	cmd.Stdin = bytes.NewReader(data)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for now := before; now == before || now == xproto.WindowNone; now = owner() {
		if t.Context().Err() != nil {
			t.Fatal("xclip does not take the clipboard")
		}
	}
}

func TestAnotherProgramsPicture(t *testing.T) {
	display(t)
	for _, kind := range []string{"image/png", "image/jpeg", "image/bmp"} {
		for _, n := range []int{1000, 9 << 20} {
			t.Run(fmt.Sprintf("%s of %d bytes", kind, n), func(t *testing.T) {
				data := sample(n)
				copied(t, kind, data)
				wantImage(t, data)
			})
		}
	}
	t.Run("text", func(t *testing.T) {
		copied(t, "UTF8_STRING", []byte("words"))
		wantImage(t, nil)
	})
}

func TestOtherProgramsCanPasteOurs(t *testing.T) {
	display(t)
	program, err := exec.LookPath("xclip")
	if err != nil {
		t.Skip("xclip is not installed")
	}
	data := sample(1 << 20)
	if err := SetImage(data); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program, "-selection", "clipboard", "-o", "-t", "image/png").Output()
	if err != nil || !bytes.Equal(out, data) {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	types, err := exec.Command(program, "-selection", "clipboard", "-o", "-t", "TARGETS").Output()
	if err != nil || !strings.Contains(string(types), "image/png") {
		t.Errorf("%q, %v", types, err)
	}
}

// owning is a program that says f to whoever asks.
func owning(t *testing.T, f func(c *client, e xproto.SelectionRequestEvent)) {
	t.Helper()
	c, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	if err := xproto.SetSelectionOwnerChecked(c.conn, c.window, c.atoms["CLIPBOARD"], 0).Check(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for event := range c.events {
			if e, ok := event.(xproto.SelectionRequestEvent); ok {
				f(c, e)
			}
		}
	}()
}

func TestAProgramThatRefuses(t *testing.T) {
	display(t)
	owning(t, func(c *client, e xproto.SelectionRequestEvent) {
		no := xproto.SelectionNotifyEvent{Time: e.Time, Requestor: e.Requestor, Selection: e.Selection, Target: e.Target}
		xproto.SendEvent(c.conn, false, e.Requestor, 0, string(no.Bytes()))
	})
	wantImage(t, nil)
}

func TestAProgramThatHangs(t *testing.T) {
	display(t)
	ctx, cancel := context.WithCancel(t.Context())
	owning(t, func(*client, xproto.SelectionRequestEvent) { cancel() })
	if _, err := Image(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestAProgramThatSendsTooMuch(t *testing.T) {
	display(t)
	c, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	xproto.ChangeProperty(c.conn, xproto.PropModeReplace, c.window, c.atoms["GALAGO"], c.atoms["image/png"], 8, 1000, make([]byte, 1000))
	if _, _, err := c.take(c.atoms["GALAGO"], 999); !errors.Is(err, ErrLarge) {
		t.Errorf("%v", err)
	}
	if data, _, err := c.take(c.atoms["GALAGO"], 1000); err != nil || len(data) != 1000 {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}

func TestWithoutADisplay(t *testing.T) {
	t.Setenv("DISPLAY", ":9999")
	t.Setenv("WAYLAND_DISPLAY", "")
	if _, err := Image(t.Context()); !errors.Is(err, ErrNone) {
		t.Errorf("read: %v", err)
	}
	if err := SetImage([]byte{1}); !errors.Is(err, ErrNone) {
		t.Errorf("write: %v", err)
	}
}

// Where XWayland is missing, wl-paste has it.
func TestWayland(t *testing.T) {
	bin := t.TempDir()
	script := "#!/bin/sh\ncase \"$*\" in\n--list-types) echo text/html; echo image/jpeg;;\n'--no-newline --type image/jpeg') printf picture;;\n*) exit 1;;\nesac\n"
	if err := os.WriteFile(filepath.Join(bin, "wl-paste"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":/bin:/usr/bin")
	t.Setenv("DISPLAY", ":9999")
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	wantImage(t, []byte("picture"))
}

func TestWordsAreMeantWhereThereAreWords(t *testing.T) {
	for _, c := range []struct {
		offered, want string
	}{
		{"TARGETS image/png text/html", "image/png"},                      // a browser
		{"image/bmp image/jpeg image/png", "image/png"},                   // the best
		{"image/png UTF8_STRING text/html", ""},                           // a word processor
		{"text/uri-list UTF8_STRING", ""},                                 // a file manager
		{"image/svg+xml application/x-qt-image image/webp", "image/webp"}, // others are not known
	} {
		offered := map[string]bool{}
		for k := range strings.FieldsSeq(c.offered) {
			offered[k] = true
		}
		if got := pick(offered); got != c.want {
			t.Errorf("%s: %q, want %q", c.offered, got, c.want)
		}
	}
}
