package app

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"galago/app/chat/store"
	"galago/assets/words"
	"galago/inference/vision"
	"galago/ui"
)

const (
	// keepDeleted is for how long deleted conversations stay on the disk.
	keepDeleted = 24 * time.Hour
	// closePatience is how long the end of the program waits for the disk.
	closePatience = 15 * time.Second
	// mostHits is how many conversations a search shows.
	mostHits = 200
)

// startJournal opens the store, if there is to be one.
func (c *Controller) startJournal() {
	if c.openStore == nil {
		return
	}
	j := &journal{do: c.do, open: c.openStore, opened: c.storeOpened, told: c.keepTrouble}
	c.journal = j.start()
}

// storeOpened shows what is kept, and what became of it meanwhile.
func (c *Controller) storeOpened(s *store.Store) {
	c.store = s
	c.refresh()
	if r := s.Recovery(); r != nil {
		c.notice = &ui.Banner{Text: r.String(), Label: words.T("Understood"), Do: c.dismissNotice}
		c.showBanner()
	}
	if c.storeBegan {
		return
	}
	c.storeBegan = true
	c.showInterrupted(s.Interrupted())
	c.journal.push(&step{write: tidy(c.now().Add(-keepDeleted))}) // behind all else
}

// tidy removes for good what was deleted long ago.
func tidy(before time.Time) func(*store.Store) error {
	return func(s *store.Store) error {
		_, err := s.Purge(before)
		if err == nil {
			_, err = s.Collect()
		}
		return err // nothing that a person could do about it; the next start tries again
	}
}

func (c *Controller) dismissNotice() {
	c.notice = nil
	c.showBanner()
}

// showInterrupted opens the conversation that the end of the program interrupted last.
func (c *Controller) showInterrupted(places []store.Place) {
	if len(places) == 0 {
		return
	}
	last := places[len(places)-1]
	if len(places) == 1 {
		c.view.Notify(words.T("An answer was interrupted when Galago ended. What was written is kept: continue it, or ask again."))
	} else {
		c.view.Notify(words.T("%d answers were interrupted when Galago ended. What was written is kept: continue them, or ask again.", len(places)))
	}
	if !c.touched && c.text == "" && len(c.attachments) == 0 { // else the person has begun something
		c.OpenConversation(last.Conversation, last.Turn)
	}
}

// keepTrouble hears why something cannot be written down, and when all is.
func (c *Controller) keepTrouble(err error) {
	if err == nil && c.trouble != nil && c.storeBegan {
		c.view.Notify(words.T("Everything is kept again."))
	}
	c.trouble = err
	c.showBanner()
}

// unkeptBanner says that the conversations are not kept, and why.
func (c *Controller) unkeptBanner() *ui.Banner {
	text := sentence(c.trouble)
	if c.store == nil {
		text += " " + words.T("You can ask all the same, but nothing is kept until they can be.")
	} else {
		text += " " + words.T("It is kept in memory until it can be; do not close Galago before.")
	}
	return &ui.Banner{Text: text, Problem: true, Label: words.T("Try again"), Do: c.journal.retry}
}

// Close writes down what is not yet, and returns when it is on the disk. It is called last, when the window is gone.
func (c *Controller) Close() {
	if c.stopSearch != nil {
		c.stopSearch()
	}
	if c.journal == nil {
		return
	}
	for _, k := range c.all() {
		if k.active != nil {
			c.keepAnswer(k, k.active.turn) // as far as it is: the next start finds it interrupted
		}
	}
	c.journal.close(closePatience)
}

// read does work with the store on a goroutine of its own, and on the main one what it returns, which may be nil. It
// says whether there is a store. What was written before may not be there yet, see readBehind.
func (c *Controller) read(work func(*store.Store) (then func())) bool {
	s := c.store
	if s == nil {
		return false
	}
	go func() {
		if then := work(s); then != nil {
			c.do(then)
		}
	}()
	return true
}

