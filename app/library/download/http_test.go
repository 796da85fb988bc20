package download

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestPlain(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(1, 3<<20+17)
		h := &hub{data: data}
		w.serve("127.0.0.1:80", h)
		w.done(w.run(w.job(data)), data)
		if n := len(h.log()); n != 1 {
			t.Errorf("%d requests", n)
		}
		if got := h.log()[0]; got.Get("Accept-Encoding") != "identity" || got.Get("Range") != "" || got.method != http.MethodGet {
			t.Errorf("asked with %v", got)
		}
	})
}

// What the hub says is used where the caller knows nothing, and told as such.
func TestHubsOwnDigest(t *testing.T) {
	for _, c := range []struct {
		name       string
		linked     string
		hubOnly    int
		unverified int
	}{
		{"SHA-256", `"` + sum(bytesOf(2, 1<<20)) + `"`, 1, 0},
		{"git's hash of a small file", `"0123456789abcdef0123456789abcdef01234567"`, 0, 1},
		{"nothing", "", 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(2, 1<<20)
				cdn := &hub{data: data, etag: `"cdn"`}
				w.serve("127.0.0.2:80", cdn)
				w.serve("127.0.0.1:80", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					rw.Header().Set("X-Repo-Commit", "c0ffee")
					if c.linked != "" {
						rw.Header().Set("X-Linked-Etag", c.linked)
						rw.Header().Set("X-Linked-Size", strconv.Itoa(len(data)))
					}
					http.Redirect(rw, r, "http://127.0.0.2/signed?for=GET", http.StatusFound)
				}))
				j := w.job(data)
				j.Files[0].Bytes, j.Files[0].SHA256 = 0, ""
				s := w.run(j)
				w.done(s, data)
				if len(s.HubOnly) != c.hubOnly || len(s.Unverified) != c.unverified {
					t.Errorf("told as %q and %q", s.HubOnly, s.Unverified)
				}
			})
		})
	}
}

func TestCutEveryFewKiB(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(3, 300<<10)
		h := &hub{data: data, etag: `"v1"`, cut: 7 << 10}
		w.serve("127.0.0.1:80", h)
		w.done(w.run(w.job(data)), data)
		for i, r := range h.log()[1:] {
			if want := fmt.Sprintf("bytes=%d-", (i+1)*7<<10); r.Get("Range") != want || r.Get("If-Range") != `"v1"` {
				t.Fatalf("request %d asks for %q if %q, want %q", i+2, r.Get("Range"), r.Get("If-Range"), want)
			}
		}
		if h.bytes() != len(data) {
			t.Errorf("%d bytes were served of %d", h.bytes(), len(data))
		}
	})
}

// A connection that always brings a little is given up too, and goes on later where it was.
func TestCutsHaveAnEnd(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(4, 1<<20)
		h := &hub{data: data, etag: `"v1"`, cut: 4 << 10}
		w.serve("127.0.0.1:80", h)
		s := w.run(w.job(data))
		w.failed(s, Server)
		if n := len(h.log()); n != mostCuts || s.Got != int64(n*4<<10) {
			t.Errorf("%d requests brought %d", n, s.Got)
		}
		w.m.Resume("one")
		w.done(w.rest("one"), data)
		if h.bytes() != len(data) {
			t.Errorf("%d bytes were served of %d", h.bytes(), len(data))
		}
	})
}

