package store

import (
	"cmp"
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

// addTexts sets the titles and what is around the words that were found. FTS5's own snippet() is not used, because its
// time grows with the square of how often the words occur: seconds for one letter in a long answer.
func addTexts(ctx context.Context, tx *sql.Tx, m string, hits []Hit) error {
	const marks = "char(0xFDD0), char(0xFDD1)"
	titles, err := tx.PrepareContext(ctx, "SELECT highlight(titles_found, 0, "+marks+") FROM titles_found "+
		"WHERE titles_found MATCH ? AND rowid = ?")
	if err != nil {
		return err
	}
	defer titles.Close()
	turns, err := tx.PrepareContext(ctx, "SELECT highlight(turns_found, 0, "+marks+"), highlight(turns_found, 1, "+marks+
		") FROM turns_found WHERE turns_found MATCH ? AND rowid = ?")
	if err != nil {
		return err
	}
	defer turns.Close()
	for i := range hits {
		h := &hits[i]
		var title, question, answer string
		switch err := titles.QueryRowContext(ctx, m, h.Summary.ID).Scan(&title); err {
		case nil:
			h.Title = parts(title)
		case sql.ErrNoRows: // found in the turn alone
			h.Title = parts(h.Summary.Title)
		default:
			return err
		}
		if h.Turn == 0 {
			continue
		}
		if err := turns.QueryRowContext(ctx, m, h.Turn).Scan(&question, &answer); err != nil {
			return err
		}
		h.Text = parts(excerpt(question, answer))
	}
	return nil
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
