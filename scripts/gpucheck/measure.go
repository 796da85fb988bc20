package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"galago/inference"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/vram"
)

// meter says what the engine holds where the model is: pid is its worker, 0 for none.
type meter func(pid int) uint64

// findPlace is the first card, or system memory where there is none.
func findPlace() (plan.Device, meter) {
	card, _, ok := inference.CardMemory("", 0)
	if !ok {
		resident := func(pid int) uint64 {
			n, err := vram.Resident(pid)
			if err != nil {
				return 0
			}
			return n
		}
		return plan.Device{Name: "system memory", Total: vram.System(), Free: vram.Available()}, resident
	}
	return card, func(int) uint64 {
		now, _, ok := inference.CardMemory(card.UUID, 0)
		if !ok {
			return 0
		}
		return now.Total - now.Free
	}
}

// rig is what one model is measured with.
type rig struct {
	engine  string
	ballast string // program; empty: none
	meter   meter
	card    plan.Device
	size    uint64 // bytes of the card that is imitated; 0: the card as it is
	log     io.Writer
}

// line is one part of the budget.
type line struct {
	part     vram.Part
	formula  uint64 // from the header alone
	planned  uint64 // as the service planned it, after a dry run
	origin   vram.Origin
	measured uint64
}

// cancelled is how long a cancel took in one phase.
type cancelled struct {
	phase string
	told  time.Duration // until the person saw it
	ready time.Duration // until the next question could be answered
}

// result is what was found with one model on one size of card.
type result struct {
	model    string
	card     uint64 // bytes
	settings plan.Settings
	lines    []line
	peak     uint64 // highest growth while five questions were asked at once
	answers  int    // of those five
	cleared  []inference.Cleared
	cancels  []cancelled
	forced   string // what happened when memory ran out on purpose; empty: not tried
}

const questions = 5 // asked at once

// measure goes through everything with one model.
func (r rig) measure(ctx context.Context, m inference.Model) (result, error) {
	fmt.Fprintf(r.log, "%s, %s\n", m.Name, gib(r.size))
	out := result{model: m.Name, card: r.size}
	if r.size > 0 && r.ballast != "" {
		weight, err := hold(ctx, r.ballast, r.size)
		if err != nil {
			return out, err
		}
		defer weight.drop()
	}
	idle := r.meter(0)
	grown := func(pid int) uint64 { n := r.meter(pid); return n - min(n, idle) }

	o := inference.Options{Engine: r.engine}
	if r.card.GPU() {
		o.Device = r.look
	}
	s := inference.New(o)
	defer s.Close()
	m.Force = true // a plan that is wrong must show, not stop
	s.Open(m)
	st, err := inference.WaitReady(ctx, s)
	if err != nil {
		return out, explained(err)
	}
	out.settings = st.Settings
	pictures, err := testPictures(questions+2, st.Loaded.Vision)
	if err != nil {
		return out, err
	}
	if out.peak, out.answers, err = r.together(ctx, s, st, pictures[:questions], grown); err != nil {
		return out, err
	}
	if st, err = inference.WaitReady(ctx, s); err != nil {
		return out, explained(err)
	}
	out.lines = compare(st, grown(st.PID))
	if out.cancels, err = cancels(ctx, s, m, pictures[questions:]); err != nil {
		return out, err
	}
	if out.cleared, err = clearings(ctx, s); err != nil {
		return out, err
	}
	if r.card.GPU() && r.ballast != "" {
		out.forced, err = r.runOut(ctx, s, pictures[0])
	}
	return out, err
}

// look is inference.CardMemory for the card that is imitated: what the ballast holds does not exist.
func (r rig) look(uuid string, pid int) (d plan.Device, used uint64, ok bool) {
	d, used, ok = inference.CardMemory(uuid, pid)
	if r.size > 0 && r.ballast != "" {
		d.Total = min(d.Total, r.size)
		d.Free = min(d.Free, d.Total)
	}
	return d, used, ok
}