func TestNothingComes(t *testing.T) {
	for name, answer := range map[string]func(int, http.ResponseWriter, *http.Request) bool{
		"cut before the head": func(_ int, w http.ResponseWriter, _ *http.Request) bool { raw(w, ""); return true },
		"cut after the head": func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			raw(w, "HTTP/1.1 200 OK\nContent-Length: 1048576\n\n")
			return true
		},
		"nonsense": func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			raw(w, "220 mail.example ready\n")
			return true
		},
		"silence": func(_ int, _ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true },
		"silence after a head": func(_ int, w http.ResponseWriter, r *http.Request) bool {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			return true
		},
		"an empty file": func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			raw(w, "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n0\n\n")
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, func(w *world) {
				begin := time.Now()
				data := bytesOf(5, 1<<20)
				h := &hub{data: data, etag: `"v1"`, cut: 600 << 10}
				w.serve("127.0.0.1:80", h)
				h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool { return n > 1 && answer(n, rw, r) }
				s := w.run(w.job(data))
				w.failed(s, Server)
				if n := len(h.log()); n != 1+mostTries-1+1 && n != 1+mostTries-1 {
					t.Errorf("%d requests", n)
				}
				if s.Got != 600<<10 {
					t.Errorf("%d bytes are there", s.Got)
				}
				if took := time.Since(begin); took > 15*time.Minute || took < time.Minute {
					t.Errorf("it took %v until it gave up", took)
				}
				h.set(func() { h.before, h.cut = nil, 0 })
				w.m.Resume("one")
				w.done(w.rest("one"), data)
				if h.bytes() != len(data) {
					t.Errorf("%d bytes were served of %d", h.bytes(), len(data))
				}
			})
		})
	}
}

// A connection that brings too little in too long a time is given up, and what it brought is kept.
func TestTrickle(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(6, 64<<10)
		h := &hub{data: data, etag: `"v1"`}
		h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
			if n > 1 {
				return false
			}
			rw.Header().Set("Content-Length", strconv.Itoa(len(data)))
			for i := range data {
				if _, err := rw.Write(data[i : i+1]); err != nil {
					return true
				}
				rw.(http.Flusher).Flush()
				select {
				case <-time.After(3 * time.Second):
				case <-r.Context().Done():
					return true
				}
			}
			return true
		}
		w.serve("127.0.0.1:80", h)
		w.m.Start(w.job(data))
		s := w.until("retrying", func(s State) bool { return s.Phase == Retrying })
		if s.Got < 9 || s.Got > 11 || s.Err == nil || !s.Again.After(time.Now()) {
			t.Errorf("it waits as %+v", s)
		}
		w.done(w.rest("one"), data)
	})
}

func TestLengthsThatLie(t *testing.T) {
	data := bytesOf(7, 200<<10)
	text := func(head string, body ...[]byte) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool { raw(w, head, body...); return true }
	}
	chunked := func(body []byte) func(int, http.ResponseWriter, *http.Request) bool {
		return func(_ int, w http.ResponseWriter, _ *http.Request) bool {
			for len(body) > 0 {
				n := min(len(body), 10_000)
				w.Write(body[:n])
				w.(http.Flusher).Flush()
				body = body[n:]
			}
			return true
		}
	}
	longer := append(append([]byte{}, data...), "and more"...)
	for _, c := range []struct {
		name   string
		answer func(int, http.ResponseWriter, *http.Request) bool
		bytes  bool // the caller knows the length
		digest bool // the caller knows the digest
		kind   Kind
		fails  bool
	}{
		{"too long, known", text("HTTP/1.1 200 OK\nContent-Length: 204808\n\n", longer), true, true, Changed, true},
		{"too short, known", text("HTTP/1.1 200 OK\nContent-Length: 1000\n\n", data[:1000]), true, true, Changed, true},
		{"too short, digest known", text("HTTP/1.1 200 OK\nContent-Length: 1000\n\n", data[:1000]), false, true, WrongDigest, true},
		{"longer than told", text("HTTP/1.1 200 OK\nContent-Length: 204800\n\n", longer), true, true, 0, false},
		{"not told, chunked", chunked(data), true, true, 0, false},
		{"not told, chunked, length unknown", chunked(data), false, true, 0, false},
		{"not told, chunked, nothing known", chunked(data), false, false, 0, false},
		{"chunked, longer", chunked(longer), true, true, 0, false},
		{"chunked, longer, digest unknown", chunked(longer), true, false, Changed, true},
		{"until the connection ends", text("HTTP/1.1 200 OK\n\n", data), true, true, 0, false},
		{"until the connection ends, nothing known", text("HTTP/1.1 200 OK\n\n", data), false, false, Server, true},
		{"until the connection ends, too early", text("HTTP/1.1 200 OK\n\n", data[:1000]), false, true, WrongDigest, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(w *world) {
				h := &hub{data: data}
				h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodHead {
						rw.WriteHeader(http.StatusMethodNotAllowed)
						return true
					}
					return c.answer(n, rw, r)
				}
				w.serve("127.0.0.1:80", h)
				j := w.job(data)
				if !c.bytes {
					j.Files[0].Bytes = 0
				}
				if !c.digest {
					j.Files[0].SHA256 = ""
				}
				s := w.run(j)
				if c.fails {
					w.failed(s, c.kind)
					if n := len(h.log()); n > 2 {
						t.Errorf("%d requests", n)
					}
					return
				}
				w.done(s, data)
			})
		})
	}
}

