package app

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"galago/app/library/catalogue"
	"galago/app/library/download"
	"galago/app/library/shelf"
	"galago/inference"
	"galago/ui"
	"galago/vram"
)

const (
	eyeRow = offeredPrefix + "eye"
	eyeJob = jobPrefix + "eye/Q8_0"
)

func TestPageOfModels(t *testing.T) {
	b := newLibraryBench(t)
	b.shelf.list = []shelf.Entry{{Name: "Own", Model: "/m/own.gguf", MMProj: "/m/mmproj.gguf", Source: shelf.Own, Bytes: 2e9, Quant: "Q4_0"}}
	b.discover = func(context.Context) []shelf.Entry {
		return []shelf.Entry{{Name: "Found", Model: "/lm/found.gguf", Source: shelf.LMStudio}, {Name: "Own", Model: "/m/own.gguf", Source: shelf.LMStudio}}
	}
	b.openPage()
	b.until("the other programs' models are there", func() bool { return b.row(foundPrefix+"/lm/found.gguf") != nil })
	p := b.view.models
	if p.Device != "RTX 3050 · 5.0 GiB of 6.0 GiB free" || p.Disk != "120.0 GB free" || p.Note != "" {
		t.Errorf("page %+v", p)
	}
	var ids []string
	for _, r := range p.Rows {
		ids = append(ids, r.ID)
	}
	want := []string{builtInID, ownPrefix + "/m/own.gguf", foundPrefix + "/lm/found.gguf", eyeRow, offeredPrefix + "text"}
	if !slices.Equal(ids, want) {
		t.Fatalf("rows %q, want %q", ids, want)
	}
	if r := b.row(builtInID); !r.Open || r.CanUse || r.CanRemove {
		t.Errorf("built in: %+v", r)
	}
	if r := b.row(want[1]); r.Detail != "Q4_0 · 2.0 GB" || !r.CanUse || !r.CanRemove || r.CanDelete || r.TextOnly {
		t.Errorf("own: %+v", r)
	}
	if r := b.row(want[2]); r.Group != ui.GroupFound || r.Detail != "LM Studio" || r.CanRemove || !r.TextOnly {
		t.Errorf("found: %+v", r)
	}
	eye := b.row(eyeRow)
	if !eye.Suggested || eye.Variant != "Q8_0" || !eye.CanDownload || eye.CanUse || len(eye.Variants) != 2 {
		t.Errorf("offered: %+v", eye)
	}
	if v := eye.Variants[0]; v.Name != "Q8_0 (8-bit)" || v.Size != "4.7 GB" || v.Fit != ui.FitWell || v.Digest != "checksum from the catalogue" || v.Here {
		t.Errorf("variant: %+v", v)
	}
	if r := b.row(offeredPrefix + "text"); r.Warning != "Not for commercial use" || r.Suggested || r.Variants[0].Digest != "checksum from the server" {
		t.Errorf("offered: %+v", r)
	}
}

// The look into other programs' folders ends with the page, and its result is kept.
func TestOtherProgramsAreLookedIntoOnce(t *testing.T) {
	b := newLibraryBench(t)
	looks, ended := make(chan context.Context), make(chan struct{})
	b.discover = func(ctx context.Context) []shelf.Entry {
		looks <- ctx
		<-ctx.Done()
		ended <- struct{}{}
		return []shelf.Entry{{Name: "half", Model: "/half.gguf"}}
	}
	b.openPage()
	<-looks
	b.ModelsShown(false)
	<-ended
	b.until("the look is over", func() bool { return b.seeking.stop == nil })
	if b.seeking.done || len(b.found) != 0 {
		t.Error("a look that was ended counts")
	}
	n := 0
	b.mu.Lock()
	b.discover = func(context.Context) []shelf.Entry {
		n++
		return []shelf.Entry{{Name: "whole", Model: "/whole.gguf"}}
	}
	b.mu.Unlock()
	b.ModelsShown(true)
	b.until("the models are found", func() bool { return b.seeking.done })
	b.ModelsShown(false)
	b.openPage()
	b.settleDisk()
	if n != 1 || b.row(foundPrefix+"/whole.gguf") == nil {
		t.Errorf("%d looks, rows %+v", n, b.view.models.Rows)
	}
}

