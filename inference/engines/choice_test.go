package engines

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"galago/inference/protocol"
)

// installed makes a folder as an installation leaves it.
func installed(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = engineIn(t, filepath.Join(folder(), name), "good")
	put(t, filepath.Join(dir, aboutFile), `{"llama": "`+manifest().Llama+`"}`)
	return dir
}

func TestCleanKeepsTheEngineWhoseChoiceCannotBeRead(t *testing.T) {
	for name, spoil := range map[string]func() error{
		"empty":     func() error { return os.WriteFile(choicePath(), nil, 0o600) },
		"half":      func() error { return os.WriteFile(choicePath(), []byte(`{"installed": "cu`), 0o600) },
		"elsewhere": func() error { return os.WriteFile(choicePath(), []byte(`{"installed": ".."}`), 0o600) },
		"unreadable": func() error { // a folder cannot be read as a file, not even by root
			return os.Mkdir(choicePath(), 0o700)
		},
	} {
		home(t)
		besideEngine(t)
		dir := installed(t, "cuda13")
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		Clean()
		if _, ok := read(dir, Installed); !ok {
			t.Errorf("%s: the engine in use is gone", name)
		}
		if _, ok := Current(); ok == (name == "unreadable") {
			t.Errorf("%s: the engine counts: %v", name, ok)
		}
		err := change(func(c *choice) { c.Named = "/somewhere" })
		if (err == nil) == (name == "unreadable") {
			t.Errorf("%s: change: %v", name, err)
		}
		if name == "unreadable" {
			continue
		}
		if _, err := os.Stat(choicePath() + ".damaged"); err != nil {
			t.Errorf("%s: what was damaged is not kept: %v", name, err)
		}
		Clean()
		if e, ok := Current(); !ok || e.Dir != dir {
			t.Errorf("%s: after a change: %+v, %v", name, e, ok)
		}
	}
}

func TestCleanLeavesWhatNoInstallationMade(t *testing.T) {
	home(t)
	installed(t, "old")
	engineIn(t, filepath.Join(folder(), "mine"), "good")
	engineIn(t, filepath.Join(folder(), "half.1"+newSuffix), "good")
	if err := change(func(c *choice) { c.Named = "/somewhere" }); err != nil {
		t.Fatal(err)
	}
	Clean()
	if got := folders(t); !slices.Equal(got, []string{"mine"}) {
		t.Errorf("%v", got)
	}
}

// Another program that counts a death may not bring back what it read before this one installed an engine.
func TestTwoProgramsChangeTheChoice(t *testing.T) {
	home(t)
	besideEngine(t)
	first := installed(t, "first")
	if err := change(func(c *choice) { c.Installed = "first" }); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(self, "count", first)
	other.Env = append(os.Environ(), "XDG_DATA_HOME="+filepath.Dir(filepath.Dir(folder())))
	in, err1 := other.StdinPipe()
	out, err2 := other.StdoutPipe()
	if err1 != nil || err2 != nil || other.Start() != nil {
		t.Fatal(err1, err2)
	}
	if said, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", said, err)
	}
	// It has read the choice and not yet written it. This program must wait for it.
	changed := make(chan error)
	go func() { changed <- change(func(c *choice) { c.Installed = "second" }) }()
	select {
	case err := <-changed:
		t.Errorf("changed while another program changes it: %v", err)
	default:
	}
	in.Close()
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err != nil {
		t.Fatal(err)
	}
	if c := readChoice(); c.Installed != "second" || c.Died[first] != 1 {
		t.Errorf("%+v", c)
	}
}

// count is a program that counts a death, and takes its time between reading and writing: until its input ends.
func count(dir string) int {
	err := change(func(c *choice) {
		fmt.Println("read")
		bufio.NewReader(os.Stdin).ReadByte()
		c.Died = map[string]int{dir: 1}
	})
	if err != nil {
		return 1
	}
	return 0
}

func TestADeathCountsForTheEngineThatWasLoaded(t *testing.T) {
	home(t)
	besideEngine(t)
	one, two := engineIn(t, t.TempDir(), "good"), engineIn(t, t.TempDir(), "good")
	if err := change(func(c *choice) { c.Named = one }); err != nil {
		t.Fatal(err)
	}
	l := &launch{}
	l.environment()
	if err := change(func(c *choice) { c.Named = two }); err != nil { // while the worker starts
		t.Fatal(err)
	}
	l.greeted(false)
	if c := readChoice(); c.Died[one] != 1 || c.Died[two] != 0 {
		t.Errorf("%+v", c)
	}
}

