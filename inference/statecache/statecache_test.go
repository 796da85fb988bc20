package statecache

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func blob(n int, fill byte) []byte { return bytes.Repeat([]byte{fill}, n) }

func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestKeptOverTheEnd(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir, "model", Limits{1 << 20, 1 << 20})
	s.Put(Entry{Group: "a", ID: "talk", Meta: []byte("old")}, blob(100, 1))
	s.Put(Entry{Group: "a", ID: "talk", Meta: []byte("new")}, blob(100, 2))
	s.Put(Entry{Group: "b", ID: "talk"}, blob(50, 3))
	s.Put(Entry{ID: "nowhere"}, blob(50, 4))
	s.Close()
	s = Open(dir, "model", Limits{1 << 20, 1 << 20})
	defer s.Close()
	if list := s.Entries(); len(list) != 2 {
		t.Errorf("%d entries came back: %v", len(list), list)
	}
	if got := s.Get("a", "talk"); !bytes.Equal(got, blob(100, 2)) {
		t.Errorf("data came back as %d bytes %.10v", len(got), got)
	}
	if first := s.Entries()[0]; string(first.Meta) != "new" || first.Size != 100 {
		t.Errorf("the one just used comes as %+v", first)
	}
	other := Open(dir, "another model", Limits{1 << 20, 1 << 20})
	defer other.Close()
	if len(other.Entries()) != 0 {
		t.Error("another model sees the entries")
	}
}

// Whatever happens to a file, its entry is not there, and nothing else is lost.
func TestDamage(t *testing.T) {
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte {
			if at < 0 {
				at += len(b)
			}
			b[at] ^= 1
			return b
		}
	}
	for name, damage := range map[string]func([]byte) []byte{
		"magic":      flip(0),
		"length":     flip(len(magic)),
		"a huge one": func(b []byte) []byte { copy(b[len(magic):], blob(20, 0xff)); return b },
		"meta":       flip(len(magic) + 20 + 6),
		"data":       flip(-10),
		"checksum":   flip(-1),
		"cut":        func(b []byte) []byte { return b[:len(b)-1] },
		"longer":     func(b []byte) []byte { return append(b, 0) },
		"empty":      func([]byte) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := Open(dir, "m", Limits{0, 1 << 20})
			s.Put(Entry{Group: "a", ID: "x", Meta: []byte("meta")}, blob(1000, 1))
			s.Flush()
			s.Put(Entry{Group: "b", ID: "x", Meta: []byte("meta")}, blob(1000, 2))
			s.Close()
			path := filepath.Join(dir, short("m"), short("a")+"-"+short("x")+suffix)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			s = Open(dir, "m", Limits{0, 1 << 20}) // before the damage, so that also reading it late is tried
			if err := os.WriteFile(path, damage(data), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := s.Get("a", "x"); got != nil {
				t.Error("damaged data came back")
			}
			s.Close()
			s = Open(dir, "m", Limits{0, 1 << 20})
			defer s.Close()
			if s.Get("a", "x") != nil || !bytes.Equal(s.Get("b", "x"), blob(1000, 2)) {
				t.Error("after another start the damaged one is there, or the sound one is not")
			}
		})
	}
}

func TestBounds(t *testing.T) {
	dir := t.TempDir()
	const one = 1000
	s := Open(dir, "m", Limits{Memory: 2 * one, Disk: 3*one + 500})
	for i, group := range []string{"a", "b", "c", "d"} {
		s.Put(Entry{Group: group, ID: "x"}, blob(one, byte(i)))
		s.Flush()
		if s.held > 2*one {
			t.Fatalf("%d bytes are held in memory", s.held)
		}
		old := time.Now().Add(time.Duration(i-10) * time.Minute) // files of one test are too close in time
		os.Chtimes(filepath.Join(dir, short("m"), short(group)+"-"+short("x")+suffix), old, old)
	}
	if n := len(files(t, dir)); n != 3 {
		t.Errorf("%d files are on disk", n)
	}
	if s.Get("a", "x") != nil {
		t.Error("the oldest is still there")
	}
	for _, group := range []string{"b", "c", "d"} {
		if s.Get(group, "x") == nil {
			t.Errorf("%s is not there", group)
		}
	}
	if s.Takes(4*one) || !s.Takes(3*one) {
		t.Error("Takes does not know the limits")
	}
	s.Put(Entry{Group: "e", ID: "x"}, blob(4*one, 5))
	if s.Get("e", "x") != nil {
		t.Error("more than fits anywhere was kept")
	}
	s.Close()
}

func TestForgotten(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir, "m", Limits{1 << 20, 1 << 20})
	s.Put(Entry{Group: "a", ID: "x"}, blob(10, 1))
	s.Put(Entry{Group: "b", ID: "x"}, blob(10, 1))
	s.Flush()
	s.Put(Entry{Group: "a", ID: "y"}, blob(10, 1)) // perhaps still on its way to the disk
	s.Forget("a")
	s.Flush()
	if s.Get("a", "x") != nil || s.Get("a", "y") != nil || s.Get("b", "x") == nil {
		t.Error("the wrong ones were forgotten")
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("on disk are %v", left)
	}
	Forget(dir, "b") // as the window does, from another process
	s.Unload()
	if s.Get("b", "x") != nil {
		t.Error("what was removed by another process came back")
	}
	s.Put(Entry{Group: "c", ID: "x"}, blob(10, 1))
	s.Flush()
	s.Clear()
	if left := files(t, dir); len(left) != 0 || len(s.Entries()) != 0 {
		t.Errorf("after Clear there are %v and %v", left, s.Entries())
	}
	s.Close()
}

func TestRetain(t *testing.T) {
	dir := t.TempDir()
	s := Open(dir, "m", Limits{1 << 20, 1 << 20})
	for _, group := range []string{"a", "b", "c"} {
		s.Put(Entry{Group: group, ID: "x"}, blob(10, 1))
	}
	s.Close()
	Retain(dir, []string{"b", "d"})
	s = Open(dir, "m", Limits{1 << 20, 1 << 20})
	defer s.Close()
	if list := s.Entries(); len(list) != 1 || list[0].Group != "b" {
		t.Errorf("%v are left", list)
	}
}

// A folder that cannot be written to is no reason not to work.
func TestNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := Open(filepath.Join(file, "x"), "m", Limits{1 << 20, 1 << 20})
	defer s.Close()
	s.Put(Entry{Group: "a", ID: "x"}, blob(10, 1))
	if s.Get("a", "x") == nil {
		t.Error("memory does not work without a folder")
	}
}

func TestIdentity(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	write := func(data []byte, at time.Time) string {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		os.Chtimes(path, at, at)
		return Identity(path)
	}
	at := time.Now().Add(-time.Hour)
	a := write(blob(3<<20, 1), at)
	if a == "" || a != write(blob(3<<20, 1), at) {
		t.Errorf("the same file has the identities %q and another", a)
	}
	end := blob(3<<20, 1)
	end[len(end)-1] = 2
	for name, other := range map[string]string{
		"time":   write(blob(3<<20, 1), at.Add(time.Second)),
		"size":   write(blob(3<<20+1, 1), at),
		"end":    write(end, at),
		"no one": Identity(path + "x"),
	} {
		if other == a {
			t.Errorf("%s: another file has the same identity", name)
		}
	}
}
