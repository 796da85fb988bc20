package vram

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// sharedTestEnv makes a child tell the system memory that cards use for the process named in it, once for each line that
// comes.
const sharedTestEnv = "GALAGO_VRAM_TEST_SHARED"

func sharingChild() {
	pid, _ := strconv.Atoi(os.Getenv(sharedTestEnv))
	if pid == 0 {
		pid = os.Getpid()
	}
	r, err := openShared()
	if err != nil {
		fmt.Println("open:", err)
		return
	}
	defer r.close()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		bytes, err := r.read(pid)
		fmt.Println(bytes, err)
	}
}

// sharing is such a child; next has it look once more.
type sharing struct {
	t      *testing.T
	script string
	in     io.WriteCloser
	out    *bufio.Scanner
}

func startSharing(t *testing.T, pid int, script string) *sharing {
	t.Helper()
	s := &sharing{t: t, script: filepath.Join(t.TempDir(), "script")}
	s.write(script)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), sharedTestEnv+"="+strconv.Itoa(pid), fakeEnv+"="+fake(t, nil), "FAKE_PDH_SCRIPT="+s.script)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	s.in, s.out = in, bufio.NewScanner(out)
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return s
}

func (s *sharing) write(script string) {
	s.t.Helper()
	if err := os.WriteFile(s.script, []byte(script), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sharing) next() string {
	s.t.Helper()
	fmt.Fprintln(s.in) // of a child that gave up, the line that it left is read
	if !s.out.Scan() {
		s.t.Fatal("the child said no more")
	}
	return s.out.Text()
}

func TestSharedMemoryOfAProcess(t *testing.T) {
	s := startSharing(t, 0, "shared self 300\nshared 4 7000\nshared self 20\n")
	for _, step := range []struct {
		script string
		want   uint64
	}{
		{"shared self 300\nshared 4 7000\nshared self 20\n", 320},
		{strings.Repeat("shared 8 1\n", 60) + "shared self 2048\n", 2048}, // more programs than there was room for
		{"shared 4 7000\n", 0},
		{"", 0},
		{"shared self 1\n", 1},
	} {
		s.write(step.script)
		if got, want := s.next(), fmt.Sprint(step.want<<20, " <nil>"); got != want {
			t.Errorf("%q: %s, want %s", step.script, got, want)
		}
	}
	s.write("shared self 1\nfail PdhCollectQueryData\n")
	if got := s.next(); !strings.Contains(got, "0xc0000bbd") {
		t.Errorf("a failure is told as %s", got)
	}
}

func TestSharedMemoryOfAnotherProcessWithANumberThatBeginsAlike(t *testing.T) {
	s := startSharing(t, 12, "shared 1234 50\nshared 123 20\nshared 12 3\n")
	if got := s.next(); got != fmt.Sprint(3<<20, " <nil>") {
		t.Error(got)
	}
}

func TestSystemsWithoutTheCounter(t *testing.T) {
	for script, want := range map[string]string{"none": "0xc0000bb8", "fail PdhOpenQueryW": "0xc0000bbd"} {
		if got := startSharing(t, 0, script+"\n").next(); !strings.HasPrefix(got, "open: ") || !strings.Contains(got, want) {
			t.Errorf("%s: %s", script, got)
		}
	}
}
