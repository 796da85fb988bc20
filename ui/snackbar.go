package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// snackbar is a short message above the composer that goes away. It may have a button.
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
