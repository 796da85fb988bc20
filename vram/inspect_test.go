//go:build windows || (linux && cgo)

package vram

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const inspectEnv = "GALAGO_VRAM_TEST_INSPECT"

type inspection struct {
	Driver Driver
	Err    string
}

func inspectingChild() {
	limit, err := time.ParseDuration(os.Getenv(inspectEnv))
	if err != nil {
		os.Exit(2)
	}
	var i inspection
	if i.Driver, err = Inspect(context.Background(), limit); err != nil {
		i.Err = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(i)
}

func inspectFake(t *testing.T, script, limit string, flags ...string) inspection {
	t.Helper()
	file := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), inspectEnv+"="+limit, fakeEnv+"="+fake(t, flags), "FAKE_NVML_SCRIPT="+file,
		"GORACE=atexit_sleep_ms=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("child: %v\n%s", err, out)
	}
	var i inspection
	if err := json.Unmarshal(out, &i); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return i
}

func TestInspect(t *testing.T) {
	i := inspectFake(t, oneCard+`
cuda 12040
detail 0 major 8
detail 0 minor 6
detail 0 gen 1
detail 0 lanes 4
detail 0 maxgen 4
detail 0 maxlanes 8
detail 0 throttle 33
detail 0 bits 128
detail 0 clock 7001
detail 0 compute 2
step
`, "1m")
	if i.Err != "" || i.Driver.Version != "550.54.14" || i.Driver.CUDA != 12040 || len(i.Driver.Cards) != 1 {
		t.Fatalf("%+v", i)
	}
	c := i.Driver.Cards[0]
	if c.Name != "NVIDIA GeForce RTX 3050 Laptop GPU" || c.Total != 6144*mib || c.Major != 8 || c.Minor != 6 ||
		c.LinkGeneration != 1 || c.LinkLanes != 4 || c.MostGeneration != 4 || c.MostLanes != 8 || c.Compute != ComputeProhibited {
		t.Errorf("%+v", c)
	}
	if !c.Throttled(ThrottleHeat) || c.Throttled(ThrottlePower) || c.Throttled(ThrottleHardware) || !c.NotPersisted {
		t.Errorf("throttle %#x, persistence off: %v", c.Throttle, c.NotPersisted)
	}
	if got := c.Bandwidth(); got != 224_032_000_000 { // 14 Gbit a second on 128 lines
		t.Errorf("bandwidth %d", got)
	}
}

func TestInspectOfAnOldDriver(t *testing.T) {
	i := inspectFake(t, oneCard+"step\n", "1m", "-DOLD_DRIVER")
	if i.Err != "" || len(i.Driver.Cards) != 1 || i.Driver.CUDA != 0 || i.Driver.Cards[0].Major != 0 || i.Driver.Cards[0].NotPersisted {
		t.Errorf("%+v", i)
	}
}

func TestInspectDoesNotWaitForADriverThatHangs(t *testing.T) {
	start := time.Now()
	i := inspectFake(t, oneCard+"hang nvmlInit 600000\nstep\n", "100ms")
	if !strings.Contains(i.Err, "does not answer") {
		t.Errorf("%+v", i)
	}
	if took := time.Since(start); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}
