package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/adrg/xdg"
)

// system looks at the machine, without any library of a driver.
func (x *exam) system(ctx context.Context) {
	x.ok("System", x.systemName())
	x.processor()
	x.memory()
	x.power()
	x.disks(ctx)
	x.environment()
	x.crashes()
}

func (x *exam) systemName() string {
	words := []string{x.host.distribution()}
	if kernel := kernelVersion(); kernel != "" {
		words = append(words, kernel)
	}
	if libc := x.host.libc(); libc != "" {
		words = append(words, libc)
	}
	words = append(words, runtime.GOARCH)
	return strings.Join(append(words, x.host.around().words()...), ", ")
}

func (x *exam) processor() {
	const what = "Processor"
	c := x.host.cpu()
	allowed := runtime.GOMAXPROCS(0) // a control group's limit included
	found := fmt.Sprintf("%d threads", c.threads)
	if c.cores > 0 {
		found = fmt.Sprintf("%d cores, %d threads", c.cores, c.threads)
	}
	if c.model != "" {
		found = c.model + ", " + found
	}
	load := x.host.load()
	if load >= 0 {
		found += fmt.Sprintf(", load %.1f", load)
	}
	switch {
	case c.emulation != "":
		x.warn(what, found, "This processor is emulated ("+c.emulation+"), which makes everything many times slower.",
			"Run Galago on a machine with a real x86-64 processor, or switch on hardware virtualisation (KVM) for this virtual machine.")
	case runtime.GOARCH == "amd64" && !c.has("avx2"):
		cure := "A processor with AVX2 (Intel since 2013, AMD since 2015), or an NVIDIA card, makes it fast."
		if x.host.around().machine {
			cure = "If the real processor has AVX2, let the virtual machine see it (processor type “host”)."
		}
		x.warn(what, found, "It has no AVX2, so answers on the CPU take several times as long.", cure)
	case allowed < c.threads && (c.cores == 0 || allowed < c.cores):
		x.warn(what, found, fmt.Sprintf("Galago may use only %d of them (a control group's limit, or GOMAXPROCS), so answers on the CPU are slower.", allowed),
			"Give the container or the service more processors.")
	case !x.o.Test && busyLoad(load, c.threads): // the self-test knows better
		x.warn(what, found, fmt.Sprintf("Other programs keep the processors busy: %.1f programs want the %d threads, so answers on the CPU are slower.", load, c.threads),
			"Wait for them, or end what is not needed.")
	default:
		x.ok(what, found)
	}
}

// busyLoad reports whether more programs want a processor than there are.
func busyLoad(load float64, threads int) bool { return load > float64(threads)+0.5 }

const littleMemory = 3 << 29 // 1.5 GiB: less than any model of use takes

func (x *exam) memory() {
	const what = "Memory"
	m, limit := x.host.memory(), x.host.limit()
	if m.total == 0 {
		return
	}
	found := bytesText(m.free) + " of " + bytesText(m.total) + " free"
	switch {
	case m.swap == 0:
		found += ", no swap"
	default:
		found += fmt.Sprintf(", %s of %s swap in use", bytesText(m.swapped), bytesText(m.swap))
	}
	if limit > 0 && limit < m.total {
		found += ", limited to " + bytesText(limit)
	}
	space := addressLimit()
	switch {
	case space > 0 && space < 16<<30:
		x.warn(what, found, "A limit of "+bytesText(space)+" is set for each program's address space (ulimit -v), and models are mapped into it.",
			"Start Galago from a shell without that limit (ulimit -v unlimited).")
	case limit > 0 && limit < 2*littleMemory:
		x.warn(what, found, "The control group that Galago runs in may use only "+bytesText(limit)+".", "Give the container or the service more memory.")
	case m.free < littleMemory:
		x.warn(what, found, "Little memory is free: larger models will not load, or the system will swap, which makes answers very slow.",
			"Close programs that use much memory.")
	default:
		x.ok(what, found)
	}
}

func (x *exam) power() {
	const what = "Power"
	p := x.host.power()
	switch saves := p.saves(); {
	case saves != "":
		x.warn(what, p.String(), "Power is saved at the cost of speed: "+saves+".", "Choose “balanced” or “performance” in the system's power settings.")
	case p.battery:
		x.warn(what, p.String(), "The machine runs on its battery, and many machines slow processor and card down then.", "Plug it in when answers are slow.")
	default:
		x.ok(what, p.String())
	}
}

// place is one of our folders.
type place struct{ label, path string }

func (x *exam) places() []place {
	return []place{
		{"program", programFolder()},
		{"data", filepath.Join(xdg.DataHome, "galago")},
		{"settings", filepath.Join(xdg.ConfigHome, "galago")},
		{"state", filepath.Join(xdg.StateHome, "galago")},
		{"cache", filepath.Join(xdg.CacheHome, "galago")},
	}
}

