package download

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slow serves data at a rate, piece by piece, in the time of the test.
func slow(h *hub, rate int) {
	h.before = func(_ int, rw http.ResponseWriter, r *http.Request) bool {
		from := 0
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
		if from > 0 {
			rw.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(h.data)-1, len(h.data)))
			rw.WriteHeader(http.StatusPartialContent)
		} else {
			rw.Header().Set("Content-Length", fmt.Sprint(len(h.data)))
		}
		for rest := h.data[from:]; len(rest) > 0; {
			n := min(len(rest), rate/10)
			if _, err := rw.Write(rest[:n]); err != nil {
				return true
			}
			rw.(http.Flusher).Flush()
			rest = rest[n:]
			h.mu.Lock()
			h.served += n
			h.mu.Unlock()
			select {
			case <-time.After(time.Second / 10):
			case <-r.Context().Done():
				return true
			}
		}
		return true
	}
}

func TestSpeedAndTimeLeft(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(1, 4<<20)
		h := &hub{data: data, etag: `"v1"`}
		slow(h, 100_000)
		w.serve("127.0.0.1:80", h)
		var told []time.Time
		stop := w.m.Watch(func([]State) { told = append(told, time.Now()) })
		w.m.Start(w.job(data))
		s := w.until("in the middle", func(s State) bool { return s.Got > 2<<20 })
		if s.Speed < 90_000 || s.Speed > 110_000 || s.Left < 19*time.Second || s.Left > 23*time.Second || s.Phase != Fetching {
			t.Errorf("it runs as %+v", s)
		}
		w.done(w.rest("one"), data)
		stop()
		w.settle()
		for i := range told[1:] {
			if d := told[i+1].Sub(told[i]); d < newsTime {
				t.Errorf("news came %v after news", d)
			}
		}
		if len(told) < 40 {
			t.Errorf("news came %d times", len(told))
		}
	})
}

func TestPauseAndResume(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(2, 4<<20)
		h := &hub{data: data, etag: `"v1"`}
		slow(h, 1_000_000)
		w.serve("127.0.0.1:80", h)
		w.m.Start(w.job(data))
		w.until("under way", func(s State) bool { return s.Got > 1<<20 })
		w.m.Pause("one")
		w.m.Pause("one")
		s := w.rest("one")
		if s.Phase != Paused || s.Got < 1<<20 || s.Speed != 0 || s.Err != nil {
			t.Errorf("it stands as %+v", s)
		}
		if left := w.list(); !slices.Equal(left, []string{"m.gguf.part", "m.gguf.part.json"}) {
			t.Errorf("there are %q", left)
		}
		w.m.Start(w.job(data))
		w.m.Start(w.job(data))
		w.done(w.rest("one"), data)
		if over := h.bytes() - len(data); over < 0 || over > 200_000 {
			t.Errorf("%d bytes were served twice", over)
		}
	})
}

// Reading again what is there can be stopped too.
func TestPauseWhileChecking(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(3, 8<<20)
		w.serve("127.0.0.1:80", &hub{data: data, etag: `"v1"`})
		j := w.job(data)
		write(t, w.path("m.gguf.part"), data[:4<<20])
		write(t, w.path("m.gguf.part.json"), []byte(`{"url":"`+j.Files[0].URL+`","sha256":"`+j.Files[0].SHA256+`","etag":"\"v1\""}`))
		waits := make(chan struct{})
		openStorage = func(f *os.File) storage { return paused{f, waits} }
		defer func() { openStorage = func(f *os.File) storage { return f } }()
		w.m.Start(j)
		w.until("reading half of it", func(s State) bool { return s.Phase == Checking && s.Got == 2<<20 })
		w.m.Pause("one")
		synctest.Wait()
		close(waits)
		if s := w.rest("one"); s.Phase != Paused {
			t.Errorf("it stands as %+v", s)
		}
		w.holds("m.gguf.part", data[:4<<20])
		w.m.Resume("one")
		w.done(w.rest("one"), data)
	})
}

// paused is a file that is read to its middle, and then only when waits is closed.
type paused struct {
	storage
	waits chan struct{}
}

func (p paused) ReadAt(b []byte, at int64) (int, error) {
	if at == 2<<20 {
		<-p.waits
	}
	return p.storage.ReadAt(b, at)
}

