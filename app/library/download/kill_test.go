package download

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
)

// The environment makes the test binary a program that downloads, in a folder, from an address, until it is killed.
const (
	childDir    = "GALAGO_DOWNLOAD_TEST_DIR"
	childURL    = "GALAGO_DOWNLOAD_TEST_URL"
	childDigest = "GALAGO_DOWNLOAD_TEST_SHA256"
	childStep   = "GALAGO_DOWNLOAD_TEST_STEP" // at which it kills itself; empty: never
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

// child fetches one file, tells how much it wrote, and returns 0 when it is done.
func child(dir string) int {
	path := filepath.Join(dir, "models", "m.gguf")
	last, steps := 0, 0
	if text := os.Getenv(childStep); text != "" {
		last, _ = strconv.Atoi(text)
	}
	var mu sync.Mutex // the manager's goroutine saves while the run's writes
	step = func(name string) {
		mu.Lock()
		defer mu.Unlock()
		if steps++; steps == last {
			self, _ := os.FindProcess(os.Getpid())
			_ = self.Kill()
			select {}
		}
		if name == "wrote" {
			if info, err := os.Stat(path + partEnd); err == nil {
				fmt.Println(info.Size())
			}
		}
	}
	m := New(Options{Folder: filepath.Join(dir, "state")})
	ended := make(chan State, 1)
	m.Watch(func(states []State) {
		for _, s := range states {
			if s.Phase == Done || s.Phase == Failed {
				select {
				case ended <- s:
				default:
				}
			}
		}
	})
	m.Start(Job{ID: "one", Name: "One", Files: []File{{URL: os.Getenv(childURL), Path: path, SHA256: os.Getenv(childDigest)}}})
	s := <-ended
	m.Close()
	if s.Phase != Done {
		fmt.Fprintln(os.Stderr, s.Err)
		return 1
	}
	return 0
}

func childOf(t *testing.T, dir, url, digest string, step int) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, childDigest+"="+digest, "NO_PROXY=*")
	if step > 0 {
		cmd.Env = append(cmd.Env, childStep+"="+strconv.Itoa(step))
	}
	cmd.Stderr = t.Output()
	return cmd
}

// intact checks what must hold whenever a program was killed: what has the final name is the file.
func intact(t *testing.T, dir, digest string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "models", "m.gguf"))
	if err == nil && sum(data) != digest {
		t.Fatalf("half a file of %d bytes has the final name", len(data))
	}
}

// A program that is killed between any two steps on the disk goes on with what is there.
func TestKilledAtEachStep(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process does not kill itself there")
	}
	t.Parallel()
	data := bytesOf(1, 5<<19)
	h := &hub{data: data, etag: `"v1"`}
	server := httptest.NewServer(h)
	defer server.Close()
	digest := sum(data)
	for n := 1; ; n++ {
		dir := t.TempDir()
		killed := 0
		for range 2 { // at the same step of what goes on, too
			if childOf(t, dir, server.URL+"/m.gguf", digest, n).Run() != nil {
				killed++
			}
			intact(t, dir, digest)
		}
		if err := childOf(t, dir, server.URL+"/m.gguf", digest, 0).Run(); err != nil {
			t.Fatalf("after a kill at step %d: %v", n, err)
		}
		got, err := os.ReadFile(filepath.Join(dir, "models", "m.gguf"))
		if err != nil || sum(got) != digest {
			t.Fatalf("after a kill at step %d the file is not whole: %v", n, err)
		}
		left, _ := filepath.Glob(filepath.Join(dir, "models", "m.gguf?*"))
		if len(left) > 0 {
			t.Errorf("after a kill at step %d there are %q", n, left)
		}
		if killed == 0 {
			if n < 10 {
				t.Errorf("a download has only %d steps", n)
			}
			return
		}
	}
}

// stingy is a server that sends so many bytes of an answer, and then waits for the other side to end.
type stingy struct {
	data   []byte
	mu     sync.Mutex
	budget int
	begins []int // of each answer
	served int
}

