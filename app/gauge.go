package app

import (
	"cmp"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"galago/assets/words"
	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
	"galago/vram"
)

// look is what the gauge and its panel know beside the service's status and the settings.
type look struct {
	reading vram.Reading
	engine  int       // PID of the engine that filled is of
	filled  int       // tokens in its KV cache
	pending uint64    // bytes that the composer's question will add
	memory  string    // which memory peak and history are of
	given   time.Time // when memory was given back; zero once a later reading has shown it
	history history
}

// showReading takes a look at memory.
func (c *Controller) showReading(r vram.Reading) {
	c.look.reading = r
	u := c.gaugeData().use()
	c.follow(u.memory)
	if !c.look.given.IsZero() && r.Time.After(c.look.given) {
		c.look.given, c.peak = time.Time{}, 0
	}
	if r.Stale == "" && u.total > 0 {
		c.look.history.add(ui.HistoryPoint{At: r.Time, Used: u.used, Ours: u.ours})
	}
	c.showGauge()
	c.showMemory()
	c.judgeAgain()
}

// follow begins peak and history anew when they are of another memory.
func (c *Controller) follow(memory string) {
	if memory != c.look.memory {
		c.look.memory, c.look.history, c.peak = memory, history{}, 0
	}
}

// showGauge draws the gauge anew if anything in it changed, and tells the panel, which draws only while it is open.
func (c *Controller) showGauge() {
	if c.look.engine != c.status.PID {
		c.look.engine, c.look.filled = c.status.PID, 0
	}
	d := c.gaugeData()
	c.follow(d.use().memory)
	g := d.gauge()
	c.peak = max(c.peak, g.Used)
	g.Peak = c.peak
	c.view.SetPanel(d.panel(c.peak, c.look.history.list()))
	if reflect.DeepEqual(g, c.gauge) {
		return
	}
	c.gauge = g
	c.view.SetGauge(g)
}

// resetPeak begins the peak anew, after memory was given back: now, and again with the first reading that was taken
// after that.
func (c *Controller) resetPeak() {
	c.peak, c.look.given = 0, time.Now()
	c.showGauge()
}

// setPending says what the composer's question will add, in bytes; 0: nothing, or nobody knows.
func (c *Controller) setPending(bytes uint64) {
	c.look.pending = bytes
	c.showGauge()
}

// setFilled says how many tokens the KV cache holds: protocol.Stats.ContextUsed after an answer, 0 after it was
// forgotten or freed. Another engine begins with 0 by itself.
func (c *Controller) setFilled(tokens int) {
	c.look.engine, c.look.filled = c.status.PID, tokens
	c.showGauge()
}

func (c *Controller) gaugeData() gaugeData {
	return gaugeData{
		reading: c.look.reading, status: c.status, chosen: c.settings.GPU, window: os.Getpid(),
		filled: c.look.filled, pending: c.look.pending,
	}
}

// paceOf is how often memory should be looked at.
func paceOf(s inference.State) time.Duration {
	if s == inference.StateBusy || s == inference.StateLoading {
		return vram.FastEvery
	}
	return vram.DefaultEvery
}

// gaugeData is all that the gauge and its panel are made of.
type gaugeData struct {
	reading vram.Reading
	status  inference.Status
	chosen  string // UUID of the card in the settings; empty: none was chosen
	window  int    // PID of this process
	filled  int    // tokens in the KV cache
	pending uint64 // bytes that the composer's question will add
}

// use is how one memory is used: a card's, or the system's as far as the engine holds it.
type use struct {
	card      *vram.GPU // nil: system memory, or a card that cannot be read
	memory    string    // tells memories apart
	name      string
	total     uint64       // bytes; 0: not known
	used      uint64       // bytes, whole MiB
	ours      uint64       // bytes of used that engine and window hold, as far as that is known
	parts     []ui.Segment // whole MiB, none empty; their sum is used
	estimated bool         // the engine's share is by its own account
}

// systemMemory is use.memory where there is no card.
const systemMemory = "system"

// use takes memory apart.
func (d gaugeData) use() use {
	switch {
	case len(d.reading.GPUs) > 0:
		return d.cardUse(d.card())
	case len(d.engineParts(true)) > 0:
		return d.blindUse()
	}
	return d.systemUse()
}

// card is the one that was chosen, else the one that the engine is on, else the first.
func (d gaugeData) card() *vram.GPU {
	cards := d.reading.GPUs
	for _, uuid := range []string{d.chosen, d.status.Device.UUID} {
		for i := range cards {
			if uuid != "" && cards[i].UUID == uuid {
				return &cards[i]
			}
		}
	}
	for i := range cards {
		if _, on := cards[i].Of(d.status.PID); on {
			return &cards[i]
		}
	}
	return &cards[0]
}

