package ui

import (
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// ShowImage shows a picture as large as the window allows, above what is shown already.
func (w *Window) ShowImage(s Sheet) {
	if s.Image == nil {
		return
	}
	c := w.win.Canvas()
	var card *sheet
	box := newLightbox(s, func() {
		card.hide()
		c.Focus(w.composer.entry)
	})
	card = showSheet(c, s.Title, box, box.room)
	if box.crop != nil {
		c.Focus(box.crop)
	}
}

// lightbox is a picture with what can be done with it below.
type lightbox struct {
	widget.BaseWidget
	sheet   Sheet
	crop    *cropper          // nil where no region can be chosen
	picture fyne.CanvasObject // the cropper, or the picture alone
	text    *still            // what is chosen, or how to
	hint    string            // how to; the room is made for it
	ask     *button
	buttons []*button // all of them, from the right
}

// newLightbox calls done when the person has chosen and the sheet is to go.
func newLightbox(s Sheet, done func()) *lightbox {
	b := &lightbox{sheet: s, text: newPlain(textSmall+1, colorMuted), hint: words.T("Drag on the picture to ask about a part of it, in full detail.")}
	if s.Crop != nil {
		b.crop = newCropper(s.Image, s.Region, b.changed, b.askNow(done))
		b.picture = b.crop
		b.ask = newButton(primary, "crop", words.T("Ask about this region"), b.askNow(done))
		b.buttons = append(b.buttons, b.ask)
	} else {
		b.picture = newWhole(s.Image)
	}
	if s.Whole != nil {
		b.buttons = append(b.buttons, newButton(secondary, "", words.T("Use all of it"), func() {
			s.Whole()
			done()
		}))
	}
	for _, o := range []struct {
		icon iconName
		text string
		do   func()
	}{
		{"save", words.T("Save…"), s.Save},
		{"copy", words.T("Copy"), s.Copy},
		{"eye", words.T("What the model sees"), s.Seen},
	} {
		if o.do != nil {
			b.buttons = append(b.buttons, newButton(quiet, o.icon, o.text, o.do))
		}
	}
	b.ExtendBaseWidget(b)
	b.changed()
	return b
}

// askNow asks about the region, if there is one.
func (b *lightbox) askNow(done func()) func() {
	return func() {
		if !b.crop.region.Empty() {
			b.sheet.Crop(b.crop.region.Add(b.sheet.Image.Bounds().Min))
			done()
		}
	}
}

// changed tells what is chosen.
func (b *lightbox) changed() {
	if b.crop == nil {
		return
	}
	r := b.crop.region
	switch {
	case r.Empty():
		b.text.setText(b.hint)
		b.ask.Disable()
	case b.sheet.Measure != nil:
		b.text.setText(b.sheet.Measure(r.Add(b.sheet.Image.Bounds().Min)))
		b.ask.Enable()
	default:
		b.text.setText(fmt.Sprintf("%d × %d", r.Dx(), r.Dy()))
		b.ask.Enable()
	}
	b.Refresh()
}

const (
	boxLeft float32 = 8 // what is left of a narrow window for gaps
)

// below is what stands under the picture at a width: the height, and whether text and buttons stand beside each other.
func (b *lightbox) below(width float32) (height float32, beside bool) {
	w := b.buttonsWidth()
	if w == 0 && b.crop == nil {
		return 0, false
	}
	height = gap3 + buttonHeight()
	if b.crop != nil {
		if w+gap4+b.text.face.measure(b.hint, span{}) <= width {
			return height, true
		}
		height += b.hintHeight(width) + gap1
	}
	return height, false
}

// hintHeight is what the text below the picture takes at most.
func (b *lightbox) hintHeight(width float32) float32 {
	_, high := flowAt([]span{{text: b.hint}}, width, b.text.face, 0)
	return ceil(high)
}

func (b *lightbox) buttonsWidth() (w float32) {
	for _, o := range b.buttons {
		w += o.measure().Width + boxLeft
	}
	return max(w-boxLeft, 0)
}

// room is the size inside a window.
func (b *lightbox) room(room fyne.Size) fyne.Size {
	height, _ := b.below(room.Width)
	s := imageRoom(b.sheet.Image, fyne.NewSize(room.Width, room.Height-height))
	width := s.Width
	if len(b.buttons) > 0 {
		width = min(max(width, b.buttonsWidth()), room.Width)
		height, _ = b.below(width)
		s = imageRoom(b.sheet.Image, fyne.NewSize(width, room.Height-height))
	}
	return fyne.NewSize(width, s.Height+height)
}

func (b *lightbox) CreateRenderer() fyne.WidgetRenderer {
	objects := []fyne.CanvasObject{b.picture, b.text}
	for _, o := range b.buttons {
		objects = append(objects, o)
	}
	d := &drawing{objects: objects, min: func() fyne.Size { return fyne.NewSize(60, 40) }}
	d.layout = func(s fyne.Size) {
		height, beside := b.below(s.Width)
		p := imageRoom(b.sheet.Image, fyne.NewSize(s.Width, s.Height-height))
		place(b.picture, (s.Width-p.Width)/2, 0, p.Width, p.Height)
		x, y := s.Width, s.Height-buttonHeight()
		for _, o := range b.buttons {
			w := min(o.measure().Width, s.Width)
			x -= w
			place(o, x, y, w, buttonHeight())
			x -= boxLeft
		}
		setVisible(b.text, b.crop != nil)
		if beside {
			w := max(x-gap2, 1)
			h := b.text.heightFor(w)
			place(b.text, 0, y+(buttonHeight()-h)/2, w, h)
		} else {
			place(b.text, 0, y-b.hintHeight(s.Width)-gap1, s.Width, b.text.heightFor(s.Width))
		}
	}
	d.restyle = func() {
		b.text.Refresh()
		for _, o := range b.buttons {
			o.Refresh()
		}
		b.picture.Refresh()
		d.layout(b.Size())
		canvas.Refresh(b)
	}
	return d
}
