package app

import (
	"context"
	"errors"
	"slices"
	"strings"

	"galago/app/chat/store"
	"galago/assets/words"
	"galago/inference/vision"
	"galago/ui"
)

// mostHits is how many conversations a search shows.
const mostHits = 200

// OpenConversation shows a conversation of the sidebar, at a turn of it or at its end.
func (c *Controller) OpenConversation(id, turn int64) {
	c.opening++
	c.touched = true
	if k := c.talkWith(id); k != nil {
		c.show(k, turn)
		return
	}
	this := c.opening
	c.readBehind(func(s *store.Store) func() {
		conversation, err := s.Load(id)
		measure(s, conversation.Turns)
		k := talkOf(conversation)
		return func() {
			switch {
			case this != c.opening: // something else was opened meanwhile
			case err != nil:
				c.view.Notify(sentence(err))
				c.view.SetOpen(c.stored)
				c.refresh() // the list has what is not there
			default:
				c.show(c.number(k), turn)
			}
		}
	})
}

// show opens a conversation at a turn, by the store's number.
func (c *Controller) show(k *talk, turn int64) {
	if k != c.talk {
		c.enter(k)
	}
	for _, t := range k.conv.Turns {
		if t.Stored == turn && turn != 0 {
			c.view.ScrollTo(t.ID)
		}
	}
}

// measure finds the sizes of pictures that were stored without, from their files.
func measure(s *store.Store, turns []store.Turn) {
	for _, t := range turns {
		for i := range t.Pictures {
			p := &t.Pictures[i]
			if p.Width > 0 && p.Height > 0 {
				continue
			}
			data, err := s.Picture(p.Hash)
			if err != nil {
				continue
			}
			if h, err := vision.ReadHeader(p.Name, data); err == nil {
				p.Width, p.Height = h.Width, h.Height
				if h.Orientation > 4 { // lies on its side
					p.Width, p.Height = h.Height, h.Width
				}
			}
		}
	}
}

// RenameConversation gives a conversation a title; an empty one means that which its first question gives.
func (c *Controller) RenameConversation(id int64, title string) {
	c.change(func(s *store.Store) (int64, error) {
		_, err := s.Rename(id, title)
		return id, err
	}, nil)
}

// DuplicateConversation copies a conversation and opens the copy.
func (c *Controller) DuplicateConversation(id int64) {
	var made store.Summary
	c.change(func(s *store.Store) (_ int64, err error) {
		made, err = s.Duplicate(id)
		return made.ID, err
	}, func() { c.OpenConversation(made.ID, 0) })
}

// DeleteConversation takes a conversation away, with Undo. What it asks is cancelled.
func (c *Controller) DeleteConversation(id int64) {
	title := c.titleOf(id)
	wasOpen := c.stored == id
	var deleted store.Deleted
	c.change(func(s *store.Store) (_ int64, err error) {
		if deleted, err = s.Delete(id); err == nil {
			c.forgetState(id)
		}
		return id, err
	}, func() {
		c.close(id)
		c.view.Offer(words.T("“%s” is deleted.", shortened(title)), words.T("Undo"), func() {
			c.change(func(s *store.Store) (int64, error) { return id, s.Undelete(deleted) }, func() {
				if wasOpen {
					c.OpenConversation(id, 0)
				}
			})
		})
	})
}

// close ends what a conversation asks and, if it is open, puts a new one into its place.
func (c *Controller) close(id int64) {
	k := c.talkWith(id)
	if k == nil {
		return
	}
	for _, q := range k.waiting {
		c.giveUp(k, q)
	}
	k.waiting = nil
	if k.active != nil {
		k.active.cancel()
	}
	if k == c.talk {
		c.NewChat()
	}
}

// shortened is a title that fits into a line with other words.
func shortened(title string) string {
	const most = 40
	runes := []rune(strings.TrimSpace(title))
	if len(runes) > most {
		return strings.TrimSpace(string(runes[:most-1])) + "…"
	}
	return string(runes)
}

// Search looks for conversations as the words are typed. A search that is not done when the next letter comes is
// ended.
func (c *Controller) Search(query string) {
	c.query = query
	c.search(query)
}

func (c *Controller) search(query string) {
	if c.stopSearch != nil {
		c.stopSearch()
		c.stopSearch = nil
	}
	if strings.TrimSpace(query) == "" {
		c.query = ""
		c.view.SetHits("", nil)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stopSearch = stop
	if !c.read(func(s *store.Store) func() {
		hits, err := s.Search(ctx, query, mostHits)
		return func() {
			if ctx.Err() == nil {
				c.showHits(query, hits, err)
			}
		}
	}) {
		c.view.SetHits(query, nil)
	}
}

func (c *Controller) showHits(query string, hits []store.Hit, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		c.view.Notify(sentence(err))
		return
	}
	busy := c.busyOnes()
	var list []ui.Hit
	for _, h := range hits {
		row := rowOf(h.Summary)
		row.Busy = slices.Contains(busy, row.ID)
		list = append(list, ui.Hit{Conversation: row, TitleParts: parts(h.Title), Text: parts(h.Text), Turn: h.Turn})
	}
	c.view.SetHits(query, list)
}

func parts(from []store.Part) []ui.Part {
	var list []ui.Part
	for _, p := range from {
		list = append(list, ui.Part{Text: p.Text, Found: p.Found})
	}
	return list
}

// Sidebar hears that the sidebar was shown or hidden, and remembers it.
func (c *Controller) Sidebar(shown bool) {
	if c.settings.HideSidebar == !shown {
		return
	}
	c.settings.HideSidebar = !shown
	c.keepSettings()
}
