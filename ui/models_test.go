package ui

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/storage"
	"fyne.io/fyne/v2/test"
)

func sampleVariants() []ModelVariant {
	return []ModelVariant{
		{ID: "q8", Name: "Q8_0 (8-bit)", Size: "4.7 GB", Fit: FitChanged, Line: "needs 5.3 of 5.1 GiB", Digest: "checksum from the catalogue"},
		{ID: "q4", Name: "Q4_K_M (4-bit)", Size: "2.7 GB", Fit: FitWell, Line: "needs 3.4 of 5.1 GiB with 16k context", Here: true},
	}
}

// sampleModels has a row of every kind.
func sampleModels() Models {
	return Models{
		Device: "RTX 3050 · 5.1 of 5.6 GiB free", Disk: "120 GB free", Note: "No network: the models on this machine can be used.",
		Engine: EngineRow{Title: "CPU mode", Text: "The CUDA engine is not installed.", Size: "612 MB", CanInstall: true},
		Rows: []ModelRow{
			{ID: "demo", Group: GroupOwn, Name: "Galago demo", Detail: "built in", Open: true, CanUse: true, Licence: "MIT"},
			{ID: "smol", Group: GroupOwn, Name: "SmolVLM2 2.2B", Detail: "2.2B · Q8_0", About: "Captions.", Fetch: FetchRunning, Progress: 0.3, Figures: "0.7 of 2.5 GB · 12.0 MB/s"},
			{ID: "broken", Group: GroupOwn, Name: "InternVL3 2B", Fetch: FetchFailed, Problem: &Problem{Title: "The server does not have the file", Text: "It answered 404.", Detail: "GET", Choices: []Choice{{Label: "Another quantisation", Do: func() {}}}}},
			{ID: "own", Group: GroupOwn, Name: "Gemma 3 4B", Detail: "3.9B", Size: "2.5 GB", CanUse: true, CanRemove: true, CanDelete: true, Warning: "Not for commercial use", Licence: "Gemma", Address: "https://example.org/terms", Partners: []Place{{"mmproj-a.gguf", "/a"}, {"mmproj-b.gguf", "/b"}}},
			{ID: "lm", Group: GroupFound, Name: "Llama 3.2 3B", Detail: "3.2B · LM Studio", TextOnly: true, CanUse: true},
			{ID: "qwen", Group: GroupOffered, Name: "Qwen3-VL 4B", Detail: "4B", About: "Reads documents.", Suggested: true, Licence: "Apache-2.0", Address: "https://example.org/apache", Variants: sampleVariants(), Variant: "q8", CanDownload: true, CanUse: true},
			{ID: "pix", Group: GroupOffered, Name: "Pixtral 12B", Detail: "12B", Variants: []ModelVariant{{ID: "q4", Name: "Q4_K_M", Size: "8.3 GB", Fit: FitNot, Line: "needs 8.9 of 5.1 GiB"}}, Variant: "q4", CanDownload: true},
		},
	}
}

// modelsSheet is an open page, and what was asked for on it.
func modelsSheet(t *testing.T, m Models) (*Window, *modelsPage, *[]string) {
	t.Helper()
	var told []string
	say := func(format string) func(string) {
		return func(id string) { told = append(told, fmt.Sprintf(format, id)) }
	}
	act := func(what string) func() { return func() { told = append(told, what) } }
	w, _ := testWindow(t, Actions{OpenModel: func(string, string) {}, OpenLink: func(string) {}, ModelActions: ModelActions{
		ModelsShown: func(shown bool) { told = append(told, fmt.Sprint("shown ", shown)) },
		UseModel:    say("use %s"), UseVariant: func(id, v string) { told = append(told, "use "+id+" "+v) },
		Download: func(id, v string) { told = append(told, "download "+id+" "+v) },
		Pause:    say("pause %s"), Resume: say("resume %s"), CancelFetch: say("cancel %s"), RemoveModel: say("remove %s"), DeleteModel: say("delete %s"),
		PairModel:     func(id, p string) { told = append(told, "pair "+id+" "+p) },
		InstallEngine: act("install"), StopInstall: act("stop"), EngineFolder: act("folder"), RemoveEngine: act("remove engine"),
		Diagnose: func(test bool) { told = append(told, fmt.Sprint("diagnose ", test)) }, StopTest: act("stop test"), CopyReport: act("copy"), ShowReports: act("logs"),
	}})
	w.SetModels(m)
	w.ShowModels()
	told = nil
	return w, w.modelsPage, &told
}

