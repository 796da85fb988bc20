//go:build uidemo

// Command uidemo fills Galago's window with made-up content, to look at it without a model:
//
//	go run -tags uidemo ./ui/internal/uidemo -scene chat
package main

import (
	"flag"
	"fmt"
	"image"
	"image/color"
	"log"
	"math"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"

	"galago/assets/fonts"
	"galago/ui"
)

const answer = `The top shelf holds **three kinds** of things:

| Object | Count | Colour |
|---|---:|---|
| Mug | 3 | blue, white, green |
| Teapot | 1 | white |
| Jar | 2 | clear glass, with a *very* long description that has to wrap inside its cell because it does not fit |

The green mug stands slightly behind the teapot. Its box is ` + "`[412, 188, 530, 305]`" + `:

` + "```json\n{\"bbox_2d\": [412, 188, 530, 305], \"label\": \"green mug\"}\n```" + `

### What else can be seen

1. A **label** on the left jar, which reads “Earl Grey”.
2. Two books:
   - *The Galago*, with a worn spine
   - a cookbook
3. A shadow from the window on the right.

> The light comes from the right, so the picture was probably taken in the afternoon.

See [the manual](https://example.org) for how boxes are counted.`

func picture(w, h int, a, b color.NRGBA) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := a
			if math.Mod(float64(x)*0.35+float64(y), 96) < 14 {
				c = b
			}
			dx, dy := float64(x)-float64(w)*0.62, float64(y)-float64(h)*0.45
			if math.Hypot(dx, dy) < float64(h)*0.22 {
				c = color.NRGBA{R: 0x3a, G: 0x7d, B: 0xc9, A: 0xff}
			}
			img.SetNRGBA(x, y, c)
		}
	}
	return img
}

var (
	shelf  = picture(480, 320, color.NRGBA{R: 0xd8, G: 0xc6, B: 0xa3, A: 0xff}, color.NRGBA{R: 0x8e, G: 0x6b, B: 0x4a, A: 0xff})
	green  = picture(360, 480, color.NRGBA{R: 0x7f, G: 0xae, B: 0x9b, A: 0xff}, color.NRGBA{R: 0x34, G: 0x4d, B: 0x58, A: 0xff})
	purple = picture(480, 200, color.NRGBA{R: 0xc9, G: 0xb7, B: 0xe4, A: 0xff}, color.NRGBA{R: 0x8b, G: 0x5a, B: 0xd6, A: 0xff})
)

func gib(n float64) uint64 { return uint64(n * (1 << 30)) }

func gauge(used float64) ui.Gauge {
	return ui.Gauge{
		Name: "RTX 3050 6 GB", Line: "37 % · 61 °C", Total: gib(5.6), Used: gib(used), Peak: gib(4.9),
		Segments: []ui.Segment{
			{Kind: ui.SegmentWeights, Label: "weights", Bytes: gib(used - 1.93)},
			{Kind: ui.SegmentVision, Label: "vision", Bytes: gib(0.45)},
			{Kind: ui.SegmentKV, Label: "KV cache", Bytes: gib(0.2)},
			{Kind: ui.SegmentKVFree, Label: "KV free", Bytes: gib(0.28)},
			{Kind: ui.SegmentCompute, Label: "compute", Bytes: gib(0.24)},
			{Kind: ui.SegmentEncode, Label: "encode", Bytes: gib(0.2)},
			{Kind: ui.SegmentRuntime, Label: "CUDA", Bytes: gib(0.18)},
			{Kind: ui.SegmentWindow, Label: "window", Bytes: gib(0.08)},
			{Kind: ui.SegmentOthers, Label: "others", Bytes: gib(0.3)},
			{Kind: ui.SegmentPending, Label: "this question", Bytes: gib(0.21)},
		},
		Tooltip: "NVIDIA GeForce RTX 3050, driver 550.90",
	}
}

