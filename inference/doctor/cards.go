package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"galago/vram"
)

const (
	whatDriver = "NVIDIA driver (NVML)"
	whatCard   = "GPU"
)

// cards are what the driver, and the PCI bus, tell of NVIDIA's cards.
type cards struct {
	driver vram.Driver
	err    error // of the driver
	pci    []pciCard
}

// pciCard is a graphics card of NVIDIA's on the bus.
type pciCard struct{ driver string } // of the kernel; empty: none

// pci lists NVIDIA's cards, whether or not anything drives them.
func (h host) pci() []pciCard {
	if f := h.own().pci; f != nil {
		return f()
	}
	var list []pciCard
	for _, device := range h.glob("/sys/bus/pci/devices/*") {
		if h.text(filepath.Join(device, "vendor")) != "0x10de" || !strings.HasPrefix(h.text(filepath.Join(device, "class")), "0x03") {
			continue
		}
		driver, err := os.Readlink(h.path(filepath.Join(device, "driver")))
		if err != nil {
			list = append(list, pciCard{})
			continue
		}
		list = append(list, pciCard{filepath.Base(driver)})
	}
	return list
}

// secureBoot reports whether the firmware runs only what is signed.
func (h host) secureBoot() bool {
	for _, f := range h.glob("/sys/firmware/efi/efivars/SecureBoot-*") {
		if data, err := os.ReadFile(h.path(f)); err == nil && len(data) > 4 {
			return data[4] == 1 // after four bytes of attributes
		}
	}
	return false
}

// moduleVersion is that of the driver's part in the kernel; empty when it is not loaded.
func (h host) moduleVersion() string {
	line, _, _ := strings.Cut(h.text("/proc/driver/nvidia/version"), "\n")
	for word := range strings.FieldsSeq(line) {
		if strings.Count(word, ".") > 0 && strings.Trim(word, "0123456789.") == "" {
			return word
		}
	}
	return ""
}

// libraryFolders are where the driver's libraries lie on the systems that we know.
var libraryFolders = []string{
	"/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/lib64", "/usr/lib", "/usr/lib/wsl/lib",
	"/usr/local/nvidia/lib64", "/usr/local/cuda/compat", "/run/opengl-driver/lib", "/usr/lib/nvidia/current",
}

