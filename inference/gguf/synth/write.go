package synth

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
)

// A ggml type that is written here, as gguf.Type numbers it.
const (
	f32  = 0
	f16  = 1
	q8_0 = 8
)

// fill is what a tensor is filled with.
type fill int

const (
	random fill = iota // small numbers around zero
	ones
	zeros
)

type tensor struct {
	name string
	kind uint32
	dims []int64 // dims[0] varies fastest
	fill fill
}

func (t tensor) bytes() int64 {
	n := int64(1)
	for _, d := range t.dims {
		n *= d
	}
	switch t.kind {
	case f16:
		return n * 2
	case q8_0:
		return n / 32 * 34
	}
	return n * 4
}

// file is a GGUF file of version 3 in the making.
type file struct {
	pairs   []byte
	nPairs  uint64
	tensors []tensor
}

// The types of metadata values, as in ggml/include/gguf.h.
const (
	metaU32    = 4
	metaI32    = 5
	metaF32    = 6
	metaBool   = 7
	metaString = 8
	metaArray  = 9
)

func appendText(b []byte, s string) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(len(s))), s...)
}

// set adds a pair. The values are uint32, int32, float32, bool, string and slices of them.
func (f *file) set(key string, value any) {
	f.pairs = appendText(f.pairs, key)
	f.nPairs++
	u32 := func(n uint32) { f.pairs = binary.LittleEndian.AppendUint32(f.pairs, n) }
	list := func(kind uint32, n int) {
		u32(metaArray)
		u32(kind)
		f.pairs = binary.LittleEndian.AppendUint64(f.pairs, uint64(n))
	}
	switch v := value.(type) {
	case uint32:
		u32(metaU32)
		u32(v)
	case float32:
		u32(metaF32)
		u32(math.Float32bits(v))
	case bool:
		u32(metaBool)
		f.pairs = append(f.pairs, bit(v))
	case string:
		u32(metaString)
		f.pairs = appendText(f.pairs, v)
	case []string:
		list(metaString, len(v))
		for _, s := range v {
			f.pairs = appendText(f.pairs, s)
		}
	case []int32:
		list(metaI32, len(v))
		for _, n := range v {
			u32(uint32(n))
		}
	case []float32:
		list(metaF32, len(v))
		for _, n := range v {
			u32(math.Float32bits(n))
		}
	case []bool:
		list(metaBool, len(v))
		for _, b := range v {
			f.pairs = append(f.pairs, bit(b))
		}
	}
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// add adds a tensor of random numbers: in Q8_0 where rows can be written so, and else in F16, as llama.cpp's own
// converter does.
func (f *file) add(name string, dims ...int64) {
	kind := uint32(q8_0)
	if dims[0]%32 != 0 {
		kind = f16
	}
	f.tensors = append(f.tensors, tensor{name, kind, dims, random})
}

func (f *file) addAs(kind uint32, name string, dims ...int64) {
	f.tensors = append(f.tensors, tensor{name, kind, dims, random})
}

// scale and shift are what a normalisation has: ones and zeros, in F32.
func (f *file) scale(name string, n int64) {
	f.tensors = append(f.tensors, tensor{name, f32, []int64{n}, ones})
}

func (f *file) shift(name string, n int64) {
	f.tensors = append(f.tensors, tensor{name, f32, []int64{n}, zeros})
}

// linear is a matrix and its bias.
func (f *file) linear(name string, in, out int64) {
	f.add(name+".weight", in, out)
	f.shift(name+".bias", out)
}

const alignment = 32

func pad(n int64) int64 { return (n + alignment - 1) / alignment * alignment }

// weights is the bytes of all tensors, without what aligns them.
func (f *file) weights() int64 {
	n := int64(0)
	for _, t := range f.tensors {
		n += t.bytes()
	}
	return n
}

// header is everything before the tensors' data.
func (f *file) header() []byte {
	b := []byte("GGUF")
	b = binary.LittleEndian.AppendUint32(b, 3)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(f.tensors)))
	b = binary.LittleEndian.AppendUint64(b, f.nPairs)
	b = append(b, f.pairs...)
	offset := int64(0)
	for _, t := range f.tensors {
		b = appendText(b, t.name)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(t.dims)))
		for _, d := range t.dims {
			b = binary.LittleEndian.AppendUint64(b, uint64(d))
		}
		b = binary.LittleEndian.AppendUint32(b, t.kind)
		b = binary.LittleEndian.AppendUint64(b, uint64(offset))
		offset += pad(t.bytes())
	}
	return append(b, make([]byte, pad(int64(len(b)))-int64(len(b)))...)
}

