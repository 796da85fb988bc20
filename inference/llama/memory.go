package llama

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hybridgroup/yzma/pkg/llama"

	"galago/inference/protocol"
)

// ledger is what is held, at most one entry for each part on each device.
type ledger []protocol.Memory

// partOrder is how list sorts.
var partOrder = []protocol.Part{
	protocol.PartWeights, protocol.PartVision, protocol.PartKV, protocol.PartCompute, protocol.PartEncode, protocol.PartPool,
}

func (l *ledger) entry(part protocol.Part, device string) *protocol.Memory {
	for i := range *l {
		if m := &(*l)[i]; m.Part == part && m.Device == device {
			return m
		}
	}
	*l = append(*l, protocol.Memory{Part: part, Device: device})
	return &(*l)[len(*l)-1]
}

func (l *ledger) add(part protocol.Part, device string, bytes uint64) {
	if bytes > 0 {
		l.entry(part, device).Bytes += bytes
	}
}

// raise keeps the highest figure that was ever seen.
func (l *ledger) raise(part protocol.Part, device string, bytes uint64) {
	if bytes > 0 {
		e := l.entry(part, device)
		e.Bytes = max(e.Bytes, bytes)
	}
}

func (l *ledger) drop(gone ...protocol.Part) {
	*l = slices.DeleteFunc(*l, func(m protocol.Memory) bool { return slices.Contains(gone, m.Part) })
}

// list is a copy in the order of partOrder.
func (l ledger) list() []protocol.Memory {
	list := slices.Clone([]protocol.Memory(l))
	slices.SortStableFunc(list, func(a, b protocol.Memory) int {
		return slices.Index(partOrder, a.Part) - slices.Index(partOrder, b.Part)
	})
	return list
}

// Lines of llama.cpp's log that say what it takes, and where. A figure has two decimals, so it is right to 10 KiB.
//
//	load_tensors:   CPU_Mapped model buffer size =     3.32 MiB
//	llama_kv_cache:      CUDA0 KV buffer size =    12.00 MiB
//	llama_kv_cache: size =   12.00 MiB (  2048 cells,   6 layers,  1/1 seqs), K (f16): ...
//	llama_kv_cache: layer   0: dev = CPU
//	load_tensors: layer   0 assigned to device CUDA0, is_swa = 0
//	create_tensor: loading tensor token_embd.weight
var (
	bufferLine   = regexp.MustCompile(`^(\w+):\s+(\S+)\s+(\w[\w ]*?)\s*buffer size\s*=\s*([0-9.]+) MiB`)
	kvSizeLine   = regexp.MustCompile(`^llama_kv_cache\w*:\s+size\s*=\s*([0-9.]+) MiB`)
	kvLayerLine  = regexp.MustCompile(`^llama_kv_cache\w*:\s+layer\s+\d+:\s+dev\s*=\s*(\S+)`)
	assignedLine = regexp.MustCompile(`^load_tensors:\s+layer\s+(\d+)\s+assigned to device\s+([^\s,]+)`)
	tensorLine   = regexp.MustCompile(`^create_tensor:\s+loading tensor\s+(\S+)`)
)

// layout is what llama.cpp's log says of the buffers that it makes. The zero layout is ready to listen.
type layout struct {
	buffers ledger

	// What a dry run says: there buffers of weights and KV cache are empty.
	kv      ledger         // from the size of each cache, divided among its layers' devices
	layers  []string       // devices of the KV cache's layers since the last size
	device  map[int]string // of the weights' layers; the one after the last is the output
	tensors []string       // names in the order in which they are asked for; they may not exist, or come twice
}

func (l *layout) line(text string) {
	switch {
	case strings.HasPrefix(text, "sched_reserve: reserving"):
		l.buffers = slices.DeleteFunc(l.buffers, func(m protocol.Memory) bool { return m.Part == partScheduled })
	case strings.Contains(text, "buffer size"):
		l.buffer(text)
	case strings.HasPrefix(text, "llama_kv_cache"):
		l.cache(text)
	default:
		if m := assignedLine.FindStringSubmatch(text); m != nil {
			if l.device == nil {
				l.device = map[int]string{}
			}
			n, _ := strconv.Atoi(m[1])
			l.device[n] = deviceOf(m[2])
		} else if m := tensorLine.FindStringSubmatch(text); m != nil {
			l.tensors = append(l.tensors, m[1])
		}
	}
}

