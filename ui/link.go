package ui

import (
	"net/url"
	"strings"
	"unicode"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"galago/assets/words"
)

// mayOpen says whether an address is one for a browser or a mail program.
func mayOpen(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != ""
	case "mailto":
		return u.Opaque != ""
	}
	return false
}

// linkWarnings says what about an address may deceive the one who reads it.
func linkWarnings(address, text string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return nil
	}
	var out []string
	host := u.Hostname()
	if u.User != nil {
		out = append(out, words.T("What stands before the @ is not the site. The site is %s.", host))
	}
	if strings.Contains(strings.ToLower(host), "xn--") || strings.IndexFunc(host, func(r rune) bool { return r > unicode.MaxASCII }) >= 0 {
		out = append(out, words.T("The site's name has letters that can look like others: %s", visible(host)))
	}
	if shown, err := url.Parse(strings.TrimSpace(text)); err == nil && shown.Host != "" && !strings.EqualFold(shown.Hostname(), host) {
		out = append(out, words.T("The text names another site than the address."))
	}
	return out
}

// visible shows an address with every character that is not plain ASCII, or cannot be seen, written out.
func visible(address string) string {
	var b strings.Builder
	for _, r := range address {
		if r > ' ' && r < 0x7f {
			b.WriteRune(r)
			continue
		}
		b.WriteString(url.PathEscape(string(r)))
	}
	return b.String()
}

// askLink shows where a link leads before it is followed.
func askLink(c fyne.Canvas, address, text string, h *hands) {
	body := &linkSheet{address: newSelectable(textBody, colorText), warnings: newPlain(textSmall+1, colorWarn)}
	body.address.hands = h
	body.address.setText(visible(address))
	body.warnings.setText(strings.Join(linkWarnings(address, text), "\n"))
	var s *sheet
	choose := func(f func(string)) func() {
		return func() {
			s.hide()
			if f != nil {
				f(address)
			}
		}
	}
	body.open = newButton(primary, "", words.T("Open in the browser"), choose(h.open))
	body.copy = newButton(secondary, "copy", words.T("Copy the address"), choose(h.copyText))
	body.cancel = newButton(secondary, "", words.T("Cancel"), choose(nil))
	if h.open == nil {
		body.open.Disable()
	}
	body.ExtendBaseWidget(body)
	s = showSheet(c, words.T("Open this link?"), body, func(room fyne.Size) fyne.Size {
		w := min(room.Width, 520)
		return fyne.NewSize(w, min(room.Height, body.heightFor(w)))
	})
	c.Focus(body.cancel)
}

// linkSheet is what stands in the card that asks before a link is opened.
type linkSheet struct {
	widget.BaseWidget
	address            *prose
	warnings           *still
	open, copy, cancel *button
}

// heightFor is what the card needs at a width.
func (l *linkSheet) heightFor(width float32) float32 { return l.arrange(width) }

func (l *linkSheet) arrange(width float32) float32 {
	const pad float32 = 10
	h := l.address.heightFor(width - 2*pad)
	place(l.address, pad, pad, width-2*pad, h)
	y := h + 2*pad + gap2
	if l.warnings.source != "" {
		h := l.warnings.heightFor(width)
		place(l.warnings, 0, y, width, h)
		y += h + gap2
	}
	y += gap2
	x := float32(0)
	row := float32(0)
	for _, b := range []*button{l.open, l.copy, l.cancel} {
		m := b.measure()
		if x > 0 && x+m.Width > width {
			x, y = 0, y+row+gap2
		}
		place(b, x, y, m.Width, m.Height)
		x, row = x+m.Width+gap2, m.Height
	}
	return y + row
}

func (l *linkSheet) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorRaised, colorLine, radiusControl)
	return &drawing{
		objects: []fyne.CanvasObject{back.rect, l.address, l.warnings, l.open, l.copy, l.cancel},
		min:     func() fyne.Size { return fyne.NewSize(200, 80) },
		layout: func(s fyne.Size) {
			l.arrange(s.Width)
			place(back.rect, 0, 0, s.Width, l.address.height+20)
		},
		restyle: func() {
			back.restyle()
			canvas.Refresh(l)
		},
	}
}
