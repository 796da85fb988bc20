package app

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adrg/xdg"

	"galago/assets/words"
	"galago/inference/vision"
	"galago/ui"
)

// mostEntries is how many entries of a folder are listed. More of them nobody looks through.
const mostEntries = 5000

// Folder lists a folder for the window's own dialog, off the main goroutine: a network may be slow.
func (c *Controller) Folder(path string, done func(ui.Folder)) {
	last := c.desk.folder
	go func() {
		if path == "" {
			path = cmp.Or(last, xdg.UserDirs.Pictures)
			if _, err := os.Stat(path); err != nil {
				path = xdg.Home
			}
		}
		f := folderOf(path)
		c.do(func() {
			if f.Problem == "" {
				c.desk.folder = f.Path
			}
			done(f)
		})
	}()
}

func folderOf(path string) ui.Folder {
	path = home(path)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	f := ui.Folder{Path: path, Places: places()}
	if parent := filepath.Dir(path); parent != path {
		f.Parent = parent
	}
	list, err := os.ReadDir(path)
	if err != nil {
		f.Problem = words.T("This folder cannot be read.")
		if errors.Is(err, fs.ErrNotExist) {
			f.Problem = words.T("There is no such folder.")
		}
		return f
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), ".") || len(f.Entries) == mostEntries {
			continue
		}
		at := filepath.Join(path, e.Name())
		info, err := os.Stat(at) // where a link leads
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			continue
		}
		entry := ui.Entry{Name: e.Name(), Path: at, Folder: info.IsDir(), Date: info.ModTime().Format("2006-01-02 15:04")}
		if !entry.Folder {
			entry.Size = fileSize(info.Size())
		}
		f.Entries = append(f.Entries, entry)
	}
	slices.SortStableFunc(f.Entries, func(a, b ui.Entry) int {
		if a.Folder != b.Folder {
			if a.Folder {
				return -1
			}
			return 1
		}
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
	return f
}

// home puts the person's own folder in the place of a tilde.
func home(path string) string {
	if path == "~" {
		return xdg.Home
	}
	if rest, ok := strings.CutPrefix(path, "~"+string(filepath.Separator)); ok {
		return filepath.Join(xdg.Home, rest)
	}
	return path
}

// places are the folders where pictures usually are, as far as they are there.
func places() []ui.Place {
	var list []ui.Place
	for _, p := range []ui.Place{
		{Name: words.T("Home"), Path: xdg.Home},
		{Name: words.T("Pictures"), Path: xdg.UserDirs.Pictures},
		{Name: words.T("Downloads"), Path: xdg.UserDirs.Download},
		{Name: words.T("Desktop"), Path: xdg.UserDirs.Desktop},
		{Name: words.T("Documents"), Path: xdg.UserDirs.Documents},
	} {
		info, err := os.Stat(p.Path)
		same := slices.ContainsFunc(list, func(q ui.Place) bool { return filepath.Clean(q.Path) == filepath.Clean(p.Path) })
		if err == nil && info.IsDir() && !same {
			list = append(list, p)
		}
	}
	return list
}

// fileSize is a file's size in the units that file managers use.
func fileSize(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	case n < 1_000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// previewSide is the longest side of a preview in pixels.
const previewSide = 480

// Preview looks into a file for the window's own dialog, off the main goroutine and in turn with the pictures of the
// composer.
func (c *Controller) Preview(path string, done func(ui.Preview)) {
	looked := c.desk.looked
	mine := looked.Add(1)
	go func() {
		p := previewOf(path, func() bool { return looked.Load() == mine })
		c.do(func() { done(p) })
	}()
}

func previewOf(path string, wanted func() bool) ui.Preview {
	data, err := vision.ReadFile(path)
	if err != nil {
		return ui.Preview{Problem: err.Error()}
	}
	name := filepath.Base(path)
	h, err := vision.ReadHeader(name, data)
	if err != nil {
		return ui.Preview{Problem: err.Error()}
	}
	if !wanted() {
		return ui.Preview{}
	}
	d := decode(decoding, name, data)
	if d.err != nil {
		return ui.Preview{Problem: d.err.Error()}
	}
	return ui.Preview{
		Image: d.picture.Thumbnail(previewSide, previewSide),
		Info:  fmt.Sprintf("%d × %d · %s", d.picture.Width, d.picture.Height, strings.ToUpper(h.Format)),
	}
}
