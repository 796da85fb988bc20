package inference

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"galago/inference/protocol"
)

// A worker that dies before it says who it is may have died of what More named. Whoever named it says whether to start
// another, and the environment is asked for anew.
func TestStartsThatFailMayBeTriedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		whos    []string
		again   []bool // answers to the starts that failed, in order
		told    []bool
		starts  int
		answers bool
	}{
		"well at once":        {[]string{"good"}, nil, []bool{true}, 1, true},
		"well the third time": {[]string{"exit127", "exit127", "good"}, []bool{true, true}, []bool{false, false, true}, 3, true},
		"garbage, then well":  {[]string{"garbage", "good"}, []bool{true}, []bool{false, true}, 2, true},
		"silence, then well":  {[]string{"mute", "good"}, []bool{true}, []bool{false, true}, 2, true},
		"given up":            {[]string{"exit127"}, []bool{true, false}, []bool{false, false}, 2, false},
		"given up at once":    {[]string{"exit127"}, []bool{false}, []bool{false}, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex // owns told and starts
				var told []bool
				starts := 0
				again := c.again
				o := Options{
					start: inProcess(c.whos...), check: noCheck,
					More: func() []string {
						mu.Lock()
						defer mu.Unlock()
						starts++
						return []string{protocol.CUDAEnv + "=/engine"}
					},
					Greeted: func(ok bool) bool {
						mu.Lock()
						defer mu.Unlock()
						told = append(told, ok)
						if ok || len(again) == 0 {
							return false
						}
						answer := again[0]
						again = again[1:]
						return answer
					},
				}
				s := New(o)
				s.Open(Model{Path: "a.gguf"})
				_, err := WaitReady(t.Context(), s)
				s.Close()
				mu.Lock()
				defer mu.Unlock()
				if (err == nil) != c.answers || starts != c.starts || !slices.Equal(told, c.told) {
					t.Errorf("%v after %d starts, told %v", err, starts, told)
				}
			})
		})
	}
}