func panel(moment int) ui.Panel {
	p := ui.Panel{
		Title: "NVIDIA GeForce RTX 3050 6GB Laptop GPU", Total: gib(5.6),
		Rows: []ui.PanelRow{
			{Label: "Weights", Value: "2.6 GiB", Hint: "28 of 28 layers, Q8_0", Kind: ui.SegmentWeights, Colour: true},
			{Label: "Vision tower", Value: "460 MiB", Kind: ui.SegmentVision, Colour: true},
			{Label: "KV cache, filled", Value: "205 MiB", Hint: "3,410 of 8,192 tokens", Kind: ui.SegmentKV, Colour: true},
			{Label: "KV cache, free", Value: "287 MiB", Kind: ui.SegmentKVFree, Colour: true},
			{Label: "Compute buffer", Value: "246 MiB", Hint: "dry run", Kind: ui.SegmentCompute, Colour: true},
			{Label: "Picture encoder", Value: "205 MiB", Hint: "for the largest picture, measured with this card, driver and model", Kind: ui.SegmentEncode, Colour: true},
			{Label: "CUDA context", Value: "184 MiB", Kind: ui.SegmentRuntime, Colour: true},
			{Label: "This window", Value: "82 MiB", Kind: ui.SegmentWindow, Colour: true},
			{Label: "Other programs", Value: "307 MiB", Hint: "Xorg 180, firefox 127", Kind: ui.SegmentOthers, Colour: true},
			{Label: "Free", Value: "1.1 GiB"},
			{Label: "Peak", Value: "4.9 GiB", Hint: "since memory was last given back"},
			{Label: "Load", Value: "37 %", Hint: "61 °C, 43 of 75 W, driver 550.90"},
		},
		Note:  "The driver does not tell the power limit of this card.",
		Cards: []ui.Card{{UUID: "GPU-1", Name: "NVIDIA GeForce RTX 3050 6GB Laptop GPU", Chosen: true}, {UUID: "GPU-2", Name: "NVIDIA GeForce GTX 1650"}},
	}
	start := time.Unix(1_700_000_000, 0)
	for i := moment; i < moment+240; i++ {
		used, ours := 1.2, 0.0
		if i > 50 {
			ours = 3.4
		}
		if i > 90 && i%60 < 25 {
			ours += 0.5 + 0.03*math.Sin(float64(i))
		}
		if i > 200 {
			used += 0.6
		}
		p.History = append(p.History, ui.HistoryPoint{At: start.Add(time.Duration(i) * 250 * time.Millisecond), Used: gib(min(used+ours, 5.6)), Ours: gib(ours)})
	}
	return p
}

var memory = []ui.MemoryItem{
	{Action: ui.MemoryForget, Label: "Forget this conversation's cache", Expect: "frees no memory", Hint: "Use it when answers should not build on what was read before.", Enabled: true},
	{Action: ui.MemoryWorking, Label: "Free working memory", Expect: "about 412 MiB", Hint: "Context and picture encoder; the weights stay. The next question takes about 0.4 s longer.", Enabled: true},
	{Action: ui.MemoryUnload, Label: "Unload the model", Expect: "about 4.2 GiB", Hint: "Everything, the CUDA context included. The next question loads it again.", Enabled: true},
	{Action: ui.MemoryLift, Label: "Back to full settings", Expect: "", Hint: "Nothing is reduced at the moment."},
}

