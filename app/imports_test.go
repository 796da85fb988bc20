package app

import (
	"os/exec"
	"strings"
	"testing"
)

// goList asks the go command about packages; each line it prints becomes a list of words.
func goList(t *testing.T, args ...string) [][]string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var lines [][]string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}

func under(path string, folders ...string) bool {
	for _, f := range folders {
		if path == f || strings.HasPrefix(path, f+"/") {
			return true
		}
	}
	return false
}

// TestImports keeps the layers apart: who may import what, directly.
func TestImports(t *testing.T) {
	only := map[string][]string{ // module: packages that may import it
		"github.com/hybridgroup/yzma": {"galago/inference/llama"},
		"github.com/jupiterrider/ffi": {"galago/inference/llama"},
		"github.com/ardanlabs/jinja":  {"galago/inference/llama"},
		"github.com/NVIDIA/go-nvml":   {"galago/vram"},
		"fyne.io/fyne/v2":             {"galago/ui", "galago/app"},
		"github.com/jezek/xgb":        {"galago/e2e"},
		"galago/app":                  {"galago", "galago/app"},
		"galago/ui":                   {"galago/app", "galago/ui"},
	}
	allowed := map[string][]string{ // package: all that it may import besides the standard library
		"galago/inference/protocol": nil,
		"galago/inference/gguf":     nil,
		"galago/inference/vision":   {"golang.org/x/image"},
		"galago/app/chat":           {"galago/inference/vision"},
		"galago/app/locale":         nil,
		"galago/assets":             nil,
		"galago/inference/worker":   {"galago/inference/protocol", "golang.org/x/sys"},
	}
	for _, words := range goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		pkg := words[0]
		may, limited := allowed[pkg]
		for _, imported := range words[1:] {
			for module, by := range only {
				if under(imported, module) && !under(pkg, by...) {
					t.Errorf("%s imports %s, which only %v may", pkg, imported, by)
				}
			}
			standard := imported == "C" || !strings.Contains(strings.SplitN(imported, "/", 2)[0], ".") && !under(imported, "galago")
			if limited && !standard && !under(imported, may...) {
				t.Errorf("%s imports %s, but only the standard library and %v are meant for it", pkg, imported, may)
			}
		}
	}
}

// TestPrograms keeps each program free of what belongs into the other, however deep.
func TestPrograms(t *testing.T) {
	for program, without := range map[string][]string{
		".":                         {"github.com/hybridgroup/yzma", "github.com/jupiterrider/ffi", "galago/inference/llama"},
		"./inference/galago-engine": {"fyne.io/fyne/v2", "galago/app", "galago/ui", "github.com/go-gl"},
	} {
		for _, words := range goList(t, "-deps", program) {
			if under(words[0], without...) {
				t.Errorf("%s contains %s", program, words[0])
			}
		}
	}
}
