//go:build linux

package desktop

import (
	"fmt"

	"github.com/jezek/xgb/xproto"
	"github.com/jezek/xgb/xtest"
)

// key is where a character is on the keyboard.
type key struct {
	code  xproto.Keycode
	shift bool
}

// Keysyms of keys without a character.
const (
	Return    xproto.Keysym = 0xFF0D
	Escape    xproto.Keysym = 0xFF1B
	Tab       xproto.Keysym = 0xFF09
	BackSpace xproto.Keysym = 0xFF08
	F4        xproto.Keysym = 0xFFC1
	Alt       xproto.Keysym = 0xFFE9
	Shift     xproto.Keysym = 0xFFE1
	Control   xproto.Keysym = 0xFFE3
)

// readKeyboard learns the layout from the server.
func (d *Desktop) readKeyboard() error {
	setup := xproto.Setup(d.conn)
	reply, err := xproto.GetKeyboardMapping(d.conn, setup.MinKeycode, byte(setup.MaxKeycode-setup.MinKeycode+1)).Reply()
	if err != nil {
		return fmt.Errorf("read the keyboard's layout: %w", err)
	}
	d.keys = map[xproto.Keysym]key{}
	per := int(reply.KeysymsPerKeycode)
	for column := min(per, 2) - 1; column >= 0; column-- { // a key without Shift wins
		for i := column; i < len(reply.Keysyms); i += per {
			if sym := reply.Keysyms[i]; sym != 0 {
				d.keys[sym] = key{setup.MinKeycode + xproto.Keycode(i/per), column == 1}
			}
		}
	}
	return nil
}

// Type types text of the characters that the keyboard has (ASCII).
func (d *Desktop) Type(text string) error {
	for _, r := range text {
		if err := d.Key(xproto.Keysym(r)); err != nil { // the keysym of a Latin-1 character is its code point
			return err
		}
	}
	return nil
}

// Key presses a key while others, such as Control, are held.
func (d *Desktop) Key(sym xproto.Keysym, held ...xproto.Keysym) error {
	k, ok := d.keys[sym]
	if !ok {
		return fmt.Errorf("the test keyboard has no key for %#x", sym)
	}
	if k.shift {
		held = append(held, Shift)
	}
	for _, h := range held {
		d.fake(xproto.KeyPress, byte(d.keys[h].code), 0, 0)
	}
	d.fake(xproto.KeyPress, byte(k.code), 0, 0)
	d.fake(xproto.KeyRelease, byte(k.code), 0, 0)
	for i := len(held) - 1; i >= 0; i-- {
		d.fake(xproto.KeyRelease, byte(d.keys[held[i]].code), 0, 0)
	}
	d.conn.Sync()
	return nil
}

// Move moves the mouse to a place on the screen.
func (d *Desktop) Move(x, y int) {
	d.fake(xproto.MotionNotify, 0, x, y)
	d.conn.Sync()
}

// Click moves the mouse to a place on the screen and presses its left button there.
func (d *Desktop) Click(x, y int) {
	d.fake(xproto.MotionNotify, 0, x, y)
	d.fake(xproto.ButtonPress, 1, 0, 0)
	d.fake(xproto.ButtonRelease, 1, 0, 0)
	d.conn.Sync()
}

func (d *Desktop) fake(kind, detail byte, x, y int) {
	xtest.FakeInput(d.conn, kind, detail, 0, d.screen.Root, int16(x), int16(y), 0)
}
