//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"galago/e2e/desktop"
)

// windowsBuildEnv names the folder of the programs for Windows. Where it is set they must be there.
const windowsBuildEnv = "GALAGO_WINDOWS_BUILD"

// wine is a Windows of a test's own: a copy of the prefix that scripts/wine.sh made, with a server and a drive C: of its
// own. Drive Z: is the whole file system of this machine.
type wine struct {
	t      *testing.T
	prefix string
	home   string // drive C:'s folder of the person who is logged in
	env    []string
	bin    string // folder of the programs
}

// wineProgram is what runs a program for Windows, or empty. Debian's "wine" is a script that asks for a 32-bit one.
func wineProgram() string {
	for _, name := range []string{"/usr/lib/wine/wine64", "wine64", "wine"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// startWine starts a Windows whose windows open on a display, such as ":99", or which has none. It skips the test where
// that cannot be.
func startWine(t *testing.T, display string, env ...string) *wine {
	t.Helper()
	if wineProgram() == "" {
		t.Skip("Wine is not installed, so the programs for Windows were not tried; scripts/deps.sh windows installs it where there is apt-get.")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	w := &wine{t: t, bin: os.Getenv(windowsBuildEnv)}
	if w.bin == "" {
		w.bin = filepath.Join(root, "build", "windows", "bin")
		if _, err := os.Stat(filepath.Join(w.bin, "galago.exe")); err != nil {
			t.Skip("The programs for Windows are not built, `make windows` builds them:", err)
		}
	}
	if out, err := exec.Command(filepath.Join(root, "scripts", "wine.sh")).CombinedOutput(); err != nil {
		t.Fatalf("Wine's prefix cannot be made: %v\n%s", err, out)
	}
	w.copyPrefix(filepath.Join(root, "build", "wine"))
	w.env = append(os.Environ(), append([]string{
		"WINEPREFIX=" + w.prefix, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=;winemenubuilder.exe=d",
		"DISPLAY=" + display, "LANG=C.UTF-8", "LC_ALL=", "HOME=" + w.prefix, "LIBGL_ALWAYS_SOFTWARE=1", "FYNE_THEME=", "FYNE_SCALE=1",
		"XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME=", "XDG_RUNTIME_DIR=",
	}, env...)...)
	w.boot()
	return w
}

// copyPrefix copies the prefix that all tests share, on the same file system. What Windows itself consists of is never
// written to, so links to it will do; the registry is.
func (w *wine) copyPrefix(from string) {
	w.t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(from), "wine-")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			w.t.Error(err)
		}
	})
	w.prefix = dir
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, strings.TrimPrefix(path, from))
		switch {
		case path == from:
			return nil
		case d.IsDir():
			return os.Mkdir(to, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			return errors.Join(err, os.Symlink(target, to))
		case strings.HasSuffix(path, ".reg"):
			data, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(to, data, 0o644))
		}
		return os.Link(path, to)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	local, err := filepath.Glob(filepath.Join(dir, "drive_c", "users", "*", "AppData", "Local"))
	if err != nil || len(local) != 1 {
		w.t.Fatalf("Wine's prefix has %d people with a folder for programs' data, want one", len(local))
	}
	w.home = filepath.Dir(filepath.Dir(local[0]))
}

// boot starts the server, which everything in this prefix ends with, and Windows' own services.
func (w *wine) boot() {
	w.t.Helper()
	server := exec.Command("wineserver", "-f", "-p")
	server.Env = w.env
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGINT} // ends everything; it cannot when it is killed
	if err := server.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = server.Wait()
		close(ended)
	}()
	w.t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = server.Process.Kill()
		}
		err := desktop.Until(patience, "all of Wine ends", func() bool { return len(w.processes("")) == 0 })
		if err != nil {
			w.t.Error(err)
		}
	})
	w.run("cmd.exe", "/c", "exit")
}

// command is a program of ours or of Windows, by its name.
func (w *wine) command(name string, args ...string) *exec.Cmd {
	if ours := filepath.Join(w.bin, name); strings.HasPrefix(name, "galago") {
		name = ours
	}
	cmd := exec.Command(wineProgram(), append([]string{name}, args...)...)
	cmd.Env = w.env
	return cmd
}

