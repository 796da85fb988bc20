package vision

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func TestGridSize(t *testing.T) {
	tests := []struct {
		w, h   int
		grid   Grid
		W, H   int
		tokens int
	}{
		{640, 480, Grid{28, 8, 4096}, 644, 476, 391},
		{640, 480, Grid{32, 8, 4096}, 640, 480, 300},
		{1920, 1080, Grid{28, 8, 4096}, 1932, 1092, 2691},
		{1920, 1080, Grid{32, 8, 4096}, 1920, 1088, 2040},
		{1024, 1024, Grid{28, 8, 4096}, 1036, 1036, 1369},
		{1024, 1024, Grid{32, 8, 4096}, 1024, 1024, 1024},
		{4000, 3000, Grid{28, 8, 4096}, 2044, 1540, 4015},
		{4000, 3000, Grid{32, 8, 4096}, 2336, 1760, 4015},
		{100, 50, Grid{28, 8, 4096}, 112, 56, 8},
		{100, 50, Grid{32, 8, 4096}, 128, 64, 8},
		{640, 480, Grid{28, 1024, 4096}, 1036, 784, 1036},
		{640, 480, Grid{32, 1024, 4096}, 1184, 896, 1036},
		{70, 70, Grid{28, 8, 4096}, 84, 84, 9}, // half away from zero
		{1, 1, Grid{32, 8, 4096}, 96, 96, 9},
		{17, 5, Grid{}, 17, 5, 0},
	}
	for _, c := range tests {
		W, H := c.grid.Size(c.w, c.h)
		if n := c.grid.Tokens(c.w, c.h); W != c.W || H != c.H || n != c.tokens {
			t.Errorf("%v of %dx%d: %dx%d = %d, want %dx%d = %d", c.grid, c.w, c.h, W, H, n, c.W, c.H, c.tokens)
		}
	}
}

// What comes out must stay as it is when llama.cpp applies the formula once more, and must keep to the limits.
func TestGridSizeIsFinal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	grids := []Grid{
		{28, 8, 4096}, {32, 8, 4096}, {32, 1024, 4096}, {16, 64, 64}, {32, 100, 101}, {32, 9, 8}, {32, 0, 16}, {48, 70, 1120}, {32, 50, 0},
	}
	for range 100_000 {
		w, h := 1+r.IntN(1<<r.IntN(17)), 1+r.IntN(1<<r.IntN(17))
		g := grids[r.IntN(len(grids))]
		W, H := g.Size(w, h)
		n := g.Tokens(w, h)
		if n < 1 || g.MaxTokens > 0 && n > g.MaxTokens || n < g.minTokens() {
			t.Fatalf("%v of %dx%d costs %d tokens", g, w, h, n)
		}
		if c, r := g.cells(W, H); c*g.Factor != W || r*g.Factor != H {
			t.Fatalf("%v of %dx%d: %dx%d becomes %dx%d", g, w, h, W, H, c*g.Factor, r*g.Factor)
		}
	}
}

func TestLongPictures(t *testing.T) {
	for _, side := range [][2]int{{6400, 32}, {32, 6400}, {60000, 300}, {3000, 1000}, {65535, 1}} {
		g := Grid{32, 8, 16}
		W, H := g.Size(side[0], side[1])
		if n := g.Tokens(side[0], side[1]); n > 16 || n < 8 || (W > H) != (side[0] > side[1]) {
			t.Errorf("%v: %dx%d = %d tokens", side, W, H, n)
		}
	}
}

func ExampleGrid_Size() {
	g := Grid{Factor: 32, MinTokens: 8, MaxTokens: 4096}
	w, h := g.Size(4000, 3000)
	fmt.Println(w, h, g.Tokens(4000, 3000))
	// Output: 2336 1760 4015
}
