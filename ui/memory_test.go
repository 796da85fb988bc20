package ui

import (
	"fmt"
	"image"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

func at(x float32) *desktop.MouseEvent {
	return &desktop.MouseEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, barTop+4)}}
}

// shownTip is what the tip says now, empty when there is none.
func (w *Window) shownTip() string {
	if len(w.tips.layer.Objects) == 0 {
		return ""
	}
	return w.tips.layer.Objects[0].(*tipText).body.source
}

func TestSegmentsExplainThemselves(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetGauge(sampleGauge())
	bar := w.gauge.bar
	width := bar.Size().Width
	for share, want := range map[float32]string{
		0.1:                   "weights: 2.6 GiB, 47 % of 5.6 GiB",
		0.5:                   "vision: 460 MiB, 8 % of 5.6 GiB",
		4608.0/5734 + 0.01:    "this question: 212 MiB\nNot yet in use: what the question in the composer will add",
		4900.0 / 5734:         "peak: 4.8 GiB\nThe most that was in use since memory was last given back",
		0.99:                  "free: 1.1 GiB\ndriver 550",
		(2710 + 100) / 5734.0: "vision: 460 MiB, 8 % of 5.6 GiB",
	} {
		bar.MouseIn(at(share * width))
		if got := w.shownTip(); got != want {
			t.Errorf("at %.2f: %q, want %q", share, got, want)
		}
	}
	bar.MouseIn(at(0.5 * width))
	card := w.tips.layer.Objects[0]
	bar.MouseMoved(at(0.5*width + 1))
	if w.tips.layer.Objects[0] != card {
		t.Error("moving inside a segment makes its tip anew")
	}
	g := sampleGauge()
	g.Segments[1].Bytes += 40 * mib
	w.SetGauge(g)
	if got := w.shownTip(); got != "vision: 500 MiB, 9 % of 5.6 GiB" {
		t.Errorf("after a new reading: %q", got)
	}
	bar.MouseOut()
	if got := w.shownTip(); got != "" {
		t.Errorf("the tip stays: %q", got)
	}
	w.SetGauge(sampleGauge())
	if got := w.shownTip(); got != "" {
		t.Errorf("a reading shows a tip that nobody asked for: %q", got)
	}
	bar.TypedKey(key(fyne.KeyRight))
	bar.TypedKey(key(fyne.KeyRight))
	if got := w.shownTip(); got != "vision: 460 MiB, 8 % of 5.6 GiB" {
		t.Errorf("with the arrow keys: %q", got)
	}
	bar.TypedKey(key(fyne.KeyEscape))
	if got := w.shownTip(); got != "" {
		t.Errorf("Esc leaves %q", got)
	}
	bar.TypedKey(key(fyne.KeyRight))
	w.SetGauge(Gauge{Name: "CPU mode"})
	if got := w.shownTip(); got != "" {
		t.Errorf("without a bar there is %q", got)
	}
}

func TestPendingComesAfterWhatIsUsed(t *testing.T) {
	parts := stretches(Gauge{Total: 100, Used: 60, Segments: []Segment{{SegmentPending, "q", 20}, {SegmentWeights, "w", 50}}})
	if len(parts) != 2 || parts[1].segment.Kind != SegmentPending || parts[1].from != 0.6 || parts[1].over {
		t.Errorf("%+v", parts)
	}
	parts = stretches(Gauge{Total: 100, Used: 100, Segments: []Segment{{SegmentWeights, "w", 100}, {SegmentPending, "q", 20}}})
	if p := parts[len(parts)-1]; !p.over || p.from != 1-minPending || p.to != 1 {
		t.Errorf("what does not fit is not seen: %+v", parts)
	}
}

func (w *Window) top() fyne.CanvasObject { return w.win.Canvas().Overlays().Top() }

func TestPanelOpensAndCloses(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetGauge(sampleGauge())
	w.SetPanel(samplePanel())
	bar := w.gauge.bar
	for name, open := range map[string]func(){
		"click": func() { test.Tap(bar) },
		"Enter": func() { bar.TypedKey(key(fyne.KeyReturn)) },
		"name":  func() { test.Tap(w.gauge) },
	} {
		for how, shut := range map[string]func(){
			"Esc":              func() { w.typedKey(key(fyne.KeyEscape)) },
			"click beside it":  func() { w.top().(*popover).Tapped(&fyne.PointEvent{Position: fyne.NewPos(880, 20)}) },
			"click on the bar": func() { w.top().(*popover).Tapped(&fyne.PointEvent{Position: fyne.NewPos(400, 660)}) },
		} {
			open()
			p, ok := w.top().(*popover)
			if !ok || w.gauge.figure == nil {
				t.Fatalf("%s opens nothing", name)
			}
			if bottom := p.cardAt.Y + p.card.Height; bottom > 700-gaugeHeight() || p.cardAt.Y < 0 {
				t.Errorf("the card lies from %v to %v", p.cardAt.Y, bottom)
			}
			p.Tapped(&fyne.PointEvent{Position: p.cardAt.AddXY(9, 9)})
			if w.top() != p {
				t.Fatal("a click on the card closes it")
			}
			shut()
			if w.top() != nil || w.gauge.figure != nil || w.gauge.open != nil {
				t.Fatalf("%s does not close it", how)
			}
		}
	}
}

