package download

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(data)
}

func TestWrongDigest(t *testing.T) {
	for _, hubs := range []bool{false, true} {
		in(t, func(w *world) {
			right, wrong := bytesOf(1, 200<<10), bytesOf(2, 200<<10)
			h := &hub{data: wrong, etag: `"v1"`}
			w.serve("127.0.0.1:80", h)
			j := w.job(right)
			if hubs {
				h.header = http.Header{"X-Linked-Etag": {sum(right)}}
				j.Files[0].SHA256 = ""
			}
			for i, name := range []string{"m.gguf.wrong-digest", "m.gguf.wrong-digest.2"} {
				s := w.run(j)
				e := w.failed(s, WrongDigest)
				if len(s.SetAside) != i+1 || s.SetAside[i] != w.path(name) || e.Path != w.path(name) || !strings.Contains(e.Error(), name) || s.Got != 0 {
					t.Errorf("set aside: %q in %+v", s.SetAside, s)
				}
				w.holds(name, wrong)
			}
			if n := len(h.log()); n != 2 {
				t.Errorf("%d requests", n)
			}
			h.set(func() { h.data = right })
			s := w.run(j)
			if s.Phase != Done || len(s.SetAside) != 2 {
				t.Errorf("it ended as %+v", s)
			}
			w.holds("m.gguf", right)
			w.m.Discard(j.ID)
			if s = w.rest(j.ID); len(s.SetAside) != 0 {
				t.Errorf("still set aside: %q", s.SetAside)
			}
			for _, path := range []string{"m.gguf.wrong-digest", "m.gguf.wrong-digest.2"} {
				if _, err := os.Stat(w.path(path)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is still there: %v", path, err)
				}
			}
			w.holds("m.gguf", right)
		})
	}
}

// What is discarded are files that the job set aside, whatever the list of them says.
func TestDiscardOnlyWhatIsOurs(t *testing.T) {
	in(t, func(w *world) {
		own := filepath.Join(w.dir, "own.gguf")
		if err := os.WriteFile(own, []byte("a person's own"), 0o600); err != nil {
			t.Fatal(err)
		}
		j := newJob(record{Job: w.job(nil), SetAside: []string{own}})
		w.m.do(func() {
			j.phase = Failed
			w.m.jobs = append(w.m.jobs, j)
			w.m.discard(j.ID)
		})
		w.m.Close()
		if got := read(t, own); got != "a person's own" {
			t.Errorf("it holds %q", got)
		}
	})
}

// A part whose bytes went bad on the disk is found out.
func TestPartThatWentBad(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(3, 200<<10)
		h := &hub{data: data, etag: `"v1"`, cut: 100 << 10}
		h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
			if n == 2 {
				rw.WriteHeader(http.StatusNotFound)
			}
			return n == 2
		}
		w.serve("127.0.0.1:80", h)
		w.failed(w.run(w.job(data)), NotFound)
		part := []byte(read(t, w.path("m.gguf.part")))
		part[77]++
		write(t, w.path("m.gguf.part"), part)
		w.m.Resume("one")
		w.failed(w.rest("one"), WrongDigest)
		h.set(func() { h.cut = 0 })
		w.m.Resume("one")
		if s := w.rest("one"); s.Phase != Done {
			t.Errorf("it ended as %+v", s)
		}
		w.holds("m.gguf", data)
	})
}

