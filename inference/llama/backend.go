package llama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/mtmd"

	"galago/inference/gguf"
	"galago/inference/protocol"
	"galago/inference/worker"
)

const (
	// defaultContext is used when neither request nor model asks for less: enough for a picture of maxPicture tokens
	// and a long talk about it.
	defaultContext = 4096
	// maxPicture is the most tokens a picture gets where nothing else is asked for: half of the default context.
	// llama.cpp alone would give a 12-megapixel photo 4,015 of 4,096 and leave no room for an answer.
	maxPicture = 2048
	// defaultBatch is llama.cpp's own n_ubatch. A slice this long is the step in which a prompt can be cancelled
	// where the device does not honour the abort callback.
	defaultBatch = 512
)

// Backend is one model in one context. It implements worker.Backend.
type Backend struct {
	dir string
	lib *library

	model    llama.Model
	vocab    llama.Vocab
	lctx     llama.Context
	mtmd     mtmd.Context // 0 for a model without eyes
	template *chatTemplate
	params   llama.ContextParams
	loaded   protocol.Loaded
	held     []piece // what the KV cache holds

	// shiftPositions is for the test that proves that positions matter; nil otherwise.
	shiftPositions func([]decoderPos)
}

// New loads the libraries from dir (see Libraries). words receives what ggml says before it aborts the process,
// on whatever thread that happens.
func New(dir string, words func(string)) (*Backend, error) {
	lib, err := open(dir, words)
	if err != nil {
		return nil, err
	}
	return &Backend{dir: dir, lib: lib}, nil
}

// Hello describes the libraries.
func (b *Backend) Hello() protocol.Hello {
	return protocol.Hello{
		Version: protocol.Version,
		Llama:   Version,
		System:  strings.TrimSpace(llama.PrintSystemInfo()),
		Devices: devices(),
	}
}

// Steps implements worker.Backend.
func (b *Backend) Steps() uint64 { return steps.Load() }

// Load opens a model and its projector, replacing what is open.
func (b *Backend) Load(ctx context.Context, l protocol.Load, progress func(protocol.Progress)) (protocol.Loaded, error) {
	b.Close()
	log.reset()
	stop := watch(ctx)
	defer stop()
	start := time.Now()
	if err := b.load(l, progress); err != nil {
		b.Close()
		if ctx.Err() != nil {
			return protocol.Loaded{}, ctx.Err()
		}
		return protocol.Loaded{}, err
	}
	b.loaded.LoadMillis = time.Since(start).Milliseconds()
	return b.loaded, nil
}

// watch lets the callbacks see when ctx ends, until stop is called.
func watch(ctx context.Context) (stop func()) {
	running.Store(&ctx)
	return func() { running.Store(nil) }
}

func (b *Backend) load(l protocol.Load, progress func(protocol.Progress)) error {
	if err := b.loadModel(l, progress); err != nil {
		return err
	}
	if l.MMProj != "" {
		l = limitPictures(l)
		if err := b.loadMMProj(l); err != nil {
			return err
		}
	}
	if err := b.newContext(l); err != nil {
		return err
	}
	bos, eos := llama.VocabBOS(b.vocab), llama.VocabEOS(b.vocab)
	t, err := newChatTemplate(llama.ModelChatTemplate(b.model, ""), b.tokenText(bos), b.tokenText(eos))
	if err != nil {
		return &worker.Failure{Code: protocol.CodeModelInvalid, Op: "read the chat template", Detail: err.Error()}
	}
	b.template = t
	b.describe(l)
	return nil
}