func TestDownloadAModelAndUseIt(t *testing.T) {
	b := newLibraryBench(t)
	b.openPage()
	b.Download(eyeRow, "Q8_0")
	j := b.started(0)
	model := filepath.Join(b.folder, "maker", "Eye-GGUF", "Eye-Q8_0.gguf")
	mmproj := filepath.Join(b.folder, "maker", "Eye-GGUF", "mmproj-Eye.gguf")
	if j.ID != eyeJob || len(j.Files) != 2 || j.Spare == 0 || j.Folder != b.folder || j.Files[0].Path != model || j.Files[1].Path != mmproj {
		t.Fatalf("job %+v", j)
	}
	if f := j.Files[0]; f.URL != "https://huggingface.co/maker/Eye-GGUF/resolve/0123456789abcdef0123456789abcdef01234567/Eye-Q8_0.gguf" || f.Bytes != 4e9 || f.SHA256 != aDigest {
		t.Errorf("file %+v", f)
	}

	state := download.State{Job: j, Phase: download.Fetching, Got: 1200e6, Total: 4700e6, Speed: 12e6, Left: 4*time.Minute + 10*time.Second}
	b.news(state)
	r := b.row(eyeJob)
	if r == nil || r.Group != ui.GroupOwn || r.Fetch != ui.FetchRunning || r.Figures != "1.2 GB of 4.7 GB · 12.0 MB/s · 4 min left" || r.CanDownload || r.Variant != "Q8_0" {
		t.Fatalf("row %+v", r)
	}
	if b.row(eyeRow) != nil {
		t.Error("the model is offered while it is fetched")
	}
	b.Pause(eyeJob)
	b.CancelFetch("other")
	b.Resume(eyeJob)
	if !slices.Equal(b.downloads.paused, []string{eyeJob}) || len(b.downloads.started) != 2 {
		t.Errorf("paused %q, started %d times", b.downloads.paused, len(b.downloads.started))
	}

	state.Phase = download.Done
	b.news(state)
	b.news(state) // told once more
	b.settleDisk()
	if e := b.shelf.List(); len(e) != 1 || e[0].Model != model || e[0].MMProj != mmproj || e[0].Source != shelf.Fetched || e[0].Name != "Eye 4B" || e[0].Quant != "Q8_0" {
		t.Fatalf("shelf %+v", e)
	}
	if !slices.Equal(b.downloads.cancelled, []string{"other", eyeJob}) {
		t.Errorf("forgotten: %q", b.downloads.cancelled)
	}
	b.news()
	if r := b.row(ownPrefix + model); r == nil || !r.CanUse || !r.CanDelete || r.Licence != "Apache-2.0" || r.Variant != "Q8_0" {
		t.Errorf("row %+v", r)
	}
	if r := b.row(eyeRow); r == nil || r.Variant != "Q4_K_M" || !r.Variants[0].Here || r.Variants[1].Here {
		t.Errorf("the other quantisation is not offered: %+v", r)
	}
	if len(b.client.opened) != 1 || b.view.note() != "Eye 4B is downloaded." {
		t.Fatalf("%d models opened, note %q", len(b.client.opened), b.view.note())
	}
	b.view.offer()
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	if m := b.client.opened[1]; m.Path != model || m.MMProj != mmproj {
		t.Errorf("opened %+v", m)
	}
}

