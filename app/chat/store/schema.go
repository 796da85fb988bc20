package store

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"modernc.org/sqlite"
)

// applicationID marks the database as Galago's ("Gala" in its header), so that no other program's is taken for it.
const applicationID = 0x47616c61

// tokenizer makes words of letters, digits and symbols, without accents and capitals.
const tokenizer = "unicode61 remove_diacritics 2 categories 'L* N* Co So'"

// migrations lead from an empty database to the newest schema: the first n of them make the schema of version n, which is
// kept in PRAGMA user_version. What was released is never changed, only added to.
//
// Times are milliseconds since 1970 in UTC, 0 for none. IDs are never used twice, so that nothing late can reach the
// wrong row. While an answer is being written its text is left out of the search index: indexing it anew every second
// would cost more than everything else.
var migrations = []string{`
CREATE TABLE conversations (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	title   TEXT    NOT NULL DEFAULT '',
	created INTEGER NOT NULL,
	updated INTEGER NOT NULL, -- when something was asked last
	deleted INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX conversations_updated ON conversations (updated DESC, id DESC) WHERE deleted = 0;

CREATE TABLE turns (
	id           INTEGER PRIMARY KEY AUTOINCREMENT,
	conversation INTEGER NOT NULL REFERENCES conversations ON DELETE CASCADE,
	position     INTEGER NOT NULL, -- rises within a conversation, with gaps
	question     TEXT    NOT NULL,
	created      INTEGER NOT NULL,
	answer       TEXT    NOT NULL DEFAULT '',
	state        TEXT    NOT NULL,
	dropped      INTEGER NOT NULL DEFAULT 0,
	figures      TEXT    NOT NULL DEFAULT '', -- JSON, as are notices and problem; empty for none
	notices      TEXT    NOT NULL DEFAULT '',
	problem      TEXT    NOT NULL DEFAULT '',
	model        TEXT    NOT NULL DEFAULT '',
	started      INTEGER NOT NULL DEFAULT 0,
	ended        INTEGER NOT NULL DEFAULT 0,
	thought      INTEGER NOT NULL DEFAULT 0, -- milliseconds
	cut          INTEGER NOT NULL DEFAULT 0,
	UNIQUE (conversation, position)
) STRICT;
CREATE INDEX turns_unfinished ON turns (state) WHERE state IN ('waiting', 'streaming');

CREATE TABLE earlier_answers (
	turn    INTEGER NOT NULL REFERENCES turns ON DELETE CASCADE,
	number  INTEGER NOT NULL, -- from 1, oldest first
	answer  TEXT    NOT NULL,
	state   TEXT    NOT NULL,
	dropped INTEGER NOT NULL,
	figures TEXT    NOT NULL,
	notices TEXT    NOT NULL,
	problem TEXT    NOT NULL,
	model   TEXT    NOT NULL,
	started INTEGER NOT NULL,
	ended   INTEGER NOT NULL,
	thought INTEGER NOT NULL,
	cut     INTEGER NOT NULL,
	PRIMARY KEY (turn, number)
) STRICT;

CREATE TABLE turn_pictures (
	turn     INTEGER NOT NULL REFERENCES turns ON DELETE CASCADE,
	position INTEGER NOT NULL, -- from 0
	hash     TEXT    NOT NULL, -- SHA-256 of the file's bytes, hexadecimal
	name     TEXT    NOT NULL,
	detail   TEXT    NOT NULL,
	width    INTEGER NOT NULL DEFAULT 0, -- pixels, 0 where it is not known
	height   INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (turn, position)
) STRICT;
CREATE INDEX turn_pictures_hash ON turn_pictures (hash);
CREATE TABLE loose_pictures ( -- may have become unused; a file that is not named here is never removed
	hash TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TRIGGER turn_pictures_delete AFTER DELETE ON turn_pictures BEGIN
	INSERT OR IGNORE INTO loose_pictures (hash) VALUES (old.hash);
END;

CREATE VIEW turns_text AS SELECT id, galago_words(question) AS question,
	galago_words(CASE WHEN state IN ('waiting', 'streaming') THEN '' ELSE answer END) AS answer FROM turns;
CREATE VIRTUAL TABLE turns_found USING fts5 (question, answer,
	content = turns_text, content_rowid = id, prefix = '1 2',
	tokenize = "` + tokenizer + `");
CREATE TRIGGER turns_insert AFTER INSERT ON turns BEGIN
	INSERT INTO turns_found (rowid, question, answer) VALUES (new.id, galago_words(new.question),
		galago_words(CASE WHEN new.state IN ('waiting', 'streaming') THEN '' ELSE new.answer END));
END;
CREATE TRIGGER turns_delete BEFORE DELETE ON turns BEGIN
	INSERT INTO turns_found (turns_found, rowid, question, answer) VALUES ('delete', old.id, galago_words(old.question),
		galago_words(CASE WHEN old.state IN ('waiting', 'streaming') THEN '' ELSE old.answer END));
END;
CREATE TRIGGER turns_update AFTER UPDATE OF question, answer, state ON turns
WHEN old.question <> new.question
	OR CASE WHEN old.state IN ('waiting', 'streaming') THEN '' ELSE old.answer END
	<> CASE WHEN new.state IN ('waiting', 'streaming') THEN '' ELSE new.answer END
BEGIN
	INSERT INTO turns_found (turns_found, rowid, question, answer) VALUES ('delete', old.id, galago_words(old.question),
		galago_words(CASE WHEN old.state IN ('waiting', 'streaming') THEN '' ELSE old.answer END));
	INSERT INTO turns_found (rowid, question, answer) VALUES (new.id, galago_words(new.question),
		galago_words(CASE WHEN new.state IN ('waiting', 'streaming') THEN '' ELSE new.answer END));
END;

CREATE VIEW titles_text AS SELECT id, galago_words(title) AS title FROM conversations;
CREATE VIRTUAL TABLE titles_found USING fts5 (title,
	content = titles_text, content_rowid = id, prefix = '1 2',
	tokenize = "` + tokenizer + `");
CREATE TRIGGER conversations_insert AFTER INSERT ON conversations BEGIN
	INSERT INTO titles_found (rowid, title) VALUES (new.id, galago_words(new.title));
END;
CREATE TRIGGER conversations_delete BEFORE DELETE ON conversations BEGIN
	INSERT INTO titles_found (titles_found, rowid, title) VALUES ('delete', old.id, galago_words(old.title));
END;
CREATE TRIGGER conversations_update AFTER UPDATE OF title ON conversations WHEN old.title <> new.title BEGIN
	INSERT INTO titles_found (titles_found, rowid, title) VALUES ('delete', old.id, galago_words(old.title));
	INSERT INTO titles_found (rowid, title) VALUES (new.id, galago_words(new.title));
END;
`}

