package app

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"galago/app/library/catalogue"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/inference/doctor"
	"galago/inference/engines"
	"galago/inference/plan"
	"galago/ui"
)

// fakeDownloads does nothing by itself: tell says what became of the jobs.
type fakeDownloads struct {
	mu        sync.Mutex
	watch     func([]download.State)
	started   []download.Job
	paused    []string
	cancelled []string
	discarded []string
	closed    bool
}

func (f *fakeDownloads) Watch(watch func([]download.State)) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch = watch
	return func() {}
}

func (f *fakeDownloads) Start(j download.Job) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started = append(f.started, j)
}

func (f *fakeDownloads) Pause(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paused = append(f.paused, id)
}

func (f *fakeDownloads) Cancel(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cancelled = append(f.cancelled, id)
}

func (f *fakeDownloads) Discard(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.discarded = append(f.discarded, id)
}

func (f *fakeDownloads) Close() { f.closed = true }

// fakeShelf keeps its list in memory.
type fakeShelf struct {
	mu      sync.Mutex
	list    []shelf.Entry
	removed []shelf.Entry
	deleted []string
	adopted []shelf.Entry
	err     error // of Add
}

func (f *fakeShelf) List() []shelf.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

func (f *fakeShelf) Refresh() bool { return false }

func (f *fakeShelf) Add(e shelf.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(e.Model)
	f.list = append([]shelf.Entry{e}, f.list...)
	return f.err
}

func (f *fakeShelf) Adopt(found []shelf.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.adopted = found
	f.list = append(f.list, found...)
	return nil
}

func (f *fakeShelf) Remove(model string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.removed = append(f.removed, f.drop(model)...)
	return nil
}

func (f *fakeShelf) Restore(string) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.removed, f.list...)
	f.removed = nil
	return true, nil
}

func (f *fakeShelf) Delete(model, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.drop(model)
	f.deleted = append(f.deleted, model)
	return nil
}

func (f *fakeShelf) drop(model string) (gone []shelf.Entry) {
	f.list = slices.DeleteFunc(f.list, func(e shelf.Entry) bool {
		if e.Model == model {
			gone = append(gone, e)
		}
		return e.Model == model
	})
	return gone
}

// libraryBench is a bench with a library that does what the test says.
type libraryBench struct {
	*bench
	downloads *fakeDownloads
	shelf     *fakeShelf
	folder    string // of downloaded models

	mu       sync.Mutex // owns what follows, which the controller's goroutines read
	device   plan.Device
	discover func(ctx context.Context) []shelf.Entry
	scanned  []shelf.Entry // what the models' folder holds
	judged   int
	engines  Engines
	doctor   func(ctx context.Context, test bool, step func(doctor.Step)) (doctor.Report, error)
}

const gib = 1 << 30

var aDigest = strings.Repeat("ab", 32)

var aCard = plan.Device{Name: "RTX 3050", UUID: "GPU-1", Total: 6 * gib, Free: 5 * gib}

// aCatalogue has one model in two quantisations, and one for text that may not be used for work.
func aCatalogue() []catalogue.Model {
	file := func(name string, bytes int64) catalogue.File {
		return catalogue.File{Repo: "maker/Eye-GGUF", Revision: "0123456789abcdef0123456789abcdef01234567", Name: name, Bytes: bytes, SHA256: aDigest}
	}
	eye := catalogue.Model{ID: "eye", Name: "Eye 4B", Parameters: "4B", About: "Sees.", Licence: catalogue.Licence{Name: "Apache-2.0"}, ImageMin: 64, ImageMax: 900}
	for _, quant := range []string{"Q8_0", "Q4_K_M"} {
		eye.Quantizations = append(eye.Quantizations, catalogue.Variant{Quant: quant, Model: file("Eye-"+quant+".gguf", 4e9), MMProj: file("mmproj-Eye.gguf", 7e8)})
	}
	text := catalogue.Model{
		ID: "text", Name: "Text 1B", Licence: catalogue.Licence{Name: "Research", NonCommercial: true},
		Quantizations: []catalogue.Variant{{Quant: "Q8_0", Model: catalogue.File{Repo: "maker/Text", Revision: "main", Name: "text.gguf"}}},
	}
	return []catalogue.Model{eye, text}
}

// newLibraryBench begins as at a start that is not the first.
func newLibraryBench(t *testing.T) *libraryBench {
	b := newLibraryBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	s := defaultSettings()
	s.Welcomed = true
	if err := saveSettings(b.bench.settings, s); err != nil {
		t.Fatal(err)
	}
	b.begin()
	return b
}

