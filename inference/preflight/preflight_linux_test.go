package preflight

import (
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	if got := split("/a::/b c"); !slices.Equal(got, []string{"/a", ".", "/b c"}) || split("") != nil {
		t.Errorf("%q", got)
	}
}