// run waits for a program and returns what it wrote, whether it went well or not.
func (w *wine) run(name string, args ...string) (stdout, stderr string, status int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	made := w.command(name, args...)
	cmd := exec.CommandContext(ctx, made.Path, made.Args[1:]...)
	cmd.Env = w.env
	// Files, since a program of Windows' own that is started on the way may keep them open.
	var files [2]*os.File
	for i := range files {
		f, err := os.CreateTemp(w.prefix, "out")
		if err != nil {
			w.t.Fatal(err)
		}
		defer os.Remove(f.Name())
		defer f.Close()
		files[i] = f
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	err := cmd.Run()
	if ctx.Err() != nil {
		w.t.Fatalf("%s %q did not end in %v", name, args, patience)
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	out, err := os.ReadFile(files[0].Name())
	if err != nil {
		w.t.Fatal(err)
	}
	problem, err := os.ReadFile(files[1].Name())
	if err != nil {
		w.t.Fatal(err)
	}
	return string(out), string(problem), cmd.ProcessState.ExitCode()
}

// path is what Windows calls a file of this machine.
func (w *wine) path(file string) string {
	if inside, ok := strings.CutPrefix(file, filepath.Join(w.prefix, "drive_c")+"/"); ok {
		return `C:\` + strings.ReplaceAll(inside, "/", `\`)
	}
	return "Z:" + strings.ReplaceAll(file, "/", `\`)
}

// processes are the numbers, in this machine's counting, of the prefix's processes whose command line has a word.
func (w *wine) processes(word string) (pids []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		line, err := os.ReadFile(path)
		if err != nil || len(line) == 0 || !bytes.Contains(line, []byte(word)) {
			continue
		}
		env, err := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if err != nil || !slices.Contains(strings.Split(string(env), "\x00"), "WINEPREFIX="+w.prefix) {
			continue
		}
		if pid := pidOf(path); alive(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// engines are the workers that run.
func (w *wine) engines() []int {
	var pids []int
	for _, name := range []string{"galago-engine.exe", slowEngineName} {
		pids = append(pids, w.processes(name)...)
	}
	return pids
}

// slowEngineName is the file of the slow engine for Windows.
const slowEngineName = "slow-engine.exe"

// slowEngine builds the slow engine for Windows and returns its file there.
func (w *wine) slowEngine() string {
	w.t.Helper()
	file := filepath.Join(w.prefix, "drive_c", slowEngineName)
	build := exec.Command("go", "build", "-o", file, "./slowengine/program")
	build.Env = append(os.Environ(), "GOOS=windows", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		w.t.Fatalf("the slow engine does not build: %v\n%s", err, out)
	}
	return w.path(file)
}

// settle writes the settings of a person who knows Galago, where Windows keeps them.
func (w *wine) settle() error {
	file := filepath.Join(w.home, "AppData", "Local", "galago", "settings.json")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(`{"temperature": 0, "welcomed": true}`), 0o600)
}

// startWindows opens the window of the program for Windows, like start. What it is opened with is made when drive C: is there.
func startWindows(t *testing.T, o options, with func(w *wine) (args []string)) *galago {
	t.Helper()
	screen, err := desktop.Start(1280, 860)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(screen.Close)
	screen.Move(0, 0)
	w := startWine(t, screen.Display, o.env...)
	env := w.env
	if o.slow {
		env = append(slices.Clip(env), "GALAGO_ENGINE="+w.slowEngine())
	}
	if err := w.settle(); err != nil {
		t.Fatal(err)
	}
	if o.prepare != nil {
		if err := o.prepare(w.prefix); err != nil {
			t.Fatal(err)
		}
	}
	var args []string
	if with != nil {
		args = with(w)
	}
	g := launch(t, screen, w, w.home, env, args...)
	g.until("a window opens", g.opened)
	if !o.loading {
		g.loaded()
	}
	return g
}

// spell is a sentence of a program as one line.
func spell(text string) string { return fmt.Sprintf("%q", strings.Join(strings.Fields(text), " ")) }
