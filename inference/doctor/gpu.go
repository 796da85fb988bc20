package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"galago/inference/engines"
	"galago/inference/protocol"
)

const (
	whatGPU  = "GPU backend"
	whatCUDA = "CUDA engine"
)

// gpu compares what ggml computes on with what the driver sees. found are the CUDA engines, the one that counts first.
func (x *exam) gpu(ctx context.Context, found []engines.Engine) {
	x.foundEngines(found)
	var seen []string
	for _, d := range x.engine.hello.Devices {
		if isGPU(d) {
			seen = append(seen, strings.TrimSpace(d.Description))
		}
	}
	slices.Sort(seen)
	names := x.cards.names()
	switch {
	case len(seen) == 0 && len(names) > 0:
		x.noBackend(ctx, found)
	case len(seen) == 0: // the driver's finding says it all
	case len(names) == 0:
		x.warn(whatGPU, strings.Join(seen, ", "), "ggml computes on it, but the driver does not tell its memory, so that Galago cannot plan what fits.",
			"See to the NVIDIA driver; answers work all the same.")
	case !slices.Equal(seen, names):
		x.warn(whatGPU, "ggml sees "+strings.Join(seen, ", "),
			fmt.Sprintf("The driver sees %s: Galago uses only cards that both see.", strings.Join(names, ", ")), x.differ())
	default:
		found := "ggml sees the same as the driver: " + strings.Join(seen, ", ")
		if _, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
			found += ". CUDA_VISIBLE_DEVICES is set, but Galago chooses the card by itself"
		}
		x.ok(whatGPU, found)
	}
}

// foundEngines says which CUDA engines there are, and what is wrong with the one that the worker was to load.
func (x *exam) foundEngines(found []engines.Engine) {
	if slices.ContainsFunc(x.list, func(f ranked) bool { return f.What == whatCUDA }) {
		return // it is the culprit
	}
	told := x.engine.hello.CUDA
	var list, open []string
	for _, e := range found {
		text := "CUDA " + orUnknown(e.CUDA) + " (" + string(e.Source) + ") in " + e.Dir
		switch {
		case e.LeftOut:
			text += ", left out"
		case told != nil && told.Dir == e.Dir && told.Problem == "":
			text += ", in use"
		case told != nil && told.Dir == e.Dir:
			text += ", not usable"
		case e.Lacks != "":
			text += ", not used because " + e.Lacks + " is missing"
		}
		if anyoneWrites(e.Dir) {
			open = append(open, e.Dir)
		}
		list = append(list, text)
	}
	text := strings.Join(list, "; ")
	if text == "" && told != nil {
		text = told.Dir
	}
	switch why := engines.Why(x.engine.hello); {
	case why != nil && len(x.cards.names()) == 0: // else the backend's finding tells it
		problem, cure := sentences(why.Error())
		x.warn(whatCUDA, text, problem, cure)
	case len(open) > 0:
		x.warn(whatCUDA, text, "Every user of this machine may replace the files in "+strings.Join(open, ", ")+", and Galago runs them.",
			"Take the right to write from the others: chmod -R o-w, on that folder.")
	default:
		x.ok(whatCUDA, text)
	}
}

// anyoneWrites reports whether a folder of programs is open to all users of the machine. Windows tells that otherwise.
func anyoneWrites(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0
}

// differ is what to do when ggml and the driver see different cards.
func (x *exam) differ() string {
	for _, c := range x.cards.driver.Cards {
		if strings.Contains(c.Note, "MIG") {
			return "A card is divided into parts (MIG). Undivided it can be used as a whole: sudo nvidia-smi -mig 0."
		}
	}
	if _, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		return "CUDA_VISIBLE_DEVICES is set: start Galago without it. If that does not help, restart the machine."
	}
	return "Restart the machine. A card that is older than the others may need the CUDA engine for older cards."
}

// noBackend says why a card that the driver sees is not computed on.
func (x *exam) noBackend(ctx context.Context, found []engines.Engine) {
	const cpu = " So answers are computed on the CPU, which is slower."
	beside, _ := filepath.Glob(filepath.Join(x.o.Libraries, "*ggml-cuda*"))
	if len(found) == 0 && len(beside) == 0 && x.engine.hello.CUDA == nil {
		x.noEngine(ctx, cpu)
		return
	}
	if c := x.engine.hello.CUDA; c != nil && c.Problem != protocol.CUDANoCard {
		if why := engines.Why(x.engine.hello); why != nil {
			problem, cure := sentences(why.Error())
			x.missing(whatGPU, "The CUDA engine cannot be used. "+problem+cpu, cure)
			return
		}
	}
	if problem, cure := x.host.noCUDA(x.host.around()); problem != "" {
		x.missing(whatGPU, problem+cpu, cure)
		return
	}
	if _, set := os.LookupEnv("CUDA_VISIBLE_DEVICES"); set {
		x.missing(whatGPU, "The CUDA engine is there, but it sees no card; CUDA_VISIBLE_DEVICES is set and may hide it."+cpu, "Start Galago without CUDA_VISIBLE_DEVICES.")
		return
	}
	x.missing(whatGPU, "The CUDA engine is there, but it did not load, or sees no card: the CUDA runtime (libcudart, libcublas) is missing, or the driver is too old for it."+cpu,
		"Install the engine again, on Galago's page of models, and a newer driver if that does not help.")
}

// noEngine says whether there is a CUDA engine for the card that could be installed.
func (x *exam) noEngine(ctx context.Context, cpu string) {
	c := x.cards.driver.Cards[0]
	_, err := engines.For(engines.Card{
		Name: c.Name, Major: c.Major, Minor: c.Minor, Driver: x.cards.driver.Version, CUDA: x.cards.driver.CUDA, Windows: runtime.GOOS == "windows",
	})
	if err != nil {
		problem, cure := sentences(sentence(err.Error()))
		if !strings.Contains(strings.TrimSuffix(err.Error(), "."), ". ") {
			cure = "In a source tree, with the CUDA toolkit (nvcc): make engine-cuda."
		}
		x.missing(whatGPU, "There is a card, but no CUDA engine. "+problem+cpu, cure)
		return
	}
	x.missing(whatGPU, "There is a card, but no CUDA engine."+cpu,
		"Install it on Galago's page of models (GPU engine). In a source tree, with the CUDA toolkit (nvcc): make engine-cuda.")
}

// noCUDA says what keeps every CUDA program from computing, although the driver runs; empty when nothing does.
func (h host) noCUDA(a around) (problem, cure string) {
	if !h.exists("/proc/sys/kernel/ostype") { // not Linux
		return "", ""
	}
	contained := "If this is a container, start it with the driver's “compute” part (NVIDIA_DRIVER_CAPABILITIES=compute,utility)."
	if h.library("libcuda.so.1") == "" {
		if a.container {
			return "The driver's library for CUDA (libcuda.so.1) is missing.", contained
		}
		return "The driver's library for CUDA (libcuda.so.1) is missing.", "Install the rest of the driver (package libcuda1, libnvidia-compute or nvidia-driver-cuda)."
	}
	if a.wsl {
		return "", ""
	}
	for _, node := range []string{"/dev/nvidiactl", "/dev/nvidia-uvm"} {
		switch {
		case !h.exists(node) && a.container:
			return "The device " + node + " is missing, without which CUDA does not start.", contained
		case !h.exists(node):
			return "The device " + node + " is missing, without which CUDA does not start.", "Run “sudo nvidia-modprobe -u -c 0”, or restart the machine."
		case !usable(h.path(node)):
			return "This user may not use the device " + node + ".", "Join the group video or render, then log in again."
		}
	}
	return "", ""
}
