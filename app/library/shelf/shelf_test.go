package shelf

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func opened(t *testing.T, path string) *Shelf {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func models(s *Shelf) []string {
	var list []string
	for _, e := range s.List() {
		list = append(list, filepath.Base(e.Model))
	}
	return list
}

func wantModels(t *testing.T, s *Shelf, want ...string) {
	t.Helper()
	if got := models(s); !slices.Equal(got, want) {
		t.Errorf("on the list: %q, want %q", got, want)
	}
}

func TestListIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data", "models.json")
	s := opened(t, path)
	wantModels(t, s)
	a, b := language("llama", 8).file(t, dir, "a.gguf"), language("qwen3vl", 8).file(t, dir, "b ü.gguf")
	mmproj := projector("qwen3vl_merger", 8).file(t, dir, "mmproj.gguf")
	for _, pair := range [][2]string{{a, ""}, {b, mmproj}} {
		e, err := Describe(pair[0], pair[1])
		must(t, err)
		must(t, s.Add(e))
	}
	wantModels(t, s, "b ü.gguf", "a.gguf")
	if got := opened(t, path).List(); !slices.Equal(got, s.List()) || got[0].Family != "qwen3vl" || got[0].Gone || got[0].MMProj != mmproj {
		t.Errorf("read back: %+v", got)
	}

	must(t, s.Add(Entry{Model: a, Name: "again", Source: Own}))
	wantModels(t, s, "a.gguf", "b ü.gguf")
	must(t, s.Add(Entry{Model: link(t, a, dir, "another name.gguf"), Source: Own}))
	wantModels(t, s, "another name.gguf", "b ü.gguf") // the same file

	must(t, s.Remove(b))
	must(t, s.Remove("/not/there.gguf"))
	wantModels(t, opened(t, path), "another name.gguf")
	if ok, err := s.Restore(b); !ok || err != nil {
		t.Errorf("restored: %v, %v", ok, err)
	}
	wantModels(t, opened(t, path), "another name.gguf", "b ü.gguf") // where it was
	if ok, err := s.Restore(b); ok || err != nil {
		t.Errorf("restored twice: %v, %v", ok, err)
	}
	wantModels(t, s, "another name.gguf", "b ü.gguf")
}

func TestGone(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, filepath.Join(dir, "models.json"))
	first := part(0, 2, language("llama", 8)).file(t, dir, "m-00001-of-00002.gguf")
	second := part(1, 2, header{}).file(t, dir, "m-00002-of-00002.gguf")
	must(t, s.Add(Entry{Model: first}))
	if s.Refresh() || s.List()[0].Gone {
		t.Error("it is gone already")
	}
	must(t, os.Rename(second, second+".away"))
	if !s.Refresh() || !s.List()[0].Gone || !opened(t, filepath.Join(dir, "models.json")).List()[0].Gone {
		t.Error("a part is missing, and it is not gone")
	}
	must(t, os.Rename(second+".away", second))
	if !s.Refresh() || s.List()[0].Gone {
		t.Error("it is there again, and still gone")
	}
}

func TestDamagedList(t *testing.T) {
	m := filepath.ToSlash(t.TempDir()) // absolute, as Windows has it too
	whole := `{"version": 1, "models": [{"name": "A", "model": "` + m + `/a.gguf"}, {"name": "B", "model": "` + m + `/b.gguf", "source": "own"}]}`
	for name, c := range map[string]struct {
		data string
		left int
	}{
		"cut off":         {whole[:60], 0},
		"empty":           {"", 0},
		"zeros":           {strings.Repeat("\x00", 4096), 0},
		"another thing":   {`["a"]`, 0},
		"one bad entry":   {strings.Replace(whole, `"`+m+`/a.gguf"`, `17`, 1), 1},
		"a relative path": {strings.Replace(whole, m+`/a.gguf`, `../../etc/passwd`, 1), 1},
		"endless":         {whole + strings.Repeat(" ", maxList), 0},
	} {
		dir := t.TempDir()
		path := put(t, []byte(c.data), dir, "models.json")
		s, err := Open(path)
		if err == nil || !strings.Contains(err.Error(), "models.json.damaged-") || len(s.List()) != c.left {
			t.Errorf("%s: %d left, %v", name, len(s.List()), err)
			continue
		}
		aside, _ := filepath.Glob(path + ".damaged-*")
		if len(aside) != 1 {
			t.Fatalf("%s: set aside: %q", name, aside)
		}
		if data, err := os.ReadFile(aside[0]); err != nil || string(data) != c.data {
			t.Errorf("%s: what was set aside differs: %v", name, err)
		}
		must(t, s.Add(Entry{Model: "/m/new.gguf"}))
		if got := opened(t, path).List(); len(got) != c.left+1 || !got[0].Gone {
			t.Errorf("%s: afterwards %+v", name, got)
		}
	}
	twice, err := Open(put(t, []byte(strings.Replace(whole, "/a.gguf", "/b.gguf", 1)), t.TempDir(), "models.json"))
	if err != nil || len(twice.List()) != 1 {
		t.Errorf("one model twice: %+v, %v", twice.List(), err)
	}
}

func TestListThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	s := opened(t, filepath.Join(dir, "data", "models.json"))
	put(t, nil, dir, "data") // a file where its folder should be
	if err := s.Add(Entry{Model: "/m/a.gguf"}); err == nil || !strings.Contains(err.Error(), "could not be written") {
		t.Errorf("added: %v", err)
	}
	wantModels(t, s)
	if runtime.GOOS == "windows" {
		return // a file on the way to the list is to Windows as if there were no list
	}
	if s, err := Open(filepath.Join(dir, "data", "models.json")); err == nil || s == nil || !strings.Contains(err.Error(), "could not be read") {
		t.Errorf("opened: %v", err)
	}
}

// shelved is a shelf with one downloaded model of two parts and a vision file in folder.
func shelved(t *testing.T, folder string) (s *Shelf, e Entry) {
	t.Helper()
	s = opened(t, filepath.Join(t.TempDir(), "models.json"))
	first := part(0, 2, language("qwen3vl", 8)).file(t, folder, "repo", "m-00001-of-00002.gguf")
	part(1, 2, header{}).file(t, folder, "repo", "m-00002-of-00002.gguf")
	e, err := Describe(first, projector("qwen3vl_merger", 8).file(t, folder, "repo", "mmproj.gguf"))
	must(t, err)
	e.Source = Fetched
	must(t, s.Add(e))
	return s, e
}

