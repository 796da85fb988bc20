//go:build linux

package desktop

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// Programs are what a Desktop needs on the search path.
var Programs = []string{"Xvfb", "openbox"}

// poll is the time between two looks at something of another program that does not tell.
const poll = 20 * time.Millisecond

// xgb logs what it also returns as errors.
func init() { xgb.Logger.SetOutput(io.Discard) }

// Desktop is a running display. It belongs to one goroutine at a time.
type Desktop struct {
	Display string // such as ":71"

	conn   *xgb.Conn
	screen *xproto.ScreenInfo
	keys   map[xproto.Keysym]key
	progs  []*exec.Cmd
	copies []*xgb.Conn  // of those that hold the clipboard
	log    bytes.Buffer // of Xvfb; complete once it has ended
}

// Missing names the first of Programs that is not installed, or is empty.
func Missing() string {
	for _, name := range Programs {
		if _, err := exec.LookPath(name); err != nil {
			return name
		}
	}
	return ""
}

// Start opens a screen of a size in pixels.
func Start(width, height int) (*Desktop, error) {
	d := &Desktop{}
	if err := d.start(width, height); err != nil {
		d.Close()
		return nil, fmt.Errorf("start a test screen: %w", err)
	}
	return d, nil
}

func (d *Desktop) start(width, height int) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	screen := fmt.Sprintf("%dx%dx24", width, height)
	xvfb := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", screen, "+extension", "GLX", "-nolisten", "tcp", "-noreset")
	xvfb.ExtraFiles = []*os.File{write}
	xvfb.Stderr = &d.log
	err = d.run(xvfb)
	write.Close()
	if err != nil {
		return err
	}
	number, err := bufio.NewReader(read).ReadString('\n') // Xvfb picks a free display and says which
	if err != nil {
		return fmt.Errorf("the X server ended: %w", err)
	}
	d.Display = ":" + strings.TrimSpace(number)
	if d.conn, err = xgb.NewConnDisplay(d.Display); err != nil {
		return err
	}
	if err := xtest.Init(d.conn); err != nil {
		return err
	}
	d.screen = xproto.Setup(d.conn).DefaultScreen(d.conn)
	if err := d.readKeyboard(); err != nil {
		return err
	}
	openbox := exec.Command("openbox", "--sm-disable")
	openbox.Env = append(os.Environ(), "DISPLAY="+d.Display)
	if err := d.run(openbox); err != nil {
		return err
	}
	return d.waitForManager()
}

// waitForManager shows a window until the window manager lists it. One that is shown while openbox starts can be lost:
// it is never put on the screen, and GLFW waits for that for good.
func (d *Desktop) waitForManager() error {
	probe, err := xproto.NewWindowId(d.conn)
	if err != nil {
		return err
	}
	err = xproto.CreateWindowChecked(d.conn, 0, probe, d.screen.Root, 0, 0, 9, 9, 0, xproto.WindowClassInputOutput, 0, 0, nil).Check()
	if err != nil {
		return err
	}
	looks := 0
	err = Until(20*time.Second, "openbox takes over the screen", func() bool {
		if looks%10 == 0 {
			xproto.UnmapWindow(d.conn, probe)
			xproto.MapWindow(d.conn, probe)
		}
		looks++
		return d.listed(probe)
	})
	if err != nil {
		return err
	}
	xproto.DestroyWindow(d.conn, probe)
	return Until(20*time.Second, "openbox gives the screen back", func() bool { return !d.listed(probe) })
}

// listed reports whether the window manager shows a window.
func (d *Desktop) listed(id xproto.Window) bool { return slices.Contains(d.clients(), id) }

// clients are the windows that the window manager shows.
func (d *Desktop) clients() (ids []xproto.Window) {
	for list := d.property(d.screen.Root, "_NET_CLIENT_LIST"); len(list) >= 4; list = list[4:] {
		ids = append(ids, xproto.Window(xgb.Get32(list)))
	}
	return ids
}

// run starts a program that dies with this one.
func (d *Desktop) run(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	d.progs = append(d.progs, cmd)
	return nil
}

// Close ends the display and every program on it loses it.
func (d *Desktop) Close() {
	for _, c := range d.copies {
		c.Close()
	}
	if d.conn != nil {
		d.conn.Close()
	}
	for i := len(d.progs) - 1; i >= 0; i-- {
		d.progs[i].Process.Kill()
		d.progs[i].Wait()
	}
}

// Until waits for something that another program does. The error names it.
func Until(limit time.Duration, what string, happened func() bool) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	end := time.After(limit)
	for !happened() {
		select {
		case <-tick.C:
		case <-end:
			return fmt.Errorf("waited %v in vain: %s", limit, what)
		}
	}
	return nil
}

// Window is one on the screen.
type Window struct {
	ID   xproto.Window
	Rect image.Rectangle // on the screen, without the frame
}

// Center of the window on the screen.
func (w Window) Center() (x, y int) {
	c := w.Rect.Min.Add(w.Rect.Max).Div(2)
	return c.X, c.Y
}

// Window finds the window of a process that the window manager shows, or ok is false.
func (d *Desktop) Window(pid int) (w Window, ok bool) {
	for _, id := range d.clients() {
		owner := d.property(id, "_NET_WM_PID")
		if len(owner) < 4 || int(xgb.Get32(owner)) != pid {
			continue
		}
		if rect, err := d.rect(id); err == nil {
			return Window{ID: id, Rect: rect}, true
		}
	}
	return Window{}, false
}

// Active is the window that has the keyboard, as the window manager says.
func (d *Desktop) Active() xproto.Window {
	if id := d.property(d.screen.Root, "_NET_ACTIVE_WINDOW"); len(id) >= 4 {
		return xproto.Window(xgb.Get32(id))
	}
	return 0
}

