package inference

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"galago/inference/protocol"
)

// exited is what waiting for a program that ends as the shell line says gives.
func exited(t *testing.T, line string) error {
	t.Helper()
	err := exec.Command("/bin/sh", "-c", line).Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%q: %v", line, err)
	}
	return err
}

func TestDeathsAreClassified(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	failed, killed, segv := exited(t, "exit 2"), exited(t, "kill -KILL $$"), exited(t, "kill -SEGV $$")
	for _, c := range []struct {
		name string
		d    death
		want protocol.Code
	}{
		{"CUDA memory, last words", death{err: failed, started: true, greeted: true, words: "CUDA error: out of memory"}, protocol.CodeOutOfMemory},
		{"CUDA memory, log", death{err: failed, started: true, greeted: true, log: "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 900 MiB on device 0: cudaMalloc failed: out of memory"}, protocol.CodeOutOfMemory},
		{"C++", death{err: failed, started: true, greeted: true, log: "what():  std::bad_alloc\nSIGABRT: abort"}, protocol.CodeOutOfMemory},
		{"ggml", death{err: failed, started: true, greeted: true, log: "ggml_gallocr_reserve_n: failed to allocate CPU buffer of size 1"}, protocol.CodeOutOfMemory},
		{"Vulkan", death{err: failed, started: true, log: "vk::Device::allocateMemory: ErrorOutOfDeviceMemory"}, protocol.CodeOutOfMemory},
		{"glibc, which calls short memory unavailable", death{err: failed, started: true, greeted: true, log: "runtime/cgo: pthread_create failed: Resource temporarily unavailable"}, protocol.CodeOutOfMemory},
		{"Go", death{err: failed, started: true, log: "fatal error: runtime: cannot allocate memory"}, protocol.CodeOutOfMemory},
		{"killed while memory was short", death{err: killed, started: true, greeted: true, starved: true}, protocol.CodeOutOfMemory},
		{"killed", death{err: killed, started: true, greeted: true}, protocol.CodeWorkerDied},
		{"crashed while memory was short for another", death{err: segv, started: true, greeted: true, starved: true}, protocol.CodeWorkerDied},
		{"crashed", death{err: segv, started: true, greeted: true}, protocol.CodeWorkerDied},
		{"assertion", death{err: failed, started: true, greeted: true, words: "GGML_ASSERT(n_tokens <= n_batch) failed"}, protocol.CodeWorkerDied},
		{"left", death{started: true, greeted: true}, protocol.CodeWorkerDied},
		{"stack dump with library names", death{err: failed, started: true, greeted: true, log: "/x/libllama.so(+0x1) libffi.so.8"}, protocol.CodeWorkerDied},
		{"no program", death{err: fmt.Errorf("fork/exec /x: %w", fs.ErrNotExist)}, protocol.CodeEngineMissing},
		{"no memory to start", death{err: errors.New("fork/exec /x: cannot allocate memory")}, protocol.CodeOutOfMemory},
		{"loader", death{err: failed, started: true, log: "error while loading shared libraries: libm.so.6: cannot open shared object file"}, protocol.CodeEngineMissing},
		{"libffi", death{err: failed, started: true, log: "panic: libffi.so.8 not found"}, protocol.CodeEngineMissing},
		{"llama", death{err: failed, started: true, log: "could not load libllama.so"}, protocol.CodeEngineMissing},
		{"127", death{err: exited(t, "exit 127"), started: true}, protocol.CodeEngineMissing},
		{"the engine's own status", death{err: exited(t, "exit 5"), started: true}, protocol.CodeEngineMissing},
		{"the same later", death{err: exited(t, "exit 5"), started: true, greeted: true}, protocol.CodeWorkerDied},
		{"its status and reason, after it has greeted", death{err: exited(t, "exit 5"), started: true, greeted: true, log: "load: engine_missing: ggml.dll is missing"}, protocol.CodeEngineMissing},
		{"early, no reason", death{err: failed, started: true, log: "panic: nil map"}, protocol.CodeWorkerDied},
	} {
		if got := c.d.code(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if e := c.d.error(opAsk); e.Err == nil || e.Op != opAsk {
			t.Errorf("%s: %+v", c.name, e)
		}
	}
}

func TestTail(t *testing.T) {
	var seen bytes.Buffer
	tail := &tail{copy: &seen}
	fmt.Fprintf(tail, "%s\n", strings.Repeat("a", 3*tailLine))
	if got := tail.since(); got != strings.Repeat("a", tailLine)+"\n" {
		t.Errorf("a line of %d bytes was kept", len(got))
	}
	fmt.Fprint(tail, "half a ")
	tail.mark()
	fmt.Fprint(tail, "line\nnext\n")
	if got := tail.since(); got != "line\nnext\n" {
		t.Errorf("since the mark: %q", got)
	}
	for i := range 100000 {
		fmt.Fprintf(tail, "line %d\n", i)
	}
	if got := tail.since(); len(got) != tailBytes || !strings.HasSuffix(got, "\nline 99999\n") {
		t.Errorf("%d bytes, end %q", len(got), got[len(got)-20:])
	}
	if len(tail.buf) > 2*tailBytes || seen.Len() < 1000000 {
		t.Errorf("holds %d, copied %d", len(tail.buf), seen.Len())
	}
}

func TestLastLines(t *testing.T) {
	dump := "reason\nSIGABRT: abort\n\ngoroutine 0 gp=0x1 m=0:\n" + strings.Repeat("frame\n", 500)
	if got := lastLines(dump, 40); !strings.HasPrefix(got, "reason\n") || strings.Count(got, "\n") > 40 {
		t.Errorf("%q", got)
	}
	if got := lastLines("a\nb\nc\n", 2); got != "b\nc" {
		t.Errorf("%q", got)
	}
	if got := lastLines("", 2); got != "" {
		t.Errorf("%q", got)
	}
}

func TestChildEnv(t *testing.T) {
	got := childEnv([]string{"LANG=de_DE.UTF-8", "GGML_BACKEND_PATH=/x", "Ggml_Backend_Path=/y", "A=b"})
	want := "[LANG=de_DE.UTF-8 A=b GGML_NO_BACKTRACE=1 CUDA_DEVICE_ORDER=PCI_BUS_ID]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v", got)
	}
}

func TestEnginePath(t *testing.T) {
	t.Setenv(EngineEnv, "/opt/engine")
	if got, err := EnginePath(); err != nil || got != "/opt/engine" {
		t.Error(got, err)
	}
	t.Setenv(EngineEnv, "")
	if got, err := EnginePath(); err != nil || !strings.Contains(got, "galago-engine") {
		t.Error(got, err)
	}
}
