package llama

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/mtmd"

	"galago/inference/gguf"
	"galago/inference/protocol"
	"galago/inference/statecache"
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
	// loadSteps is how finely the progress of a load is told.
	loadSteps = 1000
)

// Backend is one model in one context. It implements worker.Backend.
type Backend struct {
	dir string
	lib *library

	model    llama.Model
	vocab    llama.Vocab
	template *chatTemplate
	asked    protocol.Load // how the open model was asked for, the range of picture tokens filled in
	loaded   protocol.Loaded

	// FreeWorking frees these, and ensure makes them again.
	lctx   llama.Context
	params llama.ContextParams // of lctx
	mtmd   mtmd.Context        // 0 also for a model without eyes
	cached []piece             // what the KV cache holds
	said   []llama.Token       // of the last answer, to go on with it
	spoken [][]llama.Token     // of the answers before it, the newest last

	states  *statecache.Store // KV caches and pictures that were put aside
	aside   map[string]talk   // the KV caches in states, by conversation
	talk    string            // the conversation that cached is of
	unsaved bool              // cached is not in states as it is

	space []llama.Token // see spaceBefore

	held   ledger         // the memory that is held
	placed map[int]string // devices of the layers, by llama.cpp's own account

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
		CUDA:    b.lib.cuda,
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
	if err := b.load(ctx, l, progress); err != nil {
		b.Close()
		if ctx.Err() != nil {
			return protocol.Loaded{}, ctx.Err()
		}
		return protocol.Loaded{}, err
	}
	b.loaded.LoadMillis = time.Since(start).Milliseconds()
	b.loaded.Memory = b.held.list()
	return b.loaded, nil
}

// watch lets the callbacks see when ctx ends, until stop is called.
func watch(ctx context.Context) (stop func()) {
	running.Store(&ctx)
	return func() { running.Store(nil) }
}

func (b *Backend) load(ctx context.Context, l protocol.Load, progress func(protocol.Progress)) error {
	if l.MMProj != "" {
		l = limitPictures(l)
	}
	if err := b.loadModel(l, progress); err != nil {
		return err
	}
	b.asked = l
	var err error
	if b.params, err = contextParams(b.model, l); err != nil {
		return err
	}
	enter := func(stage protocol.Stage) {
		progress(protocol.Progress{Phase: protocol.PhaseLoad, Done: loadSteps, Total: loadSteps, Stage: stage})
	}
	if err := b.ensure(ctx, l.MMProj != "", enter); err != nil {
		return err
	}
	bos, eos := llama.VocabBOS(b.vocab), llama.VocabEOS(b.vocab)
	source, stop := llama.ModelChatTemplate(b.model, ""), ""
	if source == "" {
		source, stop = templateFor(b.control, l.MMProj != "", b.names(l)...)
	}
	t, err := newChatTemplate(source, b.tokenText(bos), b.tokenText(eos))
	if err != nil {
		return &worker.Failure{Code: protocol.CodeModelInvalid, Op: "read the chat template", Detail: err.Error()}
	}
	t.stop = stop
	b.template = t
	b.space = b.spaceBefore()
	b.describe(l)
	b.openStates(l)
	if l.Calibrate && b.mtmd != 0 {
		enter(protocol.StageEncode)
		return b.calibrate(ctx)
	}
	return nil
}

