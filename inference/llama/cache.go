package llama

import (
	"github.com/hybridgroup/yzma/pkg/llama"
)

// piece is what the KV cache holds, or should hold, at one place: a text token, a picture, or a tile of one: some
// families cut pictures into tiles, with or without text between them.
type piece struct {
	token  llama.Token
	image  string // hash of the picture; empty for a token
	number int    // of the picture in its request, from 0
	tile   int    // of the picture, from 0
	last   bool   // no more tiles follow; a whole picture is its own last
	cells  int    // KV cells: 1, or the picture's tokens
	places int    // positions in time: 1, or the longer side of the picture's grid under M-RoPE
}

func (p piece) same(q piece) bool {
	return p.token == q.token && p.image == q.image && p.tile == q.tile && p.cells == q.cells
}

// commonPrefix is how many pieces of want the cache already holds, the last of want never counted: at least one
// token must be decoded again to get logits.
func commonPrefix(held, want []piece) int {
	n := 0
	for n < len(held) && n < len(want)-1 && held[n].same(want[n]) {
		n++
	}
	return n
}

// extent sums up pieces. A picture counts when its last tile is there.
func extent(pieces []piece) (cells, images int, end llama.Pos) {
	for _, p := range pieces {
		cells += p.cells
		end += llama.Pos(p.places)
		if p.last {
			images++
		}
	}
	return cells, images, end
}
