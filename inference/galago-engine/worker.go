package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"

	"galago/inference"
	"galago/inference/llama"
	"galago/inference/protocol"
	workerloop "galago/inference/worker"
)

// leaveWithin is how long the worker may take to leave once nobody listens: a kernel that is stuck must not keep
// a model in memory.
const leaveWithin = 2 * time.Second

// worker owns a model until its standard input ends.
func worker() int {
	// All of llama.cpp is called from one thread: OpenMP keeps a crew of threads, and the C library a heap, for each
	// thread that calls. Clearing the cache 200 times from wherever Go runs took 135 MiB more; from one thread, 15.
	runtime.LockOSThread()
	// Ctrl-C in a terminal reaches the whole group of processes; the front decides what it means.
	signal.Ignore(os.Interrupt)
	frames, err := claimStdout()
	if err != nil {
		fmt.Fprintln(os.Stderr, "galago-engine worker:", err)
		return exitFailed
	}
	out := protocol.NewWriter(frames)
	in := &watchedReader{r: os.Stdin, ended: func() { time.AfterFunc(leaveWithin, func() { os.Exit(exitFailed) }) }}
	backend, err := llama.New(llama.Libraries(), func(words string) {
		out.Write(protocol.KindLastWords, protocol.LastWords{Text: words})
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "galago-engine worker:", err)
		return failHello(out, err)
	}
	if err := workerloop.Loop(in, out, named{backend}); err != nil {
		fmt.Fprintln(os.Stderr, "galago-engine worker:", err)
		return exitFailed
	}
	return exitOK
}

// named is a backend whose Hello says which Galago it belongs to.
type named struct{ *llama.Backend }

func (n named) Hello() protocol.Hello {
	hello := n.Backend.Hello()
	hello.Engine = version
	return hello
}

// failHello tells the service why there will be no model: Hello, so that it knows who speaks, then Failed.
func failHello(out *protocol.Writer, err error) int {
	out.Write(protocol.KindHello, protocol.Hello{Version: protocol.Version, Engine: version})
	var f *workerloop.Failure
	if errors.As(err, &f) {
		out.Write(protocol.KindFailed, protocol.Failed{Code: f.Code, Op: f.Op, Detail: f.Detail})
	}
	return exitEngine
}

// watchedReader calls ended once, when r ends.
type watchedReader struct {
	r     io.Reader
	ended func()
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && w.ended != nil {
		w.ended()
		w.ended = nil
	}
	return n, err
}

// self is the program that is started as the worker: this one, or what inference.EngineEnv names.
func self() string {
	if path := os.Getenv(inference.EngineEnv); path != "" {
		return path
	}
	exe, err := os.Executable()
	if err != nil {
		return "" // the service looks by itself
	}
	return exe
}
