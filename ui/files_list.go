package ui

import (
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"
)

// fileList lists a folder; several files can be chosen. Of a folder with thousands of files only the lines in sight are
// drawn.
type fileList struct {
	widget.List
	entries []Entry
	chosen  map[string]bool // by path
	cursor  int             // where the keyboard is; -1: nowhere
	anchor  int             // where a range begins
	focused bool
	shift   bool

	onChange func()         // the choice or the cursor has changed
	onOpen   func(e *Entry) // a folder is to be opened; nil: what is chosen is taken
	onUp     func()         // the folder above
}

func newFileList() *fileList {
	l := &fileList{chosen: map[string]bool{}, cursor: -1}
	l.Length = func() int { return len(l.entries) }
	l.CreateItem = func() fyne.CanvasObject { return newFileRow(l) }
	l.UpdateItem = func(i widget.ListItemID, o fyne.CanvasObject) { o.(*fileRow).set(i) }
	l.HideSeparators = true
	l.ExtendBaseWidget(l)
	return l
}

// set shows other entries with nothing chosen.
func (l *fileList) set(entries []Entry) {
	l.entries, l.chosen, l.cursor, l.anchor = entries, map[string]bool{}, -1, 0
	if l.focused && len(entries) > 0 {
		l.cursor = 0
	}
	l.ScrollToTop()
	l.Refresh()
	l.onChange()
}

// picks are the paths of the chosen files in their order.
func (l *fileList) picks() (paths []string) {
	for _, e := range l.entries {
		if l.chosen[e.Path] {
			paths = append(paths, e.Path)
		}
	}
	return paths
}

// press moves the cursor to an entry as a click or a key does: alone, with what was chosen before (toggle), or with all
// up to where the range began (extend).
func (l *fileList) press(i int, toggle, extend bool) {
	if i < 0 || i >= len(l.entries) {
		return
	}
	e := l.entries[i]
	switch {
	case extend:
		l.chosen = map[string]bool{}
		for j := min(i, l.anchor); j <= max(i, l.anchor); j++ {
			if !l.entries[j].Folder {
				l.chosen[l.entries[j].Path] = true
			}
		}
	case toggle:
		l.anchor = i
		if l.chosen[e.Path] {
			delete(l.chosen, e.Path)
		} else if !e.Folder {
			l.chosen[e.Path] = true
		}
	default:
		l.anchor, l.chosen = i, map[string]bool{}
		if !e.Folder {
			l.chosen[e.Path] = true
		}
	}
	l.cursor = i
	l.ScrollTo(i)
	l.Refresh()
	l.onChange()
}

// open goes into a folder, or takes what is chosen.
func (l *fileList) open(i int) {
	if i >= 0 && i < len(l.entries) && l.entries[i].Folder {
		l.onOpen(&l.entries[i])
		return
	}
	l.onOpen(nil)
}

func (l *fileList) FocusGained() {
	l.focused = true
	if l.cursor < 0 && len(l.entries) > 0 {
		l.cursor = 0
	}
	l.Refresh()
}

func (l *fileList) FocusLost() {
	l.focused, l.shift = false, false
	l.Refresh()
}

func (l *fileList) KeyDown(k *fyne.KeyEvent) { l.shifted(k, true) }
func (l *fileList) KeyUp(k *fyne.KeyEvent)   { l.shifted(k, false) }

func (l *fileList) shifted(k *fyne.KeyEvent, down bool) {
	if isShift(k) {
		l.shift = down
	}
}

// TypedRune goes to the next name that begins with a letter.
func (l *fileList) TypedRune(r rune) {
	for n := range l.entries {
		i := (l.cursor + 1 + n) % len(l.entries)
		if strings.HasPrefix(strings.ToLower(l.entries[i].Name), strings.ToLower(string(r))) {
			l.press(i, false, false)
			return
		}
	}
}

const filePage = 10 // lines

