package ui

import (
	"image"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/widget"
)

// Window is Galago's window. All its methods belong to Fyne's main goroutine.
type Window struct {
	app fyne.App
	act Actions
	win fyne.Window

	model, banner, gauge, queue, files *widget.Label
	turns                              *fyne.Container
	order                              []uint64
	labels                             map[uint64]*widget.Label
	entry                              *widget.Entry
}

var _ View = (*Window)(nil)

// New builds the window without showing it.
func New(a fyne.App, act Actions) *Window {
	w := &Window{app: a, act: act, win: a.NewWindow("Galago"), labels: map[uint64]*widget.Label{}}
	w.model, w.banner, w.gauge = widget.NewLabel(""), widget.NewLabel(""), widget.NewLabel("")
	w.queue, w.files = widget.NewLabel(""), widget.NewLabel("")
	w.turns = container.NewVBox()
	w.entry = widget.NewEntry()
	w.entry.OnSubmitted = func(text string) {
		if act.Send != nil {
			act.Send(text)
		}
	}
	bottom := container.NewVBox(w.queue, w.files, w.entry, w.gauge)
	w.win.SetContent(container.NewBorder(container.NewVBox(w.model, w.banner), bottom, nil, nil, container.NewVScroll(w.turns)))
	w.win.SetOnDropped(func(_ fyne.Position, uris []fyne.URI) {
		var paths []string
		for _, u := range uris {
			paths = append(paths, u.Path())
		}
		if act.Attach != nil {
			act.Attach(paths)
		}
	})
	w.win.Resize(fyne.NewSize(1200, 780))
	return w
}

// Fyne is the window underneath, for dialogs of the application.
func (w *Window) Fyne() fyne.Window { return w.win }

// ShowAndRun shows the window and returns when the application ends.
func (w *Window) ShowAndRun() { w.win.ShowAndRun() }

// SetModel shows the loaded model.
func (w *Window) SetModel(m Model) { w.model.SetText(m.Name + " · " + m.Detail + " " + m.State) }

// SetBanner shows a strip below the header; nil removes it.
func (w *Window) SetBanner(b *Banner) {
	if b == nil {
		w.banner.SetText("")
		return
	}
	w.banner.SetText(b.Text)
}

// SetSamples sets the pictures of the empty state.
func (w *Window) SetSamples([]Sample) {}

// SetAttachments shows the pictures of the composer.
func (w *Window) SetAttachments(as []Attachment) {
	text := ""
	for _, a := range as {
		text += a.Name + " " + a.Info + "  "
	}
	w.files.SetText(text)
}

// SetComposerText replaces what is typed.
func (w *Window) SetComposerText(s string) { w.entry.SetText(s) }

// SetTurns shows a whole conversation.
func (w *Window) SetTurns(ts []Turn) {
	w.turns.RemoveAll()
	w.labels = map[uint64]*widget.Label{}
	for _, t := range ts {
		w.PutTurn(t)
	}
}

// PutTurn adds a turn or replaces the one of the same ID.
func (w *Window) PutTurn(t Turn) {
	l := w.labels[t.ID]
	if l == nil {
		l = widget.NewLabel("")
		l.Wrapping = fyne.TextWrapWord
		w.labels[t.ID] = l
		w.turns.Add(l)
	}
	l.SetText(t.Question + "\n" + t.Answer)
}

// SetQueue shows the waiting turns.
func (w *Window) SetQueue(ts []Turn) {
	text := ""
	for _, t := range ts {
		text += t.Question + "  "
	}
	w.queue.SetText(text)
}

// SetBusy says whether Cancel has something to stop.
func (w *Window) SetBusy(bool) {}

// SetGauge shows the memory.
func (w *Window) SetGauge(g Gauge) { w.gauge.SetText(g.Name + " " + g.Line) }

// SetSettings fills the settings dialog.
func (w *Window) SetSettings(Settings) {}

// Notify shows a short message.
func (w *Window) Notify(text string) { w.banner.SetText(text) }

// ShowImage shows a picture large.
func (w *Window) ShowImage(title string, img image.Image) {
	dialog.ShowInformation(title, "", w.win)
}
