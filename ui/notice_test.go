package ui

import (
	"slices"
	"strings"
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
)

func TestNotice(t *testing.T) {
	a := test.NewTempApp(t)
	var did []string
	choice := func(label string) Choice {
		return Choice{Label: label, Do: func() { did = append(did, label) }}
	}
	n := NewNotice(a, "light", 0, func() { did = append(did, "closed") })
	p := Problem{Title: "Galago is already open", Text: "Its window has these conversations open.", Choices: []Choice{choice("Bring it to the front"), choice("Close")}}
	n.Set(p)
	n.Show()
	small := n.win.Canvas().Size()
	n.win.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	test.Tap(n.body.choices.buttons[1])
	n.win.Canvas().OnTypedKey()(&fyne.KeyEvent{Name: fyne.KeyEscape})
	if want := []string{"Bring it to the front", "Close", "closed"}; !slices.Equal(did, want) {
		t.Errorf("it did %q, want %q", did, want)
	}
	if first, second := n.body.choices.buttons[0], n.body.choices.buttons[1]; first.Position().X < second.Position().X || first.kind != primary {
		t.Errorf("the first way is not the prominent one at the right")
	}

	n.SetBusy(true)
	test.Tap(n.body.choices.buttons[0])
	if len(did) != 3 {
		t.Error("a button does something while something goes on")
	}
	n.SetBusy(false)

	p.Text = strings.Repeat("A long explanation. ", 30)
	p.Detail = "the details"
	for range 5 {
		p.Choices = append(p.Choices, choice("One more way with a long name"))
	}
	n.Set(p)
	if size := n.win.Canvas().Size(); size.Height <= small.Height+100 || size.Width != small.Width {
		t.Errorf("the window is %v for a long text, %v for a short one", size, small)
	}
	for _, b := range n.body.choices.buttons {
		if end := b.Position().Y + b.Size().Height; end > n.body.height || b.Position().X < 0 {
			t.Errorf("%q is outside: %v, height %v", b.text, b.Position(), n.body.height)
		}
	}
	n.Close()
}
