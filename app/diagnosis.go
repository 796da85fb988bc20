package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"galago/assets/words"
	"galago/inference"
	"galago/inference/doctor"
	"galago/ui"
)

const (
	// doctorLimit is how long the doctor may take in all: each look has a limit of its own, and so has the self-test.
	doctorLimit = 2 * time.Minute
	// doctorBytes is the longest report; a usual one has a few thousand bytes.
	doctorBytes = 4 << 20
)

// diagnosisState belongs to the main goroutine.
type diagnosisState struct {
	stop   context.CancelFunc // of the examination that runs; nil: none
	number int                // of the examination, so that news of an earlier one are known as such
	shown  ui.Diagnosis
	text   string // of the last report
}

// Diagnose examines this computer, with a self-test if test is set. The self-test loads a model of its own in a second
// engine: on a card the open model makes room for it first, as soon as no answer is being written, and is loaded again by
// the next question.
func (c *Controller) Diagnose(test bool) {
	if c.lib.Doctor == nil || c.diagnosis.stop != nil {
		return
	}
	ctx, stop := context.WithTimeout(c.life, doctorLimit)
	d := &c.diagnosis
	d.stop = stop
	d.number++
	mine := d.number
	d.shown.Busy = words.T("Looking at this computer…")
	unload := test && c.status.Device.GPU() && (c.status.State == inference.StateReady || c.status.State == inference.StateBusy)
	switch {
	case unload && c.running():
		d.shown.Busy = words.T("Waiting for the answer that is being written…")
	case unload:
		d.shown.Busy = words.T("Unloading the model, so that the test has the card to itself; the next question loads it again…")
	}
	c.view.SetDiagnosis(d.shown)
	tell := &latest[string]{do: c.do, handle: func(what string) { c.diagnosing(mine, what) }}
	examine := c.lib.Doctor
	go func() {
		if unload {
			_, _ = c.client.Unload(ctx) // where it fails the test says what there was no room for
		}
		report, err := examine(ctx, test, func(s doctor.Step) { tell.put(stepText(s)) })
		ended := ctx.Err()
		stop()
		c.do(func() { c.diagnosed(mine, report, err, ended) })
	}()
}

// stepText is what the doctor looks at, for people.
func stepText(s doctor.Step) string {
	switch s {
	case doctor.StepSystem:
		return words.T("Looking at the system…")
	case doctor.StepDriver:
		return words.T("Asking the graphics driver…")
	case doctor.StepEngine:
		return words.T("Starting the engine…")
	case doctor.StepModel, doctor.StepLoad:
		return words.T("Loading the test’s model…")
	case doctor.StepPicture:
		return words.T("Looking at a picture…")
	case doctor.StepAnswer:
		return words.T("Answering…")
	}
	return words.T("Looking at this computer…")
}

func (c *Controller) diagnosing(number int, what string) {
	if c.diagnosis.number == number && c.diagnosis.stop != nil {
		c.diagnosis.shown.Busy = what
		c.view.SetDiagnosis(c.diagnosis.shown)
	}
}

// diagnosed shows a report, or why there is none. After a stop the report before stays.
func (c *Controller) diagnosed(number int, r doctor.Report, err, ended error) {
	d := &c.diagnosis
	if d.number != number {
		return
	}
	d.stop = nil
	switch {
	case errors.Is(ended, context.Canceled):
		d.shown.Busy = ""
	case err != nil:
		d.shown = ui.Diagnosis{Summary: words.T("This computer could not be examined."), Lines: []ui.DiagnosisLine{{
			What: words.T("Engine"), Problem: sentence(err), Cure: words.T("Install Galago again."),
		}}}
		d.text = sentence(err)
	default:
		d.shown, d.text = diagnosisOf(r), r.Text
	}
	d.shown.Text = d.text
	c.view.SetDiagnosis(d.shown)
}

// diagnosisOf is a report as the window shows it. The doctor speaks English, since who is sent it has to read it.
func diagnosisOf(r doctor.Report) ui.Diagnosis {
	d := ui.Diagnosis{Summary: r.Summary, Text: r.Text}
	for _, f := range r.Findings {
		d.Lines = append(d.Lines, ui.DiagnosisLine{What: f.What, Found: f.Found, Problem: f.Problem, Cure: f.Cure, Warning: f.Warning})
	}
	if r.Test != nil {
		d.Test = testLines(*r.Test)
	}
	return d
}

