package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"galago/app/chat"
	"galago/app/chat/store"
	"galago/assets/words"
	"galago/inference/disk"
)

// Markdown writes a conversation to a file to be read, and its pictures into a folder beside it that is named after
// the file. The file replaces one of its name; a folder that exists is left alone, and another name found.
func Markdown(path string, c store.Conversation, pictures Pictures) (r Result, err error) {
	r.Path = path
	e := &markdown{c: c, pictures: pictures, beside: strings.TrimSuffix(path, filepath.Ext(path)), names: map[store.Hash]string{}}
	defer func() {
		if err != nil && e.folder != "" {
			os.RemoveAll(e.folder) // it was made just now
		}
	}()
	if err := e.savePictures(); err != nil {
		return r, err
	}
	r.Folder, r.Missing = e.folder, e.missing
	return r, writeFile(path, func(w io.Writer) error {
		b := bufio.NewWriter(w)
		e.write(b)
		return b.Flush() // tells all errors before it
	})
}

type markdown struct {
	c        store.Conversation
	pictures Pictures
	beside   string // the folder's name without what is put behind it
	folder   string // where the pictures are; empty before the first
	names    map[store.Hash]string
	missing  int
}

// savePictures writes every picture once. Those that are lost have an empty name.
func (e *markdown) savePictures() error {
	for _, t := range e.c.Turns {
		for _, p := range t.Pictures {
			if _, done := e.names[p.Hash]; done {
				continue
			}
			data, err := e.pictures(p.Hash)
			if lost(err) {
				e.missing++
				e.names[p.Hash] = ""
				continue
			}
			if err != nil {
				return err
			}
			if err := e.savePicture(p, data); err != nil {
				return err
			}
		}
	}
	if e.folder == "" {
		return nil
	}
	return told(disk.SyncFolder(e.folder))
}

