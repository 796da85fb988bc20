// Package llama answers questions with llama.cpp's shared libraries, called through yzma. It is the only package
// that touches them, and the worker process the only program that uses it.
//
// Everything but the abort callback belongs to the goroutine that calls the Backend.
package llama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/loader"
	"github.com/hybridgroup/yzma/pkg/mtmd"
	"github.com/jupiterrider/ffi"

	"galago/inference/protocol"
	"galago/inference/worker"
)

// Version of llama.cpp that this package is written for; the binding's structs are laid out for it alone.
const Version = "v0.4.0"

// decoderPos is mtmd_decoder_pos: one picture token's place in time and on the picture.
type decoderPos struct{ T, X, Y, Z uint32 }

// library is what this package binds itself, because yzma does not.
type library struct {
	imageDecoderPos ffi.Fun // void mtmd_helper_image_get_decoder_pos(const mtmd_image_tokens *, llama_pos, mtmd_decoder_pos *)
	getSize         ffi.Fun // size_t ggml_backend_buffer_get_size(ggml_backend_buffer_t)
	getName         ffi.Fun // const char * ggml_backend_buffer_name(ggml_backend_buffer_t)
	getUsage        ffi.Fun // enum ggml_backend_buffer_usage ggml_backend_buffer_get_usage(ggml_backend_buffer_t)
	loadBackend     ffi.Fun // ggml_backend_reg_t ggml_backend_load(const char * path)

	cuda *protocol.CUDA // how it went with the CUDA engine; nil: none was asked for
}

// The callbacks that llama.cpp calls. Each takes a slot of the process for good, so they are made once and
// look at these variables.
var (
	running   atomic.Pointer[context.Context] // of what is computed now; when it has ended, that should stop
	steps     atomic.Uint64                   // see worker.Backend
	onLoad    func(float32)                   // owned by the Backend's goroutine, which runs the load
	lastWords farewell                        // say is set once, before anything can abort
	callbacks struct {
		log, abort, decodeAbort, modelLoad, mmprojLoad, encode uintptr
	}
)

// shouldStop is asked by llama.cpp's threads.
func shouldStop() bool {
	ctx := running.Load()
	return ctx != nil && (*ctx).Err() != nil
}

