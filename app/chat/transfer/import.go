package transfer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"galago/app/chat/store"
	"galago/assets/words"
)

// MaxFile is how many bytes a file may have, written or read.
const MaxFile = 4 << 30

// What a conversation in a file may be made of at most.
const (
	maxTurns    = 50_000
	maxEarlier  = 1_000     // answers to one question
	maxPictures = 10_000    // in the file
	maxOfTurn   = 1_000     // pictures of one question
	maxText     = 16 << 20  // bytes of a question or an answer
	maxAllText  = 512 << 20 // bytes of all of them
	maxTitle    = 4 << 10   // bytes; also of names
	maxLines    = 200       // figures, or notices
	maxSide     = 1 << 20   // pixels
)

var (
	maxData    = base64.StdEncoding.EncodedLen(store.MaxPicture) + 2 // characters of the longest string, with its quotes
	maxElement = maxData + 1<<20                                     // characters of a question with its answers, or of a picture
)

// Library is where an imported conversation goes. It is part of *store.Store.
type Library interface {
	PutPicture(data []byte) (store.Hash, error)
	Import(store.Conversation) (store.Summary, error)
}

// Import makes a new conversation of a file that JSON wrote. All of the file is checked before anything is stored, and
// the conversation is stored in one step, so that a file that is refused has changed nothing. At most one picture is in
// memory at a time.
//
// Errors are sentences: it is no such file, a newer Galago wrote it, it is damaged, or it could not be read or stored.
func Import(path string, into Library) (store.Summary, error) {
	f, err := open(path)
	if err != nil {
		return store.Summary{}, err
	}
	defer f.Close() // it was only read
	c, err := check(f)
	if err != nil {
		return store.Summary{}, err
	}
	if err := c.storePictures(f, into); err != nil {
		return store.Summary{}, err
	}
	return into.Import(c.conversation())
}

func open(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for its other end
		return nil, foreign()
	}
	if info.Size() > MaxFile {
		return nil, errors.New(words.T("the file is larger than any conversation that Galago exports"))
	}
	return os.Open(path)
}

func foreign() error {
	return errors.New(words.T("this is not a conversation that Galago exported. Choose a .json file that “Export as JSON…” wrote"))
}

// content is a file that was found good.
type content struct {
	document
	text     int                 // bytes of all questions and answers
	pictures map[store.Hash]bool // true: its data is there
}

// check reads all of a file and keeps everything but the pictures' data.
func check(f io.ReadSeeker) (*content, error) {
	limited := func() io.Reader { return io.LimitReader(f, MaxFile) }
	s, scanned := scan(limited())
	if err := s.ours(); err != nil {
		return nil, err
	}
	if scanned != nil {
		return nil, scanned
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	c := &content{pictures: map[store.Hash]bool{}}
	if err := c.read(limited(), func(h store.Hash, data []byte) error {
		if _, twice := c.pictures[h]; twice || len(c.pictures) == maxPictures {
			return damaged(words.T("there are too many pictures in it"))
		}
		c.pictures[h] = data != nil
		return nil
	}); err != nil {
		return nil, err
	}
	return c, c.checkAll()
}

// ours says whether a file is one of Galago's that this version knows.
func (s *scanner) ours() error {
	var name string
	if json.Unmarshal([]byte(s.format), &name) != nil || name != format {
		return foreign()
	}
	v, err := strconv.Atoi(s.version)
	switch {
	case err != nil || v < 1:
		return foreign()
	case v > version:
		return errors.New(words.T("a newer Galago exported this conversation (format %d, this one knows %d). Update Galago to import it", v, version))
	}
	return nil
}

// read takes a file apart, a question or a picture at a time. A picture that is missing has no data.
func (c *content) read(r io.Reader, picture func(store.Hash, []byte) error) error {
	d := json.NewDecoder(r)
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return unreadable(err)
		}
		switch name, _ := key.(string); strings.ToLower(name) {
		case "title":
			err = decode(d, &c.Title)
		case "created":
			err = decode(d, &c.Created)
		case "updated":
			err = decode(d, &c.Updated)
		case "turns":
			err = each(d, func() error { return c.readTurn(d) })
		case "pictures":
			err = each(d, func() error { return readPicture(d, picture) })
		default:
			err = skip(d)
		}
		if err != nil {
			return err
		}
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return damaged(words.T("something follows its end"))
	}
	return nil
}

func expect(d *json.Decoder, want json.Token) error {
	if t, err := d.Token(); err != nil {
		return unreadable(err)
	} else if t != want {
		return foreign()
	}
	return nil
}

