package store

import (
	"database/sql"
	"strings"
	"time"
	"unicode"

	"galago/assets/words"
)

// Summary is a conversation as a list shows it.
type Summary struct {
	ID      int64
	Title   string // what Rename set, else made of the first question; empty before there is one
	Picture Hash   // the first one; zero without
	Turns   int
	Created time.Time
	Updated time.Time // when something was asked last

	Interrupted bool // its last answer was cut off by the end of the program
}

// Cursor is a place in the list of conversations. The zero Cursor is before its beginning.
type Cursor struct {
	updated, id int64
}

// Cursor is the place of c in the list.
func (c Summary) Cursor() Cursor { return Cursor{millis(c.Updated), c.ID} }

const selectSummary = `SELECT c.id, c.title, c.created, c.updated,
	(SELECT count(*) FROM turns WHERE conversation = c.id),
	coalesce((SELECT p.hash FROM turns t JOIN turn_pictures p ON p.turn = t.id
		WHERE t.conversation = c.id ORDER BY t.position, p.position LIMIT 1), ''),
	coalesce((SELECT state = 'interrupted' FROM turns WHERE conversation = c.id ORDER BY position DESC LIMIT 1), 0)
	FROM conversations c `

// scanSummary reads a row of selectSummary.
func scanSummary(scan func(...any) error) (Summary, error) {
	var c Summary
	var created, updated int64
	var hash string
	err := scan(&c.ID, &c.Title, &created, &updated, &c.Turns, &hash, &c.Interrupted)
	c.Created, c.Updated = moment(created), moment(updated)
	c.Picture, _ = ParseHash(hash)
	return c, err
}

// Conversations lists those that are not deleted, the one asked last first: at most limit of them that come after a
// place in the list, the zero Cursor for the first.
func (s *Store) Conversations(limit int, after Cursor) ([]Summary, error) {
	doing := words.T("the conversations could not be listed")
	where, args := "WHERE c.deleted = 0 ", []any{}
	if after != (Cursor{}) {
		where += "AND (c.updated, c.id) < (?, ?) "
		args = append(args, after.updated, after.id)
	}
	rows, err := s.read.Query(selectSummary+where+"ORDER BY c.updated DESC, c.id DESC LIMIT ?", append(args, max(limit, 0))...)
	if err != nil {
		return nil, s.told(doing, err)
	}
	defer rows.Close()
	var list []Summary
	for rows.Next() {
		c, err := scanSummary(rows.Scan)
		if err != nil {
			return nil, s.told(doing, err)
		}
		list = append(list, c)
	}
	return list, s.told(doing, rows.Err())
}

// Summary reads a conversation of the list. Errors: ErrNotFound, also where it was deleted.
func (s *Store) Summary(id int64) (Summary, error) {
	c, err := scanSummary(s.read.QueryRow(selectSummary+"WHERE c.id = ? AND c.deleted = 0", id).Scan)
	if err == sql.ErrNoRows {
		err = ErrNotFound
	}
	return c, s.told(words.T("the conversation could not be read"), err)
}

// Create makes an empty conversation. Its title may be empty: the first question then gives it one.
func (s *Store) Create(title string) (Summary, error) {
	now := millis(s.now())
	c := Summary{Title: clean(title), Created: moment(now), Updated: moment(now)}
	err := s.change(words.T("the conversation could not be created"), func(tx *sql.Tx) (err error) {
		c.ID, err = insertConversation(tx, c.Title, now)
		return err
	})
	return c, err
}

