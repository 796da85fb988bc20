package shelf

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"galago/inference/gguf"
	"galago/inference/portable"
)

// Limits of one Discover, far above what people have.
const (
	maxDepth    = 6       // folders below one of another program's
	maxEntries  = 50000   // names looked at
	maxHeaders  = 2000    // GGUF headers read
	maxManifest = 1 << 20 // bytes of a manifest or a settings file
)

// Discover looks into the folders of other programs and lists the models there, each once, by program and name. They are
// used in place: nothing is moved or written. Models that cannot chat, such as those for searching, are left out.
//
// It ends with ctx at once, also when a disk does not answer, and returns what was found until then. It never follows
// more than it can: neither links in circles nor huge folders hold it up.
func Discover(ctx context.Context) []Entry {
	return discover(ctx, surroundings{env: portable.Getenv, windows: runtime.GOOS == "windows", system: true})
}

// Scan lists the models in a folder and below, as Discover does, such as those in Galago's own folder after its list was lost.
func Scan(ctx context.Context, folder string, source Source) []Entry {
	return collect(ctx, func(h *hunt) { h.tree(source, folder) })
}

// surroundings are where other programs' folders are looked for.
type surroundings struct {
	env     func(string) string
	windows bool
	system  bool // look into the system's folders too, which no variable moves
}

func discover(ctx context.Context, s surroundings) []Entry {
	return collect(ctx, func(h *hunt) {
		h.lmStudio(s)
		h.ollama(s)
		h.hub(s)
		h.llamaCpp(s)
		h.jan(s)
		h.gpt4All(s)
	})
}

// collect hunts in a goroutine of its own: a call into a disk that does not answer cannot be interrupted, so it is left
// behind, and ends when the disk answers.
func collect(ctx context.Context, run func(*hunt)) []Entry {
	found := make(chan Entry)
	go func() {
		defer close(found)
		run(&hunt{ctx: ctx, found: found, seen: map[int64][]fs.FileInfo{}, folders: map[string]bool{}})
	}()
	var list []Entry
	for {
		select {
		case e, more := <-found:
			if !more {
				slices.SortStableFunc(list, func(a, b Entry) int {
					if a.Source != b.Source {
						return 0 // as they came
					}
					return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.Bytes, b.Bytes))
				})
				return list
			}
			list = append(list, e)
		case <-ctx.Done():
			return list
		}
	}
}

// hunt is one look around. It is owned by its goroutine.
type hunt struct {
	ctx     context.Context
	found   chan<- Entry
	seen    map[int64][]fs.FileInfo // files of models that were found, by size: one can have several names
	folders map[string]bool         // real paths of folders that were looked into
	entries int
	headers int
}

// over reports whether to stop: nobody waits any more, or a limit is reached.
func (h *hunt) over() bool {
	return h.ctx.Err() != nil || h.entries >= maxEntries || h.headers >= maxHeaders
}

