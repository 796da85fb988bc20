package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"galago/inference/doctor"
	"galago/inference/llama"
)

// parseDoctor reads the command line of doctor.
func parseDoctor(args []string, errOut io.Writer) (o doctor.Options, asJSON bool, err error) {
	f := flag.NewFlagSet("galago-engine doctor", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.Usage = func() {
		fmt.Fprint(errOut, "galago-engine doctor [--json] [--test [--cpu] [--model GGUF --mmproj GGUF]]\n\n"+
			"Says what was found, what is missing, what that means and the cure; with --test also how fast it is, and why.\n"+
			"The report holds nothing private. It ends with 0 if the engine runs (and the test, if there was one, was passed),\n"+
			"with 1 if the test failed, with 5 if the engine or something that it needs is missing.\n\n")
		f.PrintDefaults()
	}
	f.BoolVar(&asJSON, "json", false, "print one JSON object")
	f.BoolVar(&o.Test, "test", false, "load a model, show it a picture and let it answer; at most ten seconds with the built-in model")
	f.BoolVar(&o.CPU, "cpu", false, "keep the test off the graphics card, to compare")
	f.StringVar(&o.Model, "model", "", "`GGUF` file of the model to test; without it the built-in demo model")
	f.StringVar(&o.MMProj, "mmproj", "", "`GGUF` file of that model's vision projector")
	f.DurationVar(&o.Limit, "limit", 0, "`time` that the test may take (default 10s, with --model 3m)")
	if err := f.Parse(args); err != nil {
		return o, asJSON, err
	}
	usage := func(sentence string) (doctor.Options, bool, error) {
		fmt.Fprintln(errOut, "galago-engine doctor:", sentence)
		return o, asJSON, errors.New(sentence)
	}
	switch {
	case f.NArg() > 0:
		return usage(fmt.Sprintf("it takes no %q.", f.Arg(0)))
	case o.MMProj != "" && o.Model == "":
		return usage("--mmproj needs --model.")
	case !o.Test && (o.Model != "" || o.CPU || o.Limit != 0):
		return usage("--model, --mmproj, --cpu and --limit need --test.")
	case o.Limit < 0:
		return usage("--limit must be a time such as 30s.")
	}
	return o, asJSON, nil
}

// leaveDoctorWithin is how long Ctrl-C may take, when something is in the way.
const leaveDoctorWithin = 2 * time.Second

func doctorCommand(args []string, out, errOut io.Writer) int {
	o, asJSON, err := parseDoctor(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		return exitUsage
	}
	o.Version, o.Llama, o.Libraries, o.Engine = version, llama.Version, llama.Libraries(), self()
	if o.Test {
		o.Step = func(s doctor.Step) { fmt.Fprintln(errOut, s) }
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(leaveDoctorWithin, func() { os.Exit(exitCancelled) }) })
	r, err := doctor.Examine(ctx, o)
	if err != nil {
		return exitCancelled
	}
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(r)
	} else {
		_, err = io.WriteString(out, r.Text)
	}
	switch {
	case err != nil:
		fmt.Fprintln(errOut, "galago-engine doctor:", err)
		return exitFailed
	case !r.CanRun:
		return exitEngine
	case r.Test != nil && r.Test.Failed != "":
		return exitFailed
	}
	return exitOK
}
