package soak

import (
	"image"
	"slices"

	"galago/ui"
)

// view stands for the window: it knows what would be seen there. It belongs to the test's goroutine, which stands for
// Fyne's main one.
type view struct {
	model         ui.Model
	attachments   []ui.Attachment
	samples       []ui.Sample
	turns         []ui.Turn
	queue         []ui.Turn
	busy          bool
	settings      ui.Settings
	conversations []ui.Conversation
	open          int64
	notes         int
	note          string
	offer         func() // of the last Offer
}

func (v *view) SetModel(m ui.Model)                       { v.model = m }
func (v *view) SetBanner(*ui.Banner)                      {}
func (v *view) SetSamples(s []ui.Sample)                  { v.samples = s }
func (v *view) SetAttachments(list []ui.Attachment)       { v.attachments = list }
func (v *view) SetComposerText(string)                    {}
func (v *view) SetTurns(turns []ui.Turn)                  { v.turns = slices.Clone(turns) }
func (v *view) SetQueue(turns []ui.Turn)                  { v.queue = turns }
func (v *view) SetBusy(busy bool)                         { v.busy = busy }
func (v *view) SetGauge(ui.Gauge)                         {}
func (v *view) SetPanel(ui.Panel)                         {}
func (v *view) SetMemory([]ui.MemoryItem)                 {}
func (v *view) SetSettings(s ui.Settings)                 { v.settings = s }
func (v *view) Notify(text string)                        { v.note = text; v.notes++ }
func (v *view) Offer(text, _ string, do func())           { v.Notify(text); v.offer = do }
func (v *view) ShowImage(ui.Sheet)                        {}
func (v *view) ChooseModel()                              {}
func (v *view) ChooseFile(string, []string, func(string)) {}
func (v *view) SaveFile(string, string, func(string))     {}
func (v *view) ChooseFolder(string, func(string))         {}
func (v *view) SetConversations(l []ui.Conversation)      { v.conversations = l }
func (v *view) SetOpen(id int64)                          { v.open = id }
func (v *view) SetHits(string, []ui.Hit)                  {}
func (v *view) SetThumb(int64, image.Image)               {}
func (v *view) ShowSidebar(bool)                          {}
func (v *view) ScrollTo(uint64)                           {}
func (v *view) SetModels(ui.Models)                       {}
func (v *view) ShowModels()                               {}
func (v *view) SetWelcome(*ui.Welcome)                    {}
func (v *view) SetDiagnosis(ui.Diagnosis)                 {}
func (v *view) ShowDiagnosis()                            {}

func (v *view) PutTurn(t ui.Turn) {
	for i := range v.turns {
		if v.turns[i].ID == t.ID {
			v.turns[i] = t
			return
		}
	}
	v.turns = append(v.turns, t)
}

// last is the turn at the end.
func (v *view) last() ui.Turn {
	if len(v.turns) == 0 {
		return ui.Turn{State: -1}
	}
	return v.turns[len(v.turns)-1]
}

func over(t ui.Turn) bool { return t.State >= ui.TurnDone }

// quiet reports whether nothing is asked, in any conversation.
func (v *view) quiet() bool {
	running := func(t ui.Turn) bool { return !over(t) }
	return !v.busy && len(v.queue) == 0 && !slices.ContainsFunc(v.turns, running) &&
		!slices.ContainsFunc(v.conversations, func(c ui.Conversation) bool { return c.Busy })
}

// reading reports whether pictures of the composer are being read.
func (v *view) reading() bool {
	return slices.ContainsFunc(v.attachments, func(a ui.Attachment) bool { return a.Thumb == nil && a.Problem == nil })
}
