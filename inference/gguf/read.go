// Package gguf reads the header of GGUF model files: what kind of file it is, its metadata, its tensors and how many
// bytes it must have. It never reads weights.
//
// Files are hostile until checked: a count or length that a header claims never makes this package take memory or
// time beyond what the file's own bytes justify. Every error that leaves the package is an *Error.
//
// The format is that of ggml/include/gguf.h, versions 2 and 3, little endian.
package gguf

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"galago/assets/words"
)

// Limits. Real files stay far below them; llama.cpp's own are looser.
const (
	maxPairs   = 1 << 16  // key-value pairs
	maxTensors = 1 << 18  //
	maxKey     = 1 << 16  // bytes; the format's own limit
	maxString  = 4 << 20  // bytes of a string that is kept; longer ones are skipped
	maxArray   = 1024     // elements of an array that is kept; longer ones are counted and skipped
	maxKept    = 64 << 20 // bytes of metadata kept altogether
	maxName    = 63       // bytes of a tensor's name, as in llama.cpp
	maxHeader  = 1 << 28  // bytes before the tensors' data, so that a file of holes does not take minutes
	maxDims    = 4
)

// File is what a GGUF file says of itself. It is immutable.
type File struct {
	Path      string
	Version   uint32
	Size      int64    // of the file, in bytes
	Bytes     int64    // that the file must have for all its tensors; never above Size
	DataStart int64    // where the tensors' data begins
	Alignment int64    // of the tensors' data; a power of two
	Tensors   []Tensor // in the order of the file
	meta      map[string]any
}

// Tensor is the description of one tensor.
type Tensor struct {
	Name   string
	Type   Type
	Dims   []int64 // 1 to 4; Dims[0] varies fastest
	Offset int64   // from File.DataStart
	Bytes  int64
}

// Array is an array in the metadata. Values is nil when it is longer than a thousand elements or so.
type Array struct {
	Len    int64
	Values []any
}

