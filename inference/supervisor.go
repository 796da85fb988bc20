package inference

import (
	"bufio"
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

	"galago/inference/protocol"
)

// EngineEnv names the environment variable that says where the engine program is.
const EngineEnv = "GALAGO_ENGINE"

// EnginePath is where the engine program should be: what EngineEnv says, else beside the running program. It does not
// look whether it is there.
func EnginePath() (string, error) {
	if path := os.Getenv(EngineEnv); path != "" {
		return path, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("where this program is: %w", err)
	}
	name := "galago-engine"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(filepath.Dir(self), name), nil
}

// process is a worker as the supervisor sees it. A test may put goroutines in its place.
type process struct {
	pid    int
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr io.ReadCloser
	kill   func()
	wait   func() error // to be called once, after stdout and stderr have ended
}

// startProcess starts the engine program as a worker. The system kills the worker when the thread that started it
// ends, so that no worker survives this process: one goroutine keeps that thread until the worker is gone.
func startProcess(o Options) (*process, error) {
	type result struct {
		p   *process
		err error
	}
	started, ended, exit := make(chan result), make(chan struct{}), make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		p, wait, err := spawn(o)
		started <- result{p, err}
		if err != nil {
			return
		}
		<-ended
		exit <- wait()
	}()
	r := <-started
	if r.err != nil {
		return nil, r.err
	}
	r.p.wait = func() error {
		close(ended)
		return <-exit
	}
	return r.p, nil
}

func spawn(o Options) (*process, func() error, error) {
	path := o.Engine
	if path == "" {
		var err error
		if path, err = EnginePath(); err != nil {
			return nil, nil, err
		}
	}
	cmd := exec.Command(path, o.Args...)
	AsWorker(cmd)
	cmd.Env = append(cmd.Env, o.Env...)
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	stderr, err3 := cmd.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	release, err := tieToParent(cmd.Process)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, nil, fmt.Errorf("tie the engine to this program: %w", err)
	}
	p := &process{
		pid: cmd.Process.Pid, stdin: stdin, stdout: stdout, stderr: stderr,
		kill: func() { _ = cmd.Process.Kill() }, // fails only when it is gone already
	}
	wait := func() error {
		defer release()
		return cmd.Wait()
	}
	return p, wait, nil
}

// AsWorker gives a command that is not started yet a worker's environment and attributes, for those who start one
// themselves, such as the doctor. The worker ends with the thread that starts it: lock the goroutine to its thread
// (runtime.LockOSThread) until the worker is gone.
func AsWorker(cmd *exec.Cmd) {
	cmd.Env = childEnv(os.Environ())
	cmd.SysProcAttr = childAttr()
}

// childEnv is the worker's environment: this process's, less what would make ggml load another backend or fork a
// debugger when it aborts, and with GPUs numbered as NVML numbers them.
func childEnv(own []string) []string {
	env := make([]string, 0, len(own)+2)
	for _, kv := range own {
		if name, _, _ := strings.Cut(kv, "="); !strings.EqualFold(name, "GGML_BACKEND_PATH") {
			env = append(env, kv)
		}
	}
	return append(env, "GGML_NO_BACKTRACE=1", "CUDA_DEVICE_ORDER=PCI_BUS_ID")
}

// phase is what a child is doing.
type phase int

const (
	phaseStarting phase = iota // until Hello
	phasePlanning              // a dry run, until Planned
	phaseLoading               // until Loaded
	phaseIdle
	phaseAsking
	phaseClearing
)

// child is one worker process from its start until it is gone. The service goroutine owns it; what others use says so.
type child struct {
	proc     *process // nil until started
	phase    phase
	asked    uint64         // the task of phaseAsking
	stage    protocol.Stage // the last that it began, of this load or task
	out      chan frame     // to the goroutine that writes stdin; closing it closes stdin
	slots    chan struct{}  // frames that were read and not yet looked at; holds the reader back
	tail     *tail
	hello    protocol.Hello
	words    string // LastWords
	stopping bool   // its end is wanted
	killed   bool
	closed   bool   // out is closed
	fault    *Error // why it was killed, when that was its own fault
	ooms     uint64 // processes the system had killed for memory when it began
	ready    bool

	steps   uint64 // of the last Alive
	written int64  // bytes of stderr at the last look
	quiet   int    // ticks since the last frame
	stuck   int    // ticks since the last sign of progress
}

