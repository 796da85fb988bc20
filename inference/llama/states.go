package llama

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/hybridgroup/yzma/pkg/llama"

	"galago/inference/protocol"
	"galago/inference/statecache"
)

const (
	// worthKeeping is from how many cells on a conversation's KV cache is put aside: less is decoded as quickly as read.
	worthKeeping = 48
	// worthRecalling is how many cells more than the KV cache itself one that was put aside must save.
	worthRecalling = 16
)

// The entries of the store.
const (
	entryTalk    = "talk"    // a conversation's KV cache
	entryPicture = "picture" // what the vision tower made of a picture, with its hash and tile behind it
)

// talk is what is known of a KV cache that was put aside, beside its data.
type talk struct {
	Tokens  []llama.Token   `json:"tokens"`  // in the order of the cache; -1: the next of Images
	Images  []talkImage     `json:"images"`  //
	Answers [][]llama.Token `json:"answers"` // as they were spoken; see saidBefore
}

type talkImage struct {
	Hash   string `json:"hash"`
	Tile   int    `json:"tile"`
	Last   bool   `json:"last"`
	Cells  int    `json:"cells"`
	Places int    `json:"places"`
}

const imageToken llama.Token = -1

func newTalk(pieces []piece, answers [][]llama.Token) talk {
	var t talk
	for _, p := range pieces {
		if p.image == "" {
			t.Tokens = append(t.Tokens, p.token)
			continue
		}
		t.Tokens = append(t.Tokens, imageToken)
		t.Images = append(t.Images, talkImage{Hash: p.image, Tile: p.tile, Last: p.last, Cells: p.cells, Places: p.places})
	}
	t.Answers = answers
	return t
}

// pieces is nil when the talk does not make sense.
func (t talk) pieces() []piece {
	pieces := make([]piece, 0, len(t.Tokens))
	images := t.Images
	for _, token := range t.Tokens {
		if token != imageToken {
			pieces = append(pieces, piece{token: token, cells: 1, places: 1})
			continue
		}
		if len(images) == 0 || images[0].Cells <= 0 || images[0].Places <= 0 || images[0].Hash == "" {
			return nil
		}
		m := images[0]
		images = images[1:]
		pieces = append(pieces, piece{image: m.Hash, tile: m.Tile, last: m.Last, cells: m.Cells, places: m.Places})
	}
	return pieces
}

// openStates opens the store of the model that is open. What the entries depend on is in its owner's name.
func (b *Backend) openStates(l protocol.Load) {
	owner := fmt.Sprint(Version, "\x00", statecache.Identity(l.Model), "\x00", statecache.Identity(l.MMProj), "\x00",
		b.params.TypeK, b.params.TypeV, b.params.FlashAttentionType)
	b.states = statecache.Open(l.States, owner, statecache.Limits{Memory: l.StatesMemory, Disk: l.StatesDisk})
	b.aside = map[string]talk{}
	for _, e := range slices.Backward(b.states.Entries()) {
		var t talk
		if e.ID == entryTalk && json.Unmarshal(e.Meta, &t) == nil && t.pieces() != nil {
			b.aside[e.Group] = t
			b.spoken = append(b.spoken, t.Answers...)
		}
	}
	b.spoken = b.spoken[max(0, len(b.spoken)-rememberAnswers):]
}

// Settle puts the KV cache aside, when it holds more of the conversation than what was put aside of it. It is called when
// there is nothing else to do.
func (b *Backend) Settle() {
	if b.states == nil || b.lctx == 0 || !b.unsaved || b.talk == "" {
		return
	}
	b.unsaved = false
	if cells, _, _ := extent(b.cached); cells < worthKeeping {
		return
	}
	size := llama.StateSeqGetSize(b.lctx, 0)
	if size == 0 || !b.states.Takes(int64(size)) {
		return
	}
	data := make([]byte, size)
	if llama.StateSeqGetData(b.lctx, data, 0) != uint64(len(data)) {
		return
	}
	t := newTalk(b.cached, b.answersOf(b.cached))
	meta, err := json.Marshal(t)
	if err != nil {
		return
	}
	b.aside[b.talk] = t
	b.states.Put(statecache.Entry{Group: b.talk, ID: entryTalk, Meta: meta}, data)
}

