package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// source is where a licence's text is: a file in one of the house's places, or the lines of it from the first that
// holds one phrase to the next that holds another. Both phrases must be there, so that a newer version of the file
// cannot silently lose its notice.
type source struct {
	place string // repo, kept (packaging/licences), llama, zig, go, mod
	path  string // for mod: module's path, a colon, a path inside
	from  string // phrase; "" is the whole file
	to    string
}

func kept(name string) source { return source{place: "kept", path: name} }

func (s source) String() string { return s.place + ":" + s.path }

// name is the file's own.
func (s source) name() string {
	_, inside, has := strings.Cut(s.path, ":")
	if !has {
		inside = s.path
	}
	return path.Base(inside)
}

// read gets the texts of all parts. Equal ones are kept once.
func (p *pack) read(h house) error {
	var errs []error
	seen := map[[sha256.Size]byte]int{}
	for i := range p.parts {
		part := &p.parts[i]
		if len(part.sources) == 0 {
			errs = append(errs, fmt.Errorf("%s has no text of its licence on record", part.name))
		}
		for _, s := range part.sources {
			body, err := h.read(s)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: the text of its licence is missing: %w", part.name, err))
				continue
			}
			sum := sha256.Sum256([]byte(body))
			n, known := seen[sum]
			if !known {
				n = len(p.texts)
				seen[sum] = n
				p.texts = append(p.texts, text{body: body, beside: beside.MatchString(s.name())})
			}
			if !slices.Contains(part.texts, n) {
				part.texts = append(part.texts, n)
				p.texts[n].parts = append(p.texts[n].parts, part.name)
			}
		}
	}
	return errors.Join(errs...)
}

// read gets one text, with plain line ends and without spaces at lines' ends.
func (h house) read(s source) (string, error) {
	at, err := h.find(s)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(at)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s, err)
	}
	lines := strings.Split(strings.TrimPrefix(string(b), "\ufeff"), "\n")
	if s.from != "" {
		if lines, err = cut(lines, s.from, s.to); err != nil {
			return "", fmt.Errorf("%s: %w", s, err)
		}
	}
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	body := strings.Trim(strings.Join(lines, "\n"), "\n") + "\n"
	if strings.TrimSpace(body) == "" {
		return "", fmt.Errorf("%s is empty", s)
	}
	return body, nil
}

// comment is what stands before the words in each line of a comment in C.
var comment = regexp.MustCompile(`^\s*(//|/?\*+/?)? ?`)

// cut takes the lines from the first that holds one phrase to the next that holds another, without a comment's marks.
func cut(lines []string, from, to string) ([]string, error) {
	holds := func(phrase string) func(string) bool {
		return func(line string) bool { return strings.Contains(line, phrase) }
	}
	first := slices.IndexFunc(lines, holds(from))
	if first < 0 {
		return nil, fmt.Errorf("no line holds %q", from)
	}
	n := slices.IndexFunc(lines[first:], holds(to))
	if n < 0 {
		return nil, fmt.Errorf("no line after %q holds %q", from, to)
	}
	var list []string
	for _, line := range lines[first : first+n+1] {
		line = strings.TrimSuffix(strings.TrimRight(line, " \t\r"), "*/")
		list = append(list, line[len(comment.FindString(line)):])
	}
	return list, nil
}

// notice is a file's name that speaks of licences.
var notice = regexp.MustCompile(`(?i)^(un)?(licen[cs]e|copying|notice|copyright|patents|ofl)([-._].*)?$`)

// beside is the name of a file that says something beside the licence: whom to name, or a grant of patents.
var beside = regexp.MustCompile(`(?i)^(notice|patents)`)

// notices lists the files below a module's folder that speak of licences, leaving out what never gets into a program.
func notices(dir string) ([]string, error) {
	var list []string
	var walk func(sub string) error
	walk = func(sub string) error {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			return err
		}
		for _, e := range entries {
			name := e.Name()
			switch {
			case e.IsDir() && (skipped[name] || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")):
			case e.IsDir():
				if err := walk(path.Join(sub, name)); err != nil {
					return err
				}
			case notice.MatchString(name) && filepath.Ext(name) != ".go":
				list = append(list, path.Join(sub, name))
			}
		}
		return nil
	}
	err := walk("")
	return list, err
}

// skipped are folders of modules that hold no code of a program: tests' data, and programs of their own.
var skipped = map[string]bool{"testdata": true, "cmd": true, "examples": true, "example": true}