func (s *stingy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := 0
	fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from)
	w.Header().Set("Etag", `"v1"`)
	w.Header().Set("Content-Length", strconv.Itoa(len(s.data)-from))
	if r.Method == http.MethodHead {
		return
	}
	if from > 0 {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(s.data)-1, len(s.data)))
		w.WriteHeader(http.StatusPartialContent)
	}
	s.mu.Lock()
	end := min(len(s.data), from+s.budget)
	s.begins = append(s.begins, from)
	s.mu.Unlock()
	n, err := w.Write(s.data[from:end])
	s.mu.Lock()
	s.served += n
	s.mu.Unlock()
	if w.(http.Flusher).Flush(); err == nil && end < len(s.data) {
		<-r.Context().Done()
	}
}

func TestKilledAtAnyByte(t *testing.T) {
	t.Parallel()
	data := bytesOf(2, 24<<20)
	s := &stingy{data: data}
	server := httptest.NewServer(s)
	defer server.Close()
	dir, digest := t.TempDir(), sum(data)
	at, kills := 0, 0
	for ; kills < 200; kills++ {
		s.mu.Lock()
		s.budget = 1 + rand.IntN(4<<20)
		whole := s.budget >> 20 << 20 // all of these are on the disk some time, the rest may not
		ends := at+s.budget >= len(data)
		s.mu.Unlock()
		cmd := childOf(t, dir, server.URL+"/m.gguf", digest, 0)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, now := bufio.NewScanner(out), at
		for !ends && now < at+whole && lines.Scan() {
			now, _ = strconv.Atoi(lines.Text())
		}
		if !ends {
			_ = cmd.Process.Kill()
		}
		_, _ = io.Copy(io.Discard, out)
		err = cmd.Wait()
		intact(t, dir, digest)
		if ends {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		info, err := os.Stat(filepath.Join(dir, "models", "m.gguf.part"))
		if err == nil {
			at = int(info.Size())
		}
		if at < now {
			t.Fatalf("%d bytes are there, and were %d", at, now)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "models", "m.gguf"))
	if err != nil || sum(got) != digest {
		t.Fatalf("after %d kills the file is not whole: %v", kills, err)
	}
	for i, b := range s.begins {
		if i > 0 && b < s.begins[i-1] {
			t.Errorf("it began at %d, and before at %d", b, s.begins[i-1])
		}
	}
	if lost := s.served - len(data); lost > (kills+1)<<20 {
		t.Errorf("%d kills lost %d bytes", kills, lost)
	}
	t.Logf("%d kills, %d bytes served of %d", kills, s.served, len(data))
}

// The proxy of the environment is asked. It takes a process, because net/http reads the variables once.
func TestProxyVariables(t *testing.T) {
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	cmd := childOf(t, t.TempDir(), "https://models.example/m.gguf", "", 0)
	cmd.Env = append(cmd.Env, "NO_PROXY=", "no_proxy=", "HTTPS_PROXY="+proxy.URL, "https_proxy="+proxy.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := <-asked; got != "CONNECT models.example:443" {
		t.Errorf("the proxy was asked to %s", got)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func BenchmarkLoopback(b *testing.B) {
	data := bytesOf(3, 256<<20)
	server := httptest.NewServer(&hub{data: data})
	defer server.Close()
	digest := sum(data)
	b.Run("download", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			dir := b.TempDir()
			m := New(Options{})
			ended := make(chan struct{})
			m.Watch(func(states []State) {
				if len(states) > 0 && states[0].Phase == Done {
					close(ended)
				} else if len(states) > 0 && states[0].Phase == Failed {
					b.Error(states[0].Err)
					close(ended)
				}
			})
			m.Start(Job{ID: "one", Files: []File{{URL: server.URL, Path: filepath.Join(dir, "m"), Bytes: int64(len(data)), SHA256: digest}}})
			<-ended
			m.Close()
			_ = os.RemoveAll(dir)
		}
	})
	b.Run("without digest and disk", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			resp, err := http.Get(server.URL)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	})
	b.Run("digest alone", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			sum(data)
		}
	})
}
