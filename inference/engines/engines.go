// Package engines finds, installs and tries the CUDA backend of llama.cpp, which does not travel with the program. The
// CPU's libraries lie beside the program and always work; a CUDA engine is a folder with ggml's CUDA backend, of the
// same version of llama.cpp, and the CUDA runtime, which the worker loads besides.
package engines

import (
	"context"
	"errors"

	"galago/inference/protocol"
)

// Engine is a folder with a CUDA backend.
type Engine struct {
	Dir    string
	Source Source
	CUDA   string // version of the CUDA runtime that it was built for, such as "13.1"; empty: not known
	Llama  string // version of llama.cpp; empty: not known
}

// Source is where an engine was found.
type Source string

// The sources, in the order in which they count.
const (
	Beside    Source = "beside"    // the program
	Named     Source = "named"     // a folder that the person chose
	Installed Source = "installed" // by Install, into the data folder
)

// Card is what the choice of an engine depends on.
type Card struct {
	Name    string
	Major   int    // compute capability
	Minor   int    //
	Driver  string // version, such as "580.95.05"
	CUDA    int    // the newest CUDA that the driver runs, as nvmlSystemGetCudaDriverVersion gives it (13010); 0: not known
	Windows bool
}

// Archive is a file to download, pinned.
type Archive struct {
	Name   string `json:"name"`
	URL    string `json:"url"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Build is an engine that can be installed.
type Build struct {
	ID       string    `json:"id"`   // such as "cuda13-linux-amd64"
	CUDA     string    `json:"cuda"` // such as "13.1"
	Bytes    int64     `json:"unpacked_bytes"`
	Archives []Archive `json:"archives"`
}

// Current is the engine that a worker should use; ok is false where there is none and the CPU answers.
func Current() (e Engine, ok bool) { return Engine{}, false }

// Find lists every engine there is, the one that counts first.
func Find() []Engine { return nil }

// For chooses what to install for a card. Its error is a sentence: a driver that is too old, a card that nothing supports,
// a system for which nothing is built; with the cure.
func For(c Card) (Build, error) { return Build{}, errors.New("there is no engine to install") }

// Install unpacks downloaded archives into the data folder, tries the result in a throw-away worker, and makes it
// current; the one before stays until then. progress is told what is done, 0 to 1.
func Install(ctx context.Context, b Build, archives []string, progress func(what string, done float64)) (Engine, error) {
	return Engine{}, errors.New("engines cannot be installed")
}

// Try starts a worker with an engine, asks it on what it computes, and ends it. Its error says what is missing
// (a library of the CUDA runtime, a newer driver, a card) and the cure.
func Try(ctx context.Context, e Engine) (protocol.Hello, error) { return protocol.Hello{}, nil }

// Name makes a folder of the person's count, after it was tried; an empty dir forgets it.
func Name(ctx context.Context, dir string) (Engine, error) { return Engine{}, nil }

// Remove deletes an installed engine; the CPU answers from then on.
func Remove() error { return nil }
