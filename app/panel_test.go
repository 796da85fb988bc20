package app

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
	"galago/vram"
)

// rowTexts are a panel's rows for comparing; those with a colour begin with a star.
func rowTexts(p ui.Panel) []string {
	var list []string
	for _, r := range p.Rows {
		s := r.Label + " = " + r.Value
		if r.Colour {
			s = "* " + s
		}
		if r.Hint != "" {
			s += " [" + r.Hint + "]"
		}
		list = append(list, s)
	}
	return list
}

func wantRows(t *testing.T, got ui.Panel, want ...string) {
	t.Helper()
	if list := rowTexts(got); !reflect.DeepEqual(list, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(list, "\n"), strings.Join(want, "\n"))
	}
}

func TestPanelOfACard(t *testing.T) {
	programs := append([]vram.Process{}, threePrograms...)
	programs[0].Name, programs[1].Name, programs[2].Name = "Xorg", "galago", "galago-engine"
	d := gaugeData{
		reading: cards(card(3650, programs...), vram.GPU{Name: "RTX 3050", UUID: "GPU-b", Index: 1}), status: all(),
		window: thisWindow, filled: 1024, pending: 212 * mib,
	}
	d.reading.Resident = 700 * mib
	p := d.panel(3900*mib, nil)
	if p.Title != "RTX 3050" || p.Total != 6000*mib || p.Note != "" {
		t.Errorf("%+v", p)
	}
	wantRows(t, p,
		"* Weights = 1,800 MiB [planned 1,801 MiB (header): 28 layers]",
		"* Vision tower = 450 MiB",
		"* KV cache, filled = 100 MiB [1,024 of 4,096 tokens; planned 400 MiB (formula)]",
		"* KV cache, free = 300 MiB",
		"* Compute buffer = 300 MiB",
		"* Picture encoder = 100 MiB",
		"* Driver’s context for the engine = 200 MiB [planned 200 MiB (assumption)]",
		"* This window = 80 MiB",
		"* Other programs = 320 MiB",
		"* This question = +212 MiB [what the composer holds will add]",
		"Free = 2,349 MiB [the plan leaves 128 MiB of it alone, for safety]",
		"In use = 3,650 MiB of 6,000 MiB",
		"Peak = 3,900 MiB [since memory was last given back]",
		"Utilisation = 37 %",
		"Temperature = 61 °C",
		"Power = 55 of 75 W",
		"Engine in system memory = 700 MiB [beside the card]",
		"Driver = 550",
		"galago-engine (42) = 3,250 MiB [Galago’s engine]",
		"Xorg (7) = 300 MiB",
		"galago (41) = 80 MiB [this window]",
	)
	want := []ui.Card{{UUID: "GPU-a", Name: "RTX 3050 (GPU 0)", Chosen: true}, {UUID: "GPU-b", Name: "RTX 3050 (GPU 1)"}}
	if !reflect.DeepEqual(p.Cards, want) {
		t.Errorf("cards %+v", p.Cards)
	}
}

func TestPanelOfACardThatTellsLittle(t *testing.T) {
	g := vram.GPU{Name: "Old", Total: 4000 * mib, Used: 3300 * mib, Free: 700 * mib, Utilization: -1, Temperature: -1, Power: -1, PowerLimit: -1}
	d := gaugeData{reading: cards(g), status: all(), window: thisWindow}
	p := d.panel(3300*mib, nil)
	wantRows(t, p,
		"* Weights = 1,800 MiB [planned 1,801 MiB (header): 28 layers]",
		"* Vision tower = 450 MiB",
		"* KV cache, free = 400 MiB [planned 400 MiB (formula)]",
		"* Compute buffer = 300 MiB",
		"* Picture encoder = 100 MiB",
		"* Driver’s context for the engine = 200 MiB [not measured: planned]",
		"* Other programs = 50 MiB",
		"Free = 700 MiB [the plan leaves 128 MiB of it alone, for safety]",
		"In use = 3,300 MiB of 4,000 MiB",
		"Peak = 3,300 MiB [since memory was last given back]",
		"Driver = 550",
	)
	if !strings.Contains(p.Note, "does not tell what the engine holds") || len(p.Cards) > 0 {
		t.Errorf("%q, %+v", p.Note, p.Cards)
	}
}

func TestPanelWithoutACard(t *testing.T) {
	d := gaugeData{
		reading: vram.Reading{Missing: "No NVIDIA driver was found. Install it.", Resident: 500 * mib, System: 8000 * mib},
		status:  inference.Status{PID: itsEngine}, window: thisWindow,
	}
	p := d.panel(600*mib, nil)
	wantRows(t, p,
		"* Engine = 500 MiB",
		"Engine altogether = 500 MiB [resident memory; libraries that programs share count too]",
		"Peak = 600 MiB [since memory was last given back]",
		"System memory = 8,000 MiB",
	)
	if p.Title != "CPU mode" || p.Note != "No NVIDIA driver was found. Install it." || p.Total != 1024*mib { // the scale of the history
		t.Errorf("%+v", p)
	}
}

