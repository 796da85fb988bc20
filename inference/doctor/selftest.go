package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"galago/assets"
	"galago/inference"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/vram"
)

// The question of the self-test, about a sample picture whose content is known. Its answer is long enough to tell a
// speed from.
const (
	sampleFile = "shapes.png"
	question   = "Describe the picture."
	mostTokens = 64
)

// sampleShows is what the right answer names. One may be missing: the model is small. With red and blue swapped, or
// with any other fault of what it sees, more are.
var sampleShows = []string{"red circle", "yellow star", "blue square", "green triangle", "purple heart"}

func right(answer string) bool {
	answer, named := strings.ToLower(answer), 0
	for _, thing := range sampleShows {
		if strings.Contains(answer, thing) {
			named++
		}
	}
	return named >= len(sampleShows)-1
}

func samplePicture() (*vision.Picture, error) {
	for _, s := range assets.Samples() {
		if s.File == sampleFile {
			return vision.Decode(s.File, s.Data)
		}
	}
	return nil, errors.New("the sample picture is missing from this program")
}

// selfTest loads a model, shows it a picture and lets it answer, as the window would: through the inference service.
func (x *exam) selfTest(ctx context.Context) {
	t := &Test{}
	x.test = t
	model, err := x.testModel()
	if err != nil {
		t.Failed = capital(sentence(err.Error()))
		return
	}
	picture, err := samplePicture()
	if err != nil {
		t.Failed = capital(sentence(err.Error()))
		return
	}
	limited, cancel := context.WithTimeoutCause(ctx, x.limit(), errSlow)
	defer cancel()
	before := x.look(limited)
	service := inference.New(inference.Options{
		Engine: x.o.Engine, Device: inference.CardMemory, Env: x.withEngine, StopGrace: 100 * time.Millisecond,
	})
	defer service.Close()
	r := run{exam: x, test: t, service: service, model: model}
	if err := r.do(limited, picture); err != nil {
		x.testFailed(ctx, err, &r)
	}
	if ctx.Err() == nil {
		r.account(ctx, before)
		x.whySlow(&r)
	}
}

var errSlow = errors.New("the self-test's time is over")

func (x *exam) limit() time.Duration {
	switch {
	case x.o.Limit > 0:
		return x.o.Limit
	case x.o.Model != "":
		return OwnLimit
	}
	return DefaultLimit
}

// testModel is the built-in model, or the one that was named.
func (x *exam) testModel() (inference.Model, error) {
	m := inference.Model{Path: x.o.Model, MMProj: x.o.MMProj}
	if x.o.CPU {
		m.GPULayers = -1
	}
	demo := assets.Demo{}
	if x.o.Model != "" {
		x.test.Model = "the model that was named"
		x.veil.secret(x.o.Model, x.o.MMProj)
		m.Path, m.MMProj = absolute(m.Path), absolute(m.MMProj)
		x.veil.secret(m.Path, m.MMProj)
		if demo, _ = assets.Beside(m.Path, m.MMProj); demo.Model == "" {
			return m, nil
		}
	} else {
		var err error
		if demo, err = assets.DemoModel(); err != nil {
			return m, err
		}
		x.test.Model, x.test.Judged = "built-in model, "+demo.Name, true
	}
	m.Name, m.Path, m.MMProj, m.Context = demo.Name, demo.Model, demo.MMProj, demo.Context
	m.ImageMinTokens, m.ImageMaxTokens = demo.ImageMin, demo.ImageMax
	return m, nil
}

func absolute(path string) string {
	if whole, err := filepath.Abs(path); err == nil && path != "" {
		return whole
	}
	return path
}

// look reads the first card, which is the one that the service takes; without one it is the zero Card.
func (x *exam) look(ctx context.Context) vram.Card {
	if !x.hasCard() {
		return vram.Card{}
	}
	card, _ := vram.Look(ctx, "")
	return card
}

// run is one self-test under way.
type run struct {
	*exam
	test    *Test
	service *inference.Service
	model   inference.Model
	status  inference.Status // when it was last looked at
	stats   protocol.Stats
	step    Step // that was reached
	before  effort
	after   effort
}

func (r *run) reach(s Step) {
	r.step = s
	r.o.Step(s)
}

