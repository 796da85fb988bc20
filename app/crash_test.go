package app

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// crashEnv makes the test binary a program that dies in a certain way; its value is "WAY STATE-FOLDER".
const crashEnv = "GALAGO_TEST_CRASH"

// dieIfAsked is the program that dies. It never returns when crashEnv is set.
func dieIfAsked() {
	way, state, asked := strings.Cut(os.Getenv(crashEnv), " ")
	if !asked {
		return
	}
	logger, _ := openLog(state)
	done, err := awaitCrash(state, "1.2.3")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
	logger.Info("what was logged before")
	switch way {
	case "panic":
		panic("on the main goroutine")
	case "goroutine":
		go func() { panic("on another goroutine") }()
	case "nil":
		var p *Controller
		p.conv = nil
	case "killed":
		p, _ := os.FindProcess(os.Getpid())
		p.Kill()
	case "well":
		done()
		os.Exit(0)
	default:
		sendSelf(way)
	}
	select {} // it dies in a moment
}

func TestMain(m *testing.M) {
	dieIfAsked()
	os.Exit(m.Run())
}

// die runs a program that dies in a way, and returns what it wrote to stderr.
func die(t *testing.T, state, way string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+way+" "+state)
	out, err := cmd.CombinedOutput()
	if ended := new(exec.ExitError); err != nil && (!errors.As(err, &ended) || ended.ExitCode() == 9) {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

func TestCrashIsReported(t *testing.T) {
	ways := map[string]string{
		"panic": "on the main goroutine", "goroutine": "on another goroutine", "nil": "nil pointer dereference",
	}
	if runtime.GOOS != "windows" {
		ways["SIGSEGV"], ways["SIGABRT"] = "SIGSEGV", "SIGABRT"
	}
	for way, why := range ways {
		t.Run(way, func(t *testing.T) {
			state := t.TempDir()
			die(t, state, way)
			reports, err := crashes(state)
			if err != nil || len(reports) != 1 {
				t.Fatalf("reports %q, %v", reports, err)
			}
			text := readText(t, reports[0])
			for _, want := range []string{why, "Galago 1.2.3", runtime.Version(), "goroutine ", "app.dieIfAsked", "what was logged before"} {
				if !strings.Contains(text, want) {
					t.Errorf("the report lacks %q:\n%s", want, text)
				}
			}
			left, err := filepath.Glob(filepath.Join(state, crashFolder, "*"))
			if err != nil || len(left) != 1 {
				t.Errorf("beside the report there are %q, %v", left, err)
			}
			if again, err := crashes(state); err != nil || len(again) != 0 {
				t.Errorf("it is reported again: %q, %v", again, err)
			}
			if info, err := os.Stat(reports[0]); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestEndWithoutAWordIsNoCrash(t *testing.T) {
	for _, way := range []string{"killed", "well"} {
		state := t.TempDir()
		die(t, state, way)
		if reports, err := crashes(state); err != nil || len(reports) != 0 {
			t.Errorf("%s: reports %q, %v", way, reports, err)
		}
		left, err := filepath.Glob(filepath.Join(state, crashFolder, "*"))
		if err != nil || len(left) != 0 {
			t.Errorf("%s: %q is left, %v", way, left, err)
		}
	}
}

// A window that runs has a file too, which is not yet anything's report.
func TestRunningWindowIsNoCrash(t *testing.T) {
	state := t.TempDir()
	f, err := os.Create(filepath.Join(makeDir(t, state, crashFolder), "running-1.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if free, err := tryLock(f); err != nil || !free {
		t.Fatal(free, err)
	}
	if _, err := f.WriteString("head" + crashBegin + "panic: it dies just now"); err != nil {
		t.Fatal(err)
	}
	if reports, err := crashes(state); err != nil || len(reports) != 0 {
		t.Errorf("reports %q, %v", reports, err)
	}
	f.Close()
	if reports, err := crashes(state); err != nil || len(reports) != 1 {
		t.Errorf("once it is over: reports %q, %v", reports, err)
	}
}

func TestNewestReportsAreKept(t *testing.T) {
	state := t.TempDir()
	dir := makeDir(t, state, crashFolder)
	when := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	for i := range crashesKept + 3 {
		path := write(t, filepath.Join(dir, fmt.Sprintf("running-%d.txt", i)), fmt.Appendf(nil, "head%spanic: %d", crashBegin, i))
		at := when.Add(time.Duration(i/2) * time.Hour) // two in each second
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	reports, err := crashes(state)
	if err != nil || len(reports) != crashesKept+3 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != crashesKept {
		t.Fatalf("%d files are left, %v", len(left), err)
	}
	if want := filepath.Join(dir, "crash-20260102-090405.txt"); left[len(left)-1] != want {
		t.Errorf("the newest is %s, want %s", left[len(left)-1], want)
	}
}

func TestNoFolderForCrashes(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "file"), nil)
	done, err := awaitCrash(file, "1")
	if err == nil {
		t.Error("a file was taken for a folder")
	}
	done()
	if reports, err := crashes(file); err != nil || len(reports) != 0 {
		t.Errorf("reports %q, %v", reports, err)
	}
}

func makeDir(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sendSelf sends this process a signal by its name.
func sendSelf(name string) {
	number := map[string]syscall.Signal{"SIGSEGV": syscall.SIGSEGV, "SIGABRT": syscall.SIGABRT}[name]
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = p.Signal(number)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
}
