package app

import (
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
