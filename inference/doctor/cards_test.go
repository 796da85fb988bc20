package doctor

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"galago/vram"
)

// noGPU is an error of package vram that means that there is no card.
type noGPU string

func (e noGPU) Error() string        { return string(e) }
func (e noGPU) Is(target error) bool { return target == vram.ErrNoGPU }

const noLibrary = noGPU("No NVIDIA driver was found (libnvidia-ml.so.1 is missing). With an NVIDIA card in this machine, install its driver to see the card's memory here.")

// onBus is an NVIDIA card, driven by driver.
func onBus(driver string) map[string]string {
	const device = "sys/bus/pci/devices/0000:01:00.0/"
	files := map[string]string{
		device + "vendor": "0x10de\n", device + "class": "0x030000\n",
		"sys/bus/pci/devices/0000:01:00.1/vendor": "0x10de\n", "sys/bus/pci/devices/0000:01:00.1/class": "0x040300\n", // its sound
		"sys/bus/pci/devices/0000:00:02.0/vendor": "0x8086\n", "sys/bus/pci/devices/0000:00:02.0/class": "0x030000\n",
		"etc/os-release": "PRETTY_NAME=\"Debian GNU/Linux 12\"\n",
	}
	if driver != "" {
		files[device+"driver"] = "->../../../bus/pci/drivers/" + driver
	}
	return files
}

