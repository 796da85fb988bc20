// Package fonts holds fonts for scripts that Fyne's own do not cover, for systems without fonts of their own:
//
//	Droid Sans Fallback    Chinese, Japanese, Korean
//	DejaVu Sans            Arabic, Hebrew, Armenian, Georgian, arrows, mathematical signs
//	Noto Sans Devanagari
//	Noto Sans Thai
//
// They are unchanged; their licences are beside them. Fyne asks them only for characters that its own lack, after the fonts
// of the system or among them.
package fonts

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

//go:embed *.ttf
var files embed.FS

// variable lists folders of data that are shared on the system, among them fonts, where Fyne looks for them.
const variable = "XDG_DATA_DIRS"

// systemDirs are what counts where the variable is not set.
const systemDirs = "/usr/local/share:/usr/share"

// Offer writes the fonts to dir/fonts, unless they are there, and adds dir to the places where fonts are looked for. It must be
// called before the first text is measured. The folder may be emptied at any time: it is a cache.
//
// Windows looks in its own folders only, and has fonts for these scripts in them.
func Offer(dir string) error {
	if err := write(filepath.Join(dir, "fonts")); err != nil {
		return fmt.Errorf("fonts for more scripts: %w", err)
	}
	return os.Setenv(variable, with(os.Getenv(variable), dir))
}

// with adds a folder at the end of a list, where it comes last among fonts that serve equally.
func with(list, dir string) string {
	if list == "" {
		list = systemDirs
	}
	for _, d := range filepath.SplitList(list) {
		if d == dir {
			return list
		}
	}
	return strings.TrimSuffix(list, string(filepath.ListSeparator)) + string(filepath.ListSeparator) + dir
}

func write(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := files.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, e.Name())
		if have, err := os.Stat(path); err == nil && have.Size() == info.Size() {
			continue
		}
		if err := writeFile(path, e.Name()); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file in one step: another window may be reading it. It is not synced, since a font that a power cut
// shortens is written again at the next start.
func writeFile(path, name string) error {
	data, err := files.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	_, err = f.Write(data)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
