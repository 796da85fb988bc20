package app

import (
	"bytes"
	"image"
	"image/png"
	"slices"

	"galago/app/chat"
	"galago/app/chat/store"
	"galago/inference/vision"
	"galago/ui"
)

// keep has a step of a conversation written down. Without a journal nothing is kept, and the step counts as tried.
func (c *Controller) keep(k *talk, s *step) {
	if c.journal == nil {
		if s.tried != nil {
			s.tried(nil)
		}
		return
	}
	k.unkept++
	over := s.over
	s.of = k.folio
	s.over = func(err error) {
		k.unkept--
		if over != nil {
			over(err)
		}
		c.forget(k)
	}
	c.journal.push(s)
}

// keepQuestion writes a new question down, and its pictures before it.
func (c *Controller) keepQuestion(k *talk, t *chat.Turn) {
	f, id := k.folio, t.ID
	pictures := slices.Clone(t.Images)
	q := store.Question{Text: t.Question, Model: modelName(c.status)}
	var kept store.Turn
	var now entry
	c.keep(k, &step{
		write: func(s *store.Store) (err error) {
			if q.Pictures, err = putPictures(s, pictures); err != nil {
				return err
			}
			if kept, err = s.AddTurn(f.id, q); err != nil {
				return err
			}
			f.id, f.turns[id] = kept.Conversation, kept.ID
			now = entryOf(s, f.id)
			return nil
		},
		over: func(err error) {
			if err != nil {
				c.view.Notify(sentence(err))
				return
			}
			c.questionKept(k, t, kept)
			c.list(now)
		},
	})
}

// putPictures stores the files of pictures that are not there yet.
func putPictures(s *store.Store, pictures []chat.Image) ([]store.TurnPicture, error) {
	var list []store.TurnPicture
	for _, p := range pictures {
		hash := store.Hash(p.Hash)
		if !p.Stored() {
			data, err := fileOf(p)
			if err != nil {
				return nil, err
			}
			if hash, err = s.PutPicture(data); err != nil {
				return nil, err
			}
		}
		list = append(list, store.TurnPicture{Hash: hash, Name: p.Name, Detail: p.Detail, Width: p.Width, Height: p.Height})
	}
	return list, nil
}

// fileOf is a picture's file as it came, else one made of its pixels.
func fileOf(p chat.Image) ([]byte, error) {
	if p.Data != nil {
		return p.Data, nil
	}
	var b bytes.Buffer
	err := png.Encode(&b, p.RGBA)
	return b.Bytes(), err
}

// questionKept takes the numbers that the store gave.
func (c *Controller) questionKept(k *talk, t *chat.Turn, kept store.Turn) {
	first := k.stored == 0
	k.stored, t.Stored = kept.Conversation, kept.ID
	for i, p := range kept.Pictures {
		t.Images[i].Hash = p.Hash
		c.shelve(&t.Images[i])
	}
	if first && k == c.talk {
		c.view.SetOpen(k.stored)
	}
	c.galleryAdd(k, t)
}

// keepAnswer writes an answer down as far as it is.
func (c *Controller) keepAnswer(k *talk, t *chat.Turn) {
	f, id, a := k.folio, t.ID, storedAnswer(t)
	c.keep(k, &step{
		saves: id,
		write: func(s *store.Store) error { return s.SaveAnswer(f.turns[id], a) },
	})
}

// keepChange writes a change of a conversation down that its line in the list may show.
func (c *Controller) keepChange(k *talk, write func(*store.Store) error) {
	f := k.folio
	var now entry
	c.keep(k, &step{
		write: func(s *store.Store) error {
			err := write(s)
			if err == nil {
				now = entryOf(s, f.id)
			}
			return err
		},
		over: func(err error) {
			if err != nil {
				c.view.Notify(sentence(err))
				return
			}
			c.list(now)
		},
	})
}

// stepOf is a step about a turn that the store has.
func stepOf(k *talk, t *chat.Turn, write func(s *store.Store, turn int64) error) *step {
	f, id := k.folio, t.ID
	return &step{write: func(s *store.Store) error { return write(s, f.turns[id]) }}
}