func there(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestDelete(t *testing.T) {
	folder := t.TempDir()
	other := put(t, nil, folder, "other.txt")
	s, e := shelved(t, folder)
	d, err := s.DeleteFiles(e.Model, folder)
	if err != nil || d.Bytes != e.Bytes || len(d.Files) != 3 || d.Kept != "" {
		t.Errorf("deleted %+v, %v; want %d bytes", d, err, e.Bytes)
	}
	if there(filepath.Join(folder, "repo")) || !there(other) || !there(folder) {
		t.Error("what is left is not what should be")
	}
	wantModels(t, s)
	if err := s.Delete(e.Model, folder); err != nil {
		t.Errorf("again: %v", err)
	}
}

func TestDeleteKeepsAVisionFileThatIsUsed(t *testing.T) {
	folder := t.TempDir()
	s, e := shelved(t, folder)
	must(t, s.Add(Entry{Model: language("qwen3vl", 8).file(t, folder, "repo", "q4.gguf"), MMProj: e.MMProj, Source: Fetched}))
	d, err := s.DeleteFiles(e.Model, folder)
	if err != nil || len(d.Files) != 2 || d.Kept != e.MMProj || !there(e.MMProj) {
		t.Errorf("deleted %+v, %v", d, err)
	}
	if d, err = s.DeleteFiles(filepath.Join(folder, "repo", "q4.gguf"), folder); err != nil || len(d.Files) != 2 || there(e.MMProj) {
		t.Errorf("deleted %+v, %v", d, err)
	}
}

// refusesToDelete wants all of the files to be there still.
func refusesToDelete(t *testing.T, s *Shelf, e Entry, folder, said string, files ...string) {
	t.Helper()
	d, err := s.DeleteFiles(e.Model, folder)
	if err == nil || !strings.Contains(err.Error(), said) || len(d.Files) > 0 {
		t.Errorf("deleted %+v, %v; want %q", d, err, said)
	}
	for _, file := range append(files, partsOf(e.Model)...) {
		if !there(file) {
			t.Errorf("%s is gone", file)
		}
	}
	if len(s.List()) == 0 {
		t.Error("it is off the list")
	}
}

func TestDeleteStaysInItsFolder(t *testing.T) {
	const outside = "does not lie in Galago's own folder"
	folder := t.TempDir()
	s, e := shelved(t, folder)
	refusesToDelete(t, s, e, t.TempDir(), outside)
	refusesToDelete(t, s, e, filepath.Join(folder, "rep"), "", e.MMProj) // another folder's name begins the same

	e.Source = Own
	s = opened(t, filepath.Join(t.TempDir(), "models.json"))
	must(t, s.Add(e))
	refusesToDelete(t, s, e, folder, "was not downloaded by Galago")

	s, e = shelved(t, folder)
	strange := put(t, []byte("a person's own"), t.TempDir(), "mmproj.gguf")
	must(t, os.Remove(e.MMProj))
	link(t, strange, e.MMProj)
	refusesToDelete(t, s, e, folder, outside, strange, e.MMProj)

	away := filepath.Join(t.TempDir(), "repo")
	must(t, os.Rename(filepath.Join(folder, "repo"), away))
	link(t, away, folder, "repo") // the folder became a link that leads out
	refusesToDelete(t, s, e, folder, outside, strange)

	for _, path := range []string{filepath.Join(folder, "..", "x.gguf"), folder, strange} {
		s = opened(t, filepath.Join(t.TempDir(), "models.json"))
		if filepath.Base(path) == "x.gguf" {
			path = put(t, nil, path)
		}
		must(t, s.Add(Entry{Model: path, Source: Fetched}))
		refusesToDelete(t, s, Entry{Model: path}, folder, outside)
	}
}

// The folder itself may be reached by a link, and files that are gone already are no obstacle.
func TestDeleteBehindALink(t *testing.T) {
	real := t.TempDir()
	folder := link(t, real, t.TempDir(), "models")
	s, e := shelved(t, folder)
	must(t, os.Remove(e.MMProj))
	if d, err := s.DeleteFiles(e.Model, folder); err != nil || len(d.Files) != 2 || there(e.Model) {
		t.Errorf("deleted %+v, %v", d, err)
	}
	wantModels(t, s)

	s, e = shelved(t, folder)
	must(t, os.RemoveAll(real))
	if d, err := s.DeleteFiles(e.Model, folder); err != nil || len(d.Files) != 0 {
		t.Errorf("deleted %+v, %v", d, err)
	}
	wantModels(t, s)
}

// A downloaded model that the person opens by hand is still Galago's to delete.
func TestDownloadedStaysDownloaded(t *testing.T) {
	s, e := shelved(t, t.TempDir())
	e.Source = Own
	must(t, s.Add(e))
	if got := s.List()[0].Source; got != Fetched {
		t.Errorf("its source is %s", got)
	}
}

// What is in Galago's folder and not on the list comes onto it, but not what the person took off.
func TestAdopt(t *testing.T) {
	folder := t.TempDir()
	s, e := shelved(t, folder)
	other := language("llama", 8).file(t, folder, "other", "b.gguf")
	found := func() []Entry { return Scan(t.Context(), folder, Fetched) }
	must(t, s.Adopt(found()))
	wantModels(t, s, filepath.Base(e.Model), "b.gguf")
	if got := s.List(); got[1].Source != Fetched || got[0].MMProj != e.MMProj || got[1].Gone {
		t.Errorf("adopted %+v", got)
	}
	must(t, s.Remove(other))
	s = opened(t, s.path)
	must(t, s.Adopt(found()))
	wantModels(t, s, filepath.Base(e.Model))
	must(t, s.Add(Entry{Model: other, Source: Fetched})) // wanted again
	must(t, os.Remove(s.path))
	s = opened(t, s.path)
	must(t, s.Adopt(found()))
	wantModels(t, s, "b.gguf", filepath.Base(e.Model))
}

// A model that Restore brought back is not refused any more.
func TestAdoptAfterUndo(t *testing.T) {
	folder := t.TempDir()
	s, e := shelved(t, folder)
	must(t, s.Remove(e.Model))
	_, err := s.Restore(e.Model)
	must(t, err)
	if len(s.refused) != 0 {
		t.Errorf("still refused: %q", s.refused)
	}
}
