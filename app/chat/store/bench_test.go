package store

import (
	"database/sql"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// vocabulary are 20,000 words whose use falls off as that of a language's does.
func vocabulary(r *rand.Rand) func() string {
	words := make([]string, 20000)
	for i := range words {
		b := make([]byte, 3+r.IntN(8))
		for j := range b {
			b[j] = "etaoinshrdlucmfwypvbgkqjxz"[min(int(r.ExpFloat64()*5), 25)]
		}
		words[i] = string(b)
	}
	return func() string { return words[int(math.Pow(float64(len(words)), r.Float64()))-1] }
}

func sentence(word func() string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = word()
	}
	return strings.Join(list, " ")
}

// manyConversations fills a store with conversations of four questions with answers of 120 words.
func manyConversations(b *testing.B, n int) (*Store, func() string) {
	b.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	word := vocabulary(r)
	s := must(Open(b.TempDir()))(b)
	b.Cleanup(func() { s.Close() })
	ok(b, s.change("filling", func(tx *sql.Tx) error {
		for i := range n {
			t := Turn{}
			for range 4 {
				t = Turn{Conversation: t.Conversation, Question: sentence(word, 9), Pictures: []TurnPicture{{Hash: HashOf([]byte{byte(i)})}}}
				if err := insertTurn(tx, &t, int64(1e12+i*1000)); err != nil {
					return err
				}
				if err := updateAnswer(tx, t.ID, Answer{Text: sentence(word, 120), State: Done}); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	return s, word
}

// slowest reports the slowest of what is timed, beside the mean.
type slowest time.Duration

func (d *slowest) time(f func()) {
	start := time.Now()
	f()
	*d = max(*d, slowest(time.Since(start)))
}

func (d slowest) report(b *testing.B) {
	b.ReportMetric(float64(d)/1e6, "slowest-ms")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ms/op")
}

func BenchmarkTenThousandConversations(b *testing.B) {
	s, word := manyConversations(b, 10_000)
	b.Run("Open", func(b *testing.B) {
		ok(b, s.Close())
		for b.Loop() {
			s = must(Open(s.dir))(b)
			ok(b, s.Close())
		}
		s = must(Open(s.dir))(b)
	})
	b.Run("Check", func(b *testing.B) {
		for b.Loop() {
			if why, err := checkTables(s.read); why != nil || err != nil {
				b.Fatal(why, err)
			}
		}
		b.ReportMetric(float64(size(s.dir+"/"+databaseName))/1e6, "MB")
	})
	for name, query := range map[string]func() string{
		"Word":    word,
		"Letter":  func() string { return word()[:1] },
		"Two":     func() string { return word()[:2] },
		"Five":    func() string { w := word(); return w[:min(len(w), 5)] },
		"Several": func() string { w := word(); return word() + " " + w[:1] },
		"Nothing": func() string { return "nowhere to be found" },
	} {
		b.Run("Search"+name, func(b *testing.B) {
			var slow slowest
			for b.Loop() {
				slow.time(func() { must(s.Search(b.Context(), query(), 50))(b) })
			}
			slow.report(b)
		})
	}
	for name, query := range map[string]string{"Letter": "e", "Word": word()} {
		b.Run("Find"+name, func(b *testing.B) {
			for b.Loop() {
				tx := must(s.read.Begin())(b)
				must(findTurns(b.Context(), tx, match(query), 50))(b)
				ok(b, tx.Rollback())
			}
		})
	}
	b.Run("List", func(b *testing.B) {
		var slow slowest
		for b.Loop() {
			slow.time(func() { must(s.Conversations(50, Cursor{updated: 1e12 + 5e6, id: 5000}))(b) })
		}
		slow.report(b)
	})
	b.Run("ListAll", func(b *testing.B) {
		for b.Loop() {
			must(s.Conversations(10_000, Cursor{}))(b)
		}
	})
	b.Run("Reindex", func(b *testing.B) {
		for b.Loop() {
			ok(b, os.WriteFile(filepath.Join(s.dir, suspectName), nil, 0o600))
			ok(b, s.trust())
		}
	})
	b.Run("AddTurn", func(b *testing.B) {
		for b.Loop() {
			must(s.AddTurn(1, Question{Text: "What is on the top shelf?"}))(b)
		}
	})
}

func BenchmarkSaveAnswer(b *testing.B) {
	for _, n := range []int{1_000, 50_000} {
		b.Run(fmt.Sprint(n, "Characters"), func(b *testing.B) {
			s := must(Open(b.TempDir()))(b)
			defer s.Close()
			turn := must(s.AddTurn(0, Question{Text: "q"}))(b)
			text := strings.Repeat("words of it", n/11)
			var slow slowest
			for b.Loop() {
				slow.time(func() { ok(b, s.SaveAnswer(turn.ID, Answer{Text: text, State: Streaming})) })
			}
			slow.report(b)
		})
	}
}

func BenchmarkLoadTwoThousandTurns(b *testing.B) {
	s := must(Open(b.TempDir()))(b)
	defer s.Close()
	var id int64
	ok(b, s.change("filling", func(tx *sql.Tx) error {
		for range 2000 {
			t := Turn{Conversation: id, Question: "What is on the top shelf?"}
			if err := insertTurn(tx, &t, 1e12); err != nil {
				return err
			}
			id = t.Conversation
			if err := updateAnswer(tx, t.ID, Answer{Text: strings.Repeat("An answer. ", 90), State: Done}); err != nil {
				return err
			}
		}
		return nil
	}))
	for b.Loop() {
		must(s.Load(id))(b)
	}
}
