package doctor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"galago/inference"
	"galago/inference/engines"
	"galago/inference/protocol"
)

// started is what a worker said, and what the system says of it.
type started struct {
	hello     protocol.Hello
	err       error    // why none can be started
	libraries []string // paths of the shared libraries that it had loaded; nil: not known
}

// errNotStarted stands until a worker was started.
var errNotStarted = errors.New("no worker was started")

// engines looks at llama.cpp's libraries, at the CUDA engine, and starts a worker with them.
func (x *exam) engines(ctx context.Context) {
	x.engine.err = errNotStarted
	x.libraries()
	found := engines.Find()
	x.start(ctx, engines.Environment())
	x.engineFolders(found)
	if x.engine.err != nil {
		x.notStarted()
		return
	}
	x.started()
	x.gpu(ctx, found)
}

// engineFolders keeps the folders of CUDA engines out of the report, and the one that the environment names, which may be
// none of those found.
func (x *exam) engineFolders(found []engines.Engine) {
	for _, e := range found {
		x.veil.own(e.Dir, "<CUDA engine>")
	}
	x.veil.own(os.Getenv(protocol.CUDAEnv), "<CUDA engine>")
	if c := x.engine.hello.CUDA; c != nil {
		x.veil.own(c.Dir, "<CUDA engine>")
	}
}

// start starts a worker with the CUDA engine that the environment names, and without it if that is what breaks it.
func (x *exam) start(ctx context.Context, withEngine []string) {
	x.withEngine = withEngine
	x.engine = greet(ctx, x.o.Engine, append(x.allCards(), withEngine...), x.o.limits.greet)
	if x.engine.err == nil || withEngine == nil || ctx.Err() != nil {
		return
	}
	without := []string{protocol.CUDAEnv + "="} // else one among llama.cpp's libraries would be loaded all the same
	plain := greet(ctx, x.o.Engine, append(x.allCards(), without...), x.o.limits.greet)
	if plain.err != nil {
		return
	}
	x.missing(whatCUDA, "The engine does not start with the CUDA engine: "+sentence(x.engine.err.Error())+" Without it answers come from the CPU.",
		"Remove the CUDA engine and install it again, on Galago's page of models.")
	x.engine, x.withEngine = plain, without
}

// allCards shows a worker all cards that the driver names, since Galago chooses among them itself.
func (x *exam) allCards() []string {
	var ids []string
	for _, c := range x.cards.driver.Cards {
		if c.UUID != "" {
			ids = append(ids, c.UUID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return []string{"CUDA_VISIBLE_DEVICES=" + strings.Join(ids, ",")}
}

// libraries lists what lies in the folder of llama.cpp's libraries.
func (x *exam) libraries() {
	const what = "Libraries of llama.cpp"
	dir := x.o.Libraries
	if absent := missingLibraries(dir); len(absent) > 0 {
		x.blocked(what, "In "+dir+" these are missing: "+strings.Join(absent, ", ")+". Nothing can be answered without them.",
			"Install Galago again. In a source tree: make build.")
		return
	}
	x.ok(what, x.o.Llama+" in "+dir)
}

func missingLibraries(dir string) []string {
	names := []string{"libggml-base.so", "libggml.so", "libllama.so", "libmtmd.so"}
	cpu := "libggml-cpu*.so"
	if runtime.GOOS == "windows" {
		names, cpu = []string{"ggml-base.dll", "ggml.dll", "llama.dll", "mtmd.dll"}, "ggml-cpu*.dll"
	}
	var missing []string
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = append(missing, name)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, cpu)); len(found) == 0 {
		missing = append(missing, strings.Replace(cpu, "*", "-*", 1))
	}
	return missing
}

// notStarted explains why there is no worker.
func (x *exam) notStarted() {
	err := x.engine.err
	cure := "Install Galago again, so that program and libraries come from one package."
	said := strings.ToLower(err.Error())
	if len(missingLibraries(x.o.Libraries)) > 0 {
		x.blocked("Engine", "The worker does not start: llama.cpp's libraries are missing.", cure)
		return
	}
	switch {
	case errors.Is(err, errSilent):
		cure = "End other programs that use the graphics card, or restart the machine: most often it is the card's driver that hangs."
	case strings.Contains(said, "operation not permitted"):
		cure = "The disk that Galago lies on forbids running programs (noexec). Install it elsewhere."
	case strings.Contains(said, "permission denied"):
		cure = "Make the program galago-engine executable (chmod +x), or install Galago again."
	case strings.Contains(said, "cannot allocate memory"), strings.Contains(said, "failed to map segment"), strings.Contains(said, "out of memory"), addressLimit() > 0:
		cure = "There is too little memory for it: close other programs, or lift the limit that is set for Galago (ulimit -v, a container's limit)."
	}
	x.blocked("Engine", "The worker does not start: "+sentence(err.Error()), cure)
}

// sentence ends s with a full stop.
func sentence(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), ".:")
	return s + "."
}

