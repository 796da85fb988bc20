//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// askEngine asks the engine for Windows and returns its answers, one a line.
func (w *wine) askEngine(args ...string) []string {
	w.t.Helper()
	out, problem, status := w.run("galago-engine.exe", append([]string{"ask"}, args...)...)
	if status != 0 {
		w.t.Fatalf("galago-engine.exe ask %q ended with %d: %s\n%s", args, status, problem, out)
	}
	return strings.Split(strings.TrimSpace(strings.ReplaceAll(out, "\r", "")), "\n")
}

// copied puts a file to a place on the way to which folders are missing.
func copied(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestWindowsEngineAnswersAboutPictures(t *testing.T) {
	w := startWine(t, "")
	redCircle := w.path(save(t, "circle.png", circle(red)))
	blueSquare := save(t, "square.png", square(blue))
	drive := filepath.Join(w.prefix, "drive_c")
	unicode := copied(t, blueSquare, filepath.Join(drive, "Bilder üñï", "круг и 图片 😀.png"))
	long := copied(t, blueSquare, filepath.Join(drive, strings.Repeat("a long name ", 8)+"x", strings.Repeat("a", 120), strings.Repeat("b", 120)+".png"))
	for _, c := range []struct {
		name string
		args []string
		want []string // a word of each line
	}{
		{
			"a follow-up about the same picture",
			[]string{"--image", redCircle, "--then", "And what colour is it?", "What shape is it?"},
			[]string{"circle", "red"},
		},
		{
			"two pictures",
			[]string{"--image", redCircle, "--image", w.path(blueSquare), "What is in the second picture?"},
			[]string{"square"},
		},
		{"Unicode in the path", []string{"--image", w.path(unicode), "What colour is the square?"}, []string{"blue"}},
		{"a path longer than 260 characters", []string{"--image", w.path(long), "What colour is the square?"}, []string{"blue"}},
		{"slashes", []string{"--image", strings.ReplaceAll(w.path(unicode), `\`, "/"), "What shape is it?"}, []string{"square"}},
	} {
		said := w.askEngine(c.args...)
		t.Logf("%s: %q", c.name, said)
		all := strings.ToLower(strings.Join(said, "\n"))
		for _, word := range c.want {
			at := strings.Index(all, word)
			if at < 0 {
				t.Errorf("%s: answered %q, want %q", c.name, said, c.want)
				break
			}
			all = all[at+len(word):]
		}
	}
	_, problem, status := w.run("galago-engine.exe", "ask", "--image", `C:\no\such.png`, "What is it?")
	if status == 0 || !strings.Contains(problem, "such.png") {
		t.Errorf("a picture that is missing: status %d, %s", status, spell(problem))
	}
}