// Libraries is the folder of llama.cpp's libraries: GALAGO_LIB, or the folder lib beside this program.
func Libraries() string {
	if dir := os.Getenv("GALAGO_LIB"); dir != "" {
		return dir
	}
	exe, err := os.Executable()
	if err != nil {
		return "lib"
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return filepath.Join(filepath.Dir(exe), "lib")
}

// open loads the libraries from dir and registers every backend in it.
func open(dir string, words func(string)) (*library, error) {
	missing := func(err error) error {
		return &worker.Failure{Code: loaderCode(err), Op: "load llama.cpp's libraries from " + dir, Detail: err.Error()}
	}
	for _, name := range []string{"ggml-base", "ggml", "llama", "mtmd"} {
		if _, err := os.Stat(loader.GetLibraryFilename(dir, name)); err != nil {
			return nil, missing(fmt.Errorf("%s is missing: %w", filepath.Base(loader.GetLibraryFilename(dir, name)), err))
		}
	}
	if err := searchIn(dir); err != nil {
		return nil, missing(err)
	}
	if err := llama.Load(dir); err != nil {
		return nil, missing(err)
	}
	if err := mtmd.Load(dir); err != nil {
		return nil, missing(err)
	}
	lib, err := bind(dir, words)
	if err != nil {
		return nil, missing(err)
	}
	llama.LogSet(callbacks.log)
	mtmd.LogSet(callbacks.log)
	llama.BackendInit()
	if err := lib.loadBackends(dir); err != nil {
		return nil, missing(err)
	}
	if llama.GGMLBackendDeviceCount() == 0 {
		return nil, missing(errors.New("no backend could be loaded: not even the CPU's (libggml-cpu-*)"))
	}
	lib.cuda = lib.addCUDA()
	return lib, nil
}

// loaderCode tells a library that is missing or broken from one for which there is no room. The dynamic loader says
// "failed to map segment" in both cases; where mounting forbids running programs, it names the permission too.
func loaderCode(err error) protocol.Code {
	said := strings.ToLower(err.Error())
	if strings.Contains(said, "operation not permitted") {
		return protocol.CodeEngineMissing
	}
	for _, sign := range []string{"failed to map segment", "cannot allocate memory", "cannot map zero-fill", "cannot create shared object descriptor"} {
		if strings.Contains(said, sign) {
			return protocol.CodeOutOfMemory
		}
	}
	return log.orMemory(protocol.CodeEngineMissing)
}

// bind makes the callbacks and finds the functions that yzma leaves out.
func bind(dir string, words func(string)) (*library, error) {
	lastWords.say = words
	callbacks.log = purego.NewCallback(func(level int32, text *byte, _ uintptr) uintptr {
		log.add(level, goString(text))
		return 0
	})
	callbacks.abort = purego.NewCallback(func(text *byte) uintptr {
		lastWords.add(goString(text))
		return 0
	})
	// On Windows a callback's result must be as wide as a register.
	callbacks.decodeAbort = purego.NewCallback(func(_ uintptr) uintptr {
		steps.Add(1)
		return truth(shouldStop())
	})
	callbacks.modelLoad = progressCallback(loadProgress)
	callbacks.mmprojLoad = progressCallback(loadProgress)
	callbacks.encode = purego.NewCallback(func(node *tensor, ask bool, _ uintptr) uintptr {
		return truth(encodeProgress(node, ask))
	})

	base, err := loader.LoadLibrary(dir, "ggml-base")
	if err != nil {
		return nil, err
	}
	setAbort, err := base.Prep("ggml_set_abort_callback", &ffi.TypePointer, &ffi.TypePointer)
	if err != nil {
		return nil, err
	}
	var previous uintptr
	setAbort.Call(unsafe.Pointer(&previous), unsafe.Pointer(&callbacks.abort))

	mt, err := loader.LoadLibrary(dir, "mtmd")
	if err != nil {
		return nil, err
	}
	lib := &library{}
	if lib.getSize, err = base.Prep("ggml_backend_buffer_get_size", &ffi.TypeUint64, &ffi.TypePointer); err != nil {
		return nil, err
	}
	if lib.getName, err = base.Prep("ggml_backend_buffer_name", &ffi.TypePointer, &ffi.TypePointer); err != nil {
		return nil, err
	}
	if lib.getUsage, err = base.Prep("ggml_backend_buffer_get_usage", &ffi.TypeSint32, &ffi.TypePointer); err != nil {
		return nil, err
	}
	registry, err := loader.LoadLibrary(dir, "ggml")
	if err != nil {
		return nil, err
	}
	if lib.loadBackend, err = registry.Prep("ggml_backend_load", &ffi.TypePointer, &ffi.TypePointer); err != nil {
		return nil, err
	}
	lib.imageDecoderPos, err = mt.Prep("mtmd_helper_image_get_decoder_pos", &ffi.TypeVoid,
		&ffi.TypePointer, &ffi.TypeSint32, &ffi.TypePointer)
	return lib, err
}

// truth is C's bool.
func truth(b bool) uintptr {
	if b {
		return 1
	}
	return 0
}

// loadProgress is llama.cpp's progress callback of models and projectors: false ends the load.
func loadProgress(progress float32) bool {
	steps.Add(1)
	if onLoad != nil {
		onLoad(progress)
	}
	return !shouldStop()
}

// How many nodes of a picture's graph are computed between two looks whether to stop. On a CPU a look costs next to
// nothing (the 234 nodes of the built-in model's tower take as long with a look at each as with 15), while one node may
// take a second: attention over a picture of 1,024 tokens on two busy cores. On a GPU each look waits for the device
// and nodes are short.
const (
	encodeCheckCPU = 1
	encodeCheckGPU = 16
)

// Owned by the Backend's goroutine.
var (
	encodeNodes int
	encodeCheck = encodeCheckCPU
)

// encodeProgress is asked before each node whether it wants to see it (ask), and shown those that it wanted.
// False, when shown, ends the graph.
func encodeProgress(node *tensor, ask bool) bool {
	if ask {
		note(node)
		encodeNodes++
		return encodeNodes%encodeCheck == 0
	}
	steps.Add(1)
	return !shouldStop()
}

// positions are the M-RoPE places of a picture's tokens, the first at pos0.
func (l *library) positions(tokens mtmd.ImageTokens, n int, pos0 llama.Pos) []decoderPos {
	out := make([]decoderPos, n)
	p := unsafe.SliceData(out)
	l.imageDecoderPos.Call(nil, unsafe.Pointer(&tokens), unsafe.Pointer(&pos0), unsafe.Pointer(&p))
	runtime.KeepAlive(out)
	return out
}

// usageCompute is GGML_BACKEND_BUFFER_USAGE_COMPUTE: scratch space of a graph.
const usageCompute = 2

func (l *library) bufferSize(buffer uintptr) uint64 {
	var n ffi.Arg
	l.getSize.Call(unsafe.Pointer(&n), unsafe.Pointer(&buffer))
	return uint64(n)
}

func (l *library) bufferName(buffer uintptr) string {
	var name *byte
	l.getName.Call(unsafe.Pointer(&name), unsafe.Pointer(&buffer))
	return goString(name)
}

func (l *library) bufferUsage(buffer uintptr) int32 {
	var n ffi.Arg
	l.getUsage.Call(unsafe.Pointer(&n), unsafe.Pointer(&buffer))
	return int32(n)
}

// devices lists what ggml computes on.
func devices() []protocol.Device {
	var list []protocol.Device
	for i := range llama.GGMLBackendDeviceCount() {
		d := llama.GGMLBackendDeviceGet(i)
		list = append(list, protocol.Device{
			Name:        llama.GGMLBackendDeviceName(d),
			Description: llama.GGMLBackendDeviceDescription(d),
			Type:        llama.GGMLBackendDevType(d).String(),
			Backend:     llama.GGMLBackendRegName(llama.GGMLBackendDeviceBackendReg(d)),
		})
	}
	return list
}

// gpu is the first GPU's device, or 0.
func gpu() llama.GGMLBackendDevice {
	for i := range llama.GGMLBackendDeviceCount() {
		d := llama.GGMLBackendDeviceGet(i)
		if strings.EqualFold(llama.GGMLBackendDevType(d).String(), "GPU") {
			return d
		}
	}
	return 0
}

// goString copies a C string.
func goString(p *byte) string {
	if p == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(p, n))
}