func TestAModelThatIsToBeUsedOpensByItself(t *testing.T) {
	for _, running := range []bool{false, true} {
		b := newLibraryBench(t)
		b.openPage()
		b.UseModel(eyeRow)
		done := download.State{Job: b.started(0), Phase: download.Done}
		if running {
			b.Send("hello")
		}
		b.news(done)
		if running {
			b.run()
			if len(b.client.opened) != 1 || b.view.note() != "Eye 4B is downloaded." {
				t.Errorf("an answer was ended: %+v, note %q", b.client.opened, b.view.note())
			}
			continue
		}
		b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	}
}

func TestMirrorOfTheSettings(t *testing.T) {
	b := newLibraryBench(t)
	b.Controller.settings.Mirror = "https://mirror.example/hub/"
	b.Download(eyeRow, "Q4_K_M")
	if u := b.started(0).Files[1].URL; !strings.HasPrefix(u, "https://mirror.example/hub/maker/Eye-GGUF/resolve/") {
		t.Errorf("address %s", u)
	}
	for value, good := range map[string]bool{`"https://mirror.example"`: true, `""`: true, `"http://127.0.0.1:80"`: true, `"http://mirror.example"`: false, `"noise"`: false} {
		s, err := readSettings([]byte(`{"mirror": ` + value + `}`))
		if (err == nil) != good || !good && s.Mirror != "" {
			t.Errorf("%s: %q, %v", value, s.Mirror, err)
		}
	}
}

func TestFailedDownloadsSayWhatHelps(t *testing.T) {
	b := newLibraryBench(t)
	b.openPage()
	for kind, want := range map[download.Kind][]string{
		download.Server:      {"Try again"},
		download.Offline:     {"Try again", "Open a model file…"},
		download.DiskFull:    {"Try again", "Show the folder"},
		download.Gated:       {"Copy the page’s address", "Try again"},
		download.WrongDigest: {"Try again", "Delete what came", "Show the folder"},
		download.Invalid:     nil,
	} {
		err := &download.Error{Kind: kind, Page: "https://huggingface.co/maker/Eye-GGUF", Err: errors.New("under it")}
		j := download.Job{ID: eyeJob, Name: "Eye"}
		b.news(download.State{Job: j, Phase: download.Failed, Err: err, SetAside: []string{"/m/Eye.gguf.wrong-digest"}})
		r := b.row(eyeJob)
		if r.Fetch != ui.FetchFailed || r.Problem == nil {
			t.Fatalf("%v: row %+v", kind, r)
		}
		var labels []string
		for _, c := range r.Problem.Choices {
			labels = append(labels, c.Label)
		}
		if !slices.Equal(labels, want) {
			t.Errorf("%v: buttons %q, want %q", kind, labels, want)
		}
		if kind == download.WrongDigest && !strings.Contains(r.Problem.Action, "Eye.gguf.wrong-digest") {
			t.Errorf("what was set aside is not named: %+v", r.Problem)
		}
		if kind == download.WrongDigest {
			if r.Problem.Choices[1].Do(); !slices.Equal(b.downloads.discarded, []string{eyeJob}) {
				t.Errorf("deleted: %q", b.downloads.discarded)
			}
		}
		if (b.view.models.Note != "") != (kind == download.Offline) {
			t.Errorf("%v: note %q", kind, b.view.models.Note)
		}
		b.offline = false
	}
	b.row(eyeJob).Problem = nil
	b.news(download.State{Job: download.Job{ID: eyeJob}, Phase: download.Failed, Err: &download.Error{Kind: download.Server}})
	b.row(eyeJob).Problem.Choices[0].Do()
	if b.started(0).ID != eyeJob || len(b.started(0).Files) != 2 {
		t.Errorf("tried again: %+v", b.downloads.started)
	}
}

func TestPausedDownloadsAreRemindedOfAndNotGoneOnWith(t *testing.T) {
	b := newLibraryBench(t)
	b.news(download.State{Job: download.Job{ID: eyeJob, Name: "Eye 4B Q8_0"}, Phase: download.Paused})
	if len(b.downloads.started) != 0 || b.view.note() != "The download of Eye 4B Q8_0 is paused." {
		t.Fatalf("begun %+v, note %q", b.downloads.started, b.view.note())
	}
	b.view.offer()
	if b.started(0).ID != eyeJob {
		t.Errorf("begun %+v", b.downloads.started)
	}
	b.Controller.Close()
	if !b.downloads.closed {
		t.Error("the end of the program does not pause downloads")
	}
}

