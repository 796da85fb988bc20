package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
)

// load is a ballast that holds memory.
type load struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

// hold starts a ballast and returns when it holds all of the card but leave bytes.
func hold(ctx context.Context, program string, leave uint64) (*load, error) {
	cmd := exec.CommandContext(ctx, program, strconv.FormatUint(leave, 10))
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the ballast does not start: %w", err)
	}
	l := &load{cmd: cmd, stdin: in}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		l.drop()
		return nil, errors.New("the ballast ended before it held anything; its words are above")
	}
	return l, nil
}

// drop ends it. Dropping nothing is allowed.
func (l *load) drop() {
	if l == nil {
		return
	}
	l.stdin.Close()
	l.cmd.Wait()
}