// cardUse takes a card's memory apart. What the driver says of each program counts. Where it does not tell (or tells by
// numbers that are not valid here, in a container), the engine's own account does, and all else is of others.
func (d gaugeData) cardUse(card *vram.GPU) use {
	reserved := wholeMiB(card.Reserved)
	u := use{
		card: card, memory: card.Name + card.UUID, name: card.Name, total: card.Total,
		used: wholeMiB(card.Used) + reserved,
	}
	left := u.used - reserved
	take := func(kind ui.SegmentKind, label string, bytes uint64) {
		bytes = min(wholeMiB(bytes), left)
		left -= bytes
		u.parts = append(u.parts, ui.Segment{Kind: kind, Label: label, Bytes: bytes})
	}
	window, _ := card.Of(d.window)
	window = min(wholeMiB(window), left)
	engine, known := card.Of(d.status.PID)
	if !known {
		engine = left - window
	}
	engine = min(wholeMiB(engine), left-window)
	parts := d.engineParts(true)
	u.estimated = !known && len(parts) > 0
	for _, p := range within(parts, engine, ui.SegmentEncode, ui.SegmentCompute, ui.SegmentKVFree, ui.SegmentKV, ui.SegmentVision) {
		take(p.Kind, p.Label, p.Bytes)
		engine -= p.Bytes
	}
	switch {
	case known && len(parts) == 0:
		take(ui.SegmentOurs, words.T("engine"), engine)
	case known:
		take(ui.SegmentRuntime, words.T("driver"), engine)
	case u.estimated:
		take(ui.SegmentRuntime, words.T("driver"), min(engine, d.status.Budget.Of(vram.PartRuntime)))
	}
	take(ui.SegmentWindow, words.T("window"), window)
	u.ours = u.used - reserved - left
	others := words.T("others")
	if !known && !u.estimated && d.status.PID != 0 && d.status.Loaded.Device != onCPU {
		others = words.T("in use") // the engine may be among them
	}
	take(ui.SegmentOthers, others, left)
	left = reserved
	take(ui.SegmentOthers, words.T("reserved"), reserved)
	u.parts = full(u.parts)
	return u
}

// blindUse is of an engine on a card that cannot be read: what the engine says that it holds.
func (d gaugeData) blindUse() use {
	name := cmp.Or(d.status.Device.Name, d.status.Loaded.Device, "GPU")
	u := use{memory: "blind " + name, name: name, total: d.status.Device.Total, estimated: true}
	u.parts = full(append(d.engineParts(true),
		ui.Segment{Kind: ui.SegmentRuntime, Label: words.T("driver"), Bytes: wholeMiB(d.status.Budget.Of(vram.PartRuntime))}))
	u.used = sum(u.parts)
	u.ours = u.used
	return u
}

// systemUse takes the engine's resident memory apart. The weights are mapped from their file: what of them has not been
// read yet, or what the system has taken back, is not resident, so they are cut to what the other parts leave. Parts that
// were laid out but not touched yet cannot be told apart from them.
func (d gaugeData) systemUse() use {
	u := use{memory: systemMemory, name: words.T("CPU mode"), total: d.reading.System, used: wholeMiB(d.reading.Resident)}
	u.parts = within(d.engineParts(false), u.used,
		ui.SegmentWeights, ui.SegmentEncode, ui.SegmentCompute, ui.SegmentKVFree, ui.SegmentVision, ui.SegmentKV)
	rest := ui.Segment{Kind: ui.SegmentOurs, Label: words.T("engine"), Bytes: u.used - sum(u.parts)}
	u.parts = full(append(u.parts, rest))
	u.ours = u.used
	return u
}

// engineParts is what the engine says that it holds on cards, or off them, in the order of the bar.
func (d gaugeData) engineParts(onCard bool) []ui.Segment {
	held := map[ui.SegmentKind]uint64{}
	for _, m := range d.status.Memory {
		if isCard(d.status.Hello, m.Device) == onCard {
			held[kindOf(m.Part)] += m.Bytes
		}
	}
	if total := d.status.Loaded.Context; total > 0 {
		cache := held[ui.SegmentKV]
		held[ui.SegmentKV] = cache * uint64(min(max(d.filled, 0), total)) / uint64(total)
		held[ui.SegmentKVFree] = cache - held[ui.SegmentKV]
	}
	var parts []ui.Segment
	for _, k := range engineKinds() {
		parts = append(parts, ui.Segment{Kind: k.kind, Label: k.label, Bytes: wholeMiB(held[k.kind])})
	}
	return full(parts)
}

// engineKind is a kind of segments that the engine holds.
type engineKind struct {
	kind  ui.SegmentKind
	label string // short, for the bar
	name  string // for the panel
	part  vram.Part
}

func engineKinds() []engineKind {
	return []engineKind{
		{ui.SegmentWeights, words.T("weights"), words.T("Weights"), vram.PartWeights},
		{ui.SegmentVision, words.T("vision"), words.T("Vision tower"), vram.PartVision},
		{ui.SegmentKV, words.T("KV cache"), words.T("KV cache, filled"), vram.PartKV},
		{ui.SegmentKVFree, words.T("KV free"), words.T("KV cache, free"), vram.PartKV},
		{ui.SegmentCompute, words.T("compute"), words.T("Compute buffer"), vram.PartCompute},
		{ui.SegmentEncode, words.T("encode"), words.T("Picture encoder"), vram.PartEncode},
	}
}

