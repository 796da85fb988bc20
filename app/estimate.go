package app

import "galago/inference"

// readAgain is what was said in the open conversation, if the engine holds nothing of it: working memory was freed, or
// the model unloaded. Its pictures then go through the vision tower again with the next question.
func (c *Controller) readAgain() []inference.Message {
	if c.look.filled > 0 && c.look.engine == c.status.PID {
		return nil
	}
	var list []inference.Message
	for _, m := range c.conv.Until(nil) {
		said := inference.Message{Role: m.Role, Text: m.Text}
		for _, p := range m.Images { // their size is known also where their pixels are not in memory
			said.Images = append(said.Images, inference.Image{Picture: p.Picture, Detail: inference.Detail(p.Detail)})
		}
		list = append(list, said)
	}
	return list
}
