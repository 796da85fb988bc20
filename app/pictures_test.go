package app

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"galago/app/portal"
	"galago/ui"
)

// gridPNG is a picture whose pixels all tell where they are: red by column, green by row.
func gridPNG(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.SetNRGBA(x, y, color.NRGBA{byte(x), byte(y), byte(x>>8<<4 | y>>8), 0xff})
		}
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (b *bench) attachGrid(w, h int) (id uint64, file []byte) {
	b.t.Helper()
	file = gridPNG(b.t, w, h)
	b.AttachImage("grid.png", file)
	b.attached()
	return b.view.attachments[len(b.view.attachments)-1].ID, file
}

func TestARegionIsAskedAbout(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	id, file := b.attachGrid(900, 600)
	b.OpenAttachment(id)
	s := b.view.sheet
	if s.Crop == nil || s.Whole != nil || !s.Region.Empty() || s.Title != "grid.png · 900 × 600" {
		t.Fatalf("the sheet is %+v", s)
	}
	box := image.Rect(300, 100, 620, 260)
	if got := s.Measure(box); got != "320 × 160 · 50 tokens" {
		t.Errorf("it will be %q", got)
	}
	s.Crop(box)
	if a := b.view.attachments[0]; a.Info != "" || a.Thumb == nil {
		t.Errorf("while it is cut: %+v", a)
	}
	b.Send("what is there?") // waits for the region
	b.attached()
	b.until("the question goes out", func() bool { return len(b.client.requests) == 1 })
	p := b.request(0).Messages[0].Images[0].Picture
	if p.Width != 320 || p.Height != 160 || p.RGBA.RGBAAt(5, 7) != (color.RGBA{byte(305 & 255), 107, 1 << 4, 255}) {
		t.Errorf("asked about %d × %d, %v", p.Width, p.Height, p.RGBA.RGBAAt(5, 7))
	}
	stored := b.conv.Turns[0].Images[0].Data
	if c, err := png.DecodeConfig(bytes.NewReader(stored)); err != nil || c.Width != 320 || bytes.Equal(stored, file) {
		t.Errorf("kept is %v, %v", c, err)
	}
}

func TestARegionIsTakenBack(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	id, file := b.attachGrid(900, 600)
	b.OpenAttachment(id)
	b.view.sheet.Crop(image.Rect(300, 100, 620, 260))
	b.attached()
	if got, want := b.view.attachments[0].Info, "region 320 × 160 of 900 × 600 → 320 × 160 · 50 tokens"; got != want {
		t.Errorf("info %q, want %q", got, want)
	}
	b.OpenAttachment(id)
	s := b.view.sheet
	if s.Whole == nil || s.Region != image.Rect(300, 100, 620, 260) || s.Image.Bounds().Dx() != 900 {
		t.Fatalf("the sheet is %+v", s)
	}
	s.Crop(image.Rect(0, 0, 100, 100)) // another one, of the whole picture again
	b.attached()
	if a := b.attachments[0]; a.picture.Width != 100 || a.whole.picture.Width != 900 {
		t.Errorf("%d of %d", a.picture.Width, a.whole.picture.Width)
	}
	b.view.sheet.Whole()
	if a := b.attachments[0]; a.picture.Width != 900 || !bytes.Equal(a.data, file) || a.whole != nil {
		t.Errorf("%d wide, %d bytes", a.picture.Width, len(a.data))
	}
}

// What is kept of a large picture is smaller than its file. A region has the file's pixels all the same.
func TestARegionOfALargePictureIsSharp(t *testing.T) {
	b := newBench(t)
	id, _ := b.attachGrid(4400, 3000)
	b.OpenAttachment(id)
	s := b.view.sheet
	kept := s.Image.Bounds()
	if kept.Dx() >= 4400 {
		t.Fatal("all of it is kept: the test is of no use")
	}
	s.Crop(image.Rect(kept.Dx()/2, kept.Dy()/2, kept.Dx()/2+100, kept.Dy()/2+50))
	b.attached()
	a := b.attachments[0]
	want := regionOf(a.whole.picture, image.Rect(kept.Dx()/2, kept.Dy()/2, kept.Dx()/2+100, kept.Dy()/2+50))
	if a.region != want || a.picture.Width <= 100 || a.picture.Width != want.Dx() {
		t.Fatalf("region %v, want %v", a.region, want)
	}
	at := want.Min.Add(image.Pt(9, 4))
	if got := a.picture.RGBA.RGBAAt(9, 4); got.R != byte(at.X) || got.G != byte(at.Y) {
		t.Errorf("%v at %v", got, at)
	}
	b.OpenAttachment(id)
	if got := b.view.sheet.Region; abs(got.Dx()-100) > 1 || abs(got.Min.X-kept.Dx()/2) > 1 {
		t.Errorf("shown again as %v", got)
	}
}

