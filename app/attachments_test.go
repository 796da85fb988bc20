package app

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference"
	"galago/inference/gguf"
	"galago/inference/plan"
	"galago/inference/protocol"
	"galago/inference/vision"
	"galago/ui"
	"galago/vram"
)

func TestPicturesKeepTheirOrder(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	dir := t.TempDir()
	var paths []string
	for i, name := range []string{"b.png", "a #1 100% ü.png", "folder with space/c.png"} {
		paths = append(paths, write(t, filepath.Join(dir, name), pngOf(t, 900-300*i, 300)))
	}
	paths = append(paths, paths[0]) // the same picture twice is what the person wants
	b.Attach(paths)
	if len(b.view.attachments) != 4 || b.view.attachments[0].Thumb != nil {
		t.Fatalf("before they are read: %+v", b.view.attachments)
	}
	b.attached()
	for i, want := range []string{"b.png", "a #1 100% ü.png", "c.png", "b.png"} {
		if a := b.view.attachments[i]; a.Name != want || a.Problem != nil || a.Thumb == nil {
			t.Errorf("attachment %d is %+v, want %s", i, a, want)
		}
	}
	if got, want := b.view.attachments[0].Info, "900 × 300 → 896 × 288 · 252 tokens"; got != want {
		t.Errorf("info %q, want %q", got, want)
	}
	b.Detach(b.view.attachments[1].ID)
	b.Send("which?")
	images := b.request(0).Messages[0].Images
	if len(images) != 3 || images[0].Width != 900 || images[1].Width != 300 || images[2].Width != 900 {
		t.Errorf("the request has %d pictures", len(images))
	}
	if turn := b.view.turn(0); len(turn.Images) != 3 || turn.Images[0] == nil || len(b.view.attachments) != 0 {
		t.Errorf("the turn has %d pictures, the composer %d", len(turn.Images), len(b.view.attachments))
	}
	b.OpenImage(b.view.turn(0).ID, 1)
	b.OpenImage(b.view.turn(0).ID, 9)
	if b.view.image != "c.png · 300 × 300" {
		t.Errorf("opened %q", b.view.image)
	}
}

// sizedPNG says in its header that it has the given size, but holds only a few pixels.
func sizedPNG(t *testing.T, width, height uint32) []byte {
	data := pngOf(t, 8, 8)
	binary.BigEndian.PutUint32(data[16:], width)
	binary.BigEndian.PutUint32(data[20:], height)
	binary.BigEndian.PutUint32(data[29:], crc32.ChecksumIEEE(data[12:29]))
	return data
}

func TestBadPictures(t *testing.T) {
	dir := t.TempDir()
	good := pngOf(t, 300, 200)
	folder := filepath.Join(dir, "folder.png")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	secret := write(t, filepath.Join(dir, "secret.png"), good)
	if err := os.Chmod(secret, 0); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, says string }{
		"text":       {write(t, filepath.Join(dir, "text.png"), []byte("This is a text.\n")), "text"},
		"empty":      {write(t, filepath.Join(dir, "empty.jpg"), nil), "empty"},
		"truncated":  {write(t, filepath.Join(dir, "half.png"), good[:len(good)/2]), "half.png"},
		"huge":       {write(t, filepath.Join(dir, "huge.png"), sizedPNG(t, 30000, 30000)), "30,000"},
		"folder":     {folder, "folder"},
		"missing":    {filepath.Join(dir, "gone.png"), "gone.png"},
		"unreadable": {secret, "permission"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "unreadable" && os.Geteuid() == 0 {
				t.Skip("root may read everything")
			}
			b := newBench(t)
			b.tell(b.ready())
			b.Attach([]string{c.path})
			b.attached()
			p := b.view.attachments[0].Problem
			if p == nil || !strings.Contains(p.Text, c.says) || !strings.HasSuffix(p.Text, ".") {
				t.Fatalf("the problem is %+v", p)
			}
			b.view.composer = "q"
			b.Send("q")
			if len(b.client.requests) != 0 || b.view.composer != "q" || !strings.HasPrefix(b.view.note(), "Remove the picture") {
				t.Errorf("%d requests, composer %q, note %q", len(b.client.requests), b.view.composer, b.view.note())
			}
			b.Detach(b.view.attachments[0].ID)
			if b.Send("q"); len(b.client.requests) != 1 {
				t.Error("the question does not go out without the picture")
			}
		})
	}
}

