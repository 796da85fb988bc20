//go:build unix

package shelf

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
)

// A pipe that nobody writes to would keep whoever opens it waiting for ever.
func TestPipesAreLeftAlone(t *testing.T) {
	m := newMachine(t)
	dir := m.at(".lmstudio/models/a/b")
	text.file(t, dir, "m.gguf")
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe.gguf"), 0o644))
	must(t, syscall.Mkfifo(m.at(".lmstudio-home-pointer"), 0o644))
	must(t, syscall.Mkfifo(m.at(".lmstudio/settings.json"), 0o644))
	link(t, "/dev/zero", dir, "zero.gguf")
	m.wants(LMStudio, map[string]string{".lmstudio/models/a/b/m.gguf": ""})
	refused(t, "pipe.gguf is not an ordinary file", filepath.Join(dir, "pipe.gguf"))
	pipe := filepath.Join(t.TempDir(), "models")
	must(t, syscall.Mkfifo(pipe, 0o644))
	if list := Scan(context.Background(), pipe, Own); len(list) != 0 {
		t.Errorf("found %+v", list)
	}
	if s, err := Open(pipe); err == nil || len(s.List()) != 0 {
		t.Error("a pipe is a list")
	}
}
