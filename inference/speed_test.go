package inference

import (
	"testing"
	"time"

	"galago/inference/protocol"
)

func TestSpeedIsLearnt(t *testing.T) {
	var m measured
	m.begin(protocol.Loaded{EncodeTokens: 100, EncodeMillis: 500})
	if m.speed.EncodePerToken != 5*time.Millisecond {
		t.Errorf("from calibration: %+v", m.speed)
	}
	r := Request{Messages: []Message{{Role: "user", Text: string(make([]byte, 296))}}}
	m.learn(r, protocol.Stats{ImageTokens: 100, EncodeTokens: 100, EncodeMillis: 800, PromptTokens: 178, PromptMillis: 356}, false)
	want := Speed{EncodePerToken: 6 * time.Millisecond, PromptPerToken: 2 * time.Millisecond, BytesPerToken: 4}
	if m.speed != want {
		t.Errorf("%+v, want %+v", m.speed, want)
	}
	// What the cache held says nothing about pictures, and a few tokens nothing about anything.
	m.learn(Request{}, protocol.Stats{ImageTokens: 100, EncodeMillis: 1, PromptTokens: 110, ReusedTokens: 105, PromptMillis: 900}, false)
	if m.speed != want {
		t.Errorf("%+v, want %+v", m.speed, want)
	}
}

func TestSpill(t *testing.T) {
	answer := func(perSec float64, used int) protocol.Stats {
		return protocol.Stats{AnswerTokens: 100, TokensPerSec: perSec, ContextUsed: used}
	}
	var m measured
	step := func(perSec float64, used int, spilled bool) {
		t.Helper()
		m.learn(Request{}, answer(perSec, used), true)
		if (m.spill != "") != spilled {
			t.Errorf("after %v tokens a second at %d: %q", perSec, used, m.spill)
		}
	}
	step(2, 1000, false) // nothing to compare with
	m = measured{}
	for range 3 {
		step(40, 1000, false)
	}
	step(9, 1500, true)
	step(9, 1500, true)   // slow answers do not become the usual
	step(15, 1000, true)  // neither slow nor usual: nothing changes
	step(30, 1000, false) // as before
	step(4, 8000, false)  // nothing of that length to compare with
	m.learn(Request{}, answer(1, 1000), false)
	if m.spill != "" {
		t.Error("a model on the CPU cannot spill")
	}

	m.spilled(1<<30, 900<<20, true)
	m.spilled(1<<30, 600<<20, false)
	if m.spill != "" {
		t.Errorf("%q", m.spill)
	}
	m.spilled(200<<20, 0, true)
	if m.spill != "" {
		t.Errorf("%q", m.spill)
	}
	m.spilled(1<<30, 800<<20, true)
	if m.spill == "" {
		t.Error("a fifth of the model is not on the card, and nobody says so")
	}
}

func TestFreeCost(t *testing.T) {
	p := Images(somePicture(8, 8))
	first := Message{Role: "user", Text: "what", Images: p}
	before := []Message{first}
	stats := protocol.Stats{PrepareMillis: 100, EncodeMillis: 1000, PromptMillis: 200, ImageTokens: 50}
	goOn := []Message{first, {Role: "assistant", Text: "a cat"}, {Role: "user", Text: "and"}}
	if cost, ok := freeCostOf(before, Request{Messages: goOn}, stats); !ok || cost != 1300*time.Millisecond {
		t.Errorf("%v %v: the picture had to be read again", cost, ok)
	}
	goOn[2].Images = Images(somePicture(8, 8))
	if cost, ok := freeCostOf(before, Request{Messages: goOn}, stats); !ok || cost != 700*time.Millisecond {
		t.Errorf("%v %v: one of two pictures was new", cost, ok)
	}
	if _, ok := freeCostOf(before, Request{Messages: []Message{{Role: "user", Text: "else"}}}, stats); ok {
		t.Error("another conversation had nothing in the cache")
	}
}
