package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// clock goes on by a second whenever it is looked at.
func clock() func() time.Time {
	now := time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC)
	return func() time.Time {
		now = now.Add(time.Second)
		return now.Local()
	}
}

func testOptions() options { return options{migrations: migrations, now: clock()} }

func mustOpen(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := open(dir, testOptions())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// must returns v, and ends the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sound checks the database, that the search index has exactly what is stored, and that Search can be used.
func sound(t testing.TB, s *Store) {
	t.Helper()
	var verdict string
	ok(t, s.write.QueryRow("PRAGMA integrity_check").Scan(&verdict))
	if verdict != "ok" {
		t.Fatalf("integrity_check: %s", verdict)
	}
	for _, index := range []string{"turns_found", "titles_found"} {
		if _, err := s.write.Exec(fmt.Sprintf("INSERT INTO %s (%[1]s, rank) VALUES ('integrity-check', 1)", index)); err != nil {
			t.Fatalf("%s is out of step: %v", index, err)
		}
	}
	if rows := must(columnsOf(s.write, "turns"))(t); len(rows) == 0 {
		t.Fatal("no table of turns")
	}
}

func ask(t testing.TB, s *Store, conversation int64, question, answer string, pictures ...TurnPicture) Turn {
	t.Helper()
	turn := must(s.AddTurn(conversation, Question{Text: question, Pictures: pictures}))(t)
	if answer != "" {
		ok(t, s.SaveAnswer(turn.ID, Answer{Text: answer, State: Done}))
	}
	return turn
}

func TestWhatIsStoredIsThereAgain(t *testing.T) {
	name := "with space, 100% #1? ü&x=y"
	if runtime.GOOS == "windows" {
		name = strings.ReplaceAll(name, "?", "") // cannot be in a name there
	}
	dir := filepath.Join(t.TempDir(), name, "deep")
	s := mustOpen(t, dir)
	shelf := must(s.PutPicture([]byte("a shelf")))(t)
	mug := must(s.PutPicture([]byte("a mug")))(t)
	turn := must(s.AddTurn(0, Question{
		Text: "What is on\nthe shelf?", Model: "Qwen",
		Pictures: []TurnPicture{{shelf, "shelf.jpg", "high", 800, 600}, {mug, "mug.png", "", 0, 0}},
	}))(t)
	started := time.Date(2026, 11, 16, 13, 0, 0, 5e6, time.Local)
	answer := Answer{
		Text: "Three mugs\x00 and \xff.", State: Failed, Drop: true, Figures: []string{"42 tokens/s"}, Notices: []string{"fewer tokens"},
		Problem: &Problem{Title: "No memory", Text: "t", Action: "a", Detail: "d"},
		Model:   "Qwen", Started: started, Ended: started.Add(time.Second), Thought: 420 * time.Millisecond, Cut: true,
	}
	ok(t, s.SaveAnswer(turn.ID, answer))
	ok(t, s.Close())

	s = mustOpen(t, dir)
	c := must(s.Load(turn.Conversation))(t)
	want := turn
	want.Answer = answer
	want.Answer.Text = "Three mugs\x00 and \uFFFD."
	if len(c.Turns) != 1 || !reflect.DeepEqual(c.Turns[0], want) {
		t.Errorf("it came back as\n%+v\nwant\n%+v", c.Turns, want)
	}
	if c.Title != "What is on" || c.Picture != shelf || c.Summary.Turns != 1 {
		t.Errorf("summary %+v", c.Summary)
	}
	if data := must(s.Picture(mug))(t); string(data) != "a mug" {
		t.Errorf("the picture is %q", data)
	}
	if s.Recovery() != nil || len(s.Interrupted()) != 0 {
		t.Errorf("recovery %v, interrupted %v", s.Recovery(), s.Interrupted())
	}
	sound(t, s)
}

func TestSetDetail(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	p := TurnPicture{must(s.PutPicture([]byte("a shelf")))(t), "shelf.jpg", "high", 800, 600}
	other := ask(t, s, 0, "elsewhere", "", p)
	first := ask(t, s, 0, "first", "", p, p)
	second := ask(t, s, first.Conversation, "second", "", p)
	ask(t, s, first.Conversation, "third", "", p)
	ok(t, s.SetDetail(second.ID, "low"))
	var got []string
	for _, id := range []int64{first.Conversation, other.Conversation} {
		for _, turn := range must(s.Load(id))(t).Turns {
			for _, p := range turn.Pictures {
				got = append(got, p.Detail)
			}
		}
	}
	if fmt.Sprint(got) != "[low low low high high]" {
		t.Errorf("the details are %v", got)
	}
}

func TestDurability(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		ok(t, s.write.QueryRow("PRAGMA "+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
	}
}

func titles(list []Summary) string {
	var names []string
	for _, c := range list {
		names = append(names, c.Title)
	}
	return strings.Join(names, " ")
}

func TestConversationsAreListedInPages(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	var ids []int64
	for i := range 7 {
		ids = append(ids, ask(t, s, 0, fmt.Sprint("c", i), "").Conversation)
	}
	ask(t, s, ids[1], "again", "")
	must(s.Delete(ids[4]))(t)
	var all []string
	after := Cursor{}
	for {
		page := must(s.Conversations(2, after))(t)
		if len(page) == 0 {
			break
		}
		all = append(all, titles(page))
		after = page[len(page)-1].Cursor()
	}
	if got := strings.Join(all, "|"); got != "c1 c6|c5 c3|c2 c0" {
		t.Errorf("pages %s", got)
	}
}

func TestTitles(t *testing.T) {
	long := strings.Repeat("word ", 40)
	for question, want := range map[string]string{
		"":                        "",
		"  What is   this? \nand": "What is this?",
		"---\n\n**Hello**":        "**Hello**",
		"?!":                      "?!",
		long:                      strings.TrimSpace(strings.Repeat("word ", 16)) + "…",
		strings.Repeat("货", 100):  strings.Repeat("货", 80) + "…",
		"bad \xff":                "bad \uFFFD",
	} {
		if got := TitleOf(question); got != want {
			t.Errorf("%.20q gives %q, want %q", question, got, want)
		}
	}
}

func TestRename(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	id := ask(t, s, 0, "first", "").Conversation
	ask(t, s, id, "second", "")
	if got := must(s.Rename(id, "  mine "))(t); got != "mine" {
		t.Errorf("renamed to %q", got)
	}
	ask(t, s, id, "third", "")
	if got := must(s.Load(id))(t).Title; got != "mine" {
		t.Errorf("a question changed the title to %q", got)
	}
	if got := must(s.Rename(id, " "))(t); got != "first" {
		t.Errorf("without a title of its own it is %q", got)
	}
	if _, err := s.Rename(99, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a missing one: %v", err)
	}
	sound(t, s)
}

func TestDeleteCanBeTakenBackUntilPurge(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	h := must(s.PutPicture([]byte("p")))(t)
	turn := ask(t, s, 0, "findme", "an answer", TurnPicture{Hash: h})
	id := turn.Conversation
	deleted := must(s.Delete(id))(t)
	if _, err := s.Load(id); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted, Load says %v", err)
	}
	if _, err := s.AddTurn(id, Question{Text: "x"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted, AddTurn says %v", err)
	}
	if hits := must(s.Search(t.Context(), "findme", 9))(t); len(hits) != 0 {
		t.Errorf("deleted, and found: %v", hits)
	}
	if _, err := s.Delete(id); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
	s.Close()
	s = mustOpen(t, dir)
	if n := must(s.Collect())(t); n != 0 {
		t.Errorf("%d pictures of what can be brought back were removed", n)
	}
	ok(t, s.Undelete(deleted))
	if c := must(s.Load(id))(t); len(c.Turns) != 1 || c.Turns[0].Answer.Text != "an answer" {
		t.Errorf("brought back %+v", c)
	}
	if hits := must(s.Search(t.Context(), "findme", 9))(t); len(hits) != 1 {
		t.Errorf("brought back, found %d times", len(hits))
	}
	again := must(s.Delete(id))(t)
	if err := s.Undelete(deleted); !errors.Is(err, ErrNotFound) {
		t.Errorf("the first token undid the second Delete: %v", err)
	}
	if n := must(s.Purge(moment(again.at)))(t); n != 0 {
		t.Errorf("purged %d of what was deleted later", n)
	}
	if n := must(s.Purge(s.now()))(t); n != 1 {
		t.Errorf("purged %d", n)
	}
	if err := s.Undelete(again); !errors.Is(err, ErrNotFound) {
		t.Errorf("purged, and brought back: %v", err)
	}
	if n := must(s.Collect())(t); n != 1 {
		t.Errorf("%d pictures removed after Purge, want 1", n)
	}
	if _, err := s.Picture(h); !errors.Is(err, ErrPictureMissing) {
		t.Errorf("its picture: %v", err)
	}
	sound(t, s)
}

// contents is a conversation without what differs between a copy and what it is a copy of.
func contents(c Conversation) []Turn {
	turns := slices.Clone(c.Turns)
	for i := range turns {
		turns[i].ID, turns[i].Conversation = 0, 0
	}
	return turns
}

func TestDuplicateAndBranch(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	h := must(s.PutPicture([]byte("p")))(t)
	first := ask(t, s, 0, "first", "one", TurnPicture{h, "p.png", "low", 4, 3})
	id := first.Conversation
	ok(t, s.Restart(first.ID, "m"))
	ok(t, s.SaveAnswer(first.ID, Answer{Text: "uno", State: Done, Figures: []string{"f"}}))
	gone := ask(t, s, id, "gone", "x")
	second := ask(t, s, id, "second", "two", TurnPicture{h, "q.png", "", 0, 0})
	ok(t, s.RemoveTurn(gone.ID))
	must(s.Rename(id, "Mine"))(t)

	want := must(s.Load(id))(t)
	d := must(s.Duplicate(id))(t)
	got := must(s.Load(d.ID))(t)
	if !reflect.DeepEqual(contents(got), contents(want)) || got.Title != "Mine" || d.Turns != 2 || d.Picture != h {
		t.Errorf("a copy of\n%+v is\n%+v", want, got)
	}
	if got.Turns[0].Earlier[0].Text != "one" || got.Turns[1].Pictures[0].Name != "q.png" {
		t.Errorf("copy %+v", got)
	}
	b := must(s.Branch(id, second.ID))(t)
	if got := must(s.Load(b.ID))(t); len(got.Turns) != 1 || got.Turns[0].Answer.Text != "uno" {
		t.Errorf("branch %+v", got)
	}
	if _, err := s.Branch(d.ID, second.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("branched at another conversation's turn: %v", err)
	}
	must(s.RemoveFrom(first.ID))(t)
	if got := must(s.Load(id))(t); len(got.Turns) != 0 {
		t.Errorf("left: %+v", got.Turns)
	}
	if got := must(s.Load(d.ID))(t); len(got.Turns) != 2 {
		t.Errorf("the copy lost turns too: %+v", got.Turns)
	}
	running := ask(t, s, id, "running", "")
	d = must(s.Duplicate(id))(t)
	if got := must(s.Load(d.ID))(t).Turns[0].Answer.State; got != Interrupted {
		t.Errorf("the copy of what runs is %s", got)
	}
	ok(t, s.SaveAnswer(running.ID, Answer{Text: "end", State: Done}))
	sound(t, s)
}

func TestRemoveFromAndPutBack(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	first := ask(t, s, 0, "first", "one")
	id := first.Conversation
	second := ask(t, s, id, "second", "two")
	ask(t, s, id, "third", "three")
	whole := must(s.Load(id))(t).Turns
	removed := must(s.RemoveFrom(second.ID))(t)
	if got := must(s.Load(id))(t).Turns; len(got) != 1 || len(must(s.Conversations(10, Cursor{}))(t)) != 1 {
		t.Errorf("left: %+v", got)
	}
	if hits := must(s.Search(t.Context(), "three", 10))(t); len(hits) != 0 {
		t.Errorf("found: %+v", hits)
	}
	ask(t, s, id, "since then", "four")
	ask(t, s, id, "and then", "five")
	ok(t, s.PutBack(removed))
	got := must(s.Load(id))(t).Turns
	if len(got) != 5 || !reflect.DeepEqual(got[:3], whole) || got[3].Question != "since then" || got[4].Question != "and then" {
		t.Errorf("after it was put back: %+v", got)
	}
	if hits := must(s.Search(t.Context(), "three", 10))(t); len(hits) != 1 {
		t.Errorf("not found")
	}
	if err := s.PutBack(removed); !errors.Is(err, ErrNotFound) {
		t.Errorf("put back twice: %v", err)
	}
	if _, err := s.RemoveFrom(999); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed what is not there: %v", err)
	}
	removed = must(s.RemoveFrom(first.ID))(t)
	must(s.Purge(time.Now().Add(time.Hour)))(t)
	if err := s.PutBack(removed); !errors.Is(err, ErrNotFound) {
		t.Errorf("put back after Purge: %v", err)
	}
	sound(t, s)
}

func TestEarlierAnswers(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	turn := ask(t, s, 0, "q", "one")
	ok(t, s.Restart(turn.ID, "m"))
	ok(t, s.Restart(turn.ID, "m")) // nothing was written in between: nothing to put aside
	state := func() string {
		a := must(s.Load(turn.Conversation))(t).Turns[0]
		texts := string(a.Answer.State) + " " + a.Answer.Text + ":"
		for _, e := range a.Earlier {
			texts += " " + e.Text
		}
		return texts
	}
	if got := state(); got != "waiting : one" {
		t.Errorf("restarted: %s", got)
	}
	if err := s.Choose(turn.ID, 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("chosen while an answer is under way: %v", err)
	}
	ok(t, s.SaveAnswer(turn.ID, Answer{Text: "two", State: Cancelled}))
	ok(t, s.Restart(turn.ID, "m"))
	ok(t, s.SaveAnswer(turn.ID, Answer{Text: "three", State: Done}))
	ok(t, s.Choose(turn.ID, 0))
	if got := state(); got != "done one: two three" {
		t.Errorf("chosen: %s", got)
	}
	for _, index := range []int{-1, 2} {
		if err := s.Choose(turn.ID, index); !errors.Is(err, ErrNotFound) {
			t.Errorf("chosen %d: %v", index, err)
		}
	}
	sound(t, s)
}

func TestALateSaveDoesNoHarm(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	turn := ask(t, s, 0, "q", "whole")
	ok(t, s.SaveAnswer(turn.ID, Answer{Text: "who", State: Streaming}))
	if a := must(s.Load(turn.Conversation))(t).Turns[0].Answer; a.Text != "whole" || a.State != Done {
		t.Errorf("%+v", a)
	}
	if err := s.SaveAnswer(99, Answer{State: Done}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a missing turn: %v", err)
	}
	if err := s.SaveAnswer(turn.ID, Answer{}); err == nil {
		t.Error("an answer without a state was stored")
	}
}

func TestWhatWasUnderWayIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	done := ask(t, s, 0, "done", "whole")
	half := ask(t, s, done.Conversation, "half", "")
	ok(t, s.SaveAnswer(half.ID, Answer{Text: "partial", State: Streaming}))
	never := ask(t, s, 0, "never sent", "")
	if hits := must(s.Search(t.Context(), "partial", 9))(t); len(hits) != 0 {
		t.Error("what is being written is indexed")
	}
	s.Close()

	s = mustOpen(t, dir)
	if got, want := s.Interrupted(), []Place{{done.Conversation, half.ID}, {never.Conversation, never.ID}}; !slices.Equal(got, want) {
		t.Errorf("interrupted %v, want %v", got, want)
	}
	if hits := must(s.Search(t.Context(), "partial", 9))(t); len(hits) != 1 {
		t.Error("what was written is not found")
	}
	a := must(s.Load(done.Conversation))(t).Turns[1].Answer
	if a.State != Interrupted || a.Text != "partial" {
		t.Errorf("%+v", a)
	}
	marked := func() bool { return must(s.Summary(done.Conversation))(t).Interrupted }
	if !marked() {
		t.Error("the list does not say that an answer was cut off")
	}
	ok(t, s.Continue(half.ID))
	ok(t, s.SaveAnswer(half.ID, Answer{Text: "partial and the rest", State: Done}))
	if marked() {
		t.Error("the list says that an answer was cut off, which is whole")
	}
	s.Close()
	s = mustOpen(t, dir)
	if len(s.Interrupted()) != 0 {
		t.Errorf("interrupted again: %v", s.Interrupted())
	}
	sound(t, s)
}

