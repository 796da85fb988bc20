package plan

import (
	"math/bits"
	"slices"
	"strings"

	"galago/inference/gguf"
)

// A header can claim any figure, and what is far too large must come out as far too large, not as little because 64
// bits ran over.
const (
	// widest is the largest width or count that is believed: a thousand times those of real models, and small enough
	// for a product of two of them, and a few such products together, to fit 64 bits.
	widest = 1 << 28
	// largest is the most bytes that are counted for one thing, 4 PiB: sums over all layers then fit as well.
	largest = 1 << 52
)

// times multiplies figures, at most to largest.
func times(figures ...uint64) uint64 {
	n := uint64(1)
	for _, f := range figures {
		high, low := bits.Mul64(n, f)
		if high > 0 {
			low = largest
		}
		n = min(largest, low)
	}
	return n
}

// scaled is n in the proportion of a to b, at most largest; b is not 0.
func scaled(n, a, b uint64) uint64 {
	return uint64(min(largest, float64(n)*float64(a)/float64(b)))
}

// counts is what many budgets need of the headers. It is made once for each question to the planner, because a header
// may have 262,144 tensors and a question tries hundreds of settings.
type counts struct {
	// The language model.
	layer []layer // the repeating ones, and at the end the output with all else that is not repeated
	input uint64  // bytes of what turns tokens into numbers and is not in the output: it stays off a card
	heads uint64  // the most attention heads of a layer
	ff    uint64  // the widest feed-forward part
	vocab uint64  // tokens that the model knows
	keys  uint64  // length of a head's keys (n_embd_head_k in llama.cpp)
	vals  uint64  // and of its values

	// The projector.
	tower     uint64 // bytes of its tensors
	deepstack uint64 // layers of the vision tower that feed the language model directly; each keeps its output until the end
	gated     bool   // its feed-forward parts have a gate
	unpacked  bool   // its matrices are not quantised
}

// layer is what is counted of one.
type layer struct {
	bytes  uint64 // of its tensors
	kvKeys uint64 // numbers that it keeps for each token as keys
	kvVals uint64 // and as values
}

// counted is f with its counts, which the caller alone has.
func (f *Facts) counted() *Facts {
	if f.counts != nil {
		return f
	}
	g := *f
	g.counts = &counts{}
	g.countModel()
	if g.MMProj != nil {
		g.countProjector()
	}
	return &g
}

func (f *Facts) countModel() {
	c, n := f.counts, f.Layers()
	c.layer = make([]layer, n+1)
	tied, embeddings := true, gguf.Tensor{}
	for t := range f.tensors() {
		switch at, repeating := gguf.LayerOf(t.Name); {
		case repeating:
			c.layer[min(at, n)].add(t)
		case t.Name == "token_embd.weight":
			embeddings = t
		case gguf.IsInput(t.Name):
			c.input = min(largest, c.input+uint64(t.Bytes))
		default:
			tied = tied && t.Name != "output.weight"
			c.layer[n].add(t)
		}
	}
	// On a card the embeddings are there only if the output is tied to them: then a copy of them is.
	if tied {
		c.layer[n].add(embeddings)
	} else {
		c.input = min(largest, c.input+uint64(embeddings.Bytes))
	}
	if c.vocab = f.key("vocab_size"); len(embeddings.Dims) > 1 {
		c.vocab = min(widest, uint64(embeddings.Dims[1]))
	}
	c.heads, c.ff = f.most("attention.head_count"), f.most("feed_forward_length")
	if experts := f.key("expert_used_count"); experts > 0 {
		c.ff = min(widest, max(c.ff, times(experts+f.key("expert_shared_count"), f.key("expert_feed_forward_length"))))
	}
	c.keys, c.vals = f.headDim("key_length"), f.headDim("value_length")
	heads := "attention.head_count_kv"
	if _, given := f.Model.Value(f.Model.Architecture() + "." + heads); !given {
		heads = "attention.head_count"
	}
	for i := range n {
		kv := f.perLayer(heads, i)
		c.layer[i].kvKeys, c.layer[i].kvVals = kv*c.keys, kv*c.vals
	}
}

func (l *layer) add(t gguf.Tensor) { l.bytes = min(largest, l.bytes+uint64(t.Bytes)) }

func (f *Facts) countProjector() {
	c := f.counts
	for _, t := range f.MMProj.Tensors {
		c.tower = min(largest, c.tower+uint64(t.Bytes))
		if strings.HasPrefix(t.Name, "v.deepstack.") && strings.HasSuffix(t.Name, ".fc1.weight") {
			c.deepstack++
		}
	}
	_, c.gated = f.MMProj.Tensor("v.blk.0.ffn_gate.weight")
	down, ok := f.MMProj.Tensor("v.blk.0.ffn_down.weight")
	c.unpacked = ok && slices.Contains([]string{"F32", "F16", "BF16"}, down.Type.String())
}

// headDim is the length of a head's keys or values.
func (f *Facts) headDim(name string) uint64 {
	if n := f.key("attention." + name); n > 0 {
		return n
	}
	return f.key("embedding_length") / max(1, f.most("attention.head_count"))
}
