package app

import (
	"reflect"
	"testing"

	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
	"galago/vram"
)

const mib = 1 << 20

func TestGauge(t *testing.T) {
	card := vram.GPU{Name: "RTX 3050", Total: 6000 * mib, Used: 4100*mib + 77, Utilization: 37, Temperature: 61}
	with := func(list ...vram.Process) vram.GPU {
		g := card
		g.Processes = list
		return g
	}
	on := func(device string) inference.Status {
		return inference.Status{PID: 42, Loaded: protocol.Loaded{Device: device}}
	}
	ours := ui.Segment{Kind: ui.SegmentOurs, Label: "Galago", Bytes: 3000 * mib}
	for name, c := range map[string]struct {
		reading  vram.Reading
		status   inference.Status
		who      string
		line     string
		used     uint64
		segments []ui.Segment
	}{
		"our share": {
			vram.Reading{GPUs: []vram.GPU{with(vram.Process{PID: 7, Used: mib}, vram.Process{PID: 42, Used: 3000 * mib})}},
			on("RTX 3050"),
			"RTX 3050", "37 % · 61 °C", 4100 * mib,
			[]ui.Segment{ours, {Kind: ui.SegmentOthers, Label: "others", Bytes: 1100 * mib}},
		},
		"our share is all": {
			vram.Reading{GPUs: []vram.GPU{with(vram.Process{PID: 42, Used: 9000 * mib})}},
			on("RTX 3050"),
			"RTX 3050", "37 % · 61 °C", 4100 * mib,
			[]ui.Segment{{Kind: ui.SegmentOurs, Label: "Galago", Bytes: 4100 * mib}},
		},
		"second card": {
			vram.Reading{GPUs: []vram.GPU{{Name: "other"}, with(vram.Process{PID: 42, Used: 3000 * mib})}},
			on("RTX 3050"),
			"RTX 3050", "37 % · 61 °C", 4100 * mib,
			[]ui.Segment{ours, {Kind: ui.SegmentOthers, Label: "others", Bytes: 1100 * mib}},
		},
		"unknown share": {
			vram.Reading{GPUs: []vram.GPU{card}},
			on("RTX 3050"),
			"RTX 3050", "37 % · 61 °C", 4100 * mib,
			[]ui.Segment{{Kind: ui.SegmentOthers, Label: "in use", Bytes: 4100 * mib}},
		},
		"engine on the CPU": {
			vram.Reading{GPUs: []vram.GPU{with(vram.Process{PID: 7, Used: mib})}},
			on("CPU"),
			"RTX 3050", "37 % · 61 °C", 4100 * mib,
			[]ui.Segment{{Kind: ui.SegmentOthers, Label: "others", Bytes: 4100 * mib}},
		},
		"silent card": {
			vram.Reading{GPUs: []vram.GPU{{Name: "card", Utilization: -1, Temperature: -1}}},
			on("card"),
			"card", "", 0,
			[]ui.Segment{},
		},
		"no card": {
			vram.Reading{Missing: "No NVIDIA driver was found (libnvidia-ml.so.1). Models run on the CPU.", Resident: 300*mib + 9, System: 8000 * mib},
			on("CPU"),
			"CPU mode", "No NVIDIA driver was found", 300 * mib,
			[]ui.Segment{{Kind: ui.SegmentOurs, Label: "engine", Bytes: 300 * mib}},
		},
		"nothing yet": {vram.Reading{}, inference.Status{}, "CPU mode", "", 0, []ui.Segment{}},
	} {
		g := gaugeOf(c.reading, c.status)
		if g.Name != c.who || g.Line != c.line || g.Used != c.used || !reflect.DeepEqual(g.Segments, c.segments) {
			t.Errorf("%s: %+v", name, g)
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
	b.showReading(vram.Reading{GPUs: []vram.GPU{{Name: "card", Used: 100 * mib, Total: 6000 * mib}}})
	if g := b.view.gauge; g.Peak != 100*mib {
		t.Errorf("another memory keeps the peak of %d MiB", g.Peak/mib)
	}
}
