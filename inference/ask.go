package inference

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"galago/inference/protocol"
)

// Answer is what a request brought.
type Answer struct {
	Text   string // all of it, or what there was before an error
	Stop   protocol.StopReason
	Stats  protocol.Stats
	Reused protocol.Reused

	Notices []string // what was reduced on the way for want of memory
}

// Ask submits a request and waits for its end. Each event also goes to on, which may be nil and is called as Submit
// says. The error is nil or an *Error; with an error the Answer holds the text that had come by then. It must not be
// called from a callback of c.
func Ask(ctx context.Context, c Client, r Request, on func(Event)) (Answer, error) {
	var (
		a    Answer
		text strings.Builder
		end  = make(chan error, 1)
	)
	c.Submit(ctx, r, func(e Event) {
		if on != nil {
			on(e)
		}
		switch e.Kind {
		case Reused:
			a.Reused = e.Reused
		case Delta:
			text.WriteString(e.Text)
		case Notice:
			a.Notices = append(a.Notices, e.Text)
			if e.Restart {
				text.Reset()
			}
		case Done:
			a.Stop, a.Stats = e.Stop, e.Stats
			end <- nil
		case Cancelled:
			end <- &Error{Code: protocol.CodeCancelled, Op: opAsk, Err: context.Cause(ctx)}
		case Failed:
			end <- e.Err
		}
	})
	err := <-end
	a.Text = text.String()
	return a, err
}

// WaitReady waits until the model of the last Open can answer. The error says why it cannot: the load failed, no model
// is open, or ctx ended (then it is an *Error of CodeCancelled).
func WaitReady(ctx context.Context, c Client) (Status, error) {
	end := make(chan Status, 1)
	stop := c.Watch(func(s Status) {
		if s.State == StateLoading {
			return
		}
		select {
		case end <- s:
		default: // only the first counts
		}
	})
	defer stop()
	select {
	case <-ctx.Done():
		return Status{}, &Error{Code: protocol.CodeCancelled, Op: opLoad, Err: context.Cause(ctx)}
	case s := <-end:
		switch s.State {
		case StateFailed:
			return s, s.Err
		case StateStopped:
			return s, &Error{Code: protocol.CodeNoModel, Op: opLoad}
		}
		return s, nil
	}
}

// errorf makes an *Error with a sentence as its cause.
func errorf(code protocol.Code, op, format string, args ...any) *Error {
	return &Error{Code: code, Op: op, Err: fmt.Errorf(format, args...)}
}

// asError returns err as an *Error, whatever it is.
func asError(err error, op string) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: protocol.CodeInternal, Op: op, Err: err}
}