// Top is the window that lies above all others.
func (d *Desktop) Top() xproto.Window {
	list := d.property(d.screen.Root, "_NET_CLIENT_LIST_STACKING")
	if len(list) < 4 {
		return 0
	}
	return xproto.Window(xgb.Get32(list[len(list)-4:]))
}

// Cover shows a window of another program above all others, as large as the screen, until the desktop is closed.
func (d *Desktop) Cover() error {
	id, err := xproto.NewWindowId(d.conn)
	if err != nil {
		return err
	}
	err = xproto.CreateWindowChecked(d.conn, 0, id, d.screen.Root, 0, 0, d.screen.WidthInPixels, d.screen.HeightInPixels, 0,
		xproto.WindowClassInputOutput, 0, xproto.CwBackPixel, []uint32{d.screen.WhitePixel}).Check()
	if err != nil {
		return err
	}
	xproto.MapWindow(d.conn, id)
	return Until(20*time.Second, "the window covers the others", func() bool {
		if d.Active() != id && d.listed(id) {
			d.activate(id)
		}
		return d.Active() == id && d.Top() == id
	})
}

// activate asks the window manager as a task bar does.
func (d *Desktop) activate(id xproto.Window) {
	const name = "_NET_ACTIVE_WINDOW"
	atom, err := xproto.InternAtom(d.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return
	}
	event := xproto.ClientMessageEvent{
		Format: 32, Window: id, Type: atom.Atom, Data: xproto.ClientMessageDataUnionData32New([]uint32{2, 0, 0, 0, 0}),
	}
	const toManager = xproto.EventMaskSubstructureNotify | xproto.EventMaskSubstructureRedirect
	xproto.SendEvent(d.conn, false, d.screen.Root, toManager, string(event.Bytes()))
}

func (d *Desktop) rect(id xproto.Window) (image.Rectangle, error) {
	size, err := xproto.GetGeometry(d.conn, xproto.Drawable(id)).Reply()
	if err != nil {
		return image.Rectangle{}, err
	}
	at, err := xproto.TranslateCoordinates(d.conn, id, d.screen.Root, 0, 0).Reply()
	if err != nil {
		return image.Rectangle{}, err
	}
	return image.Rect(0, 0, int(size.Width), int(size.Height)).Add(image.Pt(int(at.DstX), int(at.DstY))), nil
}

// Resize asks for a window's size in pixels and waits until it has it, or until the program refused, which returns the
// size that it has.
func (d *Desktop) Resize(w Window, width, height int) (Window, error) {
	xproto.ConfigureWindow(d.conn, w.ID, xproto.ConfigWindowWidth|xproto.ConfigWindowHeight, []uint32{uint32(width), uint32(height)})
	err := Until(5*time.Second, fmt.Sprintf("the window becomes %dx%d", width, height), func() bool {
		rect, err := d.rect(w.ID)
		if err != nil {
			return false
		}
		w.Rect = rect
		return rect.Dx() == width && rect.Dy() == height
	})
	return w, err
}

func (d *Desktop) property(id xproto.Window, name string) []byte {
	atom, err := xproto.InternAtom(d.conn, false, uint16(len(name)), name).Reply()
	if err != nil {
		return nil
	}
	reply, err := xproto.GetProperty(d.conn, false, id, atom.Atom, xproto.GetPropertyTypeAny, 0, 1024).Reply()
	if err != nil {
		return nil
	}
	return reply.Value
}

// Picture of the whole screen.
func (d *Desktop) Picture() (*image.RGBA, error) {
	size := image.Rect(0, 0, int(d.screen.WidthInPixels), int(d.screen.HeightInPixels))
	reply, err := xproto.GetImage(d.conn, xproto.ImageFormatZPixmap, xproto.Drawable(d.screen.Root), 0, 0,
		uint16(size.Dx()), uint16(size.Dy()), 0xFFFFFFFF).Reply()
	if err != nil {
		return nil, fmt.Errorf("picture of the screen: %w", err)
	}
	img := image.NewRGBA(size)
	if len(reply.Data) != len(img.Pix) {
		return nil, fmt.Errorf("picture of the screen: %d bytes, want %d", len(reply.Data), len(img.Pix))
	}
	for i := 0; i < len(img.Pix); i += 4 { // the server sends blue first
		img.Pix[i], img.Pix[i+1], img.Pix[i+2], img.Pix[i+3] = reply.Data[i+2], reply.Data[i+1], reply.Data[i], 255
	}
	return img, nil
}

// Screenshot writes a part of the screen as PNG, or all of it when the part is empty, once the screen no longer changes:
// a frame that was asked for may still be drawn. A screen that never rests is taken after a second.
func (d *Desktop) Screenshot(path string, part image.Rectangle) error {
	img, err := d.Rest()
	if err != nil {
		return err
	}
	shown := img.SubImage(img.Rect)
	if !part.Empty() {
		shown = img.SubImage(part)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(png.Encode(f, shown), f.Close())
}

// Rest is a picture of the whole screen once it no longer changes, or after a second.
func (d *Desktop) Rest() (*image.RGBA, error) {
	var img *image.RGBA
	var failed error
	resting := 0
	_ = Until(time.Second, "the screen rests", func() bool { // a restless screen is no error
		next, err := d.Picture()
		if err != nil {
			failed = err
			return true
		}
		if img != nil && bytes.Equal(img.Pix, next.Pix) {
			resting++
		} else {
			resting = 0
		}
		img = next
		return resting >= 5
	})
	return img, failed
}