func manyRows(n int) (rows []ModelRow) {
	for i := range n {
		rows = append(rows, ModelRow{
			ID: fmt.Sprint("m", i), Group: ModelGroup(i * 3 / n), Name: fmt.Sprintf("Model %d of many", i), Detail: "4B · Q8_0 · 4.7 GB",
			About: "Reads documents and screens, finds objects and counts them, in 32 languages.", Licence: "Apache-2.0", Address: "https://example.org/apache",
			Variants: sampleVariants(), Variant: "q8", CanDownload: true,
		})
	}
	return rows
}

func TestOnlyCardsNearWhatIsSeenAreMade(t *testing.T) {
	_, p, _ := modelsSheet(t, Models{Device: "RTX 3050", Rows: manyRows(200)})
	if n := len(p.cards); n < 2 || n > 15 {
		t.Fatalf("%d cards of 200", n)
	}
	for range 200 {
		p.key(key(fyne.KeyPageDown))
	}
	if n := len(p.cards); n > 15 || p.cards["m199"] == nil {
		t.Fatalf("%d cards at the end; the last is there: %v", n, p.cards["m199"] != nil)
	}
	last := p.cards["m199"]
	if bottom := last.Position().Y + last.Size().Height; bottom > p.total || bottom < p.total-2*gap2 {
		t.Errorf("the last card ends at %v of %v", bottom, p.total)
	}
	end := float32(-1)
	for _, it := range p.items {
		if it.top < end {
			t.Fatalf("%+v begins above the end of the one before, at %v", it, end)
		}
		end = it.top + it.height
	}
}

// drawn counts how often the parts of a card are asked to be drawn, by what is seen to have changed.
func TestFiguresOfADownloadTouchNothingElse(t *testing.T) {
	m := sampleModels()
	_, p, _ := modelsSheet(t, m)
	card := p.cards["smol"]
	before := map[string]float32{}
	for id, c := range p.cards {
		before[id] = c.Position().Y
	}
	about := card.about.objects
	m.Rows = slices.Clone(m.Rows)
	m.Rows[1].Progress, m.Rows[1].Figures = 0.4, "1.0 of 2.5 GB · 12.1 MB/s"
	p.set(m)
	if card.bar.value != 0.4 || card.figures.source != m.Rows[1].Figures || p.cards["smol"] != card {
		t.Errorf("the card shows %v, %q", card.bar.value, card.figures.source)
	}
	if len(about) == 0 || len(card.about.objects) == 0 || card.about.objects[0] != about[0] {
		t.Error("texts that have not changed are made anew")
	}
	for id, c := range p.cards {
		if c.Position().Y != before[id] {
			t.Errorf("%s has moved", id)
		}
	}
	m.Rows[1].Fetch, m.Rows[1].Problem = FetchFailed, &Problem{Title: "The connection broke", Text: "What has come is kept."}
	m.Rows = slices.Clone(m.Rows)
	p.set(m)
	if c := p.cards["broken"]; c != nil && c.Position().Y <= before["broken"] {
		t.Error("a problem has no room")
	}
	if card.bar.Visible() || !card.again.Visible() || card.again.text != "Try again" {
		t.Error("a failed download is not offered again")
	}
}

// press taps a button of a card, or says that it is not there.
func press(t *testing.T, b *button) {
	t.Helper()
	if !b.Visible() || b.Disabled() {
		t.Fatalf("%q cannot be pressed", b.text)
	}
	test.Tap(b)
}

