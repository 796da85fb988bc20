//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"galago/e2e/desktop"
)

// newHome is a folder for all files of the program, as they are before its first start but for the answers being the likeliest ones
// and the welcome being over.
func newHome() (string, error) {
	home, err := os.MkdirTemp("", "galago") // short: a socket's path must be
	if err != nil {
		return "", err
	}
	config := filepath.Join(home, "config", "galago")
	return home, errors.Join(os.MkdirAll(config, 0o700),
		os.WriteFile(filepath.Join(config, "settings.json"), []byte(`{"temperature": 0, "welcomed": true}`), 0o600))
}

// environment is of a program on a display, drawn by software, with all files below home.
func environment(display, home string) []string {
	return append(os.Environ(),
		"DISPLAY="+display, "LANG=C.UTF-8", "LIBGL_ALWAYS_SOFTWARE=1", "WAYLAND_DISPLAY=", "FYNE_THEME=", "FYNE_SCALE=1",
		"DBUS_SESSION_BUS_ADDRESS=unix:path="+filepath.Join(home, "no-bus"), "HOME="+home, "XDG_CONFIG_HOME="+home+"/config",
		"XDG_DATA_HOME="+home+"/data", "XDG_STATE_HOME="+home+"/state", "XDG_CACHE_HOME="+home+"/cache", "XDG_RUNTIME_DIR="+home,
		"GALAGO_TEST_STATE="+statePath(home))
}

func statePath(home string) string { return filepath.Join(home, "state.jsonl") }

// program is a running Galago.
type program struct {
	cmd   *exec.Cmd
	began time.Time
	home  string
	said  bytes.Buffer
}

func launch(programs, home string, env []string) (*program, error) {
	if err := os.RemoveAll(statePath(home)); err != nil {
		return nil, err
	}
	p := &program{home: home, cmd: exec.Command(filepath.Join(programs, "galago"))}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = home, env, &p.said
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.began = time.Now()
	return p, p.cmd.Start()
}

func (p *program) pid() int { return p.cmd.Process.Pid }

// stop ends the program politely, so that it leaves its files in order.
func (p *program) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(20*time.Second, func() { p.cmd.Process.Kill() })
	p.cmd.Wait()
	late.Stop()
}

// event is a line of what the window was told to show.
type event struct {
	Event, State, Name string
	ID                 uint64
	Items              []struct{ Info string }
}

// events are all so far.
func (p *program) events() (list []event) {
	data, _ := os.ReadFile(statePath(p.home)) // there is none before the first
	for line := range bytes.Lines(data) {
		var e event
		if json.Unmarshal(line, &e) == nil {
			list = append(list, e)
		}
	}
	return list
}

// wait waits for an event after so many.
func (p *program) wait(what string, after int, is func(e event) bool) (found event, err error) {
	err = desktop.Until(patience, what, func() bool {
		list := p.events()
		for _, e := range list[min(after, len(list)):] {
			if is(e) {
				found = e
				return true
			}
		}
		return false
	})
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, p.said.Bytes())
	}
	return found, err
}

func (p *program) loaded() error {
	_, err := p.wait("the model is loaded", 0, func(e event) bool { return e.Event == "model" && e.State == "" && e.Name != "" })
	return err
}

// forget asks the system to drop what it keeps of the programs' files in memory, so that the next start reads the disk. What another
// program has mapped stays, and so do the libraries of the system.
func forget(programs string) error {
	return filepath.Walk(programs, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}
