package heif

import (
	"encoding/binary"
	"errors"
)

// errBox is a box that does not hold what it must.
var errBox = errors.New("heif: malformed box")

// eachBox calls f with every box in b until f returns false. A box that is longer than what is there is given as far as
// it goes, and then reported as ErrShort.
func eachBox(b []byte, f func(kind string, body []byte) bool) error {
	for len(b) >= 8 {
		size, head := uint64(binary.BigEndian.Uint32(b)), uint64(8)
		switch size {
		case 0: // to the end
			size = uint64(len(b))
		case 1:
			if len(b) < 16 {
				return ErrShort
			}
			size, head = binary.BigEndian.Uint64(b[8:]), 16
		}
		if size < head {
			return errBox
		}
		end := min(size, uint64(len(b)))
		if !f(string(b[4:8]), b[min(head, end):end]) {
			return nil
		}
		if size > uint64(len(b)) {
			return ErrShort
		}
		b = b[end:]
	}
	return nil
}

// cursor reads numbers one after another. After the end they are 0 and bad is set.
type cursor struct {
	b   []byte
	bad bool
}

// num is a number of n bytes, 0 to 8.
func (c *cursor) num(n int) uint64 {
	if len(c.b) < n {
		c.b, c.bad = nil, true
		return 0
	}
	v := uint64(0)
	for _, d := range c.b[:n] {
		v = v<<8 | uint64(d)
	}
	c.b = c.b[n:]
	return v
}

// full reads the head of a full box.
func (c *cursor) full() (version byte, flags uint32) {
	v := c.num(4)
	return byte(v >> 24), uint32(v & 0xffffff)
}

// kind reads four letters.
func (c *cursor) kind() string {
	var k [4]byte
	binary.BigEndian.PutUint32(k[:], uint32(c.num(4)))
	return string(k[:])
}

// wide is 4 where a box has long numbers, else 2.
func wide(long bool) int {
	if long {
		return 4
	}
	return 2
}

// property is an entry of ipco.
type property struct {
	kind string
	body []byte
}

// meta is what of a file's meta box matters here.
type meta struct {
	primary uint32
	kinds   map[uint32]string   // of items
	parts   map[uint32][]uint32 // of an item that is derived from others, such as a grid of tiles
	props   []property
	has     map[uint32][]int // indices into props, from 1
	end     uint64           // of the data that lies furthest back in the file
}

func readMeta(b []byte) (m meta, err error) {
	m = meta{kinds: map[uint32]string{}, parts: map[uint32][]uint32{}, has: map[uint32][]int{}}
	if len(b) < 4 {
		return m, ErrShort
	}
	err = eachBox(b[4:], func(kind string, body []byte) bool {
		c := &cursor{b: body}
		switch kind {
		case "pitm":
			version, _ := c.full()
			m.primary = uint32(c.num(wide(version > 0)))
		case "iinf":
			m.readItems(c)
		case "iref":
			m.readParts(c)
		case "iprp":
			m.readProperties(body)
		case "iloc":
			m.readPlaces(c)
		}
		return true
	})
	return m, err
}

func (m *meta) readItems(c *cursor) {
	version, _ := c.full()
	c.num(wide(version > 0)) // how many; the boxes say so themselves
	_ = eachBox(c.b, func(kind string, body []byte) bool {
		if kind != "infe" {
			return true
		}
		c := &cursor{b: body}
		version, _ := c.full()
		id := uint32(c.num(wide(version > 2)))
		c.num(2) // protection
		if what := c.kind(); version >= 2 && !c.bad {
			m.kinds[id] = what
		}
		return true
	})
}

func (m *meta) readParts(c *cursor) {
	version, _ := c.full()
	n := wide(version > 0)
	_ = eachBox(c.b, func(kind string, body []byte) bool {
		if kind != "dimg" {
			return true
		}
		c := &cursor{b: body}
		from := uint32(c.num(n))
		for count := c.num(2); count > 0 && !c.bad; count-- {
			m.parts[from] = append(m.parts[from], uint32(c.num(n)))
		}
		return true
	})
}

func (m *meta) readProperties(b []byte) {
	_ = eachBox(b, func(kind string, body []byte) bool {
		switch kind {
		case "ipco":
			_ = eachBox(body, func(kind string, body []byte) bool {
				m.props = append(m.props, property{kind, body})
				return true
			})
		case "ipma":
			m.readAssociations(&cursor{b: body})
		}
		return true
	})
}

func (m *meta) readAssociations(c *cursor) {
	version, flags := c.full()
	for items := c.num(4); items > 0 && !c.bad; items-- {
		id := uint32(c.num(wide(version > 0)))
		for n := c.num(1); n > 0 && !c.bad; n-- {
			index := c.num(1) & 0x7f // the highest bit says that it must be understood
			if flags&1 != 0 {
				index = index<<8 | c.num(1)
			}
			m.has[id] = append(m.has[id], int(index))
		}
	}
}

// readPlaces finds out how long the file must be.
func (m *meta) readPlaces(c *cursor) {
	version, _ := c.full()
	sizes := c.num(2)
	offset, length, base, index := int(sizes>>12), int(sizes>>8&15), int(sizes>>4&15), int(sizes&15)
	if offset > 8 || length > 8 || base > 8 || index > 8 {
		return
	}
	for items := c.num(wide(version > 1)); items > 0 && !c.bad; items-- {
		c.num(wide(version > 1)) // the item
		inFile := true
		if version > 0 {
			inFile = c.num(2)&15 == 0
		}
		c.num(2) // which file, always this one
		from := c.num(base)
		for n := c.num(2); n > 0 && !c.bad; n-- {
			if version > 0 {
				c.num(index)
			}
			at := from + c.num(offset)
			if end := at + c.num(length); inFile && !c.bad && end >= at {
				m.end = max(m.end, end)
			}
		}
	}
}

// find is the item's property of a kind, or nil.
func (m *meta) find(item uint32, kind string) []byte {
	for _, i := range m.has[item] {
		if i >= 1 && i <= len(m.props) && m.props[i-1].kind == kind {
			return m.props[i-1].body
		}
	}
	return nil
}

// coded follows an item that is derived from others to the first one that is compressed itself.
func (m *meta) coded(item uint32) uint32 {
	for range 4 { // deeper is nobody's picture
		parts := m.parts[item]
		switch m.kinds[item] {
		case "grid", "iden", "iovl":
			if len(parts) > 0 {
				item = parts[0]
				continue
			}
		}
		break
	}
	return item
}
