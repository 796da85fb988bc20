package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// library is a folder with 60 conversations of two questions, with names and pictures, closed in order.
func library(t *testing.T) string {
	t.Helper()
	libraryOnce.Do(func() { fillLibrary(t) })
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, databaseName), libraryDatabase, 0o600))
	p := must(openPictures(filepath.Join(dir, picturesName)))(t)
	ok(t, p.put(HashOf([]byte("a picture")), []byte("a picture")))
	ok(t, p.root.Close())
	return dir
}

var (
	libraryOnce     sync.Once
	libraryDatabase []byte
)

func fillLibrary(t *testing.T) {
	t.Helper()
	s := mustOpen(t, t.TempDir())
	h := must(s.PutPicture([]byte("a picture")))(t)
	for i := range 60 {
		turn := ask(t, s, 0, fmt.Sprintf("question %d", i), strings.Repeat(fmt.Sprintf("answer%d ", i), 150), TurnPicture{Hash: h, Name: "p"})
		ask(t, s, turn.Conversation, "another", "yes")
	}
	ok(t, s.Restart(1, ""))
	ok(t, s.SaveAnswer(1, Answer{Text: "better", State: Done}))
	ok(t, s.Close())
	libraryDatabase = must(os.ReadFile(filepath.Join(s.dir, databaseName)))(t)
}

// usable checks that a repaired store works, and that what is in it is what was.
func usable(t *testing.T, s *Store) {
	t.Helper()
	sound(t, s)
	turns := 0
	list := must(s.Conversations(1000, Cursor{}))(t)
	for _, c := range list {
		for _, turn := range must(s.Load(c.ID))(t).Turns {
			turns++
			i := (turn.ID - 1) / 2
			question, answer := fmt.Sprintf("question %d", i), strings.Repeat(fmt.Sprintf("answer%d ", i), 150)
			switch {
			case turn.ID == 1:
				answer = "better"
			case turn.ID%2 == 0:
				question, answer = "another", "yes"
			}
			if turn.Question != question || turn.Answer.Text != answer {
				t.Errorf("turn %d became %.40q %.40q", turn.ID, turn.Question, turn.Answer.Text)
			}
		}
	}
	if r := s.Recovery(); r != nil && (r.Conversations != len(list) || r.Turns != turns) {
		t.Errorf("%d with %d turns are there, and it says %+v", len(list), turns, r)
	}
	id := ask(t, s, 0, "is it usable", "certainly").Conversation
	if hits := must(s.Search(t.Context(), "certainly", 5))(t); len(hits) != 1 || hits[0].Summary.ID != id {
		t.Errorf("found %+v", hits)
	}
	must(s.PutPicture([]byte("another picture")))(t)
	must(s.Collect())(t)
	if _, err := s.Picture(HashOf([]byte("a picture"))); err != nil {
		t.Errorf("the picture is gone: %v", err)
	}
}

func TestDamaged(t *testing.T) {
	const pageSize = 4096
	overwrite := func(from, to int64) func(string) error {
		return func(path string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for i := from; i < min(to, int64(len(data))); i++ {
				data[i] = byte(rand.Uint32())
			}
			return os.WriteFile(path, data, 0o600)
		}
	}
	for name, c := range map[string]struct {
		spoil func(path string) error
		least int // conversations of 60 that must be recovered
	}{
		"first page":   {overwrite(0, pageSize), 60},
		"header":       {overwrite(0, 16), 60},
		"a page":       {overwrite(20*pageSize, 21*pageSize), 50},
		"ten pages":    {overwrite(20*pageSize, 30*pageSize), 1},
		"cut short":    {func(p string) error { return os.Truncate(p, 30*pageSize+100) }, 1},
		"cut to bytes": {func(p string) error { return os.Truncate(p, 100) }, 0},
		"empty":        {func(p string) error { return os.Truncate(p, 0) }, 0},
		"random":       {overwrite(0, 1<<40), 0},
		"text":         {func(p string) error { return os.WriteFile(p, []byte("no database at all"), 0o600) }, 0},
		"a folder": {func(p string) error {
			return os.Rename(p, p+"-elsewhere")
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			dir := library(t)
			path := filepath.Join(dir, databaseName)
			ok(t, c.spoil(path))
			if name == "a folder" {
				ok(t, os.MkdirAll(filepath.Join(path, "in it"), 0o700))
			}
			damagedBytes, _ := os.ReadFile(path)
			ok(t, os.WriteFile(filepath.Join(dir, suspectName), nil, 0o600)) // as after a crash
			s := mustOpen(t, dir)
			r := s.Recovery()
			if r == nil {
				t.Fatal("the damage was not seen")
			}
			t.Log(r)
			if r.Conversations < c.least {
				t.Errorf("%d of 60 conversations were recovered, want %d", r.Conversations, c.least)
			}
			if aside, _ := os.ReadFile(r.Aside); !bytes.Equal(aside, damagedBytes) {
				t.Error("what is set aside is not what was there")
			}
			if !strings.Contains(r.String(), r.Aside) {
				t.Errorf("it does not say where the old one is: %s", r)
			}
			usable(t, s)
			ok(t, s.Close())
			if s := mustOpen(t, dir); s.Recovery() != nil {
				t.Errorf("repaired again: %v", s.Recovery())
			}
		})
	}
}

