package app

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"galago/app/chat/store"
	"galago/ui"
)

// listing is the list of conversations as the window has it, which may be long: a change of one of them is not read
// together with all others. It belongs to the main goroutine; what the window was given is not changed any more.
type listing struct {
	rows     []ui.Conversation    // newest first
	pictures map[int64]store.Hash // the first one of each conversation that has any
	known    bool                 // all was read once
	reading  bool                 // all is being read
	again    bool                 // and is to be read once more
	changed  []entry              // what has changed since that began
}

// entry is a conversation as it was right after it was changed.
type entry struct {
	store.Summary
	gone bool
	err  error
}

// entryOf reads a conversation of the list. It is called where the change was made, so that no later one is overtaken.
func entryOf(s *store.Store, id int64) entry {
	e := entry{}
	e.Summary, e.err = s.Summary(id)
	if errors.Is(e.err, store.ErrNotFound) {
		e.gone, e.err = true, nil
	}
	e.ID = id
	return e
}

// list shows a conversation as it is after a change.
func (c *Controller) list(e entry) {
	if e.err != nil {
		c.view.Notify(sentence(e.err))
		return
	}
	if c.listing.reading {
		c.listing.changed = append(c.listing.changed, e)
	}
	rows := slices.DeleteFunc(slices.Clone(c.listing.rows), func(r ui.Conversation) bool { return r.ID == e.ID })
	delete(c.listing.pictures, e.ID)
	if !e.gone && e.Turns > 0 { // one without questions is left over from a question that was taken back
		row := rowOf(e.Summary)
		if !e.Picture.IsZero() {
			c.listing.pictures[e.ID] = e.Picture
		}
		at, _ := slices.BinarySearchFunc(rows, row, newestFirst)
		rows = slices.Insert(rows, at, row)
	}
	c.setRows(rows)
}

func newestFirst(a, b ui.Conversation) int {
	return cmp.Or(b.Updated.Compare(a.Updated), cmp.Compare(b.ID, a.ID))
}

func rowOf(s store.Summary) ui.Conversation {
	return ui.Conversation{ID: s.ID, Title: s.Title, Updated: s.Updated, Picture: !s.Picture.IsZero(), Interrupted: s.Interrupted}
}

// refresh reads the whole list again, beside the main goroutine.
func (c *Controller) refresh() {
	if c.listing.reading {
		c.listing.again = true
		return
	}
	c.listing.changed = nil
	c.listing.reading = c.read(func(s *store.Store) func() {
		list, err := s.Conversations(math.MaxInt32, store.Cursor{})
		rows, pictures := make([]ui.Conversation, 0, len(list)), map[int64]store.Hash{}
		for _, s := range list {
			if s.Turns == 0 {
				continue
			}
			rows = append(rows, rowOf(s))
			if !s.Picture.IsZero() {
				pictures[s.ID] = s.Picture
			}
		}
		return func() { c.showList(rows, pictures, err) }
	})
}

func (c *Controller) showList(rows []ui.Conversation, pictures map[int64]store.Hash, err error) {
	c.listing.reading = false
	if err != nil {
		c.view.Notify(sentence(err))
		return
	}
	c.listing.pictures = pictures
	if !c.listing.known {
		c.listing.known = true
		defer c.welcomeRows(len(rows))
	}
	changed := c.listing.changed
	if len(changed) == 0 {
		c.setRows(rows)
	} else {
		c.listing.rows = rows
		for _, e := range changed {
			c.list(e)
		}
	}
	if c.listing.again {
		c.listing.again = false
		c.refresh()
	}
}

// setRows gives the window a list of its own, and looks again for what is searched for.
func (c *Controller) setRows(rows []ui.Conversation) {
	busy := c.busyOnes()
	for i := range rows {
		rows[i].Busy = slices.Contains(busy, rows[i].ID)
		rows[i].Interrupted = rows[i].Interrupted && !rows[i].Busy // it goes on, or is asked again
	}
	c.listing.rows = rows
	c.view.SetConversations(rows)
	if c.query != "" {
		c.search(c.query)
	}
}

// showBusyOnes marks in the list which conversations something is asked in, if that has changed.
func (c *Controller) showBusyOnes() {
	busy := c.busyOnes()
	if slices.ContainsFunc(c.listing.rows, func(r ui.Conversation) bool { return r.Busy != slices.Contains(busy, r.ID) }) {
		c.setRows(slices.Clone(c.listing.rows))
	}
}

func (c *Controller) busyOnes() (ids []int64) {
	for _, k := range c.all() {
		if k.busy() && k.stored != 0 {
			ids = append(ids, k.stored)
		}
	}
	return ids
}

// titleOf is the title of a conversation in the list.
func (c *Controller) titleOf(id int64) string {
	for _, r := range c.listing.rows {
		if r.ID == id {
			return r.Title
		}
	}
	return ""
}