type frame struct {
	kind    protocol.Kind
	message any
	blob    [][]byte
}

const (
	frameSlots = 256
	reapGrace  = 3 * time.Second // until a killed process that does not go is given up
)

// launch starts a worker for the model.
func (s *Service) launch() {
	c := &child{
		out: make(chan frame, 16), slots: make(chan struct{}, frameSlots),
		tail: &tail{copy: s.o.Stderr}, ooms: oomKills(),
	}
	s.child = c
	s.launched = s.now()
	s.watchChild(c)
	go c.run(s, s.childOptions())
}

// run lives as long as the process: it starts it, waits until both readers have ended, and then for its exit.
func (c *child) run(s *Service, o Options) {
	if o.More != nil {
		o.Env = append(slices.Clip(o.Env), o.More()...)
	}
	p, err := o.start(o)
	if err != nil {
		s.box.post(func() { s.gone(c, err) })
		return
	}
	s.box.post(func() { s.childStarted(c, p) })
	var readers sync.WaitGroup
	readers.Go(func() { c.readFrames(s, p.stdout) })
	readers.Go(func() { _, _ = io.Copy(c.tail, p.stderr) })
	readers.Wait()
	err = p.wait()
	s.box.post(func() { s.gone(c, err) })
}

// readFrames posts every frame until the worker ends or speaks something else.
func (c *child) readFrames(s *Service, stdout io.Reader) {
	r := bufio.NewReaderSize(stdout, 64<<10)
	for {
		f, err := protocol.Read(r)
		switch {
		case errors.Is(err, protocol.ErrGarbage):
			s.box.post(func() { s.garbage(c, err) })
			_, _ = io.Copy(io.Discard, r) // until it is killed
			return
		case err != nil:
			s.box.post(func() { s.silent(c) })
			return
		}
		c.slots <- struct{}{}
		s.box.post(func() {
			<-c.slots
			if s.child == c {
				s.frame(c, f)
			}
		})
	}
}

// write sends frames until out is closed, then closes stdin. A worker that does not read any more is of no use.
func (c *child) write(s *Service, stdin io.WriteCloser) {
	w := protocol.NewWriter(stdin)
	for f := range c.out {
		if err := w.Write(f.kind, f.message, f.blob...); err != nil {
			s.box.post(func() { s.kill(c) })
			break
		}
	}
	_ = stdin.Close() // it may be gone already
}

func (s *Service) childStarted(c *child, p *process) {
	c.proc = p
	s.log.Debug("engine started", "pid", p.pid)
	go c.write(s, p.stdin)
	if c.stopping {
		c.stopping = false
		s.stop(c, s.o.StopGrace)
	}
}

// send hands a frame to the writer. The writer falls behind only when the worker does not read.
func (s *Service) send(c *child, f frame) {
	if c.closed {
		return
	}
	select {
	case c.out <- f:
	default:
		s.blame(c, errorf(protocol.CodeWorkerHung, c.op(), "the engine does not read"))
	}
}

// stop ends a worker that did nothing wrong: its stdin is closed, and after the grace it is killed.
func (s *Service) stop(c *child, grace time.Duration) {
	if c.stopping {
		return
	}
	c.stopping = true
	if c.proc == nil {
		return // childStarted goes on
	}
	c.close()
	s.after(grace, func() { s.kill(c) })
}

// usable reports whether the worker may get more to do.
func (c *child) usable() bool { return !c.stopping && !c.killed }

// op is what the worker is doing, for errors.
func (c *child) op() string {
	switch c.phase {
	case phaseAsking:
		return opAsk
	case phaseClearing:
		return opClear
	case phaseIdle:
		return opIdle
	}
	return opLoad
}

func (c *child) close() {
	if !c.closed {
		c.closed = true
		close(c.out)
	}
}

// kill ends a worker at once. When it is not gone after reapGrace (a process can hang in a driver), the service goes on
// without it.
func (s *Service) kill(c *child) {
	if s.child != c || c.killed {
		return
	}
	if c.proc == nil {
		c.stopping = true // childStarted goes on
		return
	}
	c.killed = true
	c.proc.kill()
	c.close()
	s.after(reapGrace, func() {
		if s.child != c {
			return
		}
		_ = c.proc.stdout.Close() // a stranger may hold the other ends
		_ = c.proc.stderr.Close()
		s.gone(c, errors.New("the process does not end"))
	})
}

