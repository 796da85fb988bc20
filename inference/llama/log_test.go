package llama

import (
	"slices"
	"testing"
)

func TestLastWords(t *testing.T) {
	var said []string
	f := farewell{say: func(s string) { said = append(said, s) }}
	f.takeBack()
	f.add("failed to allocate CUDA0 buffer\n")
	f.add("GGML_ASSERT(buffer) failed")
	f.takeBack()
	f.add("another")
	want := []string{"failed to allocate CUDA0 buffer", "failed to allocate CUDA0 buffer\nGGML_ASSERT(buffer) failed", "", "another"}
	if !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}

func TestLinesOfALog(t *testing.T) {
	var l logTail
	told, err := l.during(func() error {
		// llama.cpp may write a line in pieces.
		for _, piece := range []string{"llama_kv_cache:      CUDA0 KV", " buffer size =    12.00 MiB\nsched_reserve: reserving ...\nsched_", "reserve:        CPU compute buffer size =     1.00 MiB\n"} {
			l.listen(piece)
		}
		return nil
	})
	l.listen("llama_kv_cache:      CUDA0 KV buffer size =    99.00 MiB\n") // nobody asks any more
	if err != nil || sum(told.taken(), partOrder...) != 13*mib {
		t.Errorf("%+v, %v", told.taken(), err)
	}
}
