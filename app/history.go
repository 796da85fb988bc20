package app

// OpenConversation shows a conversation of the sidebar.
func (c *Controller) OpenConversation(int64, int64) {}

// RenameConversation gives a conversation a title.
func (c *Controller) RenameConversation(int64, string) {}

// DuplicateConversation copies a conversation.
func (c *Controller) DuplicateConversation(int64) {}

// DeleteConversation takes a conversation away, with Undo.
func (c *Controller) DeleteConversation(int64) {}

// Search looks for a conversation as the words are typed.
func (c *Controller) Search(string) {}

// Thumbs hears which conversations have come into sight.
func (c *Controller) Thumbs([]int64) {}

// Sidebar hears that the sidebar was shown or hidden.
func (c *Controller) Sidebar(bool) {}