// The program can end between a download's last byte and the list: what is whole is on the shelf at the next start, and
// what is still being fetched is not.
func TestWhatCameBeforeTheEndIsOnTheShelf(t *testing.T) {
	b := newLibraryBench(t)
	whole, half := filepath.Join(b.folder, "maker", "Eye-GGUF", "whole.gguf"), filepath.Join(b.folder, "maker", "Eye-GGUF", "half.gguf")
	b.mu.Lock()
	b.scanned = []shelf.Entry{{Name: "whole", Model: whole, Source: shelf.Fetched}, {Name: "half", Model: half, Source: shelf.Fetched}}
	b.mu.Unlock()
	b.openPage()
	paused := download.State{Job: download.Job{ID: eyeJob, Name: "Eye", Files: []download.File{{Path: half}}}, Phase: download.Paused}
	b.news(paused)
	b.settleDisk()
	b.settleDisk()
	if a := b.shelf.adopted; len(a) != 1 || a[0].Model != whole {
		t.Errorf("adopted %+v", a)
	}
	if b.row(ownPrefix+whole) == nil || b.row(ownPrefix+half) != nil {
		t.Errorf("rows %+v", b.view.models.Rows)
	}
	b.shelf.adopted = nil
	b.news(paused)
	b.settleDisk()
	if b.shelf.adopted != nil {
		t.Error("looked for again")
	}
}

// Who looks elsewhere hears once that a download stopped.
func TestAFailedDownloadIsToldOf(t *testing.T) {
	b := newLibraryBench(t)
	state := download.State{Job: download.Job{ID: eyeJob, Name: "Eye 4B Q8_0"}, Phase: download.Fetching}
	b.news(state)
	state.Phase, state.Err = download.Failed, &download.Error{Kind: download.Server}
	b.news(state)
	if b.view.note() != "The download of Eye 4B Q8_0 stopped." {
		t.Fatalf("note %q", b.view.note())
	}
	b.view.offer()
	if b.view.modelsShown != 1 {
		t.Error("the page is not shown")
	}
	n := len(b.view.notes)
	b.news(state)
	if len(b.view.notes) != n {
		t.Errorf("told again: %q", b.view.notes)
	}
}

func TestOrderOfWhatIsOffered(t *testing.T) {
	b := newLibraryBench(t)
	verdicts := map[string]catalogue.Verdict{
		"no": catalogue.DoesNotFit, "changed": catalogue.WithChanges, "fits": catalogue.Fits, "fits too": catalogue.Fits, "best": catalogue.WithChanges, "unknown": catalogue.Unknown,
	}
	b.catalogue = nil
	for _, id := range []string{"no", "unknown", "changed", "fits", "best", "fits too"} {
		m := catalogue.Model{ID: id, Quantizations: []catalogue.Variant{
			{Quant: "Q8_0", Model: catalogue.File{Name: id + "8.gguf"}}, {Quant: "Q4_0", Model: catalogue.File{Name: id + "4.gguf"}},
		}}
		b.catalogue = append(b.catalogue, m)
	}
	b.Controller.judged.of = map[string]catalogue.Judgement{}
	for _, m := range b.catalogue {
		b.Controller.judged.of[jobID(m, m.Quantizations[0])] = catalogue.Judgement{Verdict: catalogue.DoesNotFit}
		b.Controller.judged.of[jobID(m, m.Quantizations[1])] = catalogue.Judgement{Verdict: verdicts[m.ID]}
	}
	b.Controller.judged.suggested = jobPrefix + "best/Q4_0"
	var ids []string
	for _, r := range b.offeredRows() {
		ids = append(ids, strings.TrimPrefix(r.ID, offeredPrefix))
	}
	if want := []string{"best", "fits", "fits too", "changed", "unknown", "no"}; !slices.Equal(ids, want) {
		t.Errorf("offered in the order %q, want %q", ids, want)
	}
}

