//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// roomy is the built-in model with room for long conversations. It was not trained for them: only the time counts.
func roomy(o options) (model, error) {
	m, err := demo(o)
	m.context = 8192
	return m, err
}

// turnsOf are the rows of a conversation's length, each with the turns whose figures it takes.
var turnsOf = []struct{ row, from, to int }{{1, 2, 6}, {10, 8, 12}, {30, 28, 32}, {100, 96, 100}}

func turns(b *bench) error {
	m, err := roomy(b.options)
	if err != nil {
		return err
	}
	if err := b.start(m); err != nil {
		return err
	}
	c, last := b.conversation(), 100
	if b.quick {
		last = 32
	}
	for n := 1; n <= last; n++ {
		row, picture := "", []byte(nil)
		if n == 1 {
			picture = b.photo(320, 180)
		}
		if i := slices.IndexFunc(turnsOf, func(t struct{ row, from, to int }) bool { return t.from <= n && n <= t.to }); i >= 0 {
			row = fmt.Sprintf("growth/turns-%d", turnsOf[i].row)
		}
		if err := b.first(row, c, b.asks(fmt.Sprintf("%s (%d)", follow, n), picture, briefly)); err != nil {
			return err
		}
	}
	return nil
}

func pictures(b *bench) error {
	m, err := roomy(b.options)
	if err != nil {
		return err
	}
	if err := b.start(m); err != nil {
		return err
	}
	return b.repeat(7, 30*time.Second, func() error {
		c := b.conversation()
		for n := 1; n <= 8; n++ {
			row := ""
			if n&(n-1) == 0 {
				row = fmt.Sprintf("growth/pictures-%d", n)
			}
			if err := b.first(row, c, b.asks(look, b.photo(320, 180), briefly)); err != nil {
				return err
			}
		}
		return b.first("growth/pictures-follow", c, b.asks(follow, nil, briefly))
	})
}