func TestCancel(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(4, 4<<20)
		h := &hub{data: data, etag: `"v1"`}
		slow(h, 1_000_000)
		w.serve("127.0.0.1:80", h)
		j := w.job(data)
		j.Files = append([]File{{URL: "http://127.0.0.2/first", Path: w.path("first.gguf"), Bytes: 100, SHA256: sum(data[:100])}}, j.Files...)
		w.serve("127.0.0.2:80", &hub{data: data[:100]})
		w.m.Start(j)
		w.until("under way", func(s State) bool { return s.Got > 1<<20 })
		w.m.Cancel("one")
		w.settle()
		synctest.Wait()
		if left := w.list(); !slices.Equal(left, []string{"first.gguf"}) { // it was whole
			t.Errorf("there are %q", left)
		}
		if text := read(t, filepath.Join(w.memory, recordName)); strings.Contains(text, "127.0.0.1") {
			t.Errorf("it is remembered: %s", text)
		}
		w.m.Start(j) // the same again, and cancelled when it rests
		w.until("under way", func(s State) bool { return s.Got > 1<<20 })
		w.m.Pause("one")
		w.rest("one")
		w.m.Cancel("one")
		w.settle()
		if left := w.list(); !slices.Equal(left, []string{"first.gguf"}) {
			t.Errorf("there are %q", left)
		}
		w.m.Start(j)
		if s := w.rest("one"); s.Phase != Done {
			t.Errorf("it ended as %+v", s)
		}
		w.m.Cancel("one") // forgets it, and no more
		w.settle()
		if left := w.list(); !slices.Equal(left, []string{"first.gguf", "m.gguf"}) {
			t.Errorf("there are %q", left)
		}
	})
}

func TestOneAfterTheOther(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(5, 1<<20)
		h := &hub{data: data, etag: `"v1"`}
		slow(h, 1_000_000)
		w.serve("127.0.0.1:80", h)
		for _, id := range []string{"a", "b", "c"} {
			j := w.job(data)
			j.ID, j.Files[0].Path = id, w.path(id)
			w.m.Start(j)
		}
		w.until("under way", func(s State) bool { return s.ID == "a" && s.Got > 0 })
		w.m.Pause("b")
		w.settle()
		w.until("told", func(s State) bool { return s.ID == "c" })
		w.mu.Lock()
		var phases []Phase
		for _, s := range w.states {
			phases = append(phases, s.Phase)
		}
		w.mu.Unlock()
		if !slices.Equal(phases, []Phase{Fetching, Paused, Waiting}) {
			t.Errorf("they are %v", phases)
		}
		w.m.Resume("b") // behind c now
		w.until("c under way", func(s State) bool { return s.ID == "c" && s.Phase == Fetching })
		w.until("b waits", func(s State) bool { return s.ID == "b" && s.Phase == Waiting })
		for _, id := range []string{"a", "b", "c"} {
			if s := w.rest(id); s.Phase != Done {
				t.Errorf("%s ended as %+v", id, s)
			}
			w.holds(id, data)
		}
	})
}

// What another job wants too is not deleted.
func TestCancelOfASharedFile(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(9, 4<<20)
		h := &hub{data: data, etag: `"v1"`}
		slow(h, 1_000_000)
		w.serve("127.0.0.1:80", h)
		other := w.job(data)
		other.ID = "other"
		w.m.Start(w.job(data))
		w.m.Start(other)
		w.until("under way", func(s State) bool { return s.ID == "one" && s.Got > 2<<20 })
		w.m.Cancel("one")
		if s := w.rest("other"); s.Phase != Done {
			t.Errorf("it ended as %+v", s)
		}
		w.holds("m.gguf", data)
		if over := h.bytes() - len(data); over > 200_000 {
			t.Errorf("%d bytes were served twice", over)
		}
	})
}

// A failure keeps no other job from its turn.
func TestFailureLetsOthersOn(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(6, 100<<10)
		w.serve("127.0.0.1:80", &hub{data: data})
		w.serve("127.0.0.2:80", http.NotFoundHandler())
		bad := w.job(data)
		bad.ID, bad.Files[0].URL, bad.Files[0].Path = "bad", "http://127.0.0.2/x", w.path("bad")
		w.m.Start(bad)
		w.m.Start(w.job(data))
		if s := w.rest("one"); s.Phase != Done {
			t.Errorf("it ended as %+v", s)
		}
		if s := w.rest("bad"); s.Phase != Failed {
			t.Errorf("the bad one ended as %+v", s)
		}
	})
}