func TestFileIsThereAlready(t *testing.T) {
	data, other := bytesOf(4, 200<<10), bytesOf(5, 200<<10)
	for _, c := range []struct {
		name   string
		there  []byte
		gets   int // requests for the file
		asides []string
	}{
		{"right", data, 0, nil},
		{"another of the same length", other, 1, []string{"m.gguf.wrong-digest"}},
		{"of another length", other[:9], 1, []string{"m.gguf.wrong-digest"}},
	} {
		for _, known := range []bool{true, false} {
			t.Run(c.name, func(t *testing.T) {
				in(t, func(w *world) {
					write(t, w.path("m.gguf"), c.there)
					h := &hub{data: data, header: http.Header{"X-Linked-Etag": {sum(data)}}}
					w.serve("127.0.0.1:80", h)
					j := w.job(data)
					if !known {
						j.Files[0].Bytes, j.Files[0].SHA256 = 0, ""
					}
					s := w.run(j)
					if s.Phase != Done || s.Got != int64(len(data)) || s.Total != s.Got || len(s.HubOnly) == 1 == known {
						t.Errorf("it ended as %+v", s)
					}
					w.holds("m.gguf", data)
					gets := 0
					for _, r := range h.log() {
						if r.method == http.MethodGet {
							gets++
						}
					}
					if gets != c.gets || len(s.SetAside) != len(c.asides) {
						t.Errorf("%d requests, set aside %q", gets, s.SetAside)
					}
					for _, name := range c.asides {
						w.holds(name, c.there)
					}
				})
			})
		}
	}
}

// What was found right once is not read again for each file that is still missing.
func TestWholeFilesAreRemembered(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(6, 200<<10)
		h := &hub{data: data}
		w.serve("127.0.0.1:80", h)
		j := w.job(data)
		j.Files = append(j.Files, File{URL: "http://127.0.0.1/second", Path: w.path("n.gguf"), Bytes: int64(len(data)), SHA256: sum(data)})
		h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/second" && n < 3 {
				rw.WriteHeader(http.StatusNotFound)
				return true
			}
			return false
		}
		s := w.run(j)
		if s.Phase != Failed || s.Got != int64(len(data)) || s.Total != 2*s.Got {
			t.Errorf("it stands as %+v", s)
		}
		w.m.Close() // and over the end of the program
		w.phases = nil
		w.open()
		w.m.Resume("one")
		s = w.rest("one")
		if s.Phase != Done || slices.Contains(w.phases, Checking) {
			t.Errorf("it ended as %+v, after %v", s, w.phases)
		}
		w.holds("m.gguf", data)
		w.holds("n.gguf", data)
	})
}

func TestRoomOnTheDisk(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(7, 200<<10)
		h := &hub{data: data}
		w.serve("127.0.0.1:80", h)
		j := w.job(data)
		j.Files = append(j.Files, File{URL: "http://127.0.0.1/second", Path: w.path("n.gguf")}) // of a length that only the server knows
		j.Spare = 1000
		w.setRoom(2*200<<10 + 999)
		s := w.run(j)
		e := w.failed(s, DiskFull)
		if !strings.Contains(e.Error(), "410.6 kB") || h.bytes() != 0 {
			t.Errorf("%q, and %d bytes were served", e, h.bytes())
		}
		w.setRoom(2*200<<10 + 1000)
		if s := w.run(j); s.Phase != Done {
			t.Errorf("it ended as %+v", s)
		}
	})
}

// What came already needs no room any more.
func TestRoomForTheRest(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(8, 200<<10)
		h := &hub{data: data, etag: `"v1"`, cut: 150 << 10}
		h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
			if n == 2 {
				rw.WriteHeader(http.StatusNotFound)
			}
			return n == 2
		}
		w.serve("127.0.0.1:80", h)
		w.failed(w.run(w.job(data)), NotFound)
		w.setRoom(50 << 10)
		w.done(w.run(w.job(data)), data)
	})
}

// small is a file on a disk of a given size.
type small struct {
	storage
	left *int
}

func (s small) WriteAt(p []byte, at int64) (int, error) {
	n := min(len(p), *s.left)
	*s.left -= n
	n, err := s.storage.WriteAt(p[:n], at)
	if err == nil && n < len(p) {
		err = &fs.PathError{Op: "write", Path: "part", Err: syscall.ENOSPC}
	}
	return n, err
}

