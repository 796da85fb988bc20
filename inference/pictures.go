package inference

import (
	"math"

	"galago/inference/gguf"
	"galago/inference/vision"
)

// pictureTokens is what a picture of w x h pixels costs with a projector that sizes pictures in a way of its own, by the rules
// of llama.cpp v0.4.0 (tools/mtmd/mtmd-image.cpp and clip_n_output_tokens in clip.cpp); 0 where they are not known here. What
// a family writes around a picture and between its tiles is text and not counted.
func pictureTokens(mmproj *gguf.File, w, h int) int {
	if mmproj == nil || w <= 0 || h <= 0 {
		return 0
	}
	w, h = vision.Fit(w, h)
	projector, _ := gguf.VisionOf(mmproj)
	number := func(key string, standard int) int {
		if n := mmproj.Uint("clip.vision." + key); n > 0 && n < 1<<14 {
			return int(n)
		}
		return standard
	}
	side, patch := number("image_size", 0), number("patch_size", 0)
	if side == 0 || patch == 0 {
		return 0
	}
	// What a square of side pixels costs when merge by merge patches become one token.
	square := func(side, merge int) int { return (side / patch) * (side / patch) / (merge * merge) }
	switch projector {
	case "mlp":
		if _, tiled := mmproj.Value("clip.vision.image_grid_pinpoints"); tiled {
			return 0
		}
		return square(side, 1)
	case "gemma3":
		return square(side, number("projector.scale_factor", 4))
	case "idefics3":
		columns, rows := longestTiles(w, h, side, number("preproc_image_size", 0))
		return (columns*rows + 1) * square(side, number("projector.scale_factor", 1))
	case "internvl":
		n := 1 // the whole picture
		if w > side || h > side {
			columns, rows := widestTiles(w, h, side, number("preproc_min_tiles", 1), number("preproc_max_tiles", 12))
			n += columns * rows
		}
		return n * square(side, number("projector.scale_factor", 1))
	case "pixtral":
		f := patch * number("spatial_merge_size", 1)
		W, H := vision.Grid{Factor: f, MinTokens: 8, MaxTokens: 1024}.Size(w, h)
		return (W/f)*(H/f) + H/f - 1 // a break after each row but the last
	case "lfm2":
		return lfmTokens(w, h, patch, number("projector.scale_factor", 1))
	}
	return 0
}

// longestTiles is the grid into which SmolVLM cuts a picture: its longer side becomes longest pixels, and both are filled up
// to whole tiles. Old files do not say longest; there the picture keeps its size.
func longestTiles(w, h, side, longest int) (columns, rows int) {
	if longest == 0 {
		whole := func(n int) int { return max(1, int(math.Round(float64(n)/float64(side)))) }
		return whole(w), whole(h)
	}
	aspect := float64(w) / float64(h)
	if w >= h {
		w, h = longest, int(float64(longest)/aspect)
		h += h % 2
	} else {
		w, h = int(float64(longest)*aspect), longest
		w += w % 2
	}
	return max(1, (w+side-1)/side), max(1, (h+side-1)/side)
}

// widestTiles is the grid of least to most tiles in which InternVL shows most of a picture's pixels, and of those the one that
// wastes least.
func widestTiles(w, h, side, least, most int) (columns, rows int) {
	shown, wasted := 0, math.MaxInt
	for a := least; a <= most; a++ {
		for b := max((least+a-1)/a, least); b <= min(most/a, most); b++ {
			scale := min(float32(a*side)/float32(w), float32(b*side)/float32(h))
			pixels := min(int(float32(w)*scale)*int(float32(h)*scale), w*h)
			if waste := a*side*b*side - pixels; pixels > shown || pixels == shown && waste < wasted {
				columns, rows, shown, wasted = a, b, pixels, waste
			}
		}
	}
	return columns, rows
}

// lfmTokens counts for LFM2-VL: 64 to 256 tokens, and for pictures twice as large as that and larger also 2 to 10 tiles.
func lfmTokens(w, h, patch, merge int) int {
	const tile, fewest, most = 512, 2, 10
	f := patch * merge
	tokens := vision.Grid{Factor: f, MinTokens: 64, MaxTokens: 256}.Tokens(w, h)
	bar := func(n int) int { return max(patch, int(math.RoundToEven(float64(n)/float64(f)))*f) }
	if bar(w)*bar(h) <= 2*256*f*f {
		return tokens
	}
	aspect, area := float32(w)/float32(h), float32(w*h)
	best, n := float32(math.MaxFloat32), 1
	for size := fewest; size <= most; size++ {
		for columns := 1; columns <= size; columns++ {
			if size%columns != 0 {
				continue
			}
			off := float32(math.Abs(float64(aspect - float32(columns)/float32(size/columns))))
			if off < best || off == best && area > 0.5*tile*tile*float32(size) {
				best, n = off, size
			}
		}
	}
	return tokens + n*(tile/f)*(tile/f)
}
