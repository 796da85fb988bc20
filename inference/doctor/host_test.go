package doctor

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	h := tree(t, map[string]string{
		"etc/os-release":                      "NAME=x\nPRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\n",
		"proc/cpuinfo":                        "processor\t: 0\nmodel name\t: Old Core\nflags\t\t: fpu sse2 hypervisor\n\nprocessor\t: 1\nmodel name\t: Old Core\n",
		"proc/meminfo":                        "MemTotal:       16384 kB\nMemFree: 1 kB\nMemAvailable:    8192 kB\nSwapTotal:       4096 kB\nSwapFree:        1024 kB\n",
		"proc/loadavg":                        "3.50 2.00 1.00 1/2 3\n",
		"proc/vmstat":                         "nr_free_pages 1\npswpin 10\npswpout 7\n",
		"proc/version":                        "Linux version 5.15.0-microsoft-standard-WSL2\n",
		"proc/self/cgroup":                    "1:name=systemd:/\n0::/user.slice/app\n",
		"sys/fs/cgroup/user.slice/memory.max": "4194304\n",
		"sys/fs/cgroup/user.slice/app/memory.max":                          "max\n",
		"sys/devices/system/cpu/cpu0/topology/thread_siblings_list":        "0-1\n",
		"sys/devices/system/cpu/cpu1/topology/thread_siblings_list":        "0-1\n",
		"sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "3\n",
		"sys/devices/system/cpu/cpu1/thermal_throttle/core_throttle_count": "4\n",
	})
	if got := h.distribution(); got != "Ubuntu 24.04.1 LTS" {
		t.Errorf("distribution %q", got)
	}
	c := h.cpu()
	if c.model != "Old Core" || c.cores != 1 || c.has("avx2") || !c.has("sse2") {
		t.Errorf("%+v", c)
	}
	if m := h.memory(); m != (memory{total: 16 << 20, free: 8 << 20, swap: 4 << 20, swapped: 3 << 20}) {
		t.Errorf("%+v", m)
	}
	if h.load() != 3.5 || h.swaps() != 17 || h.heats() != 7 || h.limit() != 4<<20 {
		t.Errorf("load %v, swaps %d, heats %d, limit %d", h.load(), h.swaps(), h.heats(), h.limit())
	}
	if a := h.around(); !a.wsl || a.machine || a.container {
		t.Errorf("%+v", a)
	}
}

// An empty file system tells nothing, and breaks nothing.
func TestHostThatTellsNothing(t *testing.T) {
	h := tree(t, nil)
	if c := h.cpu(); c.model != "" || c.cores != 0 || !c.has("avx2") || c.emulation != "" {
		t.Errorf("%+v", c)
	}
	if h.memory() != (memory{}) || h.load() >= 0 || h.limit() != 0 || h.swaps() != 0 || h.power() != (power{}) || h.libc() != "" ||
		h.pci() != nil || h.secureBoot() || h.moduleVersion() != "" || h.library("libcuda.so.1") != "" {
		t.Errorf("it tells something")
	}
}

func TestHostOfControlGroupsOfVersion1(t *testing.T) {
	h := tree(t, map[string]string{
		"proc/self/cgroup": "4:memory:/docker/0123\n3:cpu:/docker/0123\n0::/\n",
		"sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes": "2147483648\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":             "9223372036854771712\n", // none
	})
	if got := h.limit(); got != 2<<30 {
		t.Errorf("limit %d", got)
	}
}

