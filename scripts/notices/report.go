package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// report is THIRD_PARTY_LICENSES.txt: what is inside, remarks, and every text once.
func (p *pack) report() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s for %s: what is inside, and under which licences\n\n", p.name, p.version, map[string]string{"linux": "Linux", "windows": "Windows"}[p.system])
	fmt.Fprintf(&b, "%d parts. The numbers name the texts below; a text that several parts share stands here once.\n", len(p.parts))
	fmt.Fprintf(&b, "%s has the same for machines, with the SHA-256 of every file.\n\n", bomName)
	p.contents(&b)
	p.notes(&b)
	for i, t := range p.texts {
		rule := strings.Repeat("=", 100)
		fmt.Fprintf(&b, "\n%s\n[%d] %s\n%s\n\n%s", rule, i+1, wrap(strings.Join(t.parts, ", "), 95, "    "), rule, t.body)
	}
	return b.Bytes()
}

// contents is a table of all parts.
func (p *pack) contents(b *bytes.Buffer) {
	rows := [][3]string{{"Part", "Version", "Licence [texts]"}}
	for _, part := range p.parts {
		var numbers []string
		for _, n := range part.texts {
			numbers = append(numbers, fmt.Sprint(n+1))
		}
		rows = append(rows, [3]string{part.name, part.version, part.licence + " [" + strings.Join(numbers, ", ") + "]"})
	}
	var wide [2]int
	for _, row := range rows {
		for i := range wide {
			wide[i] = max(wide[i], utf8.RuneCountInString(row[i]))
		}
	}
	for _, row := range rows {
		fmt.Fprintf(b, "%-*s  %-*s  %s\n", wide[0], row[0], wide[1], row[1], row[2])
	}
}

// notes are where each part is, and remarks.
func (p *pack) notes(b *bytes.Buffer) {
	b.WriteString("\nWhere the parts are\n\n")
	byFiles := map[string][]string{}
	var order []string
	for _, part := range p.parts {
		files := strings.Join(short(part.files), ", ")
		if part.always {
			files = "the setup"
		}
		if byFiles[files] == nil {
			order = append(order, files)
		}
		byFiles[files] = append(byFiles[files], part.name)
	}
	slices.Sort(order)
	for _, files := range order {
		fmt.Fprintf(b, "%s\n    %s\n", wrap(files, 100, "  "), wrap(strings.Join(byFiles[files], ", "), 96, "    "))
	}
	b.WriteString("\nRemarks\n\n")
	for _, part := range p.parts {
		if part.note != "" {
			fmt.Fprintf(b, "%s\n", wrap(part.name+": "+part.note, 100, "    "))
		}
	}
}

// short puts file names that differ in what follows the last dash together: lib/ggml-cpu-*.
func short(files []string) []string {
	var list []string
	for _, f := range files {
		if i := strings.Index(f, "ggml-cpu-"); i >= 0 {
			f = f[:i] + "ggml-cpu-*"
		}
		list = append(list, f)
	}
	return slices.Compact(list)
}

// wrap breaks a paragraph into lines of at most n characters where it has spaces.
func wrap(s string, n int, indent string) string {
	var b strings.Builder
	length := 0
	for i, word := range strings.Fields(s) {
		w := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case length+1+w > n:
			b.WriteString("\n" + indent)
			length = len(indent)
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += w
	}
	return b.String()
}
