// Package words is how Galago speaks to a person in their language. English sentences are written where they are said,
// and stand for their translations:
//
//	words.T("%d pictures were left out", n)
//
// The first argument must be a string literal: a test collects all of them and compares them with the translations.
package words

import (
	"fmt"
	"sync/atomic"
)

var translate atomic.Pointer[func(string) string]

// Use sets where translations come from: a function that returns what it was given when it knows nothing better. The
// window calls it once, before it shows anything; the command line never does, and speaks English.
func Use(f func(english string) string) { translate.Store(&f) }

// T is a text in the person's language. With arguments it is a format for fmt.Sprintf; a translation may take them in
// another order by their numbers, such as %[2]s.
func T(english string, args ...any) string {
	text := english
	if f := translate.Load(); f != nil {
		text = (*f)(english)
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

// Data is T for a text that stands in one of the data files that travel with the program, such as assets/catalogue.json: the
// test of the translations reads those files as well. English that is not there comes back as it is.
func Data(english string) string {
	if f := translate.Load(); f != nil {
		return (*f)(english)
	}
	return english
}

// Thousands writes a whole number with a mark between thousands: 30,000 in English.
func Thousands[N int | int64 | uint64](n N) string {
	example := []rune(T("1,000")) // the translation says which mark it is
	mark := string(example[1 : len(example)-3])
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + mark + s[i:]
	}
	return s
}

// Error is an error that finds its words when it is told, for one that is made before the language is known:
//
//	var ErrGone = words.Error(func() string { return words.T("it is gone") })
func Error(text func() string) error { return &lateError{text} }

type lateError struct{ text func() string }

func (e *lateError) Error() string { return e.text() }