func (l *fileList) TypedKey(e *fyne.KeyEvent) {
	last := len(l.entries) - 1
	by := map[fyne.KeyName]int{
		fyne.KeyUp: -1, fyne.KeyDown: 1, fyne.KeyPageUp: -filePage, fyne.KeyPageDown: filePage, fyne.KeyHome: -last - 1, fyne.KeyEnd: last + 1,
	}[e.Name]
	switch {
	case by != 0:
		l.press(min(max(l.cursor+by, 0), last), false, l.shift)
	case e.Name == fyne.KeySpace:
		l.press(l.cursor, true, false)
	case e.Name == fyne.KeyReturn, e.Name == fyne.KeyEnter:
		l.open(l.cursor)
	case e.Name == fyne.KeyBackspace:
		l.onUp()
	default:
		keyElsewhere(l, e)
	}
}

// fileRow is a line of the list.
type fileRow struct {
	widget.BaseWidget
	list  *fileList
	index int
}

var (
	_ desktop.Mouseable   = (*fileRow)(nil)
	_ fyne.DoubleTappable = (*fileRow)(nil)
)

func newFileRow(l *fileList) *fileRow {
	r := &fileRow{list: l, index: -1}
	r.ExtendBaseWidget(r)
	return r
}

func (r *fileRow) set(i int) {
	r.index = i
	r.Refresh()
}

// MouseDown chooses at once: a click that waits to see whether it is a double one feels slow.
func (r *fileRow) MouseDown(e *desktop.MouseEvent) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(r); c != nil {
		c.Focus(r.list)
	}
	r.list.press(r.index, e.Modifier&fyne.KeyModifierShortcutDefault != 0, e.Modifier&fyne.KeyModifierShift != 0)
}

func (r *fileRow) MouseUp(*desktop.MouseEvent) {}

// Tapped keeps the click from the list below.
func (r *fileRow) Tapped(*fyne.PointEvent) {}

// DoubleTapped opens it.
func (r *fileRow) DoubleTapped(*fyne.PointEvent) { r.list.open(r.index) }

func (r *fileRow) CreateRenderer() fyne.WidgetRenderer {
	back, ring := newPanel("", "", radiusControl), newPanel("", "", radiusControl)
	mark := newIcon("picture", colorMuted)
	name, size := newLabel("", textBody, colorText), newLabel("", textSmall, colorMuted)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, mark.image, name.draw, size.draw, ring.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(80, scaled(26)) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(ring.rect, 0, 0, s.Width, s.Height)
		icon := scaled(16)
		place(mark.image, gap2, (s.Height-icon)/2, icon, icon)
		w := float32(0)
		if size.text != "" && s.Width > 220 {
			w = size.size().Width + 1
		}
		setVisible(size.draw, w > 0)
		size.place(s.Width-gap2-w, 0, w, s.Height)
		x := gap2 + icon + gap2
		name.place(x, 0, s.Width-x-w-2*gap2, s.Height)
	}
	d.restyle = func() {
		l := r.list
		if r.index < 0 || r.index >= len(l.entries) {
			return
		}
		e := l.entries[r.index]
		if back.fill = ""; l.chosen[e.Path] {
			back.fill = colorRaised
		}
		if mark.name = "picture"; e.Folder {
			mark.name = "folder"
		}
		name.set(e.Name)
		size.set(e.Size)
		for _, o := range []interface{ restyle() }{back, mark, name, size} {
			o.restyle()
		}
		styleRing(ring.rect, l.focused && l.cursor == r.index)
		d.layout(r.Size())
		canvas.Refresh(r)
	}
	d.restyle()
	return d
}

// isPictureName reports whether a file is called as a picture is. What it holds is seen later.
func isPictureName(name string) bool {
	return slices.ContainsFunc(pictureEndings, func(ending string) bool { return strings.HasSuffix(strings.ToLower(name), ending) })
}
