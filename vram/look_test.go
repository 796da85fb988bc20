package vram

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLookFindsTheCard(t *testing.T) {
	two := []GPU{{UUID: "GPU-a", Name: "First", Total: 10, Free: 4}, {UUID: "GPU-b", Name: "Second", Total: 20}}
	lost := errors.New("GPU 0 cannot be read.")
	for name, c := range map[string]struct {
		uuid  string
		gpus  []GPU
		err   error
		found string
		want  string // error
	}{
		"the first":       {"", two, nil, "First", ""},
		"by UUID":         {"GPU-b", two, nil, "Second", ""},
		"gone":            {"GPU-c", two, nil, "", "not in this machine any more"},
		"lost":            {"GPU-a", two[1:], lost, "", "GPU 0 cannot be read."},
		"another is lost": {"GPU-b", two[1:], lost, "Second", ""},
		"silent":          {"", []GPU{{Name: "Odd", Note: "This card does not tell."}}, nil, "", "The memory of Odd is not known. This card does not tell."},
		"no driver":       {"", nil, absent("No driver."), "", "No driver."},
	} {
		s := newSession(sourceFunc(func() (string, []GPU, error) { return "550", c.gpus, c.err }))
		card, err := s.look(t.Context(), c.uuid)
		if card.Name != c.found || (err == nil) != (c.want == "") || !strings.Contains(errorText(err), c.want) {
			t.Errorf("%s: %+v, %v", name, card, err)
		}
		if err == nil && card.Driver != "550" {
			t.Errorf("%s: driver %q", name, card.Driver)
		}
		if errors.Is(err, ErrNoGPU) != (name == "no driver") {
			t.Errorf("%s: is no GPU: %v", name, errors.Is(err, ErrNoGPU))
		}
	}
}

func TestLookDoesNotWaitForADriverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		src := &stuck{hold: hold}
		s := newSession(src)
		for range 20 {
			start := time.Now()
			if _, err := s.look(t.Context(), ""); err != errSilent() || time.Since(start) != Patience {
				t.Fatalf("%v after %v", err, time.Since(start))
			}
		}
		if n := src.begun(); n != 1 {
			t.Errorf("%d calls wait for the driver, want one", n)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := s.look(ctx, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		close(hold)
		synctest.Wait()
		if card, err := s.look(t.Context(), "GPU-a"); err != nil || card.Name != "Card" {
			t.Errorf("when it came back: %+v, %v", card, err)
		}
	})
}