// TestDamageAnywhere spoils random places. Whatever happens, the store opens, what is in it is what was, or the damage
// is told.
func TestDamageAnywhere(t *testing.T) {
	dir := library(t)
	sane := must(os.ReadFile(filepath.Join(dir, databaseName)))(t)
	for i := range 20 {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		data := bytes.Clone(sane)
		for range 1 + r.IntN(4) {
			at := r.IntN(len(data))
			for j := at; j < min(at+1+r.IntN(2000), len(data)); j++ {
				data[j] = byte(r.Uint32())
			}
		}
		ok(t, os.WriteFile(filepath.Join(dir, databaseName), data, 0o600))
		ok(t, os.WriteFile(filepath.Join(dir, suspectName), nil, 0o600))
		s := mustOpen(t, dir)
		for _, c := range must(s.Conversations(1000, Cursor{}))(t) {
			must(s.Load(c.ID))(t)
		}
		ask(t, s, 0, "usable", "yes")
		sound(t, s)
		ok(t, s.Close())
	}
}

func TestDamageSeenInUseIsRepairedAtTheNextOpen(t *testing.T) {
	dir := library(t)
	path := filepath.Join(dir, databaseName)
	data := must(os.ReadFile(path))(t)
	for i := 4096 * 20; i < 4096*30; i++ {
		data[i] = 0xAA
	}
	ok(t, os.WriteFile(path, data, 0o600))
	s := mustOpen(t, dir)
	if s.Recovery() != nil {
		t.Fatal("seen at once: this tests nothing")
	}
	seen := 0
	for id := int64(1); id <= 60; id++ {
		if _, err := s.Load(id); errors.Is(err, ErrDamaged) {
			seen++
		} else if err != nil {
			t.Error(err)
		}
	}
	if seen == 0 {
		t.Error("what is damaged could be read")
	}
	ok(t, s.Close())
	s = mustOpen(t, dir)
	if s.Recovery() == nil {
		t.Fatal("it was not repaired")
	}
	usable(t, s)
}

// TestADamagedSearchIndexIsMadeAnew spoils what no check of the database sees.
func TestADamagedSearchIndexIsMadeAnew(t *testing.T) {
	dir := library(t)
	s := mustOpen(t, dir)
	_, err := s.write.Exec("UPDATE turns_found_data SET block = zeroblob(length(block)) WHERE id > 10")
	ok(t, err)
	if _, err := s.Search(t.Context(), "question", 9); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a search of rubbish: %v", err)
	}
	s.Close()
	s = mustOpen(t, dir)
	if s.Recovery() != nil {
		t.Errorf("nothing but the index was damaged: %v", s.Recovery())
	}
	usable(t, s)
}

func TestAnEndInTheMiddleOfRecovery(t *testing.T) {
	dir := library(t)
	path := filepath.Join(dir, databaseName)
	o := testOptions()
	work := filepath.Join(dir, workName)
	ok(t, os.Mkdir(work, 0o700))
	ok(t, os.WriteFile(filepath.Join(work, "rubbish"), nil, 0o600))
	_, err := repair(path, filepath.Join(work, repairedName), o)
	ok(t, err)
	aside := path + asideInfix + "then"
	ok(t, os.Rename(path, aside))
	ok(t, os.WriteFile(path+"-wal", []byte("the damaged one's"), 0o600))

	s := mustOpen(t, dir)
	usable(t, s)
	if _, err := os.Stat(work); err == nil {
		t.Error("the work is still there")
	}
	if log := must(os.ReadFile(aside + "-wal"))(t); string(log) != "the damaged one's" {
		t.Errorf("the damaged one's log is %q", log)
	}
}

func TestAnotherProgramsDatabase(t *testing.T) {
	dir := library(t)
	s := mustOpen(t, dir)
	_, err := s.write.Exec("PRAGMA application_id = 7")
	ok(t, err)
	s.Close()
	s = mustOpen(t, dir)
	if r := s.Recovery(); r == nil || r.Conversations != 60 {
		t.Errorf("recovery %v", r)
	}
}