func TestWhatCanBeDoneWithModels(t *testing.T) {
	w, p, told := modelsSheet(t, sampleModels())
	show := func(id string) *modelCard {
		for i := range 20 {
			if c := p.cards[id]; c != nil {
				return c
			}
			p.scroll.Offset.Y = float32(i) * 300
			p.showInSight()
		}
		t.Fatalf("no card of %s", id)
		return nil
	}
	press(t, show("smol").pause)
	press(t, show("smol").stop)
	press(t, show("broken").again)
	press(t, show("own").partners.buttons[1])
	press(t, show("own").remove)
	press(t, p.machine.install)
	press(t, p.machine.choose)
	press(t, show("pix").main)
	q := show("qwen")
	if q.main.text != "Download 4.7 GB" || q.fit.text.text != "Fits with changes" {
		t.Errorf("8 bits: %q, %q", q.main.text, q.fit.text.text)
	}
	press(t, q.main)
	press(t, q.variants.buttons[1])
	if q.main.text != "Use" || q.fit.text.text != "Fits" || q.line.source == "" {
		t.Errorf("4 bits, which are here: %q, %q", q.main.text, q.fit.text.text)
	}
	press(t, q.main)
	if w.modelsPage != nil {
		t.Error("the page stays when a model was chosen")
	}
	want := "pause smol|cancel smol|resume broken|pair own /b|remove own|install|folder|download pix q4|download qwen q8|shown false|use qwen q4"
	if got := strings.Join(*told, "|"); got != want {
		t.Errorf("told %q\nwant %q", got, want)
	}
}

func TestDeletingFilesIsAskedFirst(t *testing.T) {
	w, p, told := modelsSheet(t, sampleModels())
	c := w.win.Canvas()
	card := p.cardOf(p.models.Rows[3])
	p.showInSight()
	height := card.heightFor(p.width)
	press(t, card.del)
	if card.del.Visible() || !strings.Contains(card.sure.source, "2.5 GB") || card.yes.text != "Delete 2.5 GB" || c.Focused() != card.no {
		t.Fatalf("asked %q with %q; %T has the keyboard", card.sure.source, card.yes.text, c.Focused())
	}
	driver := fyne.CurrentApp().Driver()
	if y := driver.AbsolutePositionForObject(card.no).Y - driver.AbsolutePositionForObject(p.scroll).Y; y < 0 || y+card.no.Size().Height > p.scroll.Size().Height {
		t.Errorf("the answers lie at %v", y)
	}
	if card.heightFor(p.width) <= height {
		t.Error("the question has no room")
	}
	w.typedKey(key(fyne.KeyEscape))
	if card.asking || w.modelsPage == nil || len(*told) > 0 {
		t.Fatal("Esc does not take the question alone away")
	}
	press(t, card.del)
	press(t, card.no)
	press(t, card.del)
	press(t, card.yes)
	if got := strings.Join(*told, "|"); got != "delete own" || card.asking {
		t.Errorf("told %q", got)
	}
}

func TestModelsByTheKeyboard(t *testing.T) {
	w, p, told := modelsSheet(t, sampleModels())
	c := w.win.Canvas()
	if c.Focused() != fyne.Focusable(p.search.entry) {
		t.Fatalf("%T has the keyboard at first", c.Focused())
	}
	at := func() string {
		if card, ok := c.Focused().(*modelCard); ok {
			return card.row.ID
		}
		return fmt.Sprintf("%T", c.Focused())
	}
	type_ := func(name fyne.KeyName) { c.Focused().TypedKey(key(name)) }
	var seen []string
	for range 8 {
		type_(fyne.KeyDown)
		seen = append(seen, at())
		card := c.Focused().(*modelCard)
		top := card.Position().Y - p.scroll.Offset.Y
		if top < 0 || top > p.scroll.Size().Height {
			t.Errorf("%s is out of sight", at())
		}
	}
	if got := strings.Join(seen, " "); got != "demo smol broken own lm qwen pix pix" {
		t.Errorf("Down went to %s", got)
	}
	type_(fyne.KeyUp)
	type_(fyne.KeyReturn)
	type_(fyne.KeyUp)
	type_(fyne.KeyUp)
	type_(fyne.KeyDelete)
	if at() != "*ui.button" {
		t.Errorf("Delete leads to %s", at())
	}
	type_(fyne.KeyEscape)
	if got := strings.Join(*told, "|"); got != "download qwen q8" || at() != "own" {
		t.Errorf("told %q, at %s", got, at())
	}
	type_(fyne.KeyEscape)
	if w.top() != nil || w.modelsPage != nil || strings.Join(*told, "|") != "download qwen q8|shown false" {
		t.Errorf("Esc left %T, told %q", w.top(), *told)
	}
}

