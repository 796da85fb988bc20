//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"galago/e2e/desktop"
	"galago/e2e/slowengine"
)

// What the tests need; prepared by TestMain.
var (
	binaries string // folder of the built programs
	shots    string // folder of the screenshots
	fakeNVML string // folder with the scripted libnvidia-ml.so.1
)

// slowEngineEnv makes this test binary the slow engine.
const slowEngineEnv = "GALAGO_E2E_SLOW_ENGINE"

func TestMain(m *testing.M) {
	if os.Getenv(slowEngineEnv) != "" {
		os.Exit(slowengine.Run())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	strict := os.Getenv("GALAGO_E2E") == "1"
	if name := desktop.Missing(); name != "" {
		return lacking(strict, name+" is not installed: scripts/deps.sh test installs it")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		return lacking(true, err.Error())
	}
	shots = filepath.Join(root, "build", "e2e")
	if binaries = os.Getenv("GALAGO_ENGINE_BUILD"); binaries == "" {
		binaries = filepath.Join(root, "build", "bin")
	}
	for _, name := range []string{"galago", "galago-engine"} {
		if _, err := os.Stat(filepath.Join(binaries, name)); err != nil {
			return lacking(strict, "the built programs are missing, `make build` makes them: "+err.Error())
		}
	}
	if fakeNVML, err = os.MkdirTemp("", "galago-e2e-nvml"); err != nil {
		return lacking(true, err.Error())
	}
	defer os.RemoveAll(fakeNVML)
	cc := exec.Command("cc", "-shared", "-fPIC", "-o", filepath.Join(fakeNVML, "libnvidia-ml.so.1"),
		filepath.Join(root, "vram", "testdata", "fakenvml.c"))
	if out, err := cc.CombinedOutput(); err != nil {
		return lacking(true, fmt.Sprintf("the fake NVML does not build: %v\n%s", err, out))
	}
	return m.Run()
}

// lacking ends the tests: with an error where make test asked for them.
func lacking(fail bool, why string) int {
	if fail {
		fmt.Fprintln(os.Stderr, "FAIL: end-to-end tests cannot run:", why)
		return 1
	}
	fmt.Println("SKIP: end-to-end tests cannot run:", why)
	return 0
}
