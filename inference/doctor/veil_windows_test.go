package doctor

import (
	"context"
	"testing"
)

// What is private has backslashes and drives on Windows.
func TestVeilHidesPathsOfWindows(t *testing.T) {
	people := func(context.Context) (names, homes []string) { return []string{"anna"}, []string{`C:\Users\anna`} }
	v := newVeil(Options{people: people, Libraries: `D:\My Libs\lib`, Engine: `D:\eng ine\galago-engine.exe`})
	v.secret(`C:\Users\anna\Bilder\Über uns (privat).gguf`)
	for text, want := range map[string]string{
		`load C:\Users\anna\Bilder\Über uns (privat).gguf now`: "load <private> now",
		`Über uns (privat).gguf is truncated`:                  "<private> is truncated",
		`open C:\Users\anna\My dog.png: File not found.`:       "open <file>: File not found.",
		`open C:/Users/anna/My dog.png: File not found.`:       "open <file>: File not found.",
		`open \\server\anna\x.png: gone`:                       "open <file>: gone",
		`open \\?\C:\Users\anna\x.png: gone`:                   "open <file>: gone",
		`in D:\My Libs\lib\llama.dll`:                          `in <libraries>\llama.dll`,
		`run D:\eng ine\galago-engine.exe`:                     `run <engine>\galago-engine.exe`,
		`the user ANNA`:                                        "the user <name>",
	} {
		if got := v.hide(text); got != want {
			t.Errorf("%q\n got %q\nwant %q", text, got, want)
		}
	}
}