// answersOf are the answers that occur in a KV cache.
func (b *Backend) answersOf(pieces []piece) [][]llama.Token {
	tokens := make([]llama.Token, len(pieces))
	for i, p := range pieces {
		if tokens[i] = p.token; p.image != "" {
			tokens[i] = imageToken
		}
	}
	var answers [][]llama.Token
	for _, said := range append(slices.Clone(b.spoken), b.said) {
		// Its last token was perhaps never decoded: it ended the answer.
		if n := len(said) - 1; n > 0 && contains(tokens, said[:n]) {
			answers = append(answers, said)
		}
	}
	return answers
}

func contains(all, some []llama.Token) bool {
	for i := 0; i+len(some) <= len(all); i++ {
		if slices.Equal(all[i:i+len(some)], some) {
			return true
		}
	}
	return false
}

// recall brings the KV cache of this conversation, or of one that begins like it, back into the context, when that saves
// more than what the context holds. What the context holds of another conversation is put aside before.
func (b *Backend) recall(conversation string, want []piece) {
	if b.states == nil {
		return
	}
	if b.talk != conversation {
		b.Settle()
	}
	held, _, _ := extent(b.cached[:commonPrefix(b.cached, want)])
	for {
		best, cells := "", held+worthRecalling
		for group, t := range b.aside {
			if n := b.saves(t, want); n >= cells {
				best, cells = group, n+1
			}
		}
		if best == "" || b.restore(best) {
			return
		}
		held = 0 // what the context held is gone
	}
}

// saves is how many cells of a prompt need not be computed with a KV cache that was put aside.
func (b *Backend) saves(t talk, want []piece) int {
	pieces := t.pieces()
	n := commonPrefix(pieces, want)
	if n < len(pieces) && b.forgetful() {
		return 0
	}
	cells, _, _ := extent(pieces[:n])
	return cells
}

// restore puts a conversation's KV cache into the context. When that fails, the context is empty.
func (b *Backend) restore(group string) bool {
	mem, _ := llama.GetMemory(b.lctx)
	t := b.aside[group]
	data := b.states.Get(group, entryTalk)
	if data == nil {
		delete(b.aside, group)
		return false
	}
	llama.MemoryClear(mem, true)
	b.cached = nil
	if llama.StateSeqSetData(b.lctx, data, 0) == 0 {
		llama.MemoryClear(mem, true)
		delete(b.aside, group)
		b.states.Drop(group, entryTalk)
		return false
	}
	b.cached = t.pieces()
	b.unsaved = false
	return true
}

// forgetStates empties the store.
func (b *Backend) forgetStates() {
	if b.states != nil {
		b.states.Clear()
		b.aside = map[string]talk{}
	}
}

func pictureID(p piece) string {
	return fmt.Sprintf("%s %s %d %d", entryPicture, p.image, p.tile, p.cells)
}

// known are a picture's embeddings, when the store has them.
func (b *Backend) known(p piece) []float32 {
	if b.states == nil {
		return nil
	}
	id := pictureID(p)
	for _, e := range b.states.Entries() {
		if e.ID != id {
			continue
		}
		if data := b.states.Get(e.Group, id); data != nil {
			return floats(data)
		}
	}
	return nil
}

// keepPicture puts a picture's embeddings, which are C's, into the store, as a conversation's.
func (b *Backend) keepPicture(conversation string, p piece, embd []float32) {
	if b.states == nil {
		return
	}
	data := make([]byte, 0, 4*len(embd))
	for _, f := range embd {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(f))
	}
	b.states.Put(statecache.Entry{Group: conversation, ID: pictureID(p)}, data)
}

func floats(data []byte) []float32 {
	out := make([]float32, len(data)/4)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return out
}