// partScheduled is the graph's scratch space, which llama.cpp may lay out more than once while it makes a context: the
// last time counts.
const partScheduled protocol.Part = "scheduled"

func (l *layout) buffer(text string) {
	m := bufferLine.FindStringSubmatch(text)
	if m == nil {
		return
	}
	part := protocol.PartKV // KV, RS (recurrent state), DSV4 state…
	switch {
	case m[3] == "model":
		part = protocol.PartWeights
	case m[3] == "output":
		part = protocol.PartCompute
	case m[3] == "compute":
		part = partScheduled
	}
	l.buffers.add(part, deviceOf(m[2]), mebibytes(m[4]))
}

func (l *layout) cache(text string) {
	if m := kvLayerLine.FindStringSubmatch(text); m != nil {
		l.layers = append(l.layers, deviceOf(m[1]))
	} else if m := kvSizeLine.FindStringSubmatch(text); m != nil {
		for i, device := range l.layers {
			n := uint64(len(l.layers))
			total := mebibytes(m[1])
			l.kv.add(protocol.PartKV, device, total*uint64(i+1)/n-total*uint64(i)/n)
		}
		l.layers = nil
	}
}

// taken is what the buffers of a real load take.
func (l *layout) taken() ledger {
	var sum ledger
	for _, m := range l.buffers {
		if m.Part == partScheduled {
			m.Part = protocol.PartCompute
		}
		sum.add(m.Part, m.Device, m.Bytes)
	}
	return sum
}

func mebibytes(figure string) uint64 {
	f, err := strconv.ParseFloat(figure, 64)
	if err != nil {
		return 0
	}
	return uint64(f*(1<<20) + 0.5)
}

// deviceOf is the device of a buffer by ggml's name of the buffer: CUDA0, CPU_Mapped and CPU_REPACK in ordinary memory,
// CUDA_Host and CUDA0_Host too (memory that the GPU reads, but not the GPU's).
func deviceOf(buffer string) string {
	name, kind, _ := strings.Cut(buffer, "_")
	if name == "CPU" || strings.HasSuffix(kind, "Host") {
		return "CPU"
	}
	return name
}

// tensor is the beginning of ggml_tensor.
type tensor struct {
	_      int32 // type
	buffer uintptr
	_      [4]int64   // ne
	_      [4]uintptr // nb
	_      int32      // op
	_      [16]int32  // op_params
	_      int32      // flags
	src    [10]*tensor
}

// scratch is the buffers that the nodes of a picture's graph lie in, owned by the Backend's goroutine. libmtmd logs
// their size for the first picture only; afterwards they grow in silence.
var scratch = map[uintptr]bool{}

// note remembers a node's buffers. It runs once for each node.
func note(t *tensor) {
	if t == nil {
		return
	}
	if t.buffer != 0 {
		scratch[t.buffer] = true
	}
	for _, s := range t.src {
		if s == nil {
			break
		}
		if s.buffer != 0 {
			scratch[s.buffer] = true
		}
	}
}

// measureEncode books the scratch space of the picture that was just encoded.
func (b *Backend) measureEncode() {
	var now ledger
	for buffer := range scratch {
		if b.lib.bufferUsage(buffer) == usageCompute {
			now.add(protocol.PartEncode, deviceOf(b.lib.bufferName(buffer)), b.lib.bufferSize(buffer))
		}
	}
	clear(scratch)
	for _, m := range now {
		b.held.raise(m.Part, m.Device, m.Bytes)
	}
}

// memory is what is in use: the GPU's, or this process's resident memory without one.
func (b *Backend) memory() (bytes uint64, device string) {
	if d := gpu(); d != 0 && b.loaded.Device != "CPU" {
		free, total := llama.GGMLBackendDeviceMemory(d)
		return total - free, llama.GGMLBackendDeviceName(d)
	}
	return resident(), "resident memory"
}