// each reads an array.
func each(d *json.Decoder, one func() error) error {
	if t, err := d.Token(); err != nil {
		return unreadable(err)
	} else if t != json.Delim('[') {
		return damaged(words.T("it holds something else than it should"))
	}
	for d.More() {
		if err := one(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return unreadable(err)
}

// skip passes over a value, of which no more than a token is in memory.
func skip(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return unreadable(err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func decode(d *json.Decoder, to any) error { return unreadable(d.Decode(to)) }

// unreadable tells an error of the file's content from one of the disk.
func unreadable(err error) error {
	var path *os.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &path):
		return err
	}
	return fmt.Errorf("%w (%w)", damaged(words.T("it holds something else than it should")), err)
}

func (c *content) readTurn(d *json.Decoder) error {
	if len(c.Turns) == maxTurns {
		return damaged(words.T("there are too many questions in it"))
	}
	var t turn
	if err := decode(d, &t); err != nil {
		return err
	}
	c.text += len(t.Question) + len(t.Answer.Text)
	for _, a := range t.Earlier {
		c.text += len(a.Text)
	}
	if !t.good() || c.text > maxAllText { // now, and not when memory is full of them
		return damaged(words.T("it holds something else than it should"))
	}
	c.Turns = append(c.Turns, t)
	return nil
}

func readPicture(d *json.Decoder, take func(store.Hash, []byte) error) error {
	var p picture
	if err := decode(d, &p); err != nil {
		return err
	}
	h, err := store.ParseHash(p.Hash)
	switch {
	case err != nil, p.Missing != (len(p.Data) == 0), len(p.Data) > store.MaxPicture:
		return damaged(words.T("a picture in it is broken"))
	case p.Missing:
		return take(h, nil)
	case store.HashOf(p.Data) != h:
		return damaged(words.T("a picture in it was changed"))
	}
	return take(h, p.Data)
}

// checkAll looks at what encoding/json does not: sizes, counts, times, and that everything that is named is there.
func (c *content) checkAll() error {
	if len(c.Turns) == 0 {
		return errors.New(words.T("there is no question in this conversation, so nothing was imported"))
	}
	ok := len(c.Title) <= maxTitle && timesGood(c.Created, c.Updated)
	for i := range c.Turns {
		ok = ok && c.hasPictures(&c.Turns[i])
	}
	if !ok {
		return damaged(words.T("it holds something else than it should"))
	}
	return nil
}

func (t *turn) good() bool {
	ok := len(t.Question) <= maxText && len(t.Earlier) <= maxEarlier && len(t.Pictures) <= maxOfTurn && timesGood(t.Created) && t.Answer.good()
	for i := range t.Earlier {
		ok = ok && t.Earlier[i].good()
	}
	for _, p := range t.Pictures {
		ok = ok && len(p.Name) <= maxTitle && (p.Detail == "" || p.Detail == "low" || p.Detail == "high") &&
			p.Width >= 0 && p.Width <= maxSide && p.Height >= 0 && p.Height <= maxSide
	}
	return ok
}

func (a *answer) good() bool {
	const longest = 365 * 24 * time.Hour
	ok := len(a.Text) <= maxText && len(a.Model) <= maxTitle && timesGood(a.Started, a.Ended) && known(a.State) &&
		a.Thought >= 0 && a.Thought <= longest.Milliseconds() && len(a.Figures) <= maxLines && len(a.Notices) <= maxLines
	texts := append(append([]string(nil), a.Figures...), a.Notices...)
	if p := a.Problem; p != nil {
		texts = append(texts, p.Title, p.Text, p.Action)
		ok = ok && len(p.Detail) <= 16*maxTitle
	}
	for _, text := range texts {
		ok = ok && len(text) <= maxTitle
	}
	return ok
}

// timesGood reports whether times can be stored and written again.
func timesGood(times ...time.Time) bool {
	for _, t := range times {
		if !t.IsZero() && (t.Year() < 1970 || t.UnixMilli() <= 0 || t.UTC().Year() > 9000) {
			return false
		}
	}
	return true
}

func (c *content) hasPictures(t *turn) bool {
	for _, p := range t.Pictures {
		h, err := store.ParseHash(p.Hash)
		if _, there := c.pictures[h]; err != nil || !there {
			return false
		}
	}
	return true
}

// storePictures reads the file again and stores the pictures that a question has.
func (c *content) storePictures(f io.ReadSeeker, into Library) error {
	wanted := map[store.Hash]bool{}
	for _, t := range c.Turns {
		for _, p := range t.Pictures {
			h, _ := store.ParseHash(p.Hash) // it was checked
			wanted[h] = c.pictures[h]
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	again := &content{}
	return again.read(io.LimitReader(f, MaxFile), func(h store.Hash, data []byte) error {
		if data == nil || !wanted[h] {
			return nil
		}
		_, err := into.PutPicture(data)
		return err
	})
}

// conversation is the content as the store takes it.
func (c *content) conversation() store.Conversation {
	out := store.Conversation{Summary: store.Summary{Title: c.Title, Created: c.Created, Updated: c.Updated}}
	for _, t := range c.Turns {
		turn := store.Turn{Question: t.Question, Created: t.Created, Answer: t.Answer.stored()}
		for _, p := range t.Pictures {
			h, _ := store.ParseHash(p.Hash) // it was checked
			turn.Pictures = append(turn.Pictures, store.TurnPicture{Hash: h, Name: p.Name, Detail: p.Detail, Width: p.Width, Height: p.Height})
		}
		for i := range t.Earlier {
			turn.Earlier = append(turn.Earlier, t.Earlier[i].stored())
		}
		out.Turns = append(out.Turns, turn)
	}
	return out
}

func (a *answer) stored() store.Answer {
	return store.Answer{
		Text: a.Text, State: a.State, Drop: a.Drop, Figures: a.Figures, Notices: a.Notices, Problem: a.Problem, Model: a.Model,
		Started: a.Started, Ended: a.Ended, Thought: time.Duration(a.Thought) * time.Millisecond, Cut: a.Cut,
	}
}

// known reports whether a state is one of the store's.
func known(s store.State) bool {
	switch s {
	case store.Waiting, store.Streaming, store.Done, store.Cancelled, store.Failed, store.Interrupted:
		return true
	}
	return false
}
