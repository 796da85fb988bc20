//go:build unix

package preflight

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// A package that the binding does not need may be initialised after it, and this one then too.
func TestImportsNothingThatTheBindingDoesNotImport(t *testing.T) {
	for system, want := range map[string][]string{"linux": {"os"}, "windows": {"os", "syscall", "unsafe"}} {
		if got := deps(t, system, ".", "-f", `{{join .Imports " "}}`); !slices.Equal(got, want) {
			t.Errorf("%s: it imports %q", system, got)
		}
		binding := deps(t, system, "github.com/jupiterrider/ffi", "-deps")
		if len(binding) < 10 {
			t.Fatalf("the binding needs only %q", binding)
		}
		for _, p := range deps(t, system, ".", "-deps") {
			if !slices.Contains(binding, p) && p != "galago/inference/preflight" {
				t.Errorf("%s: it needs %s, and the binding does not", system, p)
			}
		}
	}
}

func deps(t *testing.T, system, of string, flags ...string) []string {
	t.Helper()
	list := exec.Command("go", append(append([]string{"list"}, flags...), of)...)
	list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
