package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func pictureFile(s *Store, h Hash) string {
	return filepath.Join(s.dir, picturesName, h.folder(), h.String())
}

func TestPictures(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	data := bytes.Repeat([]byte("pixels"), 1000)
	h := must(s.PutPicture(data))(t)
	if got := h.String(); got != HashOf(data).String() || !strings.HasSuffix(filepath.ToSlash(pictureFile(s, h)), "/pictures/"+got[:2]+"/"+got) {
		t.Errorf("stored as %s", got)
	}
	if got := must(s.Picture(h))(t); !bytes.Equal(got, data) {
		t.Error("it came back changed")
	}
	if h := must(s.PutPicture(nil))(t); len(must(s.Picture(h))(t)) != 0 {
		t.Error("nothing came back as something")
	}
	for name, spoil := range map[string]func(string) error{
		"cut short": func(p string) error { return os.Truncate(p, 10) },
		"longer": func(p string) error {
			return os.WriteFile(p, append(bytes.Clone(data), 'x'), 0o600)
		},
		"changed": func(p string) error { return os.WriteFile(p, bytes.ToUpper(data), 0o600) },
		"empty":   func(p string) error { return os.Truncate(p, 0) },
		"a huge hole": func(p string) error {
			return os.Truncate(p, MaxPicture+1)
		},
		"a link": func(p string) error {
			return errors.Join(os.Rename(p, p+"x"), os.Symlink("/etc/hostname", p))
		},
	} {
		t.Run(name, func(t *testing.T) {
			ok(t, spoil(pictureFile(s, h)))
			if got, err := s.Picture(h); err == nil {
				t.Errorf("damaged, and read: %.20q", got)
			} else if name != "a link" && !errors.Is(err, ErrPictureDamaged) {
				t.Error(err)
			}
			must(s.PutPicture(data))(t)
			if got := must(s.Picture(h))(t); !bytes.Equal(got, data) {
				t.Error("storing it again did not mend it")
			}
		})
	}
	ok(t, os.Remove(pictureFile(s, h)))
	if _, err := s.Picture(h); !errors.Is(err, ErrPictureMissing) {
		t.Errorf("removed: %v", err)
	}
	if _, err := s.Picture(Hash{}); !errors.Is(err, ErrPictureMissing) {
		t.Errorf("the zero hash: %v", err)
	}
}

func TestPicturesFromManySides(t *testing.T) {
	s := mustOpen(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			data := []byte{byte(i % 2)}
			h, err := s.PutPicture(data)
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := s.Picture(h); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%q, %v", got, err)
			}
			if _, err := s.Collect(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestCollectRemovesOnlyWhatIsSafe(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir)
	used := must(s.PutPicture([]byte("used")))(t)
	both := must(s.PutPicture([]byte("in two turns")))(t)
	composer := must(s.PutPicture([]byte("in the composer")))(t)
	first := ask(t, s, 0, "q", "", TurnPicture{Hash: used}, TurnPicture{Hash: both})
	second := ask(t, s, 0, "q", "", TurnPicture{Hash: both})
	if n := must(s.Collect())(t); n != 0 {
		t.Errorf("%d removed while the composer may have them", n)
	}
	s.Close()

	stranger := filepath.Join(dir, picturesName, "ab", strings.Repeat("ab", 32))
	ok(t, os.MkdirAll(filepath.Dir(stranger), 0o700))
	ok(t, os.WriteFile(stranger, nil, 0o600))
	s = mustOpen(t, dir)
	leftover := filepath.Join(dir, picturesName, composer.temporary())
	ok(t, os.WriteFile(leftover, []byte("in the"), 0o600))
	if n := must(s.Collect())(t); n != 1 {
		t.Errorf("%d removed, want the one in no turn", n)
	}
	if _, err := os.Stat(leftover); err == nil {
		t.Error("half a file is left")
	}
	ok(t, s.RemoveTurn(first.ID))
	if n := must(s.Collect())(t); n != 1 {
		t.Errorf("%d removed, want the one of the removed turn", n)
	}
	must(s.Picture(both))(t)
	ok(t, s.RemoveTurn(second.ID))
	must(s.PutPicture([]byte("in two turns")))(t) // it is in the composer again
	if n := must(s.Collect())(t); n != 0 {
		t.Errorf("%d removed while the composer has it", n)
	}
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("a file that the database never knew is gone: %v", err)
	}
	sound(t, s)
}

func FuzzParseHash(f *testing.F) {
	for _, s := range []string{"", "../../etc/passwd", strings.Repeat("ab", 32), strings.Repeat("AB", 32), strings.Repeat("a", 63) + "/", strings.Repeat("../", 21) + "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := ParseHash(text)
		if err != nil {
			if !errors.Is(err, ErrBadHash) || !h.IsZero() {
				t.Errorf("%v, %v", h, err)
			}
			return
		}
		if h.String() != text {
			t.Errorf("%q is read as %s", text, h)
		}
		if !filepath.IsLocal(h.file()) || strings.Count(h.file(), "/") != 1 || len(h.file()) != 67 {
			t.Errorf("its file is %q", h.file())
		}
	})
}
