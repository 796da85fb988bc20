package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences that let Galago's packages be passed on as they are, with the notices inside. What is not
// here fails the build until somebody has read it.
var allowed = map[string]bool{
	"0BSD": true, "Apache-2.0": true, "BSD-2-Clause": true, "BSD-3-Clause": true, "CC0-1.0": true, "ISC": true,
	"MIT": true, "MIT-0": true, "OFL-1.1": true, "Unicode-3.0": true, "Unlicense": true, "Zlib": true,
	"Bitstream-Vera": true, "blessing": true, "CC-BY-4.0": true, "ZPL-2.1": true, "bzip2-1.0.6": true,
	// With exceptions that free what a compiler or linker put into a program.
	"Apache-2.0 WITH LLVM-exception":                true,
	"GPL-3.0-or-later WITH GCC-exception-3.1":       true,
	"LGPL-2.1-or-later WITH GCC-exception-2.0-note": true,
	// These were read; their conditions are notices, which the package has.
	"LicenseRef-NVML-header":           true, // disclaimer and notice to be passed on
	"LicenseRef-AOM-Patent-1.0":        true, // to be passed on with the program
	"LicenseRef-LibYuv-Patents":        true,
	"LicenseRef-mingw-w64-runtime":     true, // public domain and permissive notices beside ZPL-2.1
	"LicenseRef-public-domain":         true,
	"LicenseRef-NSIS-LZMA-CPL":         true, // CPL 1.0, whose exception frees installers that are not modified
	"LicenseRef-BSD-3-Clause-Lockless": true, // BSD-3-Clause with the author's name
}

// replaceable are licences that let a program use a part if people can put another version in its place. A part under
// one needs a note that says how.
var replaceable = map[string]bool{"LGPL-3.0-or-later": true}

// judge compares every part's licence with its texts and with what is allowed.
func (p *pack) judge() error {
	var errs []error
	for i := range p.parts {
		part := &p.parts[i]
		if len(part.texts) == 0 {
			continue // told already
		}
		var bodies []string
		for _, n := range part.texts {
			if !p.texts[n].beside {
				bodies = append(bodies, p.texts[n].body)
			}
		}
		err := part.settle(bodies)
		if err == nil {
			err = part.permitted()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", part.name, err))
		}
	}
	return errors.Join(errs...)
}

// settle takes the licence from the texts, or checks what is on record against them.
func (p *part) settle(bodies []string) error {
	found, sure := detect(bodies)
	if p.licence != "" && p.reason != "" {
		return nil
	}
	want := strings.Join(found, " AND ")
	switch {
	case !sure && p.licence == "":
		return fmt.Errorf("its licence is not recognised (it looks like %q); read it and put it on record with a reason", want)
	case p.licence == "":
		p.licence = want
	case !sure || p.licence != want:
		return fmt.Errorf("it is on record as %s, and the text looks like %q; mend the record or give a reason", p.licence, want)
	}
	return nil
}

// patents are grants in a licence's file: they take nothing away.
var patents = regexp.MustCompile(`^GooglePatent`)

// detect finds the licences that texts hold. It is sure when three quarters of each text are a licence's.
func detect(bodies []string) (found []string, sure bool) {
	sure = true
	for _, body := range bodies {
		c := licensecheck.Scan([]byte(body))
		sure = sure && c.Percent >= 75
		for _, m := range c.Match {
			if !patents.MatchString(m.ID) && !m.IsURL {
				found = append(found, m.ID)
			}
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	return found, sure && len(found) > 0
}

// permitted says whether the package may be passed on with this part in it.
func (p *part) permitted() error {
	e := expression{words: tokens(p.licence)}
	ok, needsNote, err := e.or()
	switch {
	case err != nil || len(e.words) > 0:
		return fmt.Errorf("%q is no SPDX expression", p.licence)
	case !ok:
		return fmt.Errorf("its licence %s is not allowed in a package", p.licence)
	case needsNote && p.note == "":
		return fmt.Errorf("its licence %s asks for a note that says how another version can be put in its place", p.licence)
	}
	return nil
}

var token = regexp.MustCompile(`[()]|[^\s()]+`)

func tokens(s string) []string { return token.FindAllString(s, -1) }

// expression reads an SPDX expression: a OR (b AND c WITH d).
type expression struct{ words []string }

func (e *expression) next() string {
	if len(e.words) == 0 {
		return ""
	}
	w := e.words[0]
	e.words = e.words[1:]
	return w
}

func (e *expression) takes(word string) bool {
	if len(e.words) > 0 && e.words[0] == word {
		e.words = e.words[1:]
		return true
	}
	return false
}

// or takes the best of the alternatives: one that is allowed, and rather one that needs no note.
func (e *expression) or() (ok, needsNote bool, err error) {
	ok, needsNote, err = e.and()
	for err == nil && e.takes("OR") {
		var other, otherNote bool
		if other, otherNote, err = e.and(); other && (!ok || needsNote) {
			ok, needsNote = true, otherNote
		}
	}
	return ok, needsNote, err
}

func (e *expression) and() (ok, needsNote bool, err error) {
	ok, needsNote, err = e.one()
	for err == nil && e.takes("AND") {
		var other, otherNote bool
		other, otherNote, err = e.one()
		ok, needsNote = ok && other, needsNote || otherNote
	}
	return ok, needsNote, err
}

func (e *expression) one() (ok, needsNote bool, err error) {
	if e.takes("(") {
		ok, needsNote, err = e.or()
		if err == nil && !e.takes(")") {
			err = errors.New("a bracket is not closed")
		}
		return ok, needsNote, err
	}
	id := e.next()
	if id == "" || id == ")" || id == "AND" || id == "OR" || id == "WITH" {
		return false, false, errors.New("a licence is missing")
	}
	if e.takes("WITH") {
		id += " WITH " + e.next()
	}
	return allowed[id] || replaceable[id], replaceable[id], nil
}
