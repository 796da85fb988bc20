// Package heif decodes the pictures of phones and of the newer web: HEIC (HEVC) and AVIF (AV1), two kinds of the same
// file format, ISO/IEC 23008-12. What a file says of itself is read here; its pixels are decoded by libheif with
// libde265 and by libavif with libaom, compiled to WebAssembly: a hostile file can make them fail, but neither reach
// memory that is not theirs nor take more of it than MaxMemory, and nobody waits longer than MaxTime. See README.md for where the two come from.
package heif

import (
	"encoding/binary"
	"errors"
	"image"
	"math"
)

// The errors that a caller may want to tell apart. Anything else means that a file is damaged.
var (
	ErrShort       = errors.New("heif: the end of the file is missing")
	ErrUnsupported = errors.New("heif: neither HEVC nor AV1, or a film without a picture")
	ErrTime        = errors.New("heif: decoding took too long")
)

// Codec is how a picture is compressed.
type Codec string

// The codecs.
const (
	HEVC Codec = "heic"
	AV1  Codec = "avif"
)

// Info is what a file says of its picture.
type Info struct {
	Codec         Codec
	Width, Height int  // in pixels, of the image that Decode returns; not checked for anything but being positive
	Orientation   int  // how that image is to be turned to be upright, as EXIF counts: 1 to 8
	Deep          bool // more than 8 bits a colour
	Sequence      bool // a film follows the picture

	clean        image.Rectangle // the part of the coded picture that is to be seen
	coded        image.Point     // size of the coded picture
	matrix, span int             // of HEVC's colours, as ITU-T H.273 counts; span 1 is the full one
}

// Sniff tells whether a file begins as one of ours does. 12 bytes are enough.
func Sniff(head []byte) bool {
	if len(head) < 12 || string(head[4:8]) != "ftyp" {
		return false
	}
	switch string(head[8:12]) {
	case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "mif2", "msf1", "avif", "avis", "avio":
		return true
	}
	return false
}

// ReadInfo reads a file's boxes. It takes no memory for pixels.
func ReadInfo(data []byte) (Info, error) {
	var body []byte
	film, found := false, false
	top := eachBox(data, func(kind string, b []byte) bool {
		switch kind {
		case "meta":
			body, found = b, true
		case "moov":
			film = true
		}
		return true
	})
	if !found {
		if top == nil {
			top = ErrUnsupported
		}
		return Info{}, top
	}
	m, err := readMeta(body)
	if err != nil {
		return Info{}, err
	}
	if m.end > uint64(len(data)) {
		return Info{}, ErrShort
	}
	i := Info{Sequence: film, Orientation: 1}
	switch m.kinds[m.coded(m.primary)] {
	case "hvc1", "hev1":
		i.Codec = HEVC
	case "av01":
		i.Codec = AV1
	default:
		return Info{}, ErrUnsupported
	}
	return i, i.read(&m)
}

// read takes size, turning and colours from the primary item's properties.
func (i *Info) read(m *meta) error {
	c := &cursor{b: m.find(m.primary, "ispe")}
	c.full()
	w, h := c.num(4), c.num(4)
	if c.bad || w == 0 || h == 0 || w > math.MaxInt32 || h > math.MaxInt32 {
		return errBox
	}
	i.coded = image.Pt(int(w), int(h))
	i.clean = image.Rectangle{Max: i.coded}
	if clap := m.find(m.primary, "clap"); clap != nil {
		i.clean = cleanAperture(clap, i.coded)
	}
	i.Width, i.Height = i.clean.Dx(), i.clean.Dy()
	i.readColours(m)
	turn, mirror := 0, 0
	if b := m.find(m.primary, "irot"); len(b) > 0 {
		turn = int(b[0] & 3)
	}
	if b := m.find(m.primary, "imir"); len(b) > 0 {
		mirror = 1 + int(b[0]&1)
	}
	if i.Codec == AV1 {
		i.Orientation = orientations[turn][mirror]
	} else if turn%2 == 1 { // libheif turns and mirrors
		i.Width, i.Height = i.Height, i.Width
	}
	return nil
}

// orientations are EXIF's for a number of quarter turns to the left and then no mirroring, top to bottom, or left to right.
var orientations = [4][3]int{{1, 4, 2}, {8, 5, 7}, {3, 2, 4}, {6, 7, 5}}

func (i *Info) readColours(m *meta) {
	const bt601, full = 6, 1
	i.matrix, i.span = bt601, full
	for _, item := range []uint32{m.primary, m.coded(m.primary)} {
		if b := m.find(item, "colr"); len(b) >= 11 && string(b[:4]) == "nclx" {
			i.matrix, i.span = int(binary.BigEndian.Uint16(b[8:])), int(b[10]>>7)
			break
		}
	}
	coded := m.coded(m.primary)
	if b := m.find(coded, "av1C"); len(b) > 2 {
		i.Deep = b[2]&0x40 != 0
	}
	if b := m.find(coded, "hvcC"); len(b) > 17 {
		i.Deep = b[17]&7 != 0
	}
}

// cleanAperture is the part of a coded picture that is to be seen, as ISO/IEC 14496-12 section 12.1.4 counts it; all of
// it when that makes no sense.
func cleanAperture(b []byte, coded image.Point) image.Rectangle {
	all := image.Rectangle{Max: coded}
	c := &cursor{b: b}
	ratio := func() float64 {
		n, d := int32(c.num(4)), int32(c.num(4))
		return float64(n) / float64(d)
	}
	w, h, x, y := ratio(), ratio(), ratio(), ratio()
	if c.bad || !(w >= 1 && w <= float64(coded.X) && h >= 1 && h <= float64(coded.Y)) || math.IsNaN(x+y) || math.IsInf(x+y, 0) {
		return all
	}
	left, top := x+(float64(coded.X)-w)/2, y+(float64(coded.Y)-h)/2
	r := image.Rect(0, 0, int(w+0.5), int(h+0.5)).Add(image.Pt(int(left+0.5), int(top+0.5)))
	if left < 0 || top < 0 || !r.In(all) {
		return all
	}
	return r
}
