//go:build windows || (linux && cgo)

package vram

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Where libraries are is settled when a process starts, so the readings are taken by this test binary started again as a
// child, with fakeEnv naming the fake library's folder.
const childEnv = "GALAGO_VRAM_TEST_READS"

// look is one Read as the child prints it.
type look struct {
	Driver string
	GPUs   []GPU
	Err    string
}

func TestMain(m *testing.M) {
	useFakes()
	if reads, _ := strconv.Atoi(os.Getenv(childEnv)); reads > 0 {
		child(reads)
		return
	}
	if os.Getenv(inspectEnv) != "" {
		inspectingChild()
		return
	}
	if os.Getenv(watchEnv) != "" {
		watchingChild()
		return
	}
	code := m.Run()
	removeFakes()
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
		fakeEnv+"="+libraries, "FAKE_NVML_SCRIPT="+script,
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
limit 0 75000
step
proc 0 C 4194306 500   # computes (above the highest number of a process, so that it has no name)
proc 0 G 4194306 500   # and draws: one program
proc 0 G 4194305 120
proc 0 G 8 -1          # share not told
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
		Utilization: 0, Temperature: 41, Power: 9000, PowerLimit: 75000,
		Processes: []Process{{PID: 4194305, Used: 120 * mib}, {PID: 4194306, Used: 500 * mib}},
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
	l := play(t, oneCard+"proc 0 G 4194305 120\nfail nvmlDeviceGetComputeRunningProcesses 4\n", 1)[0]
	if len(l.GPUs) != 1 || fmt.Sprint(l.GPUs[0].Processes) != fmt.Sprint([]Process{{PID: 4194305, Used: 120 * mib}}) {
		t.Errorf("%+v", l)
	}
}

