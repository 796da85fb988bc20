// Package shelf knows the models that are on this machine: those that the person opened or downloaded, and those that
// other programs keep, which are used in place and never moved or written.
//
// Identify says what files are and which belong together, Discover looks into the folders of other programs, a Shelf is
// the list of the person's own. All of them read the disk, so none is for a window's main goroutine, but for Shelf.List.
package shelf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"galago/assets/words"
	"galago/inference/disk"
	"galago/inference/portable"
)

// Source is where a model comes from.
type Source string

// The sources.
const (
	Own      Source = "own"        // opened or dropped by the person
	Fetched  Source = "downloaded" // by Galago, into its own folder
	LMStudio Source = "LM Studio"
	Ollama   Source = "Ollama"
	Hub      Source = "Hugging Face"
	LlamaCpp Source = "llama.cpp"
	Jan      Source = "Jan"
	GPT4All  Source = "GPT4All"
)

// Entry is a model on this machine.
type Entry struct {
	Name   string `json:"name"`             // for people
	Model  string `json:"model"`            // path of its (first) GGUF file
	MMProj string `json:"mmproj,omitempty"` // path of its vision file; empty: text only, or none found
	Source Source `json:"source"`
	Bytes  int64  `json:"bytes"`            // of all of its files
	Quant  string `json:"quant,omitempty"`  // such as "Q8_0"; empty: not known
	Family string `json:"family,omitempty"` // general.architecture
	Gone   bool   `json:"-"`                // its files are not there now, such as on a disk that is not plugged in

	// Warning is whole sentences: why it may not load, and what helps. Empty: nothing is known against it.
	Warning string `json:"-"`
}

// Shelf is the list of the person's own models, kept as JSON. Its methods may be called from any goroutine; List alone
// never waits for the disk.
type Shelf struct {
	path string

	changing sync.Mutex // held while the list is changed and written
	removed  []taken    // what was taken off since the start, the newest last; owned by changing

	mu      sync.Mutex // held for moments; owns what follows
	list    []Entry
	refused []string // models that Adopt leaves alone: the person took them off the list
}

// taken is an entry that was taken off the list, and where it stood.
type taken struct {
	Entry
	at int
}

// kept is the file's form.
type kept struct {
	Version int               `json:"version"`
	Models  []json.RawMessage `json:"models"`            // each an Entry; one that cannot be read does not take the others with it
	Refused []string          `json:"refused,omitempty"` // as Shelf's
}

const (
	version  = 1
	maxList  = 8 << 20 // bytes of the file
	maxNames = 4096    // entries
)

// Open reads the list; a missing file is an empty one. The Shelf is never nil and always works. With an error, which is
// whole sentences, it is empty or short of what could not be read: the damaged file was set aside, and the error names it.
func Open(path string) (*Shelf, error) {
	s := &Shelf{path: path}
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	damaged := err != nil
	if err == nil {
		s.list, s.refused, damaged = parse(data)
	}
	s.Refresh()
	if !damaged {
		return s, nil
	}
	aside, moved := setAside(path)
	if moved != nil {
		return s, fmt.Errorf("%s (%w)", words.T("The list of models could not be read. It will be written anew; the models' own files are untouched."), errors.Join(err, moved))
	}
	return s, errors.New(words.T("The list of models was damaged, and what could not be read of it is missing now. The models' own files are untouched: open them again. The damaged list is kept as %s.", filepath.Base(aside)))
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", path, fs.ErrInvalid)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxList+1))
	if err == nil && len(data) > maxList {
		err = fmt.Errorf("%s: %w", path, fs.ErrInvalid)
	}
	return data, err
}

// parse reads what can be read of a list.
func parse(data []byte) (list []Entry, refused []string, damaged bool) {
	var file kept
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, nil, true
	}
	for _, raw := range file.Models {
		var e Entry
		bad := json.Unmarshal(raw, &e) != nil
		e.Model, e.MMProj = portable.Find(e.Model), portable.Find(e.MMProj)
		if bad || !filepath.IsAbs(e.Model) || e.MMProj != "" && !filepath.IsAbs(e.MMProj) || len(list) == maxNames {
			damaged = true
			continue
		}
		if !slices.ContainsFunc(list, func(o Entry) bool { return o.Model == e.Model }) {
			e.Name, e.Quant, e.Family = clean(e.Name), clean(e.Quant), clean(e.Family)
			list = append(list, e)
		}
	}
	return list, each(file.Refused, portable.Find), damaged
}

// each is what f makes of each path.
func each(paths []string, f func(string) string) (made []string) {
	for _, path := range paths {
		made = append(made, f(path))
	}
	return made
}

// setAside moves a damaged list out of the way.
func setAside(path string) (string, error) {
	for n := range 100 {
		aside := fmt.Sprintf("%s.damaged-%s-%d", path, time.Now().Format("20060102"), n)
		switch _, err := os.Lstat(aside); {
		case errors.Is(err, fs.ErrNotExist):
			return aside, os.Rename(path, aside)
		case err != nil:
			return "", err
		}
	}
	return "", fs.ErrExist
}