// Every button of every card can be reached with Tab, and is in sight when it has the keyboard.
func TestTabGoesThroughAllCards(t *testing.T) {
	w, p, _ := modelsSheet(t, Models{Device: "RTX 3050", Rows: manyRows(30)})
	c := w.win.Canvas()
	found := map[string]bool{}
	for range 30*6 + 20 {
		c.FocusNext()
		if p.at == nil {
			continue
		}
		found[p.at.row.ID] = true
		if o := p.on; o != nil && p.at.focused == false {
			y := fyne.CurrentApp().Driver().AbsolutePositionForObject(o).Y - fyne.CurrentApp().Driver().AbsolutePositionForObject(p.scroll).Y
			if y < -1 || y+o.Size().Height > p.scroll.Size().Height+1 {
				t.Fatalf("a button of %s lies at %v", p.at.row.ID, y)
			}
		}
	}
	if len(found) != 30 {
		t.Errorf("Tab came to %d of 30 cards", len(found))
	}
}

func TestTheKeyboardStaysWhereItIs(t *testing.T) {
	m := sampleModels()
	w, p, _ := modelsSheet(t, m)
	c := w.win.Canvas()
	card := p.cardOf(m.Rows[1])
	p.showInSight()
	c.Focus(card.pause)
	more := m
	more.Rows = append([]ModelRow{{ID: "new", Group: GroupOwn, Name: "Another"}}, m.Rows...)
	more.Rows[2].Figures = "0.9 of 2.5 GB"
	p.set(more)
	if c.Focused() != fyne.Focusable(card.pause) {
		t.Fatalf("%T has the keyboard after an update", c.Focused())
	}
	done := more
	done.Rows = slices.Clone(more.Rows)
	done.Rows[2].Fetch, done.Rows[2].CanUse = FetchNone, true
	p.set(done)
	if c.Focused() != fyne.Focusable(card) {
		t.Fatalf("%T has the keyboard when its button is gone", c.Focused())
	}
	done.Rows = slices.Delete(slices.Clone(done.Rows), 2, 3)
	p.set(done)
	if c.Focused() != p.first() {
		t.Fatalf("%T has the keyboard when its card is gone", c.Focused())
	}
}

func TestSearchingModels(t *testing.T) {
	_, p, _ := modelsSheet(t, sampleModels())
	ids := func() (list []string) {
		for _, it := range p.items {
			if it.id != "" {
				list = append(list, it.id)
			}
		}
		return list
	}
	for query, want := range map[string][]string{
		"qwen": {"qwen"}, "4b read": {"qwen"}, "commercial": {"own"}, "STUDIO": {"lm"}, "3": {"broken", "own", "lm", "qwen"}, "zzz": nil,
		"": {"demo", "smol", "broken", "own", "lm", "qwen", "pix"},
	} {
		p.search.entry.SetText(query)
		if got := ids(); !reflect.DeepEqual(got, want) {
			t.Errorf("%q finds %v, want %v", query, got, want)
		}
		if p.empty.Visible() != (len(want) == 0) {
			t.Errorf("%q: it is told that nothing was found: %v", query, p.empty.Visible())
		}
	}
	few := sampleModels()
	few.Rows = few.Rows[:3]
	p.set(few)
	if p.search.Visible() {
		t.Error("three models can be searched")
	}
}

func TestLicencesAreAskedAboutBeforeTheyOpen(t *testing.T) {
	w, p, _ := modelsSheet(t, sampleModels())
	card := p.cardOf(p.models.Rows[5])
	p.showInSight()
	press(t, card.licence)
	top, ok := w.top().(*sheet)
	if !ok || top.title.text != "Open this link?" {
		t.Fatalf("%T is open", w.top())
	}
	top.hide()
	if w.modelsPage == nil {
		t.Error("the page of models went too")
	}
	if own := p.cardOf(p.models.Rows[0]); own.licence.Visible() || !strings.Contains(own.detail.source, "MIT") {
		t.Error("a licence without an address is no text")
	}
}

