package llama

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/mtmd"

	"galago/inference/protocol"
	"galago/inference/worker"
)

// Count counts tokens without computing anything. Pictures are counted by the vision tower's own code, so after
// FreeWorking they bring the tower back.
func (b *Backend) Count(ctx context.Context, ask protocol.Ask) (protocol.Counted, error) {
	if err := b.check(ask); err != nil {
		return protocol.Counted{}, err
	}
	stop := watch(ctx)
	defer stop()
	if len(ask.Images) > 0 && b.mtmd == 0 {
		log.reset()
		if err := b.loadMMProj(); err != nil {
			return protocol.Counted{}, unlessCancelled(ctx, err)
		}
	}
	p, err := b.tokenize(ask)
	if err != nil {
		return protocol.Counted{}, err
	}
	defer p.free()
	out := protocol.Counted{ID: ask.ID}
	out.ImageTokens = make([]int, len(ask.Images))
	for _, piece := range p.pieces {
		out.PromptTokens += piece.cells
		if piece.image != "" {
			out.ImageTokens[piece.number] += piece.cells
		}
	}
	return out, nil
}

// unlessCancelled is err, unless ctx ended: then that is why.
func unlessCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// check refuses what needs no tokenizing to be refused.
func (b *Backend) check(ask protocol.Ask) error {
	switch {
	case b.model == 0:
		return &worker.Failure{Code: protocol.CodeNoModel, Op: "ask"}
	case len(ask.Messages) == 0:
		return &worker.Failure{Code: protocol.CodeEmptyPrompt, Op: "ask"}
	case len(ask.Images) > 0 && b.asked.MMProj == "":
		return &worker.Failure{Code: protocol.CodeNoVision, Op: "ask", Detail: b.loaded.Name + " was opened without mmproj"}
	}
	n, last := 0, ask.Messages[len(ask.Messages)-1]
	if ask.Continue && (last.Role != "assistant" || last.Images != 0 || len(ask.Messages) == 1) {
		return &worker.Failure{Code: protocol.CodeProtocol, Op: "ask", Detail: "there is no answer to go on with"}
	}
	for _, m := range ask.Messages {
		if m.Images < 0 {
			return &worker.Failure{Code: protocol.CodeProtocol, Op: "ask", Detail: "a negative number of pictures"}
		}
		n += m.Images
	}
	if n != len(ask.Images) {
		return &worker.Failure{
			Code: protocol.CodeProtocol, Op: "ask",
			Detail: fmt.Sprintf("the messages name %d pictures, the request has %d", n, len(ask.Images)),
		}
	}
	return nil
}

// cut divides the blob into the pictures' pixels.
func cut(images []protocol.Image, blob []byte) ([][]byte, error) {
	var pixels [][]byte
	for i, im := range images {
		n := im.Width * im.Height * 3
		if im.Width <= 0 || im.Height <= 0 || im.Width > 1<<15 || im.Height > 1<<15 || n > len(blob) {
			return nil, &worker.Failure{
				Code: protocol.CodeProtocol, Op: "ask",
				Detail: fmt.Sprintf("picture %d of %d x %d does not fit its %d bytes", i+1, im.Width, im.Height, len(blob)),
			}
		}
		pixels = append(pixels, blob[:n:n])
		blob = blob[n:]
	}
	return pixels, nil
}

// run is one request on its way.
type run struct {
	b      *Backend
	ask    protocol.Ask
	pixels [][]byte // of ask.Images
	out    worker.Sink
	start  time.Time
	stats  protocol.Stats
	kept   int            // tokens of the prompt that the KV cache held
	stage  protocol.Stage // the last that was told
}

// Ask answers. The KV cache keeps what it can of earlier requests, and of this one, also when it is cancelled.
func (b *Backend) Ask(ctx context.Context, ask protocol.Ask, blob []byte, out worker.Sink) (protocol.Done, error) {
	r := &run{b: b, ask: ask, out: out, start: time.Now()}
	if err := b.check(ask); err != nil {
		return protocol.Done{}, err
	}
	var err error
	if r.pixels, err = cut(ask.Images, blob); err != nil {
		return protocol.Done{}, err
	}
	stop := watch(ctx)
	defer stop()
	log.reset()
	if ask.Look && (b.states == nil || b.mtmd == 0 || b.lctx == 0) {
		return protocol.Done{ID: ask.ID}, nil
	}
	if err := r.prepare(ctx); err != nil {
		return protocol.Done{}, err
	}
	if n := len(ask.Images); n > 0 {
		r.progress(protocol.PhaseEncode, 0, n, protocol.StageEncode) // making pictures ready for the tower takes memory too
	}
	p, err := b.tokenize(ask)
	if err != nil {
		return protocol.Done{}, err
	}
	defer p.free()
	if ask.Look {
		return r.look(ctx, p)
	}
	b.remember(p.said)
	if err := r.prefill(ctx, p); err != nil {
		return protocol.Done{}, err
	}
	reason, err := r.generate(ctx)
	if err != nil {
		return protocol.Done{}, err
	}
	r.stats.ContextUsed, _, _ = extent(b.cached)
	r.stats.ContextTotal = int(llama.NCtx(b.lctx))
	r.stats.Memory = b.held.list()
	return protocol.Done{ID: ask.ID, Stop: reason, Stats: r.stats}, nil
}

