package app

import (
	"errors"
	"path/filepath"
	"strings"

	"galago/app/library/download"
	"galago/assets/words"
	"galago/ui"
)

// isOffline reports whether a download failed because there is no network.
func isOffline(err error) bool { return fetchKind(err) == download.Offline }

// fetchKind is what went wrong with a download.
func fetchKind(err error) download.Kind {
	var e *download.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return download.Server
}

// fetchProblem says why a download failed, with what helps as buttons.
func (c *Controller) fetchProblem(s download.State) *ui.Problem {
	p := &ui.Problem{Title: words.T("The download stopped")}
	if s.Err == nil {
		p.Choices = []ui.Choice{c.tryAgain(s.ID)}
		return p
	}
	p.Text = sentence(s.Err)
	var e *download.Error
	if errors.As(s.Err, &e) && e.Err != nil {
		p.Detail = e.Err.Error()
	}
	again := c.tryAgain(s.ID)
	switch fetchKind(s.Err) {
	case download.Offline:
		p.Title = words.T("No network")
		p.Choices = []ui.Choice{again, {Label: words.T("Open a model file…"), Do: c.view.ChooseModel}}
	case download.DiskFull, download.Disk:
		p.Title = words.T("The disk does not take it")
		p.Choices = []ui.Choice{again, {Label: words.T("Show the folder"), Do: c.showModelsFolder}}
	case download.Gated:
		p.Title = words.T("Its terms have to be accepted first")
		p.Choices = []ui.Choice{again}
		if e.Page != "" {
			page := e.Page
			first := ui.Choice{Label: words.T("Open the page"), Do: func() { c.OpenLink(page) }} // p.Action shows where it leads
			if c.browse == nil {
				first = ui.Choice{Label: words.T("Copy the page’s address"), Do: func() { c.copyAddress(page) }}
			}
			p.Choices = append([]ui.Choice{first}, p.Choices...)
			p.Action = words.T("Accept the terms on %s with an account there, download the files there, and open them here.", page)
		}
	case download.WrongDigest:
		p.Title = words.T("Not the file that it should be")
		p.Choices = []ui.Choice{again}
		if len(s.SetAside) > 0 {
			var names []string
			for _, path := range s.SetAside {
				names = append(names, filepath.Base(path))
			}
			p.Action = words.T("What came is set aside as %s and is not used.", strings.Join(names, ", "))
			id := s.ID
			p.Choices = append(p.Choices, ui.Choice{Label: words.T("Delete what came"), Do: func() { c.lib.Downloads.Discard(id) }})
		}
		p.Choices = append(p.Choices, ui.Choice{Label: words.T("Show the folder"), Do: c.showModelsFolder})
	case download.Invalid:
	default:
		p.Choices = []ui.Choice{again}
	}
	return p
}

func (c *Controller) tryAgain(job string) ui.Choice {
	return ui.Choice{Label: words.T("Try again"), Do: func() { c.resumeAny(job) }}
}

// showModelsFolder shows where downloads go.
func (c *Controller) showModelsFolder() { c.showFolder(c.lib.Folder) }
