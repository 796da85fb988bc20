package doctor

import (
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// host reads what Linux tells in files, and asks Windows by its functions. Elsewhere nothing is told.
type host struct{ root string } // of the file system; empty: the real one

// facts are what a system tells by functions instead of files. Those that are nil it does not tell so.
type facts struct {
	distribution func() string
	cpu          func() cpu
	memory       func() memory
	power        func() power
	pci          func() []pciCard
}

// own are the facts of the system that this runs on.
func (h host) own() facts {
	if h.root != "" {
		return facts{}
	}
	return system
}

// path is where a file of Linux's lies; empty where the system is another.
func (h host) path(name string) string {
	switch {
	case h.root != "":
		return filepath.Join(h.root, name)
	case runtime.GOOS == "windows": // a path that begins with a slash would be one on some drive
		return ""
	}
	return name
}

// text is a file's, without white space around it; empty when it cannot be read.
func (h host) text(name string) string {
	data, err := os.ReadFile(h.path(name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (h host) exists(name string) bool {
	_, err := os.Lstat(h.path(name))
	return err == nil
}

func (h host) glob(pattern string) []string {
	found, _ := filepath.Glob(h.path(pattern))
	for i := range found {
		found[i] = filepath.ToSlash(strings.TrimPrefix(found[i], h.root))
	}
	return found
}

// value is what stands behind a key in a file of lines such as "key: value" or "key=value".
func (h host) value(name, key, separator string) string {
	for line := range strings.Lines(h.text(name)) {
		if k, v, ok := strings.Cut(line, separator); ok && strings.TrimSpace(k) == key {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

func number(text string) uint64 {
	n, _ := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	return n
}

// distribution is such as "Debian GNU/Linux 12 (bookworm)".
func (h host) distribution() string {
	if f := h.own().distribution; f != nil {
		return f()
	}
	for _, file := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		if name := h.value(file, "PRETTY_NAME", "="); name != "" {
			return name
		}
	}
	return runtime.GOOS
}

// cpu is the processor. Features are those that the kernel lists.
type cpu struct {
	model     string
	cores     int // physical; 0: not known
	threads   int
	features  []string
	emulation string // what pretends to be a processor; empty: nothing that is known
}

func (h host) cpu() cpu {
	if f := h.own().cpu; f != nil {
		return f()
	}
	c := cpu{
		model: h.value("/proc/cpuinfo", "model name", ":"), threads: runtime.NumCPU(),
		features: strings.Fields(h.value("/proc/cpuinfo", "flags", ":")),
	}
	siblings := map[string]bool{}
	for _, f := range h.glob("/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list") {
		if list := h.text(f); list != "" {
			siblings[list] = true
		}
	}
	c.cores = len(siblings)
	c.emulation = emulation(c.model)
	return c
}

// emulation is what gives itself out as a processor of that name; empty: nothing that is known.
func emulation(model string) string {
	switch {
	case strings.Contains(model, "QEMU TCG"):
		return "QEMU without KVM"
	case strings.Contains(model, "VirtualApple"):
		return "Rosetta"
	}
	return ""
}

// has reports whether the kernel lists a feature. Where it lists none, nothing is claimed.
func (c cpu) has(feature string) bool {
	return len(c.features) == 0 || slices.Contains(c.features, feature)
}

// around says what the system runs in.
type around struct {
	container, wsl bool
	machine        bool // a virtual machine
	sandbox        string
}

func (h host) around() around {
	var a around
	version := strings.ToLower(h.text("/proc/version"))
	a.wsl = strings.Contains(version, "microsoft")
	a.machine = !a.wsl && slices.Contains(h.cpu().features, "hypervisor")
	a.container = h.exists("/.dockerenv") || h.exists("/run/.containerenv") || h.exists("/run/systemd/container") ||
		h.root == "" && os.Getenv("container") != ""
	switch {
	case h.exists("/.flatpak-info"):
		a.sandbox, a.container = "Flatpak", false
	case h.root == "" && os.Getenv("SNAP") != "":
		a.sandbox = "Snap"
	}
	return a
}

func (a around) words() []string {
	var words []string
	if a.sandbox != "" {
		words = append(words, "in "+a.sandbox)
	}
	if a.container {
		words = append(words, "in a container")
	}
	if a.wsl {
		words = append(words, "in WSL")
	}
	if a.machine {
		words = append(words, "in a virtual machine")
	}
	return words
}

// memory is the system's, in bytes. 0: not known, or none.
type memory struct{ total, free, swap, swapped uint64 }

func (h host) memory() memory {
	if f := h.own().memory; f != nil {
		return f()
	}
	of := func(key string) uint64 {
		kib, _, _ := strings.Cut(h.value("/proc/meminfo", key, ":"), " ")
		return number(kib) << 10
	}
	m := memory{total: of("MemTotal"), free: of("MemAvailable"), swap: of("SwapTotal")}
	m.swapped = m.swap - min(m.swap, of("SwapFree"))
	return m
}

// limit is the least memory that a control group around this process allows; 0: no limit.
func (h host) limit() uint64 {
	least := uint64(0)
	take := func(file string) {
		if n := number(h.text(file)); n > 0 && n < 1<<60 && (least == 0 || n < least) {
			least = n
		}
	}
	for line := range strings.Lines(h.text("/proc/self/cgroup")) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, file := "/sys/fs/cgroup", "memory.max"
		if fields[1] != "" { // version 1
			if fields[1] != "memory" {
				continue
			}
			base, file = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		}
		for dir := path.Clean("/" + fields[2]); ; dir = path.Dir(dir) {
			take(path.Join(base, dir, file))
			if dir == "/" {
				break
			}
		}
	}
	return least
}

// load is how many programs wanted a processor during the last minute, on average; below 0: not known.
func (h host) load() float64 {
	fields := strings.Fields(h.text("/proc/loadavg"))
	if len(fields) == 0 {
		return -1
	}
	n, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		return -1
	}
	return n
}

// count is a line of /proc/vmstat.
func (h host) count(key string) uint64 { return number(h.value("/proc/vmstat", key, " ")) }

// swaps counts pages that went to disk or came back since the system started.
func (h host) swaps() uint64 { return h.count("pswpin") + h.count("pswpout") }

// heats counts how often the processor was slowed down because of heat.
func (h host) heats() uint64 {
	n := uint64(0)
	for _, f := range h.glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count") {
		n += number(h.text(f))
	}
	return n
}

// power is what saves power at the cost of speed.
type power struct {
	battery  bool   // a battery is discharging
	saver    bool   // the system saves the battery
	governor string // of the first processor's clock
	driver   string
	bias     string // energy_performance_preference
	profile  string // of the firmware
}

func (h host) power() power {
	if f := h.own().power; f != nil {
		return f()
	}
	p := power{profile: h.text("/sys/firmware/acpi/platform_profile")}
	for _, supply := range h.glob("/sys/class/power_supply/*") {
		own := h.text(filepath.Join(supply, "scope")) != "Device" // else it is a mouse's
		if own && h.text(filepath.Join(supply, "type")) == "Battery" && h.text(filepath.Join(supply, "status")) == "Discharging" {
			p.battery = true
		}
	}
	const clock = "/sys/devices/system/cpu/cpu0/cpufreq/"
	p.governor, p.driver = h.text(clock+"scaling_governor"), h.text(clock+"scaling_driver")
	p.bias = h.text(clock + "energy_performance_preference")
	return p
}

// saves says how power is saved, as the end of a sentence, or nothing.
func (p power) saves() string {
	switch {
	case p.saver:
		return "the system's battery saver is on"
	case p.profile == "low-power" || p.profile == "quiet":
		return "the machine's power profile is " + p.profile
	case p.bias == "power":
		return "the processor prefers saving power (energy preference: power)"
	case p.governor == "powersave" && !strings.Contains(p.driver, "pstate"):
		// With intel_pstate and amd-pstate powersave is the usual governor, which goes up to full speed.
		return "the processor is kept at its lowest clock (governor powersave)"
	}
	return ""
}

func (p power) String() string {
	var words []string
	if p.battery {
		words = append(words, "on battery")
	}
	if p.saver {
		words = append(words, "battery saver")
	}
	if p.governor != "" {
		words = append(words, "governor "+p.governor)
	}
	if p.bias != "" {
		words = append(words, "energy preference "+p.bias)
	}
	if p.profile != "" {
		words = append(words, "profile "+p.profile)
	}
	return strings.Join(words, ", ")
}

// libc names the C library that this process uses: glibc says its version in the library itself.
func (h host) libc() string {
	for line := range strings.Lines(h.text("/proc/self/maps")) {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			continue
		}
		switch base := filepath.Base(fields[5]); {
		case base == "libc.so.6":
			data, err := os.ReadFile(fields[5])
			if err != nil {
				return "glibc"
			}
			return "glibc " + glibcVersion(string(data))
		case strings.HasPrefix(base, "ld-musl") || strings.HasPrefix(base, "libc.musl"):
			return "musl"
		}
	}
	return ""
}

// glibcVersion finds the version in the library's own greeting.
func glibcVersion(library string) string {
	_, rest, ok := strings.Cut(library, "GNU C Library ")
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest[:min(len(rest), 200)], "version ")
	n := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if n < 0 {
		return ""
	}
	return strings.TrimRight(rest[:n], ".")
}
