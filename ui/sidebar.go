package ui

import "image"

// SetConversations shows the list of conversations, newest first.
func (w *Window) SetConversations([]Conversation) {}

// SetOpen marks the open conversation; 0 for none.
func (w *Window) SetOpen(int64) {}

// SetHits shows what a search found instead of the list; an empty query brings the list back.
func (w *Window) SetHits(string, []Hit) {}

// SetThumb gives a conversation its picture.
func (w *Window) SetThumb(int64, image.Image) {}

// ShowSidebar shows or hides the sidebar.
func (w *Window) ShowSidebar(bool) {}

// Offer shows a short message with a button.
func (w *Window) Offer(text, _ string, _ func()) { w.Notify(text) }
