//go:build linux

package main

import "fmt"

// row is one line of a table.
type row struct {
	id, suite string
	table     string
	what      string
	unit      string
	more      bool    // more is better
	peer      string  // empty: llama-server
	target    float64 // of the ratio: at most, or at least where more is better; 0: none
	shows     string  // what it shows, before what came of it; a sentence
}

// The tables, in order.
const (
	tableDemo   = "The built-in model"
	table2B     = "Qwen3-VL-2B in Q8_0, random weights"
	tableSpeed  = "Tokens a second"
	tableCold   = "From cold"
	tableReady  = "Ready again"
	tableGrowth = "Growth"
	tableMemory = "Memory and bytes"
)

var tables = []string{table2B, tableDemo, tableSpeed, tableCold, tableReady, tableGrowth, tableMemory}

// suites in the order in which they run: what a model is loaded for stays together.
var suites = []suite{
	{"talk-demo", talkDemo},
	{"sizes-demo", sizesDemo},
	{"turns", turns},
	{"pictures", pictures},
	{"load-demo", loadDemo},
	{"talk-2b", talk2B},
	{"sizes-2b", sizes2B},
	{"cold", cold},
	{"load-2b", load2B},
	{"ready", ready},
	{"speed", speed},
}

var rows = collect()

func collect() (list []row) {
	for _, m := range []struct{ id, table string }{{"2b", table2B}, {"demo", tableDemo}} {
		add := func(id, suite, what, shows string, target float64) {
			list = append(list, row{id: m.id + "/" + id, suite: suite + "-" + m.id, table: m.table, what: what, unit: "ms", target: target, shows: shows})
		}
		add("new-320", "talk", "new picture, 320 px wide", "The price of a picture that nobody has seen yet.", 0)
		for _, width := range []int{640, 1280, 1920, 4000} {
			if width == 4000 && m.id == "2b" {
				continue // as many tokens as 1920, so it would show the same
			}
			what := fmt.Sprintf("new picture, %d px wide", width)
			if width == 4000 {
				what = "new picture, 12 megapixels"
			}
			id := fmt.Sprintf("new-%d", width)
			add(id, "sizes", what, "As above, with more pixels and tokens.", 0)
			add(id+"-share", "sizes", what+": preparation", "Decoding, turning and scaling in Go, as a share of the time to the first token.", 0)
			list[len(list)-1].unit, list[len(list)-1].peer = "%", "none"
		}
		add("follow", "talk", "follow-up about the same picture", "The KV cache keeps the picture.", 1.05)
		add("regenerate", "talk", "the same question again", "Nothing is read again but the last token.", 1.05)
		add("edit", "talk", "the last question edited", "Only what was edited is read again.", 1.05)
		add("cancelled", "talk", "follow-up after a cancelled answer", "Cancelling keeps what was read.", 1.05)
		add("return", "talk", "back to an earlier conversation", "What was put aside of it comes back.", 1.05)
		add("known", "talk", "a known picture in a new conversation", "The picture is not encoded again, only read.", 0)
	}
	list = append(list, speedRows()...)
	list = append(list, coldRows()...)
	list = append(list, readyRows()...)
	for _, t := range turnsOf {
		list = append(list, row{
			id: fmt.Sprintf("growth/turns-%d", t.row), suite: "turns", table: tableGrowth, unit: "ms", target: 1.05,
			what:  fmt.Sprintf("follow-up, turns %d to %d", t.from, t.to),
			shows: "A long conversation costs as much as it must be looked at, and no more.",
		})
	}
	for n := 1; n <= 8; n *= 2 {
		list = append(list, row{
			id: fmt.Sprintf("growth/pictures-%d", n), suite: "pictures", table: tableGrowth, unit: "ms",
			what: fmt.Sprintf("new picture, the %s of its conversation", ordinals[n]), shows: "Only the new picture is encoded.",
		})
	}
	list = append(list, row{
		id: "growth/pictures-follow", suite: "pictures", table: tableGrowth, unit: "ms", target: 1.05,
		what: "follow-up after eight pictures", shows: "No picture is encoded again.",
	})
	for _, m := range []struct{ id, name string }{{"2b", "Qwen3-VL-2B"}, {"demo", "built-in model"}} {
		list = append(list,
			row{id: m.id + "/peak", suite: "talk-" + m.id, table: tableMemory, unit: "MB", what: m.name + ": most resident", shows: "The process with the model, its mapped file included, after the conversations above."},
			row{id: m.id + "/anonymous", suite: "talk-" + m.id, table: tableMemory, unit: "MB", what: m.name + ": of it not a file's", shows: "What the system cannot take back."})
	}
	return list
}

