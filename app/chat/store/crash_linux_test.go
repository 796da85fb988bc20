package store

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childEnv makes this binary a program that uses a store: its value is what to do and a folder.
const childEnv = "GALAGO_STORE_CHILD"

func TestMain(m *testing.M) {
	what, dir, child := strings.Cut(os.Getenv(childEnv), " ")
	if !child {
		os.Exit(m.Run())
	}
	var err error
	switch what {
	case "write":
		err = writeForever(dir)
	case "hold":
		err = hold(dir)
	case "unprivileged":
		err = openUnprivileged(dir)
	}
	fmt.Println("error:", err)
}

// longAnswer is long enough for SQLite to empty its log often, and says to which turn it belongs and how far it is.
func longAnswer(turn int64, n int) string {
	return strings.Repeat(fmt.Sprintf("turn%d ", turn), 100*n*n)
}

// writeForever asks questions and writes answers, and says what is stored when it is: a turn, or "turn piece" for an
// answer of which the first pieces are stored; the fourth is the last.
func writeForever(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("open")
	conversation := int64(0)
	for i := 0; ; i++ {
		h, err := s.PutPicture(fmt.Appendf(nil, "picture %d", i))
		if err != nil {
			return err
		}
		if i%5 == 0 {
			conversation = 0
		}
		turn, err := s.AddTurn(conversation, Question{Text: fmt.Sprintf("question %d", i), Pictures: []TurnPicture{{Hash: h}}})
		if err != nil {
			return err
		}
		conversation = turn.Conversation
		fmt.Println(turn.ID, 0)
		for n := 1; n <= 4; n++ {
			a := Answer{Text: longAnswer(turn.ID, n), State: Streaming}
			if n == 4 {
				a.State = Done
			}
			if err := s.SaveAnswer(turn.ID, a); err != nil {
				return err
			}
			fmt.Println(turn.ID, n)
		}
	}
}

func hold(dir string) error {
	s, err := Open(dir)
	if err != nil {
		return err
	}
	fmt.Println("open")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, s.Close())
}

func openUnprivileged(dir string) error {
	if err := syscall.Setuid(65534); err != nil && os.Getuid() == 0 {
		return err
	}
	_, err := Open(dir)
	return err
}

// child is this binary at work on a store.
type child struct {
	*exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner
}

func startChild(t *testing.T, what, dir string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0])}
	c.Env = append(os.Environ(), childEnv+"="+what+" "+dir)
	c.Stderr = t.Output()
	c.stdin = must(c.StdinPipe())(t)
	c.lines = bufio.NewScanner(must(c.StdoutPipe())(t))
	ok(t, c.Start())
	t.Cleanup(func() {
		c.Process.Kill()
		c.Wait()
	})
	return c
}

// acknowledged maps turns to how many pieces of their answers are stored.
type acknowledged map[int64]int

func (a acknowledged) add(t *testing.T, line string) {
	t.Helper()
	turn, pieces, both := strings.Cut(line, " ")
	if !both {
		t.Fatalf("the child says %q", line)
	}
	a[int64(must(strconv.Atoi(turn))(t))] = must(strconv.Atoi(pieces))(t)
}

// check compares what is in a store with what its writer said was.
func (a acknowledged) check(t *testing.T, s *Store) {
	t.Helper()
	if s.Recovery() != nil {
		t.Fatalf("a crash was taken for damage: %v", s.Recovery())
	}
	interrupted := map[int64]bool{}
	for _, p := range s.Interrupted() {
		interrupted[p.Turn] = true
	}
	seen := 0
	for _, summary := range must(s.Conversations(1<<30, Cursor{}))(t) {
		for _, turn := range must(s.Load(summary.ID))(t).Turns {
			pieces, said := a[turn.ID]
			if said {
				seen++
			}
			checkTurn(t, s, turn, pieces, interrupted[turn.ID])
		}
	}
	if seen != len(a) {
		t.Errorf("%d of %d turns are there", seen, len(a))
	}
	sound(t, s)
}

func checkTurn(t *testing.T, s *Store, turn Turn, pieces int, marked bool) {
	t.Helper()
	stored := 0
	for stored < 4 && len(turn.Answer.Text) > len(longAnswer(turn.ID, stored)) {
		stored++
	}
	if turn.Answer.Text != longAnswer(turn.ID, stored) {
		t.Errorf("turn %d has a text that nobody wrote", turn.ID)
	}
	if stored < pieces {
		t.Errorf("turn %d has %d of the %d pieces that were stored", turn.ID, stored, pieces)
	}
	// Marked at this Open, or at one before.
	if whole := stored == 4; whole != (turn.Answer.State == Done) || !whole && turn.Answer.State != Interrupted || whole && marked {
		t.Errorf("turn %d with %d pieces is %s", turn.ID, stored, turn.Answer.State)
	}
	if len(turn.Pictures) != 1 {
		t.Errorf("turn %d has %d pictures", turn.ID, len(turn.Pictures))
		return
	}
	if _, err := s.Picture(turn.Pictures[0].Hash); err != nil {
		t.Errorf("the picture of turn %d: %v", turn.ID, err)
	}
}