// started says what the worker is.
func (x *exam) started() {
	hello := x.engine.hello
	x.ok("Engine", fmt.Sprintf("version %s, llama.cpp %s, protocol %d (this program: %d)",
		orUnknown(hello.Engine), hello.Llama, hello.Version, protocol.Version))
	features := compact(hello.System)
	if v := x.engine.variant(); v != "" {
		features = "ggml's variant " + v + ": " + features
	}
	x.ok("CPU features in use", features)
	var devices []string
	for _, d := range hello.Devices {
		devices = append(devices, fmt.Sprintf("%s (%s, %s): %s", d.Name, d.Type, d.Backend, strings.TrimSpace(d.Description)))
	}
	x.ok("Devices that ggml sees", strings.Join(devices, "; "))
	if strange := x.engine.strange(x.o.Libraries); len(strange) > 0 {
		x.warn("Loaded libraries", strings.Join(strange, ", "), "These were loaded from another folder than Galago's, and may not fit it.",
			"Start Galago without LD_LIBRARY_PATH and LD_PRELOAD.")
	}
	if x.engine.loaded("valgrind") {
		x.warn("Emulation", "valgrind", "The engine runs in valgrind, which makes it many times slower.", "Run it without.")
	}
}

// compact shortens llama.cpp's list of features, such as "CPU : SSE3 = 1 | AVX = 1 | ", to the names of those in use.
func compact(system string) string {
	var names []string
	for part := range strings.SplitSeq(system, "|") {
		if _, after, ok := strings.Cut(part, " : "); ok {
			part = after
		}
		name, value, ok := strings.Cut(strings.TrimSpace(part), " = ")
		switch {
		case !ok || value == "0" || name == "":
		case value == "1":
			names = append(names, name)
		default:
			names = append(names, name+" = "+value)
		}
	}
	if names == nil {
		return system
	}
	return strings.Join(names, ", ")
}

// variant is the one of ggml's CPU libraries that was loaded, such as icelake; empty: not known.
func (s started) variant() string {
	for _, path := range s.libraries {
		if _, name, ok := strings.Cut(filepath.Base(path), "ggml-cpu-"); ok {
			name, _, _ = strings.Cut(name, ".")
			return name
		}
	}
	return ""
}

// loaded reports whether a library with that in its name was loaded.
func (s started) loaded(name string) bool {
	return slices.ContainsFunc(s.libraries, func(path string) bool { return strings.Contains(filepath.Base(path), name) })
}

// strange are llama.cpp's libraries that came from elsewhere.
func (s started) strange(dir string) []string {
	var list []string
	for _, path := range s.libraries {
		base := filepath.Base(path)
		name := strings.TrimPrefix(strings.ToLower(base), "lib")
		ours := strings.HasPrefix(name, "llama") || strings.HasPrefix(name, "mtmd") ||
			strings.HasPrefix(name, "ggml") && !strings.Contains(name, "cuda")
		if ours && !sameFolder(filepath.Dir(path), realPath(dir)) {
			list = append(list, base)
		}
	}
	return list
}

// sameFolder compares two paths as the system does.
func sameFolder(a, b string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(a, b)
	}
	return a == b
}

// mapped lists the shared libraries that a process has loaded.
func mapped(maps string) []string {
	var list []string
	for line := range strings.Lines(maps) {
		i := strings.IndexByte(line, '/')
		if i < 0 {
			continue
		}
		if path := strings.TrimSpace(line[i:]); strings.Contains(filepath.Base(path), ".so") && !slices.Contains(list, path) {
			list = append(list, path)
		}
	}
	return list
}

