// Package store keeps conversations on disk: an SQLite database, and beside it the pictures as files that are named
// after their content.
//
// What it guarantees: when a method that changes something has returned without an error, the change is on the disk
// and outlasts the end of the program and of the machine's power. After either, a change that had not returned is there
// as a whole or not at all. One process at a time has a folder open; the lock is the kernel's, and ends with the
// process. A database of a newer Galago is never changed. A damaged one is kept under another name, and what can be
// read is carried over into a new one.
//
// A Store may be used from several goroutines. Its methods wait for the disk, so none belongs onto the window's main
// goroutine. Changes come one after the other; reading does not wait for them.
package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"

	"galago/assets/words"
	"galago/inference/disk"
)

// The names in a store's folder.
const (
	databaseName = "conversations.db"
	lockName     = "lock"
	picturesName = "pictures"
	suspectName  = "check" // its presence asks for a check at the next Open
)

// Store is an open folder of conversations.
type Store struct {
	dir      string
	lock     *os.File
	write    *sql.DB // has one connection
	read     *sql.DB
	pictures *pictures
	marker   marker

	recovery    *Recovery
	interrupted []Place

	now     func() time.Time
	suspect sync.Once
	closing sync.Once
}

// options are what tests change.
type options struct {
	migrations []string
	now        func() time.Time
}

// Open opens the conversations in a folder, which is made where it is missing. Turns that were under way when the
// program ended are marked as interrupted; Interrupted names them.
//
// Errors: ErrLocked, *NewerError, or why the folder cannot be used. A damaged database is no error: Recovery tells.
func Open(dir string) (*Store, error) {
	return open(dir, options{migrations: migrations, now: time.Now})
}

func open(dir string, o options) (_ *Store, err error) {
	doing := words.T("the conversations could not be opened")
	dir, err = filepath.Abs(dir) // a later chdir must not matter
	if err != nil {
		return nil, told(doing, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, told(doing, err)
	}
	s := &Store{dir: dir, now: o.now}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if err := s.takeLock(); err != nil {
		if errors.Is(err, ErrLocked) {
			return nil, err
		}
		return nil, told(doing, err)
	}
	if err := s.marker.open(); err != nil {
		return nil, told(doing, err)
	}
	if s.pictures, err = openPictures(filepath.Join(dir, picturesName)); err != nil {
		return nil, told(doing, err)
	}
	if err := s.openSound(o); err != nil {
		var newer *NewerError
		if errors.As(err, &newer) {
			return nil, err
		}
		return nil, told(doing, err)
	}
	return s, nil
}

func (s *Store) takeLock() error {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := lock(f); err != nil {
		f.Close()
		return err
	}
	s.lock = f // never removed: who waits for a lock on a removed file would get one beside the next
	return nil
}

// openSound opens the database, after it was repaired if that is necessary.
func (s *Store) openSound(o options) error {
	path := filepath.Join(s.dir, databaseName)
	if err := finishRecovery(s.dir, o.now()); err != nil {
		return err
	}
	why, err := examine(path, len(o.migrations), s.pictures.any())
	if err != nil {
		return err
	}
	if why == nil {
		if why = s.connect(path, o.migrations); why == nil {
			return nil
		}
		s.disconnect()
		if !damaged(why) {
			return why
		}
	}
	r, err := recoverDatabase(s.dir, o)
	if err != nil {
		return fmt.Errorf("the database is damaged (%w) and could not be repaired: %w", why, err)
	}
	s.recovery = &r
	return s.connect(path, o.migrations)
}

// connect opens a database that examine found sound, migrates it and marks what was interrupted.
func (s *Store) connect(path string, steps []string) error {
	var err error
	if s.write, err = sql.Open("sqlite", dsn(path, "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)",
		"secure_delete(1)", "busy_timeout(5000)")+"&_txlock=immediate"); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if err := migrate(s.write, steps); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "busy_timeout(5000)", "query_only(1)")); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	if err := s.trust(); err != nil {
		return err
	}
	if s.interrupted, err = s.interrupt(); err != nil {
		return err
	}
	return disk.SyncFolder(s.dir)
}

// trust ends the suspicion that the last use left behind, if it did. All indexes are made anew, since a check of the
// database sees only some damage to them, and all that they hold can be had from the tables.
func (s *Store) trust() error {
	suspect := filepath.Join(s.dir, suspectName)
	if size(suspect) < 0 {
		return nil
	}
	for _, statement := range []string{
		"REINDEX", "INSERT INTO turns_found (turns_found) VALUES ('rebuild')", "INSERT INTO titles_found (titles_found) VALUES ('rebuild')",
	} {
		_, err := s.write.Exec(statement)
		if code(err) == lib.SQLITE_CONSTRAINT {
			return fmt.Errorf("%w: %w", errUnsound, err)
		}
		if err != nil {
			return err
		}
	}
	return os.Remove(suspect)
}

// dsn names a database to the driver. The path becomes a URL, so that it may hold every character.
func dsn(path string, pragmas ...string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // a drive letter
	}
	u := url.URL{Scheme: "file", Path: slashed, RawQuery: url.Values{"_pragma": pragmas}.Encode()}
	return u.String()
}

// Close ends all use of the folder, after what is under way. It may be called more than once; other methods then fail.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		err = s.disconnect()
		if s.marker.db != nil {
			err = errors.Join(err, s.marker.db.Close())
		}
		if s.pictures != nil {
			err = errors.Join(err, s.pictures.root.Close())
		}
		if s.lock != nil {
			err = errors.Join(err, s.lock.Close()) // last: nobody may come in before
		}
	})
	return err
}

func (s *Store) disconnect() error {
	var err error
	if s.read != nil { // first, so that the last to leave is the one that can tidy up
		err = s.read.Close()
	}
	if s.write != nil {
		err = errors.Join(err, s.write.Close())
	}
	return err
}

// Recovery tells what became of a damaged database at Open; nil if there was none.
func (s *Store) Recovery() *Recovery { return s.recovery }

// told is an error with a sentence; one that means damage also makes the next Open look.
func (s *Store) told(doing string, err error) error {
	if damaged(err) {
		s.suspect.Do(func() { os.WriteFile(filepath.Join(s.dir, suspectName), nil, 0o600) })
	}
	if errors.Is(err, ErrNotFound) {
		return err
	}
	return told(doing, err)
}

// change runs f in a transaction that is on the disk when change returns nil.
func (s *Store) change(doing string, f func(*sql.Tx) error) error {
	tx, err := s.write.Begin()
	if err != nil {
		return s.told(doing, err)
	}
	defer tx.Rollback() // does nothing after Commit
	if err := f(tx); err != nil {
		return s.told(doing, err)
	}
	return s.told(doing, tx.Commit())
}

// changed is ErrNotFound unless a statement changed something.
func changed(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// millis and moment turn times into the database's and back.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// clean makes text of what may hold broken UTF-8.
func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
