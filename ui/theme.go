package ui

import (
	"encoding/binary"
	"image/color"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"golang.org/x/image/font/gofont/gomono"
)

// Colours that Fyne has no name for.
const (
	colorSide     fyne.ThemeColorName = "galago.side"     // bars above and below the transcript
	colorSurface  fyne.ThemeColorName = "galago.surface"  // composer, menus, code
	colorRaised   fyne.ThemeColorName = "galago.raised"   // pills, bubbles, secondary buttons
	colorBubble   fyne.ThemeColorName = "galago.bubble"   // a question
	colorEdge     fyne.ThemeColorName = "galago.edge"     // around the composer while it has the keyboard
	colorTrack    fyne.ThemeColorName = "galago.track"    // what is left empty in a bar
	colorTint     fyne.ThemeColorName = "galago.tint"     // background of a hint
	colorAlarm    fyne.ThemeColorName = "galago.alarm"    // background of an error
	colorWarn     fyne.ThemeColorName = "galago.warn"     // text of a warning
	colorGood     fyne.ThemeColorName = "galago.good"     // text of what is as it should be
	colorGoodTint fyne.ThemeColorName = "galago.goodtint" // its background
	colorShade    fyne.ThemeColorName = "galago.shade"    // behind a dialog

	colorText   = theme.ColorNameForeground
	colorMuted  = theme.ColorNamePlaceHolder
	colorLine   = theme.ColorNameSeparator
	colorAccent = theme.ColorNamePrimary
	colorOn     = theme.ColorNameForegroundOnPrimary
	colorError  = theme.ColorNameError
)

// Spacing and sizes, in Fyne's units, at the usual text size. Whatever draws or measures text takes its size through scaled.
const (
	gap1, gap2, gap3, gap4, gap5 float32 = 4, 8, 12, 16, 20

	radiusControl float32 = 8
	radiusCard    float32 = 14

	textBody  float32 = 14
	textSmall float32 = 12
	textLabel float32 = 11

	columnWidth float32 = 720 // transcript and composer
)

// textFactor is how much larger than usual a person wants all text, from 0.8 to 1.6. Like Fyne's theme there is one for the whole
// program; it belongs to the main goroutine.
var textFactor float32 = 1

// The limits of textFactor.
const smallestText, largestText float32 = 0.8, 1.6

// setTextFactor takes a setting; 0 stands for the usual size. It says whether that changed anything.
func setTextFactor(f float32) (changed bool) {
	if f == 0 {
		f = 1
	}
	f = min(max(f, smallestText), largestText)
	changed = f != textFactor
	textFactor = f
	return changed
}

// scaled is what a size of text, or of something that holds a line of text, is at the chosen text size. It keeps to half units.
func scaled(v float32) float32 {
	if textFactor == 1 {
		return v
	}
	return round(2*v*textFactor) / 2
}

// palette maps colour names to the colours of one variant.
type palette map[fyne.ThemeColorName]color.NRGBA

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

func fade(c color.NRGBA, alpha uint8) color.NRGBA {
	c.A = alpha
	return c
}

var darkPalette = palette{
	theme.ColorNameBackground:          rgb(0x15171B),
	colorSide:                          rgb(0x191C21),
	colorSurface:                       rgb(0x1F232A),
	colorRaised:                        rgb(0x282D35),
	colorBubble:                        rgb(0x272C34),
	colorEdge:                          rgb(0x687282),
	colorTrack:                         rgb(0x23272E),
	colorTint:                          rgb(0x2A2418),
	colorAlarm:                         rgb(0x2E1D1E),
	colorWarn:                          rgb(0xF4B04A),
	colorGood:                          rgb(0x57C99D),
	colorGoodTint:                      rgb(0x1B2E28),
	colorShade:                         {A: 0xA8},
	colorLine:                          rgb(0x2E343D),
	colorText:                          rgb(0xE9EBEE),
	colorMuted:                         rgb(0xA6AEB9),
	colorAccent:                        rgb(0xF2A93B),
	colorOn:                            rgb(0x1B1409),
	colorError:                         rgb(0xF0716B),
	theme.ColorNameForegroundOnError:   rgb(0x1B0A09),
	theme.ColorNameHyperlink:           rgb(0x96B9F8),
	theme.ColorNameButton:              rgb(0x282D35),
	theme.ColorNameDisabledButton:      rgb(0x22262C),
	theme.ColorNameDisabled:            rgb(0x747C87),
	theme.ColorNameFocus:               fade(rgb(0xF2A93B), 0x55),
	theme.ColorNameSelection:           fade(rgb(0x5B8DEF), 0x44),
	theme.ColorNameHover:               {R: 0xff, G: 0xff, B: 0xff, A: 0x12},
	theme.ColorNamePressed:             {R: 0xff, G: 0xff, B: 0xff, A: 0x22},
	theme.ColorNameInputBackground:     rgb(0x15171B),
	theme.ColorNameInputBorder:         rgb(0x687282),
	theme.ColorNameMenuBackground:      rgb(0x1F232A),
	theme.ColorNameOverlayBackground:   rgb(0x1F232A),
	theme.ColorNameHeaderBackground:    rgb(0x191C21),
	theme.ColorNameScrollBar:           {R: 0xff, G: 0xff, B: 0xff, A: 0x40},
	theme.ColorNameScrollBarBackground: {},
	theme.ColorNameShadow:              {A: 0x70},
	theme.ColorNameSuccess:             rgb(0x3FB68B),
	theme.ColorNameWarning:             rgb(0xF2A93B),
}

