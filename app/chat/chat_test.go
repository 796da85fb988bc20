package chat

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

func TestVersions(t *testing.T) {
	began := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	u := turn("q", Done, "one")
	u.Started = began
	for i, text := range []string{"two", "three"} {
		u.Restart()
		u.Write(text)
		u.State, u.Started = Done, began.Add(time.Duration(i+1)*time.Minute)
	}
	for _, c := range []struct {
		choose, index, version int
		text, earlier          string
	}{
		{3, -1, 3, "three", "one two"}, // it is the present one
		{1, 0, 1, "one", "two three"},
		{2, 0, 2, "two", "three one"},
		{3, 0, 3, "three", "one two"},
		{0, -1, 3, "three", "one two"},
		{4, -1, 3, "three", "one two"},
	} {
		index := u.Choose(c.choose)
		var earlier []string
		for _, a := range u.Earlier {
			earlier = append(earlier, a.Text)
		}
		version, count := u.Versions()
		if index != c.index || version != c.version || count != 3 || u.Answer() != c.text || strings.Join(earlier, " ") != c.earlier {
			t.Errorf("choosing %d gives %d: %q is %d of %d, before it %q", c.choose, index, u.Answer(), version, count, earlier)
		}
	}
	u.State = Streaming
	if u.Choose(1) != -1 {
		t.Error("an answer is chosen while another is written")
	}
}

func TestAnEmptyFailureIsNoVersion(t *testing.T) {
	u := turn("q", Failed, "")
	u.Restart()
	if len(u.Earlier) != 0 {
		t.Errorf("put aside: %+v", u.Earlier)
	}
	u.State = Done // the model said nothing, and meant it
	u.Restart()
	if len(u.Earlier) != 1 {
		t.Errorf("put aside: %+v", u.Earlier)
	}
}

func TestCanContinue(t *testing.T) {
	for _, c := range []struct {
		state  State
		cut    bool
		answer string
		want   bool
	}{
		{Done, false, "whole", false},
		{Done, true, "cut", true},
		{Cancelled, false, "half", true},
		{Failed, false, "half", true},
		{Interrupted, false, "half", true},
		{Interrupted, false, "", false},
		{Streaming, false, "half", false},
	} {
		u := turn("q", c.state, c.answer)
		u.Cut = c.cut
		if got := u.CanContinue(); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

func TestThoughtsAreNotToldAgain(t *testing.T) {
	thinks := turn("two", Cancelled, "<think>only thoughts")
	last := turn("three", Cancelled, "<think>hm</think>half")
	c := Conversation{Turns: []*Turn{turn("one", Done, "<think>secret</think>first"), thinks, last}}
	if got := show(c.Until(last)); got != "user: one\nassistant: first\nuser: three" {
		t.Errorf("the model reads %q", got)
	}
	if got := show(c.Continued(last)); got != "user: one\nassistant: first\nuser: three\nassistant: half" {
		t.Errorf("it goes on with %q", got)
	}
	if got := show(c.Continued(thinks)); got != "user: one\nassistant: first\nuser: two\nassistant: <think>only thoughts" {
		t.Errorf("a thought goes on with %q", got)
	}
}

func TestCopyIsATurnOfItsOwn(t *testing.T) {
	u := turn("q", Streaming, "half", &vision.Picture{Name: "a"})
	c := u.Copy(7)
	u.Write(" and more")
	u.Images[0].Detail = "low"
	if c.ID != 7 || c.Answer() != "half" || c.State != Interrupted || c.Images[0].Detail != "" {
		t.Errorf("the copy is %+v, %q", c, c.Answer())
	}
	u.Truncate(4)
	if u.Answer() != "half" {
		t.Errorf("cut to %q", u.Answer())
	}
}
