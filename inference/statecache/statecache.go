// Package statecache keeps what took long to compute (the KV cache of a conversation, the embeddings of a picture) in
// memory and on disk, so that coming back to a conversation need not compute it again, also after the program ended.
//
// Both are bounded, the least recently used goes first. What is kept is a copy of something that can be computed anew:
// losing it costs time and nothing else, so every trouble with a file (damaged, of another version, a full disk) means
// that it is not there.
package statecache

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"galago/inference/disk"
)

// Limits bound a Store, in bytes. Zero keeps nothing there.
type Limits struct {
	Memory int64
	Disk   int64 // of the whole folder, the entries of other models included
}

// Entry names something that is kept. Two entries with one Group and ID are the same, the later one counts.
type Entry struct {
	Group string // the conversation that it comes from; Forget drops a group. Empty: never on disk
	ID    string
	Meta  []byte // what the owner needs to choose among entries; always in memory
	Size  int64  // of the data, bytes
}

// Store keeps entries of one owner: a model with the settings that its data depends on. All methods may be called from any
// goroutine. Data that Put was given and Get returned must not be changed.
type Store struct {
	dir    string // of all owners; empty: nothing goes to disk
	owner  string
	limits Limits

	mu      sync.Mutex
	entries []*kept // the most recently used last
	held    int64   // bytes of data in memory
	writes  chan func()
	written sync.WaitGroup
	closed  bool
}

type kept struct {
	Entry
	data []byte // nil: only on disk
	file string // empty: only in memory
}

const (
	magic     = "GALAGO state 1\n" // version and all: another version is not read
	suffix    = ".state"
	maxMeta   = 64 << 20
	dirMode   = 0o700
	fileMode  = 0o600
	nameBytes = 12 // of a digest in file names
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli) // processors compute it as fast as they read memory

// Open reads what the folder dir (made when needed) has of an owner. An empty dir keeps nothing on disk.
func Open(dir, owner string, limits Limits) *Store {
	s := &Store{dir: dir, owner: short(owner), limits: limits, writes: make(chan func(), 64)}
	if limits.Disk <= 0 {
		s.dir = ""
	}
	if s.dir != "" && os.MkdirAll(filepath.Join(s.dir, s.owner), dirMode) != nil {
		s.dir = ""
	}
	s.index()
	s.written.Go(func() {
		for write := range s.writes {
			write()
		}
	})
	return s
}

// short is a file name for any text.
func short(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:nameBytes])
}

// index finds what earlier runs left, the oldest first.
func (s *Store) index() {
	if s.dir == "" {
		return
	}
	// What a process that was killed had half written.
	halves, _ := filepath.Glob(filepath.Join(s.dir, s.owner, ".galago-*"))
	for _, file := range halves {
		if info, err := os.Lstat(file); err == nil && time.Since(info.ModTime()) > time.Hour {
			os.Remove(file)
		}
	}
	type found struct {
		*kept
		used time.Time
	}
	var list []found
	files, _ := filepath.Glob(filepath.Join(s.dir, s.owner, "*"+suffix))
	for _, file := range files {
		e, used, err := head(file)
		if err != nil {
			os.Remove(file)
			continue
		}
		list = append(list, found{&kept{Entry: e, file: file}, used})
	}
	slices.SortFunc(list, func(a, b found) int { return a.used.Compare(b.used) })
	for _, f := range list {
		s.entries = append(s.entries, f.kept)
	}
}

// Entries lists what is kept, the most recently used first.
func (s *Store) Entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Entry, 0, len(s.entries))
	for _, k := range slices.Backward(s.entries) {
		list = append(list, k.Entry)
	}
	return list
}

func (s *Store) find(group, id string) int {
	return slices.IndexFunc(s.entries, func(k *kept) bool { return k.Group == group && k.ID == id })
}

