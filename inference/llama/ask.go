package llama

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/mtmd"

	"galago/inference/protocol"
	"galago/inference/worker"
)

// prompt is a tokenized request. Its chunks live in C until free is called.
type prompt struct {
	pieces  []piece
	chunks  []mtmd.InputChunk // per piece; 0 for tokens
	bitmaps []mtmd.Bitmap
	list    mtmd.InputChunks
}

func (p *prompt) free() {
	if p.list != 0 {
		mtmd.InputChunksFree(p.list)
	}
	for _, bm := range p.bitmaps {
		mtmd.BitmapFree(bm)
	}
}

// tokenize turns the request into pieces. Without pixels it makes placeholders, which count but cannot be encoded.
func (b *Backend) tokenize(ask protocol.Ask, pixels [][]byte) (*prompt, error) {
	parts, err := b.template.parts(ask.Messages)
	if err != nil {
		return nil, &worker.Failure{Code: protocol.CodeModelInvalid, Op: "apply the chat template", Detail: err.Error()}
	}
	// A template that prints the BOS itself must not get a second one.
	addBOS := !(len(parts) > 0 && b.template.bos != "" && strings.HasPrefix(parts[0].text, b.template.bos))
	if b.mtmd == 0 {
		return b.tokenizeText(parts, addBOS)
	}
	p := &prompt{list: mtmd.InputChunksInit()}
	input := make([]*mtmd.InputPart, 0, len(parts))
	for _, part := range parts {
		if part.image < 0 {
			input = append(input, mtmd.NewInputTextPart(mtmd.NewInputText(part.text, false, !part.typed)))
			continue
		}
		im := ask.Images[part.image]
		var data uintptr
		if pixels != nil {
			data = uintptr(unsafe.Pointer(&pixels[part.image][0]))
		}
		bm := mtmd.BitmapInit(uint32(im.Width), uint32(im.Height), data)
		mtmd.BitmapSetId(bm, im.Hash)
		p.bitmaps = append(p.bitmaps, bm)
		input = append(input, mtmd.NewInputBitmapPart(bm))
	}
	result := mtmd.TokenizeFromParts(b.mtmd, p.list, input, addBOS)
	runtime.KeepAlive(pixels)
	if result != 0 {
		p.free()
		return nil, &worker.Failure{Code: protocol.CodeBadImage, Op: "tokenize", Detail: fmt.Sprintf("mtmd_tokenize returned %d", result)}
	}
	b.flatten(p)
	return p, nil
}

func (b *Backend) tokenizeText(parts []part, addBOS bool) (*prompt, error) {
	p := &prompt{}
	for i, part := range parts {
		text := strings.ReplaceAll(part.text, "\x00", "") // the binding passes C strings
		for _, t := range llama.Tokenize(b.vocab, text, addBOS && i == 0, !part.typed) {
			p.pieces = append(p.pieces, piece{token: t, cells: 1, places: 1})
			p.chunks = append(p.chunks, 0)
		}
	}
	return p, nil
}

// flatten lists the chunks that mtmd made as pieces.
func (b *Backend) flatten(p *prompt) {
	for i := range mtmd.InputChunksSize(p.list) {
		chunk := mtmd.InputChunksGet(p.list, i)
		if mtmd.InputChunkGetType(chunk) == mtmd.InputChunkTypeText {
			for _, t := range mtmd.InputChunkGetTokensText(chunk) {
				p.pieces = append(p.pieces, piece{token: t, cells: 1, places: 1})
				p.chunks = append(p.chunks, 0)
			}
			continue
		}
		p.pieces = append(p.pieces, piece{
			image:  mtmd.InputChunkGetId(chunk),
			cells:  int(mtmd.InputChunkGetNTokens(chunk)),
			places: int(mtmd.InputChunkGetNPos(chunk)),
		})
		p.chunks = append(p.chunks, chunk)
	}
}

