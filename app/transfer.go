package app

// ExportConversation writes a conversation to a file, or a folder.
func (c *Controller) ExportConversation(int64, string) {}

// ImportConversation reads a conversation that was exported as JSON.
func (c *Controller) ImportConversation() {}