// Get returns an entry's data, and nil when it is not there or was damaged.
func (s *Store) Get(group, id string) []byte {
	s.mu.Lock()
	i := s.find(group, id)
	if i < 0 {
		s.mu.Unlock()
		return nil
	}
	k := s.entries[i]
	s.entries = append(slices.Delete(s.entries, i, i+1), k)
	data, file := k.data, k.file
	s.mu.Unlock()
	if data != nil {
		return data
	}
	data, err := body(file, k.Entry)
	if err != nil {
		s.Drop(group, id)
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(file, now, now) // so that it counts as used also in a later run
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.find(group, id) >= 0 {
		s.hold(k, data)
	}
	return data
}

// Takes reports whether so many bytes of data would be kept at all.
func (s *Store) Takes(size int64) bool {
	return size <= s.limits.Memory || s.dir != "" && size <= s.limits.Disk
}

// Put keeps data: in memory at once, on disk soon.
func (s *Store) Put(e Entry, data []byte) {
	e.Size = int64(len(data))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	k := &kept{Entry: e}
	if i := s.find(e.Group, e.ID); i >= 0 {
		k.file = s.entries[i].file
		s.release(s.entries[i])
		s.entries = slices.Delete(s.entries, i, i+1)
	}
	onDisk := s.dir != "" && e.Group != "" && e.Size <= s.limits.Disk
	if e.Size > s.limits.Memory && !onDisk {
		return
	}
	s.entries = append(s.entries, k)
	s.hold(k, data)
	if !onDisk {
		return
	}
	write := func() { s.write(k, data) }
	select {
	case s.writes <- write:
	default: // the disk is far behind: this one stays in memory
	}
}

// hold keeps data in memory as far as there is room, and lets older data go.
func (s *Store) hold(k *kept, data []byte) {
	if k.data == nil && int64(len(data)) <= s.limits.Memory {
		k.data = data
		s.held += int64(len(data))
	}
	for i := 0; i < len(s.entries) && s.held > s.limits.Memory; i++ {
		s.release(s.entries[i])
	}
	s.entries = slices.DeleteFunc(s.entries, func(o *kept) bool { return o != k && o.data == nil && o.file == "" })
}

func (s *Store) release(k *kept) {
	if k.data != nil {
		s.held -= int64(len(k.data))
		k.data = nil
	}
}

// write puts an entry on disk, unless it was replaced or dropped meanwhile.
func (s *Store) write(k *kept, data []byte) {
	s.mu.Lock()
	current := slices.Contains(s.entries, k)
	s.mu.Unlock()
	if !current {
		return
	}
	s.makeRoom(k.Size)
	file := filepath.Join(s.dir, s.owner, short(k.Group)+"-"+short(k.ID)+suffix)
	err := disk.Replace(file, fileMode, func(w io.Writer) error { return encode(w, k.Entry, data) })
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err != nil:
	case slices.Contains(s.entries, k):
		k.file = file
	case s.find(k.Group, k.ID) < 0: // dropped while it was written
		os.Remove(file)
	}
}

// makeRoom removes the files that were not used for longest, of any owner, until size more bytes fit.
func (s *Store) makeRoom(size int64) {
	type file struct {
		path string
		fs.FileInfo
	}
	var files []file
	total := size
	paths, _ := filepath.Glob(filepath.Join(s.dir, "*", "*"+suffix))
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil {
			files = append(files, file{path, info})
			total += info.Size()
		}
	}
	slices.SortFunc(files, func(a, b file) int { return a.ModTime().Compare(b.ModTime()) })
	for _, f := range files {
		if total <= s.limits.Disk {
			return
		}
		if os.Remove(f.path) == nil {
			total -= f.Size()
			s.gone(f.path)
		}
	}
}

// gone notes that a file was removed.
func (s *Store) gone(path string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = slices.DeleteFunc(s.entries, func(k *kept) bool {
		if k.file == path {
			k.file = ""
		}
		return k.file == "" && k.data == nil
	})
}

// Drop forgets one entry.
func (s *Store) Drop(group, id string) {
	s.drop(func(k *kept) bool { return k.Group == group && k.ID == id })
}

// Forget forgets a group.
func (s *Store) Forget(group string) { s.drop(func(k *kept) bool { return k.Group == group }) }

func (s *Store) drop(match func(*kept) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entries = slices.DeleteFunc(s.entries, func(k *kept) bool {
		if !match(k) {
			return false
		}
		s.release(k)
		if k.file != "" {
			os.Remove(k.file)
		}
		return true
	})
}

// Clear forgets everything, on disk that of all owners.
func (s *Store) Clear() {
	s.drop(func(*kept) bool { return true })
	Clear(s.dir)
}

// Unload lets the memory go and keeps what is on disk.
func (s *Store) Unload() {
	s.Flush()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.entries {
		s.release(k)
	}
	s.entries = slices.DeleteFunc(s.entries, func(k *kept) bool { return k.file == "" })
}

// Flush waits until everything is on disk that is to go there.
func (s *Store) Flush() {
	done := make(chan struct{})
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	s.writes <- func() { close(done) }
	<-done
}

// Close waits until everything is on disk that is to go there, and ends the Store.
func (s *Store) Close() {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if !already {
		close(s.writes)
	}
	s.written.Wait()
}

// Clear removes the files of all owners in a folder of stores. No Store may be open there but in this process's own.
func Clear(dir string) { remove(dir, "*"+suffix) }

