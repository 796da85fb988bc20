package ui

import (
	"embed"
	"fmt"
	"image/color"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/theme"
)

// clock runs f once on the main goroutine when d has passed, unless stop is called before.
type clock func(d time.Duration, f func()) (stop func())

func realClock(d time.Duration, f func()) (stop func()) {
	t := time.AfterFunc(d, func() { fyne.Do(f) })
	return func() { t.Stop() }
}

// flowing objects know their height only when their width is given, as wrapped text does.
type flowing interface {
	fyne.CanvasObject
	heightFor(width float32) float32
}

// drawing is the renderer of most widgets here: fixed objects, a layout function and a repaint function.
type drawing struct {
	objects []fyne.CanvasObject
	layout  func(size fyne.Size)
	min     func() fyne.Size
	restyle func()
}

func (d *drawing) Destroy()                     {}
func (d *drawing) Objects() []fyne.CanvasObject { return d.objects }
func (d *drawing) MinSize() fyne.Size           { return d.min() }

func (d *drawing) Layout(size fyne.Size) {
	if d.layout != nil {
		d.layout(size)
	}
}

func (d *drawing) Refresh() {
	if d.restyle != nil {
		d.restyle()
	}
}

// place moves and resizes. It keeps to whole units, since text between two pixels is blurred and cut at its foot.
func place(o fyne.CanvasObject, x, y, w, h float32) {
	o.Move(fyne.NewPos(round(x), round(y)))
	o.Resize(fyne.NewSize(w, h))
}

func setVisible(o fyne.CanvasObject, visible bool) {
	switch {
	case visible == o.Visible():
	case visible:
		o.Show()
	default:
		o.Hide()
	}
}

//go:embed icons/*.svg
var iconFiles embed.FS

// iconName is a file of icons/ without its ending.
type iconName string

// coloredIcon is an icon of ours in one colour. The name holds the colour, since Fyne caches by name.
func coloredIcon(name iconName, c color.Color) fyne.Resource {
	if name == "" {
		return nil
	}
	data, err := iconFiles.ReadFile("icons/" + string(name) + ".svg")
	if err != nil {
		panic("ui: no icon " + string(name)) // a typing error in this package; every icon is drawn in a test
	}
	r, g, b, _ := c.RGBA()
	hex := fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
	return &fyne.StaticResource{
		StaticName:    string(name) + "-" + hex[1:] + ".svg",
		StaticContent: []byte(strings.ReplaceAll(string(data), "currentColor", hex)),
	}
}

// icon is a canvas image that shows an icon of ours.
type icon struct {
	name  iconName
	color fyne.ThemeColorName
	image *canvas.Image
}

func newIcon(name iconName, color fyne.ThemeColorName) *icon {
	i := &icon{name: name, color: color, image: &canvas.Image{FillMode: canvas.ImageFillContain}}
	i.restyle()
	return i
}

func (i *icon) restyle() {
	i.image.Resource = coloredIcon(i.name, theme.Color(i.color))
	i.image.Refresh()
}

// panel is a rectangle that takes its colours from the theme.
type panel struct {
	rect         *canvas.Rectangle
	fill, stroke fyne.ThemeColorName
}

func newPanel(fill, stroke fyne.ThemeColorName, radius float32) *panel {
	p := &panel{rect: canvas.NewRectangle(color.Transparent), fill: fill, stroke: stroke}
	p.rect.CornerRadius = radius
	p.restyle()
	return p
}

func (p *panel) restyle() {
	p.rect.FillColor, p.rect.StrokeColor, p.rect.StrokeWidth = color.Transparent, color.Transparent, 0
	if p.fill != "" {
		p.rect.FillColor = theme.Color(p.fill)
	}
	if p.stroke != "" {
		p.rect.StrokeColor, p.rect.StrokeWidth = theme.Color(p.stroke), 1
	}
	p.rect.Refresh()
}

// label is one line of text in a theme colour. It ends in an ellipsis where there is no room for it all.
type label struct {
	text  string
	base  float32 // its size at the usual text size
	color fyne.ThemeColorName
	draw  *canvas.Text
}

func newLabel(text string, size float32, color fyne.ThemeColorName) *label {
	l := &label{text: text, base: size, color: color, draw: canvas.NewText(text, theme.Color(color))}
	l.draw.TextSize = scaled(size)
	return l
}

func (l *label) bold() *label {
	l.draw.TextStyle.Bold = true
	return l
}

func (l *label) restyle() {
	l.draw.Color, l.draw.TextSize = theme.Color(l.color), scaled(l.base)
	l.draw.Refresh()
}

// set changes the text; place it again afterwards.
func (l *label) set(text string) { l.text, l.draw.Text = text, text }

// size is what the whole text takes.
func (l *label) size() fyne.Size { return fyne.MeasureText(l.text, scaled(l.base), l.draw.TextStyle) }

// place puts the text at x, vertically centred on a line of height h at y, and cuts it to width w.
func (l *label) place(x, y, w, h float32) {
	l.draw.TextSize = scaled(l.base)
	l.draw.Text = ellipsis(l.text, w, l.draw.TextSize, l.draw.TextStyle)
	place(l.draw, x, y, w, h)
	l.draw.Refresh()
}

// ellipsis cuts text of a size as drawn to a width, marking what is missing.
func ellipsis(text string, width, size float32, style fyne.TextStyle) string {
	if fyne.MeasureText(text, size, style).Width <= width+0.5 {
		return text
	}
	runes := []rune(text)
	low, high := 0, len(runes)-1
	for low < high {
		mid := (low + high + 1) / 2
		if fyne.MeasureText(string(runes[:mid])+"…", size, style).Width <= width {
			low = mid
		} else {
			high = mid - 1
		}
	}
	return strings.TrimRight(string(runes[:max(low, 0)]), " ") + "…"
}

// textHeight is the height of a line of text of a size as drawn.
func textHeight(size float32) float32 {
	return fyne.MeasureText("Mg", size, fyne.TextStyle{}).Height
}