// Count counts tokens without computing anything.
func (b *Backend) Count(_ context.Context, ask protocol.Ask) (protocol.Counted, error) {
	if err := b.check(ask); err != nil {
		return protocol.Counted{}, err
	}
	p, err := b.tokenize(ask, nil)
	if err != nil {
		return protocol.Counted{}, err
	}
	defer p.free()
	out := protocol.Counted{ID: ask.ID}
	for _, piece := range p.pieces {
		out.PromptTokens += piece.cells
		if piece.image != "" {
			out.ImageTokens = append(out.ImageTokens, piece.cells)
		}
	}
	return out, nil
}

// check refuses what needs no tokenizing to be refused.
func (b *Backend) check(ask protocol.Ask) error {
	switch {
	case b.lctx == 0:
		return &worker.Failure{Code: protocol.CodeNoModel, Op: "ask"}
	case len(ask.Messages) == 0:
		return &worker.Failure{Code: protocol.CodeEmptyPrompt, Op: "ask"}
	case len(ask.Images) > 0 && b.mtmd == 0:
		return &worker.Failure{Code: protocol.CodeNoVision, Op: "ask", Detail: b.loaded.Name + " was opened without mmproj"}
	}
	n := 0
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
	b     *Backend
	ask   protocol.Ask
	out   worker.Sink
	start time.Time
	stats protocol.Stats
}

// Ask answers. The KV cache keeps what it can of earlier requests, and of this one, also when it is cancelled.
func (b *Backend) Ask(ctx context.Context, ask protocol.Ask, blob []byte, out worker.Sink) (protocol.Done, error) {
	r := &run{b: b, ask: ask, out: out, start: time.Now()}
	if err := b.check(ask); err != nil {
		return protocol.Done{}, err
	}
	pixels, err := cut(ask.Images, blob)
	if err != nil {
		return protocol.Done{}, err
	}
	stop := watch(ctx)
	defer stop()
	p, err := b.tokenize(ask, pixels)
	if err != nil {
		return protocol.Done{}, err
	}
	defer p.free()
	if err := r.prefill(ctx, p); err != nil {
		return protocol.Done{}, err
	}
	reason, err := r.generate(ctx)
	if err != nil {
		return protocol.Done{}, err
	}
	r.stats.ContextUsed, _, _ = extent(b.held)
	r.stats.ContextTotal = int(llama.NCtx(b.lctx))
	return protocol.Done{ID: ask.ID, Stop: reason, Stats: r.stats}, nil
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
	keep := b.keepPrefix(p.pieces)
	keptCells, keptImages, _ := extent(p.pieces[:keep])
	r.stats.PromptTokens, r.stats.ReusedTokens = total, keptCells
	for _, piece := range p.pieces {
		if piece.image != "" {
			r.stats.ImageTokens += piece.cells
		}
	}
	r.out.Reused(protocol.Reused{ID: r.ask.ID, Tokens: keptCells, Images: keptImages, Prompt: total})

	encode := images - keptImages
	encoded := 0
	for i := keep; i < len(p.pieces); {
		if p.pieces[i].image != "" {
			r.progress(protocol.PhaseEncode, encoded, encode)
			if err := r.image(ctx, p.chunks[i], p.pieces[i]); err != nil {
				return err
			}
			encoded++
			r.progress(protocol.PhaseEncode, encoded, encode)
			i++
			continue
		}
		end := i + 1
		for end < len(p.pieces) && p.pieces[end].image == "" && end-i < int(b.params.NUbatch) {
			end++
		}
		if err := r.text(ctx, p.pieces[i:end], end == len(p.pieces)); err != nil {
			return err
		}
		i = end
		held, _, _ := extent(b.held)
		r.progress(protocol.PhasePrompt, held-keptCells, total-keptCells)
	}
	r.stats.PromptMillis = millis(time.Since(r.start)) - r.stats.EncodeMillis
	return nil
}

// keepPrefix drops from the KV cache what is not the prompt's beginning, and says how many pieces are left.
func (b *Backend) keepPrefix(want []piece) int {
	keep := commonPrefix(b.held, want)
	if keep < len(b.held) {
		_, _, end := extent(b.held[:keep])
		mem, _ := llama.GetMemory(b.lctx)
		if ok, err := llama.MemorySeqRm(mem, 0, end, -1); err != nil || !ok {
			// Recurrent and hybrid models cannot go back halfway.
			llama.MemoryClear(mem, true)
			keep = 0
		}
	}
	b.held = b.held[:keep]
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
	_, _, pos := extent(r.b.held)
	if err := r.decode(ctx, tokenBatch(tokens, pos, last), pos); err != nil {
		return err
	}
	r.b.held = append(r.b.held, pieces...)
	return nil
}

