package app

import (
	"strings"
	"testing"

	"galago/inference"
)

// BenchmarkStreaming is a second of an answer that has 50,000 characters already and grows by 200 tokens, while the
// window is drawn 60 times: what the controller takes of that second on the main goroutine, drawing not counted.
func BenchmarkStreaming(b *testing.B) {
	const tokens, frames = 200, 60
	text := strings.Repeat("The quick brown fox jumps over the lazy dog and\n\n", 50_000/48)
	var k *bench
	var on func(inference.Event)
	ask := func() {
		k = newBench(b)
		k.tell(k.ready())
		k.Send("What is this?")
		on = k.request(0).on
		on(started)
		on(delta(text))
		k.run()
	}
	ask()
	b.ReportAllocs()
	for b.Loop() {
		if len(k.view.turn(0).Answer) > 2*len(text) { // measure at the same length however long it runs
			b.StopTimer()
			ask()
			b.StartTimer()
		}
		puts, sent := k.view.puts, 0
		for frame := range frames {
			for ; sent < tokens*(frame+1)/frames; sent++ {
				on(delta(" word"))
			}
			if len(k.main) != 1 {
				b.Fatalf("%d flushes wait", len(k.main))
			}
			k.run()
		}
		if n := k.view.puts - puts; n != frames {
			b.Fatalf("%d tokens were drawn %d times in %d frames", tokens, n, frames)
		}
	}
}
