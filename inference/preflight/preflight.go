// Package preflight looks for libffi before anything that needs it is initialised.
//
// The libffi binding under yzma panics in its own init where libffi.so.8 cannot be loaded, before main runs and
// whatever the command. Go initialises packages in the order of their paths as far as their imports allow: of those whose
// imports are ready, the first. So this package comes before the binding only as long as it imports nothing that the
// binding does not import too; on Linux package os is all that it may use (path/filepath is ready too late, as a person
// without libffi found out by a stack trace). A test keeps it so.
package preflight

import "os"

// exitMissing is the engine's exit code for a missing library.
const exitMissing = 5

func init() {
	if sentence := missing(); sentence != "" {
		tell(sentence)
		os.Exit(exitMissing)
	}
}
