package inference

import (
	"slices"
	"time"

	"galago/assets/words"
	"galago/inference/protocol"
)

// measured is how fast the loaded model was. The service goroutine owns it.
type measured struct {
	speed    Speed
	freeCost time.Duration
	spill    string
	rates    []rate    // of the last answers
	last     []Message // of the last answer, to know what the cache may hold
}

// rate is how fast an answer was written.
type rate struct {
	perSec float64 // tokens
	used   int     // KV cells afterwards
}

func (m *measured) begin(l protocol.Loaded) {
	*m = measured{freeCost: m.freeCost}
	if l.EncodeTokens > 0 && l.EncodeMillis > 0 {
		m.speed.EncodePerToken = perToken(l.EncodeMillis, l.EncodeTokens)
	}
}

// perToken divides milliseconds.
func perToken(millis float64, tokens int) time.Duration {
	return time.Duration(millis * float64(time.Millisecond) / float64(tokens))
}

// smooth lets a new figure count for a third, so that one slow answer does not spoil what is shown.
func smooth[T time.Duration | float64](was, now T) T {
	if was == 0 {
		return now
	}
	return was + (now-was)/3
}

// fewTokens are too few to tell a speed from.
const fewTokens = 16

// learn takes in the figures of an answer. onCard says that the model is on a card.
func (m *measured) learn(r Request, st protocol.Stats, onCard bool) {
	if st.EncodeTokens > 0 && st.EncodeMillis > 0 {
		m.speed.EncodePerToken = smooth(m.speed.EncodePerToken, perToken(st.EncodeMillis, st.EncodeTokens))
	}
	if n := st.PromptTokens - st.ReusedTokens; n >= fewTokens && st.PromptMillis > 0 {
		m.speed.PromptPerToken = smooth(m.speed.PromptPerToken, perToken(st.PromptMillis, n))
	}
	bytes := 0
	for _, t := range r.Messages {
		bytes += len(t.Text)
	}
	if n := st.PromptTokens - st.ImageTokens - messageTokens*len(r.Messages); n >= fewTokens && bytes > n {
		m.speed.BytesPerToken = smooth(m.speed.BytesPerToken, float64(bytes)/float64(n))
	}
	if st.AnswerTokens >= fewTokens && st.TokensPerSec > 0 {
		m.collapse(rate{st.TokensPerSec, st.ContextUsed}, onCard)
	}
	m.last = r.Messages
}

const (
	keptRates = 15
	someRates = 3 // are needed before one is called unusual
)

// collapse looks whether an answer was much slower than earlier ones of similar length. A driver that pages a card's
// memory to system memory does that, and says nothing else.
func (m *measured) collapse(now rate, onCard bool) {
	var similar []float64
	for _, r := range m.rates {
		if r.used <= 2*now.used && now.used <= 2*r.used {
			similar = append(similar, r.perSec)
		}
	}
	if len(similar) >= someRates {
		slices.Sort(similar)
		usual := similar[len(similar)/2]
		switch {
		case onCard && now.perSec < usual/4:
			m.spill = words.T("Answers became slow (%.1f tokens a second instead of %.0f): the driver seems to keep part of "+
				"the model in system memory. Close other programs that use the card, or choose lighter settings.", now.perSec, usual)
			return // it must not become the usual
		case now.perSec >= usual/2:
			m.spill = ""
		}
	}
	m.rates = append(m.rates, now)
	if len(m.rates) > keptRates {
		m.rates = m.rates[1:]
	}
}

// spilled compares what the engine holds on the card with what the card gave. Much less means that the driver put the
// rest elsewhere. exact says that the driver told what this process has; otherwise other programs came and went as well.
func (m *measured) spilled(held, grown uint64, exact bool) {
	const enough = 256 << 20
	least := held / 2
	if exact {
		least = held - held/5
	}
	if held > enough && grown < least {
		m.spill = words.T("The model holds %s, but only %s of that are on the card: the driver keeps the rest in system "+
			"memory, and answers are slow.", bytesText(held), bytesText(grown))
	}
}

// freeCostOf is what it cost an answer that working memory had been freed before: making it again, and of what was read
// the share that the cache had held. It is false when the answer does not tell, because it was about something else.
func freeCostOf(before []Message, r Request, st protocol.Stats) (time.Duration, bool) {
	known, all := 0, 0
	pictures, seen := 0, 0
	same := true
	for i, m := range r.Messages {
		same = same && i < len(before) && sameMessage(before[i], m)
		all += len(m.Text) + messageTokens
		pictures += len(m.Images)
		if same {
			known += len(m.Text) + messageTokens
			seen += len(m.Images)
		}
	}
	if known == 0 || all == 0 {
		return 0, false
	}
	millis := st.PrepareMillis
	if pictures > 0 {
		millis += st.EncodeMillis * float64(seen) / float64(pictures)
	}
	share := float64(known) / float64(all)
	if st.ImageTokens > 0 && pictures > 0 { // pictures are most of a prompt
		share = float64(seen) / float64(pictures)
	}
	millis += st.PromptMillis * share
	return time.Duration(millis * float64(time.Millisecond)), true
}

func sameMessage(a, b Message) bool {
	return a.Role == b.Role && a.Text == b.Text && slices.Equal(a.Images, b.Images)
}
