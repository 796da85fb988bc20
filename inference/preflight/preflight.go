// Package preflight looks for libffi before anything that needs it is initialised.
//
// The libffi binding under yzma panics in its own init where libffi.so.8 cannot be loaded, before main runs and
// whatever the command. Go initialises packages in the order of their paths as far as their imports allow, and this one
// imports little and its path sorts first; so a person reads a sentence instead of a stack trace.
package preflight

import (
	"os"
)

// exitMissing is the engine's exit code for a missing library.
const exitMissing = 5

func init() {
	if sentence := missing(); sentence != "" {
		os.Stderr.WriteString(sentence)
		os.Exit(exitMissing)
	}
}
