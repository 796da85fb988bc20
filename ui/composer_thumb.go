package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// fileThumb is the thumbnail of a fileCard. It can be reached with the keyboard: Enter opens it, Delete takes it away,
// Ctrl+Left and Ctrl+Right move it among the others, as dragging does.
type fileThumb struct {
	openable
	card *fileCard
}

var (
	_ fyne.Focusable     = (*fileThumb)(nil)
	_ fyne.Shortcutable  = (*fileThumb)(nil)
	_ fyne.Draggable     = (*fileThumb)(nil)
	_ fyne.Draggable     = (*fileCard)(nil)
	_ desktop.Hoverable  = (*fileThumb)(nil)
	_ desktop.Cursorable = (*fileThumb)(nil)
)

func newFileThumb(c *fileCard) *fileThumb {
	t := &fileThumb{card: c}
	t.radius = radiusControl
	if c.act.OpenAttachment != nil {
		t.onTap = func() {
			c.tips.hide()
			if c.file.Thumb != nil {
				c.act.OpenAttachment(c.file.ID)
			}
		}
	}
	t.ExtendBaseWidget(t)
	return t
}

func (t *fileThumb) TypedRune(r rune) { typeElsewhere(t, r) }

func (t *fileThumb) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeyDelete, fyne.KeyBackspace:
		t.card.takeAway()
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		t.Tapped(nil)
	default:
		keyElsewhere(t, e)
	}
}

func (t *fileThumb) TypedShortcut(s fyne.Shortcut) {
	if key, ok := s.(*desktop.CustomShortcut); ok && key.Modifier == fyne.KeyModifierShortcutDefault {
		switch key.KeyName {
		case fyne.KeyLeft:
			t.card.move(-1)
			return
		case fyne.KeyRight:
			t.card.move(1)
			return
		}
	}
	if c := fyne.CurrentApp().Driver().CanvasForObject(t); c != nil {
		if window, ok := c.(interface{ TypedShortcut(fyne.Shortcut) }); ok {
			window.TypedShortcut(s)
		}
	}
}

func (t *fileThumb) Dragged(e *fyne.DragEvent) { t.card.Dragged(e) }
func (t *fileThumb) DragEnd()                  { t.card.DragEnd() }

func (t *fileThumb) MouseIn(*desktop.MouseEvent) {
	tip := t.card.tip()
	if t.onTap != nil && t.card.file.Problem == nil && t.card.file.Info != "" {
		tip += "\n" + words.T("Click to ask about a part of it; drag to put it elsewhere")
	}
	t.card.tips.showSoon(t, tip)
}

func (t *fileThumb) MouseMoved(*desktop.MouseEvent) {}
func (t *fileThumb) MouseOut()                      { t.card.tips.hide() }

// Dragged puts the card where the pointer is, and the others aside.
func (c *fileCard) Dragged(e *fyne.DragEvent) {
	if c.grid == nil || c.act.MoveAttachment == nil {
		return
	}
	c.tips.hide()
	if !c.dragged {
		c.dragged = true
		c.Refresh()
	}
	at := e.AbsolutePosition.Subtract(fyne.CurrentApp().Driver().AbsolutePositionForObject(c.grid))
	to := slices.IndexFunc(c.grid.cards, func(o *fileCard) bool {
		p, s := o.Position(), o.Size()
		return at.X >= p.X && at.X < p.X+s.Width && at.Y >= p.Y && at.Y < p.Y+s.Height
	})
	if to >= 0 && c.grid.cards[to] != c {
		c.act.MoveAttachment(c.file.ID, to)
	}
}

// DragEnd leaves the card where it is.
func (c *fileCard) DragEnd() {
	c.dragged = false
	c.Refresh()
}

// move moves the card by so many places.
func (c *fileCard) move(by int) {
	if c.grid == nil || c.act.MoveAttachment == nil {
		return
	}
	if to := slices.Index(c.grid.cards, c) + by; to >= 0 && to < len(c.grid.cards) {
		c.act.MoveAttachment(c.file.ID, to)
	}
}

// takeAway removes the picture and gives the keyboard to the next one, or to the text.
func (c *fileCard) takeAway() {
	if c.act.Detach == nil {
		return
	}
	canvas := fyne.CurrentApp().Driver().CanvasForObject(c)
	i := 0
	if c.grid != nil {
		i = slices.Index(c.grid.cards, c)
	}
	c.act.Detach(c.file.ID)
	switch {
	case canvas == nil || c.grid == nil:
	case len(c.grid.cards) > 0:
		canvas.Focus(c.grid.cards[min(max(i, 0), len(c.grid.cards)-1)].thumb)
	case c.grid.onEmpty != nil:
		c.grid.onEmpty()
	}
}

// attachItems are the ways to bring a picture in.
func (c *composer) attachItems() []*fyne.MenuItem {
	items := []*fyne.MenuItem{fyne.NewMenuItem(words.T("Choose files…"), c.choose)}
	if c.act.Paste != nil {
		items = append(items, fyne.NewMenuItem(words.T("Paste"), c.entry.paste))
	}
	if c.act.Screenshot != nil && (c.act.HasScreenshot == nil || c.act.HasScreenshot()) {
		items = append(items, fyne.NewMenuItem(words.T("Screenshot of a region…"), c.act.Screenshot))
	}
	return items
}

// showAttach opens the menu of the attach button above it, or the dialog where there is nothing else.
func (c *composer) showAttach() {
	items := c.attachItems()
	if len(items) == 1 {
		c.choose()
		return
	}
	driver := fyne.CurrentApp().Driver()
	canvas := driver.CanvasForObject(c.attach)
	if canvas == nil {
		return
	}
	menu := widget.NewPopUpMenu(fyne.NewMenu("", items...), canvas)
	at := driver.AbsolutePositionForObject(c.attach)
	menu.ShowAtPosition(at.SubtractXY(0, menu.MinSize().Height+gap1))
}

// paste does what Ctrl+V does.
func (e *questionEntry) paste() {
	e.TypedShortcut(&fyne.ShortcutPaste{Clipboard: fyne.CurrentApp().Clipboard()})
}