func TestPanelOfACardWithTheEngineOnTheCPU(t *testing.T) {
	s := engine("CPU", inSystem(protocol.PartWeights, 1800))
	s.Budget = all().Budget
	d := gaugeData{reading: cards(card(1000, holds(7, 1000))), status: s, window: thisWindow}
	d.reading.Resident = 1900 * mib
	wantRows(t, d.panel(1000*mib, nil),
		"* Other programs = 1,000 MiB",
		"Free = 4,999 MiB",
		"In use = 1,000 MiB of 6,000 MiB",
		"Peak = 1,000 MiB [since memory was last given back]",
		"Utilisation = 37 %",
		"Temperature = 61 °C",
		"Power = 55 of 75 W",
		"Engine in system memory = 1,900 MiB [it computes on the CPU]",
		"Driver = 550",
		"program (7) = 1,000 MiB",
	)
}

func TestPanelNamesTheLargestPrograms(t *testing.T) {
	var many []vram.Process
	for i := range 11 {
		many = append(many, vram.Process{PID: 100 + i, Used: uint64(i+1) * mib})
	}
	rows := gaugeData{reading: cards(card(500, many...)), window: thisWindow}.programRows(use{card: &vram.GPU{Processes: many}})
	if len(rows) != 9 || rows[0].Label != "program (110)" || rows[0].Value != "11 MiB" {
		t.Errorf("%+v", rows)
	}
	if last := rows[8]; last.Label != "3 smaller programs" || last.Value != "6 MiB" {
		t.Errorf("%+v", last)
	}
	if many[0].PID != 100 {
		t.Error("the reading was sorted in place")
	}
}

func TestHistory(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		points string // seconds:used
		want   string
	}{
		"one":              {"0:5", "0:5"},
		"steady":           {"0:5 0.5:6 1:7", "0:5 0.5:6 1:7"},
		"nothing changed":  {"0:5 10:9", "0:5 9.75:5 10:9"},
		"a minute":         {"0:1 59:2 60:3", "0:1 58.75:1 59:2 60:3"},
		"longer":           {"0:1 30:2 70:3", "10:1 29.75:1 30:2 69.75:2 70:3"},
		"long silence":     {"0:1 1000:2", "940:1 999.75:1 1000:2"},
		"on the boundary":  {"0:1 1:2 61:3", "1:2 60.75:2 61:3"},
		"twice":            {"0:1 0:2", "0:2"},
		"the clock is set": {"50:1 51:2 20:3", "20:3"},
	} {
		var h history
		for _, field := range strings.Fields(c.points) {
			var s float64
			var used uint64
			fmt.Sscanf(field, "%f:%d", &s, &used)
			h.add(ui.HistoryPoint{At: start.Add(time.Duration(s * float64(time.Second))), Used: used})
		}
		var got []string
		for _, p := range h.list() {
			got = append(got, fmt.Sprintf("%v:%d", p.At.Sub(start).Seconds(), p.Used))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s: %s, want %s", name, s, c.want)
		}
	}
	var h history
	for i := range 5000 {
		h.add(ui.HistoryPoint{At: start.Add(time.Duration(i) * 10 * time.Millisecond), Used: uint64(i)})
	}
	if n := len(h.points); n != historyPoints || h.points[n-1].Used != 4999 {
		t.Errorf("%d points, the last one %+v", n, h.points[n-1])
	}
}

func TestHistoryIsOfOneMemory(t *testing.T) {
	b := newBench(t)
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, used := range []uint64{100, 200} {
		b.showReading(vram.Reading{Time: at.Add(time.Duration(i) * time.Second / 2), GPUs: []vram.GPU{card(used)}})
	}
	first := b.view.panel.History
	if len(first) != 2 || first[1].Used != 200*mib {
		t.Errorf("%+v", first)
	}
	other := card(50)
	other.UUID = "GPU-b"
	b.showReading(vram.Reading{Time: at.Add(time.Second), GPUs: []vram.GPU{other}})
	if h := b.view.panel.History; len(h) != 1 || h[0].Used != 50*mib {
		t.Errorf("of another card: %+v", h)
	}
	if first[0].Used != 100*mib {
		t.Error("the window's points were changed")
	}
}

// A card is followed at once when it is chosen: no new reading comes from cards that idle.
func TestPanelFollowsTheChosenCard(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	other := card(50)
	other.UUID, other.Name = "GPU-b", "Other"
	b.showReading(vram.Reading{Time: time.Unix(1, 0), GPUs: []vram.GPU{card(3000), other}})
	b.ChooseGPU("GPU-b")
	p, g := b.view.panel, b.view.gauge
	if p.Title != "Other" || len(p.Cards) != 2 || p.Cards[0].Chosen || !p.Cards[1].Chosen || len(p.History) != 0 {
		t.Errorf("the panel is %+v", p)
	}
	if g.Name != "Other" || g.Peak != 50*mib {
		t.Errorf("the gauge is of %q with a peak of %d MiB", g.Name, g.Peak/mib)
	}
	if opened := b.client.opened[len(b.client.opened)-1]; opened.GPU != "GPU-b" {
		t.Errorf("opened %+v", opened)
	}
}
