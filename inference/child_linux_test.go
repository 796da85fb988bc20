package inference

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// No worker survives its parent, whatever ends the parent.
func TestWorkerDiesWithItsParent(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	// The worker of "parent" ignores the end of its stdin, so that only the kernel can end it.
	parent := command("parent", fifoEnv+"="+fifo)
	stdout, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	worker, err := os.Open(fifo) // returns when the worker has opened it too
	if err != nil {
		t.Fatal(err)
	}
	defer worker.Close()
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	if _, err := io.Copy(io.Discard, worker); err != nil { // ends when the worker has ended
		t.Fatal(err)
	}
	t.Log("worker", strings.TrimSpace(line), "ended with its parent")
}
