package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

// disk is what the dialog is told: folders by path, and previews that come when the test says so.
type disk struct {
	folders  map[string]Folder
	previews []string
	answer   []func(Preview)
	attached []string
}

func openDialog(t *testing.T) (*disk, *Window, *pictureDialog) {
	t.Helper()
	many := Folder{Path: "/many", Parent: "/"}
	for i := range 5000 {
		many.Entries = append(many.Entries, Entry{Name: fmt.Sprintf("%04d.jpg", i), Path: fmt.Sprintf("/many/%04d.jpg", i)})
	}
	k := &disk{folders: map[string]Folder{
		"": {Path: "/home/me", Parent: "/home", Places: []Place{{"Home", "/home/me"}, {"Pictures", "/many"}}, Entries: []Entry{
			{Name: "deep", Path: "/home/me/deep", Folder: true},
			{Name: "a.JPG", Path: "/home/me/a.JPG", Size: "1 kB"},
			{Name: "b.heic", Path: "/home/me/b.heic", Size: "2 kB"},
			{Name: "c.png", Path: "/home/me/c.png", Size: "3 kB"},
			{Name: "notes.txt", Path: "/home/me/notes.txt", Size: "4 kB"},
		}},
		"/home/me/deep": {Path: "/home/me/deep", Parent: "/home/me"},
		"/home":         {Path: "/home", Parent: "/", Problem: "This folder cannot be read."},
		"/many":         many,
	}}
	w, _ := testWindow(t, Actions{
		Folder: func(path string, done func(Folder)) {
			f, ok := k.folders[path]
			if !ok {
				f = Folder{Path: path, Problem: "There is no such folder."}
			}
			done(f)
		},
		Preview: func(path string, done func(Preview)) {
			k.previews, k.answer = append(k.previews, path), append(k.answer, done)
		},
		Attach: func(paths []string) { k.attached = paths },
	})
	w.choosePictures()
	return k, w, w.win.Canvas().Overlays().Top().(*sheet).content.(*pictureDialog)
}

func (d *pictureDialog) listed() string {
	var s []string
	for _, e := range d.list.entries {
		s = append(s, e.Name)
	}
	return strings.Join(s, " ")
}

func TestThePictureDialogChoosesSeveral(t *testing.T) {
	k, w, d := openDialog(t)
	if d.listed() != "deep a.JPG b.heic c.png" || !d.add.Disabled() || w.win.Canvas().Focused() != d.list {
		t.Fatalf("lists %s", d.listed())
	}
	row := func(i int) *fileRow {
		r := newFileRow(d.list)
		r.set(i)
		return r
	}
	click := func(i int, modifier fyne.KeyModifier) { row(i).MouseDown(&desktop.MouseEvent{Modifier: modifier}) }
	picks := func() string { return strings.Join(d.list.picks(), " ") }
	for _, c := range []struct {
		row      int
		modifier fyne.KeyModifier
		want     string
	}{
		{2, 0, "/home/me/b.heic"},
		{3, fyne.KeyModifierControl, "/home/me/b.heic /home/me/c.png"},
		{2, fyne.KeyModifierControl, "/home/me/c.png"},
		{1, 0, "/home/me/a.JPG"},
		{3, fyne.KeyModifierShift, "/home/me/a.JPG /home/me/b.heic /home/me/c.png"},
		{0, fyne.KeyModifierShift, "/home/me/a.JPG"},
	} {
		if click(c.row, c.modifier); picks() != c.want {
			t.Errorf("row %d with %d: %s, want %s", c.row, c.modifier, picks(), c.want)
		}
	}
	click(1, 0)
	click(2, fyne.KeyModifierControl)
	if d.add.text != "Add 2" {
		t.Errorf("the button says %q", d.add.text)
	}
	test.Tap(d.add)
	if strings.Join(k.attached, " ") != "/home/me/a.JPG /home/me/b.heic" || w.win.Canvas().Overlays().Top() != nil || w.win.Canvas().Focused() != w.composer.entry {
		t.Errorf("attached %v", k.attached)
	}
}

