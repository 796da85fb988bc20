package engines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"galago/assets/words"
	"galago/inference"
	"galago/inference/protocol"
	"galago/vram"
)

// tryLimit is how long a worker may take to load an engine and to say so. CUDA may take long to wake a card.
const tryLimit = time.Minute

// Try starts a worker with an engine, asks it on what it computes, and ends it. Its error says what is missing
// (a library of the CUDA runtime, a newer driver, a card) and the cure. The Hello is there also with an error, if the
// worker came so far.
func Try(ctx context.Context, e Engine) (protocol.Hello, error) {
	if e.Llama != "" && e.Llama != manifest().Llama {
		return protocol.Hello{}, errors.New(sentence(&protocol.CUDA{Problem: protocol.CUDAVersion}))
	}
	hello, err := greet(ctx, e.Dir)
	if err == nil {
		err = Why(hello)
	}
	if err == nil && !slices.ContainsFunc(hello.Devices, onCUDA) {
		err = errors.New(sentence(&protocol.CUDA{Problem: protocol.CUDANoCard}))
	}
	if err == nil {
		err = suits(ctx, e)
	}
	if err == nil && readChoice().Died[e.Dir] > 0 {
		err = change(func(c *choice) { forgive(c, e.Dir) })
	}
	return hello, err
}

var inspect = vram.Inspect // a test puts its own cards here

func onCUDA(d protocol.Device) bool { return d.Backend == "CUDA" }

// suits compares what an engine was built for with the cards that are there: one that it has no code for would end the
// worker at the first question.
func suits(ctx context.Context, e Engine) error {
	if len(e.Native)+len(e.PTX) == 0 {
		e.Native, e.PTX = codeOf(filepath.Join(e.Dir, backendFile()))
	}
	if len(e.Native)+len(e.PTX) == 0 {
		return nil // nobody knows
	}
	d, err := inspect(ctx, lookLimit)
	if err != nil {
		return nil // no more is known
	}
	for _, found := range d.Cards {
		c := Card{Name: found.Name, Major: found.Major, Minor: found.Minor}
		if c.Major == 0 || runsNative(e.Native, c) || translates(e.PTX, c) {
			return nil
		}
	}
	if len(d.Cards) == 0 {
		return nil
	}
	c := d.Cards[0]
	return errors.New(words.T("The engine has no code for %s (compute capability %d.%d). %s", c.Name, c.Major, c.Minor, fromSource()))
}

// greet starts a worker with the engine in a folder, takes its first frame and ends it.
func greet(ctx context.Context, dir string) (protocol.Hello, error) {
	path, err := inference.EnginePath()
	if err != nil {
		return protocol.Hello{}, err
	}
	limited, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	cmd := exec.CommandContext(limited, path, "worker")
	inference.AsWorker(cmd)
	cmd.Env = append(without(cmd.Env, protocol.CUDALeftEnv), protocol.CUDAEnv+"="+dir)
	cmd.WaitDelay = time.Second
	var log strings.Builder
	cmd.Stderr = &log
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return protocol.Hello{}, err
	}
	runtime.LockOSThread() // the worker ends with the thread that started it
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil && ctx.Err() != nil {
		return protocol.Hello{}, ctx.Err()
	} else if err != nil {
		return protocol.Hello{}, errors.New(words.T("Galago's engine does not start: %s. Install Galago again.", err))
	}
	hello, err := firstFrame(stdout)
	_ = stdin.Close() // it may be gone already
	_, _ = io.Copy(io.Discard, stdout)
	exit := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return hello, ctx.Err()
	case limited.Err() != nil && err != nil:
		return hello, errors.New(words.T("The engine did not answer within a minute. Restart the machine, so that NVIDIA's driver starts anew."))
	case err != nil:
		return hello, errors.New(words.T("The engine ended the program that loads it (%s). Install it again, or choose another folder.", ending(exit, log.String())))
	}
	return hello, nil
}

func firstFrame(r io.Reader) (protocol.Hello, error) {
	var hello protocol.Hello
	frame, err := protocol.Read(r)
	if err != nil {
		return hello, err
	}
	if frame.Kind != protocol.KindHello {
		return hello, fmt.Errorf("the first frame is of kind %d", frame.Kind)
	}
	err = frame.Decode(&hello)
	if err == nil && hello.Version != protocol.Version {
		err = fmt.Errorf("it speaks version %d", hello.Version)
	}
	return hello, err
}

// ending is how a worker ended, with the last that it said.
func ending(exit error, log string) string {
	var said []string
	if exit != nil {
		said = append(said, exit.Error())
	}
	lines := strings.Split(strings.TrimSpace(log), "\n")
	// Go's own trace begins with the signal; what is before it is the library's word.
	for i, line := range lines {
		if strings.HasPrefix(line, "SIG") || strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "goroutine ") {
			lines = lines[:i+1]
			break
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		said = append(said, last)
	}
	return strings.Join(said, "; ")
}

// without leaves a variable out of an environment.
func without(env []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return strings.EqualFold(key, name)
	})
}

// Name makes a folder of the person's count, after it was tried; an empty dir forgets it. A folder of an unpacked
// archive will do: the backend is looked for in its usual places.
func Name(ctx context.Context, dir string) (Engine, error) {
	if dir == "" {
		return Engine{}, change(func(c *choice) { forgive(c, c.Named); c.Named = "" })
	}
	e, err := within(dir)
	if err != nil {
		return Engine{}, err
	}
	if _, err := Try(ctx, e); err != nil {
		return Engine{}, err
	}
	return e, change(func(c *choice) { forgive(c, e.Dir); c.Named = e.Dir })
}

// within finds the backend in a folder that a person named.
func within(dir string) (Engine, error) {
	whole, err := filepath.Abs(dir)
	if err != nil {
		return Engine{}, err
	}
	places := []string{whole}
	for _, below := range []string{"*", filepath.Join("*", "*")} {
		found, _ := filepath.Glob(filepath.Join(escape(whole), below, backendFile()))
		for _, path := range found {
			places = append(places, filepath.Dir(path))
		}
	}
	for _, place := range places {
		if e, ok := read(place, Named); ok {
			return e, nil
		}
	}
	return Engine{}, errors.New(words.T("There is no CUDA engine in this folder: %s is missing.", backendFile()))
}

// escape keeps the signs in a folder's own name from being taken for a pattern.
func escape(path string) string {
	if runtime.GOOS == "windows" {
		return path // there it is not possible
	}
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