// prepare makes again what FreeWorking gave up, as far as this request needs it: without pictures the vision tower stays
// away.
func (r *run) prepare(ctx context.Context) error {
	eyes := len(r.ask.Images) > 0
	missing := 0
	if eyes && r.b.mtmd == 0 {
		missing++
	}
	if r.b.lctx == 0 {
		missing++
	}
	if missing == 0 {
		return ctx.Err()
	}
	done := 0
	err := r.b.ensure(ctx, eyes, func(stage protocol.Stage) {
		r.progress(protocol.PhasePrepare, done, missing, stage)
		done++
	})
	r.stats.PrepareMillis = millis(time.Since(r.start))
	if err != nil {
		return unlessCancelled(ctx, err)
	}
	return nil
}

// prefill brings the KV cache to hold exactly the prompt.
func (r *run) prefill(ctx context.Context, p *prompt) error {
	b := r.b
	total, images, _ := extent(p.pieces)
	if room := int(llama.NCtx(b.lctx)); total >= room {
		return &worker.Failure{
			Code: protocol.CodeContextFull, Op: "read the prompt",
			Detail: fmt.Sprintf("the prompt has %d tokens, the context holds %d", total, room),
		}
	}
	b.recall(r.ask.Conversation, p.pieces)
	b.talk, b.unsaved = r.ask.Conversation, true
	keep := b.keepPrefix(p.pieces)
	keptCells, keptImages, _ := extent(p.pieces[:keep])
	r.kept = keptCells
	r.stats.PromptTokens, r.stats.ReusedTokens = total, keptCells
	for _, piece := range p.pieces {
		if piece.image != "" {
			r.stats.ImageTokens += piece.cells
		}
	}
	r.out.Reused(protocol.Reused{ID: r.ask.ID, Tokens: keptCells, Images: keptImages, Prompt: total})

	encode, encoded := images-keptImages, 0
	for i := keep; i < len(p.pieces); {
		if p.pieces[i].image != "" {
			r.progress(protocol.PhaseEncode, encoded, encode, protocol.StageEncode)
			embd, err := r.embeddings(ctx, p, p.pieces[i])
			if err != nil {
				return err
			}
			if p.pieces[i].last {
				encoded++
			}
			r.progress(protocol.PhaseEncode, encoded, encode, protocol.StageDecode)
			if err := r.image(ctx, p.chunks[i], p.pieces[i], embd); err != nil {
				return err
			}
			r.prompted()
			i++
			continue
		}
		end := i + 1
		for end < len(p.pieces) && p.pieces[end].image == "" && end-i < int(b.params.NUbatch) {
			end++
		}
		if r.stage != protocol.StageDecode {
			r.prompted()
		}
		if err := r.text(ctx, p.pieces[i:end], end == len(p.pieces)); err != nil {
			return err
		}
		r.prompted()
		i = end
	}
	r.stats.PromptMillis = millis(time.Since(r.start)) - r.stats.EncodeMillis - r.stats.PrepareMillis
	return nil
}

// look encodes the pictures of a prompt and keeps what comes out; the KV cache stays as it is.
func (r *run) look(ctx context.Context, p *prompt) (protocol.Done, error) {
	for _, piece := range p.pieces {
		if piece.image == "" {
			continue
		}
		if _, err := r.embeddings(ctx, p, piece); err != nil {
			return protocol.Done{}, err
		}
	}
	r.stats.Memory = r.b.held.list()
	return protocol.Done{ID: r.ask.ID, Stats: r.stats}, nil
}

