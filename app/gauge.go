package app

import (
	"fmt"
	"reflect"
	"strings"

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
	g := gaugeOf(c.reading, c.status.PID)
	c.peak = max(c.peak, g.Used)
	g.Peak = c.peak
	if reflect.DeepEqual(g, c.gauge) {
		return
	}
	c.gauge = g
	c.view.SetGauge(g)
}

// gaugeOf shows the card that the engine uses, or the engine's resident memory when there is none. pid is the engine's.
func gaugeOf(r vram.Reading, pid int) ui.Gauge {
	if len(r.GPUs) == 0 {
		return ui.Gauge{
			Name: "CPU mode", Line: firstSentence(r.Missing), Total: r.System, Used: r.Resident,
			Segments: []ui.Segment{{Kind: ui.SegmentOurs, Label: "engine", Bytes: r.Resident}},
			Tooltip:  strings.TrimSpace(r.Missing + " The bar shows the system memory that the engine holds."),
		}
	}
	card := ourCard(r.GPUs, pid)
	ours, known := share(card, pid)
	g := ui.Gauge{
		Name: card.Name, Line: cardLine(card), Total: card.Total, Used: card.Used,
		Tooltip: fmt.Sprintf("%s, driver %s: %s of %s in use", card.Name, r.Driver, bytesText(card.Used), bytesText(card.Total)),
	}
	if !known {
		g.Segments = []ui.Segment{{Kind: ui.SegmentOthers, Label: "in use", Bytes: card.Used}}
		return g
	}
	ours = min(ours, card.Used)
	g.Segments = []ui.Segment{
		{Kind: ui.SegmentOurs, Label: "Galago", Bytes: ours},
		{Kind: ui.SegmentOthers, Label: "others", Bytes: card.Used - ours},
	}
	return g
}

// ourCard is the card that the engine has memory on, else the first.
func ourCard(cards []vram.GPU, pid int) vram.GPU {
	for _, g := range cards {
		if used, known := share(g, pid); known && used > 0 {
			return g
		}
	}
	return cards[0]
}

// share is what process pid holds on a card; not known when the driver names no processes.
func share(g vram.GPU, pid int) (used uint64, known bool) {
	if g.Processes == nil {
		return 0, false
	}
	for _, p := range g.Processes {
		if p.PID == pid && pid != 0 {
			return p.Used, true
		}
	}
	return 0, true
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
