package doctor

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"galago/inference/protocol"
)

// ranked is a finding with its place in the report.
type ranked struct {
	Finding
	blocks bool // nothing can be answered because of it
}

func (r ranked) rank() int {
	switch {
	case r.blocks:
		return 0
	case r.Found == "":
		return 1
	case r.Warning:
		return 2
	}
	return 3
}

func (x *exam) ok(what, found string) {
	if found != "" {
		x.list = append(x.list, ranked{Finding: Finding{What: what, Found: found}})
	}
}

func (x *exam) warn(what, found, problem, cure string) {
	x.list = append(x.list, ranked{Finding: Finding{What: what, Found: found, Problem: problem, Cure: cure, Warning: true}})
}

func (x *exam) missing(what, problem, cure string) {
	x.list = append(x.list, ranked{Finding: Finding{What: what, Problem: problem, Cure: cure}})
}

// blocked is missing for what nothing can be answered without.
func (x *exam) blocked(what, problem, cure string) {
	x.missing(what, problem, cure)
	x.list[len(x.list)-1].blocks = true
}

// report puts what matters first, and takes out what is private.
func (x *exam) report() Report {
	slices.SortStableFunc(x.list, func(a, b ranked) int { return a.rank() - b.rank() })
	r := Report{Version: x.o.Version, Mode: x.mode(), CanRun: x.engine.err == nil, Test: x.test}
	hide := x.veil.hide
	for _, f := range x.list {
		r.Findings = append(r.Findings, Finding{
			What: hide(f.What), Found: hide(f.Found), Problem: hide(f.Problem), Cure: hide(f.Cure), Warning: f.Warning,
		})
	}
	for _, d := range x.engine.hello.Devices {
		d.Name, d.Description = hide(d.Name), hide(d.Description)
		r.Devices = append(r.Devices, d)
	}
	if t := r.Test; t != nil {
		t.Model, t.Device, t.Failed = hide(t.Model), hide(t.Device), hide(t.Failed)
	}
	r.Summary = x.summary()
	r.Text = r.text()
	return r
}

// mode is what answers are computed on: as the self-test found, if there was one.
func (x *exam) mode() string {
	switch {
	case x.engine.err != nil:
		return "none"
	case x.test != nil && x.test.Failed == "" && !x.o.CPU:
		if x.test.GPULayers > 0 || x.test.GPUBytes > 0 {
			return "GPU"
		}
		return "CPU"
	case slices.ContainsFunc(x.engine.hello.Devices, isGPU):
		return "GPU"
	}
	return "CPU"
}

func isGPU(d protocol.Device) bool { return d.Type == "GPU" || d.Type == "IGPU" }

func (x *exam) summary() string {
	mode := x.mode()
	switch t := x.test; {
	case mode == "none":
		return "Galago cannot answer here until what is missing is there."
	case t != nil && t.Failed != "":
		return "Galago starts here, but its test failed."
	case t != nil && t.Judged && !t.Right:
		return "Galago answers here, on the " + mode + ", but the test's answer was wrong."
	case t != nil && x.o.CPU:
		return fmt.Sprintf("Galago answers here; on the CPU alone, %s.", pace(t))
	case t != nil:
		return fmt.Sprintf("Galago answers here, on the %s, %s.", mode, pace(t))
	case x.lacks != "":
		return "Galago answers here, on the " + mode + ", with a model that you name."
	}
	return "Galago answers here, on the " + mode + "."
}

func pace(t *Test) string {
	s := fmt.Sprintf("at about %s tokens a second", rate(t.TokensPerSec))
	if t.Judged {
		s += " with the small built-in model"
	}
	return s
}

// rate is a speed as exact as it can be taken seriously.
func rate(perSec float64) string {
	if perSec < 20 {
		return fmt.Sprintf("%.1f", perSec)
	}
	return fmt.Sprintf("%.0f", perSec)
}

const (
	textWidth = 100 // columns of the text
	textLabel = 11  // columns before a finding
)

// text is the report to read and to copy.
func (r Report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "galago-engine %s\n\n", r.Version)
	for _, f := range r.Findings {
		switch {
		case f.Found == "":
			wrap(&b, "  missing  ", f.What+": "+f.Problem)
		case f.Warning:
			wrap(&b, "  warning  ", f.What+": "+f.Found)
			wrap(&b, "           ", f.Problem)
		default:
			wrap(&b, "  ok       ", f.What+": "+f.Found)
			continue
		}
		wrap(&b, "        -> ", f.Cure)
	}
	if r.Test != nil {
		b.WriteString("\n")
		for i, line := range r.Test.lines() {
			label := "           "
			if i == 0 {
				label = "  test     "
			}
			wrap(&b, label, line)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", r.Summary)
	return b.String()
}

// wrap writes words behind a label, and further lines under the first.
func wrap(b *strings.Builder, label, text string) {
	b.WriteString(label)
	column := textLabel
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > textWidth:
			b.WriteString("\n" + strings.Repeat(" ", textLabel))
			column = textLabel
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += n
	}
	b.WriteString("\n")
}

// lines are the self-test's figures as sentences. The first names the model.
func (t *Test) lines() []string {
	lines := []string{t.Model}
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if t.Device != "" {
		add("computed on: %s", t.Device)
	}
	if t.LoadMs > 0 {
		add("loaded in %s", seconds(t.LoadMs))
	}
	if t.PictureMs > 0 {
		add("looked at a picture of %d tokens in %s", t.PictureTokens, seconds(t.PictureMs))
	}
	if t.FirstTokenMs > 0 {
		add("first token after %s", seconds(t.FirstTokenMs))
	}
	if t.TokensPerSec > 0 {
		add("then %s tokens a second (%d tokens)", rate(t.TokensPerSec), t.AnswerTokens)
	}
	onCard := t.GPULayers > 0 || t.GPUBytes > 0
	switch {
	case t.Layers > 0 && t.PictureTokens == 0 && onCard:
		add("%d of %d layers on the card", t.GPULayers, t.Layers)
	case t.Layers > 0 && t.PictureTokens == 0:
		add("all %d layers on the CPU", t.Layers)
	case t.Layers > 0 && onCard && t.VisionOnGPU:
		add("%d of %d layers on the card, and the vision tower", t.GPULayers, t.Layers)
	case t.Layers > 0 && onCard:
		add("%d of %d layers on the card; the vision tower is on the CPU", t.GPULayers, t.Layers)
	case t.Layers > 0:
		add("all %d layers and the vision tower on the CPU", t.Layers)
	}
	switch {
	case t.GPUBytes > 0:
		add("memory by ggml's account: %s on the card, %s in the system; resident: %s",
			bytesText(t.GPUBytes), bytesText(t.SystemBytes), bytesText(t.ResidentBytes))
	case t.SystemBytes > 0:
		add("memory by ggml's account: %s; resident: %s", bytesText(t.SystemBytes), bytesText(t.ResidentBytes))
	}
	if t.GrownBytes > 0 {
		add("memory by NVML: %s less free on the card than before", bytesText(t.GrownBytes))
	}
	switch {
	case t.Failed != "":
		add("%s", t.Failed)
	case t.Judged && t.Right:
		add("the answer was right")
	case t.Judged:
		add("the answer was WRONG")
	}
	return lines
}

func seconds(millis float64) string {
	if millis < 1000 {
		return fmt.Sprintf("%.0f ms", millis)
	}
	return fmt.Sprintf("%.1f s", millis/1000)
}

// bytesText is a size as a person reads it.
func bytesText(n uint64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 10<<20, n == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
}
