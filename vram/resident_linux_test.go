package vram

import (
	"os"
	"testing"
)

func TestAnonymous(t *testing.T) {
	all, err := Resident(os.Getpid())
	if n := Anonymous(os.Getpid()); err != nil || n == 0 || n >= all {
		t.Errorf("%d of %d bytes, %v", n, all, err)
	}
	if n := Anonymous(-1); n != 0 {
		t.Errorf("no process has %d bytes", n)
	}
}

func TestAvailable(t *testing.T) {
	for text, want := range map[string]uint64{
		"MemTotal:       24000000 kB\nMemFree:  100 kB\nMemAvailable:   12345 kB\n": 12345 << 10,
		"MemTotal: 1 kB\n": 0,
		"MemAvailable:":    0,
		"MemAvailable: x":  0,
		"":                 0,
	} {
		if got := available(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	if a := Available(); a == 0 || a > System() {
		t.Errorf("%d of %d bytes are available", a, System())
	}
}
