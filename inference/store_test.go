package inference

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"galago/inference/plan"
)

func TestStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "calibration.json")
	a := &store{path: path}
	a.open()
	known := plan.Known{Encode: 1 << 30, EncodeTokens: 2048, Runtime: 300 << 20}
	if err := a.put("card | model", known); err != nil {
		t.Fatal(err)
	}
	b := &store{path: path}
	b.open()
	if got, ok := b.find("card | model"); !ok || got.Encode != known.Encode || got.EncodeTokens != 2048 || got.Runtime != known.Runtime {
		t.Errorf("%+v %v", got, ok)
	}
	if _, ok := b.find("card | another"); ok {
		t.Error("found what was not put")
	}
	for i := range keptEntries {
		if err := b.put(fmt.Sprint(i), known); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := b.find("card | model"); ok || len(b.entries) != keptEntries {
		t.Errorf("%d entries are kept, the oldest: %v", len(b.entries), ok)
	}
	if list, err := os.ReadDir(filepath.Dir(path)); err != nil || len(list) != 1 {
		t.Errorf("left beside the file: %v %v", list, err)
	}
}

// A file that cannot be read or written costs a measurement, nothing more.
func TestStoreThatIsBroken(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "c.json")
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{path, dir, ""} {
		s := &store{path: path}
		s.open()
		err := s.put("k", plan.Known{Runtime: 1})
		if got, ok := s.find("k"); !ok || got.Runtime != 1 || (err != nil) != (path == dir) {
			t.Errorf("%q: %+v %v %v", path, got, ok, err)
		}
	}
	if list, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v %v", list, err)
	}
}
