package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"galago/app/library/catalogue"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/assets"
	"galago/assets/words"
	"galago/inference"
	"galago/inference/engines"
	"galago/inference/plan"
	"galago/vram"
)

// opener opens the library of this machine. data is Galago's folder for what is to be kept, cache for what can be had
// again, state for logs.
func opener(data, cache, state string, log *slog.Logger) func() Library {
	return func() Library {
		engines.Clean()
		own, err := shelf.Open(filepath.Join(data, "shelf.json"))
		if err != nil {
			log.Warn("the list of models", "err", err)
		}
		folder := filepath.Join(data, "models")
		return Library{
			Folder: folder, Err: err, Archives: filepath.Join(cache, "engines"), Logs: state,
			Downloads: download.New(download.Options{Folder: filepath.Join(data, "downloads")}),
			Shelf:     own,
			Discover:  shelf.Discover,
			Scan:      func(ctx context.Context) []shelf.Entry { return shelf.Scan(ctx, folder, shelf.Fetched) },
			Judge:     catalogue.Model.Judge,
			Suggest:   catalogue.Suggest,
			Device:    memoryFor,
			Memory:    systemMemoryFor,
			Free:      download.Room,
			Engines: Engines{
				Current: engines.Current, Card: engines.Look, For: engines.For,
				Install: engines.Install, Name: engines.Name, Remove: engines.Remove,
			},
			Doctor: runDoctor,
		}
	}
}

// memoryFor is the memory that a model would go to if ours were not loaded: a card's, or the system's.
func memoryFor(gpu string, pid int) plan.Device {
	if d, ours, ok := inference.CardMemory(gpu, pid); ok {
		d.Free = min(d.Total, d.Free+ours)
		return d
	}
	return systemMemoryFor(pid)
}

// systemMemoryFor is the system's memory. What our engine has of it counts as free, but not what is only mapped from files:
// the system counts that as available already.
func systemMemoryFor(pid int) plan.Device {
	d := plan.Device{Name: words.T("system memory"), Free: vram.Available()}
	if d.Free > 0 { // else it is not known
		d.Total = vram.System()
		d.Free = min(d.Total, d.Free+vram.Anonymous(pid))
	}
	return d
}

// CatalogueEnv names the environment variable with a file that takes the place of the catalogue: the end-to-end tests
// download the built-in model under another name from a server of their own.
const CatalogueEnv = "GALAGO_TEST_CATALOGUE"

// testCatalogue puts it there, before anything reads the catalogue.
func testCatalogue() {
	if data, err := os.ReadFile(os.Getenv(CatalogueEnv)); err == nil {
		assets.Catalogue = data
	}
}