func TestPanelIsLiveOnlyWhileOpen(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	w.SetGauge(Gauge{Name: "RTX 3050", Total: 100 * mib, Used: 60 * mib, Segments: []Segment{{SegmentOurs, "Galago", 60 * mib}}})
	test.Tap(w.gauge.bar)
	rows := w.gauge.figure.rows
	if len(rows) != 2 || rows[0].row.Label != "Galago" || rows[1].row.Value != "40 MiB" {
		t.Fatalf("without a panel the segments do not stand in: %+v", rows)
	}
	w.SetPanel(samplePanel())
	if n := len(w.gauge.figure.rows); n != 3 || w.gauge.figure.rows[0] != rows[0] {
		t.Fatalf("%d rows after an update", n)
	}
	before := w.gauge.open.card.Height
	longer := samplePanel()
	longer.Rows = append(longer.Rows, PanelRow{Label: "Peak", Value: "4.9 GiB"})
	w.SetPanel(longer)
	if w.gauge.open.card.Height <= before {
		t.Error("the card does not grow with its rows")
	}
	if w.gauge.figure.set(w.gauge.gauge, longer) {
		t.Error("the same figures are drawn again")
	}
	w.typedKey(key(fyne.KeyEscape))
	w.SetPanel(samplePanel())
	if w.gauge.figure != nil {
		t.Error("a closed panel is made")
	}
}

func TestPanelChoosesACard(t *testing.T) {
	var chosen []string
	w, _ := testWindow(t, Actions{GPU: func(uuid string) { chosen = append(chosen, uuid) }})
	w.SetGauge(sampleGauge())
	w.SetPanel(samplePanel())
	test.Tap(w.gauge.bar)
	cards := w.gauge.figure.cards
	test.Tap(cards[0])
	test.Tap(cards[1])
	if !slices.Equal(chosen, []string{"GPU-2"}) {
		t.Errorf("chosen %q", chosen)
	}
	one := samplePanel()
	one.Cards = one.Cards[:1]
	w.SetPanel(one)
	if len(w.gauge.figure.cards) != 0 {
		t.Error("a choice of one card")
	}
}

func TestPanelInSmallWindow(t *testing.T) {
	w, _ := testWindow(t, Actions{GPU: func(string) {}})
	w.SetGauge(sampleGauge())
	p := samplePanel()
	for range 30 {
		p.Rows = append(p.Rows, PanelRow{Label: "another program", Value: "1 MiB"})
	}
	w.SetPanel(p)
	test.Tap(w.gauge.bar)
	w.win.Resize(fyne.NewSize(560, 360))
	o := w.gauge.open
	if o.cardAt.Y < 0 || o.cardAt.X < 0 || o.cardAt.X+o.card.Width > 560 || o.inset == 0 {
		t.Errorf("card %v at %v, inset %v", o.card, o.cardAt, o.inset)
	}
	if body := w.gauge.figure.Size(); body.Height < 30*figureHeight() || body.Width > o.card.Width-2*gap3-gap3 {
		t.Errorf("the figures take %v", body)
	}
	w.typedKey(key(fyne.KeyDown))
	if first := w.gauge.figure.cards[0]; !first.focused || o.scroll.Offset.Y == 0 {
		t.Errorf("the card with the keyboard is out of sight, scrolled to %v", o.scroll.Offset)
	}
}

