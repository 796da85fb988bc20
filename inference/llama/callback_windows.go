package llama

import (
	"unsafe"

	"github.com/jupiterrider/ffi"
)

// closures keeps what C code points to out of the collector's reach.
var closures []any

// progressCallback makes a C function of f. A number with a fraction comes in a register that Go's callbacks do not read
// on Windows, so libffi takes it from there.
func progressCallback(f func(progress float32) bool) uintptr {
	cif, types := new(ffi.Cif), []*ffi.Type{&ffi.TypeFloat, &ffi.TypePointer}
	if status := ffi.PrepCif(cif, ffi.DefaultAbi, uint32(len(types)), &ffi.TypeUint8, types...); status != ffi.OK {
		panic("libffi: " + status.String()) // the signature is ours
	}
	call := func(_ *ffi.Cif, result unsafe.Pointer, args *unsafe.Pointer, _ unsafe.Pointer) uintptr {
		*(*ffi.Arg)(result) = ffi.Arg(truth(f(*(*float32)(*args)))) // libffi wants the whole register filled
		return 0
	}
	var code unsafe.Pointer
	closure := ffi.ClosureAlloc(unsafe.Sizeof(ffi.Closure{}), &code)
	if closure == nil {
		panic("libffi: no memory for a callback")
	}
	if status := ffi.PrepClosureLoc(closure, cif, ffi.NewCallback(call), nil, code); status != ffi.OK {
		panic("libffi: " + status.String())
	}
	closures = append(closures, cif, types)
	return uintptr(code)
}