func main() {
	scene := flag.String("scene", "chat", "what to show")
	width := flag.Float64("width", 1200, "of the window")
	height := flag.Float64("height", 780, "of the window")
	theme := flag.String("theme", "system", "light, dark or system")
	text := flag.Float64("text", 1, "the text's size, a factor")
	language := flag.String("language", "en", "such as de")
	sidebar := flag.Bool("sidebar", false, "show the conversations")
	fontDir := flag.String("fonts", "", "folder for the fonts that Galago brings")
	flag.Parse()
	if *fontDir != "" {
		if err := fonts.Offer(*fontDir); err != nil {
			log.Fatal(err)
		}
	}

	speak(*language)
	a := app.NewWithID("galago.uidemo")
	var w *ui.Window
	w = ui.New(a, ui.Actions{
		Send: func(s string) { fmt.Println("send", s); w.SetComposerText("") }, Cancel: say("cancel"),
		Attach: func(p []string) { fmt.Println("attach", p); w.Notify("Attached " + strings.Join(p, ", ")) },
		Detach: func(id uint64) { fmt.Println("detach", id) }, Unqueue: func(id uint64) { fmt.Println("unqueue", id) },
		Retry: func(id uint64) { fmt.Println("retry", id) }, Copy: func(id uint64) { w.Notify("Copied") },
		NewChat: func() { w.SetTurns(nil) }, Memory: func(what ui.MemoryAction) { w.Notify(fmt.Sprintf("%s: 212 MiB given back", what)) },
		Detail: func(id uint64, d string) { fmt.Printf("detail %d %q\n", id, d) }, GPU: func(uuid string) { fmt.Println("gpu", uuid) },
		OpenModel: func(m, p string) { fmt.Println("open", m, p) }, UseBuiltIn: say("built-in"), Sample: func(i int) { fmt.Println("sample", i) },
		Settings: func(s ui.Settings) { fmt.Printf("%+v\n", s) }, CopyMarkdown: func(uint64) { w.Notify("Copied as Markdown") }, CopyText: func(s string) { fmt.Printf("copied %q\n", s) },
		Continue: func(id uint64) { fmt.Println("continue", id) }, PickAnswer: func(id uint64, n int) { fmt.Println("pick", id, n) },
		DeleteFrom: func(id uint64) { fmt.Println("delete", id) }, Branch: func(id uint64, q string) { fmt.Printf("branch %d %q\n", id, q) },
		OpenConversation: func(id, turn int64) { w.SetOpen(id) }, Search: func(string) {}, RenameConversation: func(int64, string) {}, ImportConversation: say("import"),
		OpenData: say("data"), OpenLink: func(a string) { fmt.Println("open", a) }, Seen: func(ids []uint64) { fmt.Println("seen", ids) },
		ModelActions: modelActions(func() *ui.Window { return w }),
		OpenImage:    func(uint64, int) { w.ShowImage(ui.Sheet{Title: "shelf.jpg", Image: shelf}) },
	})
	w.Fyne().Resize(fyne.NewSize(float32(*width), float32(*height)))
	w.SetSettings(ui.Settings{MaxTokens: 768, Temperature: 0.7, Theme: *theme, TextSize: *text, FreeCost: "adds about 0.4 s to each question", IdleMinutes: 15, Info: &info})
	w.SetModel(ui.Model{Name: "Qwen3-VL-4B", Detail: "Q8_0 · 8k context", Loading: -1, Vision: true})
	w.SetGauge(gauge(4.5))
	w.SetPanel(panel(0))
	w.SetMemory(memory)
	w.SetSamples([]ui.Sample{
		{Image: shelf, Caption: "Shapes on a shelf", Question: "How many circles are there?"},
		{Image: green, Caption: "A tall one", Question: "What colour is the circle, and where is it?"},
		{Image: purple, Caption: "Numbers", Question: "What number is printed here?"},
	})
	if *sidebar {
		w.ShowSidebar(true)
	}
	w.SetConversations([]ui.Conversation{
		{ID: 1, Title: "Mugs on the shelf", Updated: time.Now(), Busy: true},
		{ID: 2, Title: "Receipt, total and VAT", Updated: time.Now(), Interrupted: true},
		{ID: 3, Title: "Which plant is this?", Updated: time.Now().AddDate(0, 0, -1)},
	})
	show(w, *scene)
	w.ShowAndRun()
}

var done = ui.Turn{
	ID: 1, Question: "What is on the top shelf, and how many of each?", Images: []image.Image{shelf}, Answer: answer, State: ui.TurnDone,
	Figures: []string{"1,036 picture tokens", "first token 0.8 s", "42 tokens/s", "980 reused"},
}

func say(s string) func() { return func() { fmt.Println(s) } }

