package store

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	lib "modernc.org/sqlite/lib"

	"galago/assets/words"
	"galago/inference/disk"
)

// Recovery is what became of a damaged database.
type Recovery struct {
	Aside         string // where the damaged file is now
	Conversations int    // carried over
	Turns         int    // carried over
	Incomplete    bool   // some of it could not be read
}

// String is what a person should be told, a sentence or two.
func (r *Recovery) String() string {
	conversations, questions := words.T("%d conversations", r.Conversations), words.T("%d questions", r.Turns)
	if r.Conversations == 1 {
		conversations = words.T("1 conversation")
	}
	if r.Turns == 1 {
		questions = words.T("1 question")
	}
	what := words.T("%s with %s could be read and are here", conversations, questions)
	switch {
	case r.Conversations == 0:
		what = words.T("Nothing in it could be read")
	case r.Incomplete:
		what = words.T("%s; the rest could not be read", what)
	}
	return words.T("The file with the conversations was damaged. %s. The damaged file is kept as %s.", what, r.Aside)
}

const (
	asideInfix   = ".damaged-"
	workName     = ".recovery" // folder in which a new database is put together
	repairedName = "repaired.db"
)

// examine looks at a database without changing it. The first result says why it must be repaired, nil for a sound or
// missing one. The second is *NewerError, or why nothing can be said.
//
// All pages of its tables are looked at only where the last one to use it did not close it, since that takes time.
func examine(path string, known int, pictures bool) (why, _ error) {
	walSize := size(path + "-wal")
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && walSize <= 0:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("its main file is missing"), nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return errors.New("it is no ordinary file"), nil
	case info.Size() == 0 && (walSize > 0 || pictures):
		return errors.New("its main file is empty"), nil // SQLite would throw the rest away
	case info.Size() == 0:
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0) // SQLite would open it for reading only, and fail later
	if err != nil {
		return nil, err
	}
	f.Close()
	db, err := sql.Open("sqlite", dsn(path, "busy_timeout(5000)")+"&mode=ro")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	why, err = examineOpen(db, known, walSize > 0 || size(filepath.Join(filepath.Dir(path), suspectName)) >= 0)
	if damaged(err) {
		return err, nil
	}
	return why, err
}

func examineOpen(db *sql.DB, known int, all bool) (why, _ error) {
	var version, application, tables int
	if err := db.QueryRow("SELECT (SELECT user_version FROM pragma_user_version), "+
		"(SELECT application_id FROM pragma_application_id), (SELECT count(*) FROM sqlite_schema)").
		Scan(&version, &application, &tables); err != nil {
		return nil, err
	}
	switch {
	case tables > 0 && application != applicationID:
		return errors.New("it is another program's"), nil
	case version > known:
		return nil, &NewerError{version, known}
	case !all:
		return nil, nil
	}
	return checkTables(db)
}

// checkTables looks at all pages of all tables. A check of the whole file would also check the search index word by
// word, which takes minutes.
func checkTables(db *sql.DB) (why, _ error) {
	rows, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'")
	if err != nil {
		return nil, err
	}
	names, err := collect[string](rows)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var verdict string
		if err := db.QueryRow("PRAGMA quick_check(" + quoted(name) + ")").Scan(&verdict); err != nil {
			return nil, err
		}
		if verdict != "ok" {
			return errors.New(verdict), nil
		}
	}
	return nil, nil
}

// quoted is a name for SQL.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// size of a file in bytes, -1 if there is none.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

// recoverDatabase puts a new database in the place of a damaged one. The new one is complete before the old one is
// moved, and finishRecovery does the rest if the program ends in between.
func recoverDatabase(dir string, o options) (Recovery, error) {
	work := filepath.Join(dir, workName)
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o700)); err != nil {
		return Recovery{}, err
	}
	path := filepath.Join(dir, databaseName)
	patient := filepath.Join(work, "damaged.db")
	if err := errors.Join(copyFile(patient, path), copyFile(patient+"-wal", path+"-wal")); err != nil {
		return Recovery{}, err
	}
	r, err := repair(patient, filepath.Join(work, repairedName), o)
	if err != nil {
		return r, err
	}
	r.Aside, err = moveAside(path, o.now())
	if err != nil {
		return r, err
	}
	return r, finishRecovery(dir, o.now())
}

// copyFile copies a file if there is one. What cannot be read of it is left out.
func copyFile(to, from string) error {
	if info, err := os.Stat(from); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	var reading *fs.PathError
	if errors.As(err, &reading) && reading.Op == "read" {
		err = nil // a bad sector
	}
	return errors.Join(err, out.Close())
}