// A length that is longer than what comes ends as soon as the server says where the file ends.
func TestLengthTooLongThenTold(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(8, 50<<10)
		h := &hub{data: data, etag: `"v1"`}
		h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Range") == "" {
				raw(rw, "HTTP/1.1 200 OK\nEtag: \"v1\"\nContent-Length: 60000\n\n", data)
				return true
			}
			return false
		}
		w.serve("127.0.0.1:80", h)
		j := w.job(data)
		j.Files[0].Bytes = 0
		w.done(w.run(j), data)
	})
}

func TestRangesAreIgnored(t *testing.T) {
	for _, c := range []struct{ name, etag string }{{"same ETag", `"v1"`}, {"weak ETag", `W/"v1"`}, {"no ETag", ""}} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(9, 500<<10)
				h := &hub{data: data, etag: c.etag, cut: 100 << 10}
				h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
					r.Header.Del("Range")
					if n == 3 {
						h.set(func() { h.cut = 0 })
					}
					return false
				}
				w.serve("127.0.0.1:80", h)
				s := w.run(w.job(data))
				if s.Phase == Failed { // the second answer brought nothing new, the third is whole
					t.Fatalf("%v", s.Err)
				}
				w.done(s, data)
			})
		})
	}
}

// Starting over again and again is no progress.
func TestStartingOverHasAnEnd(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(10, 500<<10)
		h := &hub{data: data, cut: 100 << 10}
		h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
			rw.Header().Set("Etag", `"`+strconv.Itoa(n)+`"`) // another file each time
			return false
		}
		w.serve("127.0.0.1:80", h)
		w.failed(w.run(w.job(data)), Server)
		if n := len(h.log()); n > 2*mostTries {
			t.Errorf("%d requests", n)
		}
	})
}

func TestWrongContentRange(t *testing.T) {
	for _, value := range []string{"", "bytes 0-511999/512000", "bytes 1-2/3", "items 102400-511999/512000", "bytes 102400-511999/x", "bytes 511999-102400/512000"} {
		t.Run(value, func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(11, 500<<10)
				h := &hub{data: data, etag: `"v1"`, cut: 100 << 10}
				h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
					if r.Header.Get("Range") == "" {
						return false
					}
					h.set(func() { h.cut = 0 })
					rw.Header().Set("Content-Range", value)
					rw.WriteHeader(http.StatusPartialContent)
					rw.Write(data[:400<<10])
					return true
				}
				w.serve("127.0.0.1:80", h)
				w.done(w.run(w.job(data)), data)
				if n := len(h.log()); n != 4 { // whole, two ranges, whole again
					t.Errorf("%d requests", n)
				}
			})
		})
	}
}