// size is that of the whole file.
func (f *file) size() int64 {
	n := int64(len(f.header()))
	for _, t := range f.tensors {
		n += pad(t.bytes())
	}
	return n
}

// write writes the file.
func (f *file) write(path string) error {
	return create(path, func(out *os.File) error {
		w := bufio.NewWriterSize(out, 1<<20)
		w.Write(f.header())
		noise := newNoise()
		for _, t := range f.tensors {
			n := t.bytes()
			noise.fill(w, t, n)
			w.Write(make([]byte, pad(n)-n))
		}
		return w.Flush()
	})
}

// sketch writes the header and leaves a hole where the weights would be.
func (f *file) sketch(path string) error {
	return create(path, func(out *os.File) error {
		_, err := out.Write(f.header())
		return errors.Join(err, out.Truncate(f.size()))
	})
}

// create writes beside path first, so that path is either whole or not there.
func create(path string, fill func(*os.File) error) error {
	part := path + ".part"
	out, err := os.Create(part)
	if err != nil {
		return err
	}
	if err := errors.Join(fill(out), out.Sync(), out.Close()); err != nil {
		os.Remove(part)
		return err
	}
	return os.Rename(part, path)
}

// noise is made once and repeated: two gigabytes are then written as fast as the disk takes them. Its length is a
// prime number of blocks, so that the rows of a matrix differ.
type noise map[uint32][]byte

const (
	noiseBlocks = 30011
	spread      = 0.02 // standard deviation of the weights, as untrained networks have it
)

func newNoise() noise {
	r := rand.New(rand.NewPCG(1, 2)) // the same files every time
	n := noise{}
	for range noiseBlocks {
		// a block of Q8_0: a scale in F16 and 32 numbers, here evenly spread over -127 to 127 (deviation 73.3)
		n[q8_0] = binary.LittleEndian.AppendUint16(n[q8_0], half(spread/73.3))
		for range 32 {
			n[q8_0] = append(n[q8_0], byte(int8(r.IntN(255)-127)))
		}
		v := spread * r.NormFloat64()
		n[f16] = binary.LittleEndian.AppendUint16(n[f16], half(v))
		n[f32] = binary.LittleEndian.AppendUint32(n[f32], math.Float32bits(float32(v)))
	}
	return n
}

func (n noise) fill(w io.Writer, t tensor, left int64) {
	source := n[t.kind]
	if t.fill != random {
		one := make([]byte, 4*1024)
		for i := 0; t.fill == ones && i < len(one); i += 4 {
			binary.LittleEndian.PutUint32(one[i:], math.Float32bits(1))
		}
		source = one
	}
	for left > 0 {
		step := min(left, int64(len(source)))
		w.Write(source[:step]) // a bufio.Writer keeps its error for Flush
		left -= step
	}
}

// half is v as an IEEE 754 half, rounded towards zero; numbers below its smallest normal one become 0.
func half(v float64) uint16 {
	bits := math.Float32bits(float32(v))
	sign := uint16(bits >> 16 & 0x8000)
	exponent := int(bits>>23&0xff) - 127 + 15
	if exponent <= 0 {
		// A subnormal half, in steps of 2^-24.
		return sign | uint16(math.Abs(v)*(1<<24))
	}
	return sign | uint16(exponent<<10) | uint16(bits>>13&0x3ff)
}