// blame kills a worker for a fault of its own.
func (s *Service) blame(c *child, why *Error) {
	if s.child != c || c.killed {
		return
	}
	if c.fault == nil && !c.stopping {
		c.fault = why
	}
	s.kill(c)
}

// garbage came instead of a frame.
func (s *Service) garbage(c *child, err error) {
	s.blame(c, &Error{Code: protocol.CodeProtocol, Op: c.op(), Err: err})
}

// silent means that stdout ended. A process that lives on without it is of no use.
func (s *Service) silent(c *child) {
	if s.child == c && !c.stopping {
		s.after(s.o.StopGrace, func() { s.kill(c) })
	}
}

// gone is called when a worker has ended, or could not be started.
func (s *Service) gone(c *child, err error) {
	if s.child != c {
		return
	}
	c.close()
	s.child = nil
	s.log.Debug("engine gone", "wanted", c.stopping, "err", err)
	if s.unload != nil && s.unload.c == c {
		s.unloadGone() // however it went
		return
	}
	if c.stopping && c.fault == nil {
		return // settle goes on
	}
	why := c.fault
	if why == nil {
		why = death{
			err: err, started: c.proc != nil, greeted: c.phase > phaseStarting, words: c.words,
			log: c.tail.since(), starved: oomKills() > c.ooms,
		}.error(c.op())
	} else {
		why.Detail = detail(c.words, c.tail.since())
	}
	s.died(c, why)
}

// died tells the running request, and restarts the worker when that may help.
func (s *Service) died(c *child, why *Error) {
	s.log.Warn("engine died", "err", why, "detail", why.Detail)
	if c.phase == phaseStarting && c.proc != nil && why.Code != protocol.CodeOutOfMemory && s.greeted(false) {
		s.load() // without what it died of
		return
	}
	if c.phase == phasePlanning && !s.dryRunDied {
		s.dryRunDied = true // formulas must do
		s.load()
		return
	}
	if why.Code == protocol.CodeOutOfMemory && (c.phase == phaseLoading && s.loadRanOut(c) || c.phase == phaseAsking && s.answerRanOut(c)) {
		s.endClear(Cleared{}, why)
		return
	}
	s.flush()
	if t := s.run; t != nil && t.sent {
		s.run = nil
		s.finish(t, Event{Kind: Failed, Err: why})
	}
	s.endClear(Cleared{}, why)
	s.deaths++
	if !c.ready || s.deaths > 1 {
		s.fail(why)
		return
	}
	s.load()
}

// watchChild looks four times in each o.Silence whether the worker still lives and gets on. It counts looks instead of
// reading a clock, so that a computer that slept does not count as a worker that hung.
func (s *Service) watchChild(c *child) {
	tick := s.o.Silence / 4
	s.after(tick, func() {
		if s.child != c || c.killed {
			return
		}
		s.watchChild(c)
		if c.phase == phaseIdle {
			c.quiet, c.stuck = 0, 0
			return
		}
		if n := c.tail.written(); n != c.written {
			c.written, c.stuck = n, 0
		}
		c.quiet++
		c.stuck++
		limit := s.o.Stuck
		if c.phase <= phaseLoading {
			limit = s.o.LoadTimeout
		}
		switch {
		case c.phase > phaseStarting && c.quiet > 4:
			s.blame(c, errorf(protocol.CodeWorkerHung, c.op(), "the engine gave no sign of life for %v", s.o.Silence))
		case time.Duration(c.stuck)*tick > limit:
			s.blame(c, errorf(protocol.CodeWorkerHung, c.op(), "the engine got no further for %v", limit))
		}
	})
}

// frame handles one frame of the living worker.
func (s *Service) frame(c *child, f protocol.Frame) {
	c.quiet = 0
	if f.Kind != protocol.KindAlive {
		c.stuck = 0
	}
	if !c.usable() && f.Kind != protocol.KindLastWords {
		return
	}
	if err := s.dispatch(c, f); err != nil {
		s.garbage(c, err)
	}
}

