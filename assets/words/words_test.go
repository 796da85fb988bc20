package words

import (
	"errors"
	"fmt"
	"testing"
)

func TestT(t *testing.T) {
	t.Cleanup(func() { translate.Store(nil) })
	gone := Error(func() string { return T("it is gone") })
	wrapped := fmt.Errorf("the picture: %w", gone)
	if got := T("100 %"); got != "100 %" {
		t.Errorf("without arguments %q", got)
	}
	if got := T("%d of %s", 2, "three"); got != "2 of three" {
		t.Errorf("in English %q", got)
	}
	Use(func(english string) string {
		return map[string]string{"%d of %s": "von %[2]s nur %[1]d", "it is gone": "es ist weg"}[english]
	})
	if got := T("%d of %s", 2, "three"); got != "von three nur 2" {
		t.Errorf("translated %q", got)
	}
	if !errors.Is(wrapped, gone) || gone.Error() != "es ist weg" {
		t.Errorf("the error says %q", gone)
	}
}

func TestThousands(t *testing.T) {
	t.Cleanup(func() { translate.Store(nil) })
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -123: "-123"} {
		if got := Thousands(n); got != want {
			t.Errorf("%d became %q, want %q", n, got, want)
		}
	}
	for example, want := range map[string]string{"1\u202f000": "30\u202f000", "1000": "30000", "1.000": "30.000"} {
		Use(func(string) string { return example })
		if got := Thousands(uint64(30000)); got != want {
			t.Errorf("with %q: %q, want %q", example, got, want)
		}
	}
}
