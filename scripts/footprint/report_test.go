//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestTheSectionIsReplacedAndNothingElse(t *testing.T) {
	first, err := spliced([]byte("# Benchmarks\n\nother\n"), "one\n")
	if err != nil {
		t.Fatal(err)
	}
	want := "# Benchmarks\n\nother\n\n" + beginMark + "\none\n" + endMark + "\n"
	if string(first) != want {
		t.Errorf("added: %q, want %q", first, want)
	}
	second, err := spliced(append(first, "\nafter\n"...), "two\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(want, "one", "two", 1) + "\nafter\n"; string(second) != want {
		t.Errorf("replaced: %q, want %q", second, want)
	}
	for _, broken := range []string{beginMark + "\ntext\n", "text\n" + endMark + "\n"} {
		if _, err := spliced([]byte(broken), "two\n"); err == nil {
			t.Errorf("%q: no error", broken)
		}
	}
}

func TestMedianAndSpread(t *testing.T) {
	var list []start
	for _, ms := range []time.Duration{40, 10, 30, 20} {
		list = append(list, start{frame: ms * time.Millisecond})
	}
	if got, want := spread(list, func(s start) time.Duration { return s.frame }), "**25** (10 to 40)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestALetterIsSeen(t *testing.T) {
	before := [][]byte{{0, 0, 0, 7}, {0, 0, 0, 8}} // the last byte blinks
	after := [][]byte{{0, 5, 6, 7}, {0, 5, 6, 9}}
	k := difference(before, after)
	if len(k.at) != 2 || k.seen(before[0]) || !k.seen([]byte{9, 5, 6, 0}) {
		t.Errorf("%+v", k)
	}
}

func TestPlain(t *testing.T) {
	one := []byte{1, 2, 3, 0, 1, 2, 3, 255, 1, 2, 3, 0}
	if !plain(one) {
		t.Error("one colour is not plain")
	}
	one[9]++
	if plain(one) {
		t.Error("two colours are plain")
	}
}

func TestFiguresOfThisProcess(t *testing.T) {
	m, err := memoryOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if m.share <= 0 || m.resident < m.share || m.peak < m.anonymous {
		t.Errorf("%+v", m)
	}
	before, err := processor(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for sum, n := time.Duration(0), 0; sum < before+2*tick; n++ {
		if sum, err = processor(os.Getpid()); err != nil {
			t.Fatal(err)
		}
		if n > 10_000_000 {
			t.Fatal("computing takes no time")
		}
	}
	if computed, _, err := threads(os.Getpid()); err != nil || computed <= 0 {
		t.Errorf("%v, %v", computed, err)
	}
}