// ensure makes what a request needs and is not there: after a load began, and after FreeWorking. What it made before it
// failed stays, and another try goes on from there. enter is told each stage before it begins.
func (b *Backend) ensure(ctx context.Context, eyes bool, enter func(protocol.Stage)) error {
	if eyes && b.mtmd == 0 {
		enter(protocol.StageLoadVision)
		if err := b.loadMMProj(); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.lctx == 0 {
		enter(protocol.StageCreateContext)
		if err := b.createContext(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (b *Backend) loadModel(l protocol.Load, progress func(protocol.Progress)) error {
	fail := func(code protocol.Code, detail string) error {
		return &worker.Failure{
			Code: log.orMemory(code), Stage: protocol.StageLoadWeights,
			Op: "load model " + filepath.Base(l.Model), Detail: detail + "\n" + log.tail(),
		}
	}
	p := modelParams(l)
	last := -1
	onLoad = func(f float32) {
		if n := int(f * loadSteps); n != last {
			last = n
			progress(protocol.Progress{Phase: protocol.PhaseLoad, Done: n, Total: loadSteps, Stage: protocol.StageLoadWeights})
		}
	}
	onLoad(0)
	defer func() { onLoad = nil }()
	var model llama.Model
	told, err := log.during(func() (err error) {
		model, err = llama.ModelLoadFromFile(l.Model, p)
		return err
	})
	if err != nil || model == 0 {
		if err == nil {
			err = errors.New("llama.cpp refused the file")
		}
		return fail(protocol.CodeModelInvalid, err.Error())
	}
	b.model = model
	b.held, b.placed = told.taken(), told.device
	b.vocab = llama.ModelGetVocab(model)
	if !llama.ModelHasDecoder(model) {
		return fail(protocol.CodeModelInvalid, "it has no decoder, so it cannot write answers")
	}
	return nil
}

// noDevices is an empty list of devices for llama.cpp, which ends it at a null.
var noDevices [1]llama.GGMLBackendDevice

// modelParams translates where the layers go: the protocol's figure is 0 for all on the GPU, below 0 for none. With none,
// the GPU is left out altogether: llama.cpp would otherwise still make a CUDA context and lend the GPU large products.
func modelParams(l protocol.Load) llama.ModelParams {
	p := llama.ModelDefaultParams()
	p.ProgressCallback = callbacks.modelLoad
	switch {
	case l.GPULayers < 0:
		p.NGpuLayers = 0
		p.Devices = uintptr(unsafe.Pointer(&noDevices))
	case l.GPULayers == 0:
		p.NGpuLayers = 9999
	default:
		p.NGpuLayers = int32(l.GPULayers)
	}
	return p
}

// visionDevice is where the vision tower goes: ggml's name of the first GPU, or CPU.
func visionDevice(l protocol.Load) string {
	if d := gpu(); d != 0 && l.GPULayers >= 0 && !l.MMProjCPU {
		return llama.GGMLBackendDeviceName(d)
	}
	return "CPU"
}

// loadMMProj opens the projector. It frees what it opened when it fails.
func (b *Backend) loadMMProj() error {
	l := b.asked
	fail := func(detail string) error {
		return &worker.Failure{
			Code: log.orMemory(protocol.CodeMMProjInvalid), Stage: protocol.StageLoadVision,
			Op: "load mmproj " + filepath.Base(l.MMProj), Detail: detail + "\n" + log.tail(),
		}
	}
	p := mtmd.ContextParamsDefault()
	p.UseGPU = visionDevice(l) != "CPU"
	p.PrintTimings = false
	p.Warmup = false
	p.Threads = int32(threads(l.Threads))
	p.ImageMinTokens = orMinusOne(l.ImageMinTokens)
	p.ImageMaxTokens = orMinusOne(l.ImageMaxTokens)
	p.CBEval = callbacks.encode
	encodeCheck = encodeCheckCPU
	if p.UseGPU {
		encodeCheck = encodeCheckGPU
	}
	p.ProgressCallback = callbacks.mmprojLoad
	var ctx mtmd.Context
	var err error
	trusting(func() { ctx, err = mtmd.InitFromFile(l.MMProj, b.model, p) })
	if err != nil {
		return fail(err.Error())
	}
	if !mtmd.SupportVision(ctx) {
		mtmd.Free(ctx)
		return fail("it has no vision tower")
	}
	b.mtmd = ctx
	if f, err := gguf.Read(l.MMProj); err == nil {
		b.held.add(protocol.PartVision, visionDevice(l), uint64(f.Weights()))
	}
	return nil
}

func orMinusOne(n int) int32 {
	if n <= 0 {
		return -1
	}
	return int32(n)
}

// contextParams translates what a load wants of the KV cache and of the compute buffers.
func contextParams(model llama.Model, l protocol.Load) (llama.ContextParams, error) {
	p := llama.ContextDefaultParams()
	train := int(llama.ModelNCtxTrain(model))
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
		return p, &worker.Failure{Code: protocol.CodeInternal, Op: "create context", Detail: "unknown KV cache type " + l.KVType}
	}
	return p, nil
}

// createContext makes the KV cache and the compute buffers.
func (b *Backend) createContext() error {
	b.cached = nil
	told, err := log.during(func() (err error) {
		b.lctx, err = newContext(b.model, b.params)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range told.taken() {
		b.held.add(m.Part, m.Device, m.Bytes)
	}
	return nil
}

func newContext(model llama.Model, p llama.ContextParams) (llama.Context, error) {
	ctx, err := llama.InitFromModel(model, p)
	if err != nil || ctx == 0 {
		return 0, &worker.Failure{
			Code: log.orMemory(protocol.CodeModelInvalid), Stage: protocol.StageCreateContext, Op: "create context",
			Detail: fmt.Sprintf("no context of %d tokens could be made\n%s", p.NCtx, log.tail()),
		}
	}
	return ctx, nil
}

// names are what the model is called, in its file and by it.
func (b *Backend) names(l protocol.Load) []string {
	names := []string{strings.TrimSuffix(filepath.Base(l.Model), ".gguf")}
	for _, key := range []string{"general.name", "general.basename", "general.finetune"} {
		if name, ok := llama.ModelMetaValStr(b.model, key); ok {
			names = append(names, name)
		}
	}
	return names
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
		Layers:       len(b.placed),
	}
	for _, device := range b.placed {
		if device != "CPU" {
			b.loaded.GPULayers++
		}
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

// Clear empties the KV cache, which frees nothing, or frees all but the model's weights. What was freed is made again by
// the next request that needs it.
func (b *Backend) Clear(what protocol.What) (protocol.Cleared, error) {
	if b.model == 0 {
		return protocol.Cleared{}, &worker.Failure{Code: protocol.CodeNoModel, Op: "clear the cache"}
	}
	before, device := b.memory()
	switch what {
	case protocol.ForgetCache:
		if b.lctx != 0 {
			mem, _ := llama.GetMemory(b.lctx)
			llama.MemoryClear(mem, true)
		}
		b.cached = nil
		b.forgetStates()
	case protocol.FreeWorking:
		b.Settle()
		if b.states != nil {
			b.states.Unload()
		}
		b.freeWorking()
		trim()
	default:
		return protocol.Cleared{}, &worker.Failure{
			Code: protocol.CodeProtocol, Op: "clear the cache", Detail: fmt.Sprintf("nothing is called %q", what),
		}
	}
	after, _ := b.memory()
	return protocol.Cleared{What: what, Before: before, After: after, Device: device, Memory: b.held.list()}, nil
}

func (b *Backend) freeWorking() {
	if b.lctx != 0 {
		llama.Free(b.lctx)
	}
	if b.mtmd != 0 {
		mtmd.Free(b.mtmd)
	}
	b.lctx, b.mtmd, b.cached = 0, 0, nil
	b.held.drop(protocol.PartVision, protocol.PartKV, protocol.PartCompute, protocol.PartEncode, protocol.PartPool)
}

// Close frees the model and all that hangs on it.
func (b *Backend) Close() {
	b.Settle()
	b.freeWorking()
	if b.states != nil {
		b.states.Close()
		b.states, b.aside, b.talk = nil, nil, ""
	}
	if b.model != 0 {
		llama.ModelFree(b.model)
	}
	b.model, b.template, b.held, b.said, b.spoken = 0, nil, nil, nil, nil
	b.loaded, b.asked = protocol.Loaded{}, protocol.Load{}
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