// image encodes a picture and decodes its embeddings, slice by slice.
func (r *run) image(ctx context.Context, chunk mtmd.InputChunk, p piece) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := r.b
	width := int(llama.ModelNEmbdInp(b.model))
	begin := time.Now()
	encodeNodes = 0
	err := mtmd.EncodeChunk(b.mtmd, chunk)
	if ctx.Err() != nil {
		return ctx.Err() // mtmd says success also when the callback ended the graph: the embeddings are worthless
	}
	if err != nil {
		return &worker.Failure{Code: protocol.CodeBadImage, Op: "encode the picture", Detail: err.Error()}
	}
	embd, err := mtmd.GetOutputEmbd(b.mtmd, int32(p.cells*width))
	if err != nil {
		return &worker.Failure{Code: protocol.CodeBadImage, Op: "encode the picture", Detail: err.Error()}
	}
	r.stats.EncodeMillis += millis(time.Since(begin))

	_, _, pos := extent(b.held)
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
				Code: protocol.CodeBadImage, Op: "decode the picture",
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
	b.held = append(b.held, p)
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
	return &worker.Failure{Code: code, Op: "decode", Detail: fmt.Sprintf("llama_decode returned %d\n%s", result, log.tail())}
}

// forget drops everything from position pos on, which held does not count.
func (b *Backend) forget(pos llama.Pos) {
	mem, _ := llama.GetMemory(b.lctx)
	if ok, err := llama.MemorySeqRm(mem, 0, pos, -1); err != nil || !ok {
		llama.MemoryClear(mem, true)
		b.held = nil
	}
}

// generate samples until the model ends its turn.
func (r *run) generate(ctx context.Context) (protocol.StopReason, error) {
	b := r.b
	sampler := newSampler(r.ask.Temperature, r.ask.Seed)
	defer llama.SamplerFree(sampler)
	var text pending
	var first time.Time
	finish := func(reason protocol.StopReason) (protocol.StopReason, error) {
		if rest := text.rest(); rest != "" {
			r.out.Delta(protocol.Delta{ID: r.ask.ID, Text: rest})
		}
		if n := r.stats.AnswerTokens - 1; n > 0 {
			r.stats.TokensPerSec = float64(n) / time.Since(first).Seconds()
		}
		return reason, nil
	}
	used, _, pos := extent(b.held)
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
		if s := text.add(b.bytes(token)); s != "" {
			r.out.Delta(protocol.Delta{ID: r.ask.ID, Text: s})
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
		b.held = append(b.held, piece{token: token, cells: 1, places: 1})
		pos++
	}
}

// newSampler follows llama.cpp's own defaults for everything but temperature and seed.
func newSampler(temperature float32, seed uint32) llama.Sampler {
	chain := llama.SamplerChainInit(llama.SamplerChainDefaultParams())
	if temperature <= 0 {
		llama.SamplerChainAdd(chain, llama.SamplerInitGreedy())
		return chain
	}
	if seed == llama.DefaultSeed {
		seed-- // llama.cpp takes this number for "choose one"
	}
	llama.SamplerChainAdd(chain, llama.SamplerInitTopK(40))
	llama.SamplerChainAdd(chain, llama.SamplerInitTopP(0.95, 1))
	llama.SamplerChainAdd(chain, llama.SamplerInitMinP(0.05, 1))
	llama.SamplerChainAdd(chain, llama.SamplerInitTemp(temperature))
	llama.SamplerChainAdd(chain, llama.SamplerInitDist(seed))
	return chain
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

func (r *run) progress(phase protocol.Phase, done, total int) {
	r.out.Progress(protocol.Progress{ID: r.ask.ID, Phase: phase, Done: done, Total: total})
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
