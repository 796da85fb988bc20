package shelf

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// FuzzList reads any bytes as a list: what comes out can be kept and read again.
func FuzzList(f *testing.F) {
	f.Add([]byte(`{"version": 1, "models": [{"name": "A", "model": "/m/a.gguf", "mmproj": "/m/b.gguf", "bytes": -1}, {"model": "b"}, 7]}`))
	f.Add([]byte(`{"models": {"a": 1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := put(t, data, t.TempDir(), "models.json")
		s, _ := Open(path)
		n := len(s.List())
		must(t, s.Add(Entry{Model: filepath.Join(t.TempDir(), "new.gguf")}))
		again, err := Open(path)
		if err != nil || len(again.List()) != n+1 {
			t.Errorf("%d entries, then %d: %v", n, len(again.List()), err)
		}
	})
}

// FuzzManifest reads any bytes as one of Ollama's manifests: whatever it says, only a file of the store is ever found.
func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../secret.gguf"}]}`))
	f.Add([]byte(`{"manifests": [{"runner": "ollama", "digest": "sha256-0000000000000000000000000000000000000000000000000000000000000000"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		text.file(t, dir, "secret.gguf")
		put(t, data, dir, "store", "manifests", "h", "n", "m", "t")
		must(t, os.MkdirAll(filepath.Join(dir, "store", "blobs"), 0o755))
		list := collect(context.Background(), func(h *hunt) {
			h.ollama(surroundings{env: func(name string) string {
				if name == "OLLAMA_MODELS" {
					return filepath.Join(dir, "store")
				}
				return ""
			}})
		})
		if len(list) > 0 {
			t.Errorf("found %+v", list)
		}
	})
}