func TestFileChangesMeanwhile(t *testing.T) {
	old, fresh := bytesOf(12, 500<<10), bytesOf(13, 400<<10)
	for _, c := range []struct {
		name   string
		answer func(rw http.ResponseWriter, r *http.Request)
	}{
		{"If-Range is honoured", func(http.ResponseWriter, *http.Request) {}},
		{"If-Range is not honoured", func(_ http.ResponseWriter, r *http.Request) { r.Header.Del("If-Range") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(w *world) {
				h := &hub{data: old, etag: `"old"`, cut: 100 << 10}
				h.before = func(n int, rw http.ResponseWriter, r *http.Request) bool {
					if n == 2 { // the first is HEAD
						return false
					}
					h.set(func() { h.data, h.etag, h.cut = fresh, `"fresh"`, 0 })
					c.answer(rw, r)
					return false
				}
				w.serve("127.0.0.1:80", h)
				j := w.job(old)
				j.Files[0].Bytes, j.Files[0].SHA256 = 0, ""
				h.set(func() { h.requests = append(h.requests, asked{}) })
				w.done(w.run(j), fresh)
			})
		})
	}
}

// The hub's digest says that it is the same file, although the server that sends it calls it something else.
func TestOtherServerOfTheSameFile(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(14, 500<<10)
		h := &hub{data: data, etag: `"paris"`, cut: 100 << 10, header: http.Header{"X-Linked-Etag": {`"` + sum(data) + `"`}}}
		h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
			if n > 1 {
				h.set(func() { h.etag, h.cut = `"tokyo"`, 0 })
				rw.Header().Set("Etag", `"tokyo"`)
			}
			return false
		}
		w.serve("127.0.0.1:80", h)
		w.done(w.run(w.job(data)), data)
		log := h.log()
		if last := log[len(log)-1]; last.Get("Range") != "bytes=102400-" || last.Get("If-Range") != `"tokyo"` {
			t.Errorf("it asked at last for %q if %q", last.Get("Range"), last.Get("If-Range"))
		}
	})
}

// What the hub has is another file than the catalogue's: nothing of it is fetched.
func TestOtherDigestThanTheCatalogues(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(15, 500<<10)
		h := &hub{data: data, header: http.Header{"X-Linked-Etag": {`"` + sum(bytesOf(16, 9)) + `"`}}}
		w.serve("127.0.0.1:80", h)
		s := w.run(w.job(data))
		w.failed(s, Changed)
		if s.Got != 0 || len(h.log()) != 1 {
			t.Errorf("%d bytes in %d requests", s.Got, len(h.log()))
		}
	})
}

func TestStatus(t *testing.T) {
	for _, c := range []struct {
		status   int
		header   http.Header
		kind     Kind
		requests int // after the first
	}{
		{400, nil, Server, 1},
		{401, nil, Gated, 1},
		{401, http.Header{"X-Error-Code": {"GatedRepo"}}, Gated, 1},
		{401, http.Header{"X-Error-Code": {"RepoNotFound"}}, NotFound, 1},
		{403, nil, Gated, 1},
		{404, http.Header{"X-Error-Code": {"EntryNotFound"}}, NotFound, 1},
		{404, nil, NotFound, 1},
		{407, nil, Proxy, 1},
		{410, nil, NotFound, 1},
		{416, nil, Server, 2},
		{429, nil, Server, mostTries - 1},
		{429, http.Header{"Retry-After": {"86400"}}, Busy, 1},
		{500, nil, Server, mostTries - 1},
		{502, nil, Server, mostTries - 1},
		{503, nil, Server, mostTries - 1},
		{204, nil, Server, 1},
		{304, nil, Server, 1},
	} {
		t.Run(fmt.Sprint(c.status, c.header), func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(17, 500<<10)
				h := &hub{data: data, etag: `"v1"`, cut: 100 << 10}
				h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
					if n == 1 {
						return false
					}
					for k, v := range c.header {
						rw.Header()[k] = v
					}
					rw.Header().Set("Content-Type", "text/html")
					rw.WriteHeader(c.status)
					if c.status != 204 && c.status != 304 {
						fmt.Fprint(rw, "<html>no</html>")
					}
					return true
				}
				w.serve("127.0.0.1:80", h)
				s := w.run(w.job(data))
				e := w.failed(s, c.kind)
				if n := len(h.log()) - 1; n != c.requests || s.Got != 100<<10 {
					t.Errorf("%d requests, and %d bytes are there", n, s.Got)
				}
				if c.kind == Gated && e.Page != "http://127.0.0.1/owner/repo" {
					t.Errorf("its page is %q", e.Page)
				}
				h.set(func() { h.before, h.cut = nil, 0 })
				w.m.Resume("one")
				w.done(w.rest("one"), data)
				if h.bytes() != len(data) {
					t.Errorf("%d bytes were served of %d", h.bytes(), len(data))
				}
			})
		})
	}
}

