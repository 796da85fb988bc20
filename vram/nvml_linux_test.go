//go:build linux && cgo

package vram

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The dynamic loader reads LD_LIBRARY_PATH when a process starts, so the readings are taken by this test binary
// started again as a child.
const childEnv = "GALAGO_VRAM_TEST_READS"

// look is one Read as the child prints it.
type look struct {
	Driver string
	GPUs   []GPU
	Err    string
}

func TestMain(m *testing.M) {
	if reads, _ := strconv.Atoi(os.Getenv(childEnv)); reads > 0 {
		child(reads)
		return
	}
	code := m.Run()
	for _, dir := range fakes {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

func child(reads int) {
	src := &reopening{open: OpenNVML}
	defer src.Close()
	out := json.NewEncoder(os.Stdout)
	for range reads {
		src.tried = src.tried.Add(-reopenEvery) // as if the next look came late enough to try again
		var l look
		var err error
		if l.Driver, l.GPUs, err = src.Read(); err != nil {
			l.Err = err.Error()
		}
		if err := out.Encode(l); err != nil {
			os.Exit(1)
		}
	}
}

// fakes are the folders of the fake libraries that were built, by their compiler flags.
var fakes = map[string]string{}

func fake(t *testing.T, flags []string) (dir string) {
	t.Helper()
	key := strings.Join(flags, " ")
	if dir, built := fakes[key]; built {
		return dir
	}
	dir, err := os.MkdirTemp("", "fakenvml")
	if err != nil {
		t.Fatal(err)
	}
	fakes[key] = dir
	args := append(flags, "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
		"-o", filepath.Join(dir, "libnvidia-ml.so.1"), "testdata/fakenvml.c")
	if out, err := exec.Command("cc", args...).CombinedOutput(); err != nil {
		t.Fatalf("building the fake library: %v\n%s", err, out)
	}
	return dir
}

// play reads the fake library, built with flags for the C compiler, a number of times.
func play(t *testing.T, script string, reads int, flags ...string) []look {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	return readInChild(t, fake(t, flags), file, reads)
}

func readInChild(t *testing.T, libraries, script string, reads int) []look {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strconv.Itoa(reads),
		"LD_LIBRARY_PATH="+libraries, "FAKE_NVML_SCRIPT="+script,
		"GORACE=atexit_sleep_ms=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("child: %v\n%s%s", err, out, stderr.String())
	}
	var looks []look
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var l look
		if err := dec.Decode(&l); err != nil {
			t.Fatalf("child printed %q: %v", out, err)
		}
		looks = append(looks, l)
	}
	if len(looks) != reads {
		t.Fatalf("%d looks, want %d: %s", len(looks), reads, out)
	}
	return looks
}

const oneCard = `
driver 550.54.14
gpu GPU-aaaa NVIDIA GeForce RTX 3050 Laptop GPU
mem 0 6144 800 5200 144 0 41 9000
`

const mib = 1 << 20

func TestReadsAScriptedCurveOfTwoCards(t *testing.T) {
	looks := play(t, oneCard+`
gpu GPU-bbbb NVIDIA GeForce GTX 1060
mem 1 3072 10 3000 62 0 35 5000
step
proc 0 C 100 500   # computes
proc 0 G 100 500   # and draws: one program
proc 0 G 7 120
proc 0 G 8 -1      # share not told
step
mem 0 6144 4200 1800 144 97 68 55000
step
mem 0 6144 810 5190 144 2 60 10000
`, 4)
	first := looks[0].GPUs
	if looks[0].Driver != "550.54.14" || len(first) != 2 {
		t.Fatalf("first look: %+v", looks[0])
	}
	want := GPU{
		Name: "NVIDIA GeForce RTX 3050 Laptop GPU", UUID: "GPU-aaaa",
		Total: 6144 * mib, Used: 800 * mib, Free: 5200 * mib, Reserved: 144 * mib,
		Utilization: 0, Temperature: 41, Power: 9000,
		Processes: []Process{{7, 120 * mib}, {100, 500 * mib}},
	}
	if got := fmt.Sprintf("%+v", first[0]); got != fmt.Sprintf("%+v", want) {
		t.Errorf("first card:\n got %s\nwant %+v", got, want)
	}
	if g := first[1]; g.Index != 1 || g.UUID != "GPU-bbbb" || g.Total != 3072*mib || g.Processes == nil || len(g.Processes) > 0 {
		t.Errorf("second card: %+v", g)
	}
	for i, used := range []uint64{800, 4200, 810, 810} {
		if got := looks[i].GPUs[0].Used; got != used*mib {
			t.Errorf("look %d: %d MiB used, want %d", i, got/mib, used)
		}
	}
	if g := looks[1].GPUs[0]; g.Utilization != 97 || g.Temperature != 68 || g.Power != 55000 {
		t.Errorf("second look: %+v", g)
	}
}

