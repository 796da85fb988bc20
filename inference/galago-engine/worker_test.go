package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galago/inference/llama"
	"galago/inference/protocol"
)

// workerUnderTest is a worker process that the test feeds by hand.
type workerUnderTest struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *protocol.Writer
	frames chan protocol.Frame // closed when its standard output ends
	broken error               // why frames was closed; read it only then
	log    string              // file with its standard error
	hello  protocol.Hello
}

func startWorker(t testing.TB) *workerUnderTest {
	t.Helper()
	w := &workerUnderTest{t: t, cmd: exec.Command(engine(t), "worker"), frames: make(chan protocol.Frame, 1<<16)}
	w.cmd.Env = clean("GGML_NO_BACKTRACE=1")
	log, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	w.log, w.cmd.Stderr = log.Name(), log
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.out = protocol.NewWriter(w.in)
	go func() {
		defer close(w.frames)
		for {
			f, err := protocol.Read(out)
			if err != nil {
				w.broken = err
				return
			}
			w.frames <- f
		}
	}()
	t.Cleanup(func() {
		w.cmd.Process.Kill()
		w.cmd.Wait()
	})
	w.decode(w.next(protocol.KindHello), &w.hello)
	return w
}

func (w *workerUnderTest) send(kind protocol.Kind, message any, blob ...[]byte) {
	w.t.Helper()
	if err := w.out.Write(kind, message, blob...); err != nil {
		w.t.Fatalf("%v\n%s", err, w.said())
	}
}

// next skips frames until one of the kinds comes.
func (w *workerUnderTest) next(kinds ...protocol.Kind) protocol.Frame {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case f, ok := <-w.frames:
			if !ok {
				w.t.Fatalf("the worker ended (%v) while kind %v was waited for:\n%s", w.broken, kinds, w.said())
			}
			if slices.Contains(kinds, f.Kind) {
				return f
			}
		case <-timeout:
			w.t.Fatalf("kind %v did not come within %v:\n%s", kinds, patience, w.said())
		}
	}
}

// until waits for the stage.
func (w *workerUnderTest) until(stage protocol.Stage) {
	w.t.Helper()
	for {
		var p protocol.Progress
		if w.decode(w.next(protocol.KindProgress), &p); p.Stage == stage {
			return
		}
	}
}

// end waits until the worker has left and returns its exit code and all frames that still came.
func (w *workerUnderTest) end() (code int, rest []protocol.Frame) {
	w.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case f, ok := <-w.frames:
			if ok {
				rest = append(rest, f)
				continue
			}
			w.cmd.Wait() // its error says no more than the exit code
			return w.cmd.ProcessState.ExitCode(), rest
		case <-timeout:
			w.t.Fatalf("the worker did not leave within %v:\n%s", patience, w.said())
		}
	}
}