// info is what the settings know.
var info = ui.SettingsInfo{
	Temperature: ui.Range{Max: 2, Default: 0.7}, TopK: ui.Range{Max: 1000, Default: 40}, TopP: ui.Range{Max: 1, Default: 0.95}, MinP: ui.Range{Max: 1, Default: 0.05},
	RepeatPenalty: ui.Range{Min: 1, Max: 2, Default: 1}, MaxTokens: ui.Range{Min: 1, Max: 65536, Default: 768}, Seed: ui.Range{Max: 1 << 32},
	IdleMinutes: ui.Range{Max: 1440}, TextSize: ui.Range{Min: 0.8, Max: 1.6, Default: 1}, Context: ui.Range{Min: 512, Max: 1 << 20}, SystemLength: 4000, PresetLength: 60,
	Presets: []ui.Preset{{Name: "Usual"}, {Name: "Terse"}}, Preset: "Usual", Languages: []ui.Option{{Label: "Like the system"}, {Value: "de", Label: "Deutsch"}},
	DataFolder: "/home/someone/.local/share/galago", Cards: []ui.Card{{UUID: "GPU-1", Name: "NVIDIA GeForce RTX 3050 6GB Laptop GPU", Chosen: true}},
}

// spilling is a gauge with an alarm, and a request that is more than what is free.
func spilling() ui.Gauge {
	g := gauge(5.5)
	g.Alarm = "GPU memory spills into system memory: answers are slow"
	return g
}