// readBehind reads when all that was to be written up to now was tried. Without a store that is open it does so when
// there is one, and without any never.
func (c *Controller) readBehind(work func(*store.Store) (then func())) {
	if c.journal == nil {
		return
	}
	c.journal.push(&step{
		tried: func(err error) {
			if err != nil {
				c.view.Notify(sentence(err))
				return
			}
			c.read(work)
		},
	})
}

// change has the store changed, behind all that is to be written. The list is read again after it; then hears of it
// only if it went well, and may be nil. If not the person is told.
func (c *Controller) change(write func(*store.Store) error, then func()) {
	if c.journal == nil {
		return
	}
	c.journal.push(&step{write: write, tried: func(err error) {
		if err != nil {
			c.view.Notify(sentence(err))
			return
		}
		c.refresh()
		if then != nil {
			then()
		}
	}})
}

// refresh reads the list of conversations again, beside the main goroutine, and repeats the search.
func (c *Controller) refresh() {
	if c.listing {
		c.listAgain = true
		return
	}
	c.listing = c.read(func(s *store.Store) func() {
		list, err := s.Conversations(math.MaxInt32, store.Cursor{})
		return func() { c.showList(list, err) }
	})
}

func (c *Controller) showList(list []store.Summary, err error) {
	c.listing = false
	if c.listAgain {
		c.listAgain = false
		c.refresh()
	}
	if err != nil {
		c.view.Notify(sentence(err))
		return
	}
	// One without questions is left over from a question that was taken back.
	c.list = slices.DeleteFunc(list, func(s store.Summary) bool { return s.Turns == 0 && c.talkWith(s.ID) == nil })
	c.summaries = make(map[int64]store.Summary, len(c.list))
	for _, s := range c.list {
		c.summaries[s.ID] = s
	}
	c.showConversations()
	if c.query != "" {
		c.search(c.query)
	}
}

// showConversations gives the window the list, if anything in it changed.
func (c *Controller) showConversations() {
	busy := map[int64]bool{}
	for _, k := range c.all() {
		busy[k.stored] = k.busy()
	}
	list := make([]ui.Conversation, 0, len(c.list))
	for _, s := range c.list {
		list = append(list, conversationView(s, busy[s.ID]))
	}
	if !slices.Equal(list, c.listed) {
		c.listed = list
		c.view.SetConversations(list)
	}
}

func conversationView(s store.Summary, busy bool) ui.Conversation {
	return ui.Conversation{ID: s.ID, Title: s.Title, Updated: s.Updated, Picture: !s.Picture.IsZero(), Busy: busy}
}

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
				c.refresh()
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
	c.change(func(s *store.Store) error {
		_, err := s.Rename(id, title)
		return err
	}, nil)
}

// DuplicateConversation copies a conversation and opens the copy.
func (c *Controller) DuplicateConversation(id int64) {
	var made store.Summary
	c.change(func(s *store.Store) (err error) {
		made, err = s.Duplicate(id)
		return err
	}, func() { c.OpenConversation(made.ID, 0) })
}

// DeleteConversation takes a conversation away, with Undo. What it asks is cancelled.
func (c *Controller) DeleteConversation(id int64) {
	title := c.summaries[id].Title
	wasOpen := c.stored == id
	var deleted store.Deleted
	c.change(func(s *store.Store) (err error) {
		deleted, err = s.Delete(id)
		return err
	}, func() {
		c.close(id)
		c.view.Offer(words.T("“%s” is deleted.", shortened(title)), words.T("Undo"), func() {
			c.change(func(s *store.Store) error { return s.Undelete(deleted) }, func() {
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
	var list []ui.Hit
	for _, h := range hits {
		busy := false
		if k := c.talkWith(h.Summary.ID); k != nil {
			busy = k.busy()
		}
		list = append(list, ui.Hit{
			Conversation: conversationView(h.Summary, busy), TitleParts: parts(h.Title), Text: parts(h.Text), Turn: h.Turn,
		})
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
