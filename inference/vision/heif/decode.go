package heif

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"image"
	"io"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// The limits of one decoding.
const (
	MaxMemory = 1536 << 20 // bytes, of the decoder; the pixels that it returns lie in them
	MaxTime   = 2 * time.Minute
)

//go:embed hevc.wasm.gz
var hevcProgram []byte

//go:embed av1.wasm.gz
var av1Program []byte

// decoder is a program that is compiled when it is first needed, which takes about two seconds, or a few hundredths
// of one from the cache.
type decoder struct {
	program []byte // gzip

	once     sync.Once
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	err      error
}

var (
	hevc = &decoder{program: hevcProgram}
	av1  = &decoder{program: av1Program}
)

var cache struct {
	sync.Mutex
	folder string
}

// SetCache says where compiled decoders are kept from one start of the program to the next. It is to be called before
// the first Decode; without it, or where the folder cannot be used, they are compiled anew.
func SetCache(folder string) {
	cache.Lock()
	defer cache.Unlock()
	cache.folder = folder
}

func (d *decoder) compile() {
	ctx := context.Background()
	z, err := gzip.NewReader(bytes.NewReader(d.program))
	if err != nil {
		d.err = err
		return
	}
	code, err := io.ReadAll(z)
	if err != nil {
		d.err = err
		return
	}
	// Asking at every turn of a loop whether to stop would make decoding take four times as long, so it is not asked.
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(MaxMemory >> 16)
	cache.Lock()
	folder := cache.folder
	cache.Unlock()
	if folder != "" {
		if kept, err := wazero.NewCompilationCacheWithDir(folder); err == nil {
			config = config.WithCompilationCache(kept)
		}
	}
	d.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if _, d.err = wasi_snapshot_preview1.Instantiate(ctx, d.runtime); d.err == nil {
		d.compiled, d.err = d.runtime.CompileModule(ctx, code)
	}
}

// start makes an instance with memory of its own, in which nothing of the system can be reached: no files, no clock, no
// output.
func (d *decoder) start(ctx context.Context) (*instance, error) {
	d.once.Do(d.compile)
	if d.err != nil {
		return nil, fmt.Errorf("heif: start the decoder: %w", d.err)
	}
	ctx = experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(newMemory))
	m, err := d.runtime.InstantiateModule(ctx, d.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, fmt.Errorf("heif: start the decoder: %w", err)
	}
	return &instance{ctx: ctx, module: m}, nil
}

// instance is a decoder at work. After the first error nothing more is done.
type instance struct {
	ctx    context.Context
	module api.Module
	err    error
}

var errMemory = errors.New("heif: the decoder has no memory left")

func (i *instance) call(name string, args ...uint64) uint64 {
	if i.err != nil {
		return 0
	}
	res, err := i.module.ExportedFunction(name).Call(i.ctx, args...)
	if err != nil {
		i.err = err
		return 0
	}
	if len(res) == 0 {
		return 0
	}
	return res[0]
}

// alloc takes memory for n bytes; they hold whatever lay there before.
func (i *instance) alloc(n int) uint64 {
	if n < 0 || n > MaxMemory {
		i.err = errMemory
		return 0
	}
	at := i.call("malloc", uint64(n))
	if at == 0 && i.err == nil {
		i.err = errMemory
	}
	return at
}

// put copies data into the decoder's memory.
func (i *instance) put(data []byte) uint64 {
	at := i.alloc(len(data))
	if i.err == nil && !i.module.Memory().Write(uint32(at), data) {
		i.err = errMemory
	}
	return at
}

// view is the decoder's own memory, to be used before the next call.
func (i *instance) view(at uint64, n int) []byte {
	if i.err != nil {
		return nil
	}
	b, ok := i.module.Memory().Read(uint32(at), uint32(n))
	if !ok {
		i.err = errMemory
	}
	return b
}

// errDecoder is all that the decoders say.
var errDecoder = errors.New("heif: the decoder gave up")

// Decode decodes the picture that info tells of. The result has info's size, unless libheif cut it, and is not yet
// turned. A decoder that has not ended after MaxTime is left to itself.
func Decode(data []byte, info Info) (image.Image, error) {
	type result struct {
		img image.Image
		err error
	}
	results := make(chan result, 1)
	go func() {
		img, err := decode(data, info)
		results <- result{img, err}
	}()
	late := time.NewTimer(MaxTime)
	defer late.Stop()
	select {
	case r := <-results:
		return r.img, r.err
	case <-late.C:
		return nil, ErrTime
	}
}

func decode(data []byte, info Info) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("heif: panic: %v", p)
		}
	}()
	d, work := hevc, decodeHEVC
	if info.Codec == AV1 {
		d, work = av1, decodeAV1
	}
	i, err := d.start(context.Background())
	if err != nil {
		return nil, err
	}
	defer i.module.Close(i.ctx)
	// Both decoders go by the first brand that a file names. Ours have a picture, whatever else they are.
	file := i.put(data)
	if i.err == nil && len(data) >= 12 {
		i.module.Memory().Write(uint32(file)+8, []byte(info.Codec))
	}
	img = work(i, file, len(data), info)
	if i.err != nil && info.Codec == HEVC && info.Deep {
		return nil, fmt.Errorf("%w: more than 8 bits a colour: %w", ErrUnsupported, i.err)
	}
	if i.err != nil {
		return nil, i.err
	}
	return taken(img), nil
}

// taken is an image out of the decoder's memory, which ends with it.
func taken(img image.Image) image.Image {
	switch m := img.(type) {
	case *image.YCbCr:
		m.Y, m.Cb, m.Cr = bytes.Clone(m.Y), bytes.Clone(m.Cb), bytes.Clone(m.Cr)
	case *image.Gray:
		m.Pix = bytes.Clone(m.Pix)
	case *image.NRGBA:
		m.Pix = bytes.Clone(m.Pix)
	case *image.RGBA:
		m.Pix = bytes.Clone(m.Pix)
	case *image.RGBA64:
		m.Pix = bytes.Clone(m.Pix)
	}
	return img
}
