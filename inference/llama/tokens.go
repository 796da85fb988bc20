package llama

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
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
	lists   []mtmd.InputChunks        // of each picture, as it comes
	real    map[int][]mtmd.InputChunk // of a picture of the request, per tile: with pixels, to be encoded
	said    []llama.Token             // with Continue: the answer so far, as it was spoken
}

func (p *prompt) free() {
	for _, list := range p.lists {
		mtmd.InputChunksFree(list)
	}
	for _, bm := range p.bitmaps {
		mtmd.BitmapFree(bm)
	}
}

// add appends tokens of text.
func (p *prompt) add(tokens ...llama.Token) {
	for _, t := range tokens {
		p.pieces = append(p.pieces, piece{token: t, cells: 1, places: 1})
		p.chunks = append(p.chunks, 0)
	}
}

// tokenize turns the request into pieces. Pictures are placeholders, which count but cannot be encoded: most pictures are
// in the KV cache or were encoded before, and to make one ready for the vision tower takes longer than all the rest.
func (b *Backend) tokenize(ask protocol.Ask) (*prompt, error) {
	parts, err := b.template.parts(ask.Messages, ask.Continue)
	if err != nil {
		return nil, &worker.Failure{Code: protocol.CodeModelInvalid, Op: "apply the chat template", Detail: err.Error()}
	}
	p := &prompt{}
	// A template that prints the BOS itself must not get a second one.
	begins := len(parts) > 0 && !parts[0].typed && b.template.bos != "" && strings.HasPrefix(parts[0].text, b.template.bos)
	if !begins && llama.VocabGetAddBOS(b.vocab) {
		p.add(llama.VocabBOS(b.vocab))
	}
	for i, part := range parts {
		switch {
		case part.image >= 0 && b.mtmd != 0:
			if err := b.addPicture(p, part.image, ask.Images[part.image]); err != nil {
				p.free()
				return nil, err
			}
		case part.answer:
			said := b.saidBefore(part.text)
			if ask.Continue && i == len(parts)-1 {
				p.said = said
			}
			if said == nil {
				said = b.tokens(part, b.inText(p))
			}
			p.add(said...)
		case part.image < 0:
			p.add(b.tokens(part, b.inText(p))...)
		}
	}
	return p, nil
}

// inText reports whether a prompt ends, so far, in the middle of text: not at a control token, nor at a picture.
func (b *Backend) inText(p *prompt) bool {
	if len(p.pieces) == 0 {
		return false
	}
	last := p.pieces[len(p.pieces)-1]
	return last.image == "" && !llama.VocabIsControl(b.vocab, last.token)
}

// newline is what spaceBefore and tokens put before text, to take it off again: no word of a vocabulary that wants a space
// before the first word begins with it.
const newline = "\n"

// spaceBefore is how a vocabulary writes newline when it puts a space before the first word of a text (LLaVA's, Llama 2's);
// nil for the others.
func (b *Backend) spaceBefore() []llama.Token {
	tokens := llama.Tokenize(b.vocab, newline, false, false)
	if len(tokens) > 1 && b.tokenText(tokens[0]) == "▁" {
		return tokens
	}
	return nil
}

// tokens are those of one part of the prompt. A prompt is tokenized part by part, so that what is typed cannot become a
// control token; but a space before the first word belongs only where text begins, not where a part goes on with it.
func (b *Backend) tokens(part part, inText bool) []llama.Token {
	text := strings.ReplaceAll(part.text, "\x00", "") // the binding passes C strings
	if text == "" {
		return nil
	}
	if n := len(b.space); n > 0 && inText {
		if all := llama.Tokenize(b.vocab, newline+text, false, !part.typed); len(all) > n && slices.Equal(all[:n], b.space) {
			return all[n:]
		}
	}
	return llama.Tokenize(b.vocab, text, false, !part.typed)
}

// rememberAnswers is how many answers' tokens are kept beside the last one's.
const rememberAnswers = 256

// remember puts the last answer's tokens aside before another answer begins, or goes on with said.
func (b *Backend) remember(said []llama.Token) {
	if said == nil && len(b.said) > 0 {
		b.spoken = append(b.spoken, b.said)
		b.spoken = b.spoken[max(0, len(b.spoken)-rememberAnswers):]
	}
	b.said = slices.Clone(said)
}

// saidBefore are the tokens of an earlier answer that make exactly this text, or nil. Text may fall into tokens in many
// ways, and the way that the tokenizer takes need not be the one in which the model wrote it. With other tokens the KV cache
// could not be kept, and to go on from them can be to go on with other words.
func (b *Backend) saidBefore(text string) []llama.Token {
	if text == "" {
		return nil
	}
	if said := b.spelling(b.said, text); said != nil {
		return said
	}
	for _, answer := range slices.Backward(b.spoken) {
		if said := b.spelling(answer, text); said != nil {
			return said
		}
	}
	return nil
}