func TestProgramsWithoutTheirShareAreNotKnown(t *testing.T) {
	l := play(t, oneCard+"proc 0 C self -1\nproc 0 G 4194305 -1\n", 1)[0]
	if l.Err != "" || len(l.GPUs) != 1 || l.GPUs[0].Processes != nil || l.GPUs[0].Used != 800*mib {
		t.Errorf("a display driver of Windows: %+v", l)
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
	if !strings.Contains(l.Err, "GPU 0 cannot be read. The graphics card has stopped answering") ||
		len(l.GPUs) != 1 || l.GPUs[0].Index != 1 || l.GPUs[0].Name != "Second" {
		t.Errorf("%+v", l)
	}
}

func TestFailuresAreSentencesWithACure(t *testing.T) {
	for name, c := range map[string]struct{ script, want, cure string }{
		"version mismatch":  {"fail nvmlInit 18", "was updated while it was running", "Restart the machine"},
		"driver not loaded": {"fail nvmlInit 9", "installed but not running", "Restart the machine"},
		"no permission":     {"fail nvmlInit 4", "may not read the graphics card", permissionCure},
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

func TestCurve(t *testing.T) {
	looks := play(t, oneCard+`
curve 0 800 3000 5900
step
proc 0 C 4194305 5000  # another program takes memory
mem 0 6144 5950 50 144 9 50 20000
curve 0 5960
`, 6)
	for i, want := range []struct{ used, free, others uint64 }{
		{800, 5200, 0}, {3000, 3000, 0}, {5900, 100, 0}, {5950, 50, 5000}, {5960, 40, 0}, {5960, 40, 0},
	} {
		g := looks[i].GPUs[0]
		others, _ := g.Of(4194305)
		if g.Used != want.used*mib || g.Free != want.free*mib || others != want.others*mib || g.Reserved != 144*mib {
			t.Errorf("look %d: %+v, want %+v", i, g, want)
		}
	}
	if g := looks[4].GPUs[0]; g.Power != 20000 {
		t.Errorf("a curve loses the other figures: %+v", g)
	}
	slow := play(t, "clock 3600000\n"+oneCard+"curve 0 800 3000", 3)
	if used := slow[2].GPUs[0].Used; used != 800*mib {
		t.Errorf("%d MiB used: the steps follow the looks in spite of the clock", used/mib)
	}
}

func TestProgramsHaveNames(t *testing.T) {
	g := play(t, oneCard+"proc 0 C self 300\nproc 0 C 4194305 5\n", 1)[0].GPUs[0]
	if len(g.Processes) != 2 {
		t.Fatalf("%+v", g)
	}
	want := keptName(filepath.Base(os.Args[0]))
	if p := g.Processes[0]; p.Name != want || p.Used != 300*mib {
		t.Errorf("%+v is not %q", p, want)
	}
	if p := g.Processes[1]; p.Name != "" {
		t.Errorf("a name out of nowhere: %+v", p)
	}
	if used, known := g.Of(g.Processes[0].PID); used != 300*mib || !known {
		t.Errorf("of a program: %d, %v", used, known)
	}
	if used, known := g.Of(1); used != 0 || known {
		t.Errorf("of another: %d, %v", used, known)
	}
}

func TestSpecialCardsSayWhatIsSpecial(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"ordinary":      {oneCard, ""},
		"divided":       {oneCard + "mig 0", "divided into parts (MIG). The figures are of the whole card"},
		"divided, shut": {oneCard + "mig 0\nfail nvmlDeviceGetMemoryInfo_v2 4\nfail nvmlDeviceGetMemoryInfo 4", "This user may not read the card's memory"},
		"shut":          {oneCard + "fail nvmlDeviceGetMemoryInfo_v2 4\nfail nvmlDeviceGetMemoryInfo 4", "Ask the machine's administrator"},
		"silent":        {oneCard + "fail nvmlDeviceGetMemoryInfo_v2 3\nfail nvmlDeviceGetMemoryInfo 3", "does not tell how its memory is used"},
		"odd":           {oneCard + "fail nvmlDeviceGetMemoryInfo_v2 10\nfail nvmlDeviceGetMemoryInfo 10", "NVML error 10"},
	} {
		l := play(t, c.script, 1)[0]
		if l.Err != "" || len(l.GPUs) != 1 || !strings.Contains(l.GPUs[0].Note, c.want) || (c.want == "" && l.GPUs[0].Note != "") {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

// watchEnv makes a child watch the shared session, and look at it once a line comes, until its input ends.
const watchEnv = "GALAGO_VRAM_TEST_WATCH"

// news is a line of that child.
type news struct {
	Reading *Reading
	Look    *Card
	Err     string
}

func watchingChild() {
	var mu sync.Mutex // owns out
	out := json.NewEncoder(os.Stdout)
	print := func(n news) {
		mu.Lock()
		defer mu.Unlock()
		out.Encode(n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := Monitor{Tell: func(r Reading) { print(news{Reading: &r}) }}.Start(ctx)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		card, err := Look(ctx, in.Text())
		n := news{Look: &card}
		if err != nil {
			n.Err = err.Error()
		}
		print(n)
	}
	cancel()
	<-done
}

func TestCallThatHangs(t *testing.T) {
	dir := t.TempDir()
	script, free := filepath.Join(dir, "script"), filepath.Join(dir, "free")
	text := oneCard + "step\nstep\nhang nvmlDeviceGetCount until " + free + "\nstep\nmem 0 6144 4200 1800 144 0 41 9000\n"
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), watchEnv+"=1", fakeEnv+"="+fake(t, nil), "FAKE_NVML_SCRIPT="+script)
	in, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(stdout)
	next := func() (n news) {
		t.Helper()
		if err := lines.Decode(&n); err != nil {
			t.Fatalf("the child said no more: %v", err)
		}
		return n
	}
	reading := func(used uint64, stale string) {
		t.Helper()
		r := next().Reading
		if r == nil || len(r.GPUs) != 1 || r.GPUs[0].Used != used*mib || r.Stale != stale || r.Missing != "" {
			t.Fatalf("%+v, want %d MiB, %q", r, used, stale)
		}
	}
	reading(800, "")
	reading(800, errSilent().Error())
	fmt.Fprintln(in, "GPU-aaaa") // a look while the call still hangs
	if n := next(); n.Look == nil || n.Err != errSilent().Error() {
		t.Fatalf("looked and found %+v", n)
	}
	if err := os.WriteFile(free, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for n := next(); ; n = next() {
		if n.Reading == nil || n.Reading.Stale != "" || n.Reading.Missing != "" {
			t.Fatalf("after the call came back: %+v", n)
		}
		if n.Reading.GPUs[0].Used == 4200*mib {
			break
		}
	}
	fmt.Fprintln(in, "GPU-aaaa")
	if n := next(); n.Look == nil || n.Err != "" || n.Look.Used != 4200*mib || n.Look.Driver != "550.54.14" {
		t.Errorf("looked and found %+v", n)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestEndWhileACallHangs(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte(oneCard+"hang nvmlInit until /nowhere/at/all\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), watchEnv+"=1", fakeEnv+"="+fake(t, nil), "FAKE_NVML_SCRIPT="+script)
	out, err := cmd.Output() // no input: the child ends at once, and would wait for ever if it waited for the call
	if err != nil || len(out) > 0 {
		t.Errorf("%v, %s", err, out)
	}
}

func TestNoLibraryIsASentence(t *testing.T) {
	dir := t.TempDir()
	// A file that is no library stands first on the path, so that a real driver of this machine is not found either.
	if err := os.WriteFile(filepath.Join(dir, libraryName), []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, l := range readInChild(t, dir, "", 2) {
		if l.GPUs != nil || !strings.Contains(l.Err, "No NVIDIA driver was found") {
			t.Errorf("%+v", l)
		}
	}
}