func TestFortyFilesAtOnce(t *testing.T) {
	b := newBench(t)
	path := write(t, filepath.Join(t.TempDir(), "a.png"), pngOf(t, 64, 64))
	var paths []string
	for range 40 {
		paths = append(paths, path)
	}
	b.Attach(paths)
	b.attached()
	if len(b.view.attachments) != 16 || b.view.note() != "A question takes 16 pictures at most; 24 were left out." {
		t.Errorf("%d attached, note %q", len(b.view.attachments), b.view.note())
	}
	b.Attach(paths[:1])
	if b.view.note() != "A question takes 16 pictures at most; one was left out." {
		t.Errorf("note %q", b.view.note())
	}
	b.AttachImage("pasted.png", pngOf(t, 64, 64))
	b.attached()
	if len(b.view.attachments) != 16 {
		t.Errorf("%d attached", len(b.view.attachments))
	}
}

func TestFileThatVanishes(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	path := write(t, filepath.Join(t.TempDir(), "a.png"), pngOf(t, 64, 64))
	b.Attach([]string{path})
	b.attached()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	b.Send("what is it?")
	if len(b.request(0).Messages[0].Images) != 1 {
		t.Error("the picture is gone with its file")
	}
}

// slow attaches a picture that is read when the test says so.
func (b *bench) slow(name string) (read func(err error)) {
	result := make(chan error)
	b.attach(name, func() ([]byte, error) {
		if err := <-result; err != nil {
			return nil, err
		}
		return pngOf(b.t, 64, 64), nil
	})
	return func(err error) { result <- err }
}

func TestAQuestionWaitsForItsPictures(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	one, two := b.slow("one.png"), b.slow("two.png")
	b.view.composer = "what?"
	b.Send("what?")
	if len(b.client.requests) != 0 || !b.view.busy || b.view.composer != "what?" {
		t.Fatalf("%d requests, busy %t, composer %q", len(b.client.requests), b.view.busy, b.view.composer)
	}
	two(nil)
	one(nil)
	b.until("the question goes out", func() bool { return len(b.client.requests) == 1 })
	images := b.request(0).Messages[0].Images
	if len(images) != 2 || images[0].Name != "one.png" || b.view.composer != "" {
		t.Errorf("%d pictures, composer %q", len(images), b.view.composer)
	}
}

func TestAQuestionWhosePictureIsBadStays(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	read := b.slow("one.png")
	b.view.composer = "what?"
	b.Send("what?")
	read(&vision.Error{Kind: vision.KindDamaged, Name: "one.png", Msg: "one.png is damaged. Download it again."})
	b.attached()
	if len(b.client.requests) != 0 || b.view.busy || b.view.composer != "what?" || b.view.attachments[0].Problem.Text != "one.png is damaged. Download it again." {
		t.Errorf("%d requests, busy %t, composer %q, %+v", len(b.client.requests), b.view.busy, b.view.composer, b.view.attachments[0].Problem)
	}
}

func TestAQuestionThatWaitsForItsPicturesCanBeCancelled(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	read := b.slow("one.png")
	b.Send("what?")
	b.Cancel()
	read(nil)
	b.attached()
	if len(b.client.requests) != 0 || b.view.busy || len(b.view.attachments) != 1 {
		t.Errorf("%d requests, busy %t", len(b.client.requests), b.view.busy)
	}
}

func TestNewChatDropsPicturesThatAreBeingRead(t *testing.T) {
	b := newBench(t)
	read := b.slow("one.png")
	b.NewChat()
	read(nil)
	b.Attach([]string{write(t, filepath.Join(t.TempDir(), "two.png"), pngOf(t, 64, 64))})
	b.attached()
	if len(b.view.attachments) != 1 || b.view.attachments[0].Name != "two.png" {
		t.Errorf("%+v", b.view.attachments)
	}
}

func TestWhatAPictureCostsFollowsTheModel(t *testing.T) {
	b := newBench(t)
	b.AttachImage("pasted.png", pngOf(t, 1400, 1000))
	b.attached()
	if got := b.view.attachments[0].Info; got != "1400 × 1000" {
		t.Errorf("without a model: %q", got)
	}
	b.tell(b.ready())
	if got := b.view.attachments[0].Info; got != "1400 × 1000 → 1184 × 864 · 999 tokens" {
		t.Errorf("with a model: %q", got)
	}
	if got := b.view.attachments[0].Details; !slices.Equal(got, []string{"low", "", "high"}) {
		t.Errorf("to choose from: %q", got)
	}
	b.Detail(b.view.attachments[0].ID, "high")
	if got := b.view.attachments[0]; got.Detail != "high" || got.Info != "1400 × 1000 → 1248 × 896 · 1,092 tokens" {
		t.Errorf("at high detail: %+v", got)
	}
	measured := b.ready()
	measured.Speed = inference.Speed{EncodePerToken: time.Millisecond, PromptPerToken: time.Millisecond}
	b.tell(measured)
	if got := b.view.attachments[0].Cost; got != "about 2.2 s" {
		t.Errorf("the cost is %q", got)
	}
	blind := b.ready()
	blind.Loaded.Vision = protocol.Vision{}
	b.tell(blind)
	p := b.view.attachments[0].Problem
	if p == nil || p.Title != "This model cannot see" || b.view.model.Vision {
		t.Errorf("with a model without eyes: %+v", p)
	}
	b.Send("what?")
	if len(b.client.requests) != 0 {
		t.Error("the picture was sent to a model without eyes")
	}
	b.tell(b.ready())
	if b.view.attachments[0].Problem != nil {
		t.Error("the problem stays although the model can see")
	}
}