// testLines are the self-test's figures. Those that it did not reach are left out.
func testLines(t doctor.Test) (lines []ui.DiagnosisLine) {
	add := func(what, found string) { lines = append(lines, ui.DiagnosisLine{What: what, Found: found}) }
	if t.Failed != "" {
		lines = append(lines, ui.DiagnosisLine{What: words.T("Self-test"), Problem: t.Failed})
	}
	if t.Model != "" {
		add(words.T("Model"), t.Model)
	}
	if t.Device != "" {
		add(words.T("Computed on"), t.Device)
	}
	if t.Layers > 0 {
		add(words.T("Layers on the graphics card"), words.T("%d of %d", t.GPULayers, t.Layers))
	}
	for _, m := range []struct {
		what   string
		millis float64
	}{
		{words.T("Loading"), t.LoadMs}, {words.T("One picture"), t.PictureMs}, {words.T("First word"), t.FirstTokenMs},
	} {
		if m.millis > 0 {
			add(m.what, seconds(m.millis))
		}
	}
	if t.TokensPerSec > 0 {
		add(words.T("Speed"), words.T("%s tokens/s", thousands(int(t.TokensPerSec+0.5))))
	}
	if t.Judged && t.Failed == "" {
		line := ui.DiagnosisLine{What: words.T("Answer"), Found: words.T("right")}
		if !t.Right {
			line = ui.DiagnosisLine{
				What: words.T("Answer"), Found: words.T("wrong"), Warning: true,
				Problem: words.T("The built-in model gave another answer than it should: the engine computes wrongly on this device."),
				Cure:    words.T("Update the graphics driver, then test again; report it if that does not help."),
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// StopTest ends an examination.
func (c *Controller) StopTest() {
	if c.diagnosis.stop != nil {
		c.diagnosis.stop()
	}
}

// CopyReport copies the last report.
func (c *Controller) CopyReport() {
	if c.diagnosis.text == "" {
		c.view.Notify(words.T("There is no report yet."))
		return
	}
	c.copy(c.diagnosis.text)
	c.view.Notify(words.T("The report is copied. It holds no questions, no answers and no names of yours."))
}

// ShowReports shows the folder of logs and crash reports.
func (c *Controller) ShowReports() {
	if c.lib.Logs != "" {
		c.showFolder(c.lib.Logs)
	}
}

// runDoctor asks the engine's program for a report. It ends with ctx, and with this program however that ends.
func runDoctor(ctx context.Context, test bool, step func(doctor.Step)) (r doctor.Report, err error) {
	path, err := inference.EnginePath()
	if err != nil {
		return r, err
	}
	args := []string{"doctor", "--json"}
	if test {
		args = append(args, "--test")
	}
	type result struct {
		out []byte
		err error
	}
	ended := make(chan result)
	go func() {
		runtime.LockOSThread() // the system ends the child with the thread that started it
		defer runtime.UnlockOSThread()
		out := &capped{room: doctorBytes}
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.SysProcAttr = dieWithUs()
		cmd.Stdout, cmd.Stderr = out, &lines{tell: func(line string) { step(doctor.Step(strings.TrimSpace(line))) }}
		cmd.WaitDelay = time.Second // for what a killed child has left open
		err := cmd.Run()
		ended <- result{out.data.Bytes(), err}
	}()
	e := <-ended
	if json.Unmarshal(e.out, &r) == nil { // it may find fault, and say so by its exit status
		return r, nil
	}
	if e.err == nil {
		e.err = errors.New(words.T("its report cannot be read"))
	}
	return r, fmt.Errorf("%s: %w", words.T("the engine could not be asked"), e.err)
}

// capped keeps the beginning of what is written and drops the rest.
type capped struct {
	data bytes.Buffer
	room int
}

func (c *capped) Write(p []byte) (int, error) {
	if left := c.room - c.data.Len(); left < len(p) {
		c.data.Write(p[:max(left, 0)])
		return len(p), nil
	}
	return c.data.Write(p)
}

// lines tells each whole line of what is written, as far as it is of a sensible length.
type lines struct {
	tell func(string)
	part []byte
}

var _ io.Writer = (*lines)(nil)

func (l *lines) Write(p []byte) (int, error) {
	for _, b := range p {
		switch {
		case b == '\n':
			l.tell(string(l.part))
			l.part = l.part[:0]
		case len(l.part) < 200:
			l.part = append(l.part, b)
		}
	}
	return len(p), nil
}
