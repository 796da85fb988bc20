package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"unicode"
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
	maxWords = 32
)

// match turns what a person types into a query of the search index: all words, each of which may go on. Quotes make
// words of everything, so that nothing in it is an operator. It is empty where there is nothing to look for.
func match(query string) string {
	query = clean(query)
	if len(query) > maxQuery {
		query = strings.ToValidUTF8(query[:maxQuery], "")
	}
	var b strings.Builder
	for i, word := range strings.Fields(strings.ReplaceAll(words(query), "\x00", " ")) {
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
	return hits, s.told("the search failed", err)
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
	for id, turn := range turns {
		hits = append(hits, Hit{Summary: Summary{ID: id}, Turn: turn})
	}
	for id, title := range titles {
		if _, both := turns[id]; !both {
			hits = append(hits, Hit{Summary: Summary{ID: id}, Title: title})
		}
	}
	for i := range hits {
		h := &hits[i]
		if h.Summary, err = scanSummary(tx.QueryRowContext(ctx, selectSummary+"WHERE c.id = ?", h.Summary.ID).Scan); err != nil {
			return nil, err
		}
		if h.Title = titles[h.Summary.ID]; h.Title == nil && h.Summary.Title != "" {
			h.Title = []Part{{Text: h.Summary.Title}}
		}
	}
	slices.SortFunc(hits, func(a, b Hit) int {
		if c := b.Summary.Updated.Compare(a.Summary.Updated); c != 0 {
			return c
		}
		return int(b.Summary.ID - a.Summary.ID)
	})
	hits = hits[:min(len(hits), limit)]
	return hits, addTexts(ctx, tx, m, hits)
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

const marks = "char(0xFDD0), char(0xFDD1)"

// findTitles maps the conversations whose titles were found to these.
func findTitles(ctx context.Context, tx *sql.Tx, m string, limit int) (map[int64][]Part, error) {
	rows, err := tx.QueryContext(ctx, "SELECT c.id, highlight(titles_found, 0, "+marks+") FROM titles_found f "+
		"CROSS JOIN conversations c ON c.id = f.rowid AND c.deleted = 0 WHERE titles_found MATCH ? ORDER BY f.rowid DESC LIMIT ?", m, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int64][]Part{}
	for rows.Next() {
		var id int64
		var title string
		if err := rows.Scan(&id, &title); err != nil {
			return nil, err
		}
		found[id] = parts(title)
	}
	return found, rows.Err()
}

// addTexts sets what is around the words that were found.
func addTexts(ctx context.Context, tx *sql.Tx, m string, hits []Hit) error {
	statement, err := tx.PrepareContext(ctx, "SELECT snippet(turns_found, -1, "+marks+", '…', 24) FROM turns_found "+
		"WHERE turns_found MATCH ? AND rowid = ?")
	if err != nil {
		return err
	}
	defer statement.Close()
	for i := range hits {
		if hits[i].Turn == 0 {
			continue
		}
		rows, err := statement.QueryContext(ctx, m, hits[i].Turn)
		if err != nil {
			return err
		}
		texts, err := collect[string](rows)
		if err != nil {
			return err
		}
		for _, text := range texts { // none if the turn was removed meanwhile
			hits[i].Text = parts(text)
		}
	}
	return nil
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
