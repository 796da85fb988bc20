// Galago-engine answers questions about pictures without a window.
//
//	galago-engine ask      ask a question on the command line
//	galago-engine doctor   say what works here and what is missing
//	galago-engine eval     measure a model on a set of pictures with known answers
//	galago-engine plan     say what a model would take of the memory, and what would have to change
//	galago-engine worker   the process that owns a model; started by the others and by the window
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	_ "galago/inference/preflight" // first of all: see its package comment

	"galago/inference"
	"galago/inference/portable"
	"galago/inference/protocol"
)

// Exit codes, part of the command line's contract.
const (
	exitOK        = 0
	exitFailed    = 1
	exitUsage     = 2
	exitPicture   = 3
	exitModel     = 4
	exitEngine    = 5
	exitMemory    = 6
	exitCancelled = 130
)

// opLoad is what the service calls the loading of a model in inference.Error.Op.
const opLoad = "load model"

// version is set when a release is built.
var version = "development"

const usage = `Galago's engine: ask a vision-language model about pictures, on this machine.

  galago-engine ask [--image FILE]... [--model GGUF --mmproj GGUF] QUESTION
  galago-engine doctor [--json] [--test]
  galago-engine plan [--model GGUF --mmproj GGUF] [--vram SIZE] [--picture WxH]...
  galago-engine eval [--set FOLDER]
  galago-engine version

“galago-engine COMMAND --help” tells more.
`

func main() {
	if err := portable.Enter(); err != nil {
		fmt.Fprintf(os.Stderr, "galago-engine: %v.\nIts data belong there because a file named “portable” lies beside the program. "+
			"Copy Galago's folder to a place that you may write to, or remove that file to use your own folders.\n", err)
		os.Exit(exitFailed)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

func run(args []string, in io.Reader, out, errOut io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(errOut, usage)
		return exitUsage
	}
	switch args[0] {
	case "worker":
		return worker()
	case "ask":
		return ask(args[1:], out, errOut)
	case "doctor":
		return doctorCommand(args[1:], out, errOut)
	case "plan":
		return planCommand(args[1:], out, errOut)
	case "eval":
		return eval(args[1:], out, errOut)
	case "version", "--version":
		fmt.Fprintln(out, "galago-engine", version)
		return exitOK
	case "help", "--help", "-h":
		fmt.Fprint(out, usage)
		return exitOK
	}
	fmt.Fprintf(errOut, "galago-engine: there is no command %q.\n\n%s", args[0], usage)
	return exitUsage
}

// exitCode is the exit code of an error.
func exitCode(err error) int {
	switch inference.CodeOf(err) {
	case protocol.CodeBadImage:
		return exitPicture
	case protocol.CodeModelInvalid, protocol.CodeMMProjInvalid, protocol.CodeNoVision, protocol.CodeNoModel:
		return exitModel
	case protocol.CodeEngineMissing, protocol.CodeProtocol:
		return exitEngine
	case protocol.CodeOutOfMemory:
		return exitMemory
	case protocol.CodeCancelled:
		return exitCancelled
	case protocol.CodeEmptyPrompt:
		return exitUsage
	case protocol.CodeWorkerDied:
		// llama.cpp checks some of a file's numbers with assertions that end the process.
		if e := (*inference.Error)(nil); errors.As(err, &e) && e.Op == opLoad {
			return exitModel
		}
	}
	return exitFailed
}

// complain prints err as a person reads it and returns its exit code.
func complain(w io.Writer, err error) int {
	x := inference.Explain(err)
	switch inference.CodeOf(err) {
	case protocol.CodeWorkerDied, protocol.CodeWorkerHung, protocol.CodeDecode, protocol.CodeInternal:
		x.Action = "Ask again; if it ends the same way, the details below help in a report." // here is no button
	}
	fmt.Fprintf(w, "galago-engine: %s. %s\n", x.Title, x.Text)
	if x.Action != "" {
		fmt.Fprintln(w, x.Action)
	}
	var e *inference.Error
	if errors.As(err, &e) && e.Detail != "" {
		fmt.Fprintf(w, "\n%s\n", indent(e.Detail))
	}
	return exitCode(err)
}
