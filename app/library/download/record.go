package download

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"galago/inference/disk"
	"galago/inference/portable"
)

// recordName is the file in Options.Folder where unfinished jobs are.
const recordName = "downloads.json"

// records is that file.
type records struct {
	Version int      `json:"version"`
	Jobs    []record `json:"jobs"`
}

const recordVersion = 1

// with is a record of its own with what f makes of each path.
func (r record) with(f func(string) string) record {
	r.Files = slices.Clone(r.Files)
	for i := range r.Files {
		r.Files[i].Path = f(r.Files[i].Path)
	}
	for _, list := range []*[]string{&r.HubOnly, &r.Unverified, &r.SetAside} {
		*list = slices.Clone(*list)
		for i := range *list {
			(*list)[i] = f((*list)[i])
		}
	}
	whole := r.Whole
	r.Whole = nil
	for path, s := range whole {
		if r.Whole == nil {
			r.Whole = map[string]stamp{}
		}
		r.Whole[f(path)] = s
	}
	return r
}

// load begins with the jobs of an earlier program. A file that cannot be read is kept under another name.
func (m *Manager) load() {
	if m.folder == "" {
		return
	}
	path := filepath.Join(m.folder, recordName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	var all records
	if err == nil {
		err = json.Unmarshal(data, &all)
	}
	if err != nil || all.Version != recordVersion {
		m.log.Warn("unfinished downloads are forgotten", "path", path, "version", all.Version, "error", err)
		m.putAway(path)
		return
	}
	var jobs []*job
	for _, r := range all.Jobs {
		r = r.with(portable.Find)
		if r.check() != nil || m.find(r.ID) != nil {
			continue
		}
		j := newJob(r)
		j.phase = Paused
		j.look()
		jobs = append(jobs, j)
		m.mu.Lock()
		m.jobs, m.changed = jobs, true
		m.mu.Unlock()
	}
}

// putAway renames a file to a name that is not used.
func (m *Manager) putAway(path string) {
	for i := 1; ; i++ {
		to := path + ".damaged"
		if i > 1 {
			to += "." + strconv.Itoa(i)
		}
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		if err := os.Rename(path, to); err != nil {
			m.log.Warn("it could not be put away", "path", path, "error", err)
		}
		return
	}
}

// look finds how much of a job there is, for the figures of a job that is paused. It makes nothing.
func (j *job) look() {
	for i, f := range j.Files {
		for _, end := range []string{partEnd, ""} {
			if info, err := os.Lstat(f.Path + end); err == nil && info.Mode().IsRegular() {
				j.got[i] = info.Size()
				break
			}
		}
		if j.sizes[i] == 0 {
			p := place{folder: filepath.Dir(f.Path), name: filepath.Base(f.Path)}
			if root, err := os.OpenRoot(p.folder); err == nil {
				p.root = root
				n, _ := p.note()
				j.sizes[i] = n.Size
				p.close()
			}
		}
	}
}

// save remembers the jobs that are not done.
func (m *Manager) save() {
	m.mu.Lock()
	if !m.unsaved || m.folder == "" {
		m.mu.Unlock()
		return
	}
	m.unsaved = false
	all := records{Version: recordVersion, Jobs: []record{}}
	for _, j := range m.jobs {
		if j.phase != Done {
			all.Jobs = append(all.Jobs, j.record.with(portable.Keep))
		}
	}
	data, err := json.MarshalIndent(all, "", "\t")
	m.mu.Unlock()
	if err == nil {
		err = os.MkdirAll(m.folder, 0o700)
	}
	if err == nil {
		step("save")
		err = disk.Write(filepath.Join(m.folder, recordName), 0o600, data)
	}
	if err != nil {
		m.log.Warn("unfinished downloads cannot be remembered", "folder", m.folder, "error", err)
	}
}
