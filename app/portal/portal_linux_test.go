package portal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// bus starts a D-Bus of the test's own, with no services.
func bus(t *testing.T) *dbus.Conn {
	t.Helper()
	daemon, err := exec.LookPath("dbus-daemon")
	if err != nil {
		t.Skip("dbus-daemon is not installed")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "bus.conf")
	text := `<busconfig><type>session</type><listen>unix:dir=` + dir + `</listen><policy context="default">` +
		`<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(daemon, "--config-file="+config, "--nofork", "--print-address")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("dbus-daemon did not start: ", err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", strings.TrimSpace(address))
	conn, err := connect(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// fake is a portal. Its methods run on D-Bus's goroutines.
type fake struct {
	mu sync.Mutex // owns what follows while the portal is on the bus

	conn    *dbus.Conn
	how     uint32
	results map[string]dbus.Variant
	silent  chan struct{} // closed when a dialog is open that nobody answers; nil: it is answered at once
	moved   bool          // the handle is another than was asked for, as with old portals

	title   string
	options map[string]dbus.Variant
	closed  chan struct{}
}

// serve puts the portal on the bus.
func (f *fake) serve(t *testing.T, interfaces ...string) {
	t.Helper()
	f.closed = make(chan struct{})
	for _, name := range interfaces {
		export(t, f.conn, f, object, name)
	}
	export(t, f.conn, versions(interfaces), object, "org.freedesktop.DBus.Properties")
	if _, err := f.conn.RequestName(service, dbus.NameFlagDoNotQueue); err != nil {
		t.Fatal(err)
	}
}

func export(t *testing.T, conn *dbus.Conn, v any, path dbus.ObjectPath, name string) {
	t.Helper()
	if err := conn.Export(v, path, name); err != nil {
		t.Fatal(err)
	}
}

type versions []string

func (v versions) Get(name, _ string) (dbus.Variant, *dbus.Error) {
	if !slices.Contains(v, name) {
		return dbus.Variant{}, dbus.MakeFailedError(errors.New("no such interface"))
	}
	return dbus.MakeVariant(uint32(3)), nil
}

func (f *fake) OpenFile(sender dbus.Sender, _, title string, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.title = title
	return f.reply(sender, options)
}

func (f *fake) Screenshot(sender dbus.Sender, _ string, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reply(sender, options)
}

// Close is of the request.
func (f *fake) Close() *dbus.Error {
	close(f.closed)
	return nil
}

func (f *fake) reply(sender dbus.Sender, options map[string]dbus.Variant) (dbus.ObjectPath, *dbus.Error) {
	f.options = options
	token, _ := options["handle_token"].Value().(string)
	name := strings.ReplaceAll(strings.TrimPrefix(string(sender), ":"), ".", "_")
	path := object + "/request/" + dbus.ObjectPath(name+"/"+token)
	if f.moved {
		path += "_2"
	}
	switch {
	case f.silent != nil:
		_ = f.conn.Export(f, path, request)
		close(f.silent)
	case f.moved: // it answers when it hears that somebody listens there
		go f.answerWhenHeard(path)
	default:
		_ = f.conn.Emit(path, request+".Response", f.how, f.results) // before the call returns, as a quick portal does
	}
	return path, nil
}

// answerWhenHeard answers again and again, until the asker is gone from the bus.
func (f *fake) answerWhenHeard(path dbus.ObjectPath) {
	for range 1000 {
		_ = f.conn.Emit(path, request+".Response", uint32(0), f.results)
		_ = f.conn.BusObject().Call("org.freedesktop.DBus.GetId", 0).Err // the bus has passed it on
	}
}

func TestFilesAreChosen(t *testing.T) {
	want := []string{"/home/me/C++ & 100 %.png", "/home/me/Fahrräder #2.jpg"}
	uris := []string{"file:///home/me/C++%20&%20100%20%25.png", "https://example.org/x.png", "file:///home/me/Fahrr%C3%A4der%20%232.jpg"}
	f := &fake{conn: bus(t), results: map[string]dbus.Variant{"uris": dbus.MakeVariant(uris)}}
	f.serve(t, files, screen)
	if o := Find(t.Context()); !o.Files || !o.Screenshots {
		t.Fatalf("found %+v", o)
	}
	got, err := ChooseFiles(t.Context(), Ask{
		Title: "Add pictures", Folder: "/home/me", Kind: "Pictures", Types: []string{"image/png", "image/heic"}, All: "All files",
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.title != "Add pictures" || f.options["multiple"].Value() != true || string(f.options["current_folder"].Value().([]byte)) != "/home/me\x00" {
		t.Errorf("asked for %q with %v", f.title, f.options)
	}
	if s := fmt.Sprint(f.options["filters"].Value()); s != "[[Pictures [[1 image/png] [1 image/heic]]] [All files [[0 *]]]]" {
		t.Errorf("filters are %s", s)
	}
}

func TestTheDialogIsClosed(t *testing.T) {
	f := &fake{conn: bus(t), how: 1}
	f.serve(t, files)
	if o := Find(t.Context()); !o.Files || o.Screenshots {
		t.Errorf("found %+v", o)
	}
	if _, err := ChooseFiles(t.Context(), Ask{}); !errors.Is(err, ErrCancelled) {
		t.Errorf("%v", err)
	}
	f.mu.Lock()
	f.how = 2
	f.mu.Unlock()
	if _, err := ChooseFiles(t.Context(), Ask{}); err == nil || errors.Is(err, ErrCancelled) {
		t.Errorf("%v", err)
	}
}

func TestAScreenshot(t *testing.T) {
	f := &fake{conn: bus(t), results: map[string]dbus.Variant{"uri": dbus.MakeVariant("file:///tmp/a%20b.png")}}
	f.serve(t, screen)
	if path, err := Screenshot(t.Context(), "x11:1"); path != "/tmp/a b.png" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	f.mu.Lock()
	if f.options["interactive"].Value() != true {
		t.Error("the person is not asked for a region")
	}
	f.results = nil
	f.mu.Unlock()
	if path, err := Screenshot(t.Context(), ""); path != "" || err == nil {
		t.Errorf("nothing came, but %q, %v", path, err)
	}
}

func TestWhoGivesUpClosesTheDialog(t *testing.T) {
	f := &fake{conn: bus(t), silent: make(chan struct{})}
	f.serve(t, files)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.silent
		cancel()
	}()
	if _, err := ChooseFiles(ctx, Ask{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	select {
	case <-f.closed:
	case <-t.Context().Done():
		t.Error("the dialog stays open")
	}
}

func TestWithoutAPortal(t *testing.T) {
	bus(t)
	if o := Find(t.Context()); o != (Offers{}) {
		t.Errorf("found %+v", o)
	}
	if _, err := ChooseFiles(t.Context(), Ask{}); err == nil {
		t.Error("files from nowhere")
	}
}

func TestWithoutABus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "")
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if _, err := ChooseFiles(t.Context(), Ask{}); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "autolaunch:")
	if _, err := Screenshot(t.Context(), ""); !errors.Is(err, ErrNone) {
		t.Errorf("%v", err)
	}
	if o := Find(t.Context()); o != (Offers{}) {
		t.Errorf("found %+v", o)
	}
}

// An old portal chooses the address of its answer itself.
func TestAnOldPortal(t *testing.T) {
	f := &fake{conn: bus(t), moved: true, results: map[string]dbus.Variant{"uri": dbus.MakeVariant("file:///tmp/a.png")}}
	f.serve(t, screen)
	if path, err := Screenshot(t.Context(), ""); path != "/tmp/a.png" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
}
