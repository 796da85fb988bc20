package app

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"galago/app/chat/store"
	"galago/inference"
	"galago/ui"
)

// writerEnv makes TestWriter ask questions and receive answers until it is killed: its value is a folder for what is kept.
const writerEnv = "GALAGO_TEST_WRITER"

const (
	piecesOfAnswer = 5
	perChat        = 3
)

// pieceOf is a part of an answer that says where it belongs.
func pieceOf(question string, n int) string {
	return strings.Repeat(fmt.Sprintf("%s/%d ", question, n), 300)
}

// answerOf is an answer of so many pieces.
func answerOf(question string, pieces int) string {
	var b strings.Builder
	for n := range pieces {
		b.WriteString(pieceOf(question, n))
	}
	return b.String()
}

// TestWriter is no test but the program that the others kill. It says "asked QUESTION" when a question goes to the
// service, and "kept QUESTION PIECES" when so much of its answer was to be on the disk; one more piece than there are
// means its end.
func TestWriter(t *testing.T) {
	dir := os.Getenv(writerEnv)
	if dir == "" {
		t.Skip("it runs in a process of its own")
	}
	k := keepingIn(t, dir)
	k.client.submit = func(r inference.Request) {
		fmt.Println("asked", r.Messages[len(r.Messages)-1].Text)
	}
	k.opened()
	fmt.Println("open")
	for i := 0; ; i++ {
		if i%perChat == 0 {
			k.NewChat()
		}
		question := fmt.Sprintf("%d-%d", os.Getpid(), i)
		k.AttachImage("a.png", pngOf(t, 8+i%100, 8))
		k.attached()
		k.ask(i, question)
		for n := range piecesOfAnswer {
			k.say(i, delta(pieceOf(question, n)))
			k.pass()
			fmt.Println("kept", question, n+1)
		}
		k.say(i, done)
		k.settle()
		fmt.Println("kept", question, piecesOfAnswer+1)
	}
}

// writer is TestWriter at work.
type writer struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func startWriter(t *testing.T, dir string) *writer {
	t.Helper()
	w := &writer{Cmd: exec.Command(os.Args[0], "-test.run=^TestWriter$")}
	w.Env = append(os.Environ(), writerEnv+"="+dir)
	w.Stderr = t.Output()
	out, err := w.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.lines = bufio.NewScanner(out)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Process.Kill()
		w.Wait()
	})
	if w.lines.Scan(); w.lines.Text() != "open" {
		t.Fatalf("the writer says %q", w.lines.Text())
	}
	return w
}

// said maps questions that were asked to how many pieces of their answers are on the disk.
type said map[string]int

func (s said) add(t *testing.T, line string) {
	t.Helper()
	var question string
	var n int
	if _, err := fmt.Sscanf(line, "kept %s %d", &question, &n); err != nil {
		if _, err := fmt.Sscanf(line, "asked %s", &question); err != nil {
			t.Fatalf("the writer says %q", line)
		}
	}
	s[question] = n
}

// check looks for all that was said in what a window finds at its next start.
func (s said) check(t *testing.T, dir string) {
	t.Helper()
	k := keepingIn(t, dir)
	defer k.Close()
	k.opened()
	k.settle()
	if k.store.Recovery() != nil {
		t.Fatalf("it was taken for damage: %v", k.store.Recovery())
	}
	seen := 0
	for _, c := range k.view.conversations {
		for _, turn := range k.load(c.ID) {
			if pieces, known := s[turn.Question]; known {
				seen++
				checkKept(t, k.store, turn, pieces)
			}
		}
	}
	if seen != len(s) {
		t.Errorf("%d of %d questions are there", seen, len(s))
	}
	if places := k.store.Interrupted(); len(places) > 0 {
		last := places[len(places)-1]
		k.until("the interrupted conversation is open", func() bool { return k.stored == last.Conversation })
		u := k.view.turns[len(k.view.turns)-1]
		if u.State != ui.TurnInterrupted || u.CanContinue != (u.Answer != "") {
			t.Errorf("the interrupted turn is %d with %d letters, to be continued: %t", u.State, len(u.Answer), u.CanContinue)
		}
	}
}

func checkKept(t *testing.T, s *store.Store, turn store.Turn, pieces int) {
	t.Helper()
	whole := min(pieces, piecesOfAnswer)
	if !strings.HasPrefix(turn.Answer.Text, answerOf(turn.Question, whole)) ||
		!strings.HasPrefix(answerOf(turn.Question, piecesOfAnswer), turn.Answer.Text) {
		t.Errorf("%s: of %d pieces %d letters are there", turn.Question, pieces, len(turn.Answer.Text))
	}
	switch state := turn.Answer.State; {
	case pieces > piecesOfAnswer && state != store.Done, state != store.Done && state != store.Interrupted:
		t.Errorf("%s: with %d pieces it is %s", turn.Question, pieces, state)
	}
	if len(turn.Pictures) != 1 {
		t.Errorf("%s has %d pictures", turn.Question, len(turn.Pictures))
		return
	}
	if _, err := s.Picture(turn.Pictures[0].Hash); err != nil {
		t.Errorf("%s: its picture: %v", turn.Question, err)
	}
}

// TestTheWindowIsKilled kills a window at work, again and again at a random moment.
func TestTheWindowIsKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conversations")
	all := said{}
	for range 8 {
		w := startWriter(t, dir)
		for left := 1 + rand.IntN(25); w.lines.Scan(); left-- {
			all.add(t, w.lines.Text())
			if left == 0 {
				time.AfterFunc(time.Duration(rand.IntN(10_000))*time.Microsecond, func() { w.Process.Kill() })
			}
		}
		w.Wait()
		all.check(t, dir)
	}
	if len(all) < 8 {
		t.Errorf("only %d questions were asked", len(all))
	}
}

// TestTheMachineLosesPower copies the files at one moment out of a window's work.
func TestTheMachineLosesPower(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "conversations")
	w := startWriter(t, dir)
	all := said{}
	for range 8 {
		for range 1 + rand.IntN(15) {
			w.lines.Scan()
			all.add(t, w.lines.Text())
		}
		all.check(t, copyStopped(t, w, dir))
	}
}

// copyStopped copies a writer's folder while it stands still, wherever it is.
func copyStopped(t *testing.T, w *writer, dir string) string {
	t.Helper()
	if err := w.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(w.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("it did not stop: %v, %v", status, err)
	}
	to := t.TempDir()
	for _, name := range []string{"conversations.db", "conversations.db-wal"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, name), data)
	}
	if err := os.CopyFS(filepath.Join(to, "pictures"), os.DirFS(filepath.Join(dir, "pictures"))); err != nil {
		t.Fatal(err)
	}
	if err := w.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	return to
}
