package ui

import (
	"fmt"
	"image"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

const mib = 1 << 20

func sampleGauge() Gauge {
	return Gauge{
		Name: "RTX 3050", Line: "37 % · 61 °C", Total: 5734 * mib, Used: 4608 * mib, Peak: 4900 * mib, Tooltip: "driver 550",
		Segments: []Segment{
			{SegmentWeights, "weights", 2710 * mib},
			{SegmentVision, "vision", 460 * mib},
			{SegmentKV, "KV cache", 290 * mib},
			{SegmentKVFree, "KV free", 290 * mib},
			{SegmentCompute, "compute", 290 * mib},
			{SegmentEncode, "encode", 205 * mib},
			{SegmentRuntime, "CUDA", 184 * mib},
			{SegmentWindow, "window", 40 * mib},
			{SegmentOthers, "others", 139 * mib},
			{SegmentPending, "this question", 212 * mib},
		},
	}
}

func samplePanel() Panel {
	start := time.Unix(1_700_000_000, 0)
	return Panel{
		Title: "NVIDIA GeForce RTX 3050", Total: 5734 * mib, Note: "The driver does not tell the power.",
		Rows: []PanelRow{
			{Label: "Weights", Value: "2.6 GiB", Hint: "28 of 28 layers", Kind: SegmentWeights, Colour: true},
			{Label: "Picture encoder", Value: "205 MiB", Hint: "for the largest picture, measured with this card, driver, model and these settings", Kind: SegmentEncode, Colour: true},
			{Label: "Free", Value: "1.1 GiB"},
		},
		History: []HistoryPoint{{start, 1000 * mib, 0}, {start.Add(30 * time.Second), 3000 * mib, 2000 * mib}, {start.Add(45 * time.Second), 5000 * mib, 4000 * mib}},
		Cards:   []Card{{"GPU-1", "RTX 3050", true}, {"GPU-2", "GTX 1650", false}},
	}
}

func sampleMemory() []MemoryItem {
	return []MemoryItem{
		{MemoryForget, "Forget this conversation's cache", "frees no memory", "Use it when answers should not remember.", true},
		{MemoryWorking, "Free working memory", "about 412 MiB", "The weights stay.", true},
		{MemoryLift, "Back to full settings", "", "Nothing is reduced.", false},
	}
}

// The markup of the parts at a fixed size. After a wanted change, copy testdata/failed over testdata and look at it.
func TestMarkup(t *testing.T) {
	act := Actions{
		NewChat: func() {}, Memory: func(MemoryAction) {}, Settings: func(Settings) {}, Sample: func(int) {},
		Copy: func(uint64) {}, Retry: func(uint64) {}, Detail: func(uint64, string) {},
	}
	w, _ := testWindow(t, act)
	w.SetModel(Model{Name: "Qwen3-VL-4B", Detail: "Q8_0 · 8k context", Loading: -1, Vision: true})
	w.SetBanner(&Banner{Text: "The engine stopped.", Problem: true, Detail: "exit status 134", Label: "Start it again"})
	w.SetSamples([]Sample{{Image: flat(40, 30, rgb(0x336699)), Caption: "Shapes", Question: "How many circles are there?"}})
	w.SetGauge(sampleGauge())
	w.SetMemory(sampleMemory())
	w.SetQueue([]Turn{{ID: 9, Question: "And the lower shelf?"}})
	w.SetAttachments([]Attachment{
		{ID: 1, Name: "shelf.jpg", Thumb: flat(40, 30, rgb(0x336699)), Info: "4032 × 3024 → 1184 × 896 · 1,036 tokens"},
		{ID: 2, Name: "notes.png", Problem: &Problem{Title: "Not a picture"}},
		{
			ID: 3, Name: "cup.jpg", Thumb: flat(40, 30, rgb(0x336699)), Info: "800 × 600 · 432 tokens", Cost: "+90 MiB · about 1 s",
			Detail: "low", Details: []string{"low", "", "high"},
		},
		{ID: 4, Name: "big.png", Problem: &Problem{Title: "Does not fit", Choices: []Choice{{Label: "Use 256 tokens"}, {Label: "Smaller context"}}}},
	})
	part := func(name string, o fyne.CanvasObject, width, height float32) {
		t.Run(name, func(t *testing.T) {
			c := test.NewCanvas()
			c.SetPadded(false)
			c.SetContent(o)
			c.Resize(fyne.NewSize(width, height))
			test.AssertRendersToMarkup(t, name+".xml", c)
		})
	}
	part("header", w.header, 800, headerHeight())
	part("banner", w.banner, 800, 40)
	w.transcript.empty.fit(fyne.NewSize(800, 400))
	part("empty", w.transcript.empty, 800, 400)
	part("composer", w.composer, 700, w.composer.heightFor(700))
	part("queue", w.queue, 700, 26)
	part("gauge", w.gauge, 800, gaugeHeight())
	alarmed := sampleGauge()
	alarmed.Alarm = "GPU memory spills into system memory"
	w.gauge.set(alarmed)
	part("gauge-alarm", w.gauge, 800, gaugeHeight())
	figures := newMemoryPanel(Actions{GPU: func(string) {}})
	figures.set(alarmed, samplePanel())
	part("panel", figures, 436, figures.heightFor(436))
	menu := newMemoryMenu(func(MemoryAction) {})
	menu.set(sampleMemory())
	part("memory", menu, 376, menu.heightFor(376))
	for name, turn := range map[string]Turn{
		"turn-done": {
			ID: 1, Question: "What is there?", Images: []image.Image{flat(48, 32, rgb(0x886644))}, Answer: sampleAnswer,
			State: TurnDone, Figures: []string{"300 picture tokens", "42 tokens/s"},
		},
		"turn-working": {ID: 1, Question: "What is there?", State: TurnWorking, Phase: "Looking at the picture", Progress: 0.5},
		"turn-failed": {
			ID: 1, Question: "What is there?", Answer: "I see", State: TurnFailed,
			Problem: &Problem{Title: "Out of memory", Text: "212 MiB are needed.", Action: "Clear the cache.", Detail: "cudaMalloc"},
		},
		"turn-choices": {
			ID: 1, Question: "What is there?", State: TurnFailed, Notices: []string{"The picture was read at 256 instead of 1,036 tokens."},
			Problem: &Problem{Title: "It does not fit", Text: "212 MiB are needed.", Detail: "budget", Choices: []Choice{{Label: "Use 256 tokens"}, {Label: "Vision tower on the CPU"}}},
		},
		"turn-notices": {
			ID: 1, Question: "What is there?", Answer: "I see", State: TurnDone,
			Notices: []string{"The picture was read at 256 instead of 1,036 tokens.", "The vision tower moved to the CPU: " + strings.Repeat("a long reason ", 8)},
		},
		"turn-cancelled": {ID: 1, Question: "What is there?", Answer: "I see", State: TurnCancelled},
		"turn-waiting":   {ID: 1, Question: "What is there?", State: TurnWaiting},
	} {
		v := newTurnView(turn, act, nil, func() {})
		v.unpark()
		part(name, v, 600, v.heightFor(600))
	}
}

// The bar is drawn pixel by pixel, so pixels are compared: both looks, at 1x and 2x.
func TestGaugePixels(t *testing.T) {
	for _, look := range []string{"dark", "light"} {
		for _, scale := range []int{1, 2} {
			name := fmt.Sprintf("gauge-%s-%dx.png", look, scale)
			t.Run(name, func(t *testing.T) {
				test.NewTempApp(t).Settings().SetTheme(newLook(look))
				b := newMemoryBar(nil, nil)
				b.gauge = sampleGauge()
				img := b.paint(400*scale, int(barHeight+2*barTop)*scale)
				test.AssertImageMatches(t, name, img)
			})
		}
	}
}

func TestGaugeRedrawsOnlyOnChange(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	paint := func() { w.gauge.bar.paint(400, 26) }
	w.SetGauge(sampleGauge())
	paint()
	for range 5 {
		w.SetGauge(sampleGauge())
		paint()
	}
	if n := w.gauge.bar.redrawn; n != 1 {
		t.Fatalf("drawn %d times for one reading", n)
	}
	g := sampleGauge()
	g.Used += mib
	g.Segments[2].Bytes += mib
	w.SetGauge(g)
	paint()
	w.SetSettings(Settings{Theme: "light"})
	paint()
	if n := w.gauge.bar.redrawn; n != 3 {
		t.Fatalf("drawn %d times for two readings and two looks", n)
	}
}

func TestGaugeWithoutTotal(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetGauge(Gauge{Name: "CPU mode", Line: "No NVIDIA driver found. The engine uses 212 MiB."})
	if w.gauge.bar.Visible() {
		t.Error("a bar without a total")
	}
	if len(stretches(Gauge{})) != 0 {
		t.Error("segments of nothing")
	}
	over := stretches(Gauge{Total: 10, Segments: []Segment{{Bytes: 8}, {Bytes: 8}, {Bytes: 8}}})
	if len(over) != 2 || over[1].to != 1 {
		t.Errorf("more than the total: %+v", over)
	}
}

func TestBytesOf(t *testing.T) {
	for _, c := range []struct {
		part, whole uint64
		want        string
	}{{4608 * mib, 5734 * mib, "4.5 of 5.6 GiB"}, {100 * mib, 900 * mib, "100 of 900 MiB"}, {0, 6144 * mib, "0 MiB of 6.0 GiB"}, {48 * mib, 24064 * mib, "48 MiB of 23.5 GiB"}, {200 << 30, 250 << 30, "200 of 250 GiB"}} {
		p, w := bytesOf(c.part, c.whole)
		if got := p + " of " + w; got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.part, c.whole, got, c.want)
		}
	}
}