var (
	errSilent = errors.New("silent") // a worker that says nothing
	errEnded  = errors.New("it ended before it said that it can work")
)

// silence is how a hanging worker reads.
type silence struct{ limit time.Duration }

func (s silence) Error() string {
	return fmt.Sprintf("it said nothing for %.0f s and was ended", s.limit.Seconds())
}
func (silence) Is(target error) bool { return target == errSilent }

// greet starts a worker, takes its first words and ends it.
func greet(ctx context.Context, program string, env []string, limit time.Duration) started {
	limited, cancel := context.WithTimeoutCause(ctx, limit, silence{limit})
	defer cancel()
	cmd := exec.CommandContext(limited, program, "worker")
	inference.AsWorker(cmd)
	cmd.Env = append(cmd.Env, env...)
	cmd.WaitDelay = time.Second // for what it may have left behind
	cmd.Cancel = func() error {
		killGroup(cmd.Process)
		return nil
	}
	var words tail
	cmd.Stderr = &words
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	runtime.LockOSThread() // the worker ends with the thread that started it
	defer runtime.UnlockOSThread()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return started{err: err}
	}
	defer stdin.Close()
	stop := context.AfterFunc(limited, func() { stdout.Close() }) // a stranger may hold the other end
	defer stop()
	s := listen(stdout)
	if s.err == nil {
		s.libraries = libraries(cmd.Process.Pid)
	}
	if !errors.Is(s.err, errEnded) { // else it tells how it ended
		killGroup(cmd.Process) // it has nothing to lose
	}
	exit, gone := within(context.Background(), reapWithin, cmd.Wait)
	if !gone {
		exit = errors.New("it does not end")
		killGroup(cmd.Process)
	}
	var said *refusal
	switch {
	case s.err == nil, errors.As(s.err, &said):
	case limited.Err() != nil:
		s.err = context.Cause(limited)
	default:
		s.err = fmt.Errorf("%w (%v). %s", s.err, exit, words.telling())
	}
	return s
}

// reapWithin is how long a killed worker may take to go: it can hang in a driver.
const reapWithin = 3 * time.Second

// refusal is what a worker says that cannot work.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

// listen reads a worker's first words.
func listen(stdout io.Reader) (s started) {
	f, err := protocol.Read(stdout)
	switch {
	case errors.Is(err, protocol.ErrGarbage):
		s.err = &refusal{"something else than Galago's engine answered"}
	case err != nil:
		s.err = errEnded
	case f.Kind != protocol.KindHello || f.Decode(&s.hello) != nil:
		s.err = &refusal{"its first words make no sense"}
	case s.hello.Version != protocol.Version:
		s.err = &refusal{fmt.Sprintf("it speaks protocol %d, this program %d", s.hello.Version, protocol.Version)}
	case s.hello.Llama == "":
		s.err = refused(stdout)
	case len(s.hello.Devices) == 0:
		s.err = &refusal{"it found nothing to compute on, not even the CPU"}
	}
	return s
}

// refused reads why a worker could not load llama.cpp.
func refused(stdout io.Reader) error {
	f, err := protocol.Read(stdout)
	var m protocol.Failed
	if err != nil || f.Kind != protocol.KindFailed || f.Decode(&m) != nil {
		return errEnded
	}
	return &refusal{strings.TrimSpace(m.Op + ": " + m.Detail)}
}

// tail keeps the end of what a worker writes to stderr.
type tail struct {
	mu  sync.Mutex // owns buf
	buf []byte
}

const tailBytes = 16 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailBytes; over > 0 {
		t.buf = t.buf[over:]
	}
	return len(p), nil
}

// telling is the end of it, in one line; of a crash of Go only its reason, without the list of calls.
func (t *tail) telling() string {
	const most = 3
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(bytes.ToValidUTF8(t.buf, nil))), "\n")
	for _, line := range lines {
		if strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "panic: ") {
			return line
		}
	}
	return strings.Join(lines[max(0, len(lines)-most):], " / ")
}
