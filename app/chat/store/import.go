package store

import (
	"database/sql"
	"fmt"
	"strings"

	"galago/assets/words"
)

// Import puts a conversation that came from elsewhere beside the others: as a whole, or not at all. Its numbers and
// those of its turns are given anew; the order of the turns is kept, and all else, also when it was made. Its pictures
// must have been stored with PutPicture before; one that was not counts as missing. What was under way is interrupted.
//
// Errors: a conversation without turns, or an answer with an unknown state, is refused.
func (s *Store) Import(c Conversation) (Summary, error) {
	doing := words.T("the conversation could not be imported")
	var made Summary
	if len(c.Turns) == 0 {
		return made, fmt.Errorf("%s: %s", doing, words.T("there is no question in it"))
	}
	return made, s.change(doing, func(tx *sql.Tx) error {
		now := millis(s.now())
		id, err := insertConversation(tx, strings.TrimSpace(clean(c.Title)), now)
		if err != nil {
			return err
		}
		for _, t := range c.Turns {
			t.Conversation = id
			if err := importTurn(tx, t, now); err != nil {
				return err
			}
		}
		created, updated := or(millis(c.Created), now), or(millis(c.Updated), now)
		if _, err := tx.Exec("UPDATE conversations SET created = ?, updated = ? WHERE id = ?", created, updated, id); err != nil {
			return err
		}
		made, err = scanSummary(tx.QueryRow(selectSummary+"WHERE c.id = ?", id).Scan)
		return err
	})
}

func importTurn(tx *sql.Tx, t Turn, now int64) error {
	t.Question = clean(t.Question)
	for i := range t.Pictures {
		p := &t.Pictures[i]
		p.Name, p.Detail = clean(p.Name), clean(p.Detail)
	}
	answers := append(append([]Answer(nil), t.Earlier...), t.Answer) // the last one stays
	for i := range answers {
		if !answers[i].State.known() {
			return fmt.Errorf("there is no state %q", answers[i].State)
		}
		if !answers[i].State.Over() {
			answers[i].State = Interrupted
		}
	}
	if err := insertTurn(tx, &t, now); err != nil {
		return err
	}
	for i, a := range answers {
		if err := updateAnswer(tx, t.ID, a); err != nil {
			return err
		}
		if i < len(answers)-1 {
			if _, err := tx.Exec("INSERT INTO earlier_answers (turn, number, "+answerColumns+") "+
				"SELECT id, ?2, "+answerColumns+" FROM turns WHERE id = ?1", t.ID, i+1); err != nil {
				return err
			}
		}
	}
	_, err := tx.Exec("UPDATE turns SET created = ? WHERE id = ?", or(millis(t.Created), now), t.ID)
	return err
}

// or is a time, or another one where it is not known.
func or(ms, other int64) int64 {
	if ms <= 0 {
		return other
	}
	return ms
}
