package download

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// bytesOf makes a file's content, the same for the same seed.
func bytesOf(seed uint64, n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(data)
	return data
}

func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// pipes is a network in memory, so that its time is the test's own.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

// world is a manager, the servers that it can reach, and a folder.
type world struct {
	t       *testing.T
	dir     string
	memory  string // Options.Folder
	client  *http.Client
	hosts   map[string]*pipes
	room    uint64
	dialed  error // what every dial ends in
	m       *Manager
	mu      sync.Mutex
	states  []State
	phases  []Phase // that the first job was seen in
	changed chan struct{}
}

// in runs a test in a world whose clock stands still while anything happens.
func in(t *testing.T, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, dir: t.TempDir(), hosts: map[string]*pipes{}, room: 1 << 40, changed: make(chan struct{}, 1)}
		w.memory = filepath.Join(w.dir, "state")
		transport := &http.Transport{DialContext: w.dial, DisableKeepAlives: true}
		w.client = &http.Client{Transport: transport}
		w.open()
		defer func() { w.m.Close() }()
		test(w)
	})
}

// open starts a manager, as a start of the program does.
func (w *world) open() {
	w.m = New(Options{Client: w.client, Folder: w.memory, Free: func(string) (uint64, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.room, nil
	}})
	w.m.Watch(func(states []State) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.states = states
		if len(states) > 0 && (len(w.phases) == 0 || w.phases[len(w.phases)-1] != states[0].Phase) {
			w.phases = append(w.phases, states[0].Phase)
		}
		select {
		case w.changed <- struct{}{}:
		default:
		}
	})
}

func (w *world) setRoom(n uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.room = n
}

var (
	errNoName      = &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "127.0.0.1", IsNotFound: true}}
	errNoRoute     = &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
	errDialTimeout = &net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}
	errRefused     = &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	errProxy       = &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}
)

// dialErr lets every dial end in an error; nil: no more.
func (w *world) dialErr(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dialed = err
}