func TestMemoryFallsBackToTheFirstVersion(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		flags  []string
	}{
		"not supported":    {oneCard + "fail nvmlDeviceGetMemoryInfo_v2 3", nil},
		"version mismatch": {oneCard + "fail nvmlDeviceGetMemoryInfo_v2 25", nil},
		"not in library":   {oneCard, []string{"-DOLD_DRIVER"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := play(t, c.script, 1, c.flags...)[0]
			if l.Err != "" || len(l.GPUs) != 1 {
				t.Fatalf("%+v", l)
			}
			if g := l.GPUs[0]; g.Total != 6144*mib || g.Used != 944*mib || g.Free != 5200*mib || g.Reserved != 0 {
				t.Errorf("%+v", g)
			}
		})
	}
}

func TestMissingFiguresAreUnknownAndNoError(t *testing.T) {
	unknown := func(t *testing.T, l look) {
		t.Helper()
		if l.Err != "" || len(l.GPUs) != 1 {
			t.Fatalf("%+v", l)
		}
		if g := l.GPUs[0]; g.Power != -1 || g.Processes != nil {
			t.Errorf("%+v", g)
		}
	}
	unknown(t, play(t, oneCard, 1, "-DOLD_DRIVER")[0])
	l := play(t, oneCard+`
fail nvmlDeviceGetUtilizationRates 3
fail nvmlDeviceGetTemperature 4
fail nvmlDeviceGetPowerUsage 3
fail nvmlDeviceGetName 4
fail nvmlDeviceGetUUID 3
fail nvmlDeviceGetMemoryInfo 3
fail nvmlDeviceGetMemoryInfo_v2 3
fail nvmlDeviceGetComputeRunningProcesses 4
fail nvmlDeviceGetGraphicsRunningProcesses 3
`, 1)[0]
	unknown(t, l)
	if g := l.GPUs[0]; g.Utilization != -1 || g.Temperature != -1 || g.Name != "" || g.UUID != "" || g.Total != 0 {
		t.Errorf("%+v", g)
	}
}

func TestOneListOfProcessesIsEnough(t *testing.T) {
	l := play(t, oneCard+"proc 0 G 7 120\nfail nvmlDeviceGetComputeRunningProcesses 4\n", 1)[0]
	if len(l.GPUs) != 1 || fmt.Sprint(l.GPUs[0].Processes) != fmt.Sprint([]Process{{7, 120 * mib}}) {
		t.Errorf("%+v", l)
	}
}

func TestLostCardComesBack(t *testing.T) {
	looks := play(t, oneCard+`
step
step
fail nvmlDeviceGetMemoryInfo_v2 15
step
`, 4)
	if looks[0].Err != "" || !strings.Contains(looks[1].Err, "stopped answering") || looks[1].GPUs != nil {
		t.Errorf("before and while lost: %+v", looks[:2])
	}
	for _, l := range looks[2:] {
		if l.Err != "" || len(l.GPUs) != 1 {
			t.Errorf("after it came back: %+v", l)
		}
	}
}

func TestOneLostCardLeavesTheOther(t *testing.T) {
	l := play(t, oneCard+`
gpu GPU-bbbb Second
mem 1 3072 10 3000 62 0 35 5000
fail nvmlDeviceGetHandleByIndex 15 0
`, 1)[0]
	if l.Err != "" || len(l.GPUs) != 1 || l.GPUs[0].Index != 1 || l.GPUs[0].Name != "Second" {
		t.Errorf("%+v", l)
	}
}

func TestFailuresAreSentencesWithACure(t *testing.T) {
	for name, c := range map[string]struct{ script, want, cure string }{
		"version mismatch":  {"fail nvmlInit 18", "was updated while it was running", "Restart the machine"},
		"driver not loaded": {"fail nvmlInit 9", "installed but not running", "Restart the machine"},
		"no permission":     {"fail nvmlInit 4", "may not read the graphics card", "video or render"},
		"something else":    {"fail nvmlInit 999", "NVML error 999", "install the driver again"},
		"count fails":       {"fail nvmlDeviceGetCount 18", "was updated while it was running", "Restart the machine"},
		"reset required":    {oneCard + "fail nvmlDeviceGetMemoryInfo_v2 16", "must be reset", "Restart the machine"},
		"no card":           {"driver 550", "sees no card", "Check that"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, l := range play(t, c.script, 2) { // twice: a failed start can be tried again
				if l.GPUs != nil || !strings.Contains(l.Err, c.want) || !strings.Contains(l.Err, c.cure) {
					t.Errorf("%+v", l)
				}
			}
		})
	}
}

func TestNoLibraryIsASentence(t *testing.T) {
	dir := t.TempDir()
	// A file that is no library stands first on the path, so that a real driver of this machine is not found either.
	if err := os.WriteFile(filepath.Join(dir, "libnvidia-ml.so.1"), []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, l := range readInChild(t, dir, "", 2) {
		if l.GPUs != nil || !strings.Contains(l.Err, "No NVIDIA driver was found") {
			t.Errorf("%+v", l)
		}
	}
}
