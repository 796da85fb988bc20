package llama

import (
	"runtime"

	"github.com/hybridgroup/yzma/pkg/llama"
)

// batch is a llama_batch whose arrays are Go's, for one sequence (0) and explicit positions.
type batch struct {
	tokens []llama.Token
	embd   []float32
	pos    []llama.Pos // of tokens: one each; of embeddings under M-RoPE: all t, then all y, all x, all z
	nSeq   []int32
	seq    llama.SeqId
	seqs   []*llama.SeqId
	logits []int8
}

func newBatch(n int) *batch {
	b := &batch{nSeq: make([]int32, n), seqs: make([]*llama.SeqId, n), logits: make([]int8, n)}
	for i := range n {
		b.nSeq[i] = 1
		b.seqs[i] = &b.seq
	}
	return b
}

// tokenBatch holds tokens at the positions from pos0 on. Logits are computed for the last when asked for.
func tokenBatch(tokens []llama.Token, pos0 llama.Pos, logits bool) *batch {
	b := newBatch(len(tokens))
	b.tokens = tokens
	for i := range tokens {
		b.pos = append(b.pos, pos0+llama.Pos(i))
	}
	if logits {
		b.logits[len(tokens)-1] = 1
	}
	return b
}

// imageBatch holds embeddings of width n at M-RoPE places, or at consecutive positions from pos0 where the model has
// none (places nil).
func imageBatch(embd []float32, width int, pos0 llama.Pos, places []decoderPos) *batch {
	n := len(embd) / width
	b := newBatch(n)
	b.embd = embd
	if places == nil {
		for i := range n {
			b.pos = append(b.pos, pos0+llama.Pos(i))
		}
		return b
	}
	b.pos = make([]llama.Pos, 4*n)
	for i, p := range places {
		b.pos[i], b.pos[n+i], b.pos[2*n+i], b.pos[3*n+i] = llama.Pos(p.T), llama.Pos(p.Y), llama.Pos(p.X), llama.Pos(p.Z)
	}
	return b
}

// decode runs the batch: llama_decode's own result (0 done, 1 no room, 2 aborted, below 0 an error).
func (b *batch) decode(ctx llama.Context) int32 {
	data := llama.BatchData{
		NTokens: int32(len(b.nSeq)),
		Pos:     &b.pos[0],
		NSeqId:  &b.nSeq[0],
		SeqId:   &b.seqs[0],
		Logits:  &b.logits[0],
	}
	if b.embd != nil {
		data.Embd = &b.embd[0]
	} else {
		data.Token = &b.tokens[0]
	}
	result, err := llama.Decode(ctx, llama.Batch{BatchData: data})
	runtime.KeepAlive(b)
	if err != nil {
		return -1
	}
	return result
}