func abs(n int) int { return max(n, -n) }

func TestARegionOfATurnsPictureBecomesANewOne(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	b.attachGrid(600, 400)
	b.Send("what?")
	turn := b.view.turn(0).ID
	b.OpenImage(turn, 0)
	if b.view.sheet.Whole != nil {
		t.Error("there is nothing to take back")
	}
	b.view.sheet.Crop(image.Rect(100, 50, 200, 150))
	b.attached()
	if len(b.view.attachments) != 1 || !strings.HasPrefix(b.view.attachments[0].Info, "region 100 × 100 of 600 × 400") {
		t.Fatalf("%+v", b.view.attachments)
	}
	if n := len(b.conv.Turns[0].Images); n != 1 || b.conv.Turns[0].Images[0].Width != 600 {
		t.Error("the turn's picture has changed")
	}
	for range 20 {
		b.view.sheet.Crop(image.Rect(0, 0, 9, 9))
	}
	b.attached()
	if len(b.view.attachments) != maxAttachments || !strings.HasPrefix(b.view.note(), "A question takes 16") {
		t.Errorf("%d, %q", len(b.view.attachments), b.view.note())
	}
}

func TestWhatTheModelSees(t *testing.T) {
	b := newBench(t)
	b.tell(b.ready())
	id, _ := b.attachGrid(900, 600)
	b.OpenAttachment(id)
	open := b.view.sheet.Title
	b.view.sheet.Seen()
	b.until("the pixels are there", func() bool { return b.view.sheet.Title != open })
	s := b.view.sheet
	if s.Image.Bounds().Dx() != 896 || s.Image.Bounds().Dy() != 608 || s.Title != "What the model sees: 896 × 608 · 532 tokens" {
		t.Errorf("%s, %v", s.Title, s.Image.Bounds())
	}
	b.Send("?")
	if want := b.view.turn(0).Images; len(want) != 1 {
		t.Fatal("no picture was sent")
	}
}

func TestAPictureIsSaved(t *testing.T) {
	b := newBench(t)
	_, file := b.attachGrid(64, 48)
	b.Send("what?")
	b.OpenImage(b.view.turn(0).ID, 0)
	b.view.sheet.Save()
	path := filepath.Join(t.TempDir(), "out.png")
	b.view.choose(path)
	b.until("it says so", func() bool { return b.view.note() == "Saved as out.png." })
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, file) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if list, _ := os.ReadDir(filepath.Dir(path)); len(list) != 1 {
		t.Errorf("%d files lie there", len(list))
	}
	b.view.choose(filepath.Join(t.TempDir(), "no", "folder", "out.png"))
	b.until("it says why not", func() bool { return strings.HasPrefix(b.view.note(), "The picture could not be saved") })
}

func TestNamesGetTheEndingOfTheirFile(t *testing.T) {
	file := pngOf(t, 4, 4)
	for name, want := range map[string]string{
		"a.png": "a.png", "a.PNG": "a.PNG", "shelf.jpg": "shelf.png", "Pasted picture": "Pasted picture.png", "a.b.heic": "a.b.png",
	} {
		if got := fileName(name, file); got != want {
			t.Errorf("%s becomes %s, want %s", name, got, want)
		}
	}
	if got := fileName("x.bin", []byte("?")); got != "x.bin" {
		t.Errorf("unknown: %s", got)
	}
}

func TestAPictureIsCopied(t *testing.T) {
	b := newBench(t)
	var copied []byte
	var fails error
	b.desk.copy = func(data []byte) error {
		copied = data
		return fails
	}
	id, _ := b.attachGrid(64, 48)
	b.OpenAttachment(id)
	b.view.sheet.Copy()
	b.until("it says so", func() bool { return b.view.note() == "Picture copied." })
	if c, err := png.DecodeConfig(bytes.NewReader(copied)); err != nil || c.Width != 64 {
		t.Errorf("%v, %v", c, err)
	}
	fails = errors.New("no clipboard")
	b.view.sheet.Copy()
	b.until("it says why not", func() bool { return b.view.note() == "The picture could not be copied: no clipboard." })
}

