package gguf

import "fmt"

// Types that headers are made of in memory.
const (
	TypeF32  Type = 0
	TypeF16  Type = 1
	TypeQ4_0 Type = 2
	TypeQ5_0 Type = 6
	TypeQ8_0 Type = 8
	TypeQ4K  Type = 12
	TypeQ6K  Type = 14
	TypeI8   Type = 24
	TypeBF16 Type = 30
)

// Block is how many numbers of the type are written together: the first dimension of a tensor is a multiple of it. It
// is 0 for an unknown type.
func (t Type) Block() int64 { return t.block() }

// Make is a header of a file that is not there, for plans that are made before it is downloaded. The values of meta are
// those that Value gives. Bytes and Offset of the tensors are filled in; a type that is unknown, or does not go with the
// dimensions, is an error of the program.
func Make(meta map[string]any, tensors []Tensor) (*File, error) {
	f := &File{Version: 3, Alignment: 32, meta: meta, Tensors: make([]Tensor, len(tensors))}
	for i, t := range tensors {
		n, ok := t.Type.bytes(t.Dims)
		if !ok {
			return nil, fmt.Errorf("the tensor %s cannot have %v numbers in %v", t.Name, t.Dims, t.Type)
		}
		t.Offset, t.Bytes = f.Bytes, n
		f.Bytes += (n + f.Alignment - 1) / f.Alignment * f.Alignment
		f.Tensors[i] = t
	}
	f.Size = f.Bytes
	return f, nil
}
