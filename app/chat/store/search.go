package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"
	"unicode"

	"galago/assets/words"
)

// Hit is a conversation in which something was found.
type Hit struct {
	Summary Summary
	Turn    int64  // the newest one in which it was found; 0 where only the title has it
	Title   []Part // the title
	Text    []Part // what is around the words in the turn, on one line; empty without Turn
}

// Part is a piece of a text. All in order are the whole.
type Part struct {
	Text  string
	Found bool // it is what was looked for
}

// The limits of what is looked for.
const (
	maxQuery = 1000 // bytes
	maxWords = 16
)

// match turns what a person types into a query of the search index: all words, each of which may go on. Quotes make
// words of everything, so that nothing in it is an operator. It is empty where there is nothing to look for.
func match(query string) string {
	query = clean(query)
	if len(query) > maxQuery {
		query = strings.ToValidUTF8(query[:maxQuery], "")
	}
	var b strings.Builder
	for i, word := range strings.Fields(strings.ReplaceAll(wordsOf(query), "\x00", " ")) {
		if i == maxWords {
			break
		}
		if strings.ContainsFunc(word, indexed) {
			b.WriteString(`"` + strings.ReplaceAll(word, `"`, " ") + `"* `)
		}
	}
	return b.String()
}

// indexed reports whether a character is part of words.
func indexed(r rune) bool { return unicode.In(r, unicode.L, unicode.N, unicode.Co, unicode.So) }

// Search finds conversations whose title, or one of whose turns, has every word of a query, the one asked last first
// and limit at most. The beginnings of words are enough; capitals and accents do not count. Anything may be typed; a
// query without a letter, a digit or a symbol finds nothing. The context's end ends the search with its error.
func (s *Store) Search(ctx context.Context, query string, limit int) ([]Hit, error) {
	m := match(query)
	if m == "" || limit <= 0 {
		return nil, ctx.Err()
	}
	hits, err := s.searchAt(ctx, m, limit)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return hits, s.told(words.T("the search failed"), err)
}

// searchAt searches what is there at one moment.
func (s *Store) searchAt(ctx context.Context, m string, limit int) ([]Hit, error) {
	tx, err := s.read.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // it only reads
	turns, err := findTurns(ctx, tx, m, limit)
	if err != nil {
		return nil, err
	}
	titles, err := findTitles(ctx, tx, m, limit)
	if err != nil {
		return nil, err
	}
	var hits []Hit
	for id := range titles {
		if _, both := turns[id]; !both {
			turns[id] = 0
		}
	}
	for id, turn := range turns {
		c, err := scanSummary(tx.QueryRowContext(ctx, selectSummary+"WHERE c.id = ?", id).Scan)
		if err != nil {
			return nil, err
		}
		hits = append(hits, Hit{Summary: c, Turn: turn})
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(b.Summary.Updated.Compare(a.Summary.Updated), cmp.Compare(b.Summary.ID, a.Summary.ID))
	})
	hits = hits[:min(len(hits), limit)]
	texts := make([]text, len(hits))
	for i, h := range hits {
		if h.Turn != 0 {
			if texts[i], err = loadText(ctx, tx, h.Turn); err != nil {
				return nil, err
			}
		}
		texts[i].title = h.Summary.Title
	}
	if err := s.marker.mark(ctx, m, texts); err != nil {
		return nil, err
	}
	for i, t := range texts {
		hits[i].Title, hits[i].Text = parts(t.title), parts(excerpt(t.question, t.answer))
	}
	return hits, nil
}

// findTurns maps the conversations that were found to their newest turn of those found.
func findTurns(ctx context.Context, tx *sql.Tx, m string, limit int) (map[int64]int64, error) {
	// CROSS JOIN: the index gives the newest first and is read no further than necessary.
	rows, err := tx.QueryContext(ctx, "SELECT t.conversation, t.id FROM turns_found f CROSS JOIN turns t ON t.id = f.rowid "+
		"CROSS JOIN conversations c ON c.id = t.conversation AND c.deleted = 0 WHERE turns_found MATCH ? ORDER BY f.rowid DESC", m)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64]int64{}
	for len(found) < limit && rows.Next() {
		var conversation, turn int64
		if err := rows.Scan(&conversation, &turn); err != nil {
			return nil, err
		}
		if _, known := found[conversation]; !known {
			found[conversation] = turn
		}
	}
	return found, rows.Err()
}