func TestCloseTwiceAndUseAfter(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	ok(t, s.Close())
	ok(t, s.Close())
	if _, err := s.AddTurn(0, Question{Text: "x"}); err == nil {
		t.Error("a closed store took a question")
	}
	if _, err := s.Conversations(1, Cursor{}); err == nil {
		t.Error("a closed store was read")
	}
}

func TestLockWithinAProcess(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Fatalf("opened twice: %v", err)
	}
	s.Close()
	mustOpen(t, dir)
}

func TestNewerSchemaIsNotTouched(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, databaseName)
	o := testOptions()
	o.migrations = append(slices.Clone(migrations), "CREATE TABLE future (x)", "INSERT INTO future VALUES (1)")
	s := must(open(dir, o))(t)
	ask(t, s, 0, "from the future", "")
	// As after a crash, with a log beside it.
	db, wal := must(os.ReadFile(path))(t), must(os.ReadFile(path+"-wal"))(t)
	s.Close()
	closed := must(os.ReadFile(path))(t)
	for name, files := range map[string]struct{ db, wal []byte }{"crashed": {db, wal}, "closed": {closed, nil}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, databaseName)
			ok(t, os.WriteFile(path, files.db, 0o600))
			if files.wal != nil {
				ok(t, os.WriteFile(path+"-wal", files.wal, 0o600))
			}
			_, err := open(dir, testOptions())
			var newer *NewerError
			if !errors.As(err, &newer) || newer.Found != len(migrations)+2 || newer.Known != len(migrations) {
				t.Fatalf("opened, or: %v", err)
			}
			if !bytes.Equal(must(os.ReadFile(path))(t), files.db) {
				t.Error("the database was changed")
			}
			if files.wal != nil && !bytes.Equal(must(os.ReadFile(path+"-wal"))(t), files.wal) {
				t.Error("the log was changed")
			}
			s := must(open(dir, o))(t)
			s.Close()
		})
	}
}

func TestMigrations(t *testing.T) {
	dir := t.TempDir()
	o := testOptions()
	s := must(open(dir, o))(t)
	id := ask(t, s, 0, "old", "answer").Conversation
	s.Close()

	broken := o
	broken.migrations = append(slices.Clone(migrations), "ALTER TABLE turns ADD COLUMN a TEXT", "CREATE TABLE half (x); SELECT nonsense")
	if s, err := open(dir, broken); err == nil {
		s.Close()
		t.Fatal("a migration that fails was no error")
	}
	better := o
	better.migrations = append(broken.migrations[:len(migrations)+1:len(migrations)+1], "CREATE TABLE half (x); INSERT INTO half SELECT a FROM turns")
	s = must(open(dir, better))(t)
	defer s.Close()
	var version, rows int
	ok(t, s.read.QueryRow("SELECT user_version, (SELECT count(*) FROM half) FROM pragma_user_version").Scan(&version, &rows))
	if version != len(better.migrations) || rows != 1 {
		t.Errorf("version %d with %d rows", version, rows)
	}
	if c := must(s.Load(id))(t); c.Turns[0].Answer.Text != "answer" {
		t.Errorf("%+v", c)
	}
}
