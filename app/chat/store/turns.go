package store

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"galago/assets/words"
)

// State is how far an answer is.
type State string

// The states. Over tells the last four from the others.
const (
	Waiting     State = "waiting"     // asked, or about to be, and nothing written yet
	Streaming   State = "streaming"   // being written
	Done        State = "done"        // whole
	Cancelled   State = "cancelled"   // stopped by the person; what was written is kept
	Failed      State = "failed"      // Problem says why; what was written is kept
	Interrupted State = "interrupted" // the program ended meanwhile; what was written is kept
)

// Over reports whether nothing more will come.
func (s State) Over() bool { return s != Waiting && s != Streaming }

func (s State) known() bool {
	switch s {
	case Waiting, Streaming, Done, Cancelled, Failed, Interrupted:
		return true
	}
	return false
}

// Problem is why an answer failed, as a person read it.
type Problem struct {
	Title  string `json:"title"`
	Text   string `json:"text,omitempty"`
	Action string `json:"action,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Answer is what a model wrote to a question, and what is known about that.
type Answer struct {
	Text    string // Markdown as the model gave it
	State   State
	Drop    bool     // the question's pictures are why it failed: they must not spoil the next one
	Figures []string // such as "first token 0.8 s"
	Notices []string // what was reduced on the way, a line each
	Problem *Problem // why it failed; else nil
	Model   string   // who wrote it; empty while nobody has
	Started time.Time
	Ended   time.Time // zero until it is over; to the millisecond, as all times

	Thought time.Duration // how long the model spoke to itself first
	Cut     bool          // it is Done, but ended at a limit
}

// TurnPicture is a picture of a question.
type TurnPicture struct {
	Hash   Hash
	Name   string // of the file that it came from, to be shown; never a path to be opened
	Detail string // low, high, or empty for the usual

	Width, Height int // in pixels, upright; 0 where nobody said
}

// Turn is a question with its answer.
type Turn struct {
	ID           int64
	Conversation int64
	Position     int // rises within the conversation; not without gaps
	Question     string
	Pictures     []TurnPicture
	Created      time.Time
	Answer       Answer
	Earlier      []Answer // that Restart put aside, oldest first
}

// Question is what a turn begins with.
type Question struct {
	Text     string
	Pictures []TurnPicture // stored with PutPicture before
	Model    string        // may be empty
}

// AddTurn puts a question at the end of a conversation, whose answer is then Waiting. Conversation 0 stands for a new
// one, which is made with it. It is on the disk when AddTurn returns. Errors: ErrNotFound.
func (s *Store) AddTurn(conversation int64, q Question) (Turn, error) {
	now := millis(s.now())
	t := Turn{
		Conversation: conversation, Question: clean(q.Text), Created: moment(now),
		Answer: Answer{State: Waiting, Model: clean(q.Model)},
	}
	for _, p := range q.Pictures {
		t.Pictures = append(t.Pictures, TurnPicture{p.Hash, clean(p.Name), clean(p.Detail), p.Width, p.Height})
	}
	return t, s.change(words.T("the question could not be stored"), func(tx *sql.Tx) error { return insertTurn(tx, &t, now) })
}

// insertTurn sets the turn's ID, position and, for a new one, conversation.
func insertTurn(tx *sql.Tx, t *Turn, now int64) (err error) {
	if t.Conversation == 0 {
		if t.Conversation, err = insertConversation(tx, "", now); err != nil {
			return err
		}
	}
	if err := changed(tx.Exec("UPDATE conversations SET updated = max(updated, ?1), "+
		"title = CASE WHEN title = '' THEN ?2 ELSE title END WHERE id = ?3 AND deleted = 0",
		now, TitleOf(t.Question), t.Conversation)); err != nil {
		return err
	}
	if err := tx.QueryRow("INSERT INTO turns (conversation, position, question, created, state, model) "+
		"VALUES (?1, (SELECT coalesce(max(position), 0) + 1 FROM turns WHERE conversation = ?1), ?2, ?3, ?4, ?5) RETURNING id, position",
		t.Conversation, t.Question, now, string(Waiting), t.Answer.Model).Scan(&t.ID, &t.Position); err != nil {
		return err
	}
	for i, p := range t.Pictures {
		if _, err := tx.Exec("INSERT INTO turn_pictures (turn, position, hash, name, detail, width, height) VALUES (?, ?, ?, ?, ?, ?, ?)",
			t.ID, i, p.Hash.String(), p.Name, p.Detail, p.Width, p.Height); err != nil {
			return err
		}
	}
	return nil
}

// SaveAnswer stores an answer as far as it is. It is cheap enough for once a second with a long one: what is being
// written is not yet put into the search index.
//
// An answer that is over is not overwritten by one that is not, so that a save that comes late does no harm; Restart
// begins a new one. Errors: ErrNotFound.
func (s *Store) SaveAnswer(turn int64, a Answer) error {
	doing := words.T("the answer could not be stored")
	if !a.State.known() {
		return fmt.Errorf("%s: there is no state %q", doing, a.State)
	}
	return s.change(doing, func(tx *sql.Tx) error {
		var state State
		err := tx.QueryRow("SELECT state FROM turns WHERE id = ?", turn).Scan(&state)
		if err == sql.ErrNoRows {
			return ErrNotFound
		}
		if err != nil || state.Over() && !a.State.Over() {
			return err
		}
		return updateAnswer(tx, turn, a)
	})
}

func updateAnswer(tx *sql.Tx, turn int64, a Answer) error {
	return changed(tx.Exec("UPDATE turns SET answer = ?, state = ?, dropped = ?, figures = ?, notices = ?, problem = ?, "+
		"model = ?, started = ?, ended = ?, thought = ?, cut = ? WHERE id = ?",
		clean(a.Text), string(a.State), a.Drop, toJSON(a.Figures, len(a.Figures) > 0), toJSON(a.Notices, len(a.Notices) > 0),
		toJSON(a.Problem, a.Problem != nil), clean(a.Model), millis(a.Started), millis(a.Ended),
		a.Thought.Milliseconds(), a.Cut, turn))
}

// toJSON is empty for nothing. What is stored this way are texts alone, which always can be.
func toJSON(v any, something bool) string {
	if !something {
		return ""
	}
	data, _ := json.Marshal(v)
	return string(data)
}

const answerColumns = "answer, state, dropped, figures, notices, problem, model, started, ended, thought, cut"

// Restart begins a new answer to a question, which is Waiting then. One that is Done or has some text is put aside into
// Turn.Earlier. Errors: ErrNotFound.
func (s *Store) Restart(turn int64, model string) error {
	return s.change(words.T("the question could not be stored"), func(tx *sql.Tx) error {
		if err := putAside(tx, turn); err != nil {
			return err
		}
		return updateAnswer(tx, turn, Answer{State: Waiting, Model: model})
	})
}

// Continue makes an answer that is over Waiting again, with all that it has: the model is to go on with it.
// Errors: ErrNotFound.
func (s *Store) Continue(turn int64) error {
	return s.change(words.T("the question could not be stored"), func(tx *sql.Tx) error {
		return changed(tx.Exec("UPDATE turns SET state = ?, ended = 0 WHERE id = ?", string(Waiting), turn))
	})
}

// putAside copies a turn's answer to the earlier ones.
func putAside(tx *sql.Tx, turn int64) error {
	_, err := tx.Exec("INSERT INTO earlier_answers (turn, number, "+answerColumns+") "+
		"SELECT id, (SELECT coalesce(max(number), 0) + 1 FROM earlier_answers WHERE turn = ?1), "+answerColumns+
		" FROM turns WHERE id = ?1 AND (answer <> '' OR state = 'done')", turn)
	return err
}

// Choose makes Turn.Earlier[index] the answer, and puts the one that was at the end of the earlier ones.
// Errors: ErrNotFound, also while an answer is being written.
func (s *Store) Choose(turn int64, index int) error {
	return s.change(words.T("the answer could not be chosen"), func(tx *sql.Tx) error {
		var number int64
		var a Answer
		row := tx.QueryRow("SELECT number, "+answerColumns+" FROM earlier_answers WHERE turn = ?1 AND EXISTS "+
			"(SELECT 1 FROM turns WHERE id = ?1 AND state NOT IN ('waiting', 'streaming')) ORDER BY number LIMIT 1 OFFSET ?2",
			turn, max(index, 0))
		err := scanAnswer(&a, func(to ...any) error { return row.Scan(append([]any{&number}, to...)...) })
		if err == sql.ErrNoRows || index < 0 {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		if err := putAside(tx, turn); err != nil {
			return err
		}
		if _, err := tx.Exec("DELETE FROM earlier_answers WHERE turn = ? AND number = ?", turn, number); err != nil {
			return err
		}
		return updateAnswer(tx, turn, a)
	})
}

// SetDetail changes how closely a model is to look at the pictures of a turn and of all before it in the conversation.
// Where they have none, that is no error.
func (s *Store) SetDetail(turn int64, detail string) error {
	return s.change(words.T("the question could not be stored"), func(tx *sql.Tx) error {
		_, err := tx.Exec("UPDATE turn_pictures SET detail = ?2 WHERE turn IN (SELECT t.id FROM turns t JOIN turns last "+
			"ON last.id = ?1 AND t.conversation = last.conversation AND t.position <= last.position)", turn, clean(detail))
		return err
	})
}

// RemoveTurn takes one question with its answers out of its conversation, for good. Errors: ErrNotFound.
func (s *Store) RemoveTurn(turn int64) error {
	return s.change(words.T("the question could not be removed"), func(tx *sql.Tx) error {
		return changed(tx.Exec("DELETE FROM turns WHERE id = ?", turn))
	})
}

// Removed is what RemoveFrom returns, for PutBack.
type Removed struct {
	from, to int64 // conversations; the second is a deleted one that holds the turns until Purge
}

// RemoveFrom takes a question and all after it out of their conversation. They stay on the disk until Purge.
// Errors: ErrNotFound.
func (s *Store) RemoveFrom(turn int64) (r Removed, _ error) {
	return r, s.change(words.T("the questions could not be removed"), func(tx *sql.Tx) error {
		var position int64
		err := tx.QueryRow("SELECT conversation, position FROM turns WHERE id = ?", turn).Scan(&r.from, &position)
		if err == sql.ErrNoRows {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		now := max(millis(s.now()), 1)
		if r.to, err = insertConversation(tx, "", now); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE conversations SET deleted = ? WHERE id = ?", now, r.to); err != nil {
			return err
		}
		return changed(tx.Exec("UPDATE turns SET conversation = ? WHERE conversation = ? AND position >= ?", r.to, r.from, position))
	})
}

// PutBack takes back a RemoveFrom. What was asked since then comes after what is put back. Errors: ErrNotFound after
// Purge.
func (s *Store) PutBack(r Removed) error {
	return s.change(words.T("the questions could not be brought back"), func(tx *sql.Tx) error {
		var first, last sql.NullInt64
		if err := tx.QueryRow("SELECT min(position), max(position) FROM turns WHERE conversation = ?", r.to).
			Scan(&first, &last); err != nil {
			return err
		}
		if !first.Valid {
			return ErrNotFound
		}
		// By way of negative places: two turns must not have the same one in between.
		if _, err := tx.Exec("UPDATE turns SET position = -(position + ?3) WHERE conversation = ?1 AND position >= ?2",
			r.from, first.Int64, last.Int64-first.Int64+1); err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE turns SET position = -position WHERE conversation = ? AND position < 0", r.from); err != nil {
			return err
		}
		if err := changed(tx.Exec("UPDATE turns SET conversation = ? WHERE conversation = ?", r.from, r.to)); err != nil {
			return err
		}
		return changed(tx.Exec("DELETE FROM conversations WHERE id = ?", r.to))
	})
}

// Conversation is all of a conversation.
type Conversation struct {
	Summary
	Turns []Turn // oldest first
}

// Load reads a conversation as it is at one moment. Errors: ErrNotFound, also where it was deleted.
func (s *Store) Load(id int64) (Conversation, error) {
	doing := words.T("the conversation could not be read")
	tx, err := s.read.Begin()
	if err != nil {
		return Conversation{}, s.told(doing, err)
	}
	defer tx.Rollback() // it only reads
	c, err := load(tx, id)
	return c, s.told(doing, err)
}

func load(tx *sql.Tx, id int64) (c Conversation, err error) {
	c.Summary, err = scanSummary(tx.QueryRow(selectSummary+"WHERE c.id = ? AND c.deleted = 0", id).Scan)
	if err == sql.ErrNoRows {
		return c, ErrNotFound
	}
	if err != nil {
		return c, err
	}
	if err := c.loadTurns(tx); err != nil {
		return c, err
	}
	turns := map[int64]*Turn{}
	for i := range c.Turns {
		turns[c.Turns[i].ID] = &c.Turns[i]
	}
	if err := loadPictures(tx, id, turns); err != nil {
		return c, err
	}
	return c, loadEarlier(tx, id, turns)
}

func (c *Conversation) loadTurns(tx *sql.Tx) error {
	rows, err := tx.Query("SELECT id, position, question, created, "+answerColumns+
		" FROM turns WHERE conversation = ? ORDER BY position", c.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		t := Turn{Conversation: c.ID}
		var created int64
		if err := scanAnswer(&t.Answer, func(to ...any) error {
			return rows.Scan(append([]any{&t.ID, &t.Position, &t.Question, &created}, to...)...)
		}); err != nil {
			return err
		}
		t.Created = moment(created)
		c.Turns = append(c.Turns, t)
	}
	return rows.Err()
}

func loadPictures(tx *sql.Tx, id int64, turns map[int64]*Turn) error {
	rows, err := tx.Query("SELECT p.turn, p.hash, p.name, p.detail, p.width, p.height FROM turns t JOIN turn_pictures p ON p.turn = t.id "+
		"WHERE t.conversation = ? ORDER BY p.turn, p.position", id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var turn int64
		var hash string
		var p TurnPicture
		if err := rows.Scan(&turn, &hash, &p.Name, &p.Detail, &p.Width, &p.Height); err != nil {
			return err
		}
		p.Hash, _ = ParseHash(hash) // a damaged one is that of a picture that is missing
		turns[turn].Pictures = append(turns[turn].Pictures, p)
	}
	return rows.Err()
}

func loadEarlier(tx *sql.Tx, id int64, turns map[int64]*Turn) error {
	rows, err := tx.Query("SELECT e.turn, e."+strings.ReplaceAll(answerColumns, ", ", ", e.")+
		" FROM turns t JOIN earlier_answers e ON e.turn = t.id WHERE t.conversation = ? ORDER BY e.turn, e.number", id)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var turn int64
		var a Answer
		if err := scanAnswer(&a, func(to ...any) error { return rows.Scan(append([]any{&turn}, to...)...) }); err != nil {
			return err
		}
		turns[turn].Earlier = append(turns[turn].Earlier, a)
	}
	return rows.Err()
}

// scanAnswer reads answerColumns. A figure, notice or problem that cannot be read is left out.
func scanAnswer(a *Answer, scan func(...any) error) error {
	var figures, notices, problem string
	var started, ended, thought int64
	if err := scan(&a.Text, &a.State, &a.Drop, &figures, &notices, &problem, &a.Model, &started, &ended, &thought, &a.Cut); err != nil {
		return err
	}
	a.Started, a.Ended, a.Thought = moment(started), moment(ended), time.Duration(thought)*time.Millisecond
	if !a.State.known() {
		a.State = Interrupted
	}
	json.Unmarshal([]byte(figures), &a.Figures)
	json.Unmarshal([]byte(notices), &a.Notices)
	json.Unmarshal([]byte(problem), &a.Problem)
	return nil
}

// Place is where a turn is.
type Place struct {
	Conversation, Turn int64
}

// Interrupted are the turns that Open marked as such, oldest first, without those of deleted conversations.
func (s *Store) Interrupted() []Place { return s.interrupted }

func (s *Store) interrupt() (list []Place, _ error) {
	err := s.change(words.T("interrupted answers could not be marked"), func(tx *sql.Tx) error {
		rows, err := tx.Query("SELECT conversation, t.id FROM turns t JOIN conversations c ON c.id = conversation AND deleted = 0 " +
			"WHERE state IN ('waiting', 'streaming') ORDER BY t.id")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var i Place
			if err := rows.Scan(&i.Conversation, &i.Turn); err != nil {
				return err
			}
			list = append(list, i)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		_, err = tx.Exec("UPDATE turns SET state = 'interrupted' WHERE state IN ('waiting', 'streaming')")
		return err
	})
	return list, err
}