// A signed address that has run out is asked for again, at the hub.
func TestForbiddenElsewhere(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(18, 50<<10)
		cdn := &hub{data: data}
		cdn.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
			if n == 1 {
				rw.WriteHeader(http.StatusForbidden)
			}
			return n == 1
		}
		w.serve("127.0.0.2:80", cdn)
		w.serve("127.0.0.1:80", http.RedirectHandler("http://127.0.0.2/signed", http.StatusFound))
		w.done(w.run(w.job(data)), data)
	})
}

func TestRetryAfter(t *testing.T) {
	for _, value := range []string{"90", "date"} {
		t.Run(value, func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(19, 50<<10)
				h := &hub{data: data}
				begin := time.Now()
				h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
					if n > 1 {
						return false
					}
					if value == "date" {
						value = begin.Add(90 * time.Second).UTC().Format(http.TimeFormat)
					}
					rw.Header().Set("Retry-After", value)
					rw.WriteHeader(http.StatusTooManyRequests)
					return true
				}
				w.serve("127.0.0.1:80", h)
				w.done(w.run(w.job(data)), data)
				if took := time.Since(begin); took < 89*time.Second || took > 92*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}

func TestWebPageInsteadOfTheFile(t *testing.T) {
	for name, kind := range map[string]string{"told": "text/html; charset=utf-8", "not told": "application/octet-stream"} {
		t.Run(name, func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(20, 50<<10)
				h := &hub{data: data}
				h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
					rw.Header().Set("Content-Type", kind)
					fmt.Fprint(rw, "\n <!DOCTYPE html><html><title>Log in</title>", strings.Repeat(" ", 50<<10-43))
					rw.(http.Flusher).Flush()
					return true
				}
				w.serve("127.0.0.1:80", h)
				s := w.run(w.job(data))
				w.failed(s, Portal)
				if len(h.log()) != 1 || s.Got != 0 {
					t.Errorf("%d requests, %d bytes", len(h.log()), s.Got)
				}
				h.set(func() { h.before = nil })
				w.m.Resume("one")
				w.done(w.rest("one"), data)
			})
		})
	}
}

func TestPackedAnswer(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(21, 50<<10)
		h := &hub{data: data}
		h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
			if n < 3 {
				rw.Header().Set("Content-Encoding", "gzip")
				rw.Write(bytesOf(22, 900))
			}
			return n < 3
		}
		w.serve("127.0.0.1:80", h)
		w.done(w.run(w.job(data)), data)
		if n := len(h.log()); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

// Other hosts get the range and nothing else.
func TestRedirectToAnotherHost(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(23, 300<<10)
		cdn := &hub{data: data, etag: `"v1"`, cut: 100 << 10}
		w.serve("127.0.0.2:80", cdn)
		w.serve("127.0.0.1:80", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			http.SetCookie(rw, &http.Cookie{Name: "session", Value: "secret"})
			http.Redirect(rw, r, "http://user:password@127.0.0.2/signed#part", http.StatusTemporaryRedirect)
		}))
		w.done(w.run(w.job(data)), data)
		for _, r := range cdn.log() {
			for name := range r.Header {
				switch name {
				case "User-Agent", "Accept-Encoding", "Range", "If-Range", "Connection":
				default:
					t.Errorf("it was told %s: %q", name, r.Header[name])
				}
			}
		}
		if cdn.bytes() != len(data) {
			t.Errorf("%d bytes were served of %d", cdn.bytes(), len(data))
		}
	})
}

func TestRedirectsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, to string
		kind     Kind
		requests int
	}{
		{"to plain HTTP", "http://other.example/file", Untrusted, 1},
		{"to this machine", "https://127.0.0.1/file", Untrusted, 1},
		{"to a file", "file:///etc/passwd", Untrusted, 1},
		{"to itself", "https://example.com/again", Server, mostHops + 1},
		{"nowhere", "", Server, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(w *world) {
				data := bytesOf(24, 50<<10)
				h := &hub{data: data}
				h.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
					if c.to != "" {
						rw.Header().Set("Location", c.to)
					}
					rw.WriteHeader(http.StatusFound)
					return true
				}
				w.serve("example.com:443", h)
				j := w.job(data)
				j.Files[0].URL = "https://example.com/owner/repo/resolve/main/m.gguf"
				w.failed(w.run(j), c.kind)
				if n := len(h.log()); n != c.requests {
					t.Errorf("%d requests", n)
				}
				h.set(func() { h.before = nil })
				w.m.Resume("one")
				w.done(w.rest("one"), data)
			})
		})
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	for _, url := range []string{"http://huggingface.co/a", "ftp://127.0.0.1/a", "https:///a", "m.gguf", "https://user:secret@127.0.0.1/a", "http://127.0.0.1.example/a", "%"} {
		t.Run(url, func(t *testing.T) {
			in(t, func(w *world) {
				j := w.job([]byte("x"))
				j.Files[0].URL = url
				s := w.run(j)
				if s.Phase != Failed || strings.Contains(s.Err.Error(), "secret@") {
					t.Errorf("it ended as %+v", s)
				}
			})
		})
	}
}

// A mirror takes over in the middle.
func TestOtherAddressOfTheSameFile(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(25, 500<<10)
		hub1 := &hub{data: data, etag: `"one"`, cut: 100 << 10}
		hub1.before = func(n int, rw http.ResponseWriter, _ *http.Request) bool {
			if n > 1 {
				rw.WriteHeader(http.StatusNotFound)
			}
			return n > 1
		}
		hub2 := &hub{data: data, etag: `"two"`}
		w.serve("127.0.0.1:80", hub1)
		w.serve("127.0.0.2:80", hub2)
		j := w.job(data)
		w.failed(w.run(j), NotFound)
		j.Files[0].URL = "http://127.0.0.2/owner/repo/resolve/main/m.gguf"
		w.done(w.run(j), data)
		if hub1.bytes()+hub2.bytes() != len(data) {
			t.Errorf("%d and %d bytes were served", hub1.bytes(), hub2.bytes())
		}
	})
}

func TestUnreachable(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		kind Kind
	}{
		{"no such name", errNoName, Offline},
		{"no route", errNoRoute, Offline},
		{"dial timeout", errDialTimeout, Offline},
		{"refused", errRefused, Server},
		{"proxy", errProxy, Proxy},
	} {
		t.Run(c.name, func(t *testing.T) {
			in(t, func(w *world) {
				w.dialErr(c.err)
				data := bytesOf(26, 50<<10)
				e := w.failed(w.run(w.job(data)), c.kind)
				if !strings.Contains(e.Error(), "127.0.0.1") {
					t.Errorf("it says %q", e)
				}
				w.dialErr(nil)
				w.serve("127.0.0.1:80", &hub{data: data})
				w.m.Resume("one")
				w.done(w.rest("one"), data)
			})
		})
	}
}

func TestCertificateThatIsWrong(t *testing.T) {
	in(t, func(w *world) {
		data := bytesOf(27, 50<<10)
		w.serve("example.com:443", &hub{data: data})
		w.client.Transport.(*http.Transport).TLSClientConfig.RootCAs = nil
		j := w.job(data)
		j.Files[0].URL = "https://example.com/m.gguf"
		w.failed(w.run(j), Untrusted)
	})
}

// A proxy that refuses is told as such.
func TestProxyRefuses(t *testing.T) {
	for _, status := range []int{http.StatusProxyAuthRequired, http.StatusForbidden, http.StatusBadGateway} {
		in(t, func(w *world) {
			w.serve("127.0.0.9:3128", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodConnect || r.Host != "example.com:443" {
					t.Errorf("the proxy was asked to %s %s", r.Method, r.Host)
				}
				rw.WriteHeader(status)
			}))
			w.client.Transport.(*http.Transport).Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "127.0.0.9:3128"})
			j := w.job(bytesOf(28, 9))
			j.Files[0].URL = "https://example.com/m.gguf"
			w.failed(w.run(j), Proxy)
		})
	}
}