func speedRows() (list []row) {
	for _, length := range []int{0, 2048, 8192} {
		list = append(list, row{
			id: fmt.Sprintf("speed/answer-%d", length), suite: "speed", table: tableSpeed, unit: "tokens/s", more: true, target: 0.99,
			what: fmt.Sprintf("answer, %d tokens of context", length), shows: "How fast words come.",
		})
	}
	for _, length := range []int{512, 2048, 8192} {
		list = append(list, row{
			id: fmt.Sprintf("speed/prompt-%d", length), suite: "speed", table: tableSpeed, unit: "tokens/s", more: true,
			what: fmt.Sprintf("prompt of %d tokens", length), shows: "How fast a text is read.",
		})
	}
	return append(list, row{
		id: "bytes", suite: "speed", table: tableMemory, unit: "bytes", what: "bytes that carry a token of an answer",
		shows: "What a long answer has beyond a short one: written by the worker, everything included, or in the stream of HTTP.",
	})
}

func coldRows() (list []row) {
	const again = "The conversation about a 640 px picture, with its state put aside; the server must be started and reads everything again."
	for _, r := range []struct{ id, what string }{
		{"restart", "follow-up after the program was closed and opened"},
		{"free", "follow-up after *Free working memory*"},
		{"unload", "follow-up after *Unload*"},
		{"crash", "follow-up after the worker was killed"},
	} {
		list = append(list, row{id: "cold/" + r.id, suite: "cold", table: tableCold, unit: "ms", target: 0.1, what: r.what, shows: again})
	}
	for _, m := range []struct{ id, name string }{{"2b", "Qwen3-VL-2B"}, {"demo", "built-in model"}} {
		add := func(id, what, peer, shows string) {
			list = append(list, row{id: m.id + "/" + id, suite: "load-" + m.id, table: tableCold, unit: "ms", what: m.name + ": " + what, peer: peer, shows: shows})
		}
		add("first-ever", "started with a question about a new picture", "", "To the first text, from before the process is made.")
		add("first-cli", "the same", "llama-mtmd-cli", "The same question to a program that ends after it.")
		add("load-warm", "load, files in memory", "", "Until it can answer; the server also computes once to warm up.")
		add("first-cold", "started with a short question, model's files dropped from memory", "", "With what the disk takes: weights are read when they are needed.")
	}
	return list
}

func readyRows() (list []row) {
	add := func(id, what, peer, shows string) {
		list = append(list, row{id: "ready/" + id, suite: "ready", table: tableReady, unit: "ms", what: what, peer: peer, shows: shows})
	}
	add("idle", "a short question, nothing before it", "", "What the next three lines cannot fall below.")
	for _, phase := range []struct{ id, what string }{{"encode", "a picture is encoded"}, {"prompt", "a prompt is read"}, {"answer", "an answer comes"}} {
		add(phase.id, "a short question after Cancel while "+phase.what, "", "From Cancel to the first text of something else.")
		add("own-"+phase.id, "ready after Cancel while "+phase.what, "none", "Until the service takes the next question: the goal is 500 ms.")
	}
	add("load", "rid of the model after Cancel while it loads", "none", "Until the worker is gone.")
	add("forget", "a short question after *Forget*", "none", "The button, and the first text. A server that has eyes cannot do this.")
	add("free", "a short question after *Free working memory*", "none", "The button, the context made anew, and the first text.")
	return list
}

var ordinals = map[int]string{1: "first", 2: "second", 4: "fourth", 8: "eighth"}
