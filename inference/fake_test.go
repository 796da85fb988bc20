package inference

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"galago/inference/protocol"
)

// The test binary impersonates the engine when this variable names a personality.
const (
	fakeEnv  = "GALAGO_FAKE"
	fifoEnv  = "GALAGO_FAKE_FIFO"  // opened for writing while the fake lives
	countEnv = "GALAGO_FAKE_COUNT" // a file that grows by one byte with each start
)

func TestMain(m *testing.M) {
	switch who := os.Getenv(fakeEnv); who {
	case "":
		os.Exit(m.Run())
	case "parent":
		os.Exit(fakeParent())
	default:
		f := &fake{who: who, err: os.Stderr, die: os.Exit}
		os.Exit(f.run(os.Stdin, os.Stdout))
	}
}

// fake is a worker that misbehaves as its personality and the question tell it to.
type fake struct {
	who  string
	out  io.Writer
	w    *protocol.Writer
	err  io.Writer
	die  func(code int)  // does not return
	dead <-chan struct{} // closed when it was killed; nil in a real process

	mu      sync.Mutex // owns cancels
	cancels map[uint64]chan struct{}
	starts  int

	memory fakeMemory
	clears []protocol.What // so far
	freed  bool            // and not asked since
	loads  []protocol.Load
}

func (f *fake) run(in io.Reader, out io.Writer) int {
	f.out, f.w, f.cancels = out, protocol.NewWriter(out), map[uint64]chan struct{}{}
	if path := os.Getenv(fifoEnv); path != "" && f.dead == nil {
		fifo, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return 1
		}
		defer fifo.Close()
	}
	if path := os.Getenv(countEnv); path != "" && f.dead == nil {
		f.starts = countStart(path)
	}
	switch f.who {
	case "garbage":
		fmt.Fprintln(out, "Usage: engine [options], I am no worker at all")
		f.hang()
	case "huge":
		_, _ = out.Write([]byte("GLG1\x40\xff\xff\xff\xff\xff\xff\xff\xff"))
		f.hang()
	case "mute":
		f.hang()
	case "exit5":
		fmt.Fprintln(f.err, "The engine needs libffi.so.8")
		f.die(5)
	case "exit127":
		f.die(127)
	case "exit1":
		fmt.Fprintln(f.err, "some reason")
		f.die(1)
	case "leave":
		return 0
	case "closed":
		if c, ok := out.(io.Closer); ok {
			_ = c.Close()
		}
		f.hang()
	}
	hello := protocol.Hello{Version: protocol.Version, Engine: "fake", Devices: []protocol.Device{{Name: "CPU"}}}
	if f.who == "version" {
		hello.Version++
	}
	f.memory = parseMemory(f.who)
	if f.memory.card {
		hello.Devices = append(hello.Devices, protocol.Device{Name: "CUDA0", Type: "GPU"})
	}
	f.say(protocol.KindHello, hello)
	work := make(chan protocol.Frame, 16)
	go f.read(in, work)
	for frame := range work {
		f.serve(frame)
		switch f.who {
		case "diesidle":
			time.Sleep(30 * time.Second)
			f.die(1)
		case "deaf":
			f.hang()
		}
	}
	if f.who == "stays" {
		f.hang()
	}
	return 0
}

// countStart counts the starts of fakes that share a file.
func countStart(path string) int {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0
	}
	defer file.Close()
	_, _ = file.Write([]byte("x"))
	info, err := file.Stat()
	if err != nil {
		return 0
	}
	return int(info.Size())
}

func (f *fake) read(in io.Reader, work chan<- protocol.Frame) {
	if f.who != "deaf" {
		defer close(work)
	}
	for {
		frame, err := protocol.Read(in)
		if err != nil {
			f.mu.Lock()
			for _, c := range f.cancels {
				close(c)
			}
			f.cancels = nil
			f.mu.Unlock()
			return
		}
		var id protocol.Cancel
		if frame.Kind == protocol.KindAsk && frame.Decode(&id) == nil {
			f.mu.Lock()
			f.cancels[id.ID] = make(chan struct{})
			f.mu.Unlock()
		}
		if frame.Kind != protocol.KindCancel {
			work <- frame
			if f.who == "deaf" {
				return
			}
			continue
		}
		if frame.Decode(&id) == nil {
			f.mu.Lock()
			if c := f.cancels[id.ID]; c != nil {
				close(c)
				delete(f.cancels, id.ID)
			}
			f.mu.Unlock()
		}
	}
}