// keepPrefix drops from the KV cache what is not the prompt's beginning, and says how many pieces are left.
func (b *Backend) keepPrefix(want []piece) int {
	keep := commonPrefix(b.cached, want)
	if keep < len(b.cached) {
		_, _, end := extent(b.cached[:keep])
		mem, _ := llama.GetMemory(b.lctx)
		if ok, err := llama.MemorySeqRm(mem, 0, end, -1); err != nil || !ok {
			// Recurrent and hybrid models cannot go back halfway.
			llama.MemoryClear(mem, true)
			keep = 0
		}
	}
	b.cached = b.cached[:keep]
	return keep
}

// text decodes one slice of the prompt.
func (r *run) text(ctx context.Context, pieces []piece, last bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tokens := make([]llama.Token, len(pieces))
	for i, p := range pieces {
		tokens[i] = p.token
	}
	_, _, pos := extent(r.b.cached)
	if err := r.decode(ctx, tokenBatch(tokens, pos, last), pos); err != nil {
		return err
	}
	r.b.cached = append(r.b.cached, pieces...)
	return nil
}

// embeddings are what the vision tower makes of a picture, or of a tile. They live until the next one is encoded.
func (r *run) embeddings(ctx context.Context, all *prompt, p piece) ([]float32, error) {
	if embd := r.b.known(p); embd != nil {
		return embd, ctx.Err()
	}
	chunk, err := r.b.ready(all, p, r.ask.Images[p.number], r.pixels[p.number])
	if err != nil {
		return nil, err
	}
	embd, err := r.encode(ctx, chunk, p)
	if err == nil {
		r.b.keepPicture(r.ask.Conversation, p, embd)
	}
	return embd, err
}

func (r *run) encode(ctx context.Context, chunk mtmd.InputChunk, p piece) ([]float32, error) {
	begin := time.Now()
	if err := r.b.encode(ctx, chunk); err != nil {
		return nil, err
	}
	embd, err := mtmd.GetOutputEmbd(r.b.mtmd, int32(p.cells*int(llama.ModelNEmbdInp(r.b.model))))
	if err != nil {
		return nil, encodeFailure(err)
	}
	r.stats.EncodeMillis += millis(time.Since(begin))
	r.stats.EncodeTokens += p.cells
	return embd, nil
}

func (b *Backend) encode(ctx context.Context, chunk mtmd.InputChunk) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	encodeNodes = 0
	var err error
	trusting(func() { err = mtmd.EncodeChunk(b.mtmd, chunk) })
	b.measureEncode()
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // mtmd says success also when the callback ended the graph: the embeddings are worthless
	case err != nil:
		return encodeFailure(err)
	}
	return nil
}

func encodeFailure(err error) error {
	return &worker.Failure{
		Code: log.orMemory(protocol.CodeBadImage), Stage: protocol.StageEncode,
		Op: "encode the picture", Detail: err.Error() + "\n" + log.tail(),
	}
}

// image decodes a picture's embeddings, slice by slice.
func (r *run) image(ctx context.Context, chunk mtmd.InputChunk, p piece, embd []float32) error {
	b := r.b
	width := int(llama.ModelNEmbdInp(b.model))
	_, _, pos := extent(b.cached)
	var places []decoderPos
	if mtmd.DecodeUseMRope(b.mtmd) {
		places = b.lib.positions(mtmd.InputChunkGetTokensImage(chunk), p.cells, pos)
		if b.shiftPositions != nil {
			b.shiftPositions(places)
		}
	}
	step := int(b.params.NUbatch)
	if mtmd.DecodeUseNonCausal(b.mtmd, chunk) {
		if p.cells > step {
			return &worker.Failure{
				Code: protocol.CodeBadImage, Stage: protocol.StageDecode, Op: "decode the picture",
				Detail: fmt.Sprintf("this model reads a picture in one piece, and its %d tokens are more than n_ubatch (%d)", p.cells, step),
			}
		}
		llama.SetCausalAttn(b.lctx, false)
		defer llama.SetCausalAttn(b.lctx, true)
	}
	for i := 0; i < p.cells; i += step {
		if err := ctx.Err(); err != nil {
			b.forget(pos)
			return err
		}
		end := min(i+step, p.cells)
		var slice []decoderPos
		if places != nil {
			slice = places[i:end]
		}
		if err := r.decode(ctx, imageBatch(embd[i*width:end*width], width, pos+llama.Pos(i), slice), pos); err != nil {
			return err
		}
	}
	b.cached = append(b.cached, p)
	return nil
}

