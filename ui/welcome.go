package ui

// SetWelcome shows the first start's strip; nil takes it away.
func (w *Window) SetWelcome(*Welcome) {}