// TestKilled kills a writer again and again, each time a random while after a random number of its words.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	said := acknowledged{}
	for range 25 {
		c := startChild(t, "write", dir)
		if c.lines.Scan(); c.lines.Text() != "open" {
			t.Fatalf("the child says %q", c.lines.Text())
		}
		var once sync.Once
		for left := rand.IntN(12); c.lines.Scan(); left-- {
			said.add(t, c.lines.Text())
			if left <= 0 {
				once.Do(func() {
					time.AfterFunc(time.Duration(rand.IntN(10_000))*time.Microsecond, func() { c.Process.Kill() })
				})
			}
		}
		c.Wait()
	}
	if len(said) < 25 {
		t.Errorf("only %d turns were written", len(said))
	}
	said.check(t, mustOpen(t, dir))
}

// TestPowerLoss copies the files at one moment out of a writer's work, as a machine without power leaves them.
func TestPowerLoss(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "write", dir)
	if c.lines.Scan(); c.lines.Text() != "open" {
		t.Fatalf("the child says %q", c.lines.Text())
	}
	said := acknowledged{}
	for range 25 {
		for range 1 + rand.IntN(12) {
			c.lines.Scan()
			said.add(t, c.lines.Text())
		}
		stopChild(t, c)
		copied := t.TempDir()
		for _, name := range []string{databaseName, databaseName + "-wal"} {
			ok(t, copyFile(filepath.Join(copied, name), filepath.Join(dir, name)))
		}
		ok(t, os.CopyFS(filepath.Join(copied, picturesName), os.DirFS(filepath.Join(dir, picturesName))))
		ok(t, c.Process.Signal(syscall.SIGCONT))

		s := mustOpen(t, copied)
		said.check(t, s)
		ok(t, s.Close())
	}
}

// stopChild stops a child wherever it is, and waits until it stands still.
func stopChild(t *testing.T, c *child) {
	t.Helper()
	ok(t, c.Process.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err := syscall.Wait4(c.Process.Pid, &status, syscall.WUNTRACED, nil)
	if err != nil || !status.Stopped() {
		t.Fatalf("it did not stop: %v, %v", status, err)
	}
}

// TestTornLog cuts the end of the log off, or spoils it, behind what was stored.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	first := ask(t, s, 0, "first", "whole")
	path := filepath.Join(dir, databaseName)
	db, stored := must(os.ReadFile(path))(t), size(path+"-wal")
	ask(t, s, first.Conversation, "second", longAnswer(1, 2))
	wal := must(os.ReadFile(path + "-wal"))(t)
	for range 20 {
		copied := t.TempDir()
		at := int(stored) + rand.IntN(len(wal)-int(stored))
		torn := append([]byte{}, wal[:at]...)
		for range rand.IntN(10_000) {
			torn = append(torn, byte(rand.Uint32()))
		}
		ok(t, os.WriteFile(filepath.Join(copied, databaseName), db, 0o600))
		ok(t, os.WriteFile(filepath.Join(copied, databaseName+"-wal"), torn, 0o600))
		c := mustOpen(t, copied)
		if got := must(c.Load(first.Conversation))(t); got.Turns[0].Answer.Text != "whole" || c.Recovery() != nil {
			t.Errorf("torn at %d of %d: %+v, %v", at, len(wal), got, c.Recovery())
		}
		sound(t, c)
		c.Close()
	}
}

func TestTwoProcesses(t *testing.T) {
	dir := t.TempDir()
	first := startChild(t, "hold", dir)
	if first.lines.Scan(); first.lines.Text() != "open" {
		t.Fatalf("the child says %q", first.lines.Text())
	}
	if s, err := Open(dir); !errors.Is(err, ErrLocked) {
		s.Close()
		t.Fatalf("both have it open: %v", err)
	}
	ok(t, first.Process.Kill())
	first.Wait()
	mustOpen(t, dir).Close() // nothing is left of the dead one's lock

	second := startChild(t, "hold", dir)
	second.lines.Scan()
	second.stdin.Close()
	if second.lines.Scan(); second.lines.Text() != "error: <nil>" {
		t.Errorf("it ended with %q", second.lines.Text())
	}
	mustOpen(t, dir)
}

func TestNotWritable(t *testing.T) {
	dir := t.TempDir()
	mustOpen(t, dir).Close()
	for name, mode := range map[string][2]os.FileMode{"folder": {0o555, 0o644}, "database": {0o777, 0o444}} {
		t.Run(name, func(t *testing.T) {
			ok(t, os.Chmod(filepath.Join(dir, lockName), 0o666))
			ok(t, os.Chmod(filepath.Join(dir, picturesName), 0o777))
			ok(t, os.Chmod(filepath.Join(dir, databaseName), mode[1]))
			ok(t, os.Chmod(dir, mode[0]))
			for up := filepath.Dir(dir); up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
				ok(t, os.Chmod(up, 0o755))
			}
			c := startChild(t, "unprivileged", dir)
			c.lines.Scan()
			if got := c.lines.Text(); !strings.Contains(got, "cannot be written to") {
				t.Errorf("it says %q", got)
			}
		})
	}
	ok(t, os.Chmod(dir, 0o755))
	s := mustOpen(t, dir)
	if s.Recovery() != nil {
		t.Errorf("it was taken for damage: %v", s.Recovery())
	}
}