// Read reads the header of the file at path. Errors are of type *Error; errors.Is tells ErrNotGGUF, ErrTruncated,
// ErrVersion, ErrDamaged and ErrUnreadable apart.
func Read(path string) (*File, error) {
	name := filepath.Base(path)
	info, err := os.Stat(path)
	if err != nil {
		return nil, fileError(name, err)
	}
	if info.IsDir() {
		return nil, newError(ErrUnreadable, name, words.T("is a folder. Choose a GGUF file inside it."))
	}
	if !info.Mode().IsRegular() {
		return nil, newError(ErrNotGGUF, name, words.T("is not an ordinary file. Choose a GGUF file."))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer f.Close()
	file, err := read(f, name, info.Size())
	if err != nil {
		return nil, err
	}
	file.Path = path
	return file, nil
}

// read reads a header from r, which has size bytes.
func read(r io.Reader, name string, size int64) (*File, error) {
	d := &decoder{r: bufio.NewReaderSize(r, 1<<16), name: name, size: size}
	f := &File{Size: size, meta: map[string]any{}}
	pairs, tensors := d.start(f)
	d.metadata(f, pairs)
	d.tensors(f, tensors)
	if d.err != nil {
		return nil, d.err
	}
	if f.Bytes > size {
		return nil, newError(ErrTruncated, name, words.T("is not complete: it has %s of %s. Download or copy it again.",
			megabytes(size), megabytes(f.Bytes)))
	}
	return f, nil
}

// decoder reads little-endian values. After the first error it reads zeros.
type decoder struct {
	r    *bufio.Reader
	name string
	off  int64
	size int64
	kept int64
	err  error
}

func (d *decoder) fail(kind error, why string) {
	if d.err == nil {
		d.err = newError(kind, d.name, why)
	}
}

func (d *decoder) damaged(format string, args ...any) {
	d.fail(ErrDamaged, words.T("is damaged: %s. Download it again.", fmt.Sprintf(format, args...)))
}

// has reports whether n more bytes are in the file, which fails otherwise.
func (d *decoder) has(n uint64) bool {
	if d.err != nil {
		return false
	}
	if n > uint64(d.size-d.off) {
		d.fail(ErrTruncated, words.T("is not complete: it has %s and ends inside its own description. Download or copy it again.", megabytes(d.size)))
		return false
	}
	if n > maxHeader || d.off > maxHeader {
		d.damaged("its description is too long")
		return false
	}
	return true
}

// take reads into p.
func (d *decoder) take(p []byte) {
	if !d.has(uint64(len(p))) {
		clear(p)
		return
	}
	n, err := io.ReadFull(d.r, p)
	d.off += int64(n)
	if err != nil {
		d.ioError(err)
		clear(p)
	}
}

func (d *decoder) ioError(err error) {
	if err == io.EOF || err == io.ErrUnexpectedEOF { // it shrank while being read
		d.size = d.off
		d.has(1)
		return
	}
	if d.err == nil {
		d.err = fileError(d.name, err)
	}
}

func (d *decoder) skip(n uint64) {
	for n > 0 && d.has(n) {
		step := int(min(n, 1<<30))
		done, err := d.r.Discard(step)
		d.off += int64(done)
		n -= uint64(done)
		if err != nil {
			d.ioError(err)
		}
	}
}

func (d *decoder) u8() uint8 {
	var b [1]byte
	d.take(b[:])
	return b[0]
}

func (d *decoder) u16() uint16 {
	var b [2]byte
	d.take(b[:])
	return binary.LittleEndian.Uint16(b[:])
}

func (d *decoder) u32() uint32 {
	var b [4]byte
	d.take(b[:])
	return binary.LittleEndian.Uint32(b[:])
}

func (d *decoder) u64() uint64 {
	var b [8]byte
	d.take(b[:])
	return binary.LittleEndian.Uint64(b[:])
}

// text reads a string of at most limit bytes; a longer one is an error.
func (d *decoder) text(what string, limit uint64) string {
	n := d.u64()
	if n > limit && d.has(n) {
		d.damaged("%s of %d bytes", what, n)
	}
	if !d.has(n) {
		return ""
	}
	b := make([]byte, n)
	d.take(b)
	return string(b)
}

// start reads magic, version and counts.
func (d *decoder) start(f *File) (pairs, tensors uint64) {
	if d.size == 0 {
		d.fail(ErrNotGGUF, words.T("is empty. Download or copy it again."))
		return 0, 0
	}
	head, err := d.r.Peek(int(min(d.size, 64)))
	if err != nil && err != io.EOF {
		d.ioError(err)
		return 0, 0
	}
	if len(head) < 4 || string(head[:4]) != "GGUF" {
		d.fail(ErrNotGGUF, notGGUF(head))
		return 0, 0
	}
	d.skip(4)
	f.Version = d.u32()
	switch v := f.Version; {
	case d.err != nil:
	case v&0xffff == 0:
		d.fail(ErrVersion, words.T("was written for a big-endian machine. Look for a little-endian GGUF of this model."))
	case v < 2:
		d.fail(ErrVersion, words.T("has the outdated GGUF version %d. Look for a newer file of this model.", v))
	case v > 3:
		d.fail(ErrVersion, words.T("has GGUF version %d; this version of Galago reads 2 and 3. Look for a newer Galago.", v))
	}
	tensors, pairs = d.u64(), d.u64()
	if d.err == nil && (pairs > maxPairs || tensors > maxTensors) {
		d.damaged("it claims %d entries and %d tensors", pairs, tensors)
	}
	if d.err != nil {
		return 0, 0
	}
	return pairs, tensors
}

func (d *decoder) metadata(f *File, pairs uint64) {
	for range pairs {
		key := d.text("a name", maxKey)
		value := d.value(valueType(d.u32()))
		if d.err != nil {
			return
		}
		if _, twice := f.meta[key]; twice || key == "" {
			d.damaged("the entry %.60q is empty or stands twice", key)
			return
		}
		f.meta[key] = value
		d.kept += int64(len(key)) + 64
		if d.kept > maxKept {
			d.damaged("its description is too long")
			return
		}
	}
	f.Alignment = 32
	if v, ok := f.meta["general.alignment"]; ok {
		a, ok := v.(uint32)
		if !ok || a == 0 || a&(a-1) != 0 {
			d.damaged("it has the alignment %v", v)
			return
		}
		f.Alignment = int64(a)
	}
}

// valueType is the type of a metadata value.
type valueType uint32

const (
	typeU8 valueType = iota
	typeI8
	typeU16
	typeI16
	typeU32
	typeI32
	typeF32
	typeBool
	typeString
	typeArray
	typeU64
	typeI64
	typeF64
)

// width is the bytes of a fixed-width type, or 0.
func (t valueType) width() uint64 {
	switch t {
	case typeU8, typeI8, typeBool:
		return 1
	case typeU16, typeI16:
		return 2
	case typeU32, typeI32, typeF32:
		return 4
	case typeU64, typeI64, typeF64:
		return 8
	}
	return 0
}

func (d *decoder) value(t valueType) any {
	switch t {
	case typeU8:
		return d.u8()
	case typeI8:
		return int8(d.u8())
	case typeU16:
		return d.u16()
	case typeI16:
		return int16(d.u16())
	case typeU32:
		return d.u32()
	case typeI32:
		return int32(d.u32())
	case typeF32:
		return math.Float32frombits(d.u32())
	case typeBool:
		return d.u8() != 0
	case typeString:
		return d.keptString()
	case typeArray:
		return d.array()
	case typeU64:
		return d.u64()
	case typeI64:
		return int64(d.u64())
	case typeF64:
		return math.Float64frombits(d.u64())
	}
	d.fail(ErrVersion, words.T("holds a value of the unknown type %d. It is damaged, or a newer Galago is needed.", t))
	return nil
}

// keptString reads a string; one that is too long to be kept comes out empty.
func (d *decoder) keptString() string {
	n := d.u64()
	if !d.has(n) {
		return ""
	}
	d.kept += int64(min(n, maxString))
	if n > maxString || d.kept > maxKept {
		d.skip(n)
		return ""
	}
	b := make([]byte, n)
	d.take(b)
	return string(b)
}

func (d *decoder) array() Array {
	t, n := valueType(d.u32()), d.u64()
	width := t.width()
	each := width
	if t == typeString {
		each = 8 // its length
	}
	if d.err == nil && each == 0 {
		d.fail(ErrVersion, words.T("holds a list of the unknown type %d. It is damaged, or a newer Galago is needed.", t))
	}
	if d.err != nil || n > uint64(d.size)/each || !d.has(n*each) {
		d.has(uint64(d.size)) // more than there can be: the error is that of a file that ends too early
		return Array{}
	}
	a := Array{Len: int64(n)}
	switch {
	case n <= maxArray:
		a.Values = make([]any, 0, n)
		d.kept += int64(n) * 16
		for range n {
			a.Values = append(a.Values, d.value(t))
		}
	case width > 0:
		d.skip(n * width)
	default:
		for i := uint64(0); i < n && d.err == nil; i++ {
			d.skip(d.u64())
		}
	}
	return a
}

func (d *decoder) tensors(f *File, n uint64) {
	names := map[string]bool{}
	end := int64(0)
	for range n {
		t := d.tensor()
		if d.err != nil {
			return
		}
		if names[t.Name] {
			d.damaged("the tensor %q stands twice", t.Name)
			return
		}
		if t.Offset%f.Alignment != 0 || t.Offset > math.MaxInt64/2 {
			d.damaged("the tensor %q stands at %d", t.Name, t.Offset)
			return
		}
		names[t.Name] = true
		end = max(end, t.Offset+t.Bytes)
		f.Tensors = append(f.Tensors, t)
	}
	if d.err != nil {
		return
	}
	f.DataStart = d.off
	f.Bytes = d.off
	if len(f.Tensors) == 0 {
		return // a vocabulary, for example
	}
	f.DataStart = (d.off + f.Alignment - 1) / f.Alignment * f.Alignment
	if end > math.MaxInt64/2+math.MaxInt64/4 {
		d.damaged("its tensors are too large")
	}
	f.Bytes = f.DataStart + end
}

func (d *decoder) tensor() Tensor {
	t := Tensor{Name: d.text("a tensor's name", maxName)}
	dims := d.u32()
	if d.err == nil && dims > maxDims {
		d.damaged("the tensor %q has %d dimensions", t.Name, dims)
	}
	if d.err != nil {
		return t
	}
	for range dims {
		t.Dims = append(t.Dims, int64(d.u64()))
	}
	if dims == 0 { // a single number
		t.Dims = []int64{1}
	}
	t.Type = Type(d.u32())
	t.Offset = int64(d.u64())
	if d.err != nil {
		return t
	}
	if t.Type.block() == 0 {
		d.fail(ErrVersion, words.T("holds weights of the unknown kind %d. It is damaged, or a newer Galago is needed.", uint32(t.Type)))
		return t
	}
	var ok bool
	if t.Bytes, ok = t.Type.bytes(t.Dims); !ok || t.Offset < 0 {
		d.damaged("the tensor %q measures %v at %d", t.Name, t.Dims, t.Offset)
	}
	return t
}
