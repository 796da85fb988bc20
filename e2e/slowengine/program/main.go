// Program is the slow engine as a program of its own, for systems where the tests' own program cannot be the engine.
package main

import (
	"os"

	"galago/e2e/slowengine"
)

func main() { os.Exit(slowengine.Run()) }
