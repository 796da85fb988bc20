package store

import (
	"reflect"
	"testing"
	"time"
)

func TestImport(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	picture := must(s.PutPicture([]byte("a picture")))(t)
	at := time.Date(2020, 1, 2, 3, 4, 5, 6e6, time.Local)
	in := Conversation{Summary: Summary{Title: "Old mugs", Created: at, Updated: at.Add(time.Hour)}, Turns: []Turn{
		{
			Question: "How many?", Created: at.Add(time.Minute),
			Pictures: []TurnPicture{{Hash: picture, Name: "shelf.jpg", Detail: "low", Width: 4, Height: 3}, {Hash: HashOf([]byte("gone")), Name: "gone.jpg"}},
			Answer:   Answer{Text: "Two", State: Done, Model: "Qwen", Figures: []string{"42 tokens/s"}, Thought: time.Second, Cut: true, Started: at, Ended: at},
			Earlier:  []Answer{{Text: "One", State: Done}, {State: Failed, Problem: &Problem{Title: "No"}}},
		},
		{Question: "And now?", Created: at.Add(time.Hour), Answer: Answer{Text: "Thr", State: Streaming}},
	}}
	made := must(s.Import(in))(t)
	if made.ID == 0 || made.Title != "Old mugs" || made.Turns != 2 || made.Picture != picture || !made.Created.Equal(at) || !made.Updated.Equal(at.Add(time.Hour)) {
		t.Errorf("it became %+v", made)
	}
	out := must(s.Load(made.ID))(t)
	in.Turns[1].Answer.State = Interrupted
	for i, turn := range out.Turns {
		if turn.ID == 0 || turn.Conversation != made.ID || turn.Position != i+1 {
			t.Errorf("turn %d is %+v", i, turn)
		}
		turn.ID, turn.Conversation, turn.Position = 0, 0, 0
		if !reflect.DeepEqual(turn, in.Turns[i]) {
			t.Errorf("turn %d:\n%+v, not\n%+v", i, turn, in.Turns[i])
		}
	}
	if hits := must(s.Search(t.Context(), "mugs", 9))(t); len(hits) != 1 {
		t.Errorf("its title is not found: %v", hits)
	}
	if hits := must(s.Search(t.Context(), "two", 9))(t); len(hits) != 1 {
		t.Errorf("its answer is not found: %v", hits)
	}
	sound(t, s)
}

// A conversation that cannot be taken as a whole is not there at all.
func TestImportAllOrNothing(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	for _, c := range []Conversation{
		{Summary: Summary{Title: "empty"}},
		{Turns: []Turn{{Question: "good", Answer: Answer{State: Done}}, {Question: "bad", Answer: Answer{State: "dancing"}}}},
		{Turns: []Turn{{Question: "bad", Answer: Answer{State: Done}, Earlier: []Answer{{State: ""}}}}},
	} {
		if _, err := s.Import(c); err == nil {
			t.Errorf("%+v was imported", c)
		}
	}
	if list := must(s.Conversations(9, Cursor{}))(t); len(list) > 0 {
		t.Errorf("it left %+v", list)
	}
	sound(t, s)
}