// unloaded is the built-in model after Unload: it would take 1,000 MiB.
func (b *bench) unloaded() inference.Status {
	s := b.inState(inference.StateUnloaded)
	s.Loaded, s.PID = protocol.Loaded{}, 0
	s.Facts = &plan.Facts{Model: &gguf.File{}, MMProj: &gguf.File{}}
	s.Known = plan.Known{Encode: 200 << 20, EncodeTokens: 1000}
	s.Budget.Lines = []vram.Line{{Part: vram.PartWeights, Bytes: 1000 << 20}}
	return s
}

// A picture tells what it costs, and how closely it is looked at can be chosen, also while the model is unloaded.
func TestPicturesAreKnownWhileTheModelIsUnloaded(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.AttachImage("a.png", pngOf(t, 1400, 1000))
	b.attached()
	loaded := b.view.attachments[0]
	b.tell(b.unloaded())
	a := b.view.attachments[0]
	if a.Info != loaded.Info || !slices.Equal(a.Details, loaded.Details) || len(a.Details) != 3 {
		t.Errorf("unloaded: %+v, loaded: %+v", a, loaded)
	}
	if !strings.HasPrefix(a.Cost, "+") || strings.Contains(a.Cost, "GiB") || strings.HasPrefix(a.Cost, "+1") {
		t.Errorf("the picture costs %q: the model is not its own", a.Cost)
	}
	other := b.unloaded()
	other.Model.Path = "/other.gguf"
	b.tell(other)
	if a := b.view.attachments[0]; len(a.Details) != 1 {
		t.Errorf("of a model that was never loaded: %+v", a)
	}
}

// A detail that makes no difference with the model that is open is shown as what it is.
func TestDetailThatMakesNoDifference(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.AttachImage("a.png", pngOf(t, 1400, 1000))
	b.attached()
	b.Detail(b.view.attachments[0].ID, "high")
	small := b.ready()
	small.Loaded.Vision.MaxTokens = 500
	b.tell(small)
	if a := b.view.attachments[0]; a.Detail != "" || slices.Contains(a.Details, "high") {
		t.Errorf("%q of %q", a.Detail, a.Details)
	}
}

// The gauge tells what a question will add only when there is one, and not beside a model that loads for it.
func TestWhatIsPendingBelongsToAQuestion(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.showReading(vram.Reading{Missing: "No driver.", Resident: 10 << 20, System: 8000 << 20})
	pending := func() bool {
		return slices.ContainsFunc(b.view.gauge.Segments, func(s ui.Segment) bool { return s.Kind == ui.SegmentPending })
	}
	b.tell(b.unloaded())
	if pending() {
		t.Error("an empty composer adds something")
	}
	b.Edited(" What?")
	if !pending() {
		t.Error("a question adds nothing, and the model is not there")
	}
	loading := b.unloaded()
	loading.State = inference.StateLoading
	b.tell(loading)
	if pending() {
		t.Error("a model that loads is counted twice")
	}
	b.tell(b.unloaded())
	b.Edited("")
	if pending() {
		t.Error("a question that was taken back adds something")
	}
}

func TestSamples(t *testing.T) {
	b := newBench(t)
	own := write(t, filepath.Join(t.TempDir(), "own.png"), pngOf(t, 64, 64))
	b.Attach([]string{own})
	for i := range b.view.samples {
		b.Sample(i)
		b.attached()
		if len(b.view.attachments) != 2 || b.view.attachments[0].Name != "own.png" || b.view.attachments[1].Problem != nil {
			t.Errorf("sample %d: %+v", i, b.view.attachments)
		}
		if b.view.composer != b.view.samples[i].Question || b.view.composer == "" {
			t.Errorf("sample %d: composer %q", i, b.view.composer)
		}
	}
	b.Edited(b.view.samples[0].Question) // a sample's question gives way to another's, the person's own does not
	if b.Sample(1); b.view.composer != b.view.samples[1].Question {
		t.Errorf("composer %q", b.view.composer)
	}
	b.Edited("my own")
	if b.Sample(0); b.view.composer == b.view.samples[0].Question || len(b.view.attachments) != 2 {
		t.Errorf("composer %q, %d pictures", b.view.composer, len(b.view.attachments))
	}
	b.Sample(-1)
	b.Sample(99)
}

