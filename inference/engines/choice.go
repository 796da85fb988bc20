package engines

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"galago/inference"
	"galago/inference/disk"
	"galago/inference/protocol"
)

// choice is what was decided about engines.
type choice struct {
	Named     string         `json:"named,omitempty"`     // a folder of the person's
	Installed string         `json:"installed,omitempty"` // a folder in the data folder
	Died      map[string]int `json:"died,omitempty"`      // by an engine's folder: workers that ended in a row while they loaded it
}

// mostDeaths is how many deaths leave an engine out. One may have been somebody else's fault.
const mostDeaths = 2

func choicePath() string { return filepath.Join(folder(), "choice.json") }

// errDamaged is of a choice that can be read, but makes no sense.
var errDamaged = errors.New("choice.json is damaged")

// loadChoice reads what was decided; nothing where nothing ever was. Where it is damaged, the engine that was installed
// last counts, since it was tried before it got its name.
func loadChoice() (choice, error) {
	data, err := os.ReadFile(choicePath())
	if errors.Is(err, fs.ErrNotExist) {
		return choice{}, nil
	}
	if err != nil {
		return choice{}, err
	}
	var c choice
	if json.Unmarshal(data, &c) != nil || c.Installed != "" && !plainName(c.Installed) {
		return choice{Installed: newestInstalled()}, errDamaged
	}
	return c, nil
}

// readChoice is loadChoice for those who go on with what there is.
func readChoice() choice {
	c, _ := loadChoice()
	return c
}

// plainName reports whether a name is one of a folder in ours.
func plainName(name string) bool {
	return name == filepath.Base(name) && name != "." && name != ".." && !strings.HasSuffix(name, newSuffix)
}

// newestInstalled is the name of the folder that an installation made last; empty: there is none.
func newestInstalled() (newest string) {
	list, _ := os.ReadDir(folder()) // without it there is none
	var last fs.FileInfo
	for _, d := range list {
		info, err := os.Stat(filepath.Join(folder(), d.Name(), aboutFile))
		if err == nil && plainName(d.Name()) && (last == nil || info.ModTime().After(last.ModTime())) {
			newest, last = d.Name(), info
		}
	}
	return newest
}

var writing sync.Mutex // of this program, for file systems that cannot lock

// alone runs f while no other program of ours changes anything in the folder, which is made if need be.
func alone(f func() error) error {
	writing.Lock()
	defer writing.Unlock()
	if err := os.MkdirAll(folder(), 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(folder(), "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer file.Close() // gives the lock back
	lock(file)
	return f()
}

// change writes what f makes of the choice.
func change(f func(*choice)) error { return alone(func() error { return changeAlone(f) }) }

// changeAlone is change for those who are alone already. What cannot be read stays as it is, what is damaged is kept
// under another name.
func changeAlone(f func(*choice)) error {
	c, err := loadChoice()
	if err != nil && !errors.Is(err, errDamaged) {
		return err
	}
	damaged := err != nil
	before := c
	before.Died = maps.Clone(c.Died)
	f(&c)
	if !damaged && c.Named == before.Named && c.Installed == before.Installed && maps.Equal(c.Died, before.Died) {
		return nil
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if damaged {
		if err := os.Rename(choicePath(), choicePath()+".damaged"); err != nil {
			return err
		}
	}
	return disk.Write(choicePath(), 0o600, append(data, '\n'))
}

// launch is what one service knows of the start of its worker.
type launch struct {
	mu  sync.Mutex // owns dir
	dir string     // the engine that the worker was told to load; empty: none
}

// environment is Environment, and remembers the engine: another may have been chosen when the worker has started.
func (l *launch) environment() []string {
	env := Environment()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dir = ""
	for _, kv := range env {
		if dir, ok := strings.CutPrefix(kv, protocol.CUDAEnv+"="); ok {
			l.dir = dir
		}
	}
	return env
}

// Environment is what a worker's environment needs to load the engine that counts, as NAME=value; nil where there is
// none, and where the environment of this program names one already. Where none can work, the first is named all the
// same, so that the worker can say what it lacks. An engine of which workers died is named as left out, so that the
// worker can say that (protocol.Hello).
func Environment() []string {
	if _, set := os.LookupEnv(protocol.CUDAEnv); set {
		return nil
	}
	list := Find()
	if e, ok := current(list); ok {
		return []string{protocol.CUDAEnv + "=" + e.Dir}
	}
	for _, e := range list {
		if !e.LeftOut {
			return []string{protocol.CUDAEnv + "=" + e.Dir}
		}
	}
	if len(list) > 0 {
		return []string{protocol.CUDALeftEnv + "=" + list[0].Dir}
	}
	return nil
}

// Use makes a service's workers load the engine that counts. Workers that die while they load it are counted: after two
// in a row the engine is left out; the next worker takes the next engine, or goes without and says so. A worker that was
// killed for its silence counts too.
func Use(o inference.Options) inference.Options {
	l := &launch{}
	o.More = l.environment
	o.Greeted = l.greeted
	return o
}

// greeted counts starts of workers.
func (l *launch) greeted(ok bool) (again bool) {
	l.mu.Lock()
	dir := l.dir
	l.mu.Unlock()
	switch {
	case dir == "":
		return false
	case ok:
		if readChoice().Died[dir] > 0 {
			_ = change(func(c *choice) { forgive(c, dir) }) // it is counted on if this fails: safe
		}
		return false
	}
	err := change(func(c *choice) {
		if c.Died == nil {
			c.Died = map[string]int{}
		}
		c.Died[dir]++
	})
	return err == nil // what cannot be counted must not go on for ever
}

// forgive forgets deaths over an engine that works, or is chosen anew.
func forgive(c *choice, dir string) { delete(c.Died, dir) }
