package app

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"galago/app/chat/store"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/inference/engines"
	"galago/inference/plan"
	"galago/ui"
)

// firstStart is a bench at the first start of all, with the strip that it shows.
func firstStart(t *testing.T, engine bool) *libraryBench {
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	if engine {
		b.withEngine(func(context.Context, func(string, float64)) (engines.Engine, error) {
			return engines.Engine{Dir: "/data/engine", Source: engines.Installed}, nil
		})
	}
	b.begin()
	b.until("the welcome is there", func() bool { return b.view.welcome != nil })
	return b
}

func TestWelcome(t *testing.T) {
	b := firstStart(t, true)
	w := b.view.welcome
	if w.Step != 1 || w.Steps != 3 || w.Next == "" || w.Skip == "" || len(w.Lines) != 3 || w.Progress >= 0 ||
		w.Lines[0] != "RTX 3050 · driver 580.95" || w.Lines[1] != "GPU memory: 5.0 GiB of 6.0 GiB free" || !strings.HasPrefix(w.Lines[2], "RTX 3050 is there") {
		t.Fatalf("step 1: %+v", w)
	}
	if b.view.banner != nil {
		t.Errorf("beside it there is %+v", b.view.banner)
	}
	b.WelcomeNext()
	w = b.view.welcome
	if w.Step != 2 || w.Title != "Recommended: Eye 4B" || w.Next != "Download 5.3 GB" || !w.Import || len(b.downloads.started) != 0 {
		t.Fatalf("step 2: %+v", w)
	}
	for _, want := range []string{"Q8_0 (8-bit) · 4.7 GB · fits", "Licence: Apache-2.0", "the engine for RTX 3050: 600.0 MB"} {
		if !strings.Contains(strings.Join(w.Lines, "\n"), want) {
			t.Errorf("step 2 does not say %q: %q", want, w.Lines)
		}
	}
	b.WelcomeNext()
	if b.started(0).ID != engineJob || b.started(1).ID != eyeJob {
		t.Fatalf("begun: %+v", b.downloads.started)
	}
	engine := download.State{Job: b.started(0), Phase: download.Fetching, Got: 1e8, Total: 6e8, Left: 3 * time.Minute}
	model := download.State{Job: b.started(1), Phase: download.Waiting}
	b.news(engine, model)
	if w = b.view.welcome; w.Step != 3 || w.Next != "" || !strings.Contains(w.Lines[0], "3 min left") || w.Progress < 0.16 {
		t.Fatalf("step 3: %+v", w)
	}
	engine.Phase = download.Done
	b.news(engine, model)
	b.until("the engine is installed", func() bool { return b.engine.there })
	b.Send("hello") // the built-in model is usable
	model.Phase = download.Done
	b.news(model)
	if w = b.view.welcome; w.Title != "Eye 4B is ready" || w.Next != "Use it now" {
		t.Fatalf("at the end: %+v", w)
	}
	n := len(b.client.opened)
	b.WelcomeNext()
	b.until("the model is opened", func() bool { return len(b.client.opened) == n+1 })
	if b.view.welcome != nil {
		t.Errorf("still there: %+v", b.view.welcome)
	}
}

func TestWelcomeNeverComesAgain(t *testing.T) {
	b := firstStart(t, false)
	b.WelcomeSkip()
	if b.view.welcome != nil {
		t.Fatalf("still there: %+v", b.view.welcome)
	}
	next := newLibraryBenchAt(t, b.bench.settings)
	next.begin()
	next.openPage()
	if next.view.welcome != nil {
		t.Errorf("it came again: %+v", next.view.welcome)
	}
}

// It is for who has nothing yet: settings, models and conversations are of somebody who knows Galago.
func TestWelcomeIsForNewcomers(t *testing.T) {
	for name, had := range map[string]func(b *libraryBench){
		"settings": func(b *libraryBench) { // of a version that knew no welcome
			write(t, b.bench.settings, []byte(`{"theme": "dark"}`))
		},
		"a model": func(b *libraryBench) { b.shelf.list = []shelf.Entry{{Name: "Own", Model: "/m/own.gguf"}} },
		"a conversation": func(b *libraryBench) {
			dir := t.TempDir()
			s, err := store.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			c, err := s.Create("old")
			if err == nil {
				_, err = s.AddTurn(c.ID, store.Question{Text: "why?"})
			}
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			b.openStore = func() (*store.Store, error) { return store.Open(dir) }
		},
	} {
		b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
		had(b)
		b.begin()
		b.openPage()
		b.settleDisk()
		if b.openStore != nil {
			b.until("the conversations are listed", func() bool { return b.listing.known })
		}
		if b.view.welcome != nil || b.welcome.shown() {
			t.Errorf("%s: %+v", name, b.view.welcome)
		}
		b.Controller.Close()
	}
}

func TestWelcomeEndsWhenItsDownloadIsCancelled(t *testing.T) {
	b := firstStart(t, false)
	b.WelcomeNext()
	b.WelcomeNext()
	b.news(download.State{Job: b.started(0), Phase: download.Fetching})
	b.CancelFetch(eyeJob)
	if b.news(); b.view.welcome != nil {
		t.Errorf("still there: %+v", b.view.welcome)
	}
}

func TestWelcomeSaysWhyTheEngineIsMissing(t *testing.T) {
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	b.withEngine(func(context.Context, func(string, float64)) (engines.Engine, error) {
		return engines.Engine{}, errors.New("it finds no card")
	})
	b.begin()
	b.until("the welcome is there", func() bool { return b.view.welcome != nil })
	b.WelcomeNext()
	b.WelcomeNext()
	model := download.State{Job: b.started(1), Phase: download.Fetching}
	b.news(download.State{Job: b.started(0), Phase: download.Done}, model)
	b.until("it is over", func() bool { return b.engine.failed != nil })
	b.news(model)
	if w := b.view.welcome; len(w.Lines) != 2 || w.Lines[0] != "The engine was not installed. It finds no card." {
		t.Errorf("%+v", w)
	}
}