func TestThePictureDialogByKeyboard(t *testing.T) {
	k, w, d := openDialog(t)
	l := d.list
	l.TypedKey(key(fyne.KeyDown))
	l.KeyDown(key(desktop.KeyShiftLeft))
	l.TypedKey(key(fyne.KeyDown))
	l.KeyUp(key(desktop.KeyShiftLeft))
	if got := strings.Join(l.picks(), " "); got != "/home/me/a.JPG /home/me/b.heic" {
		t.Errorf("chosen %s", got)
	}
	l.TypedRune('d')
	l.TypedKey(key(fyne.KeyReturn))
	if d.folder.Path != "/home/me/deep" || d.empty.source != "This folder is empty." {
		t.Errorf("in %s, %q", d.folder.Path, d.empty.source)
	}
	d.goTo("")
	l.TypedRune('c')
	l.TypedKey(key(fyne.KeyReturn))
	if fmt.Sprint(k.attached) != "[/home/me/c.png]" {
		t.Errorf("attached %v", k.attached)
	}
	w.choosePictures()
	d = w.win.Canvas().Overlays().Top().(*sheet).content.(*pictureDialog)
	d.list.TypedKey(key(fyne.KeyBackspace))
	if d.folder.Path != "/home" || d.empty.source != "This folder cannot be read." {
		t.Errorf("above: %s, %q", d.folder.Path, d.empty.source)
	}
	d.list.TypedKey(key(fyne.KeyEnd)) // of nothing
	d.list.TypedKey(key(fyne.KeyEscape))
	if w.win.Canvas().Overlays().Top() != nil {
		t.Error("Esc does not close it")
	}
}

func TestPreviewsInTheDialog(t *testing.T) {
	k, _, d := openDialog(t)
	d.list.press(1, false, false)
	d.list.press(2, false, false)
	if fmt.Sprint(k.previews) != "[/home/me/a.JPG /home/me/b.heic]" || d.name.text != "b.heic" {
		t.Fatalf("asked for %v, shows %s", k.previews, d.name.text)
	}
	img := flat(30, 20, rgb(0x336699))
	k.answer[0](Preview{Image: flat(9, 9, rgb(1)), Info: "late"})
	k.answer[1](Preview{Image: img, Info: "4032 × 3024 · HEIC"})
	if d.preview.Image != img || !strings.Contains(d.about.source, "4032 × 3024 · HEIC") || !strings.Contains(d.about.source, "2 kB") {
		t.Errorf("shows %q", d.about.source)
	}
	d.list.press(3, false, false)
	k.answer[2](Preview{Problem: "c.png is damaged."})
	if d.about.source != "c.png is damaged." || d.preview.Image == img {
		t.Errorf("of a damaged one: %q", d.about.source)
	}
}

func TestAPathIsTyped(t *testing.T) {
	k, w, d := openDialog(t)
	d.path.OnSubmitted("/home/me/deep")
	if d.folder.Path != "/home/me/deep" || d.path.Text != "/home/me/deep" {
		t.Errorf("in %s", d.folder.Path)
	}
	d.path.OnSubmitted("/else/where.txt")
	k.answer[0](Preview{Problem: "where.txt is not a picture."})
	if d.about.source != "where.txt is not a picture." || k.attached != nil {
		t.Errorf("%q, attached %v", d.about.source, k.attached)
	}
	d.path.OnSubmitted("/else/where.png")
	k.answer[1](Preview{})
	if fmt.Sprint(k.attached) != "[/else/where.png]" || w.win.Canvas().Overlays().Top() != nil {
		t.Errorf("attached %v", k.attached)
	}
}

func TestAllFilesAndManyFiles(t *testing.T) {
	_, _, d := openDialog(t)
	if test.Tap(d.filter); d.listed() != "deep a.JPG b.heic c.png notes.txt" {
		t.Errorf("all files are %s", d.listed())
	}
	if test.Tap(d.places[1]); len(d.list.entries) != 5000 || d.folder.Path != "/many" {
		t.Errorf("%d files", len(d.list.entries))
	}
	d.list.TypedKey(key(fyne.KeyEnd))
	if got := d.list.picks(); len(got) != 1 || got[0] != "/many/4999.jpg" {
		t.Errorf("the end is %v", got)
	}
}

func TestTheDesktopsDialogComesFirst(t *testing.T) {
	var own func()
	w, _ := testWindow(t, Actions{
		ChoosePictures: func(_ string, f func()) { own = f },
		Folder:         func(_ string, done func(Folder)) { done(Folder{Path: "/"}) }, Preview: func(string, func(Preview)) {},
	})
	w.choosePictures()
	if w.win.Canvas().Overlays().Top() != nil {
		t.Fatal("both dialogs are open")
	}
	own()
	if _, ok := w.win.Canvas().Overlays().Top().(*sheet); !ok {
		t.Error("ours does not open")
	}
}
