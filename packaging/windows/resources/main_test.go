package main

import (
	"bytes"
	"debug/pe"
	"os"
	"path/filepath"
	"testing"
)

func TestNumbers(t *testing.T) {
	for version, want := range map[string][4]uint16{"0.1.0": {0, 1, 0, 7}, "1.20.3-rc1": {1, 20, 3, 7}} {
		if got, err := numbers(version, "7"); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", version, got, err, want)
		}
	}
	for _, bad := range []string{"", "1.2", "1.2.x", "1.2.3.4", "1.2.70000", "-1.2.3"} {
		if got, err := numbers(bad, "7"); err == nil {
			t.Errorf("%q was taken as %v", bad, got)
		}
	}
}

// TestObjects makes what the linker takes, twice: the bytes are the same, and have what Windows looks for.
func TestObjects(t *testing.T) {
	t.Chdir(filepath.Join("..", "..", ".."))
	for _, prog := range programs {
		if _, err := os.Stat(filepath.Join(prog.folder, "main.go")); err != nil {
			t.Errorf("there is no program: %v", err)
		}
		var made [2][]byte
		for i := range made {
			p, err := readProduct()
			if err != nil {
				t.Fatal(err)
			}
			if made[i], err = p.objectFor(prog); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(made[0], made[1]) {
			t.Errorf("%s: two objects of the same sources differ", prog.file)
		}
		f, err := pe.NewFile(bytes.NewReader(made[0]))
		if err != nil {
			t.Fatal(err)
		}
		if f.Machine != pe.IMAGE_FILE_MACHINE_AMD64 || f.TimeDateStamp != 0 {
			t.Errorf("%s: machine %#x, time %d", prog.file, f.Machine, f.TimeDateStamp)
		}
		for _, part := range [][]byte{manifest, wide("The Galago authors"), wide(prog.description)} {
			if !bytes.Contains(made[0], part) {
				t.Errorf("%s: %q is missing", prog.file, part)
			}
		}
	}
}

// wide is a text of ASCII as UTF-16.
func wide(s string) (b []byte) {
	for _, r := range []byte(s) {
		b = append(b, r, 0)
	}
	return b
}
