package app

import (
	"encoding/json"
	"os"

	"galago/ui"
)

// StateEnv names the environment variable with a file to which everything that the window is told to show is appended,
// one JSON object a line. The end-to-end tests wait for these lines instead of sleeping.
const StateEnv = "GALAGO_TEST_STATE"

// recorder is a View that writes down what it passes on.
type recorder struct {
	ui.View
	file *os.File
}

// record wraps view if StateEnv asks for it.
func record(view ui.View) ui.View {
	path := os.Getenv(StateEnv)
	if path == "" {
		return view
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return view
	}
	return &recorder{View: view, file: f}
}

// line is one record; what does not belong to its event is left out.
type line struct {
	Event    string      `json:"event"`
	ID       uint64      `json:"id,omitempty"`
	Name     string      `json:"name,omitempty"`
	State    string      `json:"state,omitempty"`
	Text     string      `json:"text,omitempty"`
	Question string      `json:"question,omitempty"`
	Answer   string      `json:"answer,omitempty"`
	Phase    string      `json:"phase,omitempty"`
	Line     string      `json:"line,omitempty"`
	Figures  []string    `json:"figures,omitempty"`
	Problem  *ui.Problem `json:"problem,omitempty"`
	Notices  []string    `json:"notices,omitempty"`
	Items    []item      `json:"items,omitempty"`
	Waiting  int         `json:"waiting,omitempty"`
	Busy     bool        `json:"busy,omitempty"`
	Total    uint64      `json:"total,omitempty"`
	Used     uint64      `json:"used,omitempty"`
}

// item is a picture in the composer, or a line of a list.
type item struct {
	Name    string `json:"name"`
	Info    string `json:"info,omitempty"`
	Cost    string `json:"cost,omitempty"`
	Problem string `json:"problem,omitempty"`
	ID      uint64 `json:"id,omitempty"`
	Answer  string `json:"answer,omitempty"`
}

func (r *recorder) write(l line) {
	data, err := json.Marshal(l)
	if err != nil {
		return
	}
	r.file.Write(append(data, '\n'))
}

var turnStates = map[ui.TurnState]string{
	ui.TurnWaiting: "waiting", ui.TurnWorking: "working", ui.TurnStreaming: "streaming",
	ui.TurnDone: "done", ui.TurnCancelled: "cancelled", ui.TurnFailed: "failed", ui.TurnInterrupted: "interrupted",
}

func (r *recorder) SetModel(m ui.Model) {
	r.View.SetModel(m)
	r.write(line{Event: "model", Name: m.Name, State: m.State, Text: m.Detail})
}

func (r *recorder) SetBanner(b *ui.Banner) {
	r.View.SetBanner(b)
	l := line{Event: "banner"}
	switch {
	case b == nil:
	case b.Problem:
		l.Text, l.Name = b.Text, b.Label
	default:
		l.Line, l.Name = b.Text, b.Label
	}
	r.write(l)
}

func (r *recorder) SetAttachments(list []ui.Attachment) {
	r.View.SetAttachments(list)
	l := line{Event: "attachments"}
	for _, a := range list {
		it := item{Name: a.Name, Info: a.Info, Cost: a.Cost}
		if a.Problem != nil {
			it.Problem = a.Problem.Title + ": " + a.Problem.Text
		}
		l.Items = append(l.Items, it)
	}
	r.write(l)
}

func (r *recorder) SetComposerText(text string) {
	r.View.SetComposerText(text)
	r.write(line{Event: "composer", Text: text})
}

func (r *recorder) PutTurn(t ui.Turn) {
	r.View.PutTurn(t)
	r.write(line{
		Event: "turn", ID: t.ID, State: turnStates[t.State], Question: t.Question, Answer: t.Answer,
		Phase: t.Phase, Figures: t.Figures, Problem: t.Problem, Notices: t.Notices,
	})
}