// List is the person's own models, the newest first. It is a copy, and does not wait for the disk: whether files are gone is
// as of Open, Refresh or Add.
func (s *Shelf) List() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.list)
}

// Refresh looks whether the models' files are there now, and reports whether that changed for one of them.
func (s *Shelf) Refresh() (changed bool) {
	gone := map[string]bool{}
	for _, e := range s.List() {
		gone[e.Model] = missing(e)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		e := &s.list[i]
		if g, looked := gone[e.Model]; looked && g != e.Gone {
			e.Gone, changed = g, true
		}
	}
	return changed
}

// missing reports whether one of an entry's files is not there.
func missing(e Entry) bool {
	files := partsOf(e.Model)
	if e.MMProj != "" {
		files = append(files, e.MMProj)
	}
	return slices.ContainsFunc(files, func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || !info.Mode().IsRegular()
	})
}

// Add puts a model on the list, or to its top. Two paths to the same file are one model; one that Galago downloaded stays
// so, also when the person opens it by hand.
func (s *Shelf) Add(e Entry) error { return s.insert(e, 0) }

func (s *Shelf) insert(e Entry, at int) error {
	if err := absolute(&e); err != nil {
		return err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	e.Gone = missing(e)
	list := s.List()
	if i := slices.IndexFunc(list, func(o Entry) bool { return sameFile(o.Model, e.Model) }); i >= 0 {
		if e.Source == Own && list[i].Source == Fetched {
			e.Source = Fetched
		}
		list = slices.Delete(list, i, i+1)
	}
	return s.write(slices.Insert(list, min(at, len(list)), e), s.refusedBut(e.Model))
}

// Adopt puts models at the end of the list that are in Galago's own folder and not on it: an end of the program can come
// between the last byte of a download and Add, and a list can be lost. What the person took off it stays off.
func (s *Shelf) Adopt(found []Entry) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	list := s.List()
	refused := s.refusedBut("")
	was := len(list)
	for _, e := range found {
		on := slices.ContainsFunc(list, func(o Entry) bool { return sameFile(o.Model, e.Model) })
		if err := absolute(&e); err == nil && !on && !slices.Contains(refused, e.Model) {
			list = append(list, e)
		}
	}
	if len(list) == was {
		return nil
	}
	return s.write(list, refused)
}

// refusedBut is what Adopt leaves alone, without a model that the person wants again.
func (s *Shelf) refusedBut(model string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.refused), func(r string) bool { return r == model })
}

func absolute(e *Entry) error {
	var err error
	if e.Model, err = filepath.Abs(e.Model); err == nil && e.MMProj != "" {
		e.MMProj, err = filepath.Abs(e.MMProj)
	}
	return err
}

// sameFile reports whether two paths lead to the same file.
func sameFile(a, b string) bool {
	if a == b {
		return true
	}
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// Remove takes a model off the list; its files stay. One that is not on the list is no error. Restore is the way back.
func (s *Shelf) Remove(model string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	list := s.List()
	i := slices.IndexFunc(list, func(e Entry) bool { return e.Model == model })
	if i < 0 {
		return nil
	}
	was := taken{list[i], i}
	refused := s.refusedBut(model)
	if list[i].Source == Fetched {
		refused = append(refused, model)
	}
	if err := s.write(slices.Delete(list, i, i+1), refused); err != nil {
		return err
	}
	s.removed = append(s.removed, was)
	return nil
}

// Restore puts back a model that was removed since the start, to its place; false when there is none.
func (s *Shelf) Restore(model string) (bool, error) {
	was, ok := s.takeRemoved(model)
	if !ok {
		return false, nil
	}
	return true, s.insert(was.Entry, was.at)
}

func (s *Shelf) takeRemoved(model string) (taken, bool) {
	s.changing.Lock()
	defer s.changing.Unlock()
	for i, was := range slices.Backward(s.removed) {
		if was.Model == model {
			s.removed = slices.Delete(s.removed, i, i+1)
			return was, true
		}
	}
	return taken{}, false
}

// write makes a list the one that counts, once it is on the disk.
func (s *Shelf) write(list []Entry, refused []string) error {
	refused = refused[max(0, len(refused)-maxNames):]
	file := kept{Version: version, Models: []json.RawMessage{}, Refused: each(refused, portable.Keep)}
	for _, e := range list[:min(len(list), maxNames)] {
		e.Model, e.MMProj = portable.Keep(e.Model), portable.Keep(e.MMProj)
		raw, err := json.Marshal(e)
		if err != nil {
			return err
		}
		file.Models = append(file.Models, raw)
	}
	data, err := json.MarshalIndent(file, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(s.path), 0o700)
	}
	if err == nil {
		err = disk.Write(s.path, 0o600, append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("%s (%w)", words.T("The list of models could not be written. Check that the disk has room."), err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.refused = list, refused
	return nil
}
