//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jezek/xgb/xproto"

	"galago/e2e/desktop"
)

// The screen is a common size of a small laptop's.
const screenWidth, screenHeight = 1366, 860

// start is one start of the program, from before its process is made.
type start struct {
	frame, key  time.Duration // until the first frame with content, until a typed letter is seen
	cpu, waited time.Duration // of all threads until key: computing, and ready to but without a core
	read        int64         // bytes read from the disk until key
}

// letter is what is typed.
const letter = 'W'

// key is how a typed letter shows: bytes of the window's picture and what they become.
type key struct {
	at    []int
	value []byte
}

// learnKey starts the program, waits until it rests, and compares pictures from before and after a letter is typed. What changes by
// itself, such as a cursor that blinks, does not count.
func learnKey(programs, home string) (k key, err error) {
	err = withWindow(programs, home, func(p *program, screen *desktop.Desktop, w *watcher) error {
		if err := p.loaded(); err != nil {
			return err
		}
		if err := w.focused(screen, p.pid()); err != nil {
			return err
		}
		before, err := settled(w)
		if err != nil {
			return err
		}
		if err := screen.Key(letter); err != nil {
			return err
		}
		if err := desktop.Until(patience, "the letter is seen", func() bool { return w.changed() }); err != nil {
			return err
		}
		after, err := settled(w)
		if err != nil {
			return err
		}
		k = difference(before, after)
		if len(k.at) < 40 {
			return fmt.Errorf("a letter changed %d bytes of the picture only", len(k.at))
		}
		return nil
	})
	return k, err
}

// settled are pictures of the window over a second and more, after it had two seconds to come to rest.
func settled(w *watcher) (list [][]byte, err error) {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for i := range 24 {
		<-tick.C
		if i < 14 {
			continue
		}
		img, err := w.picture()
		if err != nil {
			return nil, err
		}
		list = append(list, img)
	}
	return list, nil
}

// difference is what all pictures before have in common, those after too, and both not.
func difference(before, after [][]byte) (k key) {
	same := func(list [][]byte, i int) bool {
		return !slices.ContainsFunc(list, func(img []byte) bool { return len(img) != len(list[0]) || img[i] != list[0][i] })
	}
	for i, v := range after[0] {
		if i < len(before[0]) && v != before[0][i] && same(before, i) && same(after, i) {
			k.at, k.value = append(k.at, i), append(k.value, v)
		}
	}
	return k
}

// seen reports whether a picture has the letter: all but one in fifty of its bytes.
func (k key) seen(img []byte) bool {
	hits := 0
	for n, i := range k.at {
		if i < len(img) && img[i] == k.value[n] {
			hits++
		}
	}
	return hits*50 >= len(k.at)*49
}

// withWindow starts the program on a screen of its own and ends both after use.
func withWindow(programs, home string, use func(p *program, screen *desktop.Desktop, w *watcher) error) error {
	screen, err := desktop.Start(screenWidth, screenHeight)
	if err != nil {
		return err
	}
	defer screen.Close()
	screen.Move(0, 0)
	w, err := watch(screen.Display)
	if err != nil {
		return err
	}
	defer w.close()
	p, err := launch(programs, home, environment(screen.Display, home))
	if err != nil {
		return err
	}
	defer p.stop()
	return use(p, screen, w)
}

// measureStart starts the program, types a letter as soon as the window has the keyboard, and waits until it is seen.
func measureStart(programs, home string, typed key) (s start, err error) {
	err = withWindow(programs, home, func(p *program, screen *desktop.Desktop, w *watcher) error {
		if err := w.focused(screen, p.pid()); err != nil {
			return fmt.Errorf("%w\n%s", err, p.said.Bytes())
		}
		if err := screen.Key(letter); err != nil {
			return err
		}
		end := time.After(patience)
		for s.key == 0 {
			select {
			case d := <-w.drawn:
				if d.on != xproto.Drawable(w.window) {
					continue
				}
				at := d.at.Sub(p.began)
				img, err := w.picture()
				if err != nil {
					return err
				}
				if s.frame == 0 && !plain(img) {
					s.frame = at
				}
				if typed.seen(img) {
					s.key = at
				}
			case <-end:
				return errors.New("the letter that was typed was never seen")
			}
		}
		s.cpu, s.waited, err = threads(p.pid())
		if err == nil {
			s.read, err = diskRead(p.pid())
		}
		if err == nil {
			err = p.loaded() // so that what it keeps for the next start is complete
		}
		return err
	})
	return s, err
}

// plain reports whether a picture has one colour only: nothing was painted yet.
func plain(img []byte) bool {
	for len(img) >= 8 && bytes.Equal(img[:3], img[4:7]) {
		img = img[4:]
	}
	return len(img) < 8
}
