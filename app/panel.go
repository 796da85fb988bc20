package app

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"

	"galago/assets/words"
	"galago/ui"
	"galago/vram"
)

// historyOf is how far back the panel's line goes, and historyPoints how many points it has at most: four a second.
const (
	historyOf     = 60 * time.Second
	historyPoints = 240
)

// history is the memory in use during the last minute.
type history struct {
	points []ui.HistoryPoint // oldest first
}

// add takes the next point. Readings come only when a figure changed, so a longer gap means that nothing did.
func (h *history) add(p ui.HistoryPoint) {
	if n := len(h.points); n > 0 {
		last := h.points[n-1]
		switch gap := p.At.Sub(last.At); {
		case gap < 0: // the clock was set back
			h.points = nil
		case gap == 0:
			h.points = h.points[:n-1]
		case gap > 2*vram.DefaultEvery:
			last.At = p.At.Add(-vram.FastEvery)
			h.points = append(h.points, last)
		}
	}
	h.points = append(h.points, p)
	h.forget(p.At.Add(-historyOf))
}

// forget drops what is older than start, except for the level at which the line comes in.
func (h *history) forget(start time.Time) {
	old := 0
	for old < len(h.points)-1 && h.points[old].At.Before(start) {
		old++
	}
	if old > 0 {
		old--
		if h.points[old+1].At.Equal(start) {
			old++
		}
		h.points = slices.Delete(h.points, 0, old)
		h.points[0].At = start
	}
	if more := len(h.points) - historyPoints; more > 0 {
		h.points = slices.Delete(h.points, 0, more)
	}
}

// list is a copy for the window.
func (h *history) list() []ui.HistoryPoint { return slices.Clone(h.points) }

// panel is what a click on the gauge opens.
func (d gaugeData) panel(peak uint64, points []ui.HistoryPoint) ui.Panel {
	u := d.use()
	return ui.Panel{
		Title: u.name, Rows: slices.Concat(d.partRows(u), d.totalRows(u, peak), d.cardRows(u), d.programRows(u)),
		History: points, Total: top(u, peak), Cards: d.cards(u), Note: strings.Join(d.troubles(u), " "),
	}
}

// top is where the history's scale ends. System memory is so much that the engine's share of it would be a flat line.
func top(u use, peak uint64) uint64 {
	if u.memory != systemMemory || peak == 0 {
		return u.total
	}
	return min(u.total, 1<<bits.Len64(peak))
}

// partRows are the gauge's segments with what was planned for them.
func (d gaugeData) partRows(u use) []ui.PanelRow {
	var rows []ui.PanelRow
	planned := map[vram.Part]bool{}
	for _, s := range u.parts {
		row := ui.PanelRow{Label: s.Label, Value: mibText(s.Bytes), Kind: s.Kind, Colour: true}
		var hints []string
		for _, k := range engineKinds() {
			if k.kind != s.Kind {
				continue
			}
			row.Label = k.name
			if s.Kind == ui.SegmentKV {
				hints = append(hints, words.T("%s of %s tokens", thousands(d.filled), thousands(d.status.Loaded.Context)))
			}
			if !planned[k.part] { // the KV cache has two rows
				hints = append(hints, d.planned(k.part))
			}
			planned[k.part] = true
		}
		switch s.Kind {
		case ui.SegmentRuntime:
			row.Label = words.T("Driver’s context for the engine")
			hints = append(hints, d.planned(vram.PartRuntime))
			if u.estimated {
				hints = []string{words.T("not measured: planned")}
			}
		case ui.SegmentOurs:
			row.Label = words.T("Engine")
			if len(u.parts) > 1 {
				row.Label = words.T("Rest of the engine")
			}
		case ui.SegmentWindow:
			row.Label = words.T("This window")
		case ui.SegmentOthers:
			row.Label = map[string]string{
				words.T("others"): words.T("Other programs"), words.T("in use"): words.T("In use"), words.T("reserved"): words.T("Reserved by the driver"),
			}[s.Label]
		}
		row.Hint = strings.Join(slices.DeleteFunc(hints, func(h string) bool { return h == "" }), "; ")
		rows = append(rows, row)
	}
	if pending := wholeMiB(d.pending); pending > 0 {
		rows = append(rows, ui.PanelRow{
			Label: words.T("This question"), Value: "+" + mibText(pending), Kind: ui.SegmentPending, Colour: true,
			Hint: words.T("what the composer holds will add"),
		})
	}
	return rows
}

// originText says where a figure of the plan came from.
func originText(o vram.Origin) string {
	switch o {
	case vram.Measured:
		return words.T("measured")
	case vram.Calibrated:
		return words.T("calibration")
	case vram.DryRun:
		return words.T("dry run")
	case vram.Header:
		return words.T("header")
	case vram.Formula:
		return words.T("formula")
	case vram.Assumed:
		return words.T("assumption")
	}
	return string(o)
}