// migrate brings a database to the newest schema, a version at a time and each in a transaction of its own.
func migrate(db *sql.DB, steps []string) error {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	for ; version < len(steps); version++ {
		if err := step(db, steps[version], version+1); err != nil {
			return fmt.Errorf("the conversations could not be brought to version %d of their format: %w", version+1, err)
		}
	}
	return nil
}

func step(db *sql.DB, statements string, version int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if _, err := tx.Exec(statements); err != nil {
		return err
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", version, applicationID)); err != nil {
		return err
	}
	return tx.Commit()
}

// The search index knows words as runs of letters and digits. Scripts that write no spaces would be one word a
// sentence, and emoji would stick to the words beside them, so wordsOf sets joiner, which the index takes for a space and
// nobody sees, between such characters. hitBegin and hitEnd mark what was found; no text has them, since they are no
// characters.
const (
	joiner   = '\u2060'
	hitBegin = '\uFDD0'
	hitEnd   = '\uFDD1'
)

func init() {
	sqlite.MustRegisterDeterministicScalarFunction("galago_words", 1,
		func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
			text, _ := args[0].(string)
			return wordsOf(text), nil
		})
}

// wordsOf is text as the search index sees it.
func wordsOf(text string) string {
	if plain(text) {
		return text
	}
	var b strings.Builder
	apart := true // what comes next is apart from what was before anyway
	for _, r := range text {
		if r == hitBegin || r == hitEnd || r == 0 {
			continue
		}
		alone := standsAlone(r)
		if alone && !apart {
			b.WriteRune(joiner)
		}
		b.WriteRune(r)
		if apart = alone; alone {
			b.WriteRune(joiner)
		}
	}
	return b.String()
}

// plain reports whether wordsOf would change nothing, which is so for most texts: they are ASCII without the byte that
// ends a text for SQLite.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf || text[i] == 0 {
			return false
		}
	}
	return true
}

// standsAlone reports whether a character is looked for by itself, without spaces around it.
func standsAlone(r rune) bool {
	return r >= utf8.RuneSelf && unicode.In(r, unicode.So, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
		unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}
