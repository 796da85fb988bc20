package gguf

import (
	"fmt"
	"math"
)

// Type is how a tensor's numbers are written: an enum ggml_type of ggml/include/ggml.h.
type Type uint32

// layout is a type's name, numbers in a block, and bytes of a block.
type layout struct {
	name  string
	block int64
	bytes int64
}

// types is the table type_traits of ggml/src/ggml.c, with the sizes that ggml/src/ggml-common.h asserts.
var types = map[Type]layout{
	0:  {"F32", 1, 4},
	1:  {"F16", 1, 2},
	2:  {"Q4_0", 32, 18},
	3:  {"Q4_1", 32, 20},
	6:  {"Q5_0", 32, 22},
	7:  {"Q5_1", 32, 24},
	8:  {"Q8_0", 32, 34},
	9:  {"Q8_1", 32, 36},
	10: {"Q2_K", 256, 84},
	11: {"Q3_K", 256, 110},
	12: {"Q4_K", 256, 144},
	13: {"Q5_K", 256, 176},
	14: {"Q6_K", 256, 210},
	15: {"Q8_K", 256, 292},
	16: {"IQ2_XXS", 256, 66},
	17: {"IQ2_XS", 256, 74},
	18: {"IQ3_XXS", 256, 98},
	19: {"IQ1_S", 256, 50},
	20: {"IQ4_NL", 32, 18},
	21: {"IQ3_S", 256, 110},
	22: {"IQ2_S", 256, 82},
	23: {"IQ4_XS", 256, 136},
	24: {"I8", 1, 1},
	25: {"I16", 1, 2},
	26: {"I32", 1, 4},
	27: {"I64", 1, 8},
	28: {"F64", 1, 8},
	29: {"IQ1_M", 256, 56},
	30: {"BF16", 1, 2},
	34: {"TQ1_0", 256, 54},
	35: {"TQ2_0", 256, 66},
	39: {"MXFP4", 32, 17},
	40: {"NVFP4", 64, 36},
	41: {"Q1_0", 128, 18},
	42: {"Q2_0", 64, 18},
}

func (t Type) String() string {
	if l, ok := types[t]; ok {
		return l.name
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// block is how many numbers are written together; 0 for an unknown type.
func (t Type) block() int64 { return types[t].block }

// bytes is the size of a tensor; false when its dimensions are impossible.
func (t Type) bytes(dims []int64) (int64, bool) {
	l := types[t]
	if l.block == 0 || len(dims) == 0 || dims[0] < 0 || dims[0]%l.block != 0 {
		return 0, false
	}
	n := l.bytes
	for i, dim := range dims {
		if i == 0 {
			dim /= l.block
		}
		if dim < 0 || dim > 0 && n > math.MaxInt64/2/dim {
			return 0, false
		}
		n *= dim
	}
	return n, true
}