func TestDiskFillsUp(t *testing.T) {
	left := 1<<20 + 12345
	openStorage = func(f *os.File) storage { return small{f, &left} }
	t.Cleanup(func() { openStorage = func(f *os.File) storage { return f } })
	in(t, func(w *world) {
		data := bytesOf(9, 3<<20)
		h := &hub{data: data, etag: `"v1"`}
		w.serve("127.0.0.1:80", h)
		s := w.run(w.job(data))
		w.failed(s, DiskFull)
		w.holds("m.gguf.part", data[:1<<20+12345])
		left = 10 << 20
		w.m.Resume("one")
		w.done(w.rest("one"), data)
		log := h.log()
		if got := log[len(log)-1].Get("Range"); got != "bytes=1060921-" {
			t.Errorf("it went on from %q", got)
		}
	})
}

// Another program takes the room meanwhile.
func TestRoomGoesMeanwhile(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(30, checkBytes+2<<20)
		h := &hub{data: data, etag: `"v1"`}
		h.before = func(_ int, rw http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") == "" {
				w.setRoom(checkBytes + 3<<20)
				rw = &tellingWriter{rw, func() { w.setRoom(100) }, 0}
				http.ServeContent(rw, r, "", time.Time{}, bytes.NewReader(data))
				return true
			}
			return false
		}
		w.serve("127.0.0.1:80", h)
		j := w.job(data)
		j.Spare = 101
		w.setRoom(checkBytes + 3<<20)
		s := w.run(j)
		w.failed(s, DiskFull)
		if s.Got != checkBytes {
			t.Errorf("it stopped at %d", s.Got)
		}
		w.setRoom(1 << 40)
		w.done(w.run(j), data)
	})
}

// tellingWriter tells when a mebibyte went through it.
type tellingWriter struct {
	http.ResponseWriter
	tell func()
	sent int
}

func (w *tellingWriter) Write(p []byte) (int, error) {
	if w.sent += len(p); w.sent > 1<<20 {
		w.tell()
	}
	return w.ResponseWriter.Write(p)
}