func TestModelsShownIsToldHoweverItCloses(t *testing.T) {
	w, p, told := modelsSheet(t, sampleModels())
	p.done()
	for name, shut := range map[string]func(){
		"Esc":   func() { w.typedKey(key(fyne.KeyEscape)) },
		"cross": func() { test.Tap(w.top().(*sheet).close) },
		"shade": func() { w.top().(*sheet).Tapped(&fyne.PointEvent{}) },
		"diagnosis and back": func() {
			w.ShowDiagnosis()
			w.typedKey(key(fyne.KeyEscape))
			w.typedKey(key(fyne.KeyEscape))
		},
	} {
		*told = nil
		w.shortcut(&desktop.CustomShortcut{KeyName: fyne.KeyM, Modifier: fyne.KeyModifierShortcutDefault})
		w.ShowModels() // again
		shut()
		var got []string
		for _, what := range *told {
			if strings.HasPrefix(what, "shown") {
				got = append(got, what)
			}
		}
		if strings.Join(got, "|") != "shown true|shown false" || w.top() != nil {
			t.Errorf("%s: told %q", name, got)
		}
	}
}

func TestDroppedModelsAreOpened(t *testing.T) {
	var models, pictures []string
	w, _ := testWindow(t, Actions{
		Attach:       func(p []string) { pictures = append(pictures, p...) },
		ModelActions: ModelActions{ImportModel: func(p []string) { models = append(models, p...) }},
	})
	var uris []fyne.URI
	for _, name := range []string{"/a/shelf.jpg", "/a/model.GGUF", "/a/gguf", "/a/mmproj.gguf", "/a/notes.gguf.txt"} {
		uris = append(uris, storage.NewFileURI(name))
	}
	w.dropped(uris)
	if got := strings.Join(models, " "); got != "/a/model.GGUF /a/mmproj.gguf" {
		t.Errorf("models: %s", got)
	}
	if got := strings.Join(pictures, " "); got != "/a/shelf.jpg /a/gguf /a/notes.gguf.txt" {
		t.Errorf("pictures: %s", got)
	}
}

func TestTheEngineIsShown(t *testing.T) {
	m := sampleModels()
	_, p, told := modelsSheet(t, m)
	if p.machine.install.text != "Install the engine (612 MB)" || p.machine.stop.Visible() || p.machine.remove.Visible() {
		t.Errorf("%q", p.machine.install.text)
	}
	height := p.machine.heightFor(p.width)
	m.Engine = EngineRow{Title: "CPU mode", Text: "Unpacking…", Busy: true, Progress: 0.5, Problem: &Problem{Title: "The driver is too old", Text: "It is 470."}}
	p.set(m)
	if p.machine.install.Visible() || !p.machine.bar.Visible() || p.machine.bar.value != 0.5 || p.machine.heightFor(p.width) <= height || p.machine.Size().Height != p.machine.heightFor(p.width) {
		t.Error("an installation under way is not shown")
	}
	press(t, p.machine.stop)
	m.Engine = EngineRow{Title: "CUDA engine 13.1", Text: "Installed.", CanRemove: true, Folder: "/opt/engine"}
	p.set(m)
	press(t, p.machine.remove)
	if p.machine.bar.Visible() || p.machine.problem != nil || !strings.Contains(p.machine.folder.source, "/opt/engine") {
		t.Error("the engine is not shown")
	}
	if got := strings.Join(*told, "|"); got != "stop|remove engine" {
		t.Errorf("told %q", got)
	}
}

// BenchmarkModels is what 200 models cost: to open the page, and when the figures of a download change.
func BenchmarkModels(b *testing.B) {
	m := Models{Device: "RTX 3050", Rows: manyRows(200)}
	m.Rows[0].Fetch = FetchRunning
	w := benchWindow(b)
	w.act.UseModel = func(string) {}
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			w.SetModels(m)
			w.ShowModels()
			w.typedKey(key(fyne.KeyEscape))
		}
	})
	b.Run("figures", func(b *testing.B) {
		w.ShowModels()
		for i := 0; b.Loop(); i++ {
			m.Rows = slices.Clone(m.Rows)
			m.Rows[0].Progress, m.Rows[0].Figures = float64(i%100)/100, fmt.Sprintf("%d of 4700 MB · 12.0 MB/s", i%4700)
			w.SetModels(m)
		}
		w.typedKey(key(fyne.KeyEscape))
	})
}
