package ui

import (
	"fmt"
	"image"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/test"
)

// fillWindow shows a bit of everything.
func fillWindow(w *Window) {
	shelf := flat(48, 32, rgb(0x886644))
	w.SetModel(Model{Name: "Qwen3-VL-4B", Detail: "Q8_0 · 8k context", Loading: -1, Vision: true})
	w.SetBanner(&Banner{Text: "The engine stopped.", Problem: true, Detail: "exit status 134", Label: "Start it again"})
	w.SetGauge(sampleGauge())
	w.SetMemory(sampleMemory())
	w.SetQueue([]Turn{{ID: 9, Question: "And the lower shelf?"}})
	w.SetAttachments([]Attachment{{
		ID: 1, Name: "shelf.jpg", Thumb: shelf, Info: "4032 × 3024 → 1184 × 896 · 1,036 tokens", Cost: "+90 MiB", Details: []string{"low", "", "high"},
	}})
	w.SetTurns([]Turn{
		{
			ID: 1, Question: "What is there?", Images: []image.Image{shelf}, Answer: sampleAnswer, State: TurnDone, Version: 2, Versions: 2,
			Thinking: "Let me see.", ThoughtFor: "4 s", Figures: []string{"300 picture tokens", "42 tokens/s"}, Notices: []string{"The picture was read at 256 tokens."},
		},
		{ID: 2, Question: "And now?", State: TurnFailed, Problem: &Problem{Title: "It does not fit", Text: "212 MiB are needed.", Choices: []Choice{{Label: "Use 256 tokens"}}}},
	})
	w.Notify("Copied")
}

// cutTexts are the texts in a window that do not fit into their place and are not shortened with an ellipsis either.
func cutTexts(c fyne.Canvas) (cut []string) { return cutIn(test.LaidOutObjects(c.Content())) }

// cutIn is the same of some objects.
func cutIn(objects []fyne.CanvasObject) (cut []string) {
	for _, o := range objects {
		t, ok := o.(*canvas.Text)
		if !ok || !t.Visible() || strings.TrimSpace(t.Text) == "" || strings.HasSuffix(t.Text, "…") {
			continue
		}
		if need, has := fyne.MeasureText(t.Text, t.TextSize, t.TextStyle), t.Size(); need.Width > has.Width+1 || need.Height > has.Height+1.5 {
			cut = append(cut, fmt.Sprintf("%q needs %v and has %v", t.Text, need, has))
		}
	}
	return cut
}

func TestNothingIsCutAtAnyTextSize(t *testing.T) {
	t.Cleanup(func() { setTextFactor(1) })
	act := Actions{
		Send: func(string) {}, Copy: func(uint64) {}, Retry: func(uint64) {}, NewChat: func() {}, Memory: func(MemoryAction) {}, Settings: func(Settings) {},
		Detail: func(uint64, string) {}, PickAnswer: func(uint64, int) {}, OpenConversation: func(int64, int64) {},
	}
	for _, size := range []float64{0.8, 1, 1.25, 1.6} {
		for _, live := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v live %v", size, live), func(t *testing.T) {
				setTextFactor(1)
				w, _ := testWindow(t, act)
				w.win.Resize(fyne.NewSize(800, 600))
				if live {
					fillWindow(w)
				}
				before := textHeight(scaled(textBody))
				w.SetSettings(Settings{MaxTokens: 768, Theme: "dark", TextSize: size})
				if !live {
					fillWindow(w)
				}
				for _, text := range cutTexts(w.win.Canvas()) {
					t.Error(text)
				}
				if got := textHeight(scaled(textBody)); (size > 1) != (got > before) && size != 1 {
					t.Errorf("a line is %v high, and was %v", got, before)
				}
				checkSizes(t, w, float32(size))
			})
		}
	}
}

// checkSizes finds texts that did not follow.
func checkSizes(t *testing.T, w *Window, factor float32) {
	t.Helper()
	for _, o := range test.LaidOutObjects(w.win.Canvas().Content()) {
		if text, ok := o.(*canvas.Text); ok && text.Visible() && text.Text != "" {
			if least := textLabel*factor - 0.6; text.TextSize < least {
				t.Errorf("%q has a size of %v at %v", text.Text, text.TextSize, factor)
			}
		}
	}
}
