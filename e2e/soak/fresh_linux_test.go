package soak

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"galago/inference"
	"galago/inference/demoeval"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// judged is what asking everything again of a fresh engine brought.
type judged struct {
	Distinct, Asked       int // requests, and how many of them were asked again before the time was over
	Answers               int // that came in the soak and have a fresh one beside them
	Equal                 int
	Cut, CutRight         int // answers that were cut off, and those of them that the fresh answer begins with
	Scored                int // answers to questions of which the right answer is known
	RightSoak, RightFresh int
	Differing             []difference
	NotAsked              int
}

// difference is an answer that is not the one of a fresh engine.
type difference struct {
	Step         int
	Question     string
	Turns        int  // messages before it
	Continued    bool // it goes on with an answer that was cut off
	AfterCut     bool // an answer before it was cut off
	Soak, Fresh  string
	RightInSoak  bool
	RightInFresh bool
	Scored       bool
}

// fresh asks each request once more of an engine that knows nothing: without anything put aside, and forgetting all before
// each. The answers are compared with those that came in the soak.
func (s *soak) fresh() (j judged) {
	pictures, items := s.pictures()
	service := inference.New(inference.Options{Engine: s.o.engine, Args: s.o.args, StatesMemory: -1})
	defer service.Close()
	service.Open(s.ledger.model)
	ctx, cancel := context.WithTimeout(context.Background(), s.o.fresh+patience)
	defer cancel()
	if _, err := inference.WaitReady(ctx, service); err != nil {
		s.t.Fatalf("the fresh engine: %v", err)
	}
	answers, asked := map[[32]byte]string{}, map[[32]byte]bool{}
	late := time.Now().Add(s.o.fresh)
	cut := map[string]bool{} // answers that were cut off
	for _, e := range s.entries() {
		if e.End != "done" && e.Answer != "" {
			cut[e.Answer] = true
		}
		key := keyOf(e.Asked)
		if !asked[key] {
			asked[key] = true
			j.Distinct++
			if time.Now().Before(late) {
				answers[key] = s.askFresh(ctx, service, e.Asked, pictures)
				j.Asked++
			}
		}
		fresh, there := answers[key]
		switch {
		case !there:
			j.NotAsked++
		case e.End == "done":
			j.compare(e, fresh, items, cut)
		case e.Answer != "":
			j.Cut++
			if strings.HasPrefix(fresh, e.Answer) {
				j.CutRight++
			} else {
				j.Differing = append(j.Differing, differs(e, fresh, cut))
			}
		}
	}
	return j
}

func keyOf(a asked) [32]byte {
	data, _ := json.Marshal(a)
	return sha256.Sum256(data)
}

func (s *soak) askFresh(ctx context.Context, service *inference.Service, a asked, pictures map[string]*vision.Picture) string {
	r := a.Rest
	for _, m := range a.Messages {
		n := inference.Message{Role: m.Role, Text: m.Text}
		for _, p := range m.Images {
			if pictures[p.Hash] == nil {
				s.ledger.find("a picture was asked about that nobody dropped: %s", p.Hash)
				return ""
			}
			n.Images = append(n.Images, inference.Image{Picture: pictures[p.Hash], Detail: p.Detail})
		}
		r.Messages = append(r.Messages, n)
	}
	if _, err := service.Clear(ctx, protocol.ForgetCache); err != nil {
		s.ledger.find("the fresh engine: %v", err)
		return ""
	}
	answer, err := inference.Ask(ctx, service, r, nil)
	if err != nil {
		s.ledger.find("the fresh engine: %v", err)
	}
	return answer.Text
}

func (j *judged) compare(e entry, fresh string, items map[string]demoeval.Item, cut map[string]bool) {
	j.Answers++
	turn, scored := turnOf(e.Asked, items)
	var soakRight, freshRight bool
	if scored {
		soakRight, _ = demoeval.Score(turn, e.Answer)
		freshRight, _ = demoeval.Score(turn, fresh)
		j.Scored++
		j.RightSoak += one(soakRight)
		j.RightFresh += one(freshRight)
	}
	if e.Answer == fresh {
		j.Equal++
		return
	}
	d := differs(e, fresh, cut)
	d.Scored, d.RightInSoak, d.RightInFresh = scored, soakRight, freshRight
	j.Differing = append(j.Differing, d)
}

func differs(e entry, fresh string, cut map[string]bool) difference {
	last := e.Asked.Messages[len(e.Asked.Messages)-1]
	if e.Asked.Rest.Continue {
		last = e.Asked.Messages[len(e.Asked.Messages)-2]
	}
	return difference{
		Step: e.Step, Question: last.Text, Turns: len(e.Asked.Messages) - 1, Continued: e.Asked.Rest.Continue, Soak: e.Answer, Fresh: fresh,
		AfterCut: slices.ContainsFunc(e.Asked.Messages, func(m message) bool { return m.Role == "assistant" && cut[m.Text] }),
	}
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// turnOf finds what is known of a question. The judge is the same for both answers; one that goes on with another is not
// judged by itself.
func turnOf(a asked, items map[string]demoeval.Item) (demoeval.Turn, bool) {
	if a.Rest.Continue {
		return demoeval.Turn{}, false
	}
	var pictures string
	for _, m := range a.Messages {
		for _, p := range m.Images {
			pictures += p.Hash
		}
	}
	question := a.Messages[len(a.Messages)-1].Text
	for _, t := range items[pictures].Turns {
		if t.Question == question {
			return t, true
		}
	}
	return demoeval.Turn{}, false
}
