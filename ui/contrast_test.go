package ui

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
)

// luminance is the relative luminance of WCAG 2.1.
func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		s := float64(v) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// contrast is the ratio of WCAG 2.1, from 1 to 21.
func contrast(a, b color.NRGBA) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// over lays a colour over an opaque one.
func over(top, below color.NRGBA) color.NRGBA {
	mix := func(a, b uint8) uint8 {
		alpha := float64(top.A) / 255
		return uint8(math.Round(alpha*float64(a) + (1-alpha)*float64(b)))
	}
	return color.NRGBA{mix(top.R, below.R), mix(top.G, below.G), mix(top.B, below.B), 0xff}
}

const (
	bg       = theme.ColorNameBackground
	input    = theme.ColorNameInputBackground
	hover    = theme.ColorNameHover
	pressed  = theme.ColorNamePressed
	selected = theme.ColorNameSelection
)

type names = []fyne.ThemeColorName

// uses are the colours that are drawn on one another: least is 4.5 for text and 3 for what is large, an icon, the mark of
// the keyboard's focus, the edge of something to fill in, or not to be used now.
var uses = []struct {
	what, on, with names // with: what lies between them at times
	least          float64
}{
	{what: names{colorText}, on: names{bg, colorSide, colorSurface, colorRaised, colorBubble, colorTint, colorAlarm, input}, with: names{hover, pressed, selected, theme.ColorNameFocus}, least: 4.5},
	{what: names{colorMuted}, on: names{bg, colorSide, colorSurface, colorRaised, colorBubble, colorTint, colorAlarm, input}, with: names{hover}, least: 4.5},
	{what: names{colorMuted}, on: names{bg, colorSurface, colorAlarm}, with: names{selected}, least: 4.5},
	{what: names{colorAccent}, on: names{bg, colorSide, colorSurface, colorTint}, with: names{hover}, least: 4.5},
	{what: names{colorWarn, colorError}, on: names{bg, colorSide, colorSurface, colorTint, colorAlarm}, least: 4.5},
	{what: names{colorGood}, on: names{bg, colorSide, colorSurface, colorGoodTint}, with: names{hover}, least: 4.5},
	{what: names{theme.ColorNameHyperlink}, on: names{bg, colorSurface, colorBubble, colorTint, colorAlarm}, with: names{selected}, least: 4.5},
	{what: names{colorOn}, on: names{colorAccent}, with: names{hover, pressed}, least: 4.5},
	{what: names{theme.ColorNameForegroundOnError}, on: names{colorError}, with: names{hover, pressed}, least: 4.5},
	{what: names{colorAccent}, on: names{colorRaised, colorBubble, colorAlarm, input}, with: names{hover}, least: 3},
	{what: names{theme.ColorNameDisabled}, on: names{bg, colorSide, colorSurface, theme.ColorNameDisabledButton}, least: 3},
	{what: names{colorEdge, theme.ColorNameInputBorder}, on: names{bg, colorSide, colorSurface}, least: 3},
	{what: names{theme.ColorNameSuccess, theme.ColorNameWarning}, on: names{bg, colorSide, colorSurface}, least: 3},
}

func TestContrast(t *testing.T) {
	for look, p := range map[string]palette{"dark": darkPalette, "light": lightPalette} {
		for _, u := range uses {
			for _, what := range u.what {
				for _, on := range u.on {
					ground := p[on]
					if ground.A != 0xff || p[what].A != 0xff {
						t.Fatalf("%s: %s and %s must be opaque", look, what, on)
					}
					if c := contrast(p[what], ground); c < u.least {
						t.Errorf("%s: %s on %s has a contrast of %.2f, not %.1f", look, what, on, c, u.least)
					}
					for _, with := range u.with {
						if c := contrast(p[what], over(p[with], ground)); c < u.least {
							t.Errorf("%s: %s on %s with %s has a contrast of %.2f, not %.1f", look, what, on, with, c, u.least)
						}
					}
				}
			}
		}
	}
}

// Code lies on its box; what is selected in it as well.
func TestContrastOfCode(t *testing.T) {
	for kind, c := range tokenColors {
		for look, p := range map[string]palette{"dark": darkPalette, "light": lightPalette} {
			ink := c.light
			if look == "dark" {
				ink = c.dark
			}
			for _, ground := range []color.NRGBA{p[colorSurface], over(p[selected], p[colorSurface])} {
				if r := contrast(ink, ground); r < 4.5 {
					t.Errorf("%s: code of kind %v has a contrast of %.2f on %v", look, kind, r, ground)
				}
			}
		}
	}
}

// Both looks have the same colours, so that none falls back on Fyne's own, which this test knows nothing of.
func TestPalettesNameTheSameColours(t *testing.T) {
	for name := range darkPalette {
		if _, ok := lightPalette[name]; !ok {
			t.Errorf("the light look lacks %s", name)
		}
	}
	if len(darkPalette) != len(lightPalette) {
		t.Error("the dark look lacks a colour of the light one")
	}
}

// The formula itself, by WCAG's extremes and a value that is quoted often.
func TestContrastFormula(t *testing.T) {
	for _, c := range []struct {
		a, b color.NRGBA
		want float64
	}{{rgb(0), rgb(0xFFFFFF), 21}, {rgb(0x777777), rgb(0xFFFFFF), 4.48}, {rgb(0x123456), rgb(0x123456), 1}} {
		if got := contrast(c.a, c.b); math.Abs(got-c.want) > 0.005 {
			t.Errorf("%v on %v: %.3f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}
