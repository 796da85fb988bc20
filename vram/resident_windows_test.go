package vram

import (
	"bytes"
	"os"
	"testing"
)

func TestMemoryOfProcessAndSystem(t *testing.T) {
	before, err := Resident(os.Getpid())
	if err != nil || before == 0 {
		t.Fatalf("%d bytes, %v", before, err)
	}
	block := bytes.Repeat([]byte{1}, 64<<20)
	after, err := Resident(os.Getpid())
	if err != nil || after < before+48<<20 || after > System() {
		t.Errorf("%d, then %d bytes of %d, %v", before, after, System(), err)
	}
	if n := Anonymous(os.Getpid()); n < 48<<20 {
		t.Errorf("%d bytes come free", n)
	}
	if a := Available(); a == 0 || a > System() {
		t.Errorf("%d of %d bytes are available", a, System())
	}
	for _, pid := range []int{-1, 0, 1 << 30} {
		if n, err := Resident(pid); err == nil || n != 0 || Anonymous(pid) != 0 {
			t.Errorf("process %d: %d bytes, %v", pid, n, err)
		}
	}
	if block[len(block)-1] != 1 {
		t.Fail() // keeps the block alive
	}
}
