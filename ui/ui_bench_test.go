package ui

import (
	"fmt"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

const sampleAnswer = `The top shelf holds **three kinds** of things:

| Object | Count | Colour |
|---|---:|---|
| Mug | 3 | blue, white, green |
| Jar | 2 | clear glass |

The green mug stands slightly behind the teapot. Its box is ` + "`[412, 188, 530, 305]`" + `.

` + "```json\n{\"bbox_2d\": [412, 188, 530, 305]}\n```" + `

1. A label on the left jar, which reads “Earl Grey”.
2. Two books:
   - *The Galago*, with a worn spine
   - a cookbook

> The light comes from the right.

`

// BenchmarkStream appends five characters at a time to an answer that is already long, as a model does.
func BenchmarkStream(b *testing.B) {
	for _, kib := range []int{2, 20, 100} {
		b.Run(fmt.Sprintf("%dKiB", kib), func(b *testing.B) {
			w := benchWindow(b)
			text := strings.Repeat(sampleAnswer, kib*1024/len(sampleAnswer)+1)
			turn := Turn{ID: 1, Question: "Describe it.", Answer: text, State: TurnStreaming}
			w.PutTurn(turn)
			tail := strings.Repeat("a few more words ", 40)
			for i := 0; b.Loop(); i++ {
				turn.Answer = text + tail[:5+(5*i)%(len(tail)-5)]
				w.PutTurn(turn)
			}
		})
	}
}

// BenchmarkOpen shows a conversation of 200 turns at once, and then makes the window narrower.
func BenchmarkOpen(b *testing.B) {
	w := benchWindow(b)
	var turns []Turn
	for i := range 200 {
		turns = append(turns, Turn{ID: uint64(i), Question: "Describe it.", Answer: sampleAnswer, State: TurnDone})
	}
	b.Run("200 turns", func(b *testing.B) {
		for b.Loop() {
			w.SetTurns(turns)
		}
	})
	b.Run("narrower", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			w.win.Resize(fyne.NewSize(700+float32(i%10), 700))
		}
	})
}

func benchWindow(b *testing.B) *Window {
	w := New(test.NewTempApp(b), Actions{})
	w.win.Resize(fyne.NewSize(1000, 700))
	b.Cleanup(w.win.Close)
	return w
}
