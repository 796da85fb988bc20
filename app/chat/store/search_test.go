package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// marked shows parts with what was found in brackets.
func marked(list []Part) string {
	var b strings.Builder
	for _, p := range list {
		if p.Found {
			b.WriteString("[" + p.Text + "]")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func TestSearch(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	ask(t, s, 0, "What is on the shelf?", "Three blue mugs,\n\n  one *café* cup.")
	ask(t, s, 0, "货架上有什么？", "三个蓝色的杯子。")
	ask(t, s, 0, "棚の上には何がありますか", "マグカップです")
	ask(t, s, 0, "ice", "Nice👍🏽! It costs 5€ + 20 % (see \"C++\" or foo_bar-baz.txt), ©2026")
	ask(t, s, 0, "ชั้นวางของ", "แก้วสีน้ำเงิน")
	ask(t, s, 0, "Größe naïve ÅNGSTRÖM", "x")
	named := ask(t, s, 0, "q", "z")
	must(s.Rename(named.Conversation, "Receipt from Bob"))(t)
	for query, want := range map[string]string{
		"mug":               "What is on the shelf? / Three blue [mugs], one *café* cup.",
		"  BLUE   mu ":      "What is on the shelf? / Three [blue] [mugs], one *café* cup.",
		"cafe":              "What is on the shelf? / Three blue mugs, one *[café]* cup.",
		"shelf mugs":        "What is on the [shelf]? / What is on the [shelf]?",
		"架上":                "货[架上]有什么？ / 货[架上]有什么？",
		"蓝色":                "货架上有什么？ / 三个[蓝色]的杯子。",
		"蓝子":                "",
		"カップ":               "棚の上には何がありますか / マグ[カップ]です",
		"สีน้ำเงิน":         "ชั้นวางของ / แก้ว[สีน้ำเงิน]",
		"nice":              "ice / [Nice]👍🏽! It costs 5€ + 20 % (see \"C++\" or foo_bar-baz.txt), ©2026",
		"👍":                 "ice / Nice[👍]🏽! It costs 5€ + 20 % (see \"C++\" or foo_bar-baz.txt), ©2026",
		"2026":              "ice / Nice👍🏽! It costs 5€ + 20 % (see \"C++\" or foo_bar-baz.txt), ©[2026]",
		`"C++" OR`:          "ice / Nice👍🏽! It [costs] 5€ + 20 % (see \"[C]++\" [or] foo_bar-baz.txt), ©2026",
		"foo_bar-b":         "ice / Nice👍🏽! It costs 5€ + 20 % (see \"C++\" or [foo_bar-baz].txt), ©2026",
		"grosse":            "",
		"größe NAIVE angst": "[Größe] [naïve] [ÅNGSTRÖM] / [Größe] [naïve] [ÅNGSTRÖM]",
		"rece bob":          "[Receipt] from [Bob] / ",
		"nowhere":           "",
		"":                  "", "?!": "", `"`: "", `""`: "", "*": "", "a* NOT": "", "NEAR(": "", "title:x": "", "-": "", "^": "", "\x00": "", "\xff": "",
	} {
		hits, err := s.Search(t.Context(), query, 9)
		if err != nil {
			t.Errorf("%q: %v", query, err)
			continue
		}
		var got []string
		for _, h := range hits {
			got = append(got, marked(h.Title)+" / "+marked(h.Text))
		}
		if got := strings.Join(got, "\n"); got != want {
			t.Errorf("%q finds\n%s\nwant\n%s", query, got, want)
		}
	}
	sound(t, s)
}

func TestSearchHasOneHitAConversation(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	old := ask(t, s, 0, "mug one", "")
	var ids []string
	for i := range 5 {
		ids = append([]string{fmt.Sprint(ask(t, s, 0, fmt.Sprint("mug ", i), "").Conversation)}, ids...)
	}
	newest := ask(t, s, old.Conversation, "a mug again", "no")
	hits := must(s.Search(t.Context(), "mug", 4))(t)
	var got []string
	for _, h := range hits {
		got = append(got, fmt.Sprint(h.Summary.ID))
	}
	if want := append([]string{fmt.Sprint(old.Conversation)}, ids[:3]...); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("found %v, want %v", got, want)
	}
	if hits[0].Turn != newest.ID || marked(hits[0].Text) != "a [mug] again" || marked(hits[0].Title) != "[mug] one" {
		t.Errorf("first hit %+v", hits[0])
	}
	if hits := must(s.Search(t.Context(), "mug", 0))(t); len(hits) != 0 {
		t.Errorf("none asked for, %d found", len(hits))
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("long before ", 20) + "a \uFDD0hit\uFDD1 alone " + strings.Repeat("between ", 40) +
		"two \uFDD0hits\uFDD1 and \uFDD0another\uFDD1 here " + strings.Repeat("after it ", 40)
	got := marked(parts(excerpt("a \uFDD0question\uFDD1", long)))
	if !strings.HasPrefix(got, "…between between between two [hits] and [another] here after it") || !strings.HasSuffix(got, "…") || len(got) > 200 {
		t.Errorf("%q", got)
	}
}

func TestSearchEndsWithItsContext(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	ask(t, s, 0, "mug", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Search(ctx, "mug", 9); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled search: %v", err)
	}
	must(s.Search(t.Context(), "mug", 9))(t)
}

func TestSearchFollowsWhatChanges(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	turn := ask(t, s, 0, "q", "first")
	count := func(query string) int { return len(must(s.Search(t.Context(), query, 9))(t)) }
	ok(t, s.Restart(turn.ID, ""))
	if n := count("first"); n != 0 {
		t.Errorf("put aside, found %d times", n)
	}
	ok(t, s.SaveAnswer(turn.ID, Answer{Text: "seco", State: Streaming}))
	ok(t, s.SaveAnswer(turn.ID, Answer{Text: "second", State: Done}))
	ok(t, s.SaveAnswer(turn.ID, Answer{Text: "second", State: Done}))
	if count("second") != 1 || count("first") != 0 {
		t.Errorf("second %d, first %d", count("second"), count("first"))
	}
	sound(t, s)
	ok(t, s.RemoveTurn(turn.ID))
	if n := count("second"); n != 0 {
		t.Errorf("removed, found %d times", n)
	}
	sound(t, s)
}

func FuzzSearch(f *testing.F) {
	s := mustOpen(f, f.TempDir())
	ask(f, s, 0, "What is on the shelf?", "Three blue mugs, \"quoted\"; NEAR(a b) 货架 👍 \x00 end")
	for _, q := range []string{"mug", `"`, `a"b`, "NEAR(a, 5)", "a AND", "* ^ {", "col:x", "货", "\x00a", "\xff", strings.Repeat("a ", 2000), "\uFDD0\uFDD1\u2060", "a\u0301"} {
		f.Add(q, q)
	}
	f.Fuzz(func(t *testing.T, query, text string) {
		if len(text) > 1<<16 {
			return
		}
		turn := ask(t, s, 0, text, text)
		defer func() {
			ok(t, s.RemoveTurn(turn.ID))
			sound(t, s)
		}()
		hits, err := s.Search(t.Context(), query, 5)
		if err != nil {
			t.Fatalf("%q: %v", query, err)
		}
		for _, h := range hits {
			if h.Turn != 0 && !utf8.ValidString(marked(h.Text)) {
				t.Errorf("%q gives broken text %q", query, marked(h.Text))
			}
		}
		if strings.ContainsRune(match(query), 0) {
			t.Errorf("%q has a byte that ends it", query)
		}
	})
}
