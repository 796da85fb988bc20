package transfer

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"galago/app/chat/store"
	"galago/assets/words"
)

// format and version are what a file says it is.
const (
	format  = "galago-conversation"
	version = 1
)

// document is the file, without the pictures' own bytes.
type document struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Title   string    `json:"title,omitempty"`
	Created time.Time `json:"created,omitzero"`
	Updated time.Time `json:"updated,omitzero"`
	Turns   []turn    `json:"turns"`
}

type turn struct {
	Question string      `json:"question"`
	Created  time.Time   `json:"created,omitzero"`
	Pictures []turnImage `json:"pictures,omitempty"`
	Answer   answer      `json:"answer"`
	Earlier  []answer    `json:"earlier,omitempty"` // oldest first
}

type turnImage struct {
	Hash   string `json:"hash"` // of one of the file's pictures
	Name   string `json:"name,omitempty"`
	Detail string `json:"detail,omitempty"`
	Width  int    `json:"width,omitempty"`
	Height int    `json:"height,omitempty"`
}

type answer struct {
	Text    string         `json:"text"`
	State   store.State    `json:"state"`
	Drop    bool           `json:"drop,omitempty"`
	Figures []string       `json:"figures,omitempty"`
	Notices []string       `json:"notices,omitempty"`
	Problem *store.Problem `json:"problem,omitempty"`
	Model   string         `json:"model,omitempty"`
	Started time.Time      `json:"started,omitzero"`
	Ended   time.Time      `json:"ended,omitzero"`
	Thought int64          `json:"thought_ms,omitempty"`
	Cut     bool           `json:"cut,omitempty"`
}

// picture is the file of a picture.
type picture struct {
	Hash    string `json:"hash"` // SHA-256 of the data, hexadecimal
	Type    string `json:"type,omitempty"`
	Missing bool   `json:"missing,omitempty"` // it was lost before: there is no data
	Data    []byte `json:"data,omitempty"`
}

// JSON writes a conversation to a file from which Import makes the same one again. It replaces one of its name. At
// most one picture is in memory at a time. A conversation that would need more than MaxFile bytes is refused.
func JSON(path string, c store.Conversation, pictures Pictures) (r Result, err error) {
	r.Path = path
	return r, writeFile(path, func(w io.Writer) error {
		b := bufio.NewWriterSize(&limited{w, MaxFile}, 1<<16)
		r.Missing, err = writeJSON(b, c, pictures)
		if err != nil {
			return err
		}
		return b.Flush()
	})
}

// limited refuses what is more than some bytes.
type limited struct {
	to   io.Writer
	left int64
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= int64(len(p)); l.left < 0 {
		return 0, errors.New(words.T("the conversation has too many pictures for one file. Export it as Markdown"))
	}
	return l.to.Write(p)
}

func writeJSON(w *bufio.Writer, c store.Conversation, pictures Pictures) (missing int, err error) {
	head, err := encode(documentOf(c))
	if err != nil {
		return 0, err
	}
	w.Write(bytes.TrimSuffix(head, []byte("\n}"))) // the pictures go in before the end; errors are Flush's
	w.WriteString(",\n  \"pictures\": [")
	done := map[store.Hash]bool{}
	for _, t := range c.Turns {
		for _, p := range t.Pictures {
			if done[p.Hash] {
				continue
			}
			if len(done) > 0 {
				w.WriteByte(',')
			}
			done[p.Hash] = true
			data, err := pictures(p.Hash)
			switch {
			case lost(err):
				missing++
				fmt.Fprintf(w, "\n    {\"hash\": %q, \"missing\": true}", p.Hash)
			case err != nil:
				return missing, err
			default:
				if err := writePicture(w, p.Hash, data); err != nil {
					return missing, err
				}
			}
		}
	}
	if len(done) > 0 {
		w.WriteString("\n  ")
	}
	_, err = w.WriteString("]\n}\n")
	return missing, err
}

func writePicture(w *bufio.Writer, h store.Hash, data []byte) error {
	if store.HashOf(data) != h {
		return errors.New(words.T("a picture is not what its name says"))
	}
	_, mime := kind(data)
	fmt.Fprintf(w, "\n    {\"hash\": %q, \"type\": %q, \"data\": \"", h, mime)
	e := base64.NewEncoder(base64.StdEncoding, w)
	e.Write(data)
	e.Close()
	_, err := w.WriteString("\"}")
	return err
}

// encode is a document as people can read it, too.
func encode(d document) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func documentOf(c store.Conversation) document {
	d := document{Format: format, Version: version, Title: c.Title, Created: utc(c.Created), Updated: utc(c.Updated), Turns: []turn{}}
	for _, t := range c.Turns {
		out := turn{Question: t.Question, Created: utc(t.Created), Answer: answerOf(t.Answer)}
		for _, p := range t.Pictures {
			out.Pictures = append(out.Pictures, turnImage{p.Hash.String(), p.Name, p.Detail, p.Width, p.Height})
		}
		for _, a := range t.Earlier {
			out.Earlier = append(out.Earlier, answerOf(a))
		}
		d.Turns = append(d.Turns, out)
	}
	return d
}

func answerOf(a store.Answer) answer {
	if !a.State.Over() { // it will not go on in the file
		a.State = store.Interrupted
	}
	return answer{
		Text: a.Text, State: a.State, Drop: a.Drop, Figures: a.Figures, Notices: a.Notices, Problem: a.Problem, Model: a.Model,
		Started: utc(a.Started), Ended: utc(a.Ended), Thought: a.Thought.Milliseconds(), Cut: a.Cut,
	}
}

// utc is a time without a place, so that the file is the same everywhere.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}
