package portal

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	service = "org.freedesktop.portal.Desktop"
	object  = dbus.ObjectPath("/org/freedesktop/portal/desktop")
	files   = "org.freedesktop.portal.FileChooser"
	screen  = "org.freedesktop.portal.Screenshot"
	request = "org.freedesktop.portal.Request"
)

// connect opens a connection of its own. Unlike dbus.SessionBus it starts no bus where there is none.
func connect(ctx context.Context) (*dbus.Conn, error) {
	address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
	if address == "" {
		socket := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus")
		if _, err := os.Stat(socket); err != nil {
			return nil, ErrNone
		}
		address = "unix:path=" + dbus.EscapeBusAddressValue(socket)
	}
	if strings.HasPrefix(address, "autolaunch") {
		return nil, ErrNone
	}
	conn, err := dbus.Connect(address, dbus.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	return conn, nil
}

// Find asks what there is. It returns when ctx ends at the latest.
func Find(ctx context.Context) Offers {
	found := make(chan Offers, 1)
	go func() { found <- find(ctx) }()
	select {
	case o := <-found:
		return o
	case <-ctx.Done():
		return Offers{}
	}
}

func find(ctx context.Context) (o Offers) {
	conn, err := connect(ctx)
	if err != nil {
		return o
	}
	defer conn.Close()
	has := func(name string) bool {
		var version dbus.Variant
		err := conn.Object(service, object).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, name, "version").Store(&version)
		return err == nil
	}
	o.Files = has(files)
	o.Screenshots = ctx.Err() == nil && has(screen)
	return o
}

// rule is one of a filter's, as D-Bus has it.
type rule struct {
	Kind    uint32 // 0: a pattern for names, 1: a MIME type
	Pattern string
}

type filter struct {
	Name  string
	Rules []rule
}

// ChooseFiles lets the person choose files. It returns when they have, when they closed the dialog (ErrCancelled), or
// when ctx ends, which closes it.
func ChooseFiles(ctx context.Context, a Ask) (paths []string, err error) {
	options := map[string]dbus.Variant{"multiple": dbus.MakeVariant(true), "modal": dbus.MakeVariant(true)}
	if a.Accept != "" {
		options["accept_label"] = dbus.MakeVariant(a.Accept)
	}
	if a.Folder != "" {
		options["current_folder"] = dbus.MakeVariant(append([]byte(a.Folder), 0))
	}
	if len(a.Types) > 0 {
		pictures := filter{Name: a.Kind}
		for _, t := range a.Types {
			pictures.Rules = append(pictures.Rules, rule{1, t})
		}
		options["filters"] = dbus.MakeVariant([]filter{pictures, {a.All, []rule{{0, "*"}}}})
		options["current_filter"] = dbus.MakeVariant(pictures)
	}
	results, err := ask(ctx, files+".OpenFile", options, a.Parent, a.Title)
	if err != nil {
		return nil, err
	}
	uris, _ := results["uris"].Value().([]string)
	for _, uri := range uris {
		if path := local(uri); path != "" {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 && len(uris) > 0 {
		return nil, fmt.Errorf("portal: %q is not a file of this machine", uris[0])
	}
	return paths, nil
}

// Screenshot lets the person take a picture of the screen, or of a part where the desktop offers that, and returns its
// file.
func Screenshot(ctx context.Context, parent string) (path string, err error) {
	options := map[string]dbus.Variant{"interactive": dbus.MakeVariant(true), "modal": dbus.MakeVariant(true)}
	results, err := ask(ctx, screen+".Screenshot", options, parent)
	if err != nil {
		return "", err
	}
	uri, _ := results["uri"].Value().(string)
	if path = local(uri); path == "" {
		return "", fmt.Errorf("portal: %q is not a file of this machine", uri)
	}
	return path, nil
}

// local is the path of a file's address; empty when it is none.
func local(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
		return ""
	}
	return u.Path
}

// ask makes a request and waits for the signal that answers it.
func ask(ctx context.Context, method string, options map[string]dbus.Variant, args ...any) (map[string]dbus.Variant, error) {
	conn, err := connect(context.WithoutCancel(ctx))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// The answer's address follows from our name and a token, so that it can be listened to before it can come.
	const token = "galago"
	name := strings.ReplaceAll(strings.TrimPrefix(conn.Names()[0], ":"), ".", "_")
	path := object + "/request/" + dbus.ObjectPath(name+"/"+token)
	signals := make(chan *dbus.Signal, 4)
	conn.Signal(signals)
	listen := func(path dbus.ObjectPath) error {
		return conn.AddMatchSignalContext(ctx, dbus.WithMatchObjectPath(path), dbus.WithMatchInterface(request), dbus.WithMatchMember("Response"))
	}
	if err := listen(path); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	options["handle_token"] = dbus.MakeVariant(token)
	var handle dbus.ObjectPath
	if err := conn.Object(service, object).CallWithContext(ctx, method, 0, append(args, options)...).Store(&handle); err != nil {
		if ctx.Err() != nil {
			giveUp(ctx, conn, path)
		}
		return nil, fmt.Errorf("portal: %w", err)
	}
	if handle != path { // an old one
		path = handle
		if err := listen(path); err != nil {
			return nil, fmt.Errorf("portal: %w", err)
		}
	}
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return nil, fmt.Errorf("portal: the bus is gone")
			}
			if s.Path == path {
				return answer(s.Body)
			}
		case <-ctx.Done():
			giveUp(ctx, conn, path)
			return nil, ctx.Err()
		}
	}
}

// giveUp closes a dialog.
func giveUp(ctx context.Context, conn *dbus.Conn, path dbus.ObjectPath) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	conn.Object(service, path).CallWithContext(ctx, request+".Close", 0) // waits for the reply, or it might not be sent
}

// answer reads the signal: how it ended, and what came of it.
func answer(body []any) (map[string]dbus.Variant, error) {
	const done, cancelled = 0, 1
	var how uint32
	var results map[string]dbus.Variant
	if err := dbus.Store(body, &how, &results); err != nil {
		return nil, fmt.Errorf("portal: %w", err)
	}
	switch how {
	case done:
		return results, nil
	case cancelled:
		return nil, ErrCancelled
	}
	return nil, fmt.Errorf("portal: the dialog ended by itself (%d)", how)
}
