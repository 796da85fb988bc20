package disk

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// A program that has a file open for a moment, as those that look for viruses do, is waited for.
func TestReplaceWaitsForWhoHasTheFileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "settings.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path) // without the right to replace it
	if err != nil {
		t.Fatal(err)
	}
	if err := Retry(func() error { return os.Rename(path, path+".x") }); err == nil {
		t.Skip("here a file that is open can be renamed")
	} else if !held(err) {
		t.Errorf("%v is not known as the error of a file that is open", err)
	}
	time.AfterFunc(50*time.Millisecond, func() { f.Close() })
	if err := Write(path, 0o600, []byte("new")); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "new" {
		t.Errorf("%q, %v", data, err)
	}
}
