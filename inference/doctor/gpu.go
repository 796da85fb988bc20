package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galago/inference/engines"
	"galago/inference/protocol"
)

const whatGPU = "GPU backend"

// gpu compares what ggml computes on with what the driver sees.
func (x *exam) gpu(current engines.Engine, any bool) {
	x.foundEngines(current, any)
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
		x.noBackend(any)
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

// foundEngines says which CUDA engines there are.
func (x *exam) foundEngines(current engines.Engine, any bool) {
	var words []string
	for _, e := range engines.Find() {
		x.veil.own(e.Dir, "<CUDA engine>")
		text := "CUDA " + orUnknown(e.CUDA) + " (" + string(e.Source) + ") in " + e.Dir
		if any && e.Dir == current.Dir {
			text += ", in use"
		}
		words = append(words, text)
	}
	found := strings.Join(words, "; ")
	if any && current.Llama != "" && current.Llama != x.o.Llama {
		x.warn("CUDA engine", found, "It belongs to llama.cpp "+current.Llama+", and this Galago to "+x.o.Llama+".", "Install the engine again, on Galago's page of models.")
		return
	}
	x.ok("CUDA engine", found)
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
func (x *exam) noBackend(any bool) {
	const cpu = " So answers are computed on the CPU, which is slower."
	beside, _ := filepath.Glob(filepath.Join(x.o.Libraries, "*ggml-cuda*"))
	if !any && len(beside) == 0 {
		x.missing(whatGPU, "There is a card, but no CUDA engine."+cpu,
			"Install it on Galago's page of models (GPU engine). In a source tree, with the CUDA toolkit (nvcc): make engine-cuda.")
		return
	}
	if c := x.engine.hello.CUDA; c != nil && c.Problem != "" && c.Problem != protocol.CUDANoCard {
		problem, cure := cudaProblem(c)
		x.missing(whatGPU, problem+cpu, cure)
		return
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

// cudaProblem says why a CUDA engine is of no use, by the worker's own account.
func cudaProblem(c *protocol.CUDA) (problem, cure string) {
	again := "Install the CUDA engine again, on Galago's page of models."
	switch c.Problem {
	case protocol.CUDALibrary:
		return "The CUDA engine lacks a library of the CUDA runtime (" + filepath.Base(c.Library) + ").", again
	case protocol.CUDANoDriver:
		return "The CUDA engine does not find the driver's library (libcuda.so.1).", "Install NVIDIA's driver, or the rest of it (package libcuda1, libnvidia-compute or nvidia-driver-cuda)."
	case protocol.CUDAOldDriver:
		problem = "The driver is too old for the CUDA engine"
		if c.Runtime > 0 && c.Driver > 0 {
			problem += ", which needs CUDA " + cudaVersion(c.Runtime) + "; this driver runs CUDA up to " + cudaVersion(c.Driver)
		}
		return problem + ".", "Install a newer NVIDIA driver, or a CUDA engine for older drivers (Galago's page of models offers the one that fits)."
	case protocol.CUDAMixed:
		return "The parts of the NVIDIA driver do not match: it was updated while it was running.", "Restart the machine."
	case protocol.CUDASystem:
		return "The CUDA engine was built for a newer system (" + filepath.Base(c.Library) + ").", "Update the system, or build the CUDA engine here: make engine-cuda."
	case protocol.CUDAVersion:
		return "The CUDA engine belongs to another version of llama.cpp.", again
	case protocol.CUDANoEngine:
		return "The folder of the CUDA engine holds none.", again
	case protocol.CUDACrashed:
		return "The engine died while it loaded the CUDA engine, so it was left out.", "Try it again on Galago's page of models, with a newer NVIDIA driver if there is one."
	}
	return "The CUDA engine does not work (" + strings.TrimSpace(c.Detail) + ").", again
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
