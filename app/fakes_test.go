package app

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"galago/app/portal"
	"galago/inference"
	"galago/inference/protocol"
	"galago/ui"
)

// fakeView keeps what it was told to show. It belongs to the test's goroutine, which stands for Fyne's main one: the race
// detector tells when anyone else touches it.
type fakeView struct {
	models                      ui.Models
	welcome                     *ui.Welcome
	diagnosis                   ui.Diagnosis
	modelsShown, diagnosisShown int

	model       ui.Model
	banner      *ui.Banner
	samples     []ui.Sample
	attachments []ui.Attachment
	composer    string
	turns       []ui.Turn
	puts        int
	queue       []ui.Turn
	busy        bool
	gauge       ui.Gauge
	panel       ui.Panel
	memory      []ui.MemoryItem
	gauges      int
	banners     int
	settings    ui.Settings
	notes       []string
	image       string
	choosing    int
	sheet       ui.Sheet

	conversations []ui.Conversation
	open          int64
	query         string
	hits          []ui.Hit
	thumbs        map[int64]image.Image
	sidebar       bool
	scrolled      uint64
	offer         func()            // of the last Offer
	choose        func(path string) // of the last dialog
}

func (v *fakeView) SetModel(m ui.Model)                 { v.model = m }
func (v *fakeView) SetBanner(b *ui.Banner)              { v.banner = b; v.banners++ }
func (v *fakeView) SetSamples(s []ui.Sample)            { v.samples = s }
func (v *fakeView) SetAttachments(list []ui.Attachment) { v.attachments = list }
func (v *fakeView) SetComposerText(text string)         { v.composer = text }
func (v *fakeView) SetTurns(turns []ui.Turn)            { v.turns = slices.Clone(turns) }
func (v *fakeView) SetQueue(turns []ui.Turn)            { v.queue = turns }
func (v *fakeView) SetBusy(busy bool)                   { v.busy = busy }
func (v *fakeView) SetGauge(g ui.Gauge)                 { v.gauge = g; v.gauges++ }
func (v *fakeView) SetPanel(p ui.Panel)                 { v.panel = p }
func (v *fakeView) SetMemory(m []ui.MemoryItem)         { v.memory = m }
func (v *fakeView) SetSettings(s ui.Settings)           { v.settings = s }
func (v *fakeView) Notify(text string)                  { v.notes = append(v.notes, text) }
func (v *fakeView) ShowImage(s ui.Sheet)                { v.image, v.sheet = s.Title, s }
func (v *fakeView) ChooseModel()                        { v.choosing++ }

func (v *fakeView) SetConversations(l []ui.Conversation)            { v.conversations = l }
func (v *fakeView) SetOpen(id int64)                                { v.open = id }
func (v *fakeView) SetHits(q string, h []ui.Hit)                    { v.query, v.hits = q, h }
func (v *fakeView) ShowSidebar(shown bool)                          { v.sidebar = shown }
func (v *fakeView) SetModels(m ui.Models)                           { v.models = m }
func (v *fakeView) ShowModels()                                     { v.modelsShown++ }
func (v *fakeView) SetWelcome(w *ui.Welcome)                        { v.welcome = w }
func (v *fakeView) SetDiagnosis(d ui.Diagnosis)                     { v.diagnosis = d }
func (v *fakeView) ShowDiagnosis()                                  { v.diagnosisShown++ }
func (v *fakeView) ScrollTo(turn uint64)                            { v.scrolled = turn }
func (v *fakeView) Offer(text, _ string, do func())                 { v.Notify(text); v.offer = do }
func (v *fakeView) ChooseFile(_ string, _ []string, f func(string)) { v.choose = f }
func (v *fakeView) SaveFile(_, _ string, f func(string))            { v.choose = f }
func (v *fakeView) ChooseFolder(_ string, f func(string))           { v.choose = f }

func (v *fakeView) SetThumb(id int64, img image.Image) {
	if v.thumbs == nil {
		v.thumbs = map[int64]image.Image{}
	}
	v.thumbs[id] = img
}

func (v *fakeView) PutTurn(t ui.Turn) {
	v.puts++
	for i := range v.turns {
		if v.turns[i].ID == t.ID {
			v.turns[i] = t
			return
		}
	}
	v.turns = append(v.turns, t)
}

// turn is the n-th one shown.
func (v *fakeView) turn(n int) ui.Turn {
	if n >= len(v.turns) {
		return ui.Turn{State: -1}
	}
	return v.turns[n]
}

func (v *fakeView) note() string {
	if len(v.notes) == 0 {
		return ""
	}
	return v.notes[len(v.notes)-1]
}

// fakeClient is a service that does what the test says. Its callbacks come from goroutines of their own.
type fakeClient struct {
	mu       sync.Mutex
	opened   []inference.Model
	requests []fakeRequest
	watch    func(inference.Status)
	cleared  inference.Cleared
	clearErr error
	unloads  int
	submit   func(inference.Request) // called by Submit; may be nil
	looks    []fakeLook
}

type fakeLook struct {
	ctx      context.Context
	pictures []inference.Image
}

