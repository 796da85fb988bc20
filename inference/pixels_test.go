package inference

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"galago/inference/protocol"
	"galago/inference/vision"
)

// countingCache prepares pictures of size bytes and counts how often.
func countingCache(size int) (*pixelCache, *int) {
	p, count := newPixelCache(), new(int)
	p.make = func(*vision.Picture, vision.Grid) vision.Prepared {
		*count++
		return vision.Prepared{RGB: make([]byte, size)}
	}
	return p, count
}

func TestPixelsAreKeptWithinBounds(t *testing.T) {
	p, count := countingCache(cachedPixels / 4)
	var pictures []*vision.Picture
	for range 6 {
		pictures = append(pictures, somePicture(2, 2))
	}
	grid := vision.Grid{Factor: 32}
	for range 3 {
		p.get(pictures[0], grid)
	}
	if *count != 1 {
		t.Errorf("prepared %d times", *count)
	}
	for _, picture := range pictures[1:] {
		p.get(picture, grid)
		p.get(pictures[0], grid) // stays, because it is in use
	}
	if *count != 6 || p.bytes > cachedPixels || len(p.entries) != 4 {
		t.Errorf("prepared %d times, keeps %d bytes in %d", *count, p.bytes, len(p.entries))
	}
	p.get(pictures[1], grid)
	if p.get(pictures[0], vision.Grid{Factor: 28}); *count != 8 {
		t.Errorf("prepared %d times", *count)
	}
}

// Pixels of a picture that nobody has any more cannot be asked for again.
func TestPixelsGoWithTheirPicture(t *testing.T) {
	p, _ := countingCache(1000)
	kept := somePicture(2, 2)
	grid := vision.Grid{Factor: 32}
	for range 20 {
		p.get(somePicture(2, 2), grid)
	}
	p.get(kept, grid)
	runtime.GC()
	p.get(kept, vision.Grid{Factor: 28})
	if len(p.entries) != 2 || p.bytes != 2000 {
		t.Errorf("%d bytes in %d entries are kept for one picture at two sizes", p.bytes, len(p.entries))
	}
	runtime.KeepAlive(kept)
}

func TestTooManyPictures(t *testing.T) {
	p, _ := countingCache(protocol.MaxBlob/2 + 1)
	m := []Message{{Images: Images(somePicture(2, 2), somePicture(2, 2))}}
	if _, _, err := p.prepare(t.Context(), m, noGrid); CodeOf(err) != protocol.CodeContextFull {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.prepare(ended, m, noGrid); err == nil {
		t.Error("pictures of a cancelled request were prepared")
	}
}

// slowPixels makes each picture take a minute.
func slowPixels(s *Service) {
	s.pixels.make = func(p *vision.Picture, g vision.Grid) vision.Prepared {
		time.Sleep(time.Minute)
		return vision.Prepare(p, g)
	}
}

func TestCancelWhilePicturesArePrepared(t *testing.T) {
	inBubble(t, []string{"good"}, func(t *testing.T, s *Service) {
		slowPixels(s)
		opened(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := submit(ctx, t, s, "first", somePicture(64, 64)), submit(t.Context(), t, s, "second")
		synctest.Wait()
		begin := time.Now()
		cancel()
		if e := first.end(); e.Kind != Cancelled || time.Since(begin) != 0 {
			t.Errorf("%+v after %v", e, time.Since(begin))
		}
		if e := second.end(); e.Kind != Done || time.Since(begin) != 0 {
			t.Errorf("%+v after %v", e, time.Since(begin))
		}
		first.proper()
	})
}

// A worker that dies while pictures are prepared costs the request nothing: it was not sent yet.
func TestDeathWhilePicturesArePrepared(t *testing.T) {
	inBubble(t, []string{"diesidle", "good"}, func(t *testing.T, s *Service) {
		slowPixels(s)
		opened(t, s)
		first, second := submit(t.Context(), t, s, "busy", somePicture(64, 64)), submit(t.Context(), t, s, "second")
		for _, r := range []*record{first, second} {
			if e := waitLong(r); e.Kind != Done {
				t.Errorf("%+v", e)
			}
			r.proper()
		}
		if first.text() != "You said: busy" {
			t.Errorf("%q", first.text())
		}
	})
}

// A worker that does not read while megabytes of pixels are sent to it does not hold the service up.
func TestWorkerThatDoesNotRead(t *testing.T) {
	inBubble(t, []string{"deaf", "good"}, func(t *testing.T, s *Service) {
		opened(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		r := submit(ctx, t, s, "hello", somePicture(640, 640))
		synctest.Wait()
		begin := time.Now()
		cancel()
		if e := r.end(); e.Kind != Cancelled || time.Since(begin) > 300*time.Millisecond {
			t.Errorf("%+v after %v", e, time.Since(begin))
		}
		if e := submit(t.Context(), t, s, "next").end(); e.Kind != Done {
			t.Errorf("%+v", e)
		}
	})
}

func noGrid(Detail) vision.Grid { return vision.Grid{} }