var lightPalette = palette{
	theme.ColorNameBackground:          rgb(0xF7F7F5),
	colorSide:                          rgb(0xF0F0ED),
	colorSurface:                       rgb(0xFFFFFF),
	colorRaised:                        rgb(0xE3E3DF),
	colorBubble:                        rgb(0xEBEBE7),
	colorEdge:                          rgb(0x858B93),
	colorTrack:                         rgb(0xE0E0DC),
	colorTint:                          rgb(0xFBF1DF),
	colorAlarm:                         rgb(0xFBE9E7),
	colorWarn:                          rgb(0x9A4B00),
	colorGood:                          rgb(0x17694B),
	colorGoodTint:                      rgb(0xE2F2EB),
	colorShade:                         {A: 0x60},
	colorLine:                          rgb(0xDEDEDA),
	colorText:                          rgb(0x1C1E22),
	colorMuted:                         rgb(0x545B64),
	colorAccent:                        rgb(0x985500),
	colorOn:                            rgb(0xFFFFFF),
	colorError:                         rgb(0xB3261E),
	theme.ColorNameForegroundOnError:   rgb(0xFFFFFF),
	theme.ColorNameHyperlink:           rgb(0x2353B0),
	theme.ColorNameButton:              rgb(0xE3E3DF),
	theme.ColorNameDisabledButton:      rgb(0xEAEAE7),
	theme.ColorNameDisabled:            rgb(0x7F848B),
	theme.ColorNameFocus:               fade(rgb(0x985500), 0x44),
	theme.ColorNameSelection:           fade(rgb(0x3F74DA), 0x30),
	theme.ColorNameHover:               {A: 0x0d},
	theme.ColorNamePressed:             {A: 0x1c},
	theme.ColorNameInputBackground:     rgb(0xF7F7F5),
	theme.ColorNameInputBorder:         rgb(0x858B93),
	theme.ColorNameMenuBackground:      rgb(0xFFFFFF),
	theme.ColorNameOverlayBackground:   rgb(0xFFFFFF),
	theme.ColorNameHeaderBackground:    rgb(0xF0F0ED),
	theme.ColorNameScrollBar:           {A: 0x40},
	theme.ColorNameScrollBarBackground: {},
	theme.ColorNameShadow:              {A: 0x28},
	theme.ColorNameSuccess:             rgb(0x23936B),
	theme.ColorNameWarning:             rgb(0xB57008),
}

// segmentColors holds the gauge's colours of both variants, since they mean something rather than decorate.
var segmentColors = map[SegmentKind]struct{ dark, light color.NRGBA }{
	SegmentWeights: {rgb(0x5B8DEF), rgb(0x3F74DA)},
	SegmentVision:  {rgb(0xA97BEA), rgb(0x8B5AD6)},
	SegmentKV:      {rgb(0x3FB68B), rgb(0x23936B)},
	SegmentKVFree:  {rgb(0x2B7D60), rgb(0x8FCDB5)},
	SegmentCompute: {rgb(0xF2A93B), rgb(0xD98A12)},
	SegmentEncode:  {rgb(0xE5759F), rgb(0xC94F7C)},
	SegmentRuntime: {rgb(0x45B5C9), rgb(0x1D8CA3)},
	SegmentWindow:  {rgb(0x8C9BB5), rgb(0x75839C)},
	SegmentOurs:    {rgb(0x5B8DEF), rgb(0x3F74DA)},
	SegmentOthers:  {rgb(0x4A515C), rgb(0xB9BDC4)},
	SegmentPending: {rgb(0xF2A93B), rgb(0xD98A12)},
}

