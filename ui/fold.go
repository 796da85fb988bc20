package ui

import (
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"

	"galago/assets/words"
)

// longText is from how many characters on a text that is pasted is folded. Fyne's entry lays out all it holds at every
// key, in a time that grows with the square: 10,000 characters took 10 s on a busy machine.
const longText = 2000

// folded is a long text, and the mark that stands for it in the composer.
type folded struct{ mark, text string }

// fold returns what is to stand in the entry for a text: itself, or a mark where it is long. What was folded before has
// its old mark.
func (e *questionEntry) fold(text string) string {
	for _, f := range e.folds {
		text = strings.ReplaceAll(text, f.text, f.mark)
	}
	n := utf8.RuneCountInString(text)
	if n <= longText {
		return text
	}
	mark := words.T("[text %d: %s characters]", len(e.folds)+1, words.Thousands(n))
	e.folds = append(e.folds, folded{mark, e.unfold(text)})
	return mark
}

// unfold puts the long texts back in the place of their marks.
func (e *questionEntry) unfold(text string) string {
	for _, f := range e.folds {
		text = strings.ReplaceAll(text, f.mark, f.text)
	}
	return text
}

// whole is all that the question says.
func (e *questionEntry) whole() string { return e.unfold(e.Text) }

// oneText is a clipboard that holds a text alone.
type oneText string

func (t oneText) Content() string { return string(t) }
func (oneText) SetContent(string) {}

var _ fyne.Clipboard = oneText("")