func TestPaste(t *testing.T) {
	b := newBench(t)
	var data []byte
	var fails error
	b.desk.paste = func(context.Context) ([]byte, error) { return data, fails }
	texts := 0
	paste := func() { b.Paste(func() { texts++ }) }
	paste()
	b.until("the text is pasted", func() bool { return texts == 1 })
	fails = errors.New("no clipboard")
	paste()
	b.until("the text is pasted", func() bool { return texts == 2 })
	data, fails = pngOf(t, 64, 48), nil
	paste()
	b.until("the picture is there", func() bool { return len(b.attachments) == 1 })
	b.attached()
	if a := b.view.attachments[0]; a.Name != "Pasted picture.png" || a.Problem != nil || texts != 2 {
		t.Errorf("%+v, %d texts", a, texts)
	}
}

func TestScreenshot(t *testing.T) {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	b.desk.find = func(context.Context) portal.Offers { return portal.Offers{Screenshots: true} }
	b.start()
	b.until("it is offered", b.HasScreenshot)
	t.Setenv("TMPDIR", t.TempDir())
	ours := write(t, filepath.Join(os.TempDir(), "Screenshot.png"), pngOf(t, 64, 48))
	theirs := write(t, filepath.Join(t.TempDir(), "Pictures", "Screenshot-1.png"), pngOf(t, 64, 48))
	for _, path := range []string{ours, theirs} {
		b.desk.shoot = func(context.Context, string) (string, error) { return path, nil }
		n := len(b.attachments)
		b.Screenshot()
		b.Screenshot() // the dialog is open
		b.until("it is attached", func() bool { return len(b.attachments) == n+1 })
		b.attached()
		if a := b.view.attachments[n]; a.Name != filepath.Base(path) || a.Problem != nil {
			t.Errorf("%+v", a)
		}
	}
	if _, err := os.Stat(ours); err == nil {
		t.Error("a temporary file is left")
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Error("a file of the person's was deleted")
	}
	b.desk.shoot = func(context.Context, string) (string, error) { return "", portal.ErrCancelled }
	notes := len(b.view.notes)
	b.Screenshot()
	b.until("the dialog is closed", func() bool { return !b.desk.asking })
	if len(b.attachments) != 2 || len(b.view.notes) != notes {
		t.Errorf("%d attached, %q", len(b.attachments), b.view.notes[notes:])
	}
	b.desk.shoot = func(context.Context, string) (string, error) { return "", errors.New("portal: gone") }
	b.Screenshot()
	b.until("it says why", func() bool { return b.view.note() == "The screenshot could not be taken: portal: gone." })
}

func TestTheDesktopsDialog(t *testing.T) {
	b := newBenchAt(t, filepath.Join(t.TempDir(), "settings.json"))
	find := make(chan portal.Offers)
	b.desk.find = func(context.Context) portal.Offers { return <-find }
	b.start()
	own := 0
	b.ChoosePictures("", func() { own++ })
	if own != 1 {
		t.Fatal("there is none, but ours was not opened")
	}
	dir := t.TempDir()
	paths := []string{write(t, filepath.Join(dir, "a+b.png"), pngOf(t, 64, 48)), write(t, filepath.Join(dir, "c.png"), pngOf(t, 64, 48))}
	var asked portal.Ask
	var fails error
	find <- portal.Offers{Files: true}
	b.until("it is there", func() bool { return b.desk.offers.Files })
	b.desk.choose = func(_ context.Context, a portal.Ask) ([]string, error) {
		asked = a
		return paths, fails
	}
	b.ChoosePictures("x11:1f", func() { own++ })
	b.until("they are attached", func() bool { return len(b.attachments) == 2 })
	if asked.Parent != "x11:1f" || !slices.Contains(asked.Types, "image/heic") || own != 1 {
		t.Errorf("asked %+v", asked)
	}
	fails = portal.ErrCancelled
	b.ChoosePictures("", func() { own++ })
	b.until("it is closed", func() bool { return !b.desk.asking })
	if asked.Folder != dir || own != 1 || len(b.attachments) != 2 {
		t.Errorf("folder %q, ours %d times", asked.Folder, own)
	}
	fails = errors.New("portal: gone")
	b.ChoosePictures("", func() { own++ })
	b.until("ours takes its place", func() bool { return own == 2 })
	b.ChoosePictures("", func() { own++ })
	if own != 3 {
		t.Error("a portal that failed is asked again")
	}
}