func newLibraryBenchAt(t *testing.T, settings string) *libraryBench {
	b := &libraryBench{
		bench: newBenchAt(t, settings), downloads: &fakeDownloads{}, shelf: &fakeShelf{}, folder: filepath.Join(t.TempDir(), "models"),
		device: aCard,
	}
	b.catalogue, b.known = aCatalogue(), aCatalogue()
	b.identify = func(paths ...string) (shelf.Look, error) {
		return shelf.Look{Model: paths[0], MMProj: append(paths, "")[1]}, nil
	}
	b.describe = func(model, mmproj string) (shelf.Entry, error) {
		return shelf.Entry{Name: "described", Model: model, MMProj: mmproj, Source: shelf.Own}, nil
	}
	b.openLibrary = b.library
	t.Cleanup(func() {
		b.keeper.wait()
		b.end()
	})
	return b
}

// library is what the controller opens.
func (b *libraryBench) library() Library {
	return Library{
		Folder: b.folder, Archives: filepath.Join(b.folder, "archives"), Logs: b.folder,
		Downloads: b.downloads, Shelf: b.shelf,
		Discover: func(ctx context.Context) []shelf.Entry {
			b.mu.Lock()
			look := b.discover
			b.mu.Unlock()
			if look == nil {
				return nil
			}
			return look(ctx)
		},
		Scan: func(context.Context) []shelf.Entry {
			b.mu.Lock()
			defer b.mu.Unlock()
			return slices.Clone(b.scanned)
		},
		Judge: func(m catalogue.Model, v catalogue.Variant, d plan.Device) catalogue.Judgement {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.judged++
			if v.Quant == "Q4_K_M" || d.Free >= 5*gib {
				return catalogue.Judgement{Verdict: catalogue.Fits, Line: "fits"}
			}
			return catalogue.Judgement{Verdict: catalogue.DoesNotFit, Line: "does not fit"}
		},
		Suggest: func(list []catalogue.Model, d plan.Device) (catalogue.Model, catalogue.Variant, bool) {
			at := 1
			if d.Free >= 5*gib {
				at = 0
			}
			return list[0], list[0].Quantizations[at], d.Free >= 3*gib
		},
		Device: func(string, int) plan.Device {
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.device
		},
		Memory:  func(int) plan.Device { return plan.Device{Name: "system memory", Total: 16 * gib, Free: 3 * gib} },
		Free:    func(string) (uint64, error) { return 120e9, nil },
		Engines: b.engines,
		Doctor:  b.doctor,
	}
}

// begin starts the controller and waits for its library.
func (b *libraryBench) begin() {
	b.start()
	b.until("the library is open", func() bool { return b.Controller.ready })
	b.tell(b.bench.ready())
}

// open shows the page of models and waits until it is judged.
func (b *libraryBench) openPage() {
	b.t.Helper()
	b.ModelsShown(true)
	b.until("the models are judged", func() bool { return b.Controller.judged.of != nil && !b.Controller.judged.running && b.free > 0 })
}

// news makes the downloads tell.
func (b *libraryBench) news(states ...download.State) {
	elsewhere(func() { b.downloads.watch(states) })
	b.run()
}

// settle waits for what is done to disks.
func (b *libraryBench) settleDisk() {
	done := make(chan struct{})
	b.chores.add(func() { close(done) })
	<-done
	b.run()
}

// row is one of the page, by its ID.
func (b *libraryBench) row(id string) *ui.ModelRow {
	for i := range b.view.models.Rows {
		if b.view.models.Rows[i].ID == id {
			return &b.view.models.Rows[i]
		}
	}
	return nil
}

// started is the n-th job that was begun.
func (b *libraryBench) started(n int) download.Job {
	b.t.Helper()
	if n >= len(b.downloads.started) {
		b.t.Fatalf("%d downloads were begun, not %d", len(b.downloads.started), n+1)
	}
	return b.downloads.started[n]
}

// anEngine is a build, and its functions with fakes where a test says nothing.
func (b *libraryBench) withEngine(install func(ctx context.Context, progress func(string, float64)) (engines.Engine, error)) *engines.Engine {
	current := &engines.Engine{}
	b.engines = Engines{
		Current: func() (engines.Engine, bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			return *current, current.Dir != ""
		},
		Card: func(context.Context, string) (engines.Card, error) {
			return engines.Card{Name: "RTX 3050", Driver: "580.95"}, nil
		},
		For: func(engines.Card) (engines.Build, error) {
			return engines.Build{ID: "cuda13", CUDA: "13.1", Bytes: 1e9, Archives: []engines.Archive{
				{Name: "engine.tar.gz", URL: "https://example.com/engine.tar.gz", Bytes: 6e8, SHA256: "bb"},
			}}, nil
		},
		Install: func(ctx context.Context, _ engines.Build, _ []string, progress func(string, float64)) (engines.Engine, error) {
			e, err := install(ctx, progress)
			b.mu.Lock()
			defer b.mu.Unlock()
			if err == nil {
				*current = e
			}
			return e, err
		},
		Name: func(_ context.Context, dir string) (engines.Engine, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			*current = engines.Engine{Dir: dir, Source: engines.Named}
			return *current, nil
		},
		Remove: func() error {
			b.mu.Lock()
			defer b.mu.Unlock()
			*current = engines.Engine{}
			return nil
		},
	}
	return current
}