// The end of the program pauses; the next start offers what is not done.
func TestNextStart(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(7, 4<<20)
		h := &hub{data: data, etag: `"v1"`}
		slow(h, 1_000_000)
		w.serve("127.0.0.1:80", h)
		small := w.job(data)
		small.ID, small.Files[0].Path, small.Files[0].URL = "small", w.path("small"), "http://127.0.0.2/x"
		small.Files[0].Bytes, small.Files[0].SHA256 = 100, sum(data[:100])
		w.serve("127.0.0.2:80", &hub{data: data[:100]})
		if s := w.run(small); s.Phase != Done {
			t.Fatalf("%+v", s)
		}
		w.m.Start(w.job(data))
		w.until("under way", func(s State) bool { return s.Got > 1<<20 })
		w.m.Close()
		w.m.Close()
		w.m.Start(small) // nothing happens any more
		w.m.Pause("one")
		served := h.bytes()
		w.mu.Lock()
		w.states = nil
		w.mu.Unlock()
		w.open()
		s := w.until("there", func(State) bool { return true })
		if s.ID != "one" || s.Name != "One" || s.Phase != Paused || s.Got < 1<<20 || s.Total != 4<<20 || len(w.states) != 1 {
			t.Errorf("it is offered as %+v", w.states)
		}
		time.Sleep(time.Hour)
		if h.bytes() != served {
			t.Error("it went on unasked")
		}
		w.m.Resume("one")
		s = w.rest("one")
		if s.Phase != Done {
			t.Errorf("it ended as %+v", s)
		}
		w.holds("m.gguf", data)
	})
}

// A list of unfinished jobs that is damaged, or hostile, is kept, and nothing of it is done.
func TestListThatIsDamaged(t *testing.T) {
	for _, text := range []string{"{", `{"version":99,"jobs":[]}`, "[]"} {
		in(t, func(w *world) {
			w.m.Close()
			path := filepath.Join(w.memory, recordName)
			write(t, path, []byte(text))
			write(t, path+".damaged", nil)
			w.open()
			w.settle()
			if got := read(t, path+".damaged.2"); got != text {
				t.Errorf("it was kept as %q", got)
			}
			data := bytesOf(8, 100)
			w.serve("127.0.0.1:80", &hub{data: data})
			w.done(w.run(w.job(data)), data)
		})
	}
	in(t, func(w *world) {
		w.m.Close()
		path := filepath.Join(filepath.VolumeName(w.memory)+string(filepath.Separator), "z")
		z := fmt.Sprintf(`{"id":"z","files":[{"url":"http://127.0.0.1/z","path":%q}]}`, path)
		write(t, filepath.Join(w.memory, recordName), []byte(`{"version":1,"jobs":[{"id":"x","files":[{"url":"https://example.com","path":"../../etc/passwd"}]},{"id":"y"},`+z+`,`+z+`]}`))
		w.open()
		w.until("there", func(s State) bool { return s.ID == "z" })
		if len(w.states) != 1 {
			t.Errorf("there are %+v", w.states)
		}
	})
}

// Without a folder, without watchers, and closed at once.
func TestClosedAtOnce(t *testing.T) {
	synctest.Test(t, func(*testing.T) {
		m := New(Options{})
		m.Start(Job{ID: "nothing"})
		m.Close()
	})
}

// One watcher can end another, and itself.
func TestWatchersEnd(t *testing.T) {
	in(t, func(w *world) {
		var stop [2]func()
		calls := [2]int{}
		ready := make(chan struct{})
		for i := range stop {
			stop[i] = w.m.Watch(func([]State) {
				<-ready
				calls[i]++
				stop[0]()
				stop[1]()
			})
		}
		close(ready)
		w.settle()
		time.Sleep(time.Minute)
		if calls[0]+calls[1] != 1 {
			t.Errorf("they were called %v times", calls)
		}
	})
}

func TestMeter(t *testing.T) {
	var m meter
	now := time.Unix(0, 0)
	if got := m.add(now, 100); got != 0 {
		t.Errorf("at once %v", got)
	}
	for i := 1; i <= 100; i++ {
		now = now.Add(time.Second / 10)
		got := m.add(now, 100+int64(i)*50)
		if i >= 5 && (got < 499 || got > 501) {
			t.Fatalf("after %d samples %v", i, got)
		}
	}
	for range 51 {
		now = now.Add(time.Second / 10)
		m.add(now, 5100)
	}
	if got := m.add(now.Add(time.Second/10), 5100); got != 0 {
		t.Errorf("after nothing came %v", got)
	}
	if got := m.add(now.Add(time.Second), 10); got != 0 {
		t.Errorf("begun again %v", got)
	}
}
