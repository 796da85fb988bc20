package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// The two files that this program writes into the stage.
const (
	reportName = "THIRD_PARTY_LICENSES.txt"
	bomName    = "sbom.cdx.json"
)

// pack is a package: what lies in its stage, and what that consists of.
type pack struct {
	system        string // linux or windows
	stage         string // folder
	name, version string // of the program
	epoch         string // seconds since 1970; "" leaves times out

	files   []file
	parts   []part            // by name
	modules map[string]string // Go modules of the programs, and their folders in the module cache
	texts   []text            // each once, in the order in which parts need them
	faults  []error           // of the records
}

// file is one of the stage.
type file struct {
	name   string // with slashes, relative to the stage
	sha256 string // "" for a symbolic link
	parts  []string
}

// part is something that was made by somebody and has a licence of its own.
type part struct {
	name    string
	version string
	purl    string // without the version
	home    string // web page
	licence string // SPDX expression; "" is found out from the texts
	// reason says why licence is right although the texts alone do not tell, or which of several was chosen.
	reason string
	// note is for readers of the package: an attribution, or how a copyleft part can be replaced.
	note string

	sources []source
	is      []string // patterns of files that are this part
	within  []string // patterns of files that hold it among other things
	with    string   // it is wherever this Go module is
	always  bool     // it is in the package, but in no file of the stage

	files []string // found
	texts []int    // indices in pack.texts
}

// text is one of a licence, or several lines of one.
type text struct {
	body   string
	beside bool     // it is no licence itself
	parts  []string // that have it
}

// fill finds out everything. All faults are told at once.
func (p *pack) fill(h house) error {
	files, err := walk(p.stage)
	if err != nil {
		return err
	}
	p.files = files
	modules, err := p.goParts(h)
	if err != nil {
		return err
	}
	p.parts = slices.Concat(p.records(h), modules)
	p.place()
	return errors.Join(errors.Join(p.faults...), p.unclaimed(), h.checkVendored(p.parts), p.read(h), p.judge())
}

// walk lists the files of a stage by name. What an earlier run wrote does not count.
func walk(stage string) ([]file, error) {
	var list []file
	err := filepath.WalkDir(stage, func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(stage, at)
		if err != nil {
			return err
		}
		f := file{name: filepath.ToSlash(name)}
		if f.name == reportName || f.name == bomName {
			return nil
		}
		if d.Type().IsRegular() {
			if f.sha256, err = digest(at); err != nil {
				return err
			}
		}
		list = append(list, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no files; build and stage the programs first", stage)
	}
	return list, nil
}

func digest(at string) (string, error) {
	b, err := os.ReadFile(at)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// place says for each part which files have it, and leaves out parts that none has.
func (p *pack) place() {
	for i := range p.parts {
		part := &p.parts[i]
		for n := range p.files {
			if f := &p.files[n]; anyMatches(part.is, f.name) || anyMatches(part.within, f.name) {
				part.files = append(part.files, f.name)
			}
		}
	}
	for i := range p.parts { // after those that they travel with
		if part := &p.parts[i]; part.with != "" {
			part.files = append(part.files, p.filesOf(part.with)...)
			slices.Sort(part.files)
			part.files = slices.Compact(part.files)
		}
	}
	p.parts = slices.DeleteFunc(p.parts, func(part part) bool { return len(part.files) == 0 && !part.always })
	slices.SortStableFunc(p.parts, func(a, b part) int {
		return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name))
	})
	for _, part := range p.parts {
		for n := range p.files {
			if f := &p.files[n]; slices.Contains(part.files, f.name) {
				f.parts = append(f.parts, part.ref())
			}
		}
	}
}

func (p *pack) filesOf(module string) []string {
	for _, part := range p.parts {
		if part.name == module {
			return part.files
		}
	}
	return nil
}

func anyMatches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, _ := path.Match(pattern, name)
		return ok
	})
}

// unclaimed tells the files that are nothing we know of: nothing else may be in a package.
func (p *pack) unclaimed() error {
	var errs []error
	for _, f := range p.files {
		if !slices.ContainsFunc(p.parts, func(part part) bool { return anyMatches(part.is, f.name) }) {
			errs = append(errs, fmt.Errorf("galago-%s: %s has no licence on record; give it one in scripts/notices/records.go or leave it out", p.system, f.name))
		}
	}
	return errors.Join(errs...)
}

// ref names a part in the SBOM: its package URL.
func (p part) ref() string {
	if p.version == "" {
		return p.purl
	}
	base, query, has := strings.Cut(p.purl, "?")
	ref := base + "@" + strings.ReplaceAll(p.version, "+", "%2B")
	if has {
		ref += "?" + query
	}
	return ref
}

// app is what FyneApp.toml says.
type app struct{ name, version string }

func readApp(at string) (app, error) {
	b, err := os.ReadFile(at)
	if err != nil {
		return app{}, fmt.Errorf("%w; run this in the repository's folder", err)
	}
	field := func(name string) string {
		m := regexp.MustCompile(`(?m)^\s*` + name + `\s*=\s*"(.*)"`).FindSubmatch(b)
		if m == nil {
			return ""
		}
		return string(m[1])
	}
	a := app{name: field("Name"), version: field("Version")}
	if a.name == "" || a.version == "" {
		return app{}, fmt.Errorf("%s has no Name or no Version", at)
	}
	return a, nil
}