// hang waits to be killed.
func (f *fake) hang() {
	if f.dead == nil {
		time.Sleep(time.Hour) // a select without cases would be called a deadlock
	}
	<-f.dead
	f.die(-1)
}

func (f *fake) say(kind protocol.Kind, m any) {
	if err := f.w.Write(kind, m); err != nil {
		f.die(1)
	}
}

func (f *fake) serve(frame protocol.Frame) {
	switch frame.Kind {
	case protocol.KindPlan:
		var l protocol.Load
		if err := frame.Decode(&l); err != nil {
			f.die(1)
		}
		if f.who == "card dieplan" {
			f.die(2)
		}
		if f.who == "card planless" {
			f.say(protocol.KindFailed, protocol.Failed{Code: protocol.CodeInternal, Op: "plan"})
			return
		}
		f.say(protocol.KindPlanned, protocol.Planned{Memory: f.memory.of(l, 0)})
	case protocol.KindLoad:
		var l protocol.Load
		if err := frame.Decode(&l); err != nil {
			f.die(1)
		}
		f.loads = append(f.loads, l)
		f.load()
	case protocol.KindAsk:
		var ask protocol.Ask
		if err := frame.Decode(&ask); err != nil {
			f.die(1)
		}
		f.answer(ask, frame.Blob)
	case protocol.KindClear:
		if f.who == "clearless" {
			f.say(protocol.KindFailed, protocol.Failed{Code: protocol.CodeOutOfMemory, Op: "clear cache"})
			return
		}
		var clear protocol.Clear
		if err := frame.Decode(&clear); err != nil {
			f.die(1)
		}
		f.clears = append(f.clears, clear.What)
		f.freed = clear.What == protocol.FreeWorking
		f.say(protocol.KindCleared, protocol.Cleared{What: clear.What, Before: 3 << 20, After: 1 << 20, Device: "fake"})
	}
}

func (f *fake) load() {
	switch {
	case f.who == "dieload", f.who == "diereload" && f.starts > 1:
		fmt.Fprintln(f.err, "GGML_ASSERT(x) failed")
		f.die(2)
	case f.who == "oomload":
		f.say(protocol.KindLastWords, protocol.LastWords{Text: "ggml-cuda.cu:96: CUDA error: out of memory"})
		f.die(2)
	case f.who == "failload":
		f.say(protocol.KindFailed, protocol.Failed{Code: protocol.CodeModelInvalid, Op: "load model", Detail: "a log line"})
		return
	case f.who == "slowload":
		time.Sleep(5 * time.Second)
	case f.who == "hangload":
		f.hang()
	}
	f.say(protocol.KindProgress, protocol.Progress{Phase: protocol.PhaseLoad, Done: 500, Total: 1000})
	loaded := protocol.Loaded{Name: "fake", Context: 4096, Vision: protocol.Vision{Enabled: true, Factor: 32, MinTokens: 4, MaxTokens: 64}}
	if f.who == "text" {
		loaded.Vision = protocol.Vision{}
	}
	if f.memory.cap > 0 {
		l, picture := f.loads[len(f.loads)-1], 0
		if l.Calibrate {
			picture = l.ImageMaxTokens
			loaded.EncodeTokens, loaded.EncodeMillis = picture, 100
		}
		if !f.fits(0, l, picture) {
			return
		}
		loaded.Memory = f.memory.of(l, picture)
		loaded.Context = l.Context
		loaded.Vision.MinTokens, loaded.Vision.MaxTokens = l.ImageMinTokens, l.ImageMaxTokens
	}
	f.say(protocol.KindLoaded, loaded)
}

