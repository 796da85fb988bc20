package download

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"galago/assets/words"
	"galago/inference/disk"
)

const (
	partEnd  = ".part"
	noteEnd  = ".part.json"
	wrongEnd = ".wrong-digest"
	oldEnd   = ".old-part" // what cannot be gone on with
	chunk    = 1 << 20     // bytes that are written, and read for a digest, at a time
)

// storage is a file that is written. Tests put one there that fills up.
type storage interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
}

// Seams for tests.
var (
	openStorage = func(f *os.File) storage { return f }
	step        = func(string) {} // is called between the steps that change the disk
)

// note is what lies beside a part as JSON.
type note struct {
	URL    string `json:"url"`
	SHA256 string `json:"sha256,omitempty"` // that the caller named
	identity
}

// place is a folder that paths cannot lead out of, and a name in it.
type place struct {
	root   *os.Root
	folder string
	name   string
}

// open finds the folder of a file, and makes it.
func open(j *Job, f File) (*place, error) {
	folder, name := filepath.Split(f.Path)
	folder = filepath.Clean(folder)
	base := j.Folder
	if base == "" {
		base = folder
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return nil, diskError(base, err)
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, diskError(base, err)
	}
	if folder == base {
		return &place{root, folder, name}, nil
	}
	defer root.Close()
	below, err := filepath.Rel(base, folder)
	if err == nil {
		err = root.MkdirAll(below, 0o755)
	}
	if err != nil {
		return nil, diskError(folder, err)
	}
	inner, err := root.OpenRoot(below) // not through a link that leads out
	if err != nil {
		return nil, diskError(folder, err)
	}
	return &place{inner, folder, name}, nil
}

func (p *place) close() { p.root.Close() }

func (p *place) path(end string) string { return filepath.Join(p.folder, p.name+end) }

// regular is a file as it lies there, never what a link points to; nil: there is none.
func (p *place) regular(end string) (fs.FileInfo, error) {
	info, err := p.root.Lstat(p.name + end)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, diskError(p.path(end), err)
	case !info.Mode().IsRegular():
		return nil, &Error{Kind: Disk, Path: p.path(end), text: words.T(
			"%s is in the way: it is not a plain file. Move it to another place, and resume.", p.path(end))}
	}
	return info, nil
}

// note reads what lies beside a part; false where nothing readable does.
func (p *place) note() (note, bool) {
	var n note
	if info, err := p.regular(noteEnd); err != nil || info == nil || info.Size() > chunk {
		return n, false
	}
	data, err := p.root.ReadFile(p.name + noteEnd)
	if err != nil || json.Unmarshal(data, &n) != nil || n.URL == "" {
		return note{}, false
	}
	n.Size, n.Linked, n.SHA256 = min(most, max(0, n.Size)), digestOf(n.Linked), digestOf(n.SHA256)
	if strings.ContainsFunc(n.ETag+n.Modified, unicode.IsControl) { // they go into requests
		n.ETag, n.Modified = "", ""
	}
	return n, true
}

func (p *place) write(n note) error {
	data, err := json.MarshalIndent(n, "", "\t")
	if err != nil {
		return err
	}
	step("note")
	if err := disk.Write(p.path(noteEnd), 0o644, data); err != nil {
		return diskError(p.path(noteEnd), err)
	}
	step("noted")
	return nil
}

// aside renames a file to one that is not used, and returns its path.
func (p *place) aside(from, end string) (string, error) {
	for i := 1; ; i++ {
		to := p.name + end
		if i > 1 {
			to = fmt.Sprintf("%s%s.%d", p.name, end, i)
		}
		if _, err := p.root.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			path := filepath.Join(p.folder, to)
			step("aside")
			if err := disk.Retry(func() error { return p.root.Rename(p.name+from, to) }); err != nil {
				return "", diskError(path, err)
			}
			return path, nil
		} else if err != nil {
			return "", diskError(p.path(end), err)
		}
	}
}

