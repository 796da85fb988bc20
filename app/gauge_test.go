package app

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/ui"
	"galago/vram"
)

const mib = 1 << 20

// thisWindow and itsEngine are process numbers.
const thisWindow, itsEngine = 41, 42

func onCard(part protocol.Part, n uint64) protocol.Memory {
	return protocol.Memory{Part: part, Device: "CUDA0", Bytes: n * mib}
}

func inSystem(part protocol.Part, n uint64) protocol.Memory {
	return protocol.Memory{Part: part, Device: "CPU", Bytes: n * mib}
}

// engine is a service whose engine holds memory.
func engine(device string, held ...protocol.Memory) inference.Status {
	return inference.Status{
		State: inference.StateReady, PID: itsEngine, Memory: held,
		Loaded: protocol.Loaded{Device: device, Context: 4096},
		Hello:  protocol.Hello{Devices: []protocol.Device{{Name: "CUDA0", Type: "GPU"}, {Name: "CPU", Type: "CPU"}}},
	}
}

// card has 6,000 MiB, of which used MiB are in use.
func card(used uint64, programs ...vram.Process) vram.GPU {
	return vram.GPU{
		Name: "RTX 3050", UUID: "GPU-a", Total: 6000 * mib, Used: used*mib + 77, Free: (6000-used)*mib - 77,
		Utilization: 37, Temperature: 61, Power: 54700, PowerLimit: 75000, Processes: programs,
	}
}

func holds(pid int, n uint64) vram.Process { return vram.Process{PID: pid, Used: n*mib + 5} }

func cards(list ...vram.GPU) vram.Reading { return vram.Reading{Driver: "550", GPUs: list} }

// all is a whole model on a card.
func all() inference.Status {
	s := engine("RTX 3050", onCard(protocol.PartWeights, 1800), onCard(protocol.PartVision, 450), onCard(protocol.PartKV, 400),
		onCard(protocol.PartCompute, 300), onCard(protocol.PartEncode, 90), onCard(protocol.PartPool, 10), inSystem(protocol.PartWeights, 150))
	s.Budget = vram.Budget{Lines: []vram.Line{
		{Part: vram.PartWeights, Bytes: 1801 * mib, Origin: vram.Header, Note: "28 layers"},
		{Part: vram.PartKV, Bytes: 400 * mib, Origin: vram.Formula},
		{Part: vram.PartRuntime, Bytes: 200 * mib, Origin: vram.Assumed},
		{Part: vram.PartMargin, Bytes: 128 * mib, Origin: vram.Assumed},
	}}
	return s
}

var threePrograms = []vram.Process{holds(7, 300), holds(thisWindow, 80), holds(itsEngine, 3250)}

