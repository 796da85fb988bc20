package transfer

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"galago/assets/words"
)

// What a file may be made of at most. A conversation that a person had is far from all of it.
const (
	maxDepth  = 12       // of objects and arrays in one another
	maxKey    = 64       // bytes of a key
	maxKeys   = 64       // of one object
	maxNumber = 40       // characters of a number, or of a word such as true
	maxValues = 10 << 20 // in the whole file
)

// scanner looks at a file's bytes as they come and refuses what encoding/json would accept and nobody wrote in
// earnest: broken UTF-8, keys that are there twice, also in other capitals, endless depth, numbers and strings. What it
// needs in memory does not depend on the file. Whether it is JSON at all is found out later.
type scanner struct {
	open    []byte            // the brackets that are open
	keys    []map[string]bool // of each open object
	inside  bool              // a string
	escaped bool              // the character before was a backslash
	text    []byte            // the beginning of the string, as it stands there
	length  int               // of it
	bare    int               // length of the number or word
	values  int
	element int    // bytes of the question or picture, which is decoded as a whole
	carry   []byte // bytes of a character that is not complete

	format, version string  // as they stand at the top of the file
	head            *string // one of them, while it is read
}

// scan reads everything.
func scan(r io.Reader) (*scanner, error) {
	s := &scanner{}
	buffer := make([]byte, 64<<10)
	for {
		n, err := r.Read(buffer)
		if failed := s.look(buffer[:n]); failed != nil {
			return s, failed
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, err
		}
	}
	if len(s.open) > 0 || s.inside || len(s.carry) > 0 {
		return s, damaged(words.T("it ends too early"))
	}
	return s, nil
}

func damaged(why string) error {
	return errors.New(words.T("the file is damaged, so nothing was imported: %s", why))
}

func (s *scanner) look(b []byte) error {
	for _, c := range b {
		if s.element++; s.element > maxElement {
			return damaged(words.T("there is too much in it"))
		}
		if s.inside {
			s.inString(c)
			if s.length > maxData {
				return damaged(words.T("a text in it is too long"))
			}
			continue
		}
		if err := s.outside(c); err != nil {
			return err
		}
		if len(s.open) <= 2 && !s.inside { // between two of them
			s.element = 0
		}
	}
	return s.checkText(b)
}

// checkText refuses bytes that are no UTF-8.
func (s *scanner) checkText(b []byte) error {
	for len(s.carry) > 0 && len(b) > 0 && !utf8.FullRune(s.carry) {
		s.carry, b = append(s.carry, b[0]), b[1:]
	}
	if len(s.carry) > 0 && utf8.FullRune(s.carry) {
		if !utf8.Valid(s.carry) {
			return damaged(words.T("its text is not UTF-8"))
		}
		s.carry = s.carry[:0]
	}
	end := len(b)
	for back := 1; back < utf8.UTFMax && back <= len(b); back++ {
		if at := len(b) - back; utf8.RuneStart(b[at]) {
			if !utf8.FullRune(b[at:]) {
				end = at
			}
			break
		}
	}
	if !utf8.Valid(b[:end]) {
		return damaged(words.T("its text is not UTF-8"))
	}
	s.carry = append(s.carry, b[end:]...)
	return nil
}

func (s *scanner) inString(c byte) {
	s.length++
	if len(s.text) < maxKey+2 {
		s.text = append(s.text, c)
	}
	s.keepHead(c)
	switch {
	case s.escaped:
		s.escaped = false
	case c == '\\':
		s.escaped = true
	case c == '"':
		s.inside = false
	}
}

func (s *scanner) outside(c byte) error {
	switch c {
	case '"':
		s.inside, s.text, s.length, s.bare = true, append(s.text[:0], c), 1, 0
		s.keepHead(c)
	case '{', '[':
		if s.bare = 0; len(s.open) == maxDepth {
			return damaged(words.T("it is nested too deeply"))
		}
		s.open, s.keys = append(s.open, c), append(s.keys, map[string]bool{})
	case '}', ']':
		s.bare, s.head = 0, nil
		if n := len(s.open); n > 0 {
			s.open, s.keys = s.open[:n-1], s.keys[:n-1]
		}
	case ':':
		s.bare = 0
		return s.key()
	case ',':
		s.bare, s.head = 0, nil
		if s.values++; s.values > maxValues {
			return damaged(words.T("there is too much in it"))
		}
	case ' ', '\n', '\r', '\t':
		s.bare = 0
	default:
		s.keepHead(c)
		if s.bare++; s.bare > maxNumber {
			return damaged(words.T("a number in it is too long"))
		}
	}
	return nil
}

// key takes the string before a colon.
func (s *scanner) key() error {
	n := len(s.open)
	if n == 0 || s.open[n-1] != '{' {
		return nil // no JSON, as will be found out
	}
	var name string
	if s.length > maxKey+1 || json.Unmarshal(s.text, &name) != nil || strings.ContainsFunc(name, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return damaged(words.T("a name in it is unknown"))
	}
	name = strings.ToLower(name)
	if s.keys[n-1][name] || len(s.keys[n-1]) == maxKeys {
		return damaged(words.T("“%s” is in it twice", name))
	}
	s.keys[n-1][name] = true
	if n == 1 {
		switch name {
		case "format":
			s.head = &s.format
		case "version":
			s.head = &s.version
		}
	}
	return nil
}

func (s *scanner) keepHead(c byte) {
	if s.head != nil && len(*s.head) < maxKey {
		*s.head += string(rune(c))
	}
}