// remove deletes what came of a file that is not whole: only what has our note beside it.
func (p *place) remove() error {
	if _, ours := p.note(); !ours {
		return nil
	}
	var failed error
	for _, end := range []string{partEnd, noteEnd} { // the note last: without it the part would be nobody's
		if info, err := p.regular(end); err != nil || info == nil {
			failed = errors.Join(failed, err)
			continue
		}
		step("remove " + end)
		failed = errors.Join(failed, p.root.Remove(p.name+end))
	}
	return failed
}

// part is a file on its way.
type part struct {
	*place
	file File
	note note
	f    storage
	size int64     // bytes that it holds; sum is of these
	sum  hash.Hash // SHA-256
	want int64     // bytes of the whole; 0: not known
	best int64     // bytes that it once held in this run

	wrongRanges int  // answers in a row with another range than was asked for
	asked       bool // again, because the server's ETag had changed although the file had not
}

// openPart opens what there is of a file, or begins it. What is there is not hashed yet. aside is what had to be renamed,
// because it is another program's, which we neither trust nor overwrite.
func openPart(p *place, f File) (t *part, aside string, err error) {
	info, err := p.regular(partEnd)
	if err != nil {
		return nil, "", err
	}
	n, ours := p.note()
	if info != nil && (!ours || names(info) > 1) {
		if aside, err = p.aside(partEnd, oldEnd); err != nil {
			return nil, "", err
		}
		info = nil
	}
	if info == nil {
		n = note{}
	}
	t = &part{place: p, file: f, note: n, sum: sha256.New(), want: f.Bytes}
	if !ours { // before the part, which without it would be nobody's
		if err := t.become(identity{}); err != nil {
			return nil, aside, err
		}
	}
	if err = t.open(); err == nil {
		err = t.fit()
	}
	return t, aside, err
}

// open opens or makes the file, and makes sure that it is the one that lies there.
func (t *part) open() error {
	path := t.path(partEnd)
	step("part")
	f, err := t.root.OpenFile(t.name+partEnd, os.O_RDWR|os.O_CREATE|noFollow, 0o644)
	if err != nil {
		return diskError(path, err)
	}
	opened, err := f.Stat()
	if err == nil {
		var there fs.FileInfo
		if there, err = t.regular(partEnd); err == nil && (there == nil || !os.SameFile(opened, there)) {
			err = errors.New("another file took its place")
		}
	}
	if err == nil && !lock(f) {
		err = &Error{Kind: Disk, Path: path, text: words.T(
			"Another program is fetching %s. Wait until it is done, and resume.", t.path(""))}
	}
	if err != nil {
		f.Close()
		return diskError(path, err)
	}
	t.f, t.size, t.best = openStorage(f), opened.Size(), opened.Size()
	return nil
}

// fit makes a part that is there one of the file that is wanted now, or empties it.
func (t *part) fit() error {
	digest := strings.ToLower(t.file.SHA256)
	sameDigest := digest != "" && (digest == t.note.SHA256 || digest == t.note.Linked)
	switch {
	case t.size == 0:
		return nil
	case digest != "" && t.note.Linked != "" && digest != t.note.Linked, // another file's
		digest != t.note.SHA256 && digest != "" && t.note.SHA256 != "",
		t.note.URL != t.file.URL && !sameDigest,
		t.file.Bytes > 0 && t.size > t.file.Bytes:
		return t.reset(identity{})
	}
	if t.note.URL != t.file.URL { // the same file from another server, whose marks are not those of this one
		t.note.URL, t.note.ETag, t.note.Modified = t.file.URL, "", ""
	}
	if t.note.SHA256 = digest; t.want == 0 {
		t.want = t.note.Size
	}
	return nil
}

// reset begins a file again from nothing.
func (t *part) reset(id identity) error {
	step("reset")
	if err := t.f.Truncate(0); err != nil {
		return diskError(t.path(partEnd), err)
	}
	t.size, t.want = 0, t.file.Bytes
	t.sum.Reset()
	return t.become(id)
}