// look is Galago's Fyne theme. It follows the system's variant unless one is forced.
type look struct {
	force   bool
	variant fyne.ThemeVariant
}

// newLook returns the theme for a setting: "light", "dark", or anything else for the system's.
func newLook(setting string) *look {
	switch setting {
	case "light":
		return &look{force: true, variant: theme.VariantLight}
	case "dark":
		return &look{force: true, variant: theme.VariantDark}
	}
	return &look{}
}

// Color implements fyne.Theme.
func (l *look) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	if l.force {
		v = l.variant
	}
	p := darkPalette
	if v == theme.VariantLight {
		p = lightPalette
	}
	if c, ok := p[name]; ok {
		return c
	}
	return theme.DefaultTheme().Color(name, v)
}

// goMono replaces Fyne's monospaced font, in which underscores are cut off at 1x.
var goMono = fyne.NewStaticResource("GoMono.ttf", withDescent(gomono.TTF, 0.30))

// withDescent returns a TrueType font whose lines reach lower, by a share of its size. Fyne cuts text at the line's
// lower edge after rounding, which takes a row of pixels from a g where the font leaves no room to spare.
func withDescent(font []byte, share float64) []byte {
	const unitsPerEm, descender = 18, 6 // places in the tables head and hhea
	be := binary.BigEndian
	head, hhea := 0, 0
	for i := range int(be.Uint16(font[4:])) {
		entry := font[12+16*i:]
		switch string(entry[:4]) {
		case "head":
			head = int(be.Uint32(entry[8:]))
		case "hhea":
			hhea = int(be.Uint32(entry[8:]))
		}
	}
	out := append([]byte(nil), font...)
	em := float64(be.Uint16(font[head+unitsPerEm:]))
	be.PutUint16(out[hhea+descender:], uint16(int16(-share*em)))
	return out
}

// Font implements fyne.Theme.
func (l *look) Font(style fyne.TextStyle) fyne.Resource {
	if style.Monospace {
		return goMono
	}
	return theme.DefaultTheme().Font(style)
}

// Icon implements fyne.Theme.
func (l *look) Icon(name fyne.ThemeIconName) fyne.Resource { return theme.DefaultTheme().Icon(name) }

// Size implements fyne.Theme.
func (l *look) Size(name fyne.ThemeSizeName) float32 {
	switch name {
	case theme.SizeNameText:
		return scaled(textBody)
	case theme.SizeNameCaptionText:
		return scaled(textSmall)
	case theme.SizeNameSubHeadingText:
		return scaled(16)
	case theme.SizeNameHeadingText:
		return scaled(19)
	case theme.SizeNameInlineIcon:
		return scaled(20)
	case theme.SizeNameInputRadius, theme.SizeNameSelectionRadius:
		return radiusControl
	case theme.SizeNameInputBorder, theme.SizeNameSeparatorThickness:
		return 1
	case theme.SizeNameScrollBar:
		return 10
	case theme.SizeNameScrollBarSmall:
		return 4
	case theme.SizeNamePadding:
		return gap1
	case theme.SizeNameInnerPadding:
		return gap2
	}
	return theme.DefaultTheme().Size(name)
}

// bare is the theme of the composer's entry, whose card draws the border for it.
type bare struct{ fyne.Theme }

func (b bare) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	if name == theme.ColorNameInputBackground || name == theme.ColorNameInputBorder {
		return color.Transparent
	}
	return b.Theme.Color(name, v)
}

func (b bare) Size(name fyne.ThemeSizeName) float32 {
	if name == theme.SizeNameInputBorder {
		return 0
	}
	return b.Theme.Size(name)
}

// isDark says which of the two variants is drawn now.
func isDark() bool {
	r, g, b, _ := theme.Color(theme.ColorNameBackground).RGBA()
	return r+g+b < 3*0x8000
}

func segmentColor(k SegmentKind) color.NRGBA {
	c := segmentColors[k]
	if isDark() {
		return c.dark
	}
	return c.light
}