func with(files map[string]string, more ...string) map[string]string {
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

const moduleOf570 = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.10  Thu Jan 2 2025\nGCC version: gcc 12.2.0\n"

func TestNoDriver(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it is about what Linux keeps in /proc and /sys")
	}
	for name, c := range map[string]struct {
		files         map[string]string
		err           error
		what          string
		problem, cure string
	}{
		"no card":                    {nil, noLibrary, "NVIDIA card", "There is none", "nothing to do"},
		"no card, container":         {map[string]string{".dockerenv": ""}, noLibrary, "NVIDIA card", "There is none", "--gpus all"},
		"nouveau":                    {onBus("nouveau"), noLibrary, whatDriver, "its driver is not loaded: the system's own driver (nouveau)", "package nvidia-driver"},
		"no driver at all":           {onBus(""), noLibrary, whatDriver, "but its driver is not loaded. No NVIDIA driver was found", "Install NVIDIA's driver"},
		"secure boot":                {with(onBus(""), "sys/firmware/efi/efivars/SecureBoot-8be4df61", "\x06\x00\x00\x00\x01"), noLibrary, whatDriver, "Secure Boot is on", "mokutil"},
		"secure boot off":            {with(onBus(""), "sys/firmware/efi/efivars/SecureBoot-8be4df61", "\x06\x00\x00\x00\x00"), noLibrary, whatDriver, "No NVIDIA driver was found", "restart"},
		"kept for a virtual machine": {onBus("vfio-pci"), noLibrary, whatDriver, "reserved for a virtual machine", "Give the card back"},
		"kernel's part alone":        {onBus("nvidia"), noLibrary, whatDriver, "libraries (libnvidia-ml.so.1) are not here", "libnvidia-compute"},
		"kernel's part, container":   {with(onBus("nvidia"), ".dockerenv", "", "proc/driver/nvidia/version", moduleOf570), noLibrary, whatDriver, "libraries (libnvidia-ml.so.1) are not here", "--gpus all"},
		"WSL":                        {map[string]string{"proc/version": "Linux microsoft WSL2", "dev/dxg": ""}, noLibrary, whatDriver, "comes from Windows", "wsl --update"},
		"library of another version": {
			with(onBus("nvidia"), "proc/driver/nvidia/version", moduleOf570, "usr/lib64/libnvidia-ml.so.580.95.05", "x", "usr/lib64/libnvidia-ml.so.1", "->libnvidia-ml.so.580.95.05"),
			errors.New("The parts no longer match. Restart the machine."), whatDriver, "version 570.86.10, the library 580.95.05", "Restart the machine.",
		},
		"hangs": {onBus("nvidia"), errors.New("The NVIDIA driver does not answer. If that lasts, restart the machine."), whatDriver, "does not answer", "restart the machine"},
	} {
		h := tree(t, c.files)
		list := findings(t, h, func(x *exam) {
			x.o.inspect = func(context.Context, time.Duration) (vram.Driver, error) { return vram.Driver{}, c.err }
			x.driver(t.Context())
		})
		f := about(list, c.what)
		if len(list) != 1 || !strings.Contains(f.Problem, c.problem) || !strings.Contains(f.Cure, c.cure) || f.Found != "" {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

func TestDriverAndCards(t *testing.T) {
	good := vram.Detail{
		GPU:   vram.GPU{Name: "RTX 3050", UUID: "GPU-1", Total: 6 << 30, Used: 1 << 30, Free: 5 << 30, Utilization: 3, Temperature: 40, Processes: []vram.Process{}},
		Major: 8, Minor: 6, LinkGeneration: 1, LinkLanes: 8, MostGeneration: 4, MostLanes: 8,
	}
	card := func(change func(*vram.Detail)) vram.Driver {
		c := good
		change(&c)
		return vram.Driver{Version: "570.86.10", CUDA: 12080, Cards: []vram.Detail{c}}
	}
	for name, c := range map[string]struct {
		driver  vram.Driver
		what    string
		found   string
		problem string
	}{
		"good":   {card(func(*vram.Detail) {}), whatCard, "RTX 3050, 5.0 GiB of 6.0 GiB free, compute capability 8.6, PCI Express 1 x8 (can do 4 x8), 3 % busy, 40 °C", ""},
		"driver": {card(func(*vram.Detail) {}), whatDriver, "version 570.86.10, runs CUDA up to 12.8", ""},
		"shared": {card(func(c *vram.Detail) {
			c.Processes = []vram.Process{{PID: 1, Used: 5 << 29, Name: "annas-game"}, {PID: 2, Used: 1 << 30, Name: "galago-engine"}}
		}), whatCard, "other programs use 2.5 GiB, Galago uses 1.0 GiB", ""},
		"taken":    {card(func(c *vram.Detail) { c.Used, c.Processes = 4<<30, nil }), whatCard, "other programs use 4.0 GiB", "more than half"},
		"too old":  {card(func(c *vram.Detail) { c.Major, c.Minor = 3, 5 }), whatCard, "3.5", "too old"},
		"hot":      {card(func(c *vram.Detail) { c.Throttle = uint64(0x40) }), whatCard, "", "too hot"},
		"idle":     {card(func(c *vram.Detail) { c.Throttle = 1 }), whatCard, "", ""},
		"locked":   {card(func(c *vram.Detail) { c.Throttle = 2 }), whatCard, "", "clocks were set lower"},
		"forbids":  {card(func(c *vram.Detail) { c.Compute = vram.ComputeProhibited }), whatCard, "", "forbidden computing"},
		"a note":   {card(func(c *vram.Detail) { c.Note = "This card does not tell how its memory is used." }), whatCard, "", "does not tell"},
		"two, one": {vram.Driver{Version: "570.86.10", Cards: []vram.Detail{good}, Note: "GPU 1 cannot be read. Restart the machine."}, whatDriver, "570", "GPU 1 cannot be read."},
	} {
		list := findings(t, tree(t, nil), func(x *exam) {
			x.o.inspect = func(context.Context, time.Duration) (vram.Driver, error) { return c.driver, nil }
			x.driver(t.Context())
		})
		f := about(list, c.what)
		if !strings.Contains(f.Found, c.found) || !strings.Contains(f.Problem, c.problem) || (f.Problem == "") != (c.problem == "") {
			t.Errorf("%s: %+v", name, f)
		}
		for _, f := range list {
			if strings.Contains(f.Found+f.Problem, "annas-game") {
				t.Errorf("%s: a program's name comes out: %+v", name, f)
			}
		}
	}
}

func TestDriverWithACardThatItDoesNotRun(t *testing.T) {
	files := onBus("nvidia")
	with(files, "sys/bus/pci/devices/0000:02:00.0/vendor", "0x10de", "sys/bus/pci/devices/0000:02:00.0/class", "0x030200",
		"proc/driver/nvidia/version", moduleOf570)
	list := findings(t, tree(t, files), func(x *exam) {
		x.o.inspect = func(context.Context, time.Duration) (vram.Driver, error) {
			return vram.Driver{Version: "580.95.05", Cards: []vram.Detail{{GPU: vram.GPU{Name: "RTX 3050"}}}}, nil
		}
		x.driver(t.Context())
	})
	if f := about(list, "GPU without the driver"); !strings.HasPrefix(f.Problem, "1 of the NVIDIA cards") {
		t.Errorf("%+v", list)
	}
	if f := about(list, whatDriver); !f.Warning || !strings.Contains(f.Problem, "570.86.10") {
		t.Errorf("%+v", f)
	}
}

func TestSentences(t *testing.T) {
	for text, want := range map[string][2]string{
		"It broke. It really did. Restart.": {"It broke. It really did.", "Restart."},
		"It broke.":                         {"It broke.", "Restart the machine; if that does not help, install NVIDIA's driver again."},
	} {
		if p, c := sentences(text); p != want[0] || c != want[1] {
			t.Errorf("%q: %q, %q", text, p, c)
		}
	}
}