// Every language of the catalogue has a name; a code that has none is better than nothing.
func TestLanguagesOfModels(t *testing.T) {
	list, err := catalogue.Known()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		for _, code := range m.Languages {
			if languageName(code) == code {
				t.Errorf("%s: the language %q has no name", m.ID, code)
			}
		}
	}
	for most, want := range map[int]string{3: "English, Chinese, xx", 2: "3 languages"} {
		if got := languagesText([]string{"en", "zh", "xx"}, most); got != want {
			t.Errorf("at most %d: %q, want %q", most, got, want)
		}
	}
}

func TestRemoveFromTheListWithUndo(t *testing.T) {
	b := newLibraryBench(t)
	b.shelf.list = []shelf.Entry{{Name: "Own", Model: "/m/own.gguf", Source: shelf.Own}}
	b.openPage()
	id := ownPrefix + "/m/own.gguf"
	b.RemoveModel(id)
	if b.row(id) != nil {
		t.Error("the row is still there")
	}
	b.settleDisk()
	if len(b.shelf.List()) != 0 || len(b.shelf.deleted) != 0 {
		t.Errorf("list %+v, deleted %q", b.shelf.List(), b.shelf.deleted)
	}
	b.view.offer()
	b.settleDisk()
	if b.row(id) == nil {
		t.Error("Undo does not bring it back")
	}
	b.DeleteModel(id)
	b.settleDisk()
	if len(b.shelf.deleted) != 0 {
		t.Error("files of the person's own were deleted")
	}
}

// The engine has the model's files open: they are deleted when another engine has taken its place.
func TestDeletingTheOpenModelWaitsForTheEngine(t *testing.T) {
	b := newLibraryBench(t)
	b.shelf.list = []shelf.Entry{{Name: "Eye 4B", Model: "/m/eye.gguf", MMProj: "/m/mmproj.gguf", Source: shelf.Fetched}}
	b.openPage()
	id := ownPrefix + "/m/eye.gguf"
	b.UseModel(id)
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	s := b.bench.ready()
	s.Model = b.client.opened[1]
	b.tell(s)
	if r := b.row(id); !r.Open || r.CanUse {
		t.Fatalf("row %+v", r)
	}
	b.DeleteModel(id)
	if m := b.client.opened[len(b.client.opened)-1]; m.Path != b.demo.Model {
		t.Fatalf("opened %+v", m)
	}
	if b.row(id) != nil {
		t.Error("it can be opened while it is about to be deleted")
	}
	s = b.bench.ready()
	s.State = inference.StateLoading // the old engine is still there
	b.tell(s)
	b.settleDisk()
	if len(b.shelf.deleted) != 0 {
		t.Fatal("the files are deleted while the engine has them open")
	}
	s.PID = 0
	b.tell(s)
	b.settleDisk()
	if !slices.Equal(b.shelf.deleted, []string{"/m/eye.gguf"}) || b.row(id) != nil {
		t.Errorf("deleted %q", b.shelf.deleted)
	}
	if kept, _ := loadSettings(b.bench.settings); kept.Model != "" {
		t.Errorf("the next start opens %s", kept.Model)
	}
}

func TestImportedModelGoesOnTheShelfOnceItLoaded(t *testing.T) {
	b := newLibraryBench(t)
	b.Attach([]string{"/m/mine.gguf", "/m/mmproj.gguf"})
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	b.settleDisk()
	if len(b.shelf.List()) != 0 {
		t.Fatal("a model that has not loaded is on the shelf")
	}
	s := b.bench.ready()
	s.Model = b.client.opened[1]
	b.tell(s)
	b.settleDisk()
	if e := b.shelf.List(); len(e) != 1 || e[0].Model != "/m/mine.gguf" || e[0].MMProj != "/m/mmproj.gguf" {
		t.Errorf("shelf %+v", e)
	}
	b.openPage()
	if r := b.row(ownPrefix + "/m/mine.gguf"); r == nil || !r.Open {
		t.Errorf("row %+v", r)
	}
}