func (e *markdown) savePicture(p store.TurnPicture, data []byte) error {
	if e.folder == "" {
		if err := e.makeFolder(); err != nil {
			return err
		}
	}
	name := strings.TrimSuffix(p.Name, filepath.Ext(p.Name))
	ending, _ := kind(data)
	// The number makes it unique, also where capitals do not count.
	name = fmt.Sprintf("%02d-%s%s", len(e.names)+1, safeName(name, "picture"), ending)
	e.names[p.Hash] = name
	return writeFile(filepath.Join(e.folder, name), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// makeFolder makes a folder that was not there before.
func (e *markdown) makeFolder() error {
	const tries = 1000
	for n := 1; n <= tries; n++ {
		folder := e.beside + "-pictures"
		if n > 1 {
			folder = fmt.Sprintf("%s-%d", folder, n)
		}
		err := os.Mkdir(folder, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			e.folder = folder
		}
		return told(err)
	}
	return errors.New(words.T("there are too many folders with pictures of this name. Choose another name"))
}

func (e *markdown) write(w *bufio.Writer) {
	title := e.c.Title
	if strings.TrimSpace(title) == "" {
		title = words.T("Conversation")
	}
	fmt.Fprintf(w, "# %s\n\n", escape(title))
	if !e.c.Created.IsZero() {
		fmt.Fprintf(w, "%s\n\n", escape(words.T("A conversation with Galago, begun on %s.", stamp(e.c.Created))))
	}
	for _, t := range e.c.Turns {
		e.writeTurn(w, t)
	}
}

func (e *markdown) writeTurn(w *bufio.Writer, t store.Turn) {
	fmt.Fprintf(w, "---\n\n**%s**%s\n\n", escape(words.T("You")), byLine(stamp(t.Created)))
	for _, p := range t.Pictures {
		if name := e.names[p.Hash]; name != "" {
			fmt.Fprintf(w, "![%s](%s/%s)\n\n", escape(p.Name), url.PathEscape(filepath.Base(e.folder)), url.PathEscape(name))
		} else {
			fmt.Fprintf(w, "*%s*\n\n", escape(words.T("The picture %s is no longer there.", p.Name)))
		}
	}
	fmt.Fprintf(w, "%s\n\n", quote(lines(t.Question)))
	a := t.Answer
	fmt.Fprintf(w, "**Galago**%s\n\n", byLine(a.Model))
	thinking, text, _ := chat.Split(a.Text)
	if thinking != "" {
		fmt.Fprintf(w, "%s\n\n", quote("*"+escape(words.T("Thoughts"))+"*\n\n"+closed(thinking)))
	}
	if text = closed(text); text != "" {
		fmt.Fprintf(w, "%s\n\n", text)
	}
	e.writeEnd(w, a)
}

// writeEnd says how an answer ended, and what is known about it.
func (e *markdown) writeEnd(w *bufio.Writer, a store.Answer) {
	var notes []string
	switch a.State {
	case store.Cancelled:
		notes = append(notes, words.T("The answer was stopped."))
	case store.Interrupted, store.Waiting, store.Streaming:
		notes = append(notes, words.T("The answer was interrupted."))
	}
	if p := a.Problem; p != nil {
		notes = append(notes, strings.Join(strings.Fields(p.Title+". "+p.Text), " "))
	}
	notes = append(notes, a.Notices...)
	for _, n := range notes {
		fmt.Fprintf(w, "> %s\n", escape(n))
	}
	if len(notes) > 0 {
		fmt.Fprintln(w)
	}
	if len(a.Figures) > 0 {
		fmt.Fprintf(w, "*%s*\n\n", escape(strings.Join(a.Figures, " · ")))
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04")
}

// byLine is what follows a name, if there is anything.
func byLine(text string) string {
	if text == "" {
		return ""
	}
	return " · " + escape(text)
}

// marks are the characters that mean something in Markdown.
const marks = "\\`*_{}[]<>()#+-.!|~&$^=:\"'"

// escape makes one line of a text that Markdown shows as it is.
func escape(text string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(strings.ToValidUTF8(text, "\uFFFD")), " ") {
		if strings.ContainsRune(marks, r) && special(r, b.Len() == 0) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// special reports whether a mark has to be escaped. Some mean something at the beginning of a line alone, and a text
// full of backslashes is hard to read.
func special(r rune, first bool) bool {
	switch r {
	case '-', '+', '#', '=', ':':
		return first
	case '.', ')', '(', '{', '}', '!', '"', '\'', '^':
		return false
	}
	return true
}

// lines makes a text of several lines that Markdown shows as it is, each line on one of its own.
func lines(text string) string {
	var out []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = escape(line)
		if digits := strings.TrimLeft(line, "0123456789"); digits != line && (strings.HasPrefix(digits, ".") || strings.HasPrefix(digits, ")")) {
			line = line[:len(line)-len(digits)] + `\` + digits // no list
		}
		out = append(out, line)
	}
	for i := range out {
		if out[i] != "" && i+1 < len(out) && out[i+1] != "" {
			out[i] += `\` // a break
		}
	}
	return strings.Join(out, "\n")
}

// quote puts a block of Markdown into a block quote.
func quote(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(strings.TrimRight("> "+line, " "))
	}
	return b.String()
}

// closed ends what a model left open, so that it does not swallow what follows: a box of code, a comment.
func closed(text string) string {
	text = strings.TrimSpace(strings.ToValidUTF8(text, "\uFFFD"))
	fence := ""
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		if len(line)-len(trimmed) > 3 {
			continue
		}
		mark := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`"))]
		if mark == "" {
			mark = trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "~"))]
		}
		rest := strings.TrimSpace(trimmed[len(mark):])
		switch {
		case len(mark) < 3:
		case fence == "" && (mark[0] == '~' || !strings.Contains(rest, "`")):
			fence = mark
		case fence != "" && mark[0] == fence[0] && len(mark) >= len(fence) && rest == "":
			fence = ""
		}
	}
	if fence != "" {
		return text + "\n" + fence
	}
	if strings.LastIndex(text, "<!--") > strings.LastIndex(text, "-->") {
		return text + "\n-->"
	}
	return text
}
