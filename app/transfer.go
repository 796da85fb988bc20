package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"galago/app/chat/store"
	"galago/app/chat/transfer"
	"galago/assets/words"
)

// export is a way to write a conversation.
type export struct {
	ending string
	write  func(path string, c store.Conversation, pictures transfer.Pictures) (transfer.Result, error)
}

// exports are the ways by their names in ui.Actions.
var exports = map[string]export{
	"markdown": {".md", transfer.Markdown},
	"json":     {".json", transfer.JSON},
}

// ExportConversation asks where, and writes a conversation there as it is kept.
func (c *Controller) ExportConversation(id int64, format string) {
	e, known := exports[format]
	if !known || c.journal == nil {
		return
	}
	name := transfer.Name(c.titleOf(id)) + e.ending
	c.view.SaveFile(words.T("Export the conversation"), name, func(path string) {
		c.readBehind(func(s *store.Store) func() {
			r, err := exportTo(path, e, id, s)
			return func() { c.exported(r, err) }
		})
	})
}

// exportTo writes beside the main goroutine.
func exportTo(path string, e export, id int64, s *store.Store) (transfer.Result, error) {
	conversation, err := s.Load(id)
	if err != nil {
		dropEmpty(path)
		return transfer.Result{}, err
	}
	r, err := e.write(withEnding(path, e.ending), conversation, s.Picture)
	if err != nil {
		dropEmpty(path)
	}
	return r, err
}

// exported tells what an export came to.
func (c *Controller) exported(r transfer.Result, err error) {
	if err != nil {
		c.view.Notify(words.T("The conversation was not exported: %s", sentence(err)))
		return
	}
	text := words.T("The conversation is in %s.", filepath.Base(r.Path))
	switch {
	case r.Missing == 1:
		text += " " + words.T("One picture is no longer there and is left out.")
	case r.Missing > 1:
		text += " " + words.T("%d pictures are no longer there and are left out.", r.Missing)
	}
	c.view.Offer(text, words.T("Show the folder"), func() { c.showFolder(filepath.Dir(r.Path)) })
}

// withEnding is a path with the ending of its format. One that the person did not choose is of a file that is not there
// yet, since nobody was asked whether it may be replaced.
func withEnding(path, ending string) string {
	if strings.EqualFold(filepath.Ext(path), ending) {
		return path
	}
	dropEmpty(path) // the dialog may have made it
	free := path + ending
	for n := 2; ; n++ {
		if _, err := os.Lstat(free); err != nil {
			return free
		}
		free = fmt.Sprintf("%s-%d%s", path, n, ending)
	}
}

// dropEmpty removes a file with nothing in it, which some dialogs make of the name that was chosen.
func dropEmpty(path string) {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == 0 {
		os.Remove(path) // if it cannot be, it stays
	}
}

// ImportConversation asks for a file that ExportConversation wrote as JSON, makes a new conversation of it and opens
// that, unless the person has opened another one meanwhile.
func (c *Controller) ImportConversation() {
	if c.journal == nil {
		return
	}
	c.view.ChooseFile(words.T("Import a conversation"), []string{".json", ".JSON"}, func(path string) {
		c.view.Notify(words.T("The conversation is being imported…"))
		this := c.opening
		c.readBehind(func(s *store.Store) func() {
			made, err := transfer.Import(path, s)
			return func() { c.imported(made, err, this == c.opening) }
		})
	})
}

func (c *Controller) imported(made store.Summary, err error, open bool) {
	if err != nil {
		c.view.Notify(words.T("The conversation was not imported: %s", sentence(err)))
		return
	}
	c.refresh()
	text := words.T("“%s” is imported.", shortened(made.Title))
	if !open {
		c.view.Offer(text, words.T("Open"), func() { c.OpenConversation(made.ID, 0) })
		return
	}
	c.view.Notify(text)
	c.OpenConversation(made.ID, 0)
}