// decode runs a batch. When that fails, the cache is brought back to good, the position before what was begun.
func (r *run) decode(ctx context.Context, batch *batch, good llama.Pos) error {
	result := batch.decode(r.b.lctx)
	steps.Add(1)
	if result == 0 {
		return nil
	}
	r.b.forget(good)
	if result == 2 && ctx.Err() != nil {
		return ctx.Err()
	}
	code := protocol.CodeDecode
	switch result {
	case 1:
		code = protocol.CodeContextFull
	case -2:
		code = protocol.CodeOutOfMemory
	}
	return &worker.Failure{Code: code, Stage: protocol.StageDecode, Op: "decode", Detail: fmt.Sprintf("llama_decode returned %d\n%s", result, log.tail())}
}

// forget drops everything from position pos on, which held does not count.
func (b *Backend) forget(pos llama.Pos) {
	mem, _ := llama.GetMemory(b.lctx)
	if ok, err := llama.MemorySeqRm(mem, 0, pos, -1); err != nil || !ok {
		llama.MemoryClear(mem, true)
		b.cached = nil
	}
}

// generate samples until the model ends its turn.
func (r *run) generate(ctx context.Context) (protocol.StopReason, error) {
	b := r.b
	sampler := b.newSampler(r.ask)
	defer llama.SamplerFree(sampler)
	var text pending
	var first time.Time
	turn := stopper{at: b.template.stop}
	say := func(s string) {
		if s != "" {
			r.out.Delta(protocol.Delta{ID: r.ask.ID, Text: s})
		}
	}
	finish := func(reason protocol.StopReason) (protocol.StopReason, error) {
		say(turn.held + text.rest())
		if n := r.stats.AnswerTokens - 1; n > 0 {
			r.stats.TokensPerSec = float64(n) / time.Since(first).Seconds()
		}
		return reason, nil
	}
	used, _, pos := extent(b.cached)
	for room := int(llama.NCtx(b.lctx)) - used; ; room-- {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		token := llama.SamplerSample(sampler, b.lctx, -1)
		if first.IsZero() {
			first = time.Now()
			r.stats.FirstToken = millis(first.Sub(r.start))
		}
		if llama.VocabIsEOG(b.vocab, token) {
			return finish(protocol.StopEnd)
		}
		r.stats.AnswerTokens++
		b.said = append(b.said, token)
		shown, end := turn.add(text.add(b.bytes(token)))
		if say(shown); end {
			return finish(protocol.StopEnd)
		}
		if r.stats.AnswerTokens >= r.ask.MaxTokens {
			return finish(protocol.StopLimit)
		}
		if room <= 1 {
			return finish(protocol.StopContext)
		}
		if err := r.decode(ctx, tokenBatch([]llama.Token{token}, pos, true), pos); err != nil {
			return "", err
		}
		b.cached = append(b.cached, piece{token: token, cells: 1, places: 1})
		pos++
	}
}

// bytes is a token's text; control tokens have none.
func (b *Backend) bytes(token llama.Token) []byte {
	buf := make([]byte, 64)
	n := llama.TokenToPiece(b.vocab, token, buf, 0, false)
	if n < 0 {
		buf = make([]byte, -n)
		n = llama.TokenToPiece(b.vocab, token, buf, 0, false)
	}
	return buf[:max(n, 0)]
}

// pending holds back bytes until they are whole UTF-8 characters.
type pending []byte

// add appends and returns what is whole.
func (p *pending) add(b []byte) string {
	*p = append(*p, b...)
	n := len(*p)
	for back := 1; back <= min(utf8.UTFMax-1, n); back++ {
		if c := (*p)[n-back]; utf8.RuneStart(c) {
			if !utf8.FullRune((*p)[n-back:]) {
				n -= back
			}
			break
		}
	}
	s := strings.ToValidUTF8(string((*p)[:n]), "\uFFFD")
	*p = append((*p)[:0], (*p)[n:]...)
	return s
}

// rest is what never became whole.
func (p *pending) rest() string { return strings.ToValidUTF8(string(*p), "\uFFFD") }

// prompted tells how much of the prompt is decoded.
func (r *run) prompted() {
	cells, _, _ := extent(r.b.cached)
	r.progress(protocol.PhasePrompt, cells-r.kept, r.stats.PromptTokens-r.kept, protocol.StageDecode)
}

func (r *run) progress(phase protocol.Phase, done, total int, stage protocol.Stage) {
	r.stage = stage
	r.out.Progress(protocol.Progress{ID: r.ask.ID, Phase: phase, Done: done, Total: total, Stage: stage})
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