func TestPicturesAreMoved(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"a", "b", "c"} {
		b.AttachImage(name, pngOf(t, 8, 8))
	}
	b.attached()
	names := func() (s string) {
		for _, a := range b.view.attachments {
			s += a.Name
		}
		return s
	}
	id := b.view.attachments[0].ID
	for _, c := range []struct {
		to   int
		want string
	}{{1, "bac"}, {2, "bca"}, {9, "bca"}, {-3, "abc"}, {0, "abc"}} {
		if b.MoveAttachment(id, c.to); names() != c.want {
			t.Errorf("to %d: %s, want %s", c.to, names(), c.want)
		}
	}
	b.MoveAttachment(99, 0)
	if names() != "abc" {
		t.Error("an unknown picture moved others")
	}
}

func TestAddressesAreNotFetched(t *testing.T) {
	b := newBench(t)
	path := write(t, filepath.Join(t.TempDir(), "a.png"), pngOf(t, 8, 8))
	b.Attach([]string{"https://example.org/x.png", path, "/http://example.org/y.png", "data:image/png;base64,AAAA"})
	b.attached()
	if len(b.view.attachments) != 1 || !strings.HasPrefix(b.view.note(), "Galago takes files only") {
		t.Errorf("%d attached, %q", len(b.view.attachments), b.view.note())
	}
	b.view.notes = nil
	odd := write(t, filepath.Join(t.TempDir(), "http: a picture.png"), pngOf(t, 8, 8))
	if b.Attach([]string{odd}); len(b.view.attachments) != 2 || len(b.view.notes) != 0 {
		t.Errorf("a file of that name: %q", b.view.notes)
	}
}

func TestFoldersAreListed(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "b.png"), pngOf(t, 8, 8))
	write(t, filepath.Join(dir, "A.txt"), make([]byte, 1500))
	write(t, filepath.Join(dir, ".hidden.png"), pngOf(t, 8, 8))
	write(t, filepath.Join(dir, "zoo", "x.png"), pngOf(t, 8, 8))
	if err := os.Symlink(filepath.Join(dir, "nowhere"), filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	list := func(path string) (f ui.Folder) {
		came := false
		b.Folder(path, func(got ui.Folder) { f, came = got, true })
		b.until("the folder is listed", func() bool { return came })
		return f
	}
	f := list(dir)
	var names []string
	for _, e := range f.Entries {
		names = append(names, e.Name)
	}
	if strings.Join(names, " ") != "zoo A.txt b.png" || f.Parent != filepath.Dir(dir) || f.Entries[1].Size != "1 kB" || f.Problem != "" {
		t.Errorf("%q, %+v", names, f)
	}
	if again := list(""); again.Path != dir {
		t.Errorf("next time it begins in %s", again.Path)
	}
	if f := list(filepath.Join(dir, "gone")); f.Problem != "There is no such folder." || f.Parent != dir {
		t.Errorf("%+v", f)
	}
	if again := list(""); again.Path != dir {
		t.Errorf("a folder that is not there is remembered: %s", again.Path)
	}
}

func TestPreviews(t *testing.T) {
	b := newBench(t)
	dir := t.TempDir()
	look := func(path string) (p ui.Preview) {
		came := false
		b.Preview(path, func(got ui.Preview) { p, came = got, true })
		b.until("the preview is there", func() bool { return came })
		return p
	}
	if p := look(write(t, filepath.Join(dir, "a.png"), pngOf(t, 900, 300))); p.Image == nil || p.Image.Bounds().Dx() != previewSide || p.Info != "900 × 300 · PNG" {
		t.Errorf("%+v", p)
	}
	if p := look(write(t, filepath.Join(dir, "a.txt"), []byte("words"))); p.Image != nil || !strings.Contains(p.Problem, "holds text") {
		t.Errorf("%+v", p)
	}
}
