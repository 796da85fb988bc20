package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"galago/inference"
	"galago/inference/gguf/synth"
	"galago/inference/protocol"
)

// peak is the most memory that the program had at a time, in bytes.
func (o outcome) peak() int64 { return o.state.SysUsage().(*syscall.Rusage).Maxrss << 10 }

func TestAskRefusesAHugePictureWithoutTakingItsMemory(t *testing.T) {
	o := call(t, "ask", "--image", save(t, "huge.png", hugeHeader(30_000)), "What?")
	o.expect(t, exitPicture, "30,000 x 30,000")
	t.Logf("%d MiB at most", o.peak()>>20)
	if o.peak() > 300<<20 {
		t.Errorf("it took %d MiB", o.peak()>>20)
	}
}

// gone waits until a process has ended; a zombie counts as ended.
func gone(t *testing.T, pid int, within time.Duration) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it is gone already
	}
	defer unix.Close(fd)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(within.Milliseconds()))
	if err != nil || n != 1 {
		t.Errorf("process %d still runs after %v (%v)", pid, within, err)
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// children are the processes that pid started.
func children(t *testing.T, pid int) []int {
	t.Helper()
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, list := range lists {
		data, err := os.ReadFile(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range strings.Fields(string(data)) {
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, n)
		}
	}
	return pids
}

// talking starts ask with a model that does not stop, and returns when it has begun to answer.
func talking(t *testing.T) (cmd *exec.Cmd, out *bufio.Reader, errOut *bytes.Buffer, worker int) {
	t.Helper()
	cmd = exec.Command(engine(t), "ask", "--model", endless(t), "--context", "65536", "--max-tokens", "60000", "--temperature", "1", "What?")
	cmd.Env, cmd.Dir = clean(), t.TempDir()
	errOut = &bytes.Buffer{}
	cmd.Stderr = errOut
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	out = bufio.NewReader(pipe)
	if _, err := out.Peek(8); err != nil {
		cmd.Wait()
		t.Fatalf("no answer: %v\n%s", err, errOut)
	}
	pids := children(t, cmd.Process.Pid)
	if len(pids) != 1 {
		t.Fatalf("its children are %v, want one worker", pids)
	}
	return cmd, out, errOut, pids[0]
}

func TestAskInterruptedExitsWith130(t *testing.T) {
	cmd, out, errOut, worker := talking(t)
	at := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.ReadFrom(out)
	cmd.Wait()
	t.Logf("%d bytes of an answer; it left %v after the signal", text.Len(), time.Since(at).Round(time.Millisecond))
	if code := cmd.ProcessState.ExitCode(); code != exitCancelled {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	if text.Len() < 8 || !strings.HasSuffix(text.String(), "\n") {
		t.Errorf("what it had written is %q", text.String())
	}
	if !strings.Contains(errOut.String(), "Cancelled") {
		t.Errorf("it says %q", errOut)
	}
	gone(t, worker, 5*time.Second)
}

// An interrupted load ends as an interrupted answer does.
func TestAskInterruptedBeforeItAnswersExitsWith130(t *testing.T) {
	slow := wrapper(t, "trap '' INT\nread line\n") // never says Hello
	cmd := exec.Command(engine(t), "ask", "What?")
	cmd.Env = clean(inference.EngineEnv+"="+slow, "GALAGO_DEMO="+filepath.Join(installed(t), "demo"))
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	// The signal is ignored until the program asks for it, so that it cannot come too early.
	signal.Ignore(os.Interrupt)
	defer signal.Reset(os.Interrupt)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	timeout := time.After(patience)
	for {
		select {
		case <-again.C:
			cmd.Process.Signal(os.Interrupt)
		case <-timeout:
			cmd.Process.Kill()
			t.Fatal("it does not end")
		case <-ended:
			if code := cmd.ProcessState.ExitCode(); code != exitCancelled {
				t.Errorf("exit code %d: %s", code, errOut.String())
			}
			return
		}
	}
}

func TestWorkerEndsWithItsParent(t *testing.T) {
	cmd, _, _, worker := talking(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	gone(t, worker, 5*time.Second)
}

func TestAskWithAWorkerThatWasKilled(t *testing.T) {
	cmd, out, errOut, worker := talking(t)
	if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.ReadFrom(out)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || text.Len() < 8 || !strings.Contains(errOut.String(), "The engine stopped") {
		t.Errorf("exit code %d, answer %q: %s", code, text.String(), errOut)
	}
}

// A printf in C writes to file descriptor 1, which must not be where the frames go.
func TestWorkerStrayOutputDoesNotReachTheFrames(t *testing.T) {
	w := startWorker(t)
	w.load(protocol.Load{Model: endless(t), Context: 16384})
	w.send(protocol.KindAsk, words(1, "What?", 2000))
	w.next(protocol.KindDelta)
	stray, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/1", w.cmd.Process.Pid), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	for range 100 {
		if _, err := stray.WriteString("a stray line\n"); err != nil {
			t.Fatal(err)
		}
	}
	w.done()
	if !strings.Contains(w.said(), "a stray line") {
		t.Errorf("file descriptor 1 is not standard error: %s", w.said())
	}
}

// statm is a figure of /proc/PID/statm in bytes: 0 the address space, 1 resident memory.
func statm(t testing.TB, pid, field int) uint64 {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseUint(strings.Fields(string(data))[field], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * uint64(os.Getpagesize())
}

func TestWorkerMemoryStaysBounded(t *testing.T) {
	w := startWorker(t)
	w.loadDemo(0)
	id := uint64(0)
	work := func(requests, clears int) uint64 {
		for i := range requests {
			id++
			ask, pixels := view(id, 256, byte(i))
			if i%2 == 0 {
				ask, pixels = words(id, fmt.Sprintf("Question %d?", i), 4), nil
			}
			w.send(protocol.KindAsk, ask, pixels)
			w.done()
			if i < clears {
				w.send(protocol.KindClear, protocol.Clear{What: protocol.FreeWorking})
				w.next(protocol.KindCleared)
			}
		}
		return statm(t, w.cmd.Process.Pid, 1)
	}
	before := work(20, 4)
	after := work(200, 20)
	t.Logf("resident: %d MiB after 20 requests, %d MiB after 220 and 20 more clears", before>>20, after>>20)
	if after > before+32<<20 {
		t.Errorf("it grew by %d MiB", (after-before)>>20)
	}
}

// wrapper is a shell script that can stand for the engine's program.
func wrapper(t testing.TB, script string) string {
	t.Helper()
	path := save(t, "wrapper", []byte("#!/bin/sh\n"+script))
	if err := os.Chmod(path, 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// limited is the engine as a worker that gets so much address space.
func limited(t testing.TB, mib int) string {
	t.Helper()
	return wrapper(t, fmt.Sprintf("ulimit -v %d\nexec '%s' \"$@\"\n", mib<<10, engine(t)))
}

// Wherever the memory ends, in Go's runtime, the dynamic loader, llama.cpp's loading or its computing, the answer is
// whole or the sentence is about memory.
func TestAskOutOfMemoryExitsWith6(t *testing.T) {
	demo := demoModel(t)
	path := picture(t, "a.png")
	wanting := 0
	for _, mib := range []int{300, 650, 750, 850, 1000, 1150, 1250, 1400, 1500, 1700} {
		o := callIn(t, engine(t), []string{inference.EngineEnv + "=" + limited(t, mib)},
			"ask", "--image", path, "--max-tokens", "4", "--model", demo.Model, "--mmproj", demo.MMProj, "What?")
		t.Logf("%d MiB of address space: exit code %d", mib, o.code)
		switch {
		case o.code == exitMemory && strings.Contains(o.err, "Not enough memory"):
			wanting++
		case o.code == exitOK:
		default:
			t.Errorf("%d MiB: exit code %d: %.3000s", mib, o.code, o.err)
		}
	}
	if wanting == 0 {
		t.Error("none of the limits was too low")
	}
}

// The service comes down to a context that there is room for.
func TestAskContextTooLargeForTheMemoryIsAnsweredWithLess(t *testing.T) {
	o := callIn(t, engine(t), []string{inference.EngineEnv + "=" + limited(t, 4096)},
		"ask", "--model", endless(t), "--context", "1000000", "--max-tokens", "4", "What?")
	o.expect(t, exitOK, "")
}

// starve leaves a running worker only so much more address space, until feed.
func starve(t testing.TB, pid int, more uint64) {
	t.Helper()
	limitSpace(t, pid, statm(t, pid, 0)+more)
}

// feed takes starve's limit away again.
func feed(t testing.TB, pid int) {
	t.Helper()
	limitSpace(t, pid, unix.RLIM_INFINITY)
}

// limitSpace sets the soft limit alone, which anybody may raise again.
func limitSpace(t testing.TB, pid int, bytes uint64) {
	t.Helper()
	if err := unix.Prlimit(pid, unix.RLIMIT_AS, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
		t.Fatal(err)
	}
}

// middle is a model with random weights, large enough that what each stage of a load takes stands out against what Go,
// threads and the C library take besides: 121 MiB of weights, about 150 MiB of vision tower, and 16 KiB of KV cache a token.
func middle(t testing.TB) protocol.Load {
	t.Helper()
	m := synth.Model{
		Name: "Middle", Arch: "qwen3vl", Layers: 4, Width: 1024, FF: 8192, Heads: 8, KVHeads: 8, HeadDim: 128,
		Vocab: 2048, Context: 1 << 20,
		Tower: synth.Tower{Layers: 8, Width: 1024, FF: 4096, Heads: 16, Patch: 16, Side: 16, Deepstack: []int64{1}},
	}
	dir := t.TempDir()
	l := protocol.Load{
		Model: filepath.Join(dir, "middle.gguf"), MMProj: filepath.Join(dir, "mmproj-middle.gguf"), Context: 2048,
		ImageMinTokens: 8, ImageMaxTokens: 1024,
	}
	if err := m.Write(l.Model, l.MMProj); err != nil {
		t.Fatal(err)
	}
	return l
}

// short sends a load for which there is no room, and expects to be told so in a frame.
func (w *workerUnderTest) short(l protocol.Load, stage protocol.Stage) {
	w.t.Helper()
	w.send(protocol.KindLoad, l)
	f := w.failed()
	w.t.Logf("%s, %s: %s: %s", f.Op, f.Stage, f.Code, f.Detail)
	if f.Code != protocol.CodeOutOfMemory || f.ID != 0 || f.Stage != stage {
		w.t.Errorf("it is %+v, want %s at %s", f, protocol.CodeOutOfMemory, stage)
	}
}

// aborted waits until want of memory has ended the worker: last words, a line about memory on its standard error, and
// stage as the last that it told, for request id.
func (w *workerUnderTest) aborted(id uint64, stage protocol.Stage) {
	w.t.Helper()
	var last protocol.Progress
	var words protocol.LastWords
	for words.Text == "" {
		f := w.next(protocol.KindProgress, protocol.KindLastWords, protocol.KindFailed, protocol.KindDone, protocol.KindLoaded)
		switch f.Kind {
		case protocol.KindProgress:
			w.decode(f, &last)
		case protocol.KindLastWords:
			w.decode(f, &words)
		default:
			w.t.Fatalf("it said %s instead of ending at %s", f.Message, stage)
		}
	}
	code, _ := w.end()
	w.t.Logf("exit code %d, at %s: %s", code, last.Stage, words.Text)
	if last.Stage != stage || last.ID != id {
		w.t.Errorf("the last stage is %+v, want %s of request %d", last, stage, id)
	}
	if !strings.Contains(words.Text, "failed to allocate") {
		w.t.Errorf("its last words %q do not say that memory ran out", words.Text)
	}
}

// What facts about llama.cpp say of running out of memory, provoked one by one: weights, KV cache and compute buffers give
// an error, the vision tower's weights and scratch space end the process.
func TestWorkerOutOfMemoryByStage(t *testing.T) {
	load := middle(t)
	// The first computation starts threads, which take address space too.
	start := func(t *testing.T) *workerUnderTest {
		w := startWorker(t)
		w.load(protocol.Load{Model: demoModel(t).Model})
		w.send(protocol.KindAsk, words(1, "What?", 4))
		w.done()
		return w
	}
	alive := func(w *workerUnderTest) {
		w.t.Helper()
		w.send(protocol.KindAsk, words(2, "What?", 4))
		w.done()
	}
	t.Run("weights", func(t *testing.T) {
		w := start(t)
		starve(t, w.cmd.Process.Pid, 32<<20)
		w.short(load, protocol.StageLoadWeights)
		feed(t, w.cmd.Process.Pid) // 32 MiB is too little for any model when a thread has just reserved its 64 MiB arena
		w.load(protocol.Load{Model: demoModel(t).Model})
		alive(w)
	})
	t.Run("KV cache", func(t *testing.T) {
		w := start(t)
		starve(t, w.cmd.Process.Pid, 1<<30)
		large := load
		large.Context = 1 << 17 // 2 GiB
		w.short(large, protocol.StageCreateContext)
		large.Context = 2048
		if loaded := w.load(large); loaded.Context != 2048 {
			t.Errorf("loaded %+v", loaded)
		}
		alive(w)
	})
	t.Run("compute buffer", func(t *testing.T) {
		w := start(t)
		large := load
		large.MMProj, large.Batch = "", 16384
		starve(t, w.cmd.Process.Pid, w.needs(large, protocol.PartWeights, protocol.PartKV)+128<<20)
		w.short(large, protocol.StageCreateContext)
		large.Batch = 128
		w.load(large)
		alive(w)
	})
	t.Run("vision tower", func(t *testing.T) {
		w := start(t)
		starve(t, w.cmd.Process.Pid, w.needs(load, protocol.PartWeights)+64<<20)
		w.send(protocol.KindLoad, load)
		w.aborted(0, protocol.StageLoadVision)
	})
	t.Run("calibration", func(t *testing.T) {
		w := start(t)
		large := load
		large.Calibrate, large.ImageMinTokens, large.ImageMaxTokens, large.Context = true, 4096, 4096, 4096
		starve(t, w.cmd.Process.Pid, w.needs(large, protocol.PartWeights, protocol.PartVision, protocol.PartKV, protocol.PartCompute)+384<<20)
		w.send(protocol.KindLoad, large)
		w.aborted(0, protocol.StageEncode)
	})
	t.Run("picture", func(t *testing.T) {
		w := start(t)
		large := load
		large.ImageMinTokens, large.ImageMaxTokens = 1024, 1024
		w.load(large)
		alive(w)
		ask, pixels := view(7, 1024, 100)
		for range 3 { // Go's own heap gets as large as it will
			w.send(protocol.KindCount, ask, pixels)
			w.next(protocol.KindCounted)
		}
		starve(t, w.cmd.Process.Pid, 8<<20) // too little even for the pixels as libmtmd keeps them
		w.send(protocol.KindAsk, ask, pixels)
		if f := w.failed(); f.ID != 7 || f.Code != protocol.CodeOutOfMemory || f.Stage != protocol.StageEncode {
			t.Errorf("without room for pixels: %+v", f)
		}
		feed(t, w.cmd.Process.Pid)
		alive(w)
		starve(t, w.cmd.Process.Pid, 48<<20)
		ask.ID = 8
		w.send(protocol.KindAsk, ask, pixels)
		w.aborted(8, protocol.StageEncode)
	})
	t.Run("after freeing", func(t *testing.T) {
		w := start(t)
		large := load
		large.Context = 1 << 14 // 256 MiB
		w.load(large)
		ask, pixels := view(7, 256, 100)
		w.send(protocol.KindAsk, ask, pixels)
		before := w.done()
		free := func() {
			w.send(protocol.KindClear, protocol.Clear{What: protocol.FreeWorking})
			var m protocol.Cleared
			w.decode(w.next(protocol.KindCleared), &m)
			t.Logf("freed: from %d to %d MiB", m.Before>>20, m.After>>20)
			starve(t, w.cmd.Process.Pid, 64<<20)
		}
		free()
		w.send(protocol.KindAsk, words(8, "What?", 4))
		if f := w.failed(); f.ID != 8 || f.Code != protocol.CodeOutOfMemory || f.Stage != protocol.StageCreateContext {
			t.Errorf("without room for a context: %+v", f)
		}
		feed(t, w.cmd.Process.Pid)
		ask.ID = 9
		w.send(protocol.KindAsk, ask, pixels)
		if after := w.done(); !slices.Equal(after.Stats.Memory, before.Stats.Memory) {
			t.Errorf("with room again it holds %+v, before %+v", after.Stats.Memory, before.Stats.Memory)
		}
		free()
		ask.ID = 10
		w.send(protocol.KindAsk, ask, pixels)
		w.aborted(10, protocol.StageLoadVision)
	})
}

// needs is how much parts of a load take; the vision tower's is its file's size.
func (w *workerUnderTest) needs(l protocol.Load, parts ...protocol.Part) (bytes uint64) {
	w.t.Helper()
	for _, m := range w.plan(l).Memory {
		if slices.Contains(parts, m.Part) {
			bytes += m.Bytes
		}
	}
	if slices.Contains(parts, protocol.PartVision) {
		info, err := os.Stat(l.MMProj)
		if err != nil {
			w.t.Fatal(err)
		}
		bytes += uint64(info.Size())
	}
	return bytes
}

func TestWorkerOutOfMemoryWhileLoading(t *testing.T) {
	w := startWorker(t)
	starve(t, w.cmd.Process.Pid, 1<<30)
	w.short(protocol.Load{Model: endless(t), Context: 1 << 20}, protocol.StageCreateContext) // a KV cache of 6 GiB
	// llama.cpp maps the whole file, which here has a long hole at its end.
	large := endless(t)
	if err := os.Truncate(large, 8<<30); err != nil {
		t.Fatal(err)
	}
	w.short(protocol.Load{Model: large}, protocol.StageLoadWeights)
	w.loadDemo(0)
	w.send(protocol.KindAsk, words(1, "What?", 4))
	w.done()
}

// Models at their true dimensions, with holes for weights: a dry run takes neither memory nor long, and says what the real
// load takes.
func TestWorkerPlansRealModels(t *testing.T) {
	w := startWorker(t)
	pid := w.cmd.Process.Pid
	w.loadDemo(0)
	before := statm(t, pid, 1)
	type sized struct {
		load    protocol.Load
		planned []protocol.Memory
	}
	var all []sized
	for _, m := range []synth.Model{synth.Qwen3VL2B, synth.Qwen3VL4B, synth.Qwen25VL3B} {
		dir := t.TempDir()
		l := protocol.Load{Model: filepath.Join(dir, "m.gguf"), Context: 4096}
		if err := m.Sketch(l.Model, filepath.Join(dir, "p.gguf")); err != nil {
			t.Fatal(err)
		}
		for _, kv := range []string{"f16", "q8_0"} {
			l.KVType = kv
			at := time.Now()
			planned := w.plan(l)
			t.Logf("%s, %s: %v after %v", m.Name, kv, planned.Memory, time.Since(at).Round(time.Millisecond))
			if m.Name == synth.Qwen3VL2B.Name { // the others take 8 GB of the system's cache
				all = append(all, sized{l, planned.Memory})
			}
		}
	}
	grown := int64(statm(t, pid, 1)) - int64(before)
	t.Logf("resident memory grew by %d KiB", grown>>10)
	if grown > 32<<20 {
		t.Errorf("planning left %d MiB", grown>>20)
	}
	for _, s := range all {
		loaded := w.load(s.load).Memory
		for i, m := range s.planned {
			if i >= len(loaded) || loaded[i].Part != m.Part || loaded[i].Device != m.Device || max(loaded[i].Bytes, m.Bytes)-min(loaded[i].Bytes, m.Bytes) > 1<<20/100 {
				t.Errorf("planned %+v, loaded %+v", s.planned, loaded)
			}
		}
	}
}