type fakeRequest struct {
	inference.Request
	ctx context.Context
	on  func(inference.Event)
}

func (f *fakeClient) Open(m inference.Model) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, m)
}

func (f *fakeClient) Submit(ctx context.Context, r inference.Request, on func(inference.Event)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.submit != nil {
		f.submit(r)
	}
	f.requests = append(f.requests, fakeRequest{r, ctx, on})
}

func (f *fakeClient) Watch(watch func(inference.Status)) func() {
	f.watch = watch
	return func() {}
}

func (f *fakeClient) Clear(context.Context, protocol.What) (inference.Cleared, error) {
	return f.cleared, f.clearErr
}

func (f *fakeClient) Unload(context.Context) (inference.Cleared, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unloads++
	return f.cleared, f.clearErr
}

func (f *fakeClient) Look(ctx context.Context, pictures []inference.Image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks = append(f.looks, fakeLook{ctx, pictures})
}

func (f *fakeClient) Configure(inference.Policy) {}
func (f *fakeClient) Lift()                      {}
func (f *fakeClient) Close()                     {}

// bench is a controller between the two.
type bench struct {
	*Controller
	t        testing.TB
	view     *fakeView
	client   *fakeClient
	main     chan func() // what waits for the main goroutine
	clip     string
	settings string // path
}

func newBench(t testing.TB) *bench {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "galago", "settings.json"))
	b.start()
	return b
}

func newBenchAt(t testing.TB, settings string) *bench {
	b := &bench{t: t, view: &fakeView{}, client: &fakeClient{}, main: make(chan func(), 1000), settings: settings}
	b.Controller = NewController(Params{
		Do:           func(f func()) { b.main <- f },
		Client:       b.client,
		Copy:         func(s string) { b.clip = s },
		SettingsPath: settings,
	})
	b.keeper.start = func(write func()) { write() }
	b.desk.find = func(context.Context) portal.Offers { return portal.Offers{} } // not the one of who runs the test
	return b
}

func (b *bench) start() {
	b.Start(b.view)
	if b.Controller.settings.Model != "" { // its files are looked at first
		b.until("the model of last time is opened", func() bool { return len(b.client.opened) > 0 })
	}
}

// run does what waits for the main goroutine.
func (b *bench) run() {
	for {
		select {
		case f := <-b.main:
			f()
		default:
			return
		}
	}
}

// until runs the main goroutine until something is so.
func (b *bench) until(what string, so func() bool) {
	b.t.Helper()
	late := time.After(time.Minute)
	for b.run(); !so(); b.run() {
		select {
		case f := <-b.main:
			f()
		case <-late:
			b.t.Fatalf("it never came: %s", what)
		}
	}
}

// elsewhere does f on another goroutine, as the service does.
func elsewhere(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// request is the n-th one that was submitted.
func (b *bench) request(n int) fakeRequest {
	b.t.Helper()
	if n >= len(b.client.requests) {
		b.t.Fatalf("%d requests were submitted, not %d", len(b.client.requests), n+1)
	}
	return b.client.requests[n]
}

// say makes the service tell events of the n-th request.
func (b *bench) say(n int, events ...inference.Event) {
	b.t.Helper()
	r := b.request(n)
	elsewhere(func() {
		for _, e := range events {
			r.on(e)
		}
	})
	b.run()
}

func (b *bench) tell(s inference.Status) {
	elsewhere(func() { b.client.watch(s) })
	b.run()
}

// ready is what the service says of the built-in model.
func (b *bench) ready() inference.Status {
	return inference.Status{
		State: inference.StateReady, PID: 42,
		Model: inference.Model{Name: b.demo.Name, Path: b.demo.Model, MMProj: b.demo.MMProj, Context: b.demo.Context},
		Loaded: protocol.Loaded{
			Name: "demo", Description: "qwen3vl 2B Q8_0", Context: 2048, Device: "CPU",
			Vision: protocol.Vision{Enabled: true, Factor: 32, MinTokens: 8, MaxTokens: 1100},
		},
	}
}

func delta(text string) inference.Event {
	return inference.Event{Kind: inference.Delta, Text: text}
}

var (
	started   = inference.Event{Kind: inference.Started}
	cancelled = inference.Event{Kind: inference.Cancelled}
	done      = inference.Event{
		Kind: inference.Done, Stop: protocol.StopEnd,
		Stats: protocol.Stats{ImageTokens: 1036, PromptTokens: 1100, ReusedTokens: 1040, FirstToken: 812, TokensPerSec: 41.7, AnswerTokens: 9},
	}
)

func failed(code protocol.Code) inference.Event {
	return inference.Event{Kind: inference.Failed, Err: &inference.Error{Code: code, Op: "answer"}}
}

// pngOf is a picture file of one colour.
func pngOf(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range img.Pix {
		img.Pix[i] = 200
	}
	img.Set(0, 0, color.Black)
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// attached waits until no picture of the composer is being read.
func (b *bench) attached() {
	b.t.Helper()
	b.until("the pictures are read", func() bool { return !b.attachmentsReading() })
}
