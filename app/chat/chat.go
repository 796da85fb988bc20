// Package chat holds a conversation: turns of a question, its pictures and an answer. It knows neither window, engine
// nor store.
package chat

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"galago/inference/vision"
)

// State is how far a turn is.
type State int

// The states of a turn.
const (
	Waiting   State = iota // for its place in the queue
	Working                // under way, nothing new written yet
	Streaming              // being written
	Done
	Cancelled
	Failed
	Interrupted // the program ended meanwhile
)

// Over reports whether nothing more will come.
func (s State) Over() bool { return s >= Done }

// Image is a picture of a question and how closely the model is to look at it. Its Picture is never nil, but without
// pixels (RGBA) while those are only in the store.
type Image struct {
	*vision.Picture
	Detail string   // low, high, or empty for the usual
	Hash   [32]byte // its name in the store; zero until it is there
	Data   []byte   // the file's bytes, until they are in the store; nil: to be made of the pixels
}

// Held reports whether the pixels are in memory.
func (i Image) Held() bool { return i.RGBA != nil }

// Stored reports whether it can be had from the store.
func (i Image) Stored() bool { return i.Hash != [32]byte{} }

// Release forgets the pixels and bytes of a picture that is in the store. Its size and name stay.
func (i *Image) Release() {
	small := *i.Picture
	small.RGBA = nil
	i.Picture, i.Data = &small, nil
}

// Problem is why an answer failed, as a person reads it.
type Problem struct{ Title, Text, Action, Detail string }

// About is what is known of an answer beside its text.
type About struct {
	State   State
	Drop    bool     // the question's pictures are why it failed: they must not spoil the next question
	Figures []string // such as "first token 0.8 s"
	Notices []string // what was reduced on the way, a line each
	Problem *Problem // why it failed; else nil
	Model   string   // who wrote it
	Started time.Time
	Ended   time.Time     // zero until it is over
	Thought time.Duration // how long the model spoke to itself first
	Cut     bool          // it is Done, but ended at a limit
}

// Answer is an earlier answer to a question.
type Answer struct {
	About
	Text string
}

// Turn is a question with its answer.
type Turn struct {
	ID       uint64 // the window's number of it
	Stored   int64  // the store's; 0 while it is not there
	Question string
	Images   []Image
	About
	Earlier []Answer // to the same question, the one put aside last at the end
	answer  strings.Builder
}

// Answer is what was written so far, Markdown as the model gave it.
func (t *Turn) Answer() string { return t.answer.String() }

// Write appends to the answer.
func (t *Turn) Write(text string) { t.answer.WriteString(text) }

// Truncate forgets the answer after its first n bytes.
func (t *Turn) Truncate(n int) {
	text := t.Answer()[:n]
	t.answer.Reset()
	t.answer.WriteString(text)
}

// Restart begins a new answer. One that is Done or has some text is put aside.
func (t *Turn) Restart() {
	t.putAside()
	t.About = About{}
	t.answer.Reset()
}

// Resume lets an answer that is over go on.
func (t *Turn) Resume() {
	t.State, t.Drop, t.Cut, t.Problem, t.Ended = Waiting, false, false, nil, time.Time{}
}

func (t *Turn) putAside() {
	if t.State == Done || t.answer.Len() > 0 {
		t.Earlier = append(slices.Clip(t.Earlier), Answer{About: t.About, Text: t.Answer()})
	}
}

// CanContinue reports whether the answer ended early, with something that the model can go on with.
func (t *Turn) CanContinue() bool {
	return t.answer.Len() > 0 && t.State.Over() && (t.State != Done || t.Cut)
}

// Versions says which of how many answers the present one is, from 1 and in the order in which they were begun.
func (t *Turn) Versions() (version, count int) {
	return slices.Index(t.order(), len(t.Earlier)) + 1, len(t.Earlier) + 1
}

// order are the indexes into Earlier, and len(Earlier) for the present answer, the oldest answer first.
func (t *Turn) order() []int {
	began := func(i int) time.Time {
		if i == len(t.Earlier) {
			return t.Started
		}
		return t.Earlier[i].Started
	}
	list := make([]int, len(t.Earlier)+1)
	for i := range list {
		list[i] = i
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Or(began(a).Compare(began(b)), cmp.Compare(a, b)) })
	return list
}

// Choose makes another version the present answer. index is where it was in Earlier; -1 if there is no such version,
// it is the present one already, or an answer is being written.
func (t *Turn) Choose(version int) (index int) {
	order := t.order()
	if version < 1 || version > len(order) || order[version-1] == len(t.Earlier) || !t.State.Over() {
		return -1
	}
	index = order[version-1]
	chosen := t.Earlier[index]
	t.putAside()
	t.Earlier = slices.Delete(slices.Clone(t.Earlier), index, index+1)
	t.About = chosen.About
	t.answer.Reset()
	t.answer.WriteString(chosen.Text)
	return index
}

// Copy is a turn of its own with the same content, for another conversation. What is being written is interrupted
// in it.
func (t *Turn) Copy(id uint64) *Turn {
	c := &Turn{ID: id, Question: t.Question, Images: slices.Clone(t.Images), About: t.About, Earlier: slices.Clone(t.Earlier)}
	c.Write(t.Answer())
	if !c.State.Over() {
		c.State = Interrupted
	}
	return c
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

// RemoveFrom takes a turn and all after it out, and returns them.
func (c *Conversation) RemoveFrom(t *Turn) []*Turn {
	i := max(slices.Index(c.Turns, t), 0)
	removed := slices.Clone(c.Turns[i:])
	c.Turns = slices.Clone(c.Turns[:i])
	return removed
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
// them. What the model said to itself is never told to it again.
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
		_, answer, _ := Split(u.Answer())
		switch {
		case u.Drop:
			carried = nil
			continue
		case answer == "":
			if u.State.Over() {
				carried = images
			}
			continue
		}
		carried = nil
		messages = append(messages,
			Message{Role: "user", Text: u.Question, Images: images},
			Message{Role: "assistant", Text: answer})
	}
	return messages
}

// Continued is the conversation as the model should read it to go on with the answer of turn t: the last message is
// what there is of it. An answer that ended while the model spoke to itself goes on with that.
func (c *Conversation) Continued(t *Turn) []Message {
	_, answer, thinking := Split(t.Answer())
	if thinking {
		answer = t.Answer()
	}
	return append(c.Until(t), Message{Role: "assistant", Text: answer})
}
