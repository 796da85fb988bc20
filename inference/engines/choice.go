package engines

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
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

var writing sync.Mutex // of this program; the other one only counts deaths

func choicePath() string { return filepath.Join(folder(), "choice.json") }

// readChoice is empty where nothing was chosen, or what was written cannot be read.
func readChoice() choice {
	var c choice
	if data, err := os.ReadFile(choicePath()); err != nil || json.Unmarshal(data, &c) != nil {
		return choice{}
	}
	if c.Installed != filepath.Base(c.Installed) {
		c.Installed = ""
	}
	return c
}

// change writes what f makes of the choice.
func change(f func(*choice)) error {
	writing.Lock()
	defer writing.Unlock()
	c := readChoice()
	before := c
	before.Died = maps.Clone(c.Died)
	f(&c)
	if c.Named == before.Named && c.Installed == before.Installed && maps.Equal(c.Died, before.Died) {
		return nil
	}
	data, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder(), 0o700); err != nil {
		return err
	}
	return disk.Write(choicePath(), 0o600, append(data, '\n'))
}

// Environment is what a worker's environment needs to load the engine that counts, as NAME=value; nil where there is
// none, and where the environment of this program names one already. An engine of which workers died is named as left
// out, so that the worker can say so (protocol.Hello).
func Environment() []string {
	if _, set := os.LookupEnv(protocol.CUDAEnv); set {
		return nil
	}
	if e, ok := Current(); ok {
		return []string{protocol.CUDAEnv + "=" + e.Dir}
	}
	if list := Find(); len(list) > 0 {
		return []string{protocol.CUDALeftEnv + "=" + list[0].Dir}
	}
	return nil
}

// Use makes a service's workers load the engine that counts. Workers that die while they load it are counted: after two
// in a row the engine is left out; the next worker takes the next engine, or goes without and says so. A worker that was killed for its silence
// counts too.
func Use(o inference.Options) inference.Options {
	o.More = Environment
	o.Greeted = greeted
	return o
}

// greeted counts starts of workers.
func greeted(ok bool) (again bool) {
	if _, set := os.LookupEnv(protocol.CUDAEnv); set {
		return false
	}
	e, there := Current()
	if !there {
		return false
	}
	if ok {
		if readChoice().Died[e.Dir] > 0 {
			_ = change(func(c *choice) { forgive(c, e.Dir) }) // it is counted on if this fails: safe
		}
		return false
	}
	err := change(func(c *choice) {
		if c.Died == nil {
			c.Died = map[string]int{}
		}
		c.Died[e.Dir]++
	})
	return err == nil // what cannot be counted must not go on for ever
}

// forgive forgets deaths over an engine that works, or is chosen anew.
func forgive(c *choice, dir string) { delete(c.Died, dir) }