func (b *Backend) loadModel(l protocol.Load, progress func(protocol.Progress)) error {
	fail := func(code protocol.Code, detail string) error {
		return &worker.Failure{Code: log.orMemory(code), Op: "load model " + filepath.Base(l.Model), Detail: detail + "\n" + log.tail()}
	}
	p := llama.ModelDefaultParams()
	p.NGpuLayers = gpuLayers(l)
	last := -1
	onLoad = func(f float32) {
		if n := int(f * 1000); n != last {
			last = n
			progress(protocol.Progress{Phase: protocol.PhaseLoad, Done: n, Total: 1000})
		}
	}
	defer func() { onLoad = nil }()
	p.ProgressCallback = callbacks.modelLoad
	model, err := llama.ModelLoadFromFile(l.Model, p)
	if err != nil || model == 0 {
		if err == nil {
			err = errors.New("llama.cpp refused the file")
		}
		return fail(protocol.CodeModelInvalid, err.Error())
	}
	b.model = model
	b.vocab = llama.ModelGetVocab(model)
	if !llama.ModelHasDecoder(model) {
		return fail(protocol.CodeModelInvalid, "it has no decoder, so it cannot write answers")
	}
	return nil
}

// gpuLayers translates the protocol's figure (0 all, below none) to llama.cpp's.
func gpuLayers(l protocol.Load) int32 {
	switch {
	case l.GPULayers < 0:
		return 0
	case l.GPULayers == 0:
		return 9999
	}
	return int32(l.GPULayers)
}

func (b *Backend) loadMMProj(l protocol.Load) error {
	fail := func(detail string) error {
		return &worker.Failure{
			Code: log.orMemory(protocol.CodeMMProjInvalid), Op: "load mmproj " + filepath.Base(l.MMProj),
			Detail: detail + "\n" + log.tail(),
		}
	}
	p := mtmd.ContextParamsDefault()
	p.UseGPU = l.GPULayers >= 0
	p.PrintTimings = false
	p.Warmup = false
	p.Threads = int32(threads(l.Threads))
	p.ImageMinTokens = orMinusOne(l.ImageMinTokens)
	p.ImageMaxTokens = orMinusOne(l.ImageMaxTokens)
	p.CBEval = callbacks.encode
	encodeCheck = encodeCheckCPU
	if p.UseGPU && gpu() != 0 {
		encodeCheck = encodeCheckGPU
	}
	p.ProgressCallback = callbacks.mmprojLoad
	ctx, err := mtmd.InitFromFile(l.MMProj, b.model, p)
	if err != nil {
		return fail(err.Error())
	}
	b.mtmd = ctx
	if !mtmd.SupportVision(ctx) {
		return fail("it has no vision tower")
	}
	return nil
}

func orMinusOne(n int) int32 {
	if n <= 0 {
		return -1
	}
	return int32(n)
}

// newContext creates the KV cache and the compute buffers.
func (b *Backend) newContext(l protocol.Load) error {
	p := llama.ContextDefaultParams()
	train := int(llama.ModelNCtxTrain(b.model))
	n := l.Context
	if n <= 0 {
		n = defaultContext
	}
	if train > 0 {
		n = min(n, train)
	}
	p.NCtx = uint32(n)
	batch := l.Batch
	if batch <= 0 {
		batch = defaultBatch
	}
	p.NBatch, p.NUbatch = uint32(batch), uint32(batch)
	p.NSeqMax = 1
	// Only the last token's logits are ever read; the default reserves memory for a whole slice of them.
	p.NOutputsMax = 1
	p.NThreads = int32(threads(l.Threads))
	p.NThreadsBatch = p.NThreads
	p.AbortCallback = callbacks.decodeAbort
	p.NoPerf = 1
	switch l.KVType {
	case "", "f16":
	case "q8_0":
		p.TypeK, p.TypeV = llama.GGMLTypeQ8_0, llama.GGMLTypeQ8_0
		p.FlashAttentionType = llama.FlashAttentionTypeEnabled
	default:
		return &worker.Failure{Code: protocol.CodeInternal, Op: "create context", Detail: "unknown KV cache type " + l.KVType}
	}
	b.params = p
	return b.createContext()
}

func (b *Backend) createContext() error {
	ctx, err := llama.InitFromModel(b.model, b.params)
	if err != nil || ctx == 0 {
		return &worker.Failure{
			Code: log.orMemory(protocol.CodeModelInvalid), Op: "create context",
			Detail: fmt.Sprintf("no context of %d tokens could be made\n%s", b.params.NCtx, log.tail()),
		}
	}
	b.lctx = ctx
	b.held = nil
	return nil
}

