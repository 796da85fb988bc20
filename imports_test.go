package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport says for each package of Galago what it may import apart from the standard library. A name that ends in
// /... stands for the package and all below it. Imports go one way:
//
//	main -> app -> ui, inference, vram, assets;   ui -> app/chat, vram, assets;   inference -> protocol, vision, gguf
//
// so that nothing below app knows of windows, and the window can never be taken down by llama.cpp or CUDA.
var mayImport = map[string][]string{
	"galago": {"galago/app"},
	"galago/app": {
		"galago/app/chat", "galago/app/locale", "galago/ui", "galago/vram", "galago/assets", "galago/assets/words", "galago/assets/fonts",
		"galago/app/chat/...", "galago/app/library/...", "galago/app/clipboard", "galago/app/portal", "galago/inference", "galago/inference/disk", "galago/inference/doctor", "galago/inference/engines", "galago/inference/gguf", "galago/inference/plan", "galago/inference/portable", "galago/inference/protocol", "galago/inference/statecache", "galago/inference/vision",
		fyne, "github.com/adrg/xdg", "golang.org/x/sys/...",
		"github.com/jezek/xgb/...",
	},
	"galago/app/chat":              {"galago/inference/vision"},
	"galago/app/chat/store":        {"galago/inference/disk", sqlite, "golang.org/x/sys/...", "galago/assets/words"},
	"galago/app/chat/transfer":     {"galago/inference/disk", "galago/app/chat", "galago/app/chat/store", "galago/assets/words"},
	"galago/app/library/catalogue": {"galago/assets", "galago/assets/words", "galago/inference/gguf", "galago/inference/plan", "galago/vram"},
	"galago/app/library/download":  {"galago/inference/disk", "galago/inference/portable", "galago/assets/words", "golang.org/x/sys/..."},
	"galago/app/library/shelf":     {"galago/inference/disk", "galago/inference/gguf", "galago/inference/portable", "galago/assets/words"},
	"galago/app/clipboard":         {"golang.design/x/clipboard", "github.com/jezek/xgb/..."},
	"galago/app/portal":            {"github.com/godbus/dbus/v5"},
	"galago/app/locale":            {},
	"galago/ui": {
		"galago/app/chat", "galago/vram", "galago/assets", "galago/assets/words",
		fyne, "github.com/yuin/goldmark/...", "github.com/alecthomas/chroma/v2/...", "golang.org/x/image/...",
		"github.com/go-text/typesetting/...", "github.com/rivo/uniseg",
	},
	"galago/vram":         {nvml, "golang.org/x/sys/...", "galago/assets/words"},
	"galago/assets":       {},
	"galago/assets/words": {},
	"galago/assets/fonts": {},

	"galago/inference": {
		"galago/inference/disk", "galago/inference/gguf", "galago/inference/plan", "galago/inference/protocol", "galago/inference/vision",
		"galago/vram", "galago/assets/words", "golang.org/x/sys/...",
	},
	"galago/inference/plan":        {"galago/inference/gguf", "galago/inference/protocol", "galago/vram", "galago/assets/words"},
	"galago/inference/protocol":    {},
	"galago/inference/gguf":        {"galago/assets/words"},
	"galago/inference/gguf/synth":  {},
	"galago/inference/vision":      {"galago/assets/words", "galago/inference/vision/heif", "golang.org/x/image/..."},
	"galago/inference/vision/heif": {"github.com/tetratelabs/wazero/..."},
	"galago/inference/worker":      {"galago/inference/protocol"},
	"galago/inference/disk":        {"golang.org/x/sys/..."},
	"galago/inference/statecache":  {"galago/inference/disk"},
	"galago/inference/portable":    {"github.com/adrg/xdg"},
	"galago/inference/doctor":      {"galago/inference", "galago/inference/engines", "galago/inference/gguf", "galago/inference/plan", "galago/inference/portable", "galago/inference/protocol", "galago/inference/vision", "galago/vram", "galago/assets", "github.com/adrg/xdg", "golang.org/x/sys/..."},
	"galago/inference/engines":     {"github.com/ulikunitz/xz/...", "galago/inference", "galago/inference/disk", "galago/inference/protocol", "galago/vram", "galago/assets", "galago/assets/words", "github.com/adrg/xdg", "golang.org/x/sys/..."},
	"galago/inference/families":    {},
	"galago/inference/preflight":   {},
	"galago/inference/demoeval":    {},
	"galago/inference/llama": append([]string{
		"galago/inference/gguf", "galago/inference/protocol", "galago/inference/statecache", "galago/inference/worker",
	}, llama...),
	"galago/inference/galago-engine": {"galago/inference/...", "galago/vram", "galago/assets", "golang.org/x/sys/..."},

	"galago/e2e":                    {"galago/e2e/..."},
	"galago/e2e/desktop":            {"github.com/jezek/xgb/..."},
	"galago/e2e/soak":               {},
	"galago/e2e/slowengine":         {"galago/inference/protocol", "galago/inference/worker"},
	"galago/e2e/slowengine/program": {"galago/e2e/slowengine"},
	"galago/e2e/xdnd":               {"github.com/jezek/xgb/..."},
	"galago/scripts/gpucheck":       {"galago/inference/...", "galago/vram"},
	"galago/scripts/gallery":        {"galago/e2e/desktop", "github.com/jezek/xgb/..."},
	"galago/scripts/bench":          {"galago/inference/...", "golang.org/x/sys/..."},
	"galago/scripts/footprint":      {"galago/e2e/...", "galago/vram", "github.com/jezek/xgb/...", "golang.org/x/sys/..."},
	"galago/scripts/notices":        {"github.com/google/licensecheck/...", "github.com/CycloneDX/cyclonedx-go/..."},
	"galago/scripts/testsummary":    {},

	"galago/packaging/windows/resources": {"galago/inference/disk", "github.com/tc-hib/winres/...", "golang.org/x/image/..."},
}

