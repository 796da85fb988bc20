package inference

import (
	"context"
	"slices"
	"sync"
	"weak"

	"galago/assets/words"
	"galago/inference/protocol"
	"galago/inference/vision"
)

// cachedPixels is how many bytes of prepared pictures are kept for the next question about them.
const cachedPixels = 64 << 20

// pixelCache keeps prepared pictures, the most recently used ones last. It does not keep the pictures themselves alive.
type pixelCache struct {
	make    func(*vision.Picture, vision.Grid) vision.Prepared // read only
	mu      sync.Mutex                                         // owns all below
	entries []pixelEntry
	bytes   int
}

type pixelEntry struct {
	key      pixelKey
	prepared vision.Prepared
}

type pixelKey struct {
	picture weak.Pointer[vision.Picture]
	grid    vision.Grid
}

func newPixelCache() *pixelCache { return &pixelCache{make: vision.Prepare} }

// prepare makes the pixels of a conversation's pictures. It takes long and is called beside the service goroutine.
func (p *pixelCache) prepare(ctx context.Context, messages []Message, grid func(Detail) vision.Grid) ([]protocol.Image, [][]byte, error) {
	var (
		images []protocol.Image
		blob   [][]byte
		total  int
	)
	for _, m := range messages {
		for _, picture := range m.Images {
			if err := ctx.Err(); err != nil {
				return nil, nil, err
			}
			pixels := p.get(picture.Picture, grid(picture.Detail))
			if total += len(pixels.RGB); total > protocol.MaxBlob {
				return nil, nil, errorf(protocol.CodeContextFull, opPicture,
					"%s", words.T("the pictures take more than %d MiB together", protocol.MaxBlob>>20))
			}
			images = append(images, protocol.Image{Width: pixels.Width, Height: pixels.Height, Hash: pixels.Hash})
			blob = append(blob, pixels.RGB)
		}
	}
	return images, blob, nil
}

func (p *pixelCache) get(picture *vision.Picture, grid vision.Grid) vision.Prepared {
	key := pixelKey{weak.Make(picture), grid}
	p.mu.Lock()
	for i, e := range p.entries {
		if e.key == key {
			p.entries = append(append(p.entries[:i:i], p.entries[i+1:]...), e)
			p.mu.Unlock()
			return e.prepared
		}
	}
	p.mu.Unlock()
	prepared := p.make(picture, grid)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropGone()
	p.entries = append(p.entries, pixelEntry{key, prepared})
	p.bytes += len(prepared.RGB)
	for p.bytes > cachedPixels && len(p.entries) > 1 {
		p.bytes -= len(p.entries[0].prepared.RGB)
		p.entries = p.entries[1:]
	}
	return prepared
}

// dropGone drops what belongs to pictures that nobody has any more, and so nobody can ask about.
func (p *pixelCache) dropGone() {
	p.entries = slices.DeleteFunc(p.entries, func(e pixelEntry) bool {
		gone := e.key.picture.Value() == nil
		if gone {
			p.bytes -= len(e.prepared.RGB)
		}
		return gone
	})
}
