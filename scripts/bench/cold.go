//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
	"unicode"

	"galago/inference"
	"galago/inference/protocol"
)

// loadDemo and load2B measure how long a model takes to load, and the first answer of a program that was not running.
func loadDemo(b *bench) error {
	m, err := demo(b.options)
	if err != nil {
		return err
	}
	return b.load(m, 9)
}

func load2B(b *bench) error {
	if err := b.models(); err != nil {
		return err
	}
	return b.load(synth2B(b.options), 4)
}

func (b *bench) load(m model, passes int) error {
	return b.repeat(passes, 70*time.Second, func() error {
		b.stop()
		if err := b.fresh(); err != nil {
			return err
		}
		defer b.stop()
		if err := b.pair(m.id+"/first-cold", func(s side) (float64, error) {
			if err := forget(m.path, m.mmproj); err != nil {
				return 0, err
			}
			return b.started(s, m, turn{text: "Hello."})
		}); err != nil {
			return err
		}
		if err := remember(m.path, m.mmproj); err != nil {
			return err
		}
		if err := b.pair(m.id+"/load-warm", func(s side) (float64, error) {
			begin := time.Now()
			if err := s.launch(m); err != nil {
				return 0, err
			}
			defer s.quit()
			err := s.ready(b.ctx)
			return millis(time.Since(begin)), err
		}); err != nil {
			return err
		}
		return b.firstEver(m)
	})
}

// started is the milliseconds from before a side is started to the first text of its answer.
func (b *bench) started(s side, m model, t turn) (float64, error) {
	begin := time.Now()
	if err := s.launch(m); err != nil {
		return 0, err
	}
	defer s.quit()
	a, err := b.about(m)[s].ask(b.ctx, t.text, t.picture, briefly, nil)
	return millis(time.Since(begin) - (a.end - a.first)), err
}

// firstEver starts each program with a question about a picture that nobody knows.
func (b *bench) firstEver(m model) error {
	file := filepath.Join(b.scratch, "picture.jpg")
	picture := b.photo(320, 180)
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		return err
	}
	defer os.Remove(file)
	begin := time.Now()
	if err := b.mtmd(m, file); err != nil {
		return err
	}
	cli := millis(time.Since(begin))
	var ours float64
	err := b.pair(m.id+"/first-ever", func(s side) (float64, error) {
		took, err := b.started(s, m, turn{text: look, picture: picture})
		if s == side(b.ours) {
			ours = took
		}
		return took, err
	})
	b.keep(m.id+"/first-cli", ours, cli)
	return err
}

// mtmd runs llama-mtmd-cli until the first text of its answer.
func (b *bench) mtmd(m model, picture string) error {
	log, err := os.OpenFile(filepath.Join(b.scratch, "llama-mtmd-cli.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithCancel(b.ctx)
	cmd := exec.CommandContext(ctx, filepath.Join(b.peers, "llama-mtmd-cli"), append(peerFlags(m, b.threads),
		"--image", picture, "-p", look, "-n", "8", "--temp", "0", "--offline")...)
	if m.said != "" { // what Galago and the server take for a model without a template, this program must be told
		cmd.Args = append(cmd.Args, "--chat-template", "chatml")
	}
	cmd.Stderr = log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return err
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	for in := bufio.NewReader(out); ; {
		switch r, _, err := in.ReadRune(); {
		case err != nil:
			return fmt.Errorf("llama-mtmd-cli said nothing, see %s: %w", log.Name(), err)
		case !unicode.IsSpace(r):
			return nil
		}
	}
}

// cold comes back to a conversation after everything that takes it from memory.
func cold(b *bench) error {
	if err := b.models(); err != nil {
		return err
	}
	m := synth2B(b.options)
	if err := b.start(m); err != nil {
		return err
	}
	b.theirs.quit()
	b.model = model{} // one of both runs: nobody else can use them
	defer b.stop()
	return b.repeat(3, 100*time.Second, func() error { return b.coldPass(m) })
}

func (b *bench) coldPass(m model) error {
	ours, theirs := b.ours, b.theirs
	t := b.about(m)[ours]
	if _, err := t.ask(b.ctx, look, b.photo(640, 360), briefly, nil); err != nil {
		return err
	}
	// What is asked again below then differs in its last words alone.
	if _, err := t.ask(b.ctx, follow+" 0", nil, briefly, nil); err != nil {
		return err
	}
	t.back(true)
	asked := 0
	comeBack := func(from time.Time) (float64, error) {
		asked++
		a, err := t.ask(b.ctx, fmt.Sprintf("%s %d", follow, asked), nil, briefly, nil)
		took := millis(time.Since(from) - (a.end - a.first))
		fmt.Printf("reused %d of %d; %.1f ms of %.1f inside the worker\n", a.reused, a.prompt, millis(a.inside), took)
		t.back(true)
		ours.settle(b.ctx)
		return took, err
	}
	ours.settle(b.ctx)
	var took [4]float64
	rows := []string{"cold/free", "cold/unload", "cold/crash", "cold/restart"}
	for i, away := range []func() (time.Time, error){
		func() (time.Time, error) {
			_, err := ours.service.Clear(b.ctx, protocol.FreeWorking)
			return time.Now(), err
		},
		func() (time.Time, error) {
			_, err := ours.service.Unload(b.ctx)
			return time.Now(), err
		},
		func() (time.Time, error) { return ours.crash(b.ctx) },
		func() (time.Time, error) {
			ours.quit()
			return time.Now(), ours.launch(m)
		},
	} {
		begin, err := away()
		if err != nil {
			return err
		}
		if took[i], err = comeBack(begin); err != nil {
			return err
		}
	}
	if err := theirs.launch(m); err != nil {
		return err
	}
	defer theirs.quit()
	begin := time.Now()
	a, err := theirs.ask(b.ctx, question{turns: append(t.turns, turn{"user", follow + " 5", nil}), tokens: briefly})
	peer := millis(time.Since(begin) - (a.end - a.first))
	for i, row := range rows {
		b.keep(row, took[i], peer)
	}
	if err == nil {
		err = b.results.save()
	}
	return err
}

// crash ends the worker as a fault would, and returns when, as soon as a new one is on its way.
func (g *galago) crash(ctx context.Context) (time.Time, error) {
	pid := g.process()
	begin := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return begin, err
	}
	return begin, g.until(ctx, func(s inference.Status) bool { return s.PID != pid })
}

// settle waits until the worker has put aside what it wants to: it does so two seconds after the last answer, and would take
// the time from whoever is measured then. A person who reads an answer takes as long.
func (g *galago) settle(ctx context.Context) {
	work := func() float64 { return of(g.process(), "io", "wchar") + of(g.process(), "schedstat", "") }
	select {
	case <-ctx.Done():
	case <-time.After(2200 * time.Millisecond):
	}
	for before, now := -1.0, work(); before != now && ctx.Err() == nil; {
		time.Sleep(150 * time.Millisecond)
		before, now = now, work()
	}
}