// The length came only with the file: it is looked at then.
func TestRoomWhenTheLengthComesLate(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(31, 200<<10)
		h := &hub{data: data}
		h.before = func(_ int, rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodHead {
				rw.WriteHeader(http.StatusMethodNotAllowed)
				return true
			}
			return false
		}
		w.serve("127.0.0.1:80", h)
		j := w.job(data)
		j.Files[0].Bytes = 0
		w.setRoom(1000)
		if s := w.run(j); s.Got != 0 {
			t.Errorf("it took %d", s.Got)
		} else {
			w.failed(s, DiskFull)
		}
		w.setRoom(1 << 40)
		w.done(w.run(j), data)
	})
}

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	n, err := Room(filepath.Join(dir, "not", "there", "yet"))
	if err != nil || n == 0 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{
		"", "m.gguf", "./m.gguf", dir + "/../m.gguf", dir + "/a/../m.gguf", dir + "//m.gguf", dir + "/", dir + "/m\x00.gguf", dir + "/m\n.gguf",
		dir + "/m:stream", "/", dir + "/" + strings.Repeat("m", 201), `C:\m.gguf`, dir + "/outside",
	} {
		j := Job{ID: "x", Files: []File{{URL: "https://example.com", Path: path}}, Folder: filepath.Join(dir, "inside")}
		if err := j.check(); err == nil {
			t.Errorf("%q was taken", path)
		}
	}
	good := File{URL: "https://example.com", Path: filepath.Join(dir, "m ü.gguf")}
	for name, c := range map[string]struct {
		job Job
		ok  bool
	}{
		"good":            {Job{ID: "x", Files: []File{good}}, true},
		"inside":          {Job{ID: "x", Files: []File{good}, Folder: dir}, true},
		"the folder":      {Job{ID: "x", Files: []File{{Path: dir}}, Folder: dir}, false},
		"relative folder": {Job{ID: "x", Files: []File{good}, Folder: "models"}, false},
		"twice":           {Job{ID: "x", Files: []File{good, good}}, false},
		"twice by case":   {Job{ID: "x", Files: []File{good, {Path: strings.ToUpper(good.Path)}}}, false},
		"nothing":         {Job{ID: "x"}, false},
		"no ID":           {Job{Files: []File{good}}, false},
		"bad digest":      {Job{ID: "x", Files: []File{{Path: good.Path, SHA256: "abc"}}}, false},
		"negative":        {Job{ID: "x", Files: []File{{Path: good.Path, Bytes: -1}}}, false},
	} {
		if err := c.job.check(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A link where something should be written leads nowhere.
func TestLinks(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need rights there")
	}
	for _, c := range []struct{ name, end string }{{"part", ".part"}, {"file", ""}} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(10, 20<<10)
				w.serve("127.0.0.1:80", &hub{data: data})
				precious := filepath.Join(w.dir, "precious")
				write(t, precious, []byte("kept"))
				write(t, w.path("other"), nil)
				if err := os.Symlink(precious, w.path("m.gguf"+c.end)); err != nil {
					t.Fatal(err)
				}
				s := w.run(w.job(data))
				if s.Phase != Failed || !strings.Contains(s.Err.Error(), "in the way") {
					t.Errorf("it ended as %+v", s)
				}
				if got := read(t, precious); got != "kept" {
					t.Errorf("behind the link is now %q", got)
				}
				if err := os.Remove(w.path("m.gguf" + c.end)); err != nil {
					t.Fatal(err)
				}
				if s := w.run(w.job(data)); s.Phase != Done {
					t.Errorf("it ended as %+v", s)
				}
			})
		})
	}
	t.Run("note", func(t *testing.T) {
		in(t, func(w *world) {
			data := bytesOf(10, 20<<10)
			w.serve("127.0.0.1:80", &hub{data: data})
			precious := filepath.Join(w.dir, "precious")
			write(t, precious, []byte("kept"))
			write(t, w.path("other"), nil)
			if err := os.Symlink(precious, w.path("m.gguf.part.json")); err != nil {
				t.Fatal(err)
			}
			if s := w.run(w.job(data)); s.Phase != Done || read(t, precious) != "kept" {
				t.Errorf("it ended as %+v, and behind the link is %q", s, read(t, precious))
			}
		})
	})
	t.Run("folder", func(t *testing.T) {
		in(t, func(w *world) {
			data := bytesOf(10, 20<<10)
			w.serve("127.0.0.1:80", &hub{data: data})
			outside := filepath.Join(w.dir, "outside")
			write(t, filepath.Join(outside, "x"), nil)
			write(t, w.path("other"), nil)
			if err := os.Symlink(outside, w.path("sub")); err != nil {
				t.Fatal(err)
			}
			j := w.job(data)
			j.Folder, j.Files[0].Path = w.path(""), w.path("sub/m.gguf")
			j.Folder = filepath.Clean(j.Folder)
			s := w.run(j)
			if entries, _ := os.ReadDir(outside); s.Phase != Failed || len(entries) != 1 {
				t.Errorf("it ended as %+v, and outside lie %v", s, entries)
			}
			j.Files[0].Path = w.path("new/deep/m.gguf")
			if s := w.run(j); s.Phase != Done {
				t.Errorf("it ended as %+v", s)
			}
		})
	})
}