func TestWelcomeWhereTheMemoryIsNotKnown(t *testing.T) {
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	b.device = plan.Device{Name: "system memory"}
	b.begin()
	b.until("the welcome is there", func() bool { return b.view.welcome != nil })
	b.WelcomeNext()
	if w := b.view.welcome; w.Title != "Choose a model yourself" || w.Next != "" || !w.Import {
		t.Errorf("%+v", w)
	}
}

func TestWelcomeEndsWithAModelOfOnesOwn(t *testing.T) {
	b := firstStart(t, false)
	b.WelcomeNext()
	b.ImportModel([]string{"/m/mine.gguf"})
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	s := b.bench.ready()
	s.Model = b.client.opened[1]
	b.tell(s)
	if b.view.welcome != nil {
		t.Errorf("still there: %+v", b.view.welcome)
	}
	if kept, _ := loadSettings(b.bench.settings); !kept.Welcomed {
		t.Error("it will come again")
	}
}

// Who has a conversation with the built-in model is not interrupted; who waits gets the model at once.
func TestWelcomeOpensTheModelForWhoWaits(t *testing.T) {
	b := firstStart(t, false)
	b.WelcomeNext()
	b.WelcomeNext()
	b.news(download.State{Job: b.started(0), Phase: download.Done})
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	if b.view.welcome != nil {
		t.Errorf("still there: %+v", b.view.welcome)
	}
}

func TestWelcomeWithoutANetwork(t *testing.T) {
	b := firstStart(t, false)
	b.WelcomeNext()
	b.WelcomeNext()
	b.news(download.State{Job: b.started(0), Phase: download.Failed, Err: &download.Error{Kind: download.Offline}})
	w := b.view.welcome
	if w.Title != "Eye 4B was not downloaded" || w.Next != "Try again" || !w.Import {
		t.Fatalf("offline: %+v", w)
	}
	b.WelcomeNext()
	if len(b.downloads.started) != 2 {
		t.Error("Try again does nothing")
	}
}

// A computer that is offline for a while is not made to wait: a model from elsewhere can be opened.
func TestWelcomeOffersImportWhileOffline(t *testing.T) {
	b := firstStart(t, false)
	b.WelcomeNext()
	b.WelcomeNext()
	retry := func(kind download.Kind) *ui.Welcome {
		b.news(download.State{Job: b.started(0), Phase: download.Retrying, Err: &download.Error{Kind: kind}})
		return b.view.welcome
	}
	if w := retry(download.Offline); !w.Import || !strings.Contains(w.Text, "model file") || w.Next != "" {
		t.Errorf("offline: %+v", w)
	}
	if w := retry(download.Server); w.Import || strings.Contains(w.Text, "model file") {
		t.Errorf("a server that stumbles: %+v", w)
	}
	retry(download.Offline)
	b.news(download.State{Job: b.started(0), Phase: download.Fetching})
	if b.view.welcome.Import {
		t.Error("import is still offered when the network is back")
	}
}

func TestWelcomeWhereNothingFits(t *testing.T) {
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	b.device.Free = gib
	b.begin()
	b.until("the welcome is there", func() bool { return b.view.welcome != nil })
	b.WelcomeNext()
	if w := b.view.welcome; w.Next != "" || w.Title != "The built-in model is the right one here" || !w.Import {
		t.Errorf("step 2: %+v", w)
	}
	b.WelcomeNext()
	if len(b.downloads.started) != 0 {
		t.Error("something is downloaded")
	}
}

// refusing is a network that must not be used.
type refusing struct{ requests atomic.Int32 }

func (r *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	r.requests.Add(1)
	return nil, errors.New("no network in this test")
}

// Nothing leaves the machine before a button is pressed that says so: not at the first start, not on the page of models,
// not with a download that an earlier program left.
func TestNoRequestBeforeAButton(t *testing.T) {
	network, folder := &refusing{}, t.TempDir()
	manager := func() *download.Manager {
		return download.New(download.Options{Client: &http.Client{Transport: network}, Folder: folder})
	}
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	b.openLibrary = func() Library {
		lib := b.library()
		lib.Downloads = manager()
		return lib
	}
	b.discover = func(context.Context) []shelf.Entry { return nil }
	b.begin()
	b.until("the welcome is there", func() bool { return b.view.welcome != nil })
	b.openPage()
	b.until("the jobs are known", func() bool { return b.jobs != nil })
	b.WelcomeNext()
	b.settleDisk()
	if n := network.requests.Load(); n != 0 {
		t.Fatalf("%d requests before any button", n)
	}
	b.WelcomeNext()
	b.until("the network is asked", func() bool { return network.requests.Load() > 0 })
	b.Controller.Close()
	asked := network.requests.Load()

	next := newLibraryBenchAt(t, b.bench.settings)
	next.openLibrary = func() Library {
		lib := next.library()
		lib.Downloads = manager()
		return lib
	}
	next.begin()
	next.openPage()
	next.until("the download is known", func() bool { return len(next.jobs) == 1 && next.row(eyeJob) != nil })
	next.Controller.Close()
	if r := next.row(eyeJob); r.Fetch != ui.FetchPaused || network.requests.Load() != asked {
		t.Errorf("row %+v, %d more requests", r, network.requests.Load()-asked)
	}
}