func (w *world) dial(ctx context.Context, _, address string) (net.Conn, error) {
	w.mu.Lock()
	p, err := w.hosts[address], w.dialed
	w.mu.Unlock()
	if err == nil && p == nil {
		err = errNoName
	}
	if err != nil {
		return nil, err
	}
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// serve lets a host answer; the host is told with its port.
func (w *world) serve(host string, h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Listener.Close()
	p := &pipes{conns: make(chan net.Conn), done: make(chan struct{})}
	s.Listener = p
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	if strings.HasSuffix(host, ":443") {
		s.StartTLS()
		w.client.Transport.(*http.Transport).TLSClientConfig = s.Client().Transport.(*http.Transport).TLSClientConfig
	} else {
		s.Start()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hosts[host] = p
	w.t.Cleanup(s.Close)
	return s
}

// until waits for the first job to be in a state.
func (w *world) until(what string, is func(State) bool) State {
	w.t.Helper()
	end := time.After(1000 * time.Hour)
	for {
		w.mu.Lock()
		for _, s := range w.states {
			if is(s) {
				w.mu.Unlock()
				return s
			}
		}
		w.mu.Unlock()
		select {
		case <-w.changed:
		case <-end:
			w.t.Fatalf("never %s: %+v", what, w.states)
		}
	}
}

// rest waits until nothing of the job is under way, and returns how it stands.
func (w *world) rest(id string) State {
	w.t.Helper()
	w.settle()
	return w.until("at rest", func(s State) bool { return s.ID == id && s.Phase >= Paused })
}

// settle waits until what was asked for has been told.
func (w *world) settle() {
	told := make(chan struct{})
	w.m.do(func() { close(told) })
	<-told
	w.mu.Lock()
	w.states = nil
	w.mu.Unlock()
	w.m.mu.Lock()
	w.m.changed = true
	w.m.poke()
	w.m.mu.Unlock()
}

// run starts a job and waits for its end.
func (w *world) run(j Job) State {
	w.t.Helper()
	w.m.Start(j)
	return w.rest(j.ID)
}

func (w *world) path(name string) string { return filepath.Join(w.dir, "models", name) }

// file is a job of one file of a host.
func (w *world) job(data []byte) Job {
	return Job{ID: "one", Name: "One", Files: []File{{
		URL: "http://127.0.0.1/owner/repo/resolve/main/m.gguf", Path: w.path("m.gguf"), Bytes: int64(len(data)), SHA256: sum(data),
	}}}
}

// done checks that a job ended well, with the right content, and nothing beside it.
func (w *world) done(s State, data []byte) {
	w.t.Helper()
	if s.Phase != Done || s.Err != nil || s.Got != int64(len(data)) || s.Total != s.Got {
		w.t.Errorf("it ended as %+v", s)
	}
	w.holds("m.gguf", data)
	if left := w.list(); !slices.Equal(left, []string{"m.gguf"}) {
		w.t.Errorf("beside it lie %q", left)
	}
}

// failed checks that a job failed with a kind and a sentence, and that nothing has the final name.
func (w *world) failed(s State, kind Kind) *Error {
	w.t.Helper()
	e, ok := errors.AsType[*Error](s.Err)
	if s.Phase != Failed || !ok || e.Kind != kind || len(e.Error()) < 20 || e.File != "m.gguf" {
		w.t.Fatalf("want a failure of kind %d, got %+v (%#v)", kind, s, s.Err)
	}
	if _, err := os.Lstat(w.path("m.gguf")); err == nil {
		w.t.Error("a file that failed has its final name")
	}
	return e
}

func (w *world) holds(name string, data []byte) {
	w.t.Helper()
	got, err := os.ReadFile(w.path(name))
	if err != nil || !bytes.Equal(got, data) {
		w.t.Errorf("%s has %d bytes, want %d, %v", name, len(got), len(data), err)
	}
}

func (w *world) list() []string {
	var names []string
	entries, _ := os.ReadDir(w.path(""))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// asked is a request as it came.
type asked struct {
	method, host, path string
	http.Header
}

// hub serves one file, well or badly.
type hub struct {
	mu       sync.Mutex
	data     []byte
	etag     string
	header   http.Header // on every answer
	cut      int         // bytes after which each answer's connection breaks; 0: never
	before   func(n int, w http.ResponseWriter, r *http.Request) bool
	requests []asked
	served   int
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.requests = append(h.requests, asked{r.Method, r.Host, r.URL.Path, r.Header.Clone()})
	n, before, data, limit := len(h.requests), h.before, h.data, h.cut
	if h.etag != "" {
		w.Header().Set("Etag", h.etag)
	}
	for k, v := range h.header {
		w.Header()[k] = v
	}
	h.mu.Unlock()
	if before != nil && before(n, w, r) {
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(&meteredWriter{ResponseWriter: w, h: h, limit: limit}, r, "", time.Time{}, bytes.NewReader(data))
}

func (h *hub) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

func (h *hub) log() []asked {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.requests)
}

func (h *hub) bytes() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.served
}

// meteredWriter counts what a hub serves, and breaks the connection where it should.
type meteredWriter struct {
	http.ResponseWriter
	h     *hub
	limit int
	sent  int
}

func (w *meteredWriter) Write(p []byte) (int, error) {
	breaks := w.limit > 0 && w.sent+len(p) >= w.limit
	if breaks {
		p = p[:w.limit-w.sent]
	}
	n, err := w.ResponseWriter.Write(p)
	w.sent += n
	w.h.mu.Lock()
	w.h.served += n
	w.h.mu.Unlock()
	if breaks {
		abort(w.ResponseWriter)
	}
	return n, err
}

// abort breaks the connection after what was written.
func abort(w http.ResponseWriter) {
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// raw sends an answer byte by byte as it is written here, and closes.
func raw(w http.ResponseWriter, answer string, body ...[]byte) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	defer c.Close()
	io.WriteString(c, strings.ReplaceAll(answer, "\n", "\r\n"))
	for _, b := range body {
		c.Write(b)
	}
}