func (s *Service) dispatch(c *child, f protocol.Frame) error {
	switch f.Kind {
	case protocol.KindHello:
		return decode(f, func(m protocol.Hello) { s.onHello(c, m) })
	case protocol.KindAlive:
		return decode(f, func(m protocol.Alive) {
			if m.Steps != c.steps {
				c.steps, c.stuck = m.Steps, 0
			}
		})
	case protocol.KindLastWords:
		return decode(f, func(m protocol.LastWords) { c.words = m.Text })
	case protocol.KindLoaded:
		return decode(f, func(m protocol.Loaded) { s.onLoaded(c, m) })
	case protocol.KindProgress:
		return decode(f, func(m protocol.Progress) { s.onProgress(c, m) })
	case protocol.KindReused:
		return decode(f, func(m protocol.Reused) { s.tell(m.ID, Event{Kind: Reused, Reused: m}) })
	case protocol.KindDelta:
		return decode(f, func(m protocol.Delta) { s.onDelta(m) })
	case protocol.KindDone:
		return decode(f, func(m protocol.Done) { s.onEnd(c, m.ID, Event{Kind: Done, Stop: m.Stop, Stats: m.Stats}) })
	case protocol.KindCancelled:
		return decode(f, func(m protocol.Cancelled) { s.onEnd(c, m.ID, Event{Kind: Cancelled}) })
	case protocol.KindFailed:
		return decode(f, func(m protocol.Failed) { s.onFailed(c, m) })
	case protocol.KindPlanned:
		return decode(f, func(m protocol.Planned) { s.onPlanned(c, m) })
	case protocol.KindCleared:
		return decode(f, func(m protocol.Cleared) { s.onCleared(c, m) })
	}
	return nil // a kind of a later version
}

// decode gives a frame's message to f.
func decode[M any](frame protocol.Frame, f func(M)) error {
	var m M
	if err := frame.Decode(&m); err != nil {
		return err
	}
	f(m)
	return nil
}

func (s *Service) onHello(c *child, m protocol.Hello) {
	if c.phase != phaseStarting {
		return
	}
	if m.Version != protocol.Version {
		s.blame(c, errorf(protocol.CodeProtocol, opLoad, "the engine speaks version %d, this program version %d", m.Version, protocol.Version))
		return
	}
	c.hello = m
	s.greeted(true)
	s.begun(c)
}

// greeted tells how a worker's start went, and whether another may go better.
func (s *Service) greeted(ok bool) (again bool) { return s.o.Greeted != nil && s.o.Greeted(ok) }

func (s *Service) onLoaded(c *child, m protocol.Loaded) {
	if c.phase == phaseLoading {
		s.loadedNow(c, m)
	}
}

func (s *Service) onProgress(c *child, m protocol.Progress) {
	if m.Stage != "" && (m.ID == 0 && c.phase == phaseLoading || m.ID != 0 && c.phase == phaseAsking && m.ID == c.asked) {
		c.stage = m.Stage
	}
	if m.ID != 0 {
		s.tell(m.ID, Event{Kind: Progress, Progress: m})
	} else if c.phase == phaseLoading && m.Total > 0 {
		s.progress = min(1, max(0, float64(m.Done)/float64(m.Total)))
	}
}

func (s *Service) onFailed(c *child, m protocol.Failed) {
	why := &Error{Code: m.Code, Op: m.Op, Detail: m.Detail}
	if m.Stage != "" && m.ID == 0 == (c.phase != phaseAsking) {
		c.stage = m.Stage
	}
	ranOut := m.Code == protocol.CodeOutOfMemory
	switch {
	case m.ID != 0:
		if ranOut && c.phase == phaseAsking && c.asked == m.ID {
			c.phase = phaseIdle
			if s.answerRanOut(c) {
				return
			}
			c.phase = phaseAsking
		}
		s.onEnd(c, m.ID, Event{Kind: Failed, Err: why})
	case c.phase == phasePlanning: // without a dry run the formulas must do
		s.loadIfItFits(c)
	case c.phase <= phaseLoading:
		if ranOut && s.loadRanOut(c) {
			return
		}
		if m.Code == protocol.CodeMMProjInvalid {
			why.Choices = append(why.Choices, withoutPictures(s.model))
		}
		s.stop(c, s.o.StopGrace)
		s.fail(why)
	case c.phase == phaseClearing:
		// The context may be gone: only a fresh worker is sure to answer.
		s.endClear(Cleared{}, why)
		s.load()
	}
}