func TestMemoryMenu(t *testing.T) {
	var done []MemoryAction
	w, _ := testWindow(t, Actions{Memory: func(a MemoryAction) { done = append(done, a) }})
	if !w.gauge.memory.Disabled() {
		t.Error("a menu without entries opens")
	}
	w.SetMemory(sampleMemory())
	open := func() []*memoryEntry {
		t.Helper()
		test.Tap(w.gauge.memory)
		if w.gauge.menu == nil {
			t.Fatal("the menu does not open")
		}
		return w.gauge.menu.entries
	}
	test.Tap(open()[1])
	if w.top() != nil {
		t.Fatal("the menu stays after a choice")
	}
	test.Tap(open()[2])
	if w.top() == nil {
		t.Fatal("a disabled entry closes the menu")
	}
	entries := w.gauge.menu.entries
	w.typedKey(key(fyne.KeyDown))
	w.typedKey(key(fyne.KeyDown))
	if !entries[1].focused {
		t.Fatal("the arrow keys do not reach the second entry")
	}
	entries[1].TypedKey(key(fyne.KeyUp))
	if !entries[0].focused {
		t.Fatal("the arrow keys do not go back")
	}
	items := sampleMemory()
	items[0].Expect = "frees 3 MiB"
	w.SetMemory(items)
	if w.gauge.menu.entries[0] != entries[0] || entries[0].item.Expect != "frees 3 MiB" || !entries[0].focused {
		t.Error("an update loses the entry that has the keyboard")
	}
	entries[0].TypedKey(key(fyne.KeyReturn))
	open()
	w.typedKey(key(fyne.KeyEscape))
	if w.top() != nil {
		t.Error("Esc does not close the menu")
	}
	if want := []MemoryAction{MemoryWorking, MemoryForget}; !slices.Equal(done, want) {
		t.Errorf("done %q, want %q", done, want)
	}
}

func TestAlarm(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	g := sampleGauge()
	g.Alarm = "GPU memory spills into system memory"
	w.SetGauge(g)
	r := test.WidgetRenderer(w.gauge.bar).(*barRenderer)
	if len(r.labels) != 1 || r.labels[0].draw.Text != g.Alarm || r.labels[0].draw.Color != darkPalette[colorWarn] || !r.mark.image.Visible() {
		t.Errorf("the alarm is not plain to see: %+v", r.labels)
	}
	w.gauge.bar.MouseIn(at(1))
	if tip := w.shownTip(); !strings.HasSuffix(tip, g.Alarm) {
		t.Errorf("the tip %q lacks the alarm", tip)
	}
	w.SetGauge(sampleGauge())
	if len(r.labels) < 3 || r.mark.image.Visible() {
		t.Error("the alarm stays")
	}
}

func TestDetail(t *testing.T) {
	var got []string
	w, _ := testWindow(t, Actions{Detail: func(id uint64, d string) { got = append(got, fmt.Sprint(id, d)) }})
	a := Attachment{ID: 7, Name: "a.jpg", Info: "800 × 600 · 432 tokens", Cost: "+90 MiB · about 1 s", Details: []string{"low", "", "high"}}
	w.SetAttachments([]Attachment{a})
	c := w.composer.fileBox.cards[0]
	if !c.details.Visible() || c.drop.Visible() || c.details.chosen != 1 {
		t.Fatalf("one picture: row %v, button %v, chosen %d", c.details.Visible(), c.drop.Visible(), c.details.chosen)
	}
	row := c.details
	test.Tap(row.buttons[0])
	a.Detail = "low"
	w.SetAttachments([]Attachment{a})
	test.Tap(row.buttons[0])
	test.Tap(row.buttons[2])
	if want := []string{"7low", "7high"}; !slices.Equal(got, want) || c.details != row {
		t.Fatalf("got %q, want %q", got, want)
	}
	b, single := a, a
	b.ID, single.ID, single.Details = 8, 9, []string{"low"}
	w.SetAttachments([]Attachment{a, b, single})
	if c.details.Visible() || !c.drop.Visible() || c.drop.text != "Low" {
		t.Fatalf("beside another: row %v, button %v %q", c.details.Visible(), c.drop.Visible(), c.drop.text)
	}
	if s := w.composer.fileBox.cards[2]; s.details != nil || s.drop.Visible() {
		t.Error("a choice of one")
	}
	test.Tap(w.composer.fileBox.cards[1].drop)
	if w.top() == nil {
		t.Error("the button opens no menu")
	}
	items := w.composer.fileBox.cards[1].detailItems()
	if len(items) != 3 || items[1].Label != "Auto" || items[1].Checked || !items[0].Checked {
		t.Fatalf("%d entries", len(items))
	}
	items[2].Action()
	if last := got[len(got)-1]; last != "8high" {
		t.Errorf("got %q", last)
	}
}

func TestCostIsReadable(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	a := Attachment{ID: 7, Name: "a.jpg", Info: "4032 × 3024 → 1184 × 896 · 1,036 tokens", Cost: "+212 MiB · about 1 s"}
	w.SetAttachments([]Attachment{a})
	c := w.composer.fileBox.cards[0]
	for width, want := range map[float32][2]string{
		500: {a.Info + " · " + a.Cost, ""},
		280: {a.Info, a.Cost},
		200: {"4032 × 3024 → 1184 × 896", "1,036 tokens · +212 MiB · about 1 s"},
	} {
		if first, rest := c.lines(width); first != want[0] || rest != want[1] {
			t.Errorf("%v: %q, %q", width, first, rest)
		}
	}
	if want := "a.jpg\n" + a.Info + "\n" + a.Cost; c.tip() != want {
		t.Errorf("tip %q", c.tip())
	}
}