// explained is an error as a person reads it.
func explained(err error) error {
	x := inference.Explain(err)
	var e *inference.Error
	detail := ""
	if errors.As(err, &e) && e.Detail != "" {
		detail = "\n" + e.Detail
	}
	return fmt.Errorf("%s. %s%s", x.Title, x.Text, detail)
}

// testPictures are pictures of noise, each another, that take as many tokens as the model gives a picture.
func testPictures(n int, v protocol.Vision) ([]inference.Image, error) {
	folder, err := os.MkdirTemp("", "gpucheck")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	side := 512
	for v.Factor > 0 && side < 4096 && (side/v.Factor)*(side/v.Factor) < v.MaxTokens {
		side += v.Factor
	}
	noise := rand.New(rand.NewPCG(5, 6))
	var list []inference.Image
	for i := range n {
		img := image.NewGray(image.Rect(0, 0, side, side))
		for p := range img.Pix {
			img.Pix[p] = byte(noise.Uint32())
		}
		path := filepath.Join(folder, fmt.Sprint(i, ".png"))
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		if err := errors.Join((&png.Encoder{CompressionLevel: png.NoCompression}).Encode(f, img), f.Close()); err != nil {
			return nil, err
		}
		picture, err := vision.Open(path)
		if err != nil {
			return nil, err
		}
		list = append(list, inference.Image{Picture: picture, Detail: inference.DetailHigh})
	}
	return list, nil
}

func about(p inference.Image, text string, tokens int) inference.Request {
	return inference.Request{
		Messages:  []inference.Message{{Role: "user", Text: text, Images: []inference.Image{p}}},
		MaxTokens: tokens,
	}
}

// together asks about all pictures at once, and watches memory meanwhile.
func (r rig) together(ctx context.Context, s *inference.Service, st inference.Status, pictures []inference.Image, grown meter) (peak uint64, answers int, err error) {
	stop := make(chan struct{})
	var watching, asking sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, grown(st.PID))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	errs := make([]error, len(pictures))
	for i, p := range pictures {
		asking.Go(func() {
			_, errs[i] = inference.Ask(ctx, s, about(p, "What is this?", 8), nil)
		})
	}
	asking.Wait()
	close(stop)
	watching.Wait()
	for _, e := range errs {
		if e == nil {
			answers++
		} else {
			err = explained(e)
		}
	}
	return peak, answers, err
}

// compare puts what was planned beside what the engine says that it holds, and what the card says beyond that.
func compare(st inference.Status, grown uint64) []line {
	formula := st.Facts.Budget(st.Settings, st.Device, plan.Known{})
	held := map[vram.Part]uint64{}
	sum := uint64(0)
	for _, m := range st.Memory {
		if (m.Device != "CPU") == st.Device.GPU() {
			held[vram.Part(m.Part)] += m.Bytes
			sum += m.Bytes
		}
	}
	held[vram.PartRuntime] = held[vram.Part(protocol.PartPool)] + grown - min(grown, sum)
	var lines []line
	for _, l := range st.Budget.Lines {
		switch l.Part {
		case vram.PartWindow, vram.PartOthers, vram.PartMargin:
			continue
		}
		lines = append(lines, line{l.Part, formula.Of(l.Part), l.Bytes, l.Origin, held[l.Part]})
	}
	return lines
}

// cancels cancels a question in each phase, and at last the load.
func cancels(ctx context.Context, s *inference.Service, m inference.Model, pictures []inference.Image) ([]cancelled, error) {
	long := strings.Repeat("Please look closely. ", 60)
	var list []cancelled
	for i, c := range []struct {
		name string
		when func(inference.Event) bool
	}{
		{"picture", func(e inference.Event) bool {
			return e.Kind == inference.Progress && e.Progress.Phase == protocol.PhaseEncode
		}},
		{"prompt", func(e inference.Event) bool {
			return e.Kind == inference.Progress && e.Progress.Phase == protocol.PhasePrompt
		}},
		{"answer", func(e inference.Event) bool { return e.Kind == inference.Delta }},
	} {
		one, err := cancelWhen(ctx, s, about(pictures[i%len(pictures)], fmt.Sprint(i, long), 400), c.when)
		if err != nil {
			return nil, fmt.Errorf("cancelling in the phase %q: %w", c.name, err)
		}
		one.phase = c.name
		list = append(list, one)
	}
	one, err := cancelLoad(ctx, s, m)
	return append(list, one), err
}

