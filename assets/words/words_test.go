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
