package app

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"galago/inference"
	"galago/ui"
	"galago/vram"
)

// showReading takes a look at memory.
func (c *Controller) showReading(r vram.Reading) {
	c.reading = r
	c.showGauge()
}

// showGauge draws the gauge anew if anything in it changed.
func (c *Controller) showGauge() {
	g := gaugeOf(c.reading, c.status)
	if g.Name != c.gauge.Name {
		c.peak = 0 // of another memory
	}
	c.peak = max(c.peak, g.Used)
	g.Peak = c.peak
	if reflect.DeepEqual(g, c.gauge) {
		return
	}
	c.gauge = g
	c.view.SetGauge(g)
}

// gaugeOf shows the card that the engine uses, or the engine's resident memory when there is none.
func gaugeOf(r vram.Reading, s inference.Status) ui.Gauge {
	if len(r.GPUs) == 0 {
		used := wholeMiB(r.Resident)
		return ui.Gauge{
			Name: "CPU mode", Line: firstSentence(r.Missing), Total: r.System, Used: used,
			Segments: segments(ui.Segment{Kind: ui.SegmentOurs, Label: "engine", Bytes: used}),
			Tooltip:  strings.TrimSpace(r.Missing + " The bar shows the system memory that the engine holds."),
		}
	}
	card := ourCard(r.GPUs, s.PID)
	used := wholeMiB(card.Used)
	g := ui.Gauge{
		Name: card.Name, Line: cardLine(card), Total: card.Total, Used: used,
		Tooltip: fmt.Sprintf("%s, driver %s: %s of %s in use.", card.Name, r.Driver, bytesText(used), bytesText(card.Total)),
	}
	if s.Loaded.Device == onCPU {
		g.Tooltip += fmt.Sprintf(" The engine computes on the CPU and holds %s of system memory.", bytesText(wholeMiB(r.Resident)))
	}
	ours, known := share(card, s.PID)
	if !known && s.Loaded.Device != onCPU {
		// Which programs hold it the driver does not tell, or tells by numbers that are not valid here (a container).
		g.Segments = segments(ui.Segment{Kind: ui.SegmentOthers, Label: "in use", Bytes: used})
		return g
	}
	ours = min(wholeMiB(ours), used)
	g.Segments = segments(
		ui.Segment{Kind: ui.SegmentOurs, Label: "Galago", Bytes: ours},
		ui.Segment{Kind: ui.SegmentOthers, Label: "others", Bytes: used - ours},
	)
	return g
}

// onCPU is protocol.Loaded.Device of an engine that uses no GPU.
const onCPU = "CPU"

// wholeMiB takes the figure below a MiB away: it changes all the time and nobody can see it.
func wholeMiB(n uint64) uint64 { return n >> 20 << 20 }

// segments leaves out what is empty.
func segments(list ...ui.Segment) []ui.Segment {
	return slices.DeleteFunc(list, func(s ui.Segment) bool { return s.Bytes == 0 })
}

// ourCard is the card that the engine has memory on, else the first.
func ourCard(cards []vram.GPU, pid int) vram.GPU {
	for _, g := range cards {
		if _, known := share(g, pid); known {
			return g
		}
	}
	return cards[0]
}

// share is what process pid holds on a card, if the driver tells.
func share(g vram.GPU, pid int) (used uint64, known bool) {
	for _, p := range g.Processes {
		if p.PID == pid {
			return p.Used, true
		}
	}
	return 0, false
}

func cardLine(g vram.GPU) string {
	var parts []string
	if g.Utilization >= 0 {
		parts = append(parts, fmt.Sprintf("%d %%", g.Utilization))
	}
	if g.Temperature >= 0 {
		parts = append(parts, fmt.Sprintf("%d °C", g.Temperature))
	}
	return strings.Join(parts, " · ")
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i]
	}
	if i := strings.Index(s, " ("); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSuffix(s, ".")
}
