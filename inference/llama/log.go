package llama

import (
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"galago/inference/protocol"
)

// logTail keeps the last warnings and errors of llama.cpp: they say why something failed.
type logTail struct {
	mu     sync.Mutex // llama.cpp logs from its own threads as well
	lines  []string
	layout *layout // told every line while something is made; nil otherwise
	line   string  // for layout: what has come of a line that is not yet whole
}

const logLines = 20

var log logTail

// ggml's log levels that matter here.
const (
	levelDebug = 1
	levelWarn  = 3
)

// farewell collects what explains the process's end, and says all of it each time: the newest line alone, an assertion's,
// may say less than the one before.
type farewell struct {
	mu   sync.Mutex // threads may die side by side
	said []string
	say  func(string)
}

func (f *farewell) add(text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, strings.TrimSpace(text))
	f.say(strings.Join(f.said, "\n"))
}

// takeBack is for words that were not the last after all.
func (f *farewell) takeBack() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.said) > 0 {
		f.said = nil
		f.say("")
	}
}

// lost are lines after which libmtmd ends the process. It does not look whether it got the memory that it asked for: it
// goes on to an assertion, or through a null pointer, of which ggml's abort callback hears nothing.
var lost = []string{"ggml_gallocr_reserve_n_impl: failed to allocate", "alloc_tensor_range: failed to allocate"}

// unchecked is set while libmtmd works.
var unchecked atomic.Bool

// trusting runs f, which is libmtmd's, and counts those lines as last words while it runs.
func trusting(f func()) {
	unchecked.Store(true)
	defer func() { // also after a panic, which ends the request but not the worker
		unchecked.Store(false)
		lastWords.takeBack()
	}()
	f()
}

func isLost(text string) bool {
	return slices.ContainsFunc(lost, func(sign string) bool { return strings.HasPrefix(text, sign) })
}

// add writes all but debugging to standard error, which the service keeps, and remembers what matters. That pinned host
// memory could not be had does not: ggml goes on with ordinary memory.
func (l *logTail) add(level int32, text string) {
	l.listen(text)
	if level == levelDebug {
		return
	}
	os.Stderr.WriteString(text)
	if unchecked.Load() && isLost(text) {
		lastWords.add(text)
	}
	if level < levelWarn || strings.TrimSpace(text) == "" || strings.Contains(text, "pinned") {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, strings.TrimRight(text, "\n"))
	if len(l.lines) > logLines {
		l.lines = l.lines[len(l.lines)-logLines:]
	}
}

// listen gives whole lines to the layout.
func (l *logTail) listen(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.layout == nil {
		return
	}
	l.line += text
	for {
		line, rest, whole := strings.Cut(l.line, "\n")
		if !whole {
			return
		}
		l.line = rest
		l.layout.line(line)
	}
}

// during runs f and says what the log told about memory meanwhile.
func (l *logTail) during(f func() error) (*layout, error) {
	told := &layout{}
	l.mu.Lock()
	l.layout, l.line = told, ""
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.layout = nil
		l.mu.Unlock()
	}()
	return told, f()
}

func (l *logTail) tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (l *logTail) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}

// orMemory is code, unless the log says that memory ran out.
func (l *logTail) orMemory(code protocol.Code) protocol.Code {
	text := strings.ToLower(l.tail())
	for _, sign := range []string{"out of memory", "failed to allocate", "unable to allocate", "bad_alloc", "cannot allocate memory"} {
		if strings.Contains(text, sign) {
			return protocol.CodeOutOfMemory
		}
	}
	return code
}