func TestAReadOnlyFolderEndsNothing(t *testing.T) {
	home(t)
	besideEngine(t)
	dir := engineIn(t, t.TempDir(), "good")
	if err := change(func(c *choice) { c.Named = dir }); err != nil {
		t.Fatal(err)
	}
	// A folder in the lock's place, since root writes everywhere.
	if err := os.Remove(filepath.Join(folder(), "lock")); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(folder(), "lock", "x"), "")
	if start(false) {
		t.Error("a death that cannot be counted is tried again for ever")
	}
	if start(true) {
		t.Error("again after a start that went well")
	}
	Clean()
	if e, ok := Current(); !ok || e.Dir != dir {
		t.Errorf("%+v", e)
	}
}

func TestARelativeFolderNeverCounts(t *testing.T) {
	home(t)
	besideEngine(t)
	t.Chdir(t.TempDir())
	engineIn(t, "here", "good")
	strange := "new\nline"
	if runtime.GOOS == "windows" {
		strange = "100% #ü" // no name has a line break there
	}
	engineIn(t, strange, "good")
	for _, c := range []struct {
		named string
		ok    bool
	}{{"here", false}, {"./here", false}, {filepath.Join(mustGetwd(t), strange), true}} {
		if err := change(func(x *choice) { x.Named = c.named }); err != nil {
			t.Fatal(err)
		}
		if _, ok := Current(); ok != c.ok {
			t.Errorf("%q counts: %v", c.named, ok)
		}
	}
	if env := Environment(); len(env) != 1 || !strings.HasSuffix(env[0], strange) {
		t.Errorf("%q", env)
	}
}

func mustGetwd(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// An engine without its runtime does not hide one that works, and is told all the same.
func TestAnEngineWithoutItsRuntimeGivesWay(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the compiler of this test makes libraries for Linux")
	}
	home(t)
	lib := besideEngine(t)
	defer func(real string) { loaderCache = real }(loaderCache)
	loaderCache = filepath.Join(t.TempDir(), "cache")
	linked(t, lib)
	if _, ok := Current(); ok {
		t.Error("an engine without its runtime counts")
	}
	if env := Environment(); len(env) != 1 || env[0] != protocol.CUDAEnv+"="+lib {
		t.Errorf("alone it says by itself what it lacks: %q", env)
	}
	next := installed(t, "cuda13")
	if err := change(func(c *choice) { c.Installed = "cuda13" }); err != nil {
		t.Fatal(err)
	}
	if e, ok := Current(); !ok || e.Dir != next {
		t.Errorf("it hides another: %+v", e)
	}
	list := Find()
	if len(list) != 2 || list[0].Lacks != "libcublas.so.13" || list[0].CUDA != "" || list[1].Lacks != "" {
		t.Errorf("%+v", list)
	}
	there := func(where string) {
		t.Helper()
		if e, ok := Current(); !ok || e.Dir != lib {
			t.Errorf("the runtime %s is not found: %+v", where, Find())
		}
	}
	other := t.TempDir()
	put(t, filepath.Join(other, "libcublas.so.13"), "")
	t.Setenv("LD_LIBRARY_PATH", "/nowhere:"+other)
	there("in LD_LIBRARY_PATH")
	t.Setenv("LD_LIBRARY_PATH", "")
	put(t, loaderCache, "glibc-ld.so.cache1.1\x00\x07/gone/libcublas.so.13\x00"+other+"/libcublas.so.13\x00libcublas.so.12\x00")
	there("in the loader's cache")
	put(t, loaderCache, "\x00/gone/libcublas.so.13\x00")
	if e, _ := Current(); e.Dir != next {
		t.Errorf("a cache that is out of date: %+v", e)
	}
	linked(t, lib, "-Wl,-rpath,$ORIGIN/..")
	put(t, filepath.Join(lib, "..", "libcublas.so.13"), "")
	there("in its run path")
	linked(t, lib)
	put(t, filepath.Join(lib, "libcublas.so.13"), "")
	there("beside it")
}

// linked makes a backend that is linked with libcublas.so.13 and the driver, neither of which is there.
func linked(t *testing.T, dir string, flags ...string) {
	t.Helper()
	from := t.TempDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cc := func(args ...string) {
		if out, err := exec.Command("cc", append([]string{"-shared", "-fPIC", "-x", "c", "/dev/null", "-Wl,--no-as-needed"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, name := range []string{"libcublas.so.13", "libcuda.so.1"} {
		cc("-Wl,-soname,"+name, "-o", filepath.Join(from, name))
	}
	cc(append([]string{"-o", filepath.Join(dir, backendFile()), "-L" + from, "-l:libcublas.so.13", "-l:libcuda.so.1"}, flags...)...)
}
