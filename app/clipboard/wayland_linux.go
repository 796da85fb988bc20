package clipboard

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// readWayland asks wl-paste, where there is one, for what XWayland did not pass on.
func readWayland(ctx context.Context) ([]byte, error) {
	program, err := exec.LookPath("wl-paste")
	if err != nil || os.Getenv("WAYLAND_DISPLAY") == "" {
		return nil, ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	list, err := output(ctx, 1<<16, program, "--list-types")
	if err != nil {
		return nil, nil // nothing is copied
	}
	offered := map[string]bool{}
	for line := range strings.Lines(string(list)) {
		offered[strings.TrimSpace(line)] = true
	}
	kind := pick(offered)
	if kind == "" {
		return nil, nil
	}
	return output(ctx, MaxBytes, program, "--no-newline", "--type", kind)
}

// output runs a program and takes at most so many bytes of what it says.
func output(ctx context.Context, most int64, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	n, err := io.Copy(&b, io.LimitReader(out, most+1))
	if n > most {
		_ = cmd.Process.Kill()
		err = ErrLarge
	}
	return b.Bytes(), errors.Join(err, cmd.Wait())
}
