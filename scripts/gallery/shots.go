//go:build linux

package main

import (
	"github.com/jezek/xgb/xproto"

	"galago/e2e/desktop"
)

const (
	shapes  = "assets/samples/shapes.png"
	numbers = "assets/samples/numbers.png"
	f1      = xproto.Keysym(0xFFBE)
)

// xsym is the keysym of an ASCII character, which is its number.
func xsym(key rune) xproto.Keysym { return xproto.Keysym(key) }

// shots are all pictures of the gallery. Those with demo show made-up content.
var shots = []shot{
	{name: "answer-dark", width: 1200, height: 780, settings: `{"welcomed":true,"theme":"dark","temperature":0}`, files: []string{shapes}, play: conversation},
	{name: "answer-light-large", width: 1920, height: 1200, settings: `{"welcomed":true,"theme":"light","temperature":0}`, files: []string{shapes}, play: conversation},
	{name: "search", width: 1200, height: 780, settings: `{"welcomed":true,"theme":"light","temperature":0}`, files: []string{shapes}, play: search},
	{name: "empty-small", width: 800, height: 600, settings: `{"welcomed":true,"theme":"light"}`},
	{name: "german", width: 1200, height: 780, settings: `{"welcomed":true,"theme":"dark","language":"de"}`},
	{name: "settings-german", width: 1200, height: 780, settings: `{"welcomed":true,"theme":"dark","language":"de"}`, play: settings},
	{name: "settings-chinese-large-text", width: 800, height: 600, settings: `{"welcomed":true,"theme":"light","language":"zh-Hans","text_size":1.6}`, play: settings},
	{name: "text-160-spanish", width: 800, height: 600, settings: `{"welcomed":true,"theme":"dark","language":"es","text_size":1.6,"temperature":0}`, files: []string{numbers}, play: conversation},
	{name: "shortcuts", width: 1200, height: 780, settings: `{"welcomed":true,"theme":"dark"}`, play: help},
	{name: "markdown-2x", width: 1800, height: 1300, scale: "2", demo: []string{"-scene", "markdown", "-theme", "dark"}},
	{name: "everything", width: 1200, height: 1000, demo: []string{"-scene", "everything", "-theme", "light"}},
	{name: "scripts", width: 1000, height: 860, demo: []string{"-scene", "scripts", "-theme", "dark"}},
	{name: "long-words-small", width: 800, height: 600, demo: []string{"-scene", "words", "-theme", "dark"}},
	{name: "error", width: 1200, height: 780, demo: []string{"-scene", "error", "-theme", "light"}},
	{name: "memory", width: 1200, height: 780, demo: []string{"-scene", "ladder", "-theme", "dark"}},
	{name: "many-pictures", width: 1000, height: 780, demo: []string{"-scene", "many", "-theme", "light"}},
	{name: "models", width: 1200, height: 780, demo: []string{"-scene", "models", "-theme", "dark"}, play: (*play).covered},
	{name: "models-small-german", width: 800, height: 600, demo: []string{"-scene", "models", "-theme", "light", "-language", "de"}, play: (*play).covered},
	{name: "welcome", width: 1200, height: 780, demo: []string{"-scene", "welcome", "-theme", "dark"}},
	{name: "welcome-small", width: 800, height: 600, demo: []string{"-scene", "welcome-loading", "-theme", "light"}},
	{name: "diagnostics", width: 1200, height: 780, demo: []string{"-scene", "diagnosis", "-theme", "light"}, play: (*play).covered},
	{name: "diagnostics-text-160", width: 800, height: 600, demo: []string{"-scene", "diagnosis-busy", "-theme", "dark", "-text", "1.6"}, play: (*play).covered},
	{name: "crop", width: 1200, height: 780, demo: []string{"-scene", "crop", "-theme", "dark"}, play: (*play).covered},
}

// conversation asks two questions about a picture.
func conversation(p *play) error {
	for _, step := range []func() error{
		p.attached,
		func() error { return p.ask("What colour is the triangle?", 1) },
		func() error { return p.ask("And where is it?", 2) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// search makes three conversations and looks for a word.
func search(p *play) error {
	for _, step := range []func() error{
		p.attached,
		func() error { return p.ask("What colour is the triangle?", 1) },
		func() error { return p.control('n') },
		func() error { return p.ask("What can you see?", 2) },
		func() error { return p.control('n') },
		func() error { return p.ask("Is there a red triangle?", 3) },
		func() error { return p.control('f') },
		func() error { return p.screen.Type("triang") },
		func() error { return p.wait("the hits", 1, func(e event) bool { return e.Event == "hits" }) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// settings opens the settings.
func settings(p *play) error {
	if err := p.screen.Key(xsym(','), desktop.Control); err != nil {
		return err
	}
	return p.covered()
}

func help(p *play) error {
	if err := p.screen.Key(f1); err != nil {
		return err
	}
	return p.covered()
}

// covered waits until a sheet lies above the window.
func (p *play) covered() error {
	return desktop.Until(patience, "a sheet opens", func() bool {
		img, err := p.screen.Picture()
		return err == nil && img.RGBAAt(p.window.Rect.Min.X+5, p.window.Rect.Min.Y+5) != p.corner
	})
}