// findTitles are the newest conversations whose titles were found.
func findTitles(ctx context.Context, tx *sql.Tx, m string, limit int) (map[int64]bool, error) {
	rows, err := tx.QueryContext(ctx, "SELECT c.id FROM titles_found f CROSS JOIN conversations c ON c.id = f.rowid AND c.deleted = 0 "+
		"WHERE titles_found MATCH ? ORDER BY f.rowid DESC LIMIT ?", m, limit)
	if err != nil {
		return nil, err
	}
	ids, err := collect[int64](rows)
	found := map[int64]bool{}
	for _, id := range ids {
		found[id] = true
	}
	return found, err
}

// loadText reads what a turn says, as the search index has it.
func loadText(ctx context.Context, tx *sql.Tx, turn int64) (t text, err error) {
	err = tx.QueryRowContext(ctx, "SELECT question, answer FROM turns_text WHERE id = ?", turn).Scan(&t.question, &t.answer)
	return t, err
}

// text is what is searched of a hit.
type text struct{ title, question, answer string }

// marker marks in the few texts that were found what was looked for. It has an index of its own for them, in memory:
// asking the large one for each text takes long where a word's beginning is all that is known, since all words that
// begin so are put together anew every time. (FTS5's snippet() is not used either. Its time grows with the square of how
// often the words occur: seconds for one letter in a long answer.)
type marker struct {
	mu sync.Mutex // one search at a time
	db *sql.DB
}

func (m *marker) open() (err error) {
	if m.db, err = sql.Open("sqlite", ":memory:"); err != nil {
		return err
	}
	m.db.SetMaxOpenConns(1)
	m.db.SetConnMaxLifetime(0) // a new connection would be another database
	_, err = m.db.Exec(`CREATE VIRTUAL TABLE found USING fts5 (title, question, answer, tokenize = "` + tokenizer + `")`)
	return err
}

// mark returns texts with hitBegin and hitEnd around what matches.
func (m *marker) mark(ctx context.Context, match string, texts []text) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing is kept
	insert, err := tx.PrepareContext(ctx, "INSERT INTO found (rowid, title, question, answer) VALUES (?, galago_words(?), ?, ?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, t := range texts {
		if _, err := insert.ExecContext(ctx, i, t.title, t.question, t.answer); err != nil {
			return err
		}
	}
	rows, err := tx.QueryContext(ctx, "SELECT rowid, highlight(found, 0, char(0xFDD0), char(0xFDD1)), "+
		"highlight(found, 1, char(0xFDD0), char(0xFDD1)), highlight(found, 2, char(0xFDD0), char(0xFDD1)) FROM found WHERE found MATCH ?", match)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		var t text
		if err := rows.Scan(&i, &t.title, &t.question, &t.answer); err != nil {
			return err
		}
		texts[i] = t
	}
	return rows.Err()
}

// How much an excerpt shows, in characters.
const (
	excerptLength = 160
	excerptBefore = 30
)

// excerpt is the piece of one of two marked texts in which most was found, the first such.
func excerpt(texts ...string) string {
	var best []rune
	from, most := 0, -1
	for _, text := range texts {
		runes := []rune(text)
		if start, n := densest(runes); n > most {
			best, from, most = runes, start, n
		}
	}
	begin := 0
	if len(best) > excerptLength {
		begin = max(from-excerptBefore, 0)
	}
	for begin > 0 && begin < from && !unicode.IsSpace(best[begin-1]) && !standsAlone(best[begin-1]) {
		begin++
	}
	end := min(begin+excerptLength, len(best))
	text := string(best[begin:end])
	if begin > 0 {
		text = "…" + text
	}
	if end < len(best) {
		text += string(hitEnd) + "…"
	}
	return text
}

// densest is where the excerpt with the most finds begins with one of them, and how many it has.
func densest(text []rune) (from, most int) {
	var begins []int
	for i, r := range text {
		if r == hitBegin {
			begins = append(begins, i)
		}
	}
	last := 0
	for i, begin := range begins {
		for last < len(begins) && begins[last] < begin+excerptLength-excerptBefore {
			last++
		}
		if last-i > most {
			from, most = begin, last-i
		}
	}
	return from, most
}

// parts takes a text apart at the marks of what was found.
func parts(text string) []Part {
	var list []Part
	var b strings.Builder
	found := false
	end := func() {
		if b.Len() > 0 {
			list = append(list, Part{b.String(), found})
			b.Reset()
		}
	}
	space := true // at the beginning, and after white space, white space is left out
	for _, r := range text {
		switch {
		case r == hitBegin || r == hitEnd:
			end()
			found = r == hitBegin
		case r == joiner:
		case unicode.IsSpace(r):
			if !space {
				b.WriteByte(' ')
			}
			space = true
		default:
			b.WriteRune(r)
			space = false
		}
	}
	end()
	return list
}