// at is a path made of a variable's value, or "" where there is none. What is not absolute cannot be meant: it would
// depend on where Galago was started.
func at(root string, parts ...string) string {
	if root == "" || !filepath.IsAbs(root) {
		return ""
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

// home is the person's folder.
func (s surroundings) home() string {
	if s.windows {
		return s.env("USERPROFILE")
	}
	return s.env("HOME")
}

// xdg is a base folder of Linux desktops: a variable's, or else one in the person's folder.
func (s surroundings) xdg(variable, otherwise string) string {
	if dir := s.env(variable); filepath.IsAbs(dir) {
		return dir
	}
	return at(s.home(), filepath.FromSlash(otherwise))
}

// lmStudio looks into ~/.lmstudio/models/PUBLISHER/REPOSITORY/*.gguf, or the folders that its settings and pointer name.
func (h *hunt) lmStudio(s surroundings) {
	homes := []string{at(s.home(), ".lmstudio"), at(s.home(), ".cache", "lm-studio")}
	if data := smallFile(at(s.home(), ".lmstudio-home-pointer")); data != nil {
		homes = slices.Insert(homes, 0, at(strings.TrimSpace(string(data))))
	}
	settings := []string{at(s.env("APPDATA"), "LM Studio", "settings.json"), at(s.xdg("XDG_CONFIG_HOME", ".config"), "LM Studio", "settings.json")}
	for _, home := range homes {
		settings = append(settings, at(home, "settings.json"))
	}
	for _, path := range settings {
		var set struct {
			Folder string `json:"downloadsFolder"`
		}
		if smallJSON(path, &set) == nil {
			h.tree(LMStudio, at(set.Folder))
		}
	}
	for _, home := range homes {
		h.tree(LMStudio, at(home, "models"))
	}
}

// hub looks into the hub's cache: models--ORG--NAME/snapshots/REVISION/ with links into blobs/.
func (h *hunt) hub(s surroundings) {
	for _, dir := range []string{
		at(s.env("HF_HUB_CACHE")), at(s.env("HUGGINGFACE_HUB_CACHE")), at(s.env("HF_HOME"), "hub"),
		at(s.xdg("XDG_CACHE_HOME", ".cache"), "huggingface", "hub"), at(s.home(), ".cache", "huggingface", "hub"),
	} {
		h.repositories(Hub, dir)
	}
}

// repositories looks into a folder in the form of the hub's cache: of each repository the revision that refs/main names
// first, so that of two links to one file that one counts.
func (h *hunt) repositories(source Source, dir string) {
	for _, repo := range h.list(dir) {
		if !strings.HasPrefix(repo.Name(), "models--") {
			continue
		}
		path := filepath.Join(dir, repo.Name())
		snapshots := filepath.Join(path, "snapshots")
		main := strings.TrimSpace(string(smallFile(filepath.Join(path, "refs", "main"))))
		if main != "" && filepath.IsLocal(main) {
			h.tree(source, filepath.Join(snapshots, main))
		}
		h.tree(source, snapshots)
	}
}

// llamaCpp looks into llama.cpp's own cache: files ORG_REPOSITORY_NAME.gguf side by side, and in newer versions the form
// of the hub's cache.
func (h *hunt) llamaCpp(s surroundings) {
	dir := at(s.env("LLAMA_CACHE"))
	if dir == "" && s.windows {
		dir = at(s.env("LOCALAPPDATA"), "llama.cpp")
	} else if dir == "" {
		dir = at(s.xdg("XDG_CACHE_HOME", ".cache"), "llama.cpp")
	}
	h.repositories(LlamaCpp, dir)
	h.tree(LlamaCpp, dir)
}

// jan looks into Jan's data folder: llamacpp/models/NAME/model.gguf with mmproj.gguf, and models/ of older versions. Its
// settings may name another folder.
func (h *hunt) jan(s surroundings) {
	data := s.xdg("XDG_DATA_HOME", ".local/share")
	config := s.xdg("XDG_CONFIG_HOME", ".config")
	if s.windows {
		data, config = s.env("APPDATA"), s.env("APPDATA")
	}
	folders := []string{at(data, "Jan", "data"), at(s.home(), "jan")}
	for _, path := range []string{at(config, "Jan", "settings.json"), at(data, "jan.ai.app", "settings.json")} {
		var set struct {
			Folder string `json:"data_folder"`
		}
		if smallJSON(path, &set) == nil && set.Folder != "" {
			folders = slices.Insert(folders, 0, at(set.Folder))
		}
	}
	for _, dir := range folders {
		h.tree(Jan, at(dir, "llamacpp", "models"))
		h.tree(Jan, at(dir, "models"))
	}
}

// gpt4All looks into its folder of files side by side.
func (h *hunt) gpt4All(s surroundings) {
	if s.windows {
		h.tree(GPT4All, at(s.env("LOCALAPPDATA"), "nomic.ai", "GPT4All"))
		return
	}
	h.tree(GPT4All, at(s.xdg("XDG_DATA_HOME", ".local/share"), "nomic.ai", "GPT4All"))
}

// smallFile is a file's content; nil for one that is not there, not an ordinary file, or too long.
func smallFile(path string) []byte {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxManifest {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err != nil {
		return nil
	}
	return data
}

func smallJSON(path string, v any) error {
	data := smallFile(path)
	if data == nil {
		return fs.ErrNotExist
	}
	return json.Unmarshal(data, v)
}

// list reads a folder in pieces, so that one with a million names does not take long; nil for one that is not there.
func (h *hunt) list(dir string) []fs.DirEntry {
	if dir == "" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	var all []fs.DirEntry
	for !h.over() {
		list, err := d.ReadDir(256)
		all = append(all, list...)
		h.entries += len(list)
		if err != nil || len(list) == 0 {
			break
		}
	}
	slices.SortFunc(all, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
	return all
}

// tree looks into a folder and those below it.
func (h *hunt) tree(source Source, dir string) { h.below(source, dir, nil, 0) }

// below is tree with the vision files of the folder above, which count where a folder is named for a quantisation.
func (h *hunt) below(source Source, dir string, above []*card, depth int) {
	if dir == "" || depth > maxDepth || h.over() {
		return
	}
	real, err := filepath.EvalSymlinks(dir)
	if err != nil || h.folders[real] {
		return // not there, or here already: also when links lead in a circle
	}
	if info, err := os.Stat(real); err != nil || !info.IsDir() {
		return // opening a pipe would wait for whoever writes into it
	}
	h.folders[real] = true
	var folders []string
	var models, projectors []*card
	for _, entry := range h.list(dir) {
		if h.over() {
			break // what was read until now counts
		}
		path := filepath.Join(dir, entry.Name())
		switch info, err := os.Stat(path); {
		case err != nil, strings.HasPrefix(entry.Name(), "."):
		case info.IsDir():
			folders = append(folders, path)
		case info.Mode().IsRegular() && finished(entry.Name()):
			if c := h.read(path); c == nil {
			} else if c.kind == gguf.KindMMProj {
				projectors = append(projectors, c)
			} else if c.model() {
				models = append(models, c)
			}
		}
	}
	h.report(source, models, projectors, above)
	for _, path := range folders {
		var inherited []*card
		if base := filepath.Base(path); quantPart.FindString(base) == base {
			inherited = projectors
		}
		h.below(source, path, inherited, depth+1)
	}
}

// read reads a header, or nil. Every try counts, so that many bad files do not take long either.
func (h *hunt) read(path string) *card {
	h.headers++
	c, err := readCard(path)
	if err != nil {
		return nil
	}
	return c
}

// report tells of a folder's models with their vision files.
func (h *hunt) report(source Source, models, projectors, above []*card) {
	for _, m := range models {
		if h.ctx.Err() != nil {
			return
		}
		mmproj, equals := visionOf(m, projectors, models)
		if mmproj == nil && equals == nil {
			mmproj, _ = visionOf(m, above, models)
		}
		h.tell(m, mmproj, source, "")
	}
}

// tell hands out a model, if it is whole, can chat, and was not found before.
func (h *hunt) tell(m, mmproj *card, source Source, place string) {
	if m.info == nil || !m.chats || m.kind == gguf.KindSplit && !whole(m) {
		return
	}
	size := m.info.Size()
	if slices.ContainsFunc(h.seen[size], func(o fs.FileInfo) bool { return os.SameFile(o, m.info) }) {
		return
	}
	h.seen[size] = append(h.seen[size], m.info)
	select {
	case h.found <- m.entry(mmproj, source, place):
	case <-h.ctx.Done():
	}
}

// whole reports whether all parts of a split model are there.
func whole(m *card) bool {
	list := gguf.PartNames(m.path)
	return len(list) == m.parts && !slices.ContainsFunc(list, func(path string) bool {
		_, err := os.Stat(path)
		return errors.Is(err, fs.ErrNotExist)
	})
}
