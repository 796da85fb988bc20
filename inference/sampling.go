package inference

import (
	"fmt"
	"strconv"

	"galago/inference/protocol"
)

// Range is what a figure may be, both ends included, and what it is where nobody chose.
type Range struct{ Min, Max, Default float64 }

// Has reports whether v is within the range; what is not a number never is.
func (r Range) Has(v float64) bool { return v >= r.Min && v <= r.Max }

// Ranges of a Request's figures. The defaults are llama.cpp's (common/common.h, common_params_sampling), but for
// MaxTokens and Temperature. A figure whose least value is above 0 may also be 0, which leaves it to the default
// (MaxTokens) or out (RepeatPenalty).
var Ranges = struct {
	MaxTokens, Temperature, TopK, TopP, MinP, RepeatPenalty, RepeatLastN Range
}{
	MaxTokens:     Range{1, 65536, DefaultMaxTokens},
	Temperature:   Range{0, 2, 0.7},
	TopK:          Range{0, 1000, 40},
	TopP:          Range{0, 1, 0.95},
	MinP:          Range{0, 1, 0.05},
	RepeatPenalty: Range{1, 2, 1},
	RepeatLastN:   Range{-1, 65536, 64},
}

// RangeError is a figure outside of its range.
type RangeError struct {
	Name  string // such as "temperature"
	Value float64
	Range Range
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("%s: %s is not between %s and %s", e.Name, figure(e.Value), figure(e.Range.Min), figure(e.Range.Max))
}

// figure writes a number without the noise of widening a float32.
func figure(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// checkRequest says what no worker should be asked, or nil.
func checkRequest(r Request) *Error {
	asked := r.Messages
	if n := len(asked); r.Continue && n > 0 {
		if last := asked[n-1]; last.Role != "assistant" || len(last.Images) > 0 {
			return errorf(protocol.CodeEmptyPrompt, opAsk, "there is no answer to go on with")
		}
		asked = asked[:n-1]
	}
	if len(asked) == 0 || blank(asked[len(asked)-1]) {
		return &Error{Code: protocol.CodeEmptyPrompt, Op: opAsk}
	}
	if err := r.outOfRange(); err != nil {
		return &Error{Code: protocol.CodeOutOfRange, Op: opAsk, Err: err}
	}
	return nil
}

// outOfRange is the first figure that is, or nil.
func (r Request) outOfRange() error {
	for _, f := range []struct {
		name   string
		value  float64
		within Range
	}{
		{"max tokens", float64(r.MaxTokens), Ranges.MaxTokens},
		{"temperature", float64(r.Temperature), Ranges.Temperature},
		{"top-k", float64(r.TopK), Ranges.TopK},
		{"top-p", float64(r.TopP), Ranges.TopP},
		{"min-p", float64(r.MinP), Ranges.MinP},
		{"repeat penalty", float64(r.RepeatPenalty), Ranges.RepeatPenalty},
		{"repeat last n", float64(r.RepeatLastN), Ranges.RepeatLastN},
	} {
		if f.value != 0 && !f.within.Has(f.value) {
			return &RangeError{Name: f.name, Value: f.value, Range: f.within}
		}
	}
	return nil
}