func (b *Backend) describe(l protocol.Load) {
	name, _ := llama.ModelMetaValStr(b.model, "general.name")
	if name == "" {
		name = strings.TrimSuffix(filepath.Base(l.Model), ".gguf")
	}
	b.loaded = protocol.Loaded{
		Name:         name,
		Description:  llama.ModelDesc(b.model),
		Parameters:   llama.ModelNParams(b.model),
		WeightBytes:  llama.ModelSize(b.model),
		Context:      int(llama.NCtx(b.lctx)),
		ContextTrain: int(llama.ModelNCtxTrain(b.model)),
		Device:       "CPU",
	}
	if d := gpu(); d != 0 && l.GPULayers >= 0 {
		b.loaded.Device = llama.GGMLBackendDeviceDescription(d)
	}
	if b.mtmd == 0 {
		return
	}
	b.loaded.Vision = protocol.Vision{Enabled: true, MinTokens: l.ImageMinTokens, MaxTokens: l.ImageMaxTokens}
	b.loaded.Vision.Projector, b.loaded.Vision.Factor = visionOf(l)
}

// visionOf reads the projector's kind and the pixels of a picture token's side from its file.
func visionOf(l protocol.Load) (projector string, factor int) {
	f, err := gguf.Read(l.MMProj)
	if err != nil {
		return "", 0
	}
	return gguf.VisionOf(f)
}

// limitPictures sets the range of picture tokens where it was left open and the projector's family has one: from
// llama.cpp's own least to maxPicture, or half of a context that was asked for.
func limitPictures(l protocol.Load) protocol.Load {
	if _, factor := visionOf(l); factor == 0 {
		return l
	}
	if l.ImageMinTokens <= 0 {
		l.ImageMinTokens = gguf.MinImageTokens
	}
	if l.ImageMaxTokens <= 0 {
		l.ImageMaxTokens = maxPicture
		if l.Context > 0 {
			l.ImageMaxTokens = min(gguf.MaxImageTokens, max(l.Context/2, l.ImageMinTokens))
		}
	}
	return l
}

// Clear frees the context, KV cache and compute buffers with it, and creates it again.
func (b *Backend) Clear(what protocol.What) (protocol.Cleared, error) {
	if b.lctx == 0 {
		return protocol.Cleared{}, &worker.Failure{Code: protocol.CodeNoModel, Op: "clear the cache"}
	}
	before, device := b.memory()
	llama.Free(b.lctx)
	b.lctx = 0
	trim()
	if err := b.createContext(); err != nil {
		return protocol.Cleared{}, err
	}
	after, _ := b.memory()
	return protocol.Cleared{What: what, Before: before, After: after, Device: device}, nil
}

// memory is what is in use: the GPU's, or this process's resident memory without one.
func (b *Backend) memory() (bytes uint64, device string) {
	if d := gpu(); d != 0 && b.loaded.Device != "CPU" {
		free, total := llama.GGMLBackendDeviceMemory(d)
		return total - free, llama.GGMLBackendDeviceName(d)
	}
	return resident(), "resident memory"
}

// Close frees the model and all that hangs on it.
func (b *Backend) Close() {
	if b.lctx != 0 {
		llama.Free(b.lctx)
	}
	if b.mtmd != 0 {
		mtmd.Free(b.mtmd)
	}
	if b.model != 0 {
		llama.ModelFree(b.model)
	}
	b.lctx, b.mtmd, b.model, b.held, b.template = 0, 0, 0, nil, nil
	b.loaded = protocol.Loaded{}
}

// tokenText is a token as text, control tokens included.
func (b *Backend) tokenText(t llama.Token) string {
	if t < 0 {
		return ""
	}
	return llama.VocabGetText(b.vocab, t)
}

// resident is this process's resident memory in bytes, 0 where it cannot be told.
func resident() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, pages uint64
	if _, err := fmt.Sscan(string(data), &size, &pages); err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
