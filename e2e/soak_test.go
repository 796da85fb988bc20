//go:build linux

package e2e

import (
	"flag"
	"fmt"
	"image/color"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"galago/e2e/desktop"
	"galago/e2e/soak"
)

var (
	soakMinutes = flag.Float64("soak.minutes", 0.5, "how long the soak in the window takes, minutes")
	soakSeed    = flag.Uint64("soak.seed", 1, "what it does")
)

// What the memory of both processes may grow in the window, in MiB an hour and MiB; see soak.Bound. Besides what the package
// soak says of its bounds, the window draws: textures, fonts' glyphs and the transcript's rows find their number.
const (
	soakSteady      = 20
	soakWindowCreep = 100 // Fyne keeps what it drew for a minute
	soakEngineCreep = 40
)

// windowSoak uses the real window at random.
type windowSoak struct {
	*galago
	r       *rand.Rand
	began   time.Time
	shape   string // that the open conversation is about; empty: none
	colour  string
	engine  int
	life    int
	did     map[string]int
	turns   int // of the open conversation
	shown   []soak.Point
	engines []soak.Point
	files   [2][]int // of window and engine
	bad     string
}

// TestSoakInTheWindow drops, asks, cancels, clears and kills in the real window, and watches the memory of both processes.
// What the package soak does without a window is much more; this adds what is drawn.
func TestSoakInTheWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	s := &windowSoak{galago: start(t, options{}), did: map[string]int{}, bad: filepath.Join(t.TempDir(), "text.png")}
	s.do(os.WriteFile(s.bad, []byte("This is no picture."), 0o600))
	s.began = time.Now()
	whole := time.Duration(*soakMinutes * float64(time.Minute))
	const between = 6 // steps from one look at memory to the next
	for n := 1; time.Since(s.began) < whole; n++ {
		s.r = rand.New(rand.NewPCG(*soakSeed, uint64(n)))
		s.step(n)
		if n%between == 0 {
			s.look(time.Since(s.began) > whole/4)
		}
	}
	s.judge()
}

// step does something. The first of all is a question about a picture.
func (s *windowSoak) step(n int) {
	const mostTurns = 5
	switch draw := s.r.IntN(30); {
	case n == 1 || s.shape == "" || s.turns >= mostTurns || draw < 8:
		s.count("ask", s.newPicture)
	case draw < 17:
		s.count("follow up", s.followUp)
	case draw < 23:
		s.count("cancel", s.cancelSoon)
	case draw < 25:
		s.count("drop what is no picture", s.dropBad)
	case draw < 28:
		s.count("free memory", func() { s.free(s.r.IntN(2)) })
	case draw < 29:
		s.count("unload", func() { s.free(memoryUnload) })
	default:
		s.count("kill the engine", s.killEngine)
	}
}

func (s *windowSoak) count(what string, do func()) {
	s.did[what]++
	do()
}

func (s *windowSoak) newPicture() {
	s.do(s.screen.Key('n', desktop.Control))
	colours := map[string]color.Color{"red": red, "blue": blue, "yellow": yellow}
	s.colour = []string{"red", "blue", "yellow"}[s.r.IntN(3)]
	c := colours[s.colour]
	s.shape = []string{"circle", "square", "star"}[s.r.IntN(3)]
	img := circle(c)
	switch s.shape {
	case "square":
		img = square(c)
	case "star":
		img = star(c)
	}
	s.attach(save(s.t, s.shape+".png", img))
	s.turns = 0
	s.followUp()
}

// followUp asks about shape or colour, and wants the right answer.
func (s *windowSoak) followUp() {
	s.turns++
	if s.r.IntN(2) == 0 {
		s.wantAnswer(s.ask("What shape is it?"), s.shape)
	} else {
		s.wantAnswer(s.ask("What colour is it?"), s.colour)
	}
}

// cancelSoon may come too late.
func (s *windowSoak) cancelSoon() {
	s.turns++
	turn := s.ask("Describe the picture.")
	s.do(s.screen.Key(desktop.Escape))
	e := s.turn(turn, "cancelled", "done", "failed")
	if e.State == "failed" {
		s.t.Errorf("a question that was cancelled failed: %s", e.Problem)
	}
	s.did["cancel: "+e.State]++
}

func (s *windowSoak) dropBad() {
	from := s.now()
	s.drop(s.bad)
	s.wait("the window says what is wrong", from, func(e event) bool {
		return e.Event == "attachments" && len(e.Items) > 0 && e.Items[len(e.Items)-1].Problem != ""
	})
	s.newPicture()
}

// free clicks an entry of the memory menu, and asks again afterwards: there is nothing to free before.
func (s *windowSoak) free(entry int) {
	s.memory(entry)
	s.followUp()
}

func (s *windowSoak) killEngine() {
	pid := s.worker()
	s.do(syscall.Kill(pid, syscall.SIGKILL))
	s.until("the engine is gone", func() bool { return !alive(pid) })
	s.newPicture()
}

// look measures both processes, after a question, so that what it takes is there.
func (s *windowSoak) look(counts bool) {
	s.newPicture()
	if pid := s.worker(); pid != s.engine {
		s.engine = pid
		s.life++
	}
	window, err := soak.UsageOf(s.cmd.Process.Pid)
	s.do(err)
	engine, err := soak.UsageOf(s.engine)
	s.do(err)
	if !counts {
		return
	}
	at := time.Since(s.began).Seconds()
	s.shown = append(s.shown, soak.Point{Life: 0, At: at, Value: window.PSS})
	s.engines = append(s.engines, soak.Point{Life: s.life, At: at, Value: engine.PSS})
	s.files[0], s.files[1] = append(s.files[0], window.Files), append(s.files[1], engine.Files)
}

func (s *windowSoak) judge() {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Soak in the window\n\nSeed %d, %.1f minutes: %v.\n", *soakSeed, *soakMinutes, s.did)
	for _, m := range []struct {
		name   string
		points []soak.Point
		creep  float64
	}{{"window", s.shown, soakWindowCreep}, {"engine", s.engines, soakEngineCreep}} {
		trend := soak.Fit(m.points)
		bound := soak.Bound(soakSteady, m.creep, trend.Span)
		first, last := 0.0, 0.0
		if n := len(m.points); n > 0 {
			first, last = m.points[0].Value, m.points[n-1].Value
		}
		say("- memory of the %s (PSS): %v; %.0f are allowed. First %.1f MiB, last %.1f MiB.", m.name, trend, bound, first, last)
		if trend.Above(bound) {
			s.t.Errorf("memory of the %s grows: %v, %.0f are allowed", m.name, trend, bound)
		}
	}
	for n, name := range []string{"window", "engine"} {
		list := s.files[n]
		if len(list) < 3 {
			continue
		}
		third := len(list) / 3
		early, late := slices.Max(list[:third]), slices.Min(list[len(list)-third:])
		say("- open files of the %s: up to %d at first, at least %d in the end.", name, early, late)
		if late > early {
			s.t.Errorf("open files of the %s: up to %d at first, at least %d in the end", name, early, late)
		}
	}
	s.t.Log(b.String())
	folder := filepath.Join(filepath.Dir(shots), "soak")
	s.do(os.MkdirAll(folder, 0o755))
	s.do(os.WriteFile(filepath.Join(folder, "window.md"), []byte(b.String()), 0o644))
}
