package inference

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"galago/inference/protocol"
)

// death is what is known about a worker that ended without being asked to.
type death struct {
	err     error  // of starting it or of waiting for it; nil: it left with status 0
	started bool   // the program could be started
	greeted bool   // it had said Hello
	words   string // LastWords
	log     string // stderr since it began what it was doing
	starved bool   // the system killed a process for want of memory while it lived
}

// Windows ends a process with one of these when a DLL is missing, has no such entry, or memory is short.
const (
	statusDLLNotFound   = 0xC0000135
	statusEntryNotFound = 0xC0000139
	statusNoMemory      = 0xC0000017
	exitNotFound        = 127 // of a shell or a loader that found no program or library
	exitEngineMissing   = 5   // of galago-engine, which found no library
)

var memoryWords = []string{
	"out of memory", "outofmemory", "outofdevicememory", "failed to allocate", "std::bad_alloc", "bad allocation",
	"cudamalloc failed", "pthread_create failed", "cannot allocate memory", "not enough memory", "insufficient memory", "alloc_failed",
	"thread creation failed",                // libgomp, which then calls exit
	"failed to reserve page summary memory", // Go's runtime as it starts
}

var missingWords = []string{
	"libffi", "cannot open shared object", "error while loading shared libraries", "libllama", "libmtmd", "libggml",
	"llama.dll", "mtmd.dll", "ggml.dll", "ggml-base.dll", "specified module could not be found",
}

// code classifies a death. Memory is only blamed on evidence. A missing library can only be the reason before Hello:
// afterwards the names of libraries stand in every stack dump.
func (d death) code() protocol.Code {
	said := strings.ToLower(d.words + "\n" + d.log)
	if d.err != nil && !d.started {
		said += "\n" + strings.ToLower(d.err.Error())
	}
	exit := d.exitCode()
	switch {
	case exit == statusNoMemory || containsAny(said, memoryWords):
		return protocol.CodeOutOfMemory
	case d.starved && d.killed():
		return protocol.CodeOutOfMemory
	case !d.started, exit == exitNotFound, exit == statusDLLNotFound, exit == statusEntryNotFound:
		return protocol.CodeEngineMissing
	case exit == exitEngineMissing && (!d.greeted || strings.Contains(said, string(protocol.CodeEngineMissing))):
		return protocol.CodeEngineMissing // it greets all the same, and its Failed can be lost with the process
	case !d.greeted && containsAny(said, missingWords):
		return protocol.CodeEngineMissing
	}
	return protocol.CodeWorkerDied
}

// exitCode is the exit status, or -1 when a signal ended the worker or nothing is known.
func (d death) exitCode() int64 {
	var exit *exec.ExitError
	if !errors.As(d.err, &exit) || exit.ExitCode() < 0 {
		return -1
	}
	return int64(uint32(exit.ExitCode()))
}

// killed reports whether it was ended from outside, which is how a system takes its memory back.
func (d death) killed() bool {
	return d.err != nil && strings.Contains(d.err.Error(), "signal: killed")
}

// error says what happened while op was done.
func (d death) error(op string) *Error {
	e := &Error{Code: d.code(), Op: op, Detail: detail(d.words, d.log)}
	switch {
	case d.err == nil:
		e.Err = errors.New("the engine left without a word")
	case !d.started:
		e.Err = fmt.Errorf("the engine did not start: %w", d.err)
	default:
		e.Err = fmt.Errorf("the engine ended: %w", d.err)
	}
	return e
}

// detail joins last words and log for the person who looks closer.
func detail(words, log string) string {
	return strings.TrimSpace(strings.TrimSpace(words) + "\n" + lastLines(log, 40))
}

func containsAny(s string, words []string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
