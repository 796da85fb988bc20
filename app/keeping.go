package app

import (
	"strconv"
	"time"

	"galago/app/chat/store"
	"galago/assets/words"
	"galago/inference/statecache"
	"galago/ui"
)

const (
	// keepDeleted is for how long deleted conversations stay on the disk.
	keepDeleted = 24 * time.Hour
	// closePatience is how long the end of the program waits for the disk.
	closePatience = 15 * time.Second
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
	c.journal.push(&step{write: tidy(c.now().Add(-keepDeleted), c.states)}) // behind all else
}

// tidy removes for good what was deleted long ago, and what the engine put aside of conversations that are no more.
func tidy(before time.Time, states string) func(*store.Store) error {
	return func(s *store.Store) error {
		_, err := s.Purge(before)
		if err == nil {
			_, err = s.Collect()
		}
		if ids, listed := s.IDs(); listed == nil && states != "" {
			var names []string
			for _, id := range ids {
				names = append(names, stateName(id))
			}
			statecache.Retain(states, names)
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
	defer c.keeper.wait()
	if c.stopSearch != nil {
		c.stopSearch()
	}
	defer c.closeLibrary()
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

// change has a conversation changed in the store, behind all that is to be written. write says which one it is. The
// window's list follows; then hears of it only if it went well, and may be nil. If not the person is told.
func (c *Controller) change(write func(*store.Store) (id int64, err error), then func()) {
	if c.journal == nil {
		return
	}
	var now entry
	c.journal.push(&step{
		write: func(s *store.Store) error {
			id, err := write(s)
			if err == nil {
				now = entryOf(s, id)
			}
			return err
		},
		tried: func(err error) {
			if err != nil {
				c.view.Notify(sentence(err))
				return
			}
			c.list(now)
			if then != nil {
				then()
			}
		},
	})
}

// stateName names a conversation for what the engine puts aside of it; empty while it has no place in the store.
func stateName(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// forgetState removes what the engine put aside of a conversation, of which something was deleted. It is called where the
// disk may be waited for. What cannot be removed now goes when the program starts next.
func (c *Controller) forgetState(id int64) {
	if name := stateName(id); c.states != "" && name != "" {
		statecache.Forget(c.states, name)
	}
}