func insertConversation(tx *sql.Tx, title string, now int64) (int64, error) {
	result, err := tx.Exec("INSERT INTO conversations (title, created, updated) VALUES (?, ?, ?)", title, now, now)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// Rename gives a conversation a title; an empty one means the one that the first question gives. It returns what the
// title is now. Errors: ErrNotFound.
func (s *Store) Rename(id int64, title string) (now string, _ error) {
	now = strings.TrimSpace(clean(title))
	err := s.change(words.T("the conversation could not be renamed"), func(tx *sql.Tx) error {
		if err := changed(tx.Exec("UPDATE conversations SET title = ? WHERE id = ? AND deleted = 0", now, id)); err != nil {
			return err
		}
		if now != "" {
			return nil
		}
		if err := retitle(tx, id); err != nil {
			return err
		}
		return tx.QueryRow("SELECT title FROM conversations WHERE id = ?", id).Scan(&now)
	})
	return now, err
}

// retitle gives a conversation the title that its first question gives.
func retitle(tx *sql.Tx, id int64) error {
	var question string
	err := tx.QueryRow("SELECT question FROM turns WHERE conversation = ? ORDER BY position LIMIT 1", id).Scan(&question)
	if err == sql.ErrNoRows {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec("UPDATE conversations SET title = ? WHERE id = ?", TitleOf(question), id)
	return err
}

// maxTitle is how many characters of a question make a title at most.
const maxTitle = 80

// TitleOf is the title that a first question gives: its first line with letters or digits in it, cut between words.
func TitleOf(question string) string {
	title := ""
	for line := range strings.Lines(clean(question)) {
		title = strings.Join(strings.Fields(line), " ")
		if strings.ContainsFunc(title, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			break
		}
	}
	runes := []rune(title)
	if len(runes) <= maxTitle {
		return title
	}
	cut := string(runes[:maxTitle])
	if i := strings.LastIndexByte(cut, ' '); i > len(cut)/2 {
		cut = cut[:i]
	}
	return cut + "…"
}

// Deleted is what Delete returns, for Undelete.
type Deleted struct {
	id, at int64
}

// Delete takes a conversation out of the list and of what Search finds. It stays on the disk until Purge.
// Errors: ErrNotFound.
func (s *Store) Delete(id int64) (Deleted, error) {
	d := Deleted{id, max(millis(s.now()), 1)}
	return d, s.change(words.T("the conversation could not be deleted"), func(tx *sql.Tx) error {
		return changed(tx.Exec("UPDATE conversations SET deleted = ? WHERE id = ? AND deleted = 0", d.at, d.id))
	})
}

// Undelete takes back a Delete. Errors: ErrNotFound after Purge.
func (s *Store) Undelete(d Deleted) error {
	return s.change(words.T("the conversation could not be brought back"), func(tx *sql.Tx) error {
		return changed(tx.Exec("UPDATE conversations SET deleted = 0 WHERE id = ? AND deleted = ?", d.id, d.at))
	})
}

// IDs lists all conversations that are not deleted.
func (s *Store) IDs() (ids []int64, err error) {
	rows, err := s.read.Query("SELECT id FROM conversations WHERE deleted = 0")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// Purge removes for good what was deleted before a time, and says how many conversations that were. Their pictures'
// files are Collect's.
func (s *Store) Purge(before time.Time) (purged int, _ error) {
	err := s.change(words.T("deleted conversations could not be removed"), func(tx *sql.Tx) error {
		result, err := tx.Exec("DELETE FROM conversations WHERE deleted > 0 AND deleted < ?", millis(before))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		purged = int(n)
		return err
	})
	return purged, err
}

// Duplicate copies a conversation with everything in it. What is being written in it is interrupted in the copy.
// Errors: ErrNotFound.
func (s *Store) Duplicate(id int64) (Summary, error) {
	return s.copyOf("WHERE conversation = ?1", id, 0)
}

// Branch copies a conversation up to a turn, without it: the question is to be asked another way.
// Errors: ErrNotFound, also where the turn is of another conversation.
func (s *Store) Branch(id, before int64) (Summary, error) {
	return s.copyOf("WHERE conversation = ?1 AND position < (SELECT position FROM turns WHERE id = ?2)", id, before)
}

// copyOf copies the turns of a conversation that a condition chooses.
func (s *Store) copyOf(where string, id, before int64) (c Summary, _ error) {
	err := s.change(words.T("the conversation could not be copied"), func(tx *sql.Tx) error {
		var title string
		err := tx.QueryRow("SELECT title FROM conversations WHERE id = ?1 AND deleted = 0 AND "+
			"(?2 = 0 OR EXISTS (SELECT 1 FROM turns WHERE id = ?2 AND conversation = ?1))", id, before).Scan(&title)
		if err == sql.ErrNoRows {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		to, err := insertConversation(tx, title, millis(s.now()))
		if err != nil {
			return err
		}
		if err := copyTurns(tx, where, id, before, to); err != nil {
			return err
		}
		c, err = scanSummary(tx.QueryRow(selectSummary+"WHERE c.id = ?", to).Scan)
		return err
	})
	return c, err
}

func copyTurns(tx *sql.Tx, where string, id, before, to int64) error {
	finished := strings.Replace(answerColumns, "state", "CASE WHEN state IN ('waiting', 'streaming') THEN 'interrupted' ELSE state END", 1)
	if _, err := tx.Exec("INSERT INTO turns (conversation, position, question, created, "+answerColumns+") "+
		"SELECT ?3, position, question, created, "+finished+" FROM turns "+where+" ORDER BY position", id, before, to); err != nil {
		return err
	}
	// A copy has its place in common with what it is a copy of.
	const pair = " JOIN turns o ON o.id = turn AND o.conversation = ?1 JOIN turns n ON n.conversation = ?2 AND n.position = o.position"
	if _, err := tx.Exec("INSERT INTO turn_pictures (turn, position, hash, name, detail, width, height) "+
		"SELECT n.id, p.position, hash, name, detail, width, height FROM turn_pictures p"+pair, id, to); err != nil {
		return err
	}
	e := "e." + strings.ReplaceAll(answerColumns, ", ", ", e.")
	_, err := tx.Exec("INSERT INTO earlier_answers (turn, number, "+answerColumns+") "+
		"SELECT n.id, number, "+e+" FROM earlier_answers e"+pair, id, to)
	return err
}