func TestSeveralVisionFilesLeaveTheChoice(t *testing.T) {
	b := newLibraryBench(t)
	b.identify = func(paths ...string) (shelf.Look, error) {
		if len(paths) == 1 {
			return shelf.Look{Model: paths[0], Choose: []string{"/m/a.gguf", "/m/b.gguf"}}, nil
		}
		return shelf.Look{Model: paths[0], MMProj: paths[1]}, nil
	}
	b.openPage()
	b.ImportModel([]string{"/m/mine.gguf"})
	b.until("the page is shown", func() bool { return b.view.modelsShown == 1 })
	id := pairPrefix + "/m/mine.gguf"
	r := b.row(id)
	if r == nil || len(r.Partners) != 2 || r.Partners[1] != (ui.Place{Name: "b.gguf", Path: "/m/b.gguf"}) || len(b.client.opened) != 1 {
		t.Fatalf("row %+v", r)
	}
	b.PairModel(id, "/m/b.gguf")
	b.until("the model is opened", func() bool { return len(b.client.opened) == 2 })
	if m := b.client.opened[1]; m.Path != "/m/mine.gguf" || m.MMProj != "/m/b.gguf" || b.row(id) != nil {
		t.Errorf("opened %+v, row %+v", m, b.row(id))
	}
}

// Files that are called as the catalogue's are opened with the catalogue's range of picture tokens.
func TestPictureRangeOfTheCatalogue(t *testing.T) {
	b := newLibraryBench(t)
	for i := range b.known[0].Quantizations {
		b.known[0].Quantizations[i].Model.Bytes = 5
	}
	path := write(t, filepath.Join(t.TempDir(), "Eye-Q8_0.gguf"), []byte("12345"))
	other := write(t, filepath.Join(t.TempDir(), "Eye-Q8_0.gguf"), []byte("of another size"))
	for n, c := range []struct {
		path     string
		name     string
		min, max int
	}{{path, "Eye 4B", 64, 900}, {other, "", 0, 0}} {
		b.ImportModel([]string{c.path, "/m/mmproj.gguf"})
		b.until("the model is opened", func() bool { return len(b.client.opened) == n+2 })
		if m := b.client.opened[n+1]; m.Name != c.name || m.ImageMinTokens != c.min || m.ImageMaxTokens != c.max {
			t.Errorf("%s: opened %+v", c.path, m)
		}
	}
}

func TestJudgedAgainWhenMemoryClearlyChanges(t *testing.T) {
	b := newLibraryBench(t)
	b.openPage()
	read := func(free uint64) {
		b.showReading(vram.Reading{Time: time.Now(), GPUs: []vram.GPU{{Name: "RTX 3050", UUID: "GPU-1", Total: 6 * gib, Used: 6*gib - free, Free: free}}})
	}
	count := func() int {
		b.until("it is judged", func() bool { return !b.Controller.judged.running })
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.judged
	}
	n := count()
	read(5*gib - 100<<20)
	if count() != n {
		t.Error("judged again for nothing")
	}
	b.mu.Lock()
	b.device.Free = 4 * gib
	b.mu.Unlock()
	read(4 * gib)
	if count() == n {
		t.Fatal("not judged again")
	}
	if r := b.row(eyeRow); r.Variant != "Q4_K_M" || r.Variants[0].Fit != ui.FitNot || !r.Suggested {
		t.Errorf("row %+v", r)
	}
	n = count()
	b.ModelsShown(false)
	read(2 * gib)
	if count() != n {
		t.Error("judged although nobody looks")
	}
}