func TestSampleTakesThePlaceOfAQuestionThatWaits(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	read := b.slow("one.png")
	b.Send("what?")
	b.Sample(0)
	if b.view.busy {
		t.Error("Cancel is offered, but nothing waits")
	}
	read(nil)
	b.attached()
	if len(b.client.requests) != 0 || b.view.composer != b.view.samples[0].Question {
		t.Errorf("%d requests, composer %q", len(b.client.requests), b.view.composer)
	}
}

func TestStuckFilesKeepNoOtherPictureWaiting(t *testing.T) {
	b := newBench(t)
	var stuck []func(error)
	for i := range decodingAtOnce + 1 {
		stuck = append(stuck, b.slow(fmt.Sprint(i)))
	}
	b.AttachImage("good.png", pngOf(t, 64, 64))
	b.until("the picture behind them", func() bool { return b.attachments[len(stuck)].picture != nil })
	for _, read := range stuck {
		read(&vision.Error{Kind: vision.KindUnreadable, Msg: "The network is gone."})
	}
	b.attached()
}

func TestPicturesAreDecodedTwoAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free, end := newSlots(2), make(chan struct{})
		var began, done atomic.Int32
		for range 5 {
			go free.do(1, func() { began.Add(1); <-end; done.Add(1) })
		}
		for i := range int32(5) {
			synctest.Wait()
			if began.Load() != min(i+2, 5) || done.Load() != i {
				t.Errorf("%d began and %d are done", began.Load(), done.Load())
			}
			end <- struct{}{}
		}
	})
}

// Two large pictures at once must not wait for each other's place.
func TestLargePicturesAreDecodedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free, end := newSlots(2), make(chan struct{})
		var going atomic.Int32
		work := func() { going.Add(1); <-end; going.Add(-1) }
		go free.do(1, work)
		synctest.Wait()
		go free.do(2, work)
		go free.do(2, work)
		for range 3 {
			synctest.Wait()
			if going.Load() != 1 {
				t.Errorf("%d are decoded at a time", going.Load())
			}
			end <- struct{}{}
		}
	})
}

func TestWhichPicturesAreLarge(t *testing.T) {
	for _, c := range []struct {
		width, height uint32
		alone         bool
	}{{5000, 5000, false}, {5001, 5000, true}} {
		data := sizedPNG(t, c.width, c.height) // has too few pixels, which shows once it is decoded
		synctest.Test(t, func(t *testing.T) {
			free, end, done := newSlots(2), make(chan struct{}), make(chan decoded, 1)
			go free.do(1, func() { <-end })
			synctest.Wait()
			go func() { done <- decode(free, "a.png", data) }()
			synctest.Wait()
			if waits := len(done) == 0; waits != c.alone {
				t.Errorf("%d x %d waits for the others: %t", c.width, c.height, waits)
			}
			end <- struct{}{}
			var e *vision.Error
			if d := <-done; !errors.As(d.err, &e) || e.Kind != vision.KindDamaged {
				t.Errorf("got %v", d.err)
			}
		})
	}
}

func TestDroppedModelIsOpened(t *testing.T) {
	others, models := splitModels([]string{"a.png", "b.GGUF", "c.gguf", "d"})
	if fmt.Sprint(others, models) != "[a.png d] [b.GGUF c.gguf]" {
		t.Errorf("%v and %v", others, models)
	}
	b := newBench(t)
	b.Attach([]string{write(t, filepath.Join(t.TempDir(), "m.gguf"), bytes.Repeat([]byte("x"), 100))})
	b.until("the banner", func() bool { return b.view.banner != nil && b.view.banner.Problem })
	if len(b.view.attachments) != 0 || len(b.client.opened) != 1 {
		t.Errorf("%d attachments, %d models opened", len(b.view.attachments), len(b.client.opened))
	}
}

func TestRefusedPicturesAreOfTheRightKind(t *testing.T) {
	_, err := vision.Decode("x.png", nil)
	if p := problem(err); p.Title != inference.Explain(&inference.Error{Code: protocol.CodeBadImage}).Title {
		t.Errorf("%+v", p)
	}
}
