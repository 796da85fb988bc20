package inference

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"

	"galago/inference/disk"
	"galago/inference/plan"
)

// store keeps what was measured while models were loaded. An entry's key names card, driver, version of llama.cpp and
// the model's files, so that an entry is forgotten when any of them changes. It is read and written beside the service
// goroutine.
type store struct {
	path string // of the JSON file; empty: nothing outlives the program

	mu      sync.Mutex // owns all below
	opened  bool
	entries map[string]calibration
	order   []string // keys, the oldest first
}

// calibration is one entry. Settings need no place in its key: the planner scales the encode buffer with the picture,
// and the driver's own share depends on the card.
type calibration struct {
	Key          string `json:"key"`
	Encode       uint64 `json:"encode_bytes"`
	EncodeTokens int    `json:"encode_tokens"`
	Runtime      uint64 `json:"runtime_bytes"`
}

// keptEntries are enough for every model on a few cards.
const keptEntries = 100

// open reads the file, once. What cannot be read is measured again.
func (s *store) open() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.opened {
		return
	}
	s.opened, s.entries = true, map[string]calibration{}
	if s.path == "" {
		return
	}
	data, err := os.ReadFile(s.path)
	if err != nil {
		return
	}
	var list []calibration
	if json.Unmarshal(data, &list) != nil {
		return
	}
	for _, c := range list {
		s.add(c)
	}
}

func (s *store) add(c calibration) {
	if _, ok := s.entries[c.Key]; !ok {
		s.order = append(s.order, c.Key)
	}
	s.entries[c.Key] = c
	for len(s.order) > keptEntries {
		delete(s.entries, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *store) find(key string) (plan.Known, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.entries[key]
	return plan.Known{Encode: c.Encode, EncodeTokens: c.EncodeTokens, Runtime: c.Runtime}, ok
}

// put keeps an entry and writes the file: a new one that takes the old one's place when it is whole.
func (s *store) put(key string, k plan.Known) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := calibration{Key: key, Encode: k.Encode, EncodeTokens: k.EncodeTokens, Runtime: k.Runtime}
	if s.entries == nil || s.entries[key] == c || c == (calibration{Key: key}) {
		return nil
	}
	s.add(c)
	if s.path == "" {
		return nil
	}
	var list []calibration
	for _, key := range s.order {
		list = append(list, s.entries[key])
	}
	data, err := json.MarshalIndent(list, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	return disk.Write(s.path, 0o600, data)
}