// littleDisk is less than a model of use takes.
const littleDisk = 3 << 30

// disks says how much is free where our folders are or will be, each file system once.
func (x *exam) disks(ctx context.Context) {
	type state struct {
		disk
		writable bool
	}
	var names []string
	free := map[string][]string{}
	var full, locked []string
	for _, p := range x.places() {
		found, ok := within(ctx, x.o.limits.disk, func() state {
			at := existing(p.path)
			return state{diskOf(at), writable(at)}
		})
		label := "<" + p.label + ">"
		if !ok {
			x.missing("Disk of "+label, "The file system does not answer.", "Check the network drive or disk that this folder is on.")
			continue
		}
		if found.ok {
			key := fmt.Sprint(found.id, found.free)
			if free[key] == nil {
				names = append(names, key)
				free[key] = []string{bytesText(found.free) + " free for "}
			}
			free[key] = append(free[key], label)
			if p.label == "data" && found.free < littleDisk {
				full = append(full, label)
			}
		}
		if p.label != "program" && !found.writable {
			locked = append(locked, label)
		}
	}
	var words []string
	for _, key := range names {
		words = append(words, free[key][0]+strings.Join(free[key][1:], ", "))
	}
	found := strings.Join(words, "; ")
	switch {
	case len(locked) > 0:
		x.warn("Disk", orUnknown(found), "These folders cannot be written, so that what Galago keeps there is lost or cannot be made: "+strings.Join(locked, ", ")+".",
			"Check that the disk is not full or read-only, and that the folders belong to you.")
	case len(full) > 0:
		x.warn("Disk", found, "There is little room for models, which take 2 to 5 GB each.", "Make room on that disk.")
	default:
		x.ok("Disk", found)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "not known"
	}
	return s
}

// existing is path, or the nearest folder above it that there is.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// variables of the environment that change what Galago, llama.cpp or CUDA do. Only their names are told.
var variables = []string{
	"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING", "CUDA_CACHE_DISABLE",
	"NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
	"GGML_BACKEND_PATH", "GGML_CUDA_FORCE_MMQ", "GGML_CUDA_FORCE_CUBLAS", "GGML_CUDA_ENABLE_UNIFIED_MEMORY", "GGML_CUDA_NO_PINNED",
	"GALAGO_ENGINE", "GALAGO_LIB", "GALAGO_CUDA_LIB", "GALAGO_DEMO",
	"LD_LIBRARY_PATH", "LD_PRELOAD", "OMP_NUM_THREADS", "OMP_THREAD_LIMIT", "OMP_WAIT_POLICY", "OMP_PROC_BIND",
	"GOMAXPROCS", "GOMEMLIMIT", "GODEBUG", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "DISPLAY", "WAYLAND_DISPLAY",
}

// usual are variables that nearly everybody has.
var usual = []string{"DISPLAY", "WAYLAND_DISPLAY"}

func (x *exam) environment() {
	var set []string
	for _, name := range variables {
		if _, ok := os.LookupEnv(name); ok {
			set = append(set, name)
		}
	}
	found := "set: " + strings.Join(set, ", ")
	switch {
	case slices.Contains(set, "OMP_THREAD_LIMIT"):
		x.warn("Environment", found, "OMP_THREAD_LIMIT limits the threads that compute on the CPU.", "Start Galago without that variable.")
	case slices.Contains(set, "GGML_CUDA_ENABLE_UNIFIED_MEMORY"):
		x.warn("Environment", found, "GGML_CUDA_ENABLE_UNIFIED_MEMORY lets the card's memory spill into the system's without an error, which makes answers slow.",
			"Start Galago without that variable.")
	case slices.Contains(set, "LD_PRELOAD"):
		x.warn("Environment", found, "LD_PRELOAD loads another library into every program, which can slow it down or break it.", "If something fails, start Galago without that variable.")
	case len(slices.DeleteFunc(slices.Clone(set), func(s string) bool { return slices.Contains(usual, s) })) > 0:
		x.ok("Environment", found)
	}
}

// crashes counts the reports that the window keeps of its own crashes.
func (x *exam) crashes() {
	dir := filepath.Join(xdg.StateHome, "galago", "crashes")
	reports, _ := filepath.Glob(filepath.Join(dir, "crash-*.txt"))
	if len(reports) == 0 {
		return
	}
	names := make([]string, 0, len(reports))
	for _, r := range reports {
		names = append(names, filepath.Base(r))
	}
	slices.Sort(names)
	last := names[max(0, len(names)-3):]
	x.ok("Crash reports", fmt.Sprintf("%d in <state>/crashes, the last: %s", len(names), strings.Join(last, ", ")))
}