// planned says what a part was planned to take before the model was loaded, and where that figure came from.
func (d gaugeData) planned(p vram.Part) string {
	var list []string
	for _, l := range d.status.Budget.Lines {
		if l.Part == p {
			s := words.T("planned %s (%s)", mibText(l.Bytes), originText(l.Origin))
			if l.Note != "" {
				s += ": " + l.Note
			}
			list = append(list, s)
		}
	}
	return strings.Join(list, "; ")
}

func (d gaugeData) totalRows(u use, peak uint64) []ui.PanelRow {
	if u.total == 0 {
		return nil
	}
	if u.memory == systemMemory {
		return []ui.PanelRow{
			{Label: words.T("Engine altogether"), Value: mibText(u.used), Hint: words.T("resident memory; libraries that programs share count too")},
			{Label: words.T("Peak"), Value: mibText(peak), Hint: words.T("since memory was last given back")},
			{Label: words.T("System memory"), Value: mibText(u.total)},
		}
	}
	free := ui.PanelRow{Label: words.T("Free"), Value: mibText(u.total - min(u.used, u.total))}
	if u.card != nil {
		free.Value = mibText(u.card.Free)
	}
	if margin := d.status.Budget.Of(vram.PartMargin); margin > 0 && len(d.engineParts(true)) > 0 {
		free.Hint = words.T("the plan leaves %s of it alone, for safety", mibText(margin))
	}
	return []ui.PanelRow{
		free,
		{Label: words.T("In use"), Value: words.T("%s of %s", mibText(u.used), mibText(u.total))},
		{Label: words.T("Peak"), Value: mibText(peak), Hint: words.T("since memory was last given back")},
	}
}

// cardRows are the figures of a card beside its memory.
func (d gaugeData) cardRows(u use) []ui.PanelRow {
	var rows []ui.PanelRow
	add := func(label, value, hint string) {
		rows = append(rows, ui.PanelRow{Label: label, Value: value, Hint: hint})
	}
	if c := u.card; c != nil {
		if c.Utilization >= 0 {
			add(words.T("Utilisation"), fmt.Sprintf("%d %%", c.Utilization), "")
		}
		if c.Temperature >= 0 {
			add(words.T("Temperature"), fmt.Sprintf("%d °C", c.Temperature), "")
		}
		if c.Power >= 0 {
			add(words.T("Power"), powerText(c.Power, c.PowerLimit), "")
		}
		if d.reading.Resident > 0 {
			hint := words.T("beside the card")
			if d.status.Loaded.Device == onCPU {
				hint = words.T("it computes on the CPU")
			}
			add(words.T("Engine in system memory"), mibText(d.reading.Resident), hint)
		}
		if d.reading.Shared > 0 {
			add(words.T("Shared with the card"), mibText(d.reading.Shared), words.T("system memory that the card uses for the engine"))
		}
	}
	if d.reading.Driver != "" {
		add(words.T("Driver"), d.reading.Driver, "")
	}
	return rows
}

func powerText(milliwatts, limit int) string {
	if limit > 0 {
		return words.T("%d of %d W", (milliwatts+500)/1000, (limit+500)/1000)
	}
	return fmt.Sprintf("%d W", (milliwatts+500)/1000)
}

// programsShown is how many programs are listed by name.
const programsShown = 8

// programRows are the programs on a card, the largest first.
func (d gaugeData) programRows(u use) []ui.PanelRow {
	if u.card == nil {
		return nil
	}
	list := slices.Clone(u.card.Processes)
	slices.SortStableFunc(list, func(a, b vram.Process) int { return cmp.Compare(b.Used, a.Used) })
	var rows []ui.PanelRow
	rest, restUsed := 0, uint64(0)
	for _, p := range list {
		if len(rows) == programsShown {
			rest++
			restUsed += p.Used
			continue
		}
		rows = append(rows, ui.PanelRow{
			Label: fmt.Sprintf("%s (%d)", cmp.Or(p.Name, words.T("program")), p.PID), Value: mibText(p.Used), Hint: d.whose(p.PID),
		})
	}
	if rest > 0 {
		rows = append(rows, ui.PanelRow{Label: words.T("%d smaller programs", rest), Value: mibText(restUsed)})
	}
	return rows
}

func (d gaugeData) whose(pid int) string {
	switch pid {
	case d.window:
		return words.T("this window")
	case d.status.PID:
		return words.T("Galago’s engine")
	}
	return ""
}

// cards are those to choose from. Equal names are told apart by their place.
func (d gaugeData) cards(u use) []ui.Card {
	names := map[string]int{}
	for _, g := range d.reading.GPUs {
		names[g.Name]++
	}
	var cards []ui.Card
	for _, g := range d.reading.GPUs {
		if g.UUID == "" {
			continue // it could not be remembered
		}
		name := cmp.Or(g.Name, words.T("card"))
		if g.Name == "" || names[g.Name] > 1 {
			name += fmt.Sprintf(" (GPU %d)", g.Index)
		}
		cards = append(cards, ui.Card{UUID: g.UUID, Name: name, Chosen: u.card != nil && g.UUID == u.card.UUID})
	}
	return cards
}

// mibText is a size for comparing with others, such as 1,792 MiB.
func mibText(n uint64) string { return thousands(int(n>>20)) + " MiB" }
