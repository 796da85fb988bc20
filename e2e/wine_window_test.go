//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"galago/e2e/desktop"
	"galago/e2e/slowengine"
)

func TestWindowsDropAPictureAskAndAskAgain(t *testing.T) {
	g := startWindows(t, options{}, nil)
	picture := copied(t, save(t, "circle.png", circle(red)), filepath.Join(g.home, "Pictures", "ein Kreis ü.png"))
	g.attach(picture)
	first := g.wantAnswer(g.ask("What shape is it?"), "circle")
	if !figure(first, "picture token") {
		t.Errorf("figures %q do not say what the picture cost", first.Figures)
	}
	again := g.wantAnswer(g.ask("And what colour is it?"), "red")
	if !figure(again, "reused") {
		t.Errorf("figures %q of a follow-up do not say that the picture was reused", again.Figures)
	}
	g.shot("windows-answered")

	// Several at once, from a drive other than C:.
	from := g.now()
	g.drop(save(t, "square.png", square(blue)), save(t, "star.png", star(yellow)))
	g.wait("both pictures are in the composer", from, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) == 2 && e.Items[0].Info != "" && e.Items[1].Info != ""
	})
	g.wantAnswer(g.ask("What is in the second picture?"), "star")
	g.shot("windows-two-pictures")
}

// The program is opened with a picture whose path is long and in no code page; afterwards it is started once more, and the
// conversation is there.
func TestWindowsOpenedWithAPictureAndOnceMore(t *testing.T) {
	g := startWindows(t, options{}, func(w *wine) []string {
		to := filepath.Join(w.prefix, "drive_c", "Bilder 图片", strings.Repeat("a", 120), strings.Repeat("b", 120)+".png")
		return []string{w.path(copied(t, save(t, "square.png", square(blue)), to))}
	})
	g.wait("the picture is in the composer", 0, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) == 1 && strings.HasPrefix(e.Items[0].Name, "bbb") && e.Items[0].Info != ""
	})
	g.wantAnswer(g.ask("What colour is the square?"), "blue")
	g.do(g.screen.Key(desktop.F4, desktop.Alt))
	g.left()
	if state := g.cmd.ProcessState; !state.Success() {
		t.Errorf("the window ended with %v: %s", state, g.stderr.Bytes())
	}
	g.noEngine()

	g = g.again()
	g.until("a window opens", g.opened)
	g.wait("the conversation is there", 0, func(e event) bool { return e.Event == "conversations" && len(e.Items) == 1 })
	g.loaded()
}

// noEngine waits until no engine is left of a window that has ended.
func (g *galago) noEngine() {
	g.t.Helper()
	g.do(desktop.Until(patience, "no engine is left", func() bool { return len(g.wine.engines()) == 0 }))
}

func TestWindowsNoEngineSurvivesTheWindow(t *testing.T) {
	g := startWindows(t, options{slow: true}, nil)
	for i, c := range []struct {
		name string
		end  func(g *galago) error
	}{
		{"killed", func(g *galago) error { return g.cmd.Process.Kill() }},
		{"ended by taskkill", func(g *galago) error {
			_, problem, status := g.wine.run("taskkill.exe", "/f", "/im", "galago.exe")
			if status != 0 {
				t.Errorf("taskkill ended with %d: %s", status, problem)
			}
			return nil
		}},
	} {
		if i > 0 {
			g = g.again()
			g.until(c.name+": a window opens", g.opened)
			g.loaded()
		}
		engine := g.worker()
		g.turn(g.ask(slowengine.AskHang), "streaming")
		g.do(c.end(g))
		g.left()
		g.noEngine()
		if alive(engine) {
			t.Errorf("%s: the engine %d is still there", c.name, engine)
		}
	}
}

func TestWindowsCancelQueueAndAnEngineThatDies(t *testing.T) {
	g := startWindows(t, options{slow: true}, nil)
	engine := g.worker()
	long := g.ask(slowengine.AskCount)
	g.turn(long, "streaming")
	second := g.ask("second")
	g.wait("a question waits", 0, func(e event) bool { return e.Event == "queue" && e.Waiting == 1 })
	if e := g.cancel(long); e.State != "cancelled" || !strings.HasPrefix(e.Answer, "1 ") {
		t.Errorf("the cancelled answer: %+v", e)
	}
	g.wantSlow(second)
	if now := g.worker(); now != engine {
		t.Errorf("the engine that cancels politely was replaced: %d, then %d", engine, now)
	}

	g.do(g.screen.Key('n', desktop.Control)) // a new chat, with one turn
	turn := g.ask(slowengine.AskCount)
	g.wait("some words of the answer", 0, func(e event) bool {
		return e.Event == "turn" && e.ID == turn && e.State == "streaming" && says(e.Answer, "3")
	})
	g.do(syscall.Kill(engine, syscall.SIGKILL))
	e := g.turn(turn, "failed", "done", "cancelled")
	if e.State != "failed" || !strings.HasPrefix(e.Answer, "1 2 3") {
		t.Errorf("the answer that was cut off: %+v", e)
	}
	if text := string(e.Problem); !says(text, "engine") {
		t.Errorf("the message: %s", text)
	}
	g.shot("windows-engine-killed")
	retried := g.now()
	g.retry(turn)
	g.turnFrom(retried, turn, "streaming")
	g.cancel(turn)
	g.wantSlow(g.ask("still there?"))
	if now := g.worker(); now == engine {
		t.Error("the engine was not replaced")
	}
}

func TestWindowsGaugeShowsTheCard(t *testing.T) {
	g := startWindows(t, options{slow: true, prepare: func(prefix string) error {
		dir := filepath.Join(prefix, "fake-nvml")
		if out, err := exec.Command("../scripts/fake-nvml.sh", dir).CombinedOutput(); err != nil {
			t.Fatalf("the fake NVML does not build: %v\n%s", err, out)
		}
		dll, err := os.ReadFile(filepath.Join(dir, "nvml.dll"))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(prefix, "drive_c", "nvml.txt"), []byte(nvmlScript), 0o644); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(prefix, "drive_c", "windows", "system32", "nvml.dll"), dll, 0o755)
	}, env: []string{`FAKE_NVML_SCRIPT=C:\nvml.txt`}}, nil)
	e := g.wait("the gauge shows the card", 0, func(e event) bool { return e.Event == "gauge" && says(e.Name, "rtx 3050") })
	if e.Total != 6144<<20 {
		t.Errorf("the gauge's total is %d MiB", e.Total>>20)
	}
	g.wait("the gauge follows", 0, func(e event) bool { return e.Event == "gauge" && e.Used >= 4200<<20 })
	g.shot("windows-gauge-gpu")
}