// library finds one of the driver's; empty: it is in none of the usual places.
func (h host) library(name string) string {
	folders := libraryFolders
	if h.root == "" {
		folders = append(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")), folders...)
	}
	for _, dir := range folders {
		if _, err := os.Stat(h.path(filepath.Join(dir, name))); err == nil {
			return filepath.Join(dir, name)
		}
	}
	if strings.Contains(h.text("/etc/ld.so.cache"), "/"+name+"\x00") {
		return name
	}
	return ""
}

// libraryVersion is the driver's version that a library's file is called by, such as libnvidia-ml.so.580.95.05.
func (h host) libraryVersion(name string) string {
	path := h.library(name)
	if path == "" {
		return ""
	}
	_, version, _ := strings.Cut(filepath.Base(realPath(h.path(path))), ".so.")
	if !strings.Contains(version, ".") {
		return ""
	}
	return version
}

// driver looks for cards: through NVML, and on the bus for those that nothing drives.
func (x *exam) driver(ctx context.Context) {
	inspect := x.o.inspect
	if inspect == nil {
		inspect = vram.Inspect
	}
	x.cards.driver, x.cards.err = inspect(ctx, x.o.limits.driver)
	x.cards.pci = x.host.pci()
	if x.cards.err != nil {
		x.noDriver()
		return
	}
	d := x.cards.driver
	found := "version " + d.Version
	if d.CUDA > 0 {
		found += ", runs CUDA up to " + cudaVersion(d.CUDA)
	}
	if module := x.host.moduleVersion(); module != "" && d.Version != "" && module != d.Version {
		x.warn(whatDriver, found, "The driver's part in the kernel is version "+module+": the driver was updated while it was running.", "Restart the machine.")
	} else if d.Note != "" {
		problem, cure := sentences(d.Note)
		x.warn(whatDriver, found, problem, cure)
	} else {
		x.ok(whatDriver, found)
	}
	for _, c := range d.Cards {
		x.card(c)
	}
	if idle := len(x.cards.pci) - len(d.Cards); idle > 0 {
		x.missing("GPU without the driver", fmt.Sprintf("%d of the NVIDIA cards in this machine are not run by NVIDIA's driver, so Galago cannot use them.", idle),
			"If they are meant to be used, install a driver that supports them.")
	}
}

func cudaVersion(n int) string { return fmt.Sprintf("%d.%d", n/1000, n%1000/10) }

// noDriver says why there is no card to compute on.
func (x *exam) noDriver() {
	err, module := x.cards.err, x.host.moduleVersion()
	drivers := map[string]bool{}
	for _, c := range x.cards.pci {
		drivers[c.driver] = true
	}
	around := x.host.around()
	if !errors.Is(err, vram.ErrNoGPU) {
		problem, cure := sentences(err.Error())
		if library := x.host.libraryVersion("libnvidia-ml.so.1"); module != "" && library != "" && module != library {
			problem += " The part in the kernel is version " + module + ", the library " + library + "."
		}
		x.missing(whatDriver, problem, cure)
		return
	}
	switch {
	case around.wsl && x.host.exists("/dev/dxg"):
		x.missing(whatDriver, "In WSL the driver comes from Windows, and its library was not found here.",
			"Install NVIDIA's driver in Windows, not in WSL, then run “wsl --update” and “wsl --shutdown” in Windows.")
	case (drivers["nvidia"] || module != "") && x.host.library("libnvidia-ml.so.1") == "":
		cure := "Install the driver's libraries too; they are in the same package or beside it (libnvidia-compute, nvidia-driver-libs)."
		if around.container {
			cure = "Start the container with access to the card (“--gpus all”, with NVIDIA's container toolkit on the host)."
		}
		x.missing(whatDriver, "NVIDIA's driver runs in the kernel, but its libraries (libnvidia-ml.so.1) are not here.", cure)
	case drivers["nouveau"] || drivers["nova_core"] || drivers["nova"]:
		x.missing(whatDriver, "There is an NVIDIA card, but its driver is not loaded: the system's own driver (nouveau) runs it, and that one cannot compute with CUDA. So answers come from the CPU.",
			installDriver(x.host.distribution()))
	case drivers["vfio-pci"]:
		x.missing(whatDriver, "There is an NVIDIA card, but it is reserved for a virtual machine (vfio-pci).", "Give the card back to this system if Galago is to use it.")
	case len(x.cards.pci) > 0 && x.host.secureBoot():
		x.missing(whatDriver, "There is an NVIDIA card, but its driver is not loaded. Secure Boot is on, and it refuses drivers that are not signed.",
			installDriver(x.host.distribution())+" If it is installed already, enrol its key (mokutil --import) or switch Secure Boot off in the firmware.")
	case len(x.cards.pci) > 0:
		problem, _ := sentences(err.Error())
		x.missing(whatDriver, "There is an NVIDIA card, but its driver is not loaded. "+problem, installDriver(x.host.distribution()))
	case module != "":
		problem, cure := sentences(err.Error())
		x.missing(whatDriver, problem, cure)
	default:
		cure := "There is nothing to do. With an NVIDIA card of 4 GB or more answers would come many times faster."
		if around.container {
			cure = "If the host has an NVIDIA card, start the container with access to it (“--gpus all”). Else there is nothing to do."
		} else if around.machine {
			cure = "If the host has an NVIDIA card, pass it through to this virtual machine and install NVIDIA's driver in it. Else there is nothing to do."
		}
		x.missing("NVIDIA card", "There is none that this system sees, so answers are computed on the CPU, which is slower.", cure)
	}
}

// installDriver says how, for the systems that have one command for it.
func installDriver(distribution string) string {
	switch name := strings.ToLower(distribution); {
	case strings.HasPrefix(name, "windows"):
		return "Install NVIDIA's driver (from NVIDIA's own pages, or by Windows Update), then restart."
	case strings.Contains(name, "ubuntu"), strings.Contains(name, "mint"), strings.Contains(name, "pop!"):
		return "Install NVIDIA's driver (“sudo ubuntu-drivers install”, or Additional Drivers in the settings), then restart."
	case strings.Contains(name, "debian"):
		return "Install NVIDIA's driver (package nvidia-driver, of the section non-free), then restart."
	case strings.Contains(name, "fedora"):
		return "Install NVIDIA's driver (package akmod-nvidia of RPM Fusion), then restart."
	case strings.Contains(name, "arch"), strings.Contains(name, "manjaro"):
		return "Install NVIDIA's driver (package nvidia or nvidia-open), then restart."
	}
	return "Install NVIDIA's driver, then restart."
}

// sentences parts what package vram says into what is wrong and, as it comes last, what to do.
func sentences(text string) (problem, cure string) {
	text = strings.TrimSpace(text)
	i := strings.LastIndex(strings.TrimSuffix(text, "."), ". ")
	if i < 0 {
		return text, "Restart the machine; if that does not help, install NVIDIA's driver again."
	}
	return text[:i+1], text[i+2:]
}

// card says what one card is, and what slows it down.
func (x *exam) card(c vram.Detail) {
	found := c.Name
	if c.Total > 0 {
		found += fmt.Sprintf(", %s of %s free", bytesText(c.Free), bytesText(c.Total))
	}
	others, own := shares(c)
	if others > 0 {
		found += ", other programs use " + bytesText(others)
	}
	if own > 0 {
		found += ", Galago uses " + bytesText(own)
	}
	if c.Major > 0 {
		found += fmt.Sprintf(", compute capability %d.%d", c.Major, c.Minor)
	}
	if c.LinkLanes > 0 {
		found += fmt.Sprintf(", PCI Express %d x%d", c.LinkGeneration, c.LinkLanes)
		if c.MostLanes > 0 && (c.MostLanes != c.LinkLanes || c.MostGeneration != c.LinkGeneration) {
			found += fmt.Sprintf(" (can do %d x%d)", c.MostGeneration, c.MostLanes)
		}
	}
	if c.Utilization >= 0 {
		found += fmt.Sprintf(", %d %% busy", c.Utilization)
	}
	if c.Temperature > 0 {
		found += fmt.Sprintf(", %d °C", c.Temperature)
	}
	if c.NotPersisted {
		found += ", persistence off"
	}
	if problem, cure := troubles(c, others); problem != "" {
		x.warn(whatCard, found, problem, cure)
		return
	}
	x.ok(whatCard, found)
}

// shares are what other programs and Galago's own take of a card. In a container the driver names no programs.
func shares(c vram.Detail) (others, own uint64) {
	if c.Processes == nil {
		return c.Used, 0
	}
	for _, p := range c.Processes {
		if strings.HasPrefix(p.Name, "galago") {
			own += p.Used
		} else {
			others += p.Used
		}
	}
	return others, own
}

// oldest is the compute capability below which no CUDA that llama.cpp can be built with computes: CUDA 12 begins with
// Maxwell.
const oldest = 5

// troubles are what keeps a card from computing, or slows it down; the worst comes first and stands alone.
func troubles(c vram.Detail, others uint64) (problem, cure string) {
	switch {
	case c.Major > 0 && c.Major < oldest:
		return "This card is too old for CUDA 12 and 13, so answers are computed on the CPU.", "There is nothing to do with this card."
	case c.Compute == vram.ComputeProhibited:
		return "Somebody has forbidden computing on this card (compute mode “prohibited”).", "Allow it: sudo nvidia-smi -c 0."
	case c.Throttled(vram.ThrottleHeat):
		return "It is too hot and runs slower because of it.", "Clean its fans and give it air."
	case c.Throttled(vram.ThrottleHardware):
		return "It was slowed down by its hardware, because of heat or a lack of power.", "Check its power connectors and its cooling."
	case c.Compute == vram.ComputeExclusive && (others > 0 || len(c.Processes) > 0):
		return "Only one program at a time may compute on this card (compute mode “exclusive process”).", "If loading fails, end the other program, or allow more: sudo nvidia-smi -c 0."
	case c.Throttled(vram.ThrottleLocked):
		return "Its clocks were set lower than it can run.", "Undo it: sudo nvidia-smi -rgc."
	case c.Total > 0 && others > c.Total/2:
		return "Other programs hold more than half of its memory, so that fewer layers of a model fit.", "Close programs that use the card, such as games, browsers and other engines."
	case c.Note != "":
		if p, n := sentences(c.Note); strings.Contains(c.Note, ". ") {
			return p, n
		}
		return c.Note, "Ask the machine's administrator if the card should be read."
	case c.Throttled(vram.ThrottlePower) && c.Utilization >= 0 && c.Utilization < 50:
		return "It is kept below its clocks to save power.", "On a laptop, plug it in and choose the power profile “performance”."
	}
	return "", ""
}

// hasCard reports whether the driver sees a card that can be used.
func (x *exam) hasCard() bool { return x.cards.err == nil && len(x.cards.driver.Cards) > 0 }

// names are the cards' as the driver tells them, sorted.
func (c cards) names() []string {
	var names []string
	for _, card := range c.driver.Cards {
		names = append(names, card.Name)
	}
	slices.Sort(names)
	return names
}