// said is the end of the worker's standard error.
func (w *workerUnderTest) said() string {
	data, err := os.ReadFile(w.log)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func (w *workerUnderTest) decode(f protocol.Frame, v any) {
	w.t.Helper()
	if err := f.Decode(v); err != nil {
		w.t.Fatal(err)
	}
}

// loadDemo opens the built-in model, or with tokens above 0 the built-in model with pictures of so many tokens.
func (w *workerUnderTest) loadDemo(tokens int) protocol.Loaded {
	w.t.Helper()
	demo := demoModel(w.t)
	l := protocol.Load{
		Model: demo.Model, MMProj: demo.MMProj, Context: demo.Context,
		ImageMinTokens: demo.ImageMin, ImageMaxTokens: demo.ImageMax,
	}
	if tokens > 0 {
		l.ImageMinTokens, l.ImageMaxTokens = tokens, tokens
	}
	return w.load(l)
}

func (w *workerUnderTest) load(l protocol.Load) protocol.Loaded {
	w.t.Helper()
	w.send(protocol.KindLoad, l)
	f := w.next(protocol.KindLoaded, protocol.KindFailed)
	if f.Kind == protocol.KindFailed {
		w.t.Fatalf("the load failed: %s", f.Message)
	}
	var m protocol.Loaded
	w.decode(f, &m)
	return m
}

func (w *workerUnderTest) plan(l protocol.Load) protocol.Planned {
	w.t.Helper()
	w.send(protocol.KindPlan, l)
	f := w.next(protocol.KindPlanned, protocol.KindFailed)
	if f.Kind == protocol.KindFailed {
		w.t.Fatalf("planning failed: %s", f.Message)
	}
	var m protocol.Planned
	w.decode(f, &m)
	return m
}

func (w *workerUnderTest) done() protocol.Done {
	w.t.Helper()
	f := w.next(protocol.KindDone, protocol.KindFailed, protocol.KindCancelled)
	if f.Kind != protocol.KindDone {
		w.t.Fatalf("kind %d came instead of an answer: %s", f.Kind, f.Message)
	}
	var m protocol.Done
	w.decode(f, &m)
	return m
}

func (w *workerUnderTest) failed() protocol.Failed {
	w.t.Helper()
	f := w.next(protocol.KindDone, protocol.KindLoaded, protocol.KindCounted, protocol.KindCleared, protocol.KindFailed)
	var m protocol.Failed
	if w.decode(f, &m); f.Kind != protocol.KindFailed {
		w.t.Fatalf("kind %d came instead of a failure: %s", f.Kind, f.Message)
	}
	return m
}

// words is a question without pictures.
func words(id uint64, text string, limit int) protocol.Ask {
	return protocol.Ask{ID: id, MaxTokens: limit, Messages: []protocol.Message{{Role: "user", Text: text}}}
}

// view is a question about a grey picture of side x side pixels, and its pixels. Shades are different pictures.
func view(id uint64, side int, shade byte) (protocol.Ask, []byte) {
	ask := words(id, "What is this?", 4)
	ask.Messages[0].Images = 1
	ask.Images = []protocol.Image{{Width: side, Height: side, Hash: string(rune('A' + shade))}}
	pixels := make([]byte, side*side*3)
	for i := range pixels {
		pixels[i] = shade
	}
	return ask, pixels
}

// endless is a copy of the built-in model that does not know where its turn ends, and holds many tokens.
func endless(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile(demoModel(t).Model)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("<|im_end|>", "<|xx_end|>", "<|endoftext|>", "<|xxxxftext|>").Replace(string(data))
	path := save(t, "endless.gguf", []byte(text))
	path = patch(t, path, "tokenizer.ggml.eos_token_id", 6)
	return patch(t, path, "qwen3vl.context_length", 1<<20)
}

func TestWorkerAnswers(t *testing.T) {
	w := startWorker(t)
	if w.hello.Version != protocol.Version || w.hello.Llama != llama.Version || w.hello.Engine == "" || len(w.hello.Devices) == 0 {
		t.Errorf("its first words are %+v", w.hello)
	}
	w.send(protocol.KindAsk, words(1, "too early", 4))
	if f := w.failed(); f.Code != protocol.CodeNoModel || f.ID != 1 {
		t.Errorf("without a model: %+v", f)
	}
	w.send(protocol.KindClear, protocol.Clear{What: protocol.FreeWorking})
	if f := w.failed(); f.Code != protocol.CodeNoModel || f.ID != 0 {
		t.Errorf("clearing without a model: %+v", f)
	}
	demo := demoModel(t)
	loaded := w.loadDemo(0)
	if v := loaded.Vision; !v.Enabled || v.Factor != 32 || v.MinTokens != demo.ImageMin || v.MaxTokens != demo.ImageMax || loaded.Context != demo.Context {
		t.Errorf("loaded %+v", loaded)
	}
	w.send(200, struct{}{}) // a kind of a later version
	ask, pixels := view(2, 256, 100)
	w.send(protocol.KindCount, ask)
	var count protocol.Counted
	w.decode(w.next(protocol.KindCounted), &count)
	w.send(protocol.KindAsk, ask, pixels)
	var reused protocol.Reused
	w.decode(w.next(protocol.KindReused), &reused)
	first := w.done()
	if s := first.Stats; first.ID != 2 || s.PromptTokens != count.PromptTokens || s.ImageTokens != 64 || len(count.ImageTokens) != 1 ||
		count.ImageTokens[0] != 64 || reused.Prompt != s.PromptTokens || s.ContextUsed < s.PromptTokens || s.EncodeMillis <= 0 {
		t.Errorf("counted %+v, then %+v", count, first)
	}
	ask.ID = 3
	w.send(protocol.KindAsk, ask, pixels)
	if again := w.done().Stats; again.ReusedTokens != again.PromptTokens-1 || again.EncodeMillis != 0 {
		t.Errorf("the same again reused %d of %d tokens", again.ReusedTokens, again.PromptTokens)
	}
	w.send(protocol.KindClear, protocol.Clear{What: protocol.FreeWorking})
	var cleared protocol.Cleared
	w.decode(w.next(protocol.KindCleared), &cleared)
	t.Logf("clearing: from %d to %d bytes of %s", cleared.Before, cleared.After, cleared.Device)
	if cleared.After > cleared.Before || cleared.Device == "" {
		t.Errorf("cleared %+v", cleared)
	}
	ask.ID = 4
	w.send(protocol.KindAsk, ask, pixels)
	if s := w.done().Stats; s.ReusedTokens != 0 {
		t.Errorf("after clearing %d tokens were reused", s.ReusedTokens)
	}
	w.in.Close()
	if code, _ := w.end(); code != exitOK {
		t.Errorf("it left with %d: %s", code, w.said())
	}
}

// What the service would never send must not harm the worker either.
func TestWorkerRefusesWhatMakesNoSense(t *testing.T) {
	w := startWorker(t)
	w.loadDemo(0)
	good, pixels := view(1, 256, 100)
	large, negative, missing, hollow, tooMany := good, good, good, good, good
	large.Images = []protocol.Image{{Width: 1 << 20, Height: 1 << 20, Hash: "x"}}
	negative.Images = []protocol.Image{{Width: -256, Height: -256, Hash: "x"}}
	missing.Images = nil
	hollow.Messages = nil
	tooMany.Messages = []protocol.Message{{Role: "user", Text: "What?", Images: -1}, {Role: "user", Images: 2}}
	for name, c := range map[string]struct {
		ask  protocol.Ask
		blob []byte
	}{
		"no pixels":            {good, nil},
		"too few pixels":       {good, pixels[:1000]},
		"impossibly large":     {large, pixels},
		"negative size":        {negative, pixels},
		"named, but not there": {missing, nil},
		"nothing said":         {hollow, nil},
		"negative number":      {tooMany, pixels},
	} {
		w.send(protocol.KindAsk, c.ask, c.blob)
		if f := w.failed(); f.Code == "" || f.ID != 1 {
			t.Errorf("%s: %+v", name, f)
		}
		w.send(protocol.KindCount, c.ask)
		w.next(protocol.KindCounted, protocol.KindFailed)
	}
	w.send(protocol.KindAsk, []string{"not an object"})
	if f := w.failed(); f.Code != protocol.CodeProtocol {
		t.Errorf("an Ask that is none: %+v", f)
	}
	w.send(protocol.KindLoad, protocol.Load{Model: "/no/such.gguf"})
	if f := w.failed(); f.Code != protocol.CodeModelInvalid || f.ID != 0 {
		t.Errorf("a model that is not there: %+v", f)
	}
	demo := demoModel(t)
	w.send(protocol.KindLoad, protocol.Load{Model: demo.Model, MMProj: demo.Model})
	if f := w.failed(); f.Code != protocol.CodeMMProjInvalid {
		t.Errorf("a model as mmproj: %+v", f)
	}
	w.send(protocol.KindLoad, protocol.Load{Model: patch(t, demo.Model, "qwen3vl.vocab_size", 7), KVType: "q3"})
	if f := w.failed(); f.Code == "" {
		t.Errorf("an unknown type of KV cache: %+v", f)
	}
	w.loadDemo(0)
	good.ID = 9
	w.send(protocol.KindAsk, good, pixels)
	w.done()
}

func TestWorkerCancelsInEveryPhase(t *testing.T) {
	w := startWorker(t)
	cancel := func(id uint64, phase string) {
		t.Helper()
		at := time.Now()
		w.send(protocol.KindCancel, protocol.Cancel{ID: id})
		f := w.next(protocol.KindCancelled, protocol.KindDone, protocol.KindLoaded, protocol.KindFailed)
		took := time.Since(at)
		t.Logf("cancelled %s: kind %d after %v", phase, f.Kind, took.Round(time.Millisecond))
		if f.Kind != protocol.KindCancelled && phase != "load" { // a load may be over before
			t.Errorf("%s: kind %d came: %s", phase, f.Kind, f.Message)
		}
		if took > 10*time.Second {
			t.Errorf("%s: cancelling took %v", phase, took)
		}
	}
	demo := demoModel(t)
	load := protocol.Load{Model: endless(t), MMProj: demo.MMProj, Context: 16384, ImageMinTokens: 1024, ImageMaxTokens: 1024}
	w.send(protocol.KindLoad, load)
	w.next(protocol.KindProgress)
	cancel(0, "load")
	w.load(load)

	ask, pixels := view(1, 1024, 100)
	w.send(protocol.KindAsk, ask, pixels)
	w.until(protocol.StageDecode) // the text before the picture
	w.until(protocol.StageEncode)
	cancel(1, "picture")

	w.send(protocol.KindAsk, words(2, strings.Repeat("one two three ", 3000), 20000))
	w.until(protocol.StageDecode)
	cancel(2, "prompt")

	for id, stage := range []protocol.Stage{protocol.StageLoadVision, protocol.StageCreateContext} {
		w.send(protocol.KindClear, protocol.Clear{What: protocol.FreeWorking})
		w.next(protocol.KindCleared)
		ask.ID = uint64(10 + id)
		w.send(protocol.KindAsk, ask, pixels)
		w.until(stage)
		cancel(ask.ID, "before "+string(stage))
	}

	w.send(protocol.KindAsk, words(20, "What?", 20000))
	w.next(protocol.KindDelta)
	cancel(20, "answer")

	w.send(protocol.KindCancel, protocol.Cancel{ID: 20}) // too late
	w.send(protocol.KindCancel, protocol.Cancel{ID: 0})  // nothing loads
	w.send(protocol.KindAsk, words(21, "What?", 10))
	if s := w.done(); s.ID != 21 || s.Stats.AnswerTokens != 10 {
		t.Errorf("afterwards the answer is %+v", s)
	}
}

func TestWorkerLeavesWhenItsInputEnds(t *testing.T) {
	w := startWorker(t)
	w.load(protocol.Load{Model: endless(t), Context: 16384})
	w.send(protocol.KindAsk, words(1, "What?", 1<<20))
	w.next(protocol.KindDelta)
	at := time.Now()
	w.in.Close()
	code, rest := w.end()
	t.Logf("it left %v after its input ended, with %d", time.Since(at).Round(time.Millisecond), code)
	if len(rest) == 0 || rest[len(rest)-1].Kind != protocol.KindCancelled {
		t.Errorf("its last of %d frames is not Cancelled", len(rest))
	}
}

func TestWorkerLeavesWhenItIsFedGarbage(t *testing.T) {
	w := startWorker(t)
	io.WriteString(w.in, "Hello, worker! How are you today?\n")
	if code, _ := w.end(); code == exitOK {
		t.Error("it left as if all were well")
	}
}

// llama.cpp ends the process where an assertion of its own fails. Before that, the worker says why.
func TestWorkerSaysItsLastWords(t *testing.T) {
	w := startWorker(t)
	w.send(protocol.KindLoad, protocol.Load{Model: patch(t, demoModel(t).Model, "qwen3vl.block_count", 6000)})
	code, rest := w.end()
	at := slices.IndexFunc(rest, func(f protocol.Frame) bool { return f.Kind == protocol.KindLastWords })
	if at < 0 {
		t.Fatalf("it left with %d and without last words", code)
	}
	var last protocol.LastWords
	w.decode(rest[at], &last)
	if code == exitOK || !strings.Contains(last.Text, "GGML_ASSERT") {
		t.Errorf("it left with %d and said %q", code, last.Text)
	}
}

func TestAskModelThatEndsTheEngineExitsWith4(t *testing.T) {
	o := call(t, "ask", "--model", patch(t, demoModel(t).Model, "qwen3vl.block_count", 6000), "What?")
	if o.code != exitModel || !strings.Contains(o.err, "could not load the model") || !strings.Contains(o.err, "GGML_ASSERT") {
		t.Errorf("exit code %d: %s", o.code, o.err)
	}
}
