package xdnd

import (
	"strings"
	"testing"
)

func TestURIListEncodesNames(t *testing.T) {
	got, err := uriList([]string{"/tmp/a b#c%d ü?.png", "/x.jpg"})
	want := "file:///tmp/a%20b%23c%25d%20%C3%BC%3F.png\r\nfile:///x.jpg\r\n"
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestURIListRefusesTooLittleAndTooMuch(t *testing.T) {
	if _, err := uriList(nil); err == nil {
		t.Error("nothing was accepted")
	}
	if _, err := uriList([]string{"/" + strings.Repeat("a", maxList)}); err == nil {
		t.Error("more than fits was accepted")
	}
}
