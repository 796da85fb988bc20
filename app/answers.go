package app

import (
	"slices"

	"galago/app/chat"
	"galago/app/chat/store"
	"galago/assets/words"
	"galago/ui"
)

// Copy puts a turn's answer into the clipboard as plain text, without what the model said to itself.
func (c *Controller) Copy(id uint64) {
	if answer := c.answerOf(id); answer != "" {
		c.copy(ui.PlainText(answer))
		c.view.Notify(words.T("The answer is in the clipboard."))
	}
}

// CopyMarkdown puts a turn's answer into the clipboard as the model gave it.
func (c *Controller) CopyMarkdown(id uint64) {
	if answer := c.answerOf(id); answer != "" {
		c.copy(answer)
		c.view.Notify(words.T("The answer is in the clipboard, as Markdown."))
	}
}

func (c *Controller) answerOf(id uint64) string {
	t := c.conv.Turn(id)
	if t == nil {
		return ""
	}
	_, answer, _ := chat.Split(t.Answer())
	return answer
}

// CopyText puts a text into the clipboard.
func (c *Controller) CopyText(text string) { c.copy(text) }

// Continue lets the model go on with an answer that ended early.
func (c *Controller) Continue(id uint64) {
	if t := c.conv.Turn(id); t != nil && t.CanContinue() {
		c.touched = true
		c.retry(question{turn: t, on: true})
	}
}

// PickAnswer shows another answer to a question; 1 is the oldest. What is asked next builds on it.
func (c *Controller) PickAnswer(id uint64, version int) {
	t := c.conv.Turn(id)
	if t == nil || c.queued(t) {
		return
	}
	index := t.Choose(version)
	if index < 0 {
		return
	}
	c.shown[t].choices = nil
	c.showTurn(c.talk, t)
	c.keep(c.talk, stepOf(c.talk, t, func(s *store.Store, turn int64) error { return s.Choose(turn, index) }))
}

// DeleteFrom takes a question and all after it away, with Undo. Without a question left the whole conversation goes.
func (c *Controller) DeleteFrom(id uint64) {
	k := c.talk
	t := k.conv.Turn(id)
	switch {
	case t == nil:
		return
	case t == k.conv.Turns[0] && k.stored != 0:
		c.DeleteConversation(k.stored)
		return
	}
	at := slices.Index(k.conv.Turns, t)
	c.quiet(k, k.conv.Turns[at:])
	removed := k.conv.RemoveFrom(t)
	var kept store.Removed
	c.keepChange(k, func(s *store.Store) (err error) {
		if kept, err = s.RemoveFrom(k.folio.turns[id]); err == nil {
			c.forgetState(k.stored)
		}
		return err
	})
	c.view.SetTurns(k.renderAll())
	c.next(k)
	c.view.Offer(deletedText(len(removed)), words.T("Undo"), func() {
		c.putBack(k, at, removed, func(s *store.Store) error { return s.PutBack(kept) })
	})
}

func deletedText(n int) string {
	if n == 1 {
		return words.T("The question is deleted.")
	}
	return words.T("%d questions are deleted.", n)
}

// putBack takes back that questions were taken out of a conversation, which may have been closed and opened since.
func (c *Controller) putBack(k *talk, at int, removed []*chat.Turn, write func(*store.Store) error) {
	was := k.folio
	if now := c.talkWith(k.stored); now != nil {
		k, was = now, k.folio
	}
	f := k.folio
	c.keepChange(k, func(s *store.Store) error {
		for _, t := range removed {
			f.turns[t.ID] = was.turns[t.ID]
		}
		return write(s)
	})
	k.conv.Turns = slices.Insert(k.conv.Turns, min(at, len(k.conv.Turns)), removed...)
	for _, t := range removed {
		k.shown[t] = &display{images: placeholders(t.Images), progress: -1}
	}
	if k == c.talk {
		c.view.SetTurns(k.renderAll())
	}
}

// quiet ends what turns of a conversation ask: they are as if cancelled.
func (c *Controller) quiet(k *talk, turns []*chat.Turn) {
	if r := k.active; r != nil && slices.Contains(turns, r.turn) {
		r.cancel()
		r.turn.State, r.turn.Ended = chat.Cancelled, c.now()
		r.phase("", -1)
		k.active = nil
		c.keepAnswer(k, r.turn)
	}
	k.waiting = slices.DeleteFunc(k.waiting, func(q question) bool {
		gone := slices.Contains(turns, q.turn)
		if gone {
			c.giveUp(k, q)
		}
		return gone
	})
}

// giveUp lets go of a question in the queue. One that was never asked counts as cancelled.
func (c *Controller) giveUp(k *talk, q question) {
	if !q.again && !q.on {
		q.turn.State, q.turn.Ended = chat.Cancelled, c.now()
		c.keepAnswer(k, q.turn)
	}
}

// Branch asks another question in a turn's place, about the same pictures, in a copy of the conversation up to it.
func (c *Controller) Branch(id uint64, text string) {
	k := c.talk
	t := k.conv.Turn(id)
	if t == nil || text == "" {
		return
	}
	at := slices.Index(k.conv.Turns, t)
	if at == 0 || c.journal == nil || t.Stored == 0 {
		c.branchInMemory(k, t, text)
		return
	}
	from, before := k.stored, t.Stored
	c.opening++
	this := c.opening
	var b *talk
	c.journal.push(&step{
		write: func(s *store.Store) error {
			copied, err := s.Branch(from, before)
			if err != nil {
				return err
			}
			whole, err := s.Load(copied.ID)
			b = talkOf(whole)
			return err
		},
		tried: func(err error) {
			if err != nil {
				c.view.Notify(sentence(err))
				c.compose(joined(c.text, text)) // what was typed is not lost
				return
			}
			c.touched = true
			c.number(b)
			if this != c.opening { // something else was opened meanwhile, which stays open
				c.background = append(c.background, b)
			} else {
				c.enter(b)
			}
			c.askIn(b, text, slices.Clone(t.Images), placeholders(t.Images))
		},
	})
}

// branchInMemory branches where there is nothing before the turn, or nothing is kept.
func (c *Controller) branchInMemory(k *talk, t *chat.Turn, text string) {
	b := newTalk()
	for _, u := range k.conv.Turns[:slices.Index(k.conv.Turns, t)] {
		copied := u.Copy(c.id())
		b.add(copied, slices.Clone(k.shown[u].images))
		c.keepQuestion(b, copied)
		c.keepAnswer(b, copied)
	}
	c.opening++
	c.askIn(b, text, slices.Clone(t.Images), slices.Clone(k.shown[t].images))
	c.enter(b)
}
