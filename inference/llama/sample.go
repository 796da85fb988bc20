package llama

import (
	"slices"

	"github.com/hybridgroup/yzma/pkg/llama"

	"galago/inference/protocol"
)

// newSampler chains what a request wants in the order of llama.cpp's defaults (common/common.h,
// common_params_sampling.samplers): penalties, top-k, top-p, min-p, temperature. What is off is left out.
func (b *Backend) newSampler(ask protocol.Ask) llama.Sampler {
	chain := llama.SamplerChainInit(llama.SamplerChainDefaultParams())
	b.penalize(chain, ask)
	if ask.Temperature <= 0 {
		llama.SamplerChainAdd(chain, llama.SamplerInitGreedy())
		return chain
	}
	if ask.TopK > 0 {
		llama.SamplerChainAdd(chain, llama.SamplerInitTopK(int32(ask.TopK)))
	}
	if ask.TopP > 0 && ask.TopP < 1 {
		llama.SamplerChainAdd(chain, llama.SamplerInitTopP(ask.TopP, 1))
	}
	if ask.MinP > 0 {
		llama.SamplerChainAdd(chain, llama.SamplerInitMinP(ask.MinP, 1))
	}
	seed := ask.Seed
	if seed == llama.DefaultSeed {
		seed-- // llama.cpp takes this number for "choose one"
	}
	llama.SamplerChainAdd(chain, llama.SamplerInitTemp(ask.Temperature))
	llama.SamplerChainAdd(chain, llama.SamplerInitDist(seed))
	return chain
}

// penalize adds the repeat penalty, which has heard the prompt, as in llama.cpp's own programs: so an answer that is
// continued is judged as if it had not been interrupted. The ends of earlier turns are left out, which differs from
// there: a penalty on them keeps the model from ending its own.
func (b *Backend) penalize(chain llama.Sampler, ask protocol.Ask) {
	last := ask.RepeatLastN
	if room := int(llama.NCtx(b.lctx)); last < 0 || last > room {
		last = room
	}
	if last == 0 || ask.RepeatPenalty <= 0 || ask.RepeatPenalty == 1 {
		return
	}
	penalties := llama.SamplerInitPenalties(llama.VocabNTokens(b.vocab), int32(last), ask.RepeatPenalty, 0, 0)
	for _, t := range b.heard(last) {
		llama.SamplerAccept(penalties, t)
	}
	llama.SamplerChainAdd(chain, penalties)
}

// heard are the last n tokens of text in the KV cache, oldest first, less the ends of turns.
func (b *Backend) heard(n int) []llama.Token {
	var tokens []llama.Token
	for i := len(b.cached) - 1; i >= 0 && len(tokens) < n; i-- {
		if p := b.cached[i]; p.image == "" && !llama.VocabIsEOG(b.vocab, p.token) {
			tokens = append(tokens, p.token)
		}
	}
	slices.Reverse(tokens)
	return tokens
}
