package ui

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// snackbar is a short message above the composer, or above the sheet that is open, that goes away. It may have a button.
type snackbar struct {
	widget.BaseWidget
	text   *still
	button *button
	do     func() // what the button does; nil: there is none
	after  clock
	stop   func()
	onSize func() // it was shown, hidden or has another size
}

const (
	// snackTime is how long a message stays.
	snackTime = 4 * time.Second
	// offerTime is how long one with a button does: it has to be read, and the button reached.
	offerTime = 8 * time.Second
)

func newSnackbar(after clock, onSize func()) *snackbar {
	s := &snackbar{text: newPlain(textSmall+1, colorText), after: after, onSize: onSize}
	s.button = newButton(secondary, "", "", func() { s.accept() })
	s.button.small = true
	s.button.Hide()
	s.ExtendBaseWidget(s)
	s.Hide()
	return s
}

// show replaces what is shown, by a message alone.
func (s *snackbar) show(text string) { s.put(text, "", nil, snackTime) }

// offer replaces what is shown, by a message with a button.
func (s *snackbar) offer(text, label string, do func()) { s.put(text, label, do, offerTime) }

func (s *snackbar) put(text, label string, do func(), stays time.Duration) {
	if s.stop != nil {
		s.stop()
	}
	s.text.setText(text)
	s.do = do
	s.button.text = label
	s.button.Hidden = do == nil
	s.button.Refresh()
	s.stop = s.after(stays, s.end)
	s.Show()
	s.onSize()
	s.Refresh()
}

// end takes the message away.
func (s *snackbar) end() {
	if s.stop != nil {
		s.stop()
	}
	s.stop, s.do = nil, nil
	if c := fyne.CurrentApp().Driver().CanvasForObject(s); c != nil && c.Focused() == fyne.Focusable(s.button) {
		c.Unfocus() // what is hidden must not have the keyboard
	}
	s.button.Hide()
	s.Hide()
}

// accept does what the button offers, and says whether there is one.
func (s *snackbar) accept() bool {
	do := s.do
	if do == nil {
		return false
	}
	s.end()
	do()
	return true
}

// buttonWidth is what the button takes of the line, with the space before it.
func (s *snackbar) buttonWidth() float32 {
	if s.do == nil {
		return 0
	}
	return s.button.measure().Width + gap3
}

// fit is the size of the message in a room of a width.
func (s *snackbar) fit(width float32) fyne.Size {
	b := s.buttonWidth()
	w := min(s.text.naturalWidth()+1, width-2*gap5-2*gap4-b, 560)
	return fyne.NewSize(w+b+2*gap4, max(s.text.heightFor(w), scaled(20))+2*10)
}

func (s *snackbar) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorSurface, colorEdge, 12)
	d := &drawing{objects: []fyne.CanvasObject{back.rect, s.text, s.button}}
	d.min = func() fyne.Size { return fyne.NewSize(40, 40) }
	d.layout = func(size fyne.Size) {
		place(back.rect, 0, 0, size.Width, size.Height)
		w := size.Width - 2*gap4 - s.buttonWidth()
		h := s.text.heightFor(w)
		place(s.text, gap4, (size.Height-h)/2, w, h)
		b := s.button.measure()
		place(s.button, size.Width-gap3-b.Width, (size.Height-b.Height)/2, b.Width, b.Height)
	}
	d.restyle = func() {
		back.restyle()
		d.layout(s.Size())
		canvas.Refresh(s)
	}
	return d
}

// Offer shows a short message with a button, which Ctrl+Z presses as well while nothing is typed.
func (w *Window) Offer(text, label string, do func()) { w.snack.offer(text, label, do) }

// windowOf is the window that a canvas is of; nil for one that is not Galago's.
func windowOf(c fyne.Canvas) *Window {
	if root, ok := c.Content().(*fyne.Container); ok {
		if l, ok := root.Layout.(windowLayout); ok {
			return l.w
		}
	}
	return nil
}

// topSheet is the sheet that lies above the others; nil: none is open.
func (w *Window) topSheet() *sheet {
	for _, o := range slices.Backward(w.win.Canvas().Overlays().List()) {
		if s, ok := o.(*sheet); ok {
			return s
		}
	}
	return nil
}

// seatSnack has the messages shown by a sheet, or with nil by the window: what lies below a sheet is neither seen nor clicked.
func (w *Window) seatSnack(in *sheet) {
	if in == w.snackIn {
		return
	}
	if c := w.win.Canvas(); c.Focused() == fyne.Focusable(w.snack.button) {
		c.Unfocus() // the keyboard does not go along
	}
	was := w.snackIn
	w.snackIn = in
	if was != nil {
		was.host(nil)
	} else {
		w.root.Remove(w.snack)
	}
	if in != nil {
		in.host(w.snack)
		return
	}
	at := slices.Index(w.root.Objects, fyne.CanvasObject(w.tips.layer))
	w.root.Objects = slices.Insert(w.root.Objects, at, fyne.CanvasObject(w.snack))
	w.relayout()
}

// placeSnack follows a message that is shown, or has another size.
func (w *Window) placeSnack() {
	if w.snackIn != nil {
		w.snackIn.placeSnack()
		return
	}
	w.relayout()
}
