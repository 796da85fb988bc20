// Package chat holds a conversation: turns of a question, its pictures and an answer. It knows neither window nor
// engine, so that a store can keep what it describes.
package chat

import (
	"slices"
	"strings"

	"galago/inference/vision"
)

// State is how far a turn is.
type State int

// The states of a turn.
const (
	Waiting   State = iota // for its place in the queue
	Working                // under way, nothing written yet
	Streaming              // being written
	Done
	Cancelled
	Failed
)

// Over reports whether nothing more will come.
func (s State) Over() bool { return s >= Done }

// Image is a picture of a question and how closely the model is to look at it.
type Image struct {
	*vision.Picture
	Detail string // low, high, or empty for the usual
}

// Turn is a question with its answer.
type Turn struct {
	ID       uint64
	Question string
	Images   []Image
	State    State
	Drop     bool // its pictures are why it failed: they must not spoil the next question
	answer   strings.Builder
}

// Answer is what was written so far, Markdown as the model gave it.
func (t *Turn) Answer() string { return t.answer.String() }

// Write appends to the answer.
func (t *Turn) Write(text string) { t.answer.WriteString(text) }

// Restart forgets the answer, to ask again.
func (t *Turn) Restart() {
	t.answer.Reset()
	t.State, t.Drop = Waiting, false
}

// Conversation is a list of turns, oldest first.
type Conversation struct {
	Turns []*Turn
}

// Turn finds a turn, or nil.
func (c *Conversation) Turn(id uint64) *Turn {
	for _, t := range c.Turns {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// SetDetail changes how closely the model is to look at the pictures of turn t and of all before it, which it reads
// too.
func (c *Conversation) SetDetail(t *Turn, detail string) {
	for _, u := range c.Turns {
		for i := range u.Images {
			u.Images[i].Detail = detail
		}
		if u == t {
			return
		}
	}
}

// Remove takes a turn out.
func (c *Conversation) Remove(t *Turn) {
	c.Turns = slices.DeleteFunc(c.Turns, func(u *Turn) bool { return u == t })
}

// Message is one side's words, for the model.
type Message struct {
	Role   string // user or assistant
	Text   string
	Images []Image
}

// Until is the conversation as the model should read it to answer turn t: what was said before, then t's question.
//
// A turn that has no answer, or failed because of its pictures, is left out, since a model expects question and answer to alternate; but the pictures of
// questions that are over go along with the next one if that brings none, because the person still sees them and means
// them.
func (c *Conversation) Until(t *Turn) []Message {
	var messages []Message
	var carried []Image
	for _, u := range c.Turns {
		images := u.Images
		if len(images) == 0 {
			images = carried
		}
		if u == t {
			return append(messages, Message{Role: "user", Text: u.Question, Images: images})
		}
		switch {
		case u.Drop:
			carried = nil
			continue
		case u.Answer() == "":
			if u.State.Over() {
				carried = images
			}
			continue
		}
		carried = nil
		messages = append(messages,
			Message{Role: "user", Text: u.Question, Images: images},
			Message{Role: "assistant", Text: u.Answer()})
	}
	return messages
}
