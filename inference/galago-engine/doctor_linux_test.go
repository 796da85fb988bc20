package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"galago/inference/doctor"
)

// examining starts the doctor with its self-test and returns when it has reached a step, with what it has started.
func examining(t *testing.T, step doctor.Step, env ...string) (cmd *exec.Cmd, started []int) {
	t.Helper()
	cmd = exec.Command(engine(t), "doctor", "--test", "--limit", "10m")
	cmd.Env, cmd.Dir = clean(env...), t.TempDir()
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		if lines.Text() == string(step) {
			return cmd, children(t, cmd.Process.Pid)
		}
	}
	t.Fatalf("it never came to %q", step)
	return nil, nil
}

func TestDoctorInterruptedLeavesNothing(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	silent := save(t, "silent", []byte("#!/bin/sh\nsleep 1000 &\necho $$ $! > '"+fifo+"'\nwait\n"))
	if err := os.Chmod(silent, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		step doctor.Step
		sig  syscall.Signal
		code int
		env  []string
	}{
		"at a worker that says nothing": {doctor.StepEngine, syscall.SIGINT, exitCancelled, []string{"GALAGO_ENGINE=" + silent}},
		"while it loads":                {doctor.StepLoad, syscall.SIGINT, exitCancelled, nil},
		"at the picture":                {doctor.StepPicture, syscall.SIGTERM, exitCancelled, nil},
		"by force":                      {doctor.StepPicture, syscall.SIGKILL, -1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, started := examining(t, c.step, c.env...)
			if c.env != nil { // its worker tells when it runs
				data, err := os.ReadFile(fifo)
				if err != nil {
					t.Fatal(err)
				}
				for word := range strings.FieldsSeq(string(data)) { // itself, and what it started
					pid, err := strconv.Atoi(word)
					if err != nil {
						t.Fatal(err)
					}
					started = append(started, pid)
				}
			}
			if len(started) == 0 && c.step != doctor.StepLoad {
				t.Error("it has started nothing")
			}
			at := time.Now()
			if err := cmd.Process.Signal(c.sig); err != nil {
				t.Fatal(err)
			}
			cmd.Wait()
			took := time.Since(at)
			t.Logf("it left %v after the signal", took.Round(time.Millisecond))
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if took > 5*time.Second { // a busy machine included; it gives itself two
				t.Errorf("it took %v", took)
			}
			for _, pid := range started {
				gone(t, pid, 5*time.Second)
			}
		})
	}
}

// A folder with a name that is easy to get wrong, and an environment in which nothing is set.
func TestDoctorInAnOddFolderWithNothingSet(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "Ordner mit Ümlaut & # %41")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "galago-engine")
	data, err := os.ReadFile(engine(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, data, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lib", "demo"} {
		if err := os.Symlink(filepath.Join(installed(t), name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(program, "doctor", "--json")
	cmd.Env, cmd.Dir = []string{}, "/"
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, errOut.String())
	}
	r := readReport(t, outcome{0, string(out), errOut.String(), cmd.ProcessState}, exitOK)
	if !r.CanRun || strings.Contains(r.Text, "Ümlaut") || !strings.Contains(r.found(t, "Built-in model").Found, "<program>/demo") {
		t.Errorf("%s", r.Text)
	}
}

// Where the address space is limited, workers die in many ways. The doctor names the limit. (With much less, Go itself
// cannot start its threads.)
func TestDoctorUnderALimitOfMemory(t *testing.T) {
	for _, kib := range []string{"1700000", "3000000"} {
		cmd := exec.Command("sh", "-c", "ulimit -v "+kib+" && exec \"$0\" doctor --json", engine(t))
		cmd.Env, cmd.Dir = clean(), t.TempDir()
		var out, errOut bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errOut
		cmd.Run()
		code := cmd.ProcessState.ExitCode()
		if code != exitOK && code != exitEngine {
			t.Fatalf("%s KiB: exit code %d: %s", kib, code, errOut.String())
		}
		r := readReport(t, outcome{code, out.String(), errOut.String(), cmd.ProcessState}, code)
		if f := r.found(t, "Memory"); !strings.Contains(f.Problem, "ulimit -v") {
			t.Errorf("%s KiB: %+v", kib, f)
		}
		if !r.CanRun && !strings.Contains(r.found(t, "Engine").Cure, "ulimit -v") {
			t.Errorf("%s KiB: %+v", kib, r.found(t, "Engine"))
		}
	}
}