func cancelWhen(ctx context.Context, s *inference.Service, r inference.Request, when func(inference.Event) bool) (cancelled, error) {
	ask, cancel := context.WithCancel(ctx)
	defer cancel()
	var at time.Time // owned by the service's goroutine until Ask returns
	_, err := inference.Ask(ask, s, r, func(e inference.Event) {
		if at.IsZero() && when(e) {
			at = time.Now()
			cancel()
		}
	})
	if inference.CodeOf(err) != protocol.CodeCancelled {
		return cancelled{}, fmt.Errorf("it ended before: %v", err)
	}
	c := cancelled{told: time.Since(at)}
	err = waitFor(ctx, s, inference.StateReady)
	c.ready = time.Since(at)
	return c, err
}

// cancelLoad opens the model again, stops that, and loads it after all.
func cancelLoad(ctx context.Context, s *inference.Service, m inference.Model) (cancelled, error) {
	s.Open(m)
	if err := waitFor(ctx, s, inference.StateLoading); err != nil {
		return cancelled{}, err
	}
	at := time.Now()
	s.Open(inference.Model{})
	err := waitFor(ctx, s, inference.StateStopped)
	c := cancelled{phase: "load", told: time.Since(at)}
	s.Open(m)
	if _, ready := inference.WaitReady(ctx, s); err == nil && ready != nil {
		err = explained(ready)
	}
	c.ready = time.Since(at)
	return c, err
}

// waitFor waits until the service is in a state.
func waitFor(ctx context.Context, s *inference.Service, want inference.State) error {
	there := make(chan struct{}, 1)
	stop := s.Watch(func(st inference.Status) {
		if st.State == want {
			select {
			case there <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	select {
	case <-there:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// clearings presses each memory button.
func clearings(ctx context.Context, s *inference.Service) ([]inference.Cleared, error) {
	var list []inference.Cleared
	for _, press := range []func() (inference.Cleared, error){
		func() (inference.Cleared, error) { return s.Clear(ctx, protocol.ForgetCache) },
		func() (inference.Cleared, error) { return s.Clear(ctx, protocol.FreeWorking) },
		func() (inference.Cleared, error) { return s.Unload(ctx) },
	} {
		c, err := press()
		if err != nil {
			return list, explained(err)
		}
		list = append(list, c)
	}
	return list, nil
}

// runOut takes nearly all that is left on the card while the model's working memory is given back, and asks.
func (r rig) runOut(ctx context.Context, s *inference.Service, p inference.Image) (string, error) {
	if _, err := inference.Ask(ctx, s, about(p, "Are you there?", 4), nil); err != nil { // after Unload it loads again
		return "", explained(err)
	}
	if _, err := s.Clear(ctx, protocol.FreeWorking); err != nil {
		return "", explained(err)
	}
	weight, err := hold(ctx, r.ballast, 64<<20)
	if err != nil {
		return "", err
	}
	defer weight.drop()
	var said []string
	_, err = inference.Ask(ctx, s, about(p, "And now?", 4), func(e inference.Event) {
		if e.Kind == inference.Notice {
			said = append(said, e.Text)
		}
	})
	words := strings.Join(said, " ")
	if err != nil {
		return "NOT survived: " + explained(err).Error() + " " + words, nil
	}
	if words == "" {
		words = "(it fitted all the same)"
	}
	return "Answered. " + words, nil
}