// do loads, asks and waits for the answer.
func (r *run) do(ctx context.Context, picture *vision.Picture) error {
	r.reach(StepLoad)
	begin := time.Now()
	r.service.Open(r.model)
	status, err := inference.WaitReady(ctx, r.service)
	r.status = status
	if err != nil {
		return err
	}
	r.test.LoadMs = millis(time.Since(begin))
	r.test.Device = status.Loaded.Device
	r.test.Layers, r.test.GPULayers = status.Loaded.Layers, status.Loaded.GPULayers
	if !r.test.Judged {
		r.veil.word(status.Loaded.Name)
		if status.Facts != nil {
			r.test.Model += ": " + describe(status.Facts)
		}
	}
	request := inference.Request{Messages: []inference.Message{{Role: "user", Text: question}}, MaxTokens: mostTokens}
	if status.Loaded.Vision.Enabled {
		request.Messages[0].Images = inference.Images(picture)
	} else {
		request.Messages[0].Text = "Count from one to twenty in words."
	}
	r.before = r.host.effort(status.PID)
	asked := time.Now()
	steps := make(chan Step, 8) // the callback must not wait
	answered := make(chan error, 1)
	var answer inference.Answer
	go func() {
		var err error
		answer, err = inference.Ask(ctx, r.service, request, func(e inference.Event) {
			next := Step("")
			switch {
			case e.Kind == inference.Progress && e.Progress.Phase == protocol.PhaseEncode:
				next = StepPicture
			case e.Kind == inference.Delta:
				next = StepAnswer
			default:
				return
			}
			select {
			case steps <- next:
			default: // they repeat
			}
		})
		answered <- err
	}()
	for {
		select {
		case s := <-steps:
			r.pass(s, asked)
			continue
		case err = <-answered:
		}
		break
	}
	for len(steps) > 0 {
		r.pass(<-steps, asked)
	}
	if err != nil {
		return err
	}
	st := answer.Stats
	r.stats = st
	r.after = r.host.effort(status.PID)
	r.test.PictureMs, r.test.FirstTokenMs, r.test.TokensPerSec = st.EncodeMillis, st.FirstToken, st.TokensPerSec
	r.test.PictureTokens, r.test.AnswerTokens = st.ImageTokens, st.AnswerTokens
	r.test.Right = r.test.Judged && right(answer.Text)
	return nil
}

// pass takes note of a step that the answer reached.
func (r *run) pass(s Step, asked time.Time) {
	if s == r.step || r.step == StepAnswer {
		return
	}
	if s == StepAnswer {
		r.test.FirstTokenMs = millis(time.Since(asked))
	}
	r.reach(s)
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// account asks ggml, the driver and the system where the engine's memory is.
func (r *run) account(ctx context.Context, before vram.Card) {
	if now, ok := within(ctx, time.Second, func() inference.Status {
		told := make(chan inference.Status, 1)
		stop := r.service.Watch(func(s inference.Status) {
			select {
			case told <- s:
			default:
			}
		})
		defer stop()
		return <-told
	}); ok && now.Err == nil {
		r.status = now
	}
	for _, m := range r.status.Memory {
		if m.Device == "CPU" {
			r.test.SystemBytes += m.Bytes
			continue
		}
		r.test.GPUBytes += m.Bytes
		if m.Part == protocol.PartVision && m.Bytes > 0 {
			r.test.VisionOnGPU = true
		}
	}
	if pid := r.status.PID; pid > 0 {
		r.test.ResidentBytes, _ = vram.Resident(pid)
	}
	if before.Total > 0 {
		if now := r.look(ctx); now.Total > 0 {
			r.test.GrownBytes = before.Free - min(before.Free, now.Free)
		}
	}
}

// testFailed says why, and how far it came.
func (x *exam) testFailed(ctx context.Context, err error, r *run) {
	if ctx.Err() != nil {
		return
	}
	if inference.CodeOf(err) == protocol.CodeCancelled {
		x.test.Failed = fmt.Sprintf("The test was ended after %.0f s, while %s. A machine that is this slow, or this busy, will be slow with every model.",
			x.limit().Seconds(), doing(r.step))
		if x.o.Model != "" {
			x.test.Failed = fmt.Sprintf("The test was ended after %.0f s, while %s. The model is too large for this machine, or the disk too slow.",
				x.limit().Seconds(), doing(r.step))
		}
		return
	}
	e := inference.Explain(err)
	said := e.Title + ". " + sentence(e.Text)
	if lines := telling(e.Detail); lines != "" {
		said += " The engine says: " + lines
	}
	x.test.Failed = said
}

func doing(s Step) string {
	switch s {
	case StepPicture:
		return "it looked at the picture"
	case StepAnswer:
		return "it answered"
	case StepLoad:
		return "the model was loading"
	}
	return "it was beginning"
}

const tellingLines = 4

// telling picks the lines of a log that say what went wrong. What a model's file says of itself is left out.
func telling(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		line, low := strings.TrimSpace(line), strings.ToLower(line)
		if strings.Contains(low, "- kv") || strings.Contains(low, "general.") || strings.Contains(low, "print_info") {
			continue
		}
		for _, sign := range []string{"error", "fail", "unable", "cannot", "could not", "missing", "unknown", "unsupported", "invalid", "out of memory", "abort", "signal", "exit status"} {
			if strings.Contains(low, sign) {
				lines = append(lines, line)
				break
			}
		}
	}
	return strings.Join(lines[max(0, len(lines)-tellingLines):], " / ")
}

// effort is what the system counted of a process, and of itself, so far.
type effort struct {
	ran, waited time.Duration // of all its threads: on a processor, and ready but without one
	swaps       uint64        // pages
	heats       uint64
	known       bool
}

func (h host) effort(pid int) effort {
	e := effort{swaps: h.swaps(), heats: h.heats()}
	if h.root != "" || pid <= 0 {
		return e
	}
	for _, f := range h.glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid)) {
		data, _ := os.ReadFile(f)
		var ran, waited int64
		if n, _ := fmt.Sscan(string(data), &ran, &waited); n == 2 {
			e.ran += time.Duration(ran)
			e.waited += time.Duration(waited)
			e.known = true
		}
	}
	return e
}
