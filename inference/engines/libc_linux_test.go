package engines

import (
	"os/exec"
	"strings"
	"testing"
)

func TestLibCIsTheOneThatRuns(t *testing.T) {
	out, err := exec.Command("getconf", "GNU_LIBC_VERSION").Output() // "glibc 2.36"
	if err != nil {
		t.Skip("this system has no GNU C library")
	}
	want := strings.TrimPrefix(strings.TrimSpace(string(out)), "glibc ")
	if got := libc(); got != want && got != "" { // empty: this test program is not linked with it
		t.Errorf("%q, want %q", got, want)
	}
	for _, path := range []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6"} {
		if got := newestGLibC(path); got != "" && got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := newestGLibC("/proc/self/maps"); got != "" {
		t.Errorf("no library: %q", got)
	}
}