func (r *recorder) SetQueue(turns []ui.Turn) {
	r.View.SetQueue(turns)
	r.write(line{Event: "queue", Waiting: len(turns)})
}

func (r *recorder) SetBusy(busy bool) {
	r.View.SetBusy(busy)
	r.write(line{Event: "busy", Busy: busy})
}

func (r *recorder) SetGauge(g ui.Gauge) {
	r.View.SetGauge(g)
	r.write(line{Event: "gauge", Name: g.Name, Line: g.Line, Total: g.Total, Used: g.Used})
}

func (r *recorder) SetMemory(items []ui.MemoryItem) {
	r.View.SetMemory(items)
	l := line{Event: "memory"}
	for _, i := range items {
		l.Items = append(l.Items, item{Name: string(i.Action), Info: i.Expect})
	}
	r.write(l)
}

func (r *recorder) Notify(text string) {
	r.View.Notify(text)
	r.write(line{Event: "notify", Text: text})
}

func (r *recorder) Offer(text, label string, do func()) {
	r.View.Offer(text, label, do)
	r.write(line{Event: "offer", Text: text, Name: label})
}

func (r *recorder) SetConversations(list []ui.Conversation) {
	r.View.SetConversations(list)
	l := line{Event: "conversations"}
	for _, c := range list {
		state := ""
		if c.Busy {
			state = "busy"
		}
		l.Items = append(l.Items, item{Name: c.Title, Info: state})
	}
	r.write(l)
}

func (r *recorder) SetTurns(turns []ui.Turn) {
	r.View.SetTurns(turns)
	l := line{Event: "turns"}
	for _, t := range turns {
		l.Items = append(l.Items, item{Name: t.Question, Info: turnStates[t.State], ID: t.ID, Answer: t.Answer})
	}
	r.write(l)
}

func (r *recorder) SetOpen(conversation int64) {
	r.View.SetOpen(conversation)
	r.write(line{Event: "open", ID: uint64(conversation)})
}

func (r *recorder) SetHits(query string, hits []ui.Hit) {
	r.View.SetHits(query, hits)
	l := line{Event: "hits", Text: query}
	for _, h := range hits {
		l.Items = append(l.Items, item{Name: h.Title})
	}
	r.write(l)
}

func (r *recorder) ShowImage(s ui.Sheet) {
	r.View.ShowImage(s)
	r.write(line{Event: "image", Name: s.Title})
}

var fetchStates = map[ui.FetchState]string{
	ui.FetchWaiting: "waiting", ui.FetchRunning: "running", ui.FetchChecking: "checking", ui.FetchPaused: "paused", ui.FetchFailed: "failed",
}

func (r *recorder) SetModels(m ui.Models) {
	r.View.SetModels(m)
	l := line{Event: "models", Text: m.Note, Line: m.Device, Phase: m.Engine.Title}
	for _, row := range m.Rows {
		it := item{Name: row.Name, Info: fetchStates[row.Fetch], Cost: row.Figures}
		if row.Open {
			it.Info = "open"
		}
		if row.Problem != nil {
			it.Problem = row.Problem.Title + ": " + row.Problem.Text
		}
		l.Items = append(l.Items, it)
	}
	r.write(l)
}

func (r *recorder) SetWelcome(w *ui.Welcome) {
	r.View.SetWelcome(w)
	l := line{Event: "welcome"}
	if w != nil {
		l.Name, l.Text, l.Phase, l.ID = w.Title, w.Text, w.Next, uint64(w.Step)
		for _, text := range w.Lines {
			l.Items = append(l.Items, item{Name: text})
		}
	}
	r.write(l)
}

func (r *recorder) SetDiagnosis(d ui.Diagnosis) {
	r.View.SetDiagnosis(d)
	l := line{Event: "diagnosis", State: d.Busy, Text: d.Summary}
	for _, f := range append(d.Lines, d.Test...) {
		l.Items = append(l.Items, item{Name: f.What, Info: f.Found, Problem: f.Problem})
	}
	r.write(l)
}