// become notes which file the part is of.
func (t *part) become(id identity) error {
	n := note{URL: t.file.URL, SHA256: strings.ToLower(t.file.SHA256), identity: id}
	if n == t.note {
		return nil
	}
	t.note = n
	return t.write(n)
}

// digest is what the whole must have, and whether only the server says so; empty: nobody said.
func (t *part) digest() (digest string, hubOnly bool) {
	if t.file.SHA256 != "" {
		return strings.ToLower(t.file.SHA256), false
	}
	return t.note.Linked, t.note.Linked != ""
}

// whole says whether all is there.
func (t *part) whole() bool { return t.want > 0 && t.size == t.want }

// rehash reads what is there for its digest.
func (t *part) rehash(ctx context.Context, done func(int64)) error {
	t.sum.Reset()
	return diskErrorOr(ctx, t.path(partEnd), digestFile(ctx, t.f, t.size, t.sum, done))
}

// digestFile reads size bytes.
func digestFile(ctx context.Context, f io.ReaderAt, size int64, sum hash.Hash, done func(int64)) error {
	buf := make([]byte, chunk)
	for at := int64(0); at < size; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := f.ReadAt(buf[:min(chunk, size-at)], at)
		sum.Write(buf[:n])
		at += int64(n)
		done(at)
		if err != nil && at < size {
			return err
		}
	}
	return nil
}

// diskErrorOr keeps the end of a context what it is.
func diskErrorOr(ctx context.Context, path string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	return diskError(path, err)
}

// add writes what came.
func (t *part) add(data []byte) error {
	step("write")
	n, err := t.f.WriteAt(data, t.size)
	t.sum.Write(data[:n])
	t.size += int64(n)
	t.best = max(t.best, t.size)
	step("wrote")
	if err != nil {
		return diskError(t.path(partEnd), err)
	}
	return nil
}

// close puts what came on the disk.
func (t *part) close() error {
	if t.f == nil {
		return nil
	}
	step("sync")
	err := errors.Join(t.f.Sync(), t.f.Close())
	t.f = nil
	if err != nil {
		return diskError(t.path(partEnd), err)
	}
	return nil
}

// finish gives the whole file its name, when its digest is right. aside is what had to be renamed for that or because
// of a wrong digest.
func (t *part) finish() (aside string, err error) {
	if err := t.close(); err != nil {
		return "", err
	}
	got := hex.EncodeToString(t.sum.Sum(nil))
	if want, _ := t.digest(); want != "" && got != want {
		return t.reject(want, got)
	}
	old, err := t.regular("")
	if err != nil {
		return "", err
	}
	if old != nil {
		if aside, err = t.aside("", wrongEnd); err != nil {
			return "", err
		}
	}
	step("rename")
	if err := disk.Retry(func() error { return t.root.Rename(t.name+partEnd, t.name) }); err != nil {
		return aside, diskError(t.path(""), err)
	}
	step("renamed")
	if err := disk.SyncFolder(t.folder); err != nil {
		return aside, diskError(t.folder, err)
	}
	step("unnote")
	if err := t.root.Remove(t.name + noteEnd); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return aside, diskError(t.path(noteEnd), err)
	}
	return aside, nil
}

// reject sets a file with a wrong digest aside.
func (t *part) reject(want, got string) (string, error) {
	path, err := t.aside(partEnd, wrongEnd)
	if err != nil {
		return "", err
	}
	if err := t.root.Remove(t.name + noteEnd); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return path, diskError(t.path(noteEnd), err)
	}
	return path, &Error{Kind: WrongDigest, Path: path, Err: fmt.Errorf("SHA-256 is %s, want %s", got, want), text: words.T(
		"%s came whole, but it is not the right file: its checksum is wrong. It was set aside as %s and is not used. "+
			"Resume fetches it again; if that does not help, choose another address for downloads.", t.name, filepath.Base(path))}
}
