package llama

import (
	"context"
	"path/filepath"

	"github.com/hybridgroup/yzma/pkg/llama"

	"galago/inference/gguf"
	"galago/inference/protocol"
	"galago/inference/worker"
)

// Plan implements worker.Backend: llama.cpp lays out model and context without allocating either, and its log says how
// large they would be. Only the vocabulary is really read.
//
// The log leaves out the weights, whose buffers are empty then; they come from the file's header and from where the log
// says that each layer goes.
func (b *Backend) Plan(ctx context.Context, l protocol.Load) (protocol.Planned, error) {
	log.reset()
	stop := watch(ctx)
	defer stop()
	told, err := log.during(func() error { return dryRun(ctx, l) })
	if ctx.Err() != nil {
		return protocol.Planned{}, ctx.Err()
	}
	if err != nil {
		return protocol.Planned{}, err
	}
	files, err := openParts(l.Model)
	if err != nil {
		return protocol.Planned{}, planFailure(protocol.CodeModelInvalid, l, err.Error())
	}
	sum := told.taken()
	for _, m := range append(told.weights(files), told.kv...) {
		sum.add(m.Part, m.Device, m.Bytes)
	}
	return protocol.Planned{Memory: sum.list()}, nil
}

func dryRun(ctx context.Context, l protocol.Load) error {
	p := modelParams(l)
	p.NoAlloc, p.LoadMode = 1, llama.LoadModeNone
	model, err := llama.ModelLoadFromFile(l.Model, p)
	if err != nil || model == 0 {
		return planFailure(protocol.CodeModelInvalid, l, log.tail())
	}
	defer func() {
		llama.ModelFree(model)
		trim()
	}()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	params, err := contextParams(model, l)
	if err != nil {
		return err
	}
	lctx, err := newContext(model, params)
	if err != nil {
		return err
	}
	llama.Free(lctx)
	return nil
}

func planFailure(code protocol.Code, l protocol.Load, detail string) error {
	return &worker.Failure{
		Code: log.orMemory(code), Stage: protocol.StageLoadWeights, Op: "plan model " + filepath.Base(l.Model), Detail: detail,
	}
}

// openParts reads the headers of a model's files.
func openParts(path string) ([]*gguf.File, error) {
	first, err := gguf.Read(path)
	if err != nil {
		return nil, err
	}
	rest, err := first.Others()
	return append([]*gguf.File{first}, rest...), err
}

// weights is what the tensors take on each device. On the CPU llama.cpp maps the file, from the first tensor that stays
// there to the last; on a GPU every tensor is padded to the device's alignment.
func (l *layout) weights(files []*gguf.File) ledger {
	type span struct{ first, end int64 }
	var sum ledger
	mapped := make([]span, len(files))
	seen := map[string]bool{} // device and tensor
	for _, name := range l.tensors {
		for i, f := range files {
			t, ok := f.Tensor(name)
			if !ok {
				continue
			}
			device := l.home(name, seen[name])
			if seen[device+" "+name] {
				continue
			}
			seen[name], seen[device+" "+name] = true, true
			if device != "CPU" {
				sum.add(protocol.PartWeights, device, padded(t.Bytes))
				continue
			}
			m := &mapped[i]
			if m.end == 0 || t.Offset < m.first {
				m.first = t.Offset
			}
			m.end = max(m.end, t.Offset+t.Bytes)
		}
	}
	for _, m := range mapped {
		sum.add(protocol.PartWeights, "CPU", uint64(m.end-m.first))
	}
	return sum
}

// home is the device of a tensor. Tied embeddings are asked for twice: as the input, which stays on the CPU, and again as
// the output.
func (l *layout) home(name string, again bool) string {
	if n, ok := gguf.LayerOf(name); ok {
		return orCPU(l.device[n])
	}
	if gguf.IsInput(name) && !again {
		return "CPU"
	}
	return orCPU(l.device[len(l.device)-1])
}

func orCPU(device string) string {
	if device == "" {
		return "CPU"
	}
	return device
}

// padded is a tensor's size in a GPU's buffer: CUDA's and Vulkan's alignment is 128 bytes or less.
func padded(bytes int64) uint64 {
	const alignment = 128
	return (uint64(bytes) + alignment - 1) / alignment * alignment
}
