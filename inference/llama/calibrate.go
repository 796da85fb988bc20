package llama

import (
	"context"
	"time"

	"github.com/hybridgroup/yzma/pkg/llama"
	"github.com/hybridgroup/yzma/pkg/mtmd"

	"galago/inference/protocol"
)

const (
	// plainSide is the side in pixels of the picture that calibrates projectors that resize by themselves.
	plainSide = 1024
	// calibrateAgain is how quick the first picture must be to be encoded a second time: the first run on a GPU also
	// loads kernels, which takes long beside the picture itself.
	calibrateAgain = 2 * time.Second
)

// calibrate encodes the most expensive picture that may be asked about, so that the vision tower's scratch space has
// its final size from the start, and books what that took.
func (b *Backend) calibrate(ctx context.Context) error {
	list, free, err := b.greyPicture()
	if err != nil {
		return err
	}
	defer free()
	before, _ := b.memory()
	tokens, took, err := b.encodeAll(ctx, list)
	if err != nil {
		return err
	}
	after, _ := b.memory()
	b.bookPool(before, after)
	if took < calibrateAgain {
		_, again, err := b.encodeAll(ctx, list)
		if err != nil {
			return err
		}
		took = min(took, again)
	}
	b.loaded.EncodeTokens, b.loaded.EncodeMillis = tokens, millis(took)
	return nil
}

// greyPicture is the largest picture as mtmd wants it, until free is called.
func (b *Backend) greyPicture() (list mtmd.InputChunks, free func(), err error) {
	width, height := plainSide, plainSide
	if v := b.loaded.Vision; v.Factor > 0 {
		most := min(v.MaxTokens, max(int(llama.NCtx(b.lctx)), v.MinTokens))
		columns, rows := nearSquare(most)
		width, height = columns*v.Factor, rows*v.Factor
	}
	pixels := make([]byte, width*height*3)
	for i := range pixels {
		pixels[i] = 128
	}
	p := &prompt{}
	if list, err = b.picture(p, protocol.Image{Width: width, Height: height, Hash: "grey"}, pixels); err != nil {
		p.free()
		return 0, nil, err
	}
	return list, p.free, nil
}

// nearSquare is the grid of at most n cells that has the most, its longer side at most twice the shorter; of several
// the squarest.
func nearSquare(n int) (columns, rows int) {
	root := 1
	for (root+1)*(root+1) <= n {
		root++
	}
	columns, rows = root, root
	for short := root; short >= 1 && n/short <= 2*short; short-- {
		if long := n / short; long*short > columns*rows {
			columns, rows = long, short
		}
	}
	return columns, rows
}

// encodeAll encodes the pictures in list, which for some projectors are slices of one.
func (b *Backend) encodeAll(ctx context.Context, list mtmd.InputChunks) (tokens int, took time.Duration, err error) {
	begin := time.Now()
	for i := range mtmd.InputChunksSize(list) {
		chunk := mtmd.InputChunksGet(list, i)
		if mtmd.InputChunkGetType(chunk) == mtmd.InputChunkTypeText {
			continue
		}
		if err := b.encode(ctx, chunk); err != nil {
			return 0, 0, err
		}
		tokens += int(mtmd.InputChunkGetNTokens(chunk))
	}
	return tokens, time.Since(begin), nil
}

// bookPool books what the GPU's driver gave beside the scratch space while the first picture was encoded. On a CPU there
// is no such thing: resident memory says nothing about it.
func (b *Backend) bookPool(before, after uint64) {
	device := visionDevice(b.asked)
	if device == "CPU" || b.loaded.Device == "CPU" {
		return
	}
	for _, m := range b.held {
		if m.Part == protocol.PartEncode && m.Device == device {
			before += m.Bytes
		}
	}
	if after > before {
		b.held.raise(protocol.PartPool, device, after-before)
	}
}
