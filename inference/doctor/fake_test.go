package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"galago/inference/protocol"
)

// The test binary impersonates the engine when this variable names a personality.
const fakeEnv = "GALAGO_DOCTOR_FAKE"

func TestMain(m *testing.M) {
	if who := os.Getenv(fakeEnv); who != "" {
		os.Exit(fake(who))
	}
	os.Exit(m.Run())
}

// fake is a worker of some kind.
func fake(who string) int {
	out := protocol.NewWriter(os.Stdout)
	hello := protocol.Hello{
		Version: protocol.Version, Engine: "1", Llama: "v1", System: "CPU : SSE3 = 1 | AVX = 0 | AVX2 = 1 | ",
		Devices: []protocol.Device{{Name: "CPU", Type: "CPU", Backend: "CPU", Description: "A CPU"}},
	}
	wait := func() { io.Copy(io.Discard, os.Stdin) }
	switch who {
	case "good":
	case "hang": // also when its input ends
		select {}
	case "garbage":
		fmt.Println("Usage: this is no engine, but it says a lot and then it stays, to see who waits for it.")
		select {}
	case "old":
		hello.Version = protocol.Version - 1
	case "refuses":
		hello.Llama, hello.Devices = "", nil
		out.Write(protocol.KindHello, hello)
		out.Write(protocol.KindFailed, protocol.Failed{
			Code: protocol.CodeEngineMissing, Op: "load llama.cpp's libraries from /home/anna/x",
			Detail: "libmtmd.so: cannot open shared object file",
		})
		return 5
	case "dies":
		fmt.Fprintln(os.Stderr, "one\nfatal error: it is anna's fault, says /home/anna/secret plans.txt\ngoroutine 1 [running]:\nmain.main()\n\t/x/y.go:1")
		return 3
	case "nothing":
		hello.Devices = nil
	case "other words":
		out.Write(protocol.KindDone, protocol.Done{})
		wait()
		return 0
	case "crash":
		if os.Getenv(protocol.CUDAEnv) != "" {
			fmt.Fprintln(os.Stderr, "the CUDA engine did it")
			return 1
		}
	default:
		if err := json.Unmarshal([]byte(who), &hello); err != nil {
			return 9
		}
		hello.Version = protocol.Version
	}
	out.Write(protocol.KindHello, hello)
	wait()
	return 0
}

// impersonate makes this test binary the engine.
func impersonate(t *testing.T, who string) (program string) {
	t.Helper()
	t.Setenv(fakeEnv, who)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// tree makes a file system. A value that begins with -> is a symbolic link.
func tree(t *testing.T, files map[string]string) host {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, ok := strings.CutPrefix(text, "->"); ok {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return host{root: root}
}

// findings are those that look makes on a machine.
func findings(t *testing.T, h host, look func(*exam)) []ranked {
	t.Helper()
	o := Options{root: h.root, people: anna, Llama: "v1", limits: limits{}.withDefaults(), Libraries: filepath.Join(h.root, "libs")}
	x := &exam{o: o, host: h, veil: newVeil(o)}
	look(x)
	for _, f := range x.list {
		explained := f.Problem != "" && f.Cure != ""
		if f.What == "" || explained != (f.Found == "" || f.Warning) {
			t.Errorf("neither found nor explained: %+v", f)
		}
	}
	return x.list
}

// about is the finding of that name, or the zero one.
func about(list []ranked, what string) Finding {
	for _, f := range list {
		if f.What == what {
			return f.Finding
		}
	}
	return Finding{}
}