// spelling are the first of the tokens if they make exactly this text, or nil.
func (b *Backend) spelling(tokens []llama.Token, text string) []llama.Token {
	var half pending // as it was when they were spoken: what is no UTF-8 was replaced
	for i, t := range tokens {
		rest, ok := strings.CutPrefix(text, half.add(b.bytes(t)))
		if !ok {
			return nil
		}
		if text = rest; text == half.rest() {
			return tokens[:i+1]
		}
	}
	return nil
}

// picture has mtmd cut a picture: into itself, or its tiles and what its family writes around and between them. Without pixels
// nothing is computed.
func (b *Backend) picture(p *prompt, im protocol.Image, pixels []byte) (mtmd.InputChunks, error) {
	var data uintptr
	if pixels != nil {
		data = uintptr(unsafe.Pointer(&pixels[0]))
	}
	bitmap := mtmd.BitmapInit(uint32(im.Width), uint32(im.Height), data)
	mtmd.BitmapSetId(bitmap, im.Hash)
	p.bitmaps = append(p.bitmaps, bitmap)
	list := mtmd.InputChunksInit()
	p.lists = append(p.lists, list)
	result := mtmd.TokenizeFromParts(b.mtmd, list, []*mtmd.InputPart{mtmd.NewInputBitmapPart(bitmap)}, false)
	runtime.KeepAlive(pixels)
	if result != 0 {
		return 0, &worker.Failure{
			Code: log.orMemory(protocol.CodeBadImage), Stage: protocol.StageEncode,
			Op: "tokenize", Detail: fmt.Sprintf("mtmd_tokenize returned %d\n%s", result, log.tail()),
		}
	}
	return list, nil
}

// ready is the chunk of a picture, or of a tile, with what the vision tower wants of it.
func (b *Backend) ready(p *prompt, of piece, im protocol.Image, pixels []byte) (mtmd.InputChunk, error) {
	if _, made := p.real[of.number]; !made {
		list, err := b.picture(p, im, pixels)
		if err != nil {
			return 0, err
		}
		var tiles []mtmd.InputChunk
		for i := range mtmd.InputChunksSize(list) {
			if chunk := mtmd.InputChunksGet(list, i); mtmd.InputChunkGetType(chunk) != mtmd.InputChunkTypeText {
				tiles = append(tiles, chunk)
			}
		}
		if p.real == nil {
			p.real = map[int][]mtmd.InputChunk{}
		}
		p.real[of.number] = tiles
	}
	tiles := p.real[of.number]
	if of.tile >= len(tiles) || int(mtmd.InputChunkGetNTokens(tiles[of.tile])) != of.cells {
		return 0, &worker.Failure{
			Code: protocol.CodeBadImage, Stage: protocol.StageEncode, Op: "prepare the picture",
			Detail: fmt.Sprintf("tile %d of %d x %d pixels is not what was counted", of.tile, im.Width, im.Height),
		}
	}
	return tiles[of.tile], nil
}

// addPicture adds a picture's pieces.
func (b *Backend) addPicture(p *prompt, number int, im protocol.Image) error {
	list, err := b.picture(p, im, nil)
	if err != nil {
		return err
	}
	tile, last := 0, -1
	for i := range mtmd.InputChunksSize(list) {
		chunk := mtmd.InputChunksGet(list, i)
		if mtmd.InputChunkGetType(chunk) == mtmd.InputChunkTypeText {
			p.add(mtmd.InputChunkGetTokensText(chunk)...)
			continue
		}
		last = len(p.pieces)
		p.pieces = append(p.pieces, piece{
			image: im.Hash, number: number, tile: tile,
			cells:  int(mtmd.InputChunkGetNTokens(chunk)),
			places: int(mtmd.InputChunkGetNPos(chunk)),
		})
		p.chunks = append(p.chunks, chunk)
		tile++
	}
	if last >= 0 {
		p.pieces[last].last = true
	}
	return nil
}

// forgetful reports whether the model cannot go back halfway in its KV cache.
func (b *Backend) forgetful() bool {
	return llama.ModelIsHybrid(b.model) || llama.ModelIsRecurrent(b.model)
}

// control reports whether the vocabulary has a control token of that name.
func (b *Backend) control(name string) bool {
	tokens := llama.Tokenize(b.vocab, name, false, true)
	return len(tokens) == 1 && (llama.VocabIsControl(b.vocab, tokens[0]) || llama.VocabIsEOG(b.vocab, tokens[0]))
}
