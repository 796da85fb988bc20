package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"galago/assets"
	"galago/inference"
	"galago/inference/llama"
	"galago/inference/protocol"
	"galago/vram"
)

// finding is one thing that the doctor looked at.
type finding struct {
	What    string `json:"what"`
	Found   string `json:"found"`             // empty: missing
	Problem string `json:"problem,omitempty"` // what is missing and what that means
	Cure    string `json:"cure,omitempty"`
}

// report is what doctor prints.
type report struct {
	Version  string            `json:"version"`
	Findings []finding         `json:"findings"`
	Devices  []protocol.Device `json:"devices"`
	Mode     string            `json:"mode"`    // "GPU", "CPU" or "none"
	CanRun   bool              `json:"can_run"` // the engine starts; it may still lack a model
	noModel  bool              // the built-in one is missing
}

func doctor(args []string, out, errOut io.Writer) int {
	f := flag.NewFlagSet("galago-engine doctor", flag.ContinueOnError)
	f.SetOutput(errOut)
	asJSON := f.Bool("json", false, "print one JSON object")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage
	}
	if f.NArg() > 0 {
		fmt.Fprintf(errOut, "galago-engine doctor: it takes no %q.\n", f.Arg(0))
		return exitUsage
	}
	r := examine()
	if *asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		encoder.Encode(r)
	} else {
		r.print(out)
	}
	if !r.CanRun {
		return exitEngine
	}
	return exitOK
}

func examine() report {
	r := report{Version: version, Mode: "none"}
	gpus := r.driver()
	r.libraries()
	r.engine(gpus)
	r.model()
	return r
}

func (r *report) add(f finding) { r.Findings = append(r.Findings, f) }

// driver looks for a GPU through NVML and returns how many there are.
func (r *report) driver() int {
	const cure = "Install NVIDIA's driver if there is an NVIDIA card; without one Galago answers on the CPU."
	source, err := vram.OpenNVML()
	if err != nil {
		r.add(finding{What: "NVIDIA driver (NVML)", Problem: err.Error(), Cure: cure})
		return 0
	}
	defer source.Close()
	driver, gpus, err := source.Read()
	if err != nil {
		r.add(finding{What: "NVIDIA driver (NVML)", Problem: err.Error(), Cure: cure})
		return 0
	}
	r.add(finding{What: "NVIDIA driver (NVML)", Found: "version " + driver})
	for _, g := range gpus {
		r.add(finding{What: "GPU", Found: fmt.Sprintf("%s, %s of %s free", g.Name, gib(g.Free), gib(g.Total))})
	}
	return len(gpus)
}

func gib(bytes uint64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) }

// libraries lists what lies in the folder of llama.cpp's libraries.
func (r *report) libraries() {
	dir := llama.Libraries()
	f := finding{What: "llama.cpp libraries"}
	if missing := missingLibraries(dir); len(missing) > 0 {
		f.Problem = "In " + dir + " these are missing: " + strings.Join(missing, ", ") + "; nothing can be answered without them."
		f.Cure = "Install Galago again. In a source tree: make."
	} else {
		f.Found = llama.Version + " in " + dir
	}
	r.add(f)
}

func missingLibraries(dir string) []string {
	names := []string{"libggml-base.so", "libggml.so", "libllama.so", "libmtmd.so"}
	if runtime.GOOS == "windows" {
		names = []string{"ggml-base.dll", "ggml.dll", "llama.dll", "mtmd.dll"}
	}
	var missing []string
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = append(missing, name)
		}
	}
	return missing
}

// engine starts a worker and asks it who it is and what it computes on.
func (r *report) engine(gpus int) {
	hello, err := greet()
	if err != nil {
		r.add(finding{
			What: "engine", Problem: "The worker does not start: " + err.Error(),
			Cure: "Install Galago again so that program and libraries come from one package.",
		})
		return
	}
	r.Devices = hello.Devices
	r.CanRun, r.Mode = len(hello.Devices) > 0, "CPU"
	r.add(finding{What: "engine", Found: fmt.Sprintf("protocol %d, llama.cpp %s", hello.Version, hello.Llama)})
	r.add(finding{What: "CPU features in use", Found: hello.System})
	isGPU := func(d protocol.Device) bool { return d.Type == "GPU" }
	if slices.ContainsFunc(hello.Devices, isGPU) {
		r.Mode = "GPU"
		return
	}
	f := finding{What: "GPU backend", Problem: "No GPU backend is loaded: answers are computed on the CPU, which is slower."}
	switch cuda, _ := filepath.Glob(filepath.Join(llama.Libraries(), "*ggml-cuda*")); {
	case gpus == 0:
		f.Cure = "Nothing to do without an NVIDIA card and its driver."
	case len(cuda) == 0:
		f.Cure = "This build has no CUDA backend. In a source tree: install the CUDA toolkit (nvcc), then make."
	default:
		f.Cure = "The CUDA backend is there but did not load: the CUDA runtime (libcudart, libcublas) is missing or the driver is too old for it."
	}
	r.add(f)
}

// greet starts a worker, takes its first frame and lets it go.
func greet() (protocol.Hello, error) {
	var hello protocol.Hello
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self(), "worker")
	inference.AsWorker(cmd)
	runtime.LockOSThread() // the worker ends with the thread that started it
	defer runtime.UnlockOSThread()
	var words strings.Builder
	cmd.Stderr = &words
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return hello, err
	}
	frame, err := protocol.Read(stdout)
	stdin.Close()
	io.Copy(io.Discard, stdout)
	exit := cmd.Wait()
	if err != nil {
		return hello, fmt.Errorf("%w (%v): %s", err, exit, lastLines(words.String(), 3))
	}
	if frame.Kind != protocol.KindHello {
		return hello, fmt.Errorf("its first words are of kind %d", frame.Kind)
	}
	err = frame.Decode(&hello)
	if err == nil && hello.Version != protocol.Version {
		err = fmt.Errorf("it speaks protocol %d, this program %d", hello.Version, protocol.Version)
	}
	if err == nil && hello.Llama == "" {
		err = errors.New(lastLines(words.String(), 3))
	}
	return hello, err
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}

func (r *report) model() {
	f := finding{What: "built-in model"}
	if demo, err := assets.DemoModel(); err != nil {
		r.noModel = true
		f.Problem, f.Cure = err.Error(), "Install Galago again, or name a model with --model and --mmproj."
	} else {
		f.Found = demo.Name + " in " + filepath.Dir(demo.Model)
	}
	r.add(f)
}

func (r report) print(w io.Writer) {
	fmt.Fprintf(w, "galago-engine %s\n\n", r.Version)
	for _, f := range r.Findings {
		if f.Found != "" {
			fmt.Fprintf(w, "  ok       %s: %s\n", f.What, f.Found)
			continue
		}
		fmt.Fprintf(w, "  missing  %s: %s\n           -> %s\n", f.What, f.Problem, f.Cure)
	}
	for _, d := range r.Devices {
		fmt.Fprintf(w, "  device   %s (%s, %s): %s\n", d.Name, d.Type, d.Backend, d.Description)
	}
	where := map[string]string{"CPU": "the CPU", "GPU": "the GPU"}[r.Mode]
	switch {
	case !r.CanRun:
		fmt.Fprintln(w, "\nGalago cannot answer here until what is missing is there.")
	case r.noModel:
		fmt.Fprintf(w, "\nGalago answers here, on %s, with a model that you name.\n", where)
	default:
		fmt.Fprintf(w, "\nGalago answers here, on %s.\n", where)
	}
}