func TestPlainAnswerWhereHTTPSWasAsked(t *testing.T) {
	in(t, func(w *world) {
		w.serve("127.0.0.1:80", http.NotFoundHandler())
		w.hosts["example.com:443"] = w.hosts["127.0.0.1:80"]
		j := w.job(bytesOf(29, 9))
		j.Files[0].URL = "https://example.com/m.gguf"
		w.failed(w.run(j), Untrusted)
	})
}

func FuzzContentRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes */10", "bytes 5-9/*", "bytes 9-5/10", "bytes 0-99999999999999999999/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		first, last, total, ok := contentRange(http.Header{"Content-Range": {value}})
		if ok && (first < 0 || last < first || total >= 0 && last >= total || total > most) {
			t.Errorf("%q is %d to %d of %d", value, first, last, total)
		}
	})
}

// Whatever a file is called, its address stays on the hub, below its repository.
func FuzzHubURL(f *testing.F) {
	f.Add("a/b", "main", "m.gguf")
	f.Add("a/b", "refs/pr/1", "x/ü #?%2e%2e.gguf")
	f.Add("../b", "..", "/../m")
	f.Fuzz(func(t *testing.T, repo, revision, file string) {
		address, err := HubURL("", repo, revision, file)
		if err != nil {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Host != "huggingface.co" || u.RawQuery != "" || u.Fragment != "" || u.JoinPath().String() != u.String() ||
			u.Path != "/"+repo+"/resolve/"+revision+"/"+file {
			t.Errorf("%q, %q, %q became %q, %v", repo, revision, file, address, err)
		}
	})
}

func TestContentRange(t *testing.T) {
	for value, want := range map[string]string{
		"bytes 0-9/10":  "0 9 10 true",
		"bytes 5-9/*":   "5 9 -1 true",
		"bytes */10":    "-1 -1 10 false",
		"bytes 5-10/10": "5 10 10 false",
		"bytes -5-9/10": "-1 -1 10 false",
		"":              "0 0 -1 false",
	} {
		first, last, total, ok := contentRange(http.Header{"Content-Range": {value}})
		if got := fmt.Sprint(first, last, total, ok); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

func TestHubURL(t *testing.T) {
	for _, c := range []struct{ mirror, repo, revision, file, want string }{
		{"", "Qwen/Qwen3-VL", "main", "a b/m#1?.gguf", Hub + "/Qwen/Qwen3-VL/resolve/main/a%20b/m%231%3F.gguf"},
		{" https://mirror.example/hf/ ", "a/b", "refs/pr/1", "m.gguf", "https://mirror.example/hf/a/b/resolve/refs%2Fpr%2F1/m.gguf"},
		{"http://localhost:8080", "a/b", "main", "m", "http://localhost:8080/a/b/resolve/main/m"},
		{"http://[::1]:8080", "a/b", "main", "m", "http://[::1]:8080/a/b/resolve/main/m"},
		{"http://mirror.example", "a/b", "main", "m", ""},
		{"mirror.example", "a/b", "main", "m", ""},
		{"https://name:word@mirror.example", "a/b", "main", "m", ""},
		{"https://mirror.example?x", "a/b", "main", "m", ""},
		{"https://", "a/b", "main", "m", ""},
		{"", "a", "main", "m", ""},
		{"", "a/..", "main", "m", ""},
		{"", "a/b", "main", "../m", ""},
		{"", "a/b", "main", "x//m", ""},
		{"", "a/b", "", "m", ""},
		{"", "a/b", "main", "m\x00", ""},
		{"", "a/b", "main", `x\m`, ""},
	} {
		got, err := HubURL(c.mirror, c.repo, c.revision, c.file)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v is %q, %v", c, got, err)
		}
	}
}