// A part that is not ours, or has a second name, is neither used nor overwritten nor deleted.
func TestPartOfAnotherProgram(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(11, 20<<10)
		w.serve("127.0.0.1:80", &hub{data: data})
		write(t, w.path("m.gguf.part"), []byte("a browser's"))
		w.m.Start(w.job(data))
		s := w.rest("one")
		if s.Phase != Done || !slices.Equal(s.SetAside, []string{w.path("m.gguf.old-part")}) {
			t.Errorf("it ended as %+v", s)
		}
		if got := read(t, w.path("m.gguf.old-part")); got != "a browser's" {
			t.Errorf("it holds %q", got)
		}
	})
	in(t, func(w *world) {
		data := bytesOf(12, 20<<10)
		w.serve("127.0.0.1:80", http.NotFoundHandler())
		write(t, w.path("m.gguf.part"), []byte("a browser's"))
		w.setRoom(0)
		w.failed(w.run(w.job(data)), DiskFull)
		w.m.Cancel("one")
		w.settle()
		if got := read(t, w.path("m.gguf.part")); got != "a browser's" {
			t.Errorf("it holds %q", got)
		}
	})
	if runtime.GOOS == "windows" {
		return
	}
	in(t, func(w *world) {
		data := bytesOf(13, 20<<10)
		w.serve("127.0.0.1:80", &hub{data: data})
		write(t, w.path("precious"), data[:100])
		write(t, w.path("m.gguf.part.json"), []byte(`{"url":"http://127.0.0.1/owner/repo/resolve/main/m.gguf","sha256":"`+sum(data)+`"}`))
		if err := os.Link(w.path("precious"), w.path("m.gguf.part")); err != nil {
			t.Skip(err)
		}
		s := w.run(w.job(data))
		if s.Phase != Done || read(t, w.path("precious")) != string(data[:100]) {
			t.Errorf("it ended as %+v", s)
		}
	})
}

// Two programs do not write into the same part.
func TestPartInUse(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(14, 20<<10)
		w.serve("127.0.0.1:80", &hub{data: data})
		write(t, w.path("m.gguf.part"), data[:100])
		write(t, w.path("m.gguf.part.json"), []byte(`{"url":"http://127.0.0.1/owner/repo/resolve/main/m.gguf","sha256":"`+sum(data)+`"}`))
		f, err := os.OpenFile(w.path("m.gguf.part"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if !lock(f) {
			t.Skip("nothing can be locked here")
		}
		w.failed(w.run(w.job(data)), Disk)
		w.holds("m.gguf.part", data[:100])
		f.Close()
		w.done(w.run(w.job(data)), data)
	})
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	in(t, func(w *world) {
		write(t, filepath.Join(w.dir, "models"), []byte("a file where the folder should be"))
		s := w.run(w.job([]byte("x")))
		if s.Phase != Failed || !strings.Contains(s.Err.Error(), "models") {
			t.Errorf("it ended as %+v", s)
		}
	})
}

// Nonsense in the note is no reason to do harm, nor to lose a way to go on.
func TestNotesThatAreHostile(t *testing.T) {
	for _, text := range []string{
		"", "null", "[]", "{", `{"url":7}`, `{"url":"http://127.0.0.1/owner/repo/resolve/main/m.gguf","size":-5,"etag":"\"x\r\nHost: y\""}`,
		`{"url":"http://127.0.0.1/owner/repo/resolve/main/m.gguf","size":3}`, strings.Repeat("x", chunk+1),
	} {
		in(t, func(w *world) {
			data := bytesOf(15, 20<<10)
			w.serve("127.0.0.1:80", &hub{data: data, etag: `"v1"`})
			write(t, w.path("m.gguf.part"), data[:500])
			write(t, w.path("m.gguf.part.json"), []byte(text))
			if s := w.run(w.job(data)); s.Phase != Done {
				t.Errorf("with %.40q it ended as %+v", text, s)
			}
			w.holds("m.gguf", data)
		})
	}
}

func TestSystem(t *testing.T) {
	dir := t.TempDir()
	n, err := free(dir)
	if err != nil || n == 0 {
		t.Errorf("%d bytes free, %v", n, err)
	}
	if _, err := free(filepath.Join(dir, "missing")); err == nil {
		t.Error("a folder that is not there has room")
	}
	info, err := os.Stat(dir)
	if err != nil || diskOf(dir, info) == nil {
		t.Errorf("it lies on no disk, %v", err)
	}
}

func TestIsPage(t *testing.T) {
	for text, want := range map[string]bool{"\xef\xbb\xbf\n<!doctype HTML>": true, "<html lang=de>": true, "GGUF": false, "": false, "<svg>": false} {
		if got := isPage([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if isPage(bytes.Repeat([]byte("x"), 2000)) {
		t.Error("any bytes")
	}
}