func TestGauge(t *testing.T) {
	segment := func(kind ui.SegmentKind, label string, n uint64) ui.Segment {
		return ui.Segment{Kind: kind, Label: label, Bytes: n * mib}
	}
	whole := []ui.Segment{
		segment(ui.SegmentWeights, "weights", 1800), segment(ui.SegmentVision, "vision", 450),
		segment(ui.SegmentKV, "KV cache", 100), segment(ui.SegmentKVFree, "KV free", 300),
		segment(ui.SegmentCompute, "compute", 300), segment(ui.SegmentEncode, "encode", 100),
		segment(ui.SegmentRuntime, "driver", 200), segment(ui.SegmentWindow, "window", 80), segment(ui.SegmentOthers, "others", 320),
	}
	reserved := card(3650, threePrograms...)
	reserved.Reserved = 144 * mib
	spill := all()
	spill.Spill = "It spills."
	unplanned := all()
	unplanned.Budget = vram.Budget{}
	blind := all()
	blind.Device = plan.Device{Name: "RTX 3050", UUID: "GPU-a", Total: 6000 * mib}
	mapped := engine("CPU", inSystem(protocol.PartWeights, 1800), inSystem(protocol.PartKV, 400), inSystem(protocol.PartCompute, 300))
	noDriver := func(resident uint64) vram.Reading {
		return vram.Reading{
			Missing:  "No NVIDIA driver was found (libnvidia-ml.so.1). Models run on the CPU.",
			Resident: resident*mib + 9, System: 8000 * mib,
		}
	}
	for name, c := range map[string]struct {
		gaugeData
		name, line string
		used       uint64 // MiB
		segments   []ui.Segment
	}{
		"every part": {
			gaugeData{reading: cards(card(3650, threePrograms...)), status: all(), filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3650, whole,
		},
		"the driver's reserve": {
			gaugeData{reading: cards(reserved), status: all(), filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3794, append(whole[:9:9], segment(ui.SegmentOthers, "reserved", 144)),
		},
		"what the question adds": {
			gaugeData{reading: cards(card(3650, threePrograms...)), status: all(), filled: 1024, pending: 212*mib + 3},
			"RTX 3050", "37 % · 61 °C", 3650, append(whole[:9:9], segment(ui.SegmentPending, "this question", 212)),
		},
		"more tokens than cells": {
			gaugeData{reading: cards(card(450, holds(itsEngine, 450))), status: engine("RTX 3050", onCard(protocol.PartKV, 400)), filled: 5000},
			"RTX 3050", "37 % · 61 °C", 450,
			[]ui.Segment{segment(ui.SegmentKV, "KV cache", 400), segment(ui.SegmentRuntime, "driver", 50)},
		},
		"the engine holds less than it last said": { // it has just freed its working memory
			gaugeData{reading: cards(card(2400, holds(itsEngine, 2300))), status: all()},
			"RTX 3050", "37 % · 61 °C", 2400,
			[]ui.Segment{
				segment(ui.SegmentWeights, "weights", 1800), segment(ui.SegmentVision, "vision", 450),
				segment(ui.SegmentKVFree, "KV free", 50), segment(ui.SegmentOthers, "others", 100),
			},
		},
		"loading": {
			gaugeData{reading: cards(card(1000, holds(itsEngine, 700))), status: inference.Status{PID: itsEngine}},
			"RTX 3050", "37 % · 61 °C", 1000,
			[]ui.Segment{segment(ui.SegmentOurs, "engine", 700), segment(ui.SegmentOthers, "others", 300)},
		},
		"more than is in use": {
			gaugeData{reading: cards(card(4100, holds(itsEngine, 9000))), status: engine("RTX 3050")},
			"RTX 3050", "37 % · 61 °C", 4100,
			[]ui.Segment{segment(ui.SegmentOurs, "engine", 4100)},
		},
		"shares are not told": {
			gaugeData{reading: cards(card(3650)), status: all(), filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3650, append(whole[:7:7], segment(ui.SegmentOthers, "others", 400)),
		},
		"the engine's share is not told": { // as in a container
			gaugeData{reading: cards(card(3650, holds(7, 300), holds(thisWindow, 80))), status: all(), filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3650, whole,
		},
		"nothing is told nor planned": {
			gaugeData{reading: cards(card(3650)), status: unplanned, filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3650, append(whole[:6:6], segment(ui.SegmentOthers, "others", 600)),
		},
		"nothing is told while it loads": {
			gaugeData{reading: cards(card(3650)), status: inference.Status{PID: itsEngine}},
			"RTX 3050", "37 % · 61 °C", 3650,
			[]ui.Segment{segment(ui.SegmentOthers, "in use", 3650)},
		},
		"numbers of a container": {
			gaugeData{reading: cards(card(3650, vram.Process{Used: 3000 * mib})), status: inference.Status{}},
			"RTX 3050", "37 % · 61 °C", 3650,
			[]ui.Segment{segment(ui.SegmentOthers, "others", 3650)},
		},
		"engine on the CPU": {
			gaugeData{reading: cards(card(4100, holds(7, 1), holds(thisWindow, 80))), status: mapped},
			"RTX 3050", "37 % · 61 °C", 4100,
			[]ui.Segment{segment(ui.SegmentWindow, "window", 80), segment(ui.SegmentOthers, "others", 4020)},
		},
		"the engine's card": {
			gaugeData{reading: cards(vram.GPU{Name: "other", UUID: "GPU-b"}, card(3650, threePrograms...)), status: all(), filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3650, whole,
		},
		"the card of the plan": {
			gaugeData{reading: cards(vram.GPU{Name: "other", UUID: "GPU-b"}, card(3650)), status: blind, filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3650, append(whole[:7:7], segment(ui.SegmentOthers, "others", 400)),
		},
		"the chosen card": {
			gaugeData{
				reading: cards(card(3650, threePrograms...), vram.GPU{Name: "other", UUID: "GPU-b", Used: 9 * mib, Utilization: 5, Temperature: -1}),
				status:  all(), chosen: "GPU-b",
			},
			"other", "5 %", 9,
			[]ui.Segment{segment(ui.SegmentWeights, "weights", 9)},
		},
		"a chosen card that is gone": {
			gaugeData{reading: cards(card(3650, threePrograms...)), status: all(), chosen: "GPU-c", filled: 1024},
			"RTX 3050", "37 % · 61 °C", 3650, whole,
		},
		"silent card": {
			gaugeData{reading: cards(vram.GPU{Name: "card", Utilization: -1, Temperature: -1}), status: engine("card")},
			"card", "", 0,
			[]ui.Segment{},
		},
		"old figures": {
			gaugeData{
				reading: vram.Reading{GPUs: cards(card(3650, threePrograms...)).GPUs, Stale: "The NVIDIA driver does not answer. Wait."},
				status:  all(), filled: 1024,
			},
			"RTX 3050", "The NVIDIA driver does not answer", 3650, whole,
		},
		"the card is lost": {
			gaugeData{reading: vram.Reading{Missing: "The graphics card has stopped answering (it overheated). Restart."}, status: blind, filled: 1024},
			"RTX 3050", "The graphics card has stopped answering", 3250, whole[:7],
		},
		"no card": {
			gaugeData{reading: noDriver(2900), status: mapped},
			"CPU mode", "No NVIDIA driver was found", 2900,
			[]ui.Segment{
				segment(ui.SegmentWeights, "weights", 1800), segment(ui.SegmentKVFree, "KV free", 400),
				segment(ui.SegmentCompute, "compute", 300), segment(ui.SegmentOurs, "engine", 400),
			},
		},
		"weights that are not read yet": {
			gaugeData{reading: noDriver(1000), status: mapped, filled: 4096},
			"CPU mode", "No NVIDIA driver was found", 1000,
			[]ui.Segment{
				segment(ui.SegmentWeights, "weights", 300), segment(ui.SegmentKV, "KV cache", 400), segment(ui.SegmentCompute, "compute", 300),
			},
		},
		"almost nothing resident": {
			gaugeData{reading: noDriver(500), status: mapped},
			"CPU mode", "No NVIDIA driver was found", 500,
			[]ui.Segment{segment(ui.SegmentKVFree, "KV free", 400), segment(ui.SegmentCompute, "compute", 100)},
		},
		"loading on the CPU": {
			gaugeData{reading: noDriver(300), status: inference.Status{PID: itsEngine}},
			"CPU mode", "No NVIDIA driver was found", 300,
			[]ui.Segment{segment(ui.SegmentOurs, "engine", 300)},
		},
		"nothing yet": {gaugeData{}, "CPU mode", "", 0, []ui.Segment{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.window = thisWindow
			g := c.gauge()
			if g.Name != c.name || g.Line != c.line || g.Used != c.used*mib || g.Alarm != "" {
				t.Errorf("%q %q, %d MiB used, alarm %q", g.Name, g.Line, g.Used/mib, g.Alarm)
			}
			if !reflect.DeepEqual(g.Segments, c.segments) {
				t.Errorf("segments\n got %+v\nwant %+v", g.Segments, c.segments)
			}
			if s := sum(c.use().parts); s != g.Used {
				t.Errorf("the parts add up to %d of %d MiB", s/mib, g.Used/mib)
			}
		})
	}
	if g := (gaugeData{reading: cards(card(1)), status: spill}).gauge(); g.Alarm != "It spills." {
		t.Errorf("alarm %q", g.Alarm)
	}
}

func TestWindowsTellsOfASpill(t *testing.T) {
	d := gaugeData{reading: cards(card(3650)), status: all(), window: thisWindow}
	d.status.Memory = append(d.status.Memory[:len(d.status.Memory):len(d.status.Memory)], protocol.Memory{Device: "CUDA_Host", Part: protocol.PartCompute, Bytes: 300 * mib})
	d.reading.Shared = 500 * mib
	if a := d.gauge().Alarm; a != "" {
		t.Errorf("buffers for transfers are no spill: %q", a)
	}
	d.reading.Shared = 1324 * mib
	if a := d.gauge().Alarm; !strings.HasPrefix(a, "GPU memory spills into system memory ("+bytesText(1024*mib)+")") {
		t.Errorf("alarm %q", a)
	}
	rows := fmt.Sprint(d.cardRows(d.use()))
	if !strings.Contains(rows, mibText(1324*mib)) {
		t.Errorf("not in the panel: %s", rows)
	}
	d.status.Spill = "It spills."
	if a := d.gauge().Alarm; a != "It spills." {
		t.Errorf("what the service found out comes first: %q", a)
	}
}

func TestWhereABufferIs(t *testing.T) {
	hello := engine("").Hello
	for device, want := range map[string]bool{
		"CUDA0": true, "CPU": false, // told by the engine
		"CUDA1": true, "Vulkan0": true, "CPU_Mapped": false, "CPU_REPACK": false, "CUDA_Host": false, "": false,
	} {
		if got := isCard(hello, device); got != want {
			t.Errorf("%s on a card: %v", device, got)
		}
	}
}

func TestGaugeExplainsTrouble(t *testing.T) {
	noted := card(100, threePrograms...)
	noted.Note = "It is divided."
	for name, c := range map[string]struct {
		gaugeData
		want []string
	}{
		"all well":  {gaugeData{reading: cards(card(3650, threePrograms...)), status: all()}, nil},
		"divided":   {gaugeData{reading: cards(noted), status: all()}, []string{"It is divided."}},
		"gone":      {gaugeData{reading: cards(card(3650, threePrograms...)), status: all(), chosen: "GPU-c"}, []string{"The card that was chosen is not there; these are the figures of another one."}},
		"estimated": {gaugeData{reading: cards(card(3650)), status: all()}, []string{"The driver does not tell what the engine holds, so its parts are by its own account."}},
		"untold":    {gaugeData{reading: cards(card(3650))}, []string{"The driver does not tell which programs hold the memory."}},
		"one is lost": {
			gaugeData{reading: vram.Reading{GPUs: cards(card(1, threePrograms...)).GPUs, Note: "GPU 1 is lost.", Stale: "Old."}, status: all()},
			[]string{"Old.", "GPU 1 is lost."},
		},
	} {
		if got := c.troubles(c.use()); strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("%s: %q", name, got)
		}
		if tip := c.gauge().Tooltip; !strings.HasPrefix(tip, strings.Join(c.want, " ")) || !strings.HasSuffix(tip, "in use.") {
			t.Errorf("%s: tooltip %q", name, tip)
		}
	}
}

func TestPace(t *testing.T) {
	for s, want := range map[inference.State]time.Duration{
		inference.StateBusy: vram.FastEvery, inference.StateLoading: vram.FastEvery,
		inference.StateReady: vram.DefaultEvery, inference.StateStopped: vram.DefaultEvery,
	} {
		if got := paceOf(s); got != want {
			t.Errorf("state %v: every %v", s, got)
		}
	}
}

func TestGaugeIsDrawnOnChangeOnly(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	drawn := b.view.gauges
	at := func(resident uint64) vram.Reading {
		return vram.Reading{Missing: "No NVIDIA driver was found.", Resident: resident, System: 8000 * mib}
	}
	b.showReading(at(300 * mib))
	b.showReading(at(300*mib + 4096))
	b.showReading(at(310 * mib))
	b.showReading(at(305 * mib))
	if n := b.view.gauges - drawn; n != 3 {
		t.Errorf("four readings were drawn %d times, want 3", n)
	}
	if g := b.view.gauge; g.Used != 305*mib || g.Peak != 310*mib {
		t.Errorf("used %d, peak %d MiB", g.Used/mib, g.Peak/mib)
	}
	b.resetPeak()
	if g := b.view.gauge; g.Peak != 305*mib {
		t.Errorf("peak of %d MiB after its reset", g.Peak/mib)
	}
	b.setPending(50 * mib)
	if g := b.view.gauge; len(g.Segments) != 2 || g.Segments[1].Kind != ui.SegmentPending || g.Used != 305*mib || g.Peak != 305*mib {
		t.Errorf("with a question: %+v", g)
	}
	b.setPending(0)
	b.showReading(vram.Reading{GPUs: []vram.GPU{{Name: "card", Used: 100 * mib, Total: 6000 * mib}}})
	if g := b.view.gauge; g.Peak != 100*mib {
		t.Errorf("another memory keeps the peak of %d MiB", g.Peak/mib)
	}
}

// What is shown when memory is given back was read before that. Its peak must not outlast the next reading.
func TestPeakBeginsAnewWhenMemoryIsGivenBack(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	at := func(when time.Time, used uint64) vram.Reading {
		return vram.Reading{Time: when, GPUs: []vram.GPU{card(used)}}
	}
	b.showReading(at(time.Now(), 4000))
	b.tell(b.inState(inference.StateUnloaded))
	b.showReading(at(time.Now().Add(-time.Minute), 4100)) // was under way
	if g := b.view.gauge; g.Peak != 4100*mib {
		t.Errorf("before it is seen: %d MiB", g.Peak/mib)
	}
	b.showReading(at(time.Now().Add(time.Second), 300))
	b.showReading(at(time.Now().Add(2*time.Second), 200))
	if g := b.view.gauge; g.Used != 200*mib || g.Peak != 300*mib {
		t.Errorf("used %d, peak %d MiB", g.Used/mib, g.Peak/mib)
	}
}

func TestFilledCacheIsOfOneEngine(t *testing.T) {
	b := newBench(t)
	s := b.ready()
	s.Memory = []protocol.Memory{inSystem(protocol.PartKV, 200)}
	b.tell(s)
	b.showReading(vram.Reading{Resident: 300 * mib, System: 8000 * mib})
	filled := func() uint64 { return b.view.gauge.Segments[0].Bytes / mib }
	b.setFilled(512)
	if b.view.gauge.Segments[0].Kind != ui.SegmentKV || filled() != 50 {
		t.Errorf("a quarter is filled: %+v", b.view.gauge.Segments)
	}
	s.PID++ // it was started again
	b.tell(s)
	if b.view.gauge.Segments[0].Kind != ui.SegmentKVFree || filled() != 200 {
		t.Errorf("a new engine: %+v", b.view.gauge.Segments)
	}
}

// hanging is a vram.Source whose second call hangs.
type hanging struct {
	reads int
	hold  chan struct{}
}

func (h *hanging) Read() (string, []vram.GPU, error) {
	if h.reads++; h.reads > 1 {
		<-h.hold
	}
	return "550", []vram.GPU{card(uint64(1000*min(h.reads, 2)), holds(itsEngine, 500))}, nil
}

func (h *hanging) Close() {}

func TestGaugeOutlastsADriverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		src := &hanging{hold: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		readings := &latest[vram.Reading]{do: b.do, handle: b.showReading}
		done := vram.Monitor{Source: src, Tell: readings.put}.Start(ctx)
		after := func(d time.Duration) ui.Gauge {
			time.Sleep(d)
			synctest.Wait()
			b.run()
			return b.view.gauge
		}
		if g := after(time.Millisecond); g.Line != "37 % · 61 °C" || g.Used != 1000*mib {
			t.Errorf("at first: %+v", g)
		}
		points := len(b.view.panel.History)
		if g := after(time.Hour); g.Line != "The NVIDIA driver does not answer" || g.Used != 1000*mib {
			t.Errorf("while it hangs: %+v", g)
		}
		if p := b.view.panel; len(p.History) != points || !strings.Contains(p.Note, "does not answer") {
			t.Errorf("panel while it hangs: %+v", p)
		}
		close(src.hold)
		if g := after(time.Millisecond); g.Line != "37 % · 61 °C" || g.Used != 2000*mib {
			t.Errorf("when it is back: %+v", g)
		}
		stop()
		<-done
	})
}