// answer does what the question says.
func (f *fake) answer(ask protocol.Ask, blob []byte) {
	f.mu.Lock()
	cancel := f.cancels[ask.ID]
	f.mu.Unlock()
	question := ask.Messages[len(ask.Messages)-1].Text
	if ask.Look {
		question = "wait" // until it is cancelled
	}
	word, _, _ := strings.Cut(question, " ")
	f.say(protocol.KindProgress, protocol.Progress{ID: ask.ID, Phase: protocol.PhasePrompt, Done: 1, Total: 1})
	f.say(protocol.KindReused, protocol.Reused{ID: ask.ID, Tokens: 1, Prompt: 2})
	if word != "alone" {
		f.delta(ask.ID, "You said: ")
	}
	largest := 0
	for _, im := range ask.Images {
		largest = max(largest, im.Width*im.Height/1024)
	}
	if f.memory.cap > 0 && !f.fits(ask.ID, f.loads[len(f.loads)-1], largest) {
		return
	}
	switch word {
	case "die":
		fmt.Fprintln(f.err, "GGML_ASSERT(y) failed")
		f.die(2)
	case "oom":
		fmt.Fprintln(f.err, "terminate called after throwing an instance of 'std::bad_alloc'")
		f.die(2)
	case "garbage":
		_, _ = io.WriteString(f.out, "printf here")
		f.hang()
	case "notjson":
		_, _ = f.out.Write([]byte("GLG1\x44\x00\x00\x00\x01\x00\x00\x00\x00{"))
		f.hang()
	case "torn":
		_, _ = f.out.Write([]byte("GLG1\x44\x00"))
		f.die(2)
	case "fail":
		f.say(protocol.KindFailed, protocol.Failed{ID: ask.ID, Code: protocol.CodeContextFull, Op: "answer"})
		return
	case "silent", "stubborn":
		f.hang()
	case "wait", "stuck", "busy":
		if f.beat(word, cancel) {
			f.say(protocol.KindCancelled, protocol.Cancelled{ID: ask.ID})
			return
		}
	case "cancels":
		if cancel != nil {
			<-cancel
		}
		f.delta(ask.ID, "late text")
		f.say(protocol.KindDone, protocol.Done{ID: ask.ID})
		return
	case "late":
		if cancel != nil {
			<-cancel
		}
		time.Sleep(time.Second)
		f.say(protocol.KindCancelled, protocol.Cancelled{ID: ask.ID})
		return
	case "flood":
		for i := range 20000 {
			f.delta(ask.ID, fmt.Sprintf("%d ", i))
			if i%1000 == 0 {
				fmt.Fprintln(f.err, strings.Repeat("log ", 2000))
			}
		}
	case "unknown":
		for i := range 20 {
			f.say(protocol.Kind(200+i), map[string]any{"from": "the future"})
		}
		f.say(protocol.KindDelta, protocol.Delta{ID: ask.ID + 1000, Text: "not yours"})
		f.say(protocol.KindDone, protocol.Done{ID: ask.ID + 1000})
		f.say(protocol.KindHello, protocol.Hello{Version: 99})
		f.say(protocol.KindLoaded, protocol.Loaded{})
		f.say(protocol.KindCleared, protocol.Cleared{})
	case "told":
		text, _ := json.Marshal(map[string]any{"clears": f.clears, "loads": f.loads})
		f.delta(ask.ID, string(text))
	case "dump":
		text, _ := json.Marshal(ask)
		f.delta(ask.ID, string(text))
	}
	f.delta(ask.ID, question)
	f.say(protocol.KindDone, protocol.Done{
		ID: ask.ID, Stop: protocol.StopEnd,
		Stats: f.stats(len(blob)),
	})
}

func (f *fake) stats(blob int) protocol.Stats {
	st := protocol.Stats{AnswerTokens: 3, ImageTokens: blob}
	if f.freed {
		f.freed, st.PrepareMillis = false, 120
	}
	return st
}

// fakeMemory is what a fake takes, in made-up figures of MiB, and what there is. A personality says it, such as
// "card cap=900 abort": a card, 900 MiB, and it aborts instead of failing politely.
type fakeMemory struct {
	card  bool
	abort bool
	cap   int // 0: endless
}

func parseMemory(who string) fakeMemory {
	var m fakeMemory
	for _, word := range strings.Fields(who) {
		switch n := 0; {
		case word == "card":
			m.card = true
		case word == "abort":
			m.abort = true
		default:
			if k, _ := fmt.Sscanf(word, "cap=%d", &n); k == 1 {
				m.cap = n
			}
		}
	}
	return m
}

const mib = 1 << 20