// moveAside renames a damaged database and its log. The main file goes first: without it nobody takes the log for
// something that can be left out.
func moveAside(path string, now time.Time) (string, error) {
	aside := path + asideInfix + now.Format("2006-01-02-150405")
	for n := 2; size(aside) >= 0 || size(aside+"-wal") >= 0; n++ {
		aside = fmt.Sprintf("%s%s%s-%d", path, asideInfix, now.Format("2006-01-02-150405"), n)
	}
	for _, suffix := range []string{"", "-wal"} {
		if err := disk.Retry(func() error { return os.Rename(path+suffix, aside+suffix) }); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	os.Remove(path + "-shm") // made of the log, and wrong beside another database
	return aside, disk.SyncFolder(filepath.Dir(path))
}

// finishRecovery puts a repaired database into its place, also if the program ended in the middle of that.
func finishRecovery(dir string, now time.Time) error {
	path, work := filepath.Join(dir, databaseName), filepath.Join(dir, workName)
	repaired := filepath.Join(work, repairedName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && size(repaired) >= 0 {
		// That the damaged one is gone means that the repaired one was complete.
		if err := moveLog(path, now); err != nil {
			return err
		}
		if err := errors.Join(disk.Retry(func() error { return os.Rename(repaired, path) }), disk.SyncFolder(dir)); err != nil {
			return err
		}
	}
	return os.RemoveAll(work)
}

// moveLog moves the log of a damaged database that is aside already after it.
func moveLog(path string, now time.Time) error {
	os.Remove(path + "-shm")
	if size(path+"-wal") < 0 {
		return nil
	}
	asides, err := filepath.Glob(escapeGlob(path) + asideInfix + "*")
	if err != nil {
		return err
	}
	slices.Sort(asides)
	for _, aside := range slices.Backward(asides) {
		if !strings.HasSuffix(aside, "-wal") && size(aside+"-wal") < 0 {
			return os.Rename(path+"-wal", aside+"-wal")
		}
	}
	_, err = moveAside(path, now)
	return err
}

func escapeGlob(path string) string {
	if filepath.Separator == '\\' {
		return path // Windows: no escapes, and of the special characters only [ can be in a name
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// repair makes a new database of what can be read in a damaged one.
func repair(from, to string, o options) (r Recovery, err error) {
	fresh, err := sql.Open("sqlite", dsn(to, "journal_mode(wal)", "synchronous(full)", "foreign_keys(0)"))
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, fresh.Close(), disk.SyncFolder(filepath.Dir(to))) }()
	fresh.SetMaxOpenConns(1)
	if err := migrate(fresh, o.migrations); err != nil {
		return r, err
	}
	if size(from) <= 0 {
		return Recovery{Incomplete: true}, nil
	}
	// cell_size_check keeps SQLite from believing damaged pages; a writable schema lets it open a file that was cut short.
	open := func() (*sql.DB, error) {
		db, err := sql.Open("sqlite", dsn(from, "cell_size_check(1)", "writable_schema(1)"))
		if err == nil {
			db.SetMaxOpenConns(1)
		}
		return db, err
	}
	old, err := open()
	if err != nil {
		return r, err
	}
	defer func() { old.Close() }()
	if columns, err := columnsOf(old, "turns"); err != nil || len(columns) == 0 {
		old.Close()
		if err := transplant(fresh, from, to); err != nil {
			return r, err
		}
		if old, err = open(); err != nil {
			return r, err
		}
		r.Incomplete = true
	}
	return r, carryOver(old, fresh, &r)
}

// transplant gives a damaged database the first page of a fresh one. That page has the schema, without which nothing
// else can be found, and all databases of one version have their tables in the same places.
func transplant(fresh *sql.DB, from, to string) error {
	if _, err := fresh.Exec("PRAGMA wal_checkpoint(truncate)"); err != nil {
		return err
	}
	page := make([]byte, 4096)
	f, err := os.Open(to)
	if err != nil {
		return err
	}
	_, err = io.ReadFull(f, page)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	clear(page[28:40]) // pages in the file, and its free ones: not known, SQLite counts them then
	old, err := os.OpenFile(from, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = old.WriteAt(page, 0)
	return errors.Join(err, old.Close())
}

// table is what is carried over, in this order.
type table struct {
	name, key string // key: an integer column by which rows are looked up one at a time
}

var recoverable = []table{{"conversations", "id"}, {"turns", "id"}, {"earlier_answers", "turn"}, {"turn_pictures", "turn"}}

// carryOver copies row after row, and makes what was torn apart whole again.
func carryOver(old, fresh *sql.DB, r *Recovery) error {
	tx, err := fresh.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	for _, t := range recoverable {
		whole, err := copyTable(old, tx, t)
		if err != nil {
			return err
		}
		r.Incomplete = r.Incomplete || !whole
	}
	if err := mend(tx); err != nil {
		return err
	}
	if err := tx.QueryRow("SELECT (SELECT count(*) FROM conversations WHERE deleted = 0), "+
		"(SELECT count(*) FROM turns JOIN conversations c ON c.id = conversation WHERE deleted = 0)").
		Scan(&r.Conversations, &r.Turns); err != nil {
		return err
	}
	return tx.Commit()
}

// mend gives turns without a conversation one, and removes what belongs to no turn.
func mend(tx *sql.Tx) error {
	if _, err := tx.Exec(`
INSERT INTO conversations (id, created, updated)
	SELECT conversation, min(created), max(created) FROM turns
	WHERE conversation NOT IN (SELECT id FROM conversations) GROUP BY conversation;
DELETE FROM turn_pictures   WHERE turn NOT IN (SELECT id FROM turns);
DELETE FROM earlier_answers WHERE turn NOT IN (SELECT id FROM turns);
DELETE FROM loose_pictures;`); err != nil {
		return err
	}
	rows, err := tx.Query("SELECT id FROM conversations WHERE title = ''")
	if err != nil {
		return err
	}
	ids, err := collect[int64](rows)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := retitle(tx, id); err != nil {
			return err
		}
	}
	return nil
}

// copyTable copies what can be read of a table, and reports whether that was all.
func copyTable(old *sql.DB, tx *sql.Tx, t table) (whole bool, _ error) {
	columns, err := columnsOf(old, t.name)
	if err != nil || len(columns) == 0 {
		return false, nil
	}
	known, err := columnsOf(tx, t.name)
	if err != nil {
		return false, err
	}
	columns = slices.DeleteFunc(columns, func(c string) bool { return !slices.Contains(known, c) })
	list := strings.Join(columns, ", ")
	insert, err := tx.Prepare(fmt.Sprintf("INSERT OR IGNORE INTO %s (%s) VALUES (?%s)",
		t.name, list, strings.Repeat(", ?", len(columns)-1)))
	if err != nil {
		return false, err
	}
	defer insert.Close()
	// In one go; what comes before damage is kept.
	from := fmt.Sprintf("SELECT %s FROM %s ", list, t.name)
	if whole, err = copyRows(old, insert, len(columns), from+"NOT INDEXED"); whole || err != nil {
		return whole, err
	}
	return false, copySingly(old, tx, insert, len(columns), from, t)
}

// copySingly looks for every row that a table may have, each on its own way through the file.
func copySingly(old *sql.DB, tx *sql.Tx, insert *sql.Stmt, columns int, from string, t table) error {
	last := lastID(old, tx)
	for id := int64(1); id <= last; id++ {
		if _, err := copyRows(old, insert, columns, from+"WHERE "+t.key+" = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// maxRecovered bounds how long one looks for rows whose numbers nobody knows.
const maxRecovered = 10_000_000

// lastID is a number that no conversation's and no turn's exceeds.
func lastID(old *sql.DB, tx *sql.Tx) int64 {
	last := int64(1000)
	for _, query := range []string{
		"SELECT max(seq) FROM sqlite_sequence", "SELECT max(id) FROM turns", "SELECT max(id) FROM conversations",
		"SELECT max(turn) FROM turn_pictures", "SELECT max(conversation) FROM turns",
	} {
		for _, q := range []interface {
			QueryRow(string, ...any) *sql.Row
		}{old, tx} {
			var n sql.NullInt64
			if q.QueryRow(query).Scan(&n) == nil && n.Int64 > last && n.Int64 <= maxRecovered {
				last = n.Int64
			}
		}
	}
	return last
}

// copyRows copies the rows of a query. What cannot be read, and what the new table does not take, makes it false; the
// error is about the new database alone.
func copyRows(old *sql.DB, insert *sql.Stmt, columns int, query string, args ...any) (whole bool, _ error) {
	rows, err := old.Query(query, args...)
	if err != nil {
		return false, nil
	}
	defer rows.Close()
	values, to := make([]any, columns), make([]any, columns)
	for i := range values {
		to[i] = &values[i]
	}
	whole = true
	for rows.Next() {
		if rows.Scan(to...) != nil {
			whole = false
			continue
		}
		for i, v := range values {
			if text, ok := v.(string); ok {
				values[i] = clean(text)
			}
		}
		switch _, err := insert.Exec(values...); {
		case code(err) == lib.SQLITE_CONSTRAINT || code(err) == lib.SQLITE_MISMATCH:
			whole = false
		case err != nil:
			return false, err
		}
	}
	return whole && rows.Err() == nil, nil
}

func columnsOf(db interface {
	Query(string, ...any) (*sql.Rows, error)
}, table string,
) ([]string, error) {
	rows, err := db.Query("SELECT name FROM pragma_table_info(?)", table)
	if err != nil {
		return nil, err
	}
	return collect[string](rows)
}

// collect reads all rows of one column.
func collect[T any](rows *sql.Rows) ([]T, error) {
	defer rows.Close()
	var list []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}
