package app

import (
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/adrg/xdg"

	"galago/assets/words"
	"galago/inference/portable"
	"galago/ui"
)

// refusePortable says why a portable Galago cannot begin. It does not go on elsewhere: who carries Galago along does not
// want to leave anything behind.
func refusePortable(err error) {
	settings := filepath.Join(xdg.ConfigHome, "galago", "settings.json") // it may be there to be read
	speak(settings, filepath.Join(xdg.CacheHome, "galago"), slog.New(slog.DiscardHandler))
	p := &program{settings: settings, app: newFyne(), gate: &gate{}}
	p.say(p.unwritable(err))
	p.app.Run()
}

// unwritable is what to do when there is no writing beside a portable Galago.
func (p *program) unwritable(err error) ui.Problem {
	problem := ui.Problem{
		Title: words.T("Galago cannot write to its own folder"),
		Action: words.T("Copy the whole folder of Galago to a place that you can write to, or remove the file “portable”: then Galago keeps its data in your own " +
			"folders, as usual."),
		Detail:  err.Error(),
		Choices: []ui.Choice{{Label: words.T("Close"), Do: p.giveUp}},
	}
	var e *portable.Error
	if errors.As(err, &e) {
		programs := filepath.Dir(e.Folder)
		problem.Text = words.T("Because a file named “portable” lies beside it, Galago keeps everything in %s. That folder cannot be written to.", e.Folder)
		problem.Choices = append(problem.Choices, ui.Choice{Label: words.T("Open the folder"), Do: func() { _ = openFolder(programs) }})
	}
	return problem
}
