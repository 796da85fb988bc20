package app

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	"galago/app/chat/store"
	"galago/assets/words"
	"galago/ui"
)

// say shows the notice, in place of what it said before.
func (p *program) say(what ui.Problem) {
	if r, ok := record(nil).(*recorder); ok {
		r.write(line{Event: "notice", Text: what.Title})
		r.file.Close()
	}
	if p.notice == nil {
		theme, size := looksSetting(p.settings)
		p.notice = ui.NewNotice(p.app, theme, size, p.giveUp)
		p.notice.Set(what)
		p.notice.Show()
		return
	}
	p.notice.SetBusy(false)
	p.notice.Set(what)
}

func (p *program) hideNotice() {
	if p.notice != nil {
		p.notice.Close()
		p.notice = nil
	}
}

// giveUp ends the program from the notice.
func (p *program) giveUp() {
	p.hideNotice()
	p.app.Quit()
}

// refused is why the conversations cannot be opened, and what can be done.
func (p *program) refused(err error) ui.Problem {
	var newer *store.NewerError
	switch {
	case errors.Is(err, store.ErrLocked):
		return ui.Problem{
			Title: words.T("Galago is already open"),
			Text:  words.T("Your conversations are open in another window. Only one at a time can have them, so that nothing is lost."),
			Choices: []ui.Choice{
				{Label: words.T("Bring it to the front"), Do: p.bringFirst},
				{Label: words.T("Close"), Do: p.giveUp},
			},
		}
	case errors.As(err, &newer):
		return ui.Problem{
			Title:   words.T("Your conversations are from a newer Galago"),
			Text:    sentence(err),
			Action:  words.T("You can ask all the same. Nothing is kept then, and your conversations stay as they are."),
			Choices: []ui.Choice{p.withoutKeeping(), {Label: words.T("Close"), Do: p.giveUp}},
		}
	}
	return ui.Problem{
		Title:  words.T("Your conversations cannot be opened"),
		Text:   sentence(err),
		Action: words.T("You can ask all the same. Nothing is kept then, and your conversations stay as they are."),
		Choices: []ui.Choice{
			{Label: words.T("Try again"), Do: p.openAgain},
			p.withoutKeeping(),
			{Label: words.T("Close"), Do: p.giveUp},
		},
	}
}

// hung is what to do when the first window does not answer.
func (p *program) hung() ui.Problem {
	return ui.Problem{
		Title: words.T("Galago is already open, but does not answer"),
		Text:  words.T("Its window may be busy for a moment, or hang."),
		Action: words.T("Wait a little and try again. If that does not help, close that window, or end the program galago in the " +
			"system's list of processes: what was asked and answered until then is kept."),
		Choices: []ui.Choice{
			{Label: words.T("Try again"), Do: p.bringFirst},
			p.withoutKeeping(),
			{Label: words.T("Close"), Do: p.giveUp},
		},
	}
}

func (p *program) withoutKeeping() ui.Choice {
	return ui.Choice{Label: words.T("Ask without keeping conversations"), Do: func() {
		p.controller.openStore = nil
		p.show()
	}}
}

// knock gives the first window the files, and asks it to come to the front.
func (p *program) knock() error {
	ctx, cancel := context.WithTimeout(context.Background(), answerPatience)
	defer cancel()
	letOthersToFront()
	return knock(ctx, p.sockets, callFor(p.files))
}

// bringFirst asks the first window to come to the front, and leaves it the screen. If it is gone by now, this is the
// first.
func (p *program) bringFirst() {
	p.notice.SetBusy(true)
	go func() {
		err := p.knock()
		p.gate.pass(func() {
			if err == nil {
				p.giveUp()
				return
			}
			p.openAgain()
		})
	}()
}

// openAgain tries once more to open the conversations.
func (p *program) openAgain() {
	p.notice.SetBusy(true)
	o := beginOpening(p.kept, p.state)
	p.opening = o
	go func() {
		<-o.done
		p.gate.pass(func() {
			switch err := o.err; {
			case err == nil:
				p.show()
			case errors.Is(err, store.ErrLocked):
				p.say(p.hung())
			default:
				p.say(p.refused(err))
			}
		})
	}()
}

// looksSetting is the theme and the size of text that the settings ask for, before the controller has read them; empty and
// 0 where they say nothing.
func looksSetting(path string) (theme string, textSize float64) {
	var s struct {
		Theme    string
		TextSize float64 `json:"text_size"`
	}
	if data, err := os.ReadFile(path); err != nil || json.Unmarshal(data, &s) != nil {
		return "", 0
	}
	return s.Theme, s.TextSize
}

// reporting is a View that offers the report of a crash below the header, where nothing graver is to be said.
type reporting struct {
	ui.View
	offer *ui.Banner // nil: none, or dismissed
	said  *ui.Banner // what else there is to say
}

// SetBanner is of ui.View.
func (r *reporting) SetBanner(b *ui.Banner) {
	r.said = b
	r.show()
}

func (r *reporting) show() {
	if r.offer != nil && (r.said == nil || !r.said.Problem) {
		r.View.SetBanner(r.offer)
		return
	}
	r.View.SetBanner(r.said)
}

// offerReports offers to show the folder of a report.
func (r *reporting) offerReports(report string) {
	r.offer = &ui.Banner{
		Text:    words.T("Galago ended unexpectedly last time. A report of it was written, without anything you asked or were answered."),
		Detail:  report,
		Label:   words.T("Open the folder"),
		Dismiss: r.dismiss,
		Do: func() {
			if err := openFolder(filepath.Dir(report)); err != nil {
				r.View.Notify(sentence(err))
				return
			}
			r.dismiss()
		},
	}
	r.show()
}

func (r *reporting) dismiss() {
	r.offer = nil
	r.show()
}
