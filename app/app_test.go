package app

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
)

func TestGate(t *testing.T) {
	var passed []func() // guarded by the gate
	g := &gate{do: func(f func()) { passed = append(passed, f) }}
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() { g.pass(func() {}) })
	}
	wait.Wait()
	g.close()
	g.close()
	g.pass(func() { t.Error("passed although it is closed") })
	if len(passed) != 50 {
		t.Errorf("%d passed", len(passed))
	}
}

func TestLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "galago")
	t.Cleanup(func() { debug.SetCrashOutput(nil, debug.CrashOptions{}) })
	logger, done := openLog(dir)
	logger.Info("hello")
	done()
	if data, err := os.ReadFile(filepath.Join(dir, "galago.log")); err != nil || len(data) == 0 {
		t.Errorf("the log holds %q, %v", data, err)
	}
	logger, done = openLog(filepath.Join(write(t, filepath.Join(t.TempDir(), "file"), nil), "below"))
	logger.Info("to nobody")
	done()
}
