package main

import (
	"bytes"
	"debug/buildinfo"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

// house is where things lie on the machine that packs.
type house struct {
	repo, llama, zig, goroot, modules string            // folders
	objects                           string            // of llama.cpp's build
	pins                              map[string]string // scripts/versions.env
	debian                            func(name string) (version string, err error)
	ran                               func(folder, name string, args ...string) ([]byte, error)
}

// thisHouse is the repository in the working folder and the tools of this machine.
func thisHouse(system string) (house, error) {
	h := house{
		repo: ".", llama: "build/llama.cpp", zig: "build/zig/ziglang", debian: debianVersion, ran: output,
		objects: map[string]string{"linux": "build/release/llama-obj", "windows": "build/windows/llama-obj"}[system],
	}
	if h.objects == "" {
		return h, fmt.Errorf("there are packages for linux and windows, not for %q", system)
	}
	out, err := output("", "go", "env", "GOROOT", "GOMODCACHE")
	if err != nil {
		return h, err
	}
	lines := strings.Split(string(out), "\n")
	h.goroot, h.modules = lines[0], lines[1]
	pins, err := os.ReadFile("scripts/versions.env")
	if err != nil {
		return h, err
	}
	h.pins = map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^(\w+)=(\S*)`).FindAllSubmatch(pins, -1) {
		h.pins[string(m[1])] = string(m[2])
	}
	return h, nil
}

func output(folder, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = folder
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}

// debianVersion is that of a package that the build took files from.
func debianVersion(name string) (string, error) {
	out, err := output("", "dpkg-query", "-W", "-f", "${Version}", name)
	if err != nil {
		return "", fmt.Errorf("the version of %s is unknown: %w; scripts/deps.sh packages installs it", name, err)
	}
	return string(out), nil
}

// find says where a source lies.
func (h house) find(s source) (string, error) {
	switch s.place {
	case "repo":
		return filepath.Join(h.repo, s.path), nil
	case "kept":
		return filepath.Join(h.repo, "packaging/licences", s.path), nil
	case "llama":
		return filepath.Join(h.llama, s.path), nil
	case "zig":
		return filepath.Join(h.zig, s.path), nil
	case "go":
		return filepath.Join(h.goroot, s.path), nil
	case "mod":
		module, inside, _ := strings.Cut(s.path, ":")
		return filepath.Join(h.modules, module, inside), nil
	}
	return "", fmt.Errorf("%q is no place for texts", s.place)
}

// escaped is a module's name in the module cache.
func escaped(module string) string {
	return regexp.MustCompile(`[A-Z]`).ReplaceAllStringFunc(module, func(c string) string { return "!" + strings.ToLower(c) })
}

// goParts are the modules that the programs of the stage say they were built from, and Go's own library.
func (p *pack) goParts(h house) ([]part, error) {
	p.modules = map[string]string{}
	byRef := map[string]*part{}
	var list []*part
	add := func(made part, name string) {
		old := byRef[made.ref()]
		if old == nil {
			old = &made
			byRef[made.ref()] = old
			list = append(list, old)
		}
		old.within = append(old.within, name)
	}
	for _, program := range p.programs() {
		info, err := buildinfo.ReadFile(filepath.Join(p.stage, program))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", program, err)
		}
		add(part{
			name: "Go", version: strings.TrimPrefix(info.GoVersion, "go"), purl: "pkg:golang/std", home: "https://go.dev",
			sources: []source{{place: "go", path: "LICENSE"}, {place: "go", path: "PATENTS"}},
		}, program)
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			made, err := h.module(m)
			if err != nil {
				return nil, err
			}
			p.modules[m.Path] = escaped(m.Path) + "@" + m.Version
			add(made, program)
		}
	}
	parts := make([]part, 0, len(list))
	for _, made := range list {
		parts = append(parts, *made)
	}
	return parts, nil
}

// programs are those that the stage must hold.
func (p *pack) programs() []string {
	if p.system == "windows" {
		return []string{"galago.exe", "galago-engine.exe"}
	}
	return []string{"galago", "galago-engine"}
}

// module is a part with all that its folder says of licences.
func (h house) module(m *debug.Module) (part, error) {
	at := escaped(m.Path) + "@" + m.Version
	dir := filepath.Join(h.modules, at)
	if _, err := os.Stat(dir); err != nil {
		if _, err := h.ran(h.repo, "go", "mod", "download", m.Path+"@"+m.Version); err != nil {
			return part{}, err
		}
	}
	names, err := notices(dir)
	if err != nil {
		return part{}, err
	}
	p := part{name: m.Path, version: m.Version, purl: "pkg:golang/" + m.Path, home: "https://pkg.go.dev/" + m.Path}
	known := modules[m.Path]
	p.licence, p.reason = known.licence, known.reason
	for _, name := range names {
		if !slices.ContainsFunc(known.leaveOut, func(pattern string) bool { return matches(pattern, name) }) {
			p.sources = append(p.sources, source{place: "mod", path: at + ":" + name})
		}
	}
	return p, nil
}

func matches(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok
}

// vendored is a file that llama.cpp took from elsewhere and its build compiled.
var vendored = regexp.MustCompile(`/vendor/((?:hash/)?[^/\s]+)/`)

// checkVendored compares what llama.cpp's build compiled with the records: a newer llama.cpp may bring more.
func (h house) checkVendored(parts []part) error {
	deps, err := h.ran("", "ninja", "-C", h.objects, "-t", "deps")
	if err != nil {
		return fmt.Errorf("what llama.cpp's build compiled is unknown: %w; make release or make windows builds it", err)
	}
	var errs []error
	checked := map[string]bool{}
	for _, m := range vendored.FindAllStringSubmatch(string(deps), -1) {
		dir := "vendor/" + m[1] + "/"
		if checked[dir] {
			continue
		}
		checked[dir] = true
		if !slices.ContainsFunc(parts, func(p part) bool {
			return slices.ContainsFunc(p.sources, func(s source) bool { return s.place == "llama" && strings.HasPrefix(s.path, dir) })
		}) {
			errs = append(errs, fmt.Errorf("llama.cpp compiles %s, which has no licence on record", dir))
		}
	}
	if len(checked) == 0 {
		errs = append(errs, fmt.Errorf("%s tells nothing of what llama.cpp compiles from others", h.objects))
	}
	return errors.Join(errs...)
}
