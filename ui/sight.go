package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"
)

// sight is what a scroll moves where there is much: as high as all of it, with the widgets of what is in sight alone. Its
// owner makes and places them.
type sight struct {
	widget.BaseWidget
	objects []fyne.CanvasObject // in sight, in the order in which Tab comes to them
	over    fyne.CanvasObject   // lies above them; nil: nothing
	height  func() float32      // of all
}

func newSight(height func() float32) *sight {
	s := &sight{height: height}
	s.ExtendBaseWidget(s)
	return s
}

func (s *sight) CreateRenderer() fyne.WidgetRenderer { return &sightRenderer{s} }

type sightRenderer struct{ s *sight }

func (r *sightRenderer) Destroy()           {}
func (r *sightRenderer) Layout(fyne.Size)   {}
func (r *sightRenderer) MinSize() fyne.Size { return fyne.NewSize(1, r.s.height()) }
func (r *sightRenderer) Refresh()           { canvas.Refresh(r.s) }

func (r *sightRenderer) Objects() []fyne.CanvasObject {
	if r.s.over == nil {
		return r.s.objects
	}
	return append(slices.Clip(r.s.objects), r.s.over)
}

// scrollInto scrolls so that something in a scroll is in sight, with a margin where there is room for one. What was never
// drawn has no place that Fyne knows of: then nothing moves.
func scrollInto(s *container.Scroll, o fyne.CanvasObject, margin float32) {
	driver := fyne.CurrentApp().Driver()
	if driver.CanvasForObject(o) == nil {
		return
	}
	scrollToSpan(s, driver.AbsolutePositionForObject(o).Y-driver.AbsolutePositionForObject(s).Y, o.Size().Height, margin)
}

// scrollToSpan does it for what lies at a distance from the scroll's upper edge.
func scrollToSpan(s *container.Scroll, top, height, margin float32) {
	room := s.Size().Height
	switch margin = max(min(margin, (room-height)/2), 0); {
	case top < margin || height > room:
		scrollBy(s, top-margin)
	case top+height > room-margin:
		scrollBy(s, top+height-room+margin)
	}
}

// scrollBy moves what a scroll shows, and tells it as Fyne does only of the wheel.
func scrollBy(s *container.Scroll, dy float32) {
	most := max(s.Content.MinSize().Height-s.Size().Height, 0)
	y := min(max(s.Offset.Y+dy, 0), most)
	if y == s.Offset.Y {
		return
	}
	s.ScrollToOffset(fyne.NewPos(0, y))
	if s.OnScrolled != nil {
		s.OnScrolled(s.Offset)
	}
}
