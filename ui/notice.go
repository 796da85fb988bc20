package ui

import (
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/widget"

	"galago/assets"
)

// Notice is a small window for what must be said before the main one, or in its place. All its methods belong to Fyne's
// main goroutine.
type Notice struct {
	win  fyne.Window
	body *notice
}

// NewNotice builds the window without showing it. closed runs when the person closes it, also by Esc; the theme is a
// setting's: "light", "dark", or anything else for the system's; so is the text's size, a factor, 0 for the usual one.
func NewNotice(a fyne.App, theme string, textSize float64, closed func()) *Notice {
	setTextFactor(float32(textSize))
	a.Settings().SetTheme(newLook(theme))
	n := &Notice{win: a.NewWindow("Galago"), body: newNotice()}
	n.win.SetPadded(false)
	n.win.SetContent(n.body)
	n.win.SetCloseIntercept(closed)
	n.win.Canvas().SetOnTypedKey(func(e *fyne.KeyEvent) {
		if e.Name == fyne.KeyEscape {
			closed()
		}
	})
	return n
}

// Set says what there is to say, and which ways there are. The first is the one that Enter takes. Its Detail is shown
// below, in full.
func (n *Notice) Set(p Problem) {
	n.body.set(p)
	n.win.Resize(n.body.MinSize())
	if b := n.body.choices.buttons; len(b) > 0 {
		n.win.Canvas().Focus(b[0])
	}
}

// SetBusy shows that something goes on, and takes no choice meanwhile.
func (n *Notice) SetBusy(busy bool) { n.body.setBusy(busy) }

// Show shows the window in the middle of the screen.
func (n *Notice) Show() {
	n.win.CenterOnScreen()
	n.win.Show()
}

// Close takes the window away.
func (n *Notice) Close() {
	n.body.busy.stop()
	n.win.Close()
}

func noticeWidth() float32 { return scaled(480) }

// notice is what a Notice shows: a title, texts below it, and the ways out at the lower right corner.
type notice struct {
	widget.BaseWidget
	problem             Problem
	title, text, action *still
	detail              *prose
	choices             choiceButtons
	busy                *progress
	height              float32
}

func newNotice() *notice {
	n := &notice{busy: newProgress()}
	n.title, n.text, n.action = newPlain(16, colorText), newPlain(textBody, colorText), newPlain(textBody, colorMuted)
	n.title.face.bold = true
	n.detail = newSelectable(textSmall, colorMuted)
	n.busy.Hide()
	n.ExtendBaseWidget(n)
	return n
}

func (n *notice) set(p Problem) {
	n.problem = p
	n.title.setText(p.Title)
	n.text.setText(p.Text)
	n.action.setText(p.Action)
	n.detail.setText(p.Detail)
	n.choices.labels = nil // the first button is another kind
	n.choices.set(p.Choices, false, func(i int) { n.problem.Choices[i].Do() })
	if len(n.choices.buttons) > 0 {
		n.choices.buttons[0].kind = primary
	}
	n.arrange(false)
	n.Refresh()
}

func (n *notice) setBusy(busy bool) {
	setVisible(n.busy, busy)
	if busy {
		n.busy.set(-1)
	} else {
		n.busy.stop()
	}
	for _, b := range n.choices.buttons {
		if busy {
			b.Disable()
		} else {
			b.Enable()
		}
	}
	n.Refresh()
}

// arrange computes the height, and places what is seen when move is set.
func (n *notice) arrange(move bool) {
	const pad, mark = gap5 + gap1, 48
	left := pad + mark + gap5
	inner := noticeWidth() - left - pad
	y := pad
	put := func(p flowing, text string) {
		setVisible(p, text != "")
		if text == "" {
			return
		}
		h := p.heightFor(inner)
		if move {
			place(p, left, y, inner, h)
		}
		y += h + gap2
	}
	put(n.title, n.problem.Title)
	put(n.text, n.problem.Text)
	put(n.action, n.problem.Action)
	put(n.detail, n.problem.Detail)
	y = max(y, pad+mark) + gap4
	y = n.buttons(pad, y, move)
	n.height = y + pad
}

// buttons are at the right, the first of them last, in as many lines as they need. It returns where they end.
func (n *notice) buttons(pad, y float32, move bool) float32 {
	x, line := noticeWidth()-pad, float32(0)
	for _, b := range n.choices.buttons {
		s := b.measure()
		s.Width = min(s.Width, noticeWidth()-2*pad)
		if x < noticeWidth()-pad && x-s.Width < pad {
			x, y = noticeWidth()-pad, y+line+gap2
		}
		if move {
			place(b, x-s.Width, y, s.Width, s.Height)
		}
		x, line = x-s.Width-gap2, s.Height
	}
	return y + line
}

func (n *notice) CreateRenderer() fyne.WidgetRenderer {
	back := newPanel(colorSide, "", 0)
	mark := canvas.NewImageFromResource(fyne.NewStaticResource("icon.png", assets.Icon))
	mark.FillMode = canvas.ImageFillContain
	d := &drawing{}
	objects := func() []fyne.CanvasObject {
		o := []fyne.CanvasObject{back.rect, mark, n.title, n.text, n.action, n.detail}
		for _, b := range slices.Backward(n.choices.buttons) { // Tab goes from the left to the right
			o = append(o, b)
		}
		return append(o, n.busy)
	}
	d.objects = objects()
	d.min = func() fyne.Size { return fyne.NewSize(noticeWidth(), n.height) }
	d.layout = func(s fyne.Size) {
		place(back.rect, 0, 0, s.Width, s.Height)
		place(mark, gap5+gap1, gap5+gap1, 48, 48)
		place(n.busy, 0, s.Height-2, s.Width, 2)
		n.arrange(true)
	}
	d.restyle = func() {
		d.objects = objects()
		back.restyle()
		d.layout(n.Size())
		canvas.Refresh(n)
	}
	return d
}
