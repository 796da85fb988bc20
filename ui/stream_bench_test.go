package ui

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

// streamed are answers of 50,000 characters, each of one kind, and one of everything.
func streamed() map[string]string {
	const size = 50_000
	repeat := func(head, part string) string {
		return head + strings.Repeat(part, size/len(part)+1)[:size-len(head)]
	}
	var table strings.Builder
	table.WriteString("| Object | Count | Where | Remark |\n|---|---:|---|---|\n")
	for i := 0; table.Len() < size; i++ {
		fmt.Fprintf(&table, "| Mug %d | %d | shelf %d, left | blue with a *white* rim |\n", i, i*7%13, i%5)
	}
	var code strings.Builder
	code.WriteString("```go\n")
	for i := 0; code.Len() < size; i++ {
		fmt.Fprintf(&code, "// f%d adds.\nfunc f%d(a, b int) string {\n\tif a > %d {\n\t\treturn \"much\" // enough\n\t}\n\treturn fmt.Sprint(a + b)\n}\n\n", i, i, i)
	}
	sentence := "The green mug stands slightly behind the teapot, and its **box** is `[412, 188]` as far as one can see. "
	return map[string]string{
		"paragraphs":   repeat("", strings.Repeat(sentence, 6)+"\n\n"),
		"oneParagraph": repeat("", sentence),
		"list":         repeat("", "- "+sentence+"\n"),
		"table":        table.String()[:size],
		"code":         code.String()[:size],
		"mixed":        repeat("", sampleAnswer),
	}
}

// BenchmarkStreaming lets an answer grow to 50,000 characters, 25 at a time, which at 200 tokens a second is 40 updates
// a second, through the same call as the controller's, in a conversation of 20 turns and with the end in sight. It reports how long the main
// goroutine computed for one update, parsing and layout included: over all updates, and over those to an answer that is
// longer than 40,000 characters.
func BenchmarkStreaming(b *testing.B) {
	for name, text := range streamed() {
		b.Run(name, func(b *testing.B) {
			var all, late []time.Duration
			for b.Loop() {
				all, late = streamOnce(b, text, all, late)
			}
			report := func(what string, d []time.Duration) {
				slices.Sort(d)
				ms := func(share float64) float64 { return d[int(share*float64(len(d)-1))].Seconds() * 1000 }
				b.ReportMetric(ms(0.5), "ms-p50"+what)
				b.ReportMetric(ms(0.99), "ms-p99"+what)
				b.ReportMetric(ms(1), "ms-max"+what)
			}
			report("", all)
			report("-late", late)
		})
	}
}

func streamOnce(b *testing.B, text string, all, late []time.Duration) ([]time.Duration, []time.Duration) {
	runtime.LockOSThread() // for threadTime
	defer runtime.UnlockOSThread()
	w := New(test.NewTempApp(b), Actions{CopyText: func(string) {}})
	defer w.win.Close()
	w.win.Resize(fyne.NewSize(1000, 700))
	w.SetTurns(conversation(20))
	turn := Turn{ID: 999, Question: "Describe it.", State: TurnStreaming}
	w.PutTurn(turn)
	for i := 25; i <= len(text); i += 25 {
		turn.Answer = text[:i]
		start := threadTime()
		w.PutTurn(turn)
		d := threadTime() - start
		all = append(all, d)
		if i > 40_000 {
			late = append(late, d)
		}
	}
	if !w.transcript.atEnd() {
		b.Fatal("the end is not in sight")
	}
	return all, late
}

// BenchmarkSetTurns shows a conversation of 2,000 turns.
func BenchmarkSetTurns(b *testing.B) {
	runtime.LockOSThread() // for threadTime
	defer runtime.UnlockOSThread()
	w := benchWindow(b)
	turns := conversation(2000)
	w.SetTurns(turns)
	start := threadTime()
	for b.Loop() {
		w.SetTurns(turns)
	}
	b.ReportMetric((threadTime()-start).Seconds()*1000/float64(b.N), "cpu-ms/op")
}
