package chat

import (
	"fmt"
	"strings"
	"testing"

	"galago/inference/vision"
)

func turn(question string, state State, answer string, images ...*vision.Picture) *Turn {
	t := &Turn{Question: question, About: About{State: state}}
	for _, p := range images {
		t.Images = append(t.Images, Image{Picture: p})
	}
	t.Write(answer)
	return t
}

func show(messages []Message) string {
	var lines []string
	for _, m := range messages {
		names := ""
		for _, p := range m.Images {
			names += " " + p.Name
		}
		lines = append(lines, fmt.Sprintf("%s:%s %s", m.Role, names, m.Text))
	}
	return strings.Join(lines, "\n")
}

func TestUntil(t *testing.T) {
	a, b := &vision.Picture{Name: "a"}, &vision.Picture{Name: "b"}
	last := turn("now?", Waiting, "")
	c := Conversation{Turns: []*Turn{
		turn("one", Done, "first", a),
		turn("two", Failed, ""),
		turn("three", Cancelled, "", b),
		turn("four", Cancelled, "half"),
		last,
		turn("later", Done, "not yet asked"),
	}}
	want := "user: a one\nassistant: first\nuser: b four\nassistant: half\nuser: now?"
	if got := show(c.Until(last)); got != want {
		t.Errorf("the model reads\n%s\nwant\n%s", got, want)
	}
}

func TestPicturesOfAQuestionWithoutAnAnswerGoAlong(t *testing.T) {
	a, b := &vision.Picture{Name: "a"}, &vision.Picture{Name: "b"}
	poison := turn("poison", Failed, "", b)
	poison.Drop = true
	spoilt := turn("spoilt by a", Failed, "")
	spoilt.Drop = true
	begun := turn("begun", Failed, "half", b)
	begun.Drop = true
	for _, c := range []struct {
		name   string
		before []*Turn
		want   string
	}{
		{"failed", []*Turn{turn("one", Failed, "", a)}, "user: a now?"},
		{"done without a word", []*Turn{turn("one", Done, "", a)}, "user: a now?"},
		{"the newest", []*Turn{turn("one", Failed, "", a), turn("two", Cancelled, "", b)}, "user: b now?"},
		{"over two questions", []*Turn{turn("one", Failed, "", a), turn("two", Done, "")}, "user: a now?"},
		{"poison", []*Turn{turn("one", Failed, "", a), poison}, "user: now?"},
		{"poison that was carried", []*Turn{turn("one", Failed, "", a), spoilt}, "user: now?"},
		{"poison with half an answer", []*Turn{turn("one", Done, "first", a), begun}, "user: a one\nassistant: first\nuser: now?"},
		{"still waits", []*Turn{turn("one", Waiting, "", a)}, "user: now?"},
	} {
		last := turn("now?", Waiting, "")
		conv := Conversation{Turns: append(c.before, last)}
		if got := show(conv.Until(last)); got != c.want {
			t.Errorf("%s: the model reads %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRestartForgetsTheAnswer(t *testing.T) {
	u := turn("q", Failed, "half")
	u.Drop = true
	u.Restart()
	if u.Answer() != "" || u.State != Waiting || u.Drop {
		t.Errorf("after Restart: %q, state %d", u.Answer(), u.State)
	}
}

// The pictures of earlier turns are read with the question, so they count among those that are too large.
func TestDetailOfAllPicturesThatAreRead(t *testing.T) {
	pictures := func() []Image { return []Image{{Detail: "high"}} }
	c := &Conversation{Turns: []*Turn{{ID: 1, Images: pictures()}, {ID: 2, Images: pictures()}, {ID: 3, Images: pictures()}}}
	c.SetDetail(c.Turn(2), "low")
	for i, want := range []string{"low", "low", "high"} {
		if got := c.Turns[i].Images[0].Detail; got != want {
			t.Errorf("turn %d: %q, want %q", i+1, got, want)
		}
	}
}