func TestChoicesTakeThePlaceOfRetry(t *testing.T) {
	var done []string
	do := func(s string) func() { return func() { done = append(done, s) } }
	w, _ := testWindow(t, Actions{Retry: func(uint64) { do("retry")() }})
	turn := Turn{ID: 1, Question: "?", State: TurnFailed, Problem: &Problem{Title: "It does not fit", Choices: []Choice{{"256 tokens", do("old")}, {"CPU", do("cpu")}}}}
	w.PutTurn(turn)
	card := w.transcript.view(0).problem
	turn.Problem = &Problem{Title: "It does not fit", Choices: []Choice{{"256 tokens", do("new")}, {"CPU", do("cpu")}}}
	w.PutTurn(turn)
	objects := test.WidgetRenderer(card).Objects()
	if slices.Contains(objects, fyne.CanvasObject(card.retry)) || !slices.Contains(objects, fyne.CanvasObject(card.choices.buttons[1])) {
		t.Error("the wrong buttons are shown")
	}
	test.Tap(card.choices.buttons[0])
	test.Tap(card.choices.buttons[1])
	turn.Problem = &Problem{Title: "Broken"}
	w.PutTurn(turn)
	objects = test.WidgetRenderer(card).Objects()
	if !slices.Contains(objects, fyne.CanvasObject(card.retry)) || len(card.choices.buttons) != 0 {
		t.Error("Retry does not come back")
	}
	w.SetAttachments([]Attachment{{ID: 3, Problem: &Problem{Title: "It does not fit", Choices: []Choice{{"512 tokens", do("512")}}}}})
	file := w.composer.fileBox.cards[0]
	test.Tap(file.ways.buttons[0])
	if want := []string{"new", "cpu", "512"}; !reflect.DeepEqual(done, want) {
		t.Errorf("done %q, want %q", done, want)
	}
	if file.Size().Height <= fileHeight() {
		t.Errorf("no room for the buttons: %v", file.Size())
	}
}

func TestNotices(t *testing.T) {
	w, _ := testWindow(t, Actions{})
	turn := Turn{ID: 1, Question: "?", Answer: "text", State: TurnDone}
	w.PutTurn(turn)
	v := w.transcript.view(0)
	plain := v.height
	turn.Notices = []string{"The picture was read at 256 tokens."}
	w.PutTurn(turn)
	if v.height <= plain || len(v.notices) != 1 {
		t.Fatalf("height %v, was %v", v.height, plain)
	}
	if n := v.notices[0].text; n.Position().Y+n.Size().Height > v.answer.Position().Y || n.Position().Y < v.name.draw.Position().Y {
		t.Errorf("the notice at %v, the answer at %v", n.Position(), v.answer.Position())
	}
	turn.Notices = nil
	w.PutTurn(turn)
	if v.height != plain {
		t.Errorf("height %v, was %v", v.height, plain)
	}
}

// The history is drawn pixel by pixel too: the line at its height, our share below it, nothing before the first point.
func TestHistoryPixels(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(newLook("dark"))
	start := time.Unix(1_700_000_000, 0)
	points := []HistoryPoint{{start, 50, 25}, {start.Add(30 * time.Second), 50, 25}}
	img := paintHistory(points, 100, 120, 64).(*image.NRGBA)
	if c := img.NRGBAAt(10, 60); c != darkPalette[colorTrack] {
		t.Errorf("before the first point: %v", c)
	}
	if c := img.NRGBAAt(90, 10); c != darkPalette[colorTrack] {
		t.Errorf("above the line: %v", c)
	}
	if l, free := img.NRGBAAt(90, 32), darkPalette[colorTrack]; int(l.R)-int(free.R) < 60 {
		t.Errorf("the line: %v", l)
	}
	others, ours := img.NRGBAAt(90, 40), img.NRGBAAt(90, 56)
	if others == ours || int(ours.B)-int(others.B) < 60 {
		t.Errorf("ours %v, others %v", ours, others)
	}
	if empty := paintHistory(nil, 0, 4, 4).(*image.NRGBA); empty.NRGBAAt(3, 3) != darkPalette[colorTrack] {
		t.Error("no points draw something")
	}
}

// Every kind has a colour of its own in both looks; neighbours must be told apart.
func TestSegmentColors(t *testing.T) {
	for k := SegmentWeights; k <= SegmentPending; k++ {
		c, ok := segmentColors[k]
		if !ok || c.dark.A == 0 || c.light.A == 0 {
			t.Errorf("kind %d has no colour", k)
		}
		next := segmentColors[k+1]
		if k < SegmentOurs && (c.dark == next.dark || c.light == next.light) {
			t.Errorf("kinds %d and %d look the same", k, k+1)
		}
	}
}