func kindOf(p protocol.Part) ui.SegmentKind {
	switch p {
	case protocol.PartWeights:
		return ui.SegmentWeights
	case protocol.PartVision:
		return ui.SegmentVision
	case protocol.PartKV:
		return ui.SegmentKV
	case protocol.PartCompute:
		return ui.SegmentCompute
	}
	return ui.SegmentEncode // and the pool that grew with it
}

// isCard reports whether ggml's name of a place means a card's memory. Buffers of the system's memory have names of
// their own, such as CPU_Mapped and CUDA_Host.
func isCard(h protocol.Hello, device string) bool {
	for _, d := range h.Devices {
		if d.Name == device {
			return d.Type == "GPU" || d.Type == "IGPU"
		}
	}
	return device != "" && !strings.HasPrefix(device, "CPU") && !strings.HasSuffix(device, "_Host")
}

// within cuts parts to a sum of at most limit: those of the kinds in first in that order, then the rest from the end.
func within(parts []ui.Segment, limit uint64, first ...ui.SegmentKind) []ui.Segment {
	parts = slices.Clone(parts)
	over := sum(parts)
	over -= min(over, limit)
	cut := func(p *ui.Segment) {
		n := min(p.Bytes, over)
		p.Bytes -= n
		over -= n
	}
	for _, kind := range first {
		for i := range parts {
			if parts[i].Kind == kind {
				cut(&parts[i])
			}
		}
	}
	for i := range slices.Backward(parts) {
		cut(&parts[i])
	}
	return parts
}

func sum(parts []ui.Segment) (bytes uint64) {
	for _, p := range parts {
		bytes += p.Bytes
	}
	return bytes
}

// full leaves out parts that are empty.
func full(parts []ui.Segment) []ui.Segment {
	return slices.DeleteFunc(parts, func(s ui.Segment) bool { return s.Bytes == 0 })
}

// gauge is the bar, without its peak.
func (d gaugeData) gauge() ui.Gauge {
	u := d.use()
	g := ui.Gauge{
		Name: u.name, Total: u.total, Used: u.used, Segments: u.parts, Tooltip: d.tooltip(u), Alarm: cmp.Or(d.status.Spill, d.spill()),
	}
	switch {
	case d.reading.Stale != "":
		g.Line = firstSentence(d.reading.Stale)
	case u.card != nil:
		g.Line = cardLine(*u.card)
	default:
		g.Line = firstSentence(d.reading.Missing)
	}
	if pending := wholeMiB(d.pending); pending > 0 && u.total > 0 {
		g.Segments = append(g.Segments, ui.Segment{Kind: ui.SegmentPending, Label: words.T("this question"), Bytes: pending})
	}
	return g
}

// spillFrom is how much more than its own buffers for transfers the engine must have in the system's memory before that is
// called a spill: a driver keeps small buffers of its own there that the engine does not know of.
const spillFrom = 256 << 20

// spill is a sentence when Windows tells that its driver moved part of what the engine has on the card into system memory.
func (d gaugeData) spill() string {
	own := uint64(0)
	for _, m := range d.status.Memory {
		if strings.HasSuffix(m.Device, "_Host") { // pinned, so that the card reaches it
			own += m.Bytes
		}
	}
	if d.reading.Shared < own+spillFrom {
		return ""
	}
	return words.T("GPU memory spills into system memory (%s), so answers are slow. "+
		"Close programs that use the card, or choose lighter settings.", bytesText(wholeMiB(d.reading.Shared-own)))
}

func (d gaugeData) tooltip(u use) string {
	var text []string
	switch {
	case u.card != nil:
		text = append(text, words.T("%s, driver %s: %s of %s in use.",
			u.name, d.reading.Driver, bytesText(u.used), bytesText(u.total)))
		if d.status.Loaded.Device == onCPU {
			text = append(text, words.T("The engine computes on the CPU and holds %s of system memory.",
				bytesText(wholeMiB(d.reading.Resident))))
		}
	case u.estimated:
		text = append(text, words.T("The bar shows what the engine says that it holds."))
	default:
		text = append(text, words.T("The bar shows the system memory that the engine holds."))
	}
	return strings.Join(slices.Concat(d.troubles(u), text), " ")
}

// troubles are sentences about figures that are missing or not what they seem.
func (d gaugeData) troubles(u use) []string {
	list := []string{d.reading.Missing, d.reading.Stale, d.reading.Note}
	if u.card != nil {
		list = append(list, u.card.Note)
		if d.chosen != "" && u.card.UUID != d.chosen {
			list = append(list, words.T("The card that was chosen is not there; these are the figures of another one."))
		}
		switch {
		case u.estimated:
			list = append(list, words.T("The driver does not tell what the engine holds, so its parts are by its own account."))
		case u.card.Processes == nil && u.total > 0:
			list = append(list, words.T("The driver does not tell which programs hold the memory."))
		}
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// onCPU is protocol.Loaded.Device of an engine that uses no GPU.
const onCPU = "CPU"

// wholeMiB takes the figure below a MiB away: it changes all the time and nobody can see it.
func wholeMiB(n uint64) uint64 { return n >> 20 << 20 }

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