// Forget removes what a folder of stores has of a group, of all owners.
func Forget(dir, group string) { remove(dir, short(group)+"-*"+suffix) }

// Retain removes what a folder of stores has of all groups but these.
func Retain(dir string, groups []string) {
	names := map[string]bool{}
	for _, g := range groups {
		names[short(g)] = true
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"+suffix))
	for _, f := range files {
		if group, _, _ := strings.Cut(filepath.Base(f), "-"); !names[group] {
			os.Remove(f)
		}
	}
}

func remove(dir, pattern string) {
	if dir == "" {
		return
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*", pattern))
	for _, f := range files {
		os.Remove(f)
	}
}

// A file is: magic; lengths of group, id, meta (uint32) and data (uint64); a checksum of these and of the three texts; the three; data;
// the data's checksum. Little endian.
type lengths struct {
	Group, ID, Meta uint32
	Data            uint64
}

var errDamaged = errors.New("damaged, or of another version")

func encode(w io.Writer, e Entry, data []byte) error {
	var b bytes.Buffer
	b.WriteString(magic)
	binary.Write(&b, binary.LittleEndian, lengths{uint32(len(e.Group)), uint32(len(e.ID)), uint32(len(e.Meta)), uint64(len(data))})
	b.WriteString(e.Group)
	b.WriteString(e.ID)
	b.Write(e.Meta)
	binary.Write(&b, binary.LittleEndian, crc32.Checksum(b.Bytes(), castagnoli))
	if _, err := w.Write(b.Bytes()); err != nil {
		return err
	}
	if _, err := w.Write(data); err != nil {
		return err
	}
	return binary.Write(w, binary.LittleEndian, crc32.Checksum(data, castagnoli))
}

// open reads a file up to its data.
func open(path string) (*os.File, Entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Entry{}, err
	}
	e, err := readHead(f)
	if err != nil {
		f.Close()
		return nil, Entry{}, err
	}
	return f, e, nil
}

func readHead(f *os.File) (Entry, error) {
	info, err := f.Stat()
	if err != nil {
		return Entry{}, err
	}
	sum := crc32.New(castagnoli)
	r := io.TeeReader(f, sum)
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(r, start); err != nil || string(start) != magic {
		return Entry{}, cmp.Or(err, errDamaged)
	}
	var n lengths
	if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
		return Entry{}, err
	}
	texts := int64(n.Group) + int64(n.ID) + int64(n.Meta)
	want := int64(len(magic)+binary.Size(n)) + texts + 4 + int64(n.Data) + 4
	if n.Meta > maxMeta || n.Data > 1<<40 || info.Size() != want {
		return Entry{}, errDamaged
	}
	text := make([]byte, texts)
	if _, err := io.ReadFull(r, text); err != nil {
		return Entry{}, err
	}
	got := sum.Sum32()
	var said uint32
	if err := binary.Read(f, binary.LittleEndian, &said); err != nil || said != got {
		return Entry{}, cmp.Or(err, errDamaged)
	}
	group, rest := text[:n.Group], text[n.Group:]
	return Entry{Group: string(group), ID: string(rest[:n.ID]), Meta: rest[n.ID:], Size: int64(n.Data)}, nil
}

// head reads an entry and when it was last used.
func head(path string) (Entry, time.Time, error) {
	f, e, err := open(path)
	if err != nil {
		return Entry{}, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Entry{}, time.Time{}, err
	}
	return e, info.ModTime(), nil
}

// body reads the data of an entry that is expected there.
func body(path string, want Entry) ([]byte, error) {
	f, e, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if e.Group != want.Group || e.ID != want.ID || e.Size != want.Size || !bytes.Equal(e.Meta, want.Meta) {
		return nil, errDamaged
	}
	data := make([]byte, e.Size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	var said uint32
	if err := binary.Read(f, binary.LittleEndian, &said); err != nil || said != crc32.Checksum(data, castagnoli) {
		return nil, cmp.Or(err, errDamaged)
	}
	return data, nil
}

// Identity describes a file by what says quickly whether it is the same: its size, its time of change, and a digest of its
// beginning, where a GGUF has its metadata, and of its end.
func Identity(path string) string {
	const sample = 1 << 20
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	h := sha256.New()
	binary.Write(h, binary.LittleEndian, []int64{info.Size(), info.ModTime().UnixNano()})
	io.Copy(h, io.NewSectionReader(f, 0, sample))
	io.Copy(h, io.NewSectionReader(f, max(0, info.Size()-sample), sample))
	return strings.ToLower(hex.EncodeToString(h.Sum(nil)))
}