func (c *Controller) stepRestart(k *talk, t *chat.Turn) *step {
	model := modelName(c.status)
	return stepOf(k, t, func(s *store.Store, turn int64) error { return s.Restart(turn, model) })
}

func (c *Controller) stepContinue(k *talk, t *chat.Turn) *step {
	return stepOf(k, t, func(s *store.Store, turn int64) error { return s.Continue(turn) })
}

var toStored = map[chat.State]store.State{
	chat.Waiting: store.Waiting, chat.Working: store.Waiting, chat.Streaming: store.Streaming,
	chat.Done: store.Done, chat.Cancelled: store.Cancelled, chat.Failed: store.Failed, chat.Interrupted: store.Interrupted,
}

// ofStored is what a state of the store's is in memory. What was under way when a copy of it was read is interrupted
// there.
var ofStored = map[store.State]chat.State{
	store.Waiting: chat.Interrupted, store.Streaming: chat.Interrupted,
	store.Done: chat.Done, store.Cancelled: chat.Cancelled, store.Failed: chat.Failed, store.Interrupted: chat.Interrupted,
}

func storedAnswer(t *chat.Turn) store.Answer {
	a := store.Answer{
		Text: t.Answer(), State: toStored[t.State], Drop: t.Drop, Figures: t.Figures, Notices: t.Notices,
		Model: t.Model, Started: t.Started, Ended: t.Ended, Thought: t.Thought, Cut: t.Cut,
	}
	if t.Problem != nil {
		a.Problem = &store.Problem{Title: t.Problem.Title, Text: t.Problem.Text, Action: t.Problem.Action, Detail: t.Problem.Detail}
	}
	return a
}

func aboutStored(a store.Answer) chat.About {
	b := chat.About{
		State: ofStored[a.State], Drop: a.Drop, Figures: a.Figures, Notices: a.Notices,
		Model: a.Model, Started: a.Started, Ended: a.Ended, Thought: a.Thought, Cut: a.Cut,
	}
	if p := a.Problem; p != nil {
		b.Problem = &chat.Problem{Title: p.Title, Text: p.Text, Action: p.Action, Detail: p.Detail}
	}
	return b
}

// talkOf is a conversation that was read from the store. Its pictures stay there until they are wanted. It can be made
// beside the main goroutine, on which number comes next.
func talkOf(from store.Conversation) *talk {
	k := newTalk()
	k.stored, k.folio.id = from.ID, from.ID
	for _, u := range from.Turns {
		t := &chat.Turn{Stored: u.ID, Question: u.Question, About: aboutStored(u.Answer)}
		t.Write(u.Answer.Text)
		for _, a := range u.Earlier {
			t.Earlier = append(t.Earlier, chat.Answer{About: aboutStored(a), Text: a.Text})
		}
		for _, p := range u.Pictures {
			t.Images = append(t.Images, chat.Image{
				Picture: &vision.Picture{Name: p.Name, Width: p.Width, Height: p.Height}, Detail: p.Detail, Hash: p.Hash,
			})
		}
		k.add(t, placeholders(t.Images))
	}
	return k
}

// number gives the turns of a conversation that was read their numbers in the window.
func (c *Controller) number(k *talk) *talk {
	for _, t := range k.conv.Turns {
		t.ID = c.id()
		k.folio.turns[t.ID] = t.Stored
	}
	return k
}

// placeholders keep the place of thumbnails.
func placeholders(pictures []chat.Image) []image.Image {
	var list []image.Image
	for _, p := range pictures {
		list = append(list, placeholder(p))
	}
	return list
}

// placeholder is as large as a picture's thumbnail will be.
func placeholder(p chat.Image) ui.Placeholder {
	w, h := p.Width, p.Height
	if w <= 0 || h <= 0 {
		w, h = turnThumb, turnThumb*3/4 // as most are
	}
	scale := min(1, float64(turnThumb)/float64(w), float64(turnThumb)/float64(h))
	return ui.Placeholder{Width: max(1, int(float64(w)*scale+0.5)), Height: max(1, int(float64(h)*scale+0.5))}
}