func TestPower(t *testing.T) {
	const cpu, supply = "sys/devices/system/cpu/cpu0/cpufreq/", "sys/class/power_supply/"
	for name, c := range map[string]struct {
		files map[string]string
		saves string
		warns bool
	}{
		"plugged in":        {map[string]string{supply + "BAT0/type": "Battery", supply + "BAT0/status": "Charging"}, "", false},
		"on battery":        {map[string]string{supply + "BAT0/type": "Battery", supply + "BAT0/status": "Discharging"}, "", true},
		"a mouse's battery": {map[string]string{supply + "hid/type": "Battery", supply + "hid/status": "Discharging", supply + "hid/scope": "Device"}, "", false},
		"usual powersave":   {map[string]string{cpu + "scaling_governor": "powersave", cpu + "scaling_driver": "intel_pstate", cpu + "energy_performance_preference": "balance_performance"}, "", false},
		"amd's powersave":   {map[string]string{cpu + "scaling_governor": "powersave", cpu + "scaling_driver": "amd-pstate-epp"}, "", false},
		"real powersave":    {map[string]string{cpu + "scaling_governor": "powersave", cpu + "scaling_driver": "acpi-cpufreq"}, "governor powersave", true},
		"bias":              {map[string]string{cpu + "scaling_governor": "powersave", cpu + "scaling_driver": "intel_pstate", cpu + "energy_performance_preference": "power"}, "energy preference", true},
		"profile":           {map[string]string{"sys/firmware/acpi/platform_profile": "low-power\n"}, "low-power", true},
	} {
		h := tree(t, c.files)
		if got := h.power().saves(); !strings.Contains(got, c.saves) || (got == "") != (c.saves == "") {
			t.Errorf("%s: %q", name, got)
		}
		if f := about(findings(t, h, (*exam).power), "Power"); f.Warning != c.warns {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestProcessor(t *testing.T) {
	for name, c := range map[string]struct{ cpuinfo, load, problem, cure string }{
		"emulated":     {"model name : QEMU TCG CPU version 2.5+\nflags : avx2\n", "0", "emulated", "KVM"},
		"no AVX2":      {"model name : Old\nflags : sse2\n", "0", "no AVX2", "AVX2"},
		"no AVX2 seen": {"model name : Old\nflags : sse2 hypervisor\n", "0", "no AVX2", "virtual machine"},
		"busy":         {"model name : New\nflags : avx2\n", "1000", "keep the processors busy", "Wait"},
		"fine":         {"model name : New\nflags : avx2\n", "0", "", ""},
	} {
		h := tree(t, map[string]string{"proc/cpuinfo": c.cpuinfo, "proc/loadavg": c.load + " 1 1 1/1 1\n"})
		f := about(findings(t, h, (*exam).processor), "Processor")
		if !strings.Contains(f.Problem, c.problem) || (f.Problem == "") != (c.problem == "") || !strings.Contains(f.Cure, c.cure) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestMemory(t *testing.T) {
	enough := "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\nSwapTotal: 0 kB\n"
	for name, c := range map[string]struct{ meminfo, limit, problem string }{
		"enough":  {enough, "max", ""},
		"little":  {"MemTotal: 4194304 kB\nMemAvailable: 524288 kB\n", "max", "Little memory"},
		"limited": {enough, "1073741824", "may use only 1.0 GiB"},
	} {
		h := tree(t, map[string]string{"proc/meminfo": c.meminfo, "proc/self/cgroup": "0::/x\n", "sys/fs/cgroup/x/memory.max": c.limit})
		f := about(findings(t, h, (*exam).memory), "Memory")
		if !strings.Contains(f.Problem, c.problem) || (f.Problem == "") != (c.problem == "") || !strings.Contains(f.Found, "free") {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

func TestEnvironmentTellsNamesOnly(t *testing.T) {
	t.Setenv("CUDA_VISIBLE_DEVICES", "GPU-my-secret-card")
	t.Setenv("HTTPS_PROXY", "http://anna:password@proxy")
	t.Setenv("ANNAS_DIARY", "x")
	f := about(findings(t, host{}, (*exam).environment), "Environment")
	all := f.Found + f.Problem + f.Cure
	for _, word := range []string{"CUDA_VISIBLE_DEVICES", "HTTPS_PROXY"} {
		if !strings.Contains(all, word) {
			t.Errorf("%s is missing: %+v", word, f)
		}
	}
	for _, word := range []string{"secret", "anna", "password", "DIARY"} {
		if strings.Contains(all, word) {
			t.Errorf("%s comes out: %+v", word, f)
		}
	}
	t.Setenv("OMP_THREAD_LIMIT", "1")
	if f := about(findings(t, host{}, (*exam).environment), "Environment"); !f.Warning || !strings.Contains(f.Problem, "OMP_THREAD_LIMIT") {
		t.Errorf("%+v", f)
	}
}

func TestGlibcVersion(t *testing.T) {
	if got := glibcVersion("\x00GNU C Library (Debian GLIBC 2.36-9+deb12u9) stable release version 2.36.\nCopyright"); got != "2.36" {
		t.Errorf("%q", got)
	}
	if got := glibcVersion("nothing of the kind"); got != "" {
		t.Errorf("%q", got)
	}
}

func TestMapped(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it is about what Linux keeps in /proc")
	}
	got := mapped("7f00-7f01 r--p 00000000 00:00 12 /opt/My Libs/libllama.so.0.4.0\n7f01-7f02 r-xp 00001000 00:00 12 /opt/My Libs/libllama.so.0.4.0\n" +
		"7f02-7f03 rw-p 00000000 00:00 0 [heap]\n7f04-7f05 r--p 00000000 00:00 3 /x/model.gguf\n7f06-7f07 r--p 00000000 00:00 3 /lib/libggml-cpu-icelake.so\n")
	if !slices.Equal(got, []string{"/opt/My Libs/libllama.so.0.4.0", "/lib/libggml-cpu-icelake.so"}) {
		t.Errorf("%q", got)
	}
	s := started{libraries: got}
	if s.variant() != "icelake" || !s.loaded("libllama") || s.loaded("valgrind") {
		t.Errorf("%q, %v", s.variant(), s.loaded("libllama"))
	}
	if strange := s.strange("/opt/My Libs"); !slices.Equal(strange, []string{"libggml-cpu-icelake.so"}) {
		t.Errorf("strange: %q", strange)
	}
}