// of lists what a load takes, and a picture of that many tokens.
func (m fakeMemory) of(l protocol.Load, picture int) []protocol.Memory {
	device, vision := "CPU", "CPU"
	if m.card && l.GPULayers >= 0 {
		if device = "CUDA0"; !l.MMProjCPU {
			vision = "CUDA0"
		}
	}
	kv := l.Context / 16
	if l.KVType == "q8_0" {
		kv /= 2
	}
	weights := uint64(400)
	if l.GPULayers > 0 {
		weights = 200
	}
	list := []protocol.Memory{
		{Part: protocol.PartWeights, Device: device, Bytes: weights * mib},
		{Part: protocol.PartVision, Device: vision, Bytes: 100 * mib},
		{Part: protocol.PartKV, Device: device, Bytes: uint64(kv) * mib},
	}
	if picture > 0 {
		list = append(list, protocol.Memory{Part: protocol.PartEncode, Device: vision, Bytes: uint64(picture) * mib / 4})
	}
	return list
}

// fits goes through the stages of a load (id 0) or a request until memory runs out, which ends both in their own way.
func (f *fake) fits(id uint64, l protocol.Load, picture int) bool {
	stages := map[protocol.Part]protocol.Stage{
		protocol.PartWeights: protocol.StageLoadWeights, protocol.PartVision: protocol.StageLoadVision,
		protocol.PartKV: protocol.StageCreateContext, protocol.PartEncode: protocol.StageEncode,
	}
	left := int64(f.memory.cap) * mib
	for _, b := range f.memory.of(l, picture) {
		stage := stages[b.Part]
		f.say(protocol.KindProgress, protocol.Progress{ID: id, Phase: protocol.PhaseLoad, Stage: stage})
		if f.memory.card && b.Device == "CPU" {
			continue
		}
		if left -= int64(b.Bytes); left >= 0 {
			continue
		}
		if f.memory.abort {
			f.say(protocol.KindLastWords, protocol.LastWords{Text: "ggml-cuda.cu:96: CUDA error: out of memory"})
			f.die(2)
		}
		f.say(protocol.KindFailed, protocol.Failed{ID: id, Code: protocol.CodeOutOfMemory, Stage: stage, Op: "work"})
		return false
	}
	return true
}

// beat works until it is cancelled (then it reports true), or is done after an hour of heartbeats.
func (f *fake) beat(word string, cancel chan struct{}) bool {
	if cancel == nil {
		return true
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := range 3600 {
		select {
		case <-cancel:
			return true
		case <-f.dead:
			f.die(-1)
		case <-tick.C:
			alive := protocol.Alive{Steps: uint64(i)}
			if word == "stuck" {
				alive.Steps = 0
			}
			f.say(protocol.KindAlive, alive)
		}
	}
	return false
}

func (f *fake) delta(id uint64, text string) {
	f.say(protocol.KindDelta, protocol.Delta{ID: id, Text: text})
}

// inProcess starts fakes as goroutines of this process, for tests whose clock is not the real one. The first fake gets
// the first personality, and so on; the last one serves for the rest.
func inProcess(whos ...string) func(Options) (*process, error) {
	started := 0
	return func(Options) (*process, error) {
		who := whos[min(started, len(whos)-1)]
		started++
		inR, inW := io.Pipe()
		outR, outW := io.Pipe()
		errR, errW := io.Pipe()
		dead, exit := make(chan struct{}), make(chan error, 1)
		var once sync.Once
		end := func(code int) {
			_ = outW.Close()
			_ = errW.Close()
			_ = inR.CloseWithError(io.ErrClosedPipe)
			if code != 0 {
				exit <- fmt.Errorf("exit status %d", code)
			}
			close(exit)
		}
		f := &fake{who: who, err: errW, dead: dead}
		f.die = func(code int) { panic(code) }
		go func() {
			defer func() {
				if code, ok := recover().(int); ok {
					end(code)
				}
			}()
			end(f.run(inR, outW))
		}()
		return &process{
			pid: started, stdin: inW, stdout: outR, stderr: errR,
			kill: func() {
				once.Do(func() {
					close(dead)
					_ = inR.CloseWithError(errors.New("killed"))
					_ = outR.CloseWithError(errors.New("killed"))
				})
			},
			wait: func() error { return <-exit },
		}, nil
	}
}