func show(w *ui.Window, scene string) {
	one := ui.Attachment{ID: 1, Name: "lower-shelf.jpg", Thumb: green, Info: "4032 × 3024 → 1184 × 896 · 1,036 tokens", Cost: "+212 MiB · about 1 s", Details: []string{"low", "", "high"}}
	demo := &ui.Banner{Text: "Built-in demo model: it knows shapes, colours and numbers.", Label: "Open a model…", Do: func() {}}
	switch scene {
	case "models":
		showModels(w)
	case "welcome", "welcome-loading", "welcome-chat":
		showWelcome(w, scene)
	case "diagnosis", "diagnosis-busy":
		showDiagnosis(w, scene)
	case "empty":
		w.SetModel(ui.Model{Name: "Galago demo", Detail: "built in", Loading: -1, Vision: true, BuiltIn: true})
		w.SetBanner(demo)
	case "loading":
		w.SetModel(ui.Model{Name: "Galago demo", State: "loading", Loading: 0.4, Vision: true, BuiltIn: true})
		w.SetGauge(ui.Gauge{Name: "CPU mode", Line: "No NVIDIA driver found: answers come from the processor. Engine uses 212 MiB."})
	case "chat":
		short := done
		short.Answer = "The top shelf holds three kinds of things:\n\n| Object | Count | Colour |\n|---|---|---|\n| Mug | 3 | blue, white, green |\n| Teapot | 1 | white |\n| Jar | 2 | clear glass |\n\nThe green mug stands slightly behind the teapot."
		w.SetTurns([]ui.Turn{short})
		w.SetAttachments([]ui.Attachment{one})
		w.SetQueue([]ui.Turn{{ID: 9, Question: "And the lower shelf?"}})
		w.SetBusy(true)
	case "scripts":
		w.SetTurns([]ui.Turn{scriptTurn})
	case "everything":
		w.SetTurns(everything())
	case "markdown":
		w.SetTurns([]ui.Turn{done})
	case "working":
		w.SetTurns([]ui.Turn{done, {ID: 2, Question: "And what colour is the pot in these?", Images: []image.Image{green, shelf, purple}, State: ui.TurnWorking, Phase: "Looking at picture 2 of 3", Progress: 0.4}})
		w.SetBusy(true)
		w.SetBanner(demo)
	case "unknown":
		w.SetTurns([]ui.Turn{{ID: 2, Question: "And what colour is the pot in these?", Images: []image.Image{green}, State: ui.TurnWorking, Phase: "Looking at the picture", Progress: -1}})
		w.SetBusy(true)
	case "error":
		w.SetBanner(&ui.Banner{Text: "The engine stopped and could not be started again. Your conversation is safe.", Problem: true, Detail: "exit status 134: GGML_ASSERT(ctx->mem_buffer != NULL) failed", Label: "Start it again", Do: func() {}})
		w.SetTurns([]ui.Turn{
			{ID: 1, Question: "How many triangles?", Images: []image.Image{purple}, Answer: "There are two tri", State: ui.TurnCancelled, Figures: []string{"300 picture tokens"}},
			{ID: 2, Question: strings.Repeat("A long question that goes on and on. ", 8), Answer: "I see a", State: ui.TurnFailed, Problem: &ui.Problem{Title: "The graphics card ran out of memory", Text: "The picture needs 212 MiB and only 98 MiB are free.", Action: "Close other programs that use the graphics card, or clear the cache, then try again.", Detail: "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 212.00 MiB on device 0: cudaMalloc failed: out of memory"}},
		})
		w.SetAttachments([]ui.Attachment{one, {ID: 2, Name: "notes.png", Problem: &ui.Problem{Title: "Not a picture", Text: "notes.png holds text, not a picture.", Action: "Choose a JPEG, PNG, GIF, BMP, TIFF or WebP file."}}, {ID: 3, Name: "still reading this one.tiff"}})
	case "many":
		var list []ui.Attachment
		for i := range 40 {
			a := one
			a.ID, a.Name, a.Thumb = uint64(i), fmt.Sprintf("IMG_2024_%04d.jpg", i), []image.Image{shelf, green, purple}[i%3]
			list = append(list, a)
		}
		w.SetTurns([]ui.Turn{done})
		w.SetAttachments(list)
		w.SetComposerText("Compare them, please:\nwhich of these is the sharpest, and which shows the same room twice? A third line that is long enough that it has to wrap somewhere in the middle of the entry.")
		w.SetQueue([]ui.Turn{{ID: 9, Question: "And the lower shelf?"}, {ID: 10, Question: "A second one that is far too long for a chip to show in full, so it is cut"}, {ID: 11, Question: "Third?"}, {ID: 12, Question: "And a fourth one?"}})
		w.SetBusy(true)
	case "few":
		two, three := one, one
		two.ID, two.Name, two.Thumb, two.Detail = 2, "a-receipt-with-a-long-name.png", shelf, "low"
		three.ID, three.Name, three.Thumb = 3, "wide.png", purple
		three.Problem = &ui.Problem{Title: "This picture does not fit", Text: "It needs 212 MiB and 98 MiB are free.", Choices: []ui.Choice{{Label: "Use 256 tokens", Do: say("256 tokens")}, {Label: "Vision on the CPU", Do: say("cpu")}, {Label: "Smaller context", Do: say("context")}}}
		w.SetTurns([]ui.Turn{done})
		w.SetAttachments([]ui.Attachment{one, two, three})
	case "ladder":
		w.SetGauge(spilling())
		w.SetTurns([]ui.Turn{
			{
				ID: 1, Question: "What is on the top shelf?", Images: []image.Image{shelf}, Answer: "Three mugs and a teapot.", State: ui.TurnDone, Figures: done.Figures,
				Notices: []string{"Another program took 600 MiB, so the picture was read at 518 instead of 1,036 tokens.", "The vision tower moved to the CPU, since the encoder's 205 MiB were not free; pictures take about 4 s longer until memory is back or you choose Back to full settings."},
			},
			{ID: 2, Question: "And on the lower one?", Images: []image.Image{green}, State: ui.TurnFailed, Problem: &ui.Problem{
				Title: "This question does not fit into memory", Text: "It needs 512 MiB and 98 MiB are free.", Action: "Choose what to give up:", Detail: "budget: encode 205, kv 307",
				Choices: []ui.Choice{{Label: "Read the picture at 256 tokens", Do: say("256")}, {Label: "Vision tower on the CPU", Do: say("cpu")}, {Label: "Context of 4,096 tokens", Do: say("ctx")}, {Label: "q8_0 cache", Do: say("q8")}},
			}},
		})
		w.SetAttachments([]ui.Attachment{one})
	case "live":
		w.SetTurns([]ui.Turn{done})
		go func() {
			for i := 1; ; i++ {
				time.Sleep(250 * time.Millisecond)
				fyne.Do(func() {
					w.SetGauge(gauge(4.5 + 0.2*math.Sin(float64(i)/4)))
					w.SetPanel(panel(i))
				})
			}
		}()
	case "settings":
		w.SetTurns([]ui.Turn{done})
	case "image":
		w.SetTurns([]ui.Turn{done})
		go func() {
			time.Sleep(time.Second)
			fyne.Do(func() { w.ShowImage(ui.Sheet{Title: "shelf.jpg", Image: shelf}) })
		}()
	case "crop", "crop-new":
		region := image.Rect(200, 60, 390, 230)
		if scene == "crop-new" {
			region = image.Rectangle{}
		}
		w.SetTurns([]ui.Turn{done})
		w.SetAttachments([]ui.Attachment{one})
		go func() {
			time.Sleep(time.Second)
			fyne.Do(func() {
				w.ShowImage(ui.Sheet{
					Title: "shelf.jpg · 4032 × 3024", Image: shelf, Region: region,
					Crop: func(image.Rectangle) {}, Whole: say("whole"), Save: say("save"), Copy: say("copy"), Seen: say("seen"),
				})
			})
		}()
	case "stream":
		w.SetTurns([]ui.Turn{done})
		go stream(w)
	case "snack":
		w.SetTurns([]ui.Turn{done})
		go func() {
			time.Sleep(time.Second)
			fyne.Do(func() { w.Notify("212 MiB of graphics memory given back") })
		}()
	case "long":
		var turns []ui.Turn
		for i := range 200 {
			t := done
			t.ID = uint64(i)
			t.Question = fmt.Sprintf("Question %d", i)
			turns = append(turns, t)
		}
		start := time.Now()
		w.SetTurns(turns)
		fmt.Println("200 turns", time.Since(start))
		go stream(w)
	case "narrow":
		w.SetModel(ui.Model{Name: "Qwen3-VL-30B-A3B-Instruct-abliterated-v2-UD-Q4_K_XL", Detail: "Q4_K_XL · 32k context", Loading: -1, Vision: true})
		w.SetTurns([]ui.Turn{{ID: 1, Question: "https://example.org/" + strings.Repeat("averylongpath", 9), State: ui.TurnDone, Answer: strings.Repeat("unbreakable", 20) + "\n\n" + answer, Figures: done.Figures}})
	case "words":
		w.SetModel(ui.Model{Name: "Qwen3-VL-30B-A3B-Instruct-abliterated-v2-UD-Q4_K_XL", Detail: "Q4_K_XL · 32k context", Loading: -1, Vision: true})
		w.SetTurns([]ui.Turn{{
			ID: 1, Question: "https://example.org/" + strings.Repeat("averylongpath", 9), State: ui.TurnDone, Figures: done.Figures,
			Answer: strings.Repeat("unbreakable", 20) + "\n\nDonaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft, then `" + strings.Repeat("code", 40) + "` and the end.",
		}})
	case "textonly":
		w.SetModel(ui.Model{Name: "SmolLM2-1.7B", Detail: "Q4_K_M · text only", Loading: -1})
		w.SetTurns([]ui.Turn{{ID: 1, Question: "Hello", Answer: "Hello! What would you like to know?", State: ui.TurnDone, Figures: []string{"first token 0.1 s", "88 tokens/s"}}})
	}
}

// stream grows an answer as a model at 40 tokens a second would.
func stream(w *ui.Window) {
	t := ui.Turn{ID: 5000, Question: "Describe the picture.", Images: []image.Image{green}, State: ui.TurnWorking, Phase: "Looking at the picture", Progress: 0}
	put := func() {
		now := t
		fyne.Do(func() { w.PutTurn(now) })
	}
	fyne.Do(func() { w.SetBusy(true) })
	for i := range 20 {
		t.Progress = float64(i) / 20
		put()
		time.Sleep(80 * time.Millisecond)
	}
	t.State = ui.TurnStreaming
	text := strings.Repeat(answer+"\n\n", 3)
	for i := 0; i < len(text); i += 5 {
		t.Answer = strings.ToValidUTF8(text[:i], "")
		put()
		time.Sleep(25 * time.Millisecond)
	}
	t.Answer, t.State, t.Figures = text, ui.TurnDone, []string{"300 picture tokens", "first token 0.8 s", "42 tokens/s"}
	put()
	fyne.Do(func() { w.SetBusy(false) })
}