const (
	fyne   = "fyne.io/fyne/v2/..."
	nvml   = "github.com/NVIDIA/go-nvml/..."
	sqlite = "modernc.org/sqlite/..."
)

// llama are the modules that reach llama.cpp, or serve nothing else.
var llama = []string{
	"github.com/hybridgroup/yzma/...", "github.com/ebitengine/purego/...", "github.com/jupiterrider/ffi/...",
	"github.com/ardanlabs/jinja/...",
}

// homes says which packages alone may import a module. Tests are free in what they import of ours, but not in this.
var homes = map[string][]string{
	fyne: {"galago/app", "galago/ui/...", "galago/e2e/..."},
	nvml: {"galago/vram"},

	sqlite: {"galago/app/chat/store"},
}

func init() {
	for _, module := range llama {
		homes[module] = []string{"galago/inference/llama"}
	}
}

// covers reports whether path is what name stands for.
func covers(name, path string) bool {
	whole, tree := strings.CutSuffix(name, "/...")
	return path == whole || tree && strings.HasPrefix(path, whole+"/")
}

func anyCovers(names []string, path string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return covers(name, path) })
}

// standard reports whether path is of the standard library: nothing else but Galago has no dot in its first part.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return first != "galago" && !strings.Contains(first, ".")
}

type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// packages are Galago's own, as built for an operating system.
func packages(t *testing.T, system string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=1")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var list []goPackage
	for decoder := json.NewDecoder(out); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return list
}

func TestImportsGoOneWay(t *testing.T) {
	for _, system := range []string{"linux", "windows"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			list := packages(t, system)
			if len(list) < 10 {
				t.Fatalf("go list names only %d packages", len(list))
			}
			for _, p := range list {
				checkPackage(t, p)
			}
		})
	}
}

func checkPackage(t *testing.T, p goPackage) {
	t.Helper()
	may, known := mayImport[p.ImportPath]
	if !known {
		t.Errorf("%s is new: say in mayImport what it may import", p.ImportPath)
	}
	for _, path := range p.Imports {
		if known && !standard(path) && !anyCovers(may, path) {
			t.Errorf("%s must not import %s", p.ImportPath, path)
		}
	}
	for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
		for module, home := range homes {
			if covers(module, path) && !anyCovers(home, p.ImportPath) {
				t.Errorf("%s imports %s, which only %s may", p.ImportPath, path, strings.Join(home, ", "))
			}
		}
	}
}

// TestPrograms keeps each program free of what belongs into the other, however deep it lies.
func TestPrograms(t *testing.T) {
	for program, without := range map[string][]string{
		".":                         append([]string{"galago/inference/llama", "galago/inference/worker"}, llama...),
		"./inference/galago-engine": {fyne, "galago/app/...", "galago/ui/...", "github.com/go-gl/..."},
	} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command("go", "list", "-deps", program).Output()
			if err != nil {
				t.Fatal(err)
			}
			for path := range strings.FieldsSeq(string(out)) {
				if anyCovers(without, path) {
					t.Errorf("it contains %s", path)
				}
			}
		})
	}
}
