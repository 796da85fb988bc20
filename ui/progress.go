package ui

import (
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"
)

// progress is a thin bar. A negative value shows that something goes on without saying how far it is.
type progress struct {
	widget.BaseWidget
	value float64
	phase float32 // of the moving part, 0 to 1
	move  *fyne.Animation
}

func newProgress() *progress {
	p := &progress{}
	p.ExtendBaseWidget(p)
	return p
}

// set shows a value from 0 to 1, or movement for a negative one.
func (p *progress) set(v float64) {
	if v < 0 {
		p.start()
	} else {
		p.stop()
	}
	if p.value != v {
		p.value = v
		p.Refresh()
	}
}

func (p *progress) start() {
	if p.move != nil || !fyne.CurrentApp().Settings().ShowAnimations() {
		return
	}
	p.move = fyne.NewAnimation(1400*time.Millisecond, func(f float32) {
		// In few steps: every one repaints the window, which without a graphics card takes time from the answer.
		if step := float32(int(f*16)) / 16; step != p.phase {
			p.phase = step
			p.Refresh()
		}
	})
	p.move.RepeatCount = fyne.AnimationRepeatForever
	p.move.Curve = fyne.AnimationLinear
	p.move.Start()
}

// stop ends the movement, so that a bar out of sight costs nothing.
func (p *progress) stop() {
	if p.move != nil {
		p.move.Stop()
		p.move = nil
	}
}

func (p *progress) CreateRenderer() fyne.WidgetRenderer {
	track, fill := newPanel(colorRaised, "", 2), newPanel(colorAccent, "", 2)
	d := &drawing{objects: []fyne.CanvasObject{track.rect, fill.rect}}
	d.min = func() fyne.Size { return fyne.NewSize(40, 4) }
	d.layout = func(s fyne.Size) {
		place(track.rect, 0, 0, s.Width, s.Height)
		if p.value >= 0 {
			place(fill.rect, 0, 0, s.Width*float32(min(p.value, 1)), s.Height)
			return
		}
		w := s.Width * 0.3
		from := max((s.Width+w)*p.phase-w, 0)
		to := min((s.Width+w)*p.phase, s.Width)
		place(fill.rect, from, 0, max(to-from, 0), s.Height)
	}
	d.restyle = func() {
		track.restyle()
		fill.restyle()
		d.layout(p.Size())
		canvas.Refresh(p)
	}
	return d
}
