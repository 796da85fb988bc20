package ui

import (
	"image"
	"path/filepath"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// ownPictures opens the window's own dialog for pictures, which shows each one before it is chosen.
func (w *Window) ownPictures() {
	if w.act.Folder == nil || w.act.Preview == nil {
		w.openFile(words.T("Add a picture"), append(pictureEndings, upper(pictureEndings)...), func(path string) { w.attachPaths([]string{path}) })
		return
	}
	c := w.win.Canvas()
	var card *sheet
	d := newPictureDialog(w.act, func(paths []string) {
		card.hide()
		c.Focus(w.composer.entry)
		if len(paths) > 0 {
			w.attachPaths(paths)
		}
	})
	card = showSheet(c, words.T("Add pictures"), d, func(room fyne.Size) fyne.Size {
		return fyne.NewSize(min(scaled(900), room.Width), min(scaled(560), room.Height))
	})
	c.Focus(d.list)
	d.goTo("")
}

func (w *Window) attachPaths(paths []string) {
	if w.act.Attach != nil {
		w.act.Attach(paths)
	}
}

// handle names the window to the desktop, so that its dialogs stand above it; empty where that is not known.
func (w *Window) handle() (name string) {
	if native, ok := w.win.(driver.NativeWindow); ok {
		native.RunNative(func(context any) {
			if x, ok := context.(driver.X11WindowContext); ok && x.WindowHandle != 0 {
				name = "x11:" + strconv.FormatUint(uint64(x.WindowHandle), 16)
			}
		})
	}
	return name
}

// pictureDialog is the content of the sheet: where one is, places at the left, files in the middle, and at the right what
// the keyboard or the last click is on.
type pictureDialog struct {
	widget.BaseWidget
	act    Actions
	done   func(paths []string) // none: given up
	folder Folder
	asked  int  // counts folders and previews, so that late ones are known as such
	all    bool // also files that are not called as pictures are
	shown  string

	up      *button
	path    *widget.Entry
	places  []*button
	list    *fileList
	empty   *still // in the place of the list
	preview *canvas.Image
	name    *label
	about   *still
	filter  *button
	cancel  *button
	add     *button
}

func newPictureDialog(act Actions, done func([]string)) *pictureDialog {
	d := &pictureDialog{act: act, done: done, list: newFileList()}
	d.up = newButton(quiet, "up", "", d.goUp)
	d.path = widget.NewEntry()
	d.path.OnSubmitted = d.typed
	d.list.onChange, d.list.onUp = d.changed, d.goUp
	d.list.onOpen = func(e *Entry) {
		if e != nil {
			d.goTo(e.Path)
		} else {
			d.take()
		}
	}
	d.empty = newPlain(textBody, colorMuted)
	d.preview = &canvas.Image{FillMode: canvas.ImageFillContain}
	d.name = newLabel("", textBody, colorText).bold()
	d.about = newPlain(textSmall, colorMuted)
	d.filter = newButton(quiet, "", words.T("Show all files"), d.toggleFilter)
	d.cancel = newButton(secondary, "", words.T("Cancel"), func() { done(nil) })
	d.add = newButton(primary, "", words.T("Add"), d.take)
	d.ExtendBaseWidget(d)
	d.changed()
	return d
}

func (d *pictureDialog) goUp() {
	if d.folder.Parent != "" {
		d.goTo(d.folder.Parent)
	}
}

// goTo shows another folder; empty: the one of last time.
func (d *pictureDialog) goTo(path string) {
	d.asked++
	asked := d.asked
	d.act.Folder(path, func(f Folder) {
		if asked == d.asked {
			d.show(f)
		}
	})
}

// typed takes a path that was typed: a folder is shown, a file is taken.
func (d *pictureDialog) typed(path string) {
	d.asked++
	asked := d.asked
	d.act.Folder(path, func(f Folder) {
		if asked != d.asked {
			return
		}
		if f.Problem == "" {
			d.show(f)
			return
		}
		d.act.Preview(f.Path, func(p Preview) {
			if asked != d.asked {
				return
			}
			if p.Problem == "" {
				d.done([]string{f.Path})
				return
			}
			d.tell(filepath.Base(f.Path), p)
		})
	})
}

func (d *pictureDialog) show(f Folder) {
	d.folder = f
	d.path.SetText(f.Path)
	d.makePlaces(f.Places)
	if f.Parent == "" {
		d.up.Disable()
	} else {
		d.up.Enable()
	}
	d.filtered()
}

func (d *pictureDialog) makePlaces(list []Place) {
	d.places = nil
	for _, p := range list {
		d.places = append(d.places, newButton(quiet, "folder", p.Name, func() { d.goTo(p.Path) }))
	}
}

// filtered shows the entries that are wanted.
func (d *pictureDialog) filtered() {
	var list []Entry
	for _, e := range d.folder.Entries {
		if e.Folder || d.all || isPictureName(e.Name) {
			list = append(list, e)
		}
	}
	d.list.set(list)
	switch {
	case d.folder.Problem != "":
		d.empty.setText(d.folder.Problem)
	case len(list) == 0 && len(d.folder.Entries) > 0:
		d.empty.setText(words.T("There are no pictures in this folder."))
	case len(list) == 0:
		d.empty.setText(words.T("This folder is empty."))
	default:
		d.empty.setText("")
	}
	d.Refresh()
}

func (d *pictureDialog) toggleFilter() {
	d.all = !d.all
	d.filter.text = words.T("Show all files")
	if d.all {
		d.filter.text = words.T("Show pictures only")
	}
	d.filtered()
}

// changed follows the choice, and looks into the file where the cursor is.
func (d *pictureDialog) changed() {
	n := len(d.list.picks())
	d.add.text = words.T("Add")
	if n > 1 {
		d.add.text = words.T("Add %d", n)
	}
	if n == 0 {
		d.add.Disable()
	} else {
		d.add.Enable()
	}
	d.look()
	d.Refresh()
}

func (d *pictureDialog) look() {
	i := d.list.cursor
	if i < 0 || i >= len(d.list.entries) || d.list.entries[i].Folder {
		d.shown = ""
		d.tell("", Preview{Info: words.T("Hold Ctrl to choose several, Shift to choose all between.")})
		return
	}
	e := d.list.entries[i]
	if e.Path == d.shown {
		return
	}
	d.shown = e.Path
	d.tell(e.Name, Preview{Info: words.T("Reading…") + "\n" + e.Size + "\n" + e.Date})
	d.act.Preview(e.Path, func(p Preview) {
		if d.shown == e.Path {
			if p.Info != "" {
				p.Info += "\n"
			}
			p.Info += e.Size + "\n" + e.Date
			d.tell(e.Name, p)
		}
	})
}

// tell fills the pane at the right.
func (d *pictureDialog) tell(name string, p Preview) {
	d.preview.Image = p.Image
	if p.Image == nil {
		d.preview.Image = image.NewNRGBA(image.Rect(0, 0, 1, 1))
	}
	d.preview.Refresh()
	d.name.set(name)
	text := p.Info
	if p.Problem != "" {
		text = p.Problem
	}
	d.about.setText(text)
	d.Refresh()
}

func (d *pictureDialog) take() {
	if paths := d.list.picks(); len(paths) > 0 {
		d.done(paths)
	}
}

func (d *pictureDialog) CreateRenderer() fyne.WidgetRenderer {
	field := fyne.CanvasObject(d.path)
	box := newPanel(theme.ColorNameInputBackground, colorLine, radiusControl)
	line := &drawing{}
	line.objects = d.parts(box, field)
	line.min = func() fyne.Size { return fyne.NewSize(300, 200) }
	line.layout = func(s fyne.Size) { d.arrange(s, box, field) }
	line.restyle = func() {
		line.objects = d.parts(box, field)
		box.restyle()
		d.name.restyle()
		for _, b := range append([]*button{d.up, d.filter, d.cancel, d.add}, d.places...) {
			b.Refresh()
		}
		line.layout(d.Size())
		canvas.Refresh(d)
	}
	return line
}

func (d *pictureDialog) parts(box *panel, field fyne.CanvasObject) []fyne.CanvasObject {
	o := []fyne.CanvasObject{d.up, field, box.rect, d.list, d.empty, d.preview, d.name.draw, d.about, d.filter, d.cancel, d.add}
	for _, p := range d.places {
		o = append(o, p)
	}
	return o
}

// arrange gives way on a narrow window: first the places go, then the pane gets narrower.
func (d *pictureDialog) arrange(s fyne.Size, box *panel, field fyne.CanvasObject) {
	high := buttonHeight()
	top := max(high, field.MinSize().Height) // less than it wants, and it scrolls up and down
	place(d.up, 0, (top-high)/2, high, high)
	place(field, high+gap1, 0, s.Width-high-gap1, top)
	top += gap2
	bottom := s.Height - high - gap3
	left, right := float32(0), min(scaled(240), s.Width*0.36)
	if s.Width >= scaled(680) {
		for _, p := range d.places {
			left = max(left, p.measure().Width)
		}
		left = min(left, scaled(150))
	}
	y := top
	for _, p := range d.places {
		setVisible(p, left > 0)
		place(p, 0, y, min(p.measure().Width, left), high)
		y += high + gap1
	}
	x := left
	if left > 0 {
		x += gap2
	}
	wide := s.Width - x - right - gap4
	place(box.rect, x, top, wide, bottom-top)
	place(d.list, x+gap1, top+gap1, wide-2*gap1, bottom-top-2*gap1)
	setVisible(d.empty, d.empty.source != "")
	place(d.empty, x+gap4, top+gap4, wide-2*gap4, d.empty.heightFor(wide-2*gap4))
	d.arrangePane(s.Width-right, top, right, bottom-top)
	y = s.Height - high
	place(d.filter, x, y, d.filter.measure().Width, high)
	aw, cw := d.add.measure().Width, d.cancel.measure().Width
	place(d.add, s.Width-aw, y, aw, high)
	place(d.cancel, s.Width-aw-gap2-cw, y, cw, high)
}

func (d *pictureDialog) arrangePane(x, y, w, h float32) {
	setVisible(d.preview, d.name.text != "")
	if d.name.text != "" {
		size := imageRoom(d.preview.Image, fyne.NewSize(w, min(w*1.4, h-scaled(90))))
		place(d.preview, x+(w-size.Width)/2, y, size.Width, size.Height)
		y += size.Height + gap2
	}
	d.name.place(x, y, w, scaled(20))
	if d.name.text != "" {
		y += scaled(22)
	}
	place(d.about, x, y, w, d.about.heightFor(w))
}

// upper are the endings in capitals: Fyne's filter knows no other way.
func upper(endings []string) (list []string) {
	for _, e := range endings {
		list = append(list, strings.ToUpper(e))
	}
	return list
}
